/* reduce.c: segment sums, squares of gradients, and the record of a step (ref: segment_sum,
 * sum_squares, sample_sum). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/program.h"
#include "ops/tiling.h"
#include "ref/ref.h"
#include "util/memory.h"

#define ROWS_ON_CPU 4
/* Calls of clt_reduce_squares between two records whose last chunk may be short. */
#define CALLS_MAX 16

struct clt_reduce {
    clt_runtime *runtime;
    size_t partial_room, partial_count; /* chunks; those since the last record */
    clt_buffer partials;
    clt_kernel *segments, *squares, *record;
};

clt_status clt_reduce_plan(clt_runtime *runtime, size_t gradient_elements, clt_reduce **op,
                           clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_reduce *made = clt_alloc(1, sizeof *made, "a reduction", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->partial_room = gradient_elements / CLT_SQUARES_CHUNK + CALLS_MAX;
    CLT_TRY(clt_layers_program(runtime, &program, error));
    CLT_TRY(clt_kernel_create(program, "reduce_segments", &made->segments, error));
    CLT_TRY(clt_kernel_create(program, "reduce_squares", &made->squares, error));
    CLT_TRY(clt_kernel_create(program, "reduce_record", &made->record, error));
    *op = made;
    return CLT_OK;
done:
    clt_reduce_destroy(made);
    return status;
}

size_t clt_reduce_saved(const clt_reduce *op)
{
    return clt_align(op->partial_room * sizeof(float));
}

clt_status clt_reduce_bind(clt_reduce *op, clt_buffer saved, clt_error *error)
{
    clt_buffer_release(op->runtime, &op->partials);
    return clt_buffer_slice(op->runtime, saved, 0, op->partial_room * sizeof(float), &op->partials,
                            error);
}

void clt_reduce_destroy(clt_reduce *op)
{
    if (op != NULL) {
        clt_buffer_release(op->runtime, &op->partials);
        clt_kernel_destroy(op->segments);
        clt_kernel_destroy(op->squares);
        clt_kernel_destroy(op->record);
        free(op);
    }
}

clt_status clt_reduce_segments(clt_reduce *op, const clt_sequence *sequence, int columns,
                               clt_buffer src, clt_buffer dst, clt_error *error)
{
    size_t rows = (size_t)sequence->row_count;
    clt_tiling tiling =
        clt_tiling_of(op->runtime, op->segments, rows, (size_t)columns, ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(src),
                            clt_arg_buffer(sequence->offsets),
                            clt_arg_buffer(sequence->positions),
                            clt_arg_buffer(dst),
                            clt_arg_int(sequence->row_count),
                            clt_arg_int(columns),
                            clt_arg_int(sequence->extent.shards.count),
                            clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span)};
    double elements = (double)sequence->computed * columns;
    clt_profile_begin(op->runtime, "segment sum", elements, 4.0 * elements);
    clt_status status =
        clt_tiling_enqueue(op->segments, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

void clt_reduce_begin(clt_reduce *op)
{
    op->partial_count = 0;
}

clt_status clt_reduce_squares(clt_reduce *op, clt_buffer values, size_t count, clt_error *error)
{
    size_t chunks = (count + CLT_SQUARES_CHUNK - 1) / CLT_SQUARES_CHUNK;
    if (chunks > op->partial_room - op->partial_count) {
        return clt_fail(error, CLT_FAILED, 0, "squares of %zu gradients: %zu chunks left", count,
                        op->partial_room - op->partial_count);
    }
    const clt_arg args[] = {clt_arg_buffer(values), clt_arg_int((int)count),
                            clt_arg_buffer(op->partials), clt_arg_int((int)op->partial_count)};
    clt_profile_begin(op->runtime, "squares", 2.0 * (double)count, 4.0 * (double)count);
    clt_status status =
        clt_kernel_enqueue_1d(op->squares, chunks, clt_kernel_item_group(op->squares), args,
                              sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    op->partial_count += status == CLT_OK ? chunks : 0;
    return status;
}

clt_buffer clt_reduce_partials(const clt_reduce *op, size_t *count)
{
    *count = op->partial_count;
    return op->partials;
}

clt_status clt_reduce_record(clt_reduce *op, const clt_extent *extent, clt_buffer loss,
                             clt_buffer hit, clt_buffer record, clt_error *error)
{
    const clt_arg args[] = {clt_arg_buffer(loss),         clt_arg_buffer(hit),
                            clt_arg_int(extent->samples), clt_arg_int(extent->shards.count),
                            clt_arg_buffer(op->partials), clt_arg_int((int)op->partial_count),
                            clt_arg_buffer(record)};
    clt_profile_begin(op->runtime, "record", (double)op->partial_count,
                      4.0 * (double)op->partial_count);
    clt_status status =
        clt_kernel_enqueue_1d(op->record, 1, 1, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    op->partial_count = 0;
    return status;
}
