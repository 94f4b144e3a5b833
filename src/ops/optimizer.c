/* optimizer.c: Adam (ref: adam, adam_table). */
#include <math.h>
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/tiling.h"
#include "util/memory.h"

#define ELEMENTS_ON_CPU 4096
#define ROWS_ON_CPU 64
#define BYTES_PER_ELEMENT 24.0 /* p, m, v read and written */
#define FLOPS_PER_ELEMENT 12.0

struct clt_optimizer {
    clt_runtime *runtime;
    clt_kernel *dense, *table;
};

clt_status clt_optimizer_plan(clt_runtime *runtime, clt_optimizer **op, clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_optimizer *made = clt_alloc(1, sizeof *made, "an optimizer", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    CLT_TRY(clt_program_build(runtime, "optimizer", clt_tiling_prelude(runtime), &program, error));
    CLT_TRY(clt_kernel_create(program, "optimizer_dense", &made->dense, error));
    CLT_TRY(clt_kernel_create(program, "optimizer_table", &made->table, error));
    *op = made;
    return CLT_OK;
done:
    clt_optimizer_destroy(made);
    return status;
}

void clt_optimizer_destroy(clt_optimizer *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->dense);
        clt_kernel_destroy(op->table);
        free(op);
    }
}

/* Keras 3 holds the rates in float: the powers are those of the float betas, rounded to float, and
 * alpha is computed in float. 1 - beta is the double's, rounded (optimizers/adam.py). */
clt_adam_step clt_adam_step_of(double learning_rate, uint64_t t)
{
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;
    float power1 = (float)pow((double)(float)beta1, (double)t);
    float power2 = (float)pow((double)(float)beta2, (double)t);
    return (clt_adam_step){.step_size =
                               (float)learning_rate * sqrtf(1.0f - power2) / (1.0f - power1),
                           .one_minus_beta1 = (float)(1.0 - beta1),
                           .one_minus_beta2 = (float)(1.0 - beta2),
                           .epsilon = (float)epsilon};
}

clt_status clt_optimizer_dense(clt_optimizer *op, const clt_adam_step *step, clt_buffer record,
                               size_t count, clt_buffer gradient, clt_adam_state state,
                               clt_error *error)
{
    size_t span = clt_runtime_is_cpu(op->runtime) ? ELEMENTS_ON_CPU : 1;
    const clt_arg args[] = {clt_arg_buffer(record),
                            clt_arg_buffer(gradient),
                            clt_arg_buffer(state.p),
                            clt_arg_buffer(state.m),
                            clt_arg_buffer(state.v),
                            clt_arg_int((int)count),
                            clt_arg_int((int)span),
                            clt_arg_float(step->step_size),
                            clt_arg_float(step->one_minus_beta1),
                            clt_arg_float(step->one_minus_beta2),
                            clt_arg_float(step->epsilon)};
    clt_profile_begin(op->runtime, "adam", FLOPS_PER_ELEMENT * (double)count,
                      BYTES_PER_ELEMENT * (double)count);
    clt_status status = clt_kernel_enqueue_1d(op->dense, (count + span - 1) / span,
                                              clt_kernel_item_group(op->dense), args,
                                              sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_optimizer_table(clt_optimizer *op, const clt_adam_step *step, clt_buffer record,
                               int table_rows, int features, clt_buffer unique, int row_count,
                               clt_buffer drows, clt_adam_state state, clt_error *error)
{
    clt_tiling tiling =
        clt_tiling_of(op->runtime, op->table, (size_t)table_rows, (size_t)features, ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(record),
                            clt_arg_buffer(unique),
                            clt_arg_int(row_count),
                            clt_arg_buffer(drows),
                            clt_arg_buffer(state.p),
                            clt_arg_buffer(state.m),
                            clt_arg_buffer(state.v),
                            clt_arg_int(table_rows),
                            clt_arg_int(features),
                            clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span),
                            clt_arg_float(step->step_size),
                            clt_arg_float(step->one_minus_beta1),
                            clt_arg_float(step->one_minus_beta2),
                            clt_arg_float(step->epsilon)};
    double elements = (double)table_rows * features;
    clt_profile_begin(op->runtime, "adam of the table", FLOPS_PER_ELEMENT * elements,
                      BYTES_PER_ELEMENT * elements);
    clt_status status =
        clt_tiling_enqueue(op->table, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}
