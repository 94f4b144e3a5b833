/* network.c: the layers of a model as ops on a device: planning, memory and weights. */
#include "model/network_private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/tuning.h"
#include "util/memory.h"

const clt_network_state *clt_network_state_of(const clt_network *network)
{
    return &network->state;
}

clt_runtime *clt_network_runtime(const clt_network *network)
{
    return network->runtime;
}

bool clt_network_packs(const clt_network *network)
{
    return network->packs;
}

void clt_network_set_unchanged(clt_network *network, bool unchanged)
{
    network->unchanged = unchanged;
}

void clt_network_set_loader(const clt_network *network, clt_loader *loader, bool whole)
{
    if (network->packs) {
        clt_loader_pack(loader, whole);
    }
    if (clt_network_masks(network)) {
        clt_loader_mask(loader);
    }
}

const clt_limits *clt_network_limits(const clt_network *network)
{
    return &network->limits;
}

/* ---- planning -------------------------------------------------------------------------------- */

/* Largest number of floats a layer's output can have. */
static size_t output_elements(const clt_network *network, const clt_layer *layer)
{
    size_t rows = (size_t)network->limits.samples;
    if (layer->sequence) {
        rows *= (size_t)network->limits.timesteps;
    }
    return rows * (size_t)layer->outputs;
}

/* A dropout of what stage s reads, while training: a mask over positions needs a row for each. */
static clt_status plan_dropout(clt_network *network, clt_stage *s, clt_error *error)
{
    const clt_layer *layer = s->layer;
    clt_status status =
        clt_dropout_plan(network->runtime, layer->inputs, layer->rate, &s->dropout, error);
    if (status == CLT_OK && s[-1].indexed) {
        status = clt_embedding_plan(network->runtime, layer->inputs, &s->embedding, error);
    }
    return status;
}

/* Floats of what a direction of an LSTM reads through a dropout; none: 0. */
static size_t input_elements(const clt_network *network, const clt_stage *s)
{
    size_t positions = (size_t)network->limits.samples * (size_t)network->limits.timesteps;
    bool drops = s->layer->kind == CLT_LAYER_LSTM && s->dropout != NULL;
    return drops ? positions * (size_t)s->layer->inputs : 0;
}

static size_t mask_elements(const clt_network *network, const clt_stage *s)
{
    size_t positions = (size_t)network->limits.samples * (size_t)network->limits.timesteps;
    return s->recurrent_dropout != NULL ? positions * (size_t)s->layer->hidden : 0;
}

/* The directions of a layer's LSTM lie side by side in its output, and their gradients meet in that
 * of the layer before, or each has its own input and that one's gradient. */
static clt_status plan_lstm(clt_network *network, clt_stage *s, clt_error *error)
{
    const clt_layer *layer = s->layer;
    clt_status status = CLT_OK;
    if (network->limits.train && layer->rate > 0.0) {
        status = plan_dropout(network, s, error);
    }
    if (status == CLT_OK && network->limits.train && layer->recurrent_rate > 0.0) {
        status = clt_dropout_plan(network->runtime, layer->hidden, layer->recurrent_rate,
                                  &s->recurrent_dropout, error);
    }
    for (int d = 0; d < layer->directions && status == CLT_OK; d++) {
        clt_lstm_config config = {.features = layer->inputs,
                                  .hidden = layer->hidden,
                                  .reverse = d == 1,
                                  .sequence = layer->sequence,
                                  .width = layer->outputs,
                                  .column = d * layer->hidden,
                                  .adds_drows = d == 1 && s->dropout == NULL,
                                  .masked = clt_network_masks(network)};
        status = clt_lstm_plan(network->runtime, &config, &network->limits, &s->lstm[d], error);
        if (status == CLT_OK) {
            clt_space space = clt_lstm_space(s->lstm[d]);
            s->saved_bytes[d] = space.saved;
            if (space.scratch > network->scratch_bytes) {
                network->scratch_bytes = space.scratch;
            }
        }
    }
    return status;
}

static clt_status plan_stage(clt_network *network, int k, clt_error *error)
{
    clt_stage *s = &network->stages[k], *before = k > 0 ? &network->stages[k - 1] : NULL;
    const clt_layer *layer = s->layer;
    clt_runtime *runtime = network->runtime;
    clt_status status = CLT_OK;
    switch (layer->kind) {
    case CLT_LAYER_EMBEDDING:
        s->indexed = true;
        status = clt_embedding_plan(runtime, layer->outputs, &s->embedding, error);
        if (status == CLT_OK && network->limits.train && layer->rate > 0.0) {
            status = clt_dropout_plan(runtime, layer->outputs, layer->rate, &s->dropout, error);
        }
        return status;
    case CLT_LAYER_LSTM:
        return plan_lstm(network, s, error);
    case CLT_LAYER_DROPOUT:
        s->indexed = before->indexed && !network->limits.train; /* the identity at inference */
        return network->limits.train ? plan_dropout(network, s, error) : CLT_OK;
    case CLT_LAYER_POOL:
        return clt_pool_plan(runtime, &layer->pool, &s->pool, error);
    case CLT_LAYER_DENSE:
        return clt_dense_plan(runtime, layer->inputs, layer->outputs, &s->dense, error);
    }
    return status;
}

/* For a layer that reads the table's rows from the padded side on, and gives its last state. With a
 * mask that is always the side before the texts. */
static void plan_packs(clt_network *network, clt_side padding)
{
    const clt_stage *first = clt_network_first_stage(network);
    bool before = padding == CLT_PRE || clt_network_masks(network);
    bool reads = before && first->layer->directions == 1 && first[-1].indexed &&
                 first->dropout == NULL && first->recurrent_dropout == NULL;
    network->packs = reads && clt_lstm_packs(first->lstm[0]);
    clt_runtime_planned(network->runtime, "prefix", network->packs ? "on" : "off");
}

static clt_status slice(clt_network *network, size_t offset, size_t bytes, clt_buffer *buffer,
                        clt_error *error)
{
    return clt_buffer_slice(network->runtime, network->workspace, offset, bytes, buffer, error);
}

/* One allocation for outputs, their gradients, what ops save, and the largest scratch. */
static clt_status allocate(clt_network *network, clt_error *error)
{
    size_t total = 0;
    bool train = network->limits.train;
    int count = network->layers->count;
    clt_status status = CLT_OK;
    for (int k = 0; k < count; k++) {
        clt_stage *s = &network->stages[k];
        size_t bytes = clt_align(output_elements(network, s->layer) * sizeof(float));
        if (!clt_stage_in_place(s)) {
            s->y_offset = total;
            s->dy_offset = total + bytes;
            total += train ? 2 * bytes : bytes;
        }
        for (int d = 0; d < s->layer->directions; d++) {
            s->saved_offset[d] = total;
            total += s->saved_bytes[d];
            s->input_offset[d] = total;
            total += clt_align(input_elements(network, s) * sizeof(float));
            s->mask_offset[d] = total;
            total += clt_align(mask_elements(network, s) * sizeof(float));
        }
    }
    size_t reduce = total, scratch = total + network->reduce_bytes;
    total = scratch + network->scratch_bytes;
    CLT_TRY(clt_buffer_create(network->runtime, total, "workspace", &network->workspace, error));
    for (int k = 0; k < count; k++) {
        clt_stage *s = &network->stages[k];
        size_t bytes = output_elements(network, s->layer) * sizeof(float);
        if (!clt_stage_in_place(s)) {
            CLT_TRY(slice(network, s->y_offset, bytes, &s->y, error));
            if (train) {
                CLT_TRY(slice(network, s->dy_offset, bytes, &s->dy, error));
            }
        }
        for (int d = 0; d < s->layer->directions && s->saved_bytes[d] > 0; d++) {
            CLT_TRY(slice(network, s->saved_offset[d], s->saved_bytes[d], &s->saved[d], error));
        }
        bytes = input_elements(network, s) * sizeof(float);
        for (int d = 0; d < s->layer->directions && bytes > 0; d++) {
            CLT_TRY(slice(network, s->input_offset[d], bytes, &s->input[d], error));
        }
        bytes = mask_elements(network, s) * sizeof(float);
        for (int d = 0; d < s->layer->directions && bytes > 0; d++) {
            CLT_TRY(slice(network, s->mask_offset[d], bytes, &s->mask[d], error));
        }
    }
    if (network->scratch_bytes > 0) {
        CLT_TRY(slice(network, scratch, network->scratch_bytes, &network->scratch, error));
    }
    for (int k = 0; k < count; k++) {
        clt_stage *s = &network->stages[k];
        for (int d = 0; d < s->layer->directions; d++) {
            CLT_TRY(clt_lstm_bind(s->lstm[d], s->saved[d], network->scratch, error));
        }
    }
    if (network->state.reduce != NULL) {
        CLT_TRY(slice(network, reduce, network->reduce_bytes, &network->reduce_saved, error));
        CLT_TRY(clt_reduce_bind(network->state.reduce, network->reduce_saved, error));
    }
done:
    return status;
}

static clt_status allocate_batch(clt_network *network, clt_error *error)
{
    const clt_batch_layout *layout = &network->layout;
    clt_runtime *runtime = network->runtime;
    clt_status status;
    const struct {
        clt_buffer *part;
        size_t from, to;
    } parts[] = {
        {&network->targets, layout->targets, layout->start},
        {&network->start, layout->start, layout->index},
        {&network->index, layout->index, layout->positions},
        {&network->positions, layout->positions, layout->unique},
        {&network->unique, layout->unique, layout->offsets},
        {&network->offsets, layout->offsets, layout->total},
    };
    CLT_TRY(clt_buffer_create(runtime, layout->total * 4, "a batch", &network->batch, error));
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        CLT_TRY(clt_buffer_slice(runtime, network->batch, parts[k].from * 4,
                                 (parts[k].to - parts[k].from) * 4, parts[k].part, error));
    }
done:
    return status;
}

static clt_status allocate_parameters(clt_network *network, clt_network *shared, clt_error *error)
{
    const clt_layers *layers = network->layers;
    clt_network_state *state = &network->state;
    clt_runtime *runtime = network->runtime;
    clt_status status;
    if (shared != NULL) {
        network->shares = true;
        state->table = shared->state.table;
        state->arena = shared->state.arena;
    } else {
        CLT_TRY(clt_buffer_create(runtime, layers->parameters[0].count * sizeof(float),
                                  "the embedding table", &state->table, error));
        CLT_TRY(clt_buffer_create(runtime, layers->arena * sizeof(float), "the parameters",
                                  &state->arena, error));
    }
    if (network->limits.train) {
        CLT_TRY(clt_buffer_create(runtime, layers->arena * sizeof(float), "the gradients",
                                  &state->darena, error));
    }
    for (int k = 1; k < layers->parameter_count; k++) {
        const clt_parameter *p = &layers->parameters[k];
        size_t offset = p->offset * sizeof(float), bytes = p->count * sizeof(float);
        CLT_TRY(
            clt_buffer_slice(runtime, state->arena, offset, bytes, &network->parameters[k], error));
        if (network->limits.train) {
            CLT_TRY(clt_buffer_slice(runtime, state->darena, offset, bytes, &network->gradients[k],
                                     error));
        }
    }
    status = CLT_OK;
done:
    return status;
}

clt_status clt_network_take_weights(clt_network *network, const clt_model *model, clt_error *error)
{
    clt_status status;
    const clt_layers *layers = &model->layers;
    CLT_TRY(clt_buffer_write(network->runtime, network->state.table, 0,
                             layers->parameters[0].count * sizeof(float), model->table, error));
    CLT_TRY(clt_buffer_write(network->runtime, network->state.arena, 0,
                             layers->arena * sizeof(float), model->arena, error));
done:
    return status;
}

static clt_status check_limits(const clt_limits *limits, clt_error *error)
{
    /* Positions and offsets are 32-bit on the device. */
    if (limits->samples < 1 || limits->timesteps < 1 ||
        (int64_t)limits->samples * limits->timesteps > INT32_MAX / (CLT_SHARDS_MAX + 1)) {
        return clt_fail(error, CLT_USAGE, 0,
                        "a batch of %d samples x %d time steps: at most %d positions in all",
                        limits->samples, limits->timesteps, INT32_MAX / (CLT_SHARDS_MAX + 1));
    }
    return CLT_OK;
}

clt_status clt_network_create(clt_runtime *runtime, const clt_model *model,
                              const clt_limits *limits, uint64_t seed, clt_network *shared,
                              clt_network **network, clt_error *error)
{
    clt_status status = check_limits(limits, error);
    if (status != CLT_OK) {
        return status;
    }
    clt_network *made = clt_alloc(1, sizeof *made, "a network", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->layers = &model->layers;
    made->limits = *limits;
    made->seed = seed;
    made->layout = clt_batch_layout_of(limits->samples, limits->timesteps);
    clt_tuning_use(runtime, clt_layers_widest_lstm(made->layers));
    for (int k = 0; k < model->layers.count; k++) {
        made->stages[k].layer = &model->layers.layers[k];
        CLT_TRY(plan_stage(made, k, error));
    }
    plan_packs(made, model->reading.padding);
    if (limits->train) {
        size_t rows = (size_t)limits->samples * (size_t)limits->timesteps;
        size_t gradients = model->layers.arena + rows * (size_t)model->layers.layers[0].outputs;
        CLT_TRY(clt_reduce_plan(runtime, gradients, &made->state.reduce, error));
        made->reduce_bytes = clt_reduce_saved(made->state.reduce);
    }
    CLT_TRY(allocate_parameters(made, shared, error));
    CLT_TRY(allocate_batch(made, error));
    CLT_TRY(allocate(made, error));
    made->state.outputs = clt_layers_outputs(&model->layers);
    made->state.features = model->layers.layers[0].outputs;
    made->state.logits = made->stages[model->layers.count - 1].y;
    made->state.dlogits = made->stages[model->layers.count - 1].dy;
    made->state.drows = made->stages[0].dy;
    made->state.targets = made->targets;
    made->state.unique = made->unique;
    if (shared == NULL) {
        CLT_TRY(clt_network_take_weights(made, model, error));
    }
    *network = made;
    return CLT_OK;
done:
    clt_network_destroy(made);
    return status;
}

void clt_network_destroy(clt_network *network)
{
    if (network == NULL) {
        return;
    }
    clt_runtime *runtime = network->runtime;
    clt_network_state *state = &network->state;
    for (int k = 0; k < network->layers->count; k++) {
        clt_stage *s = &network->stages[k];
        clt_embedding_destroy(s->embedding);
        for (int d = 0; d < 2; d++) {
            clt_lstm_destroy(s->lstm[d]);
            clt_buffer_release(runtime, &s->saved[d]);
            clt_buffer_release(runtime, &s->input[d]);
            clt_buffer_release(runtime, &s->mask[d]);
        }
        clt_dropout_destroy(s->dropout);
        clt_dropout_destroy(s->recurrent_dropout);
        clt_pool_destroy(s->pool);
        clt_dense_destroy(s->dense);
        clt_buffer_release(runtime, &s->y);
        clt_buffer_release(runtime, &s->dy);
    }
    clt_reduce_destroy(state->reduce);
    for (int k = 0; k < network->layers->parameter_count; k++) {
        clt_buffer_release(runtime, &network->parameters[k]);
        clt_buffer_release(runtime, &network->gradients[k]);
    }
    clt_buffer *slices[] = {&network->targets,      &network->start,        &network->index,
                            &network->positions,    &network->unique,       &network->offsets,
                            &network->scratch,      &network->reduce_saved, &network->vocabulary[0],
                            &network->vocabulary[1]};
    for (size_t k = 0; k < sizeof slices / sizeof *slices; k++) {
        clt_buffer_release(runtime, slices[k]);
    }
    clt_buffer_release(runtime, &network->batch);
    clt_buffer_release(runtime, &network->workspace);
    clt_buffer_release(runtime, &state->darena);
    if (!network->shares) {
        clt_buffer_release(runtime, &state->table);
        clt_buffer_release(runtime, &state->arena);
    }
    free(network);
}

/* ---- weights --------------------------------------------------------------------------------- */

clt_status clt_network_download(const clt_network *network, float *landing, clt_model *model,
                                clt_error *error)
{
    clt_status status;
    size_t count = model->layers.parameters[0].count, table = count * sizeof(float),
           arena = model->layers.arena * sizeof(float);
    /* The host's copy is touched only when all of it has arrived. */
    CLT_TRY(clt_buffer_read(network->runtime, network->state.table, 0, table, landing, error));
    CLT_TRY(
        clt_buffer_read(network->runtime, network->state.arena, 0, arena, landing + count, error));
    memcpy(model->table, landing, table);
    memcpy(model->arena, landing + count, arena);
done:
    return status;
}
