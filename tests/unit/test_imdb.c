/* load_data: every expected value comes from Keras's own keras.datasets.imdb.load_data on the same
 * file, the small one beside this test (fixtures/make_reviews.py) and the one that CLTRAIN_DATA
 * names, when it does. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "cltrain/dataset.h"

#define REVIEWS CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz"

static void check_sample(const clt_dataset *dataset, size_t sample, int label, size_t count,
                         const int32_t *first_ids)
{
    size_t begin = dataset->offsets[sample];
    assert_int_equal(dataset->labels[sample], label);
    assert_int_equal(dataset->offsets[sample + 1] - begin, count);
    for (size_t k = 0; k < count && k < 4; k++) {
        assert_int_equal(dataset->ids[begin + k], first_ids[k]);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train, *test;
    assert_ok(clt_dataset_open_npz(REVIEWS, NULL, 0, 113, &train, &test, &error));
    assert_int_equal(train->num_words, 20000);
    assert_int_equal(train->count, 6);
    assert_int_equal(test->count, 4);
    assert_false(train->synthetic);
    check_sample(train, 0, 0, 1, (const int32_t[]){1});
    check_sample(train, 1, 1, 4, (const int32_t[]){1, 4, 5, 6});
    check_sample(train, 2, 1, 2, (const int32_t[]){1, 10});
    check_sample(train, 3, 1, 6, (const int32_t[]){1, 258, 259, 2});
    check_sample(train, 4, 0, 1002, (const int32_t[]){1, 3, 4, 5});
    check_sample(train, 5, 0, 3, (const int32_t[]){1, 7, 7});
    check_sample(test, 0, 0, 5, (const int32_t[]){1, 12, 11, 10});
    check_sample(test, 1, 1, 3, (const int32_t[]){1, 303, 8});
    check_sample(test, 2, 0, 4, (const int32_t[]){1, 23, 24, 25});
    check_sample(test, 3, 1, 2, (const int32_t[]){1, 4});
    clt_dataset_free(train);
    clt_dataset_free(test);
}

static void test_options(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train, *test;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 10;
    reading.skip_top = 5;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 6, 3, &train, &test, &error));
    assert_int_equal(train->num_words, 10);
    assert_int_equal(train->count, 4); /* lengths 6 and 1002 are dropped */
    check_sample(train, 0, 1, 2, (const int32_t[]){2, 2});
    check_sample(train, 1, 0, 3, (const int32_t[]){2, 7, 7});
    check_sample(train, 2, 0, 1, (const int32_t[]){2});
    check_sample(train, 3, 1, 4, (const int32_t[]){2, 2, 5, 6});
    assert_int_equal(test->count, 4);
    check_sample(test, 0, 0, 4, (const int32_t[]){2, 2, 2, 2});
    check_sample(test, 1, 1, 2, (const int32_t[]){2, 2});
    check_sample(test, 2, 1, 3, (const int32_t[]){2, 2, 8});
    check_sample(test, 3, 0, 5, (const int32_t[]){2, 2, 2, 2});
    clt_dataset_free(train);
    clt_dataset_free(test);
}

static void test_all_words(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 0;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, &train, NULL, &error));
    /* Keras's None: the largest id itself, 88584 + 3, is left out. */
    assert_int_equal(train->num_words, 88587);
    const int32_t *ids = train->ids + train->offsets[3];
    assert_int_equal(ids[4], 65539);
    assert_int_equal(ids[5], 2);
    clt_dataset_free(train);
    reading.oov_char = 100000;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, &train, NULL, &error));
    assert_int_equal(train->num_words, 100001);
    clt_dataset_free(train);
}

static void test_left_out(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 256;
    reading.start_char = -1;
    reading.oov_char = -1;
    reading.index_from = 0;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, &train, NULL, &error));
    check_sample(train, 0, 0, 0, NULL);
    check_sample(train, 2, 1, 1, (const int32_t[]){7});
    check_sample(train, 3, 1, 1, (const int32_t[]){255});
    clt_dataset_free(train);
}

static void test_usage(void **state)
{
    (void)state;
    clt_error error;
    const clt_reading good = CLT_READING_DEFAULT;
    clt_reading reading = good;
    reading.num_words = 2;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "num_words is 2: it must be above start_char (1) and oov_char (2)");
    reading.num_words = -1;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "num_words is -1");
    reading = good;
    reading.skip_top = -1;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "skip_top is -1");
    reading = good;
    reading.index_from = -3;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "index_from is -3");
    reading = good;
    reading.start_char = -2;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "start_char is -2");
    reading = good;
    reading.oov_char = -2;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "oov_char is -2");
    assert_fails(clt_dataset_open_npz(REVIEWS, NULL, -5, 113, NULL, NULL, &error), CLT_USAGE,
                 "drop_length is -5");
    assert_fails(clt_dataset_open_npz(REVIEWS, NULL, 1, 113, NULL, NULL, &error), CLT_USAGE,
                 "every sample has 1 ids or more");
    reading = good;
    reading.num_words = 0;
    reading.index_from = INT32_MAX - 100;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_INPUT,
                 "with index_from 2147483547 is above");
}

/* Position-dependent sums, easy to form in NumPy too: the same for the same order only. */
static uint64_t weigh(uint64_t sum, size_t k, uint64_t value)
{
    return sum + (value + 1) * ((uint64_t)k * UINT64_C(0x9e3779b97f4a7c15) + 1);
}

static void check_sums(const clt_dataset *dataset, size_t count, size_t id_count, uint64_t ids,
                       uint64_t lengths, uint64_t labels)
{
    uint64_t sum = 0;
    assert_int_equal(dataset->count, count);
    assert_int_equal(dataset->offsets[count], id_count);
    for (size_t k = 0; k < id_count; k++) {
        assert_in_range(dataset->ids[k], 0, dataset->num_words - 1);
        sum = weigh(sum, k, (uint64_t)dataset->ids[k]);
    }
    assert_int_equal(sum, ids);
    sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum = weigh(sum, k, dataset->offsets[k + 1] - dataset->offsets[k]);
    }
    assert_int_equal(sum, lengths);
    sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum = weigh(sum, k, dataset->labels[k]);
    }
    assert_int_equal(sum, labels);
}

static void test_real_reviews(void **state)
{
    (void)state;
    static const struct {
        clt_reading reading;
        int32_t drop_length;
        uint32_t seed;
        struct {
            size_t count, id_count;
            uint64_t ids, lengths, labels;
        } train, test;
    } cases[] = {
        {CLT_READING_DEFAULT,
         0,
         113,
         {25000, 5847985, 0x8e29d5e8f3073c0c, 0x880b34491b61686e, 0xaaea419e4590428d},
         {25000, 5716060, 0x16541c4fdf995faf, 0x55f160f2c63808cb, 0x2e50a858f67b1793}},
        {{0, 0, 1, 2, 3, 100, CLT_PRE, CLT_PRE},
         0,
         113,
         {25000, 5847985, 0xbdf26731ef6df0b4, 0x880b34491b61686e, 0xaaea419e4590428d},
         {25000, 5716060, 0x0633897e71c17f1f, 0x55f160f2c63808cb, 0x2e50a858f67b1793}},
        {{5000, 50, 1, 2, 3, 100, CLT_PRE, CLT_PRE},
         200,
         7,
         {14532, 1897808, 0xcca5b8278b304fa5, 0xc9d3beb7ef2ec75b, 0xda0ede649320ac92},
         {14819, 1928247, 0xf0a0bf675cf99146, 0xefb412176c33cf04, 0xf2c922e467fae951}},
        {{1000, 2, -1, -1, 0, 100, CLT_PRE, CLT_PRE},
         0,
         113,
         {25000, 4099763, 0xc176337744f77a39, 0xf98b0c960e870054, 0xaaea419e4590428d},
         {25000, 4009971, 0x11cdd7fc9e7f8cd7, 0x7ba89b302e0158c5, 0x2e50a858f67b1793}},
    };
    const char *path = getenv("CLTRAIN_DATA");
    if (path == NULL || *path == 0) {
        print_message("CLTRAIN_DATA is not set\n");
        skip();
    }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_dataset *train, *test;
        assert_ok(clt_dataset_open_npz(path, &cases[k].reading, cases[k].drop_length, cases[k].seed,
                                       &train, &test, &error));
        check_sums(train, cases[k].train.count, cases[k].train.id_count, cases[k].train.ids,
                   cases[k].train.lengths, cases[k].train.labels);
        check_sums(test, cases[k].test.count, cases[k].test.id_count, cases[k].test.ids,
                   cases[k].test.lengths, cases[k].test.labels);
        clt_dataset_free(train);
        clt_dataset_free(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_all_words), cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_usage),     cmocka_unit_test(test_real_reviews),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
