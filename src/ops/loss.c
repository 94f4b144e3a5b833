/* loss.c: cross-entropy from logits (ref: loss). */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/program.h"
#include "util/memory.h"

struct clt_loss {
    clt_runtime *runtime;
    int outputs;
    clt_kernel *forward;
};

clt_status clt_loss_plan(clt_runtime *runtime, int outputs, clt_loss **op, clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_loss *made = clt_alloc(1, sizeof *made, "a loss", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->outputs = outputs;
    const char *name = outputs == 1 ? "loss_binary" : "loss_categorical";
    CLT_TRY(clt_layers_program(runtime, &program, error));
    CLT_TRY(clt_kernel_create(program, name, &made->forward, error));
    *op = made;
    return CLT_OK;
done:
    clt_loss_destroy(made);
    return status;
}

void clt_loss_destroy(clt_loss *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->forward);
        free(op);
    }
}

clt_status clt_loss_forward(clt_loss *op, int samples, clt_buffer logits, clt_buffer targets,
                            clt_buffer class_weights, clt_buffer loss, clt_buffer hit,
                            clt_buffer dlogits, clt_error *error)
{
    const clt_arg args[] = {clt_arg_buffer(logits),        clt_arg_buffer(targets),
                            clt_arg_buffer(class_weights), clt_arg_buffer(loss),
                            clt_arg_buffer(hit),           clt_arg_buffer(dlogits),
                            clt_arg_int(samples),          clt_arg_int(op->outputs)};
    int arg_count = op->outputs == 1 ? 7 : 8; /* a sigmoid's kernel does not ask */
    double elements = (double)samples * op->outputs;
    clt_profile_begin(op->runtime, "loss", 40.0 * elements, 20.0 * elements);
    clt_status status = clt_kernel_enqueue_1d(
        op->forward, (size_t)samples, clt_kernel_item_group(op->forward), args, arg_count, error);
    clt_profile_end(op->runtime);
    return status;
}
