/* help.c: `cltrain help [VERB]`. */
#include <stdio.h>

#include "output.h"
#include "verbs.h"

void cli_print_usage(FILE *stream)
{
    fprintf(stream, "usage: cltrain VERB [OPTION ...]\n"
                    "Trains recurrent text classifiers on any OpenCL device.\n\n");
    for (size_t k = 0; cli_verbs[k] != NULL; k++) {
        fprintf(stream, "  %-9s %s\n", cli_verbs[k]->name, cli_verbs[k]->purpose);
    }
    fprintf(stream, "\n`cltrain fit --data imdb.npz` trains the tutorial; `cltrain help VERB` "
                    "lists a verb's options.\n"
                    "Exit codes: 0 ok, 1 failed, 2 usage, 3 no usable device, 4 kernels or "
                    "self-test, 5 bad input,\n6 diverged, 130/143/129 stopped with everything "
                    "saved.\n");
}

void cli_print_help(const cli_verb *verb)
{
    printf("usage: cltrain %s%s%s [OPTION ...]\n%s.\n", verb->name,
           verb->operands[0] != '\0' ? " " : "", verb->operands, verb->purpose);
    if (verb->details[0] != '\0') {
        printf("\n%s\n", verb->details);
    }
    printf("\nOptions:\n");
    cli_print_options(verb);
}

static int run(const cli_command *command)
{
    if (command->operand_count == 0) {
        cli_print_usage(stdout);
        return CLT_OK;
    }
    const cli_verb *verb = cli_find_verb(command->operands[0]);
    if (verb == NULL) {
        return CLT_USAGE;
    }
    cli_print_help(verb);
    return CLT_OK;
}

const cli_verb cli_help = {.name = "help",
                           .bit = CLI_HELP,
                           .operands = "[VERB]",
                           .least = 0,
                           .most = 1,
                           .purpose = "say what the program or a verb does",
                           .details = "",
                           .run = run};
