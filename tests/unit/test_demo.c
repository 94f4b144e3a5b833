/* The demonstration reviews: the same from the same seed, IMDB's shape (lengths, Zipf's law,
 * labels, different words in a batch), reading options, and sentiment that word counts alone do not
 * tell. */
#include "support/test.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "data/vocabulary.h"
#include "util/memory.h"

static const clt_reading tutorial = CLT_READING_DEFAULT;

/* Made once: 25,000 + 25,000 with the tutorial's reading, and with every word kept. */
static struct full_size {
    clt_dataset *train, *test, *all;
    clt_vocabulary *words;
} full;

static int make_full(void **state)
{
    (void)state;
    clt_reading all = tutorial;
    all.num_words = 0;
    if (clt_dataset_open_demo(25000, NULL, 1, &full.train, &full.test, &full.words, NULL) !=
        CLT_OK) {
        return -1;
    }
    return clt_dataset_open_demo(25000, &all, 1, &full.all, NULL, NULL, NULL) == CLT_OK ? 0 : -1;
}

static int free_full(void **state)
{
    (void)state;
    clt_dataset_free(full.train);
    clt_dataset_free(full.test);
    clt_dataset_free(full.all);
    clt_vocabulary_free(full.words);
    return 0;
}

static size_t length_of(const clt_dataset *dataset, size_t sample)
{
    return dataset->offsets[sample + 1] - dataset->offsets[sample];
}

static int by_size(const void *left, const void *right)
{
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    return a < b ? -1 : a > b;
}

static void test_lengths_and_labels(void **state)
{
    (void)state;
    static size_t lengths[25000];
    const clt_dataset *sets[] = {full.train, full.test};
    for (int s = 0; s < 2; s++) {
        size_t positive = 0, sum = 0;
        assert_int_equal(sets[s]->count, 25000);
        assert_true(sets[s]->synthetic);
        assert_int_equal(sets[s]->offsets[0], 0);
        for (size_t k = 0; k < 25000; k++) {
            assert_in_range(sets[s]->labels[k], 0, 1);
            positive += sets[s]->labels[k];
            lengths[k] = length_of(sets[s], k) - 1; /* less start_char */
            sum += lengths[k];
        }
        assert_int_equal(positive, 12500);
        qsort(lengths, 25000, sizeof *lengths, by_size);
        assert_in_range(lengths[0], 10, 30);
        assert_in_range(lengths[12500], 160, 200);   /* IMDB: 174 */
        assert_in_range(sum / 25000, 220, 248);      /* 233 */
        assert_in_range(lengths[24750], 750, 1000);  /* 908 */
        assert_in_range(lengths[24999], 1500, 2500); /* 2,458 */
    }
}

static void test_word_frequencies(void **state)
{
    (void)state;
    const clt_dataset *all = full.all;
    size_t total = all->offsets[all->count] - all->count, distinct = 0;
    uint32_t *counts = calloc((size_t)all->num_words, sizeof *counts);
    assert_non_null(counts);
    for (size_t i = 0; i < all->offsets[all->count]; i++) {
        assert_in_range(all->ids[i], 1, all->num_words - 1);
        counts[all->ids[i]]++;
    }
    assert_int_equal(counts[1], all->count);
    assert_int_equal(counts[2], 0);
    assert_int_equal(counts[3], 0);
    for (int32_t id = 4; id < all->num_words; id++) {
        assert_true(id == 4 || counts[id] <= counts[id - 1]); /* the id tells the rank */
        distinct += counts[id] > 0;
    }
    assert_true(distinct > 20000);
    /* Zipf: share * rank stays about 0.1 over three orders of magnitude. */
    static const int ranks[] = {1, 10, 100, 1000, 10000};
    for (size_t k = 0; k < sizeof ranks / sizeof *ranks; k++) {
        double share = counts[3 + ranks[k]] / (double)total * ranks[k];
        if (!(share > 0.03 && share < 0.3)) {
            fail_msg("the word of rank %d has rank * share = %g", ranks[k], share);
        }
    }
    free(counts);
}

static void test_different_words_in_a_batch(void **state)
{
    (void)state;
    clt_error error;
    clt_batch batch;
    uint32_t order[128];
    long sum = 0;
    assert_ok(clt_batch_create(128, 100, &batch, &error));
    for (uint32_t step = 0; step < 100; step++) {
        for (uint32_t b = 0; b < 128; b++) {
            order[b] = step * 128 + b;
        }
        clt_batch_fill(&batch, full.train, &tutorial, order, 128);
        sum += batch.row_count;
    }
    clt_batch_destroy(&batch);
    assert_in_range(sum / 100, 2650, 2950); /* IMDB: 2,816 */
}

static void test_vocabulary(void **state)
{
    (void)state;
    assert_int_equal(full.words->count + 4, full.all->num_words);
    assert_string_equal(clt_vocabulary_word(full.words, &tutorial, 4), "the");
    int64_t *counts = calloc((size_t)full.all->num_words, sizeof *counts);
    assert_non_null(counts);
    for (size_t i = 0; i < full.all->offsets[full.all->count]; i++) {
        counts[full.all->ids[i]]++;
    }
    for (int32_t rank = 1; rank <= full.words->count; rank++) {
        const char *word = clt_vocabulary_word(full.words, &tutorial, rank + 3);
        assert_non_null(word);
        assert_int_equal(clt_vocabulary_rank(full.words, word, strlen(word)), rank);
        assert_int_equal(clt_vocabulary_count_of(full.words, rank), counts[rank + 3]);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz"), strlen(word));
    }
    free(counts);
}

/* Naive Bayes over the last 100 words, or over pairs of neighbours hashed: the share of test
 * reviews it gets right. */
static double bayes_accuracy(bool pairs)
{
    enum { SLOTS = 1 << 18 };
    double *weights = calloc(SLOTS, sizeof *weights);
    uint32_t(*counts)[2] = calloc(SLOTS, sizeof *counts);
    assert_non_null(weights);
    assert_non_null(counts);
    size_t right = 0;
    for (int pass = 0; pass < 2; pass++) {
        const clt_dataset *set = pass == 0 ? full.train : full.test;
        for (size_t k = 0; k < set->count; k++) {
            double sum = 0.0;
            size_t end = set->offsets[k + 1];
            size_t first = length_of(set, k) > 100 ? end - 100 : set->offsets[k];
            for (size_t i = first + 1; i < end; i++) {
                uint32_t slot = (uint32_t)set->ids[i];
                if (pairs) {
                    slot = (slot * 2654435761u ^ (uint32_t)set->ids[i - 1] * 40503u) % SLOTS;
                }
                counts[slot][set->labels[k]] += pass == 0;
                sum += weights[slot];
            }
            right += pass == 1 && (sum > 0.0) == (set->labels[k] == 1);
        }
        for (size_t s = 0; s < SLOTS && pass == 0; s++) {
            weights[s] = log((counts[s][1] + 1.0) / (counts[s][0] + 1.0));
        }
    }
    free(weights);
    free(counts);
    return (double)right / (double)full.test->count;
}

static void test_order_tells_more_than_words(void **state)
{
    (void)state;
    double words = bayes_accuracy(false), pairs = bayes_accuracy(true);
    print_message("naive Bayes over words: %.3f, over pairs of words: %.3f\n", words, pairs);
    assert_true(words > 0.55 && words < 0.75);
    assert_true(pairs > words + 0.03);
}

static void assert_same(const clt_dataset *a, const clt_dataset *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->num_words, b->num_words);
    assert_memory_equal(a->offsets, b->offsets, (a->count + 1) * sizeof *a->offsets);
    assert_memory_equal(a->labels, b->labels, a->count * sizeof *a->labels);
    assert_memory_equal(a->ids, b->ids, a->offsets[a->count] * sizeof *a->ids);
}

static void test_seed(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train[3], *test[3];
    for (int k = 0; k < 3; k++) {
        assert_ok(
            clt_dataset_open_demo(50, &tutorial, k < 2 ? 7 : 8, &train[k], &test[k], NULL, &error));
    }
    assert_same(train[0], train[1]);
    assert_same(test[0], test[1]);
    assert_memory_not_equal(train[0]->offsets, train[2]->offsets, 51 * sizeof(size_t));
    assert_memory_not_equal(train[0]->offsets, test[0]->offsets, 51 * sizeof(size_t));
    for (int k = 0; k < 3; k++) {
        clt_dataset_free(train[k]);
        clt_dataset_free(test[k]);
    }
}

/* More reviews change the ranks, not the text of the first ones. */
static void test_count(void **state)
{
    (void)state;
    clt_error error;
    clt_reading all = tutorial;
    all.num_words = 0;
    for (size_t count = 1; count < 5; count++) {
        clt_dataset *train, *test;
        clt_vocabulary *words;
        assert_ok(clt_dataset_open_demo(count, &all, 1, &train, &test, &words, &error));
        assert_int_equal(train->count, count);
        assert_int_equal(test->count, count);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(train->labels[k], k % 2);
            assert_int_equal(length_of(train, k), length_of(full.all, k));
            for (size_t i = 1; i < length_of(train, k); i++) {
                int32_t id = train->ids[train->offsets[k] + i];
                int32_t full_id = full.all->ids[full.all->offsets[k] + i];
                assert_string_equal(clt_vocabulary_word(words, &all, id),
                                    clt_vocabulary_word(full.words, &all, full_id));
            }
        }
        clt_dataset_free(train);
        clt_dataset_free(test);
        clt_vocabulary_free(words);
    }
}

/* What the reading makes of each id, against the data set with every word kept. */
static void test_reading(void **state)
{
    (void)state;
    clt_error error;
    static const clt_reading readings[] = {
        {1000, 0, 1, 2, 3, 100, CLT_PRE, CLT_PRE},    {1000, 20, 1, 2, 3, 100, CLT_PRE, CLT_PRE},
        {1000, 0, -1, 2, 3, 100, CLT_PRE, CLT_PRE},   {1000, 0, 1, -1, 3, 100, CLT_PRE, CLT_PRE},
        {500, 10, -1, -1, 0, 100, CLT_PRE, CLT_PRE},  {0, 0, 70000, 2, 3, 100, CLT_PRE, CLT_PRE},
        {1000, 0, 1, 2, 900, 100, CLT_POST, CLT_PRE},
    };
    for (size_t r = 0; r < sizeof readings / sizeof *readings; r++) {
        const clt_reading *reading = &readings[r];
        clt_dataset *train;
        assert_ok(clt_dataset_open_demo(25000, reading, 1, &train, NULL, NULL, &error));
        if (reading->num_words > 0) {
            assert_int_equal(train->num_words, reading->num_words);
        }
        int32_t bound = reading->num_words > 0 ? reading->num_words : INT32_MAX;
        size_t at = 0;
        for (size_t k = 0; k < 25000; k++) {
            for (size_t i = full.all->offsets[k]; i < full.all->offsets[k + 1]; i++) {
                bool start = i == full.all->offsets[k];
                int32_t id = start ? reading->start_char
                                   : full.all->ids[i] - tutorial.index_from + reading->index_from;
                if (start && id < 0) {
                    continue;
                }
                if (id < reading->skip_top || id >= bound) {
                    id = reading->oov_char;
                }
                if (id >= 0) {
                    assert_true(id < train->num_words);
                    assert_int_equal(train->ids[at++], id);
                }
            }
            assert_int_equal(train->offsets[k + 1], at);
        }
        clt_dataset_free(train);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train = NULL, *test = NULL;
    clt_vocabulary *words = NULL;
    clt_reading reading = tutorial;
    assert_fails(clt_dataset_open_demo(0, NULL, 1, &train, NULL, NULL, &error), CLT_USAGE,
                 "0 demonstration reviews");
    assert_fails(clt_dataset_open_demo(1000001, NULL, 1, &train, NULL, NULL, &error), CLT_USAGE,
                 "give 1 to 1000000");
    reading.num_words = -1;
    assert_fails(clt_dataset_open_demo(1, &reading, 1, &train, NULL, NULL, &error), CLT_USAGE,
                 "num_words");
    reading.num_words = 0;
    reading.index_from = INT32_MAX - 5;
    assert_fails(clt_dataset_open_demo(1, &reading, 1, &train, NULL, NULL, &error), CLT_USAGE,
                 "too large");
    unsigned long n = 0;
    clt_status status;
    do {
        clt_memory_fail_at(++n, false);
        status = clt_dataset_open_demo(3, NULL, 1, &train, &test, &words, &error);
        clt_memory_fail_at(0, false);
        assert_true(status == CLT_OK || (train == NULL && test == NULL && words == NULL));
    } while (status == CLT_FAILED);
    assert_int_equal(status, CLT_OK);
    assert_in_range(n, 15, 60);
    clt_dataset_free(train);
    clt_dataset_free(test);
    clt_vocabulary_free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_and_labels),
        cmocka_unit_test(test_word_frequencies),
        cmocka_unit_test(test_different_words_in_a_batch),
        cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_order_tells_more_than_words),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_full, free_full);
}
