/* Weights of classes: what balances them, what they change in training, and that a resumed run has
 * the same. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/checkpoint.h"

static const float some[2] = {0.3f, 2.0f};

static clt_trainer_config weighted(watched *w, const float *weights)
{
    clt_trainer_config config = recipe(w);
    config.class_weights = weights;
    return config;
}

static outcome fit_weighted(const float *weights)
{
    clt_trainer_config config = weighted(&(watched){0}, weights);
    config.checkpoints.folder = NULL;
    return fit_whole(&config);
}

/* scikit-learn's compute_class_weight("balanced", classes=[0, 1, 3], y=...) */
static void test_balance(void **state)
{
    int32_t labels[] = {1, 1, 0, 1, 3, 1, 1, 3, 1, 1};
    float weights[5];
    clt_error error;
    (void)state;
    clt_dataset dataset = {.count = 10, .labels = labels, .class_count = 5};
    assert_ok(clt_dataset_balance(&dataset, weights, &error));
    const float want[5] = {3.33333333333f, 0.47619047619f, 1.0f, 1.66666666667f, 1.0f};
    assert_memory_equal(weights, want, sizeof want);
    dataset.labels = NULL;
    assert_fails(clt_dataset_balance(&dataset, weights, &error), CLT_USAGE, "no labels");
}

static void test_ones_change_nothing(void **state)
{
    const float ones[2] = {1.0f, 1.0f};
    (void)state;
    outcome none = fit_weighted(NULL), o = fit_weighted(ones);
    assert_same(&o, &none);
    free(o.bytes);
    free(none.bytes);
}

/* Nothing is learnt: the shown loss is weighted, over samples; nothing else is. */
static void test_what_is_shown(void **state)
{
    clt_error error;
    outcome o[2];
    double share[2] = {0.0, 0.0};
    (void)state;
    for (size_t k = 0; k < train->count; k++) {
        share[train->labels[k]] += 1.0 / (double)train->count;
    }
    for (int k = 0; k < 2; k++) {
        clt_trainer_config config = weighted(&(watched){0}, k == 0 ? NULL : some);
        config.checkpoints.folder = NULL;
        config.epochs = 1;
        config.learning_rate = 1e-30;
        assert_ok(run(TUTORIAL, false, &config, &o[k], &error));
        free(o[k].bytes);
    }
    const clt_epoch *plain = &o[0].epochs[0], *shown = &o[1].epochs[0];
    double mean = share[0] * (double)some[0] + share[1] * (double)some[1];
    /* the losses of untrained weights are about log(2) each */
    assert_true(fabs(shown->train.loss - mean * log(2.0)) < 0.01);
    assert_true(fabs(plain->train.loss - log(2.0)) < 0.01);
    assert_true(shown->train.accuracy == plain->train.accuracy);
    assert_memory_equal(&shown->validation, &plain->validation, sizeof plain->validation);
}

/* A weight moves the answers towards its class. */
static void test_leans(void **state)
{
    (void)state;
    double sums[2];
    for (int k = 0; k < 2; k++) {
        const float weights[2] = {k == 0 ? 10.0f : 1.0f, k == 0 ? 1.0f : 10.0f};
        clt_error error;
        clt_model *model = NULL;
        outcome o = fit_weighted(weights);
        float *p = calloc(test->count, 2 * sizeof *p);
        assert_non_null(p);
        assert_ok(clt_model_open("model", &model, &error));
        assert_ok(clt_model_predict(model, runtime, test, BATCH, p, &error));
        sums[k] = 0.0;
        for (size_t j = 0; j < test->count; j++) {
            sums[k] += (double)p[2 * j + 1];
        }
        clt_model_free(model);
        free(o.bytes);
        free(p);
    }
    assert_true(sums[0] < 0.4 * (double)test->count && sums[1] > 0.6 * (double)test->count);
}

static void test_resumed(void **state)
{
    clt_error error;
    outcome whole = fit_weighted(some), o;
    (void)state;
    for (int steps = 1; steps <= EPOCHS * STEPS; steps += 3) {
        float weights[2];
        memcpy(weights, some, sizeof some);
        clt_trainer_config config = weighted(&(watched){.stop_after = steps}, weights);
        assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED, "");
        config = weighted(&(watched){0}, weights);
        assert_ok(run(TUTORIAL, true, &config, &o, &error));
        assert_same(&o, &whole);
        free(o.bytes);
    }
    free(whole.bytes);
}

static void test_another_run(void **state)
{
    static const float other[2] = {0.3f, 2.5f};
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 2);
    (void)state;
    clt_trainer_config config = weighted(&(watched){.stop_after = 4}, some);
    assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED, "");
    config = weighted(&(watched){0}, other);
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "its class_weights is [0.30000001192092896, 2.0], not [0.30000001192092896, 2.5]");
    config = weighted(&(watched){0}, NULL);
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "2.0], not null");
    clt_model_free(model);
}

static void test_refused(void **state)
{
    static const float cases[][2] = {{0.0f, 1.0f}, {1.0f, -1.0f}, {1.0f, NAN}, {INFINITY, 1.0f}};
    static const char *const parts[] = {"class 0 is 0", "class 1 is -1", "class 1 is", "0 is inf"};
    clt_error error;
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_trainer_config config = weighted(&(watched){0}, cases[k]);
        assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_USAGE, parts[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balance),       cmocka_unit_test(test_ones_change_nothing),
        cmocka_unit_test(test_what_is_shown), cmocka_unit_test(test_leans),
        cmocka_unit_test(test_resumed),       cmocka_unit_test(test_another_run),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
