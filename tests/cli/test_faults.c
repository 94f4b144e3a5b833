/* A device that is lost at an OpenCL call of a short fit, each in turn: `fit` ends with its exit
 * code and one line, asks the driver nothing more, and leaves whole files or none. In a build with
 * sanitizers, nothing that a queued transfer names is freed. tests/unit/test_faults.c has the
 * failures after which the driver still answers. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/device.h"
#include "support/program.h"

#define POCL "/etc/OpenCL/vendors/pocl.icd"
#define FIT                                                                                        \
    "timeout 120 cltrain fit --data demo:16 --model embedding:4,lstm:3,dense:1 --num-words 200 "   \
    "--maxlen 6 --batch 8 --verbose 0 "

/* Of the many that are alike every `stride`-th fails. */
static const struct {
    const char *name, *code;
    int stride, exit_code;
} calls[] = {
    {"clGetPlatformIDs", "CL_OUT_OF_HOST_MEMORY (-6)", 1, 1},
    {"clGetDeviceIDs", "CL_OUT_OF_HOST_MEMORY (-6)", 1, 3},
    {"clCreateContext", "CL_DEVICE_NOT_AVAILABLE (-2)", 1, 1},
    {"clCreateCommandQueue", "CL_OUT_OF_RESOURCES (-5)", 1, 1},
    {"clCreateBuffer", "CL_OUT_OF_RESOURCES (-5)", 5, 1},
    {"clCreateSubBuffer", "CL_OUT_OF_RESOURCES (-5)", 13, 1},
    {"clGetMemObjectInfo", "CL_OUT_OF_RESOURCES (-5)", 29, 1},
    {"clCreateProgramWithSource", "CL_OUT_OF_HOST_MEMORY (-6)", 4, 1},
    {"clBuildProgram", "CL_BUILD_PROGRAM_FAILURE (-11)", 99, 4},
    {"clBuildProgram", "CL_OUT_OF_RESOURCES (-5)", 4, 1},
    {"clCreateKernel", "CL_OUT_OF_RESOURCES (-5)", 13, 1},
    {"clGetKernelWorkGroupInfo", "CL_OUT_OF_RESOURCES (-5)", 13, 1},
    {"clSetKernelArg", "CL_OUT_OF_RESOURCES (-5)", 41, 1},
    {"clEnqueueNDRangeKernel", "CL_OUT_OF_RESOURCES (-5)", 2, 1},
    {"clEnqueueReadBuffer", "CL_DEVICE_NOT_AVAILABLE (-2)", 1, 1},
    {"clEnqueueWriteBuffer", "CL_OUT_OF_RESOURCES (-5)", 1, 1},
    {"clEnqueueFillBuffer", "CL_OUT_OF_RESOURCES (-5)", 1, 1},
    {"clWaitForEvents", "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST (-14)", 1, 1},
    {"clFlush", "CL_OUT_OF_RESOURCES (-5)", 1, 1},
    {"clFinish", "CL_OUT_OF_RESOURCES (-5)", 1, 0}, /* everything is saved by then */
    {"clReleaseMemObject", "CL_OUT_OF_RESOURCES (-5)", 53, 0},
    {"clReleaseEvent", "CL_OUT_OF_RESOURCES (-5)", 5, 0},
};

static clt_device device;

/* How often a log says that `name` was called, and whether it was the last call. */
static int count_calls(const char *path, const char *name, bool *is_last)
{
    char *log = clt_read_text(path, NULL), *rest = NULL;
    int count = 0;

    for (char *line = strtok_r(log, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        *is_last = strcmp(line, name) == 0;
        count += *is_last;
    }
    free(log);
    return count;
}

static bool is_model(const char *folder)
{
    char command[256];

    snprintf(command, sizeof command, "cmp -s out/model.safetensors %s/model.safetensors", folder);
    return system(command) == 0;
}

/* All seven files, with the weights of one whole epoch or of both; or no folder. */
static void check_files(const clt_run *run, const char *name, int k)
{
    bool saved = run->code == 0 || strstr(run->err, "the last good weights are in out") != NULL;

    if (saved ? system("test $(ls out | wc -l) = 7") != 0 || !(is_model("one") || is_model("two"))
              : clt_file_exists("out")) {
        fail_msg("%s, call %d: wrong files after %s", name, k, run->err);
    }
}

static void fail_at(size_t c, int k)
{
    const char *name = calls[c].name, *code = calls[c].code;
    clt_run run;
    char part[256];
    bool last = false;

    clt_run_start(&run,
                  "rm -rf out; ASAN_OPTIONS=detect_leaks=0 OPENCL_LAYERS='%s' CLT_LAYER_LOG=calls "
                  "CLT_LAYER_FAIL=%s:%d:%d " FIT "--epochs 2 --out out",
                  CLT_LAYER, name, k, atoi(strchr(code, '(') + 1));
    clt_run_finish(&run);
    if (calls[c].exit_code == 4) {
        snprintf(part, sizeof part, ".cl does not build on %.100s", device.name);
    } else {
        snprintf(part, sizeof part, "%s from %s", code, name);
    }
    int expected = calls[c].exit_code, lines = clt_count_lines(run.err),
        called = count_calls("calls", name, &last);
    bool explained = strstr(run.err, part) != NULL &&
                     (strncmp(name, "clGet", 5) == 0 || strstr(run.err, device.name) != NULL);
    bool silent = last && called == k; /* nothing is asked of a lost device */
    if (run.code != expected || lines != (expected != 0) || (expected != 0 && !explained) ||
        ((expected == 1 || expected == 3) && !silent)) {
        fail_msg("%s, call %d, %s: exit code %d, %s call after it, %s", name, k, code, run.code,
                 silent ? "no" : "a", run.err);
    }
    check_files(&run, name, k);
    clt_run_free(&run);
}

static void each_call_loses_the_device(void **state)
{
    clt_error error;
    clt_device *devices = NULL;
    size_t count, chosen = 0;
    clt_run run;
    bool last;

    (void)state;
    assert_ok(clt_device_list(&devices, &count, &error));
    assert_ok(clt_device_choose(devices, count, NULL, &chosen, &error));
    device = devices[chosen];
    clt_device_list_free(devices);
    clt_run_command(&run, 0, FIT "--epochs 1 --out one");
    clt_run_free(&run);
    clt_run_command(&run, 0, "OPENCL_LAYERS='%s' CLT_LAYER_LOG=whole " FIT "--epochs 2 --out two",
                    CLT_LAYER);
    clt_run_free(&run);
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        int calls_made = count_calls("whole", calls[c].name, &last);
        assert_true(calls_made > 0);
        for (int k = 1; k <= calls_made; k += calls[c].stride) {
            fail_at(c, k);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_call_loses_the_device)};

    /* CLBlast's kernels take seconds to build, and its calls are not ours. One platform: what the
     * others answer would hide its failures. */
    setenv("CLTRAIN_PLAN", "gemm=own", 0);
    if (clt_file_exists(POCL)) {
        setenv("OCL_ICD_VENDORS", POCL, 0);
    }
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
