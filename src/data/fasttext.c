/* fasttext.c: `__label__NAME text` lines, as fastText's supervised training reads them (its
 * Dictionary::getLine), but one label a line. */
#include <string.h>

#include "data/corpus.h"
#include "data/lines.h"

static const char PREFIX[] = CLT_LABEL_PREFIX;
enum { PREFIX_BYTES = sizeof PREFIX - 1 };

static bool has_prefix(const char *text, size_t bytes)
{
    return bytes >= PREFIX_BYTES && memcmp(text, PREFIX, PREFIX_BYTES) == 0;
}

/* Labels are words that begin with the prefix, wherever they stand. */
static size_t count_labels(const char *line, size_t bytes)
{
    const char *end = line + bytes, *at = line;
    size_t count = 0;
    while (at < end && (at = memchr(at, '_', (size_t)(end - at))) != NULL) {
        count += has_prefix(at, (size_t)(end - at)) && (at == line || clt_is_space(at[-1])) ? 1 : 0;
        at++;
    }
    return count;
}

static size_t word_length(const char *text, size_t bytes)
{
    size_t length = 0;
    while (length < bytes && !clt_is_space(text[length])) {
        length++;
    }
    return length;
}

static clt_status add_line(clt_corpus_builder *builder, size_t number, const char *text,
                           size_t bytes, clt_error *error)
{
    const char *label = NULL;
    size_t label_bytes = 0;
    if (bytes > CLT_LINE_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0, CLT_LINE_TOO_LONG);
    }
    if (!builder->options->unlabelled) {
        size_t labels = count_labels(text, bytes);
        if (labels > 1) {
            return clt_fail(error, CLT_INPUT, 0, "%zu labels (%s): one a line is read", labels,
                            PREFIX);
        }
        if (!has_prefix(text, bytes)) {
            return clt_fail(error, CLT_INPUT, 0, "no label (%s) in front", PREFIX);
        }
    }
    while (has_prefix(text, bytes)) {
        size_t length = word_length(text, bytes);
        label = text;
        label_bytes = length;
        text += length;
        bytes -= length;
        clt_trim(&text, &bytes);
    }
    return clt_corpus_add(builder, number, text, bytes, label, label_bytes, error);
}

clt_status clt_fasttext_read(char *bytes, size_t size, const clt_corpus_options *options,
                             clt_corpus **corpus, clt_error *error)
{
    clt_lines lines = {bytes, bytes + size, 0};
    clt_corpus_builder builder;
    const char *line;
    size_t length;
    clt_status status = clt_corpus_start(&builder, options, bytes, size, error);
    if (status != CLT_OK) {
        return status;
    }
    while (clt_lines_next(&lines, &line, &length)) {
        status = add_line(&builder, lines.number, line, length, &builder.bad);
        CLT_TRY(clt_corpus_bad_row(&builder, lines.number, status, error));
    }
    CLT_TRY(clt_corpus_finish(&builder, corpus, error));
done:
    clt_corpus_abandon(&builder);
    return status;
}
