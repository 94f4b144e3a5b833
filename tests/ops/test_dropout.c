/* Dropout: the masks and the scaled values are the reference's, bit for bit. */
#include "ref/ref.h"
#include "support/device.h"
#include "util/random.h"

static const clt_dropout_counter counter = {0xfedcba9876543210u, 3, 0xfffffff0u};

static void check_dropout(clt_test_device *device, int samples, int timesteps, int features,
                          double rate, bool in_place)
{
    clt_error error;
    clt_dropout *op = NULL;
    const clt_extent extent = {samples, timesteps, clt_shards_of(samples)};
    size_t rows = (size_t)samples * (size_t)(timesteps > 0 ? timesteps : 1);
    size_t count = rows * (size_t)features, bytes = count * sizeof(float);
    float *x = clt_test_normals(device, count, 1.0, 1), *want = clt_test_alloc(device, bytes);
    clt_ref_dropout_f32(&extent, features, rate, &counter, x, want);

    clt_buffer in = clt_test_input(device, x, bytes);
    clt_buffer out = in_place ? in : clt_test_output(device, bytes);
    assert_ok(clt_dropout_plan(device->runtime, features, rate, &op, &error));
    assert_ok(clt_dropout_apply(op, &extent, &counter, in, out, &error));
    clt_test_assert_near("y", clt_test_read(device, out), want, count, CLT_TOLERANCE_EXACT);
    clt_dropout_destroy(op);
}

static void test_shapes(void **state)
{
    const int shapes[][3] = {{1, 0, 1},   {3, 1, 3},   {8, 3, 4},    {9, 7, 5},
                             {13, 0, 13}, {65, 5, 16}, {130, 2, 61}, {7, 13, 300}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_dropout(*state, shapes[k][0], shapes[k][1], shapes[k][2], 0.3, k % 2);
    }
}

static void test_rates(void **state)
{
    const double rates[] = {0.0, 0x1p-33, 0.1, 0.5, 0.999, 1.0 - 0x1p-53};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        check_dropout(*state, 11, 6, 29, rates[k], false);
    }
}

/* An element whose number is just the threshold is kept. */
static void test_the_threshold_is_kept(void **state)
{
    uint32_t word = clt_dropout_word(counter.seed, counter.layer, counter.step, 2, 1, 6);
    double rate = word * 0x1p-32;
    assert_int_equal(clt_dropout_threshold(rate), word);
    check_dropout(*state, 3, 2, 7, rate, false);
    check_dropout(*state, 3, 2, 7, rate + 0x1p-32, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_shapes), clt_device_test(test_rates),
                                       clt_device_test(test_the_threshold_is_kept)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
