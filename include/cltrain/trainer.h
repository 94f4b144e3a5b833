/* trainer.h: trains a model on a data set, and keeps what each epoch measured. */
#ifndef CLTRAIN_TRAINER_H
#define CLTRAIN_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "cltrain/error.h"
#include "cltrain/model.h"
#include "cltrain/optimizer.h"
#include "cltrain/report.h"
#include "cltrain/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one epoch measured. */
typedef struct clt_epoch {
    clt_metrics train;      /* running means during the epoch, as Keras shows them */
    clt_metrics validation; /* after the epoch; NaN without validation */
    double seconds;         /* training alone */
    double validation_seconds;
    double learning_rate; /* of its last step */
} clt_epoch;

typedef struct clt_history {
    size_t count;
    clt_epoch *epochs; /* [count] */
    bool validated;
    int32_t best;       /* the epoch whose weights the model has; -1: those of the last step */
    bool stopped_early; /* the last fit ended by config.patience */
} clt_history;

/* What epochs are compared by: the smaller loss or the larger accuracy is better. */
typedef enum clt_metric {
    CLT_METRIC_NONE,
    CLT_METRIC_LOSS,
    CLT_METRIC_ACCURACY,
    CLT_METRIC_VAL_LOSS,
    CLT_METRIC_VAL_ACCURACY
} clt_metric;
const char *clt_metric_name(clt_metric metric); /* "val_loss"; NONE: "none" */

typedef enum clt_schedule_kind {
    CLT_SCHEDULE_CONSTANT,
    CLT_SCHEDULE_COSINE,
    CLT_SCHEDULE_STEP,   /* times `factor` after every `epochs` */
    CLT_SCHEDULE_PLATEAU /* times `factor` after `epochs` in a row without progress */
} clt_schedule_kind;
const char *clt_schedule_name(clt_schedule_kind kind); /* "cosine" */

/* How the learning rate moves in the course of a fit. All but `warmup` is Keras's: the schedules
 * CosineDecay, over all steps of the fit down to 0, and ExponentialDecay with staircase; the
 * callback ReduceLROnPlateau with its min_delta of 1e-4, no cooldown and no least rate. */
typedef struct clt_schedule {
    clt_schedule_kind kind;
    int32_t epochs; /* 1 or more */
    double factor;  /* between 0 and 1 */
    /* Before it, the rate rises from 0 in so many steps (step k of them, from 0, has k / warmup of
     * it). The cosine begins after them, as in CosineDecay; the others run from the first step. */
    int32_t warmup;
} clt_schedule;

/* How gradients are kept small before an update, as Keras's optimizers do by clipvalue, clipnorm
 * and global_clipnorm: each element is brought between -limit and limit, or the gradient of each
 * parameter, or all of them together, multiplied by limit / norm where its norm is above limit. */
typedef enum clt_clip_kind {
    CLT_CLIP_NONE,
    CLT_CLIP_VALUE,
    CLT_CLIP_NORM,
    CLT_CLIP_GLOBAL_NORM
} clt_clip_kind;
const char *clt_clip_name(clt_clip_kind kind); /* "global_norm" */

typedef struct clt_clipping {
    clt_clip_kind kind;
    double limit; /* above 0 */
} clt_clipping;

typedef enum clt_progress_event {
    CLT_PROGRESS_EPOCH_BEGIN,
    CLT_PROGRESS_STEP,
    CLT_PROGRESS_EPOCH_END
} clt_progress_event;

/* Where training is; given to the progress callback. */
typedef struct clt_progress {
    clt_progress_event event;
    int32_t epoch, epochs;     /* epoch from 0 */
    int32_t step, steps;       /* steps done in this epoch */
    double seconds;            /* since the epoch began */
    double first_step_seconds; /* of this epoch; Keras leaves it out of the time per step */
    clt_metrics train;         /* running means */
    const clt_epoch *done;     /* CLT_PROGRESS_EPOCH_END: the epoch's row */
} clt_progress;

/* Where and how often a run is saved so that it can go on (clt_trainer_resume). Each checkpoint is
 * a file FOLDER/checkpoint-N.safetensors, N optimiser steps, that appears whole or not at all. It
 * is a model file with the optimizer's moments, the history and the place in the epoch beside the
 * weights. Saving changes no bits of the training. */
typedef struct clt_checkpoints {
    const char *folder; /* is there already; copied. NULL: no checkpoints */
    uint64_t steps;     /* one after every so many optimiser steps; 0: not for that */
    double seconds;     /* one when so many have gone by; 0: not for that */
    int32_t epochs;     /* one after every so many epochs; 0: not for that */
    int32_t keep;       /* the newest so many stay, 1 or more */
} clt_checkpoints;

typedef struct clt_trainer_config {
    int32_t batch; /* samples a step; the last, smaller batch of an epoch is kept */
    int32_t epochs;
    double learning_rate;
    uint64_t seed; /* of the order of samples and of dropout */
    bool shuffle;  /* a new order each epoch; false: the data set's */
    /* Called at the beginning of each epoch, after every step, and at the end of each epoch with
     * its validation done, on the caller's thread. A non-zero return ends training with
     * CLT_STOPPED: there, or after the batch under way. NULL: not called. */
    int (*progress)(void *user, const clt_progress *progress);
    void *user;
    clt_checkpoints checkpoints; /* with a folder, there is one at the end of a stop, too */
    /* The model ends with the weights of the epoch that was best by this. NONE: with the last ones,
     * and what patience and a plateau look at is val_loss, or loss without validation. */
    clt_metric monitor;
    /* The fit ends after so many epochs in a row without a new best, with the weights of the best;
     * 0: it does not. A new best is better by more than min_delta. (Keras's EarlyStopping, which
     * by itself would keep the last weights.) */
    int32_t patience;
    double min_delta;
    clt_schedule schedule;
    clt_clipping clip;
    /* Before each update, every weight that is trained loses this share of itself, times the
     * learning rate: Keras's weight_decay, decoupled from the gradient. 0 .. */
    double weight_decay;
    /* What the loss of a sample is multiplied by in training, for each label; above 0, as many as
     * clt_model_class_count; copied. NULL: 1. The means are still over samples, and accuracy and
     * validation know no weights. (class_weight of Keras's fit.) clt_dataset_balance computes
     * some. */
    const float *class_weights;
    /* Above 0: after each step, average = ema * average + (1 - ema) * weights, from the weights of
     * the first step on; below 1. What is validated, compared, kept and saved is the average, on
     * which training goes on only when a fit has ended. (Keras's use_ema and ema_momentum, which
     * leave the same weights, with the callback SwapEMAWeights, without which Keras validates with
     * the weights of the last step.) Costs one more copy of the weights. */
    double ema;
    clt_optimizer_kind optimizer;
    double momentum; /* SGD's, 0 .. 1 */
    bool nesterov;   /* with momentum; with one of 0, as in Keras, nothing */
} clt_trainer_config;
#define CLT_TRAINER_CONFIG_DEFAULT                                                                 \
    {                                                                                              \
        128, 5, 0.001, 1, true, NULL, NULL, {NULL, 0, 0.0, 0, 2}, CLT_METRIC_NONE, 0, 0.0,         \
            {CLT_SCHEDULE_CONSTANT, 1, 0.5, 0}, {CLT_CLIP_NONE, 0.0}, 0.0, NULL, 0.0, CLT_ADAM,    \
            0.0, false                                                                             \
    }

typedef struct clt_trainer clt_trainer;

/* What clt_trainer_create says of the values of a configuration, before there are a model and data.
 * NULL: the defaults. Errors: CLT_USAGE. */
CLT_NODISCARD clt_status clt_trainer_check(const clt_trainer_config *config, clt_error *error);

/* What clt_trainer_fit says of config->monitor when there are samples to validate on, or none.
 * Errors: CLT_USAGE. */
CLT_NODISCARD clt_status clt_trainer_check_monitor(const clt_trainer_config *config, bool validated,
                                                   clt_error *error);

/* Prepares training of `model` on `runtime`: plans every op, checks its products, copies the
 * weights to the device: what is set in the model later (clt_model_tensor) is not seen by it. model
 * and runtime must outlive the trainer. A new run begins: checkpoints that an earlier one left in
 * config->checkpoints.folder are removed. Waits for the device.
 *
 * config   NULL: the defaults. Copied. Errors: CLT_USAGE for values that make no sense. */
CLT_NODISCARD clt_status clt_trainer_create(clt_model *model, clt_runtime *runtime,
                                            const clt_trainer_config *config, clt_trainer **trainer,
                                            clt_error *error);

/* The same at the place of the newest good checkpoint of a folder, or at the beginning when there
 * is none. On the same device, build and data, what clt_trainer_fit does from there on ends in the
 * same bits as a run that was never interrupted; ops are planned as they were. Notes (clt_log) say
 * which checkpoint it is, which ones are damaged and therefore passed over (renamed to end in
 * .damaged), and whether another device or plan will lead to other bits. Waits for the device.
 *
 * model    of the same layers, reading options and words; its weights are replaced.
 * config   with the same recipe: all but progress, user and checkpoints; their folder may be
 *          another one than `folder`.
 * Errors   CLT_INPUT: a difference, which the message names, or no checkpoint that is whole.
 *          CLT_USAGE: values that make no sense, or config->checkpoints.folder has a checkpoint of
 *          more steps. */
CLT_NODISCARD clt_status clt_trainer_resume(const char *folder, clt_model *model,
                                            clt_runtime *runtime, const clt_trainer_config *config,
                                            clt_trainer **trainer, clt_error *error);

/* Trains config.epochs epochs and validates after each. When it returns, whatever the reason, the
 * model on the host holds the last good weights, or with config.monitor or config.patience those of
 * the best epoch so far. Waits for the device. A trainer that was resumed, or stopped by its
 * callback, goes on where it was; any other one begins a new fit.
 *
 * validation  NULL: none.
 * Errors      CLT_DIVERGED: loss or gradient NaN or infinite; the message names epoch and step, the
 *             weights are those before that step. CLT_STOPPED: the callback asked for it.
 *             CLT_INPUT: to go on, the data must be those of the beginning. CLT_FAILED: a
 *             checkpoint cannot be written; the one before it is still there. */
CLT_NODISCARD clt_status clt_trainer_fit(clt_trainer *trainer, const clt_dataset *train,
                                         const clt_dataset *validation, clt_error *error);

/* Writes a checkpoint into a folder, which is there already, as config.checkpoints asks for by
 * itself; all but the newest config.checkpoints.keep are removed. After a fit that came to its end
 * or was stopped, or after clt_trainer_resume; not from the progress callback. Waits for the
 * device. Errors: CLT_USAGE: there is nothing to save, or the folder has a later checkpoint, which
 * only another run can have left; CLT_FAILED with the path and the reason. */
CLT_NODISCARD clt_status clt_trainer_save(clt_trainer *trainer, const char *folder,
                                          clt_error *error);

/* How many checkpoints a folder has, and their removal. No such folder: none. Errors: CLT_INPUT it
 * cannot be read, CLT_FAILED one cannot be removed. */
CLT_NODISCARD clt_status clt_checkpoints_count(const char *folder, size_t *count, clt_error *error);
CLT_NODISCARD clt_status clt_checkpoints_remove(const char *folder, clt_error *error);

/* What the trainer's weights of now make of labelled samples; nothing is run for those that the
 * last fit has just validated. Waits for the device.
 *
 * report   out: freed with clt_report_free.
 * Errors   those of clt_model_report. */
CLT_NODISCARD clt_status clt_trainer_report(clt_trainer *trainer, const clt_dataset *samples,
                                            clt_report **report, clt_error *error);

/* What the epochs measured so far; complete epochs only. Belongs to the trainer. */
const clt_history *clt_trainer_history(const clt_trainer *trainer);
void clt_trainer_destroy(clt_trainer *trainer); /* NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
