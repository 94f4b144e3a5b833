/* The moving average of weights against the reference in double, over some steps. */
#include "ref/ref.h"
#include "support/device.h"

#include <stdlib.h>
#include <string.h>

static const float momenta[] = {0.0f, 0.9f, 0.5f, 0.999f};
enum { STEPS = 4 };

/* bad: the flag of the last step is set. */
static void check_ema(clt_test_device *device, int rows, int columns, bool bad)
{
    clt_error error;
    clt_ema *op = NULL;
    size_t count = (size_t)rows * (size_t)columns, bytes = count * sizeof(float);
    float *start = clt_test_normals(device, count, 1.0, 1);
    double *want = clt_test_widen(device, start, count);
    clt_buffer average = clt_test_input(device, start, bytes);
    assert_ok(clt_ema_plan(device->runtime, &op, &error));
    for (int step = 0; step < STEPS; step++) {
        const clt_record record = {.bad = bad && step == STEPS - 1};
        float *p = clt_test_normals(device, count, 1.0, 2 + (uint64_t)step);
        clt_buffer p_in = clt_test_input(device, p, bytes);
        clt_buffer record_in = clt_test_input(device, &record, sizeof record);
        assert_ok(
            clt_ema_update(op, momenta[step], record_in, rows, columns, p_in, average, &error));
        clt_ref_ema_f64(momenta[step], record.bad, count, clt_test_widen(device, p, count), want);
        if (step == 0) { /* a momentum of 0: the weights themselves, to the last bit */
            assert_memory_equal(clt_test_read(device, average), p, bytes);
        }
        assert_memory_equal(clt_test_read(device, p_in), p, bytes);
    }
    clt_test_assert_near("average", clt_test_read(device, average),
                         clt_test_narrow(device, want, count), count, CLT_TOLERANCE_ELEMENT);
    clt_ema_destroy(op);
}

static void test_small(void **state)
{
    static const int shapes[][2] = {{1, 1}, {1, 15}, {7, 16}, {3, 33}, {65, 13}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_ema(*state, shapes[k][0], shapes[k][1], k % 2 == 1);
    }
}

/* More rows than one work-item of a CPU takes. */
static void test_large(void **state)
{
    check_ema(*state, 45, 1024, true);
    check_ema(*state, 900, 128, false);
    check_ema(*state, 8200, 1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_small),
        clt_device_test(test_large),
    };
    cmocka_set_test_filter(getenv("CLTRAIN_TEST_FILTER"));
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
