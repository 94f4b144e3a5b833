/* dense.c: the dense layer (ref: dense_forward, dense_backward). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/program.h"
#include "util/memory.h"

struct clt_dense {
    clt_runtime *runtime;
    int inputs, outputs;
    clt_kernel *forward, *backward_input, *backward_parameters;
};

clt_status clt_dense_plan(clt_runtime *runtime, int inputs, int outputs, clt_dense **op,
                          clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_dense *made = clt_alloc(1, sizeof *made, "a dense layer", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->inputs = inputs;
    made->outputs = outputs;
    CLT_TRY(clt_layers_program(runtime, &program, error));
    CLT_TRY(clt_kernel_create(program, "dense_forward", &made->forward, error));
    CLT_TRY(clt_kernel_create(program, "dense_backward_input", &made->backward_input, error));
    CLT_TRY(
        clt_kernel_create(program, "dense_backward_parameters", &made->backward_parameters, error));
    *op = made;
    return CLT_OK;
done:
    clt_dense_destroy(made);
    return status;
}

void clt_dense_destroy(clt_dense *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->forward);
        clt_kernel_destroy(op->backward_input);
        clt_kernel_destroy(op->backward_parameters);
        free(op);
    }
}

/* One work-item an element of [rows, columns]; groups lie along the rows, which are many. */
static clt_status enqueue(clt_kernel *kernel, int columns, int rows, const clt_arg *args,
                          int arg_count, clt_error *error)
{
    size_t group = clt_kernel_item_group(kernel);
    const size_t local[] = {1, group};
    const size_t global[] = {(size_t)columns, ((size_t)rows + group - 1) / group * group};
    return clt_kernel_enqueue(kernel, 2, global, local, args, arg_count, error);
}

clt_status clt_dense_forward(clt_dense *op, int samples, clt_buffer kernel, clt_buffer bias,
                             clt_buffer x, clt_buffer y, clt_error *error)
{
    const clt_arg args[] = {
        clt_arg_buffer(kernel),  clt_arg_buffer(bias),     clt_arg_buffer(x),   clt_arg_buffer(y),
        clt_arg_int(op->inputs), clt_arg_int(op->outputs), clt_arg_int(samples)};
    double elements = (double)samples * op->inputs;
    clt_profile_begin(op->runtime, "dense forward", 2.0 * elements * op->outputs, 4.0 * elements);
    clt_status status =
        enqueue(op->forward, op->outputs, samples, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_dense_backward(clt_dense *op, const clt_extent *extent, clt_buffer kernel,
                              clt_buffer x, clt_buffer dy, clt_buffer dx, clt_buffer dkernel,
                              clt_buffer dbias, clt_error *error)
{
    const clt_arg input[] = {clt_arg_buffer(kernel),   clt_arg_buffer(dy),
                             clt_arg_buffer(dx),       clt_arg_int(op->inputs),
                             clt_arg_int(op->outputs), clt_arg_int(extent->samples)};
    const clt_arg parameters[] = {clt_arg_buffer(x),
                                  clt_arg_buffer(dy),
                                  clt_arg_buffer(dkernel),
                                  clt_arg_buffer(dbias),
                                  clt_arg_int(op->inputs),
                                  clt_arg_int(op->outputs),
                                  clt_arg_int(extent->samples),
                                  clt_arg_int(extent->shards.count)};
    double elements = (double)extent->samples * op->inputs;
    clt_status status = CLT_OK;
    clt_profile_begin(op->runtime, "dense backward", 4.0 * elements * op->outputs, 8.0 * elements);
    if (dx.mem != NULL) {
        CLT_TRY(enqueue(op->backward_input, op->inputs, extent->samples, input,
                        sizeof input / sizeof *input, error));
    }
    CLT_TRY(enqueue(op->backward_parameters, op->outputs, op->inputs + 1, parameters,
                    sizeof parameters / sizeof *parameters, error));
done:
    clt_profile_end(op->runtime);
    return status;
}
