/* verbs.h: the verbs of the program, one file each, and the command lines they take. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "options.h"

typedef struct cli_verb {
    const char *name;
    unsigned bit;                           /* its place in the table of options */
    const char *operands;                   /* as usage shows them: "MODEL [TEXT ...]" */
    int least, most;                        /* how many operands; most -1: any number */
    const char *purpose;                    /* one line */
    const char *details;                    /* paragraphs of `cltrain help VERB`; "" */
    int (*run)(const cli_command *command); /* the exit code */
} cli_verb;

extern const cli_verb cli_devices, cli_summary, cli_data, cli_fit, cli_evaluate, cli_predict,
    cli_vocab, cli_selftest, cli_bench, cli_tune, cli_help;

extern const cli_verb *const cli_verbs[]; /* ends with NULL */

/* The verb of that name; NULL, with the error line written, when there is none. */
const cli_verb *cli_find_verb(const char *name);

/* The error line for a model string that makes no sense; returns the exit code. */
int cli_fail_model(const cli_command *command, const clt_error *error);

void cli_print_usage(FILE *stream);
void cli_print_help(const cli_verb *verb);

#endif
