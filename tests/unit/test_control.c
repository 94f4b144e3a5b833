/* Early stops, the best epoch and schedules in training, and resumed in any step of it. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/report.h"
#include "cltrain/trainer.h"
#include "support/checkpoint.h"
#include "support/program.h"

/* Long enough to learn its few samples by heart. */
static clt_trainer_config controlled(watched *w)
{
    clt_trainer_config config = recipe(w);
    config.epochs = EPOCHS_MAX;
    config.learning_rate = 0.03;
    return config;
}

static double measured(const clt_epoch *epoch, clt_metric metric)
{
    return metric == CLT_METRIC_LOSS       ? epoch->train.loss
           : metric == CLT_METRIC_ACCURACY ? -epoch->train.accuracy
           : metric == CLT_METRIC_VAL_LOSS ? epoch->validation.loss
                                           : -epoch->validation.accuracy;
}

static void test_best_by_any_metric(void **state)
{
    (void)state;
    for (int metric = CLT_METRIC_LOSS; metric <= CLT_METRIC_VAL_ACCURACY; metric++) {
        clt_trainer_config config = controlled(&(watched){0});
        config.monitor = (clt_metric)metric;
        outcome o = fit_whole(&config);
        assert_int_equal(o.count, EPOCHS_MAX);
        assert_false(o.stopped_early);
        int32_t best = 0;
        for (int32_t k = 1; k < EPOCHS_MAX; k++) {
            if (measured(&o.epochs[k], config.monitor) <
                measured(&o.epochs[best], config.monitor)) {
                best = k;
            }
        }
        assert_int_equal(o.best, best);
        assert_weights_of(&o.epochs[best]);
        free(o.bytes);
    }
}

static void test_early_stop(void **state)
{
    (void)state;
    clt_trainer_config config = controlled(&(watched){0});
    config.patience = 3;
    config.epochs = INT32_MAX; /* until it stops */
    outcome o = fit_whole(&config);
    assert_true(o.stopped_early && o.count < EPOCHS_MAX);
    assert_int_equal(o.best, o.count - 4);
    assert_weights_of(&o.epochs[o.best]);
    free(o.bytes);
    /* nothing is progress enough */
    config.min_delta = 100.0;
    config.patience = 2;
    o = fit_whole(&config);
    assert_int_equal(o.count, 3);
    assert_int_equal(o.best, 0);
    assert_weights_of(&o.epochs[0]);
    free(o.bytes);
}

/* A report is on the weights that the model has: at an early end, and after a stop. */
static void test_report(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        clt_error error;
        clt_trainer *trainer = NULL;
        clt_report *report = NULL;
        clt_model *model = create_model(TUTORIAL, 1);
        watched w = {.stop_after = stopped ? 9 * STEPS + 2 : 0};
        clt_trainer_config config = controlled(&w);
        config.monitor = CLT_METRIC_VAL_LOSS;
        config.checkpoints.folder = NULL;
        assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
        assert_int_equal(clt_trainer_fit(trainer, train, test, &error),
                         stopped ? CLT_STOPPED : CLT_OK);
        const clt_history *history = clt_trainer_history(trainer);
        assert_in_range(history->best, 0, (int)history->count - 2);
        assert_ok(clt_trainer_report(trainer, test, &report, &error));
        assert_true(report->metrics.loss == history->epochs[history->best].validation.loss);
        clt_report_free(report);
        clt_trainer_destroy(trainer);
        clt_model_free(model);
    }
}

/* Without validation it is the training's loss that counts. */
static void test_without_validation(void **state)
{
    clt_error error;
    clt_dataset *kept = test;
    clt_trainer_config config = controlled(&(watched){0});
    (void)state;
    config.patience = 2;
    test = NULL;
    outcome o = fit_whole(&config);
    for (int32_t k = 0; k < (int32_t)o.count; k++) {
        assert_true(o.epochs[k].train.loss >= o.epochs[o.best].train.loss);
    }
    free(o.bytes);
    config.monitor = CLT_METRIC_VAL_ACCURACY;
    assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_USAGE,
                 "val_accuracy cannot be monitored without validation data");
    test = kept;
}

static void test_schedules(void **state)
{
    static const struct {
        clt_schedule schedule;
        double rates[4]; /* of the last steps of the first epochs */
    } cases[] = {
        {{CLT_SCHEDULE_CONSTANT, 1, 0.5, 0}, {0.03, 0.03, 0.03, 0.03}},
        {{CLT_SCHEDULE_STEP, 2, 0.5, 0}, {0.03, 0.03, 0.015, 0.015}},
        {{CLT_SCHEDULE_STEP, 1, 0.1, 7}, {0.03 * 4 / 7, 0.003, 0.0003, 0.00003}},
        {{CLT_SCHEDULE_CONSTANT, 1, 0.5, 20}, {0.006, 0.0135, 0.021, 0.0285}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_trainer_config config = controlled(&(watched){0});
        config.epochs = 4;
        config.schedule = cases[k].schedule;
        outcome o = fit_whole(&config);
        for (size_t e = 0; e < 4; e++) {
            assert_true(fabs(o.epochs[e].learning_rate - cases[k].rates[e]) < 1e-12);
        }
        free(o.bytes);
    }
}

/* Stopped after each of its steps and resumed, a run takes the same course. */
static void check_resumed(const clt_trainer_config *config)
{
    clt_error error;
    outcome whole = fit_whole(config), o;
    for (int steps = 1; steps <= (int)whole.count * STEPS; steps += 3) {
        clt_trainer_config some = *config;
        some.user = &(watched){.stop_after = steps};
        assert_fails(run(TUTORIAL, false, &some, &o, &error), CLT_STOPPED, "");
        if (o.best >= 0) { /* best so far; the checkpoint has the last weights, too */
            assert_weights_of(&o.epochs[o.best]);
        }
        free(o.bytes);
        assert_ok(run(TUTORIAL, true, config, &o, &error));
        assert_same(&o, &whole);
        free(o.bytes);
    }
    free(whole.bytes);
}

static void test_resumed(void **state)
{
    static const clt_schedule schedules[] = {{CLT_SCHEDULE_COSINE, 1, 0.5, 8},
                                             {CLT_SCHEDULE_PLATEAU, 1, 0.5, 0},
                                             {CLT_SCHEDULE_STEP, 2, 0.5, 0},
                                             {CLT_SCHEDULE_PLATEAU, 2, 0.5, 0}};
    (void)state;
    for (size_t k = 0; k < sizeof schedules / sizeof *schedules; k++) {
        clt_trainer_config config = controlled(&(watched){0});
        config.epochs = 8;
        config.monitor = k == 0 ? CLT_METRIC_VAL_ACCURACY : CLT_METRIC_NONE;
        config.patience = k < 2 ? 2 : 0;
        config.schedule = schedules[k];
        check_resumed(&config);
    }
}

/* A checkpoint of the very epoch that ends the fit early: nothing is left but the best weights. */
static void test_resumed_at_the_end(void **state)
{
    clt_error error;
    outcome o;
    (void)state;
    clt_trainer_config config = controlled(&(watched){0});
    config.patience = 2;
    config.checkpoints.epochs = 1;
    outcome whole = fit_whole(&config);
    assert_true(whole.stopped_early);
    assert_ok(run(TUTORIAL, true, &config, &o, &error));
    assert_same(&o, &whole);
    free(o.bytes);
    free(whole.bytes);
}

static void test_refused(void **state)
{
    clt_error error;
    (void)state;
    static const struct {
        int32_t patience;
        double min_delta;
        clt_schedule schedule;
        const char *part;
    } cases[] = {
        {-1, 0.0, {CLT_SCHEDULE_CONSTANT, 1, 0.5, 0}, "patience -1"},
        {1, -1.0, {CLT_SCHEDULE_CONSTANT, 1, 0.5, 0}, "min_delta -1"},
        {1, NAN, {CLT_SCHEDULE_CONSTANT, 1, 0.5, 0}, "min_delta"},
        {1, 0.0, {CLT_SCHEDULE_COSINE, 1, 0.5, -1}, "warm-up -1"},
        {1, 0.0, {CLT_SCHEDULE_STEP, 0, 0.5, 0}, "schedule step, 0 epochs"},
        {1, 0.0, {CLT_SCHEDULE_PLATEAU, 1, 1.0, 0}, "schedule plateau, 1 epochs, factor 1"},
        {1, 0.0, {CLT_SCHEDULE_PLATEAU, 1, NAN, 0}, "factor"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_trainer_config config = recipe(&(watched){0});
        config.patience = cases[k].patience;
        config.min_delta = cases[k].min_delta;
        config.schedule = cases[k].schedule;
        assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_USAGE, cases[k].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_by_any_metric),
        cmocka_unit_test(test_early_stop),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_without_validation),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_resumed_at_the_end),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
