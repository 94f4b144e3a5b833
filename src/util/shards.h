/* shards.h: the order of sums over samples, part of the recipe and never of tuning.
 *
 * A batch of B samples is S = min(8, ceil(B / 8)) shards of consecutive samples. A sum over samples
 * is formed inside each shard; shards are added in a balanced binary tree over 8 leaves, absent
 * ones skipped. On the device and in the reference, everything that has a row per sample and time
 * step lies shard by shard: position(t, b) = T * first[s] + t * size(s) + (b - first[s]). */
#ifndef CLT_UTIL_SHARDS_H
#define CLT_UTIL_SHARDS_H

#include <stdbool.h>
#include <stddef.h>

#define CLT_SHARDS_MAX 8

typedef struct clt_shards {
    int count;                     /* S */
    int first[CLT_SHARDS_MAX + 1]; /* shard s holds samples first[s] .. first[s + 1] - 1 */
} clt_shards;

/* The shards of a batch of B >= 1 samples: first[s] = s * B / S. */
static inline clt_shards clt_shards_of(int batch)
{
    clt_shards shards = {.count =
                             (batch + 7) / 8 < CLT_SHARDS_MAX ? (batch + 7) / 8 : CLT_SHARDS_MAX};
    for (int s = 0; s <= shards.count; s++) {
        shards.first[s] = (int)((long long)s * batch / shards.count);
    }
    return shards;
}

/* Samples of the largest shard. */
static inline int clt_shards_largest(const clt_shards *shards)
{
    return (shards->first[shards->count] + shards->count - 1) / shards->count;
}

static inline int clt_shard_of_sample(const clt_shards *shards, int sample)
{
    int s = 0;
    while (s + 1 < shards->count && sample >= shards->first[s + 1]) {
        s++;
    }
    return s;
}

/* The row of (t, b) in every [N, ...] array of a batch with T time steps, N = T * B. */
static inline size_t clt_position(const clt_shards *shards, int timesteps, int t, int b)
{
    int s = clt_shard_of_sample(shards, b), first = shards->first[s];
    return (size_t)timesteps * (size_t)first + (size_t)t * (size_t)(shards->first[s + 1] - first) +
           (size_t)(b - first);
}

/* The tree over values[0 .. 7], present[s] or absent: ((0+1)+(2+3))+((4+5)+(6+7)), absent leaves
 * skipped; 0 when none is present. REAL is float or double. */
#define CLT_TREE_SUM_DEFINE(name, REAL)                                                            \
    static inline REAL name(const REAL values[CLT_SHARDS_MAX], const bool present[CLT_SHARDS_MAX]) \
    {                                                                                              \
        REAL v[CLT_SHARDS_MAX];                                                                    \
        bool p[CLT_SHARDS_MAX];                                                                    \
        for (int s = 0; s < CLT_SHARDS_MAX; s++) {                                                 \
            v[s] = values[s];                                                                      \
            p[s] = present[s];                                                                     \
        }                                                                                          \
        for (int step = 1; step < CLT_SHARDS_MAX; step *= 2) {                                     \
            for (int s = 0; s < CLT_SHARDS_MAX; s += 2 * step) {                                   \
                if (p[s] && p[s + step]) {                                                         \
                    v[s] += v[s + step];                                                           \
                } else if (p[s + step]) {                                                          \
                    v[s] = v[s + step];                                                            \
                    p[s] = true;                                                                   \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        return p[0] ? v[0] : (REAL)0;                                                              \
    }
CLT_TREE_SUM_DEFINE(clt_tree_sum_f32, float)
CLT_TREE_SUM_DEFINE(clt_tree_sum_f64, double)

#endif
