/* Adam over arrays and over the embedding table, against the reference in double; equal bits where
 * a lazy form will need them; nothing moves while the record is bad. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 3 };

/* p, m, v on the device, in float and in double. v is not negative. */
typedef struct adam {
    size_t count;
    clt_adam_state device;
    float *start[3];
    double *p, *m, *v;
} adam;

static adam new_adam(clt_test_device *device, size_t count)
{
    adam a = {.count = count};
    for (int k = 0; k < 3; k++) {
        a.start[k] = clt_test_normals(device, count, k == 0 ? 1.0 : 0.1, (uint64_t)k + 1);
    }
    for (size_t e = 0; e < count; e++) {
        /* A third of all elements has never had a gradient. */
        a.start[1][e] = e % 3 == 0 ? 0.0f : a.start[1][e];
        a.start[2][e] = e % 3 == 0 ? 0.0f : fabsf(a.start[2][e]);
    }
    size_t bytes = count * sizeof(float);
    a.device.p = clt_test_input(device, a.start[0], bytes);
    a.device.m = clt_test_input(device, a.start[1], bytes);
    a.device.v = clt_test_input(device, a.start[2], bytes);
    a.p = clt_test_widen(device, a.start[0], count);
    a.m = clt_test_widen(device, a.start[1], count);
    a.v = clt_test_widen(device, a.start[2], count);
    return a;
}

static clt_buffer new_record(clt_test_device *device, int32_t bad)
{
    const clt_record record = {.bad = bad};
    return clt_test_input(device, &record, sizeof record);
}

static void assert_adam_near(clt_test_device *device, const adam *a)
{
    clt_test_assert_near("p", clt_test_read(device, a->device.p),
                         clt_test_narrow(device, a->p, a->count), a->count, CLT_TOLERANCE_ELEMENT);
    clt_test_assert_near("m", clt_test_read(device, a->device.m),
                         clt_test_narrow(device, a->m, a->count), a->count, CLT_TOLERANCE_ELEMENT);
    clt_test_assert_near("v", clt_test_read(device, a->device.v),
                         clt_test_narrow(device, a->v, a->count), a->count, CLT_TOLERANCE_ELEMENT);
}

static void assert_adam_unchanged(clt_test_device *device, const adam *a)
{
    size_t bytes = a->count * sizeof(float);
    assert_memory_equal(clt_test_read(device, a->device.p), a->start[0], bytes);
    assert_memory_equal(clt_test_read(device, a->device.m), a->start[1], bytes);
    assert_memory_equal(clt_test_read(device, a->device.v), a->start[2], bytes);
}

static void test_step_is_keras(void **state)
{
    (void)state;
    /* Computed by NumPy in float32 as Keras 3.16 does; powers of the double 0.999 differ. */
    const struct {
        uint64_t t;
        float step_size;
    } want[] = {{1, 0x1.4b962ep-12f},
                {2, 0x1.ed7d72p-13f},
                {10, 0x1.414234p-13f},
                {1000, 0x1.a0e64cp-11f},
                {100000, 0x1.0624dep-10f}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        clt_adam_step step = clt_adam_step_of(0.001, want[k].t);
        assert_true(step.step_size == want[k].step_size);
        assert_true(step.one_minus_beta1 == 0.1f && step.one_minus_beta2 == 0.001f);
        assert_true(step.epsilon == 1e-7f);
    }
}

static void test_dense(void **state)
{
    const size_t counts[] = {1, 3, 13, 15, 16, 17, 300, 4095, 4096, 4097, 10000};
    clt_error error;
    clt_test_device *device = *state;
    clt_optimizer *op = NULL;
    assert_ok(clt_optimizer_plan(device->runtime, &op, &error));
    clt_buffer record = new_record(device, 0);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        adam a = new_adam(device, counts[k]);
        for (uint64_t t = 1; t <= STEPS; t++) {
            clt_adam_step step = clt_adam_step_of(0.01, t);
            float *gradient = clt_test_normals(device, counts[k], 1.0, t + 10);
            clt_buffer in = clt_test_input(device, gradient, counts[k] * sizeof *gradient);
            assert_ok(clt_optimizer_dense(op, &step, record, counts[k], in, a.device, &error));
            clt_ref_adam_f64(&step, false, counts[k], clt_test_widen(device, gradient, counts[k]),
                             a.p, a.m, a.v);
        }
        assert_adam_near(device, &a);
    }
    clt_optimizer_destroy(op);
}

/* `stride`: every such row has a gradient, the last always. */
static int list_rows(int table_rows, int stride, int32_t *unique)
{
    int count = 0;
    for (int row = 0; row < table_rows; row++) {
        if (row % stride == stride - 1 || row == table_rows - 1) {
            unique[count++] = row;
        }
    }
    return count;
}

static void check_table(clt_test_device *device, clt_optimizer *op, int table_rows, int features,
                        int stride)
{
    clt_error error;
    adam a = new_adam(device, (size_t)table_rows * (size_t)features);
    int32_t *unique = clt_test_alloc(device, (size_t)table_rows * sizeof *unique);
    clt_buffer record = new_record(device, 0);
    for (uint64_t t = 1; t <= STEPS; t++) {
        clt_adam_step step = clt_adam_step_of(0.01, t);
        int row_count = list_rows(table_rows, stride + (int)t - 1, unique);
        size_t count = (size_t)row_count * (size_t)features;
        float *drows = clt_test_normals(device, count, 1.0, t + 10);
        clt_buffer ids = clt_test_input(device, unique, (size_t)row_count * sizeof *unique);
        clt_buffer in = clt_test_input(device, drows, count * sizeof *drows);
        assert_ok(clt_optimizer_table(op, &step, record, table_rows, features, ids, row_count, in,
                                      a.device, &error));
        clt_ref_adam_table_f64(&step, false, table_rows, features, unique, row_count,
                               clt_test_widen(device, drows, count), a.p, a.m, a.v);
    }
    assert_adam_near(device, &a);
}

static void test_table(void **state)
{
    const int shapes[][3] = {{1, 1, 1},   {3, 3, 1},    {13, 17, 2},  {63, 16, 5},
                             {64, 15, 7}, {65, 128, 3}, {300, 13, 1}, {200, 5, 150}};
    clt_error error;
    clt_test_device *device = *state;
    clt_optimizer *op = NULL;
    assert_ok(clt_optimizer_plan(device->runtime, &op, &error));
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_table(device, op, shapes[k][0], shapes[k][1], shapes[k][2]);
    }
    clt_optimizer_destroy(op);
}

/* An absent row gets the bits of a row whose gradient is zero, whatever lies around it. */
static void test_absent_is_zero(void **state)
{
    enum { table_rows = 150, features = 37, count = table_rows * features };
    clt_error error;
    clt_test_device *device = *state;
    clt_optimizer *op = NULL;
    assert_ok(clt_optimizer_plan(device->runtime, &op, &error));
    adam some = new_adam(device, count), all = new_adam(device, count);
    clt_buffer record = new_record(device, 0);
    int32_t unique[table_rows], every[table_rows];
    int row_count = list_rows(table_rows, 4, unique);
    float *drows = clt_test_normals(device, count, 1.0, 9);
    float *spread = clt_test_alloc(device, count * sizeof *spread);
    list_rows(table_rows, 1, every);
    for (int u = 0; u < row_count; u++) {
        memcpy(spread + unique[u] * features, drows + u * features, features * sizeof *spread);
    }
    clt_buffer ids = clt_test_input(device, unique, (size_t)row_count * sizeof *unique);
    clt_buffer in = clt_test_input(device, drows, (size_t)row_count * features * sizeof *drows);
    clt_buffer all_ids = clt_test_input(device, every, sizeof every);
    clt_buffer all_in = clt_test_input(device, spread, count * sizeof *spread);
    for (uint64_t t = 1; t <= 20; t++) {
        clt_adam_step step = clt_adam_step_of(0.01, t);
        assert_ok(clt_optimizer_table(op, &step, record, table_rows, features, ids, row_count, in,
                                      some.device, &error));
        assert_ok(clt_optimizer_table(op, &step, record, table_rows, features, all_ids, table_rows,
                                      all_in, all.device, &error));
    }
    size_t bytes = count * sizeof(float);
    assert_memory_equal(clt_test_read(device, some.device.p), clt_test_read(device, all.device.p),
                        bytes);
    assert_memory_equal(clt_test_read(device, some.device.m), clt_test_read(device, all.device.m),
                        bytes);
    assert_memory_equal(clt_test_read(device, some.device.v), clt_test_read(device, all.device.v),
                        bytes);
    /* Both have moved, absent rows too. */
    float *p = clt_test_read(device, some.device.p);
    assert_true(p[1] != some.start[0][1]);
    clt_optimizer_destroy(op);
}

static void test_nothing_moves_while_bad(void **state)
{
    enum { table_rows = 100, features = 7, count = table_rows * features };
    clt_error error;
    clt_test_device *device = *state;
    clt_optimizer *op = NULL;
    const clt_adam_step step = clt_adam_step_of(0.01, 1);
    int32_t unique[table_rows];
    int row_count = list_rows(table_rows, 3, unique);
    clt_buffer ids = clt_test_input(device, unique, (size_t)row_count * sizeof *unique);
    clt_buffer gradient = clt_test_output(device, count * sizeof(float)); /* NaN */
    clt_buffer record = new_record(device, 1);
    adam table = new_adam(device, count), dense = new_adam(device, count);
    assert_ok(clt_optimizer_plan(device->runtime, &op, &error));
    assert_ok(clt_optimizer_dense(op, &step, record, count, gradient, dense.device, &error));
    assert_ok(clt_optimizer_table(op, &step, record, table_rows, features, ids, row_count, gradient,
                                  table.device, &error));
    assert_adam_unchanged(device, &dense);
    assert_adam_unchanged(device, &table);
    clt_optimizer_destroy(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_is_keras),
        clt_device_test(test_dense),
        clt_device_test(test_table),
        clt_device_test(test_absent_is_zero),
        clt_device_test(test_nothing_moves_while_bad),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
