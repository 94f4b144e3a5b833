/* Every variant of the LSTM against the reference in double: awkward sizes, every option in
 * combination, calls in pieces, equal bits from run to run and from batch to batch. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/lstm_private.h"
#include "ref/ref.h"
#include "runtime/state.h"
#include "support/device.h"

/* "rows" is for CPUs alone: a GPU's compiler can take minutes over it. */
static const char *const variants[] = {"step", "group", "rows"};

static int variant_count(const clt_test_device *device)
{
    return clt_runtime_is_cpu(device->runtime) ? 3 : 2;
}

typedef struct lstm_case {
    int samples, timesteps, features, hidden;
    bool indexed, reverse, sequence;
    bool state0;  /* h0, c0 and dstateT are given */
    bool stateT;  /* hT, cT and dstate0 are wanted */
    bool no_rows; /* drows is not wanted */
    bool masked;  /* of the recurrent state */
    int split;    /* 0, or forward and backward in pieces [0, split), [split, T) */
    int spare;    /* planned for so many more samples and time steps */
    /* Of y, which has columns of others then, and drows accumulates; 0: y is its own. */
    int width, column;
} lstm_case;

static clt_lstm_config config_of(const lstm_case *c)
{
    return (clt_lstm_config){c->features, c->hidden, c->reverse,   c->sequence,
                             c->width,    c->column, c->width > 0, false};
}

enum { Y, H_T, C_T, D_ROWS, D_KERNEL, D_RECURRENT, D_BIAS, D_H0, D_C0, OUTPUTS };
static const char *const output_names[OUTPUTS] = {
    "y", "hT", "cT", "drows", "dkernel", "drecurrent_kernel", "dbias", "dh0", "dc0"};

/* What goes in and how much comes out; `count` 0: not wanted. */
typedef struct lstm_data {
    clt_test_batch batch;
    size_t state, row_count;
    size_t count[OUTPUTS];
    float *kernel, *recurrent, *bias, *rows, *h0, *c0, *dy, *dh_t, *dc_t, *mask;
    float *start[OUTPUTS]; /* what the parameters' gradients hold before, and what others share */
} lstm_data;

typedef struct lstm_outputs {
    float *values[OUTPUTS];
} lstm_outputs;

static lstm_data make_data(clt_test_device *device, const lstm_case *c)
{
    lstm_data d = {.batch = clt_test_batch_create(c->samples, c->timesteps,
                                                  c->samples * c->timesteps / 2 + 1, 3)};
    size_t hidden = (size_t)c->hidden, features = (size_t)c->features;
    size_t positions = (size_t)d.batch.position_count;
    size_t width = c->width > 0 ? (size_t)c->width : hidden;
    d.state = (size_t)c->samples * hidden;
    d.row_count = c->indexed ? (size_t)d.batch.row_count : positions;
    const size_t count[OUTPUTS] = {
        [Y] = (c->sequence ? positions : (size_t)c->samples) * width,
        [H_T] = c->stateT ? d.state : 0,
        [C_T] = c->stateT ? d.state : 0,
        [D_ROWS] = c->no_rows ? 0 : d.row_count * features,
        [D_KERNEL] = features * 4 * hidden,
        [D_RECURRENT] = hidden * 4 * hidden,
        [D_BIAS] = 4 * hidden,
        [D_H0] = c->stateT ? d.state : 0,
        [D_C0] = c->stateT ? d.state : 0,
    };
    memcpy(d.count, count, sizeof count);
    d.kernel = clt_test_normals(device, count[D_KERNEL], 1 / sqrt((double)features), 11);
    d.recurrent = clt_test_normals(device, count[D_RECURRENT], 1 / sqrt((double)hidden), 12);
    d.bias = clt_test_normals(device, count[D_BIAS], 0.5, 13);
    d.rows = clt_test_normals(device, d.row_count * features, 1, 14);
    d.h0 = clt_test_normals(device, d.state, 0.5, 15);
    d.c0 = clt_test_normals(device, d.state, 1, 16);
    double deviation = 1 / sqrt((double)count[Y] / (double)width);
    d.dy = clt_test_normals(device, count[Y], deviation, 17);
    d.dh_t = clt_test_normals(device, d.state, deviation, 18);
    d.dc_t = clt_test_normals(device, d.state, deviation, 19);
    d.mask = clt_test_normals(device, positions * hidden, 1, 40);
    for (int k = 0; k < OUTPUTS; k++) {
        bool shared = c->width > 0 && count[k] > 0 && (k == Y || k == D_ROWS);
        if (shared || (k >= D_KERNEL && k <= D_BIAS)) {
            d.start[k] = clt_test_normals(device, count[k], 0.5, 20 + (uint64_t)k);
        }
    }
    return d;
}

/* ---- the reference ---- */

static lstm_outputs expected(clt_test_device *device, const lstm_case *c, const lstm_data *d)
{
    const clt_lstm_config config = config_of(c);
    const clt_lstm_range range = {0, c->timesteps};
    const clt_extent *extent = &d->batch.extent;
    double *out[OUTPUTS];
    for (int k = 0; k < OUTPUTS; k++) {
        out[k] = d->count[k] == 0      ? NULL
                 : d->start[k] != NULL ? clt_test_widen(device, d->start[k], d->count[k])
                                       : clt_test_alloc(device, d->count[k] * sizeof(double));
    }
    double *kernel = clt_test_widen(device, d->kernel, d->count[D_KERNEL]);
    double *recurrent = clt_test_widen(device, d->recurrent, d->count[D_RECURRENT]);
    double *bias = clt_test_widen(device, d->bias, d->count[D_BIAS]);
    double *rows = clt_test_widen(device, d->rows, d->row_count * (size_t)c->features);
    double *h0 = c->state0 ? clt_test_widen(device, d->h0, d->state) : NULL;
    double *c0 = c->state0 ? clt_test_widen(device, d->c0, d->state) : NULL;
    double *dy = clt_test_widen(device, d->dy, d->count[Y]);
    double *dh_t = c->state0 ? clt_test_widen(device, d->dh_t, d->state) : NULL;
    double *dc_t = c->state0 ? clt_test_widen(device, d->dc_t, d->state) : NULL;
    double *saved = clt_test_alloc(device, clt_ref_lstm_saved_f64(extent, &config) * sizeof *saved);
    double *mask =
        !c->masked ? NULL : clt_test_widen(device, d->mask, d->state * (size_t)c->timesteps);
    const int32_t *index = c->indexed ? d->batch.index : NULL;
    clt_ref_lstm_forward_f64(extent, &config, range, kernel, recurrent, bias, rows,
                             (int)d->row_count, index, mask, h0, c0, out[Y], out[H_T], out[C_T],
                             saved);
    clt_ref_lstm_backward_f64(extent, &config, range, kernel, recurrent, rows, (int)d->row_count,
                              index, d->batch.offsets, d->batch.positions, dy, dh_t, dc_t, saved,
                              out[D_ROWS], out[D_KERNEL], out[D_RECURRENT], out[D_BIAS], out[D_H0],
                              out[D_C0]);
    lstm_outputs outputs = {{0}};
    for (int k = 0; k < OUTPUTS; k++) {
        outputs.values[k] = out[k] != NULL ? clt_test_narrow(device, out[k], d->count[k]) : NULL;
    }
    return outputs;
}

/* ---- the device ---- */

typedef struct lstm_run {
    clt_lstm *op;
    clt_lstm_parameters parameters, dparameters;
    clt_sequence x;
    clt_buffer out[OUTPUTS];
    clt_lstm_state state0, d_state_t, between, d_between;
    clt_buffer dy, half_dy, half_y;
} lstm_run;

static clt_buffer input_of(clt_test_device *device, const float *values, size_t count)
{
    return clt_test_input(device, values, count * sizeof *values);
}

static lstm_run prepare(clt_test_device *device, const lstm_case *c, const lstm_data *d, bool train)
{
    clt_error error;
    lstm_run r = {0};
    const clt_lstm_config config = config_of(c);
    const clt_limits limits = {c->samples + c->spare, c->timesteps + c->spare, train};
    assert_ok(clt_lstm_plan(device->runtime, &config, &limits, &r.op, &error));
    clt_space space = clt_lstm_space(r.op);
    assert_int_equal(space.saved % CLT_ALIGNMENT, 0);
    assert_int_equal(space.scratch % CLT_ALIGNMENT, 0);
    /* Inference saves nothing of positions, at most what it makes of the recurrent kernel. */
    const size_t packed = d->count[D_RECURRENT] + 16 * d->count[D_BIAS];
    assert_true(train || space.saved <= clt_align(packed * sizeof(float)));
    assert_ok(clt_lstm_bind(r.op, clt_test_output(device, space.saved),
                            clt_test_output(device, space.scratch), &error));
    r.x = clt_test_sequence(device, &d->batch, c->features, d->rows, c->indexed);
    r.parameters.kernel = input_of(device, d->kernel, d->count[D_KERNEL]);
    r.parameters.recurrent_kernel = input_of(device, d->recurrent, d->count[D_RECURRENT]);
    r.parameters.bias = input_of(device, d->bias, d->count[D_BIAS]);
    if (c->masked) {
        r.parameters.recurrent_mask = input_of(device, d->mask, (size_t)c->timesteps * d->state);
    }
    for (int k = 0; k < OUTPUTS; k++) {
        if (d->start[k] != NULL) {
            r.out[k] = input_of(device, d->start[k], d->count[k]);
        } else if (d->count[k] > 0) {
            r.out[k] = clt_test_output(device, d->count[k] * sizeof(float));
        }
    }
    r.dparameters = (clt_lstm_parameters){
        .kernel = r.out[D_KERNEL], .recurrent_kernel = r.out[D_RECURRENT], .bias = r.out[D_BIAS]};
    if (c->state0) {
        r.state0 =
            (clt_lstm_state){input_of(device, d->h0, d->state), input_of(device, d->c0, d->state)};
        r.d_state_t = (clt_lstm_state){input_of(device, d->dh_t, d->state),
                                       input_of(device, d->dc_t, d->state)};
    }
    r.dy = input_of(device, d->dy, d->count[Y]);
    if (c->split > 0) {
        size_t bytes = d->state * sizeof(float);
        r.between =
            (clt_lstm_state){clt_test_output(device, bytes), clt_test_output(device, bytes)};
        r.d_between =
            (clt_lstm_state){clt_test_output(device, bytes), clt_test_output(device, bytes)};
        size_t y_bytes = d->count[Y] * sizeof(float);
        r.half_y = c->sequence ? r.out[Y] : clt_test_output(device, y_bytes);
        float *zeros = clt_test_alloc(device, y_bytes);
        r.half_dy = c->sequence ? r.dy : input_of(device, zeros, d->count[Y]);
    }
    return r;
}

static void forward(lstm_run *r, const lstm_case *c)
{
    clt_error error;
    clt_lstm_state *from = c->state0 ? &r->state0 : NULL;
    clt_lstm_state out = {r->out[H_T], r->out[C_T]}, *to = c->stateT ? &out : NULL;
    clt_lstm_range whole = {0, c->timesteps}, early = {0, c->split}, late = {c->split, whole.t1};
    if (c->split == 0) {
        assert_ok(
            clt_lstm_forward(r->op, &r->parameters, &r->x, whole, from, r->out[Y], to, &error));
        return;
    }
    assert_ok(clt_lstm_forward(r->op, &r->parameters, &r->x, c->reverse ? late : early, from,
                               r->half_y, &r->between, &error));
    r->parameters.unchanged = true; /* for inference alone */
    assert_ok(clt_lstm_forward(r->op, &r->parameters, &r->x, c->reverse ? early : late, &r->between,
                               r->out[Y], to, &error));
}

static void backward(lstm_run *r, const lstm_case *c)
{
    clt_error error;
    clt_lstm_state *from = c->state0 ? &r->d_state_t : NULL;
    clt_lstm_state out = {r->out[D_H0], r->out[D_C0]}, *to = c->stateT ? &out : NULL;
    clt_lstm_range whole = {0, c->timesteps}, early = {0, c->split}, late = {c->split, whole.t1};
    if (c->split == 0) {
        assert_ok(clt_lstm_backward(r->op, &r->parameters, &r->x, whole, r->dy, from,
                                    r->out[D_ROWS], &r->dparameters, to, &error));
        return;
    }
    assert_ok(clt_lstm_backward(r->op, &r->parameters, &r->x, c->reverse ? early : late, r->dy,
                                from, r->out[D_ROWS], &r->dparameters, &r->d_between, &error));
    assert_ok(clt_lstm_backward(r->op, &r->parameters, &r->x, c->reverse ? late : early, r->half_dy,
                                &r->d_between, r->out[D_ROWS], &r->dparameters, to, &error));
}

static lstm_outputs run(clt_test_device *device, const lstm_case *c, const lstm_data *d, bool train)
{
    lstm_run r = prepare(device, c, d, train);
    lstm_outputs outputs = {{0}};
    forward(&r, c);
    if (train) {
        backward(&r, c);
    }
    for (int k = 0; k < (train ? OUTPUTS : D_ROWS); k++) {
        outputs.values[k] = d->count[k] > 0 ? clt_test_read(device, r.out[k]) : NULL;
    }
    clt_lstm_destroy(r.op);
    return outputs;
}

/* ---- comparing ---- */

static char description[200];

static const char *describe(const lstm_case *c, const char *variant, int output)
{
    snprintf(description, sizeof description, "%s B=%d T=%d D=%d H=%d%s%s%s%s%s%s%s split=%d: %s",
             variant, c->samples, c->timesteps, c->features, c->hidden,
             c->indexed ? " indexed" : "", c->reverse ? " reverse" : "",
             c->sequence ? " sequence" : "", c->state0 ? " state0" : "", c->stateT ? " stateT" : "",
             c->no_rows ? " no drows" : "", c->masked ? " masked" : "", c->split,
             output_names[output]);
    return description;
}

static void assert_same(const lstm_case *c, const char *variant, const lstm_data *d,
                        const lstm_outputs *a, const lstm_outputs *b)
{
    for (int k = 0; k < OUTPUTS; k++) {
        if (a->values[k] != NULL && b->values[k] != NULL &&
            memcmp(a->values[k], b->values[k], d->count[k] * sizeof(float)) != 0) {
            fail_msg("%s: other bits", describe(c, variant, k));
        }
    }
}

static void check_variant(clt_test_device *device, const lstm_case *c, const char *variant,
                          const lstm_data *d, const lstm_outputs *want)
{
    clt_runtime_force(device->runtime, "lstm", variant);
    lstm_outputs got = run(device, c, d, true), inferred = run(device, c, d, false);
    for (int k = 0; k < OUTPUTS; k++) {
        if (want->values[k] != NULL) {
            clt_test_assert_near(describe(c, variant, k), got.values[k], want->values[k],
                                 d->count[k],
                                 k < D_ROWS ? CLT_TOLERANCE_LSTM : CLT_TOLERANCE_LSTM_GRADIENT);
        }
    }
    assert_same(c, variant, d, &got, &inferred);
    if (c->split > 0) {
        lstm_case whole = *c;
        whole.split = 0;
        lstm_outputs once = run(device, &whole, d, true);
        assert_same(c, variant, d, &got, &once);
    }
    clt_runtime_force(device->runtime, "lstm", NULL);
}

static void check_case(clt_test_device *device, const lstm_case *c)
{
    lstm_data d = make_data(device, c);
    lstm_outputs want = expected(device, c, &d);
    for (int v = 0; v < variant_count(device); v++) {
        check_variant(device, c, variants[v], &d, &want);
    }
    clt_test_batch_free(&d.batch);
    void *state = device;
    assert_int_equal(clt_test_device_end(&state), 0); /* a test has many cases: release now */
}

/* ---- tests ---- */

static void test_sizes(void **state)
{
    static const int samples[] = {1, 3, 9, 40}, timesteps[] = {1, 2, 7}, features[] = {1, 5, 128};
    static const int hidden[] = {1, 3, 13, 16, 17, 60, 80};
    int k = 0;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++) {
        for (size_t b = 0; b < 4; b++, k++) {
            const lstm_case c = {.samples = samples[b],
                                 .timesteps = timesteps[k % 3],
                                 .features = features[(k + k / 3) % 3],
                                 .hidden = hidden[h],
                                 .indexed = k % 2 == 0,
                                 .spare = k % 5};
            check_case(*state, &c);
        }
    }
}

static void test_large(void **state)
{
    const lstm_case cases[] = {
        {.samples = 128, .timesteps = 5, .features = 128, .hidden = 60, .indexed = true},
        {.samples = 3, .timesteps = 3, .features = 5, .hidden = 300, .sequence = true},
        {.samples = 2, .timesteps = 70, .features = 5, .hidden = 13, .indexed = true},
        /* tiles of several groups, the last of one row */
        {.samples = 520, .timesteps = 3, .features = 3, .hidden = 259, .indexed = true},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_case(*state, &cases[k]);
    }
}

static void test_options(void **state)
{
    for (int bits = 0; bits < 64; bits++) {
        const lstm_case c = {.samples = bits % 2 == 0 ? 9 : 11,
                             .timesteps = 7,
                             .features = 5,
                             .hidden = bits % 3 == 0 ? 19 : 6,
                             .indexed = bits & 1,
                             .reverse = bits & 2,
                             .sequence = bits & 4,
                             .state0 = bits & 8,
                             .stateT = bits & 16,
                             .no_rows = bits % 7 == 0,
                             .masked = bits % 3 != 1,
                             .split = bits & 32 ? 1 + bits % 6 : 0,
                             .spare = bits % 3};
        check_case(*state, &c);
    }
}

/* {hidden, width, column}: y has columns, drows parts of another direction; neither is touched. */
static void test_shared_output(void **state)
{
    static const int columns[][3] = {{6, 12, 0},    {6, 12, 6},   {17, 34, 17},
                                     {60, 120, 60}, {16, 37, 11}, {19, 38, 19}};
    for (int k = 0; k < 6 * 8; k++) {
        const int *shape = columns[k / 8];
        const lstm_case c = {.samples = k % 2 == 0 ? 9 : 19,
                             .timesteps = 4,
                             .features = 5,
                             .hidden = shape[0],
                             .indexed = k & 1,
                             .reverse = k & 2,
                             .sequence = k & 4,
                             .stateT = k % 3 == 0,
                             .masked = k % 4 > 1,
                             .split = k % 5 == 0 ? 2 : 0,
                             .width = shape[1],
                             .column = shape[2]};
        check_case(*state, &c);
    }
}

static void test_repeatable(void **state)
{
    clt_test_device *device = *state;
    const lstm_case c = {40, 7, 16, 60, .indexed = true, .stateT = true};
    lstm_data d = make_data(device, &c);
    for (int v = 0; v < variant_count(device); v++) {
        clt_runtime_force(device->runtime, "lstm", variants[v]);
        lstm_outputs first = run(device, &c, &d, true);
        for (int k = 0; k < 3; k++) {
            lstm_outputs again = run(device, &c, &d, true);
            assert_same(&c, variants[v], &d, &first, &again);
        }
    }
    clt_runtime_force(device->runtime, "lstm", NULL);
    clt_test_batch_free(&d.batch);
}

/* dst [small batch] = the rows of src [large batch] that belong to the samples from `first` on. */
static void pick(const clt_extent *large, const clt_extent *small, int first, bool by_position,
                 size_t columns, const float *src, float *dst)
{
    for (int b = 0; b < small->samples; b++) {
        for (int t = 0; t < (by_position ? small->timesteps : 1); t++) {
            size_t from = (size_t)(first + b), to = (size_t)b;
            if (by_position) {
                from = clt_position(&large->shards, large->timesteps, t, first + b);
                to = clt_position(&small->shards, small->timesteps, t, b);
            }
            memcpy(dst + to * columns, src + from * columns, columns * sizeof *dst);
        }
    }
}

/* What is no sum over samples has the same bits whatever else is in the batch. */
static void check_parts(clt_test_device *device, const char *variant)
{
    const lstm_case large = {.samples = 43,
                             .timesteps = 4,
                             .features = 7,
                             .hidden = 60,
                             .sequence = true,
                             .masked = true,
                             .state0 = true,
                             .stateT = true};
    lstm_case small = large;
    lstm_data d = make_data(device, &large);
    size_t hidden = (size_t)large.hidden, features = (size_t)large.features;
    lstm_outputs all = run(device, &large, &d, true);
    for (small.samples = 1; small.samples <= 17; small.samples += 4) {
        const int first = large.samples - small.samples;
        lstm_data part = make_data(device, &small);
        const clt_extent *l = &d.batch.extent, *s = &part.batch.extent;
        pick(l, s, first, true, features, d.rows, part.rows);
        pick(l, s, first, true, hidden, d.dy, part.dy);
        pick(l, s, first, true, hidden, d.mask, part.mask);
        pick(l, s, first, false, hidden, d.h0, part.h0);
        pick(l, s, first, false, hidden, d.c0, part.c0);
        pick(l, s, first, false, hidden, d.dh_t, part.dh_t);
        pick(l, s, first, false, hidden, d.dc_t, part.dc_t);
        lstm_outputs got = run(device, &small, &part, true), want = {{0}};
        for (int k = 0; k < OUTPUTS; k++) {
            if (k < D_KERNEL || k > D_BIAS) {
                want.values[k] = clt_test_alloc(device, part.count[k] * sizeof(float));
                pick(l, s, first, k == Y || k == D_ROWS, k == D_ROWS ? features : hidden,
                     all.values[k], want.values[k]);
            }
        }
        assert_same(&small, variant, &part, &got, &want);
        clt_test_batch_free(&part.batch);
    }
    clt_test_batch_free(&d.batch);
}

static void test_batch_does_not_matter(void **state)
{
    clt_test_device *device = *state;
    for (int v = 0; v < variant_count(device); v++) {
        clt_runtime_force(device->runtime, "lstm", variants[v]);
        check_parts(device, variants[v]);
        assert_int_equal(clt_test_device_end(state), 0);
    }
    clt_runtime_force(device->runtime, "lstm", NULL);
}

/* `rows` shares a tile between work-items where a device has more units than there are tiles: with
 * the bits of tiles that are not shared, and right. */
static void test_shared_tiles(void **state)
{
    static const unsigned units[] = {1, 4, 64}; /* 3 tiles: alone, in 3 parts, a part a panel */
    const lstm_case cases[] = {
        {.samples = 19, .timesteps = 3, .features = 5, .hidden = 515, .indexed = true},
        {.samples = 19,
         .timesteps = 4,
         .features = 5,
         .hidden = 528,
         .reverse = true,
         .sequence = true,
         .state0 = true,
         .stateT = true,
         .masked = true,
         .split = 1,
         .width = 1060,
         .column = 531},
    };
    clt_test_device *device = *state;
    clt_device *limits = &device->runtime->device;
    const clt_device real = *limits;
    for (size_t k = 0; clt_runtime_is_cpu(device->runtime) && k < 2; k++) {
        lstm_data d = make_data(device, &cases[k]);
        lstm_outputs want = expected(device, &cases[k], &d), alone;
        for (int u = 0; u < 3; u++) {
            limits->compute_units = units[u];
            if (u == 1) {
                check_variant(device, &cases[k], "rows", &d, &want);
            }
            clt_runtime_force(device->runtime, "lstm", "rows");
            lstm_outputs got = run(device, &cases[k], &d, true);
            clt_runtime_force(device->runtime, "lstm", NULL);
            alone = u == 0 ? got : alone;
            assert_same(&cases[k], "rows", &d, &alone, &got);
        }
        *limits = real;
        clt_test_batch_free(&d.batch);
        assert_int_equal(clt_test_device_end(state), 0);
    }
}

/* How `group` runs on devices that allow less than this one, and that it is right there; where
 * nothing fits, that `step` takes its place. A single work-item gets few units, because Mesa's
 * llvmpipe ends a kernel after 65,535 turns of all its loops. */
static void test_group_limits(void **state)
{
    static const struct {
        int hidden;
        size_t group_max;
        unsigned units;
        uint64_t local_memory;
        clt_lstm_group_shape shape;
    } rows[] = {
        {60, 1024, 2, 32768, {240, 2, true}}, /* registers */
        {60, 256, 64, 32768, {240, 1, true}},
        {24, 64, 2, 32768, {48, 2, true}},
        {13, 10, 2, 32768, {9, 2, true}}, /* the last item has fewer columns */
        {96, 384, 64, 32768, {384, 1, true}},
        {60, 64, 64, 32768, {60, 4, false}}, /* too many for registers */
        {13, 1, 2, 32768, {1, 4, false}},
        {1, 1, 64, 32768, {1, 1, true}},
        {97, 1024, 64, 32768, {388, 4, false}},
        {160, 256, 2, 32768, {214, 4, false}},
        {97, 1024, 2, 9456, {388, 3, false}}, /* little local memory */
        {60, 1024, 2, 2 * 1920 - 1, {240, 1, true}},
        {60, 1024, 2, 1919, {0}}, /* nothing fits */
        {161, 1024, 2, 32768, {0}},
        {60, 0, 2, 32768, {0}},
    };
    clt_test_device *device = *state;
    clt_device *limits = &device->runtime->device;
    const clt_device real = *limits;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const lstm_case c = {.samples = 11,
                             .timesteps = 3,
                             .features = 5,
                             .hidden = rows[k].hidden,
                             .indexed = true,
                             .masked = k % 2 == 0,
                             .state0 = true,
                             .stateT = true};
        const clt_lstm_config config = {.features = c.features, .hidden = c.hidden};
        const clt_limits few = {c.samples, c.timesteps, true};
        clt_error error;
        clt_lstm *op;
        limits->max_work_group = rows[k].group_max;
        limits->compute_units = rows[k].units;
        limits->local_memory = rows[k].local_memory;
        clt_lstm_group_shape shape =
            clt_lstm_group_shape_of(limits, rows[k].hidden, rows[k].group_max);
        assert_int_equal(shape.group, rows[k].shape.group);
        assert_int_equal(shape.rows, rows[k].shape.rows);
        assert_int_equal(shape.registers, rows[k].shape.registers);
        if (shape.group > real.max_work_group) {
            continue;
        }
        clt_runtime_force(device->runtime, "lstm", "group");
        assert_ok(clt_lstm_plan(device->runtime, &config, &few, &op, &error));
        assert_string_equal(op->variant->name, shape.group > 0 ? "group" : "step");
        clt_lstm_destroy(op);
        lstm_data d = make_data(device, &c);
        lstm_outputs want = expected(device, &c, &d);
        check_variant(device, &c, "group", &d, &want);
        clt_test_batch_free(&d.batch);
        assert_int_equal(clt_test_device_end(state), 0);
    }
    *limits = real;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clt_device_test(test_sizes),        clt_device_test(test_large),
        clt_device_test(test_options),      clt_device_test(test_shared_output),
        clt_device_test(test_repeatable),   clt_device_test(test_batch_does_not_matter),
        clt_device_test(test_shared_tiles), clt_device_test(test_group_limits),
    };
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
