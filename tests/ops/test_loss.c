/* Cross-entropy from logits, binary and categorical, against the reference in double. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>
#include <string.h>

/* weighted: label c has weight 1 / (1 + c % 4), so that tolerances hold */
static void check_loss(clt_test_device *device, int samples, int outputs, const float *logits,
                       bool weighted, bool want_gradient)
{
    clt_error error;
    clt_loss *op = NULL;
    size_t count = (size_t)samples, bytes = count * sizeof(float);
    size_t logit_count = count * (size_t)outputs, logit_bytes = logit_count * sizeof(float);
    int32_t *targets = clt_test_alloc(device, bytes);
    double *loss64 = clt_test_alloc(device, count * sizeof *loss64);
    double *dlogits64 = clt_test_alloc(device, logit_count * sizeof *dlogits64);
    int32_t *hit64 = clt_test_alloc(device, count * sizeof *hit64);
    size_t classes = outputs == 1 ? 2 : (size_t)outputs;
    float *weights = clt_test_alloc(device, classes * sizeof *weights);
    clt_buffer class_weights = {0};
    for (int b = 0; b < samples; b++) {
        targets[b] = b % (int)classes;
    }
    for (size_t c = 0; c < classes; c++) {
        weights[c] = 1.0f / (float)(1 + c % 4);
    }
    if (weighted) {
        class_weights = clt_test_input(device, weights, classes * sizeof *weights);
    }
    clt_ref_loss_f64(samples, outputs, clt_test_widen(device, logits, logit_count), targets,
                     weighted ? clt_test_widen(device, weights, classes) : NULL, loss64, hit64,
                     dlogits64);

    clt_buffer z = clt_test_input(device, logits, logit_bytes),
               y = clt_test_input(device, targets, bytes);
    clt_buffer loss = clt_test_output(device, bytes), hit = clt_test_output(device, bytes);
    clt_buffer dlogits =
        want_gradient ? clt_test_output(device, logit_bytes) : (clt_buffer){NULL, 0};
    assert_ok(clt_loss_plan(device->runtime, outputs, &op, &error));
    assert_ok(clt_loss_forward(op, samples, z, y, class_weights, loss, hit, dlogits, &error));
    clt_test_assert_near("loss", clt_test_read(device, loss),
                         clt_test_narrow(device, loss64, count), count, CLT_TOLERANCE_ELEMENT);
    assert_memory_equal(clt_test_read(device, hit), hit64, count * sizeof *hit64);
    if (want_gradient) {
        clt_test_assert_near("dlogits", clt_test_read(device, dlogits),
                             clt_test_narrow(device, dlogits64, logit_count), logit_count,
                             CLT_TOLERANCE_ELEMENT);
    }
    clt_loss_destroy(op);
}

static void check_sizes(clt_test_device *device, bool weighted)
{
    const int sizes[][2] = {{1, 1},   {3, 1},   {13, 1},  {63, 1},   {64, 1},  {65, 1},
                            {128, 1}, {300, 1}, {1, 2},   {3, 3},    {63, 13}, {64, 64},
                            {65, 65}, {300, 5}, {2, 300}, {7, 1000}, {4, 4096}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int samples = sizes[k][0], outputs = sizes[k][1];
        float *logits = clt_test_normals(device, (size_t)samples * (size_t)outputs, 4.0, k);
        check_loss(device, samples, outputs, logits, weighted, k % 2 == 0);
    }
}

static void test_sizes(void **state)
{
    check_sizes(*state, false);
}

static void test_weighted(void **state)
{
    check_sizes(*state, true);
}

static void test_the_ends(void **state)
{
    const float logits[] = {0.0f,   0.0f,  -0.0f,  1e-30f, 1e-30f, 20.0f, -20.0f, 20.0f, 87.0f,
                            -87.0f, 90.0f, -90.0f, 104.0f, 1e4f,   -1e4f, 1e38f,  1e38f, -1e38f};
    check_loss(*state, sizeof logits / sizeof *logits, 1, logits, false, true);
    check_loss(*state, sizeof logits / sizeof *logits / 2, 2, logits, false, true);
    check_loss(*state, sizeof logits / sizeof *logits / 3, 3, logits, false, true);
}

/* NaN and infinity must reach the record, which ends training. */
static void test_what_is_not_a_number_stays_so(void **state)
{
    const float logits[] = {NAN, INFINITY, NAN, 1.0f, 1.0f, NAN, INFINITY, 2.0f, 3.0f, NAN};
    const int32_t targets[] = {0, 0, 1, 1, 0};
    clt_error error;
    clt_test_device *device = *state;
    for (int outputs = 1; outputs <= 2; outputs++) {
        int samples = outputs == 1 ? 3 : 5;
        clt_loss *op = NULL;
        clt_buffer z = clt_test_input(device, logits, sizeof logits);
        clt_buffer y = clt_test_input(device, targets, sizeof targets);
        clt_buffer loss = clt_test_input(device, targets, sizeof targets); /* not NaN before */
        float zeros[sizeof logits / sizeof *logits] = {0};
        clt_buffer dlogits = clt_test_input(device, zeros, sizeof zeros);
        clt_buffer hit = clt_test_output(device, sizeof targets);
        assert_ok(clt_loss_plan(device->runtime, outputs, &op, &error));
        assert_ok(clt_loss_forward(op, samples, z, y, (clt_buffer){0}, loss, hit, dlogits, &error));
        float *got = clt_test_read(device, loss), *dgot = clt_test_read(device, dlogits);
        for (int b = 0; b < samples; b++) {
            assert_false(isfinite(got[b]));
            assert_true(b == 1 && outputs == 1 ? dgot[b] > 0.0f : !isfinite(dgot[b * outputs]));
        }
        clt_loss_destroy(op);
    }
}

/* Weights of 1 are no weights, to the last bit. */
static void test_weights_of_one(void **state)
{
    clt_error error;
    clt_test_device *device = *state;
    for (int outputs = 1; outputs <= 3; outputs += 2) {
        enum { SAMPLES = 65 };
        const float ones[3] = {1.0f, 1.0f, 1.0f};
        size_t logit_bytes = SAMPLES * (size_t)outputs * sizeof(float);
        int32_t targets[SAMPLES];
        for (int b = 0; b < SAMPLES; b++) {
            targets[b] = b % 2;
        }
        clt_loss *op = NULL;
        clt_buffer z = clt_test_input(
            device, clt_test_normals(device, SAMPLES * (size_t)outputs, 3.0, 1), logit_bytes);
        clt_buffer y = clt_test_input(device, targets, sizeof targets);
        clt_buffer weights[2] = {{0}, clt_test_input(device, ones, sizeof ones)};
        void *loss[2], *dlogits[2];
        assert_ok(clt_loss_plan(device->runtime, outputs, &op, &error));
        for (int k = 0; k < 2; k++) {
            clt_buffer out = clt_test_output(device, sizeof targets);
            clt_buffer gradient = clt_test_output(device, logit_bytes);
            clt_buffer hit = clt_test_output(device, sizeof targets);
            assert_ok(clt_loss_forward(op, SAMPLES, z, y, weights[k], out, hit, gradient, &error));
            loss[k] = clt_test_read(device, out);
            dlogits[k] = clt_test_read(device, gradient);
        }
        assert_memory_equal(loss[0], loss[1], sizeof targets);
        assert_memory_equal(dlogits[0], dlogits[1], logit_bytes);
        clt_loss_destroy(op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_sizes),
        clt_device_test(test_weighted),
        clt_device_test(test_the_ends),
        clt_device_test(test_weights_of_one),
        clt_device_test(test_what_is_not_a_number_stays_so),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
