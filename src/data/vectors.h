/* vectors.h: files of word vectors, one word after the other. Files are not trusted. */
#ifndef CLT_DATA_VECTORS_H
#define CLT_DATA_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* An opened file, in one of these forms, which its first bytes tell apart:
 *
 * GloVe text       a line each: the word, then its numbers, separated by spaces
 * word2vec text    the same behind a line `V D`: how many, how wide. fastText's .vec is this, too
 * word2vec binary  a line `V D`, then V times the word, a space, D floats, perhaps a line end
 *
 * What `V D` says is held against what is there and never sizes anything. */
typedef struct clt_vectors clt_vectors;

/* width: how many numbers each word has to have. Errors, of all three: CLT_INPUT "PATH: what,
 * where", also when the file has another width; CLT_FAILED. */
CLT_NODISCARD clt_status clt_vectors_open(const char *path, int32_t width, clt_vectors **vectors,
                                          clt_error *error);

/* Goes to the next word, not terminated, any bytes; *word is NULL behind the last one. It lives
 * until the next call. Numbers are counted here, and read only by clt_vectors_read. */
CLT_NODISCARD clt_status clt_vectors_next(clt_vectors *vectors, const char **word, size_t *bytes,
                                          clt_error *error);

/* The numbers of the current word, all finite.
 *
 * values  out [width] */
CLT_NODISCARD clt_status clt_vectors_read(const clt_vectors *vectors, float *values,
                                          clt_error *error);

void clt_vectors_close(clt_vectors *vectors); /* NULL allowed */

#endif
