/* options.h: the command line of every verb, read by one table that also writes the help.
 *
 * `--name VALUE` and `--name=VALUE`; `--` ends the options; a later option wins over an earlier
 * one. What makes no sense ends with exit code 2 and one line that names the flag and its value. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cltrain/cltrain.h"

/* The verbs that an option belongs to. */
enum {
    CLI_DEVICES = 1 << 0,
    CLI_SUMMARY = 1 << 1,
    CLI_DATA = 1 << 2,
    CLI_FIT = 1 << 3,
    CLI_EVALUATE = 1 << 4,
    CLI_PREDICT = 1 << 5,
    CLI_SELFTEST = 1 << 6,
    CLI_HELP = 1 << 7,
    CLI_BENCH = 1 << 8,
    CLI_TUNE = 1 << 9,
    CLI_VOCAB = 1 << 10
};

/* How an option behaves when a run is resumed. Without these two it is stored with the run, and
 * cannot be given anew. */
enum {
    CLI_UNSTORED = 1 << 29, /* about this call, not about the run */
    CLI_ANEW = 1 << 30      /* may be given anew */
};

typedef struct cli_settings {
    const char *data;
    const char *model;
    const char *out;
    const char *device;
    const char *init;
    const char *word_index;
    const char *vectors;
    const char *class_weight;
    const char *text_column, *label_column, *validation;
    const char *resume;
    clt_reading reading;
    int32_t batch, epochs, verbose, limit, show, show_errors, min_count, top;
    double learning_rate; /* 0: the optimizer's */
    double budget, validation_split, min_delta, ema;
    int32_t patience;
    clt_metric monitor;
    clt_schedule schedule;
    clt_clipping clip;
    clt_optimizer_kind optimizer;
    double weight_decay, momentum;
    uint64_t seed;
    clt_checkpoints checkpoints; /* folder: not used */
    bool nesterov, no_shuffle, no_validation, skip_bad_rows, explain, profile, json, reset, help;
} cli_settings;

struct cli_verb;

/* One parsed command line. */
typedef struct cli_command {
    const struct cli_verb *verb;
    cli_settings settings;
    char **operands;
    int operand_count;
    uint64_t given;    /* bit k: option k of the table is on the command line */
    const char *fixed; /* one of those that a resumed run cannot take anew; NULL: none is there */
} cli_command;

/* Reads what follows the verb, the defaults first. Reorders `argv` so that the operands stand
 * together. False when it makes no sense; the error line is then written. */
bool cli_parse(const struct cli_verb *verb, int argc, char **argv, cli_command *command);

/* Calls `store` with each option of the verb that has a value, without its dashes, and with the
 * text that gives it that value again.
 *
 * without  CLI_UNSTORED, also CLI_ANEW: those that are left out */
void cli_store_options(const cli_command *command, unsigned without,
                       void (*store)(void *user, const char *name, const char *text), void *user);

/* Sets a stored option, unless the command line gives it anew. `text` must live as long as the
 * command. Errors: CLT_INPUT. */
CLT_NODISCARD clt_status cli_restore_option(cli_command *command, const char *name,
                                            const char *text, clt_error *error);

/* The verb's options, one or two lines each. */
void cli_print_options(const struct cli_verb *verb);

/* The one of `names` (ended by NULL) that is nearest to `name`, or NULL when none is near. */
const char *cli_nearest(const char *name, const char *const *names);

#endif
