/* The runtime on a real device: building, launching, reading, the profile, and what it says. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/state.h"
#include "support/kernels.h"
#include "util/memory.h"

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
    setenv("CLTRAIN_CACHE", "off", 1); /* so that it is compiled */
    clt_test_put_kernel("scale", scale_kernel);
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
    int x[N], y[N];
    for (int k = 0; k < N; k++) {
        x[k] = k;
    }
    clt_buffer whole = {0}, first = {0}, rest = {0}, second = {0};
    assert_ok(clt_buffer_create(runtime, 3 * clt_align(sizeof x), "test", &whole, &error));
    assert_ok(clt_buffer_slice(runtime, whole, 0, sizeof x, &first, &error));
    assert_ok(clt_buffer_slice(runtime, whole, CLT_ALIGNMENT, whole.bytes - CLT_ALIGNMENT, &rest,
                               &error));
    assert_ok(clt_buffer_slice(runtime, rest, clt_align(sizeof x) - CLT_ALIGNMENT, sizeof y,
                               &second, &error)); /* a slice of a slice */
    assert_ok(clt_buffer_write(runtime, first, 0, sizeof x, x, &error));
    clt_ticket ticket;
    assert_ok(clt_ticket_create(sizeof y, &ticket, &error));
    for (int by = 1; by <= 3; by++) {
        const clt_arg args[] = {clt_arg_buffer(first), clt_arg_buffer(second), clt_arg_int(by),
                                clt_arg_int(N)};
        clt_profile_begin(runtime, "scale", N, 2.0 * sizeof x);
        assert_ok(clt_kernel_enqueue_1d(kernel, N, clt_kernel_item_group(kernel), args, 4, &error));
        clt_profile_end(runtime);
        if (by == 2) {
            assert_ok(clt_buffer_read_later(runtime, second, 0, sizeof y, &ticket, &error));
        }
    }
    assert_ok(clt_ticket_wait(runtime, &ticket, &error));
    assert_ok(clt_ticket_wait(runtime, &ticket, &error)); /* nothing under way: fine */
    assert_ok(clt_buffer_read(runtime, whole, clt_align(sizeof x), sizeof y, y, &error));
    const int *later = ticket.data;
    for (int k = 0; k < N; k++) {
        assert_int_equal(later[k], 2 * k + 5);
        assert_int_equal(y[k], 3 * k + 5);
    }
    clt_ticket_destroy(runtime, &ticket);
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
    unsetenv("CLTRAIN_CACHE");
    assert_fails(clt_kernel_create(program, "absent", &kernel, &error), CLT_KERNEL,
                 "scale.cl: kernel absent");
    clt_kernel_destroy(kernel);
    clt_buffer_release(runtime, &first);
    clt_buffer_release(runtime, &second);
    clt_buffer_release(runtime, &rest);
    clt_buffer_release(runtime, &whole);
    clt_runtime_destroy(runtime);
    unsetenv("CLT_KERNEL_DIR");
}

static void test_build_error(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    clt_test_put_kernel(
        "broken",
        "/* a first line */\n__kernel void f(__global int *x)\n{\n    x[0] = nonsense;\n}\n");
    clt_runtime *runtime = open_runtime(&h, false);
    clt_program *program = NULL;
    assert_fails(clt_program_build(runtime, "broken", "", &program, &error), CLT_KERNEL,
                 "broken.cl does not build on");
    /* Oclgrind's compiler does not heed #line. */
    const char *place =
        strcmp(runtime->device.platform_name, "Oclgrind") == 0 ? "input.cl:" : "broken.cl:4";
    assert_non_null(strstr(error.message, place)); /* the real file and line */
    assert_non_null(strstr(error.message, "options -cl-std=CL1.2 -cl-denorms-are-zero"));
    assert_non_null(strstr(h.note, place));
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
    char plan[CLT_PLAN_ROOM];
    clt_runtime_plan(runtime, plan);
    assert_string_equal(plan, "");
    clt_runtime_planned(runtime, "gemm", "own");
    clt_runtime_plan(runtime, plan);
    assert_string_equal(plan, "gemm=own");
    clt_runtime_planned(runtime, "lstm", "rows");
    clt_runtime_planned(runtime, "gemm", "clblast");
    clt_runtime_planned(runtime, "gemm", "own");
    clt_runtime_plan(runtime, plan);
    assert_string_equal(plan, "lstm=rows,gemm=own+clblast");
    assert_string_equal(clt_runtime_planned_as(runtime, "lstm"), "rows");
    assert_null(clt_runtime_planned_as(runtime, "gemm")); /* two */
    assert_null(clt_runtime_planned_as(runtime, "adam"));
    assert_null(clt_runtime_planned_as(runtime, "dense"));
    clt_runtime_forget_planned(runtime);
    assert_null(clt_runtime_planned_as(runtime, "lstm"));
    clt_runtime_plan(runtime, plan);
    assert_string_equal(plan, "");
    clt_runtime_destroy(runtime);
    static const struct {
        const char *plan, *part;
    } bad[] = {
        {"lstm=fast", "'lstm=fast' is unknown; choose from lstm=step, lstm=rows, lstm=group"},
        {"gru=step", "choose from lstm, gemm"},
        {"lstm", "'lstm' is unknown; choose from lstm=step"},
        {"gemm=own,,", "'' is unknown"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        setenv("CLTRAIN_PLAN", bad[k].plan, 1);
        clt_runtime_config config = {"cpu", false, {NULL, NULL}};
        assert_fails(clt_runtime_create(&config, &runtime, &error), CLT_USAGE, bad[k].part);
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

/* A new buffer may get a released one's handle: the kernel must not take it for the same. */
static void test_arguments(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    clt_test_put_kernel("pick",
                        "__kernel void pick(__global int *x, __global int *y, float f, uint u,\n"
                        "                   ulong ul)\n"
                        "{\n"
                        "    int k = get_global_id(0) + 6 * get_global_id(1);\n"
                        "    y[k] = (x != 0 ? x[k] : 1000) + (int)f + (int)u + (int)(ul >> 32);\n"
                        "}\n");
    clt_runtime *runtime = open_runtime(&h, false);
    clt_program *program;
    clt_kernel *kernel;
    clt_buffer y = {0};
    int got[24];
    assert_ok(clt_program_build(runtime, "pick", "", &program, &error));
    assert_ok(clt_kernel_create(program, "pick", &kernel, &error));
    assert_ok(clt_buffer_create(runtime, sizeof got, "y", &y, &error));
    const size_t global[2] = {6, 4}, local[2] = {1, 1};
    for (int round = 0; round < 4; round++) {
        clt_buffer x = {0}; /* none in the last round */
        int values[24];
        for (int k = 0; k < 24; k++) {
            values[k] = 100 * round + k;
        }
        if (round < 3) {
            assert_ok(clt_buffer_create(runtime, sizeof values, "x", &x, &error));
            assert_ok(clt_buffer_write(runtime, x, 0, sizeof values, values, &error));
        }
        const clt_arg args[] = {clt_arg_buffer(x), clt_arg_buffer(y), clt_arg_float(2.0f),
                                clt_arg_uint(3), clt_arg_ulong((uint64_t)(4 + round) << 32)};
        assert_ok(clt_kernel_enqueue(kernel, 2, global, local, args, 5, &error));
        assert_ok(clt_buffer_read(runtime, y, 0, sizeof got, got, &error));
        for (int k = 0; k < 24; k++) {
            assert_int_equal(got[k], (round < 3 ? values[k] : 1000) + 2 + 3 + 4 + round);
        }
        clt_buffer_release(runtime, &x);
        assert_null(x.mem);
    }
    const clt_arg wrong[] = {clt_arg_int(1)};
    assert_fails(clt_kernel_enqueue(kernel, 2, global, local, wrong, 1, &error), CLT_FAILED,
                 "kernel pick, argument 0: CL_INVALID_ARG_SIZE (-51) from clSetKernelArg");
    assert_int_equal(error.native, CL_INVALID_ARG_SIZE);
    assert_false(clt_runtime_is_lost(runtime));
    clt_kernel_destroy(kernel);
    clt_buffer_release(runtime, &y);
    clt_runtime_destroy(runtime);
    unsetenv("CLT_KERNEL_DIR");
}

static void test_empty(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    clt_runtime *runtime = open_runtime(&h, false);
    clt_buffer whole, empty, none;
    clt_ticket ticket;
    assert_ok(clt_buffer_create(runtime, CLT_ALIGNMENT, "whole", &whole, &error));
    assert_ok(clt_buffer_create(runtime, 0, "none", &none, &error));
    assert_ok(clt_buffer_slice(runtime, whole, CLT_ALIGNMENT, 0, &empty, &error));
    assert_non_null(none.mem);
    assert_non_null(empty.mem);
    assert_ok(clt_buffer_write(runtime, empty, 0, 0, "", &error));
    assert_ok(clt_buffer_zero(runtime, empty, 0, 0, &error));
    assert_ok(clt_buffer_copy(runtime, empty, 0, none, 0, 0, &error));
    assert_ok(clt_buffer_read(runtime, empty, 0, 0, NULL, &error));
    assert_ok(clt_ticket_create(0, &ticket, &error));
    assert_ok(clt_buffer_read_later(runtime, empty, 0, 0, &ticket, &error));
    assert_ok(clt_ticket_wait(runtime, &ticket, &error));
    clt_ticket_destroy(runtime, &ticket);
    char odd[8] = "abcdefg";
    assert_ok(clt_buffer_write(runtime, whole, 0, sizeof odd, odd, &error));
    assert_ok(clt_buffer_zero(runtime, whole, 1, 5, &error));
    assert_ok(clt_buffer_read(runtime, whole, 0, sizeof odd, odd, &error));
    assert_memory_equal(odd, "a\0\0\0\0\0g", sizeof odd);
    clt_buffer_release(runtime, &empty);
    assert_fails(clt_buffer_slice(runtime, whole, CLT_ALIGNMENT, 1, &empty, &error), CLT_FAILED,
                 "a slice of 1 bytes at 4096 of a buffer of 4096");
    assert_fails(clt_buffer_slice(runtime, whole, 64, 1, &empty, &error), CLT_FAILED, "at 64 of");
    clt_buffer_release(runtime, &none);
    clt_buffer_release(runtime, &none); /* {NULL} is fine */
    clt_buffer_release(runtime, &whole);
    clt_runtime_destroy(runtime);
}

static void test_profile(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    clt_runtime *runtime = open_runtime(&h, true);
    clt_buffer buffer;
    const clt_profile_row *rows;
    size_t count;
    enum { CALLS = 2500, LARGE = 1 << 22 }; /* more than it keeps markers for */
    assert_ok(clt_buffer_create(runtime, LARGE, "buffer", &buffer, &error));
    assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
    assert_int_equal(count, 0);
    for (int k = 0; k < CALLS; k++) {
        clt_profile_begin(runtime, "nothing", 1.0, 0.0);
        clt_profile_end(runtime);
    }
    for (int k = 0; k < 50; k++) {
        clt_profile_begin(runtime, "zero", 0.0, LARGE);
        assert_ok(clt_buffer_zero(runtime, buffer, 0, LARGE, &error));
        clt_profile_end(runtime);
    }
    for (int again = 0; again < 2; again++) {
        assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
        assert_int_equal(count, 2);
        assert_true(rows[0].seconds >= rows[1].seconds && rows[1].seconds >= 0.0);
        assert_true(rows[0].seconds > 0.0 && rows[0].seconds < 60.0);
        const clt_profile_row *nothing = strcmp(rows[0].op, "zero") == 0 ? &rows[1] : &rows[0];
        assert_string_equal(nothing->op, "nothing");
        assert_int_equal(nothing->calls, CALLS);
        assert_true(nothing->flops == CALLS && nothing->bytes == 0.0);
    }
    /* As with a driver whose markers have no times; and a scope that an error left open. */
    runtime->host_clock = true;
    clt_profile_begin(runtime, "zero by the host's clock", 0.0, LARGE);
    assert_ok(clt_buffer_zero(runtime, buffer, 0, LARGE, &error));
    clt_profile_end(runtime);
    runtime->host_clock = false;
    clt_profile_begin(runtime, "left open", 0.0, 0.0);
    assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
    assert_int_equal(count, 4);
    for (size_t k = 0; k < count; k++) {
        assert_true(strcmp(rows[k].op, "left open") == 0 || rows[k].seconds > 0.0);
    }
    assert_ok(clt_runtime_set_profile(runtime, false, &error));
    clt_profile_begin(runtime, "nothing", 1.0, 0.0);
    clt_profile_end(runtime);
    assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
    assert_int_equal(count, 0);
    assert_ok(clt_runtime_set_profile(runtime, true, &error));
    clt_profile_begin(runtime, "zero", 0.0, LARGE);
    assert_ok(clt_buffer_zero(runtime, buffer, 0, LARGE, &error));
    clt_profile_end(runtime);
    assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].calls, 1);
    assert_true(rows[0].seconds > 0.0);
    clt_buffer_release(runtime, &buffer);
    clt_runtime_destroy(runtime);

    runtime = open_runtime(&h, false); /* off: nothing is recorded */
    clt_profile_begin(runtime, "nothing", 1.0, 0.0);
    clt_profile_end(runtime);
    assert_ok(clt_runtime_profile(runtime, &rows, &count, &error));
    assert_int_equal(count, 0);
    clt_runtime_destroy(runtime);
}

/* After a sticky error every call says so, without touching the driver. */
static void test_lost(void **state)
{
    (void)state;
    heard h = {0};
    clt_error error;
    clt_runtime *runtime = open_runtime(&h, false);
    clt_buffer buffer, other;
    clt_program *program;
    clt_ticket ticket;
    int value = 0;
    assert_ok(clt_ticket_create(4, &ticket, &error));
    assert_ok(clt_buffer_create(runtime, 64, "buffer", &buffer, &error));
    assert_ok(clt_buffer_zero(runtime, buffer, 0, 64, &error));
    assert_ok(clt_runtime_finish(runtime, &error));
    assert_ok(clt_runtime_check(runtime, CL_SUCCESS, "clFinish", &error));
    assert_fails(clt_runtime_check(runtime, -2039, "CLBlastSgemm", &error), CLT_FAILED,
                 "status (-2039) from CLBlastSgemm on ");
    assert_fails(clt_runtime_check(runtime, CL_INVALID_VALUE, "clFlush", &error), CLT_FAILED,
                 "CL_INVALID_VALUE (-30) from clFlush");
    assert_false(clt_runtime_is_lost(runtime));
    /* What a healthy driver needs back is kept aside and released below. */
    cl_mem mem = buffer.mem;
    cl_command_queue queue = clt_runtime_queue(runtime);
    cl_context context = NULL;
    assert_int_equal(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL),
                     CL_SUCCESS);
    assert_fails(clt_runtime_check(runtime, CL_OUT_OF_RESOURCES, "clFinish", &error), CLT_FAILED,
                 "CL_OUT_OF_RESOURCES (-5) from clFinish on ");
    assert_int_equal(error.native, CL_OUT_OF_RESOURCES);
    assert_true(clt_runtime_is_lost(runtime));
    static const char part[] = "is lost since CL_OUT_OF_RESOURCES (-5) from clFinish";
    assert_fails(clt_runtime_finish(runtime, &error), CLT_FAILED, part);
    assert_fails(clt_runtime_flush(runtime, &error), CLT_FAILED, part);
    assert_fails(clt_buffer_read(runtime, buffer, 0, 4, &value, &error), CLT_FAILED, part);
    assert_fails(clt_buffer_write(runtime, buffer, 0, 4, &value, &error), CLT_FAILED, part);
    assert_fails(clt_buffer_write_later(runtime, buffer, 0, 4, &value, &error), CLT_FAILED, part);
    assert_fails(clt_buffer_zero(runtime, buffer, 0, 4, &error), CLT_FAILED, part);
    assert_fails(clt_buffer_read_later(runtime, buffer, 0, 4, &ticket, &error), CLT_FAILED, part);
    assert_null(ticket.event);
    void *data = ticket.data;
    clt_ticket_destroy(runtime, &ticket);
    assert_null(ticket.data);
    free(data); /* it was left alone */
    assert_fails(clt_buffer_create(runtime, 64, "buffer", &other, &error), CLT_FAILED, part);
    assert_fails(clt_program_build(runtime, "common", "", &program, &error), CLT_FAILED, part);
    clt_buffer_release(runtime, &buffer);
    assert_null(buffer.mem);
    clt_runtime_destroy(runtime);
    assert_int_equal(clReleaseMemObject(mem), CL_SUCCESS); /* it was left alone */
    assert_int_equal(clReleaseCommandQueue(queue), CL_SUCCESS);
    assert_int_equal(clReleaseContext(context), CL_SUCCESS);
}

/* The first of the cache's files; 0 when there is none. */
static bool cached_file(char *path, size_t room)
{
    char command[256];
    snprintf(command, sizeof command, "ls %s/cltrain/*.bin 2>/dev/null", clt_test_kernel_folder());
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    bool found = fgets(path, (int)room, pipe) != NULL;
    pclose(pipe);
    path[found ? strcspn(path, "\n") : 0] = 0;
    return found;
}

/* Runs scale.cl's kernel in a runtime of its own; how often it was compiled from source. The cache
 * is switched on even where the driver has one. */
static int scale_once(int offset)
{
    heard h = {0};
    clt_error error;
    char prelude[64];
    clt_program *program;
    clt_kernel *kernel;
    clt_buffer x;
    int value = 7;
    clt_runtime *runtime = open_runtime(&h, false);
    runtime->pocl = runtime->nvidia = false;
    snprintf(prelude, sizeof prelude, "#define OFFSET %d\n", offset);
    assert_ok(clt_program_build(runtime, "scale", prelude, &program, &error));
    assert_ok(clt_kernel_create(program, "scale", &kernel, &error));
    assert_ok(clt_buffer_create(runtime, sizeof value, "x", &x, &error));
    assert_ok(clt_buffer_write(runtime, x, 0, sizeof value, &value, &error));
    const clt_arg args[] = {clt_arg_buffer(x), clt_arg_buffer(x), clt_arg_int(2), clt_arg_int(1)};
    assert_ok(clt_kernel_enqueue_1d(kernel, 1, 1, args, 4, &error));
    assert_ok(clt_buffer_read(runtime, x, 0, sizeof value, &value, &error));
    assert_int_equal(value, 14 + offset);
    clt_kernel_destroy(kernel);
    clt_buffer_release(runtime, &x);
    clt_runtime_destroy(runtime);
    return h.compiled;
}

static void test_cache(void **state)
{
    (void)state;
    char path[256];
    char *xdg = getenv("XDG_CACHE_HOME"), *kept = xdg != NULL ? strdup(xdg) : NULL;
    setenv("XDG_CACHE_HOME", clt_test_kernel_folder(), 1);
    clt_test_put_kernel("scale", scale_kernel);
    setenv("CLTRAIN_CACHE", "off", 1);
    assert_int_equal(scale_once(1), 1);
    assert_false(cached_file(path, sizeof path));
    unsetenv("CLTRAIN_CACHE");
    assert_int_equal(scale_once(1), 1);
    assert_true(cached_file(path, sizeof path));
    assert_int_equal(scale_once(1), 0); /* from the cache */
    assert_int_equal(scale_once(2), 1); /* another prelude is another program */
    assert_int_equal(scale_once(2), 0);
    /* A flipped byte, a file cut short, an empty one: built from source, and the file is new. */
    const char *const damages[] = {"printf X | dd of=%s bs=1 seek=300 conv=notrunc 2>/dev/null",
                                   "truncate -s 200 %s", "truncate -s 0 %s",
                                   "printf 'cltbin1' > %s"};
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++) {
        char command[512];
        assert_true(cached_file(path, sizeof path));
        snprintf(command, sizeof command, damages[k], path);
        assert_int_equal(system(command), 0);
        assert_int_equal(scale_once(1) + scale_once(2), 1);
        assert_int_equal(scale_once(1) + scale_once(2), 0);
    }
    /* No folder for a cache, because a file has its name: still built. */
    char blocked[128], command[512];
    snprintf(blocked, sizeof blocked, "%s/blocked", clt_test_kernel_folder());
    snprintf(command, sizeof command, "mkdir %s && touch %s/cltrain", blocked, blocked);
    assert_int_equal(system(command), 0);
    setenv("XDG_CACHE_HOME", blocked, 1);
    assert_int_equal(scale_once(1), 1);
    assert_int_equal(scale_once(1), 1);
    if (kept != NULL) {
        setenv("XDG_CACHE_HOME", kept, 1);
    } else {
        unsetenv("XDG_CACHE_HOME");
    }
    free(kept);
    unsetenv("CLT_KERNEL_DIR");
}

/* What was not used for longest goes when there are more than 256 MiB; those here have holes. */
static void test_cache_is_bounded(void **state)
{
    (void)state;
    char folder[128], command[512];
    char *xdg = getenv("XDG_CACHE_HOME"), *kept = xdg != NULL ? strdup(xdg) : NULL;
    snprintf(folder, sizeof folder, "%s/bounded", clt_test_kernel_folder());
    setenv("XDG_CACHE_HOME", folder, 1);
    clt_test_put_kernel("scale", scale_kernel);
    assert_int_equal(scale_once(1), 1);
    snprintf(command, sizeof command,
             "cd %s/cltrain && touch -d 2001-01-02 *.bin && truncate -s 130M a.bin b.bin c.bin && "
             "touch -d 2001-01-01 b.bin && touch -d 2001-01-03 a.bin && touch -d 2001-01-04 c.bin",
             folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(scale_once(1), 0); /* used: no longer of 2001 */
    assert_int_equal(scale_once(2), 1);
    snprintf(command, sizeof command, "cd %s/cltrain && test ! -e a.bin -a ! -e b.bin -a -e c.bin",
             folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(scale_once(1) + scale_once(2), 0);
    if (kept != NULL) {
        setenv("XDG_CACHE_HOME", kept, 1);
    } else {
        unsetenv("XDG_CACHE_HOME");
    }
    free(kept);
    unsetenv("CLT_KERNEL_DIR");
}

/* Each allocation failing in turn: an error and nothing leaked, or done without. */
static void test_no_memory(void **state)
{
    (void)state;
    clt_error error;
    const char *device = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {device != NULL ? device : "cpu", true, {NULL, NULL}};
    clt_test_put_kernel("scale", scale_kernel);
    bool done = false;
    for (unsigned long n = 1; !done; n++) {
        clt_runtime *runtime = NULL;
        clt_program *program = NULL;
        clt_kernel *kernel = NULL;
        const clt_profile_row *rows;
        size_t count;
        assert_true(n < 200);
        clt_memory_fail_at(n, false);
        clt_status status = clt_runtime_create(&config, &runtime, &error);
        if (status == CLT_OK) {
            status = clt_program_build(runtime, "scale", "#define OFFSET 5\n", &program, &error);
        }
        if (status == CLT_OK) {
            status = clt_kernel_create(program, "scale", &kernel, &error);
        }
        if (status == CLT_OK) {
            clt_profile_begin(runtime, "nothing", 0.0, 0.0);
            clt_profile_end(runtime);
            status = clt_runtime_profile(runtime, &rows, &count, &error);
            done = status == CLT_OK && count == 1;
        }
        clt_memory_fail_at(0, false);
        if (status != CLT_OK) {
            assert_int_equal(status, CLT_FAILED);
            assert_non_null(strstr(error.message, "out of memory"));
        }
        clt_kernel_destroy(kernel);
        clt_runtime_destroy(runtime);
    }
    unsetenv("CLT_KERNEL_DIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launch),    cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_empty),     cmocka_unit_test(test_build_error),
        cmocka_unit_test(test_plan),      cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_profile),   cmocka_unit_test(test_lost),
        cmocka_unit_test(test_cache),     cmocka_unit_test(test_cache_is_bounded),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, clt_test_remove_kernels);
}
