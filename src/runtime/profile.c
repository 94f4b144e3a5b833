/* profile.c: time of each op on the device, by queue markers around it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/state.h"
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

static cl_ulong marker_time(cl_event event, cl_profiling_info which)
{
    cl_ulong time = 0;
    (void)clGetEventProfilingInfo(event, which, sizeof time, &time, NULL);
    return time;
}

/* Waits for the pairs so far, adds their times, releases them. */
static void collect(clt_runtime *runtime)
{
    bool done = runtime->pair_count > 0 && !runtime->lost && clFinish(runtime->queue) == CL_SUCCESS;
    for (size_t k = 0; k < runtime->pair_count && !runtime->lost; k++) {
        clt_marker_pair *pair = &runtime->pairs[k];
        if (done) {
            cl_ulong begin = marker_time(pair->begin, CL_PROFILING_COMMAND_END);
            cl_ulong end = marker_time(pair->end, CL_PROFILING_COMMAND_END);
            if (end > begin) {
                runtime->scopes[pair->scope].seconds += 1e-9 * (double)(end - begin);
            }
        }
        clReleaseEvent(pair->begin);
        clReleaseEvent(pair->end);
    }
    runtime->pair_count = 0;
}

void clt_profile_begin(clt_runtime *runtime, const char *op, double flops, double bytes)
{
    runtime->open_marker = NULL;
    if (!runtime->profiling || runtime->lost) {
        return;
    }
    if (runtime->pair_count == PAIRS_MAX) {
        collect(runtime);
    }
    if (runtime->pairs == NULL) {
        runtime->pairs = clt_alloc(PAIRS_MAX, sizeof *runtime->pairs, "the profile", NULL);
    }
    size_t scope = find_scope(runtime, op);
    if (runtime->pairs == NULL || scope == SIZE_MAX) {
        return;
    }
    runtime->open_scope = scope;
    runtime->scopes[scope].calls++;
    runtime->scopes[scope].flops += flops;
    runtime->scopes[scope].bytes += bytes;
    if (clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &runtime->open_marker) != CL_SUCCESS) {
        runtime->open_marker = NULL;
    }
}

void clt_profile_end(clt_runtime *runtime)
{
    cl_event end;
    if (runtime->open_marker == NULL) {
        return;
    }
    if (clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &end) == CL_SUCCESS) {
        runtime->pairs[runtime->pair_count++] =
            (clt_marker_pair){runtime->open_scope, runtime->open_marker, end};
    } else {
        clReleaseEvent(runtime->open_marker);
    }
    runtime->open_marker = NULL;
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

void clt_profile_release(clt_runtime *runtime)
{
    collect(runtime);
    for (size_t k = 0; k < runtime->scope_count; k++) {
        free(runtime->scopes[k].op);
    }
    free(runtime->scopes);
    free(runtime->pairs);
    free(runtime->rows);
}
