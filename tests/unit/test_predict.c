/* Prediction projects the whole vocabulary once where a data set has as many positions as there are
 * words, and each batch's words where it has fewer; with "prefix" it sorts texts by their leading
 * pads and computes those once. The bits are the same, and in the texts' order. */
#include "support/test.h"

#include <stdlib.h>

#include "cltrain/model.h"
#include "model/network.h"
#include "runtime/runtime_private.h"
#include "support/runtime.h"
#include "util/random.h"

enum { WORDS = 50, LENGTH = 10, COUNT = 61, FEW = 4, CLASSES_MAX = 5 };

static const clt_reading reading = {WORDS, 0, 1, 2, 3, LENGTH, CLT_PRE, CLT_PRE};
static size_t offsets[COUNT + 1];
static int32_t ids[COUNT * 15];

/* Texts of 1 to 15 words. */
static void fill_texts(void)
{
    clt_random random = clt_random_stream(1, CLT_RANDOM_DEMO, 0);
    for (size_t k = 0; k < COUNT; k++) {
        offsets[k + 1] = offsets[k] + 1 + clt_random_below(&random, 15);
        for (size_t j = offsets[k]; j < offsets[k + 1]; j++) {
            ids[j] = (int32_t)clt_random_below(&random, WORDS);
        }
    }
}

static void check_model(const char *layers)
{
    clt_error error;
    clt_model *model = NULL;
    float at_once[COUNT * CLASSES_MAX], apart[FEW * CLASSES_MAX];
    static const int batches[] = {3, 16, COUNT}; /* 3 * 10 positions are fewer than the words */
    const clt_dataset all = {COUNT, offsets, ids, NULL, 0, WORDS, false};
    assert_ok(clt_model_create(layers, &reading, 3, &model, &error));
    size_t classes = (size_t)clt_model_class_count(model);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        assert_ok(clt_model_predict(model, clt_test_runtime, &all, batches[b], at_once, &error));
        for (size_t k = 0; k + FEW <= COUNT; k += FEW) {
            const clt_dataset few = {FEW, offsets + k, ids, NULL, 0, WORDS, false};
            assert_ok(clt_model_predict(model, clt_test_runtime, &few, FEW, apart, &error));
            assert_memory_equal(apart, at_once + k * classes, FEW * classes * sizeof *apart);
        }
        assert_true(at_once[0] != at_once[classes]);
    }
    for (int32_t batch = -1; batch < 1; batch++) {
        assert_fails(clt_model_predict(model, clt_test_runtime, &all, batch, at_once, &error),
                     CLT_USAGE, "1 or more");
    }
    clt_model_free(model);
}

/* Padded behind the texts, nothing can be packed. */
static void check_prefix(const char *layers, clt_side padding, bool packs)
{
    clt_error error;
    clt_model *model = NULL;
    clt_network *network = NULL;
    float plain[2 * COUNT], packed[2 * COUNT];
    clt_reading padded = reading;
    const clt_dataset all = {COUNT, offsets, ids, NULL, 0, WORDS, false};
    static const int batches[] = {4, 16, COUNT};
    padded.padding = padding;
    assert_ok(clt_model_create(layers, &padded, 3, &model, &error));
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        clt_runtime_force(clt_test_runtime, "prefix", "off");
        assert_ok(clt_model_predict(model, clt_test_runtime, &all, batches[b], plain, &error));
        clt_runtime_force(clt_test_runtime, "prefix", "on");
        assert_ok(clt_model_predict(model, clt_test_runtime, &all, batches[b], packed, &error));
        assert_memory_equal(plain, packed, sizeof plain);
    }
    const clt_limits limits = {16, LENGTH, false};
    assert_ok(clt_network_create(clt_test_runtime, model, &limits, 0, NULL, &network, &error));
    assert_int_equal(clt_network_packs(network), packs && clt_runtime_is_cpu(clt_test_runtime));
    clt_network_destroy(network);
    clt_runtime_force(clt_test_runtime, "prefix", NULL);
    clt_model_free(model);
}

static void test_prefix(void **state)
{
    (void)state;
    check_prefix("embedding:6,lstm:5,dense:1", CLT_PRE, true);
    check_prefix("embedding:6,dropout:0.5,lstm:21,dropout:0.2,dense:1", CLT_PRE, true);
    check_prefix("embedding:6,lstm:5:sequence,lstm:4,dense:1", CLT_PRE, false);
    check_prefix("embedding:6,lstm:5,dense:1", CLT_POST, false);
}

static void test_vocabulary_or_batch(void **state)
{
    (void)state;
    check_model("embedding:6,lstm:5,dense:1");
    check_model("embedding:6,lstm:5,dense:5");
    check_model("embedding:8,dropout:0.5,lstm:7:sequence,dropout:0.2,lstm:4,dense:1");
}

/* The rule itself: it must not be that both ways above are one. */
static void test_rule(void **state)
{
    (void)state;
    clt_error error;
    clt_model *model = NULL;
    clt_network *network = NULL;
    const clt_limits limits = {2, LENGTH, false};
    bool projected;
    assert_ok(clt_model_create("embedding:6,lstm:5,dense:1", &reading, 3, &model, &error));
    assert_ok(clt_network_create(clt_test_runtime, model, &limits, 0, NULL, &network, &error));
    assert_ok(clt_network_project_vocabulary(network, WORDS - 1, &projected, &error));
    assert_false(projected);
    assert_ok(clt_network_project_vocabulary(network, WORDS, &projected, &error));
    assert_true(projected);
    clt_network_destroy(network);
    clt_model_free(model);
}

/* A network prepares its weights once for all batches of a call, and anew when they have changed.
 */
static void test_changed_weights(void **state)
{
    (void)state;
    clt_error error;
    clt_model *models[2] = {NULL, NULL};
    clt_network *network = NULL;
    float expected[2 * COUNT], logits[2 * COUNT];
    const clt_limits limits = {16, LENGTH, false};
    const clt_dataset all = {COUNT, offsets, ids, NULL, 0, WORDS, false};
    const char *layers = "embedding:6,lstm:20:bidirectional:sequence,lstm:5,dense:2";
    for (int m = 0; m < 2; m++) {
        assert_ok(clt_model_create(layers, &reading, 3 + (uint64_t)m, &models[m], &error));
    }
    assert_ok(clt_network_create(clt_test_runtime, models[0], &limits, 0, NULL, &network, &error));
    for (int m = 0; m < 2; m++) {
        clt_network *fresh = NULL;
        assert_ok(clt_network_take_weights(network, models[m], &error));
        assert_ok(clt_network_logits(network, &all, &reading, logits, &error));
        assert_ok(
            clt_network_create(clt_test_runtime, models[m], &limits, 0, NULL, &fresh, &error));
        assert_ok(clt_network_logits(fresh, &all, &reading, expected, &error));
        assert_memory_equal(logits, expected, sizeof expected);
        clt_network_destroy(fresh);
    }
    clt_network_destroy(network);
    clt_model_free(models[0]);
    clt_model_free(models[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vocabulary_or_batch),
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_changed_weights),
    };
    fill_texts();
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
