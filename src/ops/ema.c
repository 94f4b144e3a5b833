/* ema.c: the exponential moving average of weights (ref: ema). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/tiling.h"
#include "util/memory.h"

#define ELEMENTS_ON_CPU 8192 /* of a work-item, in whole rows */

struct clt_ema {
    clt_runtime *runtime;
    clt_kernel *update;
};

clt_status clt_ema_plan(clt_runtime *runtime, clt_ema **op, clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_ema *made = clt_alloc(1, sizeof *made, "an average", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    CLT_TRY(clt_program_build(runtime, "ema", clt_tiling_prelude(runtime), &program, error));
    CLT_TRY(clt_kernel_create(program, "ema_update", &made->update, error));
    *op = made;
    return CLT_OK;
done:
    clt_ema_destroy(made);
    return status;
}

void clt_ema_destroy(clt_ema *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->update);
        free(op);
    }
}

clt_status clt_ema_update(clt_ema *op, float momentum, clt_buffer record, int rows, int columns,
                          clt_buffer p, clt_buffer average, clt_error *error)
{
    clt_tiling tiling = clt_tiling_of(op->runtime, op->update, (size_t)rows, (size_t)columns,
                                      ELEMENTS_ON_CPU / (size_t)columns + 1);
    const clt_arg args[] = {clt_arg_buffer(record),   clt_arg_buffer(p),
                            clt_arg_buffer(average),  clt_arg_int(rows),
                            clt_arg_int(columns),     clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span), clt_arg_float(momentum)};
    double elements = (double)rows * columns;
    clt_profile_begin(op->runtime, "ema", 3.0 * elements, 12.0 * elements);
    clt_status status =
        clt_tiling_enqueue(op->update, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}
