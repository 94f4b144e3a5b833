/* lstm.c: the LSTM of Keras 3, forward and back through time. Samples never need each other, so
 * that each runs all its time steps alone.
 *
 * `saved`, in REALs:  gates  [N, 4H] i, f, g, o after their activations
 *                     dgates [N, 4H] gradients before the activations
 *                     c      [N, H]  after the step
 *                     h_in, c_in [N, H] the state before the step, whoever gave it; h_in masked
 *                     mask   [N, H]  what h before the step is multiplied by
 *                     row    [8H]    work space of one sample */
#ifndef REAL
#include <string.h>

#include "ref/ref.h"
#define REF_FILE "ref/lstm.c"
#include "ref/twice.h"
#else

typedef struct REF(lstm_arrays) {
    size_t hidden;
    REAL *gates, *dgates, *c, *h_in, *c_in, *mask, *row;
} REF(lstm_arrays);

static size_t REF(lstm_positions)(const clt_extent *extent)
{
    return (size_t)extent->samples * (size_t)extent->timesteps;
}

static REF(lstm_arrays)
    REF(lstm_slices)(const clt_extent *extent, const clt_lstm_config *config, REAL *saved)
{
    size_t hidden = (size_t)config->hidden, n = REF(lstm_positions)(extent);
    REF(lstm_arrays) a = {.hidden = hidden, .gates = saved};
    a.dgates = a.gates + n * 4 * hidden;
    a.c = a.dgates + n * 4 * hidden;
    a.h_in = a.c + n * hidden;
    a.c_in = a.h_in + n * hidden;
    a.mask = a.c_in + n * hidden;
    a.row = a.mask + n * hidden;
    return a;
}

size_t REF(lstm_saved)(const clt_extent *extent, const clt_lstm_config *config)
{
    return (REF(lstm_positions)(extent) * 12 + 8) * (size_t)config->hidden;
}

/* The k-th time step of a range in the direction of time. */
static int REF(lstm_time)(const clt_lstm_config *config, clt_lstm_range range, int k)
{
    return config->reverse ? range.t1 - 1 - k : range.t0 + k;
}

static bool REF(lstm_masked)(const clt_extent *extent, int t, int b)
{
    return extent->start != NULL && t < extent->start[b];
}

/* sums[columns] += vector[n] . matrix[n, columns] */
static void REF(add_product)(const REAL *vector, size_t n, const REAL *matrix, size_t columns,
                             REAL *sums)
{
    for (size_t k = 0; k < n; k++) {
        for (size_t j = 0; j < columns; j++) {
            sums[j] += vector[k] * matrix[k * columns + j];
        }
    }
}

/* sums[n] += matrix[n, columns] . vector[columns] */
static void REF(add_transposed)(const REAL *vector, size_t columns, const REAL *matrix, size_t n,
                                REAL *sums)
{
    for (size_t k = 0; k < n; k++) {
        REAL sum = 0;
        for (size_t j = 0; j < columns; j++) {
            sum += matrix[k * columns + j] * vector[j];
        }
        sums[k] += sum;
    }
}

/* sums[count] += values[count] */
static void REF(add)(const REAL *values, size_t count, REAL *sums)
{
    for (size_t k = 0; k < count; k++) {
        sums[k] += values[k];
    }
}

/* dst = src, or zeros when src is NULL */
static void REF(copy_or_zero)(REAL *dst, const REAL *src, size_t count)
{
    if (src != NULL) {
        memcpy(dst, src, count * sizeof(REAL));
    } else {
        memset(dst, 0, count * sizeof(REAL));
    }
}

/* From z [4H] before the activations: stores the step at position n and moves the state on. */
static void REF(lstm_cell)(const REF(lstm_arrays) * a, size_t n, const REAL *z, REAL *h, REAL *c)
{
    size_t hidden = a->hidden;
    REAL *gates = a->gates + n * 4 * hidden;
    memcpy(a->c_in + n * hidden, c, hidden * sizeof(REAL));
    for (size_t j = 0; j < hidden; j++) {
        REAL i = REF(sigmoid)(z[j]), f = REF(sigmoid)(z[hidden + j]);
        REAL g = tanh(z[2 * hidden + j]), o = REF(sigmoid)(z[3 * hidden + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * tanh(c[j]);
        gates[j] = i;
        gates[hidden + j] = f;
        gates[2 * hidden + j] = g;
        gates[3 * hidden + j] = o;
    }
    memcpy(a->c + n * hidden, c, hidden * sizeof(REAL));
}

void REF(lstm_forward)(const clt_extent *extent, const clt_lstm_config *config,
                       clt_lstm_range range, const REAL *kernel, const REAL *recurrent_kernel,
                       const REAL *bias, const REAL *rows, int row_count, const int32_t *index,
                       const REAL *recurrent_mask, const REAL *h0, const REAL *c0, REAL *y,
                       REAL *hT, REAL *cT, REAL *saved)
{
    (void)row_count;
    REF(lstm_arrays) a = REF(lstm_slices)(extent, config, saved);
    size_t hidden = a.hidden, features = (size_t)config->features;
    size_t width = (size_t)clt_lstm_width(config);
    y += config->column;
    REAL *z = a.row, *h = a.row + 4 * hidden, *c = a.row + 5 * hidden;
    for (int b = 0; b < extent->samples; b++) {
        size_t state = (size_t)b * hidden;
        REF(copy_or_zero)(h, h0 != NULL ? h0 + state : NULL, hidden);
        REF(copy_or_zero)(c, c0 != NULL ? c0 + state : NULL, hidden);
        for (int k = 0; k < range.t1 - range.t0; k++) {
            int t = REF(lstm_time)(config, range, k);
            size_t n = clt_position(&extent->shards, extent->timesteps, t, b);
            REAL *mask = a.mask + n * hidden, *h_in = a.h_in + n * hidden;
            for (size_t j = 0; j < hidden; j++) {
                mask[j] = recurrent_mask != NULL ? recurrent_mask[n * hidden + j] : 1;
                h_in[j] = h[j] * mask[j];
            }
            if (!REF(lstm_masked)(extent, t, b)) {
                const REAL *x = rows + (index != NULL ? (size_t)index[n] : n) * features;
                memset(z, 0, 4 * hidden * sizeof(REAL));
                REF(add_product)(x, features, kernel, 4 * hidden, z);
                REF(add_product)(h_in, hidden, recurrent_kernel, 4 * hidden, z);
                REF(add)(bias, 4 * hidden, z);
                REF(lstm_cell)(&a, n, z, h, c);
            }
            if (config->sequence) {
                memcpy(y + n * width, h, hidden * sizeof(REAL));
            }
        }
        if (!config->sequence) {
            memcpy(y + (size_t)b * width, h, hidden * sizeof(REAL));
        }
        if (hT != NULL) {
            memcpy(hT + state, h, hidden * sizeof(REAL));
        }
        if (cT != NULL) {
            memcpy(cT + state, c, hidden * sizeof(REAL));
        }
    }
}

/* dh, dc: gradients of the state after the step at position n; writes the gate gradients there and
 * turns dc into the gradient of c before the step. */
static void REF(lstm_cell_backward)(const REF(lstm_arrays) * a, size_t n, const REAL *dh, REAL *dc)
{
    size_t hidden = a->hidden;
    const REAL *gates = a->gates + n * 4 * hidden;
    REAL *dgates = a->dgates + n * 4 * hidden;
    for (size_t j = 0; j < hidden; j++) {
        REAL i = gates[j], f = gates[hidden + j], g = gates[2 * hidden + j];
        REAL o = gates[3 * hidden + j], tanh_c = tanh(a->c[n * hidden + j]);
        REAL dcj = dc[j] + dh[j] * o * (1 - tanh_c * tanh_c);
        dgates[j] = dcj * g * i * (1 - i);
        dgates[hidden + j] = dcj * a->c_in[n * hidden + j] * f * (1 - f);
        dgates[2 * hidden + j] = dcj * i * (1 - g * g);
        dgates[3 * hidden + j] = dh[j] * tanh_c * o * (1 - o);
        dc[j] = dcj * f;
    }
}

/* All dgates of the range, and the gradients of the state before it. */
static void REF(lstm_through_time)(const clt_extent *extent, const clt_lstm_config *config,
                                   clt_lstm_range range, const REAL *recurrent_kernel,
                                   const REAL *dy, const REAL *dhT, const REAL *dcT,
                                   const REF(lstm_arrays) * a, REAL *dh0, REAL *dc0)
{
    size_t hidden = a->hidden, width = (size_t)clt_lstm_width(config);
    REAL *dh = a->row, *dc = a->row + hidden;
    for (int b = 0; b < extent->samples; b++) {
        size_t state = (size_t)b * hidden;
        REF(copy_or_zero)(dh, dhT != NULL ? dhT + state : NULL, hidden);
        REF(copy_or_zero)(dc, dcT != NULL ? dcT + state : NULL, hidden);
        for (int k = range.t1 - range.t0 - 1; k >= 0; k--) {
            int t = REF(lstm_time)(config, range, k);
            size_t n = clt_position(&extent->shards, extent->timesteps, t, b);
            if (dy != NULL && (config->sequence || k == range.t1 - range.t0 - 1)) {
                size_t row = config->sequence ? n : (size_t)b;
                REF(add)(dy + row * width + (size_t)config->column, hidden, dh);
            }
            if (REF(lstm_masked)(extent, t, b)) {
                memset(a->dgates + n * 4 * hidden, 0, 4 * hidden * sizeof(REAL));
                memset(a->h_in + n * hidden, 0, hidden * sizeof(REAL));
                continue;
            }
            REF(lstm_cell_backward)(a, n, dh, dc);
            memset(dh, 0, hidden * sizeof(REAL));
            REF(add_transposed)
            (a->dgates + n * 4 * hidden, 4 * hidden, recurrent_kernel, hidden, dh);
            for (size_t j = 0; j < hidden; j++) {
                dh[j] *= a->mask[n * hidden + j];
            }
        }
        if (dh0 != NULL) {
            memcpy(dh0 + state, dh, hidden * sizeof(REAL));
        }
        if (dc0 != NULL) {
            memcpy(dc0 + state, dc, hidden * sizeof(REAL));
        }
    }
}

/* drecurrent_kernel[j, g] += the sum over the range's positions of h_in[n, j] * dgates[n, g] */
static void REF(lstm_recurrent_gradient)(const clt_extent *extent, clt_lstm_range range,
                                         const REF(lstm_arrays) * a, REAL *drecurrent_kernel)
{
    const clt_shards *shards = &extent->shards;
    size_t hidden = a->hidden, columns = 4 * hidden;
    for (size_t j = 0; j < hidden; j++) {
        for (size_t g = 0; g < columns; g++) {
            REAL sums[CLT_SHARDS_MAX] = {0};
            bool present[CLT_SHARDS_MAX] = {false};
            for (int s = 0; s < shards->count; s++) {
                /* A shard's positions lie together, in order of t. */
                size_t first = (size_t)shards->first[s] * (size_t)extent->timesteps;
                size_t size = (size_t)(shards->first[s + 1] - shards->first[s]);
                for (size_t n = first + (size_t)range.t0 * size;
                     n < first + (size_t)range.t1 * size; n++) {
                    sums[s] += a->h_in[n * hidden + j] * a->dgates[n * columns + g];
                }
                present[s] = true;
            }
            drecurrent_kernel[j * columns + g] += TREE_SUM(sums, present);
        }
    }
}

void REF(lstm_backward)(const clt_extent *extent, const clt_lstm_config *config,
                        clt_lstm_range range, const REAL *kernel, const REAL *recurrent_kernel,
                        const REAL *rows, int row_count, const int32_t *index,
                        const int32_t *offsets, const int32_t *positions, const REAL *dy,
                        const REAL *dhT, const REAL *dcT, REAL *saved, REAL *drows, REAL *dkernel,
                        REAL *drecurrent_kernel, REAL *dbias, REAL *dh0, REAL *dc0)
{
    REF(lstm_arrays) a = REF(lstm_slices)(extent, config, saved);
    size_t features = (size_t)config->features, columns = 4 * a.hidden;
    REF(lstm_through_time)(extent, config, range, recurrent_kernel, dy, dhT, dcT, &a, dh0, dc0);
    REF(lstm_recurrent_gradient)(extent, range, &a, drecurrent_kernel);
    if (config->reverse ? range.t1 != extent->timesteps : range.t0 != 0) {
        return; /* earlier steps are still to come */
    }
    for (size_t u = 0; u < (size_t)row_count; u++) {
        const REAL *x = rows + u * features, *dp = a.dgates + u * columns;
        if (index != NULL) {
            REF(segment_sum)
            (extent, 1, (int)columns, offsets + u * (size_t)extent->shards.count, positions,
             a.dgates, a.row);
            dp = a.row;
        }
        for (size_t d = 0; d < features; d++) {
            for (size_t g = 0; g < columns; g++) {
                dkernel[d * columns + g] += x[d] * dp[g];
            }
        }
        REF(add)(dp, columns, dbias);
        if (drows != NULL) {
            if (!config->adds_drows) {
                memset(drows + u * features, 0, features * sizeof(REAL));
            }
            REF(add_transposed)(dp, columns, kernel, features, drows + u * features);
        }
    }
}

#endif
