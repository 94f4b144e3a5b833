/* Networks whose LSTMs leave out parts of what they read and of their states, against the reference
 * put together by hand: which mask goes where, forward and back. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/loader.h"
#include "model/network.h"
#include "ref/ref.h"
#include "support/gradient.h"
#include "support/runtime.h"
#include "support/tolerance.h"

enum { BATCH = 24, WORDS = 300, SEED = 7, STEP = 5 };
static const clt_reading reading = {WORDS, 0, 1, 2, 3, 20, CLT_PRE, CLT_PRE};

/* One LSTM layer of the chain: what it reads, gives and saves, and their gradients. */
typedef struct link {
    const clt_layer *layer;
    int place; /* in the model */
    clt_lstm_config config[2];
    double *in[2], *din[2], *y, *dy, *saved[2];
} link;

typedef struct chain {
    const clt_layers *layers;
    const clt_batch *batch;
    double *parameters[CLT_PARAMETER_COUNT_MAX], *gradients[CLT_PARAMETER_COUNT_MAX];
    double *x, *dx; /* [N, D] of the embedding */
    link links[2];
    int count;
    double logits[BATCH];
} chain;

static size_t positions(void)
{
    return (size_t)BATCH * (size_t)reading.maxlen;
}

static chain *new_chain(clt_model *model, const clt_layers *layers, const clt_batch *batch)
{
    chain *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->layers = layers;
    c->batch = batch;
    for (int k = 0; k < layers->parameter_count; k++) {
        const clt_parameter *p = &layers->parameters[k];
        const float *values = clt_model_tensor(model, p->name, NULL);
        c->parameters[k] = clt_test_doubles(p->count);
        c->gradients[k] = clt_test_doubles(p->count);
        for (size_t e = 0; e < p->count; e++) {
            c->parameters[k][e] = values[e];
        }
    }
    c->x = clt_test_doubles(positions() * (size_t)layers->layers[0].outputs);
    c->dx = clt_test_doubles(positions() * (size_t)layers->layers[0].outputs);
    for (int k = 1; k < layers->count - 1; k++) {
        const clt_layer *layer = &layers->layers[k];
        link *l = &c->links[c->count++];
        l->layer = layer;
        l->place = k;
        l->y = clt_test_doubles(positions() * (size_t)layer->outputs);
        l->dy = clt_test_doubles(positions() * (size_t)layer->outputs);
        for (int d = 0; d < layer->directions; d++) {
            l->config[d] = (clt_lstm_config){.features = layer->inputs,
                                             .hidden = layer->hidden,
                                             .reverse = d == 1,
                                             .sequence = layer->sequence,
                                             .width = layer->outputs,
                                             .column = d * layer->hidden};
            l->in[d] = clt_test_doubles(positions() * (size_t)layer->inputs);
            l->din[d] = clt_test_doubles(positions() * (size_t)layer->inputs);
            l->saved[d] = clt_test_doubles(clt_ref_lstm_saved_f64(&batch->extent, &l->config[d]));
        }
    }
    return c;
}

static void free_chain(chain *c)
{
    for (int k = 0; k < c->layers->parameter_count; k++) {
        free(c->parameters[k]);
        free(c->gradients[k]);
    }
    for (int k = 0; k < c->count; k++) {
        link *l = &c->links[k];
        double *arrays[] = {l->in[0], l->in[1], l->din[0],   l->din[1],
                            l->y,     l->dy,    l->saved[0], l->saved[1]};
        for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
            free(arrays[a]);
        }
    }
    free(c->x);
    free(c->dx);
    free(c);
}

/* The masks of a direction: each in a place of its own. */
static clt_dropout_counter counter_of(const link *l, bool of_state, int direction)
{
    int place = l->place + (2 * of_state + direction) * CLT_LAYER_COUNT_MAX;
    return (clt_dropout_counter){SEED, (uint32_t)place, STEP, !l->layer->per_step};
}

static void drop(const chain *c, const link *l, int direction, const double *x, double *y)
{
    const clt_dropout_counter counter = counter_of(l, false, direction);
    clt_ref_dropout_f64(&c->batch->extent, l->layer->inputs, l->layer->rate, &counter, x, y);
}

static void forward(chain *c)
{
    const clt_batch *b = c->batch;
    const clt_lstm_range all = {0, reading.maxlen};
    int features = c->layers->layers[0].outputs, rows = (int)positions();
    for (size_t n = 0; n < positions(); n++) {
        size_t id = (size_t)b->unique[b->index[n]];
        memcpy(c->x + n * (size_t)features, c->parameters[0] + id * (size_t)features,
               (size_t)features * sizeof(double));
    }
    const double *x = c->x;
    for (int k = 0; k < c->count; k++) {
        link *l = &c->links[k];
        for (int d = 0; d < l->layer->directions; d++) {
            double **p = &c->parameters[l->layer->parameter + d * CLT_LSTM_PARAMETERS];
            size_t cells = positions() * (size_t)l->layer->hidden;
            double *mask = clt_test_doubles(cells);
            const clt_dropout_counter counter = counter_of(l, true, d);
            for (size_t e = 0; e < cells; e++) {
                mask[e] = 1.0;
            }
            clt_ref_dropout_f64(&b->extent, l->layer->hidden, l->layer->recurrent_rate, &counter,
                                mask, mask);
            drop(c, l, d, x, l->in[d]);
            clt_ref_lstm_forward_f64(&b->extent, &l->config[d], all, p[0], p[1], p[2], l->in[d],
                                     rows, NULL, mask, NULL, NULL, l->y, NULL, NULL, l->saved[d]);
            free(mask);
        }
        x = l->y;
    }
    const clt_layer *dense = &c->layers->layers[c->layers->count - 1];
    clt_ref_dense_forward_f64(BATCH, dense->inputs, 1, c->parameters[dense->parameter],
                              c->parameters[dense->parameter + 1], x, c->logits);
}

/* From the logits as their own gradients. */
static void backward(chain *c)
{
    const clt_batch *b = c->batch;
    const clt_lstm_range all = {0, reading.maxlen};
    int rows = (int)positions();
    const clt_layer *dense = &c->layers->layers[c->layers->count - 1];
    link *last = &c->links[c->count - 1];
    clt_ref_dense_backward_f64(&b->extent, dense->inputs, 1, c->parameters[dense->parameter],
                               last->y, c->logits, last->dy, c->gradients[dense->parameter],
                               c->gradients[dense->parameter + 1]);
    for (int k = c->count - 1; k >= 0; k--) {
        link *l = &c->links[k];
        double *dx = k > 0 ? c->links[k - 1].dy : c->dx;
        for (int d = 0; d < l->layer->directions; d++) {
            int first = l->layer->parameter + d * CLT_LSTM_PARAMETERS;
            double **p = &c->parameters[first], **dp = &c->gradients[first];
            clt_ref_lstm_backward_f64(&b->extent, &l->config[d], all, p[0], p[1], l->in[d], rows,
                                      NULL, NULL, NULL, l->dy, NULL, NULL, l->saved[d], l->din[d],
                                      dp[0], dp[1], dp[2], NULL, NULL);
            drop(c, l, d, l->din[d], l->din[d]);
            for (size_t e = 0; e < positions() * (size_t)l->layer->inputs; e++) {
                dx[e] += l->din[d][e];
            }
        }
    }
    size_t features = (size_t)c->layers->layers[0].outputs;
    for (size_t e = 0; e < positions() * features; e++) {
        size_t id = (size_t)b->unique[b->index[e / features]];
        c->gradients[0][id * features + e % features] += c->dx[e];
    }
}

static void assert_near(const char *what, const float *got, const double *want, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        double error = fabs(got[k] - want[k]) / (1.0 + fabs(want[k]));
        if (!(error <= CLT_TOLERANCE_LSTM_GRADIENT)) {
            fail_msg("%s[%zu] is %.9g, not %.9g", what, k, got[k], want[k]);
        }
    }
}

/* The device against the chain, while training. */
static void check_training(clt_network *network, const chain *c, bool frozen)
{
    clt_error error;
    const clt_network_state *state = clt_network_state_of(network);
    float logits[BATCH], dlogits[BATCH];
    for (int b = 0; b < BATCH; b++) {
        dlogits[b] = (float)c->logits[b];
    }
    assert_ok(clt_network_upload(network, c->batch, &error));
    assert_ok(clt_network_forward(network, STEP, &error));
    assert_ok(clt_buffer_read(clt_test_runtime, state->logits, 0, sizeof logits, logits, &error));
    assert_near("logit", logits, c->logits, BATCH);
    assert_ok(
        clt_buffer_write(clt_test_runtime, state->dlogits, 0, sizeof dlogits, dlogits, &error));
    assert_ok(clt_network_backward(network, &error));
    float *values = malloc(c->layers->arena * sizeof *values);
    assert_non_null(values);
    for (int k = 1; k < c->layers->parameter_count; k++) {
        const clt_parameter *p = &c->layers->parameters[k];
        assert_ok(clt_buffer_read(clt_test_runtime, state->darena, p->offset * sizeof(float),
                                  p->count * sizeof(float), values, &error));
        assert_near(p->name, values, c->gradients[k], p->count);
    }
    free(values);
    size_t features = (size_t)c->layers->layers[0].outputs;
    float *drows = calloc((size_t)state->row_count * features, sizeof *drows);
    assert_non_null(drows);
    assert_ok(clt_buffer_read(clt_test_runtime, state->drows, 0,
                              (size_t)state->row_count * features * sizeof *drows, drows, &error));
    for (int u = 0; u < state->row_count && !frozen; u++) {
        assert_near("drows", drows + (size_t)u * features,
                    c->gradients[0] + (size_t)c->batch->unique[u] * features, features);
    }
    free(drows);
}

/* Nothing is left out of an inference: `plain` is the same model without dropout. */
static void check_inference(const clt_model *model, const clt_model *plain, const clt_batch *batch)
{
    float logits[2][BATCH];
    for (int k = 0; k < 2; k++) {
        clt_error error;
        clt_network *network;
        const clt_limits limits = {BATCH, reading.maxlen, false};
        assert_ok(clt_network_create(clt_test_runtime, k == 0 ? model : plain, &limits, SEED, NULL,
                                     &network, &error));
        assert_ok(clt_network_upload(network, batch, &error));
        assert_ok(clt_network_forward(network, STEP, &error));
        assert_ok(clt_buffer_read(clt_test_runtime, clt_network_state_of(network)->logits, 0,
                                  sizeof logits[k], logits[k], &error));
        clt_network_destroy(network);
    }
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
}

/* From no word of a sample to all that are read. */
static void clear_words(clt_dataset *samples)
{
    for (int b = 0; b < BATCH; b++) {
        for (int k = 0; k < b && b <= reading.maxlen; k++) {
            samples->ids[samples->offsets[b + 1] - 1 - (size_t)k] = 0;
        }
    }
}

static void check_model(const char *with, const char *without)
{
    clt_error error;
    clt_model *model, *plain;
    clt_layers *layers = malloc(sizeof *layers);
    clt_dataset *samples;
    clt_loader *loader;
    clt_network *network;
    const clt_limits limits = {BATCH, reading.maxlen, true};
    assert_non_null(layers);
    assert_ok(clt_layers_parse(with, WORDS, layers, &error));
    assert_ok(clt_dataset_open_demo(BATCH, &reading, 1, &samples, NULL, NULL, &error));
    assert_ok(clt_model_create(with, &reading, 1, &model, &error));
    assert_ok(clt_model_create(without, &reading, 1, &plain, &error));
    float *table = clt_model_tensor(model, "embedding.embeddings", NULL);
    for (size_t k = 0; k < layers->parameters[0].count; k++) {
        table[k] *= 16.0f; /* so that a mask makes a difference */
    }
    memcpy(clt_model_tensor(plain, "embedding.embeddings", NULL), table,
           layers->parameters[0].count * sizeof *table);
    assert_ok(clt_loader_create(samples, &reading, BATCH, &loader, &error));
    if (layers->layers[0].mask_zero) {
        clear_words(samples);
        clt_loader_mask(loader);
    }
    assert_ok(clt_loader_start(loader, false, 0, 0, 0, &error));
    const clt_batch *batch = clt_loader_next(loader);
    check_inference(model, plain, batch);
    chain *c = new_chain(model, layers, batch);
    forward(c);
    backward(c);
    assert_ok(clt_network_create(clt_test_runtime, model, &limits, SEED, NULL, &network, &error));
    assert_false(clt_network_packs(network));
    check_training(network, c, layers->layers[0].frozen);
    clt_network_destroy(network);
    free_chain(c);
    clt_loader_destroy(loader, false);
    clt_dataset_free(samples);
    clt_model_free(model);
    clt_model_free(plain);
    free(layers);
}

static void test_inputs_fall_out(void **state)
{
    (void)state;
    check_model("embedding:17,lstm:6:dropout=0.3,dense:1", "embedding:17,lstm:6,dense:1");
    check_model("embedding:17,lstm:6:bidirectional:dropout=0.3,dense:1",
                "embedding:17,lstm:6:bidirectional,dense:1");
    check_model("embedding:9:frozen,lstm:6:dropout=0.3,dense:1",
                "embedding:9:frozen,lstm:6,dense:1");
    check_model("embedding:9,lstm:6:sequence:dropout=0.2,lstm:5:bidirectional:dropout=0.6,dense:1",
                "embedding:9,lstm:6:sequence,lstm:5:bidirectional,dense:1");
}

static void test_states_fall_out(void **state)
{
    (void)state;
    check_model("embedding:17,lstm:6:recurrent_dropout=0.3,dense:1", "embedding:17,lstm:6,dense:1");
    check_model("embedding:17,lstm:6:bidirectional:dropout=0.3:recurrent_dropout=0.4,dense:1",
                "embedding:17,lstm:6:bidirectional,dense:1");
    check_model("embedding:9,lstm:6:sequence:recurrent_dropout=0.2,"
                "lstm:5:bidirectional:dropout=0.6:recurrent_dropout=0.3,dense:1",
                "embedding:9,lstm:6:sequence,lstm:5:bidirectional,dense:1");
}

/* No mask at steps that are passed over. */
static void test_masked_steps(void **state)
{
    (void)state;
    check_model("embedding:17:mask_zero,lstm:6:dropout=0.3,dense:1",
                "embedding:17:mask_zero,lstm:6,dense:1");
    check_model("embedding:17:mask_zero,lstm:6:recurrent_dropout=0.3,dense:1",
                "embedding:17:mask_zero,lstm:6,dense:1");
    check_model("embedding:9:mask_zero,lstm:6:sequence:bidirectional:recurrent_dropout=0.2,"
                "lstm:5:bidirectional:dropout=0.4:recurrent_dropout=0.3:per-step,dense:1",
                "embedding:9:mask_zero,lstm:6:sequence:bidirectional,lstm:5:bidirectional,dense:1");
}

static void test_other_masks_at_each_step(void **state)
{
    (void)state;
    check_model("embedding:17,lstm:6:bidirectional:dropout=0.3:recurrent_dropout=0.4:per-step,"
                "dense:1",
                "embedding:17,lstm:6:bidirectional,dense:1");
    check_model("embedding:9,lstm:6:sequence:dropout=0.2:per-step,lstm:5:dropout=0.2,dense:1",
                "embedding:9,lstm:6:sequence,lstm:5,dense:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_fall_out), cmocka_unit_test(test_states_fall_out),
        cmocka_unit_test(test_masked_steps), cmocka_unit_test(test_other_masks_at_each_step)};
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
