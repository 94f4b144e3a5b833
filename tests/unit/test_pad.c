/* Padding and truncation of one sample: the values are those of keras.utils.pad_sequences. */
#include "support/test.h"

#include "cltrain/dataset.h"

static void check(int32_t maxlen, clt_side padding, clt_side truncating, const int32_t *ids,
                  size_t count, const int32_t *want)
{
    clt_reading reading = CLT_READING_DEFAULT;
    int32_t padded[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    reading.maxlen = maxlen;
    reading.padding = padding;
    reading.truncating = truncating;
    clt_pad_sequence(&reading, ids, count, padded);
    assert_memory_equal(padded, want, (size_t)maxlen * sizeof *want);
    for (int32_t k = maxlen; k < 8; k++) {
        assert_int_equal(padded[k], -1);
    }
}

static void test_short(void **state)
{
    (void)state;
    const int32_t ids[] = {7, 8, 9};
    check(5, CLT_PRE, CLT_PRE, ids, 3, (const int32_t[]){0, 0, 7, 8, 9});
    check(5, CLT_PRE, CLT_POST, ids, 3, (const int32_t[]){0, 0, 7, 8, 9});
    check(5, CLT_POST, CLT_PRE, ids, 3, (const int32_t[]){7, 8, 9, 0, 0});
    check(5, CLT_POST, CLT_POST, ids, 3, (const int32_t[]){7, 8, 9, 0, 0});
}

static void test_exact_and_empty(void **state)
{
    (void)state;
    const int32_t ids[] = {7, 8, 9};
    check(3, CLT_PRE, CLT_PRE, ids, 3, ids);
    check(3, CLT_POST, CLT_POST, ids, 3, ids);
    check(2, CLT_PRE, CLT_PRE, NULL, 0, (const int32_t[]){0, 0});
    check(2, CLT_POST, CLT_POST, NULL, 0, (const int32_t[]){0, 0});
}

static void test_long(void **state)
{
    (void)state;
    const int32_t ids[] = {5, 6, 7, 8, 9};
    check(3, CLT_PRE, CLT_PRE, ids, 5, (const int32_t[]){7, 8, 9});
    check(3, CLT_POST, CLT_PRE, ids, 5, (const int32_t[]){7, 8, 9});
    check(3, CLT_PRE, CLT_POST, ids, 5, (const int32_t[]){5, 6, 7});
    check(1, CLT_PRE, CLT_PRE, ids, 5, (const int32_t[]){9});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_exact_and_empty),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
