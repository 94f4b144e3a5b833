/* `cltrain tune`, and what the other verbs do with the plan that it keeps. */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/tuning.h"
#include "support/program.h"

#define SMALL                                                                                      \
    "--data demo:64 --model embedding:4,lstm:3,dense:1 --num-words 200 --maxlen 12 --batch 16"
#define NOTE "cltrain: tuned for this device: lstm=step,gemm=own:4x3\n"

/* As `tune` would have found it, in the folder ./cache. */
static void keep_plan(void)
{
    clt_runtime *runtime = NULL;
    clt_error error;
    clt_plan plan;
    char folder[256], *before = strdup(getenv("XDG_CACHE_HOME"));
    assert_ok(clt_runtime_create(NULL, &runtime, &error));
    assert_ok(clt_plan_parse("lstm=step,gemm=own:4x3", &plan, &error));
    assert_non_null(getcwd(folder, sizeof folder - 8));
    strcat(folder, "/cache");
    setenv("XDG_CACHE_HOME", folder, 1);
    assert_ok(clt_tuning_store(runtime, 3, &plan, 0.001, 0.002, &error));
    setenv("XDG_CACHE_HOME", before, 1);
    clt_runtime_destroy(runtime);
    free(before);
}

#define TUNED "env XDG_CACHE_HOME=$PWD/cache "

static void assert_plan(const char *environment, const char *plan)
{
    clt_run run;

    clt_run_command(&run, 0, TUNED "%s cltrain bench " SMALL, environment);
    assert_contains(run.out, plan);
    clt_run_free(&run);
}

static void what_is_kept_is_used_and_said(void **state)
{
    static const char *const commands[] = {
        ("fit " SMALL " --epochs 1 --out tuned"),
        "evaluate tuned/model.safetensors --data demo:64",
        "predict tuned/model.safetensors good",
        ("bench " SMALL),
    };
    clt_run run;

    (void)state;
    keep_plan();
    for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++) {
        clt_run_command(&run, 0, TUNED "cltrain %s", commands[k]);
        assert_contains(run.err, NOTE);
        assert_null(strstr(strstr(run.err, NOTE) + strlen(NOTE), "tuned for")); /* once */
        clt_run_free(&run);
    }
    assert_plan("", "\nPlan      lstm=step,gemm=own:4x3");
    clt_run_command(&run, 0,
                    TUNED "cltrain fit " SMALL " --epochs 1 --out quiet --verbose 0 && cmp "
                          "tuned/model.safetensors quiet/model.safetensors");
    assert_string_equal(run.err, "");
    clt_run_free(&run);
}

static void other_networks_and_forced_plans(void **state)
{
    clt_run run;

    (void)state;
    keep_plan();
    assert_plan("CLTRAIN_PLAN=lstm=rows", "\nPlan      lstm=rows,gemm=own:4x3");
    assert_plan("CLTRAIN_PLAN=gemm=own,lstm=rows", "\nPlan      lstm=rows,gemm=own,");
    clt_run_command(&run, 0,
                    TUNED "cltrain fit " SMALL " --model embedding:4,lstm:5,dense:1 --epochs 1 "
                          "--out wider");
    assert_lacks(run.err, "tuned for this device");
    clt_run_free(&run);
}

static void damage_is_passed_over(void **state)
{
    clt_run run;

    (void)state;
    keep_plan();
    clt_run_command(&run, 0,
                    "echo nonsense >> cache/cltrain/tuned.jsonl && " TUNED "cltrain fit " SMALL
                    " --epochs 1 --out damaged");
    assert_contains(run.err, "cache/cltrain/tuned.jsonl, line 2: not a tuning, ignored\n");
    assert_contains(run.err, NOTE);
    clt_run_free(&run);
}

static void reset_forgets(void **state)
{
    clt_run run;

    (void)state;
    keep_plan();
    clt_run_command(&run, 0, TUNED "cltrain tune --reset");
    assert_contains(run.out, "forgotten for ");
    assert_contains(run.out, ": 1\n");
    clt_run_free(&run);
    clt_run_command(&run, 0, TUNED "cltrain tune --reset");
    assert_contains(run.out, ": 0\n");
    clt_run_free(&run);
    clt_run_command(&run, 0, TUNED "cltrain fit " SMALL " --epochs 1 --out reset");
    assert_lacks(run.err, "tuned for this device");
    clt_run_free(&run);
}

static void searches_within_its_budget(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "env XDG_CACHE_HOME=$PWD/fresh cltrain tune " SMALL " --budget 0.05s");
    assert_contains(run.out, " ms/step  without tuning\n");
    assert_contains(run.out, "lstm=step,");
    assert_contains(run.out, " plans were not tried; a longer --budget tries more\n");
    assert_contains(run.out, "is what is used without tuning; nothing is kept\n");
    clt_run_free(&run);
    /* A variant that cannot do what else is forced, and those after it, are no failures. */
    clt_run_command(&run, 0,
                    "env CLTRAIN_PLAN=prefix=on XDG_CACHE_HOME=$PWD/fresh cltrain tune " SMALL
                    " --budget 1s");
    assert_contains(run.out, "lstm=step,gemm=own,adam=dense,prefix=off ");
    assert_contains(run.out, "lstm=rows,gemm=own:");
    assert_lacks(run.out, "left out");
    clt_run_free(&run);
}

/* A copy of the kernels in which the forward kernel of a variant begins with `statement`. */
static void change_kernel(const char *folder, const char *name, const char *statement)
{
    clt_run run;

    clt_run_command(
        &run, 0,
        "cp -r '%s/cl' %s && sed -i '/%s_forward(/,/^{/ s/^{/{ %s/' %s/%s.cl && grep -qF "
        "'%s' %s/%s.cl",
        CLT_SOURCE_DIR, folder, name, statement, folder, name, statement, folder, name);
    clt_run_free(&run);
}

/* A variant that computes something else is named and left out, however fast it is. */
static void leaves_out_wrong_answers(void **state)
{
    clt_run run;

    (void)state;
    change_kernel("broken", "lstm_step", "if (get_global_id(0) == 0) { return; }");
    clt_run_command(&run, 0,
                    "env CLT_KERNEL_DIR=$PWD/broken XDG_CACHE_HOME=$PWD/fresh cltrain tune " SMALL
                    " --budget 0.05s");
    assert_contains(run.out, "lstm=step ");
    assert_contains(run.out, "left out: ");
    assert_contains(run.out, ", the reference says ");
    clt_run_free(&run);
}

/* With a variant that was made slow, another one is faster: it is kept, used, and kept again by a
 * second search that tries little else. */
static void keeps_what_is_faster(void **state)
{
#define SLOW "env CLT_KERNEL_DIR=$PWD/slow XDG_CACHE_HOME=$PWD/kept "
    clt_run run;

    (void)state;
    change_kernel("slow", "lstm_rows", "for (volatile int w = 0; w < 3000000; w++) {}");
    for (int again = 0; again < 2; again++) {
        clt_run_command(&run, 0, SLOW "cltrain tune " SMALL " --budget 0.05s");
        assert_contains(run.out, "lstm=rows,gemm=own,");
        assert_contains(run.out, "  faster\n");
        assert_contains(run.out, " saves ");
        assert_contains(run.out, "% of a step; kept in ");
        clt_run_free(&run);
        clt_run_command(&run, 0, SLOW "cltrain bench " SMALL);
        assert_contains(run.out, "\nPlan      lstm=step,gemm=own");
        assert_contains(run.err, "cltrain: tuned for this device: lstm=step\n");
        clt_run_free(&run);
    }
}

static void a_signal_ends_the_search(void **state)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    char out[256] = "";
    clt_run run;

    (void)state;
    clt_run_start(&run, "exec env XDG_CACHE_HOME=$PWD/fresh cltrain tune --data demo:10000 "
                        "--model embedding:64,lstm:128,dense:1 --num-words 2000 --budget 60s");
    for (int k = 0; strstr(out, "without tuning") == NULL && k < 6000; k++) {
        nanosleep(&moment, NULL);
        ssize_t bytes = pread(run.out_file, out, sizeof out - 1, 0);
        out[bytes > 0 ? bytes : 0] = '\0';
    }
    kill(run.process, SIGINT);
    clt_run_finish(&run);
    assert_int_equal(run.code, 130);
    assert_contains(run.err, "cltrain tune: stopped by SIGINT; nothing has changed\n");
    assert_contains(run.out, " plans were not tried\n");
    clt_run_free(&run);
}

static void refuses(void **state)
{
    (void)state;
    assert_refused("cltrain tune --budget 0", 2, "--budget 0", "30s");
    assert_refused("cltrain tune --budget 3h", 2, "--budget 3h");
    assert_refused("cltrain tune --budget soon", 2, "--budget soon");
    assert_refused("cltrain tune surplus", 2, "\"surplus\"");
    assert_refused("cltrain tune --epochs 3", 2, "--epochs is an option of `fit`");
    assert_refused("cltrain bench --reset", 2, "--reset is an option of `tune`");
    assert_refused("cltrain tune --model embedding:4,gru:3,dense:1", 2, "--model", "'gru:3'");
    assert_refused("cltrain tune --data nosuch.npz", 5, "nosuch.npz");
    assert_refused("cltrain tune --device nosuch", 3, "nosuch");
}

/* What cannot be kept is not searched for; what cannot be read is not missed. */
static void folders_that_cannot_be_written(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 1, "env XDG_CACHE_HOME=/proc/nowhere cltrain tune " SMALL);
    assert_contains(run.err, "cltrain tune: cannot write /proc/nowhere/cltrain/tuned.jsonl: ");
    assert_string_equal(run.out, "");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "env XDG_CACHE_HOME=/proc/nowhere cltrain fit " SMALL
                    " --epochs 1 --out elsewhere");
    assert_lacks(run.err, "tuned");
    clt_run_free(&run);
    clt_run_command(&run, 2, "env CLTRAIN_PLAN=gemm=own cltrain tune " SMALL);
    assert_contains(run.err, "CLTRAIN_PLAN forces gemm=own");
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_used_and_said),
        cmocka_unit_test(other_networks_and_forced_plans),
        cmocka_unit_test(damage_is_passed_over),
        cmocka_unit_test(reset_forgets),
        cmocka_unit_test(searches_within_its_budget),
        cmocka_unit_test(leaves_out_wrong_answers),
        cmocka_unit_test(keeps_what_is_faster),
        cmocka_unit_test(a_signal_ends_the_search),
        cmocka_unit_test(refuses),
        cmocka_unit_test(folders_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
