/* model.c: making, asking and freeing a clt_model. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/fingerprint.h"
#include "data/vocabulary.h"
#include "model/model_private.h"
#include "model/outputs.h"
#include "util/memory.h"

static clt_status check_reading(const clt_reading *reading, clt_error *error)
{
    if (reading->num_words < 3) {
        return clt_fail(error, CLT_USAGE, 0,
                        "num-words %d: a model needs 3 or more (0 pads, 1 starts, 2 is unknown)",
                        (int)reading->num_words);
    }
    if (reading->maxlen < 1) {
        return clt_fail(error, CLT_USAGE, 0, "maxlen %d: 1 or more", (int)reading->maxlen);
    }
    return clt_reading_check(reading, error);
}

clt_status clt_model_create_empty(const char *text, const clt_reading *reading, clt_model **model,
                                  clt_error *error)
{
    static const clt_reading defaults = CLT_READING_DEFAULT;
    clt_status status = CLT_FAILED;
    clt_model *made = clt_alloc(1, sizeof *made, "a model", error);
    if (made == NULL) {
        goto done;
    }
    made->reading = reading != NULL ? *reading : defaults;
    CLT_TRY(check_reading(&made->reading, error));
    CLT_TRY(clt_layers_parse(text, made->reading.num_words, &made->layers, error));
    status = CLT_FAILED;
    made->text = clt_layers_format(&made->layers, error);
    made->table =
        clt_alloc(made->layers.parameters[0].count, sizeof(float), "the embedding", error);
    made->arena = clt_alloc(made->layers.arena, sizeof(float), "the model's weights", error);
    if (made->text != NULL && made->table != NULL && made->arena != NULL) {
        *model = made;
        return CLT_OK;
    }
done:
    clt_model_free(made);
    return status;
}

clt_status clt_model_create(const char *layers, const clt_reading *reading, uint64_t seed,
                            clt_model **model, clt_error *error)
{
    clt_model *made = NULL;
    clt_status status = clt_model_create_empty(layers, reading, &made, error);
    if (status == CLT_OK) {
        status = clt_model_initialize(made, seed, error);
    }
    if (status == CLT_OK) {
        *model = made;
        return CLT_OK;
    }
    clt_model_free(made);
    return status;
}

void clt_model_free(clt_model *model)
{
    if (model != NULL) {
        clt_vocabulary_free(model->vocabulary);
        clt_vocabulary_free(model->classes);
        free(model->text);
        free(model->table);
        free(model->arena);
        free(model);
    }
}

float *clt_model_values(const clt_model *model, const clt_parameter *parameter)
{
    return parameter->table ? model->table : model->arena + parameter->offset;
}

float *clt_model_tensor(clt_model *model, const char *name, size_t *count)
{
    for (int k = 0; k < model->layers.parameter_count; k++) {
        const clt_parameter *p = &model->layers.parameters[k];
        if (strcmp(p->name, name) == 0) {
            if (count != NULL) {
                *count = p->count;
            }
            return clt_model_values(model, p);
        }
    }
    return NULL;
}

uint64_t clt_model_fingerprint(const clt_model *model)
{
    uint64_t hash = 0;
    for (int k = 0; k < model->layers.parameter_count; k++) {
        const clt_parameter *p = &model->layers.parameters[k];
        hash = clt_hash(hash, clt_model_values(model, p), p->count * sizeof(float));
    }
    return hash;
}

uint64_t clt_model_words_fingerprint(const clt_model *model)
{
    const clt_vocabulary *const parts[] = {model->vocabulary, model->classes};
    uint64_t hash = 0;
    for (int k = 0; k < 2; k++) {
        uint64_t bytes = parts[k] != NULL ? parts[k]->text_bytes : 0;
        hash = clt_hash(hash, &bytes, sizeof bytes);
        if (bytes > 0) {
            hash = clt_hash(hash, parts[k]->text, (size_t)bytes);
        }
    }
    return hash;
}

clt_status clt_model_set_vocabulary(clt_model *model, const clt_vocabulary *vocabulary,
                                    clt_error *error)
{
    clt_vocabulary *copy = NULL;
    clt_status status = clt_vocabulary_copy_below(
        vocabulary, model->reading.num_words - model->reading.index_from, &copy, error);
    if (status == CLT_OK) {
        clt_vocabulary_free(model->vocabulary);
        model->vocabulary = copy;
    }
    return status;
}

const clt_vocabulary *clt_model_vocabulary(const clt_model *model)
{
    return model->vocabulary;
}

static clt_status fail_count(const clt_model *model, int32_t count, clt_error *error)
{
    return clt_fail(error, CLT_INPUT, 0,
                    "%" PRId32 " classes, the last layer of %s tells %" PRId32 " apart", count,
                    model->text, clt_model_class_count(model));
}

/* A file may name fewer than there are. */
clt_status clt_model_take_classes(clt_model *model, clt_vocabulary *names, clt_error *error)
{
    if (names->count > clt_model_class_count(model)) {
        return fail_count(model, names->count, error);
    }
    for (int32_t k = 0; k < names->count; k++) {
        if (*clt_vocabulary_text(names, k + 1) == 0) {
            return clt_fail(error, CLT_INPUT, 0, "the name of class %" PRId32 " is empty", k);
        }
    }
    clt_vocabulary_free(model->classes);
    model->classes = names;
    return CLT_OK;
}

clt_status clt_model_set_classes(clt_model *model, const char *const *names, int32_t count,
                                 clt_error *error)
{
    clt_vocabulary *made = NULL;
    clt_status status = CLT_OK;
    if (count != clt_model_class_count(model)) {
        return fail_count(model, count, error);
    }
    CLT_TRY(clt_vocabulary_create_empty(&made, error));
    for (int32_t k = 0; k < count; k++) {
        CLT_TRY(clt_vocabulary_append(made, names[k], strlen(names[k]), error));
    }
    CLT_TRY(clt_model_take_classes(model, made, error));
    made = NULL;
done:
    clt_vocabulary_free(made);
    return status;
}

const char *clt_model_class(const clt_model *model, int32_t k)
{
    bool known = model->classes != NULL && k >= 0 && k < model->classes->count;
    return known ? clt_vocabulary_text(model->classes, k + 1) : NULL;
}

const clt_reading *clt_model_reading(const clt_model *model)
{
    return &model->reading;
}

const char *clt_model_layers(const clt_model *model)
{
    return model->text;
}

size_t clt_model_layer_count(const clt_model *model)
{
    return (size_t)model->layers.count;
}

clt_layer_info clt_model_layer(const clt_model *model, size_t index)
{
    const clt_layer *layer = &model->layers.layers[index];
    clt_layer_info info = {.name = layer->name,
                           .type = clt_layer_type(layer),
                           .rank = layer->sequence ? 2 : 1,
                           .timesteps = model->reading.maxlen,
                           .features = layer->outputs,
                           .frozen = layer->frozen};
    int end = index + 1 < (size_t)model->layers.count ? layer[1].parameter
                                                      : model->layers.parameter_count;
    for (int k = layer->parameter; k < end; k++) {
        info.parameters += model->layers.parameters[k].count;
    }
    return info;
}

int32_t clt_model_class_count(const clt_model *model)
{
    return clt_outputs_classes(clt_layers_outputs(&model->layers));
}

uint64_t clt_model_parameter_count(const clt_model *model)
{
    uint64_t count = 0;
    for (int k = 0; k < model->layers.parameter_count; k++) {
        count += model->layers.parameters[k].count;
    }
    return count;
}
