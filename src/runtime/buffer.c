/* buffer.c: memory on the device, and the queue's reads and writes. */
#include <string.h>

#include "runtime/state.h"

clt_status clt_buffer_create(clt_runtime *runtime, size_t bytes, const char *what,
                             clt_buffer *buffer, clt_error *error)
{
    cl_int code;
    size_t room = bytes > 0 ? clt_align(bytes) : CLT_ALIGNMENT;
    *buffer = (clt_buffer){0};
    if (room < bytes || room > runtime->device.max_allocation) {
        return clt_fail(error, CLT_FAILED, 0,
                        "%s: %zu bytes are more than %s can allocate at once (%llu); try a smaller "
                        "--batch or --maxlen",
                        what, bytes, runtime->device.name,
                        (unsigned long long)runtime->device.max_allocation);
    }
    cl_mem mem = clCreateBuffer(runtime->context, CL_MEM_READ_WRITE, room, NULL, &code);
    clt_status status = clt_runtime_check(runtime, code, "clCreateBuffer", error);
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
    cl_int code;
    cl_buffer_region region = {offset, bytes > 0 ? bytes : 1};
    *slice = (clt_buffer){0};
    cl_mem mem = clCreateSubBuffer(parent.mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                   &region, &code);
    clt_status status = clt_runtime_check(runtime, code, "clCreateSubBuffer", error);
    if (status == CLT_OK) {
        *slice = (clt_buffer){mem, bytes};
    }
    return status;
}

void clt_buffer_release(clt_runtime *runtime, clt_buffer *buffer)
{
    if (buffer->mem != NULL && !runtime->lost) {
        clReleaseMemObject(buffer->mem);
    }
    *buffer = (clt_buffer){0};
}

clt_status clt_buffer_write(clt_runtime *runtime, clt_buffer buffer, size_t offset, size_t bytes,
                            const void *data, clt_error *error)
{
    return clt_runtime_check(runtime,
                             clEnqueueWriteBuffer(runtime->queue, buffer.mem, CL_FALSE, offset,
                                                  bytes, data, 0, NULL, NULL),
                             "clEnqueueWriteBuffer", error);
}

clt_status clt_buffer_read(clt_runtime *runtime, clt_buffer buffer, size_t offset, size_t bytes,
                           void *data, clt_error *error)
{
    return clt_runtime_check(runtime,
                             clEnqueueReadBuffer(runtime->queue, buffer.mem, CL_TRUE, offset, bytes,
                                                 data, 0, NULL, NULL),
                             "clEnqueueReadBuffer", error);
}

clt_status clt_buffer_zero(clt_runtime *runtime, clt_buffer buffer, size_t offset, size_t bytes,
                           clt_error *error)
{
    const cl_uint zero = 0;
    return clt_runtime_check(runtime,
                             clEnqueueFillBuffer(runtime->queue, buffer.mem, &zero, sizeof zero,
                                                 offset, bytes, 0, NULL, NULL),
                             "clEnqueueFillBuffer", error);
}

clt_status clt_buffer_copy(clt_runtime *runtime, clt_buffer from, size_t from_offset, clt_buffer to,
                           size_t to_offset, size_t bytes, clt_error *error)
{
    return clt_runtime_check(runtime,
                             clEnqueueCopyBuffer(runtime->queue, from.mem, to.mem, from_offset,
                                                 to_offset, bytes, 0, NULL, NULL),
                             "clEnqueueCopyBuffer", error);
}

clt_status clt_buffer_read_later(clt_runtime *runtime, clt_buffer buffer, size_t offset,
                                 size_t bytes, void *data, clt_ticket *ticket, clt_error *error)
{
    return clt_runtime_check(runtime,
                             clEnqueueReadBuffer(runtime->queue, buffer.mem, CL_FALSE, offset,
                                                 bytes, data, 0, NULL, &ticket->event),
                             "clEnqueueReadBuffer", error);
}

clt_status clt_ticket_wait(clt_runtime *runtime, clt_ticket *ticket, clt_error *error)
{
    if (ticket->event == NULL) {
        return CLT_OK;
    }
    if (runtime->lost) {
        ticket->event = NULL;
        return clt_fail(error, CLT_FAILED, 0, "%s is lost", runtime->device.name);
    }
    clt_status status =
        clt_runtime_check(runtime, clWaitForEvents(1, &ticket->event), "clWaitForEvents", error);
    clReleaseEvent(ticket->event);
    ticket->event = NULL;
    return status;
}

clt_status clt_runtime_flush(clt_runtime *runtime, clt_error *error)
{
    return clt_runtime_check(runtime, clFlush(runtime->queue), "clFlush", error);
}

clt_status clt_runtime_finish(clt_runtime *runtime, clt_error *error)
{
    if (runtime->lost) {
        return clt_fail(error, CLT_FAILED, 0, "%s is lost", runtime->device.name);
    }
    return clt_runtime_check(runtime, clFinish(runtime->queue), "clFinish", error);
}
