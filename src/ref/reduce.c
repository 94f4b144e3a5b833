/* reduce.c: sums over samples and positions, in the order that shards.h fixes. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/reduce.c"
#include "ref/twice.h"
#else

/* The sum of one column over a list of positions, in pieces. */
static REAL REF(list_sum)(const int32_t *positions, int count, int columns, const REAL *column)
{
    REAL sum = 0;
    for (int begin = 0; begin < count; begin += CLT_SEGMENT_PIECE) {
        REAL piece = 0;
        for (int k = begin; k < count && k < begin + CLT_SEGMENT_PIECE; k++) {
            piece += column[(size_t)positions[k] * (size_t)columns];
        }
        sum += piece;
    }
    return sum;
}

void REF(segment_sum)(const clt_extent *extent, int row_count, int columns, const int32_t *offsets,
                      const int32_t *positions, const REAL *src, REAL *dst)
{
    int shards = extent->shards.count;
    for (int u = 0; u < row_count; u++) {
        const int32_t *offset = offsets + (size_t)u * (size_t)shards;
        for (int c = 0; c < columns; c++) {
            REAL sums[CLT_SHARDS_MAX] = {0};
            bool present[CLT_SHARDS_MAX] = {false};
            for (int s = 0; s < shards; s++) {
                int count = offset[s + 1] - offset[s];
                sums[s] = REF(list_sum)(positions + offset[s], count, columns, src + c);
                present[s] = count > 0;
            }
            dst[(size_t)u * (size_t)columns + (size_t)c] = TREE_SUM(sums, present);
        }
    }
}

REAL REF(sample_sum)(const clt_extent *extent, const REAL *values)
{
    REAL sums[CLT_SHARDS_MAX] = {0};
    bool present[CLT_SHARDS_MAX] = {false};
    for (int s = 0; s < extent->shards.count; s++) {
        for (int b = extent->shards.first[s]; b < extent->shards.first[s + 1]; b++) {
            sums[s] += values[b];
        }
        present[s] = true;
    }
    return TREE_SUM(sums, present);
}

REAL REF(sum_squares)(const REAL *values, size_t count)
{
    REAL sum = 0;
    for (size_t begin = 0; begin < count; begin += CLT_SQUARES_CHUNK) {
        REAL chunk = 0;
        for (size_t k = begin; k < count && k < begin + CLT_SQUARES_CHUNK; k++) {
            chunk += values[k] * values[k];
        }
        sum += chunk;
    }
    return sum;
}

#endif
