/* predict.c: `cltrain predict`: the likeliest class of texts, one line each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "output.h"
#include "runtime.h"
#include "source.h"
#include "texts.h"
#include "verbs.h"

enum { TEXTS_TOGETHER = 1024, READ_BYTES = 1 << 20 };
static const size_t LINE_BYTES_MAX = (size_t)64 << 20;

typedef struct session {
    const cli_settings *settings;
    clt_model *model;
    clt_runtime *runtime;
    cli_notes notes;
    cli_source source;        /* --data that are ids */
    clt_corpus *train, *test; /* --data that are texts */
} session;

static clt_status print_answer(session *s, const char *text, size_t bytes,
                               const float *probabilities, clt_error *error)
{
    const cli_settings *settings = s->settings;
    clt_status status = CLT_OK;
    cli_explanation explanation = {0};

    if (settings->explain) {
        int32_t label = cli_likeliest(probabilities, clt_model_class_count(s->model));
        status = cli_explain(s->model, s->runtime, text, bytes, label, (double)probabilities[label],
                             &explanation, error);
    }
    if (status == CLT_OK) {
        status = cli_print_answer(s->model, probabilities, settings->top, settings->json,
                                  settings->explain ? &explanation : NULL, error);
    }
    cli_explanation_free(&explanation);
    return status;
}

static clt_status predict(session *s, const char *const *texts, size_t count, clt_error *error)
{
    size_t classes = (size_t)clt_model_class_count(s->model);
    float *probabilities = calloc(count > 0 ? count : 1, classes * sizeof *probabilities);

    if (probabilities == NULL) {
        return cli_set_memory_error(error);
    }
    clt_status status =
        clt_model_predict_text(s->model, s->runtime, texts, count, probabilities, error);
    cli_notes_clear(&s->notes);
    for (size_t k = 0; k < count && status == CLT_OK && !cli_stdout_failed(); k++) {
        status = print_answer(s, texts[k], strlen(texts[k]), probabilities + k * classes, error);
    }
    cli_flush_stdout();
    free(probabilities);
    return status;
}

/* ---- lines of standard input ---- */

/* Answers the whole lines in `bytes` and takes them out. A 0 byte in a line is a space. */
static clt_status answer_lines(session *s, cli_bytes *bytes, bool at_end, clt_error *error)
{
    const char *texts[TEXTS_TOGETHER];
    clt_status status = CLT_OK;
    size_t at = 0, count = 0;
    char *data = (char *)bytes->data;

    while (status == CLT_OK && at < bytes->size) {
        char *line = data + at, *end = memchr(line, '\n', bytes->size - at);
        if (end == NULL && !at_end) {
            break;
        }
        size_t length = end != NULL ? (size_t)(end - line) : bytes->size - at;
        at += length + (end != NULL);
        for (size_t k = 0; k < length; k++) {
            line[k] = line[k] != '\0' ? line[k] : ' ';
        }
        length -= length > 0 && line[length - 1] == '\r';
        line[length] = '\0'; /* the line's end, or the byte kept free behind the last line */
        texts[count++] = line;
        if (count == TEXTS_TOGETHER) {
            status = predict(s, texts, count, error);
            count = 0;
        }
    }
    if (status == CLT_OK && count > 0) {
        status = predict(s, texts, count, error);
    }
    bytes->size -= at;
    memmove(bytes->data, bytes->data + at, bytes->size);
    return status;
}

/* What has come is answered before more is waited for, so that a person or a program at the other
 * end of a pipe gets each answer. */
static clt_status predict_lines(session *s, clt_error *error)
{
    unsigned char *chunk = malloc(READ_BYTES);
    cli_bytes bytes = {0};
    clt_status status = CLT_OK;
    ssize_t got = 1;

    if (chunk == NULL) {
        return cli_set_memory_error(error);
    }
    while (status == CLT_OK && got > 0 && !cli_stdout_failed()) {
        do {
            got = read(STDIN_FILENO, chunk, READ_BYTES);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            status =
                cli_set_error(error, CLT_INPUT, "cannot read standard input: %s", strerror(errno));
            break;
        }
        cli_bytes_add(&bytes, chunk, (size_t)got);
        cli_bytes_add(&bytes, "", 1); /* the free byte */
        if (bytes.failed) {
            status = cli_set_memory_error(error);
            break;
        }
        bytes.size--;
        status = answer_lines(s, &bytes, got == 0, error);
        if (status == CLT_OK && bytes.size > LINE_BYTES_MAX) {
            status =
                cli_set_error(error, CLT_INPUT,
                              "standard input: a line longer than 64 MiB; give one text a line");
        }
    }
    free(chunk);
    cli_bytes_free(&bytes);
    return status;
}

/* ---- a file ---- */

/* Some at a time, so that answers come while others are computed. texts: of the samples; NULL: they
 * are ids. */
static clt_status predict_samples(session *s, const clt_dataset *samples, const clt_corpus *texts,
                                  clt_error *error)
{
    enum { AT_A_TIME = 8192 };
    size_t classes = (size_t)clt_model_class_count(s->model);
    float *probabilities = calloc(AT_A_TIME, classes * sizeof *probabilities);

    clt_status status = probabilities == NULL ? cli_set_memory_error(error) : CLT_OK;
    for (size_t first = 0; status == CLT_OK && first < samples->count && !cli_stdout_failed();
         first += AT_A_TIME) {
        clt_dataset some = *samples;
        some.offsets = samples->offsets + first;
        some.labels = samples->labels != NULL ? samples->labels + first : NULL;
        some.count = samples->count - first < AT_A_TIME ? samples->count - first : AT_A_TIME;
        status = clt_model_predict(s->model, s->runtime, &some, s->settings->batch, probabilities,
                                   error);
        cli_notes_clear(&s->notes);
        for (size_t k = 0; k < some.count && status == CLT_OK && !cli_stdout_failed(); k++) {
            const char *text = NULL;
            size_t bytes = 0;
            if (texts != NULL) {
                text = texts->text + texts->offsets[first + k];
                bytes = texts->offsets[first + k + 1] - texts->offsets[first + k];
            }
            status = print_answer(s, text, bytes, probabilities + k * classes, error);
        }
        cli_flush_stdout();
    }
    free(probabilities);
    return status;
}

static clt_status predict_texts(session *s, const clt_corpus *texts, clt_error *error)
{
    clt_dataset *samples = NULL;

    clt_status status = clt_corpus_encode(texts, clt_model_vocabulary(s->model),
                                          clt_model_reading(s->model), &samples, error);
    if (status == CLT_OK) {
        status = predict_samples(s, samples, texts, error);
    }
    clt_dataset_free(samples);
    return status;
}

/* Ids are read as evaluate reads them. */
static clt_status open_data(session *s, clt_error *error)
{
    const cli_settings *settings = s->settings;

    if (cli_source_is_ids(settings->data)) {
        if (settings->explain) {
            return cli_set_error(error, CLT_USAGE, "--explain is for texts, and %.400s holds ids",
                                 settings->data);
        }
        return cli_source_open_for(settings->data, settings, s->model, false, &s->source, error);
    }
    return cli_texts_read(settings->data, settings, false, &s->train, &s->test, error);
}

/* All texts of the data in their order: a training part, then a test part. Of ids, the test part.
 */
static clt_status predict_data(session *s, clt_error *error)
{
    if (s->source.test != NULL) {
        return predict_samples(s, s->source.test, NULL, error);
    }
    clt_status status = predict_texts(s, s->train, error);
    if (status == CLT_OK && s->test != NULL) {
        status = predict_texts(s, s->test, error);
    }
    return status;
}

static clt_status answer(session *s, const cli_command *command, clt_error *error)
{
    const char *const *texts = (const char *const *)command->operands + 1;
    size_t count = (size_t)command->operand_count - 1;

    if (s->settings->data != NULL) {
        return predict_data(s, error);
    }
    if (count == 0 || (count == 1 && strcmp(texts[0], "-") == 0)) {
        return predict_lines(s, error);
    }
    return predict(s, texts, count, error);
}

static int run(const cli_command *command)
{
    session s = {.settings = &command->settings};
    clt_error error = {0};

    if (s.settings->data != NULL && command->operand_count > 1) {
        return cli_fail_usage(command->verb, "give it --data or texts, not both");
    }
    clt_status status = cli_model_open(command->operands[0], &s.model, &error);
    bool ids = s.settings->data != NULL && cli_source_is_ids(s.settings->data);
    if (status == CLT_OK && !ids && clt_model_vocabulary(s.model) == NULL) {
        status = cli_set_error(
            &error, CLT_INPUT,
            "%.600s holds no words, so texts cannot be read; train it again with --word-index",
            command->operands[0]);
    }
    if (status == CLT_OK && s.settings->data != NULL) {
        status = open_data(&s, &error);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(s.settings, &s.notes, &s.runtime, &error);
    }
    if (status == CLT_OK) {
        status = answer(&s, command, &error);
    }
    cli_notes_clear(&s.notes);
    clt_runtime_destroy(s.runtime);
    clt_model_free(s.model);
    cli_source_close(&s.source);
    clt_corpus_free(s.train);
    clt_corpus_free(s.test);
    if (status == CLT_USAGE) {
        return cli_fail_usage(command->verb, "%s", error.message);
    }
    return status == CLT_OK ? CLT_OK : cli_fail(command->verb, (int)status, "%s", error.message);
}

const cli_verb cli_predict = {
    .name = "predict",
    .bit = CLI_PREDICT,
    .operands = "MODEL [TEXT ...]",
    .least = 1,
    .most = -1,
    .purpose = "say the likeliest label, with its probability, of each text",
    .details = "MODEL is the model.safetensors that fit wrote. Without a TEXT, or with - for it, "
               "texts are read\nfrom standard input, one a line, and answered as they come. One "
               "`label<TAB>probability` line each.\n--data are answered in their order; of "
               "imdb.npz and demo the test reviews, as\nevaluate reads them.",
    .run = run};
