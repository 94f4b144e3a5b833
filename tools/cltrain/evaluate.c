/* evaluate.c: `cltrain evaluate`: loss and accuracy of a trained model on the test reviews. */
#include <stdio.h>

#include "output.h"
#include "progress.h"
#include "runtime.h"
#include "source.h"
#include "verbs.h"

static clt_status evaluate(const cli_command *command, cli_notes *notes, clt_error *error)
{
    const cli_settings *settings = &command->settings;
    clt_model *model = NULL;
    clt_runtime *runtime = NULL;
    cli_source source = {0};
    clt_metrics metrics;

    clt_status status = cli_model_open(command->operands[0], &model, error);
    if (status == CLT_OK) {
        status = cli_source_open(settings->data, settings, clt_model_reading(model), false, &source,
                                 error);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(settings, notes, &runtime, error);
    }
    double started = cli_now();
    if (status == CLT_OK) {
        status = clt_model_evaluate(model, runtime, source.test, settings->batch, &metrics, error);
    }
    cli_notes_clear(notes);
    if (status == CLT_OK) {
        size_t batch = (size_t)settings->batch;
        cli_print_evaluation((int)((source.test->count + batch - 1) / batch), cli_now() - started,
                             &metrics, source.test->synthetic ? " (synthetic reviews)" : "");
    }
    clt_runtime_destroy(runtime);
    cli_source_close(&source);
    clt_model_free(model);
    return status;
}

static int run(const cli_command *command)
{
    cli_notes notes = {0};
    clt_error error = {0};

    if (command->settings.data == NULL) {
        return cli_fail_usage(command->verb,
                              "--data is missing: give it imdb.npz or demo (synthetic reviews)");
    }
    clt_status status = evaluate(command, &notes, &error);
    if (status == CLT_USAGE) {
        return cli_fail_usage(command->verb, "%s", error.message);
    }
    if (status != CLT_OK) {
        return cli_fail(command->verb, (int)status, "%s", error.message);
    }
    return CLT_OK;
}

const cli_verb cli_evaluate = {
    .name = "evaluate",
    .bit = CLI_EVALUATE,
    .operands = "MODEL --data FILE",
    .least = 1,
    .most = 1,
    .purpose = "measure loss and accuracy of a trained model on the test reviews",
    .details = "MODEL is the model.safetensors that fit wrote; how reviews are read (words kept,\n"
               "length, padding) is in it.",
    .run = run};
