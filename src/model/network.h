/* network.h: a model on a device: parameters, ops and activations for one mode (training or
 * inference). The private noun behind clt_trainer and clt_model_predict. */
#ifndef CLT_MODEL_NETWORK_H
#define CLT_MODEL_NETWORK_H

#include "data/batch.h"
#include "data/loader.h"
#include "model/model_private.h"
#include "ops/ops.h"

typedef struct clt_network clt_network;

/* Plans every op for batches of at most limits->samples and copies the weights to the device.
 *
 * shared   NULL, or a network of the same model whose parameters on the device are used instead of
 *          a copy; it must outlive this one.
 * seed     of the dropout masks. */
CLT_NODISCARD clt_status clt_network_create(clt_runtime *runtime, const clt_model *model,
                                            const clt_limits *limits, uint64_t seed,
                                            clt_network *shared, clt_network **network,
                                            clt_error *error);
void clt_network_destroy(clt_network *network); /* NULL allowed */

/* Whether batches are to be packed (clt_batch): the pads before texts are then computed once, or
 * not at all. */
bool clt_network_packs(const clt_network *network);

/* Has the loader pack and mask batches as the network reads them. Before the first pass.
 *
 * whole  see clt_loader_pack */
void clt_network_set_loader(const clt_network *network, clt_loader *loader, bool whole);

/* Copies the network's weights from the device to the model's arrays; they stay as they were when
 * that fails. Waits.
 *
 * landing   room for table and arena on the way */
CLT_NODISCARD clt_status clt_network_download(const clt_network *network, float *landing,
                                              clt_model *model, clt_error *error);

/* Copies the model's weights to the device. Waits. */
CLT_NODISCARD clt_status clt_network_take_weights(clt_network *network, const clt_model *model,
                                                  clt_error *error);

/* Queues the upload of a batch, which stays untouched until a later read has returned. Between this
 * and forward the rows of the table that it uses can be brought up to date. */
CLT_NODISCARD clt_status clt_network_upload(clt_network *network, const clt_batch *batch,
                                            clt_error *error);

/* Says whether weights stay as they are between one forward and the next, until it is taken back:
 * an inference then prepares them once. */
void clt_network_set_unchanged(clt_network *network, bool unchanged);

/* Queues the way of that batch through the layers; logits are left on the device.
 *
 * step     optimiser steps so far: the place of this step's dropout masks. */
CLT_NODISCARD clt_status clt_network_forward(clt_network *network, uint32_t step, clt_error *error);

/* Queues the projection of the whole vocabulary through the first LSTM's kernel, with the weights
 * of now, where that pays for an inference of `positions` positions in all: no more words than
 * those, and at most 256 MiB. Batches filled by id may follow then, and give the same bits.
 * Allocates at its first call.
 *
 * projected   out: whether it was done */
CLT_NODISCARD clt_status clt_network_project_vocabulary(clt_network *network, size_t positions,
                                                        bool *projected, clt_error *error);

/* Queues the way back from dlogits of the last forward: zeroes and fills the dense gradients, and
 * leaves the rows' gradient of the table, if that is not frozen. Training networks only. */
CLT_NODISCARD clt_status clt_network_backward(clt_network *network, clt_error *error);

/* What lies on the device; belongs to the network. */
typedef struct clt_network_state {
    clt_extent extent;          /* of the last batch */
    int row_count;              /* U of the last batch */
    int features;               /* D */
    int outputs;                /* O, of the last layer */
    clt_buffer logits, dlogits; /* float [B, O] */
    clt_buffer targets;         /* int [B]: labels */
    clt_buffer unique;          /* int [U]: sorted ids of the batch */
    clt_buffer table;           /* float [V, D] */
    clt_buffer drows;           /* float [U, D]: the table's gradient */
    clt_buffer arena, darena;   /* float [layers.arena]: dense parameters, gradients */
    clt_reduce *reduce;         /* training: for the step's record */
} clt_network_state;
const clt_network_state *clt_network_state_of(const clt_network *network);
clt_runtime *clt_network_runtime(const clt_network *network);
const clt_limits *clt_network_limits(const clt_network *network);

/* The logits of every sample of a data set, in order, in batches of limits->samples. Waits.
 *
 * logits   out [dataset->count, O] */
CLT_NODISCARD clt_status clt_network_logits(clt_network *network, const clt_dataset *dataset,
                                            const clt_reading *reading, float *logits,
                                            clt_error *error);

/* Whether the model can be run over the data set, and its labels are those of classes that the
 * model tells apart: CLT_USAGE when it has ids the embedding has no row for, CLT_INPUT when there
 * are more classes. */
CLT_NODISCARD clt_status clt_model_check_labels(const clt_model *model, const clt_dataset *dataset,
                                                clt_error *error);

#endif
