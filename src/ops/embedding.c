/* embedding.c: gathers rows of the embedding table (ref: embedding, expand). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/program.h"
#include "ops/tiling.h"
#include "util/memory.h"

#define ROWS_ON_CPU 16

struct clt_embedding {
    clt_runtime *runtime;
    int features;
    clt_kernel *gather;
};

clt_status clt_embedding_plan(clt_runtime *runtime, int features, clt_embedding **op,
                              clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_embedding *made = clt_alloc(1, sizeof *made, "an embedding", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->features = features;
    CLT_TRY(clt_layers_program(runtime, &program, error));
    CLT_TRY(clt_kernel_create(program, "embedding_gather", &made->gather, error));
    *op = made;
    return CLT_OK;
done:
    clt_embedding_destroy(made);
    return status;
}

void clt_embedding_destroy(clt_embedding *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->gather);
        free(op);
    }
}

static clt_status gather(clt_embedding *op, const char *name, clt_buffer table, clt_buffer index,
                         int count, clt_buffer y, clt_error *error)
{
    clt_tiling tiling =
        clt_tiling_of(op->runtime, op->gather, (size_t)count, (size_t)op->features, ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(table),     clt_arg_buffer(index),
                            clt_arg_buffer(y),         clt_arg_int(count),
                            clt_arg_int(op->features), clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span)};
    clt_profile_begin(op->runtime, name, 0.0, 8.0 * count * op->features);
    clt_status status =
        clt_tiling_enqueue(op->gather, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_embedding_forward(clt_embedding *op, clt_buffer table, clt_buffer unique,
                                 int row_count, clt_buffer rows, clt_error *error)
{
    return gather(op, "embedding", table, unique, row_count, rows, error);
}

clt_status clt_embedding_expand(clt_embedding *op, const clt_sequence *sequence, clt_buffer x,
                                clt_error *error)
{
    return gather(op, "embedding expand", sequence->rows, sequence->index,
                  sequence->extent.samples * sequence->extent.timesteps, x, error);
}
