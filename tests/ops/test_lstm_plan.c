/* LSTMs that cannot be planned, or not as they are asked for. */
#include "support/test.h"

#include "ops/lstm.h"
#include "ops/lstm_private.h"
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

/* Where a state has no room in a work-group, group is planned as step, and says so. */
static void test_group_without_room(void **state)
{
    clt_test_device *device = *state;
    const clt_device *info = clt_runtime_device(device->runtime);
    const clt_lstm_config wide = {.features = 2, .hidden = 2048};
    const clt_limits few = {1, 1, false};
    const char *want = clt_lstm_group_shape_of(info, wide.hidden, info->max_work_group).group > 0
                           ? "group"
                           : "step";
    clt_error error;
    clt_lstm *op;
    clt_runtime_forget_planned(device->runtime);
    clt_runtime_force(device->runtime, "lstm", "group");
    assert_ok(clt_lstm_plan(device->runtime, &wide, &few, &op, &error));
    clt_runtime_force(device->runtime, "lstm", NULL);
    assert_string_equal(clt_runtime_planned_as(device->runtime, "lstm"), want);
    clt_lstm_destroy(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_too_large),
                                       clt_device_test(test_group_without_room)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
