/* device.h: what tests of ops share: one runtime per program, and buffers that notice.
 *
 *     static void test_something(void **state)
 *     {
 *         clt_test_device *device = *state;
 *         float *x = clt_test_normals(device, count, 1.0, 7);
 *         clt_buffer in = clt_test_input(device, x, count * sizeof *x);
 *         clt_buffer out = clt_test_output(device, count * sizeof *x);
 *         ...
 *         clt_test_assert_near("y", clt_test_read(device, out), want, count, CLT_TOLERANCE_SUM);
 *     }
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {clt_device_test(test_something)};
 *         return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
 *     }
 *
 * Everything a test makes here is released after it, and the test fails when a kernel wrote behind
 * the end of a buffer. */
#ifndef CLT_TESTS_DEVICE_H
#define CLT_TESTS_DEVICE_H

#include "ops/ops.h"
#include "support/batch.h"
#include "support/test.h"
#include "support/tolerance.h"

#define CLT_TEST_ITEMS_MAX 256

typedef struct clt_test_device {
    clt_runtime *runtime;
    int buffer_count, block_count;
    clt_buffer buffers[CLT_TEST_ITEMS_MAX]; /* each CLT_ALIGNMENT longer than its user knows */
    size_t used[CLT_TEST_ITEMS_MAX];        /* bytes that the user knows of */
    void *blocks[CLT_TEST_ITEMS_MAX];
} clt_test_device;

/* Group setup and teardown. The device is CLTRAIN_TEST_DEVICE's, "cpu" when unset. */
int clt_test_device_open(void **state);
int clt_test_device_close(void **state);

#define clt_device_test(function) cmocka_unit_test_teardown(function, clt_test_device_end)
int clt_test_device_end(void **state);

/* Does nothing lie behind any buffer's end but what was put there? */
bool clt_test_device_intact(clt_test_device *device);

/* Host memory, zeroed. */
void *clt_test_alloc(clt_test_device *device, size_t bytes);
float *clt_test_normals(clt_test_device *device, size_t count, double deviation, uint64_t seed);
double *clt_test_widen(clt_test_device *device, const float *values, size_t count);
float *clt_test_narrow(clt_test_device *device, const double *values, size_t count);

/* A buffer with `data` in it, or with NaN in every float (as an int: far out of any range). What
 * lies behind either is NaN as well, so that reading too far shows too. */
clt_buffer clt_test_input(clt_test_device *device, const void *data, size_t bytes);
clt_buffer clt_test_output(clt_test_device *device, size_t bytes);

/* All bytes of a buffer; waits for the device. */
void *clt_test_read(clt_test_device *device, clt_buffer buffer);

/* `batch` on the device with rows [row_count, features]; without `indexed`, rows [N, features] and
 * none of the lists. */
clt_sequence clt_test_sequence(clt_test_device *device, const clt_test_batch *batch, int features,
                               const float *rows, bool indexed);

#endif
