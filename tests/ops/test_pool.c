/* Pools over time, forward and back, against the reference in float: the same order of sums. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>

static void check_pool(clt_test_device *device, int samples, int timesteps, const int32_t *masked,
                       const clt_pool_config *config, const float *x)
{
    clt_error error;
    clt_pool *op = NULL;
    clt_buffer start = {0};
    clt_extent extent = clt_extent_of(samples, timesteps);
    if (masked != NULL) {
        extent.start = masked;
        start = clt_test_input(device, masked, (size_t)samples * sizeof *masked);
    }
    size_t in = (size_t)samples * (size_t)timesteps * (size_t)config->features;
    size_t out = (size_t)samples * (size_t)config->count * (size_t)config->features;
    float *dy = clt_test_normals(device, out, 1.0, 2);
    float *want_y = clt_test_alloc(device, out * sizeof *want_y);
    float *want_dx = clt_test_alloc(device, in * sizeof *want_dx);
    clt_ref_pool_forward_f32(&extent, config, x, want_y);
    clt_ref_pool_backward_f32(&extent, config, x, dy, want_dx);

    clt_buffer x_in = clt_test_input(device, x, in * sizeof *x);
    clt_buffer dy_in = clt_test_input(device, dy, out * sizeof *dy);
    clt_buffer y = clt_test_output(device, out * sizeof(float));
    clt_buffer dx = clt_test_output(device, in * sizeof(float));
    assert_ok(clt_pool_plan(device->runtime, config, &op, &error));
    assert_ok(clt_pool_forward(op, &extent, start, x_in, y, &error));
    assert_ok(clt_pool_backward(op, &extent, start, x_in, dy_in, dx, &error));
    clt_test_assert_near("y", clt_test_read(device, y), want_y, out, CLT_TOLERANCE_ELEMENT);
    clt_test_assert_near("dx", clt_test_read(device, dx), want_dx, in, CLT_TOLERANCE_ELEMENT);
    clt_pool_destroy(op);
}

/* Every list of kinds at awkward shapes, the values rounded so that steps share the largest one. */
static void test_kinds(void **state)
{
    static const clt_pool_config lists[] = {
        {.count = 1, .kinds = {CLT_POOL_LAST}},
        {.count = 1, .kinds = {CLT_POOL_MEAN}},
        {.count = 1, .kinds = {CLT_POOL_MAX}},
        {.count = 2, .kinds = {CLT_POOL_MEAN, CLT_POOL_MAX}},
        {.count = 2, .kinds = {CLT_POOL_MAX, CLT_POOL_LAST}},
        {.count = 3, .kinds = {CLT_POOL_LAST, CLT_POOL_MAX, CLT_POOL_MEAN}},
    };
    const int shapes[][3] = {{1, 1, 1},   {3, 1, 5},    {1, 9, 16},  {9, 2, 13},
                             {13, 7, 33}, {65, 40, 17}, {130, 5, 60}};
    clt_test_device *device = *state;
    int32_t start[130];
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        size_t count = (size_t)(shapes[k][0] * shapes[k][1] * shapes[k][2]);
        float *x = clt_test_normals(device, count, 1.0, 1);
        for (size_t j = 0; k % 2 == 1 && j < count; j++) {
            x[j] = roundf(2.0f * x[j]) / 2.0f;
        }
        for (int b = 0; b < shapes[k][0]; b++) { /* from no masked step to nothing else */
            start[b] = b % (shapes[k][1] + 1);
        }
        for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
            clt_pool_config config = lists[l];
            config.features = shapes[k][2];
            check_pool(device, shapes[k][0], shapes[k][1], NULL, &config, x);
            check_pool(device, shapes[k][0], shapes[k][1], start, &config, x);
        }
        void *used = device;
        assert_int_equal(clt_test_device_end(&used), 0); /* a shape has many cases: release now */
    }
}

/* A NaN is the largest value wherever it stands: the record of the step has to see it. */
static void test_nan(void **state)
{
    enum { timesteps = 4, features = 17 };
    clt_test_device *device = *state;
    const clt_extent extent = clt_extent_of(1, timesteps);
    const clt_pool_config config = {.features = features, .count = 1, .kinds = {CLT_POOL_MAX}};
    for (int t = 0; t < timesteps; t++) {
        clt_error error;
        clt_pool *op = NULL;
        const clt_buffer none = {0};
        float *x = clt_test_normals(device, timesteps * features, 1.0, 1);
        x[t * features + 3] = NAN;
        x[t * features + 16] = NAN;
        clt_buffer in = clt_test_input(device, x, timesteps * features * sizeof *x);
        clt_buffer y = clt_test_output(device, features * sizeof *x);
        assert_ok(clt_pool_plan(device->runtime, &config, &op, &error));
        assert_ok(clt_pool_forward(op, &extent, none, in, y, &error));
        const float *got = clt_test_read(device, y);
        for (int d = 0; d < features; d++) {
            assert_int_equal(isnan(got[d]) != 0, d == 3 || d == 16);
        }
        clt_pool_destroy(op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_kinds), clt_device_test(test_nan)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
