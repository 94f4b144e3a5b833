/* Clipping by value and by norm against the reference; what lies beside the values stays. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>
#include <string.h>

static const size_t counts[] = {1, 3, 13, 16, 17, 1023, 1024, 1025, 4095, 4096, 4097, 10000};
enum { SHAPES = sizeof counts / sizeof *counts, BEFORE = 7, BEHIND = 9 };

static clt_clip *plan(clt_test_device *device)
{
    clt_error error;
    clt_clip *op = NULL;
    assert_ok(clt_clip_plan(device->runtime, &op, &error));
    return op;
}

static void test_value(void **state)
{
    clt_test_device *device = *state;
    clt_clip *op = plan(device);
    for (size_t k = 0; k < SHAPES; k++) {
        clt_error error;
        size_t all = BEFORE + counts[k] + BEHIND;
        float *x = clt_test_normals(device, all, 1.0, k + 1);
        clt_buffer in = clt_test_input(device, x, all * sizeof *x);
        x[BEFORE] = k % 2 ? -0.0f : 0.7f; /* the limit itself, and the other zero */
        assert_ok(clt_buffer_write(device->runtime, in, 0, all * sizeof *x, x, &error));
        assert_ok(clt_clip_value(op, 0.7, in, BEFORE, counts[k], &error));
        clt_ref_clip_value_f32(0.7f, counts[k], x + BEFORE);
        assert_memory_equal(clt_test_read(device, in), x, all * sizeof *x);
    }
    clt_clip_destroy(op);
}

/* The norm of some of the partial sums; values of another number. */
static void test_norm(void **state)
{
    clt_test_device *device = *state;
    clt_clip *op = plan(device);
    for (size_t k = 0; k < SHAPES; k++) {
        clt_error error;
        size_t all = BEFORE + counts[k] + BEHIND, chunks = 1 + counts[k] / 16;
        float *x = clt_test_normals(device, all, 1.0, k + 1);
        float *partials = clt_test_normals(device, chunks + 2, 1.0, k + 50), sum = 0.0f;
        for (size_t c = 0; c < chunks + 2; c++) {
            partials[c] = fabsf(partials[c]);
            sum += c > 0 && c <= chunks ? partials[c] : 0.0f;
        }
        clt_buffer in = clt_test_input(device, x, all * sizeof *x);
        clt_buffer sums = clt_test_input(device, partials, (chunks + 2) * sizeof *partials);
        float limit = sqrtf(sum) * 0.3f, first = x[BEFORE];
        assert_ok(clt_clip_measure(op, sums, 1, chunks, &error));
        assert_ok(clt_clip_norm(op, limit, in, BEFORE, counts[k], &error));
        clt_ref_clip_norm_f32(limit, sum, counts[k], x + BEFORE);
        assert_true(fabsf(x[BEFORE] / first - 0.3f) < 1e-6f);
        clt_test_assert_near("values", clt_test_read(device, in), x, all, CLT_TOLERANCE_ELEMENT);
    }
    clt_clip_destroy(op);
}

/* A norm up to the limit, or of zeros, changes no bits. */
static void test_small_norm(void **state)
{
    enum { COUNT = 300 };
    static const float squares[][2] = {{4.0f, 5.0f}, {0.0f, 0.0f}};
    clt_test_device *device = *state;
    clt_clip *op = plan(device);
    float *x = clt_test_normals(device, COUNT, 1.0, 3);
    clt_buffer in = clt_test_input(device, x, COUNT * sizeof *x);
    for (int k = 0; k < 2; k++) {
        clt_error error;
        clt_buffer sums = clt_test_input(device, squares[k], sizeof squares[k]);
        assert_ok(clt_clip_measure(op, sums, 0, 2, &error));
        assert_ok(clt_clip_norm(op, 3.0, in, 0, COUNT, &error));
        assert_memory_equal(clt_test_read(device, in), x, COUNT * sizeof *x);
    }
    clt_clip_destroy(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_value),
        clt_device_test(test_norm),
        clt_device_test(test_small_norm),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
