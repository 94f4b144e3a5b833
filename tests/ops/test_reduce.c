/* Segment sums (the reference's bits), sums of squares, and the record of a step. */
#include "ref/ref.h"
#include "support/device.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* An op for `gradients` squares, bound to buffers of its own. */
static clt_reduce *new_reduce(clt_test_device *device, size_t gradients)
{
    clt_error error;
    clt_reduce *op = NULL;
    assert_ok(clt_reduce_plan(device->runtime, gradients, &op, &error));
    assert_int_equal(clt_reduce_saved(op) % CLT_ALIGNMENT, 0);
    assert_ok(clt_reduce_bind(op, clt_test_output(device, clt_reduce_saved(op)), &error));
    return op;
}

static void check_segments(clt_test_device *device, int samples, int timesteps, int vocabulary,
                           int columns)
{
    clt_error error;
    clt_test_batch batch = clt_test_batch_create(samples, timesteps, vocabulary, 1);
    size_t rows = (size_t)batch.row_count * (size_t)columns;
    size_t positions = (size_t)batch.position_count * (size_t)columns;
    float *src = clt_test_normals(device, positions, 1.0, 2);
    float *want = clt_test_alloc(device, rows * sizeof *want);
    clt_ref_segment_sum_f32(&batch.extent, batch.row_count, columns, batch.offsets, batch.positions,
                            src, want);
    clt_reduce *op = new_reduce(device, 0);
    clt_sequence sequence = clt_test_sequence(device, &batch, columns, want, true);
    clt_buffer in = clt_test_input(device, src, positions * sizeof *src);
    clt_buffer out = clt_test_output(device, rows * sizeof *want);
    assert_ok(clt_reduce_segments(op, &sequence, columns, in, out, &error));
    clt_test_assert_near("segments", clt_test_read(device, out), want, rows, CLT_TOLERANCE_EXACT);
    clt_reduce_destroy(op);
    clt_test_batch_free(&batch);
}

static void test_segment_shapes(void **state)
{
    const int shapes[][4] = {{1, 1, 1, 1},   {3, 5, 4, 3},    {8, 3, 7, 13},    {9, 13, 20, 16},
                             {13, 9, 5, 63}, {33, 4, 30, 65}, {61, 3, 50, 240}, {130, 3, 99, 300}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_segments(*state, shapes[k][0], shapes[k][1], shapes[k][2], shapes[k][3]);
    }
}

/* Segments around the length of a piece, and one word at every position. */
static void test_long_segments(void **state)
{
    check_segments(*state, 1, 63, 1, 17);
    check_segments(*state, 1, 64, 1, 17);
    check_segments(*state, 1, 65, 1, 17);
    check_segments(*state, 20, 100, 1, 5);
    check_segments(*state, 70, 60, 3, 18);
}

/* The record as the host reads it. */
static clt_record read_record(clt_test_device *device, clt_buffer record)
{
    clt_record got;
    memcpy(&got, clt_test_read(device, record), sizeof got);
    return got;
}

static void check_record(clt_test_device *device, int samples, const size_t *counts, int calls)
{
    clt_error error;
    const clt_extent extent = clt_extent_of(samples, 0);
    const clt_record clear = {0};
    size_t gradients = 0;
    for (int k = 0; k < calls; k++) {
        gradients += counts[k];
    }
    clt_reduce *op = new_reduce(device, gradients);
    float *loss = clt_test_normals(device, (size_t)samples, 1.0, 1);
    int32_t *hit = clt_test_alloc(device, (size_t)samples * sizeof *hit), hits = 0;
    for (int b = 0; b < samples; b++) {
        hit[b] = b % 3 == 0;
        hits += hit[b];
    }
    clt_buffer loss_in = clt_test_input(device, loss, (size_t)samples * sizeof *loss);
    clt_buffer hit_in = clt_test_input(device, hit, (size_t)samples * sizeof *hit);
    clt_buffer record = clt_test_input(device, &clear, sizeof clear);
    /* The second time finds nothing left of the first. */
    for (int run = 0; run < 2; run++) {
        double squares = 0.0;
        for (int k = 0; k < calls; k++) {
            float *values = clt_test_normals(device, counts[k], 1.0, (uint64_t)(2 + k + run));
            clt_buffer in = clt_test_input(device, values, counts[k] * sizeof *values);
            squares +=
                clt_ref_sum_squares_f64(clt_test_widen(device, values, counts[k]), counts[k]);
            assert_ok(clt_reduce_squares(op, in, counts[k], &error));
        }
        assert_ok(clt_reduce_record(op, &extent, loss_in, hit_in, record, &error));
        clt_record got = read_record(device, record);
        assert_true(got.loss == clt_ref_sample_sum_f32(&extent, loss));
        assert_int_equal(got.hits, hits);
        assert_int_equal(got.bad, 0);
        assert_true(fabs(got.squared_norm - squares) <= CLT_TOLERANCE_ELEMENT * squares);
    }
    clt_reduce_destroy(op);
}

static void test_record(void **state)
{
    const size_t few[] = {1}, some[] = {13, 1023, 1024, 1025, 3, 5000};
    check_record(*state, 1, few, 1);
    check_record(*state, 9, few, 0);
    check_record(*state, 61, some, 6);
    check_record(*state, 300, some, 3);
}

static void test_bad_is_sticky(void **state)
{
    enum { samples = 13, count = 1500 };
    const float wrong[] = {NAN, -NAN, INFINITY, -INFINITY};
    const clt_extent extent = clt_extent_of(samples, 0);
    const int32_t hit[samples] = {0};
    const clt_record clear = {0};
    clt_error error;
    clt_test_device *device = *state;
    clt_reduce *op = new_reduce(device, count);
    float *good = clt_test_normals(device, count, 1.0, 1);
    clt_buffer good_in = clt_test_input(device, good, count * sizeof *good);
    clt_buffer hit_in = clt_test_input(device, hit, sizeof hit);
    for (int k = 0; k < 10; k++) {
        /* k even: in the loss; odd: in a gradient, in the first chunk or the last; from 8 on a
         * finite value whose square is not. */
        float *bad = clt_test_alloc(device, count * sizeof *bad);
        memcpy(bad, good, count * sizeof *bad);
        bad[k % 4 == 1 ? 7 : k % 2 ? count - 1 : samples - 1] = k < 8 ? wrong[k / 2] : 1e20f;
        clt_buffer bad_in = clt_test_input(device, bad, count * sizeof *bad);
        clt_buffer record = clt_test_input(device, &clear, sizeof clear);
        bool in_loss = k % 2 == 0 && k < 8;
        assert_ok(clt_reduce_squares(op, in_loss ? good_in : bad_in, count, &error));
        assert_ok(
            clt_reduce_record(op, &extent, in_loss ? bad_in : good_in, hit_in, record, &error));
        assert_int_not_equal(read_record(device, record).bad, 0);
        /* A good step does not clear it; the caller does. */
        assert_ok(clt_reduce_squares(op, good_in, count, &error));
        assert_ok(clt_reduce_record(op, &extent, good_in, hit_in, record, &error));
        clt_record got = read_record(device, record);
        assert_int_not_equal(got.bad, 0);
        assert_true(isfinite(got.loss) && isfinite(got.squared_norm));
        assert_ok(clt_buffer_zero(device->runtime, record, 0, sizeof got, &error));
        assert_ok(clt_reduce_record(op, &extent, good_in, hit_in, record, &error));
        assert_int_equal(read_record(device, record).bad, 0);
    }
    clt_reduce_destroy(op);
}

/* The largest finite loss is not bad: the test is of the exponent, not of a limit. */
static void test_large_is_not_bad(void **state)
{
    const clt_extent extent = clt_extent_of(1, 0);
    const float loss[] = {FLT_MAX};
    const int32_t hit[] = {1};
    const clt_record clear = {0};
    clt_error error;
    clt_test_device *device = *state;
    clt_reduce *op = new_reduce(device, 0);
    clt_buffer record = clt_test_input(device, &clear, sizeof clear);
    assert_ok(clt_reduce_record(op, &extent, clt_test_input(device, loss, sizeof loss),
                                clt_test_input(device, hit, sizeof hit), record, &error));
    clt_record got = read_record(device, record);
    assert_true(got.loss == FLT_MAX && got.squared_norm == 0.0f);
    assert_int_equal(got.bad, 0);
    clt_reduce_destroy(op);
}

static void test_too_many_squares(void **state)
{
    clt_error error;
    clt_test_device *device = *state;
    clt_reduce *op = new_reduce(device, 1024);
    enum { many = 64 * 1024 };
    clt_buffer in = clt_test_output(device, many * sizeof(float));
    assert_fails(clt_reduce_squares(op, in, many, &error), CLT_FAILED, "squares");
    clt_reduce_destroy(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_segment_shapes),   clt_device_test(test_long_segments),
        clt_device_test(test_record),           clt_device_test(test_bad_is_sticky),
        clt_device_test(test_large_is_not_bad), clt_device_test(test_too_many_squares),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
