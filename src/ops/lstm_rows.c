/* lstm_rows.c: the LSTM for CPUs: one launch runs all time steps of a range, each work-item a tile
 * of a few samples of one shard. */
#include <stdio.h>
#include <stdlib.h>

#include "ops/lstm_private.h"
#include "util/memory.h"

#define ROWS 4   /* samples of a group: the same in cl/lstm_rows_tile.cl */
#define LANES 16 /* hidden units of a vector */
#define PANEL 64 /* columns of a packed panel */

/* Up to here it was measured: 5.7 times as fast as `step` at 60 units, 1.8 times at 1,024, on two
 * cores with 1 MiB of second-level cache each and 32 MiB shared. */
#define HIDDEN_MAX 1024

#define WIDE 256 /* units whose recurrent kernel takes 1 MiB */
#define GROUPS_MAX 4

/* From here on a time step costs many times a launch, so that the units of a tile can be shared
 * where there are fewer tiles than compute units want. */
#define SHARED 512

typedef struct rows_state {
    clt_kernel *pack, *pack_transposed, *forward, *backward, *gradient;
    clt_kernel *prefix; /* lstm_rows_forward over the prefix, with arguments of its own */
    clt_kernel *backward_prefix;
    clt_kernel *backward_part;
    clt_lstm_state dstart; /* scratch: the gradients of the samples' states at their starts */
    int groups;            /* of ROWS samples in a tile; changes no bits */
    bool shared;           /* tiles may have parts; changes no bits */
    clt_buffer between_h[2], between_c; /* scratch, shared: the state between two launches */
    clt_buffer packed; /* the recurrent kernel in panels; scratch, at inference saved */
} rows_state;

static bool suits(const clt_runtime *runtime, const clt_lstm_config *config)
{
    return clt_runtime_is_cpu(runtime) && !clt_runtime_is_llvmpipe(runtime) &&
           config->hidden <= HIDDEN_MAX;
}

static void destroy(void *state)
{
    rows_state *rows = state;
    if (rows == NULL) {
        return;
    }
    clt_kernel_destroy(rows->pack);
    clt_kernel_destroy(rows->pack_transposed);
    clt_kernel_destroy(rows->forward);
    clt_kernel_destroy(rows->prefix);
    clt_kernel_destroy(rows->backward_prefix);
    clt_kernel_destroy(rows->backward_part);
    clt_kernel_destroy(rows->backward);
    clt_kernel_destroy(rows->gradient);
    free(rows);
}

static size_t tiles_of(const clt_shards *shards, int groups)
{
    return clt_ceil_divide((size_t)clt_shards_largest(shards), ROWS * (size_t)groups);
}

/* Tiles of masked sequences, whose samples join one by one, are never shared. */
static bool can_share(const clt_lstm *op)
{
    return op->config.hidden >= SHARED && !op->config.masked;
}

/* A recurrent kernel that fills the second cache of a core is read once a tile and time step: tiles
 * as large as leave every compute unit two, or as large as can be where they are shared. */
static int groups_of(const clt_lstm *op)
{
    const clt_shards shards = clt_shards_of(op->limits.samples);
    size_t wanted = 2 * (size_t)clt_runtime_device(op->runtime)->compute_units;
    int groups = op->config.hidden < WIDE ? 1 : GROUPS_MAX;
    while (groups > 1 && !can_share(op) &&
           tiles_of(&shards, groups) * (size_t)shards.count < wanted) {
        groups /= 2;
    }
    return groups;
}

/* Of each tile of a call: 1, or as many as leave every compute unit two. */
static size_t parts_of(const clt_lstm *op, const clt_lstm_call *call)
{
    const rows_state *rows = op->state;
    const clt_shards *shards = &call->x->extent.shards;
    size_t tiles = tiles_of(shards, rows->groups) * (size_t)shards->count;
    size_t wanted = 2 * (size_t)clt_runtime_device(op->runtime)->compute_units;
    size_t panels = clt_ceil_divide((size_t)op->config.hidden, PANEL);
    size_t parts = tiles >= wanted ? 1 : clt_ceil_divide(wanted, tiles);
    return !rows->shared || call->x->start.mem != NULL ? 1 : parts < panels ? parts : panels;
}

static clt_status plan_training(clt_lstm *op, const char *prelude, clt_error *error)
{
    clt_status status;
    clt_program *program;
    rows_state *rows = op->state;
    size_t samples = (size_t)op->limits.samples, h = (size_t)op->config.hidden;
    CLT_TRY(clt_program_build(op->runtime,
                              "lstm_rows_tile+lstm_rows_pack+lstm_rows_backward+lstm_rows_gradient",
                              prelude, &program, error));
    CLT_TRY(clt_kernel_create(program, "lstm_rows_pack_transposed", &rows->pack_transposed, error));
    CLT_TRY(clt_kernel_create(program, "lstm_rows_backward", &rows->backward, error));
    if (rows->shared) {
        CLT_TRY(clt_kernel_create(program, "lstm_rows_backward_part", &rows->backward_part, error));
    }
    CLT_TRY(clt_kernel_create(program, "lstm_rows_gradient", &rows->gradient, error));
    if (op->has_prefix) {
        CLT_TRY(
            clt_kernel_create(program, "lstm_rows_backward_prefix", &rows->backward_prefix, error));
        CLT_TRY(clt_lstm_reserve(&op->scratch, &rows->dstart.h, samples, h, error));
        CLT_TRY(clt_lstm_reserve(&op->scratch, &rows->dstart.c, samples, h, error));
    }
done:
    return status;
}

static clt_status plan(clt_lstm *op, void **state, clt_error *error)
{
    clt_status status;
    clt_program *program;
    char prelude[64];
    int hidden = op->config.hidden;
    size_t h = (size_t)hidden, samples = (size_t)op->limits.samples;
    rows_state *rows = clt_alloc(1, sizeof *rows, "an LSTM op", error);
    if (rows == NULL) {
        return CLT_FAILED;
    }
    *state = rows;
    rows->groups = groups_of(op);
    rows->shared = can_share(op);
    snprintf(prelude, sizeof prelude, "#define HIDDEN %d\n#define GROUPS %d\n#define SHARED %d\n",
             hidden, rows->groups, rows->shared);
    CLT_TRY(clt_program_build(op->runtime, "lstm_rows_tile+lstm_rows_pack+lstm_rows", prelude,
                              &program, error));
    CLT_TRY(clt_kernel_create(program, "lstm_rows_pack", &rows->pack, error));
    CLT_TRY(clt_kernel_create(program, "lstm_rows_forward", &rows->forward, error));
    if (op->has_prefix) {
        CLT_TRY(clt_kernel_create(program, "lstm_rows_forward", &rows->prefix, error));
    }
    /* 4H rows of units or H rows of the gates of units, in whole vectors and so at most 15 more. */
    CLT_TRY(clt_lstm_reserve(op->limits.train ? &op->scratch : &op->saved, &rows->packed, 4 * h,
                             h + LANES, error));
    if (rows->shared) {
        CLT_TRY(clt_lstm_reserve(&op->scratch, &rows->between_h[0], samples, h, error));
        CLT_TRY(clt_lstm_reserve(&op->scratch, &rows->between_h[1], samples, h, error));
        CLT_TRY(clt_lstm_reserve(&op->scratch, &rows->between_c, samples, h, error));
    }
    if (op->limits.train) {
        CLT_TRY(plan_training(op, prelude, error));
    }
done:
    return status;
}

static clt_status enqueue(clt_kernel *kernel, size_t x, size_t y, size_t z, const clt_arg *args,
                          int arg_count, clt_error *error)
{
    const size_t global[3] = {x, y, z}, local[3] = {1, 1, 1};
    return clt_kernel_enqueue(kernel, 3, global, local, args, arg_count, error);
}

static bool has_prefix(const clt_sequence *x)
{
    return x->start.mem != NULL && !x->masked;
}

/* The state after 0 .. longest pads: what a step saves is the state before it. */
static clt_status forward_prefix(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    const clt_buffer none = {0};
    rows_state *rows = op->state;
    int steps = call->x->longest + 1;
    const clt_arg args[] = {clt_arg_int(steps),
                            clt_arg_int(1),
                            clt_arg_int(1),
                            clt_arg_int(0),
                            clt_arg_int(steps),
                            clt_arg_int(0),
                            clt_arg_buffer(call->projected),
                            clt_arg_int(0),
                            clt_arg_buffer(none),
                            clt_arg_buffer(rows->packed),
                            clt_arg_buffer(call->bias),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_int(0),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_int(op->config.width),
                            clt_arg_int(op->config.column),
                            clt_arg_buffer(none),
                            clt_arg_buffer(none),
                            clt_arg_buffer(op->prefix_gates),
                            clt_arg_buffer(op->prefix_h),
                            clt_arg_buffer(op->prefix_c)};
    return enqueue(rows->prefix, 1, 1, 1, args, sizeof args / sizeof *args, error);
}

/* The tiles' loop over `range`, each tile in `parts`, from one state to another. */
static clt_status forward_range(clt_lstm *op, const clt_lstm_call *call, clt_lstm_range range,
                                size_t parts, clt_lstm_state from, clt_lstm_state to,
                                clt_buffer y_last, clt_error *error)
{
    const rows_state *rows = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_buffer none = {0};
    const clt_arg args[] = {clt_arg_int(extent->timesteps),
                            clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count),
                            clt_arg_int(range.t0),
                            clt_arg_int(range.t1),
                            clt_arg_int(op->config.reverse),
                            clt_arg_buffer(call->projected),
                            clt_arg_int(4 * op->config.hidden),
                            clt_arg_buffer(call->x->index),
                            clt_arg_buffer(rows->packed),
                            clt_arg_buffer(call->bias),
                            clt_arg_buffer(call->recurrent_mask),
                            clt_arg_buffer(from.h),
                            clt_arg_buffer(from.c),
                            clt_arg_buffer(call->x->start),
                            clt_arg_int(!call->x->packed),
                            clt_arg_buffer(op->prefix_h),
                            clt_arg_buffer(op->prefix_c),
                            clt_arg_buffer(op->config.sequence ? call->y : none),
                            clt_arg_buffer(y_last),
                            clt_arg_int(op->config.width),
                            clt_arg_int(op->config.column),
                            clt_arg_buffer(to.h),
                            clt_arg_buffer(to.c),
                            clt_arg_buffer(op->gates),
                            clt_arg_buffer(op->h_in),
                            clt_arg_buffer(op->c_in)};
    return enqueue(rows->forward, tiles_of(&extent->shards, rows->groups),
                   (size_t)extent->shards.count, parts, args, sizeof args / sizeof *args, error);
}

/* A launch for each time step. */
static clt_status forward_shared(clt_lstm *op, const clt_lstm_call *call, size_t parts,
                                 clt_buffer y_last, clt_error *error)
{
    const rows_state *rows = op->state;
    const clt_buffer none = {0};
    int steps = call->range.t1 - call->range.t0;
    for (int k = 0; k < steps; k++) {
        int t = clt_lstm_time(op, call->range, k);
        bool is_last = k == steps - 1;
        clt_lstm_state before = {rows->between_h[k % 2], rows->between_c};
        clt_lstm_state after = {rows->between_h[(k + 1) % 2], rows->between_c};
        clt_status status =
            forward_range(op, call, (clt_lstm_range){t, t + 1}, parts, k == 0 ? call->from : before,
                          is_last ? call->to : after, is_last ? y_last : none, error);
        if (status != CLT_OK) {
            return status;
        }
    }
    return CLT_OK;
}

static clt_status forward(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    clt_status status;
    rows_state *rows = op->state;
    const clt_buffer none = {0}, y_last = op->config.sequence ? none : call->y;
    size_t h = (size_t)op->config.hidden, parts = parts_of(op, call);
    const clt_arg pack[] = {clt_arg_buffer(call->recurrent_kernel), clt_arg_buffer(rows->packed)};
    if (!call->unchanged) {
        CLT_TRY(enqueue(rows->pack, clt_ceil_divide(h, LANES), h, 1, pack, 2, error));
    }
    if (has_prefix(call->x)) {
        CLT_TRY(forward_prefix(op, call, error));
    }
    if (parts > 1) {
        CLT_TRY(forward_shared(op, call, parts, y_last, error));
    } else {
        CLT_TRY(forward_range(op, call, call->range, 1, call->from, call->to, y_last, error));
    }
done:
    return status;
}

static clt_status backward_prefix(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    rows_state *rows = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_arg args[] = {clt_arg_int(extent->timesteps),    clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count), clt_arg_int(call->x->longest),
                            clt_arg_buffer(call->x->start),    clt_arg_buffer(rows->packed),
                            clt_arg_buffer(rows->dstart.h),    clt_arg_buffer(rows->dstart.c),
                            clt_arg_buffer(op->prefix_gates),  clt_arg_buffer(op->prefix_h),
                            clt_arg_buffer(op->prefix_c),      clt_arg_buffer(op->gates),
                            clt_arg_buffer(op->h_in)};
    return enqueue(rows->backward_prefix,
                   clt_ceil_divide((size_t)extent->shards.count, ROWS * (size_t)rows->groups), 1, 1,
                   args, sizeof args / sizeof *args, error);
}

/* A launch for each time step, and one for the state before the first. */
static clt_status backward_shared(clt_lstm *op, const clt_lstm_call *call, size_t parts,
                                  clt_error *error)
{
    const rows_state *rows = op->state;
    const clt_extent *extent = &call->x->extent;
    const clt_buffer none = {0};
    int last = call->range.t1 - call->range.t0 - 1, end = call->to.h.mem != NULL ? -1 : 0;
    for (int k = last; k >= end; k--) {
        bool has_dy = op->config.sequence || k == last;
        clt_buffer dc = k == 0 && call->to.c.mem != NULL ? call->to.c : rows->between_c;
        const clt_arg args[] = {clt_arg_int(extent->timesteps),
                                clt_arg_int(extent->samples),
                                clt_arg_int(extent->shards.count),
                                clt_arg_int(k < 0 ? -1 : clt_lstm_time(op, call->range, k)),
                                clt_arg_int(k == last ? -1 : clt_lstm_time(op, call->range, k + 1)),
                                clt_arg_buffer(rows->packed),
                                clt_arg_buffer(call->recurrent_mask),
                                clt_arg_buffer(has_dy ? call->y : none),
                                clt_arg_int(op->config.sequence),
                                clt_arg_int(op->config.width),
                                clt_arg_int(op->config.column),
                                clt_arg_buffer(call->from.h),
                                clt_arg_buffer(k == last ? call->from.c : rows->between_c),
                                clt_arg_buffer(op->gates),
                                clt_arg_buffer(op->c_in),
                                clt_arg_buffer(call->to.h),
                                clt_arg_buffer(dc)};
        clt_status status =
            enqueue(rows->backward_part, tiles_of(&extent->shards, rows->groups),
                    (size_t)extent->shards.count, parts, args, sizeof args / sizeof *args, error);
        if (status != CLT_OK) {
            return status;
        }
    }
    return CLT_OK;
}

static clt_status backward(clt_lstm *op, const clt_lstm_call *call, clt_error *error)
{
    clt_status status;
    rows_state *rows = op->state;
    const clt_extent *extent = &call->x->extent;
    clt_lstm_state to = has_prefix(call->x) ? rows->dstart : call->to;
    size_t h = (size_t)op->config.hidden, parts = parts_of(op, call);
    const clt_arg pack[] = {clt_arg_buffer(call->recurrent_kernel), clt_arg_buffer(rows->packed)};
    const clt_arg args[] = {clt_arg_int(extent->timesteps),
                            clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count),
                            clt_arg_int(call->range.t0),
                            clt_arg_int(call->range.t1),
                            clt_arg_int(op->config.reverse),
                            clt_arg_buffer(rows->packed),
                            clt_arg_buffer(call->recurrent_mask),
                            clt_arg_buffer(call->y),
                            clt_arg_int(op->config.sequence),
                            clt_arg_int(op->config.width),
                            clt_arg_int(op->config.column),
                            clt_arg_buffer(call->from.h),
                            clt_arg_buffer(call->from.c),
                            clt_arg_buffer(call->x->start),
                            clt_arg_int(!call->x->packed),
                            clt_arg_buffer(op->gates),
                            clt_arg_buffer(op->c_in),
                            clt_arg_buffer(to.h),
                            clt_arg_buffer(to.c)};
    CLT_TRY(enqueue(rows->pack_transposed, clt_ceil_divide(h, PANEL), 4 * h, 1, pack, 2, error));
    if (parts > 1) {
        status = backward_shared(op, call, parts, error);
        goto done;
    }
    CLT_TRY(enqueue(rows->backward, tiles_of(&extent->shards, rows->groups),
                    (size_t)extent->shards.count, 1, args, sizeof args / sizeof *args, error));
    if (has_prefix(call->x)) {
        CLT_TRY(backward_prefix(op, call, error));
    }
done:
    return status;
}

static clt_status recurrent_gradient(clt_lstm *op, const clt_sequence *x, clt_error *error)
{
    const clt_extent *extent = &x->extent;
    const clt_buffer none = {0}, start = x->packed ? x->start : none;
    rows_state *rows = op->state;
    const clt_arg args[] = {clt_arg_int(extent->timesteps),    clt_arg_int(extent->samples),
                            clt_arg_int(extent->shards.count), clt_arg_buffer(start),
                            clt_arg_int(has_prefix(x)),        clt_arg_buffer(op->h_in),
                            clt_arg_buffer(op->gates),         clt_arg_buffer(op->projected)};
    return enqueue(rows->gradient, clt_ceil_divide(4 * (size_t)op->config.hidden, PANEL),
                   (size_t)extent->shards.count, 1, args, sizeof args / sizeof *args, error);
}

const clt_lstm_loop clt_lstm_rows = {"rows", suits, plan, forward, backward, recurrent_gradient,
                                     destroy};
