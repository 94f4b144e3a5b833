/* network_private.h: what network.c (planning, memory, weights) and network_step.c (the way forward
 * and back) share. */
#ifndef CLT_MODEL_NETWORK_PRIVATE_H
#define CLT_MODEL_NETWORK_PRIVATE_H

#include "model/network.h"
#include "ops/lstm.h"

/* One layer on the device. */
typedef struct clt_stage {
    const clt_layer *layer;
    clt_embedding *embedding; /* embedding; to expand an indexed sequence before a dropout */
    clt_lstm *lstm[2];        /* directions; none: NULL */
    clt_dropout *dropout;
    clt_dropout *recurrent_dropout;
    clt_pool *pool;
    clt_dense *dense;
    bool indexed;        /* its output is rows + the batch's index */
    clt_buffer y, dy;    /* its output and that one's gradient */
    clt_buffer input[2]; /* LSTM with a dropout: what a direction reads, then that one's gradient */
    clt_buffer mask[2];  /* LSTM with a recurrent dropout: of a direction's state, [N, H] */
    clt_buffer saved[2]; /* of its LSTMs */
    size_t saved_bytes[2], saved_offset[2], y_offset, dy_offset, input_offset[2], mask_offset[2];
} clt_stage;

struct clt_network {
    clt_runtime *runtime;
    const clt_layers *layers;
    clt_limits limits;
    uint64_t seed;
    uint32_t step; /* of the last forward: backward draws the same masks */
    bool shares;   /* table and arena belong to another network */
    bool packs;    /* batches */
    clt_stage stages[CLT_LAYER_COUNT_MAX];
    clt_batch_layout layout;
    clt_buffer batch, targets, start, index, positions, unique, offsets;
    clt_buffer parameters[CLT_PARAMETER_COUNT_MAX], gradients[CLT_PARAMETER_COUNT_MAX];
    clt_buffer workspace, scratch;
    clt_buffer vocabulary[2]; /* of a direction, float [V, 4H]: clt_network_project_vocabulary */
    bool by_id;               /* of the batch: its index is into `vocabulary` */
    bool packed_mask;         /* of the batch */
    bool unchanged;           /* weights, since the last forward: clt_network_set_unchanged */
    int longest;              /* of the batch: its prefix */
    int computed;             /* of the batch: clt_batch */
    clt_buffer reduce_saved;
    size_t scratch_bytes, reduce_bytes;
    clt_network_state state;
};

/* The first layer behind the embedding that works at inference. */
static inline const clt_stage *clt_network_first_stage(const clt_network *network)
{
    int k = 1;
    while (network->stages[k].layer->kind == CLT_LAYER_DROPOUT) {
        k++;
    }
    return &network->stages[k];
}

/* Is id 0 no word? */
static inline bool clt_network_masks(const clt_network *network)
{
    return network->layers->layers[0].mask_zero;
}

/* A dropout layer that does not expand works in the place of the layer before. */
static inline bool clt_stage_in_place(const clt_stage *s)
{
    return s->layer->kind == CLT_LAYER_DROPOUT && s->embedding == NULL;
}

#endif
