/* LSTMs that cannot be planned. */
#include "support/test.h"

#include "ops/lstm.h"
#include "support/device.h"

static void test_too_large(void **state)
{
    clt_test_device *device = *state;
    clt_error error;
    clt_lstm *op;
    const clt_lstm_config small = {.features = 8, .hidden = 4};
    const clt_lstm_config wide = {.features = 8, .hidden = 2049};
    const clt_limits many = {1 << 20, 1 << 20, true}, few = {4, 4, true};
    assert_fails(clt_lstm_plan(device->runtime, &small, &many, &op, &error), CLT_USAGE,
                 "use a smaller batch");
    assert_null(op);
    assert_fails(clt_lstm_plan(device->runtime, &wide, &few, &op, &error), CLT_USAGE, "2049 units");
    assert_null(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_too_large)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
