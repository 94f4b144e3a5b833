/* The kernels that measure a device's peak: multiply-adds against the reference, and copies. */
#include "check/peak.h"
#include "ref/ref.h"
#include "support/device.h"

#include <string.h>

static void test_fma(void **state)
{
    static const int cases[][2] = {
        {1, 1}, {3, 2}, {5, 0}, {67, 100}, {130, 1000}}; /* items, steps */
    clt_test_device *device = *state;
    clt_error error;
    clt_peak *peak = NULL;
    assert_ok(clt_peak_plan(device->runtime, &peak, &error));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int items = cases[k][0], steps = cases[k][1];
        size_t count = (size_t)items * (size_t)clt_peak_width(peak);
        float *x = clt_test_normals(device, count, 1.0, k + 1);
        double *want = clt_test_alloc(device, count * sizeof *want);
        clt_buffer in = clt_test_input(device, x, count * sizeof *x);
        clt_buffer out = clt_test_output(device, count * sizeof *x);
        assert_ok(clt_peak_fma(peak, items, steps, in, out, &error));
        clt_ref_peak_fma_f64(count, CLT_PEAK_CHAINS, steps, clt_test_widen(device, x, count), want);
        /* A thousand roundings of numbers that grow: far below the 1e-3 of a step left out. */
        clt_test_assert_near("peak_fma", clt_test_read(device, out),
                             clt_test_narrow(device, want, count), count, CLT_TOLERANCE_SUM);
    }
    clt_peak_destroy(peak);
}

static void test_copy(void **state)
{
    static const int cases[] = {1, 3, 7};
    clt_test_device *device = *state;
    clt_error error;
    clt_peak *peak = NULL;
    assert_ok(clt_peak_plan(device->runtime, &peak, &error));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        size_t count = (size_t)cases[k] * clt_peak_span(peak);
        float *x = clt_test_normals(device, count, 1.0, k + 1);
        clt_buffer in = clt_test_input(device, x, count * sizeof *x);
        clt_buffer out = clt_test_output(device, count * sizeof *x);
        assert_ok(clt_peak_copy(peak, cases[k], in, out, &error));
        assert_memory_equal(clt_test_read(device, out), x, count * sizeof *x);
    }
    clt_peak_destroy(peak);
}

static void test_measure(void **state)
{
    clt_test_device *device = *state;
    clt_error error;
    double flops = 0.0, bandwidth = 0.0;
    assert_ok(clt_peak_measure(device->runtime, &flops, &bandwidth, &error));
    assert_true(flops > 1e7 && flops < 1e16);
    assert_true(bandwidth > 1e6 && bandwidth < 1e15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_fma),
        clt_device_test(test_copy),
        clt_device_test(test_measure),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
