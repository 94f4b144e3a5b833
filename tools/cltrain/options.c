/* options.c: the table of options, its parser and its help. */
#include "options.h"

#include <errno.h>
#include <float.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

typedef enum cli_kind {
    CLI_TEXT,
    CLI_SWITCH,
    CLI_INT,
    CLI_REAL,
    CLI_SHARE,
    CLI_SECONDS,
    CLI_SEED,
    CLI_SIDE
} cli_kind;

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
     "count rows that cannot be read instead of stopping at the first"},
    {"--validation", CLI_FIT, CLI_TEXT, FIELD(validation), 0, 0, "FILE",
     "measure these after each epoch (else the data's own test part, when there is one)"},
    {"--validation-split", CLI_FIT, CLI_SHARE, FIELD(validation_split), 0, 0, "F",
     "set this share of each class aside to measure, drawn from the seed"},
    {"--min-count", CLI_DATA | CLI_FIT | CLI_BENCH | CLI_TUNE, CLI_INT, FIELD(min_count), 1,
     INT32_MAX, "N", "leave out words that occur less often in the texts to train on"},
    {"--model", CLI_FIT | CLI_SUMMARY | CLI_BENCH | CLI_TUNE, CLI_TEXT, FIELD(model), 0, 0,
     "LAYERS",
     "embedding:D, lstm:H[:sequence], pool:last|mean|max (several: mean+max), dropout:P, dense:1 "
     "(dense:N for N classes), comma-separated"},
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
    {"--learning-rate", CLI_FIT, CLI_REAL, FIELD(learning_rate), 0, 0, "X", "Adam's"},
    {"--seed", OPENS_DATA, CLI_SEED, FIELD(seed), 0, 0, "N",
     "of the weights, the order, dropout and the demonstration reviews"},
    {"--limit", CLI_FIT, CLI_INT, FIELD(limit), 1, INT32_MAX, "N",
     "train on the first N reviews; validation stays whole"},
    {"--no-shuffle", CLI_FIT, CLI_SWITCH, FIELD(no_shuffle), 0, 0, "",
     "keep the data's order in every epoch"},
    {"--no-validation", CLI_FIT, CLI_SWITCH, FIELD(no_validation), 0, 0, "",
     "do not measure the test reviews after each epoch"},
    {"--init", CLI_FIT, CLI_TEXT, FIELD(init), 0, 0, "FILE",
     "start from the weights of a .safetensors file"},
    {"--vectors", CLI_FIT, CLI_TEXT, FIELD(vectors), 0, 0, "FILE",
     "start the embedding from word vectors: GloVe text, word2vec text or binary, fastText .vec"},
    {"--out", CLI_FIT, CLI_TEXT, FIELD(out), 0, 0, "DIR",
     "where the results go (else runs/NAME after the data)"},
    {"--device", OPENS_DEVICE, CLI_TEXT, FIELD(device), 0, 0, "SPEC",
     "P:D, gpu, cpu, any, or a part of a name (else $CLTRAIN_DEVICE, else the best)"},
    {"--show", CLI_DATA, CLI_INT, FIELD(show), 0, INT32_MAX, "N", "print the first N reviews"},
    {"--show-errors", CLI_EVALUATE, CLI_INT, FIELD(show_errors), 0, INT32_MAX, "N",
     "print the N most confident mistakes as text"},
    {"--profile", CLI_FIT, CLI_SWITCH, FIELD(profile), 0, 0, "",
     "print what each op took; slows training a little"},
    {"--verbose", CLI_FIT | CLI_EVALUATE | CLI_PREDICT, CLI_INT, FIELD(verbose), 0, 2, "0|1|2",
     "0 no notes and no progress, 1 a bar, 2 a line an epoch"},
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

static const cli_settings defaults = {.model = CLT_MODEL_DEFAULT,
                                      .reading = CLT_READING_DEFAULT,
                                      .batch = 128,
                                      .epochs = 5,
                                      .verbose = 1,
                                      .show = 3,
                                      .min_count = 1,
                                      .top = 1,
                                      .learning_rate = 0.001,
                                      .budget = 30,
                                      .seed = 1};

/* Edits (insert, drop, change a letter) between two words of fewer than 32 letters. */
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
        cli_fail_usage(verb, "unknown option %s; choose from %s", name, choices);
    }
}

/* Reads `text` into the option's field; false, with the error line written, when it is no such
 * value. */
static bool set_value(const cli_verb *verb, const cli_option *option, const char *text,
                      cli_settings *settings)
{
    void *field = (char *)settings + option->offset;
    char *end = NULL;

    if (option->kind != CLI_SWITCH && text[0] == '\0') {
        cli_fail_usage(verb, "%s has an empty value; give it %s", option->name, option->value);
        return false;
    }
    errno = 0;
    switch (option->kind) {
    case CLI_TEXT:
        *(const char **)field = text;
        return true;
    case CLI_INT: {
        long long number = strtoll(text, &end, 10);
        if (end == text || *end != '\0' || errno != 0 || number < option->low ||
            number > option->high) {
            cli_fail_usage(verb, "%s %s: give it a whole number from %d to %d", option->name, text,
                           option->low, option->high);
            return false;
        }
        *(int32_t *)field = (int32_t)number;
        return true;
    }
    case CLI_SEED: {
        unsigned long long number = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
            cli_fail_usage(verb, "%s %s: give it a whole number from 0 to 18446744073709551615",
                           option->name, text);
            return false;
        }
        *(uint64_t *)field = number;
        return true;
    }
    case CLI_REAL: {
        double number = strtod(text, &end);
        if (end == text || *end != '\0' || !(number > 0.0) || !(number <= FLT_MAX)) {
            cli_fail_usage(verb, "%s %s: give it a number above 0 and up to 3.4e38", option->name,
                           text);
            return false;
        }
        *(double *)field = number;
        return true;
    }
    case CLI_SHARE: {
        double number = strtod(text, &end);
        if (end == text || *end != '\0' || !(number > 0.0) || !(number < 1.0)) {
            cli_fail_usage(verb, "%s %s: give it a number between 0 and 1", option->name, text);
            return false;
        }
        *(double *)field = number;
        return true;
    }
    case CLI_SECONDS: {
        double number = strtod(text, &end);
        double unit = strcmp(end, "m") == 0 ? 60.0 : 1.0;
        bool known = *end == '\0' || strcmp(end, "s") == 0 || strcmp(end, "m") == 0;
        if (end == text || !known || !(number > 0.0) || !(number <= 86400.0)) {
            cli_fail_usage(verb, "%s %s: give it a time such as 30s or 2m", option->name, text);
            return false;
        }
        *(double *)field = unit * number;
        return true;
    }
    case CLI_SIDE:
        if (strcmp(text, "pre") != 0 && strcmp(text, "post") != 0) {
            cli_fail_usage(verb, "%s %s: give it pre or post", option->name, text);
            return false;
        }
        *(clt_side *)field = strcmp(text, "pre") == 0 ? CLT_PRE : CLT_POST;
        return true;
    case CLI_SWITCH:
        break;
    }
    *(bool *)field = true;
    return true;
}

/* Reads the option at argv[*k] and moves *k past it and its value. */
static bool take_option(const cli_verb *verb, int argc, char **argv, int *k, cli_settings *settings)
{
    const char *argument = argv[(*k)++];
    const char *text = "";

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
    return set_value(verb, option, text, settings);
}

bool cli_parse(const cli_verb *verb, int argc, char **argv, cli_command *command)
{
    int operands = 0;
    bool ended = false;

    *command = (cli_command){verb, defaults, argv, 0};
    for (int k = 0; k < argc;) {
        char *argument = argv[k];
        if (!ended && strcmp(argument, "--") == 0) {
            ended = true;
            k++;
        } else if (!ended && argument[0] == '-' && argument[1] != '\0') {
            if (!take_option(verb, argc, argv, &k, &command->settings)) {
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

/* What is said after the help: the value that holds without the option; "" when there is none. */
static void default_text(const cli_option *option, char *text, size_t size)
{
    const void *field = (const char *)&defaults + option->offset;

    text[0] = '\0';
    switch (option->kind) {
    case CLI_TEXT:
        if (*(const char *const *)field != NULL) {
            snprintf(text, size, " (default %s)", *(const char *const *)field);
        }
        break;
    case CLI_INT:
        if (*(const int32_t *)field >= option->low) {
            snprintf(text, size, " (default %d)", (int)*(const int32_t *)field);
        }
        break;
    case CLI_REAL:
        snprintf(text, size, " (default %g)", *(const double *)field);
        break;
    case CLI_SECONDS:
        snprintf(text, size, " (default %gs)", *(const double *)field);
        break;
    case CLI_SEED:
        snprintf(text, size, " (default %llu)", (unsigned long long)*(const uint64_t *)field);
        break;
    case CLI_SIDE:
        snprintf(text, size, " (default %s)", *(const clt_side *)field == CLT_PRE ? "pre" : "post");
        break;
    case CLI_SHARE:
    case CLI_SWITCH:
        break;
    }
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
    char text[256], note[96];

    for (size_t k = 0; k < OPTION_COUNT; k++) {
        const cli_option *option = &options[k];
        if ((option->verbs & verb->bit) != 0) {
            default_text(option, note, sizeof note);
            snprintf(text, sizeof text, "%s%s", option->help, note);
            print_wrapped(text, printf("  %s %s", option->name, option->value), 26);
        }
    }
}
