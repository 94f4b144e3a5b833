/* dropout.c: masks from the counter-based generator. */
#ifndef REAL
#include "ref/ref.h"
#include "util/random.h"
#define REF_FILE "ref/dropout.c"
#include "ref/twice.h"
#else

/* One row: the features of (sample, t). */
static void REF(dropout_row)(int features, double rate, const clt_dropout_counter *counter,
                             int sample, int t, const REAL *x, REAL *y)
{
    uint32_t threshold = clt_dropout_threshold(rate);
    REAL scale = (REAL)(1.0 / (1.0 - rate));
    for (int d = 0; d < features; d++) {
        uint32_t word =
            clt_dropout_word(counter->seed, counter->layer, counter->step, (uint32_t)sample,
                             counter->locked ? 0 : (uint32_t)t, (uint32_t)d);
        y[d] = word >= threshold ? x[d] * scale : 0;
    }
}

void REF(dropout)(const clt_extent *extent, int features, double rate,
                  const clt_dropout_counter *counter, const REAL *x, REAL *y)
{
    for (int b = 0; b < extent->samples; b++) {
        for (int t = 0; t < extent->timesteps; t++) {
            size_t row = clt_position(&extent->shards, extent->timesteps, t, b) * (size_t)features;
            REF(dropout_row)(features, rate, counter, b, t, x + row, y + row);
        }
        if (extent->timesteps == 0) {
            size_t row = (size_t)b * (size_t)features;
            REF(dropout_row)(features, rate, counter, b, 0, x + row, y + row);
        }
    }
}

void REF(dropout_words)(const int32_t *unique, int row_count, int features, double rate,
                        const clt_dropout_counter *counter, REAL *rows)
{
    uint32_t threshold = clt_dropout_threshold(rate);
    REAL scale = (REAL)(1.0 / (1.0 - rate));
    for (int u = 0; u < row_count; u++) {
        uint32_t word = clt_dropout_word(counter->seed, counter->layer, counter->step,
                                         (uint32_t)unique[u], 0, 0);
        for (int d = 0; d < features && unique[u] != 0; d++) {
            rows[(size_t)u * (size_t)features + (size_t)d] *= word >= threshold ? scale : 0;
        }
    }
}

#endif
