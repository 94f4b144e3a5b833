/* Batches against a plain quadratic builder, over awkward sizes, and the layout's promises. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "util/memory.h"
#include "util/random.h"

/* `count` samples of 0 .. longest ids below num_words; squaring makes small ids frequent. */
static clt_dataset make_dataset(size_t count, uint32_t longest, int32_t num_words, uint32_t stream)
{
    clt_random random = clt_random_stream(5, CLT_RANDOM_DEMO, stream);
    clt_dataset dataset = {.count = count, .num_words = num_words};
    dataset.offsets = calloc(count + 1, sizeof *dataset.offsets);
    dataset.ids = calloc(count * longest + 1, sizeof *dataset.ids);
    dataset.labels = calloc(count, sizeof *dataset.labels);
    assert_non_null(dataset.offsets);
    assert_non_null(dataset.ids);
    assert_non_null(dataset.labels);
    for (size_t k = 0; k < count; k++) {
        size_t end = dataset.offsets[k] + clt_random_below(&random, longest + 1);
        for (size_t i = dataset.offsets[k]; i < end; i++) {
            double u = clt_random_uniform(&random);
            dataset.ids[i] = (int32_t)(u * u * num_words);
        }
        dataset.offsets[k + 1] = end;
        dataset.labels[k] = (int32_t)clt_random_below(&random, 5);
    }
    return dataset;
}

static void free_dataset(clt_dataset *dataset)
{
    free(dataset->offsets);
    free(dataset->ids);
    free(dataset->labels);
}

static int pads_of(const clt_dataset *dataset, const clt_reading *reading, uint32_t sample)
{
    int length = (int)(dataset->offsets[sample + 1] - dataset->offsets[sample]);
    return reading->padding == CLT_PRE && length < reading->maxlen ? reading->maxlen - length : 0;
}

/* Starts: never more than a sample's pads or those that 8 samples and an eighth of all have, never
 * falling inside a shard, and as large as that allows. */
static void check_starts(const clt_batch *batch, const clt_dataset *dataset,
                         const clt_reading *reading, const uint32_t *order, int count)
{
    int shared = 0, longest = 0, computed = 0;
    int needed = count / 8 > 8 ? count / 8 : 8, having;
    do {
        having = 0;
        for (int b = 0; b < count; b++) {
            having += pads_of(dataset, reading, order[b]) > shared;
        }
        shared += having >= needed;
    } while (having >= needed && shared < reading->maxlen);
    for (int b = 0; b < count; b++) {
        int want = batch->packs ? shared : 0;
        int s = clt_shard_of_sample(&batch->extent.shards, b);
        for (int later = b; later < batch->extent.shards.first[s + 1]; later++) {
            int pads = pads_of(dataset, reading, order[later]);
            want = pads < want ? pads : want;
        }
        assert_int_equal(batch->start[b], want);
        longest = want > longest ? want : longest;
        computed += reading->maxlen - want;
    }
    assert_int_equal(batch->longest, longest);
    assert_int_equal(batch->computed, computed);
}

/* The positions of a shard before time t. */
static size_t positions_before(const clt_batch *batch, int shard, int t)
{
    const clt_shards *shards = &batch->extent.shards;
    size_t count = 0;
    for (int b = shards->first[shard]; b < shards->first[shard + 1]; b++) {
        count += batch->start[b] < t ? (size_t)(t - batch->start[b]) : 0;
    }
    return count;
}

static size_t position_of(const clt_batch *batch, int t, int b)
{
    const clt_shards *shards = &batch->extent.shards;
    int s = clt_shard_of_sample(shards, b), first = shards->first[s];
    size_t position = (size_t)batch->extent.timesteps * (size_t)first +
                      positions_before(batch, s, t) + (size_t)(b - first);
    if (batch->longest == 0 && !batch->packed_mask) {
        assert_int_equal(position, clt_position(shards, batch->extent.timesteps, t, b));
    }
    return position;
}

/* The positions of a shard's prefix, all of id 0 and behind all others. */
static size_t check_prefix(const clt_batch *batch, int shard, size_t at)
{
    const clt_shards *shards = &batch->extent.shards;
    int timesteps = batch->extent.timesteps, end = shards->first[shard + 1];
    size_t position = (size_t)timesteps * (size_t)shards->first[shard] +
                      positions_before(batch, shard, timesteps);
    for (int n = 0; n < batch->start[end - 1]; n++, position++) {
        assert_true(position < (size_t)timesteps * (size_t)end);
        assert_int_equal(batch->index[position], 0);
        assert_int_equal(batch->positions[at++], position);
    }
    return at;
}

/* The definition, by brute force: every id in order, every (row, shard, sample, time). */
static void check_batch(const clt_batch *batch, const clt_dataset *dataset,
                        const clt_reading *reading, const uint32_t *order, int count)
{
    int timesteps = reading->maxlen;
    size_t positions = (size_t)count * (size_t)timesteps;
    const clt_shards shards = clt_shards_of(count);
    int32_t *padded = calloc(positions, sizeof *padded); /* [B, T] */
    assert_non_null(padded);
    assert_int_equal(batch->extent.samples, count);
    assert_int_equal(batch->extent.timesteps, timesteps);
    assert_memory_equal(&batch->extent.shards, &shards, sizeof shards);
    for (int b = 0; b < count; b++) {
        size_t begin = dataset->offsets[order[b]];
        clt_pad_sequence(reading, dataset->ids + begin, dataset->offsets[order[b] + 1] - begin,
                         padded + (size_t)b * (size_t)timesteps);
        assert_int_equal(batch->targets[b], dataset->labels[order[b]]);
    }
    check_starts(batch, dataset, reading, order, count);
    int rows = 0;
    size_t segments = 0, at = 0;
    for (int32_t id = 0; id < dataset->num_words; id++) {
        size_t starts[CLT_SHARDS_MAX], before = at;
        for (int s = 0; s < shards.count; s++) {
            starts[s] = at;
            for (int b = shards.first[s]; b < shards.first[s + 1]; b++) {
                for (int t = batch->start[b]; t < timesteps; t++) {
                    if (padded[(size_t)b * (size_t)timesteps + (size_t)t] == id) {
                        size_t position = position_of(batch, t, b);
                        assert_int_equal(batch->index[position], rows);
                        assert_int_equal(batch->positions[at++], position);
                    }
                }
            }
            if (id == 0) {
                at = check_prefix(batch, s, at);
            }
        }
        if (at > before) { /* else the id has no row */
            assert_int_equal(batch->unique[rows++], id);
            for (int s = 0; s < shards.count; s++) {
                assert_int_equal(batch->offsets[segments++], starts[s]);
            }
        }
    }
    assert_int_equal(rows, batch->row_count);
    assert_int_equal(batch->offsets[segments], at);
    assert_true(batch->longest > 0 || at == positions);
    assert_int_equal(batch->used, batch->layout.offsets + segments + 1);
    assert_true(batch->used <= batch->layout.total);
    free(padded);
}

/* Filled by id, every sample's position has the id that its row had. `batch` is filled by row. */
static void check_by_id(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                        const uint32_t *order, int count)
{
    size_t positions = (size_t)count * (size_t)reading->maxlen;
    int32_t *want = malloc(positions * sizeof *want);
    memcpy(want, batch->index, positions * sizeof *want);
    clt_batch_fill_by_id(batch, dataset, reading, order, count);
    assert_true(batch->by_id && batch->row_count == 0 && batch->extent.samples == count);
    check_starts(batch, dataset, reading, order, count);
    for (int b = 0; b < count; b++) {
        for (int t = batch->start[b]; t < reading->maxlen; t++) {
            size_t position = position_of(batch, t, b);
            assert_int_equal(batch->index[position], batch->unique[want[position]]);
        }
        assert_int_equal(batch->targets[b], dataset->labels[order[b]]);
    }
    assert_true(batch->used == batch->layout.positions);
    free(want);
}

static const clt_dataset *sorted_dataset;
static const clt_reading *sorted_reading;

static int by_pads(const void *a, const void *b)
{
    return pads_of(sorted_dataset, sorted_reading, *(const uint32_t *)a) -
           pads_of(sorted_dataset, sorted_reading, *(const uint32_t *)b);
}

/* In the order as it is, then packed, then in an order by leading pads. Returns the positions that
 * packing the latter saves. */
static size_t check_orders(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                           uint32_t *order, int count)
{
    for (int kind = 0; kind < 3; kind++) {
        batch->packs = kind > 0;
        if (kind == 2) {
            sorted_dataset = dataset;
            sorted_reading = reading;
            qsort(order, (size_t)count, sizeof *order, by_pads);
        }
        clt_batch_fill(batch, dataset, reading, order, count);
        check_batch(batch, dataset, reading, order, count);
        check_by_id(batch, dataset, reading, order, count);
    }
    clt_batch_fill(batch, dataset, reading, order, count);
    size_t segments = (size_t)batch->row_count * (size_t)batch->extent.shards.count;
    return (size_t)count * (size_t)reading->maxlen - (size_t)batch->offsets[segments];
}

static void test_against_brute_force(void **state)
{
    (void)state;
    clt_error error;
    static const int samples[] = {1, 3, 8, 9, 40, 128}, timesteps[] = {1, 7, 100};
    static const int32_t words[] = {1, 5, 257, 2000};
    size_t saved = 0;
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        clt_dataset dataset = make_dataset(130, 120, words[w], (uint32_t)w);
        for (size_t k = 0; k < 18; k++) {
            int size = samples[k / 3];
            clt_reading reading = CLT_READING_DEFAULT;
            clt_batch batch;
            uint32_t order[128];
            reading.maxlen = timesteps[k % 3];
            reading.padding = k % 2 == 0 ? CLT_PRE : CLT_POST;
            reading.truncating = k % 4 < 2 ? CLT_PRE : CLT_POST;
            assert_ok(clt_batch_create(size, reading.maxlen, &batch, &error));
            for (int count = size; count > 0; count /= 3) { /* full, then shorter ones */
                for (int b = 0; b < count; b++) {
                    order[b] = (uint32_t)(b * 7 + count) % 130;
                }
                size_t here = check_orders(&batch, &dataset, &reading, order, count);
                assert_true(reading.padding == CLT_PRE || here == 0);
                saved += here;
            }
            clt_batch_destroy(&batch);
        }
        free_dataset(&dataset);
    }
    assert_true(saved > 0);
}

/* Samples of nothing at all, and of exactly as many ids as time steps. */
static void test_all_pads_or_none(void **state)
{
    (void)state;
    clt_error error;
    clt_batch batch;
    uint32_t order[40];
    clt_reading reading = CLT_READING_DEFAULT;
    static const int32_t ids[3] = {1, 0, 2};
    reading.maxlen = 3;
    assert_ok(clt_batch_create(40, 3, &batch, &error));
    batch.packs = true;
    for (size_t length = 0; length <= 3; length += 3) {
        clt_dataset dataset = make_dataset(40, 0, 3, 0);
        for (uint32_t k = 0; k < 40; k++) {
            order[k] = k;
            dataset.offsets[k + 1] = dataset.offsets[k] + length;
        }
        dataset.ids = realloc(dataset.ids, 40 * sizeof ids);
        assert_non_null(dataset.ids);
        for (size_t k = 0; k < 40; k++) {
            memcpy(dataset.ids + 3 * k, ids, sizeof ids);
        }
        clt_batch_fill(&batch, &dataset, &reading, order, 40);
        check_batch(&batch, &dataset, &reading, order, 40);
        assert_int_equal(batch.longest, 3 - length);
        free_dataset(&dataset);
    }
    clt_batch_destroy(&batch);
}

static int by_masked(const void *a, const void *b)
{
    return clt_batch_pads(sorted_dataset, sorted_reading, true, *(const uint32_t *)a) -
           clt_batch_pads(sorted_dataset, sorted_reading, true, *(const uint32_t *)b);
}

/* Masked: the words of a sample, without the zeros anywhere in it, stand at its end. */
static void check_masked(const clt_batch *batch, const clt_dataset *dataset,
                         const clt_reading *reading, const uint32_t *order)
{
    const clt_extent *extent = &batch->extent;
    int32_t padded[100];
    int words = 0;
    bool all_have_words = true;
    assert_ptr_equal(extent->start, batch->start);
    for (int b = 0; b < extent->samples; b++) {
        const size_t *offset = &dataset->offsets[order[b]];
        clt_pad_sequence(reading, dataset->ids + offset[0], offset[1] - offset[0], padded);
        int left = reading->maxlen;
        for (int t = reading->maxlen - 1; t >= 0; t--) {
            if (padded[t] != 0) {
                size_t position = batch->packed_mask
                                      ? position_of(batch, --left, b)
                                      : clt_position(&extent->shards, reading->maxlen, --left, b);
                int32_t at = batch->index[position];
                assert_int_equal(batch->by_id ? at : batch->unique[at], padded[t]);
                words++;
            }
        }
        assert_int_equal(batch->start[b], left);
        all_have_words &= left < reading->maxlen;
        for (int t = 0; t < left && !batch->packed_mask; t++) {
            assert_int_equal(batch->index[clt_position(&extent->shards, reading->maxlen, t, b)], 0);
        }
    }
    assert_int_equal(batch->packed_mask, batch->packs && all_have_words);
    if (!batch->by_id) {
        size_t segments = (size_t)batch->row_count * (size_t)extent->shards.count;
        assert_int_equal(batch->offsets[segments], words > 0 ? words : 1);
    }
}

static void test_masked(void **state)
{
    (void)state;
    clt_error error;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.maxlen = 30;
    for (uint32_t k = 0; k < 16; k++) {
        clt_batch batch;
        uint32_t order[40];
        int count = k % 3 == 0 ? 40 : 1 + (int)k;
        /* at times nothing but zeros, or texts of ten times as many words */
        clt_dataset dataset = make_dataset(40, k % 4 == 3 ? 300 : 40, k == 5 ? 1 : 9, k);
        reading.padding = k & 1 ? CLT_PRE : CLT_POST;
        reading.truncating = k & 2 ? CLT_PRE : CLT_POST;
        for (uint32_t b = 0; b < 40; b++) {
            order[b] = b;
        }
        sorted_dataset = &dataset;
        sorted_reading = &reading;
        qsort(order, (size_t)count, sizeof *order, by_masked);
        assert_ok(clt_batch_create(40, reading.maxlen, &batch, &error));
        batch.masks = true;
        for (int packs = 0; packs < 2; packs++) {
            batch.packs = packs == 1;
            clt_batch_fill(&batch, &dataset, &reading, order, count);
            check_masked(&batch, &dataset, &reading, order);
            clt_batch_fill_by_id(&batch, &dataset, &reading, order, count);
            check_masked(&batch, &dataset, &reading, order);
        }
        clt_batch_destroy(&batch);
        free_dataset(&dataset);
    }
}

static void test_large_ids(void **state)
{
    (void)state;
    clt_error error;
    clt_batch batch;
    clt_reading reading = CLT_READING_DEFAULT;
    int32_t ids[] = {INT32_MAX - 1, 0, 1 << 24, INT32_MAX - 1, 1 << 16, 255, 256};
    size_t offsets[] = {0, 7};
    int32_t label = 1;
    static const int32_t unique[] = {0, 255, 256, 1 << 16, 1 << 24, INT32_MAX - 1};
    static const int32_t index[] = {5, 0, 4, 5, 3, 1, 2};
    clt_dataset dataset = {1, offsets, ids, &label, 2, INT32_MAX, false};
    reading.maxlen = 7;
    assert_ok(clt_batch_create(1, 7, &batch, &error));
    clt_batch_fill(&batch, &dataset, &reading, &(uint32_t){0}, 1);
    assert_int_equal(batch.row_count, 6);
    assert_memory_equal(batch.unique, unique, sizeof unique);
    assert_memory_equal(batch.index, index, sizeof index);
    clt_batch_destroy(&batch);
}

static void test_layout(void **state)
{
    (void)state;
    for (int samples = 1; samples < 200; samples += 13) {
        for (int timesteps = 1; timesteps < 400; timesteps += 57) {
            size_t n = (size_t)samples * (size_t)timesteps;
            size_t shards = (size_t)clt_shards_of(samples).count;
            clt_batch_layout layout = clt_batch_layout_of(samples, timesteps);
            assert_int_equal(layout.targets % 1024, 0);
            assert_int_equal(layout.start % 1024, 0);
            assert_int_equal(layout.index % 1024, 0);
            assert_int_equal(layout.positions % 1024, 0);
            assert_int_equal(layout.unique % 1024, 0);
            assert_int_equal(layout.offsets % 1024, 0);
            assert_true(layout.start >= layout.targets + (size_t)samples);
            assert_true(layout.index >= layout.start + (size_t)samples);
            assert_true(layout.positions >= layout.index + n);
            assert_true(layout.unique >= layout.positions + n);
            assert_true(layout.offsets >= layout.unique + n);
            assert_true(layout.total >= layout.offsets + n * shards + 1);
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    clt_error error;
    clt_batch batch;
    assert_fails(clt_batch_create(0, 100, &batch, &error), CLT_USAGE, "0 samples");
    assert_fails(clt_batch_create(128, -1, &batch, &error), CLT_USAGE, "-1 time steps");
    assert_fails(clt_batch_create(1 << 20, 1 << 20, &batch, &error), CLT_USAGE, "at most");
    for (unsigned long n = 1; n <= 6; n++) {
        clt_memory_fail_at(n, false);
        assert_fails(clt_batch_create(3, 4, &batch, &error), CLT_FAILED, "out of memory");
        assert_null(batch.packed);
    }
    clt_memory_fail_at(0, false);
    clt_batch_destroy(&batch); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_all_pads_or_none),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_large_ids),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
