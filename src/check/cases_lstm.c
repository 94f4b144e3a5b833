/* cases_lstm.c: the LSTM in every variant, forward and backward, alone and in two directions. */
#include <stdlib.h>

#include "check/check.h"
#include "ops/lstm.h"
#include "ref/ref.h"
#include "util/memory.h"

#define MASKED_MAX 16 /* samples */

static size_t area(int a, int b)
{
    return (size_t)a * (size_t)b;
}

/* What both sides of a direction share. */
typedef struct direction {
    clt_lstm_config config;
    clt_lstm *op;
    clt_array *kernel, *recurrent_kernel, *bias, *dkernel, *drecurrent_kernel, *dbias;
} direction;

/* And those of a case: two directions lie side by side in y, and their drows are added. */
typedef struct lstm_arrays {
    clt_array *rows, *y, *dy, *drows;
    clt_array *mask;  /* of the recurrent state, or none */
    clt_array *start; /* of masked steps, or none */
    clt_check_batch batch;
    direction directions[2];
    int count;
    bool drops; /* the recurrent product reads the state through a mask */
    bool packs; /* the leading pads of samples are computed once */
} lstm_arrays;

static clt_status create_direction(clt_check *check, direction *p, clt_error *error)
{
    int H = p->config.hidden, G = 4 * H, D = p->config.features;
    clt_status status;
    CLT_TRY(clt_check_input(check, "kernel", area(D, G), 0.3, &p->kernel, error));
    CLT_TRY(
        clt_check_input(check, "recurrent_kernel", area(H, G), 0.3, &p->recurrent_kernel, error));
    CLT_TRY(clt_check_input(check, "bias", (size_t)G, 0.5, &p->bias, error));
    /* Gradients are added to what is there. */
    CLT_TRY(clt_check_input(check, "dkernel", area(D, G), 0.1, &p->dkernel, error));
    CLT_TRY(
        clt_check_input(check, "drecurrent_kernel", area(H, G), 0.1, &p->drecurrent_kernel, error));
    CLT_TRY(clt_check_input(check, "dbias", (size_t)G, 0.1, &p->dbias, error));
done:
    return status;
}

static clt_status create_arrays(clt_check *check, const clt_case *c, lstm_arrays *s,
                                clt_error *error)
{
    int width = s->count * c->hidden, vocabulary = 1 + c->samples * c->timesteps / 3;
    size_t y = area(c->samples, width) * (size_t)(c->flag ? c->timesteps : 1);
    clt_status status;
    CLT_TRY(
        clt_check_words(check, c->samples, c->timesteps, vocabulary, s->packs, &s->batch, error));
    size_t rows = area(s->batch.row_count, c->features);
    CLT_TRY(clt_check_input(check, "rows", rows, 1.0, &s->rows, error));
    CLT_TRY(clt_check_input(check, "dy", y, 0.1, &s->dy, error));
    if (s->drops) {
        size_t cells = area(c->samples * c->timesteps, c->hidden);
        CLT_TRY(clt_check_input(check, "recurrent mask", cells, 1.0, &s->mask, error));
    }
    CLT_TRY(clt_check_output(check, "y", y, false, &s->y, error));
    CLT_TRY(clt_check_output(check, "drows", rows, false, &s->drows, error));
    for (int d = 0; d < s->count; d++) {
        s->directions[d].config = (clt_lstm_config){.features = c->features,
                                                    .hidden = c->hidden,
                                                    .reverse = s->count == 1 ? c->flag : d == 1,
                                                    .sequence = c->flag,
                                                    .width = width,
                                                    .column = d * c->hidden,
                                                    .adds_drows = d == 1,
                                                    .masked = s->start != NULL};
        CLT_TRY(create_direction(check, &s->directions[d], error));
    }
done:
    return status;
}

static clt_status reference(const direction *p, const lstm_arrays *s, clt_error *error)
{
    const clt_check_batch *batch = &s->batch;
    clt_lstm_range all = {0, batch->extent.timesteps};
    float *saved = clt_alloc(clt_ref_lstm_saved_f32(&batch->extent, &p->config), sizeof *saved,
                             "the reference", error);
    if (saved == NULL) {
        return CLT_FAILED;
    }
    clt_ref_lstm_forward_f32(
        &batch->extent, &p->config, all, p->kernel->host, p->recurrent_kernel->host, p->bias->host,
        s->rows->host, batch->row_count, (const int32_t *)batch->index->host,
        s->mask != NULL ? s->mask->host : NULL, NULL, NULL, s->y->host, NULL, NULL, saved);
    clt_ref_lstm_backward_f32(
        &batch->extent, &p->config, all, p->kernel->host, p->recurrent_kernel->host, s->rows->host,
        batch->row_count, (const int32_t *)batch->index->host,
        (const int32_t *)batch->offsets->host, (const int32_t *)batch->positions->host, s->dy->host,
        NULL, NULL, saved, s->drows->host, p->dkernel->host, p->drecurrent_kernel->host,
        p->dbias->host, NULL, NULL);
    free(saved);
    return CLT_OK;
}

static clt_status run_direction(clt_check *check, direction *p, const lstm_arrays *s,
                                clt_error *error)
{
    const clt_extent *extent = &s->batch.extent;
    clt_limits limits = {extent->samples, extent->timesteps, true};
    clt_lstm_range all = {0, extent->timesteps};
    clt_buffer saved, scratch;
    clt_status status;
    CLT_TRY(clt_lstm_plan(check->runtime, &p->config, &limits, &p->op, error));
    CLT_TRY(clt_check_space(check, clt_lstm_space(p->op).saved, &saved, error));
    CLT_TRY(clt_check_space(check, clt_lstm_space(p->op).scratch, &scratch, error));
    CLT_TRY(clt_lstm_bind(p->op, saved, scratch, error));
    clt_lstm_parameters parameters = {.kernel = p->kernel->device,
                                      .recurrent_kernel = p->recurrent_kernel->device,
                                      .bias = p->bias->device};
    clt_lstm_parameters dparameters = {.kernel = p->dkernel->device,
                                       .recurrent_kernel = p->drecurrent_kernel->device,
                                       .bias = p->dbias->device};
    if (s->mask != NULL) {
        parameters.recurrent_mask = s->mask->device;
    }
    clt_sequence x = {.extent = *extent,
                      .row_count = s->batch.row_count,
                      .rows = s->rows->device,
                      .index = s->batch.index->device,
                      .offsets = s->batch.offsets->device,
                      .positions = s->batch.positions->device};
    if (s->start != NULL) {
        x.start = s->start->device;
        x.masked = true;
    }
    if (s->batch.start != NULL) {
        x.start = s->batch.start->device;
        x.packed = true;
        x.longest = s->batch.longest;
    }
    CLT_TRY(clt_lstm_forward(p->op, &parameters, &x, all, NULL, s->y->device, NULL, error));
    CLT_TRY(clt_lstm_backward(p->op, &parameters, &x, all, s->dy->device, NULL, s->drows->device,
                              &dparameters, NULL, error));
    CLT_TRY(reference(p, s, error));
done:
    return status;
}

/* s: its count, drops and packs. start: of masked steps, or NULL. */
static clt_status run(clt_check *check, const clt_case *c, lstm_arrays s, const int32_t *start,
                      clt_error *error)
{
    clt_status status;
    if (start != NULL) {
        CLT_TRY(clt_check_integers(check, "start", (size_t)c->samples, start, &s.start, error));
    }
    CLT_TRY(create_arrays(check, c, &s, error));
    s.batch.extent.start = start;
    for (int d = 0; d < s.count; d++) {
        CLT_TRY(run_direction(check, &s.directions[d], &s, error));
    }
    CLT_TRY(clt_check_compare(check, s.y, error));
    CLT_TRY(clt_check_compare(check, s.drows, error));
    for (int d = 0; d < s.count; d++) {
        const direction *p = &s.directions[d];
        CLT_TRY(clt_check_compare(check, p->dkernel, error));
        CLT_TRY(clt_check_compare(check, p->drecurrent_kernel, error));
        CLT_TRY(clt_check_compare(check, p->dbias, error));
    }
done:
    clt_lstm_destroy(s.directions[0].op);
    clt_lstm_destroy(s.directions[1].op);
    return status;
}

/* flag: the whole sequence is the output, and time runs backward. */
static clt_status run_lstm(clt_check *check, const clt_case *c, clt_error *error)
{
    return run(check, c, (lstm_arrays){.count = 1}, NULL, error);
}

/* flag: the whole sequence is the output. */
static clt_status run_both(clt_check *check, const clt_case *c, clt_error *error)
{
    return run(check, c, (lstm_arrays){.count = 2}, NULL, error);
}

/* As run_lstm, with a mask of the recurrent state. */
static clt_status run_drops(clt_check *check, const clt_case *c, clt_error *error)
{
    return run(check, c, (lstm_arrays){.count = 1, .drops = true}, NULL, error);
}

/* As run_lstm, with leading pads that are computed once. */
static clt_status run_prefix(clt_check *check, const clt_case *c, clt_error *error)
{
    const char *before = clt_runtime_forced(check->runtime, "prefix");
    clt_runtime_force(check->runtime, "prefix", "on");
    clt_status status = run(check, c, (lstm_arrays){.count = 1, .packs = true}, NULL, error);
    clt_runtime_force(check->runtime, "prefix", before);
    return status;
}

static clt_status run_start(clt_check *check, const clt_case *c, bool drops, clt_error *error)
{
    const clt_shards shards = clt_shards_of(c->samples);
    int32_t start[MASKED_MAX];
    for (int b = 0; b < c->samples; b++) {
        int s = clt_shard_of_sample(&shards, b);
        start[b] = b + 1 < shards.first[s + 1] ? b - shards.first[s] : c->timesteps;
    }
    return run(check, c, (lstm_arrays){.count = 2, .drops = drops}, start, error);
}

/* As run_both, from no masked step to nothing else. */
static clt_status run_masked(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_start(check, c, false, error);
}

static clt_status run_both_masks(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_start(check, c, true, error);
}

/* Errors of single products and activations (a few 1e-7) carried through the time steps; gradients
 * are sums over all positions. */
#define TOLERANCE 2e-5
#define LSTM_CASES(variant)                                                                        \
    {"lstm", "lstm", variant, 1, 1, 1, 1, false, TOLERANCE, run_lstm},                             \
        {"lstm", "lstm", variant, 5, 7, 3, 13, false, TOLERANCE, run_lstm},                        \
        {"lstm, reverse sequence", "lstm", variant, 9, 6, 17, 33, true, TOLERANCE, run_lstm},      \
        {"lstm, both directions", "lstm", variant, 5, 7, 3, 13, false, TOLERANCE, run_both},       \
        {"lstm, both directions", "lstm", variant, 9, 6, 17, 33, true, TOLERANCE, run_both},       \
        {"lstm, recurrent dropout", "lstm", variant, 9, 6, 17, 33, true, TOLERANCE, run_drops},    \
        {"lstm, masked", "lstm", variant, 6, 7, 3, 13, false, TOLERANCE, run_masked},              \
        {"lstm, masked", "lstm", variant, 9, 6, 17, 33, true, TOLERANCE, run_masked},              \
        {"lstm, masked, dropout", "lstm", variant, 9, 6, 17, 33, true, TOLERANCE, run_both_masks}, \
    {                                                                                              \
        "lstm", "lstm", variant, 40, 20, 128, 60, false, TOLERANCE, run_lstm                       \
    }

const clt_case clt_cases_lstm[] = {LSTM_CASES("step"), LSTM_CASES("group"), {0}};
/* Beside them the paths of `rows` alone: a shared prefix, more positions than a block of the
 * recurrent gradient, and tiles whose units are shared by several compute units. */
const clt_case clt_cases_lstm_rows[] = {
    LSTM_CASES("rows"),
    {"lstm, shared pads", "lstm", "rows", 40, 20, 12, 20, false, TOLERANCE, run_prefix},
    {"lstm, shared pads", "lstm", "rows", 70, 60, 16, 60, false, TOLERANCE, run_prefix},
    {"lstm, wide", "lstm", "rows", 2, 4, 9, 512, false, TOLERANCE, run_lstm},
    {0}};
