/* random.h: counter-based random numbers, Philox4x32-10 (Salmon et al., "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011). The same function stands in cl/common.cl. */
#ifndef CLT_UTIL_RANDOM_H
#define CLT_UTIL_RANDOM_H

#include <stdint.h>

/* What a number is for; part of the counter, so that purposes never share numbers. */
typedef enum clt_random_purpose {
    CLT_RANDOM_INIT = 1,    /* initial weights: (element / 4, tensor number) */
    CLT_RANDOM_SHUFFLE = 2, /* order of samples: (element / 4, epoch) */
    CLT_RANDOM_DROPOUT = 3, /* masks, see cl/dropout.cl */
    CLT_RANDOM_DEMO = 4,    /* the demonstration reviews */
    CLT_RANDOM_SPLIT = 5    /* samples set aside: one stream a class */
} clt_random_purpose;

/* out = Philox4x32-10(counter, key = seed's low and high word). */
void clt_philox(const uint32_t counter[4], uint64_t seed, uint32_t out[4]);

/* The number of element (sample, t, feature) of a dropout mask: word feature % 4 of
 * Philox(counter = {sample, t, feature / 4, purpose + 256 * layer}, seed + step * an odd constant).
 * All in logical places, so that no launch shape changes a mask. */
uint32_t clt_dropout_word(uint64_t seed, uint32_t layer, uint32_t step, uint32_t sample, uint32_t t,
                          uint32_t feature);

/* An element is kept when its word is at least this: rate * 2^32, rounded up; 0 <= rate < 1. */
uint32_t clt_dropout_threshold(double rate);

/* A stream for sequential use: numbers 0, 1, 2, ... of (seed, purpose, sub-stream). */
typedef struct clt_random {
    uint64_t seed;
    uint32_t purpose, stream;
    uint64_t next; /* number of 32-bit words drawn */
    uint32_t block[4];
} clt_random;

clt_random clt_random_stream(uint64_t seed, clt_random_purpose purpose, uint32_t stream);
uint32_t clt_random_u32(clt_random *random);
double clt_random_uniform(clt_random *random);                 /* [0, 1), 32 bits */
uint32_t clt_random_below(clt_random *random, uint32_t limit); /* unbiased, limit >= 1 */
double clt_random_normal(clt_random *random);                  /* mean 0, variance 1 */

#endif
