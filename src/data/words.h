/* words.h: the words of a text, as Keras's Tokenizer finds them. */
#ifndef CLT_DATA_WORDS_H
#define CLT_DATA_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* The rules of clt_words_begin, JSON: what a model file says of how its words were found. They are
 * the options of Keras's Tokenizer, by their names, and before it `spaces`, a regular expression of
 * Python's re, whose matches become spaces. Files of before have the same rules in the other form,
 * where that was left to be known. */
#define CLT_WORDS_FILTERS "\"filters\":\"!\\\"#$%&()*+,-./:;<=>?@[\\\\]^_`{|}~\\t\\n\""
#define CLT_WORDS_SPACES "\"spaces\":\"(?i)<br */?>|[\\\\r\\\\x00]|^\\\\ufeff\""
#define CLT_WORDS_KERAS "\"lower\":true,\"split\":\" \"}"
#define CLT_WORDS_RULES "{" CLT_WORDS_FILTERS "," CLT_WORDS_SPACES "," CLT_WORDS_KERAS
#define CLT_WORDS_RULES_BEFORE "{" CLT_WORDS_FILTERS "," CLT_WORDS_KERAS

/* A walk over the words of texts, one text after the other. Zeroed before the first. */
typedef struct clt_words {
    const char *text;
    size_t bytes, at;
    char *word;  /* the word that clt_words_next has found, not terminated */
    size_t room; /* of word */
} clt_words;

/* Begins a text, which must stay: UTF-8, damaged bytes are U+FFFD, a byte order mark in front is
 * left out, `<br>`, `<br/>` and `<br />` are spaces; then lower case, and what stands between any
 * of !"#$%&()*+,-./:;<=>?@[\]^_`{|}~, space, tab and ends of lines (LF, CR) is a word. 0 separates
 * words too, because it ends them in a vocabulary. Errors: CLT_FAILED. */
CLT_NODISCARD clt_status clt_words_begin(clt_words *words, const char *text, size_t bytes,
                                         clt_error *error);

/* Goes to the next word, of *length >= 1 bytes; false behind the last one. A text of n bytes has
 * at most (n + 1) / 2. */
bool clt_words_next(clt_words *words, size_t *length);

void clt_words_end(clt_words *words); /* frees its memory */

#endif
