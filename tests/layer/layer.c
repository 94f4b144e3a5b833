/* layer.c: an OpenCL layer. The loader puts it between the program and the driver when
 * OPENCL_LAYERS names it; it works on every driver and sees CLBlast's calls too. It counts what
 * the library calls, and with
 *   CLT_LAYER_LOG=FILE           writes the name of each call on a line
 *   CLT_LAYER_FAIL=NAME:K:CODE   gives CODE back from call K of NAME, which the driver never sees.
 * Functions that the library does not use, and questions about platforms and devices, go by
 * uncounted. Calls come from one thread. */
#include "layer/layer.h"

#include <CL/cl_layer.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS(X)                                                                                   \
    X(clGetPlatformIDs)                                                                            \
    X(clGetDeviceIDs)                                                                              \
    X(clCreateContext)                                                                             \
    X(clReleaseContext)                                                                            \
    X(clCreateCommandQueue)                                                                        \
    X(clReleaseCommandQueue)                                                                       \
    X(clCreateBuffer)                                                                              \
    X(clCreateSubBuffer)                                                                           \
    X(clReleaseMemObject)                                                                          \
    X(clGetMemObjectInfo)                                                                          \
    X(clCreateProgramWithSource)                                                                   \
    X(clCreateProgramWithBinary)                                                                   \
    X(clBuildProgram)                                                                              \
    X(clReleaseProgram)                                                                            \
    X(clCreateKernel)                                                                              \
    X(clReleaseKernel)                                                                             \
    X(clGetKernelWorkGroupInfo)                                                                    \
    X(clSetKernelArg)                                                                              \
    X(clEnqueueNDRangeKernel)                                                                      \
    X(clEnqueueReadBuffer)                                                                         \
    X(clEnqueueWriteBuffer)                                                                        \
    X(clEnqueueFillBuffer)                                                                         \
    X(clEnqueueCopyBuffer)                                                                         \
    X(clEnqueueMarkerWithWaitList)                                                                 \
    X(clWaitForEvents)                                                                             \
    X(clReleaseEvent)                                                                              \
    X(clFlush)                                                                                     \
    X(clFinish)

#define CALL(name) CALL_##name,
#define NAME(name) #name,
enum { CALLS(CALL) ALL, EVENT, WAIT, SAME_ARGUMENT, COUNTS };
static const char *const names[COUNTS] = {CALLS(NAME) "call", "event", "wait", "same argument"};

static const cl_icd_dispatch *next;           /* the driver, or another layer */
static unsigned long counts[COUNTS], fail_at; /* the count at which call fail_call fails */
static int fail_call, fail_code;
static FILE *log_file;

static int find(const char *name)
{
    for (int k = 0; k < COUNTS; k++) {
        if (strcmp(names[k], name) == 0) {
            return k;
        }
    }
    fprintf(stderr, "layer.c: no call has the name %s\n", name);
    abort();
}

unsigned long clt_layer_count(const char *name)
{
    return counts[find(name)];
}

void clt_layer_fail(const char *name, unsigned long k, int code)
{
    fail_call = find(name);
    fail_at = k > 0 ? counts[fail_call] + k : 0;
    fail_code = code;
}

/* Takes a call in. True: it fails with *code. */
static bool fails(int call, cl_int *code)
{
    counts[call]++;
    counts[ALL]++;
    if (log_file != NULL) {
        fprintf(log_file, "%s\n", names[call]);
    }
    *code = fail_code;
    return call == fail_call && counts[call] == fail_at;
}

/* ---- what arguments kernels have ------------------------------------------------------------- */

typedef struct argument {
    cl_kernel kernel; /* NULL: free */
    cl_uint index;
    size_t size;
    char value[8];
} argument;
static argument arguments[8192];
enum { ARGUMENTS = sizeof arguments / sizeof *arguments };

static void forget(cl_kernel kernel)
{
    for (int k = 0; k < ARGUMENTS; k++) {
        if (arguments[k].kernel == kernel) {
            arguments[k].kernel = NULL;
        }
    }
}

/* Whether the kernel has this argument already; it has it now. Local memory has no value. */
static bool is_set(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
    argument *place = NULL;
    if (value == NULL) {
        return false;
    }
    for (int k = 0; k < ARGUMENTS; k++) {
        argument *a = &arguments[k];
        if (a->kernel == kernel && a->index == index) {
            place = a;
            break;
        }
        if (a->kernel == NULL && place == NULL) {
            place = a;
        }
    }
    if (place == NULL || size > sizeof place->value) {
        abort();
    }
    bool same =
        place->kernel == kernel && place->size == size && memcmp(place->value, value, size) == 0;
    *place = (argument){.kernel = kernel, .index = index, .size = size};
    memcpy(place->value, value, size);
    return same;
}

/* ---- the calls ------------------------------------------------------------------------------- */

/* A function that returns its status. */
#define CODE(NAME, PARAMETERS, ARGUMENTS)                                                          \
    static cl_int CL_API_CALL NAME##_ PARAMETERS                                                   \
    {                                                                                              \
        cl_int code;                                                                               \
        return fails(CALL_##NAME, &code) ? code : next->NAME ARGUMENTS;                            \
    }

/* A function that returns an object, or NULL and its status in *code. */
#define OBJECT(TYPE, NAME, PARAMETERS, ARGUMENTS)                                                  \
    static TYPE CL_API_CALL NAME##_ PARAMETERS                                                     \
    {                                                                                              \
        cl_int failure;                                                                            \
        if (!fails(CALL_##NAME, &failure)) {                                                       \
            return next->NAME ARGUMENTS;                                                           \
        }                                                                                          \
        if (code != NULL) {                                                                        \
            *code = failure;                                                                       \
        }                                                                                          \
        return NULL;                                                                               \
    }

/* A command; DETAIL counts what is special about it. */
#define COMMAND(NAME, PARAMETERS, ARGUMENTS, DETAIL)                                               \
    static cl_int CL_API_CALL NAME##_ PARAMETERS                                                   \
    {                                                                                              \
        cl_int code;                                                                               \
        counts[EVENT] += event != NULL;                                                            \
        DETAIL;                                                                                    \
        return fails(CALL_##NAME, &code) ? code : next->NAME ARGUMENTS;                            \
    }

CODE(clGetPlatformIDs, (cl_uint room, cl_platform_id *ids, cl_uint *count), (room, ids, count))
CODE(clGetDeviceIDs,
     (cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *ids,
      cl_uint *count),
     (platform, type, room, ids, count))
OBJECT(cl_context, clCreateContext,
       (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
        void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user,
        cl_int *code),
       (properties, count, devices, notify, user, code))
CODE(clReleaseContext, (cl_context context), (context))
OBJECT(cl_command_queue, clCreateCommandQueue,
       (cl_context context, cl_device_id device, cl_command_queue_properties properties,
        cl_int *code),
       (context, device, properties, code))
CODE(clReleaseCommandQueue, (cl_command_queue queue), (queue))
OBJECT(cl_mem, clCreateBuffer,
       (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code),
       (context, flags, size, host, code))
OBJECT(cl_mem, clCreateSubBuffer,
       (cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *region,
        cl_int *code),
       (buffer, flags, type, region, code))
CODE(clReleaseMemObject, (cl_mem mem), (mem))
CODE(clGetMemObjectInfo, (cl_mem mem, cl_mem_info what, size_t room, void *value, size_t *size),
     (mem, what, room, value, size))
OBJECT(cl_program, clCreateProgramWithSource,
       (cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *code),
       (context, count, texts, lengths, code))
OBJECT(cl_program, clCreateProgramWithBinary,
       (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
        const unsigned char **binaries, cl_int *codes, cl_int *code),
       (context, count, devices, lengths, binaries, codes, code))
CODE(clBuildProgram,
     (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
      void(CL_CALLBACK *notify)(cl_program, void *), void *user),
     (program, count, devices, options, notify, user))
CODE(clReleaseProgram, (cl_program program), (program))
OBJECT(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code),
       (program, name, code))
CODE(clGetKernelWorkGroupInfo,
     (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t room,
      void *value, size_t *size),
     (kernel, device, what, room, value, size))
COMMAND(clEnqueueNDRangeKernel,
        (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
         const size_t *global, const size_t *local, cl_uint count, const cl_event *list,
         cl_event *event),
        (queue, kernel, dimensions, offset, global, local, count, list, event), )
COMMAND(clEnqueueReadBuffer,
        (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
         void *data, cl_uint count, const cl_event *list, cl_event *event),
        (queue, buffer, blocking, offset, bytes, data, count, list, event),
        counts[WAIT] += blocking)
COMMAND(clEnqueueWriteBuffer,
        (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
         const void *data, cl_uint count, const cl_event *list, cl_event *event),
        (queue, buffer, blocking, offset, bytes, data, count, list, event),
        counts[WAIT] += blocking)
COMMAND(clEnqueueFillBuffer,
        (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t size, size_t offset,
         size_t bytes, cl_uint count, const cl_event *list, cl_event *event),
        (queue, buffer, pattern, size, offset, bytes, count, list, event), )
COMMAND(clEnqueueCopyBuffer,
        (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
         size_t bytes, cl_uint count, const cl_event *list, cl_event *event),
        (queue, from, to, from_offset, to_offset, bytes, count, list, event), )
COMMAND(clEnqueueMarkerWithWaitList,
        (cl_command_queue queue, cl_uint count, const cl_event *list, cl_event *event),
        (queue, count, list, event), )
CODE(clWaitForEvents, (cl_uint count, const cl_event *events), (count, events))
CODE(clReleaseEvent, (cl_event event), (event))
CODE(clFlush, (cl_command_queue queue), (queue))
CODE(clFinish, (cl_command_queue queue), (queue))

/* A kernel made later may have the handle. */
static cl_int CL_API_CALL clReleaseKernel_(cl_kernel kernel)
{
    cl_int code;
    forget(kernel);
    return fails(CALL_clReleaseKernel, &code) ? code : next->clReleaseKernel(kernel);
}

static cl_int CL_API_CALL clSetKernelArg_(cl_kernel kernel, cl_uint index, size_t size,
                                          const void *value)
{
    cl_int code;
    counts[SAME_ARGUMENT] += is_set(kernel, index, size, value);
    return fails(CALL_clSetKernelArg, &code) ? code
                                             : next->clSetKernelArg(kernel, index, size, value);
}

/* ---- what the loader asks -------------------------------------------------------------------- */

cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t room, void *value, size_t *size)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (what != CL_LAYER_API_VERSION || (value != NULL && room < sizeof version)) {
        return CL_INVALID_VALUE;
    }
    if (value != NULL) {
        memcpy(value, &version, sizeof version);
    }
    if (size != NULL) {
        *size = sizeof version;
    }
    return CL_SUCCESS;
}

cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *entries_ret,
                               const cl_icd_dispatch **dispatch)
{
    static cl_icd_dispatch ours;
    const char *path = getenv("CLT_LAYER_LOG"), *fail = getenv("CLT_LAYER_FAIL");
    char name[64];
    unsigned long k;
    int code;
    if (entries < sizeof ours / sizeof ours.clGetPlatformIDs) {
        return CL_INVALID_VALUE;
    }
    if (fail != NULL) {
        if (sscanf(fail, "%63[^:]:%lu:%d", name, &k, &code) != 3) {
            fprintf(stderr, "layer.c: CLT_LAYER_FAIL=%s is not NAME:K:CODE\n", fail);
            abort();
        }
        clt_layer_fail(name, k, code);
    }
    if (path != NULL) {
        log_file = fopen(path, "w");
        if (log_file == NULL) {
            perror(path);
            abort();
        }
        setvbuf(log_file, NULL, _IOLBF, BUFSIZ); /* whole after a crash, too */
    }
    next = target;
    ours = *target;
#define HOOK(name) ours.name = name##_;
    CALLS(HOOK)
    *entries_ret = entries;
    *dispatch = &ours;
    return CL_SUCCESS;
}
