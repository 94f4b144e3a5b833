/* vocabulary.c: words by rank and ranks by word. */
#include "data/vocabulary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "data/utf8.h"
#include "util/memory.h"

/* Its length without the 0. */
static size_t length_of(const clt_vocabulary *vocabulary, int32_t rank)
{
    return vocabulary->words[rank + 1].start - vocabulary->words[rank].start - 1;
}

/* The slot where a word stands, or the free one where it would. */
static clt_word_slot *find_slot(const clt_vocabulary *vocabulary, const char *word, size_t bytes,
                                uint32_t hash)
{
    size_t mask = vocabulary->slot_count - 1, at = hash & mask;
    for (; vocabulary->slots[at].rank != 0; at = (at + 1) & mask) {
        int32_t rank = vocabulary->slots[at].rank;
        if (vocabulary->slots[at].hash == hash && length_of(vocabulary, rank) == bytes &&
            memcmp(clt_vocabulary_text(vocabulary, rank), word, bytes) == 0) {
            break;
        }
    }
    return &vocabulary->slots[at];
}

static uint32_t hash_of(const char *word, size_t bytes)
{
    return (uint32_t)XXH3_64bits(word, bytes);
}

int32_t clt_vocabulary_rank(const clt_vocabulary *vocabulary, const char *word, size_t bytes)
{
    return bytes == 0 ? 0 : find_slot(vocabulary, word, bytes, hash_of(word, bytes))->rank;
}

static clt_status grow_slots(clt_vocabulary *v, size_t count, clt_error *error)
{
    size_t mask = count - 1;
    clt_word_slot *slots = clt_alloc(count, sizeof *slots, "a vocabulary", error);
    if (slots == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < v->slot_count; k++) {
        size_t at = v->slots[k].hash & mask;
        if (v->slots[k].rank != 0) {
            while (slots[at].rank != 0) {
                at = (at + 1) & mask;
            }
            slots[at] = v->slots[k];
        }
    }
    free(v->slots);
    v->slots = slots;
    v->slot_count = count;
    return CLT_OK;
}

/* Makes room for that many words and bytes of text, and what grows at least twice as large. */
static clt_status make_room(clt_vocabulary *v, size_t words, size_t text_bytes, clt_error *error)
{
    clt_status status = CLT_OK;
    size_t slot_count = v->slot_count;
    void *grown;
    if (words >= INT32_MAX || text_bytes > UINT32_MAX) {
        return clt_fail(error, CLT_INPUT, 0,
                        "too many different words: %" PRId32 " take %zu bytes already", v->count,
                        v->text_bytes);
    }
    if (text_bytes > v->text_room) {
        size_t room = text_bytes > 2 * v->text_room ? text_bytes : 2 * v->text_room;
        grown = v->text;
        CLT_TRY(clt_resize(&grown, room, 1, "a vocabulary", error));
        v->text = grown;
        v->text_room = room;
    }
    if (words + 2 > v->word_room) {
        size_t room = words + 2 > 2 * v->word_room ? words + 2 : 2 * v->word_room;
        grown = v->words;
        CLT_TRY(clt_resize(&grown, room, sizeof *v->words, "a vocabulary", error));
        v->words = grown;
        v->word_room = room;
    }
    while (slot_count < 2 * words) {
        slot_count *= 2;
    }
    if (slot_count > v->slot_count) {
        CLT_TRY(grow_slots(v, slot_count, error));
    }
done:
    return status;
}

clt_status clt_vocabulary_add(clt_vocabulary *v, const char *word, size_t bytes, int32_t *rank,
                              clt_error *error)
{
    uint32_t hash = hash_of(word, bytes);
    if (bytes > 0) {
        *rank = find_slot(v, word, bytes, hash)->rank;
        if (*rank != 0) {
            return CLT_OK;
        }
    }
    size_t text_bytes;
    if (!clt_add(v->text_bytes + 1, bytes, &text_bytes)) {
        return clt_fail_memory(error, bytes, "a word");
    }
    clt_status status = make_room(v, (size_t)v->count + 1, text_bytes, error);
    if (status != CLT_OK) {
        return status;
    }
    *rank = ++v->count;
    v->words[*rank] = (clt_word){.start = (uint32_t)v->text_bytes};
    if (bytes > 0) {
        memcpy(v->text + v->text_bytes, word, bytes);
        *find_slot(v, word, bytes, hash) = (clt_word_slot){hash, *rank};
    }
    v->text[text_bytes - 1] = 0;
    v->text_bytes = text_bytes;
    v->words[*rank + 1].start = (uint32_t)text_bytes;
    return CLT_OK;
}

clt_status clt_vocabulary_create_empty(clt_vocabulary **vocabulary, clt_error *error)
{
    enum { SLOTS = 16 };
    clt_vocabulary *made = clt_alloc(1, sizeof *made, "a vocabulary", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->slot_count = SLOTS;
    made->slots = clt_alloc(SLOTS, sizeof *made->slots, "a vocabulary", error);
    if (made->slots == NULL) {
        clt_vocabulary_free(made);
        return CLT_FAILED;
    }
    *vocabulary = made;
    return CLT_OK;
}

static bool is_utf8(const char *text, size_t bytes)
{
    int damaged = 0;
    for (size_t at = 0, length = 0; at < bytes; at += length) {
        (void)clt_utf8_decode(text + at, bytes - at, &length, &damaged);
    }
    return !damaged;
}

clt_status clt_vocabulary_append(clt_vocabulary *v, const char *word, size_t bytes,
                                 clt_error *error)
{
    clt_status status = CLT_OK;
    int32_t rank = v->count + 1, got;
    if (!is_utf8(word, bytes)) {
        return clt_fail(error, CLT_INPUT, 0, "word %" PRId32 " is not UTF-8", rank);
    }
    CLT_TRY(clt_vocabulary_add(v, word, bytes, &got, error));
    if (got != rank) {
        status = clt_fail(error, CLT_INPUT, 0, "word '%s' has the ranks %" PRId32 " and %" PRId32,
                          word, got, rank);
    }
done:
    return status;
}

clt_status clt_vocabulary_create(const char *text, size_t bytes, int32_t count,
                                 clt_vocabulary **vocabulary, clt_error *error)
{
    clt_vocabulary *made = NULL;
    clt_status status = CLT_OK;
    size_t at = 0;
    if (count < 0 || (size_t)count > bytes) {
        return clt_fail(error, CLT_INPUT, 0, "%" PRId32 " words in %zu bytes of text", count,
                        bytes);
    }
    CLT_TRY(clt_vocabulary_create_empty(&made, error));
    CLT_TRY(make_room(made, (size_t)count, bytes, error));
    for (int32_t rank = 1; rank <= count; rank++) {
        const char *end = memchr(text + at, 0, bytes - at);
        if (end == NULL) {
            status = clt_fail(error, CLT_INPUT, 0,
                              "the text of the words ends after %" PRId32 " of %" PRId32 " words",
                              rank - 1, count);
            goto done;
        }
        CLT_TRY(clt_vocabulary_append(made, text + at, (size_t)(end - text) - at, error));
        at = (size_t)(end - text) + 1;
    }
    if (at != bytes) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "the text of the words has %zu bytes, %" PRId32 " words take %zu", bytes,
                          count, at);
        goto done;
    }
    *vocabulary = made;
    made = NULL;
done:
    clt_vocabulary_free(made);
    return status;
}

clt_status clt_vocabulary_copy_below(const clt_vocabulary *vocabulary, int64_t limit,
                                     clt_vocabulary **copy, clt_error *error)
{
    int64_t all = vocabulary->count, wanted = limit > 1 ? limit - 1 : 0;
    int32_t count = (int32_t)(wanted < all ? wanted : all);
    size_t bytes = count > 0 ? vocabulary->words[count + 1].start : 0;
    clt_status status = clt_vocabulary_create(vocabulary->text, bytes, count, copy, error);
    for (int32_t rank = 1; status == CLT_OK && rank <= count; rank++) {
        (*copy)->words[rank].count = vocabulary->words[rank].count;
    }
    return status;
}

void clt_vocabulary_free(clt_vocabulary *vocabulary)
{
    if (vocabulary != NULL) {
        free(vocabulary->text);
        free(vocabulary->words);
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
    const char *word = clt_vocabulary_text(vocabulary, (int32_t)rank);
    return *word != 0 ? word : NULL;
}

int64_t clt_vocabulary_difference(const clt_vocabulary *vocabulary, int32_t index_from,
                                  const clt_vocabulary *other, int32_t other_from)
{
    if (vocabulary == NULL || other == NULL) {
        return -1;
    }
    int64_t shift = (int64_t)index_from - other_from; /* of other's ranks */
    for (int64_t rank = shift < 0 ? 1 - shift : 1; rank <= vocabulary->count; rank++) {
        if (rank + shift > other->count) {
            break;
        }
        const char *word = clt_vocabulary_text(vocabulary, (int32_t)rank);
        const char *another = clt_vocabulary_text(other, (int32_t)(rank + shift));
        if (*word != 0 && *another != 0 && strcmp(word, another) != 0) {
            return rank + index_from;
        }
    }
    return -1;
}

int32_t clt_vocabulary_size(const clt_vocabulary *vocabulary)
{
    return vocabulary->count;
}

int64_t clt_vocabulary_count_of(const clt_vocabulary *vocabulary, int32_t rank)
{
    return rank >= 1 && rank <= vocabulary->count ? vocabulary->words[rank].count : 0;
}
