/* lstm.h: the LSTM layer's op (ref: lstm_forward, lstm_backward). Variants, a table in lstm.c:
 *
 * step   one product and one cell kernel per time step: any hidden size, any device.
 * rows   a tile of batch rows runs all its time steps in one launch: CPUs.
 * group  a work-group runs one or a few batch rows through all its time steps: GPUs, up to 160
 *        units. Where it does not fit the device, it is `step`.
 *
 * Both project the sequence's rows (not its positions) through the kernel and gather inside the
 * time loop; backward they sum gate gradients per row first and multiply once. */
#ifndef CLT_OPS_LSTM_H
#define CLT_OPS_LSTM_H

#include "ops/ops.h"

typedef struct clt_lstm clt_lstm;

CLT_NODISCARD clt_status clt_lstm_plan(clt_runtime *runtime, const clt_lstm_config *config,
                                       const clt_limits *limits, clt_lstm **op, clt_error *error);
/* May the variant of that name be the best here? */
bool clt_lstm_suits(const clt_runtime *runtime, const clt_lstm_config *config, const char *name);
clt_space clt_lstm_space(const clt_lstm *op);
CLT_NODISCARD clt_status clt_lstm_bind(clt_lstm *op, clt_buffer saved, clt_buffer scratch,
                                       clt_error *error);
void clt_lstm_destroy(clt_lstm *op);

/* Whether it takes packed sequences. They come in one piece, without states in or out. */
bool clt_lstm_packs(const clt_lstm *op);

typedef struct clt_lstm_parameters {
    clt_buffer kernel;           /* [D, 4H] */
    clt_buffer recurrent_kernel; /* [H, 4H] */
    clt_buffer bias;             /* [4H] */
    clt_buffer recurrent_mask; /* [N, H]: the product at a position reads h * mask; none: h, as for
                                  packed sequences; not in dparameters */
    bool unchanged; /* inference: the recurrent kernel is that of the op's last forward */
} clt_lstm_parameters;

typedef struct clt_lstm_state {
    clt_buffer h, c; /* [B, H] each; {NULL}: zeros (in) or not wanted (out) */
} clt_lstm_state;

/* projected = rows . kernel, [row_count, 4H], for sequences over the same rows: the projection need
 * not be repeated for each. Forward gives the same bits either way. */
CLT_NODISCARD clt_status clt_lstm_project(clt_lstm *op, const clt_lstm_parameters *parameters,
                                          clt_buffer rows, int row_count, clt_buffer projected,
                                          clt_error *error);

/* y  float [B, width]: the state after range's last step; with config.sequence [N, width]: every
 *    state of the range at its position. Other columns than config's stay as they are.
 * state0, stateT: NULL or see clt_lstm_state. */
CLT_NODISCARD clt_status clt_lstm_forward(clt_lstm *op, const clt_lstm_parameters *parameters,
                                          const clt_sequence *x, clt_lstm_range range,
                                          const clt_lstm_state *state0, clt_buffer y,
                                          const clt_lstm_state *stateT, clt_error *error);

/* dy as y; dstateT NULL: zeros; drows {NULL}: not wanted, else [row_count, D], overwritten (it may
 * be x->rows), or added to with config.adds_drows; dstate0 NULL: not wanted. dparameters
 * accumulate. All that is summed over positions (drows, dparameters) is formed by the call whose
 * range holds the sequence's first step in the direction of time, from all calls' gate gradients,
 * so that a sequence in pieces gives the bits of the whole. */
CLT_NODISCARD clt_status clt_lstm_backward(clt_lstm *op, const clt_lstm_parameters *parameters,
                                           const clt_sequence *x, clt_lstm_range range,
                                           clt_buffer dy, const clt_lstm_state *dstateT,
                                           clt_buffer drows, const clt_lstm_parameters *dparameters,
                                           const clt_lstm_state *dstate0, clt_error *error);

#endif
