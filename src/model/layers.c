/* layers.c: parses a model string such as
 * `embedding:128,lstm:60:sequence,dropout:0.5,lstm:60,dense:1` and derives every shape and
 * parameter from it. */
#include "model/layers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/locale.h"
#include "util/memory.h"

#define UNITS_MAX 65536
#define HIDDEN_MAX 2048
#define CLASSES_MAX 4096
#define DROPOUT_OPTION "dropout="
#define RECURRENT_OPTION "recurrent_dropout="
#define LAYER_LENGTH_MAX 128

static const struct {
    const char *name, *type, *use;
    int most; /* units */
} kinds[] = {
    [CLT_LAYER_EMBEDDING] = {"embedding", "Embedding",
                             "embedding:D[:dropout=P][:frozen][:mask_zero]", UNITS_MAX},
    [CLT_LAYER_LSTM] = {"lstm", "LSTM",
                        "lstm:H[:bidirectional][:sequence][:dropout=P][:recurrent_dropout=P]"
                        "[:per-step]",
                        HIDDEN_MAX},
    [CLT_LAYER_DROPOUT] = {"dropout", "Dropout", "dropout:P", 0},
    [CLT_LAYER_POOL] = {"pool", "Concatenate", "pool:last, mean, max, or several: pool:mean+max",
                        0},
    [CLT_LAYER_DENSE] = {"dense", "Dense", "dense:N", CLASSES_MAX},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static const struct {
    const char *name, *type;
} pools[CLT_POOL_KINDS] = {
    [CLT_POOL_LAST] = {"last", "GetItem"},
    [CLT_POOL_MEAN] = {"mean", "GlobalAveragePooling1D"},
    [CLT_POOL_MAX] = {"max", "GlobalMaxPooling1D"},
};

const char *clt_layer_type(const clt_layer *layer)
{
    if (layer->kind == CLT_LAYER_POOL && layer->pool.count == 1) {
        return pools[layer->pool.kinds[0]].type;
    }
    return layer->directions == 2 ? "Bidirectional" : kinds[layer->kind].type;
}

/* One layer's text while it is being read. */
typedef struct {
    const char *text;
    int length;
    clt_error *error;
} word;

__attribute__((format(printf, 2, 3))) static clt_status layer_error(const word *w,
                                                                    const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return clt_fail(w->error, CLT_USAGE, 0, "model: layer '%.*s': %s", w->length, w->text, reason);
}

static clt_status parse_units(const word *w, const char *text, int limit, int *units)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || value < 1) {
        return layer_error(w, "'%s' is not a number of units, 1 or more", text);
    }
    if (value > limit) {
        return layer_error(w, "%s units are more than the limit of %d", text, limit);
    }
    *units = (int)value;
    return CLT_OK;
}

static clt_status parse_rate(const word *w, const char *text, double *rate)
{
    char *end;
    locale_t before = clt_locale_begin();
    *rate = strtod(text, &end);
    clt_locale_end(before);
    bool plain = (*text >= '0' && *text <= '9') || *text == '.';
    if (!plain || *end != 0 || !(*rate >= 0.0 && *rate < 1.0)) {
        return layer_error(w, "'%s' is not a rate: 0 <= P < 1", text);
    }
    return CLT_OK;
}

/* "max", or several: "mean+max". */
static clt_status parse_pool(const word *w, const char *text, clt_pool_config *pool)
{
    for (const char *at = text; at != NULL;) {
        const char *plus = strchr(at, '+');
        int length = (int)(plus != NULL ? (size_t)(plus - at) : strlen(at)), kind = 0;
        while (kind < CLT_POOL_KINDS && (strncmp(at, pools[kind].name, (size_t)length) != 0 ||
                                         pools[kind].name[length] != 0)) {
            kind++;
        }
        if (kind == CLT_POOL_KINDS) {
            return layer_error(w, "unknown pool '%.*s'; choose from last, mean, max", length, at);
        }
        for (int k = 0; k < pool->count; k++) {
            if (pool->kinds[k] == (clt_pool_kind)kind) {
                return layer_error(w, "'%s' stands there twice", pools[kind].name);
            }
        }
        pool->kinds[pool->count++] = (clt_pool_kind)kind;
        at = plus != NULL ? plus + 1 : NULL;
    }
    return CLT_OK;
}

/* What stands behind the layer's name. */
static clt_status parse_value(const word *w, const char *text, clt_layer *layer)
{
    switch (layer->kind) {
    case CLT_LAYER_DROPOUT:
        return parse_rate(w, text, &layer->rate);
    case CLT_LAYER_POOL:
        return parse_pool(w, text, &layer->pool);
    case CLT_LAYER_LSTM:
        layer->directions = 1;
        return parse_units(w, text, kinds[layer->kind].most, &layer->hidden);
    case CLT_LAYER_EMBEDDING:
    case CLT_LAYER_DENSE:
        break;
    }
    return parse_units(w, text, kinds[layer->kind].most, &layer->outputs);
}

static void add_parameter(clt_layers *layers, const clt_layer *layer, const char *direction,
                          const char *name, int rank, int rows, int columns,
                          clt_initializer initializer)
{
    clt_parameter *p = &layers->parameters[layers->parameter_count++];
    char full[sizeof p->name]; /* layer lies in *layers, as p does */
    snprintf(full, sizeof full, "%s.%s%s", layer->name, direction, name);
    memcpy(p->name, full, sizeof full);
    p->rank = rank;
    p->shape[0] = rank == 2 ? rows : columns;
    p->shape[1] = columns;
    p->count = (size_t)rows * (size_t)columns;
    p->initializer = initializer;
    p->table = layer->kind == CLT_LAYER_EMBEDDING;
    if (!p->table) {
        p->offset = layers->arena;
        layers->arena += (p->count + CLT_ARENA_STEP - 1) / CLT_ARENA_STEP * CLT_ARENA_STEP;
    }
}

/* Keras's LSTM has three, and its Bidirectional those of an LSTM for each direction. */
static void add_lstm_parameters(clt_layers *layers, const clt_layer *layer)
{
    static const char *const directions[] = {"forward.", "backward."};
    int in = layer->inputs, hidden = layer->hidden;
    for (int d = 0; d < layer->directions; d++) {
        const char *direction = layer->directions == 2 ? directions[d] : "";
        add_parameter(layers, layer, direction, "kernel", 2, in, 4 * hidden,
                      CLT_INIT_GLOROT_UNIFORM);
        add_parameter(layers, layer, direction, "recurrent_kernel", 2, hidden, 4 * hidden,
                      CLT_INIT_ORTHOGONAL);
        add_parameter(layers, layer, direction, "bias", 1, 1, 4 * hidden, CLT_INIT_FORGET_BIAS);
    }
}

static void add_parameters(clt_layers *layers, clt_layer *layer)
{
    int in = layer->inputs, out = layer->outputs;
    layer->parameter = layers->parameter_count;
    switch (layer->kind) {
    case CLT_LAYER_EMBEDDING:
        add_parameter(layers, layer, "", "embeddings", 2, in, out, CLT_INIT_UNIFORM);
        break;
    case CLT_LAYER_LSTM:
        add_lstm_parameters(layers, layer);
        break;
    case CLT_LAYER_DENSE:
        add_parameter(layers, layer, "", "kernel", 2, in, out, CLT_INIT_GLOROT_UNIFORM);
        add_parameter(layers, layer, "", "bias", 1, 1, out, CLT_INIT_ZEROS);
        break;
    case CLT_LAYER_DROPOUT:
    case CLT_LAYER_POOL:
        break;
    }
}

/* The nearest layer before that is no dropout. */
static const clt_layer *source_of(const clt_layer *before)
{
    while (before->kind == CLT_LAYER_DROPOUT) {
        before--;
    }
    return before;
}

/* Where a layer may stand, and what it makes of the layer before. */
static clt_status connect(const word *w, clt_layers *layers, clt_layer *layer, int32_t num_words)
{
    const clt_layer *before = layers->count > 0 ? &layers->layers[layers->count - 1] : NULL;
    if ((before == NULL) != (layer->kind == CLT_LAYER_EMBEDDING)) {
        return layer_error(w, before == NULL ? "the first layer must be embedding:D"
                                             : "only the first layer can be an embedding");
    }
    if (before != NULL && before->kind == CLT_LAYER_DENSE) {
        return layer_error(w, "nothing can follow the dense layer");
    }
    layer->inputs = before != NULL ? before->outputs : num_words;
    switch (layer->kind) {
    case CLT_LAYER_EMBEDDING:
        layer->sequence = true;
        break;
    case CLT_LAYER_LSTM:
        if (!before->sequence && source_of(before)->kind == CLT_LAYER_POOL) {
            return layer_error(w, "the pool before it leaves one vector a sample");
        }
        if (!before->sequence) {
            return layer_error(
                w, "the lstm before it gives its last state only; write 'lstm:%d%s:sequence'",
                source_of(before)->hidden,
                source_of(before)->directions == 2 ? ":bidirectional" : "");
        }
        layer->outputs = layer->directions * layer->hidden;
        break;
    case CLT_LAYER_POOL:
        if (!before->sequence || source_of(before)->kind != CLT_LAYER_LSTM) {
            return layer_error(w, "a pool reads all states of an lstm; put an lstm with 'sequence' "
                                  "before it");
        }
        layer->pool.features = before->outputs;
        layer->outputs = layer->pool.count * before->outputs;
        break;
    case CLT_LAYER_DROPOUT:
        layer->outputs = before->outputs;
        layer->sequence = before->sequence;
        break;
    case CLT_LAYER_DENSE:
        if (before->sequence) {
            return layer_error(w, "dense needs one vector a sample; put an lstm without "
                                  "'sequence', or a pool, before it");
        }
        break;
    }
    return CLT_OK;
}

static clt_status parse_options(const word *w, clt_layer *layer, char *options)
{
    clt_status status = CLT_OK;
    for (char *option = options; option != NULL && status == CLT_OK;) {
        char *next = strchr(option, ':');
        if (next != NULL) {
            *next++ = 0;
        }
        if (layer->kind == CLT_LAYER_LSTM && strcmp(option, "sequence") == 0) {
            layer->sequence = true;
        } else if (layer->kind == CLT_LAYER_LSTM && strcmp(option, "bidirectional") == 0) {
            layer->directions = 2;
        } else if (layer->kind == CLT_LAYER_LSTM && strcmp(option, "per-step") == 0) {
            layer->per_step = true;
        } else if (layer->kind == CLT_LAYER_EMBEDDING && strcmp(option, "frozen") == 0) {
            layer->frozen = true;
        } else if (layer->kind == CLT_LAYER_EMBEDDING && strcmp(option, "mask_zero") == 0) {
            layer->mask_zero = true;
        } else if (layer->kind == CLT_LAYER_LSTM &&
                   strncmp(option, RECURRENT_OPTION, strlen(RECURRENT_OPTION)) == 0) {
            status = parse_rate(w, option + strlen(RECURRENT_OPTION), &layer->recurrent_rate);
        } else if ((layer->kind == CLT_LAYER_EMBEDDING || layer->kind == CLT_LAYER_LSTM) &&
                   strncmp(option, DROPOUT_OPTION, strlen(DROPOUT_OPTION)) == 0) {
            status = parse_rate(w, option + strlen(DROPOUT_OPTION), &layer->rate);
        } else {
            status = layer_error(w, "unknown option '%s'; use %s", option, kinds[layer->kind].use);
        }
        option = next;
    }
    if (status == CLT_OK && layer->per_step && layer->rate == 0.0 && layer->recurrent_rate == 0.0) {
        return layer_error(w, "per-step says how often a mask is drawn; give dropout=P, "
                              "recurrent_dropout=P or both");
    }
    return status;
}

static clt_status parse_layer(const word *w, clt_layers *layers, int32_t num_words)
{
    char copy[LAYER_LENGTH_MAX];
    clt_layer *layer = &layers->layers[layers->count];
    if (w->length == 0) {
        return clt_fail(w->error, CLT_USAGE, 0, "model: an empty layer; write for example %s",
                        CLT_MODEL_DEFAULT);
    }
    if ((size_t)w->length >= sizeof copy) {
        return clt_fail(w->error, CLT_USAGE, 0, "model: a layer of %d characters", w->length);
    }
    memcpy(copy, w->text, (size_t)w->length);
    copy[w->length] = 0;
    char *value = strchr(copy, ':'), *options = NULL;
    if (value != NULL) {
        *value++ = 0;
        options = strchr(value, ':');
        if (options != NULL) {
            *options++ = 0;
        }
    }
    int kind = 0, same = 0;
    while (kind < KIND_COUNT && strcmp(copy, kinds[kind].name) != 0) {
        kind++;
    }
    if (kind == KIND_COUNT) {
        return layer_error(w, "unknown layer; choose from embedding, lstm, dropout, pool, dense");
    }
    *layer = (clt_layer){.kind = (clt_layer_kind)kind};
    if (value == NULL) {
        return layer_error(w, "incomplete; use %s", kinds[kind].use);
    }
    clt_status status = parse_value(w, value, layer);
    if (status == CLT_OK) {
        status = parse_options(w, layer, options);
    }
    if (status == CLT_OK) {
        status = connect(w, layers, layer, num_words);
    }
    if (status != CLT_OK) {
        return status;
    }
    for (int k = 0; k < layers->count; k++) {
        same += layers->layers[k].kind == layer->kind;
    }
    snprintf(layer->name, sizeof layer->name, same > 0 ? "%s_%d" : "%s", kinds[kind].name, same);
    add_parameters(layers, layer);
    layers->count++;
    return CLT_OK;
}

clt_status clt_layers_parse(const char *text, int32_t num_words, clt_layers *layers,
                            clt_error *error)
{
    *layers = (clt_layers){0};
    for (const char *at = text; at != NULL;) {
        const char *comma = strchr(at, ',');
        word w = {at, (int)(comma != NULL ? (size_t)(comma - at) : strlen(at)), error};
        if (layers->count == CLT_LAYER_COUNT_MAX) {
            return clt_fail(error, CLT_USAGE, 0, "model: more than %d layers", CLT_LAYER_COUNT_MAX);
        }
        clt_status status = parse_layer(&w, layers, num_words);
        if (status != CLT_OK) {
            return status;
        }
        at = comma != NULL ? comma + 1 : NULL;
    }
    if (layers->layers[layers->count - 1].kind != CLT_LAYER_DENSE) {
        return clt_fail(error, CLT_USAGE, 0,
                        "model: '%s' must end with dense:1, or with dense:N for N classes", text);
    }
    return CLT_OK;
}

/* A rate in as few digits as give the same number back; returns their length. */
static size_t format_rate(double rate, char *text, size_t room)
{
    int digits = 6, length;
    locale_t before = clt_locale_begin();
    do {
        length = snprintf(text, room, "%.*g", digits, rate);
    } while (strtod(text, NULL) != rate && digits++ < 17);
    clt_locale_end(before);
    return (size_t)length;
}

/* The option of that name, or nothing for a rate of 0; returns its length. */
static size_t format_option(const char *option, double rate, char *text, size_t room)
{
    if (rate == 0.0) {
        return 0;
    }
    size_t used = (size_t)snprintf(text, room, ":%s", option);
    return used + format_rate(rate, text + used, room - used);
}

/* One layer as clt_layers_parse reads it; returns its length. */
static size_t format_layer(const clt_layer *layer, char *text, size_t room)
{
    const char *name = kinds[layer->kind].name;
    if (layer->kind == CLT_LAYER_DROPOUT) {
        size_t used = (size_t)snprintf(text, room, "%s:", name);
        return used + format_rate(layer->rate, text + used, room - used);
    }
    if (layer->kind == CLT_LAYER_POOL) {
        size_t used = (size_t)snprintf(text, room, "%s", name);
        for (int k = 0; k < layer->pool.count; k++) {
            used += (size_t)snprintf(text + used, room - used, "%c%s", k == 0 ? ':' : '+',
                                     pools[layer->pool.kinds[k]].name);
        }
        return used;
    }
    if (layer->kind == CLT_LAYER_LSTM) {
        size_t used = (size_t)snprintf(text, room, "%s:%d%s%s", name, layer->hidden,
                                       layer->directions == 2 ? ":bidirectional" : "",
                                       layer->sequence ? ":sequence" : "");
        used += format_option(DROPOUT_OPTION, layer->rate, text + used, room - used);
        used += format_option(RECURRENT_OPTION, layer->recurrent_rate, text + used, room - used);
        return used +
               (size_t)snprintf(text + used, room - used, "%s", layer->per_step ? ":per-step" : "");
    }
    size_t used = (size_t)snprintf(text, room, "%s:%d", name, layer->outputs);
    used += format_option(DROPOUT_OPTION, layer->rate, text + used, room - used);
    return used + (size_t)snprintf(text + used, room - used, "%s%s", layer->frozen ? ":frozen" : "",
                                   layer->mask_zero ? ":mask_zero" : "");
}

char *clt_layers_format(const clt_layers *layers, clt_error *error)
{
    size_t room = (size_t)layers->count * LAYER_LENGTH_MAX + 1, used = 0;
    char *text = clt_alloc(room, 1, "a model string", error);
    if (text == NULL) {
        return NULL;
    }
    for (int k = 0; k < layers->count; k++) {
        if (k > 0) {
            text[used++] = ',';
        }
        used += format_layer(&layers->layers[k], text + used, room - used);
    }
    return text;
}

int clt_layers_outputs(const clt_layers *layers)
{
    return layers->layers[layers->count - 1].outputs;
}

int clt_layers_widest_lstm(const clt_layers *layers)
{
    int widest = 1;
    for (int k = 0; k < layers->count; k++) {
        const clt_layer *layer = &layers->layers[k];
        if (layer->kind == CLT_LAYER_LSTM && layer->hidden > widest) {
            widest = layer->hidden;
        }
    }
    return widest;
}
