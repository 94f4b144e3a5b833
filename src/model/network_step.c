/* network_step.c: a batch's way through the layers, forward and back. */
#include "model/network_private.h"

/* The output of stage k as a sequence. */
static clt_sequence sequence_of(const clt_network *network, int k)
{
    const clt_stage *s = &network->stages[k];
    const clt_network_state *state = &network->state;
    clt_sequence sequence = {.extent = state->extent,
                             .row_count = state->extent.samples * state->extent.timesteps,
                             .rows = s->y,
                             .computed = network->computed};
    while (clt_stage_in_place(&network->stages[k])) {
        sequence.rows = network->stages[--k].y;
    }
    if (clt_network_masks(network)) {
        sequence.start = network->start;
        sequence.masked = true;
        sequence.packed = s->indexed && network->packed_mask;
    } else if (s->indexed && network->longest > 0) {
        sequence.start = network->start;
        sequence.packed = true;
        sequence.longest = network->longest;
    }
    if (s->indexed && network->by_id) {
        sequence.row_count = network->layers->parameters[0].shape[0];
        sequence.rows = state->table;
        sequence.index = network->index;
    } else if (s->indexed) {
        sequence.row_count = state->row_count;
        sequence.index = network->index;
        sequence.offsets = network->offsets;
        sequence.positions = network->positions;
    }
    return sequence;
}

static clt_buffer mask_of(const clt_network *network)
{
    const clt_buffer none = {0};
    return clt_network_masks(network) ? network->start : none;
}

/* The buffer that holds stage k's output, or with `gradient` that one's gradient. */
static clt_buffer output_of(const clt_network *network, int k, bool gradient)
{
    while (clt_stage_in_place(&network->stages[k])) {
        k--;
    }
    return gradient ? network->stages[k].dy : network->stages[k].y;
}

static clt_lstm_parameters lstm_parameters(const clt_buffer *buffers, const clt_layer *layer,
                                           int direction)
{
    const clt_buffer *first = &buffers[layer->parameter + direction * CLT_LSTM_PARAMETERS];
    return (clt_lstm_parameters){
        .kernel = first[0], .recurrent_kernel = first[1], .bias = first[2]};
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

/* Words that fall out of a step, all their positions, or their rows' gradients. */
static clt_status drop_words(clt_network *network, uint32_t step, clt_buffer rows, clt_error *error)
{
    const clt_stage *s = &network->stages[0];
    clt_dropout_counter counter = {network->seed, 0, step, false};
    return s->dropout == NULL ? CLT_OK
                              : clt_dropout_words(s->dropout, &counter, network->unique,
                                                  network->state.row_count, rows, error);
}

static clt_status forward_embedding(clt_network *network, uint32_t step, clt_error *error)
{
    const clt_stage *s = &network->stages[0];
    const clt_network_state *state = &network->state;
    clt_status status;
    if (network->by_id) {
        return CLT_OK;
    }
    CLT_TRY(clt_embedding_forward(s->embedding, state->table, network->unique, state->row_count,
                                  s->y, error));
    CLT_TRY(drop_words(network, step, s->y, error));
done:
    return status;
}

static clt_status forward_dropout(clt_network *network, int k, uint32_t step, clt_error *error)
{
    clt_stage *s = &network->stages[k];
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
        clt_dropout_counter counter = {network->seed, (uint32_t)k, step, false};
        status = clt_dropout_apply(s->dropout, &extent, &counter, y, y, error);
    }
    return status;
}

/* The masks of an LSTM: each direction draws its own, as Keras's Bidirectional. */
typedef enum mask_use { MASK_INPUT, MASK_STATE } mask_use;

static clt_dropout_counter lstm_counter(const clt_network *network, int k, mask_use use,
                                        int direction)
{
    uint32_t place = (uint32_t)k + (2 * (uint32_t)use + (uint32_t)direction) * CLT_LAYER_COUNT_MAX;
    bool locked = !network->stages[k].layer->per_step;
    return (clt_dropout_counter){network->seed, place, network->step, locked};
}

/* What a direction of LSTM k reads: what the layer before gives, or that through its dropout. */
static clt_sequence input_of(const clt_network *network, int k, int direction)
{
    const clt_stage *s = &network->stages[k];
    const clt_extent *extent = &network->state.extent;
    if (s->dropout == NULL) {
        return sequence_of(network, k - 1);
    }
    return (clt_sequence){.extent = *extent,
                          .row_count = extent->samples * extent->timesteps,
                          .rows = s->input[direction],
                          .start = mask_of(network),
                          .masked = clt_network_masks(network),
                          .computed = network->computed};
}

static clt_status drop_inputs(clt_network *network, int k, clt_error *error)
{
    const clt_stage *s = &network->stages[k];
    clt_sequence x = sequence_of(network, k - 1);
    clt_status status = CLT_OK;
    for (int d = 0; d < s->layer->directions && s->dropout != NULL; d++) {
        clt_buffer from = x.rows, to = s->input[d];
        clt_dropout_counter counter = lstm_counter(network, k, MASK_INPUT, d);
        if (s->embedding != NULL) {
            CLT_TRY(clt_embedding_expand(s->embedding, &x, to, error));
            from = to;
        }
        CLT_TRY(clt_dropout_apply(s->dropout, &x.extent, &counter, from, to, error));
    }
done:
    return status;
}

/* The gradients of what the directions read become dx, that of what the layer before gives. */
static clt_status drop_input_gradients(clt_network *network, int k, clt_buffer dx, clt_error *error)
{
    const clt_stage *s = &network->stages[k];
    clt_sequence x = sequence_of(network, k - 1);
    clt_buffer sum = s->embedding != NULL ? s->input[0] : dx;
    clt_dropout_counter counter = lstm_counter(network, k, MASK_INPUT, 0);
    clt_status status;
    CLT_TRY(clt_dropout_apply(s->dropout, &x.extent, &counter, s->input[0], sum, error));
    if (s->layer->directions == 2) {
        counter = lstm_counter(network, k, MASK_INPUT, 1);
        CLT_TRY(clt_dropout_add(s->dropout, &x.extent, &counter, s->input[1], sum, error));
    }
    if (s->embedding != NULL) {
        CLT_TRY(clt_reduce_segments(network->state.reduce, &x, s->layer->inputs, sum, dx, error));
    }
done:
    return status;
}

static clt_status forward_lstm(clt_network *network, int k, clt_error *error)
{
    const clt_stage *s = &network->stages[k];
    clt_lstm_range all = {0, network->state.extent.timesteps};
    clt_status status = drop_inputs(network, k, error);
    for (int d = 0; d < s->layer->directions && status == CLT_OK; d++) {
        clt_sequence x = input_of(network, k, d);
        clt_lstm_parameters parameters = lstm_parameters(network->parameters, s->layer, d);
        parameters.recurrent_mask = s->mask[d];
        parameters.unchanged = network->unchanged;
        if (s->recurrent_dropout != NULL) {
            clt_dropout_counter counter = lstm_counter(network, k, MASK_STATE, d);
            CLT_TRY(clt_dropout_mask(s->recurrent_dropout, &x.extent, &counter, s->mask[d], error));
        }
        if (network->by_id && network->stages[k - 1].indexed) {
            x.projected = network->vocabulary[d];
        }
        status = clt_lstm_forward(s->lstm[d], &parameters, &x, all, NULL, s->y, NULL, error);
    }
done:
    return status;
}

static clt_status forward_stage(clt_network *network, int k, uint32_t step, clt_error *error)
{
    clt_stage *s = &network->stages[k];
    const clt_layer *layer = s->layer;
    const clt_network_state *state = &network->state;
    switch (layer->kind) {
    case CLT_LAYER_EMBEDDING:
        return forward_embedding(network, step, error);
    case CLT_LAYER_LSTM:
        return forward_lstm(network, k, error);
    case CLT_LAYER_DROPOUT:
        return forward_dropout(network, k, step, error);
    case CLT_LAYER_POOL:
        return clt_pool_forward(s->pool, &state->extent, mask_of(network),
                                output_of(network, k - 1, false), s->y, error);
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
    const clt_stage *first = clt_network_first_stage(network);
    clt_status status = CLT_OK;
    *projected = false;
    int directions = first->layer->directions;
    if (directions == 0 || words > positions) {
        return CLT_OK;
    }
    size_t bytes = words * 4 * (size_t)first->layer->hidden * sizeof(float);
    if (bytes * (size_t)directions > bytes_max || bytes > allocation_max) {
        return CLT_OK;
    }
    for (int d = 0; d < directions; d++) {
        clt_buffer *vocabulary = &network->vocabulary[d];
        clt_lstm_parameters parameters = lstm_parameters(network->parameters, first->layer, d);
        if (vocabulary->mem == NULL) {
            CLT_TRY(clt_buffer_create(network->runtime, bytes, "the projected vocabulary",
                                      vocabulary, error));
        }
        CLT_TRY(clt_lstm_project(first->lstm[d], &parameters, network->state.table, (int)words,
                                 *vocabulary, error));
    }
    *projected = true;
done:
    return status;
}

clt_status clt_network_upload(clt_network *network, const clt_batch *batch, clt_error *error)
{
    network->state.extent = batch->extent;
    network->state.extent.start = NULL; /* the batch's; what is on the device has its own */
    network->state.row_count = batch->row_count;
    network->by_id = batch->by_id;
    network->packed_mask = batch->packed_mask;
    network->longest = batch->longest;
    network->computed = batch->computed;
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

static int first_lstm(const clt_network *network)
{
    int k = 1;
    while (network->layers->layers[k].kind != CLT_LAYER_LSTM) {
        k++;
    }
    return k;
}

static clt_status backward_lstm(clt_network *network, int k, clt_buffer dy, clt_buffer dx,
                                clt_error *error)
{
    const clt_stage *s = &network->stages[k];
    clt_lstm_range all = {0, network->state.extent.timesteps};
    clt_status status = CLT_OK;
    if (network->layers->layers[0].frozen && k == first_lstm(network)) {
        dx = (clt_buffer){0};
    }
    for (int d = 0; d < s->layer->directions && status == CLT_OK; d++) {
        clt_sequence x = input_of(network, k, d);
        clt_lstm_parameters parameters = lstm_parameters(network->parameters, s->layer, d);
        parameters.recurrent_mask = s->mask[d];
        clt_lstm_parameters dparameters = lstm_parameters(network->gradients, s->layer, d);
        clt_buffer drows = dx.mem != NULL && s->dropout != NULL ? x.rows : dx;
        status = clt_lstm_backward(s->lstm[d], &parameters, &x, all, dy, NULL, drows, &dparameters,
                                   NULL, error);
    }
    if (status == CLT_OK && dx.mem != NULL && s->dropout != NULL) {
        status = drop_input_gradients(network, k, dx, error);
    }
    return status;
}

/* The gradient of stage k's output becomes that of the stage before, and of its parameters. */
static clt_status backward_stage(clt_network *network, int k, clt_error *error)
{
    clt_stage *s = &network->stages[k];
    const clt_layer *layer = s->layer;
    const clt_network_state *state = &network->state;
    clt_buffer dy = output_of(network, k, true), dx = output_of(network, k - 1, true);
    clt_status status;
    switch (layer->kind) {
    case CLT_LAYER_LSTM:
        return backward_lstm(network, k, dy, dx, error);
    case CLT_LAYER_DROPOUT: {
        clt_extent extent = dropout_extent(network, layer);
        clt_dropout_counter counter = {network->seed, (uint32_t)k, network->step, false};
        status = clt_dropout_apply(s->dropout, &extent, &counter, dy, dy, error);
        if (status == CLT_OK && s->embedding != NULL) {
            clt_sequence x = sequence_of(network, k - 1);
            status = clt_reduce_segments(state->reduce, &x, layer->outputs, dy, dx, error);
        }
        return status;
    }
    case CLT_LAYER_POOL:
        return clt_pool_backward(s->pool, &state->extent, mask_of(network),
                                 output_of(network, k - 1, false), dy, dx, error);
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
    /* What lies before the first LSTM trains the embedding alone. */
    int first = network->layers->layers[0].frozen ? first_lstm(network) : 1;
    CLT_TRY(clt_buffer_zero(network->runtime, network->state.darena, 0,
                            network->layers->arena * sizeof(float), error));
    for (int k = network->layers->count - 1; k >= first; k--) {
        CLT_TRY(backward_stage(network, k, error));
    }
    if (!network->layers->layers[0].frozen) {
        CLT_TRY(drop_words(network, network->step, network->state.drows, error));
    }
done:
    return status;
}
