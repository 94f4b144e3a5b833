/* options.c: the table of options, its parser and its help. */
#include "options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "values.h"
#include "verbs.h"

typedef struct cli_option {
    const char *name;
    unsigned verbs;
    cli_kind kind;
    size_t offset;     /* of its field in cli_settings */
    int32_t low, high; /* CLI_INT */
    const char *value; /* as help shows it */
    const char *help;
} cli_option;

#define FIELD(name) offsetof(cli_settings, name)
#define OPENS_DATA (CLI_DATA | CLI_FIT | CLI_EVALUATE | CLI_BENCH | CLI_TUNE)
#define OPENS_DEVICE (CLI_FIT | CLI_EVALUATE | CLI_PREDICT | CLI_SELFTEST | CLI_BENCH | CLI_TUNE)
#define READS (CLI_SUMMARY | CLI_DATA | CLI_FIT | CLI_BENCH | CLI_TUNE)

static const cli_option options[] = {
    {"--data", CLI_FIT | CLI_EVALUATE | CLI_PREDICT | CLI_BENCH | CLI_TUNE, CLI_TEXT, FIELD(data),
     0, 0, "FILE",
     "imdb.npz; texts: a folder or .tar.gz like aclImdb's, CSV or TSV with a header, JSON lines, "
     "fastText lines, - for standard input; or demo[:N]: N synthetic reviews of each split "
     "(25000)"},
    {"--text-column", OPENS_DATA | CLI_PREDICT, CLI_TEXT, FIELD(text_column), 0, 0, "NAME",
     "the column or key of the texts (else review, text or sentence)"},
    {"--label-column", OPENS_DATA, CLI_TEXT, FIELD(label_column), 0, 0, "NAME",
     "the column or key of the labels (else sentiment, label or class)"},
    {"--skip-bad-rows", OPENS_DATA | CLI_PREDICT, CLI_SWITCH, FIELD(skip_bad_rows), 0, 0, "",
     "leave out rows that cannot be read, and say which, instead of stopping at the first"},
    {"--validation", CLI_FIT, CLI_TEXT, FIELD(validation), 0, 0, "FILE",
     "measure these after each epoch, of the same kind (ids or texts) as --data (else the data's "
     "own test part, when there is one)"},
    {"--validation-split", CLI_FIT, CLI_SHARE, FIELD(validation_split), 0, 0, "F",
     "set this share of each class aside to measure, drawn from the seed"},
    {"--min-count", CLI_DATA | CLI_FIT | CLI_BENCH | CLI_TUNE, CLI_INT, FIELD(min_count), 1,
     INT32_MAX, "N", "leave out words that occur less often in the texts to train on"},
    {"--model", CLI_FIT | CLI_SUMMARY | CLI_BENCH | CLI_TUNE, CLI_TEXT, FIELD(model), 0, 0,
     "LAYERS",
     "embedding:D[:dropout=P][:frozen][:mask_zero], lstm:H[:bidirectional][:sequence][:dropout=P] "
     "[:recurrent_dropout=P][:per-step], pool:last|mean|max (several: mean+max), dropout:P, "
     "dense:1 (dense:N for N classes), comma-separated"},
    {"--num-words", READS, CLI_INT, FIELD(reading.num_words), 3, 16777216, "N",
     "keep ids below N; the others become 2, unknown"},
    {"--maxlen", READS, CLI_INT, FIELD(reading.maxlen), 1, 65536, "N",
     "pad or cut every review to N ids"},
    {"--padding", READS, CLI_SIDE, FIELD(reading.padding), 0, 0, "pre|post",
     "where short reviews get zeros"},
    {"--truncating", READS, CLI_SIDE, FIELD(reading.truncating), 0, 0, "pre|post",
     "where long reviews lose ids"},
    {"--word-index", CLI_DATA | CLI_FIT | CLI_EVALUATE, CLI_TEXT, FIELD(word_index), 0, 0, "FILE",
     "the words of the ids (else imdb_word_index.json beside the data, when it is there)"},
    {"--batch", CLI_FIT | CLI_EVALUATE | CLI_BENCH | CLI_TUNE, CLI_INT, FIELD(batch), 1, 65536, "N",
     "reviews in one step"},
    {"--epochs", CLI_FIT, CLI_INT, FIELD(epochs), 1, 1000000, "N", "passes over the reviews"},
    {"--learning-rate", CLI_FIT, CLI_REAL, FIELD(learning_rate), 0, 0, "X",
     "of the optimizer (default 0.001, sgd's 0.01)"},
    {"--optimizer", CLI_FIT, CLI_OPTIMIZER, FIELD(optimizer), 0, 0, "NAME",
     "adam, sgd or rmsprop, as Keras's"},
    {"--momentum", CLI_FIT, CLI_MOMENTUM, FIELD(momentum), 0, 0, "M",
     "of sgd, 0 to 1: this share of a step is made again with the next (0, as without it: none)"},
    {"--nesterov", CLI_FIT, CLI_SWITCH, FIELD(nesterov), 0, 0, "",
     "of sgd: look ahead along --momentum, as Nesterov"},
    {"--schedule", CLI_FIT, CLI_SCHEDULE, FIELD(schedule), 0, 0, "NAME",
     "constant, cosine (down to 0), step[:E[:F]] (times F every E epochs; 2, 0.5) or "
     "plateau[:E[:F]] (times F after E epochs without progress; 10, 0.1)"},
    {"--warmup", CLI_FIT, CLI_INT, FIELD(schedule.warmup), 1, INT32_MAX, "N",
     "let the learning rate rise from 0 in the first N steps"},
    {"--clip", CLI_FIT, CLI_CLIP, FIELD(clip), 0, 0, "KIND:X",
     "keep gradients small: value:X each element, norm:X the norm of each parameter's, "
     "global_norm:X of all together"},
    {"--weight-decay", CLI_FIT, CLI_REAL, FIELD(weight_decay), 0, 0, "X",
     "take X times the learning rate of every weight off at each step"},
    {"--monitor", CLI_FIT, CLI_METRIC, FIELD(monitor), 0, 0, "METRIC",
     "end with the weights of the epoch that is best by loss, accuracy, val_loss or val_accuracy"},
    {"--patience", CLI_FIT, CLI_INT, FIELD(patience), 1, INT32_MAX, "N",
     "stop after N epochs in a row without a new best, with the weights of the best"},
    {"--min-delta", CLI_FIT, CLI_REAL, FIELD(min_delta), 0, 0, "X",
     "only what is better by more than X is a new best"},
    {"--ema", CLI_FIT, CLI_SHARE, FIELD(ema), 0, 0, "MOMENTUM",
     "measure and save the average of the weights: MOMENTUM of it stays at each step, 0.99 say"},
    {"--class-weight", CLI_FIT, CLI_TEXT, FIELD(class_weight), 0, 0, "LABEL=W,...",
     "multiply the training loss of a label's reviews by W (1 for labels not named); or balanced: "
     "as if every class were equally frequent"},
    {"--seed", OPENS_DATA | CLI_PREDICT, CLI_SEED, FIELD(seed), 0, 0, "N",
     "of the weights, the order, dropout and the demonstration reviews"},
    {"--limit", CLI_FIT, CLI_INT, FIELD(limit), 1, INT32_MAX, "N",
     "train on the first N reviews; validation stays whole"},
    {"--no-shuffle", CLI_FIT, CLI_SWITCH, FIELD(no_shuffle), 0, 0, "",
     "keep the data's order in every epoch"},
    {"--no-validation", CLI_FIT, CLI_SWITCH, FIELD(no_validation), 0, 0, "",
     "do not measure the test reviews after each epoch"},
    {"--init", CLI_FIT, CLI_TEXT, FIELD(init), 0, 0, "FILE",
     "start from the weights of a .safetensors file; the words and classes of a model file must be "
     "the data's"},
    {"--vectors", CLI_FIT, CLI_TEXT, FIELD(vectors), 0, 0, "FILE",
     "start the embedding from word vectors: GloVe text, word2vec text or binary, fastText .vec"},
    {"--out", CLI_FIT | CLI_UNSTORED, CLI_TEXT, FIELD(out), 0, 0, "DIR",
     "where the results go (else runs/NAME after the data)"},
    {"--checkpoint-every", CLI_FIT | CLI_ANEW, CLI_PERIOD, FIELD(checkpoints), 0, 0, "PERIOD",
     "50steps, 5min or 1epoch: save the run in the folder of its results, to go on with, and keep "
     "what is saved (default 10min, removed at the end)"},
    {"--keep", CLI_FIT | CLI_ANEW, CLI_INT, FIELD(checkpoints.keep), 1, 1000000, "N",
     "so many checkpoints, the newest"},
    {"--resume", CLI_FIT | CLI_UNSTORED | CLI_ANEW, CLI_TEXT, FIELD(resume), 0, 0, "DIR",
     "go on with the run whose results are there, as it began"},
    {"--device", OPENS_DEVICE | CLI_ANEW, CLI_TEXT, FIELD(device), 0, 0, "SPEC",
     "P:D, gpu, cpu, any, or a part of a name (else $CLTRAIN_DEVICE, else the best)"},
    {"--show", CLI_DATA, CLI_INT, FIELD(show), 0, INT32_MAX, "N", "print the first N reviews"},
    {"--show-errors", CLI_EVALUATE, CLI_INT, FIELD(show_errors), 0, INT32_MAX, "N",
     "print the N most confident mistakes as text"},
    {"--profile", CLI_FIT | CLI_UNSTORED | CLI_ANEW, CLI_SWITCH, FIELD(profile), 0, 0, "",
     "print what each op took; slows training a little"},
    {"--verbose", CLI_FIT | CLI_EVALUATE | CLI_PREDICT | CLI_UNSTORED | CLI_ANEW, CLI_INT,
     FIELD(verbose), 0, 2, "0|1|2", "0 no notes and no progress, 1 a bar, 2 a line an epoch"},
    {"--top", CLI_PREDICT, CLI_INT, FIELD(top), 1, INT32_MAX, "K",
     "the K likeliest labels instead of one"},
    {"--explain", CLI_PREDICT, CLI_SWITCH, FIELD(explain), 0, 0, "",
     "show how much leaving out each word moves the probability, which words are unknown, and what "
     "is cut off"},
    {"--json", CLI_DEVICES | CLI_EVALUATE | CLI_BENCH | CLI_PREDICT, CLI_SWITCH, FIELD(json), 0, 0,
     "", "print JSON"},
    {"--budget", CLI_TUNE, CLI_SECONDS, FIELD(budget), 0, 0, "TIME",
     "stop trying after this long, 90s or 2m"},
    {"--reset", CLI_TUNE, CLI_SWITCH, FIELD(reset), 0, 0, "",
     "forget what was found for this device, and try nothing"},
    {"--help", ~0U, CLI_SWITCH, FIELD(help), 0, 0, "", "print this"},
};
#define OPTION_COUNT (sizeof options / sizeof options[0])
_Static_assert(OPTION_COUNT <= 64, "cli_command.given has a bit for each option");

static const cli_settings defaults = {.model = CLT_MODEL_DEFAULT,
                                      .reading = CLT_READING_DEFAULT,
                                      .batch = 128,
                                      .epochs = 5,
                                      .verbose = 1,
                                      .show = 3,
                                      .min_count = 1,
                                      .top = 1,
                                      .budget = 30,
                                      .seed = 1,
                                      .checkpoints = {.keep = 2},
                                      .schedule = {CLT_SCHEDULE_CONSTANT, 1, 0.5, 0}};

/* Edits (insert, drop, change a letter) between two words of up to 32 letters. */
static size_t distance(const char *a, const char *b)
{
    size_t row[33];
    size_t columns = strlen(b);

    if (strlen(a) > 32 || columns > 32) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= columns; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[columns];
}

const char *cli_nearest(const char *name, const char *const *names)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 2;

    for (; *names != NULL; names++) {
        size_t edits = distance(name, *names);
        size_t length = strlen(name);
        bool begins = length >= 3 && strncmp(*names, name, length) == 0;
        if (begins || edits < least) {
            nearest = *names;
            least = begins ? 0 : edits;
        }
    }
    return nearest;
}

static const cli_option *find_option(const char *name, size_t length, unsigned verbs)
{
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        if (strlen(options[k].name) == length && memcmp(options[k].name, name, length) == 0 &&
            (options[k].verbs & verbs) != 0) {
            return &options[k];
        }
    }
    return NULL;
}

/* Writes the error line for an option that the verb does not have. */
static void fail_unknown(const cli_verb *verb, const char *argument)
{
    const char *names[OPTION_COUNT + 1];
    char name[64], choices[512] = "";
    size_t count = 0;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(argument, "="), argument);
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        if ((options[k].verbs & verb->bit) != 0) {
            names[count++] = options[k].name;
            size_t used = strlen(choices);
            snprintf(choices + used, sizeof choices - used, "%s%s", count > 1 ? ", " : "",
                     options[k].name);
        }
    }
    names[count] = NULL;
    const char *nearest = cli_nearest(name, names);
    const cli_option *elsewhere = find_option(name, strlen(name), ~0U);
    if (elsewhere != NULL) {
        const cli_verb *other = NULL;
        for (size_t k = 0; cli_verbs[k] != NULL && other == NULL; k++) {
            other = (elsewhere->verbs & cli_verbs[k]->bit) != 0 ? cli_verbs[k] : NULL;
        }
        cli_fail_usage(verb, "%s is an option of `%s`, not of `%s`; choose from %s", name,
                       other != NULL ? other->name : "?", verb->name, choices);
    } else if (nearest != NULL) {
        cli_fail_usage(verb, "unknown option %s; did you mean %s?", name, nearest);
    } else {
        cli_fail_usage(verb, "unknown option %s; choose from %s%s", name, choices,
                       verb->bit == CLI_PREDICT ? "; texts that begin with - go behind --" : "");
    }
}

static bool set_value(const cli_option *option, const char *text, cli_settings *settings,
                      cli_problem problem)
{
    const cli_value value = {option->kind, option->low, option->high};

    return cli_read_value(&value, text, (char *)settings + option->offset, problem);
}

static bool value_text(const cli_option *option, const cli_settings *settings, char *text,
                       size_t size)
{
    const cli_value value = {option->kind, option->low, option->high};

    return cli_print_value(&value, (const char *)settings + option->offset, text, size);
}

/* Reads the option at argv[*k] and moves *k past it and its value. */
static bool take_option(const cli_verb *verb, int argc, char **argv, int *k, cli_command *command)
{
    const char *argument = argv[(*k)++];
    const char *text = "";
    cli_problem problem;

    if (strcmp(argument, "-h") == 0) {
        argument = "--help";
    }
    size_t length = strcspn(argument, "=");
    const cli_option *option = find_option(argument, length, verb->bit);
    if (option == NULL) {
        fail_unknown(verb, argument);
        return false;
    }
    if (option->kind == CLI_SWITCH) {
        if (argument[length] == '=') {
            cli_fail_usage(verb, "%s takes no value, not \"%s\"", option->name,
                           argument + length + 1);
            return false;
        }
    } else if (argument[length] == '=') {
        text = argument + length + 1;
    } else if (*k < argc && strncmp(argv[*k], "--", 2) != 0) {
        text = argv[(*k)++];
    } else {
        cli_fail_usage(verb, "%s needs a value: %s %s", option->name, option->name, option->value);
        return false;
    }
    if (option->kind != CLI_SWITCH && text[0] == '\0') {
        cli_fail_usage(verb, "%s has an empty value; give it %s", option->name, option->value);
        return false;
    }
    if (!set_value(option, text, &command->settings, problem)) {
        cli_fail_usage(verb, "%s %s: give it %s", option->name, text, problem);
        return false;
    }
    command->given |= UINT64_C(1) << (option - options);
    if ((option->verbs & CLI_ANEW) == 0) {
        command->fixed = option->name;
    }
    return true;
}

bool cli_parse(const cli_verb *verb, int argc, char **argv, cli_command *command)
{
    int operands = 0;
    bool ended = false;

    *command = (cli_command){.verb = verb, .settings = defaults, .operands = argv};
    for (int k = 0; k < argc;) {
        char *argument = argv[k];
        if (!ended && strcmp(argument, "--") == 0) {
            ended = true;
            k++;
        } else if (!ended && argument[0] == '-' && argument[1] != '\0') {
            if (!take_option(verb, argc, argv, &k, command)) {
                return false;
            }
        } else {
            argv[operands++] = argument;
            k++;
        }
    }
    command->operand_count = operands;
    if (command->settings.help) {
        return true;
    }
    if (operands < verb->least) {
        cli_fail_usage(verb, "something is missing: cltrain %s %s", verb->name, verb->operands);
        return false;
    }
    if (verb->most >= 0 && operands > verb->most) {
        cli_fail_usage(verb, "\"%s\" is too much here; options begin with --", argv[verb->most]);
        return false;
    }
    return true;
}

void cli_store_options(const cli_command *command, unsigned without,
                       void (*store)(void *user, const char *name, const char *text), void *user)
{
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        const cli_option *option = &options[k];
        char text[64];
        if ((option->verbs & command->verb->bit) == 0 || (option->verbs & without) != 0) {
            continue;
        }
        if (option->kind == CLI_TEXT) { /* of any length */
            const char *value =
                *(const char *const *)((const char *)&command->settings + option->offset);
            if (value != NULL) {
                store(user, option->name + 2, value);
            }
        } else if (value_text(option, &command->settings, text, sizeof text)) {
            store(user, option->name + 2, text);
        }
    }
}

clt_status cli_restore_option(cli_command *command, const char *name, const char *text,
                              clt_error *error)
{
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        const cli_option *option = &options[k];
        cli_problem problem;
        if ((option->verbs & command->verb->bit) == 0 || (option->verbs & CLI_UNSTORED) != 0 ||
            strcmp(option->name + 2, name) != 0) {
            continue;
        }
        if ((command->given >> k & 1) == 0 &&
            !set_value(option, text, &command->settings, problem)) {
            return cli_set_error(error, CLT_INPUT, "%s is \"%.80s\", not %s", name, text, problem);
        }
        return CLT_OK;
    }
    return cli_set_error(error, CLT_INPUT, "this version knows no setting \"%.80s\"", name);
}

/* Words from column `indent` on, the cursor now at `column`, no line longer than 80. */
static void print_wrapped(const char *text, int column, int indent)
{
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > 80) {
            printf("\n");
            column = 0;
        }
        column += printf("%*s%.*s", column < indent ? indent - column : 1, "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    printf("\n");
}

void cli_print_options(const cli_verb *verb)
{
    char text[512], value[64];

    for (size_t k = 0; k < OPTION_COUNT; k++) {
        const cli_option *option = &options[k];
        if ((option->verbs & verb->bit) != 0) {
            bool has =
                option->kind != CLI_SWITCH && value_text(option, &defaults, value, sizeof value);
            snprintf(text, sizeof text, has ? "%s (default %s)" : "%s", option->help, value);
            print_wrapped(text, printf("  %s %s", option->name, option->value), 26);
        }
    }
}
