/* bench.c: times training steps, inference and ops, and measures what the device could do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/peak.h"
#include "check/times.h"
#include "check/trial.h"
#include "model/network.h"
#include "util/memory.h"

enum { FIRST_STEPS = 3, REPEATS = 7, INFERENCE_REPEATS = 5, REPEAT_STEPS_MAX = 64 };
static const double REPEAT_SECONDS = 0.5;
/* An epoch at most: the steps of a lazy Adam cost more the more words it has seen. */
static const double WARMUP_SECONDS = 2.0;
static const double INFERENCE_SECONDS = 20.0; /* of all passes together */

typedef struct job {
    clt_model *model;
    clt_runtime *runtime;
    const clt_bench_config *config;
    const clt_dataset *train, *test;
    clt_trial *trial;
    clt_bench *bench;
} job;

static clt_status tell(const job *j, const char *what, clt_error *error)
{
    if (j->config->progress != NULL && j->config->progress(j->config->user, what) != 0) {
        return clt_fail(error, CLT_STOPPED, 0, "stopped before %s", what);
    }
    return CLT_OK;
}

/* Steps that take so long, `least` to `most` (which may be less). */
static int steps_within(double seconds, double of_one, int least, int most)
{
    double wanted = seconds / (of_one > 1e-6 ? of_one : 1e-6);
    int steps = wanted < least ? least : wanted < most ? (int)wanted : most;
    return steps < most ? steps : most;
}

static clt_status measure_steps(const job *j, clt_error *error)
{
    clt_bench *bench = j->bench;
    int epoch = clt_trial_steps_max(j->trial);
    int first = epoch < FIRST_STEPS ? epoch : FIRST_STEPS;
    double seconds, values[REPEATS];
    clt_status status;
    CLT_TRY(clt_trial_run(j->trial, first, &seconds, error)); /* compiles */
    CLT_TRY(clt_trial_run(j->trial, first, &seconds, error));
    int warmup = steps_within(WARMUP_SECONDS, seconds, 1, epoch);
    CLT_TRY(clt_trial_run(j->trial, warmup, &seconds, error));
    bench->warmup_steps = 2 * first + warmup;
    bench->repeat_steps = steps_within(REPEAT_SECONDS, seconds, 2,
                                       epoch < REPEAT_STEPS_MAX ? epoch : REPEAT_STEPS_MAX);
    for (int k = 0; k < REPEATS; k++) {
        CLT_TRY(tell(j, "training steps", error));
        CLT_TRY(clt_trial_run(j->trial, bench->repeat_steps, &values[k], error));
    }
    bench->step = clt_times_of(values, REPEATS);
done:
    return status;
}

/* ---- inference ---- */

static clt_status time_inference(const job *j, clt_network *network, size_t samples, float *logits,
                                 double *seconds, clt_error *error)
{
    clt_dataset part = *j->test;
    part.count = samples;
    double began = clt_now();
    clt_status status =
        clt_network_logits(network, &part, clt_model_reading(j->model), logits, error);
    *seconds = clt_now() - began;
    return status;
}

static clt_status measure_inference(const job *j, clt_error *error)
{
    enum { TRIED_BATCHES = 8 };
    clt_network *network = NULL;
    clt_limits limits = {j->config->batch, clt_model_reading(j->model)->maxlen, false};
    size_t samples = (size_t)TRIED_BATCHES * (size_t)j->config->batch;
    double seconds, values[INFERENCE_REPEATS];
    clt_status status;
    size_t outputs = (size_t)clt_layers_outputs(&j->model->layers);
    float *logits = clt_alloc(j->test->count, outputs * sizeof *logits, "logits", error);
    if (logits == NULL) {
        return CLT_FAILED;
    }
    samples = samples < j->test->count ? samples : j->test->count;
    CLT_TRY(tell(j, "inference", error));
    CLT_TRY(clt_model_check_labels(j->model, j->test, error));
    CLT_TRY(clt_network_create(j->runtime, j->model, &limits, 0, NULL, &network, error));
    CLT_TRY(time_inference(j, network, samples, logits, &seconds, error)); /* compiles */
    CLT_TRY(time_inference(j, network, samples, logits, &seconds, error));
    samples = clt_samples_within(INFERENCE_SECONDS / (INFERENCE_REPEATS + 1), samples, seconds,
                                 (size_t)j->config->batch, j->test->count);
    CLT_TRY(time_inference(j, network, samples, logits, &seconds, error));
    for (int k = 0; k < INFERENCE_REPEATS; k++) {
        CLT_TRY(tell(j, "inference", error));
        CLT_TRY(time_inference(j, network, samples, logits, &values[k], error));
    }
    j->bench->inference_samples = samples;
    j->bench->inference = clt_times_of(values, INFERENCE_REPEATS);
done:
    clt_network_destroy(network);
    free(logits);
    return status;
}

/* ---- ops ---- */

static clt_status measure_ops(const job *j, clt_error *error)
{
    clt_bench *bench = j->bench;
    const clt_profile_row *rows;
    size_t count;
    double seconds;
    clt_status status;
    CLT_TRY(tell(j, "ops", error));
    CLT_TRY(clt_runtime_set_profile(j->runtime, true, error));
    CLT_TRY(clt_trial_run(j->trial, bench->repeat_steps, &seconds, error));
    CLT_TRY(clt_runtime_profile(j->runtime, &rows, &count, error));
    bench->ops = clt_alloc(count, sizeof *bench->ops, "the ops", error);
    CLT_TRY(bench->ops != NULL ? CLT_OK : CLT_FAILED);
    for (size_t k = 0; k < count; k++) {
        const clt_profile_row *row = &rows[k];
        double steps = bench->repeat_steps;
        bench->ops[k] = (clt_bench_op){.calls = (double)row->calls / steps,
                                       .seconds = row->seconds / steps,
                                       .flops = row->flops / steps,
                                       .bytes = row->bytes / steps};
        snprintf(bench->ops[k].name, sizeof bench->ops[k].name, "%s", row->op);
    }
    bench->op_count = count;
    bench->profiled_steps = bench->repeat_steps;
    CLT_TRY(clt_runtime_set_profile(j->runtime, false, error));
done:
    return status;
}

static clt_status measure(job *j, clt_error *error)
{
    clt_status status;
    CLT_TRY(clt_runtime_set_profile(j->runtime, false, error));
    CLT_TRY(tell(j, "the first steps", error));
    CLT_TRY(clt_trial_create(j->model, j->runtime, j->config->batch, j->train, &j->trial, error));
    CLT_TRY(measure_steps(j, error));
    CLT_TRY(measure_inference(j, error));
    CLT_TRY(measure_ops(j, error));
    CLT_TRY(tell(j, "the device's peaks", error));
    CLT_TRY(clt_peak_measure(j->runtime, &j->bench->peak_flops, &j->bench->peak_bandwidth, error));
    clt_runtime_plan(j->runtime, j->bench->plan);
done:
    return status;
}

clt_status clt_bench_run(clt_model *model, clt_runtime *runtime, const clt_bench_config *config,
                         const clt_dataset *train, const clt_dataset *test, clt_bench **bench,
                         clt_error *error)
{
    static const clt_bench_config defaults = CLT_BENCH_CONFIG_DEFAULT;
    job j = {model, runtime, config != NULL ? config : &defaults, train, test, NULL, NULL};
    j.bench = clt_alloc(1, sizeof *j.bench, "a bench", error);
    if (j.bench == NULL) {
        return CLT_FAILED;
    }
    clt_status status = measure(&j, error);
    /* Of a bench that ended early, too; its own error says more. */
    clt_status off = clt_runtime_set_profile(runtime, false, status == CLT_OK ? error : NULL);
    status = status == CLT_OK ? off : status;
    if (status == CLT_OK) {
        *bench = j.bench;
        j.bench = NULL;
    }
    clt_trial_destroy(j.trial);
    clt_bench_free(j.bench);
    return status;
}

void clt_bench_free(clt_bench *bench)
{
    if (bench != NULL) {
        free(bench->ops);
        free(bench);
    }
}
