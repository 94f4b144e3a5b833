/* dropout.c: masks from the counter-based generator (ref: dropout, dropout_words). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/tiling.h"
#include "util/memory.h"
#include "util/random.h"

#define ROWS_ON_CPU 32

struct clt_dropout {
    clt_runtime *runtime;
    int features;
    double rate;
    clt_kernel *apply, *words;
};

clt_status clt_dropout_plan(clt_runtime *runtime, int features, double rate, clt_dropout **op,
                            clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_dropout *made = clt_alloc(1, sizeof *made, "a dropout", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->features = features;
    made->rate = rate;
    CLT_TRY(clt_program_build(runtime, "dropout", clt_tiling_prelude(runtime), &program, error));
    CLT_TRY(clt_kernel_create(program, "dropout_apply", &made->apply, error));
    CLT_TRY(clt_kernel_create(program, "dropout_words", &made->words, error));
    *op = made;
    return CLT_OK;
done:
    clt_dropout_destroy(made);
    return status;
}

void clt_dropout_destroy(clt_dropout *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->apply);
        clt_kernel_destroy(op->words);
        free(op);
    }
}

static clt_status enqueue_apply(clt_dropout *op, const clt_extent *extent,
                                const clt_dropout_counter *counter, bool add, clt_buffer x,
                                clt_buffer y, clt_error *error)
{
    int count = extent->samples * (extent->timesteps > 0 ? extent->timesteps : 1);
    size_t quarters = ((size_t)op->features + 3) / 4;
    clt_tiling tiling = clt_tiling_of(op->runtime, op->apply, (size_t)count, quarters, ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(x),
                            clt_arg_buffer(y),
                            clt_arg_ulong(counter->seed),
                            clt_arg_uint(counter->layer),
                            clt_arg_uint(counter->step),
                            clt_arg_uint(clt_dropout_threshold(op->rate)),
                            clt_arg_float((float)(1.0 / (1.0 - op->rate))),
                            clt_arg_int(count),
                            clt_arg_int(op->features),
                            clt_arg_int(extent->samples),
                            clt_arg_int(extent->timesteps),
                            clt_arg_int(extent->shards.count),
                            clt_arg_int(counter->locked),
                            clt_arg_int(add),
                            clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span)};
    clt_profile_begin(op->runtime, "dropout", 0.0, 8.0 * count * op->features);
    clt_status status =
        clt_tiling_enqueue(op->apply, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_dropout_apply(clt_dropout *op, const clt_extent *extent,
                             const clt_dropout_counter *counter, clt_buffer x, clt_buffer y,
                             clt_error *error)
{
    return enqueue_apply(op, extent, counter, false, x, y, error);
}

clt_status clt_dropout_add(clt_dropout *op, const clt_extent *extent,
                           const clt_dropout_counter *counter, clt_buffer x, clt_buffer y,
                           clt_error *error)
{
    return enqueue_apply(op, extent, counter, true, x, y, error);
}

clt_status clt_dropout_mask(clt_dropout *op, const clt_extent *extent,
                            const clt_dropout_counter *counter, clt_buffer mask, clt_error *error)
{
    return enqueue_apply(op, extent, counter, false, (clt_buffer){0}, mask, error);
}

clt_status clt_dropout_words(clt_dropout *op, const clt_dropout_counter *counter, clt_buffer unique,
                             int row_count, clt_buffer rows, clt_error *error)
{
    clt_tiling tiling =
        clt_tiling_of(op->runtime, op->words, (size_t)row_count, (size_t)op->features, ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(rows),
                            clt_arg_buffer(unique),
                            clt_arg_ulong(counter->seed),
                            clt_arg_uint(counter->layer),
                            clt_arg_uint(counter->step),
                            clt_arg_uint(clt_dropout_threshold(op->rate)),
                            clt_arg_float((float)(1.0 / (1.0 - op->rate))),
                            clt_arg_int(row_count),
                            clt_arg_int(op->features),
                            clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span)};
    clt_profile_begin(op->runtime, "word dropout", 0.0, 8.0 * row_count * op->features);
    clt_status status =
        clt_tiling_enqueue(op->words, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}
