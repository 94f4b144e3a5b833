/* clip.c: clipping of gradients by value and by norm (ref: clip_value, clip_norm). */
#include <stdlib.h>

#include "ops/ops.h"
#include "util/memory.h"

#define ELEMENTS_ON_CPU 4096

struct clt_clip {
    clt_runtime *runtime;
    clt_buffer squared_norm; /* float, measured last */
    clt_kernel *value, *measure, *norm;
};

clt_status clt_clip_plan(clt_runtime *runtime, clt_clip **op, clt_error *error)
{
    clt_program *program;
    clt_status status;
    clt_clip *made = clt_alloc(1, sizeof *made, "clipping", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    CLT_TRY(clt_program_build(runtime, "clip", "", &program, error));
    CLT_TRY(clt_kernel_create(program, "clip_value", &made->value, error));
    CLT_TRY(clt_kernel_create(program, "clip_measure", &made->measure, error));
    CLT_TRY(clt_kernel_create(program, "clip_norm", &made->norm, error));
    CLT_TRY(clt_buffer_create(runtime, sizeof(float), "a norm", &made->squared_norm, error));
    *op = made;
    return CLT_OK;
done:
    clt_clip_destroy(made);
    return status;
}

void clt_clip_destroy(clt_clip *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->value);
        clt_kernel_destroy(op->measure);
        clt_kernel_destroy(op->norm);
        clt_buffer_release(op->runtime, &op->squared_norm);
        free(op);
    }
}

/* Both have the same arguments, but for the norm. */
static clt_status apply(clt_clip *op, clt_kernel *kernel, double limit, clt_buffer values,
                        size_t first, size_t count, clt_error *error)
{
    size_t span = clt_runtime_is_cpu(op->runtime) ? ELEMENTS_ON_CPU : 1;
    const clt_arg args[] = {clt_arg_buffer(values),      clt_arg_int((int)first),
                            clt_arg_int((int)count),     clt_arg_int((int)span),
                            clt_arg_float((float)limit), clt_arg_buffer(op->squared_norm)};
    clt_profile_begin(op->runtime, "clip", (double)count, 8.0 * (double)count);
    clt_status status =
        clt_kernel_enqueue_1d(kernel, (count + span - 1) / span, clt_kernel_item_group(kernel),
                              args, kernel == op->norm ? 6 : 5, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_clip_value(clt_clip *op, double limit, clt_buffer values, size_t first, size_t count,
                          clt_error *error)
{
    return apply(op, op->value, limit, values, first, count, error);
}

clt_status clt_clip_measure(clt_clip *op, clt_buffer partials, size_t first, size_t chunks,
                            clt_error *error)
{
    const clt_arg args[] = {clt_arg_buffer(partials), clt_arg_int((int)first),
                            clt_arg_int((int)chunks), clt_arg_buffer(op->squared_norm)};
    clt_profile_begin(op->runtime, "clip", (double)chunks, 4.0 * (double)chunks);
    clt_status status =
        clt_kernel_enqueue_1d(op->measure, 1, 1, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_clip_norm(clt_clip *op, double limit, clt_buffer values, size_t first, size_t count,
                         clt_error *error)
{
    return apply(op, op->norm, limit, values, first, count, error);
}
