/* lstm_group.c: the LSTM for GPUs: one launch runs all time steps of a range, each work-group one
 * or a few samples of one shard. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/lstm_private.h"
#include "util/memory.h"

/* Weights that a work-item keeps in registers. At 96 units a group is 384 items of 96, 147 kB of a
 * compute unit's 256 kB of registers (NVIDIA, AMD); with all else an item has 126 to 166 registers
 * there, of 170 (ptxas for sm_80). At 60 units it is 240 items of 60. 128 units would take all 256
 * kB. Local memory keeps none: its 32 kB hold 43 units, which registers do wherever groups of 86
 * items are allowed. */
#define WEIGHTS_MAX 96

/* Units up to which reading all weights at every step, through the cache, is still better than
 * `step`: 410 kB at 160 units take 4 to 8 us at 50 to 100 GB/s for a compute unit, and the launches
 * of a time step 8 us. Derived, not measured. */
#define HIDDEN_MAX 160

/* Samples of a group: more of them share weights and barriers, one is the shortest way through time
 * where there are compute units for most samples of a batch. More than two beside kept weights
 * make a compiler run out of registers (LLVM for AMD). */
#define ROWS_READING 4
#define ROWS_KEEPING 2
#define MANY_UNITS 64

#define TILE_UNITS 16 /* units of a work-item of lstm_group_gradient */

typedef struct group_state {
    clt_lstm_group_shape shape;
    clt_kernel *forward, *transpose, *backward, *gradient;
    clt_buffer packed; /* scratch: the recurrent kernel transposed */
} group_state;

/* The kernels' local memory: of the larger one, backward. */
static size_t local_bytes(int rows, size_t padded, size_t columns)
{
    return (size_t)rows * (4 * padded + columns) * sizeof(float);
}

clt_lstm_group_shape clt_lstm_group_shape_of(const clt_device *device, int hidden, size_t group_max)
{
    const clt_lstm_group_shape none = {0};
    if (group_max == 0) {
        return none;
    }
    size_t columns = 4 * (size_t)hidden, padded = clt_ceil_divide((size_t)hidden, 4) * 4;
    size_t slots = clt_ceil_divide(columns, group_max);
    bool registers = slots * padded <= WEIGHTS_MAX;
    int rows = !registers ? ROWS_READING : device->compute_units >= MANY_UNITS ? 1 : ROWS_KEEPING;
    while (rows > 0 && local_bytes(rows, padded, columns) > device->local_memory) {
        rows--;
    }
    if (rows == 0 || (!registers && hidden > HIDDEN_MAX)) {
        return none;
    }
    return (clt_lstm_group_shape){
        .group = clt_ceil_divide(columns, slots), .rows = rows, .registers = registers};
}

static bool suits(const clt_runtime *runtime, const clt_lstm_config *config)
{
    const clt_device *device = clt_runtime_device(runtime);
    return !clt_runtime_is_cpu(runtime) &&
           clt_lstm_group_shape_of(device, config->hidden, device->max_work_group).group > 0;
}

static void destroy_kernels(group_state *group)
{
    clt_kernel_destroy(group->forward);
    clt_kernel_destroy(group->transpose);
    clt_kernel_destroy(group->backward);
    clt_kernel_destroy(group->gradient);
    group->forward = group->transpose = group->backward = group->gradient = NULL;
}

static void destroy(void *state)
{
    if (state != NULL) {
        destroy_kernels(state);
    }
    free(state);
}

/* All kernels, also for inference, so that both modes get the same variant. */
static clt_status create_kernels(clt_lstm *op, group_state *group, clt_error *error)
{
    clt_status status;
    clt_program *program;
    char prelude[128];
    snprintf(prelude, sizeof prelude,
             "#define HIDDEN %d\n#define GROUP %zu\n#define ROWS %d\n#define REGISTERS %d\n",
             op->config.hidden, group->shape.group, group->shape.rows, group->shape.registers);
    CLT_TRY(clt_program_build(op->runtime, "lstm_group", prelude, &program, error));
    CLT_TRY(clt_kernel_create(program, "lstm_group_forward", &group->forward, error));
    CLT_TRY(clt_kernel_create(program, "lstm_group_transpose", &group->transpose, error));
    CLT_TRY(clt_kernel_create(program, "lstm_group_backward", &group->backward, error));
    CLT_TRY(clt_kernel_create(program, "lstm_group_gradient", &group->gradient, error));
done:
    return status;
}

/* A built kernel may allow smaller groups than the device does. */
static clt_status fit(clt_lstm *op, group_state *group, clt_error *error)
{
    const clt_device *device = clt_runtime_device(op->runtime);
    size_t allowed = device->max_work_group;
    for (;;) {
        group->shape = clt_lstm_group_shape_of(device, op->config.hidden, allowed);
        if (group->shape.group == 0) {
            return CLT_OK;
        }
        clt_status status = create_kernels(op, group, error);
        if (status != CLT_OK) {
            return status;
        }
        size_t forward = clt_kernel_max_group(group->forward);
        size_t backward = clt_kernel_max_group(group->backward);
        allowed = forward < backward ? forward : backward;
        if (allowed >= group->shape.group) {
            return CLT_OK;
        }
        destroy_kernels(group);
    }
}

static clt_status plan(clt_lstm *op, void **state, clt_error *error)
{
    clt_status status;
    size_t hidden = (size_t)op->config.hidden;
    group_state *group = clt_alloc(1, sizeof *group, "an LSTM op", error);
    if (group == NULL) {
        return CLT_FAILED;
    }
    *state = group;
    CLT_TRY(fit(op, group, error));
    if (group->shape.group == 0) {
        destroy(group);
        *state = NULL;
        op->variant = &clt_lstm_step;
        return clt_lstm_step.plan(op, state, error);
    }
    if (op->limits.train) {
        CLT_TRY(clt_lstm_reserve(&op->scratch, &group->packed, 4 * hidden, hidden, error));
    }
done:
    return status;
}

static clt_status enqueue(const group_state *group, clt_kernel *kernel, const clt_extent *extent,
                          const clt_arg *args, int arg_count, clt_error *error)
{
    size_t shards = (size_t)extent->shards.count;
    size_t largest = (size_t)clt_shards_largest(&extent->shards);
    size_t groups = clt_ceil_divide(largest, (size_t)group->shape.rows);
    const size_t global[2] = {groups * group->shape.group, shards};
    const size_t local[2] = {group->shape.group, 1};
    return clt_kernel_enqueue(kernel, 2, global, local, args, arg_count, error);
}

static clt_status forward(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    group_state *group = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_buffer none = {0};
    const clt_arg args[] = {clt_arg_int(extent->timesteps),
                            clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count),
                            clt_arg_int(call->range.t0),
                            clt_arg_int(call->range.t1),
                            clt_arg_int(op->config.reverse),
                            clt_arg_buffer(call->x->start),
                            clt_arg_buffer(call->projected),
                            clt_arg_buffer(call->x->index),
                            clt_arg_buffer(call->recurrent_kernel),
                            clt_arg_buffer(call->bias),
                            clt_arg_buffer(call->recurrent_mask),
                            clt_arg_buffer(call->from.h),
                            clt_arg_buffer(call->from.c),
                            clt_arg_buffer(op->config.sequence ? call->y : none),
                            clt_arg_buffer(op->config.sequence ? none : call->y),
                            clt_arg_int(op->config.width),
                            clt_arg_int(op->config.column),
                            clt_arg_buffer(call->to.h),
                            clt_arg_buffer(call->to.c),
                            clt_arg_buffer(op->gates),
                            clt_arg_buffer(op->h_in),
                            clt_arg_buffer(op->c_in)};
    return enqueue(group, group->forward, extent, args, sizeof args / sizeof *args, error);
}

static clt_status backward(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    clt_status status;
    group_state *group = op->state;
    const clt_extent *extent = &call->x->extent;
    size_t hidden = (size_t)op->config.hidden;
    const clt_arg pack[] = {clt_arg_buffer(call->recurrent_kernel), clt_arg_buffer(group->packed)};
    const clt_arg args[] = {clt_arg_int(extent->timesteps),
                            clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count),
                            clt_arg_int(call->range.t0),
                            clt_arg_int(call->range.t1),
                            clt_arg_int(op->config.reverse),
                            clt_arg_buffer(call->x->start),
                            clt_arg_buffer(group->packed),
                            clt_arg_buffer(call->recurrent_mask),
                            clt_arg_buffer(call->y),
                            clt_arg_int(op->config.sequence),
                            clt_arg_int(op->config.width),
                            clt_arg_int(op->config.column),
                            clt_arg_buffer(call->from.h),
                            clt_arg_buffer(call->from.c),
                            clt_arg_buffer(op->gates),
                            clt_arg_buffer(op->c_in),
                            clt_arg_buffer(call->to.h),
                            clt_arg_buffer(call->to.c)};
    CLT_TRY(clt_kernel_enqueue_1d(group->transpose, 4 * hidden * hidden,
                                  clt_kernel_item_group(group->transpose), pack, 2, error));
    CLT_TRY(enqueue(group, group->backward, extent, args, sizeof args / sizeof *args, error));
done:
    return status;
}

static clt_status recurrent_gradient(clt_lstm *op, const clt_sequence *x, clt_error *error)
{
    const clt_extent *extent = &x->extent;
    const group_state *group = op->state;
    size_t hidden = (size_t)op->config.hidden, size = clt_kernel_item_group(group->gradient);
    const clt_arg args[] = {clt_arg_int(extent->timesteps),    clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count), clt_arg_buffer(op->h_in),
                            clt_arg_buffer(op->gates),         clt_arg_buffer(op->projected)};
    const size_t global[3] = {clt_ceil_divide(4 * hidden, size) * size,
                              clt_ceil_divide(hidden, TILE_UNITS), (size_t)extent->shards.count};
    const size_t local[3] = {size, 1, 1};
    return clt_kernel_enqueue(group->gradient, 3, global, local, args, sizeof args / sizeof *args,
                              error);
}

const clt_lstm_loop clt_lstm_group = {"group", suits, plan, forward, backward, recurrent_gradient,
                                      destroy};
