/* tune.c: `cltrain tune`: finds the plan that trains a network fastest on this device. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "runtime.h"
#include "signals.h"
#include "source.h"
#include "verbs.h"

typedef struct tune {
    const cli_settings *settings;
    cli_source source;
    clt_model *model;
    clt_runtime *runtime;
    cli_notes notes;
    clt_tune_result result;
} tune;

static void print_row(void *user, const clt_tune_row *row)
{
    tune *t = user;

    cli_notes_clear(&t->notes);
    if (row->verdict == CLT_TUNE_TRYING) {
        cli_notes_pass(&t->notes, "trying %s", row->plan);
        return;
    }
    printf("%-52s ", row->plan);
    switch (row->verdict) {
    case CLT_TUNE_TRYING:
        break;
    case CLT_TUNE_UNTUNED:
        printf("%9.3f ms/step  without tuning\n", 1e3 * row->seconds);
        break;
    case CLT_TUNE_FASTER:
    case CLT_TUNE_NO_GAIN:
        printf("%9.3f ms/step  the best before %9.3f%s\n", 1e3 * row->seconds,
               1e3 * row->best_seconds, row->verdict == CLT_TUNE_FASTER ? "  faster" : "");
        break;
    case CLT_TUNE_FAILED:
        printf("left out: %s\n", row->failure);
        break;
    }
    cli_flush_stdout();
}

static int on_stop(void *user)
{
    (void)user;
    return cli_signal_noted() != 0;
}

/* Everything that can be wrong before the device is touched. */
static clt_status prepare(tune *t, clt_error *error)
{
    const cli_settings *settings = t->settings;
    const char *data = settings->data != NULL ? settings->data : "demo";

    clt_status status =
        cli_source_open(data, settings, &settings->reading, false, &t->source, error);
    if (status == CLT_OK) {
        status = cli_source_fit_model(&t->source, settings, &t->model, error);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(settings, &t->notes, &t->runtime, error);
    }
    return status;
}

static clt_status search(tune *t, clt_error *error)
{
    const cli_settings *settings = t->settings;
    clt_tune_config config = {settings->batch, settings->budget, print_row, on_stop, t};

    cli_signals_note();
    clt_status status =
        clt_tune_run(t->model, t->runtime, &config, t->source.train, &t->result, error);
    cli_notes_clear(&t->notes);
    if (status != CLT_OK) {
        return status;
    }
    const clt_tune_result *result = &t->result;
    if (result->untried > 0) {
        printf("%d of %d plans were not tried%s\n", (int)result->untried,
               (int)(result->tried + result->untried),
               result->stopped ? "" : "; a longer --budget tries more");
    }
    if (result->gain > 0.0) {
        printf("%s saves %.1f%% of a step; kept in %s\n", result->plan, 100.0 * result->gain,
               result->path);
    } else if (!result->stopped) {
        printf("%s is what is used without tuning; nothing is kept\n", result->plan);
    }
    return CLT_OK;
}

static clt_status forget(tune *t, clt_error *error)
{
    int count = 0;
    clt_status status = cli_open_runtime(t->settings, &t->notes, &t->runtime, error);

    if (status == CLT_OK) {
        status = clt_tune_forget(t->runtime, &count, error);
    }
    if (status == CLT_OK) {
        printf("forgotten for %s: %d\n", clt_runtime_device(t->runtime)->name, count);
    }
    return status;
}

static int run(const cli_command *command)
{
    tune t = {.settings = &command->settings};
    clt_error error = {0};
    int code = CLT_OK;

    cli_signals_exit();
    clt_status status = clt_model_create(t.settings->model, &t.settings->reading, t.settings->seed,
                                         &t.model, &error);
    if (status == CLT_USAGE) {
        return cli_fail_model(command, &error);
    }
    if (status == CLT_OK && t.settings->reset) {
        status = forget(&t, &error);
    } else if (status == CLT_OK) {
        status = prepare(&t, &error);
        if (status == CLT_OK) {
            status = search(&t, &error);
        }
    }
    if (status == CLT_USAGE) {
        code = cli_fail_usage(command->verb, "%s", error.message);
    } else if (status != CLT_OK) {
        code = cli_fail(command->verb, (int)status, "%s", error.message);
    } else if (t.result.stopped) {
        int number = cli_signal_noted();
        code = cli_fail(command->verb, 128 + number, "stopped by %s; %s", cli_signal_name(number),
                        t.result.gain > 0.0 ? "what was found is kept" : "nothing has changed");
    }
    clt_runtime_destroy(t.runtime);
    clt_model_free(t.model);
    cli_source_close(&t.source);
    return code;
}

const cli_verb cli_tune = {
    .name = "tune",
    .bit = CLI_TUNE,
    .operands = "",
    .least = 0,
    .most = 0,
    .purpose = "find the variants of ops that train a network fastest on a device",
    .details =
        "Tries the variants that CLTRAIN_PLAN can name, each checked against the reference before\n"
        "it is timed, and keeps what saves 3% or more. fit, evaluate, predict and bench use it "
        "from\n"
        "then on, for networks as wide on this device; they never search themselves. Ctrl-C ends\n"
        "the search and keeps what was found. A quiet machine, please.",
    .run = run};
