/* lstm_step.c: the LSTM one time step at a time, for any hidden size on any device: a product with
 * the recurrent kernel over all samples, and one elementwise kernel. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/lstm_private.h"
#include "util/memory.h"

typedef struct step_state {
    clt_gemm *product, *product_back, *gradient;
    clt_kernel *forward, *backward, *mask;
    int units; /* hidden units of a work-item */
    /* Scratch, in sample order. */
    clt_buffer z;    /* [B, 4H] h . recurrent_kernel; backward: the step's gate gradients */
    clt_buffer h, c; /* [B, H] the state between steps; backward: its gradients */
} step_state;

static bool suits(const clt_runtime *runtime, const clt_lstm_config *config)
{
    (void)runtime;
    (void)config;
    return true;
}

static void destroy(void *state)
{
    step_state *step = state;
    if (step == NULL) {
        return;
    }
    clt_gemm_destroy(step->product);
    clt_gemm_destroy(step->product_back);
    clt_gemm_destroy(step->gradient);
    clt_kernel_destroy(step->forward);
    clt_kernel_destroy(step->backward);
    clt_kernel_destroy(step->mask);
    free(step);
}

/* The most samples that a shard of at most `samples` samples can hold. */
static int shard_max(int samples)
{
    int eighth = (samples + CLT_SHARDS_MAX - 1) / CLT_SHARDS_MAX;
    int largest = eighth > 8 ? eighth : 8; /* up to 64 samples a shard holds at most 8 */
    return samples < largest ? samples : largest;
}

static clt_status plan(clt_lstm *op, void **state, clt_error *error)
{
    clt_status status;
    clt_program *program;
    char prelude[32];
    int hidden = op->config.hidden, columns = 4 * hidden, samples = op->limits.samples;
    const clt_gemm_config forward = {.use = "lstm step", .m = samples, .n = columns, .k = hidden};
    const clt_gemm_config backward = {.use = "lstm step back",
                                      .b_transposed = true,
                                      .accumulate = op->config.masked, /* what passes a mask */
                                      .m = samples,
                                      .n = hidden,
                                      .k = columns};
    const clt_gemm_config gradient = {.use = "lstm recurrent gradient",
                                      .a_transposed = true,
                                      .m = hidden,
                                      .n = columns,
                                      .k = op->limits.timesteps * shard_max(samples)};
    step_state *step = clt_alloc(1, sizeof *step, "an LSTM op", error);
    if (step == NULL) {
        return CLT_FAILED;
    }
    *state = step;
    step->units = clt_runtime_is_cpu(op->runtime) ? 64 : 1;
    snprintf(prelude, sizeof prelude, "#define UNITS %d\n", step->units);
    CLT_TRY(clt_program_build(op->runtime, "lstm_step", prelude, &program, error));
    CLT_TRY(clt_gemm_plan(op->runtime, &forward, &step->product, error));
    CLT_TRY(clt_kernel_create(program, "lstm_step_forward", &step->forward, error));
    CLT_TRY(clt_kernel_create(program, "lstm_step_mask", &step->mask, error));
    if (op->limits.train) {
        CLT_TRY(clt_gemm_plan(op->runtime, &backward, &step->product_back, error));
        CLT_TRY(clt_gemm_plan(op->runtime, &gradient, &step->gradient, error));
        CLT_TRY(clt_kernel_create(program, "lstm_step_backward", &step->backward, error));
    }
    CLT_TRY(clt_lstm_reserve(&op->scratch, &step->z, (size_t)samples, (size_t)columns, error));
    CLT_TRY(clt_lstm_reserve(&op->scratch, &step->h, (size_t)samples, (size_t)hidden, error));
    CLT_TRY(clt_lstm_reserve(&op->scratch, &step->c, (size_t)samples, (size_t)hidden, error));
done:
    return status;
}

static size_t items_of(const clt_lstm *op, const step_state *step, int samples)
{
    size_t blocks = ((size_t)op->config.hidden - 1) / (size_t)step->units + 1;
    return (size_t)samples * blocks;
}

static clt_status copy_or_zero(clt_lstm *op, clt_buffer from, clt_buffer to, size_t bytes,
                               clt_error *error)
{
    return from.mem != NULL ? clt_buffer_copy(op->runtime, from, 0, to, 0, bytes, error)
                            : clt_buffer_zero(op->runtime, to, 0, bytes, error);
}

static clt_status copy_if_wanted(clt_lstm *op, clt_buffer from, clt_buffer to, size_t bytes,
                                 clt_error *error)
{
    return to.mem != NULL ? clt_buffer_copy(op->runtime, from, 0, to, 0, bytes, error) : CLT_OK;
}

/* step->h *= the recurrent mask at time t, where there is one. */
static clt_status mask_state(clt_lstm *op, const clt_lstm_call *call, int t, clt_error *error)
{
    const step_state *step = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_arg args[] = {clt_arg_int(op->config.hidden),
                            clt_arg_int(extent->timesteps),
                            clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count),
                            clt_arg_int(t),
                            clt_arg_buffer(call->x->start),
                            clt_arg_buffer(call->recurrent_mask),
                            clt_arg_buffer(step->h)};
    if (call->recurrent_mask.mem == NULL) {
        return CLT_OK;
    }
    return clt_kernel_enqueue_1d(step->mask, items_of(op, step, extent->samples),
                                 clt_kernel_item_group(step->mask), args,
                                 sizeof args / sizeof *args, error);
}

static clt_status forward(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    clt_status status;
    step_state *step = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_buffer none = {0};
    int hidden = op->config.hidden, columns = 4 * hidden, samples = extent->samples;
    int last = call->range.t1 - call->range.t0 - 1;
    size_t bytes = (size_t)samples * (size_t)hidden * sizeof(float);
    CLT_TRY(copy_or_zero(op, call->from.h, step->h, bytes, error));
    CLT_TRY(copy_or_zero(op, call->from.c, step->c, bytes, error));
    for (int k = 0; k <= last; k++) {
        bool has_y = op->config.sequence || k == last;
        bool product = k > 0 || call->from.h.mem != NULL; /* zeros contribute nothing */
        if (product) {
            CLT_TRY(mask_state(op, call, clt_lstm_time(op, call->range, k), error));
            CLT_TRY(clt_gemm_enqueue(step->product, samples, columns, hidden,
                                     (clt_matrix){step->h, 0, hidden},
                                     (clt_matrix){call->recurrent_kernel, 0, columns},
                                     (clt_matrix){step->z, 0, columns}, error));
        }
        const clt_arg args[] = {clt_arg_int(hidden),
                                clt_arg_int(extent->timesteps),
                                clt_arg_int(samples),
                                clt_arg_int(extent->shards.count),
                                clt_arg_int(clt_lstm_time(op, call->range, k)),
                                clt_arg_buffer(call->x->start),
                                clt_arg_buffer(product ? step->z : none),
                                clt_arg_buffer(call->projected),
                                clt_arg_buffer(call->x->index),
                                clt_arg_buffer(call->bias),
                                clt_arg_buffer(step->h),
                                clt_arg_buffer(step->c),
                                clt_arg_buffer(has_y ? call->y : none),
                                clt_arg_int(op->config.sequence),
                                clt_arg_int(op->config.width),
                                clt_arg_int(op->config.column),
                                clt_arg_buffer(op->gates),
                                clt_arg_buffer(op->h_in),
                                clt_arg_buffer(op->c_in)};
        CLT_TRY(clt_kernel_enqueue_1d(step->forward, items_of(op, step, samples),
                                      clt_kernel_item_group(step->forward), args,
                                      sizeof args / sizeof *args, error));
    }
    CLT_TRY(copy_if_wanted(op, step->h, call->to.h, bytes, error));
    CLT_TRY(copy_if_wanted(op, step->c, call->to.c, bytes, error));
done:
    return status;
}

static clt_status backward(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    clt_status status;
    step_state *step = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_buffer none = {0};
    int hidden = op->config.hidden, columns = 4 * hidden, samples = extent->samples;
    int last = call->range.t1 - call->range.t0 - 1;
    size_t bytes = (size_t)samples * (size_t)hidden * sizeof(float);
    CLT_TRY(copy_or_zero(op, call->from.h, step->h, bytes, error));
    CLT_TRY(copy_or_zero(op, call->from.c, step->c, bytes, error));
    for (int k = last; k >= 0; k--) {
        bool has_dy = op->config.sequence || k == last;
        const clt_arg args[] = {clt_arg_int(hidden),
                                clt_arg_int(extent->timesteps),
                                clt_arg_int(samples),
                                clt_arg_int(extent->shards.count),
                                clt_arg_int(clt_lstm_time(op, call->range, k)),
                                clt_arg_buffer(call->x->start),
                                clt_arg_buffer(has_dy ? call->y : none),
                                clt_arg_int(op->config.sequence),
                                clt_arg_int(op->config.width),
                                clt_arg_int(op->config.column),
                                clt_arg_buffer(step->h),
                                clt_arg_buffer(step->c),
                                clt_arg_buffer(op->gates),
                                clt_arg_buffer(op->c_in),
                                clt_arg_buffer(step->z)};
        CLT_TRY(clt_kernel_enqueue_1d(step->backward, items_of(op, step, samples),
                                      clt_kernel_item_group(step->backward), args,
                                      sizeof args / sizeof *args, error));
        if (k > 0 || call->to.h.mem != NULL) {
            CLT_TRY(clt_gemm_enqueue(step->product_back, samples, hidden, columns,
                                     (clt_matrix){step->z, 0, columns},
                                     (clt_matrix){call->recurrent_kernel, 0, columns},
                                     (clt_matrix){step->h, 0, hidden}, error));
            CLT_TRY(mask_state(op, call, clt_lstm_time(op, call->range, k), error));
        }
    }
    CLT_TRY(copy_if_wanted(op, step->h, call->to.h, bytes, error));
    CLT_TRY(copy_if_wanted(op, step->c, call->to.c, bytes, error));
done:
    return status;
}

static clt_status recurrent_gradient(clt_lstm *op, const clt_sequence *x, clt_error *error)
{
    const clt_extent *extent = &x->extent;
    clt_status status = CLT_OK;
    step_state *step = op->state;
    int hidden = op->config.hidden, columns = 4 * hidden;
    for (int s = 0; s < extent->shards.count; s++) {
        size_t first = (size_t)extent->shards.first[s] * (size_t)extent->timesteps;
        size_t slice = (size_t)s * (size_t)hidden * (size_t)columns;
        int positions = extent->shards.first[s + 1] - extent->shards.first[s];
        positions *= extent->timesteps;
        CLT_TRY(clt_gemm_enqueue(step->gradient, hidden, columns, positions,
                                 (clt_matrix){op->h_in, first * (size_t)hidden, hidden},
                                 (clt_matrix){op->gates, first * (size_t)columns, columns},
                                 (clt_matrix){op->projected, slice, columns}, error));
    }
done:
    return status;
}

const clt_lstm_loop clt_lstm_step = {"step", suits, plan, forward, backward, recurrent_gradient,
                                     destroy};
