/* trainer_private.h: what a clt_trainer is, for the files of this room. */
#ifndef CLT_TRAIN_TRAINER_PRIVATE_H
#define CLT_TRAIN_TRAINER_PRIVATE_H

#include <stdbool.h>

#include "cltrain/trainer.h"
#include "data/fingerprint.h"
#include "data/loader.h"
#include "model/network.h"
#include "runtime/runtime_private.h"
#include "train/control.h"

/* How far a fit is: what a checkpoint has to remember beside weights and moments. Shuffling and
 * dropout need nothing more: their random numbers are drawn from the seed and these numbers. */
typedef struct clt_place {
    int32_t epoch;             /* complete ones of this fit */
    int32_t step;              /* of the epoch under way, their records taken in */
    double loss, hits;         /* of these steps: sums over their samples */
    uint64_t samples;          /* of these steps */
    double seconds;            /* that they took */
    double first_step_seconds; /* that the epoch's first step took */
} clt_place;

struct clt_trainer {
    clt_model *model;
    clt_runtime *runtime;
    clt_trainer_config config;
    char *folder;           /* config.checkpoints.folder, copied */
    float *weights;         /* config.class_weights, copied */
    clt_network *network;   /* training */
    clt_network *inference; /* the same parameters, or with `ema` ones of its own: their average */
    clt_ema *ema;           /* NULL: weights are not averaged */
    clt_loss *loss;
    clt_optimizer *optimizer;
    clt_clip *clip;                     /* NULL: gradients stay as they are */
    clt_buffer sample_loss, sample_hit; /* float, int [B] */
    clt_buffer class_weights;           /* float [classes]; none: all 1 */
    clt_buffer record;
    clt_ticket reads[2];                           /* of the record, by step % 2 */
    clt_buffer moments;                            /* m and v of table and arena, where kept */
    clt_buffer m_table, v_table, m_arena, v_arena; /* slices of it */
    uint64_t step;                                 /* optimiser steps queued so far, all epochs */
    clt_place place;
    clt_control control;
    float *landing;          /* table and arena of a download */
    float *best;             /* table and arena of its best epoch; NULL: they are not kept */
    bool shows_best;         /* the model on the host has those in the place of the last ones */
    clt_fingerprint data[2]; /* training, validation: what the fit began with */
    bool goes_on;            /* the next fit begins at `place`, with the same data */
    bool whole;              /* place, weights and moments belong together, and to `data`; not while
                                a fit is running */
    double saved;            /* when: the last checkpoint, or the beginning of the fit */
    clt_plan plan;           /* the one variant of each op; NULL where its uses got several */
    clt_history history;
    float *logits; /* of the last fit's validation samples, with the weights of now; NULL: none */
};

/* ---- trainer.c ---- */

/* clt_trainer_create that leaves the folder of checkpoints as it is. */
CLT_NODISCARD clt_status clt_trainer_prepare(clt_model *model, clt_runtime *runtime,
                                             const clt_trainer_config *config,
                                             clt_trainer **trainer, clt_error *error);

/* Queues forward, loss, backward, record and update of one batch. */
CLT_NODISCARD clt_status clt_trainer_enqueue(clt_trainer *trainer, const clt_batch *batch,
                                             double learning_rate, clt_error *error);

/* The weights of the last good step, on the device and then in the model. Waits. */
CLT_NODISCARD clt_status clt_trainer_download(clt_trainer *trainer, clt_error *error);

/* The weights on the host become those of the best epoch so far, where there is one. */
void clt_trainer_show_best(clt_trainer *trainer);

CLT_NODISCARD clt_status clt_trainer_reserve_history(clt_trainer *trainer, size_t epochs,
                                                     clt_error *error);

/* ---- checkpoint.c: one file ---- */

/* A checkpoint that has been read and is not damaged. */
typedef struct clt_checkpoint {
    char *path;
    clt_safetensors file;
    void *state; /* json_t: what is neither weights nor moments */
} clt_checkpoint;

CLT_NODISCARD clt_status clt_checkpoint_write(clt_trainer *trainer, const char *path,
                                              clt_error *error);
/* Errors: CLT_INPUT: damaged. */
CLT_NODISCARD clt_status clt_checkpoint_open(const char *path, clt_checkpoint *checkpoint,
                                             clt_error *error);
void clt_checkpoint_close(clt_checkpoint *checkpoint);

/* A trainer at the place of a checkpoint, with the plan that it was made with. Errors: CLT_INPUT:
 * it belongs to another model or recipe. */
CLT_NODISCARD clt_status clt_checkpoint_restore(const clt_checkpoint *checkpoint, clt_model *model,
                                                clt_runtime *runtime,
                                                const clt_trainer_config *config,
                                                clt_trainer **trainer, clt_error *error);

/* ---- checkpoints.c ---- */

/* clt_trainer_save, for a fit that is running: while nothing is on its way on the device. */
CLT_NODISCARD clt_status clt_checkpoints_save(clt_trainer *trainer, const char *folder,
                                              clt_error *error);

#endif
