/* ops.h: the contract of every op, and what flows between layers.
 *
 * plan       picks the variant, builds programs, makes kernel objects; states the bytes it saves
 *            from forward to backward, or at inference to the next forward, and the scratch it
 *            needs (clt_space), for at most `samples` samples of `timesteps` steps.
 * bind       is told where those bytes lie; slices are made here.
 * forward    queues work. backward: dx is overwritten, dparams accumulate.
 * destroy    frees everything; NULL allowed.
 * After bind nothing is allocated. No call waits for the device. */
#ifndef CLT_OPS_OPS_H
#define CLT_OPS_OPS_H

#include "blas/gemm.h"
#include "runtime/runtime_private.h"
#include "util/shapes.h"

typedef struct clt_space {
    size_t saved;   /* bytes, multiples of CLT_ALIGNMENT */
    size_t scratch; /* bytes; shared between ops, nothing survives in it */
} clt_space;

/* Most samples and time steps of a batch, and what for. */
typedef struct clt_limits {
    int samples, timesteps;
    bool train;
} clt_limits;

/* What flows between layers over time.
 *
 * Packed, sample b has positions for the times from start[b] on alone: before that all it reads is
 * pads, row 0, so that its state is the same as that of every sample that has read so many pads:
 * the prefix. A shard's positions are in order of time and then sample, as always, and the first of
 * them is where it always is. Behind its last one the prefix has positions of its own: n pads read,
 * n below the shard's largest start. Inside a shard start does not fall.
 *
 * Masked, sample b's words are at the times from start[b] on; before that a step leaves the state
 * as it is and puts it out again (as Keras's LSTM, not its Bidirectional, does). The positions
 * before it exist, and belong to no row, or with `packed` they do not. A masked sequence comes in
 * one piece, without states in or out. */
typedef struct clt_sequence {
    clt_extent extent;
    int row_count;    /* U; without an index N = T * B */
    clt_buffer rows;  /* float [row_count, D] */
    clt_buffer index; /* int [N]: the row of each position; none: position n is row n */
    clt_buffer start; /* int [B]; none: neither packed nor masked */
    bool masked;      /* else it has a prefix */
    bool packed;
    int longest;          /* of a prefix: the largest start */
    int computed;         /* positions from start on, or all: for the profile's rates alone */
    clt_buffer projected; /* float [row_count, 4H]: clt_lstm_project of rows; none: not yet */
    clt_buffer offsets;   /* int [row_count * S + 1] } positions ordered by row, shard, sample,  */
    clt_buffer positions; /* int [N]                 } time; none without an index               */
} clt_sequence;

/* ---- reduce.c, cl/reduce.cl: sums over samples and the record of a step ---------------------- */

/* What a step leaves on the device; one struct, read by the host one step later. The same layout
 * stands in cl/common.cl. */
typedef struct clt_record {
    float loss; /* sum over the batch's samples */
    int32_t hits;
    float squared_norm; /* of all gradients */
    int32_t bad;        /* sticky: once the exponent of loss or squared_norm is all ones */
} clt_record;

typedef struct clt_reduce clt_reduce;
CLT_NODISCARD clt_status clt_reduce_plan(clt_runtime *runtime, size_t gradient_elements,
                                         clt_reduce **op, clt_error *error);
/* The partial sums live from the first clt_reduce_squares of a step to its record, while other ops
 * use the scratch: all of it is saved. */
size_t clt_reduce_saved(const clt_reduce *op);
CLT_NODISCARD clt_status clt_reduce_bind(clt_reduce *op, clt_buffer saved, clt_error *error);
void clt_reduce_destroy(clt_reduce *op);

/* dst[u, c] = sum of src[p, c] over the positions of row u (ref: segment_sum). */
CLT_NODISCARD clt_status clt_reduce_segments(clt_reduce *op, const clt_sequence *sequence,
                                             int columns, clt_buffer src, clt_buffer dst,
                                             clt_error *error);

/* Adds the squares of values[0 .. count - 1] to the next record (kept as saved partial sums;
 * at most gradient_elements in all, each call rounded up to CLT_SQUARES_CHUNK). */
CLT_NODISCARD clt_status clt_reduce_squares(clt_reduce *op, clt_buffer values, size_t count,
                                            clt_error *error);

/* Forgets the squares of a step that failed before its record. */
void clt_reduce_begin(clt_reduce *op);

/* The partial sums since the last record, one a chunk in the order of the calls; until the next. */
clt_buffer clt_reduce_partials(const clt_reduce *op, size_t *count);

/* Writes the record from loss[B], hit[B] and the squares since the last record; `bad` in it is
 * sticky: it stays set until the buffer is zeroed by the caller. */
CLT_NODISCARD clt_status clt_reduce_record(clt_reduce *op, const clt_extent *extent,
                                           clt_buffer loss, clt_buffer hit, clt_buffer record,
                                           clt_error *error);

/* ---- embedding.c, cl/embedding.cl ------------------------------------------------------------ */
typedef struct clt_embedding clt_embedding;
CLT_NODISCARD clt_status clt_embedding_plan(clt_runtime *runtime, int features, clt_embedding **op,
                                            clt_error *error);
void clt_embedding_destroy(clt_embedding *op);
/* rows[u] = table[unique[u]], u < row_count. Its backward is the identity: the gradient of the
 * table is the rows' gradient at the sorted ids `unique`. */
CLT_NODISCARD clt_status clt_embedding_forward(clt_embedding *op, clt_buffer table,
                                               clt_buffer unique, int row_count, clt_buffer rows,
                                               clt_error *error);
/* x[n] = rows[index[n]] for every position: a sequence without an index (ref: expand). Its
 * backward is clt_reduce_segments. */
CLT_NODISCARD clt_status clt_embedding_expand(clt_embedding *op, const clt_sequence *sequence,
                                              clt_buffer x, clt_error *error);

/* ---- dropout.c, cl/dropout.cl ---------------------------------------------------------------- */
typedef struct clt_dropout clt_dropout;
CLT_NODISCARD clt_status clt_dropout_plan(clt_runtime *runtime, int features, double rate,
                                          clt_dropout **op, clt_error *error);
void clt_dropout_destroy(clt_dropout *op);
/* y = x * mask / (1 - rate); backward is the same call on dy. x and y may be one buffer. Rows are
 * positions, or samples when extent->timesteps is 0 (ref: dropout). */
CLT_NODISCARD clt_status clt_dropout_apply(clt_dropout *op, const clt_extent *extent,
                                           const clt_dropout_counter *counter, clt_buffer x,
                                           clt_buffer y, clt_error *error);
/* y += x * mask / (1 - rate); x none: y += mask / (1 - rate) */
CLT_NODISCARD clt_status clt_dropout_add(clt_dropout *op, const clt_extent *extent,
                                         const clt_dropout_counter *counter, clt_buffer x,
                                         clt_buffer y, clt_error *error);
/* mask / (1 - rate) alone: what ones become. */
CLT_NODISCARD clt_status clt_dropout_mask(clt_dropout *op, const clt_extent *extent,
                                          const clt_dropout_counter *counter, clt_buffer mask,
                                          clt_error *error);

/* Whole words: each row is scaled or zeroed, in place, by its id in `unique`; backward is the same
 * call on the rows' gradients (ref: dropout_words). */
CLT_NODISCARD clt_status clt_dropout_words(clt_dropout *op, const clt_dropout_counter *counter,
                                           clt_buffer unique, int row_count, clt_buffer rows,
                                           clt_error *error);

/* ---- pool.c, cl/pool.cl ---------------------------------------------------------------------- */
typedef struct clt_pool clt_pool;
CLT_NODISCARD clt_status clt_pool_plan(clt_runtime *runtime, const clt_pool_config *config,
                                       clt_pool **op, clt_error *error);
void clt_pool_destroy(clt_pool *op);
/* x [N, D] without an index, y [B, count * D]; start int [B]: the mask, or none. */
CLT_NODISCARD clt_status clt_pool_forward(clt_pool *op, const clt_extent *extent, clt_buffer start,
                                          clt_buffer x, clt_buffer y, clt_error *error);
/* x as in forward; y is not asked for, so that a dropout may have worked in its place. */
CLT_NODISCARD clt_status clt_pool_backward(clt_pool *op, const clt_extent *extent, clt_buffer start,
                                           clt_buffer x, clt_buffer dy, clt_buffer dx,
                                           clt_error *error);

/* ---- dense.c, cl/dense.cl -------------------------------------------------------------------- */
typedef struct clt_dense clt_dense;
CLT_NODISCARD clt_status clt_dense_plan(clt_runtime *runtime, int inputs, int outputs,
                                        clt_dense **op, clt_error *error);
void clt_dense_destroy(clt_dense *op);
CLT_NODISCARD clt_status clt_dense_forward(clt_dense *op, int samples, clt_buffer kernel,
                                           clt_buffer bias, clt_buffer x, clt_buffer y,
                                           clt_error *error);
/* dx {NULL}: not wanted. */
CLT_NODISCARD clt_status clt_dense_backward(clt_dense *op, const clt_extent *extent,
                                            clt_buffer kernel, clt_buffer x, clt_buffer dy,
                                            clt_buffer dx, clt_buffer dkernel, clt_buffer dbias,
                                            clt_error *error);

/* ---- loss.c, cl/loss.cl ---------------------------------------------------------------------- */
typedef struct clt_loss clt_loss;
/* outputs 1: binary cross-entropy of a sigmoid; more: categorical, of a softmax. */
CLT_NODISCARD clt_status clt_loss_plan(clt_runtime *runtime, int outputs, clt_loss **op,
                                       clt_error *error);
void clt_loss_destroy(clt_loss *op);
/* logits, dlogits float [B, outputs], targets int [B]: labels, loss float [B], hit int [B];
 * class_weights float [classes], {NULL}: all 1; dlogits {NULL}: not wanted. */
CLT_NODISCARD clt_status clt_loss_forward(clt_loss *op, int samples, clt_buffer logits,
                                          clt_buffer targets, clt_buffer class_weights,
                                          clt_buffer loss, clt_buffer hit, clt_buffer dlogits,
                                          clt_error *error);

/* ---- clip.c, cl/clip.cl: gradients before an update, in place -------------------------------- */
typedef struct clt_clip clt_clip;
CLT_NODISCARD clt_status clt_clip_plan(clt_runtime *runtime, clt_clip **op, clt_error *error);
void clt_clip_destroy(clt_clip *op);
/* values[first .. first + count - 1] are brought between -limit and limit (ref: clip_value). */
CLT_NODISCARD clt_status clt_clip_value(clt_clip *op, double limit, clt_buffer values, size_t first,
                                        size_t count, clt_error *error);
/* The norm for what follows, from partials[first .. first + chunks - 1] of clt_reduce_partials. */
CLT_NODISCARD clt_status clt_clip_measure(clt_clip *op, clt_buffer partials, size_t first,
                                          size_t chunks, clt_error *error);
/* They are multiplied by limit / norm where the norm measured last is above it (ref: clip_norm). */
CLT_NODISCARD clt_status clt_clip_norm(clt_clip *op, double limit, clt_buffer values, size_t first,
                                       size_t count, clt_error *error);

/* ---- optimizer.c, cl/optimizer.cl: Adam, SGD, RMSprop ---------------------------------------- */
/* Updates a flat array, and a table [table_rows, features] (0: none) of which every row decays and
 * moves at every step. Two variants for the table, with the same bits: "dense" does so; "lazy"
 * updates the rows of a step and replays what the others have missed when they are next read. So
 * whoever reads rows brings them up to date before. */
typedef struct clt_optimizer clt_optimizer;
CLT_NODISCARD clt_status clt_optimizer_plan(clt_runtime *runtime, const clt_optimizer_rule *rule,
                                            int table_rows, int features, clt_optimizer **op,
                                            clt_error *error);
void clt_optimizer_destroy(clt_optimizer *op);
/* The rule, for a device whose cache of global memory has so many bytes (0: unknown): "lazy" where
 * p, m and v, kept or not, fill more than half of a CPU's cache, or more than four of another's; a
 * cache counts as 32 MiB at least. */
bool clt_optimizer_prefers_lazy(bool cpu, uint64_t cache_bytes, int table_rows, int features);

/* Which moments a rule keeps: Adam both, SGD with momentum m, RMSprop v. */
bool clt_optimizer_keeps_m(const clt_optimizer_rule *rule);
bool clt_optimizer_keeps_v(const clt_optimizer_rule *rule);

/* A parameter buffer and the moments of each element, all of one length; none where a rule keeps
 * none. */
typedef struct clt_optimizer_state {
    clt_buffer p, m, v;
} clt_optimizer_state;

/* Step t, from 1. */
clt_optimizer_step clt_optimizer_step_of(const clt_optimizer_rule *rule, double learning_rate,
                                         uint64_t t);

/* Both return on the device at once while record.bad is set. The rows `unique` of a table have been
 * brought up to date before: clt_optimizer_catch_up. */
CLT_NODISCARD clt_status clt_optimizer_dense(clt_optimizer *op, const clt_optimizer_step *step,
                                             clt_buffer record, size_t count, clt_buffer gradient,
                                             clt_optimizer_state state, clt_error *error);
CLT_NODISCARD clt_status clt_optimizer_table(clt_optimizer *op, const clt_optimizer_step *step,
                                             clt_buffer record, clt_buffer unique, int row_count,
                                             clt_buffer drows, clt_optimizer_state state,
                                             clt_error *error);

/* Before rows of the table are read or updated: brings the rows `unique`, or all, up to the last
 * good step. "dense" has nothing to do here. */
CLT_NODISCARD clt_status clt_optimizer_catch_up(clt_optimizer *op, clt_buffer unique, int row_count,
                                                clt_optimizer_state state, clt_error *error);
CLT_NODISCARD clt_status clt_optimizer_catch_up_all(clt_optimizer *op, clt_optimizer_state state,
                                                    clt_error *error);

/* ---- ema.c, cl/ema.cl ------------------------------------------------------------------------ */
typedef struct clt_ema clt_ema;
CLT_NODISCARD clt_status clt_ema_plan(clt_runtime *runtime, clt_ema **op, clt_error *error);
void clt_ema_destroy(clt_ema *op);
/* Takes weights p into their average, both [rows, columns]: average = momentum * average + (1 -
 * momentum) * p (ref: ema). Returns on the device at once while record.bad is set. */
CLT_NODISCARD clt_status clt_ema_update(clt_ema *op, float momentum, clt_buffer record, int rows,
                                        int columns, clt_buffer p, clt_buffer average,
                                        clt_error *error);

#endif
