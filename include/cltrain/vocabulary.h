/* vocabulary.h: the words of a data set, and texts as their ids. */
#ifndef CLTRAIN_VOCABULARY_H
#define CLTRAIN_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/corpus.h"
#include "cltrain/dataset.h"
#include "cltrain/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A clt_vocabulary holds words by rank, 1 .. its size, most frequent first; a word's id is its rank
 * + index_from. It knows how often each word occurred in the training texts, where it was made from
 * texts.
 *
 * The words of a text are those of Keras's Tokenizer (keras/src/legacy/preprocessing/text.py):
 * lower case as Python's str.lower(), split at !"#$%&()*+,-./:;<=>?@[\]^_`{|}~, space, tab and LF.
 * Before that, and not in Keras, `<br>`, `<br/>`, `<br />` in any case, CR and 0 become spaces, a
 * byte order mark in front is left out, and damaged UTF-8 becomes U+FFFD. */

/* The words of a text, each ended by 0, one behind the other.
 *
 * words   out: freed by the caller with free().
 * Errors  CLT_FAILED: no memory. */
CLT_NODISCARD clt_status clt_text_split(const char *text, size_t bytes, char **words, size_t *count,
                                        clt_error *error);

/* Collects the words of training texts: most frequent first, words that are equally frequent by
 * their first appearance, as Tokenizer.fit_on_texts.
 *
 * corpus      its labels are not read.
 * reading     as many words as its num_words has ids for, num_words - index_from - 1; num_words 0:
 *             all of them. NULL: the defaults.
 * min_count   words that occur less often are left out; 1 leaves none out.
 * vocabulary  out: freed with clt_vocabulary_free.
 * Errors      CLT_USAGE: reading makes no sense. CLT_INPUT: more than 4 GiB of different words. */
CLT_NODISCARD clt_status clt_vocabulary_build(const clt_corpus *corpus, const clt_reading *reading,
                                              int64_t min_count, clt_vocabulary **vocabulary,
                                              clt_error *error);

/* Reads a JSON word index, {"word": rank, ...} (Keras's imdb_word_index.json); ranks are unique,
 * from 1 to 4194304. Errors: CLT_INPUT with the file and what is wrong: where it is no JSON, the
 * line; a file of more than 16 MiB. */
CLT_NODISCARD clt_status clt_vocabulary_open_json(const char *path, clt_vocabulary **vocabulary,
                                                  clt_error *error);
void clt_vocabulary_free(clt_vocabulary *vocabulary); /* NULL allowed */

/* The largest rank: the number of words, but for ranks that a word index leaves out. */
int32_t clt_vocabulary_size(const clt_vocabulary *vocabulary);

/* How often the word of a rank occurred in the training texts; 0: not known. */
int64_t clt_vocabulary_count_of(const clt_vocabulary *vocabulary, int32_t rank);

/* The word of an id, or NULL where none is known (0 pad, 1 start, 2 unknown, 3 unused have none).
 * Belongs to the vocabulary. NULL vocabulary: NULL. */
const char *clt_vocabulary_word(const clt_vocabulary *vocabulary, const clt_reading *reading,
                                int32_t id);

/* Holds the ids of two vocabularies against each other; a word's id is its rank + index_from, of
 * `other` its rank + other_from.
 *
 * Returns the lowest id to which both give a word, and not the same one; -1: there is none, or one
 * of them is NULL. */
int64_t clt_vocabulary_difference(const clt_vocabulary *vocabulary, int32_t index_from,
                                  const clt_vocabulary *other, int32_t other_from);

/* The ids of a text: start_char in front; unknown words and those at or above num_words become
 * oov_char. (datasets/imdb.py)
 *
 * ids          out: an array of *count ids, freed by the caller with free().
 * Errors       CLT_FAILED: no memory. */
CLT_NODISCARD clt_status clt_vocabulary_encode(const clt_vocabulary *vocabulary,
                                               const clt_reading *reading, const char *text,
                                               size_t bytes, int32_t **ids, size_t *count,
                                               clt_error *error);

/* The same for every text of a corpus, with its labels.
 *
 * reading   NULL: the defaults. Where it keeps more ids than there are words, the data set's
 *           num_words is the largest id + 1 that the words have.
 * dataset   out: freed with clt_dataset_free; its labels are NULL when the corpus's are.
 * Errors    CLT_USAGE: reading makes no sense. */
CLT_NODISCARD clt_status clt_corpus_encode(const clt_corpus *corpus,
                                           const clt_vocabulary *vocabulary,
                                           const clt_reading *reading, clt_dataset **dataset,
                                           clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
