/* cases_lstm.c: the LSTM in every variant, forward and backward. */
#include <stdlib.h>

#include "check/check.h"
#include "ops/lstm.h"
#include "ref/ref.h"
#include "util/memory.h"

static size_t area(int a, int b)
{
    return (size_t)a * (size_t)b;
}

/* What both sides of a case share. */
typedef struct lstm_arrays {
    clt_array *kernel, *recurrent_kernel, *bias, *rows, *y, *dy;
    clt_array *drows, *dkernel, *drecurrent_kernel, *dbias;
    clt_check_batch batch;
} lstm_arrays;

static clt_status create_arrays(clt_check *check, const clt_case *c, lstm_arrays *s,
                                clt_error *error)
{
    int H = c->hidden, G = 4 * H, D = c->features, vocabulary = 1 + c->samples * c->timesteps / 3;
    size_t y = area(c->samples, H) * (size_t)(c->flag ? c->timesteps : 1);
    clt_status status;
    CLT_TRY(clt_check_words(check, c->samples, c->timesteps, vocabulary, &s->batch, error));
    size_t rows = area(s->batch.row_count, D);
    CLT_TRY(clt_check_input(check, "kernel", area(D, G), 0.3, &s->kernel, error));
    CLT_TRY(
        clt_check_input(check, "recurrent_kernel", area(H, G), 0.3, &s->recurrent_kernel, error));
    CLT_TRY(clt_check_input(check, "bias", (size_t)G, 0.5, &s->bias, error));
    CLT_TRY(clt_check_input(check, "rows", rows, 1.0, &s->rows, error));
    CLT_TRY(clt_check_input(check, "dy", y, 0.1, &s->dy, error));
    CLT_TRY(clt_check_output(check, "y", y, false, &s->y, error));
    CLT_TRY(clt_check_output(check, "drows", rows, false, &s->drows, error));
    CLT_TRY(clt_check_output(check, "dkernel", area(D, G), true, &s->dkernel, error));
    CLT_TRY(clt_check_output(check, "drecurrent_kernel", area(H, G), true, &s->drecurrent_kernel,
                             error));
    CLT_TRY(clt_check_output(check, "dbias", (size_t)G, true, &s->dbias, error));
done:
    return status;
}

static clt_status reference(const clt_case *c, const clt_lstm_config *config, lstm_arrays *s,
                            clt_error *error)
{
    const clt_check_batch *batch = &s->batch;
    clt_lstm_range all = {0, c->timesteps};
    float *saved = clt_alloc(clt_ref_lstm_saved_f32(&batch->extent, config), sizeof *saved,
                             "the reference", error);
    if (saved == NULL) {
        return CLT_FAILED;
    }
    clt_ref_lstm_forward_f32(&batch->extent, config, all, s->kernel->host,
                             s->recurrent_kernel->host, s->bias->host, s->rows->host,
                             batch->row_count, (const int32_t *)batch->index->host, NULL, NULL,
                             s->y->host, NULL, NULL, saved);
    clt_ref_lstm_backward_f32(
        &batch->extent, config, all, s->kernel->host, s->recurrent_kernel->host, s->rows->host,
        batch->row_count, (const int32_t *)batch->index->host,
        (const int32_t *)batch->offsets->host, (const int32_t *)batch->positions->host, s->dy->host,
        NULL, NULL, saved, s->drows->host, s->dkernel->host, s->drecurrent_kernel->host,
        s->dbias->host, NULL, NULL);
    free(saved);
    return CLT_OK;
}

/* flag: the whole sequence is the output, and time runs backward. */
static clt_status run_lstm(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_lstm_config config = {c->features, c->hidden, c->flag, c->flag};
    clt_limits limits = {c->samples, c->timesteps, true};
    clt_lstm_range all = {0, c->timesteps};
    clt_lstm *op = NULL;
    lstm_arrays s = {0};
    clt_buffer saved, scratch;
    clt_status status;
    CLT_TRY(create_arrays(check, c, &s, error));
    CLT_TRY(clt_lstm_plan(check->runtime, &config, &limits, &op, error));
    CLT_TRY(clt_check_space(check, clt_lstm_space(op).saved, &saved, error));
    CLT_TRY(clt_check_space(check, clt_lstm_space(op).scratch, &scratch, error));
    CLT_TRY(clt_lstm_bind(op, saved, scratch, error));
    clt_lstm_parameters parameters = {s.kernel->device, s.recurrent_kernel->device, s.bias->device};
    clt_lstm_parameters dparameters = {s.dkernel->device, s.drecurrent_kernel->device,
                                       s.dbias->device};
    clt_sequence x = {.extent = s.batch.extent,
                      .features = c->features,
                      .row_count = s.batch.row_count,
                      .rows = s.rows->device,
                      .index = s.batch.index->device,
                      .offsets = s.batch.offsets->device,
                      .positions = s.batch.positions->device};
    CLT_TRY(clt_lstm_forward(op, &parameters, &x, all, NULL, s.y->device, NULL, error));
    CLT_TRY(clt_lstm_backward(op, &parameters, &x, all, s.dy->device, NULL, s.drows->device,
                              &dparameters, NULL, error));
    CLT_TRY(reference(c, &config, &s, error));
    clt_array *outputs[] = {s.y, s.drows, s.dkernel, s.drecurrent_kernel, s.dbias};
    for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
        CLT_TRY(clt_check_compare(check, outputs[k], error));
    }
done:
    clt_lstm_destroy(op);
    return status;
}

/* Errors of single products and activations (a few 1e-7) carried through the time steps; gradients
 * are sums over all positions. */
#define TOLERANCE 2e-5
#define LSTM_CASES(variant)                                                                        \
    {"lstm", "lstm", variant, 1, 1, 1, 1, false, TOLERANCE, run_lstm},                             \
        {"lstm", "lstm", variant, 5, 7, 3, 13, false, TOLERANCE, run_lstm},                        \
        {"lstm, reverse sequence", "lstm", variant, 9, 6, 17, 33, true, TOLERANCE, run_lstm},      \
    {                                                                                              \
        "lstm", "lstm", variant, 40, 20, 128, 60, false, TOLERANCE, run_lstm                       \
    }

const clt_case clt_cases_lstm[] = {LSTM_CASES("step"), LSTM_CASES("group"), {0}};
const clt_case clt_cases_lstm_rows[] = {LSTM_CASES("rows"), {0}};
