/* The reference LSTM with masks of its input and of its state against Keras's, which was given the
 * same masks, alone and with masked steps (make_lstm_dropout of tools/make_golden.py). */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/safetensors.h"
#include "golden/tolerance.h"
#include "ref/ref.h"

enum { B = 11, T = 6, D = 5, H = 7, N = B * T, G = 4 * H };

static clt_safetensors file;

static const void *values(const char *name, const char *part, size_t bytes)
{
    char full[64];
    snprintf(full, sizeof full, "%s/%s", name, part);
    const clt_stored_tensor *stored = clt_safetensors_find(&file, full);
    assert_non_null(stored);
    assert_int_equal(stored->bytes, bytes);
    return stored->data;
}

static const float *tensor(const char *name, const char *part, size_t count)
{
    return values(name, part, count * sizeof(float));
}

static void assert_near(const char *name, const char *part, const float *got, size_t count,
                        double tolerance)
{
    const float *want = tensor(name, part, count);
    double error = 0.0, norm = 0.0;
    for (size_t k = 0; k < count; k++) {
        error += ((double)got[k] - want[k]) * ((double)got[k] - want[k]);
        norm += (double)want[k] * want[k];
    }
    if (!(sqrt(error) <= tolerance * sqrt(norm))) {
        fail_msg("%s/%s: %.3g of Keras's norm", name, part, sqrt(error / norm));
    }
}

/* to[position of (t, b)] = those of sample b at t, times the sample's mask. */
static void place(const clt_extent *extent, int features, const float *from, const float *mask,
                  float *to)
{
    for (int b = 0; b < B; b++) {
        for (int t = 0; t < T; t++) {
            size_t n = clt_position(&extent->shards, T, t, b) * (size_t)features;
            for (int d = 0; d < features; d++) {
                float value = from != NULL ? from[(b * T + t) * features + d] : 1.0f;
                to[n + (size_t)d] = value * (mask != NULL ? mask[b * features + d] : 1.0f);
            }
        }
    }
}

static void test_case(void **state)
{
    const char *name = *state;
    clt_extent extent = clt_extent_of(B, T);
    const clt_lstm_config config = {.features = D, .hidden = H, .sequence = true};
    const clt_lstm_range all = {0, T};
    const float *kernel = tensor(name, "kernel", D * G);
    const float *recurrent = tensor(name, "recurrent_kernel", H * G);
    const float *input_mask = tensor(name, "input_mask", B * D);
    float x[N * D], mask[N * H], dy[N * H], y[N * H], dx[N * D], by_sample[N * H];
    float dkernel[D * G] = {0}, drecurrent[H * G] = {0}, dbias[G] = {0};
    float saved[(12 * N + 8) * H];
    assert_int_equal(sizeof saved / sizeof *saved, clt_ref_lstm_saved_f32(&extent, &config));
    extent.start = values(name, "start", B * sizeof *extent.start);
    place(&extent, D, tensor(name, "x", N * D), input_mask, x);
    place(&extent, H, NULL, tensor(name, "state_mask", B * H), mask);
    place(&extent, H, tensor(name, "dy", N * H), NULL, dy);
    clt_ref_lstm_forward_f32(&extent, &config, all, kernel, recurrent, tensor(name, "bias", G), x,
                             N, NULL, mask, NULL, NULL, y, NULL, NULL, saved);
    clt_ref_lstm_backward_f32(&extent, &config, all, kernel, recurrent, x, N, NULL, NULL, NULL, dy,
                              NULL, NULL, saved, dx, dkernel, drecurrent, dbias, NULL, NULL);
    for (int k = 0; k < N; k++) {
        size_t n = clt_position(&extent.shards, T, k % T, k / T);
        memcpy(by_sample + k * H, y + n * H, H * sizeof *y);
    }
    assert_near(name, "y", by_sample, N * H, TOLERANCE_LOGITS);
    for (int k = 0; k < N * D; k++) {
        size_t n = clt_position(&extent.shards, T, k / D % T, k / D / T);
        by_sample[k] = dx[n * D + (size_t)(k % D)] * input_mask[k / D / T * D + k % D];
    }
    assert_near(name, "dx", by_sample, N * D, TOLERANCE_GRADIENT);
    assert_near(name, "dkernel", dkernel, D * G, TOLERANCE_GRADIENT);
    assert_near(name, "drecurrent_kernel", drecurrent, H * G, TOLERANCE_GRADIENT);
    assert_near(name, "dbias", dbias, G, TOLERANCE_GRADIENT);
}

static int open_file(void **state)
{
    clt_error error;
    (void)state;
    assert_ok(clt_safetensors_open(CLT_SOURCE_DIR "/tests/golden/fixtures/lstm_dropout.safetensors",
                                   &file, &error));
    return 0;
}

static int close_file(void **state)
{
    (void)state;
    clt_safetensors_close(&file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"input", test_case, NULL, NULL, (void *)"input"},
        {"state", test_case, NULL, NULL, (void *)"state"},
        {"both", test_case, NULL, NULL, (void *)"both"},
        {"masked", test_case, NULL, NULL, (void *)"masked"},
    };
    return cmocka_run_group_tests(tests, open_file, close_file);
}
