/* `cltrain bench` on a tiny network: the report, its JSON, and what it refuses. */
#include "support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "support/program.h"

#define SMALL "--data demo:64 --model embedding:4,lstm:3,dense:1 --num-words 200 --maxlen 12"

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_number(value)) {
        fail_msg("%s is no number", name);
    }
    return json_number_value(value);
}

static void assert_times(const json_t *report, const char *name, int repeats)
{
    const json_t *times = json_object_get(report, name);

    assert_int_equal(json_integer_value(json_object_get(times, "repeats")), repeats);
    assert_true(number(times, "lowest") > 0.0);
    assert_true(number(times, "lowest") <= number(times, "median"));
    assert_true(number(times, "median") <= number(times, "highest"));
}

static void json_holds_every_number(void **state)
{
    static const char *const texts[] = {"version", "plan", "model", "data"};
    static const char *const positive[] = {"num_words",
                                           "maxlen",
                                           "batch",
                                           "train_samples",
                                           "test_samples",
                                           "warmup_steps",
                                           "steps_per_repeat",
                                           "peak_flops_per_second",
                                           "seconds_per_epoch",
                                           "inference_samples",
                                           "profiled_steps",
                                           "peak_bytes_per_second"};
    clt_run run;
    json_error_t error;
    bool has_forward = false;

    (void)state;
    clt_run_command(
        &run, 0, "env CLTRAIN_PLAN=lstm=step,gemm=own cltrain bench " SMALL " --batch 16 --json");
    json_t *report = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(report);
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        assert_true(json_string_length(json_object_get(report, texts[k])) > 0);
    }
    for (size_t k = 0; k < sizeof positive / sizeof positive[0]; k++) {
        assert_true(number(report, positive[k]) > 0.0);
    }
    assert_string_equal(json_string_value(json_object_get(report, "plan")),
                        "lstm=step,gemm=own,adam=dense,prefix=off");
    assert_true(json_is_true(json_object_get(report, "synthetic")));
    assert_int_equal(json_integer_value(json_object_get(report, "steps_per_epoch")), 4);
    assert_int_equal(json_integer_value(json_object_get(report, "inference_samples")), 64);
    assert_true(json_string_length(json_object_get(json_object_get(report, "device"), "name")) > 0);
    assert_times(report, "seconds_per_step", 7);
    assert_times(report, "inference_seconds", 5);
    const json_t *ops = json_object_get(report, "ops");
    assert_true(json_array_size(ops) > 5);
    for (size_t k = 0; k < json_array_size(ops); k++) {
        const json_t *op = json_array_get(ops, k);
        assert_true(number(op, "calls_per_step") >= 1.0);
        assert_true(number(op, "seconds_per_step") >= 0.0);
        assert_true(number(op, "bytes_per_step") > 0.0 || number(op, "flops_per_step") > 0.0);
        has_forward |= strcmp(json_string_value(json_object_get(op, "op")), "lstm forward") == 0;
    }
    assert_true(has_forward);
    json_decref(report);
    clt_run_free(&run);
}

static void the_report_says_what_was_measured(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "cltrain bench " SMALL " --batch 16");
    assert_contains(run.out, "\nDevice    ");
    assert_contains(run.out, "\nDriver    ");
    assert_contains(run.out, "\nPlan      lstm=");
    assert_contains(run.out, "\nNetwork   embedding:4,lstm:3,dense:1; 200 words, length 12, batch "
                             "16\n");
    assert_contains(run.out, "\nData      demo:64: 64 synthetic reviews to train on, 64 to test\n");
    assert_contains(run.out, " GFLOP/s by multiply-adds, ");
    assert_contains(run.out, "   of 7, after ");
    assert_contains(run.out, " warm-up steps; each the mean of 4 steps\n");
    assert_contains(run.out, " 64 reviews: 4 of these steps\n");
    assert_contains(run.out, " of 5, after 1 warm-up pass; each over 64 reviews\n");
    assert_contains(run.out, "\nlstm forward  ");
    assert_contains(run.err, "cltrain: device ");
    assert_in_range(clt_count_lines(run.err), 1, 2); /* the second is about compiling */
    clt_run_free(&run);
}

static void npz_and_one_batch_will_do(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "cltrain bench --data '%s/tests/golden/fixtures/reviews.npz' --model "
                    "embedding:4,lstm:3,dense:1 --maxlen 12 --batch 5 --json",
                    CLT_SOURCE_DIR);
    assert_contains(run.out, "\"synthetic\": false");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain bench " SMALL " --batch 64");
    assert_contains(run.out, " of 7, after 3 warm-up steps; each the mean of 1 step\n");
    clt_run_free(&run);
}

static void leaves_nothing_behind(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "cltrain bench " SMALL " --batch 16 > /dev/null && ls -A");
    assert_string_equal(run.out, "");
    clt_run_free(&run);
}

static void refuses(void **state)
{
    (void)state;
    assert_refused("cltrain bench --epochs 3", 2, "--epochs is an option of `fit`");
    assert_refused("cltrain bench --jsn", 2, "did you mean --json?", "help bench");
    assert_refused("cltrain bench --batch 0", 2, "--batch 0");
    assert_refused("cltrain bench surplus", 2, "\"surplus\"");
    assert_refused("cltrain bench --json=yes", 2, "--json takes no value");
    assert_refused("cltrain bench --model embedding:4,gru:3,dense:1", 2, "--model", "'gru:3'");
    assert_refused("cltrain bench --data demo:0", 2, "demo:0");
    assert_refused("cltrain bench --data nosuch.npz", 5, "nosuch.npz");
    assert_refused("cltrain bench --device nosuch", 3, "nosuch");
}

static void refuses_less_than_a_batch(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 2, "cltrain bench " SMALL " --batch 65");
    assert_contains(run.err, "64 samples are fewer than one batch of 65");
    assert_string_equal(run.out, "");
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_holds_every_number),
        cmocka_unit_test(the_report_says_what_was_measured),
        cmocka_unit_test(npz_and_one_batch_will_do),
        cmocka_unit_test(leaves_nothing_behind),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_less_than_a_batch),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
