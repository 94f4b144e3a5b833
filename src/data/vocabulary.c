/* vocabulary.c: words by rank and ranks by word. */
#include "data/vocabulary.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "data/utf8.h"
#include "util/memory.h"

static const char *word_of(const clt_vocabulary *vocabulary, int32_t rank)
{
    return vocabulary->text + vocabulary->starts[rank];
}

/* The slot where a word stands, or the free one where it would. */
static size_t find_slot(const clt_vocabulary *vocabulary, const char *word, size_t bytes)
{
    size_t slot = (size_t)XXH3_64bits(word, bytes) & (vocabulary->slot_count - 1);
    while (vocabulary->slots[slot] != 0) {
        const char *other = word_of(vocabulary, (int32_t)vocabulary->slots[slot]);
        if (strncmp(other, word, bytes) == 0 && other[bytes] == 0) {
            break;
        }
        slot = (slot + 1) & (vocabulary->slot_count - 1);
    }
    return slot;
}

int32_t clt_vocabulary_rank(const clt_vocabulary *vocabulary, const char *word, size_t bytes)
{
    return bytes == 0 || memchr(word, 0, bytes) != NULL
               ? 0
               : (int32_t)vocabulary->slots[find_slot(vocabulary, word, bytes)];
}

static bool is_utf8(const char *text, size_t bytes)
{
    int damaged = 0;
    for (size_t at = 0, length = 0; at < bytes; at += length) {
        (void)clt_utf8_decode(text + at, bytes - at, &length, &damaged);
    }
    return !damaged;
}

/* Finds the words in `text` and puts each into the table. */
static clt_status index_words(clt_vocabulary *v, clt_error *error)
{
    size_t at = 0;
    for (int32_t rank = 1; rank <= v->count; rank++) {
        const char *word = v->text + at, *end = memchr(word, 0, v->text_bytes - at);
        if (end == NULL) {
            return clt_fail(error, CLT_INPUT, 0,
                            "the text of the words ends after %" PRId32 " of %" PRId32 " words",
                            rank - 1, v->count);
        }
        size_t bytes = (size_t)(end - word);
        v->starts[rank] = (uint32_t)at;
        at += bytes + 1;
        if (bytes == 0) {
            continue; /* an absent rank */
        }
        if (!is_utf8(word, bytes)) {
            return clt_fail(error, CLT_INPUT, 0, "word %" PRId32 " is not UTF-8", rank);
        }
        size_t slot = find_slot(v, word, bytes);
        if (v->slots[slot] != 0) {
            return clt_fail(error, CLT_INPUT, 0, "word '%s' has the ranks %" PRIu32 " and %" PRId32,
                            word, v->slots[slot], rank);
        }
        v->slots[slot] = (uint32_t)rank;
    }
    if (at != v->text_bytes) {
        return clt_fail(error, CLT_INPUT, 0,
                        "the text of the words has %zu bytes, %" PRId32 " words take %zu",
                        v->text_bytes, v->count, at);
    }
    return CLT_OK;
}

clt_status clt_vocabulary_create(const char *text, size_t bytes, int32_t count,
                                 clt_vocabulary **vocabulary, clt_error *error)
{
    clt_vocabulary *made = NULL;
    clt_status status = CLT_FAILED;
    /* Every word has its 0, so that the text bounds the count before anything is allocated. */
    if (count < 0 || (size_t)count > bytes || bytes > UINT32_MAX) {
        return clt_fail(error, CLT_INPUT, 0, "%" PRId32 " words in %zu bytes of text", count,
                        bytes);
    }
    made = clt_alloc(1, sizeof *made, "a vocabulary", error);
    if (made == NULL) {
        goto done;
    }
    made->count = count;
    made->text_bytes = bytes;
    made->slot_count = 16;
    while (made->slot_count < 2 * (size_t)count) {
        made->slot_count *= 2;
    }
    made->text = clt_alloc(bytes, 1, "a vocabulary", error);
    made->starts = clt_alloc((size_t)count + 1, sizeof *made->starts, "a vocabulary", error);
    made->slots = clt_alloc(made->slot_count, sizeof *made->slots, "a vocabulary", error);
    if (made->text == NULL || made->starts == NULL || made->slots == NULL) {
        goto done;
    }
    if (bytes > 0) {
        memcpy(made->text, text, bytes);
    }
    CLT_TRY(index_words(made, error));
    *vocabulary = made;
    made = NULL;
done:
    clt_vocabulary_free(made);
    return status;
}

clt_status clt_vocabulary_copy_below(const clt_vocabulary *vocabulary, int64_t limit,
                                     clt_vocabulary **copy, clt_error *error)
{
    if (limit > vocabulary->count) {
        return clt_vocabulary_create(vocabulary->text, vocabulary->text_bytes, vocabulary->count,
                                     copy, error);
    }
    int32_t count = limit > 1 ? (int32_t)(limit - 1) : 0;
    size_t bytes = count > 0 ? vocabulary->starts[count + 1] : 0;
    return clt_vocabulary_create(vocabulary->text, bytes, count, copy, error);
}

void clt_vocabulary_free(clt_vocabulary *vocabulary)
{
    if (vocabulary != NULL) {
        free(vocabulary->text);
        free(vocabulary->starts);
        free(vocabulary->slots);
        free(vocabulary);
    }
}

const char *clt_vocabulary_word(const clt_vocabulary *vocabulary, const clt_reading *reading,
                                int32_t id)
{
    if (vocabulary == NULL) {
        return NULL;
    }
    int64_t rank = (int64_t)id - reading->index_from;
    if (rank < 1 || rank > vocabulary->count) {
        return NULL;
    }
    const char *word = word_of(vocabulary, (int32_t)rank);
    return *word != 0 ? word : NULL;
}
