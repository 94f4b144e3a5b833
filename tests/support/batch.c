#include "support/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"
#include "util/random.h"

static int32_t *new_ints(size_t count)
{
    int32_t *ints = calloc(count > 0 ? count : 1, sizeof(int32_t));
    assert_non_null(ints);
    return ints;
}

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Replaces ids by rows and lists the ids that occur. */
static void find_unique(clt_test_batch *batch, int32_t *ids)
{
    size_t n = (size_t)batch->position_count;
    int32_t *row_of = new_ints((size_t)batch->vocabulary);
    for (size_t k = 0; k < n; k++) {
        batch->index[k] = ids[k];
    }
    qsort(ids, n, sizeof *ids, ascending);
    for (size_t k = 0; k < n; k++) {
        if (k == 0 || ids[k] != ids[k - 1]) {
            row_of[ids[k]] = batch->row_count;
            batch->unique[batch->row_count++] = ids[k];
        }
    }
    for (size_t k = 0; k < n; k++) {
        batch->index[k] = row_of[batch->index[k]];
    }
    free(row_of);
}

/* The position of (t, b), or with t = T that of n pads of the prefix of b's shard. */
static size_t position_of(const clt_test_batch *batch, int t, int b, int n)
{
    const clt_shards *shards = &batch->extent.shards;
    int s = clt_shard_of_sample(shards, b), first = shards->first[s];
    if (batch->start == NULL) {
        return clt_position(shards, batch->extent.timesteps, t, b);
    }
    size_t position = (size_t)batch->extent.timesteps * (size_t)first;
    for (int k = first; k < shards->first[s + 1]; k++) {
        position += t > batch->start[k] ? (size_t)(t - batch->start[k]) : 0;
    }
    return position + (size_t)(t < batch->extent.timesteps ? b - first : n);
}

/* The prefix of the shard whose last sample b is: how many positions it has. */
static int prefix_of(const clt_test_batch *batch, int b)
{
    int s = clt_shard_of_sample(&batch->extent.shards, b);
    return batch->longest > 0 && b + 1 == batch->extent.shards.first[s + 1] ? batch->start[b] : 0;
}

/* A counting sort over (row, shard) of the positions taken in order of sample, then time. */
static void list_positions(clt_test_batch *batch)
{
    const clt_extent *extent = &batch->extent;
    size_t buckets = (size_t)batch->row_count * (size_t)extent->shards.count;
    batch->offsets = new_ints(buckets + 1);
    int32_t *next = new_ints(buckets + 1);
    for (int pass = 0; pass < 2; pass++) {
        for (int b = 0; b < extent->samples; b++) {
            int first = batch->start != NULL ? batch->start[b] : 0, last = extent->timesteps;
            for (int t = first; t < last + prefix_of(batch, b); t++) {
                size_t n = position_of(batch, t < last ? t : last, b, t - last);
                size_t bucket = (size_t)batch->index[n] * (size_t)extent->shards.count +
                                (size_t)clt_shard_of_sample(&extent->shards, b);
                if (pass == 0) {
                    batch->offsets[bucket + 1]++;
                } else {
                    batch->positions[next[bucket]++] = (int32_t)n;
                }
            }
        }
        for (size_t k = 0; pass == 0 && k < buckets; k++) {
            batch->offsets[k + 1] += batch->offsets[k];
            next[k] = batch->offsets[k];
        }
    }
    free(next);
}

clt_test_batch clt_test_batch_create(int samples, int timesteps, int vocabulary, uint64_t seed)
{
    return clt_test_batch_pad(samples, timesteps, vocabulary, seed, NULL);
}

clt_test_batch clt_test_batch_pad(int samples, int timesteps, int vocabulary, uint64_t seed,
                                  const int32_t *pads)
{
    clt_test_batch batch = {.extent = clt_extent_of(samples, timesteps),
                            .vocabulary = vocabulary,
                            .position_count = samples * timesteps};
    size_t n = (size_t)batch.position_count;
    batch.index = new_ints(n);
    batch.unique = new_ints(n);
    batch.positions = new_ints(n);
    int32_t *ids = new_ints(n);
    clt_random random = clt_random_stream(seed, CLT_RANDOM_DEMO, 1);
    for (size_t k = 0; k < n; k++) {
        ids[k] = (int32_t)(vocabulary * pow(clt_random_uniform(&random), 3.0));
    }
    for (int b = 0; pads != NULL && b < samples; b++) {
        for (int t = 0; t < pads[b]; t++) {
            ids[clt_position(&batch.extent.shards, timesteps, t, b)] = 0;
        }
    }
    find_unique(&batch, ids);
    free(ids);
    list_positions(&batch);
    return batch;
}

clt_test_batch clt_test_batch_pack(const clt_test_batch *plain, const int32_t *start, bool masked)
{
    clt_test_batch batch = *plain;
    const clt_extent *extent = &batch.extent;
    size_t n = (size_t)batch.position_count, samples = (size_t)extent->samples;
    batch.index = new_ints(n);
    batch.unique = new_ints(n);
    batch.positions = new_ints(n);
    batch.start = new_ints(samples);
    memcpy(batch.unique, plain->unique, n * sizeof *batch.unique);
    memcpy(batch.start, start, samples * sizeof *start);
    for (size_t k = 0; k < n; k++) {
        batch.index[k] = 1 << 30; /* nobody reads it */
    }
    for (int b = 0; b < extent->samples && !masked; b++) {
        batch.longest = start[b] > batch.longest ? start[b] : batch.longest;
    }
    for (int b = 0; b < extent->samples; b++) {
        for (int t = start[b]; t < extent->timesteps; t++) {
            batch.index[position_of(&batch, t, b, 0)] =
                plain->index[clt_position(&extent->shards, extent->timesteps, t, b)];
        }
        for (int k = 0; k < prefix_of(&batch, b); k++) {
            batch.index[position_of(&batch, extent->timesteps, b, k)] = 0;
        }
    }
    list_positions(&batch);
    return batch;
}

void clt_test_batch_free(clt_test_batch *batch)
{
    free(batch->start);
    free(batch->index);
    free(batch->unique);
    free(batch->offsets);
    free(batch->positions);
    *batch = (clt_test_batch){0};
}

void clt_test_normal_f64(double *values, size_t count, double deviation, uint64_t seed)
{
    clt_random random = clt_random_stream(seed, CLT_RANDOM_DEMO, 2);
    for (size_t k = 0; k < count; k++) {
        values[k] = deviation * clt_random_normal(&random);
    }
}

void clt_test_normal_f32(float *values, size_t count, double deviation, uint64_t seed)
{
    clt_random random = clt_random_stream(seed, CLT_RANDOM_DEMO, 2);
    for (size_t k = 0; k < count; k++) {
        values[k] = (float)(deviation * clt_random_normal(&random));
    }
}
