/* lstm_private.h: what the variants of the LSTM share with lstm.c, which owns everything but the
 * loop over time: the projection before it and the sums over positions after it. */
#ifndef CLT_OPS_LSTM_PRIVATE_H
#define CLT_OPS_LSTM_PRIVATE_H

#include "ops/lstm.h"

static inline size_t clt_ceil_divide(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

#define CLT_LSTM_SLICES_MAX 10

/* A part of the saved or scratch bytes, made a buffer by bind. */
typedef struct clt_lstm_slice {
    clt_buffer *buffer;
    size_t bytes;
} clt_lstm_slice;

typedef struct clt_lstm_slices {
    int count;
    clt_lstm_slice slices[CLT_LSTM_SLICES_MAX];
    size_t bytes; /* of all, each aligned */
} clt_lstm_slices;

/* Adds rows * columns floats, to be found in *buffer after bind. */
CLT_NODISCARD clt_status clt_lstm_reserve(clt_lstm_slices *slices, clt_buffer *buffer, size_t rows,
                                          size_t columns, clt_error *error);

/* One call of forward or backward, as a variant sees it. */
typedef struct clt_lstm_call {
    const clt_sequence *x;
    clt_lstm_range range;
    clt_buffer projected;        /* [row_count, 4H]; forward only */
    clt_buffer recurrent_kernel; /* [H, 4H] */
    clt_buffer recurrent_mask;   /* [N, H] or none */
    bool unchanged;              /* recurrent_kernel, since the last forward; inference only */
    clt_buffer bias;             /* [4H]; forward only */
    clt_lstm_state from;         /* state0 or dstateT; {NULL}: zeros */
    clt_lstm_state to;           /* stateT or dstate0; {NULL}: not wanted */
    clt_buffer y;                /* or dy */
} clt_lstm_call;

/* A variant: the loop over time. */
typedef struct clt_lstm_loop {
    const char *name;
    /* Is it the best choice here? The first row that says so is taken. */
    bool (*suits)(const clt_runtime *runtime, const clt_lstm_config *config);
    /* Makes kernels and reserves scratch; *state is the variant's, freed by destroy. */
    clt_status (*plan)(clt_lstm *op, void **state, clt_error *error);
    /* From call->projected to y, call->to and, when training, the saved arrays. */
    clt_status (*forward)(clt_lstm *op, const clt_lstm_call *call, clt_error *error);
    /* From dy and the saved arrays to op->gates, replaced by their gradients, and call->to. */
    clt_status (*backward)(clt_lstm *op, const clt_lstm_call *call, clt_error *error);
    /* op->projected [S, H, 4H] = h_in^T . dG over each shard's positions, in order. */
    clt_status (*recurrent_gradient)(clt_lstm *op, const clt_sequence *x, clt_error *error);
    void (*destroy)(void *state); /* NULL allowed */
} clt_lstm_loop;

extern const clt_lstm_loop clt_lstm_step;
extern const clt_lstm_loop clt_lstm_rows;
extern const clt_lstm_loop clt_lstm_group; /* its plan makes `step` the variant if nothing fits */

/* How clt_lstm_group runs. */
typedef struct clt_lstm_group_shape {
    size_t group;   /* work-items; 0: nothing fits */
    int rows;       /* samples */
    bool registers; /* which keep the recurrent kernel; else it is read at every step */
} clt_lstm_group_shape;

/* The shape for a device that allows groups of group_max work-items. */
clt_lstm_group_shape clt_lstm_group_shape_of(const clt_device *device, int hidden,
                                             size_t group_max);

struct clt_lstm {
    clt_runtime *runtime;
    clt_lstm_config config;
    clt_limits limits;
    const clt_lstm_loop *variant;
    void *state; /* the variant's */
    bool packs, has_prefix;

    clt_lstm_slices saved, scratch;
    /* Saved when training, in position order. */
    clt_buffer gates;      /* [N, 4H] i, f, c, o after their activations; backward: gradients */
    clt_buffer h_in, c_in; /* [N, H] the state before the step, h_in as the product reads it */
    /* Saved when training, else scratch, with has_prefix: the prefix, one row for each number of
     * pads.
     */
    clt_buffer prefix_gates, prefix_h, prefix_c;
    /* Scratch. */
    clt_buffer projected;    /* [row_count, 4H]; after the backward loop its gradient */
    clt_buffer bias_sums;    /* [ceil(row_count / rows per sum), 4H] */
    clt_buffer reduce_saved; /* reduce's own */

    clt_gemm *projection, *kernel_gradient, *rows_gradient;
    clt_reduce *reduce;
    clt_kernel *add_shards, *sum_rows, *add_rows;
};

/* The k-th time step of a range in the direction of time. */
static inline int clt_lstm_time(const clt_lstm *op, clt_lstm_range range, int k)
{
    return op->config.reverse ? range.t1 - 1 - k : range.t0 + k;
}

#endif
