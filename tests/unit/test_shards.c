/* test_shards.c: the shards of a batch, the places of positions, the tree of sums. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/batch.h"
#include "util/shards.h"

static void test_shards_cover_the_batch(void **state)
{
    (void)state;
    for (int batch = 1; batch <= 300; batch++) {
        clt_shards shards = clt_shards_of(batch);
        int expected = (batch + 7) / 8;
        assert_int_equal(shards.count, expected < 8 ? expected : 8);
        assert_int_equal(shards.first[0], 0);
        assert_int_equal(shards.first[shards.count], batch);
        int largest = 0;
        for (int s = 0; s < shards.count; s++) {
            int size = shards.first[s + 1] - shards.first[s];
            largest = size > largest ? size : largest;
            assert_true(size >= batch / shards.count && size <= batch / shards.count + 1);
            for (int b = shards.first[s]; b < shards.first[s + 1]; b++) {
                assert_int_equal(clt_shard_of_sample(&shards, b), s);
            }
        }
        assert_int_equal(clt_shards_largest(&shards), largest);
    }
}

static void test_positions_number_everything_once(void **state)
{
    (void)state;
    const int batches[] = {1, 7, 8, 9, 61, 64, 65, 130};
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
        enum { timesteps = 5 };
        clt_shards shards = clt_shards_of(batches[k]);
        size_t next = 0;
        for (int s = 0; s < shards.count; s++) {
            for (int t = 0; t < timesteps; t++) {
                for (int b = shards.first[s]; b < shards.first[s + 1]; b++) {
                    assert_int_equal(clt_position(&shards, timesteps, t, b), next);
                    next++;
                }
            }
        }
        assert_int_equal(next, batches[k] * timesteps);
    }
}

/* The tree written out, on values whose sum depends on the order. */
static void test_tree_is_balanced(void **state)
{
    (void)state;
    const float v[CLT_SHARDS_MAX] = {1e8f, 1, -1e8f, 3, 0.1f, 7e7f, -7e7f, 11};
    const bool all[CLT_SHARDS_MAX] = {true, true, true, true, true, true, true, true};
    float want = ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
    float in_order = 0;
    for (int s = 0; s < CLT_SHARDS_MAX; s++) {
        in_order += v[s];
    }
    assert_true(clt_tree_sum_f32(v, all) == want);
    assert_false(in_order == want); /* else the values would prove nothing */
}

static void test_tree_skips_absent_leaves(void **state)
{
    (void)state;
    const double v[CLT_SHARDS_MAX] = {-0.0, NAN, 3, 0.1, NAN, NAN, NAN, 0.2};
    bool present[CLT_SHARDS_MAX] = {false, false, true, true, false, false, false, true};
    assert_true(clt_tree_sum_f64(v, present) == (3 + 0.1) + 0.2);
    memset(present, 0, sizeof present);
    assert_true(clt_tree_sum_f64(v, present) == 0);
    present[0] = true;
    assert_true(signbit(clt_tree_sum_f64(v, present))); /* not added to 0 */
}

/* The generator that tests of ops build on holds what src/data/batch.h promises. */
static void test_generated_lists_are_inverse(void **state)
{
    (void)state;
    clt_test_batch batch = clt_test_batch_create(37, 11, 60, 3);
    int shards = batch.extent.shards.count;
    int *seen = calloc((size_t)batch.position_count, sizeof *seen);
    assert_non_null(seen);
    for (int u = 0; u < batch.row_count; u++) {
        assert_true(u == 0 || batch.unique[u] > batch.unique[u - 1]);
        assert_in_range(batch.unique[u], 0, batch.vocabulary - 1);
        for (int s = 0; s < shards; s++) {
            int first = batch.extent.shards.first[s], next = batch.extent.shards.first[s + 1];
            for (int k = batch.offsets[u * shards + s]; k < batch.offsets[u * shards + s + 1];
                 k++) {
                int n = batch.positions[k];
                assert_in_range(n, first * 11, next * 11 - 1);
                assert_int_equal(batch.index[n], u);
                seen[n]++;
            }
        }
    }
    for (int n = 0; n < batch.position_count; n++) {
        assert_int_equal(seen[n], 1);
    }
    assert_int_equal(batch.offsets[batch.row_count * shards], batch.position_count);
    free(seen);
    clt_test_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_cover_the_batch),
        cmocka_unit_test(test_positions_number_everything_once),
        cmocka_unit_test(test_tree_is_balanced),
        cmocka_unit_test(test_tree_skips_absent_leaves),
        cmocka_unit_test(test_generated_lists_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
