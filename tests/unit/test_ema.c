/* Averaged weights: they are what is measured, kept and saved; the same bits whatever the table's
 * variant of Adam, and in a run that is resumed; nothing of a bad step is in them. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/report.h"
#include "ops/ops.h"
#include "support/checkpoint.h"

static clt_trainer_config averaged(watched *w, double ema)
{
    clt_trainer_config config = recipe(w);
    config.ema = ema;
    config.learning_rate = 0.03;
    return config;
}

/* Training itself does not know of the average. */
static void test_what_is_saved_is_what_was_measured(void **state)
{
    (void)state;
    clt_trainer_config config = averaged(&(watched){0}, 0.0);
    outcome plain = fit_whole(&config);
    config.ema = 0.8;
    outcome o = fit_whole(&config);
    assert_weights_of(&o.epochs[EPOCHS - 1]);
    for (size_t k = 0; k < EPOCHS; k++) {
        assert_memory_equal(&o.epochs[k].train, &plain.epochs[k].train, sizeof(clt_metrics));
        assert_true(o.epochs[k].validation.loss != plain.epochs[k].validation.loss);
    }
    free(o.bytes);
    free(plain.bytes);
}

/* Of the epochs' averages the best; then a report, and a second fit from there. */
static void test_best(void **state)
{
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_report *report = NULL;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_metrics metrics;
    (void)state;
    clt_trainer_config config = averaged(&(watched){0}, 0.8);
    config.epochs = EPOCHS_MAX;
    config.patience = 2;
    config.checkpoints.folder = NULL;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    const clt_history *history = clt_trainer_history(trainer);
    assert_true(history->stopped_early);
    const clt_metrics best = history->epochs[history->best].validation;
    assert_ok(clt_model_evaluate(model, runtime, test, BATCH, &metrics, &error));
    assert_memory_equal(&metrics, &best, sizeof best);
    assert_ok(clt_trainer_report(trainer, test, &report, &error));
    assert_true(report->metrics.loss == best.loss);
    clt_report_free(report);

    /* both the weights and their average are those of the best epoch now */
    size_t before = history->count;
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    assert_true(history->epochs[before].validation.loss < 1.5 * best.loss);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
}

static void test_same_bits_with_a_lazy_adam(void **state)
{
    (void)state;
    clt_trainer_config config = averaged(&(watched){0}, 0.9);
    config.batch = 2; /* most rows rest in a step */
    outcome o[2];
    for (int k = 0; k < 2; k++) {
        clt_runtime_force(runtime, "adam", k == 0 ? "dense" : "lazy");
        o[k] = fit_whole(&config);
    }
    clt_runtime_force(runtime, "adam", NULL);
    assert_same(&o[0], &o[1]);
    free(o[0].bytes);
    free(o[1].bytes);
}

/* Not chosen for a table where it would be without an average. */
static void test_plans_no_lazy_adam(void **state)
{
    static const clt_reading large = {60000, 0, 1, 2, 3, 4, CLT_PRE, CLT_PRE};
    (void)state;
    if (!clt_optimizer_prefers_lazy(clt_runtime_is_cpu(runtime), clt_runtime_cache_bytes(runtime),
                                    60000, 64)) {
        skip();
    }
    for (int k = 0; k < 2; k++) {
        clt_error error;
        clt_trainer *trainer = NULL;
        clt_model *model = NULL;
        clt_trainer_config config = averaged(&(watched){0}, k == 0 ? 0.0 : 0.9);
        assert_ok(clt_model_create("embedding:64,lstm:2,dense:1", &large, 1, &model, &error));
        assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
        assert_string_equal(clt_runtime_planned_as(runtime, "adam"), k == 0 ? "lazy" : "dense");
        assert_null(clt_runtime_forced(runtime, "adam"));
        clt_trainer_destroy(trainer);
        clt_model_free(model);
    }
}

/* With the best epoch kept and without; saved in passing and by a stop. */
static void test_resumed(void **state)
{
    clt_error error;
    outcome o;
    (void)state;
    for (int keeps_best = 0; keeps_best < 2; keeps_best++) {
        clt_trainer_config config = averaged(&(watched){0}, 0.7);
        config.monitor = keeps_best ? CLT_METRIC_VAL_LOSS : CLT_METRIC_NONE;
        outcome whole = fit_whole(&config);
        for (int steps = 1; steps <= EPOCHS * STEPS; steps++) {
            clt_trainer_config some = config;
            some.user = &(watched){.stop_after = steps};
            assert_fails(run(TUTORIAL, false, &some, &o, &error), CLT_STOPPED, "");
            free(o.bytes);
            assert_ok(run(TUTORIAL, true, &config, &o, &error));
            assert_same(&o, &whole);
            free(o.bytes);
        }
        config.checkpoints.epochs = 1; /* the last one has nothing left to do */
        assert_ok(run(TUTORIAL, false, &config, NULL, &error));
        assert_ok(run(TUTORIAL, true, &config, &o, &error));
        assert_same(&o, &whole);
        free(o.bytes);
        free(whole.bytes);
    }
}

/* A checkpoint taken for a model is the average, too. */
static void test_checkpoint_as_a_model(void **state)
{
    clt_error error;
    clt_model *model = NULL;
    clt_metrics metrics;
    (void)state;
    clt_trainer_config config = averaged(&(watched){0}, 0.9);
    config.checkpoints.epochs = 1;
    outcome o = fit_whole(&config);
    assert_ok(clt_model_open(checkpoint_path(EPOCHS * STEPS), &model, &error));
    assert_ok(clt_model_evaluate(model, runtime, test, BATCH, &metrics, &error));
    assert_memory_equal(&metrics, &o.epochs[EPOCHS - 1].validation, sizeof metrics);
    clt_model_free(model);
    free(o.bytes);
}

static void test_another_run(void **state)
{
    clt_error error;
    (void)state;
    clt_trainer_config config = averaged(&(watched){.stop_after = 4}, 0.5);
    assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED, "");
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 2);
    config = averaged(&(watched){0}, 0.25);
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "its ema is 0.5, not 0.25");
    clt_model_free(model);
}

/* In the first step nothing is good: the average is the start. Later it is of the good ones. */
static void test_diverges(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        clt_error error;
        clt_trainer *trainer = NULL;
        clt_model *model = create_model(TUTORIAL, 1);
        size_t count;
        float *bias = clt_model_tensor(model, "lstm.bias", &count), start[64];
        if (!later) {
            bias[3] = NAN;
        }
        memcpy(start, bias, count * sizeof *bias);
        clt_trainer_config config = averaged(&(watched){0}, 0.9);
        config.learning_rate = later ? 1e38 : 0.01;
        assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
        assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_DIVERGED, "");
        if (later) {
            assert_memory_not_equal(bias, start, count * sizeof *bias);
            for (size_t k = 0; k < count; k++) {
                assert_true(isfinite(bias[k]));
            }
        } else {
            assert_memory_equal(bias, start, count * sizeof *bias);
        }
        clt_trainer_destroy(trainer);
        clt_model_free(model);
    }
}

static void test_refused(void **state)
{
    static const double momenta[] = {-0.1, 1.0, 2.0, NAN};
    clt_error error;
    (void)state;
    for (size_t k = 0; k < sizeof momenta / sizeof *momenta; k++) {
        clt_trainer_config config = averaged(&(watched){0}, momenta[k]);
        assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_USAGE,
                     "a momentum from 0 to below 1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_saved_is_what_was_measured),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_same_bits_with_a_lazy_adam),
        cmocka_unit_test(test_plans_no_lazy_adam),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_checkpoint_as_a_model),
        cmocka_unit_test(test_another_run),
        cmocka_unit_test(test_diverges),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
