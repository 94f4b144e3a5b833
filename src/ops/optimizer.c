/* optimizer.c: Adam, SGD and RMSprop (ref: optimizer, optimizer_table), and the two variants of a
 * table's update. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "ops/tiling.h"
#include "util/memory.h"

#define ELEMENTS_ON_CPU 4096
#define ROWS_ON_CPU 64       /* of all rows */
#define BATCH_ROWS_ON_CPU 16 /* of a batch's */
#define FLOPS_PER_ELEMENT 12.0

/* What only the device writes and reads; the same layout stands in cl/optimizer.cl. */
enum { JOURNAL_STEPS = 1024 };
typedef struct journal {
    int32_t count;
    float zero;
    clt_optimizer_step steps[JOURNAL_STEPS];
} journal;

struct clt_optimizer {
    clt_runtime *runtime;
    clt_optimizer_kind kind;
    int table_rows, features;
    double bytes; /* of an element: p, m, v read and written */
    bool lazy;
    int steps; /* queued since all rows were up to date; the journal has those that were good */
    clt_buffer own, journal, last; /* lazy: slices of `own`, all zero when rows are up to date */
    clt_kernel *dense, *table, *rows, *catch_up;
};

static const struct {
    const char *name, *prelude;
    double learning_rate;
    const char *dense, *table, *catch_up; /* in a profile */
} kinds[CLT_OPTIMIZER_KINDS] = {
    [CLT_ADAM] = {"adam", "", 0.001, "adam", "adam of the table", "adam catch-up"},
    [CLT_SGD] = {"sgd", "#define CLT_SGD\n", 0.01, "sgd", "sgd of the table", "sgd catch-up"},
    [CLT_RMSPROP] = {"rmsprop", "#define CLT_RMSPROP\n", 0.001, "rmsprop", "rmsprop of the table",
                     "rmsprop catch-up"},
};

const char *clt_optimizer_name(clt_optimizer_kind kind)
{
    return kinds[kind].name;
}

double clt_optimizer_learning_rate(clt_optimizer_kind kind)
{
    return kinds[kind].learning_rate;
}

bool clt_optimizer_keeps_m(const clt_optimizer_rule *rule)
{
    return rule->kind == CLT_ADAM || rule->momentum > 0.0;
}

bool clt_optimizer_keeps_v(const clt_optimizer_rule *rule)
{
    return rule->kind != CLT_SGD;
}

#define CACHE_AT_LEAST (32u << 20) /* some drivers name an inner cache or none */

/* A dense update moves all of p, m and v through the memory at every step; a lazy one only what a
 * batch touches, but in scattered pieces. On 2 Zen cores with 32 MiB of cache, PoCL's and Intel's
 * compiler: 10,000 rows of 128 cost the same either way, 20,000 are a tenth of the tutorial's step
 * cheaper, 400,000 two thirds. GPUs have more bandwidth and work through what a row has missed in
 * one slow work-item: a guess, not measured. */
bool clt_optimizer_prefers_lazy(bool cpu, uint64_t cache_bytes, int table_rows, int features)
{
    uint64_t bytes = 3 * sizeof(float) * (uint64_t)table_rows * (uint64_t)features;
    uint64_t cache = cache_bytes > CACHE_AT_LEAST ? cache_bytes : CACHE_AT_LEAST;
    return bytes > (cpu ? cache / 2 : 4 * cache);
}

static bool pick_lazy(const clt_runtime *runtime, int table_rows, int features)
{
    const char *forced = clt_runtime_forced(runtime, "adam");
    return forced != NULL
               ? strcmp(forced, "lazy") == 0
               : clt_optimizer_prefers_lazy(clt_runtime_is_cpu(runtime),
                                            clt_runtime_cache_bytes(runtime), table_rows, features);
}

static clt_status create_journal(clt_optimizer *op, clt_error *error)
{
    size_t steps = clt_align(sizeof(journal)), last = (size_t)op->table_rows * 4;
    clt_status status;
    CLT_TRY(
        clt_buffer_create(op->runtime, steps + last, "the optimizer's journal", &op->own, error));
    CLT_TRY(clt_buffer_zero(op->runtime, op->own, 0, steps + last, error));
    CLT_TRY(clt_buffer_slice(op->runtime, op->own, 0, steps, &op->journal, error));
    CLT_TRY(clt_buffer_slice(op->runtime, op->own, steps, last, &op->last, error));
done:
    return status;
}

clt_status clt_optimizer_plan(clt_runtime *runtime, const clt_optimizer_rule *rule, int table_rows,
                              int features, clt_optimizer **op, clt_error *error)
{
    clt_program *program;
    char prelude[128];
    clt_status status;
    clt_optimizer *made = clt_alloc(1, sizeof *made, "an optimizer", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->kind = rule->kind;
    made->table_rows = table_rows;
    made->features = features;
    made->bytes = 8.0 * (1 + clt_optimizer_keeps_m(rule) + clt_optimizer_keeps_v(rule));
    if (table_rows > 0) {
        made->lazy = pick_lazy(runtime, table_rows, features);
        clt_runtime_planned(runtime, "adam", made->lazy ? "lazy" : "dense");
    }
    snprintf(prelude, sizeof prelude, "%s%s%s%s%s", clt_tiling_prelude(runtime),
             kinds[rule->kind].prelude, rule->momentum > 0.0 ? "#define CLT_MOMENTUM\n" : "",
             rule->nesterov ? "#define CLT_NESTEROV\n" : "",
             rule->weight_decay > 0.0 ? "#define CLT_DECAYS\n" : "");
    CLT_TRY(clt_program_build(runtime, "optimizer", prelude, &program, error));
    CLT_TRY(clt_kernel_create(program, "optimizer_dense", &made->dense, error));
    if (made->lazy) {
        CLT_TRY(clt_kernel_create(program, "optimizer_rows", &made->rows, error));
        CLT_TRY(clt_kernel_create(program, "optimizer_catch_up", &made->catch_up, error));
        CLT_TRY(create_journal(made, error));
    } else {
        CLT_TRY(clt_kernel_create(program, "optimizer_table", &made->table, error));
    }
    *op = made;
    return CLT_OK;
done:
    clt_optimizer_destroy(made);
    return status;
}

void clt_optimizer_destroy(clt_optimizer *op)
{
    if (op != NULL) {
        clt_kernel_destroy(op->dense);
        clt_kernel_destroy(op->table);
        clt_kernel_destroy(op->rows);
        clt_kernel_destroy(op->catch_up);
        clt_buffer_release(op->runtime, &op->journal);
        clt_buffer_release(op->runtime, &op->last);
        clt_buffer_release(op->runtime, &op->own);
        free(op);
    }
}

/* Keras 3 holds Adam's rates in float: the powers are those of the float betas, rounded to float,
 * and alpha is computed in float. 1 - beta is the double's, rounded (optimizers/adam.py). */
clt_optimizer_step clt_optimizer_step_of(const clt_optimizer_rule *rule, double learning_rate,
                                         uint64_t t)
{
    const double beta1 = 0.9, beta2 = 0.999, rho = 0.9, epsilon = 1e-7;
    clt_optimizer_step step = {.step_size = (float)learning_rate,
                               .one_minus_beta1 = (float)(1.0 - beta1),
                               .one_minus_beta2 = (float)(1.0 - beta2),
                               .epsilon = (float)epsilon,
                               .decay = (float)learning_rate * (float)rule->weight_decay,
                               .momentum = (float)rule->momentum};
    if (rule->kind == CLT_ADAM) {
        float power1 = (float)pow((double)(float)beta1, (double)t);
        float power2 = (float)pow((double)(float)beta2, (double)t);
        step.step_size = (float)learning_rate * sqrtf(1.0f - power2) / (1.0f - power1);
    } else if (rule->kind == CLT_RMSPROP) {
        step.one_minus_beta2 = (float)(1.0 - rho);
    }
    return step;
}

clt_status clt_optimizer_dense(clt_optimizer *op, const clt_optimizer_step *step, clt_buffer record,
                               size_t count, clt_buffer gradient, clt_optimizer_state state,
                               clt_error *error)
{
    size_t span = clt_runtime_is_cpu(op->runtime) ? ELEMENTS_ON_CPU : 1;
    const clt_arg args[] = {clt_arg_buffer(record),
                            clt_arg_buffer(gradient),
                            clt_arg_buffer(state.p),
                            clt_arg_buffer(state.m),
                            clt_arg_buffer(state.v),
                            clt_arg_int((int)count),
                            clt_arg_int((int)span),
                            clt_arg_float(step->step_size),
                            clt_arg_float(step->one_minus_beta1),
                            clt_arg_float(step->one_minus_beta2),
                            clt_arg_float(step->epsilon),
                            clt_arg_float(step->decay),
                            clt_arg_float(step->momentum)};
    clt_profile_begin(op->runtime, kinds[op->kind].dense, FLOPS_PER_ELEMENT * (double)count,
                      op->bytes * (double)count);
    clt_status status = clt_kernel_enqueue_1d(op->dense, (count + span - 1) / span,
                                              clt_kernel_item_group(op->dense), args,
                                              sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

static clt_status update_all(clt_optimizer *op, const clt_optimizer_step *step, clt_buffer record,
                             clt_buffer unique, int row_count, clt_buffer drows,
                             clt_optimizer_state state, clt_error *error)
{
    clt_tiling tiling = clt_tiling_of(op->runtime, op->table, (size_t)op->table_rows,
                                      (size_t)op->features, ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(record),
                            clt_arg_buffer(unique),
                            clt_arg_int(row_count),
                            clt_arg_buffer(drows),
                            clt_arg_buffer(state.p),
                            clt_arg_buffer(state.m),
                            clt_arg_buffer(state.v),
                            clt_arg_int(op->table_rows),
                            clt_arg_int(op->features),
                            clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span),
                            clt_arg_float(step->step_size),
                            clt_arg_float(step->one_minus_beta1),
                            clt_arg_float(step->one_minus_beta2),
                            clt_arg_float(step->epsilon),
                            clt_arg_float(step->decay),
                            clt_arg_float(step->momentum)};
    return clt_tiling_enqueue(op->table, &tiling, args, sizeof args / sizeof *args, error);
}

static clt_status update_rows(clt_optimizer *op, const clt_optimizer_step *step, clt_buffer record,
                              clt_buffer unique, int row_count, clt_buffer drows,
                              clt_optimizer_state state, clt_error *error)
{
    clt_tiling tiling = clt_tiling_of(op->runtime, op->rows, (size_t)row_count,
                                      (size_t)op->features, BATCH_ROWS_ON_CPU);
    const clt_arg args[] = {clt_arg_buffer(record),
                            clt_arg_buffer(unique),
                            clt_arg_int(row_count),
                            clt_arg_buffer(drows),
                            clt_arg_buffer(state.p),
                            clt_arg_buffer(state.m),
                            clt_arg_buffer(state.v),
                            clt_arg_int(op->features),
                            clt_arg_int(tiling.rows),
                            clt_arg_int(tiling.span),
                            clt_arg_float(step->step_size),
                            clt_arg_float(step->one_minus_beta1),
                            clt_arg_float(step->one_minus_beta2),
                            clt_arg_float(step->epsilon),
                            clt_arg_float(step->decay),
                            clt_arg_float(step->momentum),
                            clt_arg_int(op->steps),
                            clt_arg_buffer(op->journal),
                            clt_arg_buffer(op->last)};
    clt_status status =
        clt_tiling_enqueue(op->rows, &tiling, args, sizeof args / sizeof *args, error);
    op->steps += status == CLT_OK;
    return status;
}

clt_status clt_optimizer_table(clt_optimizer *op, const clt_optimizer_step *step, clt_buffer record,
                               clt_buffer unique, int row_count, clt_buffer drows,
                               clt_optimizer_state state, clt_error *error)
{
    double elements = (double)(op->lazy ? row_count : op->table_rows) * op->features;
    clt_profile_begin(op->runtime, kinds[op->kind].table, FLOPS_PER_ELEMENT * elements,
                      op->bytes * elements);
    clt_status status = (op->lazy ? update_rows : update_all)(op, step, record, unique, row_count,
                                                              drows, state, error);
    clt_profile_end(op->runtime);
    return status;
}

/* Rows `unique`; all of the table's without them. How much is replayed only the device knows. */
static clt_status catch_up(clt_optimizer *op, clt_buffer unique, int row_count, size_t rows_on_cpu,
                           clt_optimizer_state state, clt_error *error)
{
    clt_tiling tiling = clt_tiling_of(op->runtime, op->catch_up, (size_t)row_count, 1, rows_on_cpu);
    if (clt_runtime_is_cpu(op->runtime)) {
        tiling.span = op->features;
    }
    const clt_arg args[] = {clt_arg_buffer(unique),      clt_arg_int(row_count),
                            clt_arg_buffer(state.p),     clt_arg_buffer(state.m),
                            clt_arg_buffer(state.v),     clt_arg_int(op->features),
                            clt_arg_int(tiling.rows),    clt_arg_int(tiling.span),
                            clt_arg_buffer(op->journal), clt_arg_buffer(op->last)};
    clt_profile_begin(op->runtime, kinds[op->kind].catch_up, 0.0,
                      op->bytes * (double)row_count * op->features);
    clt_status status =
        clt_tiling_enqueue(op->catch_up, &tiling, args, sizeof args / sizeof *args, error);
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_optimizer_catch_up(clt_optimizer *op, clt_buffer unique, int row_count,
                                  clt_optimizer_state state, clt_error *error)
{
    if (op->steps == 0) {
        return CLT_OK;
    }
    /* A full journal ends with every row up to date; by the number of steps, so on every run. */
    return op->steps == JOURNAL_STEPS
               ? clt_optimizer_catch_up_all(op, state, error)
               : catch_up(op, unique, row_count, BATCH_ROWS_ON_CPU, state, error);
}

clt_status clt_optimizer_catch_up_all(clt_optimizer *op, clt_optimizer_state state,
                                      clt_error *error)
{
    clt_status status = CLT_OK;
    if (op->steps > 0) {
        CLT_TRY(catch_up(op, (clt_buffer){0}, op->table_rows, ROWS_ON_CPU, state, error));
        CLT_TRY(clt_buffer_zero(op->runtime, op->own, 0, op->own.bytes, error));
        op->steps = 0;
    }
done:
    return status;
}
