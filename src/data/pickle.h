/* pickle.h: the one pickle that a data set needs, a NumPy object array of lists of integers, read
 * without a stack machine: there is nothing in here that could run code. */
#ifndef CLT_DATA_PICKLE_H
#define CLT_DATA_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "data/stream.h"

/* Lists of integers in compressed rows. */
typedef struct clt_pickle_lists {
    size_t count;    /* lists */
    size_t *offsets; /* [count + 1]; list k is values[offsets[k]] .. values[offsets[k + 1]] */
    int32_t *values; /* [offsets[count]], each 0 or more */
} clt_pickle_lists;

/* Reads a pickle of protocol 2, 3 or 4, as Python 2, Python 3 and NumPy write it, to its end.
 * Memory grows with the integers that have arrived, not with what the file claims.
 *
 * count        lists that the .npy header announces; the pickle must hold as many.
 * value_limit  most integers that are kept.
 * lists        out: freed with clt_pickle_lists_free.
 * Errors       CLT_INPUT "byte N: opcode REDUCE is not allowed here (...)": any other shape. */
CLT_NODISCARD clt_status clt_pickle_read_lists(clt_stream *stream, size_t count, size_t value_limit,
                                               clt_pickle_lists *lists, clt_error *error);
void clt_pickle_lists_free(clt_pickle_lists *lists);

#endif
