/* data.c: `cltrain data`: what is in a data file, and how the network will see it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "output.h"
#include "scores.h"
#include "source.h"
#include "table.h"
#include "verbs.h"

enum { SHOWN_IDS = 16, SHOWN_WORDS = 60, SHOWN_CLASSES = 20 };

/* What a table of splits says of one. */
typedef struct split {
    size_t count;
    size_t shortest, longest, median, total;
} split;

static int compare_sizes(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;

    return (left > right) - (left < right);
}

/* All zero when there is no such split. */
static bool measure(const clt_dataset *dataset, split *s)
{
    *s = (split){0};
    if (dataset == NULL) {
        return true;
    }
    size_t *lengths = malloc((dataset->count > 0 ? dataset->count : 1) * sizeof *lengths);

    if (lengths == NULL) {
        return false;
    }
    s->count = dataset->count;
    for (size_t k = 0; k < dataset->count; k++) {
        lengths[k] = dataset->offsets[k + 1] - dataset->offsets[k];
        s->total += lengths[k];
    }
    qsort(lengths, s->count, sizeof *lengths, compare_sizes);
    if (s->count > 0) {
        s->shortest = lengths[0];
        s->median = lengths[s->count / 2];
        s->longest = lengths[s->count - 1];
    }
    free(lengths);
    return true;
}

static void print_row(const char *name, int width, uint64_t train, uint64_t test)
{
    char left[32], right[32];

    cli_print_cell(name, width, false);
    printf(" %14s %14s\n", cli_grouped(train, left), cli_grouped(test, right));
}

static size_t count_class(const clt_dataset *dataset, int32_t label)
{
    size_t count = 0;

    for (size_t k = 0; dataset != NULL && k < dataset->count; k++) {
        count += dataset->labels[k] == label;
    }
    return count;
}

static const char *class_name(const cli_source *source, int32_t k, char text[16])
{
    snprintf(text, 16, "%d", (int)k);
    return source->classes != NULL ? source->classes[k] : text;
}

static void print_classes(const cli_source *source)
{
    int32_t count = source->train->class_count;
    char number[16];

    for (int32_t k = 0; k < count && k < SHOWN_CLASSES; k++) {
        printf("  ");
        print_row(class_name(source, k, number), 14, count_class(source->train, k),
                  count_class(source->test, k));
    }
    if (count > SHOWN_CLASSES) {
        printf("  and %d classes more\n", (int)(count - SHOWN_CLASSES));
    }
}

static void print_splits(const cli_source *source, const split *train, const split *test,
                         const clt_reading *reading)
{
    char left[32], right[32];

    printf("%-16s %14s %14s\n", "", "Train", "Test");
    print_row("Reviews", 16, train->count, test->count);
    print_classes(source);
    print_row("Shortest", 16, train->shortest, test->shortest);
    print_row("Median length", 16, train->median, test->median);
    printf("%-16s %14.1f %14.1f\n", "Mean length",
           train->count > 0 ? (double)train->total / (double)train->count : 0.0,
           test->count > 0 ? (double)test->total / (double)test->count : 0.0);
    print_row("Longest", 16, train->longest, test->longest);
    snprintf(left, sizeof left, "(%zu, %d)", train->count, (int)reading->maxlen);
    snprintf(right, sizeof right, "(%zu, %d)", test->count, (int)reading->maxlen);
    printf("%-16s %14s %14s\n", "Padded shape", left, right);
}

static void print_review(const cli_source *source, const clt_reading *reading, size_t k)
{
    const clt_dataset *train = source->train;
    const int32_t *ids = train->ids + train->offsets[k];
    size_t length = train->offsets[k + 1] - train->offsets[k];
    char number[16];

    printf("\nReview %zu: %s, %zu ids\n ", k, class_name(source, train->labels[k], number), length);
    for (size_t j = 0; j < length && j < SHOWN_IDS; j++) {
        printf(" %d", (int)ids[j]);
    }
    printf("%s\n", length > SHOWN_IDS ? " ..." : "");
    if (source->vocabulary == NULL) {
        return;
    }
    cli_bytes text = {0};
    cli_add_words(&text, source->vocabulary, reading, ids,
                  length < SHOWN_WORDS ? length : SHOWN_WORDS);
    cli_bytes_add(&text, "", 1);
    printf("  ");
    cli_print_name(text.failed ? "(no memory)" : (const char *)text.data);
    printf("%s\n", length > SHOWN_WORDS ? " ..." : "");
    cli_bytes_free(&text);
}

static int run(const cli_command *command)
{
    const cli_settings *settings = &command->settings;
    cli_source source = {0};
    split train, test;
    clt_error error = {0};

    clt_status status =
        cli_source_open(command->operands[0], settings, &settings->reading, true, &source, &error);
    if (status == CLT_USAGE) {
        return cli_fail_usage(command->verb, "%s", error.message);
    }
    if (status != CLT_OK) {
        return cli_fail(command->verb, (int)status, "%s", error.message);
    }
    if (!measure(source.train, &train) || !measure(source.test, &test)) {
        cli_source_close(&source);
        return cli_fail(command->verb, CLT_FAILED, "out of memory");
    }
    cli_print_name(source.name);
    printf("%s\n", source.train->synthetic ? ": synthetic reviews, made by a grammar" : "");
    printf("Ids below %d; words %s\n", (int)source.train->num_words,
           source.train_texts != NULL  ? "of the texts to train on"
           : source.word_index != NULL ? source.word_index
           : source.vocabulary != NULL ? "of the grammar"
                                       : "not known (give --word-index FILE)");
    print_splits(&source, &train, &test, &settings->reading);
    size_t shown = (size_t)settings->show;
    for (size_t k = 0; k < shown && k < source.train->count && !cli_stdout_failed(); k++) {
        print_review(&source, &settings->reading, k);
    }
    cli_source_close(&source);
    return CLT_OK;
}

const cli_verb cli_data = {
    .name = "data",
    .bit = CLI_DATA,
    .operands = "FILE",
    .least = 1,
    .most = 1,
    .purpose = "show what is in a data file and how the network will see it",
    .details = "FILE is what fit's --data takes. Ids are those of Keras's load_data, or of the "
               "words of\nthe texts; ? is a word without a name.",
    .run = run};
