/* The model string: what it means, what it refuses, and what it says then. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/layers.h"

static void test_tutorial(void **state)
{
    (void)state;
    clt_layers layers;
    clt_error error;
    assert_ok(clt_layers_parse(CLT_MODEL_DEFAULT, 20000, &layers, &error));
    assert_int_equal(layers.count, 3);
    assert_int_equal(layers.parameter_count, 6);
    static const struct {
        const char *name;
        int rank, rows, columns;
        clt_initializer initializer;
    } want[] = {
        {"embedding.embeddings", 2, 20000, 128, CLT_INIT_UNIFORM},
        {"lstm.kernel", 2, 128, 240, CLT_INIT_GLOROT_UNIFORM},
        {"lstm.recurrent_kernel", 2, 60, 240, CLT_INIT_ORTHOGONAL},
        {"lstm.bias", 1, 240, 240, CLT_INIT_FORGET_BIAS},
        {"dense.kernel", 2, 60, 1, CLT_INIT_GLOROT_UNIFORM},
        {"dense.bias", 1, 1, 1, CLT_INIT_ZEROS},
    };
    size_t end = 0;
    for (int k = 0; k < 6; k++) {
        const clt_parameter *p = &layers.parameters[k];
        assert_string_equal(p->name, want[k].name);
        assert_int_equal(p->rank, want[k].rank);
        assert_int_equal(p->shape[0], want[k].rows);
        assert_int_equal(p->shape[1], want[k].columns);
        assert_int_equal(p->initializer, want[k].initializer);
        assert_int_equal(p->table, k == 0);
        if (k > 0) {
            assert_int_equal(p->offset % 1024, 0);
            assert_true(p->offset >= end);
            end = p->offset + p->count;
        }
    }
    assert_true(layers.arena >= end);
}

static void test_stacked(void **state)
{
    (void)state;
    clt_layers layers;
    clt_error error;
    const char *text = "embedding:8,dropout:0.25,lstm:5:sequence,lstm:3,dropout:0.1,dense:1";
    assert_ok(clt_layers_parse(text, 100, &layers, &error));
    assert_string_equal(layers.layers[3].name, "lstm_1");
    assert_string_equal(layers.layers[4].name, "dropout_1");
    assert_int_equal(layers.layers[2].sequence, true);
    assert_int_equal(layers.layers[3].sequence, false);
    assert_int_equal(layers.layers[3].inputs, 5);
    assert_int_equal(layers.layers[5].inputs, 3);
    char *again = clt_layers_format(&layers, &error);
    assert_string_equal(again, text);
    free(again);
}

static void test_pool(void **state)
{
    (void)state;
    static const struct {
        const char *pool, *type;
        int outputs;
    } cases[] = {
        {"last", "GetItem", 5},
        {"mean", "GlobalAveragePooling1D", 5},
        {"max", "GlobalMaxPooling1D", 5},
        {"max+mean", "Concatenate", 10},
        {"mean+last+max", "Concatenate", 15},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_layers layers;
        clt_error error;
        char text[128];
        snprintf(text, sizeof text,
                 "embedding:8,lstm:5:sequence,dropout:0.1,pool:%s,dropout:0.1,dense:1",
                 cases[k].pool);
        assert_ok(clt_layers_parse(text, 100, &layers, &error));
        assert_string_equal(clt_layer_type(&layers.layers[3]), cases[k].type);
        assert_int_equal(layers.layers[3].pool.features, 5);
        assert_int_equal(layers.layers[3].outputs, cases[k].outputs);
        assert_int_equal(layers.layers[3].sequence, false);
        assert_int_equal(layers.layers[5].inputs, cases[k].outputs);
        char *again = clt_layers_format(&layers, &error);
        assert_string_equal(again, text);
        free(again);
    }
}

static void test_embedding_options(void **state)
{
    (void)state;
    clt_layers layers;
    clt_error error;
    assert_ok(clt_layers_parse("embedding:8:frozen,lstm:5,dense:1", 100, &layers, &error));
    assert_true(layers.layers[0].frozen && !layers.layers[1].frozen);
    char *again = clt_layers_format(&layers, &error);
    assert_string_equal(again, "embedding:8:frozen,lstm:5,dense:1");
    free(again);
    assert_ok(
        clt_layers_parse("embedding:8:frozen:dropout=0.25,lstm:5,dense:1", 100, &layers, &error));
    assert_true(layers.layers[0].frozen && layers.layers[0].rate == 0.25);
    again = clt_layers_format(&layers, &error);
    assert_string_equal(again, "embedding:8:dropout=0.25:frozen,lstm:5,dense:1");
    free(again);
    assert_false(layers.layers[0].mask_zero);
    assert_ok(
        clt_layers_parse("embedding:8:mask_zero:frozen,lstm:5,dense:1", 100, &layers, &error));
    assert_true(layers.layers[0].mask_zero && layers.layers[0].frozen);
    again = clt_layers_format(&layers, &error);
    assert_string_equal(again, "embedding:8:frozen:mask_zero,lstm:5,dense:1");
    free(again);
}

static void test_lstm_dropout(void **state)
{
    (void)state;
    clt_layers layers;
    clt_error error;
    assert_ok(clt_layers_parse("embedding:8,lstm:5:dropout=0.25:sequence,lstm:3:dropout=0,dense:1",
                               100, &layers, &error));
    assert_true(layers.layers[1].rate == 0.25 && layers.layers[2].rate == 0.0);
    char *again = clt_layers_format(&layers, &error);
    assert_string_equal(again, "embedding:8,lstm:5:sequence:dropout=0.25,lstm:3,dense:1");
    free(again);
    assert_ok(
        clt_layers_parse("embedding:8,lstm:5:per-step:dropout=0.25,dense:1", 100, &layers, &error));
    assert_true(layers.layers[1].per_step);
    again = clt_layers_format(&layers, &error);
    assert_string_equal(again, "embedding:8,lstm:5:dropout=0.25:per-step,dense:1");
    free(again);
    const char *longest =
        "embedding:8,lstm:2048:bidirectional:sequence:dropout=1.2345678901234568e-05:"
        "recurrent_dropout=1.2345678901234568e-05:per-step,pool:max,dense:1";
    assert_ok(clt_layers_parse(longest, 100, &layers, &error));
    assert_true(layers.layers[1].recurrent_rate == 1.2345678901234568e-05);
    again = clt_layers_format(&layers, &error);
    assert_string_equal(again, longest);
    free(again);
}

static void test_bidirectional(void **state)
{
    (void)state;
    clt_layers layers;
    clt_error error;
    const char *text = "embedding:8,lstm:5:bidirectional:sequence,lstm:3:bidirectional,dense:1";
    assert_ok(
        clt_layers_parse("embedding:8,lstm:5:sequence:bidirectional,lstm:3:bidirectional,dense:1",
                         100, &layers, &error));
    char *again = clt_layers_format(&layers, &error);
    assert_string_equal(again, text);
    free(again);
    assert_string_equal(clt_layer_type(&layers.layers[1]), "Bidirectional");
    assert_int_equal(layers.layers[2].inputs, 10);
    assert_int_equal(layers.layers[3].inputs, 6);
    assert_int_equal(clt_layers_widest_lstm(&layers), 5);
    static const struct {
        const char *name;
        int rows, columns;
        clt_initializer initializer;
    } want[] = {
        {"lstm.forward.kernel", 8, 20, CLT_INIT_GLOROT_UNIFORM},
        {"lstm.forward.recurrent_kernel", 5, 20, CLT_INIT_ORTHOGONAL},
        {"lstm.forward.bias", 20, 20, CLT_INIT_FORGET_BIAS},
        {"lstm.backward.kernel", 8, 20, CLT_INIT_GLOROT_UNIFORM},
        {"lstm.backward.recurrent_kernel", 5, 20, CLT_INIT_ORTHOGONAL},
        {"lstm.backward.bias", 20, 20, CLT_INIT_FORGET_BIAS},
        {"lstm_1.forward.kernel", 10, 12, CLT_INIT_GLOROT_UNIFORM},
    };
    assert_int_equal(layers.parameter_count, 1 + 12 + 2);
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        const clt_parameter *p = &layers.parameters[1 + k];
        assert_string_equal(p->name, want[k].name);
        assert_int_equal(p->shape[0], want[k].rows);
        assert_int_equal(p->shape[1], want[k].columns);
        assert_int_equal(p->initializer, want[k].initializer);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "empty layer"},
        {"embedding:4,,dense:1", "empty layer"},
        {"embedding:4,gru:3,dense:1",
         "unknown layer; choose from embedding, lstm, dropout, pool, dense"},
        {"embedding:4,lstm:3:,dense:1", "unknown option ''"},
        {"embedding:4:sequence,lstm:3,dense:1", "unknown option 'sequence'"},
        {"embedding:4,lstm,dense:1", "incomplete; use lstm:H[:bidirectional][:sequence]"},
        {"embedding:0,lstm:3,dense:1", "not a number of units"},
        {"embedding:-4,lstm:3,dense:1", "not a number of units"},
        {"embedding:4x,lstm:3,dense:1", "not a number of units"},
        {"embedding:65537,lstm:3,dense:1", "limit of 65536"},
        {"embedding:99999999999999999999,lstm:3,dense:1", "limit of 65536"},
        {"embedding:4,lstm:2049,dense:1", "limit of 2048"},
        {"embedding:4,dropout:1,lstm:3,dense:1", "not a rate"},
        {"embedding:4,dropout:-0.1,lstm:3,dense:1", "not a rate"},
        {"embedding:4,dropout:nan,lstm:3,dense:1", "not a rate"},
        {"lstm:3,dense:1", "first layer must be embedding"},
        {"embedding:4,embedding:4,lstm:3,dense:1", "only the first layer"},
        {"embedding:4,lstm:3,lstm:3,dense:1", "lstm:3:sequence"},
        {"embedding:4,dense:1", "dense needs one vector"},
        {"embedding:4,lstm:3:sequence,dense:1", "dense needs one vector"},
        {"embedding:4,lstm:3:bidirectional,dropout:0.5,lstm:3,dense:1",
         "write 'lstm:3:bidirectional:sequence'"},
        {"embedding:4,dropout:0.5:bidirectional,lstm:3,dense:1", "unknown option 'bidirectional'"},
        {"embedding:4,lstm:3:frozen,dense:1", "unknown option 'frozen'"},
        {"embedding:4,lstm:3:dropout=1,dense:1", "'1' is not a rate: 0 <= P < 1"},
        {"embedding:4,lstm:3:dropout=-0.1,dense:1", "'-0.1' is not a rate"},
        {"embedding:4,lstm:3:dropout,dense:1",
         "unknown option 'dropout'; use lstm:H[:bidirectional][:sequence][:dropout=P]"},
        {"embedding:4,lstm:3:per-step,dense:1", "give dropout=P, recurrent_dropout=P or both"},
        {"embedding:4,lstm:3:dropout=0:per-step,dense:1", "give dropout=P"},
        {"embedding:4,lstm:3:recurrent_dropout=1,dense:1", "'1' is not a rate: 0 <= P < 1"},
        {"embedding:4:recurrent_dropout=0.5,lstm:3,dense:1", "unknown option 'recurrent_dropout"},
        {"embedding:4,lstm:3:mask_zero,dense:1", "unknown option 'mask_zero'"},
        {"embedding:4:dropout,lstm:3,dense:1", "use embedding:D[:dropout=P][:frozen][:mask_zero]"},
        {"embedding:4:dropout=1,lstm:3,dense:1", "'1' is not a rate"},
        {"embedding:4:dropout=,lstm:3,dense:1", "'' is not a rate"},
        {"embedding:4,lstm:3:sequence,pool,dense:1", "incomplete; use pool:last"},
        {"embedding:4,lstm:3:sequence,pool:,dense:1",
         "unknown pool ''; choose from last, mean, max"},
        {"embedding:4,lstm:3:sequence,pool:maximum,dense:1", "unknown pool 'maximum'"},
        {"embedding:4,lstm:3:sequence,pool:ma,dense:1", "unknown pool 'ma'"},
        {"embedding:4,lstm:3:sequence,pool:max+,dense:1", "unknown pool ''"},
        {"embedding:4,lstm:3:sequence,pool:max+mean+max,dense:1", "'max' stands there twice"},
        {"embedding:4,lstm:3:sequence,pool:max:sequence,dense:1", "unknown option 'sequence'"},
        {"embedding:4,lstm:3,pool:max,dense:1", "put an lstm with 'sequence'"},
        {"embedding:4,dropout:0.5,pool:max,dense:1", "put an lstm with 'sequence'"},
        {"embedding:4,lstm:3:sequence,pool:max,pool:max,dense:1", "put an lstm with 'sequence'"},
        {"embedding:4,lstm:3:sequence,pool:max,dropout:0.5,lstm:3,dense:1", "the pool before it"},
        {"embedding:4,lstm:3,dense:0", "not a number of units"},
        {"embedding:4,lstm:3,dense:4097", "limit of 4096"},
        {"embedding:4,lstm:3", "must end with dense:1"},
        {"embedding:4,lstm:3,dense:1,dropout:0.5", "nothing can follow"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_layers layers;
        clt_error error;
        assert_fails(clt_layers_parse(cases[k].text, 100, &layers, &error), CLT_USAGE,
                     cases[k].part);
    }
    char many[2048] = "embedding:4";
    for (int k = 0; k < 64; k++) {
        strcat(many, ",dropout:0.5");
    }
    clt_layers layers;
    clt_error error;
    assert_fails(clt_layers_parse(many, 100, &layers, &error), CLT_USAGE, "more than 64 layers");
    char long_layer[300];
    memset(long_layer, 'a', sizeof long_layer - 1);
    long_layer[sizeof long_layer - 1] = 0;
    assert_fails(clt_layers_parse(long_layer, 100, &layers, &error), CLT_USAGE, "299 characters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tutorial),
        cmocka_unit_test(test_stacked),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_bidirectional),
        cmocka_unit_test(test_embedding_options),
        cmocka_unit_test(test_lstm_dropout),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
