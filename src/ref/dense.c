/* dense.c: the dense layer, without an activation. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/dense.c"
#include "ref/twice.h"
#else

void REF(dense_forward)(int samples, int inputs, int outputs, const REAL *kernel, const REAL *bias,
                        const REAL *x, REAL *y)
{
    for (int b = 0; b < samples; b++) {
        for (int o = 0; o < outputs; o++) {
            REAL sum = 0;
            for (int i = 0; i < inputs; i++) {
                sum += x[(size_t)b * (size_t)inputs + (size_t)i] *
                       kernel[(size_t)i * (size_t)outputs + (size_t)o];
            }
            y[(size_t)b * (size_t)outputs + (size_t)o] = sum + bias[o];
        }
    }
}

/* The sum over samples of x[b] * dy[b], or of dy[b] when x is NULL; each a column of a matrix with
 * the given row length. */
static REAL REF(sum_over_samples)(const clt_shards *shards, const REAL *x, int x_row,
                                  const REAL *dy, int dy_row)
{
    REAL sums[CLT_SHARDS_MAX] = {0};
    bool present[CLT_SHARDS_MAX] = {false};
    for (int s = 0; s < shards->count; s++) {
        for (int b = shards->first[s]; b < shards->first[s + 1]; b++) {
            REAL dyb = dy[(size_t)b * (size_t)dy_row];
            sums[s] += x != NULL ? x[(size_t)b * (size_t)x_row] * dyb : dyb;
        }
        present[s] = true;
    }
    return TREE_SUM(sums, present);
}

void REF(dense_backward)(const clt_extent *extent, int inputs, int outputs, const REAL *kernel,
                         const REAL *x, const REAL *dy, REAL *dx, REAL *dkernel, REAL *dbias)
{
    if (dx != NULL) {
        REF(gemm)
        (false, true, extent->samples, inputs, outputs, dy, outputs, kernel, outputs, false, dx,
         inputs);
    }
    for (int o = 0; o < outputs; o++) {
        for (int i = 0; i < inputs; i++) {
            dkernel[(size_t)i * (size_t)outputs + (size_t)o] +=
                REF(sum_over_samples)(&extent->shards, x + i, inputs, dy + o, outputs);
        }
        dbias[o] += REF(sum_over_samples)(&extent->shards, NULL, 0, dy + o, outputs);
    }
}

#endif
