/* A run that is stopped anywhere and resumed ends in the same bits; checkpoints are written when
 * they are due, and the newest stay. */
#include "support/test.h"

#include <stdlib.h>

#include "runtime/runtime_private.h"
#include "support/checkpoint.h"
#include "support/program.h"

/* Stopped after each of its steps, in mid-epoch and at both ends of epochs. */
static void check_every_step(const char *layers)
{
    clt_error error;
    outcome whole = whole_run(layers), o;
    for (int steps = 1; steps <= EPOCHS * STEPS; steps++) {
        watched w = {0};
        stop_after(layers, steps);
        assert_int_equal(count_files(), 1);
        clt_trainer_config config = recipe(&w);
        assert_ok(run(layers, true, &config, &o, &error));
        assert_same(&o, &whole);
        /* the step under way when the stop was asked for was finished; an epoch's last has none */
        int done = steps % STEPS == 0 ? steps : steps + 1;
        assert_int_equal(w.steps, EPOCHS * STEPS - done);
        if (w.steps > 0) {
            assert_int_equal(w.first.epoch, done / STEPS);
            assert_int_equal(w.first.step, done % STEPS + 1);
        }
        free(o.bytes);
    }
    free(whole.bytes);
}

static void test_every_step(void **state)
{
    (void)state;
    check_every_step(TUTORIAL);
    check_every_step("embedding:6,dropout:0.3,lstm:5:sequence,lstm:4,dropout:0.2,dense:1");
}

static void test_variants(void **state)
{
    static const char *const forced[][2] = {{"adam", "dense"}, {"adam", "lazy"}, {"prefix", "off"},
                                            {"prefix", "on"},  {"lstm", "step"}, {"gemm", "own"}};
    clt_error error;
    (void)state;
    for (size_t k = 0; k < sizeof forced / sizeof *forced; k++) {
        clt_runtime_force(runtime, forced[k][0], forced[k][1]);
        outcome whole = whole_run(TUTORIAL);
        for (int stopped = 0; stopped < 2; stopped++) { /* or saved in passing */
            clt_trainer_config config = recipe(&(watched){.stop_after = stopped ? 7 : 0});
            config.checkpoints.steps = stopped ? 0 : 8;
            clt_runtime_force(runtime, forced[k][0], forced[k][1]);
            assert_int_equal(run(TUTORIAL, false, &config, NULL, &error),
                             stopped ? CLT_STOPPED : CLT_OK);
            clt_runtime_force(runtime, forced[k][0], NULL); /* the checkpoint remembers it */
            notes[0] = 0;
            resume_to(&whole);
            assert_contains(notes, "goes on after 8 steps, from run/checkpoint-8.safetensors");
            assert_lacks(notes, "same bits");
        }
        free(whole.bytes);
    }
}

/* Stopped again and again, each time a few steps further. */
static void test_many_stops(void **state)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL), o;
    clt_trainer_config config;
    int stops = 0;
    (void)state;
    stop_after(TUTORIAL, 1);
    while (config = recipe(&(watched){.stop_after = 1}),
           run(TUTORIAL, true, &config, &o, &error) != CLT_OK) {
        assert_int_equal(error.status, CLT_STOPPED);
        free(o.bytes);
        stops++;
    }
    assert_in_range(stops, 6, EPOCHS * STEPS);
    assert_same(&o, &whole);
    free(o.bytes);
    free(whole.bytes);
}

static void test_between_epochs(void **state)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL);
    (void)state;
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        clt_trainer_config config =
            recipe(&(watched){.stop_after = epoch * STEPS, .stop_at = CLT_PROGRESS_EPOCH_END});
        assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED,
                     "stopped after epoch");
        resume_to(&whole);
    }
    free(whole.bytes);
}

/* The same trainer goes on after a stop, without any file. */
static void test_goes_on(void **state)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL), o;
    watched w = {.stop_after = 8};
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_trainer_config config = recipe(&w);
    (void)state;
    config.checkpoints.folder = NULL;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_STOPPED,
                 "epoch 2, step 3 of 5");
    assert_fails(clt_trainer_fit(trainer, train, NULL, &error), CLT_INPUT, "validation data");
    w.stop_after = 0;
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    o = take_outcome(model, trainer);
    assert_same(&o, &whole);
    assert_int_equal(w.steps, EPOCHS * STEPS - 1);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    free(whole.bytes);
    free(o.bytes);
}

/* ---- when, and which stay -------------------------------------------------------------------- */

static void test_periods(void **state)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL), o;
    (void)state;
    clt_trainer_config config = recipe(&(watched){0});
    config.checkpoints.steps = 4;
    config.checkpoints.keep = 2;
    assert_ok(run(TUTORIAL, false, &config, &o, &error));
    assert_same(&o, &whole); /* saving changes nothing */
    free(o.bytes);
    assert_int_equal(count_files(), 2);
    assert_true(clt_file_exists(checkpoint_path(8)) && clt_file_exists(checkpoint_path(12)));
    resume_to(&whole);

    config.checkpoints = (clt_checkpoints){.folder = FOLDER, .epochs = 1, .keep = 5};
    assert_ok(run(TUTORIAL, false, &config, &o, &error));
    assert_same(&o, &whole);
    free(o.bytes);
    assert_int_equal(count_files(), 3); /* those of the run before are gone */
    assert_true(clt_file_exists(checkpoint_path(15)));
    resume_to(&whole); /* nothing is left to do */

    config.checkpoints = (clt_checkpoints){.folder = FOLDER, .seconds = 1e-9, .keep = 99};
    assert_ok(run(TUTORIAL, false, &config, &o, &error));
    assert_same(&o, &whole);
    free(o.bytes);
    assert_int_equal(count_files(), EPOCHS * STEPS);
    config.checkpoints.seconds = 3600.0;
    assert_ok(run(TUTORIAL, false, &config, NULL, &error));
    assert_int_equal(count_files(), 0);
    notes[0] = 0;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_trainer *trainer = NULL;
    assert_ok(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error));
    assert_contains(notes, "run has no checkpoint: training begins anew");
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    o = take_outcome(model, trainer);
    assert_same(&o, &whole);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    free(o.bytes);
    free(whole.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step), cmocka_unit_test(test_variants),
        cmocka_unit_test(test_many_stops), cmocka_unit_test(test_between_epochs),
        cmocka_unit_test(test_goes_on),    cmocka_unit_test(test_periods),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
