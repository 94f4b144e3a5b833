/* MT19937 and the legacy shuffle: the values are those of numpy.random.RandomState. */
#include "support/test.h"

#include "data/random_state.h"

static void test_numbers(void **state)
{
    (void)state;
    clt_random_state random;
    clt_random_state_seed(&random, 113);
    assert_int_equal(clt_random_state_u32(&random), 3659249829u);
    assert_int_equal(clt_random_state_u32(&random), 529109724u);
    assert_int_equal(clt_random_state_u32(&random), 317413538u);
    /* The standard's check value, after 15 refills of the state. */
    clt_random_state_seed(&random, 5489);
    for (int k = 1; k < 10000; k++) {
        (void)clt_random_state_u32(&random);
    }
    assert_int_equal(clt_random_state_u32(&random), 4123659995u);
}

static void fill(uint32_t *items, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        items[k] = k;
    }
}

static void test_shuffle(void **state)
{
    (void)state;
    static const uint32_t first[] = {9, 3, 6, 1, 0, 7, 4, 8, 2, 5};
    static const uint32_t second[] = {6, 9, 5, 0, 1, 4, 8, 3, 7, 2};
    static const uint32_t begin[] = {7798, 13226, 18078, 793, 17499, 23003, 574, 19638};
    static const uint32_t end[] = {22690, 4828, 14501};
    static uint32_t items[25000];
    clt_random_state random;
    clt_random_state_seed(&random, 113);
    fill(items, 10);
    clt_random_state_shuffle(&random, items, 10);
    assert_memory_equal(items, first, sizeof first);
    fill(items, 10);
    clt_random_state_shuffle(&random, items, 10);
    assert_memory_equal(items, second, sizeof second);
    clt_random_state_seed(&random, 113);
    fill(items, 25000);
    clt_random_state_shuffle(&random, items, 25000);
    assert_memory_equal(items, begin, sizeof begin);
    assert_memory_equal(items + 25000 - 3, end, sizeof end);
}

static void test_shuffle_of_few_draws_nothing(void **state)
{
    (void)state;
    clt_random_state random;
    uint32_t one = 5;
    clt_random_state_seed(&random, 113);
    clt_random_state_shuffle(&random, &one, 0);
    clt_random_state_shuffle(&random, &one, 1);
    assert_int_equal(one, 5);
    assert_int_equal(clt_random_state_u32(&random), 3659249829u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_shuffle_of_few_draws_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
