/* tune.c: searches the table of plans, one op after the other, for the one that trains fastest.
 *
 * A candidate differs from the best plan so far in one op. Its answers are compared with the
 * reference on the network's own shapes; then both train in turn, and it must be 3% faster: less is
 * within what two runs of one plan differ by, and would make the choice a matter of chance. */
#include "cltrain/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas/gemm.h"
#include "check/check.h"
#include "check/times.h"
#include "check/trial.h"
#include "model/model_private.h"
#include "ops/lstm.h"
#include "runtime/tuning.h"

enum { STEPS_MIN = 3, STEPS_MAX = 64 }; /* of one run */
static const double RUN_SECONDS = 0.2;
/* What is so much slower is not measured further; nor are refinements of it. */
static const double HOPELESS = 1.5;

typedef struct search {
    clt_model *model;
    clt_runtime *runtime;
    const clt_tune_config *config;
    const clt_dataset *train;
    clt_tune_result *result;
    double began;  /* the search, once the untuned plan is measured */
    int steps;     /* of one run */
    clt_plan base; /* what runs where nothing is forced; open: not one variant */
    clt_plan best; /* what is forced; open: as in base */
    char untuned_plan[CLT_PLAN_ROOM];
    double untuned_seconds; /* of a step */
    double ratio;           /* of the best plan's time to the untuned one's */
} search;

/* "" where it is not one variant. */
static const char *variant_in(const search *s, const clt_plan *plan, size_t row)
{
    const char *variant = plan->variants[row] != NULL ? plan->variants[row] : s->base.variants[row];
    return variant != NULL ? variant : "";
}

static void report(const search *s, const char *plan, clt_tune_verdict verdict, double seconds,
                   double best_seconds, const char *failure)
{
    const clt_tune_row row = {plan, verdict, seconds, best_seconds, failure};
    s->result->tried += verdict != CLT_TUNE_TRYING;
    if (s->config->row != NULL) {
        s->config->row(s->config->user, &row);
    }
}

static bool stopped(search *s)
{
    if (s->config->stop != NULL && s->config->stop(s->config->user) != 0) {
        s->result->stopped = true;
    }
    return s->result->stopped;
}

/* ---- answers ---- */

/* About as much work as the reference does in a fraction of a second. */
static const double CHECK_FLOPS = 4e8;

static int fitting(double flops_each, int most)
{
    double count = CHECK_FLOPS / flops_each;
    return count < 3.0 ? 3 : count < most ? (int)count : most;
}

static clt_status check_lstm(search *s, const clt_layer *layer, const char *variant, char *failure,
                             size_t room, clt_error *error)
{
    enum { SAMPLES = 9, TIMESTEPS_MAX = 12 };
    double position = 24.0 * layer->hidden * (layer->inputs + layer->hidden);
    const clt_case c = {.op = "lstm",
                        .variant_op = "lstm",
                        .variant = variant,
                        .samples = SAMPLES,
                        .timesteps = fitting(SAMPLES * position, TIMESTEPS_MAX),
                        .features = layer->inputs,
                        .hidden = layer->hidden,
                        .flag = layer->sequence,
                        .tolerance = clt_cases_lstm[0].tolerance,
                        .run = clt_cases_lstm[0].run};
    clt_case_result result;
    clt_status status = clt_case_run(s->runtime, &c, &result, error);
    snprintf(failure, room, "%s", result.failure);
    return status;
}

/* The three products around an LSTM, with as many rows as a batch may have words. */
static clt_status check_gemm(search *s, const clt_layer *layer, const char *variant, char *failure,
                             size_t room, clt_error *error)
{
    int columns = 4 * layer->hidden, features = layer->inputs;
    int rows = fitting(2.0 * columns * features, 2817);
    const struct {
        int m, n, k, transposed;
        bool add;
    } uses[] = {{rows, columns, features, 0, false},
                {features, columns, rows, 1, true},
                {rows, features, columns, 2, false}};
    for (size_t k = 0; k < sizeof uses / sizeof *uses; k++) {
        const clt_case c = {.op = "gemm",
                            .variant_op = "gemm",
                            .variant = variant,
                            .samples = uses[k].m,
                            .timesteps = uses[k].k,
                            .features = uses[k].n,
                            .hidden = uses[k].transposed,
                            .flag = uses[k].add,
                            .tolerance = clt_cases_gemm[0].tolerance,
                            .run = clt_cases_gemm[0].run};
        clt_case_result result;
        clt_status status = clt_case_run(s->runtime, &c, &result, error);
        snprintf(failure, room, "%s", result.failure);
        if (failure[0] == 0 && result.replaced_by[0] != 0) {
            snprintf(failure, room, "only gemm=%s is right", result.replaced_by);
        }
        if (status != CLT_OK || failure[0] != 0) {
            return status;
        }
    }
    return CLT_OK;
}

static bool lstm_suits(const search *s, const clt_layer *layer, const char *variant)
{
    const clt_lstm_config config = {.features = layer->inputs, .hidden = layer->hidden};
    return clt_lstm_suits(s->runtime, &config, variant);
}

static bool gemm_suits(const search *s, const clt_layer *layer, const char *variant)
{
    (void)layer;
    return clt_gemm_suits(s->runtime, variant);
}

/* What is searched. Not the updates of the table: what lazy ones cost grows with the rows that were
 * ever touched, so that a few steps say nothing. Not the prefix: what it saves depends on the
 * length of texts, which a stored plan does not know. */
static const struct searched {
    const char *op;
    bool (*suits)(const search *s, const clt_layer *layer, const char *variant);
    clt_status (*check)(search *s, const clt_layer *layer, const char *variant, char *failure,
                        size_t room, clt_error *error);
} searched[] = {{"lstm", lstm_suits, check_lstm}, {"gemm", gemm_suits, check_gemm}};
enum { SEARCHED = sizeof searched / sizeof *searched };

static size_t row_of(const char *op)
{
    size_t row = 0;
    while (strcmp(clt_plan_op(row), op) != 0) {
        row++;
    }
    return row;
}

static void force(search *s, const clt_plan *plan)
{
    for (int k = 0; k < SEARCHED; k++) {
        clt_runtime_force(s->runtime, searched[k].op, plan->variants[row_of(searched[k].op)]);
    }
}

/* Every LSTM of the network. */
static bool suits(const search *s, const struct searched *what, const char *variant)
{
    const clt_layers *layers = &s->model->layers;
    for (int k = 0; k < layers->count; k++) {
        const clt_layer *layer = &layers->layers[k];
        if (layer->kind == CLT_LAYER_LSTM && !what->suits(s, layer, variant)) {
            return false;
        }
    }
    return true;
}

/* Runs the ops that the plan forces, with every LSTM's shapes. failure "": all is right. */
static clt_status check_answers(search *s, const clt_plan *plan, char *failure, size_t room,
                                clt_error *error)
{
    const clt_layers *layers = &s->model->layers;
    failure[0] = 0;
    for (int op = 0; op < SEARCHED; op++) {
        const char *variant = plan->variants[row_of(searched[op].op)];
        for (int k = 0; variant != NULL && k < layers->count; k++) {
            const clt_layer *layer = &layers->layers[k];
            clt_status status = layer->kind == CLT_LAYER_LSTM
                                    ? searched[op].check(s, layer, variant, failure, room, error)
                                    : CLT_OK;
            if (status != CLT_OK || failure[0] != 0) {
                return status;
            }
        }
    }
    return CLT_OK;
}

/* ---- times ---- */

/* Prepares training with a plan, and says what was really planned. */
static clt_status prepare(search *s, const clt_plan *plan, clt_trial **trial,
                          char text[CLT_PLAN_ROOM], clt_error *error)
{
    force(s, plan);
    clt_runtime_forget_planned(s->runtime);
    clt_status status =
        clt_trial_create(s->model, s->runtime, s->config->batch, s->train, trial, error);
    clt_runtime_plan(s->runtime, text);
    return status;
}

/* Was all planned that is forced? A product that was wrong is not there. */
static bool has_all(const search *s, const clt_plan *plan)
{
    for (int k = 0; k < SEARCHED; k++) {
        const char *wanted = plan->variants[row_of(searched[k].op)];
        if (wanted != NULL && wanted != clt_runtime_planned_as(s->runtime, searched[k].op)) {
            return false;
        }
    }
    return true;
}

/* Runs two trials in turn, longer where it is close. Two plans of CLBlast that would compile at
 * every turn train one after the other. */
static clt_status run_pairs(search *s, clt_trial *trial, clt_trial *other, bool in_turn,
                            clt_comparison *found, clt_error *error)
{
    double own[CLT_PAIRS_MAX], others[CLT_PAIRS_MAX], warmup;
    clt_status status;
    CLT_TRY(clt_trial_run(other, s->steps, &warmup, error));
    for (int k = 0; !in_turn && k < CLT_PAIRS_MIN; k++) {
        CLT_TRY(clt_trial_run(other, s->steps, &others[k], error));
    }
    CLT_TRY(clt_trial_run(trial, s->steps, &warmup, error));
    for (int k = 0; k < (in_turn ? CLT_PAIRS_MAX : CLT_PAIRS_MIN); k++) {
        bool other_first = k % 2 == 0;
        if (in_turn && other_first) {
            CLT_TRY(clt_trial_run(other, s->steps, &others[k], error));
        }
        CLT_TRY(clt_trial_run(trial, s->steps, &own[k], error));
        if (in_turn && !other_first) {
            CLT_TRY(clt_trial_run(other, s->steps, &others[k], error));
        }
        *found = clt_compare(own, others, k + 1);
        if (stopped(s) || found->ratio > HOPELESS || found->clear) {
            break;
        }
    }
done:
    return status;
}

/* Trains with two plans. Both begin anew, because the steps of a lazy Adam cost more the more words
 * it has seen. text: what `plan` really is. */
static clt_status duel(search *s, const clt_plan *plan, const clt_plan *other,
                       char text[CLT_PLAN_ROOM], clt_comparison *found, clt_error *error)
{
    char other_text[CLT_PLAN_ROOM];
    clt_trial *trials[2] = {NULL, NULL};
    size_t gemm = row_of("gemm");
    bool in_turn = clt_gemm_alternate(variant_in(s, plan, gemm), variant_in(s, other, gemm));
    clt_status status;
    CLT_TRY(prepare(s, other, &trials[1], other_text, error));
    CLT_TRY(prepare(s, plan, &trials[0], text, error));
    if (!has_all(s, plan)) {
        clt_plan_print(plan, text);
        status = clt_fail(error, CLT_KERNEL, 0, "a product's known answer is wrong");
        goto done;
    }
    CLT_TRY(run_pairs(s, trials[0], trials[1], in_turn, found, error));
done:
    clt_trial_destroy(trials[0]);
    clt_trial_destroy(trials[1]);
    return status;
}

/* Tries a plan against the best so far; *ratio of their times, INFINITY when it fails. A failure
 * that is the plan's is no error: the search goes on. */
static clt_status challenge(search *s, const clt_plan *plan, double *ratio, clt_error *error)
{
    char failure[256], text[CLT_PLAN_ROOM];
    clt_comparison found = {0};
    clt_error reason = {0};
    clt_status status;
    *ratio = INFINITY;
    clt_plan_print(plan, text);
    report(s, text, CLT_TUNE_TRYING, NAN, NAN, "");
    force(s, plan);
    CLT_TRY(check_answers(s, plan, failure, sizeof failure, error));
    if (failure[0] == 0 && duel(s, plan, &s->best, text, &found, &reason) != CLT_OK) {
        if (clt_runtime_is_lost(s->runtime)) {
            return clt_fail(error, reason.status, reason.native, "%s", reason.message);
        }
        snprintf(failure, sizeof failure, "%.*s", (int)sizeof failure - 1, reason.message);
    }
    if (failure[0] != 0) {
        report(s, text, CLT_TUNE_FAILED, NAN, NAN, failure);
        return CLT_OK;
    }
    *ratio = found.ratio;
    report(s, text, found.faster ? CLT_TUNE_FASTER : CLT_TUNE_NO_GAIN, found.first, found.second,
           "");
    if (found.faster) {
        s->best = *plan;
        s->ratio *= *ratio;
        snprintf(s->result->plan, sizeof s->result->plan, "%s", text);
    }
done:
    return status;
}

/* ---- the search ---- */

/* Tries the variants of one op. */
static clt_status search_op(search *s, const struct searched *what, clt_error *error)
{
    size_t row = row_of(what->op);
    double ratio = 1.0, of_its_name = 1.0; /* of the variant without parameters */
    const char *variant;
    for (size_t k = 0; (variant = clt_plan_variant(row, k)) != NULL; k++) {
        bool refines = strchr(variant, ':') != NULL;
        clt_plan plan = s->best;
        plan.variants[row] = variant;
        if (!refines) {
            of_its_name = 1.0;
        }
        if (variant == s->best.variants[row] || variant == s->base.variants[row] ||
            !suits(s, what, variant) || (refines && of_its_name > HOPELESS)) {
            continue;
        }
        if (stopped(s) || clt_now() - s->began > s->config->budget) {
            s->result->untried++;
            continue;
        }
        clt_status status = challenge(s, &plan, &ratio, error);
        if (status != CLT_OK) {
            return status;
        }
        if (!refines) {
            of_its_name = ratio;
        }
    }
    return CLT_OK;
}

/* The plan without tuning: what all others must beat. */
static clt_status begin(search *s, clt_error *error)
{
    const clt_plan open = {{NULL}};
    clt_trial *trial = NULL;
    double seconds;
    clt_status status;
    CLT_TRY(prepare(s, &open, &trial, s->untuned_plan, error));
    snprintf(s->result->plan, sizeof s->result->plan, "%s", s->untuned_plan);
    s->base = clt_runtime_planned_alone(s->runtime);
    for (int k = 0; k < 2; k++) { /* the first ones compile */
        CLT_TRY(clt_trial_run(trial, STEPS_MIN, &seconds, error));
    }
    double wanted = RUN_SECONDS / (seconds > 1e-6 ? seconds : 1e-6);
    s->steps = wanted > STEPS_MAX ? STEPS_MAX : wanted < STEPS_MIN ? STEPS_MIN : (int)wanted;
    CLT_TRY(clt_trial_run(trial, s->steps, &seconds, error));
    report(s, s->untuned_plan, CLT_TUNE_UNTUNED, seconds, seconds, "");
    s->untuned_seconds = seconds;
    s->ratio = 1.0;
done:
    clt_trial_destroy(trial);
    return status;
}

/* Winners by a little may have been lucky: the best plan meets the untuned one once more, unless
 * the search was stopped. */
static clt_status end(search *s, clt_error *error)
{
    const clt_plan open = {{NULL}};
    bool changed = memcmp(&s->best, &open, sizeof open) != 0;
    clt_comparison found = {.first = s->untuned_seconds * s->ratio,
                            .second = s->untuned_seconds,
                            .ratio = s->ratio,
                            .faster = changed};
    clt_status status;
    if (!changed && s->result->stopped) {
        return CLT_OK; /* what is stored may be better: it was not measured to the end */
    }
    if (changed && !s->result->stopped) {
        CLT_TRY(duel(s, &s->best, &open, s->result->plan, &found, error));
    }
    if (found.faster) {
        s->result->gain = 1.0 - found.ratio;
    } else {
        s->best = open;
        snprintf(s->result->plan, sizeof s->result->plan, "%s", s->untuned_plan);
    }
    CLT_TRY(clt_tuning_store(s->runtime, clt_layers_widest_lstm(&s->model->layers), &s->best,
                             found.first, found.second, error));
done:
    return status;
}

static clt_status check_config(const search *s, clt_error *error)
{
    if (!(s->config->budget > 0.0)) {
        return clt_fail(error, CLT_USAGE, 0, "a budget of %g seconds: more than 0",
                        s->config->budget);
    }
    for (int k = 0; k < SEARCHED; k++) {
        const char *op = searched[k].op, *forced = clt_runtime_forced(s->runtime, op);
        if (forced != NULL) {
            return clt_fail(error, CLT_USAGE, 0,
                            "CLTRAIN_PLAN forces %s=%s, so nothing else can be tried; unset it", op,
                            forced);
        }
    }
    return CLT_OK;
}

clt_status clt_tune_run(clt_model *model, clt_runtime *runtime, const clt_tune_config *config,
                        const clt_dataset *train, clt_tune_result *result, clt_error *error)
{
    static const clt_tune_config defaults = CLT_TUNE_CONFIG_DEFAULT;
    search s = {.model = model,
                .runtime = runtime,
                .config = config != NULL ? config : &defaults,
                .train = train,
                .result = result};
    clt_plan stored;
    clt_status status;
    double ratio;
    *result = (clt_tune_result){.gain = 0.0};
    CLT_TRY(check_config(&s, error));
    CLT_TRY(clt_tuning_writable(error));
    (void)clt_tuning_path(result->path, sizeof result->path);
    clt_tuning_ignore(runtime);
    CLT_TRY(begin(&s, error));
    s.began = clt_now();
    if (clt_tuning_find(runtime, clt_layers_widest_lstm(&model->layers), &stored)) {
        CLT_TRY(challenge(&s, &stored, &ratio, error));
    }
    for (int k = 0; k < SEARCHED; k++) {
        CLT_TRY(search_op(&s, &searched[k], error));
    }
    CLT_TRY(end(&s, error));
done:
    return status;
}

clt_status clt_tune_forget(clt_runtime *runtime, int *count, clt_error *error)
{
    return clt_tuning_forget(runtime, count, error);
}
