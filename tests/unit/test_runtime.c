/* The runtime: choosing a device from a list, building, launching, reading, and what it says. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/runtime_private.h"

/* ---- the choice ---- */

static const clt_device machine[] = {
    {.platform = 0,
     .device = 0,
     .type = CLT_DEVICE_CPU,
     .usable = true,
     .name = "EPYC",
     .compute_units = 64,
     .clock_mhz = 3000},
    {.platform = 1,
     .device = 0,
     .type = CLT_DEVICE_GPU,
     .usable = true,
     .integrated = true,
     .name = "Iris Xe",
     .compute_units = 96,
     .clock_mhz = 1300},
    {.platform = 2,
     .device = 0,
     .type = CLT_DEVICE_GPU,
     .usable = true,
     .name = "Radeon RX 7600",
     .compute_units = 32,
     .clock_mhz = 2600},
    {.platform = 2,
     .device = 1,
     .type = CLT_DEVICE_GPU,
     .usable = true,
     .name = "Radeon RX 7900",
     .compute_units = 96,
     .clock_mhz = 2500},
    {.platform = 3,
     .device = 0,
     .type = CLT_DEVICE_GPU,
     .usable = false,
     .name = "GeForce",
     .reason = "it has no kernel compiler",
     .compute_units = 200,
     .clock_mhz = 3000},
};
enum { MACHINE = sizeof machine / sizeof *machine };

static void test_choose(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        size_t chosen;
    } good[] = {{"any", 3}, {"gpu", 3},  {"cpu", 0}, {"0:0", 0},
                {"2:0", 2}, {"iris", 1}, {"7600", 2}};
    clt_error error;
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        size_t chosen = 99;
        assert_ok(clt_device_choose(machine, MACHINE, good[k].spec, &chosen, &error));
        assert_int_equal(chosen, good[k].chosen);
    }
    static const struct {
        const char *spec, *part;
    } bad[] = {{"radeon", "matches several; choose from 2:0 Radeon RX 7600 (GPU), 2:1 Radeon"},
               {"nothing", "matches none; choose from 0:0 EPYC (CPU), 1:0"},
               {"9:9", "matches none"},
               {"2:0x", "matches none"},
               {"geforce", "3:0 GeForce is not usable: it has no kernel compiler"},
               {"3:0", "is not usable"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        size_t chosen;
        assert_fails(clt_device_choose(machine, MACHINE, bad[k].spec, &chosen, &error), CLT_DEVICE,
                     bad[k].part);
    }
    size_t chosen;
    assert_fails(clt_device_choose(machine, 0, "any", &chosen, &error), CLT_DEVICE,
                 "apt install pocl-opencl-icd");
    assert_fails(clt_device_choose(machine + 4, 1, "any", &chosen, &error), CLT_DEVICE,
                 "no usable OpenCL device");
    assert_fails(clt_device_choose(machine, 1, "gpu", &chosen, &error), CLT_DEVICE,
                 "no usable gpu device; there is: 0:0 EPYC");
    setenv("CLTRAIN_DEVICE", "7600", 1);
    assert_ok(clt_device_choose(machine, MACHINE, NULL, &chosen, &error));
    assert_int_equal(chosen, 2);
    assert_ok(clt_device_choose(machine, MACHINE, "cpu", &chosen, &error));
    assert_int_equal(chosen, 0);
    unsetenv("CLTRAIN_DEVICE");
}

/* ---- a real device ---- */

typedef struct {
    int compiled, notes;
    char note[4096];
} heard;

static void listen(void *user, clt_log_level level, const char *line)
{
    heard *h = user;
    if (level == CLT_LOG_COMPILE) {
        h->compiled++;
    } else {
        h->notes++;
        strncat(h->note, line, sizeof h->note - strlen(h->note) - 1);
    }
}

static clt_runtime *open_runtime(heard *h, bool profile)
{
    clt_runtime *runtime = NULL;
    clt_error error;
    const char *device = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {device != NULL ? device : "cpu", profile, {listen, h}};
    assert_ok(clt_runtime_create(&config, &runtime, &error));
    return runtime;
}

/* Writes a kernel file beside a copy of common.cl, and points CLT_KERNEL_DIR there. */
static void put_kernel(const char *name, const char *text)
{
    static char folder[64];
    char path[128], command[256];
    if (folder[0] == 0) {
        snprintf(folder, sizeof folder, "/tmp/clt_test_kernels_XXXXXX");
        assert_non_null(mkdtemp(folder));
        snprintf(command, sizeof command, "cp %s/cl/common.cl %s", CLT_SOURCE_DIR, folder);
        assert_int_equal(system(command), 0);
    }
    snprintf(path, sizeof path, "%s/%s.cl", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    setenv("CLT_KERNEL_DIR", folder, 1);
}

static const char scale_kernel[] =
    "__kernel void scale(__global const int *x, __global int *y, int by, int n)\n"
    "{\n"
    "    int k = get_global_id(0);\n"
    "    if (k < n) { y[k] = x[k] * by + OFFSET; }\n"
    "}\n";

static void test_launch(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    put_kernel("scale", scale_kernel);
    clt_runtime *runtime = open_runtime(&h, true);
    clt_program *program = NULL, *same = NULL, *other = NULL;
    clt_kernel *kernel = NULL;
    assert_ok(clt_program_build(runtime, "scale", "#define OFFSET 5\n", &program, &error));
    assert_ok(clt_program_build(runtime, "scale", "#define OFFSET 5\n", &same, &error));
    assert_ok(clt_program_build(runtime, "scale", "#define OFFSET 6\n", &other, &error));
    assert_ptr_equal(program, same);
    assert_ptr_not_equal(program, other);
    assert_ok(clt_kernel_create(program, "scale", &kernel, &error));
    assert_true(clt_kernel_max_group(kernel) >= 1);
    enum { N = 2500 };
    int x[N], y[N], later[N];
    for (int k = 0; k < N; k++) {
        x[k] = k;
    }
    clt_buffer whole = {0}, first = {0}, second = {0};
    assert_ok(clt_buffer_create(runtime, 3 * clt_align(sizeof x), "test", &whole, &error));
    assert_ok(clt_buffer_slice(runtime, whole, 0, sizeof x, &first, &error));
    assert_ok(clt_buffer_slice(runtime, whole, clt_align(sizeof x), sizeof y, &second, &error));
    assert_ok(clt_buffer_write(runtime, first, 0, sizeof x, x, &error));
    clt_ticket ticket = {NULL};
    for (int by = 1; by <= 3; by++) {
        const clt_arg args[] = {clt_arg_buffer(first), clt_arg_buffer(second), clt_arg_int(by),
                                clt_arg_int(N)};
        clt_profile_begin(runtime, "scale", N, 2.0 * sizeof x);
        assert_ok(clt_kernel_enqueue_1d(kernel, N, clt_kernel_item_group(kernel), args, 4, &error));
        clt_profile_end(runtime);
        if (by == 2) {
            assert_ok(
                clt_buffer_read_later(runtime, second, 0, sizeof later, later, &ticket, &error));
        }
    }
    assert_ok(clt_ticket_wait(runtime, &ticket, &error));
    assert_ok(clt_ticket_wait(runtime, &ticket, &error)); /* nothing under way: fine */
    assert_ok(clt_buffer_read(runtime, whole, clt_align(sizeof x), sizeof y, y, &error));
    for (int k = 0; k < N; k++) {
        assert_int_equal(later[k], 2 * k + 5);
        assert_int_equal(y[k], 3 * k + 5);
    }
    assert_ok(clt_buffer_copy(runtime, second, 0, first, 4, 8, &error));
    assert_ok(clt_buffer_zero(runtime, first, 0, 4, &error));
    assert_ok(clt_buffer_read(runtime, first, 0, 12, x, &error));
    assert_int_equal(x[0], 0);
    assert_int_equal(x[1], 5);
    assert_int_equal(x[2], 8);
    const clt_profile_row *rows;
    size_t count;
    assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].op, "scale");
    assert_int_equal(rows[0].calls, 3);
    assert_true(rows[0].seconds > 0.0 && rows[0].flops == 3.0 * N);
    assert_true(h.compiled > 0);
    assert_fails(clt_kernel_create(program, "absent", &kernel, &error), CLT_KERNEL,
                 "scale.cl: kernel absent");
    clt_kernel_destroy(kernel);
    clt_buffer_release(runtime, &first);
    clt_buffer_release(runtime, &second);
    clt_buffer_release(runtime, &whole);
    clt_runtime_destroy(runtime);
    unsetenv("CLT_KERNEL_DIR");
}

static void test_build_error(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    put_kernel(
        "broken",
        "/* a first line */\n__kernel void f(__global int *x)\n{\n    x[0] = nonsense;\n}\n");
    clt_runtime *runtime = open_runtime(&h, false);
    clt_program *program = NULL;
    assert_fails(clt_program_build(runtime, "broken", "", &program, &error), CLT_KERNEL,
                 "broken.cl does not build on");
    assert_non_null(strstr(h.note, "broken.cl:4")); /* the real file and line */
    assert_null(program);
    assert_fails(clt_program_build(runtime, "missing", "", &program, &error), CLT_INPUT,
                 "missing.cl");
    unsetenv("CLT_KERNEL_DIR");
    assert_fails(clt_program_build(runtime, "missing", "", &program, &error), CLT_KERNEL,
                 "missing.cl is not in the library");
    clt_runtime_destroy(runtime);
}

static void test_plan(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    setenv("CLTRAIN_PLAN", "lstm=step,gemm=own", 1);
    clt_runtime *runtime = open_runtime(&h, false);
    assert_string_equal(clt_runtime_forced(runtime, "lstm"), "step");
    assert_string_equal(clt_runtime_forced(runtime, "gemm"), "own");
    clt_runtime_force(runtime, "lstm", "rows");
    clt_runtime_force(runtime, "gemm", NULL);
    assert_string_equal(clt_runtime_forced(runtime, "lstm"), "rows");
    assert_null(clt_runtime_forced(runtime, "gemm"));
    assert_null(clt_runtime_forced(runtime, "dense"));
    clt_runtime_destroy(runtime);
    static const struct {
        const char *plan, *part;
    } bad[] = {{"lstm=fast", "'lstm=fast' is unknown; choose from lstm=step, lstm=rows"},
               {"gru=step", "choose from lstm, gemm"},
               {"lstm", "'lstm' is unknown; choose from lstm=step"},
               {"gemm=own,", NULL},
               {"gemm=own,,", "'' is unknown"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        setenv("CLTRAIN_PLAN", bad[k].plan, 1);
        clt_runtime_config config = {"cpu", false, {NULL, NULL}};
        if (bad[k].part != NULL) {
            assert_fails(clt_runtime_create(&config, &runtime, &error), CLT_USAGE, bad[k].part);
        }
    }
    unsetenv("CLTRAIN_PLAN");
}

static void test_too_large(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    clt_runtime *runtime = open_runtime(&h, false);
    clt_buffer buffer;
    assert_fails(clt_buffer_create(runtime, (size_t)1 << 60, "workspace", &buffer, &error),
                 CLT_FAILED, "workspace: 1152921504606846976 bytes are more than");
    assert_fails(clt_buffer_create(runtime, SIZE_MAX, "workspace", &buffer, &error), CLT_FAILED,
                 "more than");
    clt_runtime_destroy(runtime);
}

static void test_unwritable_cache(void **state)
{
    (void)state;
    clt_error error;
    clt_runtime *runtime = NULL;
    char *before = getenv("POCL_CACHE_DIR"), *kept = before != NULL ? strdup(before) : NULL;
    setenv("POCL_CACHE_DIR", "/proc/nowhere", 1);
    assert_fails(clt_runtime_create(NULL, &runtime, &error), CLT_DEVICE,
                 "set POCL_CACHE_DIR and XDG_CACHE_HOME");
    if (kept != NULL) {
        setenv("POCL_CACHE_DIR", kept, 1);
    } else {
        unsetenv("POCL_CACHE_DIR");
    }
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose), cmocka_unit_test(test_unwritable_cache),
        cmocka_unit_test(test_launch), cmocka_unit_test(test_build_error),
        cmocka_unit_test(test_plan),   cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
