/* The harness that tests of ops stand on notices what it should. */
#include "support/device.h"

#include <math.h>

static void test_a_write_behind_the_end_is_seen(void **state)
{
    const float x[] = {1.0f, 2.0f, 3.0f}, wrong = 4.0f;
    uint32_t kept;
    clt_error error;
    clt_test_device *device = *state;
    clt_test_input(device, x, sizeof x);
    clt_test_output(device, sizeof x);
    assert_true(clt_test_device_intact(device));
    for (int k = 0; k < device->buffer_count; k++) {
        clt_buffer whole = device->buffers[k];
        assert_ok(clt_buffer_read(device->runtime, whole, sizeof x, sizeof kept, &kept, &error));
        assert_ok(clt_buffer_write(device->runtime, whole, sizeof x, sizeof wrong, &wrong, &error));
        assert_false(clt_test_device_intact(device));
        assert_ok(clt_buffer_write(device->runtime, whole, sizeof x, sizeof kept, &kept, &error));
        assert_true(clt_test_device_intact(device));
    }
}

static void test_outputs_begin_as_nan(void **state)
{
    clt_test_device *device = *state;
    float *got = clt_test_read(device, clt_test_output(device, 5 * sizeof *got));
    for (int k = 0; k < 5; k++) {
        assert_true(isnan(got[k]));
    }
    assert_true(isnan(clt_test_error(got, got, 5))); /* equal NaNs are not equal results */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_a_write_behind_the_end_is_seen),
        clt_device_test(test_outputs_begin_as_nan),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
