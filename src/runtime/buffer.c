/* buffer.c: memory on the device, and the queue's reads and writes. */
#include <stdlib.h>

#include "runtime/state.h"
#include "util/memory.h"

clt_status clt_buffer_create(clt_runtime *runtime, size_t bytes, const char *what,
                             clt_buffer *buffer, clt_error *error)
{
    cl_int code;
    /* At least a byte more than asked for, so that an empty slice has its place at the end. */
    size_t room = bytes < SIZE_MAX - CLT_ALIGNMENT ? clt_align(bytes + 1) : SIZE_MAX;
    *buffer = (clt_buffer){0};
    if (room > runtime->device.max_allocation) {
        return clt_fail(error, CLT_FAILED, CL_INVALID_BUFFER_SIZE,
                        "%s: %zu bytes are more than %s can allocate at once (%llu); try a smaller "
                        "batch or shorter samples",
                        what, bytes, runtime->device.name,
                        (unsigned long long)runtime->device.max_allocation);
    }
    clt_status status = clt_runtime_alive(runtime, error);
    if (status != CLT_OK) {
        return status;
    }
    cl_mem mem = clCreateBuffer(runtime->context, CL_MEM_READ_WRITE, room, NULL, &code);
    status = clt_runtime_check(runtime, code, "clCreateBuffer", error);
    if (status != CLT_OK) {
        clt_error_prefix(error, "%s (%zu bytes)", what, bytes);
        return status;
    }
    *buffer = (clt_buffer){mem, bytes};
    return CLT_OK;
}

clt_status clt_buffer_slice(clt_runtime *runtime, clt_buffer parent, size_t offset, size_t bytes,
                            clt_buffer *slice, clt_error *error)
{
    clt_status status;
    cl_int code;
    cl_mem whole = NULL; /* OpenCL makes no slice of a slice: it is one of the whole buffer */
    size_t base = 0;
    *slice = (clt_buffer){0};
    if (offset > parent.bytes || bytes > parent.bytes - offset || offset % CLT_ALIGNMENT != 0) {
        return clt_fail(error, CLT_FAILED, 0, "a slice of %zu bytes at %zu of a buffer of %zu",
                        bytes, offset, parent.bytes);
    }
    CLT_TRY(clt_runtime_alive(runtime, error));
    CLT_TRY(clt_runtime_check(
        runtime,
        clGetMemObjectInfo(parent.mem, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof whole, &whole, NULL),
        "clGetMemObjectInfo", error));
    if (whole != NULL) {
        CLT_TRY(clt_runtime_check(
            runtime, clGetMemObjectInfo(parent.mem, CL_MEM_OFFSET, sizeof base, &base, NULL),
            "clGetMemObjectInfo", error));
    }
    cl_buffer_region region = {base + offset, bytes > 0 ? bytes : 1};
    cl_mem mem = clCreateSubBuffer(whole != NULL ? whole : parent.mem, CL_MEM_READ_WRITE,
                                   CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    CLT_TRY(clt_runtime_check(runtime, code, "clCreateSubBuffer", error));
    *slice = (clt_buffer){mem, bytes};
done:
    return status;
}

void clt_buffer_release(clt_runtime *runtime, clt_buffer *buffer)
{
    if (buffer->mem != NULL) {
        runtime->releases++;
        if (!runtime->lost) {
            clReleaseMemObject(buffer->mem);
        }
    }
    *buffer = (clt_buffer){0};
}

/* No bytes: nothing to do, though OpenCL calls that an error. A lost runtime's driver is left
 * alone. `go` says whether there is a call to make. */
static clt_status before(const clt_runtime *runtime, size_t bytes, bool *go, clt_error *error)
{
    clt_status status = clt_runtime_alive(runtime, error);
    *go = status == CLT_OK && bytes > 0;
    return status;
}

static clt_status enqueue_write(clt_runtime *runtime, clt_buffer buffer, cl_bool wait,
                                size_t offset, size_t bytes, const void *data, clt_error *error)
{
    bool go;
    clt_status status = before(runtime, bytes, &go, error);
    if (!go) {
        return status;
    }
    return clt_runtime_check(
        runtime,
        clEnqueueWriteBuffer(runtime->queue, buffer.mem, wait, offset, bytes, data, 0, NULL, NULL),
        "clEnqueueWriteBuffer", error);
}

clt_status clt_buffer_write(clt_runtime *runtime, clt_buffer buffer, size_t offset, size_t bytes,
                            const void *data, clt_error *error)
{
    return enqueue_write(runtime, buffer, CL_TRUE, offset, bytes, data, error);
}

clt_status clt_buffer_write_later(clt_runtime *runtime, clt_buffer buffer, size_t offset,
                                  size_t bytes, const void *data, clt_error *error)
{
    return enqueue_write(runtime, buffer, CL_FALSE, offset, bytes, data, error);
}

clt_status clt_buffer_read(clt_runtime *runtime, clt_buffer buffer, size_t offset, size_t bytes,
                           void *data, clt_error *error)
{
    bool go;
    clt_status status = before(runtime, bytes, &go, error);
    if (!go) {
        return status;
    }
    return clt_runtime_check(runtime,
                             clEnqueueReadBuffer(runtime->queue, buffer.mem, CL_TRUE, offset, bytes,
                                                 data, 0, NULL, NULL),
                             "clEnqueueReadBuffer", error);
}

clt_status clt_buffer_zero(clt_runtime *runtime, clt_buffer buffer, size_t offset, size_t bytes,
                           clt_error *error)
{
    const cl_uint zero = 0;
    /* The pattern's size divides both; one byte at a time is the slow way on some drivers. */
    size_t pattern = offset % sizeof zero == 0 && bytes % sizeof zero == 0 ? sizeof zero : 1;
    bool go;
    clt_status status = before(runtime, bytes, &go, error);
    if (!go) {
        return status;
    }
    return clt_runtime_check(runtime,
                             clEnqueueFillBuffer(runtime->queue, buffer.mem, &zero, pattern, offset,
                                                 bytes, 0, NULL, NULL),
                             "clEnqueueFillBuffer", error);
}

clt_status clt_buffer_copy(clt_runtime *runtime, clt_buffer from, size_t from_offset, clt_buffer to,
                           size_t to_offset, size_t bytes, clt_error *error)
{
    bool go;
    clt_status status = before(runtime, bytes, &go, error);
    if (!go) {
        return status;
    }
    return clt_runtime_check(runtime,
                             clEnqueueCopyBuffer(runtime->queue, from.mem, to.mem, from_offset,
                                                 to_offset, bytes, 0, NULL, NULL),
                             "clEnqueueCopyBuffer", error);
}

clt_status clt_ticket_create(size_t bytes, clt_ticket *ticket, clt_error *error)
{
    *ticket = (clt_ticket){.data = clt_alloc(bytes, 1, "a read", error)};
    return ticket->data != NULL ? CLT_OK : CLT_FAILED;
}

void clt_ticket_destroy(clt_runtime *runtime, clt_ticket *ticket)
{
    if (!runtime->lost) {
        if (ticket->event != NULL) {
            clReleaseEvent(ticket->event);
        }
        free(ticket->data);
    }
    *ticket = (clt_ticket){.data = NULL};
}

clt_status clt_buffer_read_later(clt_runtime *runtime, clt_buffer buffer, size_t offset,
                                 size_t bytes, clt_ticket *ticket, clt_error *error)
{
    bool go;
    clt_status status = before(runtime, bytes, &go, error);
    if (!go) {
        return status;
    }
    return clt_runtime_check(runtime,
                             clEnqueueReadBuffer(runtime->queue, buffer.mem, CL_FALSE, offset,
                                                 bytes, ticket->data, 0, NULL, &ticket->event),
                             "clEnqueueReadBuffer", error);
}

clt_status clt_ticket_wait(clt_runtime *runtime, clt_ticket *ticket, clt_error *error)
{
    cl_event event = ticket->event;
    ticket->event = NULL;
    if (event == NULL) {
        return CLT_OK;
    }
    clt_status status = clt_runtime_alive(runtime, error);
    if (status == CLT_OK) {
        status = clt_runtime_check(runtime, clWaitForEvents(1, &event), "clWaitForEvents", error);
    }
    if (!runtime->lost) {
        clReleaseEvent(event);
    }
    return status;
}

clt_status clt_runtime_flush(clt_runtime *runtime, clt_error *error)
{
    clt_status status = clt_runtime_alive(runtime, error);
    if (status != CLT_OK) {
        return status;
    }
    return clt_runtime_check(runtime, clFlush(runtime->queue), "clFlush", error);
}

clt_status clt_runtime_finish(clt_runtime *runtime, clt_error *error)
{
    clt_status status = clt_runtime_alive(runtime, error);
    if (status != CLT_OK) {
        return status;
    }
    status = clt_runtime_check(runtime, clFinish(runtime->queue), "clFinish", error);
    if (status != CLT_OK) {
        clt_runtime_lose(runtime, "clFinish failed"); /* what was queued may still run */
    }
    return status;
}
