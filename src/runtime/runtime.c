/* runtime.c: opens and closes a device, and turns its status codes into errors. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/state.h"
#include "util/memory.h"

const char *clt_opencl_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND"},
        {CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE"},
        {CL_COMPILER_NOT_AVAILABLE, "CL_COMPILER_NOT_AVAILABLE"},
        {CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
        {CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES"},
        {CL_OUT_OF_HOST_MEMORY, "CL_OUT_OF_HOST_MEMORY"},
        {CL_BUILD_PROGRAM_FAILURE, "CL_BUILD_PROGRAM_FAILURE"},
        {CL_MISALIGNED_SUB_BUFFER_OFFSET, "CL_MISALIGNED_SUB_BUFFER_OFFSET"},
        {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
         "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
        {CL_INVALID_VALUE, "CL_INVALID_VALUE"},
        {CL_INVALID_DEVICE, "CL_INVALID_DEVICE"},
        {CL_INVALID_CONTEXT, "CL_INVALID_CONTEXT"},
        {CL_INVALID_COMMAND_QUEUE, "CL_INVALID_COMMAND_QUEUE"},
        {CL_INVALID_MEM_OBJECT, "CL_INVALID_MEM_OBJECT"},
        {CL_INVALID_BINARY, "CL_INVALID_BINARY"},
        {CL_INVALID_BUILD_OPTIONS, "CL_INVALID_BUILD_OPTIONS"},
        {CL_INVALID_KERNEL_NAME, "CL_INVALID_KERNEL_NAME"},
        {CL_INVALID_KERNEL_ARGS, "CL_INVALID_KERNEL_ARGS"},
        {CL_INVALID_ARG_INDEX, "CL_INVALID_ARG_INDEX"},
        {CL_INVALID_ARG_VALUE, "CL_INVALID_ARG_VALUE"},
        {CL_INVALID_ARG_SIZE, "CL_INVALID_ARG_SIZE"},
        {CL_INVALID_WORK_GROUP_SIZE, "CL_INVALID_WORK_GROUP_SIZE"},
        {CL_INVALID_WORK_ITEM_SIZE, "CL_INVALID_WORK_ITEM_SIZE"},
        {CL_INVALID_BUFFER_SIZE, "CL_INVALID_BUFFER_SIZE"},
    };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (names[k].code == code) {
            return names[k].name;
        }
    }
    return "CL_UNKNOWN";
}

/* After these a driver may hang or return garbage: nothing is read from the device any more. */
static bool is_sticky(int code)
{
    return code == CL_OUT_OF_RESOURCES || code == CL_DEVICE_NOT_AVAILABLE ||
           code == CL_OUT_OF_HOST_MEMORY || code == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
}

clt_status clt_runtime_check(clt_runtime *runtime, int code, const char *what, clt_error *error)
{
    if (code == CL_SUCCESS) {
        return CLT_OK;
    }
    if (is_sticky(code)) {
        runtime->lost = true;
    }
    return clt_fail(error, CLT_FAILED, code, "%s (%d) from %s on %s%s", clt_opencl_name(code), code,
                    what, runtime->device.name,
                    code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES
                        ? "; its memory may be too small: try a smaller --batch"
                        : "");
}

bool clt_runtime_is_lost(const clt_runtime *runtime)
{
    return runtime->lost;
}

bool clt_runtime_is_cpu(const clt_runtime *runtime)
{
    return runtime->device.type == CLT_DEVICE_CPU;
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

cl_context clt_runtime_context(const clt_runtime *runtime)
{
    return runtime->context;
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
    CLT_TRY(clt_plan_read(made, getenv("CLTRAIN_PLAN"), error));
    CLT_TRY(choose(config->device, &made->device, error));
    CLT_TRY(clt_device_ids(&made->device, &made->platform, &made->id, error));
    (void)clGetPlatformInfo(made->platform, CL_PLATFORM_VERSION, sizeof made->platform_version - 1,
                            made->platform_version, NULL);
    made->pocl = strstr(made->device.platform_name, "Portable Computing Language") != NULL;
    made->nvidia = strstr(made->device.platform_name, "NVIDIA") != NULL;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)made->platform, 0};
    made->context = clCreateContext(properties, 1, &made->id, NULL, NULL, &code);
    CLT_TRY(clt_runtime_check(made, code, "clCreateContext", error));
    made->queue = clCreateCommandQueue(made->context, made->id,
                                       config->profile ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    CLT_TRY(clt_runtime_check(made, code, "clCreateCommandQueue", error));
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
