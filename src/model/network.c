/* network.c: the layers of a model as ops on a device: memory, the way forward and the way back. */
#include "model/network.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ops/lstm.h"
#include "runtime/tuning.h"
#include "util/memory.h"

/* One layer on the device. */
typedef struct stage {
    const clt_layer *layer;
    clt_embedding *embedding; /* embedding; dropout that expands an indexed sequence */
    clt_lstm *lstm;
    clt_dropout *dropout;
    clt_dense *dense;
    bool indexed;     /* its output is rows + the batch's index */
    clt_buffer y, dy; /* its output and that one's gradient */
    clt_buffer saved; /* of its op */
    size_t saved_bytes, y_offset, dy_offset, saved_offset;
} stage;

struct clt_network {
    clt_runtime *runtime;
    const clt_layers *layers;
    clt_limits limits;
    uint64_t seed;
    uint32_t step; /* of the last forward: backward draws the same masks */
    bool shares;   /* table and arena belong to another network */
    bool packs;    /* batches */
    stage stages[CLT_LAYER_COUNT_MAX];
    clt_batch_layout layout;
    clt_buffer batch, targets, start, index, positions, unique, offsets;
    clt_buffer parameters[CLT_PARAMETER_COUNT_MAX], gradients[CLT_PARAMETER_COUNT_MAX];
    clt_buffer workspace, scratch;
    clt_buffer vocabulary; /* float [V, 4H]: clt_network_project_vocabulary */
    bool by_id;            /* of the batch: its index is into `vocabulary` */
    int longest;           /* of the batch: its largest start */
    clt_buffer reduce_saved;
    float *landing; /* training: table and arena of a download */
    size_t scratch_bytes, reduce_bytes;
    clt_network_state state;
};

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

static void need(clt_network *network, stage *s, clt_space space)
{
    s->saved_bytes = space.saved;
    if (space.scratch > network->scratch_bytes) {
        network->scratch_bytes = space.scratch;
    }
}

static clt_status plan_stage(clt_network *network, int k, clt_error *error)
{
    stage *s = &network->stages[k], *before = k > 0 ? &network->stages[k - 1] : NULL;
    const clt_layer *layer = s->layer;
    clt_runtime *runtime = network->runtime;
    clt_status status = CLT_OK;
    switch (layer->kind) {
    case CLT_LAYER_EMBEDDING:
        s->indexed = true;
        return clt_embedding_plan(runtime, layer->outputs, &s->embedding, error);
    case CLT_LAYER_LSTM: {
        clt_lstm_config config = {
            .features = layer->inputs, .hidden = layer->outputs, .sequence = layer->sequence};
        status = clt_lstm_plan(runtime, &config, &network->limits, &s->lstm, error);
        if (status == CLT_OK) {
            need(network, s, clt_lstm_space(s->lstm));
        }
        return status;
    }
    case CLT_LAYER_DROPOUT:
        /* The identity at inference. A mask per position needs a row per position. */
        s->indexed = before->indexed && !network->limits.train;
        if (network->limits.train) {
            status = clt_dropout_plan(runtime, layer->outputs, layer->rate, &s->dropout, error);
            if (status == CLT_OK && before->indexed) {
                status = clt_embedding_plan(runtime, layer->outputs, &s->embedding, error);
            }
        }
        return status;
    case CLT_LAYER_DENSE:
        return clt_dense_plan(runtime, layer->inputs, layer->outputs, &s->dense, error);
    }
    return status;
}

/* The first layer behind the embedding that works at inference. */
static const stage *first_stage(const clt_network *network)
{
    int k = 1;
    while (network->stages[k].layer->kind == CLT_LAYER_DROPOUT) {
        k++;
    }
    return &network->stages[k];
}

/* For a layer that reads the table's rows from the padded side on, and gives its last state. */
static void plan_packs(clt_network *network, clt_side padding)
{
    const stage *first = first_stage(network);
    bool reads = padding == CLT_PRE && first->lstm != NULL && first[-1].indexed;
    network->packs = reads && clt_lstm_packs(first->lstm);
    clt_runtime_planned(network->runtime, "prefix", network->packs ? "on" : "off");
}

/* A dropout layer that does not expand works in the place of the layer before. */
static bool in_place(const stage *s)
{
    return s->layer->kind == CLT_LAYER_DROPOUT && s->embedding == NULL;
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
        stage *s = &network->stages[k];
        size_t bytes = clt_align(output_elements(network, s->layer) * sizeof(float));
        if (!in_place(s)) {
            s->y_offset = total;
            s->dy_offset = total + bytes;
            total += train ? 2 * bytes : bytes;
        }
        s->saved_offset = total;
        total += s->saved_bytes;
    }
    size_t reduce = total, scratch = total + network->reduce_bytes;
    total = scratch + network->scratch_bytes;
    CLT_TRY(clt_buffer_create(network->runtime, total, "workspace", &network->workspace, error));
    for (int k = 0; k < count; k++) {
        stage *s = &network->stages[k];
        size_t bytes = output_elements(network, s->layer) * sizeof(float);
        if (!in_place(s)) {
            CLT_TRY(slice(network, s->y_offset, bytes, &s->y, error));
            if (train) {
                CLT_TRY(slice(network, s->dy_offset, bytes, &s->dy, error));
            }
        }
        if (s->saved_bytes > 0) {
            CLT_TRY(slice(network, s->saved_offset, s->saved_bytes, &s->saved, error));
        }
    }
    if (network->scratch_bytes > 0) {
        CLT_TRY(slice(network, scratch, network->scratch_bytes, &network->scratch, error));
    }
    for (int k = 0; k < count; k++) {
        stage *s = &network->stages[k];
        if (s->lstm != NULL) {
            CLT_TRY(clt_lstm_bind(s->lstm, s->saved, network->scratch, error));
        }
    }
    if (network->state.reduce != NULL) {
        CLT_TRY(slice(network, reduce, network->reduce_bytes, &network->reduce_saved, error));
        CLT_TRY(
            clt_reduce_bind(network->state.reduce, network->reduce_saved, network->scratch, error));
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

/* The model's weights; waits, because the caller may change them next. */
static clt_status upload(clt_network *network, const clt_model *model, clt_error *error)
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
        CLT_TRY(clt_reduce_plan(runtime, limits, gradients, &made->state.reduce, error));
        made->reduce_bytes = clt_reduce_space(made->state.reduce).saved;
        made->landing = clt_alloc(model->layers.parameters[0].count + model->layers.arena,
                                  sizeof *made->landing, "the weights", error);
        CLT_TRY(made->landing != NULL ? CLT_OK : CLT_FAILED);
    }
    CLT_TRY(allocate_parameters(made, shared, error));
    CLT_TRY(allocate_batch(made, error));
    CLT_TRY(allocate(made, error));
    made->state.features = model->layers.layers[0].outputs;
    made->state.logits = made->stages[model->layers.count - 1].y;
    made->state.dlogits = made->stages[model->layers.count - 1].dy;
    made->state.drows = made->stages[0].dy;
    made->state.targets = made->targets;
    made->state.unique = made->unique;
    if (shared == NULL) {
        CLT_TRY(upload(made, model, error));
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
        stage *s = &network->stages[k];
        clt_embedding_destroy(s->embedding);
        clt_lstm_destroy(s->lstm);
        clt_dropout_destroy(s->dropout);
        clt_dense_destroy(s->dense);
        clt_buffer_release(runtime, &s->y);
        clt_buffer_release(runtime, &s->dy);
        clt_buffer_release(runtime, &s->saved);
    }
    clt_reduce_destroy(state->reduce);
    for (int k = 0; k < network->layers->parameter_count; k++) {
        clt_buffer_release(runtime, &network->parameters[k]);
        clt_buffer_release(runtime, &network->gradients[k]);
    }
    clt_buffer *slices[] = {&network->targets,   &network->start,        &network->index,
                            &network->positions, &network->unique,       &network->offsets,
                            &network->scratch,   &network->reduce_saved, &network->vocabulary};
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
    free(network->landing);
    free(network);
}

/* ---- weights --------------------------------------------------------------------------------- */

clt_status clt_network_download(clt_network *network, clt_model *model, clt_error *error)
{
    clt_status status;
    size_t count = model->layers.parameters[0].count, table = count * sizeof(float),
           arena = model->layers.arena * sizeof(float);
    /* The host's copy is touched only when all of it has arrived. */
    CLT_TRY(
        clt_buffer_read(network->runtime, network->state.table, 0, table, network->landing, error));
    CLT_TRY(clt_buffer_read(network->runtime, network->state.arena, 0, arena,
                            network->landing + count, error));
    memcpy(model->table, network->landing, table);
    memcpy(model->arena, network->landing + count, arena);
done:
    return status;
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* The output of stage k as a sequence. */
static clt_sequence sequence_of(const clt_network *network, int k)
{
    const stage *s = &network->stages[k];
    const clt_network_state *state = &network->state;
    clt_sequence sequence = {.extent = state->extent,
                             .features = s->layer->outputs,
                             .row_count = state->extent.samples * state->extent.timesteps,
                             .rows = s->y};
    while (in_place(&network->stages[k])) {
        sequence.rows = network->stages[--k].y;
    }
    if (s->indexed && network->longest > 0) {
        sequence.start = network->start;
        sequence.longest = network->longest;
    }
    if (s->indexed && network->by_id) {
        sequence.row_count = network->layers->parameters[0].shape[0];
        sequence.rows = state->table;
        sequence.index = network->index;
        sequence.projected = network->vocabulary;
    } else if (s->indexed) {
        sequence.row_count = state->row_count;
        sequence.index = network->index;
        sequence.offsets = network->offsets;
        sequence.positions = network->positions;
    }
    return sequence;
}

/* The buffer that holds stage k's output, or with `gradient` that one's gradient. */
static clt_buffer output_of(const clt_network *network, int k, bool gradient)
{
    while (in_place(&network->stages[k])) {
        k--;
    }
    return gradient ? network->stages[k].dy : network->stages[k].y;
}

static clt_lstm_parameters lstm_parameters(const clt_buffer *buffers, const clt_layer *layer)
{
    return (clt_lstm_parameters){.kernel = buffers[layer->parameter],
                                 .recurrent_kernel = buffers[layer->parameter + 1],
                                 .bias = buffers[layer->parameter + 2]};
}

/* Masks lie over positions, or over samples behind a layer that keeps one vector a sample. */
static clt_extent dropout_extent(const clt_network *network, const clt_layer *layer)
{
    clt_extent extent = network->state.extent;
    if (!layer->sequence) {
        extent.timesteps = 0;
    }
    return extent;
}

static clt_status forward_dropout(clt_network *network, int k, uint32_t step, clt_error *error)
{
    stage *s = &network->stages[k];
    clt_buffer y = output_of(network, k, false);
    clt_status status = CLT_OK;
    if (s->dropout == NULL) {
        return CLT_OK;
    }
    if (s->embedding != NULL) {
        clt_sequence x = sequence_of(network, k - 1);
        status = clt_embedding_expand(s->embedding, &x, y, error);
    }
    if (status == CLT_OK) {
        clt_extent extent = dropout_extent(network, s->layer);
        clt_dropout_counter counter = {network->seed, (uint32_t)k, step};
        status = clt_dropout_apply(s->dropout, &extent, &counter, y, y, error);
    }
    return status;
}

static clt_status forward_stage(clt_network *network, int k, uint32_t step, clt_error *error)
{
    stage *s = &network->stages[k];
    const clt_layer *layer = s->layer;
    const clt_network_state *state = &network->state;
    switch (layer->kind) {
    case CLT_LAYER_EMBEDDING:
        if (network->by_id) {
            return CLT_OK;
        }
        return clt_embedding_forward(s->embedding, state->table, network->unique, state->row_count,
                                     s->y, error);
    case CLT_LAYER_LSTM: {
        clt_sequence x = sequence_of(network, k - 1);
        clt_lstm_parameters parameters = lstm_parameters(network->parameters, layer);
        clt_lstm_range all = {0, state->extent.timesteps};
        return clt_lstm_forward(s->lstm, &parameters, &x, all, NULL, s->y, NULL, error);
    }
    case CLT_LAYER_DROPOUT:
        return forward_dropout(network, k, step, error);
    case CLT_LAYER_DENSE:
        return clt_dense_forward(s->dense, state->extent.samples,
                                 network->parameters[layer->parameter],
                                 network->parameters[layer->parameter + 1],
                                 output_of(network, k - 1, false), s->y, error);
    }
    return CLT_OK;
}

clt_status clt_network_project_vocabulary(clt_network *network, size_t positions, bool *projected,
                                          clt_error *error)
{
    static const size_t bytes_max = (size_t)256 << 20;
    uint64_t allocation_max = clt_runtime_device(network->runtime)->max_allocation;
    size_t words = (size_t)network->layers->parameters[0].shape[0];
    const stage *first = first_stage(network);
    clt_status status = CLT_OK;
    *projected = false;
    if (first->lstm == NULL || words > positions) {
        return CLT_OK;
    }
    size_t bytes = words * 4 * (size_t)first->layer->outputs * sizeof(float);
    if (bytes > bytes_max || bytes > allocation_max) {
        return CLT_OK;
    }
    if (network->vocabulary.mem == NULL) {
        CLT_TRY(clt_buffer_create(network->runtime, bytes, "the projected vocabulary",
                                  &network->vocabulary, error));
    }
    clt_lstm_parameters parameters = lstm_parameters(network->parameters, first->layer);
    CLT_TRY(clt_lstm_project(first->lstm, &parameters, network->state.table, (int)words,
                             network->vocabulary, error));
    *projected = true;
done:
    return status;
}

clt_status clt_network_upload(clt_network *network, const clt_batch *batch, clt_error *error)
{
    network->state.extent = batch->extent;
    network->state.row_count = batch->row_count;
    network->by_id = batch->by_id;
    network->longest = batch->longest;
    return clt_buffer_write_later(network->runtime, network->batch, 0, batch->used * 4,
                                  batch->packed, error);
}

clt_status clt_network_forward(clt_network *network, uint32_t step, clt_error *error)
{
    clt_status status = CLT_OK;
    network->step = step;
    for (int k = 0; k < network->layers->count; k++) {
        CLT_TRY(forward_stage(network, k, step, error));
    }
done:
    return status;
}

/* The gradient of stage k's output becomes that of the stage before, and of its parameters. */
static clt_status backward_stage(clt_network *network, int k, clt_error *error)
{
    stage *s = &network->stages[k];
    const clt_layer *layer = s->layer;
    const clt_network_state *state = &network->state;
    clt_buffer dy = output_of(network, k, true), dx = output_of(network, k - 1, true);
    clt_status status;
    switch (layer->kind) {
    case CLT_LAYER_LSTM: {
        clt_sequence x = sequence_of(network, k - 1);
        clt_lstm_parameters parameters = lstm_parameters(network->parameters, layer);
        clt_lstm_parameters dparameters = lstm_parameters(network->gradients, layer);
        clt_lstm_range all = {0, state->extent.timesteps};
        return clt_lstm_backward(s->lstm, &parameters, &x, all, dy, NULL, dx, &dparameters, NULL,
                                 error);
    }
    case CLT_LAYER_DROPOUT: {
        clt_extent extent = dropout_extent(network, layer);
        clt_dropout_counter counter = {network->seed, (uint32_t)k, network->step};
        status = clt_dropout_apply(s->dropout, &extent, &counter, dy, dy, error);
        if (status == CLT_OK && s->embedding != NULL) {
            clt_sequence x = sequence_of(network, k - 1);
            status = clt_reduce_segments(state->reduce, &x, layer->outputs, dy, dx, error);
        }
        return status;
    }
    case CLT_LAYER_DENSE:
        return clt_dense_backward(s->dense, &state->extent, network->parameters[layer->parameter],
                                  output_of(network, k - 1, false), dy, dx,
                                  network->gradients[layer->parameter],
                                  network->gradients[layer->parameter + 1], error);
    case CLT_LAYER_EMBEDDING:
        break; /* the rows' gradient is the table's */
    }
    return CLT_OK;
}

clt_status clt_network_backward(clt_network *network, clt_error *error)
{
    clt_status status;
    CLT_TRY(clt_buffer_zero(network->runtime, network->state.darena, 0,
                            network->layers->arena * sizeof(float), error));
    for (int k = network->layers->count - 1; k > 0; k--) {
        CLT_TRY(backward_stage(network, k, error));
    }
done:
    return status;
}
