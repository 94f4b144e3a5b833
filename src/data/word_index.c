/* word_index.c: a vocabulary from Keras's JSON word index, {"word": rank, ...}. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "data/vocabulary.h"
#include "util/file.h"
#include "util/memory.h"

enum {
    FILE_BYTES_MAX = 16 << 20,
    RANK_MAX = 1 << 22 /* more words than such a file has room for */
};

/* Nested values are refused before the JSON library makes objects of them: 16 MiB of "{}," would
 * take more than a gigabyte. */
static clt_status check_depth(const char *text, size_t bytes, clt_error *error)
{
    int depth = 0, line = 1;
    bool quoted = false;
    for (size_t k = 0; k < bytes; k++) {
        char c = text[k];
        line += c == '\n';
        if (quoted) {
            k += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || (c == '{' && depth++ > 0)) {
            return clt_fail(error, CLT_INPUT, 0,
                            "line %d: '%c' where a word index, {\"word\": rank, ...}, has none",
                            line, c);
        }
    }
    return CLT_OK;
}

/* words[rank] of a parsed index, and the largest rank. The words belong to `index`. */
static clt_status sort_words(json_t *index, const char **words, int32_t *count, clt_error *error)
{
    const char *word;
    json_t *value;
    json_object_foreach(index, word, value)
    {
        if (!json_is_integer(value)) {
            return clt_fail(error, CLT_INPUT, 0, "the rank of '%s' is not an integer", word);
        }
        json_int_t rank = json_integer_value(value);
        if (rank < 1 || rank > RANK_MAX) {
            return clt_fail(error, CLT_INPUT, 0,
                            "the rank of '%s' is %" JSON_INTEGER_FORMAT ", not in 1 .. %d", word,
                            rank, RANK_MAX);
        }
        if (words[rank] != NULL) {
            return clt_fail(error, CLT_INPUT, 0,
                            "'%s' and '%s' both have rank %" JSON_INTEGER_FORMAT, words[rank], word,
                            rank);
        }
        words[rank] = word;
        *count = rank > *count ? (int32_t)rank : *count;
    }
    return CLT_OK;
}

/* The words, each with its 0, in order of rank. */
static clt_status join_words(const char *const *words, int32_t count, char **text, size_t *bytes,
                             clt_error *error)
{
    *bytes = 0;
    for (int32_t rank = 1; rank <= count; rank++) {
        *bytes += (words[rank] != NULL ? strlen(words[rank]) : 0) + 1;
    }
    *text = clt_alloc(*bytes, 1, "words", error);
    if (*text == NULL) {
        return CLT_FAILED;
    }
    char *to = *text;
    for (int32_t rank = 1; rank <= count; rank++) {
        if (words[rank] != NULL) {
            size_t length = strlen(words[rank]);
            memcpy(to, words[rank], length);
            to += length;
        }
        to++; /* the 0 is there */
    }
    return CLT_OK;
}

clt_status clt_vocabulary_open_json(const char *path, clt_vocabulary **vocabulary, clt_error *error)
{
    json_error_t reason;
    json_t *index = NULL;
    const char **words = NULL;
    char *file = NULL, *text = NULL;
    size_t file_bytes, text_bytes;
    int32_t count = 0;
    clt_status status = clt_file_read(path, FILE_BYTES_MAX, &file, &file_bytes, error);
    if (status != CLT_OK) {
        return status;
    }
    CLT_TRY(check_depth(file, file_bytes, error));
    index = json_loadb(file, file_bytes, JSON_REJECT_DUPLICATES, &reason);
    if (index == NULL) {
        status = clt_fail(error, CLT_INPUT, 0, "line %d: %s", reason.line, reason.text);
        goto done;
    }
    words = clt_alloc(RANK_MAX + 1, sizeof *words, "words", error);
    if (words == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    CLT_TRY(sort_words(index, words, &count, error));
    CLT_TRY(join_words(words, count, &text, &text_bytes, error));
    CLT_TRY(clt_vocabulary_create(text, text_bytes, count, vocabulary, error));
done:
    if (status == CLT_INPUT) {
        clt_error_prefix(error, "%s", path);
    }
    json_decref(index);
    free(words);
    free(text);
    free(file);
    return status;
}
