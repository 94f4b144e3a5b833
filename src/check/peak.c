/* peak.c: measures a device's multiply-adds and its copy bandwidth. */
#include "check/peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/times.h"
#include "ref/ref.h"
#include "util/memory.h"

/* A launch is short for a GPU's watchdog and long beside what it costs to start one. */
static const double LAUNCH_SECONDS = 0.03;
enum { LAUNCHES = 7, COPY_SPAN_ON_CPU = 4096, CHECKED = 64 };
static const size_t COPY_BYTES_MAX = (size_t)128 << 20; /* more than most caches */

struct clt_peak {
    clt_runtime *runtime;
    clt_kernel *fma, *copy;
    int width, span; /* span: vectors of a work-item of peak_copy */
};

clt_status clt_peak_plan(clt_runtime *runtime, clt_peak **peak, clt_error *error)
{
    clt_program *program;
    char prelude[32];
    clt_status status;
    clt_peak *made = clt_alloc(1, sizeof *made, "the peak's kernels", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->width = clt_runtime_vector_width(runtime);
    made->span = clt_runtime_is_cpu(runtime) ? COPY_SPAN_ON_CPU / made->width : 1;
    snprintf(prelude, sizeof prelude, "#define WIDTH %d\n", made->width);
    CLT_TRY(clt_program_build(runtime, "peak", prelude, &program, error));
    CLT_TRY(clt_kernel_create(program, "peak_fma", &made->fma, error));
    CLT_TRY(clt_kernel_create(program, "peak_copy", &made->copy, error));
    *peak = made;
    return CLT_OK;
done:
    clt_peak_destroy(made);
    return status;
}

void clt_peak_destroy(clt_peak *peak)
{
    if (peak != NULL) {
        clt_kernel_destroy(peak->fma);
        clt_kernel_destroy(peak->copy);
        free(peak);
    }
}

int clt_peak_width(const clt_peak *peak)
{
    return peak->width;
}

size_t clt_peak_span(const clt_peak *peak)
{
    return (size_t)peak->span * (size_t)peak->width;
}

clt_status clt_peak_fma(clt_peak *peak, int items, int steps, clt_buffer x, clt_buffer y,
                        clt_error *error)
{
    const clt_arg args[] = {clt_arg_buffer(x), clt_arg_buffer(y), clt_arg_int(items),
                            clt_arg_int(steps)};
    return clt_kernel_enqueue_1d(peak->fma, (size_t)items, clt_kernel_item_group(peak->fma), args,
                                 sizeof args / sizeof *args, error);
}

clt_status clt_peak_copy(clt_peak *peak, int items, clt_buffer x, clt_buffer y, clt_error *error)
{
    const clt_arg args[] = {clt_arg_buffer(x), clt_arg_buffer(y), clt_arg_int(items),
                            clt_arg_int(peak->span)};
    return clt_kernel_enqueue_1d(peak->copy, (size_t)items, clt_kernel_item_group(peak->copy), args,
                                 sizeof args / sizeof *args, error);
}

/* ---- multiply-adds ---- */

/* The first and the last numbers against the reference: a step left out shows at 2e-4. */
static clt_status check_fma(clt_peak *peak, size_t count, int steps, const float *x, clt_buffer y,
                            clt_error *error)
{
    static const double tolerance = 2e-5; /* also where a driver rounds twice */
    float want[CHECKED], got[CHECKED];
    size_t checked = count < CHECKED ? count : CHECKED;
    const size_t places[] = {0, count - checked};
    for (int p = 0; p < 2; p++) {
        clt_status status = clt_buffer_read(peak->runtime, y, places[p] * sizeof *got,
                                            checked * sizeof *got, got, error);
        if (status != CLT_OK) {
            return status;
        }
        clt_ref_peak_fma_f32(checked, CLT_PEAK_CHAINS, steps, x + places[p], want);
        for (size_t k = 0; k < checked; k++) {
            if (!(fabsf(got[k] - want[k]) <= tolerance * fabsf(want[k]))) {
                return clt_fail(
                    error, CLT_KERNEL, 0, "peak.cl: %d multiply-adds give %g, not %g, on %s", steps,
                    (double)got[k], (double)want[k], clt_runtime_device(peak->runtime)->name);
            }
        }
    }
    return CLT_OK;
}

static clt_status time_fma(clt_peak *peak, int items, int steps, clt_buffer x, clt_buffer y,
                           double *seconds, clt_error *error)
{
    clt_status status;
    double began = clt_now();
    CLT_TRY(clt_peak_fma(peak, items, steps, x, y, error));
    CLT_TRY(clt_runtime_finish(peak->runtime, error));
    *seconds = clt_now() - began;
done:
    return status;
}

static clt_status measure_fma(clt_peak *peak, double *flops, clt_error *error)
{
    enum { ITEMS_OF_A_UNIT_ON_CPU = 16, ITEMS_OF_A_UNIT = 2048, STEPS = 256, STEPS_MAX = 1 << 22 };
    unsigned units = clt_runtime_device(peak->runtime)->compute_units;
    int items = (int)(units > 0 && units < 1024 ? units : 1) *
                (clt_runtime_is_cpu(peak->runtime) ? ITEMS_OF_A_UNIT_ON_CPU : ITEMS_OF_A_UNIT);
    size_t count = (size_t)items * (size_t)peak->width;
    clt_buffer x = {0}, y = {0};
    double seconds = 0.0, least = INFINITY;
    int steps = STEPS;
    clt_status status;
    float *start = clt_alloc(count, sizeof *start, "the peak's numbers", error);
    if (start == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < count; k++) {
        start[k] = (float)(k % 61) / 61.0f;
    }
    CLT_TRY(clt_buffer_create(peak->runtime, count * sizeof *start, "the peak", &x, error));
    CLT_TRY(clt_buffer_create(peak->runtime, count * sizeof *start, "the peak", &y, error));
    CLT_TRY(clt_buffer_write(peak->runtime, x, 0, count * sizeof *start, start, error));
    CLT_TRY(time_fma(peak, items, steps, x, y, &seconds, error)); /* compiles */
    CLT_TRY(check_fma(peak, count, steps, start, y, error));
    do {
        CLT_TRY(time_fma(peak, items, steps *= 2, x, y, &seconds, error));
    } while (seconds < LAUNCH_SECONDS && steps < STEPS_MAX);
    for (int k = 0; k < LAUNCHES; k++) {
        CLT_TRY(time_fma(peak, items, steps, x, y, &seconds, error));
        least = seconds < least ? seconds : least;
    }
    *flops = 2.0 * CLT_PEAK_CHAINS * (double)count * steps / least;
done:
    clt_buffer_release(peak->runtime, &x);
    clt_buffer_release(peak->runtime, &y);
    free(start);
    return status;
}

/* ---- copies ---- */

enum { CHUNK = 1 << 18 }; /* numbers that are written and compared together */

static void fill_chunk(size_t first, size_t count, uint32_t *chunk)
{
    for (size_t k = 0; k < count; k++) {
        /* As floats ordinary numbers: never denormal, infinite or NaN. */
        chunk[k] = (uint32_t)(first + k) * 2654435761u >> 3 | 0x20000000u;
    }
}

/* Writes the pattern to x, or compares y with it, chunk by chunk. */
static clt_status walk(clt_peak *peak, size_t count, bool compare, clt_buffer buffer,
                       uint32_t *chunk, uint32_t *got, clt_error *error)
{
    clt_status status = CLT_OK;
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t part = count - first < CHUNK ? count - first : CHUNK;
        size_t offset = first * sizeof *chunk, bytes = part * sizeof *chunk;
        fill_chunk(first, part, chunk);
        if (!compare) {
            CLT_TRY(clt_buffer_write(peak->runtime, buffer, offset, bytes, chunk, error));
            continue;
        }
        CLT_TRY(clt_buffer_read(peak->runtime, buffer, offset, bytes, got, error));
        if (memcmp(chunk, got, bytes) != 0) {
            return clt_fail(error, CLT_KERNEL, 0,
                            "peak.cl: a copy of %zu bytes differs near byte %zu on %s",
                            count * sizeof *chunk, offset, clt_runtime_device(peak->runtime)->name);
        }
    }
done:
    return status;
}

static clt_status measure_copy(clt_peak *peak, double *bandwidth, clt_error *error)
{
    const clt_device *device = clt_runtime_device(peak->runtime);
    size_t span = clt_peak_span(peak), bytes = COPY_BYTES_MAX;
    clt_buffer x = {0}, y = {0};
    double least = INFINITY;
    uint32_t *chunks;
    clt_status status;
    if (bytes > device->global_memory / 16) {
        bytes = (size_t)(device->global_memory / 16);
    }
    if (bytes > device->max_allocation / 2) {
        bytes = (size_t)(device->max_allocation / 2);
    }
    int items = (int)(bytes / sizeof(float) / span);
    size_t count = (size_t)items * span;
    bytes = count * sizeof(float);
    chunks = clt_alloc(2 * CHUNK, sizeof *chunks, "the peak's numbers", error);
    if (chunks == NULL) {
        return CLT_FAILED;
    }
    CLT_TRY(clt_buffer_create(peak->runtime, bytes, "the copy", &x, error));
    CLT_TRY(clt_buffer_create(peak->runtime, bytes, "the copy", &y, error));
    CLT_TRY(walk(peak, count, false, x, chunks, NULL, error));
    for (int k = 0; k <= LAUNCHES; k++) {
        double began = clt_now();
        CLT_TRY(clt_peak_copy(peak, items, x, y, error));
        CLT_TRY(clt_runtime_finish(peak->runtime, error));
        double seconds = clt_now() - began;
        if (k == 0) { /* compiles, and touches the memory for the first time */
            CLT_TRY(walk(peak, count, true, y, chunks, chunks + CHUNK, error));
        } else {
            least = seconds < least ? seconds : least;
        }
    }
    *bandwidth = 2.0 * (double)bytes / least;
done:
    clt_buffer_release(peak->runtime, &x);
    clt_buffer_release(peak->runtime, &y);
    free(chunks);
    return status;
}

clt_status clt_peak_measure(clt_runtime *runtime, double *flops, double *bandwidth,
                            clt_error *error)
{
    clt_peak *peak = NULL;
    clt_status status;
    CLT_TRY(clt_peak_plan(runtime, &peak, error));
    CLT_TRY(measure_fma(peak, flops, error));
    CLT_TRY(measure_copy(peak, bandwidth, error));
done:
    clt_peak_destroy(peak);
    return status;
}
