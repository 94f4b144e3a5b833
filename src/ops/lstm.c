/* lstm.c: the LSTM layer's op: the table of variants, the projection of the rows before the loop
 * over time, and the sums over positions after it.
 *
 * Backward, dG [N, 4H] being the gradients before the activations:
 *   drecurrent_kernel += tree over shards of h_in^T . dG
 *   dP = sums of dG per row, or dG itself without an index
 *   dkernel += rows^T . dP;  dbias += sums of dP over rows;  drows = dP . kernel^T */
#include "ops/lstm.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ops/lstm_private.h"
#include "ops/program.h"
#include "util/memory.h"

#define HIDDEN_MAX 2048
#define BLOCK 16        /* elements of a work-item of cl/lstm.cl */
#define ROWS_PER_SUM 64 /* of its lstm_sum_rows */
#define SAMPLES_PER_UNIT 16

static const clt_lstm_loop *const variants[] = {&clt_lstm_rows, &clt_lstm_group, &clt_lstm_step};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* ---- space ---- */

clt_status clt_lstm_reserve(clt_lstm_slices *slices, clt_buffer *buffer, size_t rows,
                            size_t columns, clt_error *error)
{
    size_t elements, bytes, padded;
    if (!clt_mul(rows, columns, &elements) || !clt_mul(elements, sizeof(float), &bytes) ||
        !clt_add(bytes, CLT_ALIGNMENT, &padded) ||
        !clt_add(slices->bytes, clt_align(bytes), &slices->bytes)) {
        return clt_fail(error, CLT_USAGE, 0,
                        "lstm: %zu x %zu floats are more than memory can hold; use a smaller batch",
                        rows, columns);
    }
    slices->slices[slices->count++] = (clt_lstm_slice){buffer, bytes};
    return CLT_OK;
}

/* As the three arrays in position order, for one sample of one step more. */
static clt_status reserve_prefix(clt_lstm *op, clt_error *error)
{
    clt_status status;
    clt_lstm_slices *slices = op->limits.train ? &op->saved : &op->scratch;
    size_t hidden = (size_t)op->config.hidden, rows = (size_t)op->limits.timesteps + 1;
    CLT_TRY(clt_lstm_reserve(slices, &op->prefix_gates, rows, 4 * hidden, error));
    CLT_TRY(clt_lstm_reserve(slices, &op->prefix_h, rows, hidden, error));
    CLT_TRY(clt_lstm_reserve(slices, &op->prefix_c, rows, hidden, error));
done:
    return status;
}

static clt_status reserve(clt_lstm *op, clt_error *error)
{
    clt_status status;
    size_t hidden = (size_t)op->config.hidden, columns = 4 * hidden;
    size_t samples = (size_t)op->limits.samples, positions;
    if (!clt_mul(samples, (size_t)op->limits.timesteps, &positions) || positions > INT_MAX) {
        return clt_fail(error, CLT_USAGE, 0,
                        "lstm: %d samples of %d time steps are more than %d positions; use a "
                        "smaller batch",
                        op->limits.samples, op->limits.timesteps, INT_MAX);
    }
    size_t projected = positions, shards = (size_t)clt_shards_of(op->limits.samples).count;
    if (op->limits.train) {
        CLT_TRY(clt_lstm_reserve(&op->saved, &op->gates, positions, columns, error));
        CLT_TRY(clt_lstm_reserve(&op->saved, &op->h_in, positions, hidden, error));
        CLT_TRY(clt_lstm_reserve(&op->saved, &op->c_in, positions, hidden, error));
        CLT_TRY(clt_lstm_reserve(&op->scratch, &op->bias_sums,
                                 clt_ceil_divide(positions, ROWS_PER_SUM), columns, error));
        CLT_TRY(clt_lstm_reserve(&op->scratch, &op->reduce_saved,
                                 clt_reduce_saved(op->reduce) / sizeof(float), 1, error));
        /* The shards' parts of drecurrent_kernel lie here before dP does. */
        if (projected < shards * hidden) {
            projected = shards * hidden;
        }
    }
    CLT_TRY(clt_lstm_reserve(&op->scratch, &op->projected, projected, columns, error));
    if (op->has_prefix) {
        CLT_TRY(reserve_prefix(op, error));
    }
done:
    return status;
}

clt_space clt_lstm_space(const clt_lstm *op)
{
    return (clt_space){.saved = op->saved.bytes, .scratch = op->scratch.bytes};
}

static void unbind(clt_lstm *op, clt_lstm_slices *slices)
{
    for (int k = 0; k < slices->count; k++) {
        clt_buffer_release(op->runtime, slices->slices[k].buffer);
    }
}

static clt_status bind(clt_lstm *op, clt_lstm_slices *slices, clt_buffer parent, clt_error *error)
{
    size_t offset = 0;
    for (int k = 0; k < slices->count; k++) {
        const clt_lstm_slice *slice = &slices->slices[k];
        clt_status status =
            clt_buffer_slice(op->runtime, parent, offset, slice->bytes, slice->buffer, error);
        if (status != CLT_OK) {
            return status;
        }
        offset += clt_align(slice->bytes);
    }
    return CLT_OK;
}

clt_status clt_lstm_bind(clt_lstm *op, clt_buffer saved, clt_buffer scratch, clt_error *error)
{
    clt_status status;
    unbind(op, &op->saved);
    unbind(op, &op->scratch);
    CLT_TRY(bind(op, &op->saved, saved, error));
    CLT_TRY(bind(op, &op->scratch, scratch, error));
    if (op->reduce != NULL) {
        CLT_TRY(clt_reduce_bind(op->reduce, op->reduce_saved, error));
    }
done:
    return status;
}

/* ---- plan ---- */

bool clt_lstm_suits(const clt_runtime *runtime, const clt_lstm_config *config, const char *name)
{
    for (int k = 0; k < VARIANTS; k++) {
        if (strcmp(name, variants[k]->name) == 0) {
            return variants[k]->suits(runtime, config);
        }
    }
    return false;
}

/* The forced variant, else the tuned one where it suits, else the first that suits. */
static const clt_lstm_loop *choose(const clt_runtime *runtime, const clt_lstm_config *config)
{
    const char *name = clt_runtime_forced(runtime, "lstm");
    const char *tuned = clt_runtime_tuned(runtime, "lstm");
    if (name == NULL && tuned != NULL && clt_lstm_suits(runtime, config, tuned)) {
        name = tuned;
    }
    for (int k = 0; k < VARIANTS; k++) {
        if (name != NULL ? strcmp(name, variants[k]->name) == 0
                         : variants[k]->suits(runtime, config)) {
            return variants[k];
        }
    }
    return &clt_lstm_step;
}

/* The prefix is one long chain of steps, the samples' tiles lie side by side: worth it where each
 * compute unit has several of them. A mask needs none. */
static bool choose_packs(const clt_lstm *op)
{
    const char *forced = clt_runtime_forced(op->runtime, "prefix");
    bool able = op->variant == &clt_lstm_rows && !op->config.reverse && !op->config.sequence;
    bool worth = (int64_t)op->limits.samples >=
                 SAMPLES_PER_UNIT * (int64_t)clt_runtime_device(op->runtime)->compute_units;
    return able && (forced != NULL ? strcmp(forced, "on") == 0 : op->config.masked || worth);
}

static clt_status plan_products(clt_lstm *op, clt_error *error)
{
    clt_status status;
    int columns = 4 * op->config.hidden, features = op->config.features;
    int positions = op->limits.samples * op->limits.timesteps;
    const clt_gemm_config projection = {
        .use = "lstm projection", .m = positions, .n = columns, .k = features};
    const clt_gemm_config kernel = {.use = "lstm kernel gradient",
                                    .a_transposed = true,
                                    .accumulate = true,
                                    .m = features,
                                    .n = columns,
                                    .k = positions};
    const clt_gemm_config rows = {.use = "lstm rows gradient",
                                  .b_transposed = true,
                                  .accumulate = op->config.adds_drows,
                                  .m = positions,
                                  .n = features,
                                  .k = columns};
    CLT_TRY(clt_gemm_plan(op->runtime, &projection, &op->projection, error));
    if (op->limits.train) {
        CLT_TRY(clt_gemm_plan(op->runtime, &kernel, &op->kernel_gradient, error));
        CLT_TRY(clt_gemm_plan(op->runtime, &rows, &op->rows_gradient, error));
    }
done:
    return status;
}

static clt_status plan_sums(clt_lstm *op, clt_error *error)
{
    clt_status status;
    clt_program *program;
    CLT_TRY(clt_layers_program(op->runtime, &program, error));
    CLT_TRY(clt_kernel_create(program, "lstm_add_shards", &op->add_shards, error));
    CLT_TRY(clt_kernel_create(program, "lstm_sum_rows", &op->sum_rows, error));
    CLT_TRY(clt_kernel_create(program, "lstm_add_rows", &op->add_rows, error));
    CLT_TRY(clt_reduce_plan(op->runtime, 0, &op->reduce, error));
done:
    return status;
}

clt_status clt_lstm_plan(clt_runtime *runtime, const clt_lstm_config *config,
                         const clt_limits *limits, clt_lstm **op, clt_error *error)
{
    clt_status status;
    *op = NULL;
    if (config->hidden < 1 || config->hidden > HIDDEN_MAX) {
        return clt_fail(error, CLT_USAGE, 0, "lstm: %d units; an LSTM has 1 to %d", config->hidden,
                        HIDDEN_MAX);
    }
    clt_lstm *made = clt_alloc(1, sizeof *made, "an LSTM op", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->config = *config;
    made->config.width = clt_lstm_width(config);
    made->limits = *limits;
    made->variant = choose(runtime, config);
    made->packs = choose_packs(made);
    made->has_prefix = made->packs && !config->masked;
    if (limits->train) {
        CLT_TRY(plan_sums(made, error));
    }
    CLT_TRY(reserve(made, error)); /* first: it checks that sizes can be multiplied */
    CLT_TRY(plan_products(made, error));
    CLT_TRY(made->variant->plan(made, &made->state, error));
    clt_runtime_planned(runtime, "lstm", made->variant->name); /* group may have taken step */
    *op = made;
    return CLT_OK;
done:
    clt_lstm_destroy(made);
    return status;
}

bool clt_lstm_packs(const clt_lstm *op)
{
    return op->packs;
}

void clt_lstm_destroy(clt_lstm *op)
{
    if (op == NULL) {
        return;
    }
    unbind(op, &op->saved);
    unbind(op, &op->scratch);
    op->variant->destroy(op->state);
    clt_gemm_destroy(op->projection);
    clt_gemm_destroy(op->kernel_gradient);
    clt_gemm_destroy(op->rows_gradient);
    clt_reduce_destroy(op->reduce);
    clt_kernel_destroy(op->add_shards);
    clt_kernel_destroy(op->sum_rows);
    clt_kernel_destroy(op->add_rows);
    free(op);
}

/* ---- forward ---- */

static const clt_lstm_state none; /* {NULL, NULL} */

static double product_flops(double m, double n, double k)
{
    return 2 * m * n * k;
}

static double product_bytes(double m, double n, double k)
{
    return sizeof(float) * (m * n + m * k + k * n);
}

static clt_matrix matrix(clt_buffer buffer, size_t offset, int columns)
{
    return (clt_matrix){buffer, offset, columns};
}

static double steps_of(const clt_sequence *x, clt_lstm_range range)
{
    return (double)x->computed * (range.t1 - range.t0) / x->extent.timesteps;
}

clt_status clt_lstm_project(clt_lstm *op, const clt_lstm_parameters *parameters, clt_buffer rows,
                            int row_count, clt_buffer projected, clt_error *error)
{
    clt_status status = CLT_OK;
    int features = op->config.features, columns = 4 * op->config.hidden;
    int planned = op->limits.samples * op->limits.timesteps;
    clt_profile_begin(op->runtime, "lstm projection", product_flops(row_count, columns, features),
                      product_bytes(row_count, columns, features));
    for (int first = 0; status == CLT_OK && first < row_count; first += planned) {
        int count = row_count - first < planned ? row_count - first : planned;
        status =
            clt_gemm_enqueue(op->projection, count, columns, features,
                             matrix(rows, (size_t)first * (size_t)features, features),
                             matrix(parameters->kernel, 0, columns),
                             matrix(projected, (size_t)first * (size_t)columns, columns), error);
    }
    clt_profile_end(op->runtime);
    return status;
}

clt_status clt_lstm_forward(clt_lstm *op, const clt_lstm_parameters *parameters,
                            const clt_sequence *x, clt_lstm_range range,
                            const clt_lstm_state *state0, clt_buffer y,
                            const clt_lstm_state *stateT, clt_error *error)
{
    clt_status status;
    double steps = steps_of(x, range), hidden = op->config.hidden, columns = 4 * hidden;
    bool is_projected = x->projected.mem != NULL;
    const clt_lstm_call call = {.x = x,
                                .range = range,
                                .projected = is_projected ? x->projected : op->projected,
                                .recurrent_kernel = parameters->recurrent_kernel,
                                .unchanged = parameters->unchanged && !op->limits.train,
                                .recurrent_mask = parameters->recurrent_mask,
                                .bias = parameters->bias,
                                .from = state0 != NULL ? *state0 : none,
                                .to = stateT != NULL ? *stateT : none,
                                .y = y};
    if (!is_projected) {
        CLT_TRY(clt_lstm_project(op, parameters, x->rows, x->row_count, op->projected, error));
    }
    /* Per position it reads a projected row and writes gates, h and c. */
    clt_profile_begin(op->runtime, "lstm forward", product_flops(steps, columns, hidden),
                      sizeof(float) * steps * (columns + (op->limits.train ? 6 * hidden : 0)));
    status = op->variant->forward(op, &call, error);
    clt_profile_end(op->runtime);
done:
    return status;
}

/* ---- backward ---- */

/* drecurrent_kernel += tree over shards of h_in^T . dG, each over all its positions. */
static clt_status add_recurrent_gradient(clt_lstm *op, const clt_sequence *x, clt_buffer dst,
                                         clt_error *error)
{
    clt_status status;
    size_t hidden = (size_t)op->config.hidden, elements = hidden * 4 * hidden;
    const clt_arg args[] = {clt_arg_int((int)elements), clt_arg_int(x->extent.shards.count),
                            clt_arg_buffer(op->projected), clt_arg_buffer(dst)};
    CLT_TRY(op->variant->recurrent_gradient(op, x, error));
    CLT_TRY(clt_kernel_enqueue_1d(op->add_shards, clt_ceil_divide(elements, BLOCK),
                                  clt_kernel_item_group(op->add_shards), args, 4, error));
done:
    return status;
}

/* dbias += the sum of the rows of dp [rows, 4H] */
static clt_status add_bias_gradient(clt_lstm *op, clt_buffer dp, int rows, clt_buffer dbias,
                                    clt_error *error)
{
    clt_status status;
    int columns = 4 * op->config.hidden;
    size_t blocks = clt_ceil_divide((size_t)columns, BLOCK);
    size_t sums = clt_ceil_divide((size_t)rows, ROWS_PER_SUM);
    size_t group[2] = {clt_kernel_item_group(op->sum_rows), 1};
    size_t global[2] = {clt_ceil_divide(blocks, group[0]) * group[0], sums};
    const clt_arg parts[] = {clt_arg_int(rows), clt_arg_int(columns), clt_arg_buffer(dp),
                             clt_arg_buffer(op->bias_sums)};
    const clt_arg whole[] = {clt_arg_int((int)sums), clt_arg_int(columns),
                             clt_arg_buffer(op->bias_sums), clt_arg_buffer(dbias)};
    CLT_TRY(clt_kernel_enqueue(op->sum_rows, 2, global, group, parts, 4, error));
    CLT_TRY(clt_kernel_enqueue_1d(op->add_rows, blocks, clt_kernel_item_group(op->add_rows), whole,
                                  4, error));
done:
    return status;
}

/* Everything that is a sum over positions, from the gate gradients of the whole sequence. */
static clt_status add_gradients(clt_lstm *op, const clt_lstm_parameters *parameters,
                                const clt_sequence *x, clt_buffer drows,
                                const clt_lstm_parameters *dparameters, clt_error *error)
{
    clt_status status;
    int features = op->config.features, hidden = op->config.hidden, columns = 4 * hidden;
    int rows = x->row_count;
    double steps = steps_of(x, (clt_lstm_range){0, x->extent.timesteps});
    clt_buffer dp = op->gates;

    clt_profile_begin(op->runtime, "lstm recurrent gradient", product_flops(hidden, columns, steps),
                      product_bytes(hidden, columns, steps));
    status = add_recurrent_gradient(op, x, dparameters->recurrent_kernel, error);
    clt_profile_end(op->runtime);
    CLT_TRY(status);

    if (x->index.mem != NULL) {
        dp = op->projected;
        CLT_TRY(clt_reduce_segments(op->reduce, x, columns, op->gates, dp, error));
    }

    clt_profile_begin(op->runtime, "lstm kernel gradient", product_flops(features, columns, rows),
                      product_bytes(features, columns, rows));
    status =
        clt_gemm_enqueue(op->kernel_gradient, features, columns, rows, matrix(x->rows, 0, features),
                         matrix(dp, 0, columns), matrix(dparameters->kernel, 0, columns), error);
    if (status == CLT_OK) {
        status = add_bias_gradient(op, dp, rows, dparameters->bias, error);
    }
    clt_profile_end(op->runtime);
    CLT_TRY(status);

    if (drows.mem != NULL) {
        clt_profile_begin(op->runtime, "lstm rows gradient", product_flops(rows, features, columns),
                          product_bytes(rows, features, columns));
        status = clt_gemm_enqueue(op->rows_gradient, rows, features, columns,
                                  matrix(dp, 0, columns), matrix(parameters->kernel, 0, columns),
                                  matrix(drows, 0, features), error);
        clt_profile_end(op->runtime);
    }
done:
    return status;
}

clt_status clt_lstm_backward(clt_lstm *op, const clt_lstm_parameters *parameters,
                             const clt_sequence *x, clt_lstm_range range, clt_buffer dy,
                             const clt_lstm_state *dstateT, clt_buffer drows,
                             const clt_lstm_parameters *dparameters, const clt_lstm_state *dstate0,
                             clt_error *error)
{
    clt_status status;
    double steps = steps_of(x, range), hidden = op->config.hidden;
    bool holds_first = op->config.reverse ? range.t1 == x->extent.timesteps : range.t0 == 0;
    const clt_lstm_call call = {.x = x,
                                .range = range,
                                .recurrent_kernel = parameters->recurrent_kernel,
                                .recurrent_mask = parameters->recurrent_mask,
                                .from = dstateT != NULL ? *dstateT : none,
                                .to = dstate0 != NULL ? *dstate0 : none,
                                .y = dy};
    /* Per position it reads gates and c and writes the gates' gradients. */
    clt_profile_begin(op->runtime, "lstm backward", product_flops(steps, 4 * hidden, hidden),
                      sizeof(float) * steps * 9 * hidden);
    status = op->variant->backward(op, &call, error);
    clt_profile_end(op->runtime);
    CLT_TRY(status);
    if (holds_first) {
        CLT_TRY(add_gradients(op, parameters, x, drows, dparameters, error));
    }
done:
    return status;
}
