/* Every optimizer over arrays and over the embedding table, against the reference in double; the
 * same bits from the lazy form as from the dense one; nothing moves while the record is bad. */
#include "ref/ref.h"
#include "support/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/random.h"

enum { STEPS = 3 };
/* Decays are large enough to show beside what the rule does. */
static const clt_optimizer_rule rules[] = {
    {CLT_ADAM, 0.0, false, 0.0}, {CLT_ADAM, 0.0, false, 2.0},    {CLT_SGD, 0.0, false, 0.0},
    {CLT_SGD, 0.9, false, 0.0},  {CLT_SGD, 0.6, true, 2.0},      {CLT_RMSPROP, 0.0, false, 0.0},
    {CLT_SGD, 0.9, true, 0.0},   {CLT_RMSPROP, 0.0, false, 2.0},
};
enum { RULES = sizeof rules / sizeof rules[0] };
static const clt_optimizer_rule *const adam_decays = &rules[1];

/* p, m, v on the device, where the rule keeps them, in float and in double. v is not negative. */
typedef struct adam {
    size_t count;
    clt_optimizer_state device;
    float *start[3];
    double *p, *m, *v;
} adam;

static void upload(clt_test_device *device, const clt_optimizer_rule *rule, adam *a)
{
    size_t bytes = a->count * sizeof(float);
    a->device.p = clt_test_input(device, a->start[0], bytes);
    if (clt_optimizer_keeps_m(rule)) {
        a->device.m = clt_test_input(device, a->start[1], bytes);
    }
    if (clt_optimizer_keeps_v(rule)) {
        a->device.v = clt_test_input(device, a->start[2], bytes);
    }
}

static adam new_adam(clt_test_device *device, const clt_optimizer_rule *rule, size_t count)
{
    adam a = {.count = count};
    for (int k = 0; k < 3; k++) {
        a.start[k] = clt_test_normals(device, count, k == 0 ? 1.0 : 0.1, (uint64_t)k + 1);
    }
    for (size_t e = 0; e < count; e++) {
        /* A third of all elements has never had a gradient. */
        a.start[1][e] = e % 3 == 0 ? 0.0f : a.start[1][e];
        a.start[2][e] = e % 3 == 0 ? 0.0f : fabsf(a.start[2][e]);
    }
    upload(device, rule, &a);
    a.p = clt_test_widen(device, a.start[0], count);
    a.m = clt_test_widen(device, a.start[1], count);
    a.v = clt_test_widen(device, a.start[2], count);
    return a;
}

static clt_buffer new_record(clt_test_device *device, int32_t bad)
{
    const clt_record record = {.bad = bad};
    return clt_test_input(device, &record, sizeof record);
}

static void assert_adam_near(clt_test_device *device, const adam *a)
{
    const clt_buffer got[] = {a->device.p, a->device.m, a->device.v};
    const double *const want[] = {a->p, a->m, a->v};
    static const char *const names[] = {"p", "m", "v"};
    for (int k = 0; k < 3; k++) {
        if (got[k].bytes > 0) {
            clt_test_assert_near(names[k], clt_test_read(device, got[k]),
                                 clt_test_narrow(device, want[k], a->count), a->count,
                                 CLT_TOLERANCE_ELEMENT);
        }
    }
}

static void assert_same_bits(clt_test_device *device, const adam *a, const adam *b)
{
    const clt_buffer left[] = {a->device.p, a->device.m, a->device.v};
    const clt_buffer right[] = {b->device.p, b->device.m, b->device.v};
    for (int k = 0; k < 3; k++) {
        size_t count = left[k].bytes / sizeof(uint32_t); /* 0: the rule does not keep it */
        const uint32_t *x = count > 0 ? clt_test_read(device, left[k]) : NULL;
        const uint32_t *y = count > 0 ? clt_test_read(device, right[k]) : NULL;
        for (size_t e = 0; e < count; e++) {
            if (x[e] != y[e]) {
                fail_msg("%c[%zu]: 0x%08x and 0x%08x", "pmv"[k], e, (unsigned)x[e], (unsigned)y[e]);
            }
        }
    }
}

static void assert_adam_unchanged(clt_test_device *device, const adam *a)
{
    size_t bytes = a->count * sizeof(float);
    assert_memory_equal(clt_test_read(device, a->device.p), a->start[0], bytes);
    assert_memory_equal(clt_test_read(device, a->device.m), a->start[1], bytes);
    assert_memory_equal(clt_test_read(device, a->device.v), a->start[2], bytes);
}

static void test_step_is_keras(void **state)
{
    (void)state;
    /* Computed by NumPy in float32 as Keras 3.16 does; powers of the double 0.999 differ. */
    const struct {
        uint64_t t;
        float step_size;
    } want[] = {{1, 0x1.4b962ep-12f},
                {2, 0x1.ed7d72p-13f},
                {10, 0x1.414234p-13f},
                {1000, 0x1.a0e64cp-11f},
                {100000, 0x1.0624dep-10f}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        clt_optimizer_rule rule = {CLT_ADAM, 0.0, false, 0.3};
        clt_optimizer_step step = clt_optimizer_step_of(&rule, 0.001, want[k].t);
        assert_true(step.step_size == want[k].step_size);
        assert_true(step.one_minus_beta1 == 0.1f && step.one_minus_beta2 == 0.001f);
        assert_true(step.epsilon == 1e-7f && step.decay == 0.001f * 0.3f);
    }
}

static void check_dense(clt_test_device *device, const clt_optimizer_rule *rule)
{
    const size_t counts[] = {1, 3, 13, 15, 16, 17, 300, 4095, 4096, 4097, 10000};
    clt_error error;
    clt_optimizer *op = NULL;
    assert_ok(clt_optimizer_plan(device->runtime, rule, 0, 0, &op, &error));
    clt_buffer record = new_record(device, 0);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        adam a = new_adam(device, rule, counts[k]);
        for (uint64_t t = 1; t <= STEPS; t++) {
            clt_optimizer_step step = clt_optimizer_step_of(rule, 0.01, t);
            float *gradient = clt_test_normals(device, counts[k], 1.0, t + 10);
            clt_buffer in = clt_test_input(device, gradient, counts[k] * sizeof *gradient);
            assert_ok(clt_optimizer_dense(op, &step, record, counts[k], in, a.device, &error));
            clt_ref_optimizer_f64(rule, &step, false, counts[k],
                                  clt_test_widen(device, gradient, counts[k]), a.p, a.m, a.v);
        }
        assert_adam_near(device, &a);
    }
    clt_optimizer_destroy(op);
}

static void test_dense(void **state)
{
    for (size_t k = 0; k < RULES; k++) {
        check_dense(*state, &rules[k]);
        assert_int_equal(clt_test_device_end(state), 0);
    }
}

/* `stride`: every such row has a gradient, the last always. */
static int list_rows(int table_rows, int stride, int32_t *unique)
{
    int count = 0;
    for (int row = 0; row < table_rows; row++) {
        if (row % stride == stride - 1 || row == table_rows - 1) {
            unique[count++] = row;
        }
    }
    return count;
}

static clt_optimizer *plan(clt_test_device *device, const char *variant,
                           const clt_optimizer_rule *rule, int table_rows, int features)
{
    clt_error error;
    clt_optimizer *op = NULL;
    clt_runtime_force(device->runtime, "adam", variant);
    assert_ok(clt_optimizer_plan(device->runtime, rule, table_rows, features, &op, &error));
    clt_runtime_force(device->runtime, "adam", NULL);
    return op;
}

static void check_table(clt_test_device *device, const char *variant,
                        const clt_optimizer_rule *rule, int table_rows, int features, int stride)
{
    clt_error error;
    clt_optimizer *op = plan(device, variant, rule, table_rows, features);
    adam a = new_adam(device, rule, (size_t)table_rows * (size_t)features);
    int32_t *unique = clt_test_alloc(device, (size_t)table_rows * sizeof *unique);
    clt_buffer record = new_record(device, 0);
    for (uint64_t t = 1; t <= STEPS; t++) {
        clt_optimizer_step step = clt_optimizer_step_of(rule, 0.01, t);
        int row_count = list_rows(table_rows, stride + (int)t - 1, unique);
        size_t count = (size_t)row_count * (size_t)features;
        float *drows = clt_test_normals(device, count, 1.0, t + 10);
        clt_buffer ids = clt_test_input(device, unique, (size_t)row_count * sizeof *unique);
        clt_buffer in = clt_test_input(device, drows, count * sizeof *drows);
        assert_ok(clt_optimizer_catch_up(op, ids, row_count, a.device, &error));
        assert_ok(clt_optimizer_table(op, &step, record, ids, row_count, in, a.device, &error));
        clt_ref_optimizer_table_f64(rule, &step, false, table_rows, features, unique, row_count,
                                    clt_test_widen(device, drows, count), a.p, a.m, a.v);
    }
    assert_ok(clt_optimizer_catch_up_all(op, a.device, &error));
    assert_adam_near(device, &a);
    clt_optimizer_destroy(op);
}

static void check_tables(clt_test_device *device, const char *variant, const int (*shapes)[3],
                         size_t count)
{
    for (size_t k = 0; k < count * RULES; k++) {
        const int *shape = shapes[k / RULES];
        check_table(device, variant, &rules[k % RULES], shape[0], shape[1], shape[2]);
        assert_int_equal(clt_test_device_end(&(void *){device}), 0);
    }
}

static void test_small_tables(void **state)
{
    static const int shapes[][3] = {{1, 1, 1}, {3, 3, 1}, {13, 17, 2}};
    check_tables(*state, "dense", shapes, 3);
    check_tables(*state, "lazy", shapes, 3);
}

static const int tables[][3] = {
    {63, 16, 5}, {64, 15, 7}, {65, 128, 3}, {300, 13, 1}, {200, 5, 150}};
static void test_table(void **state)
{
    check_tables(*state, "dense", tables, sizeof tables / sizeof *tables);
}

static void test_lazy_table(void **state)
{
    check_tables(*state, "lazy", tables, sizeof tables / sizeof *tables);
}

/* An absent row gets the bits of a row whose gradient is zero, whatever lies around it. */
static void test_absent_is_zero(void **state)
{
    enum { table_rows = 150, features = 37, count = table_rows * features };
    clt_error error;
    clt_test_device *device = *state;
    clt_optimizer *op = plan(device, "dense", adam_decays, table_rows, features);
    adam some = new_adam(device, adam_decays, count), all = new_adam(device, adam_decays, count);
    clt_buffer record = new_record(device, 0);
    int32_t unique[table_rows], every[table_rows];
    int row_count = list_rows(table_rows, 4, unique);
    float *drows = clt_test_normals(device, count, 1.0, 9);
    float *spread = clt_test_alloc(device, count * sizeof *spread);
    list_rows(table_rows, 1, every);
    for (int u = 0; u < row_count; u++) {
        memcpy(spread + unique[u] * features, drows + u * features, features * sizeof *spread);
    }
    clt_buffer ids = clt_test_input(device, unique, (size_t)row_count * sizeof *unique);
    clt_buffer in = clt_test_input(device, drows, (size_t)row_count * features * sizeof *drows);
    clt_buffer all_ids = clt_test_input(device, every, sizeof every);
    clt_buffer all_in = clt_test_input(device, spread, count * sizeof *spread);
    for (uint64_t t = 1; t <= 20; t++) {
        clt_optimizer_step step = clt_optimizer_step_of(adam_decays, 0.01, t);
        assert_ok(clt_optimizer_table(op, &step, record, ids, row_count, in, some.device, &error));
        assert_ok(clt_optimizer_table(op, &step, record, all_ids, table_rows, all_in, all.device,
                                      &error));
    }
    assert_same_bits(device, &some, &all);
    /* Both have moved, absent rows too. */
    float *p = clt_test_read(device, some.device.p);
    assert_true(p[1] != some.start[0][1]);
    clt_optimizer_destroy(op);
}

static void test_nothing_moves_while_bad(void **state)
{
    enum { table_rows = 100, features = 7, count = table_rows * features };
    clt_error error;
    clt_test_device *device = *state;
    clt_optimizer *op = plan(device, "dense", adam_decays, table_rows, features);
    const clt_optimizer_step step = clt_optimizer_step_of(adam_decays, 0.01, 1);
    int32_t unique[table_rows];
    int row_count = list_rows(table_rows, 3, unique);
    clt_buffer ids = clt_test_input(device, unique, (size_t)row_count * sizeof *unique);
    clt_buffer gradient = clt_test_output(device, count * sizeof(float)); /* NaN */
    clt_buffer record = new_record(device, 1);
    adam table = new_adam(device, adam_decays, count), dense = new_adam(device, adam_decays, count);
    assert_ok(clt_optimizer_dense(op, &step, record, count, gradient, dense.device, &error));
    assert_ok(
        clt_optimizer_table(op, &step, record, ids, row_count, gradient, table.device, &error));
    assert_adam_unchanged(device, &dense);
    assert_adam_unchanged(device, &table);
    clt_optimizer_destroy(op);
}

/* ---- lazy is dense --------------------------------------------------------------------------- */

enum { ROWS_MAX = 48, FEATURES_MAX = 37 };

/* The same table in both variants. Row r gets a gradient every rests[r % rest_count] steps, never
 * when that is 0. */
typedef struct twins {
    clt_test_device *device;
    const clt_optimizer_rule *rule;
    int table_rows, features, rest_count;
    const int *rests;
    clt_optimizer *dense_op, *lazy_op;
    adam dense, lazy;
    clt_buffer record, ids, drows;
} twins;

/* A number of any size: the exponent is drawn from `least` .. 1. */
static float any_size(clt_random *random, int least)
{
    float value = ldexpf((float)(0.5 + 0.5 * clt_random_uniform(random)),
                         1 - (int)clt_random_below(random, (uint32_t)(2 - least)));
    return clt_random_below(random, 2) ? value : -value;
}

/* Rows that have had no gradient yet, rows in mid-training, rows of any size, rows of zeros of
 * both signs, denormals and large numbers. */
static adam new_twin(clt_test_device *device, const clt_optimizer_rule *rule, int table_rows,
                     int features)
{
    static const float special[] = {0.0f, -0.0f, 1e-40f, -1e-40f, 1e-30f, 1e30f, 0.05f};
    adam a = {.count = (size_t)table_rows * (size_t)features};
    clt_random random = clt_random_stream(5, CLT_RANDOM_DEMO, 0);
    for (int k = 0; k < 3; k++) {
        a.start[k] = clt_test_normals(device, a.count, k == 0 ? 0.05 : 0.0, (uint64_t)k + 1);
    }
    for (size_t e = 0; e < a.count; e++) {
        float *p = a.start[0] + e, *m = a.start[1] + e, *v = a.start[2] + e;
        switch (e / (size_t)features % 4) {
        case 0:
            *m = *v = 0.0f;
            break;
        case 1:
            *m = (float)(1e-4 * clt_random_normal(&random));
            *v = (float)(1e-6 * clt_random_uniform(&random));
            break;
        case 2:
            *p = any_size(&random, -100);
            *m = any_size(&random, -126);
            *v = fabsf(any_size(&random, -126));
            break;
        default:
            *p = special[clt_random_below(&random, 7)];
            *m = clt_random_below(&random, 2) ? special[clt_random_below(&random, 5)] : 0.0f;
            *v = clt_random_below(&random, 2) ? fabsf(special[clt_random_below(&random, 5)]) : 0.0f;
        }
    }
    upload(device, rule, &a);
    return a;
}

static twins new_twins(clt_test_device *device, const clt_optimizer_rule *rule, int table_rows,
                       int features, const int *rests, int rest_count)
{
    assert_true(table_rows <= ROWS_MAX && features <= FEATURES_MAX);
    return (twins){.device = device,
                   .rule = rule,
                   .table_rows = table_rows,
                   .features = features,
                   .rest_count = rest_count,
                   .rests = rests,
                   .dense_op = plan(device, "dense", rule, table_rows, features),
                   .lazy_op = plan(device, "lazy", rule, table_rows, features),
                   .dense = new_twin(device, rule, table_rows, features),
                   .lazy = new_twin(device, rule, table_rows, features),
                   .record = new_record(device, 0),
                   .ids = clt_test_output(device, ROWS_MAX * sizeof(int32_t)),
                   .drows = clt_test_output(device, ROWS_MAX * FEATURES_MAX * sizeof(float))};
}

static void end_twins(twins *w)
{
    clt_optimizer_destroy(w->dense_op);
    clt_optimizer_destroy(w->lazy_op);
}

/* What a step would read has the same bits in both. */
static void assert_same_rows(twins *w, const int32_t *unique, int row_count)
{
    size_t row = (size_t)w->features * sizeof(float);
    const char *x = clt_test_read(w->device, w->dense.device.p);
    const char *y = clt_test_read(w->device, w->lazy.device.p);
    for (int u = 0; u < row_count; u++) {
        assert_memory_equal(x + (size_t)unique[u] * row, y + (size_t)unique[u] * row, row);
    }
}

/* Step t of both, at a learning rate that changes and may be 0. Gradients of row r are about 10^(-4
 * * (r % 5)): v of the smallest is a denormal soon. */
static void step_twins(twins *w, int t, bool compare)
{
    clt_error error;
    int32_t unique[ROWS_MAX];
    float drows[ROWS_MAX * FEATURES_MAX];
    int row_count = 0, features = w->features;
    for (int row = 0; row < w->table_rows; row++) {
        int rest = w->rests[row % w->rest_count];
        if (rest > 0 && t % rest == row % rest) {
            clt_test_normal_f32(drows + row_count * features, (size_t)features,
                                pow(10.0, -4.0 * (row % 5)), (uint64_t)(t * ROWS_MAX + row));
            unique[row_count++] = row;
        }
    }
    assert_true(row_count > 0);
    clt_optimizer_step step = clt_optimizer_step_of(w->rule, 0.001 * (t % 4), (uint64_t)t);
    clt_runtime *runtime = w->device->runtime;
    assert_ok(
        clt_buffer_write(runtime, w->ids, 0, (size_t)row_count * sizeof *unique, unique, &error));
    assert_ok(clt_buffer_write(runtime, w->drows, 0, (size_t)(row_count * features) * sizeof *drows,
                               drows, &error));
    assert_ok(clt_optimizer_catch_up(w->dense_op, w->ids, row_count, w->dense.device, &error));
    assert_ok(clt_optimizer_catch_up(w->lazy_op, w->ids, row_count, w->lazy.device, &error));
    if (compare) {
        assert_same_rows(w, unique, row_count);
    }
    assert_ok(clt_optimizer_table(w->dense_op, &step, w->record, w->ids, row_count, w->drows,
                                  w->dense.device, &error));
    assert_ok(clt_optimizer_table(w->lazy_op, &step, w->record, w->ids, row_count, w->drows,
                                  w->lazy.device, &error));
    assert_ok(clt_runtime_finish(runtime, &error));
}

static void catch_up_twins(twins *w)
{
    clt_error error;
    assert_ok(clt_optimizer_catch_up_all(w->dense_op, w->dense.device, &error));
    assert_ok(clt_optimizer_catch_up_all(w->lazy_op, w->lazy.device, &error));
}

/* Rows that rest 1 to 200 steps, and for ever; all rows brought up to date at any moment or not. */
static void test_lazy_is_dense(void **state)
{
    static const int rests[] = {1, 2, 3, 5, 8, 13, 21, 34, 50, 200, 100, 128, 150, 177, 200, 0};
    enum { PAUSES = 4 };
    const int pauses[PAUSES] = {400, 1, 7, 128};
    for (size_t k = 0; k < RULES * PAUSES; k++) {
        const clt_optimizer_rule *rule = &rules[k / PAUSES];
        int pause = pauses[k % PAUSES];
        twins w = new_twins(*state, rule, ROWS_MAX, FEATURES_MAX, rests, 16);
        for (int t = 1; t <= 300; t++) {
            step_twins(&w, t, t % 50 == 0);
            if (t % pause == 0) {
                catch_up_twins(&w);
            }
        }
        catch_up_twins(&w);
        assert_same_bits(w.device, &w.dense, &w.lazy);
        /* Both have moved; in Adam rows that rest, too. */
        const float *p = clt_test_read(w.device, w.lazy.device.p);
        assert_true(p[0] != w.lazy.start[0][0]);
        assert_true(rule->kind != CLT_ADAM ||
                    p[33 * FEATURES_MAX] != w.lazy.start[0][33 * FEATURES_MAX]);
        end_twins(&w);
        assert_int_equal(clt_test_device_end(state), 0);
    }
}

/* More steps than the device keeps the constants of, and rests longer than that. */
static void test_journal_fills(void **state)
{
    static const int rests[] = {1, 300, 1500, 3, 700, 2000, 0, 40};
    for (size_t k = 0; k < RULES; k++) {
        twins w = new_twins(*state, &rules[k], 8, 17, rests, 8);
        for (int t = 1; t <= 2100; t++) {
            step_twins(&w, t, t % 100 == 0);
        }
        catch_up_twins(&w);
        assert_same_bits(w.device, &w.dense, &w.lazy);
        end_twins(&w);
        assert_int_equal(clt_test_device_end(state), 0);
    }
}

/* Steps go on being queued after a bad one, as the host is a step behind: rows that rested since
 * before it are brought up to the last good step and no further. */
static void test_lazy_ends_with_good_rows(void **state)
{
    static const int rests[] = {1, 2, 9, 30, 64, 0};
    enum { GOOD = 60 };
    static const clt_record bad = {.bad = 1};
    clt_error error;
    twins w = new_twins(*state, adam_decays, 24, 19, rests, 6);
    for (int t = 1; t <= GOOD; t++) {
        step_twins(&w, t, false);
    }
    const float *good = clt_test_read(w.device, w.dense.device.p);
    assert_ok(clt_buffer_write(w.device->runtime, w.record, 0, sizeof bad, &bad, &error));
    for (int t = GOOD + 1; t <= GOOD + 6; t++) {
        step_twins(&w, t, true);
        if (t == GOOD + 4) {
            catch_up_twins(&w);
            assert_same_bits(w.device, &w.dense, &w.lazy);
        }
    }
    catch_up_twins(&w);
    assert_same_bits(w.device, &w.dense, &w.lazy);
    assert_memory_equal(clt_test_read(w.device, w.lazy.device.p), good,
                        w.lazy.count * sizeof(float));
    end_twins(&w);
}

static void test_lazy_where_it_pays(void **state)
{
    const uint64_t mib = 1 << 20;
    (void)state;
    /* 16 MiB of p, m and v, or 128 where a GPU updates them; a cache that is too small to be the
     * last, or unknown, counts as 32 MiB. */
    for (uint64_t cache = 0; cache <= 32 * mib; cache += 8 * mib) {
        assert_false(clt_optimizer_prefers_lazy(true, cache, 10922, 128));
        assert_true(clt_optimizer_prefers_lazy(true, cache, 10923, 128));
        assert_false(clt_optimizer_prefers_lazy(false, cache, 87381, 128));
        assert_true(clt_optimizer_prefers_lazy(false, cache, 87382, 128));
    }
    assert_false(clt_optimizer_prefers_lazy(true, 256 * mib, 20000, 128));
    assert_true(clt_optimizer_prefers_lazy(true, 256 * mib, 400000, 128));
    assert_false(clt_optimizer_prefers_lazy(false, 256 * mib, 400000, 128));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_is_keras),
        clt_device_test(test_dense),
        clt_device_test(test_small_tables),
        clt_device_test(test_table),
        clt_device_test(test_lazy_table),
        clt_device_test(test_absent_is_zero),
        clt_device_test(test_nothing_moves_while_bad),
        clt_device_test(test_lazy_is_dense),
        clt_device_test(test_journal_fills),
        clt_device_test(test_lazy_ends_with_good_rows),
        cmocka_unit_test(test_lazy_where_it_pays),
    };
    cmocka_set_test_filter(getenv("CLTRAIN_TEST_FILTER"));
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
