/* Medians and spreads of times. */
#include "support/test.h"

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
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
