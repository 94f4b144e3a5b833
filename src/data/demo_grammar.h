/* demo_grammar.h: the language of the demonstration reviews: a context-free grammar over a lexicon
 * of a few hundred English words and tens of thousands of invented ones. */
#ifndef CLT_DATA_DEMO_GRAMMAR_H
#define CLT_DATA_DEMO_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* The longest review, in words. */
#define CLT_DEMO_REVIEW_MAX 2500

typedef struct clt_demo_grammar {
    int32_t word_count;
    uint32_t *starts; /* [word_count] into text */
    char *text;       /* each word ended by 0 */
    size_t text_bytes;
    void *rules; /* private */
} clt_demo_grammar;

CLT_NODISCARD clt_status clt_demo_grammar_create(clt_demo_grammar *grammar, clt_error *error);
void clt_demo_grammar_destroy(clt_demo_grammar *grammar);

/* Review number `review` of this seed: the numbers of its words into words[CLT_DEMO_REVIEW_MAX].
 * Returns how many; 10 or more. Depends on nothing but its arguments. */
size_t clt_demo_grammar_review(const clt_demo_grammar *grammar, uint64_t seed, uint32_t review,
                               bool positive, int32_t *words);

#endif
