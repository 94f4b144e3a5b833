/* Medians and spreads of times, and who is faster. */
#include "support/test.h"

#include <math.h>

#include "check/times.h"

static void test_times(void **state)
{
    (void)state;
    static const struct {
        int count;
        double values[5], median, lowest, highest;
    } cases[] = {
        {1, {3.0}, 3.0, 3.0, 3.0},
        {2, {4.0, 1.0}, 2.5, 1.0, 4.0},
        {3, {9.0, 1.0, 2.0}, 2.0, 1.0, 9.0},
        {4, {8.0, 1.0, 2.0, 4.0}, 3.0, 1.0, 8.0},
        {5, {5.0, 5.0, 1.0, 7.0, 6.0}, 5.0, 1.0, 7.0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double values[5];
        for (int i = 0; i < 5; i++) {
            values[i] = cases[k].values[i];
        }
        clt_times times = clt_times_of(values, cases[k].count);
        assert_int_equal(times.repeats, cases[k].count);
        assert_true(times.median == cases[k].median);
        assert_true(times.lowest == cases[k].lowest);
        assert_true(times.highest == cases[k].highest);
    }
}

static void test_samples_within(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        size_t tried;
        double taken;
        size_t batch, count, samples;
    } cases[] = {
        {1.0, 10, 0.1, 8, 50, 50},       /* time for all */
        {1.0, 10, 0.1, 8, 100, 100},     /* just */
        {1.0, 10, 0.1, 8, 101, 96},      /* whole batches */
        {1.0, 10, 5.0, 8, 101, 8},       /* at least one */
        {1.0, 10, 0.625, 8, 101, 16},    /* of 16 */
        {1.0, 1, 5.0, 8, 1, 1},          /* no more than there are */
        {1.0, 8, 5.0, 8, 8, 8},          /* one batch is all */
        {1.0, 10, 0.0, 8, 25000, 25000}, /* a clock that stood still */
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(clt_samples_within(cases[k].seconds, cases[k].tried, cases[k].taken,
                                            cases[k].batch, cases[k].count),
                         cases[k].samples);
    }
}

static void test_compare(void **state)
{
    (void)state;
    static const struct {
        int count;
        double first[11], second[11], ratio;
        bool faster, clear;
    } cases[] = {
        {1, {1.0}, {2.0}, 0.5, false, false}, /* too few */
        {5, {9, 9, 9, 9, 9}, {10, 10, 10, 10, 10}, 0.9, true, true},
        {5, {99, 99, 99, 99, 99}, {100, 100, 100, 100, 100}, 0.99, false, false}, /* too little */
        {5, {9, 9, 9, 9, 20}, {10, 10, 10, 10, 10}, 0.9, true, false},            /* not always */
        {5, {9, 9, 9, 20, 20}, {10, 10, 10, 10, 10}, 0.9, false, false}, /* three of five */
        {5, {11, 11, 11, 9, 9}, {10, 10, 10, 10, 10}, 1.1, false, true}, /* slower */
        /* One that is slow together with its pair: medians of either side would say otherwise. */
        {5, {9, 18, 18, 18, 9}, {10, 20, 20, 20, 10}, 0.9, true, true},
        {8, {9, 9, 9, 9, 9, 9, 11, 11}, {10, 10, 10, 10, 10, 10, 10, 10}, 0.9, true, false},
        {8, {9, 9, 9, 9, 9, 11, 11, 11}, {10, 10, 10, 10, 10, 10, 10, 10}, 0.9, false, false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_comparison found = clt_compare(cases[k].first, cases[k].second, cases[k].count);
        assert_true(fabs(found.ratio - cases[k].ratio) < 1e-9);
        assert_int_equal(found.faster, cases[k].faster);
        assert_int_equal(found.clear, cases[k].clear);
    }
    clt_comparison found = clt_compare(cases[4].first, cases[4].second, 5);
    assert_true(found.first == 9.0 && found.second == 10.0);
}

static void test_clock(void **state)
{
    (void)state;
    double before = clt_now(), after = clt_now();
    assert_true(before > 0.0 && after >= before && after < before + 60.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_samples_within),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
