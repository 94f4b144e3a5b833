/* Masked sequences: every variant and every kind of output against the reference, in both layouts,
 * alone and with a mask of the recurrent state; training and inference have the same bits. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/lstm.h"
#include "ref/ref.h"
#include "support/device.h"

/* "rows" is for CPUs alone: a GPU's compiler can take minutes over it. */
static const char *const variants[] = {"step", "group", "rows"};

enum { SAMPLES_MAX = 43 };

typedef struct masked_case {
    const char *name;
    int samples, timesteps, features, hidden;
    int masked[SAMPLES_MAX]; /* by sample % (their number); -1 ends them */
} masked_case;

/* Inside each shard they do not fall. */
static const masked_case cases[] = {
    {"some", 40, 9, 5, 17, {0, 0, 1, 3, 3, 4, 7, 8, -1}},
    {"different in each shard", 13, 9, 5, 60, {0, 1, 1, 2, 8, 9, 3, 3, 3, 3, 4, 5, 6, -1}},
    {"all of one length", 24, 7, 4, 21, {5, -1}},
    {"no words", 9, 4, 3, 13, {4, -1}},
    {"some without words", 8, 4, 3, 80, {0, 1, 2, 3, 4, 4, 4, 4, -1}},
    {"one sample", 1, 7, 3, 19, {4, -1}},
    {"one step, masked", 8, 1, 3, 7, {0, 0, 0, 1, 1, 1, 1, 1, -1}},
    {"no mask", 11, 5, 4, 15, {0, -1}},
    {"wide", 11, 5, 4, 530, {0, 0, 2, 3, 3, 0, 1, 2, 4, 4, 5, -1}},
    /* Not longer: a work-group on llvmpipe has 65,535 passes through loops in all. */
    {"long", 8, 40, 8, 60, {0, 5, 16, 27, 28, 29, 37, 39, -1}},
};

enum { Y, D_ROWS, D_KERNEL, D_RECURRENT, D_BIAS, OUTPUTS };
static const char *const output_names[OUTPUTS] = {"y", "drows", "dkernel", "drecurrent_kernel",
                                                  "dbias"};

typedef struct masked_data {
    clt_test_batch batch;
    int32_t start[SAMPLES_MAX];
    clt_lstm_config config;
    bool indexed;
    int row_count;
    size_t sizes[OUTPUTS];
    float *kernel, *recurrent_kernel, *bias, *rows, *dy;
    float *recurrent_mask; /* or NULL */
} masked_data;

typedef struct outputs {
    float *values[OUTPUTS];
} outputs;

/* The LSTM's columns are all but the first and last of y. */
static masked_data make_data(clt_test_device *device, const masked_case *c, bool indexed,
                             bool reverse, bool sequence, bool drops)
{
    masked_data d = {.indexed = indexed,
                     .config = {.features = c->features,
                                .hidden = c->hidden,
                                .reverse = reverse,
                                .sequence = sequence,
                                .width = c->hidden + 2,
                                .column = 1,
                                .masked = true}};
    int count = 0;
    while (c->masked[count] >= 0) {
        count++;
    }
    for (int b = 0; b < c->samples; b++) {
        d.start[b] = c->masked[b % count];
    }
    d.batch = clt_test_batch_pad(c->samples, c->timesteps, 12, 3, d.start);
    size_t hidden = (size_t)c->hidden, features = (size_t)c->features;
    d.row_count = indexed ? d.batch.row_count : d.batch.position_count;
    size_t out = (size_t)(sequence ? d.batch.position_count : c->samples);
    const size_t sizes[OUTPUTS] = {out * (hidden + 2), (size_t)d.row_count * features,
                                   features * 4 * hidden, hidden * 4 * hidden, 4 * hidden};
    memcpy(d.sizes, sizes, sizeof sizes);
    d.kernel = clt_test_normals(device, sizes[D_KERNEL], 1 / sqrt((double)features), 11);
    d.recurrent_kernel = clt_test_normals(device, sizes[D_RECURRENT], 1 / sqrt((double)hidden), 12);
    d.bias = clt_test_normals(device, sizes[D_BIAS], 0.5, 13);
    d.rows = clt_test_normals(device, sizes[D_ROWS], 1, 14);
    d.dy = clt_test_normals(device, sizes[Y], 1 / sqrt((double)out), 15);
    if (drops) {
        d.recurrent_mask =
            clt_test_normals(device, (size_t)d.batch.position_count * hidden, 1.0, 16);
    }
    return d;
}

static outputs expected(clt_test_device *device, const masked_case *c, const masked_data *d)
{
    const clt_lstm_range all = {0, c->timesteps};
    const clt_test_batch *batch = &d->batch;
    clt_extent extent = batch->extent;
    double *out[OUTPUTS], *saved;
    outputs want;
    extent.start = d->start;
    for (int k = 0; k < OUTPUTS; k++) {
        out[k] = clt_test_alloc(device, d->sizes[k] * sizeof(double));
    }
    double *kernel = clt_test_widen(device, d->kernel, d->sizes[D_KERNEL]);
    double *recurrent = clt_test_widen(device, d->recurrent_kernel, d->sizes[D_RECURRENT]);
    double *bias = clt_test_widen(device, d->bias, d->sizes[D_BIAS]);
    double *rows = clt_test_widen(device, d->rows, d->sizes[D_ROWS]);
    double *dy = clt_test_widen(device, d->dy, d->sizes[Y]);
    double *mask = NULL;
    if (d->recurrent_mask != NULL) {
        size_t cells = (size_t)batch->position_count * (size_t)c->hidden;
        mask = clt_test_widen(device, d->recurrent_mask, cells);
    }
    saved = clt_test_alloc(device, clt_ref_lstm_saved_f64(&extent, &d->config) * sizeof *saved);
    const int32_t *index = d->indexed ? batch->index : NULL;
    clt_ref_lstm_forward_f64(&extent, &d->config, all, kernel, recurrent, bias, rows, d->row_count,
                             index, mask, NULL, NULL, out[Y], NULL, NULL, saved);
    clt_ref_lstm_backward_f64(&extent, &d->config, all, kernel, recurrent, rows, d->row_count,
                              index, batch->offsets, batch->positions, dy, NULL, NULL, saved,
                              out[D_ROWS], out[D_KERNEL], out[D_RECURRENT], out[D_BIAS], NULL,
                              NULL);
    for (int k = 0; k < OUTPUTS; k++) {
        want.values[k] = clt_test_narrow(device, out[k], d->sizes[k]);
    }
    return want;
}

static clt_buffer input_of(clt_test_device *device, const float *values, size_t count)
{
    return clt_test_input(device, values, count * sizeof *values);
}

static clt_buffer zeros(clt_test_device *device, size_t count)
{
    return input_of(device, clt_test_alloc(device, count * sizeof(float)), count);
}

/* NaN where the LSTM must write: not in the columns beside its own. */
static clt_buffer unwritten(clt_test_device *device, const masked_data *d)
{
    float *y = clt_test_alloc(device, d->sizes[Y] * sizeof *y);
    for (size_t k = 0; k < d->sizes[Y]; k++) {
        int column = (int)(k % (size_t)d->config.width) - d->config.column;
        y[k] = column >= 0 && column < d->config.hidden ? NAN : 0.0f;
    }
    return input_of(device, y, d->sizes[Y]);
}

static outputs run(clt_test_device *device, const masked_case *c, const masked_data *d, bool packed,
                   bool train)
{
    clt_error error;
    clt_lstm *op;
    outputs got = {{0}};
    const clt_limits limits = {c->samples + 1, c->timesteps, train};
    const clt_lstm_range all = {0, c->timesteps};
    clt_test_batch batch = d->batch;
    clt_buffer out[OUTPUTS];
    if (packed) {
        batch = clt_test_batch_pack(&d->batch, d->start, true);
    }
    clt_runtime_force(device->runtime, "prefix", packed ? "on" : "off");
    assert_ok(clt_lstm_plan(device->runtime, &d->config, &limits, &op, &error));
    assert_int_equal(clt_lstm_packs(op), packed);
    assert_ok(clt_lstm_bind(op, clt_test_output(device, clt_lstm_space(op).saved),
                            clt_test_output(device, clt_lstm_space(op).scratch), &error));
    clt_lstm_parameters parameters = {
        .kernel = input_of(device, d->kernel, d->sizes[D_KERNEL]),
        .recurrent_kernel = input_of(device, d->recurrent_kernel, d->sizes[D_RECURRENT]),
        .bias = input_of(device, d->bias, d->sizes[D_BIAS])};
    if (d->recurrent_mask != NULL) {
        size_t cells = (size_t)batch.position_count * (size_t)c->hidden;
        parameters.recurrent_mask = input_of(device, d->recurrent_mask, cells);
    }
    clt_sequence x = clt_test_sequence(device, &batch, c->features, d->rows, d->indexed);
    x.start = clt_test_input(device, d->start, (size_t)c->samples * sizeof *d->start);
    x.masked = true;
    x.packed = packed;
    x.longest = 0;
    out[Y] = unwritten(device, d);
    assert_ok(clt_lstm_forward(op, &parameters, &x, all, NULL, out[Y], NULL, &error));
    out[D_ROWS] = clt_test_output(device, d->sizes[D_ROWS] * sizeof(float));
    for (int k = D_KERNEL; k < OUTPUTS; k++) {
        out[k] = zeros(device, d->sizes[k]);
    }
    if (train) {
        const clt_lstm_parameters dparameters = {
            .kernel = out[D_KERNEL], .recurrent_kernel = out[D_RECURRENT], .bias = out[D_BIAS]};
        assert_ok(clt_lstm_backward(op, &parameters, &x, all, input_of(device, d->dy, d->sizes[Y]),
                                    NULL, out[D_ROWS], &dparameters, NULL, &error));
    }
    for (int k = 0; k < (train ? OUTPUTS : D_ROWS); k++) {
        got.values[k] = clt_test_read(device, out[k]);
    }
    clt_lstm_destroy(op);
    if (packed) {
        clt_test_batch_free(&batch);
    }
    return got;
}

static void check(clt_test_device *device, const masked_case *c, const masked_data *d,
                  const outputs *want, const char *variant, bool packed)
{
    char name[160];
    clt_runtime_force(device->runtime, "lstm", variant);
    outputs got = run(device, c, d, packed, true), inferred = run(device, c, d, packed, false);
    for (int k = 0; k < OUTPUTS; k++) {
        snprintf(name, sizeof name, "%s, %s%s%s%s%s%s: %s", c->name, variant,
                 d->indexed ? " indexed" : "", d->config.reverse ? " reverse" : "",
                 d->config.sequence ? " sequence" : "",
                 d->recurrent_mask != NULL ? " dropping" : "", packed ? " packed" : "",
                 output_names[k]);
        clt_test_assert_near(name, got.values[k], want->values[k], d->sizes[k],
                             k == Y ? CLT_TOLERANCE_LSTM : CLT_TOLERANCE_LSTM_GRADIENT);
    }
    assert_memory_equal(got.values[Y], inferred.values[Y], d->sizes[Y] * sizeof(float));
}

/* A packed layout is for samples with words, and has no positions for a mask of the state. */
static bool can_pack(const masked_case *c, const masked_data *d)
{
    bool words = true;
    for (int b = 0; b < c->samples; b++) {
        words &= d->start[b] < c->timesteps;
    }
    return words && d->indexed && !d->config.reverse && !d->config.sequence &&
           d->recurrent_mask == NULL;
}

static void check_case(clt_test_device *device, const masked_case *c, int option)
{
    masked_data d = make_data(device, c, (option & 1) != 0, (option & 2) != 0, (option & 4) != 0,
                              (option & 8) != 0);
    outputs want = expected(device, c, &d);
    size_t count = clt_runtime_is_cpu(device->runtime) ? 3 : 2;
    for (size_t v = 0; v < count; v++) {
        check(device, c, &d, &want, variants[v], false);
    }
    if (count == 3 && can_pack(c, &d)) {
        check(device, c, &d, &want, "rows", true);
    }
    clt_test_batch_free(&d.batch);
    void *state = device;
    assert_int_equal(clt_test_device_end(&state), 0);
}

static void test_masked(void **state)
{
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        for (int option = 0; option < 16; option++) {
            check_case(*state, &cases[k], option);
        }
    }
}

/* Few enough for an interpreter of kernels: the last state, packed as well; every state in reverse,
 * with a mask. */
static void test_small(void **state)
{
    static const masked_case small[] = {
        {"small", 9, 4, 3, 5, {0, 1, 2, 3, 0, 0, 1, 3, 3, -1}},
        {"small, some without words", 9, 4, 3, 5, {0, 1, 2, 4, 0, 0, 1, 3, 4, -1}},
    };
    check_case(*state, &small[0], 1);
    check_case(*state, &small[1], 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_masked), clt_device_test(test_small)};
    cmocka_set_test_filter(getenv("CLTRAIN_TEST_FILTER"));
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
