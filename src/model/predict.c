/* predict.c: a model run over a data set or over texts: logits, probabilities, loss and accuracy.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/loader.h"
#include "data/vocabulary.h"
#include "model/network.h"
#include "util/memory.h"

clt_status clt_model_check_samples(const clt_model *model, const clt_dataset *dataset,
                                   clt_error *error)
{
    if (dataset->count == 0) {
        return clt_fail(error, CLT_USAGE, 0, "the data set is empty");
    }
    if (dataset->num_words > model->reading.num_words) {
        return clt_fail(error, CLT_USAGE, 0,
                        "the data set has ids up to %d, the model's embedding %d rows; read the "
                        "data with the model's num_words",
                        (int)dataset->num_words - 1, (int)model->reading.num_words);
    }
    return CLT_OK;
}

clt_status clt_model_check_labels(const clt_model *model, const clt_dataset *dataset,
                                  clt_error *error)
{
    int outputs = clt_layers_outputs(&model->layers);
    clt_status status = clt_model_check_samples(model, dataset, error);
    if (status != CLT_OK) {
        return status;
    }
    if (dataset->labels == NULL) {
        return clt_fail(error, CLT_USAGE, 0, "the data set has no labels");
    }
    if (dataset->class_count > clt_model_class_count(model)) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%d classes, but dense:%d tells %d apart; end the model with dense:%d",
                        (int)dataset->class_count, outputs, (int)clt_model_class_count(model),
                        (int)dataset->class_count);
    }
    for (size_t k = 0; k < dataset->count; k++) {
        if (dataset->labels[k] < 0 || dataset->labels[k] >= dataset->class_count) {
            return clt_fail(error, CLT_USAGE, 0, "sample %zu has label %d, of %d classes", k,
                            (int)dataset->labels[k], (int)dataset->class_count);
        }
    }
    return CLT_OK;
}

/* The logits of a batch on their way to the host, and whose they are. */
typedef struct pending {
    clt_ticket ticket;
    const uint32_t *order;
    size_t samples; /* 0: none */
} pending;

static clt_status take_logits(clt_runtime *runtime, pending *read, size_t outputs, float *logits,
                              clt_error *error)
{
    const float *values = read->ticket.data;
    clt_status status = clt_ticket_wait(runtime, &read->ticket, error);
    for (size_t k = 0; status == CLT_OK && k < read->samples; k++) {
        memcpy(logits + read->order[k] * outputs, values + k * outputs, outputs * sizeof *logits);
    }
    read->samples = 0;
    return status;
}

clt_status clt_network_logits(clt_network *network, const clt_dataset *dataset,
                              const clt_reading *reading, float *logits, clt_error *error)
{
    clt_runtime *runtime = clt_network_runtime(network);
    const clt_network_state *state = clt_network_state_of(network);
    clt_loader *loader = NULL;
    const clt_batch *batch;
    pending reads[2] = {{.samples = 0}};
    size_t room = (size_t)clt_network_limits(network)->samples, outputs = (size_t)state->outputs;
    int step = 0;
    bool by_id;
    clt_status status;
    CLT_TRY(clt_ticket_create(room * outputs * sizeof(float), &reads[0].ticket, error));
    CLT_TRY(clt_ticket_create(room * outputs * sizeof(float), &reads[1].ticket, error));
    CLT_TRY(clt_loader_create(dataset, reading, (int)room, &loader, error));
    CLT_TRY(clt_network_project_vocabulary(network, dataset->count * (size_t)reading->maxlen,
                                           &by_id, error));
    if (by_id) {
        clt_loader_fill_by_id(loader);
    }
    if (clt_network_packs(network)) {
        clt_loader_pack(loader, true);
    }
    CLT_TRY(clt_loader_start(loader, false, 0, 0, 0, error));
    while ((batch = clt_loader_next(loader)) != NULL) {
        pending *read = &reads[step % 2];
        read->order = clt_loader_order(loader) + (size_t)step * room;
        read->samples = (size_t)batch->extent.samples;
        CLT_TRY(clt_network_upload(network, batch, error));
        CLT_TRY(clt_network_forward(network, 0, error));
        CLT_TRY(clt_buffer_read_later(runtime, state->logits, 0,
                                      read->samples * outputs * sizeof(float), &read->ticket,
                                      error));
        CLT_TRY(clt_runtime_flush(runtime, error));
        step++;
        /* The batch before is finished with, so the loader may fill its place. */
        CLT_TRY(take_logits(runtime, &reads[step % 2], outputs, logits, error));
    }
    CLT_TRY(take_logits(runtime, &reads[0], outputs, logits, error));
    CLT_TRY(take_logits(runtime, &reads[1], outputs, logits, error));
done:
    if (status != CLT_OK) {
        (void)!clt_runtime_finish(runtime, NULL); /* what is freed next is still in use */
    }
    clt_ticket_destroy(runtime, &reads[0].ticket);
    clt_ticket_destroy(runtime, &reads[1].ticket);
    clt_loader_destroy(loader, clt_runtime_is_lost(runtime));
    return status;
}

/* The class of the largest logit z[m], the first of several; sum is that of e^(z[o] - z[m]). */
static int likeliest_of(const float *z, int outputs, double *sum)
{
    int m = 0;
    *sum = 0.0;
    for (int o = 1; o < outputs; o++) {
        m = z[o] > z[m] ? o : m;
    }
    for (int o = 0; o < outputs; o++) {
        *sum += exp((double)z[o] - z[m]);
    }
    return m;
}

clt_metrics clt_metrics_of(const float *logits, int outputs, const int32_t *labels, size_t count)
{
    double loss = 0.0;
    size_t hits = 0;
    for (size_t k = 0; k < count; k++) {
        if (outputs == 1) {
            double z = logits[k], y = labels[k];
            loss += fmax(z, 0.0) - z * y + log1p(exp(-fabs(z)));
            hits += (z > 0.0) == (labels[k] == 1);
        } else {
            const float *z = logits + k * (size_t)outputs;
            double sum;
            int likeliest = likeliest_of(z, outputs, &sum);
            loss += log(sum) - ((double)z[labels[k]] - z[likeliest]);
            hits += likeliest == labels[k];
        }
    }
    return (clt_metrics){.loss = loss / (double)count, .accuracy = (double)hits / (double)count};
}

/* Logits [count, outputs] from a network made for this call. */
static clt_status run(const clt_model *model, clt_runtime *runtime, const clt_dataset *dataset,
                      int32_t batch, float *logits, clt_error *error)
{
    clt_network *network = NULL;
    clt_limits limits = {.samples = batch, .timesteps = model->reading.maxlen, .train = false};
    clt_status status;
    CLT_TRY(clt_model_check_samples(model, dataset, error));
    if (dataset->count < (size_t)limits.samples) {
        limits.samples = (int)dataset->count;
    }
    CLT_TRY(clt_network_create(runtime, model, &limits, 0, NULL, &network, error));
    CLT_TRY(clt_network_logits(network, dataset, &model->reading, logits, error));
    size_t outputs = (size_t)clt_layers_outputs(&model->layers);
    for (size_t k = 0; k < dataset->count * outputs; k++) {
        if (!isfinite(logits[k])) {
            status = clt_fail(error, CLT_DIVERGED, 0, "the model's output for sample %zu is %f",
                              k / outputs, (double)logits[k]);
            goto done;
        }
    }
done:
    clt_network_destroy(network);
    return status;
}

clt_status clt_model_evaluate(const clt_model *model, clt_runtime *runtime,
                              const clt_dataset *dataset, int32_t batch, clt_metrics *metrics,
                              clt_error *error)
{
    int outputs = clt_layers_outputs(&model->layers);
    float *logits = NULL;
    clt_status status;
    CLT_TRY(clt_model_check_labels(model, dataset, error));
    logits = clt_alloc(dataset->count, (size_t)outputs * sizeof *logits, "logits", error);
    CLT_TRY(logits != NULL ? CLT_OK : CLT_FAILED);
    CLT_TRY(run(model, runtime, dataset, batch, logits, error));
    *metrics = clt_metrics_of(logits, outputs, dataset->labels, dataset->count);
done:
    free(logits);
    return status;
}

/* The logits of one sample become probabilities. */
static void softmax(float *values, int outputs)
{
    double sum;
    double most = values[likeliest_of(values, outputs, &sum)];
    for (int o = 0; o < outputs; o++) {
        values[o] = (float)(exp(values[o] - most) / sum);
    }
}

clt_status clt_model_predict(const clt_model *model, clt_runtime *runtime,
                             const clt_dataset *samples, int32_t batch, float *probabilities,
                             clt_error *error)
{
    int outputs = clt_layers_outputs(&model->layers);
    clt_status status = run(model, runtime, samples, batch, probabilities, error);
    /* One logit becomes two probabilities: from behind, nothing is overwritten before it is read.
     */
    for (size_t k = samples->count; status == CLT_OK && k-- > 0;) {
        if (outputs == 1) {
            double z = probabilities[k];
            probabilities[2 * k] = (float)(1.0 / (1.0 + exp(z)));
            probabilities[2 * k + 1] = (float)(1.0 / (1.0 + exp(-z)));
        } else {
            softmax(probabilities + k * (size_t)outputs, outputs);
        }
    }
    return status;
}

/* The texts as one data set. */
static clt_status encode(const clt_model *model, const char *const *texts, size_t count,
                         clt_dataset *dataset, clt_error *error)
{
    clt_status status = CLT_FAILED;
    *dataset = (clt_dataset){.count = count, .num_words = model->reading.num_words};
    dataset->offsets = clt_alloc(count + 1, sizeof *dataset->offsets, "texts", error);
    if (dataset->offsets == NULL) {
        goto done;
    }
    for (size_t k = 0; k < count; k++) {
        int32_t *ids = NULL;
        size_t length, used = dataset->offsets[k];
        CLT_TRY(clt_vocabulary_encode(model->vocabulary, &model->reading, texts[k],
                                      strlen(texts[k]), &ids, &length, error));
        void *all = dataset->ids;
        status = clt_resize(&all, used + length, sizeof *ids, "texts", error);
        if (status == CLT_OK) {
            dataset->ids = all;
            memcpy(dataset->ids + used, ids, length * sizeof *ids);
            dataset->offsets[k + 1] = used + length;
        }
        free(ids);
        CLT_TRY(status);
    }
    status = CLT_OK;
done:
    return status;
}

clt_status clt_model_predict_text(const clt_model *model, clt_runtime *runtime,
                                  const char *const *texts, size_t count, float *probabilities,
                                  clt_error *error)
{
    enum { BATCH = 128 };
    clt_dataset dataset = {0};
    clt_status status;
    if (model->vocabulary == NULL) {
        return clt_fail(error, CLT_INPUT, 0,
                        "the model has no words to read text with; train it with a word index "
                        "(fit --word-index)");
    }
    CLT_TRY(encode(model, texts, count, &dataset, error));
    CLT_TRY(clt_model_predict(model, runtime, &dataset, BATCH, probabilities, error));
done:
    free(dataset.offsets);
    free(dataset.ids);
    return status;
}
