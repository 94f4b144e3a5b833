/* The counter-based generator: known answers of the Random123 distribution, ranges, streams. */
#include "support/test.h"

#include "util/random.h"

static void test_known_answers(void **state)
{
    (void)state;
    /* kat_vectors of Random123, philox4x32 10 */
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t out[4];
    } cases[] = {
        {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         0xffffffffffffffffu,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         0x299f31d0a4093822u,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint32_t out[4];
        clt_philox(cases[k].counter, cases[k].key, out);
        assert_memory_equal(out, cases[k].out, sizeof out);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    clt_random random = clt_random_stream(7, CLT_RANDOM_INIT, 3);
    double sum = 0.0, squares = 0.0;
    int counts[5] = {0};
    for (int k = 0; k < 100000; k++) {
        double u = clt_random_uniform(&random), n = clt_random_normal(&random);
        assert_true(u >= 0.0 && u < 1.0);
        sum += n;
        squares += n * n;
        uint32_t below = clt_random_below(&random, 5);
        assert_in_range(below, 0, 4);
        counts[below]++;
    }
    assert_true(sum / 100000 < 0.02 && sum / 100000 > -0.02);
    assert_true(squares / 100000 > 0.97 && squares / 100000 < 1.03);
    for (int k = 0; k < 5; k++) {
        assert_in_range(counts[k], 19400, 20600);
    }
}

static void test_streams_differ(void **state)
{
    (void)state;
    clt_random a = clt_random_stream(1, CLT_RANDOM_INIT, 0);
    clt_random b = clt_random_stream(1, CLT_RANDOM_INIT, 1);
    clt_random c = clt_random_stream(1, CLT_RANDOM_SHUFFLE, 0);
    clt_random again = clt_random_stream(1, CLT_RANDOM_INIT, 0);
    uint32_t first = clt_random_u32(&a);
    assert_int_not_equal(first, clt_random_u32(&b));
    assert_int_not_equal(first, clt_random_u32(&c));
    assert_int_equal(first, clt_random_u32(&again));
    assert_int_not_equal(clt_dropout_word(1, 0, 5, 2, 3, 4), clt_dropout_word(1, 0, 6, 2, 3, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
