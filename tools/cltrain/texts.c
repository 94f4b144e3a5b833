/* texts.c: data that are texts: from files as people wrote them to what a network trains on. */
#include "texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "output.h"

/* Of Keras's load_data: files that are sorted by class come out mixed. */
static const uint32_t SHUFFLE_SEED = 113;

/* Of the rows that --skip-bad-rows left out. */
static void note_bad_rows(const char *name, const clt_corpus *texts)
{
    const size_t bad = texts->bad_rows, listed = bad < CLT_BAD_LINES ? bad : CLT_BAD_LINES;
    char lines[CLT_BAD_LINES * 24 + 40] = "";
    int used = 0;

    for (size_t k = 0; k < listed; k++) {
        used += snprintf(lines + used, sizeof lines - (size_t)used, "%s%zu", k > 0 ? ", " : "",
                         texts->bad_lines[k]);
    }
    if (bad > listed) {
        snprintf(lines + used, sizeof lines - (size_t)used, " and %zu more", bad - listed);
    }
    cli_note("%s: %zu bad row%s passed over: line%s %s", name, bad, bad == 1 ? "" : "s",
             bad == 1 ? "" : "s", lines);
}

clt_status cli_texts_read(const char *name, const cli_settings *settings, bool labels,
                          clt_corpus **train, clt_corpus **test, clt_error *error)
{
    const clt_corpus_options options = {.text_column = settings->text_column,
                                        .label_column = settings->label_column,
                                        .unlabelled = !labels,
                                        .skip_bad_rows = settings->skip_bad_rows};
    clt_status status = clt_corpus_open(name, &options, train, test, error);

    /* what has a test part is a file each, which no row is */
    if (status == CLT_OK && (*train)->bad_rows > 0 && settings->verbose > 0) {
        note_bad_rows(name, *train);
    }
    return status;
}

/* --validation: the test part of what PATH names, or all of it. */
static clt_status open_validation(const cli_settings *settings, cli_source *source,
                                  clt_error *error)
{
    clt_corpus *all = NULL, *test = NULL;
    clt_status status = cli_source_check_validation(settings->validation, source->name, error);

    if (status != CLT_OK) {
        return status;
    }
    status = cli_texts_read(settings->validation, settings, true, &all, &test, error);

    if (status == CLT_OK) {
        clt_corpus_free(source->test_texts);
        source->test_texts = test != NULL ? test : all;
        clt_corpus_free(test != NULL ? all : NULL);
        status = clt_corpus_use_classes(source->test_texts,
                                        (const char *const *)source->train_texts->classes,
                                        source->train_texts->class_count, error);
        if (status == CLT_INPUT) {
            cli_prefix(error, settings->validation);
        }
    }
    return status;
}

static clt_status split_validation(const cli_settings *settings, cli_source *source,
                                   clt_error *error)
{
    clt_corpus *rest, *part;
    clt_status status = clt_corpus_split(source->train_texts, settings->validation_split,
                                         settings->seed, &rest, &part, error);

    if (status == CLT_OK) {
        clt_corpus_free(source->train_texts);
        clt_corpus_free(source->test_texts);
        source->train_texts = rest;
        source->test_texts = part;
    }
    return status;
}

clt_status cli_texts_open(const char *name, const cli_settings *settings,
                          const clt_reading *reading, cli_source *source, clt_error *error)
{
    clt_status status =
        cli_texts_read(name, settings, true, &source->train_texts, &source->test_texts, error);

    if (status == CLT_OK) {
        status = clt_corpus_shuffle(source->train_texts, source->test_texts, SHUFFLE_SEED, error);
    }
    if (status == CLT_OK && settings->validation != NULL) {
        status = open_validation(settings, source, error);
    } else if (status == CLT_OK && settings->validation_split > 0.0) {
        status = split_validation(settings, source, error);
    }
    if (status != CLT_OK) {
        return status;
    }
    clt_corpus train = *source->train_texts; /* a view of the first --limit */
    if (settings->limit > 0 && (size_t)settings->limit < train.count) {
        train.count = (size_t)settings->limit;
    }
    status = clt_vocabulary_build(&train, reading, settings->min_count, &source->vocabulary, error);
    if (status == CLT_OK && settings->min_count > 1 &&
        clt_vocabulary_size(source->vocabulary) == 0) {
        status = cli_set_error(error, CLT_USAGE,
                               "--min-count %d: no word occurs so often in the texts to train on",
                               (int)settings->min_count);
    }
    if (status == CLT_OK) {
        status = clt_corpus_encode(&train, source->vocabulary, reading, &source->train, error);
    }
    if (status == CLT_OK && source->test_texts != NULL) {
        status = clt_corpus_encode(source->test_texts, source->vocabulary, reading, &source->test,
                                   error);
    }
    if (status == CLT_OK) {
        source->reading.num_words = source->train->num_words;
    }
    return status;
}

/* Numbers the labels as the model does. */
static clt_status use_model_classes(const char *name, const clt_model *model, clt_corpus *texts,
                                    clt_error *error)
{
    int32_t count = clt_model_class_count(model);
    const char **names = calloc((size_t)count, sizeof *names);
    char(*numbers)[16] = calloc((size_t)count, sizeof *numbers);

    if (names == NULL || numbers == NULL) {
        free(names);
        free(numbers);
        return cli_set_memory_error(error);
    }
    for (int32_t k = 0; k < count; k++) {
        names[k] = cli_class_name(model, k, numbers[k]);
    }
    clt_status status = clt_corpus_use_classes(texts, names, count, error);
    if (status == CLT_INPUT) {
        cli_prefix(error, name);
        cli_advise(error, "the model knows no others");
    }
    free(names);
    free(numbers);
    return status;
}

clt_status cli_texts_open_for(const char *name, const cli_settings *settings,
                              const clt_model *model, cli_source *source, clt_error *error)
{
    const clt_vocabulary *vocabulary = clt_model_vocabulary(model);
    clt_corpus *all = NULL;

    if (vocabulary == NULL) {
        return cli_set_error(
            error, CLT_INPUT,
            "the model holds no words, so the texts of %.400s cannot be read; train it again "
            "with --word-index",
            name);
    }
    clt_status status = cli_texts_read(name, settings, true, &all, &source->test_texts, error);
    if (status != CLT_OK) {
        return status;
    }
    if (source->test_texts == NULL) {
        source->test_texts = all;
        all = NULL;
    }
    clt_corpus_free(all);
    status = use_model_classes(name, model, source->test_texts, error);
    if (status == CLT_OK) {
        status = clt_corpus_encode(source->test_texts, vocabulary, clt_model_reading(model),
                                   &source->test, error);
    }
    return status;
}
