/* runtime.c: opens and closes a device, and turns OpenCL's status codes into errors. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/state.h"
#include "util/memory.h"

const char *clt_opencl_name(int code)
{
#define NAME(constant)                                                                             \
    {                                                                                              \
        constant, #constant                                                                        \
    }
    static const struct {
        int code;
        const char *name;
    } names[] = {
        NAME(CL_DEVICE_NOT_FOUND),
        NAME(CL_DEVICE_NOT_AVAILABLE),
        NAME(CL_COMPILER_NOT_AVAILABLE),
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        NAME(CL_OUT_OF_RESOURCES),
        NAME(CL_OUT_OF_HOST_MEMORY),
        NAME(CL_PROFILING_INFO_NOT_AVAILABLE),
        NAME(CL_BUILD_PROGRAM_FAILURE),
        NAME(CL_MAP_FAILURE),
        NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET),
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
        NAME(CL_COMPILE_PROGRAM_FAILURE),
        NAME(CL_LINKER_NOT_AVAILABLE),
        NAME(CL_LINK_PROGRAM_FAILURE),
        NAME(CL_INVALID_VALUE),
        NAME(CL_INVALID_DEVICE_TYPE),
        NAME(CL_INVALID_PLATFORM),
        NAME(CL_INVALID_DEVICE),
        NAME(CL_INVALID_CONTEXT),
        NAME(CL_INVALID_QUEUE_PROPERTIES),
        NAME(CL_INVALID_COMMAND_QUEUE),
        NAME(CL_INVALID_HOST_PTR),
        NAME(CL_INVALID_MEM_OBJECT),
        NAME(CL_INVALID_BINARY),
        NAME(CL_INVALID_BUILD_OPTIONS),
        NAME(CL_INVALID_PROGRAM),
        NAME(CL_INVALID_PROGRAM_EXECUTABLE),
        NAME(CL_INVALID_KERNEL_NAME),
        NAME(CL_INVALID_KERNEL_DEFINITION),
        NAME(CL_INVALID_KERNEL),
        NAME(CL_INVALID_ARG_INDEX),
        NAME(CL_INVALID_ARG_VALUE),
        NAME(CL_INVALID_ARG_SIZE),
        NAME(CL_INVALID_KERNEL_ARGS),
        NAME(CL_INVALID_WORK_DIMENSION),
        NAME(CL_INVALID_WORK_GROUP_SIZE),
        NAME(CL_INVALID_WORK_ITEM_SIZE),
        NAME(CL_INVALID_GLOBAL_OFFSET),
        NAME(CL_INVALID_EVENT_WAIT_LIST),
        NAME(CL_INVALID_EVENT),
        NAME(CL_INVALID_OPERATION),
        NAME(CL_INVALID_BUFFER_SIZE),
        NAME(CL_INVALID_PROPERTY),
    };
#undef NAME
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (names[k].code == code) {
            return names[k].name;
        }
    }
    return NULL;
}

/* After these a driver may hang or return garbage: nothing is read from the device any more. */
static bool is_sticky(int code)
{
    return code == CL_OUT_OF_RESOURCES || code == CL_DEVICE_NOT_AVAILABLE ||
           code == CL_OUT_OF_HOST_MEMORY || code == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
}

void clt_runtime_lose(clt_runtime *runtime, const char *cause)
{
    if (!runtime->lost) {
        runtime->lost = true;
        snprintf(runtime->lost_by, sizeof runtime->lost_by, "%s", cause);
    }
}

clt_status clt_runtime_check(clt_runtime *runtime, int code, const char *what, clt_error *error)
{
    const char *name = clt_opencl_name(code);
    char cause[sizeof runtime->lost_by];
    if (code == CL_SUCCESS) {
        return CLT_OK;
    }
    snprintf(cause, sizeof cause, "%s (%d) from %s", name != NULL ? name : "status", code, what);
    if (is_sticky(code)) {
        clt_runtime_lose(runtime, cause);
    }
    return clt_fail(error, CLT_FAILED, code, "%s on %s%s", cause, runtime->device.name,
                    code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES
                        ? "; its memory may be too small: try a smaller batch"
                        : "");
}

clt_status clt_runtime_alive(const clt_runtime *runtime, clt_error *error)
{
    if (!runtime->lost) {
        return CLT_OK;
    }
    return clt_fail(error, CLT_FAILED, 0, "%s is lost since %s; start again", runtime->device.name,
                    runtime->lost_by);
}

bool clt_runtime_is_lost(const clt_runtime *runtime)
{
    return runtime->lost;
}

bool clt_runtime_is_llvmpipe(const clt_runtime *runtime)
{
    return clt_is_llvmpipe(&runtime->device);
}

bool clt_runtime_is_cpu(const clt_runtime *runtime)
{
    return runtime->device.type == CLT_DEVICE_CPU;
}

int clt_runtime_vector_width(const clt_runtime *runtime)
{
    cl_uint width = 1;
    (void)clGetDeviceInfo(runtime->id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width,
                          NULL);
    return width < 1 ? 1 : width > 16 ? 16 : (int)width;
}

uint64_t clt_runtime_cache_bytes(const clt_runtime *runtime)
{
    cl_ulong bytes = 0;
    (void)clGetDeviceInfo(runtime->id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof bytes, &bytes, NULL);
    return bytes;
}

void clt_runtime_attach(clt_runtime *runtime, void *state, void (*release)(void *state))
{
    runtime->attached = state;
    runtime->release_attached = release;
}

void *clt_runtime_attached(const clt_runtime *runtime)
{
    return runtime->attached;
}

const clt_device *clt_runtime_device(const clt_runtime *runtime)
{
    return &runtime->device;
}

cl_command_queue clt_runtime_queue(const clt_runtime *runtime)
{
    return runtime->queue;
}

cl_device_id clt_runtime_device_id(const clt_runtime *runtime)
{
    return runtime->id;
}

void clt_runtime_log(const clt_runtime *runtime, clt_log_level level, const char *format, ...)
{
    char line[CLT_ERROR_MESSAGE_SIZE];
    if (runtime->log.line == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    runtime->log.line(runtime->log.user, level, line);
}

static clt_status choose(const char *spec, clt_device *device, clt_error *error)
{
    clt_device *devices = NULL;
    size_t count = 0, chosen = 0;
    clt_status status = clt_device_list(&devices, &count, error);
    if (status == CLT_OK) {
        status = clt_device_choose(devices, count, spec, &chosen, error);
    }
    if (status == CLT_OK) {
        *device = devices[chosen];
    }
    clt_device_list_free(devices);
    return status;
}

clt_status clt_runtime_make_queue(clt_runtime *runtime, bool profile, cl_command_queue *queue,
                                  clt_error *error)
{
    cl_int code;
    *queue = clCreateCommandQueue(runtime->context, runtime->id,
                                  profile ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    return clt_runtime_check(runtime, code, "clCreateCommandQueue", error);
}

static clt_status read_forced(clt_runtime *runtime, clt_error *error)
{
    const char *text = getenv("CLTRAIN_PLAN");
    clt_status status = text != NULL ? clt_plan_parse(text, &runtime->forced, error) : CLT_OK;
    if (status != CLT_OK) {
        clt_error_prefix(error, "CLTRAIN_PLAN");
    }
    return status;
}

clt_status clt_runtime_create(const clt_runtime_config *config, clt_runtime **runtime,
                              clt_error *error)
{
    static const clt_runtime_config defaults = CLT_RUNTIME_CONFIG_DEFAULT;
    cl_int code = CL_SUCCESS;
    clt_status status;
    if (config == NULL) {
        config = &defaults;
    }
    clt_runtime *made = clt_alloc(1, sizeof *made, "a runtime", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->log = config->log;
    made->profiling = config->profile;
    CLT_TRY(read_forced(made, error));
    CLT_TRY(choose(config->device, &made->device, error));
    CLT_TRY(clt_device_ids(&made->device, &made->platform, &made->id, error));
    (void)clGetPlatformInfo(made->platform, CL_PLATFORM_VERSION, sizeof made->platform_version - 1,
                            made->platform_version, NULL);
    made->pocl = clt_is_pocl(made->device.platform_name);
    made->nvidia = strstr(made->device.platform_name, "NVIDIA") != NULL;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)made->platform, 0};
    made->context = clCreateContext(properties, 1, &made->id, NULL, NULL, &code);
    CLT_TRY(clt_runtime_check(made, code, "clCreateContext", error));
    CLT_TRY(clt_runtime_make_queue(made, config->profile, &made->queue, error));
    if (clt_is_llvmpipe(&made->device)) {
        clt_runtime_log(made, CLT_LOG_NOTE,
                        "%s ends the loops of a work-group after 65,535 passes: results of long "
                        "texts or large batches are wrong; use another device (for a CPU, install "
                        "pocl-opencl-icd)",
                        made->device.name);
    }
    *runtime = made;
    return CLT_OK;
done:
    clt_runtime_destroy(made);
    return status;
}

void clt_runtime_destroy(clt_runtime *runtime)
{
    if (runtime == NULL) {
        return;
    }
    if (!runtime->lost && runtime->queue != NULL && clFinish(runtime->queue) != CL_SUCCESS) {
        runtime->lost = true;
    }
    clt_profile_release(runtime);
    if (!runtime->lost && runtime->attached != NULL) {
        runtime->release_attached(runtime->attached);
    }
    while (runtime->programs != NULL) {
        clt_program *program = runtime->programs;
        runtime->programs = program->next;
        if (!runtime->lost && program->program != NULL) {
            clReleaseProgram(program->program);
        }
        free(program->name);
        free(program->prelude);
        free(program);
    }
    if (!runtime->lost && runtime->queue != NULL) {
        clReleaseCommandQueue(runtime->queue);
    }
    if (!runtime->lost && runtime->context != NULL) {
        clReleaseContext(runtime->context);
    }
    free(runtime);
}
