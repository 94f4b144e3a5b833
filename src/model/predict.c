/* predict.c: a model run over a data set or over texts: logits, probabilities, loss and accuracy.
 */
#include <stdlib.h>
#include <string.h>

#include "data/loader.h"
#include "data/vocabulary.h"
#include "model/network.h"
#include "model/outputs.h"
#include "util/memory.h"

static clt_status check_samples(const clt_model *model, const clt_dataset *dataset,
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
    clt_status status = check_samples(model, dataset, error);
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
    clt_network_set_loader(network, loader, true);
    CLT_TRY(clt_loader_start(loader, false, 0, 0, 0, error));
    while ((batch = clt_loader_next(loader)) != NULL) {
        pending *read = &reads[step % 2];
        read->order = clt_loader_order(loader) + (size_t)step * room;
        read->samples = (size_t)batch->extent.samples;
        CLT_TRY(clt_network_upload(network, batch, error));
        CLT_TRY(clt_network_forward(network, 0, error));
        clt_network_set_unchanged(network, true);
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
    clt_network_set_unchanged(network, false);
    if (status != CLT_OK) {
        (void)!clt_runtime_finish(runtime, NULL); /* what is freed next is still in use */
    }
    clt_ticket_destroy(runtime, &reads[0].ticket);
    clt_ticket_destroy(runtime, &reads[1].ticket);
    clt_loader_destroy(loader, clt_runtime_is_lost(runtime));
    return status;
}

/* Logits [count, outputs] from a network made for this call. */
static clt_status run(const clt_model *model, clt_runtime *runtime, const clt_dataset *dataset,
                      int32_t batch, float *logits, clt_error *error)
{
    clt_network *network = NULL;
    clt_limits limits = {.samples = batch, .timesteps = model->reading.maxlen, .train = false};
    clt_status status;
    CLT_TRY(check_samples(model, dataset, error));
    if (batch < 1) {
        status = clt_fail(error, CLT_USAGE, 0, "batch %d: 1 or more", (int)batch);
        goto done;
    }
    if (dataset->count < (size_t)limits.samples) {
        limits.samples = (int)dataset->count;
    }
    CLT_TRY(clt_network_create(runtime, model, &limits, 0, NULL, &network, error));
    CLT_TRY(clt_network_logits(network, dataset, &model->reading, logits, error));
    CLT_TRY(clt_outputs_check(logits, clt_layers_outputs(&model->layers), dataset->count, error));
done:
    clt_network_destroy(network);
    return status;
}

/* The same for a data set with labels; the logits are the caller's to free. */
static clt_status run_labelled(const clt_model *model, clt_runtime *runtime,
                               const clt_dataset *dataset, int32_t batch, float **logits,
                               clt_error *error)
{
    size_t outputs = (size_t)clt_layers_outputs(&model->layers);
    clt_status status;
    *logits = NULL;
    CLT_TRY(clt_model_check_labels(model, dataset, error));
    *logits = clt_alloc(dataset->count, outputs * sizeof **logits, "logits", error);
    CLT_TRY(*logits != NULL ? CLT_OK : CLT_FAILED);
    CLT_TRY(run(model, runtime, dataset, batch, *logits, error));
done:
    return status;
}

clt_status clt_model_evaluate(const clt_model *model, clt_runtime *runtime,
                              const clt_dataset *dataset, int32_t batch, clt_metrics *metrics,
                              clt_error *error)
{
    float *logits;
    clt_status status = run_labelled(model, runtime, dataset, batch, &logits, error);
    if (status == CLT_OK) {
        *metrics = clt_outputs_metrics(logits, clt_layers_outputs(&model->layers), dataset->labels,
                                       dataset->count);
    }
    free(logits);
    return status;
}

clt_status clt_model_report(const clt_model *model, clt_runtime *runtime,
                            const clt_dataset *dataset, int32_t batch, clt_report **report,
                            clt_error *error)
{
    float *logits;
    clt_status status = run_labelled(model, runtime, dataset, batch, &logits, error);
    if (status == CLT_OK) {
        status = clt_report_create(logits, clt_layers_outputs(&model->layers), dataset->labels,
                                   dataset->count, report, error);
    }
    free(logits);
    return status;
}

clt_status clt_model_predict(const clt_model *model, clt_runtime *runtime,
                             const clt_dataset *samples, int32_t batch, float *probabilities,
                             clt_error *error)
{
    int outputs = clt_layers_outputs(&model->layers);
    size_t classes = (size_t)clt_outputs_classes(outputs);
    clt_status status = run(model, runtime, samples, batch, probabilities, error);
    /* From behind: where one logit becomes two probabilities, the others are not yet read. */
    for (size_t k = samples->count; status == CLT_OK && k-- > 0;) {
        clt_outputs_probabilities(probabilities + k * (size_t)outputs, outputs,
                                  probabilities + k * classes);
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
