/* pool.c: one vector a sample from a sequence: the last step, the mean, the largest value. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/pool.c"
#include "ref/twice.h"
#else

/* All kinds of row[t * stride]; returns how many steps have the largest value. */
static int REF(pool_values)(const REAL *row, size_t stride, int timesteps,
                            REAL value[CLT_POOL_KINDS])
{
    REAL v = row[0], sum = v, most = v;
    int ties = 1;
    for (int t = 1; t < timesteps; t++) {
        v = row[(size_t)t * stride];
        sum += v;
        ties = v > most ? 1 : ties + (v == most);
        most = v <= most || isnan(most) ? most : v;
    }
    value[CLT_POOL_LAST] = v;
    value[CLT_POOL_MEAN] = sum / (REAL)timesteps;
    value[CLT_POOL_MAX] = most;
    return ties;
}

/* Elements from one time step of a sample to the next. */
static size_t REF(pool_stride)(const clt_extent *extent, int sample, int features)
{
    int s = clt_shard_of_sample(&extent->shards, sample);
    return (size_t)(extent->shards.first[s + 1] - extent->shards.first[s]) * (size_t)features;
}

/* The sample's masked steps, and the first position behind them. */
static size_t REF(pool_first)(const clt_extent *extent, int sample, int *masked)
{
    *masked = extent->start != NULL ? extent->start[sample] : 0;
    int t = *masked < extent->timesteps ? *masked : 0;
    return clt_position(&extent->shards, extent->timesteps, t, sample);
}

void REF(pool_forward)(const clt_extent *extent, const clt_pool_config *config, const REAL *x,
                       REAL *y)
{
    size_t features = (size_t)config->features, width = (size_t)config->count * features;
    for (int b = 0; b < extent->samples; b++, y += width) {
        int masked;
        size_t first = REF(pool_first)(extent, b, &masked) * features;
        size_t stride = REF(pool_stride)(extent, b, config->features);
        for (size_t d = 0; d < features; d++) {
            REAL value[CLT_POOL_KINDS] = {0};
            if (masked < extent->timesteps) {
                (void)REF(pool_values)(x + first + d, stride, extent->timesteps - masked, value);
            }
            for (int k = 0; k < config->count; k++) {
                y[(size_t)k * features + d] = value[config->kinds[k]];
            }
        }
    }
}

void REF(pool_backward)(const clt_extent *extent, const clt_pool_config *config, const REAL *x,
                        const REAL *dy, REAL *dx)
{
    size_t features = (size_t)config->features, width = (size_t)config->count * features;
    for (int b = 0; b < extent->samples; b++, dy += width) {
        int masked;
        size_t first = REF(pool_first)(extent, b, &masked) * features;
        size_t start = clt_position(&extent->shards, extent->timesteps, 0, b) * features;
        size_t stride = REF(pool_stride)(extent, b, config->features);
        int T = extent->timesteps - masked;
        for (size_t d = 0; d < features; d++) {
            for (int t = 0; t < masked; t++) {
                dx[start + (size_t)t * stride + d] = 0;
            }
            if (T == 0) {
                continue;
            }
            REAL value[CLT_POOL_KINDS], dvalue[CLT_POOL_KINDS] = {0};
            int ties = REF(pool_values)(x + first + d, stride, T, value);
            for (int k = 0; k < config->count; k++) {
                dvalue[config->kinds[k]] = dy[(size_t)k * features + d];
            }
            for (int t = 0; t < T; t++) {
                size_t at = first + (size_t)t * stride + d;
                dx[at] = dvalue[CLT_POOL_MEAN] / (REAL)T;
                dx[at] += x[at] == value[CLT_POOL_MAX] ? dvalue[CLT_POOL_MAX] / (REAL)ties : 0;
                dx[at] += t == T - 1 ? dvalue[CLT_POOL_LAST] : 0;
            }
        }
    }
}

#endif
