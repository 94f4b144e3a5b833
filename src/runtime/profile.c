/* profile.c: time of each op on the device, by queue markers around it; where a driver gives
 * markers no times (rusticl in Mesa 22.3), by the host's clock around waits for the device. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/state.h"
#include "util/clock.h"
#include "util/memory.h"

/* Then they are read and released: thousands of live events slow drivers down. */
#define PAIRS_MAX 1024

static size_t find_scope(clt_runtime *runtime, const char *op)
{
    for (size_t k = 0; k < runtime->scope_count; k++) {
        if (strcmp(runtime->scopes[k].op, op) == 0) {
            return k;
        }
    }
    void *scopes = runtime->scopes;
    char *copy = clt_strdup(op, NULL);
    if (copy == NULL || clt_resize(&scopes, runtime->scope_count + 1, sizeof(clt_scope),
                                   "the profile", NULL) != CLT_OK) {
        free(copy);
        return SIZE_MAX;
    }
    runtime->scopes = scopes;
    runtime->scopes[runtime->scope_count] = (clt_scope){.op = copy};
    return runtime->scope_count++;
}

/* When it was reached, in nanoseconds; 0 when the driver does not say. */
static cl_ulong marker_time(cl_event event)
{
    cl_ulong time = 0;
    (void)clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof time, &time, NULL);
    return time;
}

/* Waits for the pairs so far, adds their times, releases them. */
static void collect(clt_runtime *runtime)
{
    bool done = runtime->pair_count > 0 && !runtime->lost && clFinish(runtime->queue) == CL_SUCCESS;
    for (size_t k = 0; k < runtime->pair_count && !runtime->lost; k++) {
        clt_marker_pair *pair = &runtime->pairs[k];
        if (done) {
            cl_ulong begin = marker_time(pair->begin);
            cl_ulong end = marker_time(pair->end);
            if (end > begin) {
                runtime->scopes[pair->scope].seconds += 1e-9 * (double)(end - begin);
            }
        }
        clReleaseEvent(pair->begin);
        clReleaseEvent(pair->end);
    }
    runtime->pair_count = 0;
}

/* rusticl answers 0, 1, 2, 3 nanoseconds for queued, submitted, started and ended. */
static bool markers_have_times(clt_runtime *runtime)
{
    enum { MADE_UP = 1000 };
    cl_event event;
    bool have = false;
    if (clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &event) == CL_SUCCESS) {
        have = clFinish(runtime->queue) == CL_SUCCESS && marker_time(event) > MADE_UP;
        clReleaseEvent(event);
    }
    return have;
}

/* Seconds of the host's clock, once the queue is empty. */
static double finished_at(clt_runtime *runtime)
{
    (void)clFinish(runtime->queue); /* a failure comes back from the next call that can report it */
    return clt_now();
}

/* A scope that an error left open is not counted. */
static void drop_open_scope(clt_runtime *runtime)
{
    if (runtime->scope_open && !runtime->host_clock && !runtime->lost) {
        clReleaseEvent(runtime->open_marker);
    }
    runtime->scope_open = false;
}

void clt_profile_begin(clt_runtime *runtime, const char *op, double flops, double bytes)
{
    drop_open_scope(runtime);
    if (!runtime->profiling || runtime->lost) {
        return;
    }
    if (runtime->pair_count == PAIRS_MAX) {
        collect(runtime);
    }
    if (runtime->pairs == NULL) {
        runtime->pairs = clt_alloc(PAIRS_MAX, sizeof *runtime->pairs, "the profile", NULL);
        runtime->host_clock = !markers_have_times(runtime);
    }
    size_t scope = find_scope(runtime, op);
    if (runtime->pairs == NULL || scope == SIZE_MAX) {
        return;
    }
    runtime->open_scope = scope;
    runtime->scopes[scope].calls++;
    runtime->scopes[scope].flops += flops;
    runtime->scopes[scope].bytes += bytes;
    if (runtime->host_clock) {
        runtime->open_since = finished_at(runtime);
        runtime->scope_open = true;
    } else {
        runtime->scope_open = clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL,
                                                          &runtime->open_marker) == CL_SUCCESS;
    }
}

void clt_profile_end(clt_runtime *runtime)
{
    cl_event end;
    if (!runtime->scope_open || runtime->lost) {
        return;
    }
    if (runtime->host_clock) {
        runtime->scopes[runtime->open_scope].seconds += finished_at(runtime) - runtime->open_since;
    } else if (clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &end) == CL_SUCCESS) {
        runtime->pairs[runtime->pair_count++] =
            (clt_marker_pair){runtime->open_scope, runtime->open_marker, end};
    } else {
        drop_open_scope(runtime);
    }
    runtime->scope_open = false;
}

static int by_seconds(const void *a, const void *b)
{
    const clt_profile_row *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

clt_status clt_runtime_profile(clt_runtime *runtime, const clt_profile_row **rows, size_t *count,
                               clt_error *error)
{
    void *made = runtime->rows;
    if (runtime->profiling) {
        collect(runtime);
    }
    clt_status status =
        clt_resize(&made, runtime->scope_count, sizeof *runtime->rows, "the profile", error);
    if (status != CLT_OK) {
        return status;
    }
    runtime->rows = made;
    for (size_t k = 0; k < runtime->scope_count; k++) {
        const clt_scope *scope = &runtime->scopes[k];
        runtime->rows[k] =
            (clt_profile_row){scope->op, scope->calls, scope->seconds, scope->flops, scope->bytes};
    }
    qsort(runtime->rows, runtime->scope_count, sizeof *runtime->rows, by_seconds);
    *rows = runtime->rows;
    *count = runtime->scope_count;
    return CLT_OK;
}

static void empty(clt_runtime *runtime)
{
    drop_open_scope(runtime);
    collect(runtime);
    for (size_t k = 0; k < runtime->scope_count; k++) {
        free(runtime->scopes[k].op);
    }
    runtime->scope_count = 0;
}

clt_status clt_runtime_set_profile(clt_runtime *runtime, bool on, clt_error *error)
{
    cl_command_queue queue;
    clt_status status;
    CLT_TRY(clt_runtime_finish(runtime, error));
    CLT_TRY(clt_runtime_make_queue(runtime, on, &queue, error));
    empty(runtime);
    clReleaseCommandQueue(runtime->queue);
    runtime->queue = queue;
    runtime->profiling = on;
done:
    return status;
}

void clt_profile_release(clt_runtime *runtime)
{
    empty(runtime);
    free(runtime->scopes);
    free(runtime->pairs);
    free(runtime->rows);
}
