/* Dropout: the masks and the scaled values are the reference's, bit for bit. */
#include "ref/ref.h"
#include "support/device.h"

#include <stdlib.h>

#include "util/random.h"

static const clt_dropout_counter counter = {0xfedcba9876543210u, 3, 0xfffffff0u, false};

static void check_dropout(clt_test_device *device, int samples, int timesteps, int features,
                          double rate, bool in_place)
{
    clt_error error;
    clt_dropout *op = NULL;
    const clt_extent extent = clt_extent_of(samples, timesteps);
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

/* One mask for all time steps, and what is added to. */
static void test_locked(void **state)
{
    static const clt_dropout_counter locked = {0xfedcba9876543210u, 3, 0xfffffff0u, true};
    const int shapes[][3] = {{3, 2, 4}, {9, 7, 5}, {65, 5, 16}, {130, 2, 61}, {7, 13, 300}};
    clt_test_device *device = *state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        clt_error error;
        clt_dropout *op = NULL;
        int samples = shapes[k][0], timesteps = shapes[k][1], features = shapes[k][2];
        const clt_extent extent = clt_extent_of(samples, timesteps);
        size_t count = (size_t)samples * (size_t)timesteps * (size_t)features;
        size_t bytes = count * sizeof(float);
        float *x = clt_test_normals(device, count, 1.0, 1);
        float *y = clt_test_normals(device, count, 1.0, 2);
        float *want = clt_test_alloc(device, bytes);
        clt_buffer in = clt_test_input(device, x, bytes), out = clt_test_input(device, y, bytes);
        assert_ok(clt_dropout_plan(device->runtime, features, 0.3, &op, &error));
        assert_ok(clt_dropout_add(op, &extent, &locked, in, out, &error));
        clt_ref_dropout_f32(&extent, features, 0.3, &locked, x, want);
        for (size_t e = 0; e < count; e++) {
            y[e] += want[e];
        }
        clt_test_assert_near("y +=", clt_test_read(device, out), y, count, CLT_TOLERANCE_EXACT);
        assert_ok(clt_dropout_apply(op, &extent, &locked, in, in, &error));
        clt_test_assert_near("y", clt_test_read(device, in), want, count, CLT_TOLERANCE_EXACT);
        clt_dropout_destroy(op);
    }
}

/* Masks alone, written and added to: what ones become. */
static void test_masks(void **state)
{
    const int shapes[][3] = {{3, 2, 4}, {9, 0, 15}, {9, 7, 16}, {130, 2, 61}, {7, 13, 300}};
    clt_test_device *device = *state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        clt_error error;
        clt_dropout *op = NULL;
        int samples = shapes[k][0], timesteps = shapes[k][1], features = shapes[k][2];
        const clt_extent extent = clt_extent_of(samples, timesteps);
        size_t rows = (size_t)samples * (size_t)(timesteps > 0 ? timesteps : 1);
        size_t count = rows * (size_t)features, bytes = count * sizeof(float);
        float *y = clt_test_normals(device, count, 1.0, 2), *want = clt_test_alloc(device, bytes);
        for (size_t e = 0; e < count; e++) {
            want[e] = 1.0f;
        }
        clt_ref_dropout_f32(&extent, features, 0.3, &counter, want, want);
        clt_buffer out = clt_test_output(device, bytes), sum = clt_test_input(device, y, bytes);
        assert_ok(clt_dropout_plan(device->runtime, features, 0.3, &op, &error));
        assert_ok(clt_dropout_mask(op, &extent, &counter, out, &error));
        clt_test_assert_near("mask", clt_test_read(device, out), want, count, CLT_TOLERANCE_EXACT);
        assert_ok(clt_dropout_add(op, &extent, &counter, (clt_buffer){0}, sum, &error));
        for (size_t e = 0; e < count; e++) {
            y[e] += want[e];
        }
        clt_test_assert_near("y +=", clt_test_read(device, sum), y, count, CLT_TOLERANCE_EXACT);
        clt_dropout_destroy(op);
    }
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

/* Ids in order, as the loader gives them, the pad among them or not. */
static void test_words(void **state)
{
    static const int shapes[][2] = {{1, 1}, {3, 5}, {33, 16}, {70, 61}, {500, 128}};
    clt_test_device *device = *state;
    for (int32_t k = 0; k < 10; k++) {
        clt_error error;
        clt_dropout *op = NULL;
        int rows = shapes[k / 2][0], features = shapes[k / 2][1];
        size_t count = (size_t)rows * (size_t)features;
        float *x = clt_test_normals(device, count, 1.0, 1);
        int32_t *unique = clt_test_alloc(device, (size_t)rows * sizeof *unique);
        for (int32_t u = 0; u < rows; u++) {
            unique[u] = 3 * u + k % 2;
        }
        clt_buffer in = clt_test_input(device, x, count * sizeof *x);
        clt_buffer ids = clt_test_input(device, unique, (size_t)rows * sizeof *unique);
        assert_ok(clt_dropout_plan(device->runtime, features, 0.4, &op, &error));
        assert_ok(clt_dropout_words(op, &counter, ids, rows, in, &error));
        clt_ref_dropout_words_f32(unique, rows, features, 0.4, &counter, x);
        clt_test_assert_near("rows", clt_test_read(device, in), x, count, CLT_TOLERANCE_EXACT);
        clt_dropout_destroy(op);
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
    const struct CMUnitTest tests[] = {
        clt_device_test(test_shapes), clt_device_test(test_rates),
        clt_device_test(test_words),  clt_device_test(test_locked),
        clt_device_test(test_masks),  clt_device_test(test_the_threshold_is_kept)};
    cmocka_set_test_filter(getenv("CLTRAIN_TEST_FILTER"));
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
