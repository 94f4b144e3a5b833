/* vocabulary.h: what a clt_vocabulary is, for the rooms that build one or write it to a file. */
#ifndef CLT_DATA_VOCABULARY_H
#define CLT_DATA_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/vocabulary.h"

typedef struct clt_word {
    uint32_t start; /* into text */
    int64_t count;  /* occurrences in the training texts; 0: not known */
} clt_word;

typedef struct clt_word_slot {
    uint32_t hash; /* the low bits of the word's */
    int32_t rank;  /* 0: free */
} clt_word_slot;

/* Words in order of rank, and an open-addressing hash table of them; both grow. */
struct clt_vocabulary {
    int32_t count; /* ranks 1 .. count */
    char *text;    /* words, each terminated by 0, in order of rank; an absent rank is "" */
    size_t text_bytes, text_room;
    clt_word *words; /* [word_room]; 0 is unused, and words[count + 1].start is text_bytes */
    size_t word_room;
    clt_word_slot *slots;
    size_t slot_count; /* a power of two, at least twice the words */
};

/* From `text` as above (copied): `count` strings ended by 0. Errors: CLT_INPUT when the text does
 * not hold exactly that, is not UTF-8, or repeats a word. */
CLT_NODISCARD clt_status clt_vocabulary_create(const char *text, size_t bytes, int32_t count,
                                               clt_vocabulary **vocabulary, clt_error *error);

/* One without words, to add to. */
CLT_NODISCARD clt_status clt_vocabulary_create_empty(clt_vocabulary **vocabulary, clt_error *error);

/* The rank of a word, which is added behind the others when it is not there; no bytes: an absent
 * rank. The word has no 0 in it. Errors: CLT_INPUT for words of over 4 GiB or 2^31 - 2 in all. */
CLT_NODISCARD clt_status clt_vocabulary_add(clt_vocabulary *vocabulary, const char *word,
                                            size_t bytes, int32_t *rank, clt_error *error);

/* Adds what must be a new word, terminated, from a source that is not trusted. Errors: CLT_INPUT
 * when it is there already or is not UTF-8. */
CLT_NODISCARD clt_status clt_vocabulary_append(clt_vocabulary *vocabulary, const char *word,
                                               size_t bytes, clt_error *error);

/* A copy with the words of ranks below `limit`: num_words - index_from for what a model can know. A
 * limit of 1 or less gives a vocabulary without words. */
CLT_NODISCARD clt_status clt_vocabulary_copy_below(const clt_vocabulary *vocabulary, int64_t limit,
                                                   clt_vocabulary **copy, clt_error *error);

/* The word of a rank, 1 .. count. */
static inline const char *clt_vocabulary_text(const clt_vocabulary *vocabulary, int32_t rank)
{
    return vocabulary->text + vocabulary->words[rank].start;
}

/* The rank of a word, 0 when it is not there. */
int32_t clt_vocabulary_rank(const clt_vocabulary *vocabulary, const char *word, size_t bytes);

#endif
