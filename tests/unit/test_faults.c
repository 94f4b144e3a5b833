/* Every OpenCL call of a short fit failing in turn, with a code after which the driver still
 * answers: an error that names the call and the device, and a trainer that can go on.
 * tests/cli/test_faults.c has the codes after which the device is lost. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/trainer.h"
#include "layer/layer.h"
#include "ops/ops.h"

static const clt_reading reading = {60, 0, 1, 2, 3, 6, CLT_PRE, CLT_PRE};
static clt_dataset *train, *test;
static clt_runtime *runtime;
static clt_device device;
static bool other; /* a product went to the other provider */

/* Those that can fail. `fresh`: in a runtime of its own, which is slower. */
static const struct {
    const char *name;
    bool fresh;
} calls[] = {
    {"clCreateContext", true},           {"clCreateCommandQueue", true},
    {"clCreateProgramWithSource", true}, {"clBuildProgram", true},
    {"clCreateBuffer", false},           {"clCreateSubBuffer", false},
    {"clGetMemObjectInfo", false},       {"clCreateKernel", false},
    {"clGetKernelWorkGroupInfo", false}, {"clSetKernelArg", false},
    {"clEnqueueNDRangeKernel", false},   {"clEnqueueReadBuffer", false},
    {"clEnqueueWriteBuffer", false},     {"clEnqueueFillBuffer", false},
    {"clWaitForEvents", false},          {"clFlush", false},
};

/* A product that cannot be planned with one provider is planned with the other. */
static void hear(void *user, clt_log_level level, const char *line)
{
    (void)user;
    (void)level;
    other |= strstr(line, "; using gemm=") != NULL;
}

static void check_error(clt_status status, const clt_error *error, const char *name)
{
    char part[512];
    snprintf(part, sizeof part, "CL_MEM_OBJECT_ALLOCATION_FAILURE (-4) from %s on %s", name,
             device.name);
    if (status != CLT_FAILED || strstr(error->message, part) == NULL ||
        strchr(error->message, '\n') != NULL) {
        fail_msg("%s fails: status %d, %s", name, (int)status,
                 status == CLT_OK ? "no error" : error->message);
    }
}

static clt_status open_runtime(clt_error *error)
{
    const char *spec = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {spec != NULL ? spec : "cpu", false, {hear, NULL}};
    return runtime != NULL ? CLT_OK : clt_runtime_create(&config, &runtime, error);
}

static void close_runtime(void)
{
    clt_runtime_destroy(runtime);
    runtime = NULL;
}

/* A fit with call k of `name` failing, from the trainer's creation on or, `fresh`, the runtime's.
 * False: there are fewer. */
static bool fit(const char *name, bool fresh, unsigned long k)
{
    clt_error error;
    const clt_trainer_config config = {.batch = 8, .epochs = 1, .learning_rate = 0.001};
    clt_model *model = NULL;
    clt_trainer *trainer = NULL;
    assert_ok(clt_model_create("embedding:4,lstm:3,dense:1", &reading, 1, &model, &error));
    if (fresh) {
        close_runtime();
    } else {
        assert_ok(open_runtime(&error));
    }
    other = false;
    unsigned long before = clt_layer_count(name);
    clt_layer_fail(name, k, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    clt_status status = open_runtime(&error);
    if (status == CLT_OK) {
        status = clt_trainer_create(model, runtime, &config, &trainer, &error);
    }
    if (status == CLT_OK) {
        status = clt_trainer_fit(trainer, train, test, &error);
    }
    bool failed = clt_layer_count(name) >= before + k;
    clt_layer_fail(name, 0, CL_SUCCESS);
    if (failed && !other) {
        check_error(status, &error, name);
    } else {
        assert_int_equal(status, CLT_OK);
    }
    if (trainer != NULL) {
        assert_ok(clt_trainer_fit(trainer, train, test, &error));
    }
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    return failed;
}

static void test_each_call(void **state)
{
    (void)state;
    clt_error error;
    assert_ok(clt_dataset_open_demo(16, &reading, 1, &train, &test, NULL, &error));
    assert_ok(open_runtime(&error));
    device = *clt_runtime_device(runtime);
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        unsigned long k = 1;
        while (fit(calls[c].name, calls[c].fresh, k)) {
            k++;
        }
        assert_true(k > 1);
    }
    clt_dataset_free(train);
    clt_dataset_free(test);
}

/* A step that failed between its squares and its record leaves nothing to the next record. */
static void test_squares_left(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    const float values[COUNT] = {1.0f, 2.0f, 3.0f, 4.0f};
    const clt_extent extent = clt_extent_of(1, 1);
    clt_error error;
    clt_reduce *op = NULL;
    clt_buffer in, hit, record, saved;
    clt_record got;
    assert_ok(open_runtime(&error));
    assert_ok(clt_reduce_plan(runtime, 3 * COUNT, &op, &error));
    assert_ok(clt_buffer_create(runtime, clt_reduce_saved(op), "sums", &saved, &error));
    assert_ok(clt_reduce_bind(op, saved, &error));
    assert_ok(clt_buffer_create(runtime, sizeof values, "values", &in, &error));
    assert_ok(clt_buffer_create(runtime, sizeof(int), "hits", &hit, &error));
    assert_ok(clt_buffer_create(runtime, sizeof got, "record", &record, &error));
    assert_ok(clt_buffer_write(runtime, in, 0, sizeof values, values, &error));
    assert_ok(clt_buffer_zero(runtime, record, 0, sizeof got, &error));
    assert_ok(clt_reduce_squares(op, in, COUNT, &error));
    clt_layer_fail("clEnqueueNDRangeKernel", 1, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    assert_fails(clt_reduce_squares(op, in, COUNT, &error), CLT_FAILED, "reduce_squares");
    clt_reduce_begin(op); /* as a step does */
    assert_ok(clt_reduce_squares(op, in, COUNT, &error));
    assert_ok(clt_reduce_record(op, &extent, in, hit, record, &error));
    assert_ok(clt_buffer_read(runtime, record, 0, sizeof got, &got, &error));
    assert_true(got.squared_norm == 30.0f);
    clt_reduce_destroy(op);
    clt_buffer *buffers[] = {&in, &hit, &record, &saved};
    for (size_t k = 0; k < sizeof buffers / sizeof *buffers; k++) {
        clt_buffer_release(runtime, buffers[k]);
    }
}

static int close_device(void **state)
{
    (void)state;
    close_runtime();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_call),
                                       cmocka_unit_test(test_squares_left)};
    setenv("OPENCL_LAYERS", CLT_LAYER, 1);
    return cmocka_run_group_tests(tests, NULL, close_device);
}
