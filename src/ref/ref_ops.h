/* ref_ops.h: declarations of ref.h, for one REAL. Included by ref.h only; no include guard. */

/* c[m, n] = op(a) . op(b) + (accumulate ? c : 0), row-major; op(a) is [m, k], op(b) is [k, n];
 * lda, ldb, ldc are the stored matrices' row lengths. Sums run over k in order. */
void REF(gemm)(bool a_transposed, bool b_transposed, int m, int n, int k, const REAL *a, int lda,
               const REAL *b, int ldb, bool accumulate, REAL *c, int ldc);

/* 1 / (1 + e^-x), exact for any finite x, 0 and 1 at -inf and inf. */
REAL REF(sigmoid)(REAL x);

/* rows[u, d] = table[unique[u], d] */
void REF(embedding)(const REAL *table, int features, const int32_t *unique, int row_count,
                    REAL *rows);

/* x[n, d] = rows[index[n], d] for all N positions: a sequence without an index. */
void REF(expand)(const REAL *rows, int features, const int32_t *index, int positions, REAL *x);

/* dst[u, c] = sum of src[p, c] over the positions p of row u: shard by shard
 * (positions[offsets[u * S + s]] .. positions[offsets[u * S + s + 1] - 1]), in pieces of 64 whose
 * sums are added in order, then over the shards by the tree of shards.h. */
void REF(segment_sum)(const clt_extent *extent, int row_count, int columns, const int32_t *offsets,
                      const int32_t *positions, const REAL *src, REAL *dst);
#ifndef CLT_SEGMENT_PIECE
#define CLT_SEGMENT_PIECE 64
#endif

/* y = x * mask / (1 - rate), mask drawn per element: kept where the 32-bit number >= rate * 2^32.
 * Rows are positions [N, features] when extent->timesteps > 0 and samples [B, features] when 0.
 * The number of (t, b, d) is clt_dropout_word() of util/random.h; t is 0 in the second case, and
 * with counter->locked.
 * Backward is the same call on dy. x and y may be the same array. */
void REF(dropout)(const clt_extent *extent, int features, double rate,
                  const clt_dropout_counter *counter, const REAL *x, REAL *y);

/* Whole words, in place: rows[u] /= 1 - rate where a word stays, and 0 where it falls out, by
 * clt_dropout_word() of (its id unique[u], 0, 0). Id 0, the pad, is no word and stays as it is.
 * Backward is the same call on drows. */
void REF(dropout_words)(const int32_t *unique, int row_count, int features, double rate,
                        const clt_dropout_counter *counter, REAL *rows);

/* y [B, count * D]: for each of config's kinds, over the time steps of x [N, D], the last one, the
 * mean (its sum in order of t), or the largest value (NaN where there is one). Masked steps
 * (extent->start) do not count, and get no gradient; without others y is 0. */
void REF(pool_forward)(const clt_extent *extent, const clt_pool_config *config, const REAL *x,
                       REAL *y);

/* dx [N, D] is overwritten: the mean's gradient goes to every step alike, the largest value's to
 * the steps that have it, shared evenly (JAX and TensorFlow do the same in reduce_max). */
void REF(pool_backward)(const clt_extent *extent, const clt_pool_config *config, const REAL *x,
                        const REAL *dy, REAL *dx);

/* y[b, o] = sum over i of x[b, i] * kernel[i, o] + bias[o] */
void REF(dense_forward)(int samples, int inputs, int outputs, const REAL *kernel, const REAL *bias,
                        const REAL *x, REAL *y);

/* dx[b, i] = sum over o of dy[b, o] * kernel[i, o] (dx NULL: not wanted);
 * dkernel[i, o] += sum over b of x[b, i] * dy[b, o]; dbias[o] += sum over b of dy[b, o];
 * sums over b in sample order inside shards, shards by the tree. */
void REF(dense_backward)(const clt_extent *extent, int inputs, int outputs, const REAL *kernel,
                         const REAL *x, const REAL *dy, REAL *dx, REAL *dkernel, REAL *dbias);

/* The LSTM of Keras (layers/rnn/lstm.py): z = x . kernel + h . recurrent_kernel + bias; i, f, o =
 * sigmoid, g = tanh; c = f * c + i * g; h = o * tanh(c).
 *
 * rows [row_count, D], index [N] or NULL (then row_count = N and position n uses row n).
 * recurrent_mask [N, H]: the product at a position reads h * mask; NULL: h.
 * h0, c0 [B, H]: the state before range's first step in the direction of time; NULL: zeros.
 * saved  [clt_ref_lstm_saved(...)] REALs: written by forward, read by backward; calls of one
 *        sequence share it.
 * y      the state after range's last step [B, width], or with config->sequence every state of
 *        the range at its position [N, width] (others untouched, and so are other columns).
 * hT, cT [B, H]: the state after range's last step; NULL: not wanted.
 * Masked (extent->start), a step before a sample's start leaves the state as it is, and y is that
 * (keras/src/backend/jax/rnn.py; not the zero of Keras's Bidirectional). */
size_t REF(lstm_saved)(const clt_extent *extent, const clt_lstm_config *config);
void REF(lstm_forward)(const clt_extent *extent, const clt_lstm_config *config,
                       clt_lstm_range range, const REAL *kernel, const REAL *recurrent_kernel,
                       const REAL *bias, const REAL *rows, int row_count, const int32_t *index,
                       const REAL *recurrent_mask, const REAL *h0, const REAL *c0, REAL *y,
                       REAL *hT, REAL *cT, REAL *saved);

/* dy [B, width] at range's last step, or [N, width] with config->sequence; NULL: zeros.
 * dhT, dcT [B, H] come from what follows the range; NULL: zeros. dh0, dc0 [B, H] out; NULL: not
 * wanted. dkernel, drecurrent_kernel, dbias accumulate. drows [row_count, D] is overwritten, or
 * accumulates with config->adds_drows (NULL: not wanted). dkernel, dbias and drows are formed by
 * the call whose range holds the sequence's first step in the direction of time, from the gate
 * gradients of all calls. drecurrent_kernel is summed per shard over its positions in order of t,
 * then by the tree. offsets [row_count * S + 1], positions [N]: see segment_sum; NULL when index is
 * NULL. */
void REF(lstm_backward)(const clt_extent *extent, const clt_lstm_config *config,
                        clt_lstm_range range, const REAL *kernel, const REAL *recurrent_kernel,
                        const REAL *rows, int row_count, const int32_t *index,
                        const int32_t *offsets, const int32_t *positions, const REAL *dy,
                        const REAL *dhT, const REAL *dcT, REAL *saved, REAL *drows, REAL *dkernel,
                        REAL *drecurrent_kernel, REAL *dbias, REAL *dh0, REAL *dc0);

/* Cross-entropy from logits [B, outputs] against labels, times w = class_weights [classes] (NULL:
 * all 1) of the label; dlogits: of the mean over B, whatever the weights, NULL: not wanted.
 * One output, the sigmoid of label 1: loss[b] = w[y] * (max(z, 0) - z * y + log(1 + e^-|z|)),
 * hit[b] = ((z > 0) == (y > 0.5)), dlogits[b] = w[y] * (sigmoid(z) - y) / B.
 * More, a softmax: with m the largest and sum that of e^(z[o] - m), loss[b] = w[y] * (log(sum) -
 * (z[y] - m)), hit[b]: the first output of the largest logit is y, dlogits[b, o] = w[y] * (e^(z[o]
 * - m) / sum - (o == y)) / B. (Keras's BinaryCrossentropy and SparseCategoricalCrossentropy with
 * from_logits; fit's class_weight becomes their sample_weight, and the reduction
 * sum_over_batch_size divides by the number of samples: losses/loss.py, reduce_weighted_values.) */
void REF(loss)(int samples, int outputs, const REAL *logits, const int32_t *targets,
               const REAL *class_weights, REAL *loss, int32_t *hit, REAL *dlogits);

/* The sum of values[b] over samples: in order inside shards, shards by the tree. */
REAL REF(sample_sum)(const clt_extent *extent, const REAL *values);

/* Sum of squares: in order inside chunks of 1024 elements, then the chunks in order. */
REAL REF(sum_squares)(const REAL *values, size_t count);
#ifndef CLT_SQUARES_CHUNK
#define CLT_SQUARES_CHUNK 1024
#endif

/* values are brought between -limit and limit. */
void REF(clip_value)(REAL limit, size_t count, REAL *values);

/* values *= limit / norm where norm = sqrt(squared_norm) is above limit. */
void REF(clip_norm)(REAL limit, REAL squared_norm, size_t count, REAL *values);

/* Keras 3. First p -= p * decay, then by rule->kind, nothing while `bad`:
 * Adam     m += (g - m) * one_minus_beta1; v += (g * g - v) * one_minus_beta2;
 *          p -= step_size * m / (sqrt(v) + epsilon)
 * SGD      m = m * momentum - g * step_size; p += m, or with nesterov m * momentum - g * step_size
 * RMSprop  v += (g * g - v) * one_minus_beta2; p -= step_size * g / sqrt(v + epsilon) */
void REF(optimizer)(const clt_optimizer_rule *rule, const clt_optimizer_step *step, bool bad,
                    size_t count, const REAL *gradient, REAL *p, REAL *m, REAL *v);

/* The same for a table [V, D] whose gradient is drows [row_count, D] at the sorted rows `unique`,
 * and 0 everywhere else: every row decays and moves. */
void REF(optimizer_table)(const clt_optimizer_rule *rule, const clt_optimizer_step *step, bool bad,
                          int table_rows, int features, const int32_t *unique, int row_count,
                          const REAL *drows, REAL *p, REAL *m, REAL *v);

/* The exponential moving average of weights: average = momentum * average + (1 - momentum) * p.
 * Nothing happens while `bad`. (Keras's use_ema: optimizers/base_optimizer.py,
 * _update_model_variables_moving_average, where the first step's momentum is 0.) */
void REF(ema)(float momentum, bool bad, size_t count, const REAL *p, REAL *average);

/* y[k] = sum over chains c of what x[k] + c becomes by `steps` times v = v * 0.9999f + 0.5, each
 * rounded once. */
void REF(peak_fma)(size_t count, int chains, int steps, const REAL *x, REAL *y);
