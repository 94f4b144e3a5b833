/* pool.c: one vector a sample from a sequence: the last step, the mean, the largest value over time
 * (ref: pool_forward, pool_backward). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/tiling.h"
#include "util/memory.h"

#define ROWS_ON_CPU 1 /* a row walks through all its time steps */

struct clt_pool {
    clt_runtime *runtime;
    clt_pool_config config;
    int column[CLT_POOL_KINDS]; /* of y, where a kind's features begin; -1: not wanted */
    clt_kernel *forward, *backward;
};

clt_status clt_pool_plan(clt_runtime *runtime, const clt_pool_config *config, clt_pool **op,
                         clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_pool *made = clt_alloc(1, sizeof *made, "a pool", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->config = *config;
    for (int k = 0; k < CLT_POOL_KINDS; k++) {
        made->column[k] = -1;
    }
    for (int k = 0; k < config->count; k++) {
        made->column[config->kinds[k]] = k * config->features;
    }
    CLT_TRY(clt_program_build(runtime, "pool", clt_tiling_prelude(runtime), &program, error));
    CLT_TRY(clt_kernel_create(program, "pool_forward", &made->forward, error));
    CLT_TRY(clt_kernel_create(program, "pool_backward", &made->backward, error));
    *op = made;
    return CLT_OK;
done:
    clt_pool_destroy(made);
    return status;
}

void clt_pool_destroy(clt_pool *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->forward);
        clt_kernel_destroy(op->backward);
        free(op);
    }
}

/* Both kernels: start, two or three buffers, then the same numbers. */
static clt_status enqueue(clt_pool *op, const char *name, clt_kernel *kernel,
                          const clt_extent *extent, const clt_buffer *buffers, int buffer_count,
                          clt_error *error)
{
    int features = op->config.features, width = op->config.count * features;
    clt_tiling tiling =
        clt_tiling_of(op->runtime, kernel, (size_t)extent->samples, (size_t)features, ROWS_ON_CPU);
    const int numbers[] = {extent->samples,
                           extent->timesteps,
                           extent->shards.count,
                           features,
                           width,
                           op->column[CLT_POOL_LAST],
                           op->column[CLT_POOL_MEAN],
                           op->column[CLT_POOL_MAX],
                           tiling.rows,
                           tiling.span};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    clt_arg args[4 + NUMBERS];
    for (int k = 0; k < buffer_count; k++) {
        args[k] = clt_arg_buffer(buffers[k]);
    }
    for (int k = 0; k < NUMBERS; k++) {
        args[buffer_count + k] = clt_arg_int(numbers[k]);
    }
    /* Forward reads the sequence; backward writes one, and reads one for the largest value. */
    double elements = (double)extent->samples * extent->timesteps * features;
    clt_profile_begin(op->runtime, name, 0.0, 4.0 * elements * (buffer_count - 2));
    clt_status status = clt_tiling_enqueue(kernel, &tiling, args, buffer_count + NUMBERS, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_pool_forward(clt_pool *op, const clt_extent *extent, clt_buffer start, clt_buffer x,
                            clt_buffer y, clt_error *error)
{
    const clt_buffer buffers[] = {start, x, y};
    return enqueue(op, "pool forward", op->forward, extent, buffers, 3, error);
}

clt_status clt_pool_backward(clt_pool *op, const clt_extent *extent, clt_buffer start, clt_buffer x,
                             clt_buffer dy, clt_buffer dx, clt_error *error)
{
    const clt_buffer buffers[] = {start, x, dy, dx};
    return enqueue(op, "pool backward", op->backward, extent, buffers, 4, error);
}
