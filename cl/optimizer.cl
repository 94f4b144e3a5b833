/* optimizer.cl: Adam as Keras 3 computes it, or with CLT_SGD or CLT_RMSPROP one of these, over a
 * flat array and over a table whose gradient is rows at sorted ids. Nothing moves while the flag of
 * the record is set.
 *
 * Every row of a table decays and moves at every step, used or not. optimizer_table does it so. The
 * lazy form leaves the same bits: optimizer_rows updates a step's own rows and writes the step down
 * in the journal; optimizer_catch_up replays, before rows are read, the updates they have missed,
 * with the constants of those steps. So bringing rows up to date at any moment changes no bits. */

/* The constants of one step; clt_optimizer_step in src/util/shapes.h. */
typedef struct step_constants {
    float step_size, one_minus_beta1, one_minus_beta2, epsilon, decay, momentum;
} step_constants;

/* The good steps since all rows were up to date; the same layout in src/ops/optimizer.c. Rows count
 * the updates they have had since then in last[V]. */
#define JOURNAL_STEPS 1024
typedef struct step_journal {
    int count;
    float zero; /* never written: a gradient of zero that no compiler knows */
    step_constants steps[JOURNAL_STEPS];
} step_journal;

static int zero_one(int bits)
{
    return bits == 0;
}

static int zero_sixteen(int16 bits)
{
    return !any(bits != 0);
}

/* One update, the same text for one and for sixteen elements, for every row or a late one, so that
 * a zero gradient passed as a value gives what an absent row gets. RULE(FLOAT) is
 *   Adam     m += (g - m) * (1 - beta1); v += (g * g - v) * (1 - beta2);
 *            p -= alpha * m / (sqrt(v) + epsilon)
 *   SGD      m = m * momentum - g * rate; p += m, or as Nesterov m * momentum - g * rate
 *   RMSprop  v += (g * g - v) * (1 - rho); p -= rate * g / sqrt(v + epsilon)
 * and what decays loses p * decay before. What a rule does not keep from step to step is 0 before
 * each, and its array is not there. */
#if defined(CLT_SGD)
#define KEEPS_V 0
#ifdef CLT_MOMENTUM
#define KEEPS_M 1
#ifdef CLT_NESTEROV
#define MOVE *m * step.momentum - g * step.step_size
#else
#define MOVE *m
#endif
#define RULE(FLOAT)                                                                                \
    *m = *m * step.momentum - g * step.step_size;                                                  \
    *p += MOVE
#else /* without m: compilers differ in the sign of 0 - 0 * rate, and p may be -0 */
#define KEEPS_M 0
#define RULE(FLOAT) *p -= g * step.step_size
#endif
#elif defined(CLT_RMSPROP)
#define KEEPS_M 0
#define KEEPS_V 1
#define RULE(FLOAT)                                                                                \
    *v = fma(fma(g, g, -*v), (FLOAT)step.one_minus_beta2, *v);                                     \
    *p -= step.step_size * g / sqrt(*v + step.epsilon)
#else
#define KEEPS_M 1
#define KEEPS_V 1
#define RULE(FLOAT)                                                                                \
    *m = fma(g - *m, (FLOAT)step.one_minus_beta1, *m);                                             \
    *v = fma(fma(g, g, -*v), (FLOAT)step.one_minus_beta2, *v);                                     \
    *p -= step.step_size * *m / (sqrt(*v) + step.epsilon)
#endif
#ifdef CLT_DECAYS
#define DECAY *p -= *p * step.decay
#define RESTS(bits) 0
#else
#define DECAY
#define RESTS(bits) (bits)
#endif

/* An update, and its replay for steps from .. to - 1 of the journal. */
#define UPDATE(SIZE, FLOAT, AS_INT)                                                                \
    static void update_##SIZE(FLOAT g, FLOAT *p, FLOAT *m, FLOAT *v, step_constants step)          \
    {                                                                                              \
        DECAY;                                                                                     \
        RULE(FLOAT);                                                                               \
    }                                                                                              \
    static void replay_##SIZE(FLOAT *p, FLOAT *m, FLOAT *v, __global const step_journal *journal,  \
                              int from, int to)                                                    \
    {                                                                                              \
        if (RESTS(zero_##SIZE(AS_INT(*m) | AS_INT(*v)))) {                                         \
            to = min(to, from + 1); /* never had a gradient: further updates change nothing */     \
        }                                                                                          \
        for (int s = from; s < to; s++) {                                                          \
            update_##SIZE((FLOAT)journal->zero, p, m, v, journal->steps[s]);                       \
        }                                                                                          \
    }
UPDATE(one, float, as_int)
UPDATE(sixteen, float16, as_int16)

/* The elements from k on as pk, mk, vk, and back. */
#define LOAD(FLOAT, PLACE)                                                                         \
    FLOAT pk = *(__global const PLACE *)(p + k), mk = (FLOAT)0.0f, vk = (FLOAT)0.0f;               \
    if (KEEPS_M) {                                                                                 \
        mk = *(__global const PLACE *)(m + k);                                                     \
    }                                                                                              \
    if (KEEPS_V) {                                                                                 \
        vk = *(__global const PLACE *)(v + k);                                                     \
    }
#define STORE(PLACE)                                                                               \
    *(__global PLACE *)(p + k) = pk;                                                               \
    if (KEEPS_M) {                                                                                 \
        *(__global PLACE *)(m + k) = mk;                                                           \
    }                                                                                              \
    if (KEEPS_V) {                                                                                 \
        *(__global PLACE *)(v + k) = vk;                                                           \
    }

/* The elements 0 .. count - 1 of p, m, v; their gradients, or all zero when NULL. */
static void update_run(int count, __global const float *gradient, __global float *p,
                       __global float *m, __global float *v, step_constants step)
{
    int k = 0;
#ifdef CLT_WHOLE_ROWS
    for (; k + 16 <= count; k += 16) {
        float16 g = (float16)0.0f;
        LOAD(float16, clt_unaligned16)
        if (gradient != 0) {
            g = *(__global const clt_unaligned16 *)(gradient + k);
        }
        update_sixteen(g, &pk, &mk, &vk, step);
        STORE(clt_unaligned16)
    }
#endif
    for (; k < count; k++) {
        float g = gradient != 0 ? gradient[k] : 0.0f;
        LOAD(float, float)
        update_one(g, &pk, &mk, &vk, step);
        STORE(float)
    }
}

/* Steps from .. to - 1 of the journal for the elements 0 .. count - 1. */
static void replay_run(int count, __global float *p, __global float *m, __global float *v,
                       __global const step_journal *journal, int from, int to)
{
    int k = 0;
#ifdef CLT_WHOLE_ROWS
    for (; k + 16 <= count; k += 16) {
        LOAD(float16, clt_unaligned16)
        replay_sixteen(&pk, &mk, &vk, journal, from, to);
        STORE(clt_unaligned16)
    }
#endif
    for (; k < count; k++) {
        LOAD(float, float)
        replay_one(&pk, &mk, &vk, journal, from, to);
        STORE(float)
    }
}

/* Rows of a batch lie far apart: the row so many ahead is fetched into the cache. */
#define AHEAD 4
static void fetch_row(int row, int features, __global const float *p, __global const float *m,
                      __global const float *v)
{
#ifdef CLT_WHOLE_ROWS
    clt_prefetch_rows(p, features, row, row + 1, features);
    if (KEEPS_M) {
        clt_prefetch_rows(m, features, row, row + 1, features);
    }
    if (KEEPS_V) {
        clt_prefetch_rows(v, features, row, row + 1, features);
    }
#endif
}

/* gradient, p, m, v [count]; a work-item takes `span` elements. */
__kernel void optimizer_dense(__global const clt_record *record, __global const float *gradient,
                              __global float *p, __global float *m, __global float *v, int count,
                              int span, float step_size, float one_minus_beta1,
                              float one_minus_beta2, float epsilon, float decay, float momentum)
{
    const step_constants step = {step_size, one_minus_beta1, one_minus_beta2,
                                 epsilon,   decay,           momentum};
    int begin = get_global_id(0) * span;
    if (record->bad || begin >= count) {
        return;
    }
    update_run(min(span, count - begin), gradient + begin, p + begin, m + begin, v + begin, step);
}

/* The first place in the sorted ids[0 .. count - 1] whose id is at least `id`. */
static int lower_bound(__global const int *ids, int count, int id)
{
    int low = 0;
    while (low < count) {
        int middle = low + (count - low) / 2;
        if (ids[middle] < id) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* p, m, v [table_rows, features]; drows [row_count, features] is the gradient of the rows `unique`.
 * Launch: src/ops/tiling.h over [table_rows, features]. */
__kernel void optimizer_table(__global const clt_record *record, __global const int *unique,
                              int row_count, __global const float *drows, __global float *p,
                              __global float *m, __global float *v, int table_rows, int features,
                              int rows, int span, float step_size, float one_minus_beta1,
                              float one_minus_beta2, float epsilon, float decay, float momentum)
{
    const step_constants step = {step_size, one_minus_beta1, one_minus_beta2,
                                 epsilon,   decay,           momentum};
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, next = min(first + rows, table_rows);
    if (record->bad || begin >= end) {
        return;
    }
    int u = lower_bound(unique, row_count, first);
    for (int row = first; row < next; row++) {
        __global const float *gradient = 0;
        size_t at = (size_t)row * features + begin;
        if (u < row_count && unique[u] == row) {
            gradient = drows + (size_t)u * features + begin;
            u++;
        }
        update_run(end - begin, gradient, p + at, m + at, v + at, step);
    }
}

/* Step `number` of the journal: rows `unique` of p, m, v, all up to date, get their gradients.
 * Launch: src/ops/tiling.h over [row_count, features]. */
__kernel void optimizer_rows(__global const clt_record *record, __global const int *unique,
                             int row_count, __global const float *drows, __global float *p,
                             __global float *m, __global float *v, int features, int rows, int span,
                             float step_size, float one_minus_beta1, float one_minus_beta2,
                             float epsilon, float decay, float momentum, int number,
                             __global step_journal *journal, __global int *last)
{
    const step_constants step = {step_size, one_minus_beta1, one_minus_beta2,
                                 epsilon,   decay,           momentum};
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, next = min(first + rows, row_count);
    if (record->bad || begin >= end) {
        return;
    }
    if (begin == 0 && first == 0) {
        journal->steps[number] = step;
        journal->count = number + 1;
    }
    for (int u = first; u < next; u++) {
        size_t at = (size_t)unique[u] * features + begin;
        fetch_row(unique[min(u + AHEAD, row_count - 1)], features, p, m, v);
        update_run(end - begin, drows + (size_t)u * features + begin, p + at, m + at, v + at, step);
        if (begin == 0) {
            last[unique[u]] = number + 1;
        }
    }
}

/* Brings rows `unique`, or rows 0 .. row_count - 1 when NULL, up to the last good step.
 * Launch: src/ops/tiling.h over [row_count, 1]: one work-group has a row to itself, so that it is
 * written to last[] when all have read it there. On CPUs a work-group is one work-item. */
__kernel void optimizer_catch_up(__global const int *unique, int row_count, __global float *p,
                                 __global float *m, __global float *v, int features, int rows,
                                 int span, __global const step_journal *journal, __global int *last)
{
    int first = get_global_id(1) * rows, next = min(first + rows, row_count);
    int to = journal->count;
    for (int u = first; u < next; u++) {
        int row = unique != 0 ? unique[u] : u, from = last[row];
        int ahead = min(u + AHEAD, row_count - 1);
        fetch_row(unique != 0 ? unique[ahead] : ahead, features, p, m, v);
        for (int d = get_local_id(0) * span; from < to && d < features;
             d += get_local_size(0) * span) {
            size_t at = (size_t)row * features + d;
            replay_run(min(span, features - d), p + at, m + at, v + at, journal, from, to);
        }
#ifndef CLT_WHOLE_ROWS
        barrier(CLK_GLOBAL_MEM_FENCE);
#endif
        if (get_local_id(0) == 0) {
            last[row] = to;
        }
    }
}
