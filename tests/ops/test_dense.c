/* The dense layer, forward and back, against the reference in double. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>

static void check_dense(clt_test_device *device, int samples, int inputs, int outputs, bool want_dx)
{
    clt_error error;
    clt_dense *op = NULL;
    const clt_extent extent = clt_extent_of(samples, 0);
    size_t in = (size_t)samples * (size_t)inputs, out = (size_t)samples * (size_t)outputs;
    size_t weights = (size_t)inputs * (size_t)outputs, biases = (size_t)outputs;
    float *kernel = clt_test_normals(device, weights, 1.0 / sqrt(inputs), 1);
    float *bias = clt_test_normals(device, biases, 1.0, 2);
    float *x = clt_test_normals(device, in, 1.0, 3);
    float *dy = clt_test_normals(device, out, 1.0 / sqrt(samples), 4);
    float *dkernel0 = clt_test_normals(device, weights, 1.0, 5); /* what is there already */
    float *dbias0 = clt_test_normals(device, biases, 1.0, 6);

    double *y64 = clt_test_alloc(device, out * sizeof *y64);
    double *dx64 = clt_test_alloc(device, in * sizeof *dx64);
    double *kernel64 = clt_test_widen(device, kernel, weights),
           *x64 = clt_test_widen(device, x, in);
    double *dkernel64 = clt_test_widen(device, dkernel0, weights);
    double *dbias64 = clt_test_widen(device, dbias0, biases);
    clt_ref_dense_forward_f64(samples, inputs, outputs, kernel64,
                              clt_test_widen(device, bias, biases), x64, y64);
    clt_ref_dense_backward_f64(&extent, inputs, outputs, kernel64, x64,
                               clt_test_widen(device, dy, out), dx64, dkernel64, dbias64);

    clt_buffer kernel_in = clt_test_input(device, kernel, weights * sizeof *kernel);
    clt_buffer bias_in = clt_test_input(device, bias, biases * sizeof *bias);
    clt_buffer x_in = clt_test_input(device, x, in * sizeof *x);
    clt_buffer dy_in = clt_test_input(device, dy, out * sizeof *dy);
    clt_buffer y = clt_test_output(device, out * sizeof(float));
    clt_buffer dx = want_dx ? clt_test_output(device, in * sizeof(float)) : (clt_buffer){NULL, 0};
    clt_buffer dkernel = clt_test_input(device, dkernel0, weights * sizeof(float));
    clt_buffer dbias = clt_test_input(device, dbias0, biases * sizeof(float));
    assert_ok(clt_dense_plan(device->runtime, inputs, outputs, &op, &error));
    assert_ok(clt_dense_forward(op, samples, kernel_in, bias_in, x_in, y, &error));
    assert_ok(clt_dense_backward(op, &extent, kernel_in, x_in, dy_in, dx, dkernel, dbias, &error));
    clt_test_assert_near("y", clt_test_read(device, y), clt_test_narrow(device, y64, out), out,
                         CLT_TOLERANCE_SUM);
    clt_test_assert_near("dkernel", clt_test_read(device, dkernel),
                         clt_test_narrow(device, dkernel64, weights), weights, CLT_TOLERANCE_SUM);
    clt_test_assert_near("dbias", clt_test_read(device, dbias),
                         clt_test_narrow(device, dbias64, biases), biases, CLT_TOLERANCE_SUM);
    if (want_dx) {
        clt_test_assert_near("dx", clt_test_read(device, dx), clt_test_narrow(device, dx64, in), in,
                             CLT_TOLERANCE_SUM);
    }
    clt_dense_destroy(op);
}

static void test_dense(void **state)
{
    const int shapes[][3] = {{1, 1, 1},   {3, 1, 3},   {9, 13, 1},  {40, 60, 1},
                             {13, 3, 33}, {65, 17, 2}, {1, 300, 1}, {300, 13, 7}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_dense(*state, shapes[k][0], shapes[k][1], shapes[k][2], k % 3 != 0);
    }
}

/* Every sum over samples has one order: two runs give the same bits, and a sample's logit does not
 * depend on which others are there. */
static void test_bits(void **state)
{
    enum { samples = 50, inputs = 37 };
    clt_error error;
    clt_test_device *device = *state;
    clt_dense *op = NULL;
    const clt_extent extent = clt_extent_of(samples, 0);
    const float zeros[inputs] = {0};
    float *bits[2], *logits[2];
    float *x = clt_test_normals(device, samples * inputs, 1.0, 1);
    float *kernel = clt_test_normals(device, inputs, 1.0, 2);
    clt_buffer weights = clt_test_input(device, kernel, inputs * sizeof(float));
    clt_buffer bias = clt_test_input(device, zeros, sizeof(float));
    clt_buffer in = clt_test_input(device, x, samples * inputs * sizeof(float));
    clt_buffer dy = clt_test_input(device, x, samples * sizeof(float));
    assert_ok(clt_dense_plan(device->runtime, inputs, 1, &op, &error));
    for (int run = 0; run < 2; run++) {
        clt_buffer y = clt_test_output(device, samples * sizeof(float));
        clt_buffer dkernel = clt_test_input(device, zeros, sizeof zeros);
        clt_buffer dbias = clt_test_input(device, zeros, sizeof(float));
        assert_ok(clt_dense_forward(op, run == 0 ? samples : 3, weights, bias, in, y, &error));
        assert_ok(clt_dense_backward(op, &extent, weights, in, dy, (clt_buffer){NULL, 0}, dkernel,
                                     dbias, &error));
        logits[run] = clt_test_read(device, y);
        bits[run] = clt_test_read(device, dkernel);
    }
    assert_memory_equal(bits[0], bits[1], inputs * sizeof(float));
    assert_memory_equal(logits[0], logits[1], 3 * sizeof(float));
    assert_true(isnan(logits[1][3])); /* and is not computed when it is not asked for */
    clt_dense_destroy(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_dense), clt_device_test(test_bits)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
