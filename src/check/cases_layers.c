/* cases_layers.c: embedding, segment sums, dropout, pools, dense and loss. */
#include "check/check.h"
#include "ops/ops.h"
#include "ref/ref.h"

#define LOSS_SAMPLES_MAX 128
#define SAMPLES_MAX 16 /* of a mask */
#define WORDS_MAX 300

static size_t area(int a, int b)
{
    return (size_t)a * (size_t)b;
}

static clt_sequence sequence_of(const clt_check_batch *batch, clt_buffer rows)
{
    return (clt_sequence){.extent = batch->extent,
                          .row_count = batch->row_count,
                          .rows = rows,
                          .index = batch->index->device,
                          .offsets = batch->offsets->device,
                          .positions = batch->positions->device};
}

/* hidden = vocabulary. Gathers rows, then one row a position. */
static clt_status run_embedding(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_embedding *op = NULL;
    clt_check_batch batch;
    clt_array *table, *rows, *x;
    int positions = c->samples * c->timesteps;
    clt_status status;
    CLT_TRY(clt_check_words(check, c->samples, c->timesteps, c->hidden, false, &batch, error));
    CLT_TRY(clt_check_input(check, "table", area(c->hidden, c->features), 1.0, &table, error));
    CLT_TRY(
        clt_check_output(check, "rows", area(batch.row_count, c->features), false, &rows, error));
    CLT_TRY(clt_check_output(check, "x", area(positions, c->features), false, &x, error));
    CLT_TRY(clt_embedding_plan(check->runtime, c->features, &op, error));
    CLT_TRY(clt_embedding_forward(op, table->device, batch.unique->device, batch.row_count,
                                  rows->device, error));
    clt_sequence sequence = sequence_of(&batch, rows->device);
    CLT_TRY(clt_embedding_expand(op, &sequence, x->device, error));
    clt_ref_embedding_f32(table->host, c->features, (const int32_t *)batch.unique->host,
                          batch.row_count, rows->host);
    clt_ref_expand_f32(rows->host, c->features, (const int32_t *)batch.index->host, positions,
                       x->host);
    CLT_TRY(clt_check_compare(check, rows, error));
    CLT_TRY(clt_check_compare(check, x, error));
done:
    clt_embedding_destroy(op);
    return status;
}

static clt_status run_segments(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_reduce *op = NULL;
    clt_check_batch batch;
    clt_array *src, *dst;
    clt_buffer saved;
    clt_status status;
    CLT_TRY(clt_check_words(check, c->samples, c->timesteps, c->hidden, false, &batch, error));
    CLT_TRY(clt_check_input(check, "src", area(c->samples * c->timesteps, c->features), 1.0, &src,
                            error));
    CLT_TRY(clt_check_output(check, "dst", area(batch.row_count, c->features), false, &dst, error));
    CLT_TRY(clt_reduce_plan(check->runtime, 0, &op, error));
    CLT_TRY(clt_check_space(check, clt_reduce_saved(op), &saved, error));
    CLT_TRY(clt_reduce_bind(op, saved, error));
    clt_sequence sequence = sequence_of(&batch, dst->device);
    CLT_TRY(clt_reduce_segments(op, &sequence, c->features, src->device, dst->device, error));
    clt_ref_segment_sum_f32(&batch.extent, batch.row_count, c->features,
                            (const int32_t *)batch.offsets->host,
                            (const int32_t *)batch.positions->host, src->host, dst->host);
    CLT_TRY(clt_check_compare(check, dst, error));
done:
    clt_reduce_destroy(op);
    return status;
}

/* timesteps 0: a mask over samples. flag: one mask for all time steps. */
static clt_status run_dropout(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_dropout *op = NULL;
    clt_array *x, *y;
    clt_extent extent = clt_extent_of(c->samples, c->timesteps);
    clt_dropout_counter counter = {123456789, 3, 77, c->flag};
    size_t count = area(c->samples * (c->timesteps > 0 ? c->timesteps : 1), c->features);
    clt_status status;
    CLT_TRY(clt_check_input(check, "x", count, 1.0, &x, error));
    CLT_TRY(clt_check_output(check, "y", count, false, &y, error));
    CLT_TRY(clt_dropout_plan(check->runtime, c->features, 0.3, &op, error));
    CLT_TRY(clt_dropout_apply(op, &extent, &counter, x->device, y->device, error));
    clt_ref_dropout_f32(&extent, c->features, 0.3, &counter, x->host, y->host);
    CLT_TRY(clt_check_compare(check, y, error));
done:
    clt_dropout_destroy(op);
    return status;
}

/* The mask alone, and what is added to; flag: one mask for all time steps. */
static clt_status run_masks(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_dropout *op = NULL;
    clt_array *x, *y, *mask;
    clt_extent extent = clt_extent_of(c->samples, c->timesteps);
    clt_dropout_counter counter = {123456789, 3, 77, c->flag};
    size_t count = area(c->samples * c->timesteps, c->features);
    clt_status status;
    CLT_TRY(clt_check_input(check, "x", count, 1.0, &x, error));
    CLT_TRY(clt_check_input(check, "y", count, 1.0, &y, error));
    CLT_TRY(clt_check_output(check, "mask", count, false, &mask, error));
    CLT_TRY(clt_dropout_plan(check->runtime, c->features, 0.3, &op, error));
    CLT_TRY(clt_dropout_mask(op, &extent, &counter, mask->device, error));
    CLT_TRY(clt_dropout_add(op, &extent, &counter, x->device, y->device, error));
    for (size_t k = 0; k < count; k++) {
        mask->host[k] = 1.0f;
    }
    clt_ref_dropout_f32(&extent, c->features, 0.3, &counter, mask->host, mask->host);
    clt_ref_dropout_f32(&extent, c->features, 0.3, &counter, x->host, x->host);
    for (size_t k = 0; k < count; k++) {
        y->host[k] += x->host[k];
    }
    CLT_TRY(clt_check_compare(check, mask, error));
    CLT_TRY(clt_check_compare(check, y, error));
done:
    clt_dropout_destroy(op);
    return status;
}

/* timesteps rows. */
static clt_status run_words(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_dropout *op = NULL;
    clt_array *rows, *unique;
    clt_dropout_counter counter = {123456789, 0, 77, false};
    int32_t ids[WORDS_MAX];
    clt_status status;
    for (int u = 0; u < c->timesteps; u++) {
        ids[u] = 2 * u;
    }
    CLT_TRY(clt_check_input(check, "rows", area(c->timesteps, c->features), 1.0, &rows, error));
    CLT_TRY(clt_check_integers(check, "unique", (size_t)c->timesteps, ids, &unique, error));
    CLT_TRY(clt_dropout_plan(check->runtime, c->features, 0.3, &op, error));
    CLT_TRY(clt_dropout_words(op, &counter, unique->device, c->timesteps, rows->device, error));
    clt_ref_dropout_words_f32(ids, c->timesteps, c->features, 0.3, &counter, rows->host);
    CLT_TRY(clt_check_compare(check, rows, error));
done:
    clt_dropout_destroy(op);
    return status;
}

/* hidden kinds: the mean; and the last; and the largest. flag: masked. */
static clt_status run_pool(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_pool *op = NULL;
    clt_array *x, *y, *dy, *dx, *start;
    clt_buffer mask = {0};
    int32_t masked[SAMPLES_MAX];
    clt_extent extent = clt_extent_of(c->samples, c->timesteps);
    clt_pool_config config = {c->features, c->hidden, {CLT_POOL_MEAN, CLT_POOL_LAST, CLT_POOL_MAX}};
    size_t in = area(c->samples * c->timesteps, c->features);
    size_t out = area(c->samples * c->hidden, c->features);
    clt_status status;
    if (c->flag) {
        for (int b = 0; b < c->samples; b++) {
            masked[b] = b % (c->timesteps + 1);
        }
        extent.start = masked;
        CLT_TRY(clt_check_integers(check, "start", (size_t)c->samples, masked, &start, error));
        mask = start->device;
    }
    CLT_TRY(clt_check_input(check, "x", in, 1.0, &x, error));
    CLT_TRY(clt_check_input(check, "dy", out, 1.0, &dy, error));
    CLT_TRY(clt_check_output(check, "y", out, false, &y, error));
    CLT_TRY(clt_check_output(check, "dx", in, false, &dx, error));
    CLT_TRY(clt_pool_plan(check->runtime, &config, &op, error));
    CLT_TRY(clt_pool_forward(op, &extent, mask, x->device, y->device, error));
    CLT_TRY(clt_pool_backward(op, &extent, mask, x->device, dy->device, dx->device, error));
    clt_ref_pool_forward_f32(&extent, &config, x->host, y->host);
    clt_ref_pool_backward_f32(&extent, &config, x->host, dy->host, dx->host);
    CLT_TRY(clt_check_compare(check, y, error));
    CLT_TRY(clt_check_compare(check, dx, error));
done:
    clt_pool_destroy(op);
    return status;
}

/* features inputs, hidden outputs. */
static clt_status run_dense(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_dense *op = NULL;
    clt_array *kernel, *bias, *x, *y, *dy, *dx, *dkernel, *dbias;
    int in = c->features, out = c->hidden;
    clt_extent extent = clt_extent_of(c->samples, 1);
    clt_status status;
    CLT_TRY(clt_check_input(check, "kernel", area(in, out), 0.5, &kernel, error));
    CLT_TRY(clt_check_input(check, "bias", (size_t)out, 0.5, &bias, error));
    CLT_TRY(clt_check_input(check, "x", area(c->samples, in), 1.0, &x, error));
    CLT_TRY(clt_check_input(check, "dy", area(c->samples, out), 1.0, &dy, error));
    CLT_TRY(clt_check_output(check, "y", area(c->samples, out), false, &y, error));
    CLT_TRY(clt_check_output(check, "dx", area(c->samples, in), false, &dx, error));
    CLT_TRY(clt_check_output(check, "dkernel", area(in, out), true, &dkernel, error));
    CLT_TRY(clt_check_output(check, "dbias", (size_t)out, true, &dbias, error));
    CLT_TRY(clt_dense_plan(check->runtime, in, out, &op, error));
    CLT_TRY(clt_dense_forward(op, c->samples, kernel->device, bias->device, x->device, y->device,
                              error));
    CLT_TRY(clt_dense_backward(op, &extent, kernel->device, x->device, dy->device, dx->device,
                               dkernel->device, dbias->device, error));
    clt_ref_dense_forward_f32(c->samples, in, out, kernel->host, bias->host, x->host, y->host);
    clt_ref_dense_backward_f32(&extent, in, out, kernel->host, x->host, dy->host, dx->host,
                               dkernel->host, dbias->host);
    CLT_TRY(clt_check_compare(check, y, error));
    CLT_TRY(clt_check_compare(check, dx, error));
    CLT_TRY(clt_check_compare(check, dkernel, error));
    CLT_TRY(clt_check_compare(check, dbias, error));
done:
    clt_dense_destroy(op);
    return status;
}

/* hidden = outputs; flag: classes have weights. Logits up to 30 in size, where sigmoid is 0 or 1 to
 * the last bit; of a softmax up to 3, so that every class has its share. */
static clt_status run_loss(clt_check *check, const clt_case *c, clt_error *error)
{
    clt_loss *op = NULL;
    clt_array *logits, *targets, *weights, *loss, *hit, *dlogits;
    int outputs = c->hidden, classes = outputs == 1 ? 2 : outputs;
    size_t count = (size_t)c->samples, logit_count = area(c->samples, outputs);
    int32_t labels[LOSS_SAMPLES_MAX];
    clt_status status;
    for (int b = 0; b < c->samples; b++) {
        labels[b] = b % classes;
    }
    CLT_TRY(
        clt_check_input(check, "logits", logit_count, outputs == 1 ? 30.0 : 3.0, &logits, error));
    CLT_TRY(clt_check_integers(check, "targets", count, labels, &targets, error));
    CLT_TRY(clt_check_input(check, "weights", (size_t)classes, 2.0, &weights, error));
    CLT_TRY(clt_check_output(check, "loss", count, false, &loss, error));
    CLT_TRY(clt_check_output(check, "hit", count, false, &hit, error));
    CLT_TRY(clt_check_output(check, "dlogits", logit_count, false, &dlogits, error));
    CLT_TRY(clt_loss_plan(check->runtime, outputs, &op, error));
    CLT_TRY(clt_loss_forward(op, c->samples, logits->device, targets->device,
                             c->flag ? weights->device : (clt_buffer){0}, loss->device, hit->device,
                             dlogits->device, error));
    clt_ref_loss_f32(c->samples, outputs, logits->host, labels, c->flag ? weights->host : NULL,
                     loss->host, (int32_t *)hit->host, dlogits->host);
    CLT_TRY(clt_check_compare(check, loss, error));
    hit->integers = true;
    CLT_TRY(clt_check_compare(check, hit, error));
    CLT_TRY(clt_check_compare(check, dlogits, error));
done:
    clt_loss_destroy(op);
    return status;
}

/* A copied number is equal; a sum of n numbers up to 1 in another order is off by about
 * sqrt(n) * 6e-8 of its size; exp and log of the device are good to a few ulp. */
const clt_case clt_cases_layers[] = {
    {"embedding", NULL, NULL, 5, 7, 13, 11, false, 0.0, run_embedding},
    {"embedding", NULL, NULL, 40, 30, 128, 500, false, 0.0, run_embedding},
    {"segment sum", NULL, NULL, 5, 7, 13, 11, false, 2e-6, run_segments},
    {"segment sum", NULL, NULL, 128, 40, 240, 700, false, 1e-5, run_segments},
    {"dropout", NULL, NULL, 9, 7, 13, 0, false, 1e-7, run_dropout},
    {"dropout", NULL, NULL, 128, 0, 60, 0, false, 1e-7, run_dropout},
    {"locked dropout", NULL, NULL, 9, 7, 13, 0, true, 1e-7, run_dropout},
    {"dropout mask", NULL, NULL, 9, 7, 13, 0, true, 1e-7, run_masks},
    {"dropout mask", NULL, NULL, 40, 3, 200, 0, false, 1e-7, run_masks},
    {"word dropout", NULL, NULL, 0, 300, 33, 0, false, 1e-7, run_words},
    {"pool", NULL, NULL, 9, 7, 13, 3, false, 1e-6, run_pool},
    {"pool", NULL, NULL, 128, 40, 60, 3, false, 1e-6, run_pool},
    {"pool", NULL, NULL, 20, 5, 33, 1, false, 1e-6, run_pool},
    {"pool, masked", NULL, NULL, 9, 7, 13, 3, true, 1e-6, run_pool},
    {"dense", NULL, NULL, 3, 0, 13, 1, false, 2e-6, run_dense},
    {"dense", NULL, NULL, 128, 0, 60, 1, false, 1e-5, run_dense},
    {"dense", NULL, NULL, 20, 0, 33, 5, false, 1e-5, run_dense},
    {"loss", NULL, NULL, 1, 0, 0, 1, false, 1e-6, run_loss},
    {"loss", NULL, NULL, 128, 0, 0, 1, false, 1e-6, run_loss},
    {"loss", NULL, NULL, 3, 0, 0, 2, false, 1e-6, run_loss},
    {"loss", NULL, NULL, 128, 0, 0, 13, false, 1e-6, run_loss},
    {"weighted loss", NULL, NULL, 128, 0, 0, 1, true, 1e-6, run_loss},
    {"weighted loss", NULL, NULL, 128, 0, 0, 13, true, 1e-6, run_loss},
    {0}};
