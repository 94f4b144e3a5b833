/* The loader: every sample once and in the promised order, batches that stay valid as long as
 * promised, restarts and stops at any moment. Run under ThreadSanitizer too. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/loader.h"
#include "util/memory.h"
#include "util/random.h"

/* Sample k is the single id k, so that a batch tells which samples it holds. */
static clt_dataset make_dataset(size_t count)
{
    clt_dataset dataset = {.count = count, .num_words = (int32_t)count + 1};
    dataset.offsets = calloc(count + 1, sizeof *dataset.offsets);
    dataset.ids = calloc(count + 1, sizeof *dataset.ids);
    dataset.labels = calloc(count + 1, sizeof *dataset.labels);
    assert_non_null(dataset.offsets);
    assert_non_null(dataset.ids);
    assert_non_null(dataset.labels);
    for (size_t k = 0; k < count; k++) {
        dataset.offsets[k + 1] = k + 1;
        dataset.ids[k] = (int32_t)k;
        dataset.labels[k] = (int32_t)(k % 2);
    }
    return dataset;
}

static void free_dataset(clt_dataset *dataset)
{
    free(dataset->offsets);
    free(dataset->ids);
    free(dataset->labels);
}

static clt_reading one_step(void)
{
    clt_reading reading = CLT_READING_DEFAULT;
    reading.maxlen = 1;
    return reading;
}

/* The sample in place b of a batch with one time step. */
static uint32_t sample_of(const clt_batch *batch, int b)
{
    return (uint32_t)batch->unique[batch->index[b]];
}

/* Takes a pass from batch `first` on; got[k] is the sample in place k. */
static void take_rest(clt_loader *loader, int first, size_t count, int batch_size, uint32_t *got)
{
    const clt_batch *batch, *before = NULL;
    clt_batch copy = {0};
    size_t at = (size_t)first * (size_t)batch_size;
    int steps = first;
    while ((batch = clt_loader_next(loader)) != NULL) {
        size_t left = count - at, expected = left < (size_t)batch_size ? left : (size_t)batch_size;
        assert_int_equal(batch->extent.samples, expected);
        for (int b = 0; b < batch->extent.samples; b++) {
            got[at + (size_t)b] = sample_of(batch, b);
            assert_int_equal(batch->targets[b], got[at + (size_t)b] % 2);
        }
        if (before != NULL) { /* the batch before is still whole */
            nanosleep(&(struct timespec){0, 200000}, NULL);
            assert_int_equal(before->used, copy.used);
            assert_memory_equal(before->packed, copy.packed, copy.used * sizeof *copy.packed);
        }
        free(copy.packed);
        copy = *batch;
        copy.packed = malloc(batch->used * sizeof *copy.packed);
        assert_non_null(copy.packed);
        memcpy(copy.packed, batch->packed, batch->used * sizeof *copy.packed);
        before = batch;
        at += expected;
        steps++;
    }
    free(copy.packed);
    assert_int_equal(at, count);
    assert_int_equal(steps, clt_loader_steps(loader));
    assert_null(clt_loader_next(loader));
}

static void take_pass(clt_loader *loader, size_t count, int batch_size, uint32_t *got)
{
    take_rest(loader, 0, count, batch_size, got);
}

static void test_order(void **state)
{
    (void)state;
    clt_error error;
    static const struct {
        size_t count;
        int batch;
    } cases[] = {{1, 1}, {1, 128}, {2, 1}, {3, 1}, {4, 1}, {7, 3}, {128, 128}, {300, 128}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t count = cases[c].count;
        uint32_t got[300], again[300];
        clt_dataset dataset = make_dataset(count);
        clt_reading reading = one_step();
        clt_loader *loader;
        assert_ok(clt_loader_create(&dataset, &reading, cases[c].batch, &loader, &error));
        assert_null(clt_loader_next(loader)); /* no pass yet */
        assert_ok(clt_loader_start(loader, false, 1, 0, 0, &error));
        take_pass(loader, count, cases[c].batch, got);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(got[k], k);
        }
        assert_ok(clt_loader_start(loader, true, 9, 4, 0, &error));
        take_pass(loader, count, cases[c].batch, got);
        assert_ok(clt_loader_start(loader, true, 9, 4, 0, &error));
        take_pass(loader, count, cases[c].batch, again);
        assert_memory_equal(got, again, count * sizeof *got);
        clt_loader_destroy(loader, false);
        free_dataset(&dataset);
    }
}

static void test_shuffle(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    clt_error error;
    uint32_t passes[3][COUNT], want[COUNT];
    static const struct {
        uint64_t seed;
        uint32_t epoch;
    } draws[3] = {{1, 0}, {1, 1}, {2, 0}};
    clt_dataset dataset = make_dataset(COUNT);
    clt_reading reading = one_step();
    clt_loader *loader;
    assert_ok(clt_loader_create(&dataset, &reading, 64, &loader, &error));
    for (int p = 0; p < 3; p++) {
        bool seen[COUNT] = {false};
        assert_ok(clt_loader_start(loader, true, draws[p].seed, draws[p].epoch, 0, &error));
        take_pass(loader, COUNT, 64, passes[p]);
        for (int k = 0; k < COUNT; k++) {
            assert_false(seen[passes[p][k]]);
            seen[passes[p][k]] = true;
        }
    }
    assert_memory_not_equal(passes[0], passes[1], sizeof passes[0]);
    assert_memory_not_equal(passes[0], passes[2], sizeof passes[0]);

    /* Fisher and Yates, from the end. */
    clt_random random = clt_random_stream(1, CLT_RANDOM_SHUFFLE, 1);
    for (uint32_t k = 0; k < COUNT; k++) {
        want[k] = k;
    }
    for (uint32_t k = COUNT - 1; k > 0; k--) {
        uint32_t pick = clt_random_below(&random, k + 1), swap = want[k];
        want[k] = want[pick];
        want[pick] = swap;
    }
    assert_memory_equal(passes[1], want, sizeof want);
    clt_loader_destroy(loader, false);
    free_dataset(&dataset);
}

/* Samples of (7 * k) % 5 ids, padded to 3. */
static int pads_of(uint32_t sample)
{
    int length = (int)(7 * sample % 5);
    return length < 3 ? 3 - length : 0;
}

/* The order of a pass; in each part it is sorted by pads, and equal pads keep the order `before`.
 */
static void check_sorted(const uint32_t *order, const uint32_t *before, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        size_t place = 0;
        for (size_t j = 0; j < count; j++) {
            place += pads_of(before[j]) < pads_of(before[k]) ||
                     (j < k && pads_of(before[j]) == pads_of(before[k]));
        }
        assert_int_equal(order[place], before[k]);
    }
}

static void test_sorted(void **state)
{
    (void)state;
    enum { COUNT = 300, BATCH = 128 };
    clt_error error;
    clt_dataset dataset = make_dataset(COUNT);
    clt_reading reading = CLT_READING_DEFAULT;
    clt_loader *plain, *sorted;
    reading.maxlen = 3;
    dataset.ids = realloc(dataset.ids, 5 * COUNT * sizeof *dataset.ids);
    assert_non_null(dataset.ids);
    for (uint32_t k = 0; k < COUNT; k++) {
        dataset.offsets[k + 1] = dataset.offsets[k] + 7 * k % 5;
        for (size_t j = dataset.offsets[k]; j < dataset.offsets[k + 1]; j++) {
            dataset.ids[j] = 1 + (int32_t)k % 9;
        }
    }
    for (int whole = 0; whole < 2; whole++) {
        const clt_batch *batch;
        size_t first = 0;
        assert_ok(clt_loader_create(&dataset, &reading, BATCH, &plain, &error));
        assert_ok(clt_loader_create(&dataset, &reading, BATCH, &sorted, &error));
        clt_loader_pack(sorted, whole);
        assert_ok(clt_loader_start(plain, !whole, 1, 2, 0, &error));
        assert_ok(clt_loader_start(sorted, !whole, 1, 2, 0, &error));
        const uint32_t *order = clt_loader_order(sorted), *before = clt_loader_order(plain);
        if (whole) {
            check_sorted(order, before, COUNT);
        }
        while ((batch = clt_loader_next(sorted)) != NULL) {
            const clt_shards *shards = &batch->extent.shards;
            for (int b = 0; b < batch->extent.samples; b++) {
                assert_int_equal(batch->targets[b], order[first + (size_t)b] % 2);
                int pads = pads_of(order[first + (size_t)b]);
                assert_int_equal(batch->start[b], pads < batch->longest ? pads : batch->longest);
            }
            for (int s = 0; s < shards->count && !whole; s++) {
                size_t at = first + (size_t)shards->first[s];
                check_sorted(order + at, before + at,
                             (size_t)(shards->first[s + 1] - shards->first[s]));
            }
            first += (size_t)batch->extent.samples;
        }
        assert_int_equal(first, COUNT);
        clt_loader_destroy(plain, false);
        clt_loader_destroy(sorted, false);
    }
    free_dataset(&dataset);
}

static void test_restart_and_stop(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset dataset = make_dataset(500);
    clt_reading reading = one_step();
    for (int take = 0; take < 8; take++) {
        clt_loader *loader;
        uint32_t got[500];
        assert_ok(clt_loader_create(&dataset, &reading, 7, &loader, &error));
        for (int pass = 0; pass < 4; pass++) {
            assert_ok(clt_loader_start(loader, true, 3, (uint32_t)pass, 0, &error));
            for (int k = 0; k < take; k++) {
                assert_non_null(clt_loader_next(loader));
            }
        }
        assert_ok(clt_loader_start(loader, false, 3, 0, 0, &error));
        take_pass(loader, 500, 7, got);
        for (uint32_t k = 0; k < 500; k++) {
            assert_int_equal(got[k], k);
        }
        assert_ok(clt_loader_start(loader, false, 3, 0, 0, &error));
        for (int k = 0; k < take; k++) {
            assert_non_null(clt_loader_next(loader));
        }
        clt_loader_destroy(loader, false); /* in mid-pass */
    }
    free_dataset(&dataset);
}

/* What is left of a pass has the same samples in the same places. */
static void test_from_the_middle(void **state)
{
    (void)state;
    enum { COUNT = 50, BATCH = 7, STEPS = 8 };
    clt_error error;
    clt_dataset dataset = make_dataset(COUNT);
    clt_reading reading = one_step();
    clt_loader *loader;
    uint32_t whole[COUNT], rest[COUNT];
    assert_ok(clt_loader_create(&dataset, &reading, BATCH, &loader, &error));
    assert_ok(clt_loader_start(loader, true, 3, 5, 0, &error));
    take_pass(loader, COUNT, BATCH, whole);
    for (int first = 0; first < STEPS; first++) {
        size_t from = (size_t)first * BATCH;
        assert_ok(clt_loader_start(loader, true, 3, 5, first, &error));
        take_rest(loader, first, COUNT, BATCH, rest);
        assert_memory_equal(rest + from, whole + from, (COUNT - from) * sizeof *rest);
    }
    assert_ok(clt_loader_start(loader, true, 3, 5, STEPS, &error));
    assert_null(clt_loader_next(loader));
    clt_loader_destroy(loader, false);
    free_dataset(&dataset);
}

static void test_edges(void **state)
{
    (void)state;
    clt_error error;
    clt_loader *loader;
    clt_reading reading = one_step();
    clt_dataset empty = make_dataset(0), some = make_dataset(10);
    assert_ok(clt_loader_create(&empty, &reading, 4, &loader, &error));
    assert_int_equal(clt_loader_steps(loader), 0);
    assert_ok(clt_loader_start(loader, true, 1, 0, 0, &error));
    assert_null(clt_loader_next(loader));
    clt_loader_destroy(loader, false);

    assert_ok(clt_loader_create(&some, &reading, 4, &loader, &error));
    clt_loader_destroy(loader, false); /* never started */
    clt_loader_destroy(NULL, false);
    assert_fails(clt_loader_create(&some, &reading, 0, &loader, &error), CLT_USAGE, "0 samples");
    reading.maxlen = 0;
    assert_fails(clt_loader_create(&some, &reading, 4, &loader, &error), CLT_USAGE, "time steps");
    reading.maxlen = 1;
    unsigned long n = 0;
    clt_status status;
    do {
        clt_memory_fail_at(++n, false);
        status = clt_loader_create(&some, &reading, 4, &loader, &error);
        clt_memory_fail_at(0, false);
    } while (status == CLT_FAILED);
    assert_int_equal(status, CLT_OK);
    assert_in_range(n, 10, 30);
    clt_loader_destroy(loader, false);
    free_dataset(&empty);
    free_dataset(&some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_sorted),          cmocka_unit_test(test_restart_and_stop),
        cmocka_unit_test(test_from_the_middle), cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
