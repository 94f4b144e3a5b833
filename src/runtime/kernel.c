/* kernel.c: kernel objects, their arguments and their launches. */
#include <stdlib.h>
#include <string.h>

#include "runtime/state.h"
#include "util/memory.h"

#define ARG_MAX 32

struct clt_kernel {
    clt_runtime *runtime;
    cl_kernel kernel;
    char *name;
    size_t max_group;
    bool queued; /* at least once: PoCL compiles at the first launch */
    int arg_count;
    clt_arg args[ARG_MAX];  /* as last set */
    unsigned long releases; /* the runtime's count at that time */
};

clt_status clt_kernel_create(clt_program *program, const char *name, clt_kernel **kernel,
                             clt_error *error)
{
    clt_runtime *runtime = program->runtime;
    cl_int code;
    clt_status status = CLT_FAILED;
    clt_kernel *made = clt_alloc(1, sizeof *made, "a kernel", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->name = clt_strdup(name, error);
    if (made->name == NULL) {
        goto done;
    }
    CLT_TRY(clt_runtime_alive(runtime, error));
    made->kernel = clCreateKernel(program->program, name, &code);
    status = clt_runtime_check(runtime, code, "clCreateKernel", error);
    if (status != CLT_OK) {
        clt_error_prefix(error, "%s.cl: kernel %s", program->name, name);
        /* Any other code is the driver's trouble, not the kernel's. */
        if (code == CL_INVALID_KERNEL_NAME || code == CL_INVALID_KERNEL_DEFINITION) {
            status = CLT_KERNEL;
        }
        if (error != NULL) {
            error->status = status;
        }
        goto done;
    }
    CLT_TRY(clt_runtime_check(
        runtime,
        clGetKernelWorkGroupInfo(made->kernel, runtime->id, CL_KERNEL_WORK_GROUP_SIZE,
                                 sizeof made->max_group, &made->max_group, NULL),
        "clGetKernelWorkGroupInfo", error));
    *kernel = made;
    return CLT_OK;
done:
    clt_kernel_destroy(made);
    return status;
}

void clt_kernel_destroy(clt_kernel *kernel)
{
    if (kernel == NULL) {
        return;
    }
    if (kernel->kernel != NULL && !kernel->runtime->lost) {
        clReleaseKernel(kernel->kernel);
    }
    free(kernel->name);
    free(kernel);
}

size_t clt_kernel_max_group(const clt_kernel *kernel)
{
    return kernel->max_group;
}

size_t clt_kernel_item_group(const clt_kernel *kernel)
{
    enum { GPU_GROUP = 64 };
    if (clt_runtime_is_cpu(kernel->runtime)) {
        return 1;
    }
    return kernel->max_group < GPU_GROUP ? kernel->max_group : GPU_GROUP;
}

static bool same_arg(const clt_arg *a, const clt_arg *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case CLT_ARG_BUFFER:
        return a->value.buffer == b->value.buffer;
    case CLT_ARG_INT:
        return a->value.i == b->value.i;
    case CLT_ARG_UINT:
        return a->value.u == b->value.u;
    case CLT_ARG_FLOAT:
        return memcmp(&a->value.f, &b->value.f, sizeof a->value.f) == 0;
    case CLT_ARG_ULONG:
        return a->value.ul == b->value.ul;
    }
    return false;
}

static cl_int set_arg(cl_kernel kernel, cl_uint k, const clt_arg *arg)
{
    switch (arg->kind) {
    case CLT_ARG_BUFFER:
        return clSetKernelArg(kernel, k, sizeof arg->value.buffer, &arg->value.buffer);
    case CLT_ARG_INT:
        return clSetKernelArg(kernel, k, sizeof arg->value.i, &arg->value.i);
    case CLT_ARG_UINT:
        return clSetKernelArg(kernel, k, sizeof arg->value.u, &arg->value.u);
    case CLT_ARG_FLOAT:
        return clSetKernelArg(kernel, k, sizeof arg->value.f, &arg->value.f);
    case CLT_ARG_ULONG:
        return clSetKernelArg(kernel, k, sizeof arg->value.ul, &arg->value.ul);
    }
    return CL_INVALID_VALUE;
}

static clt_status set_args(clt_kernel *kernel, const clt_arg *args, int arg_count, clt_error *error)
{
    if (arg_count > ARG_MAX) {
        return clt_fail(error, CLT_FAILED, 0, "kernel %s: %d arguments", kernel->name, arg_count);
    }
    /* A new buffer may have a released one's handle, and be another to the driver. */
    bool buffers_known = kernel->releases == kernel->runtime->releases;
    kernel->releases = kernel->runtime->releases;
    for (int k = 0; k < arg_count; k++) {
        if (k < kernel->arg_count && (buffers_known || args[k].kind != CLT_ARG_BUFFER) &&
            same_arg(&kernel->args[k], &args[k])) {
            continue;
        }
        clt_status status =
            clt_runtime_check(kernel->runtime, set_arg(kernel->kernel, (cl_uint)k, &args[k]),
                              "clSetKernelArg", error);
        if (status != CLT_OK) {
            clt_error_prefix(error, "kernel %s, argument %d", kernel->name, k);
            kernel->arg_count = 0; /* set all of them again */
            return status;
        }
        kernel->args[k] = args[k];
        if (k >= kernel->arg_count) {
            kernel->arg_count = k + 1;
        }
    }
    return CLT_OK;
}

clt_status clt_kernel_enqueue(clt_kernel *kernel, int dimensions, const size_t *global,
                              const size_t *local, const clt_arg *args, int arg_count,
                              clt_error *error)
{
    clt_runtime *runtime = kernel->runtime;
    clt_status status;
    CLT_TRY(clt_runtime_alive(runtime, error));
    CLT_TRY(set_args(kernel, args, arg_count, error));
    if (!kernel->queued && runtime->pocl) {
        clt_runtime_log(runtime, CLT_LOG_COMPILE, "%s", kernel->name);
    }
    kernel->queued = true;
    cl_int code = clEnqueueNDRangeKernel(runtime->queue, kernel->kernel, (cl_uint)dimensions, NULL,
                                         global, local, 0, NULL, NULL);
    status = clt_runtime_check(runtime, code, "clEnqueueNDRangeKernel", error);
    if (status != CLT_OK) {
        clt_error_prefix(error, "kernel %s", kernel->name);
    }
done:
    return status;
}

clt_status clt_kernel_enqueue_1d(clt_kernel *kernel, size_t items, size_t group,
                                 const clt_arg *args, int arg_count, clt_error *error)
{
    if (items == 0) {
        return CLT_OK;
    }
    size_t global = (items + group - 1) / group * group;
    return clt_kernel_enqueue(kernel, 1, &global, &group, args, arg_count, error);
}
