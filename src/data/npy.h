/* npy.h: the header of a NumPy array file and its integers (numpy/lib/format.py). */
#ifndef CLT_DATA_NPY_H
#define CLT_DATA_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/stream.h"

#define CLT_NPY_HEADER_MAX 10000 /* NumPy's own _MAX_HEADER_SIZE */

/* Of a one-dimensional array in C order. */
typedef struct clt_npy_header {
    char kind;     /* 'i', 'u', 'b', or 'O': Python objects, the payload is a pickle */
    int item_size; /* bytes: 1, 2, 4, 8; 0 for 'O' */
    bool big_endian;
    uint64_t count;
} clt_npy_header;

/* Reads magic, version (1 to 3) and the literal dict up to the payload.
 * Errors: CLT_INPUT "byte N: what"; any other dtype, rank or order is one. */
CLT_NODISCARD clt_status clt_npy_read_header(clt_stream *stream, clt_npy_header *header,
                                             clt_error *error);

/* Reads the header and an integer array of at most `limit` labels, each 0 or 1.
 * labels  out: *count of them, freed by the caller with free(). */
CLT_NODISCARD clt_status clt_npy_read_labels(clt_stream *stream, size_t limit, int32_t **labels,
                                             size_t *count, clt_error *error);

#endif
