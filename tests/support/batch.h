/* batch.h: random batches for tests of ops and of their references, written apart from
 * src/data/batch.c and after the same description. */
#ifndef CLT_TESTS_BATCH_H
#define CLT_TESTS_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "util/shapes.h"

typedef struct clt_test_batch {
    clt_extent extent;
    int vocabulary;
    int position_count; /* N; packed, those that are used lie among them */
    int row_count;      /* U */
    int32_t *index;     /* [N] the row of each position */
    int32_t *unique;    /* [U] the id of each row, sorted */
    int32_t *offsets;   /* [U * S + 1] into positions, by (row, shard) */
    int32_t *positions; /* [N] ordered by row, shard, sample, time */
    int32_t *start;     /* [B] of a packed batch, else NULL */
    int longest;        /* its prefix: the largest start, or 0, masked */
} clt_test_batch;

/* Ids below `vocabulary`, the small ones far more often, as words are. */
clt_test_batch clt_test_batch_create(int samples, int timesteps, int vocabulary, uint64_t seed);
/* The same with pads, id 0, at the times before pads[b]. */
clt_test_batch clt_test_batch_pad(int samples, int timesteps, int vocabulary, uint64_t seed,
                                  const int32_t *pads);
/* `plain` packed (clt_sequence): sample b begins at start[b], before which it has pads alone. Start
 * does not fall inside a shard. `masked`: it has no prefix. */
clt_test_batch clt_test_batch_pack(const clt_test_batch *plain, const int32_t *start, bool masked);
void clt_test_batch_free(clt_test_batch *batch);

/* Normal numbers of the given standard deviation; equal seeds give equal numbers, and the float
 * ones are the double ones rounded. */
void clt_test_normal_f32(float *values, size_t count, double deviation, uint64_t seed);
void clt_test_normal_f64(double *values, size_t count, double deviation, uint64_t seed);

#endif
