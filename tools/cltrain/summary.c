/* summary.c: `cltrain summary`: the layers of a network as Keras prints them. */
#include <stdio.h>

#include "output.h"
#include "source.h"
#include "table.h"
#include "verbs.h"

static int run(const cli_command *command)
{
    const cli_settings *settings = &command->settings;
    clt_model *model = NULL;
    clt_error error = {0};
    clt_status status;

    if (command->operand_count == 1) {
        status = cli_model_open(command->operands[0], &model, &error);
    } else {
        status =
            clt_model_create(settings->model, &settings->reading, settings->seed, &model, &error);
    }
    if (status == CLT_USAGE) {
        return cli_fail_model(command, &error);
    }
    if (status != CLT_OK) {
        return cli_fail(command->verb, (int)status, "%s", error.message);
    }
    cli_print_summary(model);
    clt_model_free(model);
    return CLT_OK;
}

const cli_verb cli_summary = {.name = "summary",
                              .bit = CLI_SUMMARY,
                              .operands = "[MODEL]",
                              .least = 0,
                              .most = 1,
                              .purpose = "print the layers and parameters of a network",
                              .details = "MODEL is a model.safetensors file; without one, the "
                                         "network that --model says.",
                              .run = run};
