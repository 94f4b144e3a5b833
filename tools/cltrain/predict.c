/* predict.c: `cltrain predict`: the sentiment of texts, one line each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "output.h"
#include "runtime.h"
#include "source.h"
#include "verbs.h"

/* Lines of standard input that are predicted together; a person at a terminal gets each answer. */
enum { LINES_TOGETHER = 1024 };
static const size_t LINE_BYTES_MAX = (size_t)64 << 20;

typedef struct session {
    const cli_settings *settings;
    clt_model *model;
    clt_runtime *runtime;
    cli_notes notes;
} session;

static clt_status fail(clt_error *error, clt_status status, const char *message)
{
    error->status = status;
    snprintf(error->message, sizeof error->message, "%s", message);
    return status;
}

static clt_status predict(session *s, const char *const *texts, size_t count, clt_error *error)
{
    size_t classes = (size_t)clt_model_class_count(s->model);
    float *probabilities = calloc(count > 0 ? count : 1, classes * sizeof *probabilities);

    if (probabilities == NULL) {
        return fail(error, CLT_FAILED, "out of memory");
    }
    clt_status status =
        clt_model_predict_text(s->model, s->runtime, texts, count, probabilities, error);
    cli_notes_clear(&s->notes);
    for (size_t k = 0; k < count && status == CLT_OK; k++) {
        const float *p = probabilities + k * classes;
        size_t likeliest = 0;
        for (size_t c = 1; c < classes; c++) {
            likeliest = p[c] > p[likeliest] ? c : likeliest;
        }
        char number[16];
        cli_print_name(cli_class_name(s->model, (int32_t)likeliest, number));
        printf("\t%.4f\n", (double)p[likeliest]);
    }
    cli_flush_stdout();
    free(probabilities);
    return status;
}

/* The next line of standard input without its end, a 0 byte in it as a space. *text NULL: there is
 * none. */
static clt_status read_line(unsigned long number, char **text, clt_error *error)
{
    cli_bytes line = {0};
    int c;

    *text = NULL;
    while ((c = getc(stdin)) != EOF && c != '\n') {
        unsigned char byte = c == '\0' ? ' ' : (unsigned char)c;
        cli_bytes_add(&line, &byte, 1);
        if (line.size > LINE_BYTES_MAX) {
            cli_bytes_free(&line);
            error->status = CLT_INPUT;
            snprintf(error->message, sizeof error->message,
                     "standard input, line %lu: longer than 64 MiB; give one text a line", number);
            return CLT_INPUT;
        }
    }
    if (ferror(stdin)) {
        cli_bytes_free(&line);
        error->status = CLT_INPUT;
        snprintf(error->message, sizeof error->message, "cannot read standard input: %s",
                 strerror(errno));
        return CLT_INPUT;
    }
    if (c == EOF && line.size == 0) {
        cli_bytes_free(&line);
        return CLT_OK;
    }
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    cli_bytes_add(&line, "", 1);
    if (line.failed) {
        cli_bytes_free(&line);
        return fail(error, CLT_FAILED, "out of memory");
    }
    *text = (char *)line.data;
    return CLT_OK;
}

static clt_status predict_lines(session *s, clt_error *error)
{
    char *lines[LINES_TOGETHER];
    size_t together = isatty(STDIN_FILENO) ? 1 : LINES_TOGETHER;
    clt_status status = CLT_OK;
    unsigned long number = 0;
    size_t count;

    do {
        size_t bytes = 0;
        for (count = 0; count < together && bytes < LINE_BYTES_MAX; count++) {
            status = read_line(++number, &lines[count], error);
            if (status != CLT_OK || lines[count] == NULL) {
                break;
            }
            bytes += strlen(lines[count]);
        }
        if (status == CLT_OK && count > 0) {
            status = predict(s, (const char *const *)lines, count, error);
        }
        for (size_t k = 0; k < count; k++) {
            free(lines[k]);
        }
    } while (status == CLT_OK && count > 0 && !ferror(stdout));
    return status;
}

static int run(const cli_command *command)
{
    session s = {.settings = &command->settings};
    const char *const *texts = (const char *const *)command->operands + 1;
    size_t count = (size_t)command->operand_count - 1;
    bool from_stdin = count == 0 || (count == 1 && strcmp(texts[0], "-") == 0);
    clt_error error = {0};

    clt_status status = cli_model_open(command->operands[0], &s.model, &error);
    if (status == CLT_OK && clt_model_vocabulary(s.model) == NULL) {
        error.status = status = CLT_INPUT;
        snprintf(error.message, sizeof error.message,
                 "%.600s holds no words, so texts cannot be read; train it again with --word-index",
                 command->operands[0]);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(s.settings, &s.notes, &s.runtime, &error);
    }
    if (status == CLT_OK) {
        status = from_stdin ? predict_lines(&s, &error) : predict(&s, texts, count, &error);
    }
    cli_notes_clear(&s.notes);
    clt_runtime_destroy(s.runtime);
    clt_model_free(s.model);
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
    .purpose = "say positive or negative, with its probability, for each text",
    .details = "MODEL is the model.safetensors that fit wrote. Without a TEXT, or with - for it, "
               "texts are read\nfrom standard input, one a line. One `label<TAB>probability` line "
               "each.",
    .run = run};
