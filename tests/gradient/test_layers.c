/* The other references in double against central differences: dense, loss, dropout under a fixed
 * mask, pools, embedding with its segment sum; and products and sums against their definitions. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ref/ref.h"
#include "support/batch.h"
#include "support/gradient.h"
#include "support/tolerance.h"
#include "util/random.h"

static double dot(const double *a, const double *b, size_t count)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

/* ---- dense ----------------------------------------------------------------------------------- */

enum { B = 19, INPUTS = 5, OUTPUTS = 3 };

typedef struct dense_problem {
    double kernel[INPUTS * OUTPUTS], bias[OUTPUTS], x[B * INPUTS], dy[B * OUTPUTS];
} dense_problem;

static double dense_function(void *context)
{
    dense_problem *p = context;
    double y[B * OUTPUTS];
    clt_ref_dense_forward_f64(B, INPUTS, OUTPUTS, p->kernel, p->bias, p->x, y);
    return dot(p->dy, y, B * OUTPUTS);
}

static void test_dense(void **state)
{
    (void)state;
    const clt_extent extent = clt_extent_of(B, 0);
    dense_problem p;
    double dx[B * INPUTS], dkernel[INPUTS * OUTPUTS] = {0}, dbias[OUTPUTS] = {0};
    clt_test_normal_f64(p.kernel, INPUTS * OUTPUTS, 1.0, 1);
    clt_test_normal_f64(p.bias, OUTPUTS, 1.0, 2);
    clt_test_normal_f64(p.x, B * INPUTS, 1.0, 3);
    clt_test_normal_f64(p.dy, B * OUTPUTS, 1.0, 4);
    clt_ref_dense_backward_f64(&extent, INPUTS, OUTPUTS, p.kernel, p.x, p.dy, dx, dkernel, dbias);
    clt_test_assert_gradient("x", dense_function, &p, p.x, dx, B * INPUTS);
    clt_test_assert_gradient("kernel", dense_function, &p, p.kernel, dkernel, INPUTS * OUTPUTS);
    clt_test_assert_gradient("bias", dense_function, &p, p.bias, dbias, OUTPUTS);

    double once = dkernel[1];
    clt_ref_dense_backward_f64(&extent, INPUTS, OUTPUTS, p.kernel, p.x, p.dy, NULL, dkernel, dbias);
    assert_true(fabs(dkernel[1] - 2.0 * once) < 1e-13); /* accumulates */
}

/* ---- loss ------------------------------------------------------------------------------------ */

typedef struct loss_problem {
    int outputs;
    const double *class_weights;
    double logits[B * OUTPUTS];
    int32_t targets[B];
} loss_problem;

/* The mean, whose gradient dlogits is. */
static double loss_function(void *context)
{
    loss_problem *p = context;
    double loss[B], ones[B];
    int32_t hit[B];
    for (int b = 0; b < B; b++) {
        ones[b] = 1.0 / B;
    }
    clt_ref_loss_f64(B, p->outputs, p->logits, p->targets, p->class_weights, loss, hit, NULL);
    return dot(ones, loss, B);
}

static void test_loss(void **state)
{
    (void)state;
    loss_problem p = {.outputs = 1};
    double loss[B], dlogits[B];
    int32_t hit[B];
    clt_test_normal_f64(p.logits, B, 3.0, 1);
    for (int b = 0; b < B; b++) {
        p.targets[b] = b % 2;
    }
    clt_ref_loss_f64(B, 1, p.logits, p.targets, NULL, loss, hit, dlogits);
    clt_test_assert_gradient("logits", loss_function, &p, p.logits, dlogits, B);
    for (int b = 0; b < B; b++) {
        double probability = 1.0 / (1.0 + exp(-p.logits[b]));
        double want = -log(p.targets[b] == 1 ? probability : 1.0 - probability);
        assert_true(fabs(loss[b] - want) < 1e-12);
        assert_int_equal(hit[b], (probability > 0.5) == (p.targets[b] == 1));
    }
}

static void test_loss_at_the_ends(void **state)
{
    (void)state;
    const double logits[] = {0.0, 1e4, -1e4, 1e4, -1e4, NAN};
    const int32_t targets[] = {1, 1, 0, 0, 1, 1};
    const double want[] = {log(2.0), 0.0, 0.0, 1e4, 1e4};
    const int32_t hits[] = {0, 1, 1, 0, 0}; /* 0.5 is not above 0.5 */
    double loss[6], dlogits[6];
    int32_t hit[6];
    clt_ref_loss_f64(6, 1, logits, targets, NULL, loss, hit, dlogits);
    for (int b = 0; b < 5; b++) {
        assert_true(fabs(loss[b] - want[b]) < 1e-15);
        assert_int_equal(hit[b], hits[b]);
    }
    assert_true(isnan(loss[5]) && isnan(dlogits[5]));
    assert_true(dlogits[3] == 1.0 / 6.0 && dlogits[4] == -1.0 / 6.0);
    assert_true(clt_ref_sigmoid_f32(-INFINITY) == 0.0f && clt_ref_sigmoid_f32(INFINITY) == 1.0f);
    assert_true(clt_ref_sigmoid_f32(-100.0f) > 0.0f && isnan(clt_ref_sigmoid_f32(NAN)));
}

static void test_categorical_loss(void **state)
{
    (void)state;
    loss_problem p = {.outputs = OUTPUTS};
    double loss[B], dlogits[B * OUTPUTS];
    int32_t hit[B];
    clt_test_normal_f64(p.logits, B * OUTPUTS, 3.0, 1);
    for (int b = 0; b < B; b++) {
        p.targets[b] = b % OUTPUTS;
    }
    clt_ref_loss_f64(B, OUTPUTS, p.logits, p.targets, NULL, loss, hit, dlogits);
    clt_test_assert_gradient("logits", loss_function, &p, p.logits, dlogits, B * OUTPUTS);
    for (int b = 0; b < B; b++) {
        const double *z = p.logits + (size_t)b * OUTPUTS;
        double sum = 0.0, rest = 0.0, own = z[p.targets[b]];
        bool largest = true;
        for (int o = 0; o < OUTPUTS; o++) {
            sum += exp(z[o]);
            rest += dlogits[b * OUTPUTS + o];
            largest = largest && z[o] <= own;
        }
        assert_true(fabs(loss[b] + log(exp(own) / sum)) < 1e-12);
        assert_true(fabs(rest) < 1e-15); /* probabilities add up to 1 */
        assert_int_equal(hit[b], largest);
    }
}

/* Two outputs are the sigmoid of their difference. */
static void test_a_softmax_of_two_is_a_sigmoid(void **state)
{
    (void)state;
    double pairs[2 * B], logits[B], loss[2][B], pair_gradient[2 * B], gradient[B];
    int32_t targets[B], hit[2][B];
    clt_test_normal_f64(pairs, 2 * B, 3.0, 1);
    for (int b = 0; b < B; b++) {
        logits[b] = pairs[2 * b + 1] - pairs[2 * b];
        targets[b] = b % 2;
    }
    clt_ref_loss_f64(B, 1, logits, targets, NULL, loss[0], hit[0], gradient);
    clt_ref_loss_f64(B, 2, pairs, targets, NULL, loss[1], hit[1], pair_gradient);
    for (int b = 0; b < B; b++) {
        assert_true(fabs(loss[0][b] - loss[1][b]) < 1e-12);
        assert_true(fabs(gradient[b] - pair_gradient[2 * b + 1]) < 1e-15);
        assert_int_equal(hit[0][b], hit[1][b]);
    }
}

static void test_categorical_loss_at_the_ends(void **state)
{
    (void)state;
    const double logits[][OUTPUTS] = {{0.0, 0.0, 0.0},     {0.0, 0.0, 0.0}, {1e4, -1e4, 1e4},
                                      {1e300, 0.0, 1e300}, {5.0, NAN, 1.0}, {NAN, 0.0, 1.0},
                                      {INFINITY, 0.0, 0.0}};
    enum { COUNT = sizeof logits / sizeof *logits };
    const int32_t targets[COUNT] = {0, 2, 1, 2, 0, 1, 0};
    const int32_t hits[] = {1, 0, 0, 0}; /* of equal ones the first */
    const double want[] = {log(3.0), log(3.0), 2e4 + log(2.0), log(2.0)};
    double loss[COUNT], dlogits[COUNT * OUTPUTS];
    int32_t hit[COUNT];
    clt_ref_loss_f64(COUNT, OUTPUTS, logits[0], targets, NULL, loss, hit, dlogits);
    for (int b = 0; b < 4; b++) {
        assert_true(fabs(loss[b] - want[b]) < 1e-11);
        assert_int_equal(hit[b], hits[b]);
    }
    assert_true(dlogits[2 * OUTPUTS + 1] == -1.0 / COUNT);
    for (int b = 4; b < COUNT; b++) { /* a record of this ends training */
        assert_true(isnan(loss[b]) && isnan(dlogits[b * OUTPUTS]));
    }
}

/* A label's weight multiplies what is a sample's alone: its loss and its gradient, not its hit. */
static void test_weighted_loss(void **state)
{
    (void)state;
    const double weights[OUTPUTS] = {0.5, 3.0, 1.25};
    for (int outputs = 1; outputs <= OUTPUTS; outputs += OUTPUTS - 1) {
        loss_problem p = {.outputs = outputs, .class_weights = weights};
        int count = B * outputs;
        double loss[2][B], dlogits[2][B * OUTPUTS];
        int32_t hit[2][B];
        clt_test_normal_f64(p.logits, (size_t)count, 3.0, 1);
        for (int b = 0; b < B; b++) {
            p.targets[b] = b % (outputs == 1 ? 2 : outputs);
        }
        clt_ref_loss_f64(B, outputs, p.logits, p.targets, NULL, loss[0], hit[0], dlogits[0]);
        clt_ref_loss_f64(B, outputs, p.logits, p.targets, weights, loss[1], hit[1], dlogits[1]);
        clt_test_assert_gradient("logits", loss_function, &p, p.logits, dlogits[1], (size_t)count);
        for (int k = 0; k < count; k++) {
            double weight = weights[p.targets[k / outputs]];
            assert_true(loss[1][k / outputs] == weight * loss[0][k / outputs]);
            assert_true(fabs(dlogits[1][k] - weight * dlogits[0][k]) < 1e-15);
        }
        assert_memory_equal(hit[0], hit[1], sizeof hit[0]);
    }
}

/* ---- dropout --------------------------------------------------------------------------------- */

enum { T = 4, D = 7, N = B * T };
static const clt_dropout_counter counter = {0x123456789abcdef0u, 2, 41, false};

typedef struct dropout_problem {
    clt_extent extent;
    size_t count;
    double x[N * D], dy[N * D];
} dropout_problem;

static double dropout_function(void *context)
{
    dropout_problem *p = context;
    double y[N * D];
    clt_ref_dropout_f64(&p->extent, D, 0.3, &counter, p->x, y);
    return dot(p->dy, y, p->count);
}

static void test_dropout(void **state)
{
    (void)state;
    for (int timesteps = 0; timesteps <= T; timesteps += T) {
        dropout_problem p = {.extent = clt_extent_of(B, timesteps),
                             .count = timesteps > 0 ? N * D : B * D};
        double dx[N * D];
        clt_test_normal_f64(p.x, p.count, 1.0, 1);
        clt_test_normal_f64(p.dy, p.count, 1.0, 2);
        clt_ref_dropout_f64(&p.extent, D, 0.3, &counter, p.dy, dx);
        clt_test_assert_gradient("x", dropout_function, &p, p.x, dx, p.count);
    }
}

/* Which elements fall out depends on logical places only: sample 3 of a batch of 19 has the mask
 * that it has in a batch of 4. */
static void test_masks_have_logical_places(void **state)
{
    (void)state;
    const clt_extent large = clt_extent_of(B, T), small = clt_extent_of(4, T);
    float ones[N * D], y[N * D], z[N * D];
    for (int k = 0; k < N * D; k++) {
        ones[k] = 1.0f;
    }
    clt_ref_dropout_f32(&large, D, 0.5, &counter, ones, y);
    clt_ref_dropout_f32(&small, D, 0.5, &counter, ones, z);
    for (int t = 0; t < T; t++) {
        assert_memory_equal(y + clt_position(&large.shards, T, t, 3) * D,
                            z + clt_position(&small.shards, T, t, 3) * D, D * sizeof *y);
    }
    int kept = 0;
    for (int k = 0; k < N * D; k++) {
        assert_true(y[k] == 0.0f || y[k] == 2.0f);
        kept += y[k] != 0.0f;
    }
    assert_in_range(kept, N * D / 2 - 50, N * D / 2 + 50); /* 4 standard deviations */
    clt_ref_dropout_f32(&large, D, 0.0, &counter, ones, y);
    assert_memory_equal(y, ones, sizeof y);
}

/* Locked, a sample has at every time step the mask of its first. */
static void test_locked_masks(void **state)
{
    (void)state;
    const clt_dropout_counter locked = {counter.seed, counter.layer, counter.step, true};
    const clt_extent extent = clt_extent_of(B, T);
    float ones[N * D], y[N * D], z[N * D];
    for (int k = 0; k < N * D; k++) {
        ones[k] = 1.0f;
    }
    clt_ref_dropout_f32(&extent, D, 0.5, &counter, ones, y);
    clt_ref_dropout_f32(&extent, D, 0.5, &locked, ones, z);
    for (int b = 0; b < B; b++) {
        const float *first = y + clt_position(&extent.shards, T, 0, b) * D;
        for (int t = 0; t < T; t++) {
            assert_memory_equal(z + clt_position(&extent.shards, T, t, b) * D, first,
                                D * sizeof *z);
        }
    }
}

/* A word falls out at all its features or at none, in every batch of a step that has it; the pad
 * never does. The map is linear and its own transpose. */
static void test_whole_words(void **state)
{
    (void)state;
    enum { words = 200 };
    int32_t all[words], some[words / 2];
    float x[words * D], y[words / 2 * D];
    int kept = 0;
    for (int32_t k = 0; k < words; k++) {
        all[k] = k;
        some[k / 2] = k;
    }
    for (int k = 0; k < words * D; k++) {
        x[k] = 1.0f;
        y[k / 2] = 1.0f;
    }
    clt_ref_dropout_words_f32(all, words, D, 0.5, &counter, x);
    clt_ref_dropout_words_f32(some, words / 2, D, 0.5, &counter, y);
    assert_true(x[0] == 1.0f);
    for (int k = 1; k < words; k++) {
        assert_true(x[k * D] == 0.0f || x[k * D] == 2.0f);
        kept += x[k * D] != 0.0f;
        for (int d = 1; d < D; d++) {
            assert_true(x[k * D + d] == x[k * D]);
        }
        assert_true(k % 2 == 0 || y[k / 2 * D] == x[k * D]);
    }
    assert_in_range(kept, words / 2 - 28, words / 2 + 28); /* 4 standard deviations */
}

static void test_threshold(void **state)
{
    (void)state;
    assert_int_equal(clt_dropout_threshold(0.0), 0);
    assert_int_equal(clt_dropout_threshold(0.5), 0x80000000u);
    assert_int_equal(clt_dropout_threshold(0x1p-33), 1); /* rounded up: 0 is below it */
    assert_int_equal(clt_dropout_threshold(1.0 - 0x1p-53), UINT32_MAX);
}

/* ---- pool ------------------------------------------------------------------------------------ */

typedef struct pool_problem {
    clt_extent extent;
    clt_pool_config config;
    double x[N * D], dy[CLT_POOL_KINDS * B * D];
} pool_problem;

static double pool_function(void *context)
{
    pool_problem *p = context;
    double y[CLT_POOL_KINDS * B * D];
    clt_ref_pool_forward_f64(&p->extent, &p->config, p->x, y);
    return dot(p->dy, y, (size_t)(p->config.count * B * D));
}

static void test_pool(void **state)
{
    (void)state;
    static const clt_pool_config lists[] = {
        {D, 1, {CLT_POOL_LAST}},
        {D, 1, {CLT_POOL_MEAN}},
        {D, 1, {CLT_POOL_MAX}},
        {D, 3, {CLT_POOL_MAX, CLT_POOL_LAST, CLT_POOL_MEAN}},
    };
    enum { LISTS = sizeof lists / sizeof *lists };
    int32_t start[B];
    for (int b = 0; b < B; b++) {
        start[b] = b % (T + 1);
    }
    for (size_t k = 0; k < 2 * LISTS; k++) {
        pool_problem p = {.extent = clt_extent_of(B, T), .config = lists[k % LISTS]};
        double dx[N * D];
        p.extent.start = k < LISTS ? NULL : start;
        clt_test_normal_f64(p.x, N * D, 1.0, 1);
        clt_test_normal_f64(p.dy, (size_t)(p.config.count * B * D), 1.0, 2);
        clt_ref_pool_backward_f64(&p.extent, &p.config, p.x, p.dy, dx);
        clt_test_assert_gradient("x", pool_function, &p, p.x, dx, N * D);
    }
}

/* Where differences do not exist: Keras's GlobalMaxPooling1D on JAX and on TensorFlow. */
static void test_ties_share_the_gradient(void **state)
{
    (void)state;
    const clt_extent extent = clt_extent_of(1, 3);
    const clt_pool_config most = {2, 1, {CLT_POOL_MAX}};
    const double x[] = {1.0, 2.0, 3.0, 2.0, 3.0, 0.0}, dy[] = {6.0, 4.0};
    const double want[] = {0.0, 2.0, 3.0, 2.0, 3.0, 0.0};
    double dx[6];
    clt_ref_pool_backward_f64(&extent, &most, x, dy, dx);
    assert_memory_equal(dx, want, sizeof want);
}

/* ---- embedding ------------------------------------------------------------------------------- */

typedef struct embedding_problem {
    clt_test_batch batch;
    double *table, *dx;
} embedding_problem;

static double embedding_function(void *context)
{
    embedding_problem *p = context;
    double rows[N * D], x[N * D];
    clt_ref_embedding_f64(p->table, D, p->batch.unique, p->batch.row_count, rows);
    clt_ref_expand_f64(rows, D, p->batch.index, N, x);
    return dot(p->dx, x, N * D);
}

static void test_embedding(void **state)
{
    (void)state;
    enum { vocabulary = 30 };
    embedding_problem p = {clt_test_batch_create(B, T, vocabulary, 3),
                           clt_test_doubles(vocabulary * D), clt_test_doubles(N * D)};
    double drows[N * D], *dtable = clt_test_doubles(vocabulary * D);
    clt_test_normal_f64(p.table, vocabulary * D, 1.0, 1);
    clt_test_normal_f64(p.dx, N * D, 1.0, 2);
    clt_ref_segment_sum_f64(&p.batch.extent, p.batch.row_count, D, p.batch.offsets,
                            p.batch.positions, p.dx, drows);
    for (int u = 0; u < p.batch.row_count; u++) {
        memcpy(dtable + (size_t)p.batch.unique[u] * D, drows + (size_t)u * D, D * sizeof *drows);
    }
    clt_test_assert_gradient("table", embedding_function, &p, p.table, dtable, vocabulary * D);
    clt_test_batch_free(&p.batch);
    free(p.table);
    free(p.dx);
    free(dtable);
}

/* ---- sums, products, Adam -------------------------------------------------------------------- */

/* One row at all 1040 positions of 13 samples: the order, written out. */
static void test_segment_sum_order(void **state)
{
    (void)state;
    enum { samples = 13, timesteps = 80, count = samples * timesteps };
    clt_test_batch batch = clt_test_batch_create(samples, timesteps, 1, 1);
    float src[count], want[2] = {0}, got, in_order = 0.0f;
    clt_test_normal_f32(src, count, 1.0, 2);
    assert_int_equal(batch.extent.shards.count, 2);
    for (int s = 0; s < 2; s++) {
        for (int from = batch.offsets[s]; from < batch.offsets[s + 1]; from += 64) {
            float piece = 0.0f;
            for (int k = from; k < from + 64 && k < batch.offsets[s + 1]; k++) {
                piece += src[batch.positions[k]];
                in_order += src[batch.positions[k]];
            }
            want[s] += piece;
        }
    }
    clt_ref_segment_sum_f32(&batch.extent, 1, 1, batch.offsets, batch.positions, src, &got);
    assert_true(got == want[0] + want[1]);
    assert_false(got == in_order); /* else the order would not have been seen */
    clt_test_batch_free(&batch);
}

static void test_products(void **state)
{
    (void)state;
    enum { m = 3, n = 4, k = 5, ld = 7 };
    double a[ld * ld], b[ld * ld], before[ld * ld], c[ld * ld];
    clt_test_normal_f64(a, ld * ld, 1.0, 1);
    clt_test_normal_f64(b, ld * ld, 1.0, 2);
    clt_test_normal_f64(before, ld * ld, 1.0, 3);
    for (int options = 0; options < 8; options++) {
        bool ta = options & 1, tb = options & 2, accumulate = options & 4;
        memcpy(c, before, sizeof c);
        clt_ref_gemm_f64(ta, tb, m, n, k, a, ld, b, ld, accumulate, c, ld);
        for (int i = 0; i < ld; i++) {
            for (int j = 0; j < ld; j++) {
                double want = i < m && j < n && !accumulate ? 0.0 : before[i * ld + j];
                for (int l = 0; l < k && i < m && j < n; l++) {
                    want += a[ta ? l * ld + i : i * ld + l] * b[tb ? j * ld + l : l * ld + j];
                }
                assert_true(fabs(c[i * ld + j] - want) < 1e-13);
            }
        }
    }
}

static void test_adam_table_is_dense_adam(void **state)
{
    (void)state;
    enum { table_rows = 9 };
    const clt_optimizer_rule rule = {CLT_ADAM, 0.0, false, 0.2};
    const clt_optimizer_step step = {0.01f, 0.1f, 0.001f, 1e-7f, 0.2f, 0.0f};
    const int32_t unique[] = {0, 3, 4, 8};
    double drows[4 * D], gradient[table_rows * D] = {0};
    double p[2][table_rows * D], m[2][table_rows * D], v[2][table_rows * D];
    clt_test_normal_f64(drows, 4 * D, 1.0, 1);
    for (int k = 0; k < 2; k++) {
        clt_test_normal_f64(p[k], table_rows * D, 1.0, 2);
        clt_test_normal_f64(m[k], table_rows * D, 1.0, 3);
        clt_test_normal_f64(v[k], table_rows * D, 1.0, 4);
        for (int e = 0; e < table_rows * D; e++) {
            v[k][e] = fabs(v[k][e]);
        }
    }
    for (int u = 0; u < 4; u++) {
        memcpy(gradient + unique[u] * D, drows + u * D, D * sizeof *drows);
    }
    double expected = p[0][5] - p[0][5] * (double)0.2f;
    double m5 = m[0][5] + (gradient[5] - m[0][5]) * (double)0.1f;
    double v5 = v[0][5] + (gradient[5] * gradient[5] - v[0][5]) * (double)0.001f;
    expected -= (double)0.01f * m5 / (sqrt(v5) + (double)1e-7f);
    clt_ref_optimizer_f64(&rule, &step, false, table_rows * D, gradient, p[0], m[0], v[0]);
    clt_ref_optimizer_table_f64(&rule, &step, false, table_rows, D, unique, 4, drows, p[1], m[1],
                                v[1]);
    assert_true(fabs(p[0][5] - expected) < 1e-15);
    assert_memory_equal(p[0], p[1], sizeof p[0]);
    assert_memory_equal(m[0], m[1], sizeof m[0]);
    assert_memory_equal(v[0], v[1], sizeof v[0]);
    clt_ref_optimizer_f64(&rule, &step, true, table_rows * D, gradient, p[0], m[0], v[0]);
    assert_memory_equal(p[0], p[1], sizeof p[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_loss_at_the_ends),
        cmocka_unit_test(test_categorical_loss),
        cmocka_unit_test(test_a_softmax_of_two_is_a_sigmoid),
        cmocka_unit_test(test_categorical_loss_at_the_ends),
        cmocka_unit_test(test_weighted_loss),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_masks_have_logical_places),
        cmocka_unit_test(test_locked_masks),
        cmocka_unit_test(test_whole_words),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_ties_share_the_gradient),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_segment_sum_order),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_adam_table_is_dense_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
