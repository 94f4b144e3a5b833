/* sigmoid and tanh of cl/common.cl, both forms, against double: at most 4 ulp for any float. */
#include "support/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime_private.h"
#include "support/kernels.h"
#include "util/memory.h"

#define ULP_MAX 4.0

static const char kernels[] =
    "__kernel void sigmoid1(__global const float *x, __global float *y)\n"
    "{\n"
    "    y[get_global_id(0)] = clt_sigmoid(x[get_global_id(0)]);\n"
    "}\n"
    "__kernel void tanh1(__global const float *x, __global float *y)\n"
    "{\n"
    "    y[get_global_id(0)] = clt_tanh(x[get_global_id(0)]);\n"
    "}\n"
    "__kernel void sigmoid16(__global const float16 *x, __global float16 *y)\n"
    "{\n"
    "    y[get_global_id(0)] = clt_sigmoid16(x[get_global_id(0)]);\n"
    "}\n"
    "__kernel void tanh16(__global const float16 *x, __global float16 *y)\n"
    "{\n"
    "    y[get_global_id(0)] = clt_tanh16(x[get_global_id(0)]);\n"
    "}\n";

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static const struct {
    const char *kernel;
    int width;
    double (*exact)(double);
    double lowest;
} forms[] = {{"sigmoid1", 1, sigmoid, 0.0},
             {"tanh1", 1, tanh, -1.0},
             {"sigmoid16", 16, sigmoid, 0.0},
             {"tanh16", 16, tanh, -1.0}};

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* |got - want| in units of the last place of want as a float; what is below the smallest normal
 * float may be flushed to zero. */
static double ulps(float got, double want)
{
    int exponent;
    if (fabs(want) < FLT_MIN) {
        return fabs(got - want) <= FLT_MIN ? 0.0 : INFINITY;
    }
    (void)frexp(want, &exponent);
    return fabs(got - want) / ldexp(1.0, exponent - FLT_MANT_DIG);
}

typedef struct {
    clt_runtime *runtime;
    clt_program *program;
    float *x, *y;
    size_t count; /* a multiple of 1024: whole groups of float16 on any device */
} fixture;

/* Special values, then every `stride`-th float there is (all exponents, NaNs, infinities), then
 * [-32, 32] evenly, where the functions are not constant. */
static void fill(fixture *f, uint32_t stride)
{
    static const float special[] = {0.0f,        -0.0f,       INFINITY, -INFINITY,    NAN,
                                    -NAN,        FLT_MIN,     -FLT_MIN, FLT_TRUE_MIN, FLT_MAX,
                                    -FLT_MAX,    0.34657359f, /* where exp's n changes */
                                    0.17328680f, 88.0f,       -88.0f,   -87.3365479f};
    size_t specials = sizeof special / sizeof *special, bits = UINT32_MAX / stride + 1, even = bits;
    clt_error error;
    f->count = (specials + bits + even + 1023) / 1024 * 1024;
    f->x = clt_alloc(f->count, sizeof(float), "x", &error);
    f->y = clt_alloc(f->count, sizeof(float), "y", &error);
    assert_true(f->x != NULL && f->y != NULL);
    for (size_t k = 0; k < f->count; k++) {
        size_t n = k - specials;
        f->x[k] = k < specials ? special[k]
                  : n < bits   ? float_of((uint32_t)n * stride)
                               : (float)(64.0 * (double)(n - bits) / (double)even - 32.0);
    }
}

static int open_fixture(void **state)
{
    static fixture f;
    clt_error error;
    const char *device = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {device != NULL ? device : "cpu", false, {NULL, NULL}};
    clt_test_put_kernel("activations", kernels);
    assert_ok(clt_runtime_create(&config, &f.runtime, &error));
    assert_ok(clt_program_build(f.runtime, "activations", "", &f.program, &error));
    bool slow = strcmp(clt_runtime_device(f.runtime)->platform_name, "Oclgrind") == 0;
    fill(&f, slow ? 16777213 : 2039); /* primes: low and high bits of the mantissa vary */
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    free(f->x);
    free(f->y);
    clt_runtime_destroy(f->runtime);
    return clt_test_remove_kernels(state);
}

static void run(fixture *f, const char *name, int width)
{
    clt_error error;
    clt_kernel *kernel;
    clt_buffer x, y;
    size_t bytes = f->count * sizeof(float);
    assert_ok(clt_kernel_create(f->program, name, &kernel, &error));
    assert_ok(clt_buffer_create(f->runtime, bytes, "x", &x, &error));
    assert_ok(clt_buffer_create(f->runtime, bytes, "y", &y, &error));
    assert_ok(clt_buffer_write(f->runtime, x, 0, bytes, f->x, &error));
    assert_ok(clt_buffer_zero(f->runtime, y, 0, bytes, &error));
    const clt_arg args[] = {clt_arg_buffer(x), clt_arg_buffer(y)};
    assert_ok(clt_kernel_enqueue_1d(kernel, f->count / (size_t)width, clt_kernel_item_group(kernel),
                                    args, 2, &error));
    assert_ok(clt_buffer_read(f->runtime, y, 0, bytes, f->y, &error));
    clt_buffer_release(f->runtime, &x);
    clt_buffer_release(f->runtime, &y);
    clt_kernel_destroy(kernel);
}

static void test_error(void **state)
{
    fixture *f = *state;
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        double largest = 0.0;
        float where = 0.0f;
        run(f, forms[form].kernel, forms[form].width);
        for (size_t k = 0; k < f->count; k++) {
            float x = f->x[k], y = f->y[k];
            if (isnan(x) != isnan(y)) {
                fail_msg("%s(%a) = %a", forms[form].kernel, (double)x, (double)y);
            }
            if (isnan(x)) {
                continue;
            }
            assert_true(y >= forms[form].lowest && y <= 1.0f);
            double error = ulps(y, forms[form].exact(x));
            if (error > largest) {
                largest = error;
                where = x;
            }
        }
        print_message("%s: %.2f ulp at %a, %zu values\n", forms[form].kernel, largest,
                      (double)where, f->count);
        assert_true(largest <= ULP_MAX);
    }
}

/* Where nothing is left to round: exact but for a flushed denormal. */
static void test_limits(void **state)
{
    fixture *f = *state;
    /* at the special values 0, -0, inf, -inf, FLT_MAX, -FLT_MAX */
    static const size_t place[] = {0, 1, 2, 3, 9, 10};
    static const float want[2][6] = {{0.5f, 0.5f, 1.0f, 0.0f, 1.0f, 0.0f},
                                     {0.0f, 0.0f, 1.0f, -1.0f, 1.0f, -1.0f}};
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        run(f, forms[form].kernel, forms[form].width);
        for (size_t k = 0; k < sizeof place / sizeof *place; k++) {
            float y = f->y[place[k]], exact = want[forms[form].exact == tanh][k];
            assert_true(fabsf(y - exact) <= FLT_MIN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
