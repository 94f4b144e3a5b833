/* cases_training.c: the record of a step, clipping, averages, and both kernels of the optimizers,
 * over a few steps and with the flag of a bad step set. */
#include <stddef.h>

#include "check/check.h"
#include "ops/ops.h"
#include "ref/ref.h"

/* features = values squared. The record is taken apart: its words are floats and integers. */
static clt_status run_record(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_reduce *op = NULL;
    clt_array *loss, *hit, *values, *record, *sums, *counts;
    clt_extent extent = clt_extent_of(c->samples, 1);
    size_t samples = (size_t)c->samples, count = (size_t)c->features;
    clt_buffer saved;
    int32_t hits[256];
    int32_t total = 0;
    clt_status status;
    for (int b = 0; b < c->samples; b++) {
        hits[b] = b % 3 != 0;
        total += hits[b];
    }
    CLT_TRY(clt_check_input(check, "loss", samples, 1.0, &loss, error));
    CLT_TRY(clt_check_integers(check, "hit", samples, hits, &hit, error));
    CLT_TRY(clt_check_input(check, "values", count, 0.1, &values, error));
    CLT_TRY(clt_check_output(check, "record", 4, true, &record, error));
    CLT_TRY(clt_reduce_plan(check->runtime, count + 2048, &op, error));
    CLT_TRY(clt_check_space(check, clt_reduce_saved(op), &saved, error));
    CLT_TRY(clt_reduce_bind(op, saved, error));
    CLT_TRY(clt_reduce_squares(op, values->device, count, error));
    CLT_TRY(clt_reduce_record(op, &extent, loss->device, hit->device, record->device, error));
    CLT_TRY(clt_check_output(check, "record's sums", 2, false, &sums, error));
    CLT_TRY(clt_check_output(check, "record's counts", 2, false, &counts, error));
    counts->integers = true;
    static const struct {
        size_t from;
        int to; /* 0: sums, 1: counts */
        size_t at;
    } words[] = {{offsetof(clt_record, loss), 0, 0},
                 {offsetof(clt_record, squared_norm), 0, 4},
                 {offsetof(clt_record, hits), 1, 0},
                 {offsetof(clt_record, bad), 1, 4}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        CLT_TRY(clt_buffer_copy(check->runtime, record->device, words[k].from,
                                words[k].to == 0 ? sums->device : counts->device, words[k].at, 4,
                                error));
    }
    sums->host[0] = clt_ref_sample_sum_f32(&extent, loss->host);
    sums->host[1] = clt_ref_sum_squares_f32(values->host, count);
    ((int32_t *)counts->host)[0] = total;
    CLT_TRY(clt_check_compare(check, sums, error));
    CLT_TRY(clt_check_compare(check, counts, error));
done:
    clt_reduce_destroy(op);
    return status;
}

/* Twelve steps of an optimizer on `features` values (hidden 0) or on a table of `hidden` rows whose
 * gradient is the rows of a batch's words at every third step, else that of its first word alone,
 * so that the others are late in the lazy form; flag: the bad flag is set, nothing may move. */
static clt_status run_rule(clt_check *check, const clt_case *c, const clt_optimizer_rule *rule,
                           clt_error *error)
{
    clt_optimizer *op = NULL;
    clt_array *p, *m, *v, *gradient, *record;
    clt_check_batch batch;
    bool table = c->hidden > 0;
    size_t count = (size_t)c->features * (size_t)(table ? c->hidden : 1), rows = count;
    int32_t bits[4] = {0, 0, 0, c->flag};
    clt_status status;
    if (table) {
        CLT_TRY(clt_check_words(check, c->samples, c->timesteps, c->hidden, false, &batch, error));
        rows = (size_t)batch.row_count * (size_t)c->features;
    }
    CLT_TRY(clt_check_input(check, "p", count, 0.05, &p, error));
    CLT_TRY(clt_check_output(check, "m", count, true, &m, error));
    CLT_TRY(clt_check_output(check, "v", count, true, &v, error));
    CLT_TRY(clt_check_input(check, "gradient", rows, 0.01, &gradient, error));
    CLT_TRY(clt_check_integers(check, "record", 4, bits, &record, error));
    CLT_TRY(clt_optimizer_plan(check->runtime, rule, c->hidden, c->features, &op, error));
    bool keeps_m = clt_optimizer_keeps_m(rule), keeps_v = clt_optimizer_keeps_v(rule);
    clt_optimizer_state state = {p->device, keeps_m ? m->device : (clt_buffer){0},
                                 keeps_v ? v->device : (clt_buffer){0}};
    for (uint64_t t = 1; t <= 12; t++) {
        clt_optimizer_step step = clt_optimizer_step_of(rule, 0.001, t);
        if (table) {
            int row_count = t % 3 == 0 ? batch.row_count : 1;
            CLT_TRY(clt_optimizer_catch_up(op, batch.unique->device, row_count, state, error));
            CLT_TRY(clt_optimizer_table(op, &step, record->device, batch.unique->device, row_count,
                                        gradient->device, state, error));
            clt_ref_optimizer_table_f32(rule, &step, c->flag, c->hidden, c->features,
                                        (const int32_t *)batch.unique->host, row_count,
                                        gradient->host, p->host, m->host, v->host);
        } else {
            CLT_TRY(clt_optimizer_dense(op, &step, record->device, count, gradient->device, state,
                                        error));
            clt_ref_optimizer_f32(rule, &step, c->flag, count, gradient->host, p->host, m->host,
                                  v->host);
        }
    }
    CLT_TRY(clt_optimizer_catch_up_all(op, state, error));
    CLT_TRY(clt_check_compare(check, p, error));
    if (keeps_m) {
        CLT_TRY(clt_check_compare(check, m, error));
    }
    if (keeps_v) {
        CLT_TRY(clt_check_compare(check, v, error));
    }
done:
    clt_optimizer_destroy(op);
    return status;
}

static clt_status run_adam(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_rule(check, c, &(clt_optimizer_rule){.kind = CLT_ADAM}, error);
}

static clt_status run_decay(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_rule(check, c, &(clt_optimizer_rule){.kind = CLT_ADAM, .weight_decay = 10.0}, error);
}

static clt_status run_momentum(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_rule(check, c, &(clt_optimizer_rule){.kind = CLT_SGD, .momentum = 0.9}, error);
}

static clt_status run_nesterov(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_rule(check, c, &(clt_optimizer_rule){CLT_SGD, 0.9, true, 0.0}, error);
}

static clt_status run_rmsprop(clt_check *check, const clt_case *c, clt_error *error)
{
    return run_rule(check, c, &(clt_optimizer_rule){.kind = CLT_RMSPROP}, error);
}

/* features values; flag: they are too small to be clipped. */
static clt_status run_clip(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_clip *op = NULL;
    clt_reduce *reduce = NULL;
    clt_array *by_value, *by_norm;
    clt_buffer saved;
    size_t chunks, count = (size_t)c->features;
    float limit = c->flag ? 1e6f : 0.3f;
    clt_status status;
    CLT_TRY(clt_check_input(check, "clipped by value", count, 1.0, &by_value, error));
    CLT_TRY(clt_check_input(check, "clipped by norm", count, 1.0, &by_norm, error));
    CLT_TRY(clt_reduce_plan(check->runtime, count, &reduce, error));
    CLT_TRY(clt_check_space(check, clt_reduce_saved(reduce), &saved, error));
    CLT_TRY(clt_reduce_bind(reduce, saved, error));
    CLT_TRY(clt_clip_plan(check->runtime, &op, error));
    CLT_TRY(clt_clip_value(op, limit, by_value->device, 0, count, error));
    CLT_TRY(clt_reduce_squares(reduce, by_norm->device, count, error));
    clt_buffer partials = clt_reduce_partials(reduce, &chunks);
    CLT_TRY(clt_clip_measure(op, partials, 0, chunks, error));
    CLT_TRY(clt_clip_norm(op, limit, by_norm->device, 0, count, error));
    clt_ref_clip_value_f32(limit, count, by_value->host);
    clt_ref_clip_norm_f32(limit, clt_ref_sum_squares_f32(by_norm->host, count), count,
                          by_norm->host);
    CLT_TRY(clt_check_compare(check, by_value, error));
    CLT_TRY(clt_check_compare(check, by_norm, error));
done:
    clt_clip_destroy(op);
    clt_reduce_destroy(reduce);
    return status;
}

/* Three steps of the average of [timesteps, features] weights; flag: the bad flag is set. */
static clt_status run_ema(clt_check *check, const clt_case *c, clt_error *error)
{
    static const float momenta[3] = {0.0f, 0.9f, 0.99f};
    clt_ema *op = NULL;
    clt_array *p, *average, *record;
    size_t count = (size_t)c->timesteps * (size_t)c->features;
    int32_t bits[4] = {0, 0, 0, c->flag};
    clt_status status;
    CLT_TRY(clt_check_input(check, "average", count, 1.0, &average, error));
    CLT_TRY(clt_check_integers(check, "record", 4, bits, &record, error));
    CLT_TRY(clt_ema_plan(check->runtime, &op, error));
    for (int step = 0; step < 3; step++) {
        CLT_TRY(clt_check_input(check, "p", count, 1.0, &p, error));
        CLT_TRY(clt_ema_update(op, momenta[step], record->device, c->timesteps, c->features,
                               p->device, average->device, error));
        clt_ref_ema_f32(momenta[step], c->flag, count, p->host, average->host);
    }
    CLT_TRY(clt_check_compare(check, average, error));
done:
    clt_ema_destroy(op);
    return status;
}

/* Division and square root of OpenCL are good to 2.5 and 3 ulp; a step moves p by some 1e-3. */
const clt_case clt_cases_training[] = {
    {"record", NULL, NULL, 1, 0, 1, 0, false, 1e-6, run_record},
    {"record", NULL, NULL, 128, 0, 45421, 0, false, 1e-5, run_record},
    {"clip", NULL, NULL, 0, 0, 1, 0, false, 1e-6, run_clip},
    {"clip", NULL, NULL, 0, 0, 9001, 0, false, 1e-6, run_clip},
    {"clip, not needed", NULL, NULL, 0, 0, 100, 0, true, 0.0, run_clip},
    {"adam", NULL, NULL, 0, 0, 1, 0, false, 1e-7, run_adam},
    {"adam", NULL, NULL, 0, 0, 5003, 0, false, 1e-7, run_adam},
    {"adam, bad flag", NULL, NULL, 0, 0, 100, 0, true, 0.0, run_adam},
    {"adam of a table", "adam", "dense", 9, 7, 13, 37, false, 1e-7, run_adam},
    {"adam of a table", "adam", "dense", 40, 20, 128, 900, false, 1e-7, run_adam},
    {"adam of a table", "adam", "lazy", 9, 7, 13, 37, false, 1e-7, run_adam},
    {"adam of a table", "adam", "lazy", 40, 20, 128, 900, false, 1e-7, run_adam},
    {"adam, weight decay", NULL, NULL, 0, 0, 5003, 0, false, 1e-7, run_decay},
    {"adam of a table, weight decay", "adam", "dense", 40, 20, 128, 900, false, 1e-7, run_decay},
    {"adam of a table, weight decay", "adam", "lazy", 40, 20, 128, 900, false, 1e-7, run_decay},
    {"sgd, momentum", NULL, NULL, 0, 0, 5003, 0, false, 1e-7, run_momentum},
    {"sgd of a table, momentum", "adam", "dense", 40, 20, 128, 900, false, 1e-7, run_momentum},
    {"sgd of a table, momentum", "adam", "lazy", 40, 20, 128, 900, false, 1e-7, run_momentum},
    {"sgd, nesterov", NULL, NULL, 0, 0, 5003, 0, false, 1e-7, run_nesterov},
    {"sgd of a table, nesterov", "adam", "lazy", 40, 20, 128, 900, false, 1e-7, run_nesterov},
    {"rmsprop", NULL, NULL, 0, 0, 5003, 0, false, 1e-7, run_rmsprop},
    {"rmsprop of a table", "adam", "dense", 40, 20, 128, 900, false, 1e-7, run_rmsprop},
    {"rmsprop of a table", "adam", "lazy", 40, 20, 128, 900, false, 1e-7, run_rmsprop},
    {"adam of a table, bad flag", "adam", "dense", 9, 7, 13, 37, true, 0.0, run_adam},
    {"adam of a table, bad flag", "adam", "lazy", 9, 7, 13, 37, true, 0.0, run_adam},
    {"ema", NULL, NULL, 0, 1, 1, 0, false, 1e-6, run_ema},
    {"ema", NULL, NULL, 0, 900, 128, 0, false, 1e-6, run_ema},
    {"ema, bad flag", NULL, NULL, 0, 7, 13, 0, true, 0.0, run_ema},
    {0}};
