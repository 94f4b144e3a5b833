/* Binary cross-entropy from logits, against the reference in double. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>
#include <string.h>

static void check_loss(clt_test_device *device, int samples, const float *logits,
                       bool want_gradient)
{
    clt_error error;
    clt_loss *op = NULL;
    size_t count = (size_t)samples, bytes = count * sizeof(float);
    float *targets = clt_test_alloc(device, bytes);
    double *loss64 = clt_test_alloc(device, count * sizeof *loss64);
    double *dlogits64 = clt_test_alloc(device, count * sizeof *dlogits64);
    int32_t *hit64 = clt_test_alloc(device, count * sizeof *hit64);
    for (int b = 0; b < samples; b++) {
        targets[b] = (float)(b % 3) / 2.0f; /* 0.5 is not above 0.5 */
    }
    clt_ref_loss_f64(samples, clt_test_widen(device, logits, count),
                     clt_test_widen(device, targets, count), loss64, hit64, dlogits64);

    clt_buffer z = clt_test_input(device, logits, bytes),
               y = clt_test_input(device, targets, bytes);
    clt_buffer loss = clt_test_output(device, bytes), hit = clt_test_output(device, bytes);
    clt_buffer dlogits = want_gradient ? clt_test_output(device, bytes) : (clt_buffer){NULL, 0};
    assert_ok(clt_loss_plan(device->runtime, &op, &error));
    assert_ok(clt_loss_forward(op, samples, z, y, loss, hit, dlogits, &error));
    clt_test_assert_near("loss", clt_test_read(device, loss),
                         clt_test_narrow(device, loss64, count), count, CLT_TOLERANCE_ELEMENT);
    assert_memory_equal(clt_test_read(device, hit), hit64, count * sizeof *hit64);
    if (want_gradient) {
        clt_test_assert_near("dlogits", clt_test_read(device, dlogits),
                             clt_test_narrow(device, dlogits64, count), count,
                             CLT_TOLERANCE_ELEMENT);
    }
    clt_loss_destroy(op);
}

static void test_sizes(void **state)
{
    const int sizes[] = {1, 3, 13, 63, 64, 65, 128, 300};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        float *logits = clt_test_normals(*state, (size_t)sizes[k], 4.0, k);
        check_loss(*state, sizes[k], logits, k % 2 == 0);
    }
}

static void test_the_ends(void **state)
{
    const float logits[] = {0.0f,   0.0f,  -0.0f,  1e-30f, 1e-30f, 20.0f, -20.0f, 20.0f, 87.0f,
                            -87.0f, 90.0f, -90.0f, 104.0f, 1e4f,   -1e4f, 1e38f,  1e38f, -1e38f};
    check_loss(*state, sizeof logits / sizeof *logits, logits, true);
}

/* NaN and infinity must reach the record, which ends training. */
static void test_what_is_not_a_number_stays_so(void **state)
{
    const float logits[] = {NAN, NAN, 1.0f}, targets[] = {0.0f, 1.0f, INFINITY};
    clt_error error;
    clt_test_device *device = *state;
    clt_loss *op = NULL;
    clt_buffer z = clt_test_input(device, logits, sizeof logits);
    clt_buffer y = clt_test_input(device, targets, sizeof targets);
    clt_buffer loss = clt_test_input(device, targets, sizeof targets); /* not NaN before */
    clt_buffer dlogits = clt_test_input(device, targets, sizeof targets);
    clt_buffer hit = clt_test_output(device, sizeof targets);
    assert_ok(clt_loss_plan(device->runtime, &op, &error));
    assert_ok(clt_loss_forward(op, 3, z, y, loss, hit, dlogits, &error));
    float *got_loss = clt_test_read(device, loss), *got_dlogits = clt_test_read(device, dlogits);
    assert_true(isnan(got_loss[0]) && isnan(got_loss[1]) && !isfinite(got_loss[2]));
    assert_true(isnan(got_dlogits[0]) && isnan(got_dlogits[1]) && !isfinite(got_dlogits[2]));
    clt_loss_destroy(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_sizes),
        clt_device_test(test_the_ends),
        clt_device_test(test_what_is_not_a_number_stays_so),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
