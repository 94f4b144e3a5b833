/* Training on the device against Keras: logits, loss and every gradient first, then the weights
 * after 10 steps on one batch and after a short fit through the public interface, with its history.
 *
 * CLTRAIN_TEST_CASES="batch_3,post" picks cases; CLTRAIN_PLAN picks the variants. */
#include "support/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/trainer.h"
#include "data/loader.h"
#include "golden/tolerance.h"
#include "model/network.h"
#include "support/runtime.h"

typedef struct setting {
    golden g;
    clt_model *model;
    float *start[CLT_PARAMETER_COUNT_MAX];
} setting;

static float *floats(size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    return values;
}

/* The start again. */
static void restart(setting *s)
{
    const clt_layers *layers = &s->model->layers;
    for (int k = 0; k < layers->parameter_count; k++) {
        const clt_parameter *parameter = &layers->parameters[k];
        size_t count;
        float *values = clt_model_tensor(s->model, parameter->name, &count);
        assert_non_null(values);
        assert_int_equal(count, parameter->count);
        memcpy(values, s->start[k], count * sizeof *values);
    }
}

static void open_case(const char *name, setting *s)
{
    clt_error error;
    golden_open(name, &s->g);
    assert_ok(clt_model_create(s->g.layers, &s->g.reading, 1, &s->model, &error));
    const clt_layers *layers = &s->model->layers;
    for (int k = 0; k < layers->parameter_count; k++) {
        s->start[k] = floats(layers->parameters[k].count);
        golden_start(&s->g, layers->parameters[k].name, s->start[k], layers->parameters[k].count);
    }
    restart(s);
}

static void close_case(setting *s)
{
    for (int k = 0; k < s->model->layers.parameter_count; k++) {
        free(s->start[k]);
    }
    clt_model_free(s->model);
    golden_close(&s->g);
}

/* The first samples of a data set; arrays are its. */
static clt_dataset first_samples(const clt_dataset *dataset, int count)
{
    clt_dataset first = *dataset;
    first.count = (size_t)count;
    return first;
}

static bool table_gradient_near(const setting *s, const clt_network_state *state)
{
    clt_error error;
    const clt_parameter *table = &s->model->layers.parameters[0];
    size_t rows = (size_t)state->row_count, features = (size_t)state->features;
    float *dense = floats(table->count), *drows = floats(rows * features);
    int32_t *unique = calloc(rows, sizeof *unique);
    assert_non_null(unique);
    assert_ok(
        clt_buffer_read(clt_test_runtime, state->unique, 0, rows * sizeof *unique, unique, &error));
    assert_ok(clt_buffer_read(clt_test_runtime, state->drows, 0, rows * features * sizeof *drows,
                              drows, &error));
    for (size_t u = 0; u < rows; u++) {
        memcpy(&dense[(size_t)unique[u] * features], &drows[u * features],
               features * sizeof *dense);
    }
    bool good = golden_near(&s->g, "gradient", table->name, dense, table->count, NULL,
                            TOLERANCE_GRADIENT, 0.0);
    free(dense);
    free(drows);
    free(unique);
    return good;
}

static void check_gradients(const setting *s)
{
    clt_error error;
    const golden *g = &s->g;
    size_t samples = (size_t)g->batch, logits = samples * (size_t)g->outputs;
    clt_limits limits = {g->batch, g->reading.maxlen, true};
    clt_network *network;
    clt_loss *loss_op;
    clt_loader *loader;
    clt_buffer loss, hit, class_weights = {0};
    clt_dataset first = first_samples(g->train, g->batch);
    assert_ok(clt_network_create(clt_test_runtime, s->model, &limits, 1, NULL, &network, &error));
    assert_ok(clt_loader_create(&first, &g->reading, g->batch, &loader, &error));
    clt_network_set_loader(network, loader, false);
    assert_ok(clt_loader_start(loader, false, 0, 0, 0, &error));
    assert_ok(clt_loss_plan(clt_test_runtime, g->outputs, &loss_op, &error));
    assert_ok(clt_buffer_create(clt_test_runtime, samples * sizeof(float), "loss", &loss, &error));
    assert_ok(clt_buffer_create(clt_test_runtime, samples * sizeof(int32_t), "hit", &hit, &error));

    if (g->class_weights != NULL) {
        size_t bytes = (size_t)clt_model_class_count(s->model) * sizeof(float);
        assert_ok(clt_buffer_create(clt_test_runtime, bytes, "weights", &class_weights, &error));
        assert_ok(
            clt_buffer_write(clt_test_runtime, class_weights, 0, bytes, g->class_weights, &error));
    }
    assert_ok(clt_network_upload(network, clt_loader_next(loader), &error));
    assert_ok(clt_network_forward(network, 0, &error));
    const clt_network_state *state = clt_network_state_of(network);
    assert_ok(clt_loss_forward(loss_op, g->batch, state->logits, state->targets, class_weights,
                               loss, hit, state->dlogits, &error));
    assert_ok(clt_network_backward(network, &error));

    float *values = floats(logits), *in_order = floats(logits), mean = 0.0f;
    assert_ok(clt_buffer_read(clt_test_runtime, state->logits, 0, logits * sizeof *values, in_order,
                              &error));
    for (size_t k = 0; k < logits; k++) {
        size_t outputs = (size_t)g->outputs, sample = clt_loader_order(loader)[k / outputs];
        values[sample * outputs + k % outputs] = in_order[k];
    }
    bool good = golden_near(g, "logits", NULL, values, logits, NULL, TOLERANCE_LOGITS, 0.0);
    assert_ok(clt_buffer_read(clt_test_runtime, loss, 0, samples * sizeof *values, values, &error));
    for (size_t k = 0; k < samples; k++) {
        mean += values[k] / (float)samples;
    }
    good &= golden_near(g, "loss", NULL, &mean, 1, NULL, TOLERANCE_LOSS, 0.0);
    good &= s->model->layers.layers[0].frozen || table_gradient_near(s, state);
    const clt_layers *layers = &s->model->layers;
    float *arena = floats(layers->arena);
    assert_ok(clt_buffer_read(clt_test_runtime, state->darena, 0, layers->arena * sizeof *arena,
                              arena, &error));
    for (int k = 1; k < layers->parameter_count; k++) {
        const clt_parameter *parameter = &layers->parameters[k];
        good &= golden_near(g, "gradient", parameter->name, arena + parameter->offset,
                            parameter->count, NULL, TOLERANCE_GRADIENT, 0.0);
    }
    free(arena);
    free(values);
    free(in_order);
    clt_buffer_release(clt_test_runtime, &loss);
    clt_buffer_release(clt_test_runtime, &hit);
    clt_buffer_release(clt_test_runtime, &class_weights);
    clt_loss_destroy(loss_op);
    clt_network_destroy(network);
    clt_loader_destroy(loader, false);
    assert_true(good); /* only then is a difference in what follows the optimizer's */
}

static bool weights_near(setting *s, const char *group)
{
    bool good = true;
    const clt_layers *layers = &s->model->layers;
    for (int k = 0; k < layers->parameter_count; k++) {
        const char *name = layers->parameters[k].name;
        size_t count;
        const float *ours = clt_model_tensor(s->model, name, &count);
        good &= golden_near(&s->g, group, name, ours, count, s->start[k], TOLERANCE_MOVEMENT,
                            TOLERANCE_WEIGHT_ULPS);
    }
    return good;
}

static bool history_near(const golden *g, const clt_history *history)
{
    float loss[32], accuracy[32], val_loss[32], val_accuracy[32];
    size_t count = history->count;
    assert_int_equal(count, g->epochs);
    assert_true(history->validated && count <= 32);
    for (size_t k = 0; k < count; k++) {
        loss[k] = (float)history->epochs[k].train.loss;
        accuracy[k] = (float)history->epochs[k].train.accuracy;
        val_loss[k] = (float)history->epochs[k].validation.loss;
        val_accuracy[k] = (float)history->epochs[k].validation.accuracy;
    }
    bool good = golden_near(g, "history", "loss", loss, count, NULL, TOLERANCE_HISTORY_LOSS, 0.0);
    good &= golden_near(g, "history", "accuracy", accuracy, count, NULL, TOLERANCE_HISTORY_ACCURACY,
                        0.0);
    good &=
        golden_near(g, "history", "val_loss", val_loss, count, NULL, TOLERANCE_HISTORY_LOSS, 0.0);
    good &= golden_near(g, "history", "val_accuracy", val_accuracy, count, NULL,
                        TOLERANCE_HISTORY_ACCURACY, 0.0);
    return good;
}

static void check_probabilities(const setting *s)
{
    clt_error error;
    clt_dataset samples = first_samples(s->g.train, s->g.batch);
    size_t count, outputs = (size_t)s->g.outputs, classes = outputs == 1 ? 2 : outputs;
    const float *logits = golden_values(&s->g, "logits", NULL, &count);
    float *ours = floats(samples.count * classes), *keras = floats(samples.count * classes);
    assert_int_equal(clt_model_class_count(s->model), classes);
    assert_int_equal(count, samples.count * outputs);
    for (size_t k = 0; k < samples.count; k++) {
        double sum = outputs == 1 ? 1.0 : 0.0; /* a sigmoid is a softmax beside a logit of 0 */
        for (size_t o = 0; o < outputs; o++) {
            sum += exp(logits[k * outputs + o]);
        }
        for (size_t c = 0; c < classes; c++) {
            double z = outputs > 1 ? logits[k * outputs + c] : c == 1 ? logits[k] : 0.0;
            keras[k * classes + c] = (float)(exp(z) / sum);
        }
    }
    /* in two batches, so that a last one is short */
    int32_t batch = s->g.batch / 2 + 1;
    assert_ok(clt_model_predict(s->model, clt_test_runtime, &samples, batch, ours, &error));
    clt_test_assert_near("probabilities", ours, keras, samples.count * classes, TOLERANCE_LOGITS);
    free(ours);
    free(keras);
}

/* Trains from the start; the caller destroys the trainer. */
static clt_trainer *fit(setting *s, const clt_dataset *train, const clt_dataset *validation,
                        int32_t epochs)
{
    clt_error error;
    clt_trainer *trainer;
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    config.batch = s->g.batch;
    config.epochs = epochs;
    config.shuffle = false;
    config.clip = s->g.clip;
    config.weight_decay = s->g.rule.weight_decay;
    config.optimizer = s->g.rule.kind;
    config.momentum = s->g.rule.momentum;
    config.nesterov = s->g.rule.nesterov;
    config.learning_rate = s->g.learning_rate;
    config.class_weights = s->g.class_weights;
    config.ema = (double)s->g.ema;
    if (validation != NULL && s->g.schedule.kind != CLT_SCHEDULE_CONSTANT) {
        config.schedule = s->g.schedule;
    }
    restart(s);
    assert_ok(clt_trainer_create(s->model, clt_test_runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, train, validation, &error));
    return trainer;
}

static void test_case(void **state)
{
    setting s;
    open_case(*state, &s);
    check_gradients(&s);
    check_probabilities(&s);

    clt_dataset batch = first_samples(s.g.train, s.g.batch);
    clt_trainer *trainer = fit(&s, &batch, NULL, GOLDEN_STEPS);
    bool good = weights_near(&s, "adam");
    clt_trainer_destroy(trainer);

    trainer = fit(&s, s.g.train, s.g.test, s.g.epochs);
    good &= weights_near(&s, "fit");
    good &= history_near(&s.g, clt_trainer_history(trainer));
    clt_trainer_destroy(trainer);
    assert_true(good);
    close_case(&s);
}

/* Whether `name` stands in the comma-separated list. */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at++) {
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

int main(void)
{
    struct CMUnitTest tests[64];
    size_t count = 0;
    assert_true(golden_case_count <= sizeof tests / sizeof *tests);
    const char *list = getenv("CLTRAIN_TEST_CASES");
    for (size_t k = 0; k < golden_case_count; k++) {
        if (list == NULL || listed(list, golden_cases[k])) {
            tests[count++] = (struct CMUnitTest){golden_cases[k], test_case, NULL, NULL,
                                                 (void *)(uintptr_t)golden_cases[k]};
        }
    }
    if (count == 0) {
        print_error("CLTRAIN_TEST_CASES=%s names no case\n", list);
        return 1;
    }
    return _cmocka_run_group_tests("training", tests, count, clt_test_runtime_begin,
                                   clt_test_runtime_end);
}
