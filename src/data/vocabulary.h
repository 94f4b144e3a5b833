/* vocabulary.h: what a clt_vocabulary is, for the rooms that build one or write it to a file. */
#ifndef CLT_DATA_VOCABULARY_H
#define CLT_DATA_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"

/* words[0] is unused; words[r] is the word of rank r. All text lies in one block. */
struct clt_vocabulary {
    int32_t count; /* ranks 1 .. count */
    char *text;    /* words, each terminated by 0, in order of rank; an absent rank is "" */
    size_t text_bytes;
    uint32_t *starts;  /* [count + 1] into text */
    uint32_t *slots;   /* open-addressing hash table of ranks, 0 = free */
    size_t slot_count; /* a power of two */
};

/* From `text` as above (copied): `count` strings ended by 0. Errors: CLT_INPUT when the text does
 * not hold exactly that, is not UTF-8, or repeats a word. */
CLT_NODISCARD clt_status clt_vocabulary_create(const char *text, size_t bytes, int32_t count,
                                               clt_vocabulary **vocabulary, clt_error *error);

/* A copy with the words of ranks below `limit`: num_words - index_from for what a model can know. A
 * limit of 1 or less gives a vocabulary without words. */
CLT_NODISCARD clt_status clt_vocabulary_copy_below(const clt_vocabulary *vocabulary, int64_t limit,
                                                   clt_vocabulary **copy, clt_error *error);

/* The rank of a word, 0 when it is not there. */
int32_t clt_vocabulary_rank(const clt_vocabulary *vocabulary, const char *word, size_t bytes);

#endif
