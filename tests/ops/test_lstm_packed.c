/* Packed sequences: leading pads computed once give the bits of pads computed sample by sample, and
 * the reference's values, which knows no packing. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "ops/lstm.h"
#include "ref/ref.h"
#include "support/device.h"

enum { SAMPLES_MAX = 43 };

typedef struct packed_case {
    const char *name;
    int samples, timesteps, features, hidden;
    int pads[SAMPLES_MAX]; /* by sample % (their number); -1 ends them */
} packed_case;

/* Inside each shard they do not fall. */
static const packed_case cases[] = {
    {"some", 40, 9, 5, 17, {0, 0, 1, 3, 3, 4, 7, 8, -1}},
    {"different in each shard", 13, 9, 5, 60, {0, 1, 1, 2, 8, 9, 3, 3, 3, 3, 4, 5, 6, -1}},
    {"one shard without", 16, 6, 3, 16, {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6, -1}},
    {"all of one length", 24, 7, 4, 21, {5, -1}},
    {"nothing but pads", 9, 4, 3, 13, {4, -1}},
    {"some of nothing but pads", 8, 4, 3, 80, {0, 1, 2, 3, 4, 4, 4, 4, -1}},
    {"a shard of one sample", 1, 7, 3, 19, {4, -1}},
    {"one sample of nothing but pads", 1, 3, 3, 5, {3, -1}},
    {"one step, a pad", 8, 1, 3, 7, {0, 0, 0, 1, 1, 1, 1, 1, -1}},
    {"no pads", 11, 5, 4, 15, {0, -1}},
    {"long", 8, 150, 8, 60, {0, 20, 60, 100, 101, 102, 140, 149, -1}},
};

typedef struct packed_data {
    clt_test_batch plain, packed;
    size_t state, rows, projection, recurrent, bias;
    float *kernel, *recurrent_kernel, *bias_values, *row_values, *dy;
} packed_data;

static packed_data make_data(clt_test_device *device, const packed_case *c)
{
    int32_t pads[SAMPLES_MAX];
    int count = 0;
    while (c->pads[count] >= 0) {
        count++;
    }
    for (int b = 0; b < c->samples; b++) {
        pads[b] = c->pads[b % count];
    }
    packed_data d = {.plain = clt_test_batch_pad(c->samples, c->timesteps, 12, 3, pads)};
    d.packed = clt_test_batch_pack(&d.plain, pads, false);
    size_t hidden = (size_t)c->hidden, features = (size_t)c->features;
    d.state = (size_t)c->samples * hidden;
    d.rows = (size_t)d.plain.row_count * features;
    d.projection = features * 4 * hidden;
    d.recurrent = hidden * 4 * hidden;
    d.bias = 4 * hidden;
    d.kernel = clt_test_normals(device, d.projection, 1 / sqrt((double)features), 11);
    d.recurrent_kernel = clt_test_normals(device, d.recurrent, 1 / sqrt((double)hidden), 12);
    d.bias_values = clt_test_normals(device, d.bias, 0.5, 13);
    d.row_values = clt_test_normals(device, d.rows, 1, 14);
    d.dy = clt_test_normals(device, d.state, 1 / sqrt((double)c->samples), 15);
    return d;
}

enum { Y, D_ROWS, D_KERNEL, D_RECURRENT, D_BIAS, OUTPUTS };
typedef struct packed_outputs {
    float *values[OUTPUTS];
} packed_outputs;

static void sizes_of(const packed_data *d, size_t *sizes)
{
    const size_t all[OUTPUTS] = {d->state, d->rows, d->projection, d->recurrent, d->bias};
    memcpy(sizes, all, sizeof all);
}

static packed_outputs expected(clt_test_device *device, const packed_case *c, const packed_data *d)
{
    const clt_lstm_config config = {.features = c->features, .hidden = c->hidden};
    const clt_lstm_range all = {0, c->timesteps};
    const clt_test_batch *batch = &d->plain;
    double *out[OUTPUTS];
    size_t sizes[OUTPUTS];
    packed_outputs outputs;
    sizes_of(d, sizes);
    for (int k = 0; k < OUTPUTS; k++) {
        out[k] = clt_test_alloc(device, sizes[k] * sizeof(double));
    }
    double *kernel = clt_test_widen(device, d->kernel, d->projection);
    double *recurrent = clt_test_widen(device, d->recurrent_kernel, d->recurrent);
    double *bias = clt_test_widen(device, d->bias_values, d->bias);
    double *rows = clt_test_widen(device, d->row_values, d->rows);
    double *dy = clt_test_widen(device, d->dy, d->state);
    double *saved =
        clt_test_alloc(device, clt_ref_lstm_saved_f64(&batch->extent, &config) * sizeof *saved);
    clt_ref_lstm_forward_f64(&batch->extent, &config, all, kernel, recurrent, bias, rows,
                             batch->row_count, batch->index, NULL, NULL, NULL, out[Y], NULL, NULL,
                             saved);
    clt_ref_lstm_backward_f64(&batch->extent, &config, all, kernel, recurrent, rows,
                              batch->row_count, batch->index, batch->offsets, batch->positions, dy,
                              NULL, NULL, saved, out[D_ROWS], out[D_KERNEL], out[D_RECURRENT],
                              out[D_BIAS], NULL, NULL);
    for (int k = 0; k < OUTPUTS; k++) {
        outputs.values[k] = clt_test_narrow(device, out[k], sizes[k]);
    }
    return outputs;
}

static clt_buffer input_of(clt_test_device *device, const float *values, size_t count)
{
    return clt_test_input(device, values, count * sizeof *values);
}

/* Saved and scratch bytes are not numbers, so that what nobody wrote is found out. Inference runs
 * with the rows projected before. */
static packed_outputs run(clt_test_device *device, const packed_case *c, const packed_data *d,
                          bool packed, bool train)
{
    clt_error error;
    clt_lstm *op;
    packed_outputs outputs = {{0}};
    const clt_lstm_config config = {.features = c->features, .hidden = c->hidden};
    const clt_limits limits = {c->samples + 1, c->timesteps, train};
    const clt_lstm_range all = {0, c->timesteps};
    clt_runtime_force(device->runtime, "prefix", packed ? "on" : "off");
    assert_ok(clt_lstm_plan(device->runtime, &config, &limits, &op, &error));
    assert_int_equal(clt_lstm_packs(op), packed);
    assert_ok(clt_lstm_bind(op, clt_test_output(device, clt_lstm_space(op).saved),
                            clt_test_output(device, clt_lstm_space(op).scratch), &error));
    const clt_lstm_parameters parameters = {.kernel = input_of(device, d->kernel, d->projection),
                                            .recurrent_kernel =
                                                input_of(device, d->recurrent_kernel, d->recurrent),
                                            .bias = input_of(device, d->bias_values, d->bias)};
    clt_sequence x = clt_test_sequence(device, packed ? &d->packed : &d->plain, c->features,
                                       d->row_values, true);
    clt_buffer out[OUTPUTS];
    size_t sizes[OUTPUTS];
    sizes_of(d, sizes);
    out[Y] = clt_test_output(device, sizes[Y] * sizeof(float));
    if (!train) {
        x.projected = clt_test_output(device, (size_t)x.row_count * d->bias * sizeof(float));
        assert_ok(clt_lstm_project(op, &parameters, x.rows, x.row_count, x.projected, &error));
    }
    assert_ok(clt_lstm_forward(op, &parameters, &x, all, NULL, out[Y], NULL, &error));
    outputs.values[Y] = clt_test_read(device, out[Y]);
    if (train) {
        for (int k = D_ROWS; k < OUTPUTS; k++) {
            float *zeros = clt_test_alloc(device, sizes[k] * sizeof(float));
            out[k] = input_of(device, zeros, sizes[k]);
        }
        const clt_lstm_parameters dparameters = {
            .kernel = out[D_KERNEL], .recurrent_kernel = out[D_RECURRENT], .bias = out[D_BIAS]};
        assert_ok(clt_lstm_backward(op, &parameters, &x, all, input_of(device, d->dy, d->state),
                                    NULL, out[D_ROWS], &dparameters, NULL, &error));
        for (int k = D_ROWS; k < OUTPUTS; k++) {
            outputs.values[k] = clt_test_read(device, out[k]);
        }
    }
    clt_lstm_destroy(op);
    return outputs;
}

static void check_case(clt_test_device *device, const packed_case *c)
{
    packed_data d = make_data(device, c);
    packed_outputs want = expected(device, c, &d);
    packed_outputs plain = run(device, c, &d, false, false);
    packed_outputs packed = run(device, c, &d, true, false);
    if (memcmp(plain.values[Y], packed.values[Y], d.state * sizeof(float)) != 0) {
        fail_msg("%s: packing changes bits", c->name);
    }
    packed_outputs trained = run(device, c, &d, true, true);
    packed_outputs again = run(device, c, &d, true, true);
    size_t sizes[OUTPUTS];
    sizes_of(&d, sizes);
    assert_memory_equal(plain.values[Y], trained.values[Y], d.state * sizeof(float));
    for (int k = 0; k < OUTPUTS; k++) {
        clt_test_assert_near(c->name, trained.values[k], want.values[k], sizes[k],
                             k == Y ? CLT_TOLERANCE_LSTM : CLT_TOLERANCE_LSTM_GRADIENT);
        assert_memory_equal(trained.values[k], again.values[k], sizes[k] * sizeof(float));
    }
    clt_test_batch_free(&d.plain);
    clt_test_batch_free(&d.packed);
    void *state = device;
    assert_int_equal(clt_test_device_end(&state), 0);
}

static void test_packed(void **state)
{
    clt_test_device *device = *state;
    if (!clt_runtime_is_cpu(device->runtime)) {
        skip(); /* a GPU's compiler can take minutes over it */
    }
    clt_runtime_force(device->runtime, "lstm", "rows");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_case(device, &cases[k]);
    }
}

/* Only the last state of an LSTM that begins with the first step can be had from a packed sequence,
 * and only from `rows`. */
static void test_who_packs(void **state)
{
    clt_test_device *device = *state;
    static const struct {
        const char *variant, *prefix;
        bool reverse, sequence, packs;
    } ways[] = {{"rows", "on", false, false, true},
                {"rows", "off", false, false, false},
                {"rows", "on", true, false, false},
                {"rows", "on", false, true, false},
                {"step", "on", false, false, false}};
    size_t count = sizeof ways / sizeof *ways;
    for (size_t k = clt_runtime_is_cpu(device->runtime) ? 0 : count - 1; k < count; k++) {
        clt_error error;
        clt_lstm *op;
        const clt_lstm_config config = {
            .features = 3, .hidden = 4, .reverse = ways[k].reverse, .sequence = ways[k].sequence};
        const clt_limits limits = {8, 2, false};
        clt_runtime_force(device->runtime, "lstm", ways[k].variant);
        clt_runtime_force(device->runtime, "prefix", ways[k].prefix);
        assert_ok(clt_lstm_plan(device->runtime, &config, &limits, &op, &error));
        assert_int_equal(clt_lstm_packs(op), ways[k].packs);
        clt_lstm_destroy(op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_packed),
                                       clt_device_test(test_who_packs)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
