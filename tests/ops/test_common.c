/* What cl/common.cl shares with the host, bit for bit: random words, the tree of shard sums,
 * the test for NaN and infinity. */
#include "support/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime_private.h"
#include "support/kernels.h"
#include "util/random.h"
#include "util/shards.h"

static const char kernels[] =
    "__kernel void words(ulong seed, uint layer, uint step, uint t, __global uint4 *out)\n"
    "{\n"
    "    uint k = get_global_id(0);\n" /* samples of 3 quarters */
    "    out[k] = clt_dropout_words(seed, layer, step, k / 3, t, k % 3);\n"
    "}\n"
    "__kernel void tree(__global const float *x, __global float *y, __global float *y16)\n"
    "{\n"
    "    uint present = get_global_id(0);\n"
    "    float v[CLT_SHARDS_MAX];\n"
    "    float16 v16[CLT_SHARDS_MAX];\n"
    "    for (int s = 0; s < CLT_SHARDS_MAX; s++) {\n"
    "        v[s] = x[s];\n"
    "        v16[s] = (float16)(x[s], 2.0f * x[s], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -x[s]);\n"
    "    }\n"
    "    y[present] = clt_tree_sum(v, present);\n"
    "    float16 sum = clt_tree_sum16(v16, present);\n"
    "    y16[3 * present] = sum.s0;\n"
    "    y16[3 * present + 1] = sum.s1;\n"
    "    y16[3 * present + 2] = sum.sf;\n"
    "}\n"
    "__kernel void bad(__global const float *x, __global int *y)\n"
    "{\n"
    "    y[get_global_id(0)] = clt_is_bad(x[get_global_id(0)]);\n"
    "}\n";

typedef struct {
    clt_runtime *runtime;
    clt_program *program;
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    clt_error error;
    const char *device = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {device != NULL ? device : "cpu", false, {NULL, NULL}};
    clt_test_put_kernel("shared", kernels);
    assert_ok(clt_runtime_create(&config, &f.runtime, &error));
    assert_ok(clt_program_build(f.runtime, "shared", "", &f.program, &error));
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    clt_runtime_destroy(f->runtime);
    return clt_test_remove_kernels(state);
}

static void run(fixture *f, const char *name, size_t items, const clt_arg *args, int arg_count)
{
    clt_error error;
    clt_kernel *kernel;
    assert_ok(clt_kernel_create(f->program, name, &kernel, &error));
    assert_ok(clt_kernel_enqueue_1d(kernel, items, 1, args, arg_count, &error));
    assert_ok(clt_runtime_finish(f->runtime, &error));
    clt_kernel_destroy(kernel);
}

static void test_words(void **state)
{
    fixture *f = *state;
    enum { SAMPLES = 5, QUARTERS = 3 };
    static const struct {
        uint64_t seed;
        uint32_t layer, step, t;
    } cases[] = {{1, 0, 0, 0},
                 {113, 2, 7, 99},
                 {UINT64_MAX, 255, UINT32_MAX, 299},
                 {0x9E3779B97F4A7C15u, 1, 0x80000000u, 1}};
    clt_error error;
    clt_buffer out;
    uint32_t words[SAMPLES * QUARTERS * 4];
    assert_ok(clt_buffer_create(f->runtime, sizeof words, "words", &out, &error));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const clt_arg args[] = {clt_arg_ulong(cases[k].seed), clt_arg_uint(cases[k].layer),
                                clt_arg_uint(cases[k].step), clt_arg_uint(cases[k].t),
                                clt_arg_buffer(out)};
        run(f, "words", SAMPLES * QUARTERS, args, 5);
        assert_ok(clt_buffer_read(f->runtime, out, 0, sizeof words, words, &error));
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            for (uint32_t feature = 0; feature < 4 * QUARTERS; feature++) {
                assert_int_equal(words[sample * 4 * QUARTERS + feature],
                                 clt_dropout_word(cases[k].seed, cases[k].layer, cases[k].step,
                                                  sample, cases[k].t, feature));
            }
        }
    }
    clt_buffer_release(f->runtime, &out);
}

static void test_tree(void **state)
{
    fixture *f = *state;
    enum { MASKS = 1 << CLT_SHARDS_MAX };
    /* Every order of these has another sum. */
    static const float x[CLT_SHARDS_MAX] = {1.0f,       1e-7f, 3.1415927f, -1e3f,
                                            2.7182817f, 1e7f,  -1.0f / 3,  1e-3f};
    float y[MASKS], y16[3 * MASKS];
    clt_error error;
    clt_buffer in, out, out16;
    assert_ok(clt_buffer_create(f->runtime, sizeof x, "x", &in, &error));
    assert_ok(clt_buffer_create(f->runtime, sizeof y, "y", &out, &error));
    assert_ok(clt_buffer_create(f->runtime, sizeof y16, "y16", &out16, &error));
    assert_ok(clt_buffer_write(f->runtime, in, 0, sizeof x, x, &error));
    const clt_arg args[] = {clt_arg_buffer(in), clt_arg_buffer(out), clt_arg_buffer(out16)};
    run(f, "tree", MASKS, args, 3);
    assert_ok(clt_buffer_read(f->runtime, out, 0, sizeof y, y, &error));
    assert_ok(clt_buffer_read(f->runtime, out16, 0, sizeof y16, y16, &error));
    for (int mask = 0; mask < MASKS; mask++) {
        bool present[CLT_SHARDS_MAX];
        for (int s = 0; s < CLT_SHARDS_MAX; s++) {
            present[s] = (mask >> s & 1) != 0;
        }
        float want = clt_tree_sum_f32(x, present);
        assert_memory_equal(&y[mask], &want, sizeof want);
        assert_true(y16[3 * mask] == want && y16[3 * mask + 1] == 2.0f * want &&
                    y16[3 * mask + 2] == -want);
    }
    clt_buffer_release(f->runtime, &in);
    clt_buffer_release(f->runtime, &out);
    clt_buffer_release(f->runtime, &out16);
}

static void test_bad(void **state)
{
    fixture *f = *state;
    static const float x[] = {0.0f,         -1.0f,    FLT_MAX,   -FLT_MAX,
                              FLT_TRUE_MIN, INFINITY, -INFINITY, NAN};
    enum { COUNT = sizeof x / sizeof *x, GOOD = 5 };
    int bad[COUNT];
    clt_error error;
    clt_buffer in, out;
    assert_ok(clt_buffer_create(f->runtime, sizeof x, "x", &in, &error));
    assert_ok(clt_buffer_create(f->runtime, sizeof bad, "bad", &out, &error));
    assert_ok(clt_buffer_write(f->runtime, in, 0, sizeof x, x, &error));
    const clt_arg args[] = {clt_arg_buffer(in), clt_arg_buffer(out)};
    run(f, "bad", COUNT, args, 2);
    assert_ok(clt_buffer_read(f->runtime, out, 0, sizeof bad, bad, &error));
    for (int k = 0; k < COUNT; k++) {
        assert_int_equal(bad[k], k >= GOOD);
    }
    clt_buffer_release(f->runtime, &in);
    clt_buffer_release(f->runtime, &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
