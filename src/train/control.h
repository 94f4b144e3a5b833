/* control.h: what steers a fit: the learning rate of each step, the best epoch, the early stop. */
#ifndef CLT_TRAIN_CONTROL_H
#define CLT_TRAIN_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "cltrain/trainer.h"
#include "util/error.h"

/* What has been seen so far of a fit. Part of a checkpoint. */
typedef struct clt_control {
    double rate;        /* of a plateau: the learning rate now */
    double best;        /* the monitored value of best_epoch; of an accuracy, less than 0 */
    int32_t best_epoch; /* of this fit; -1: none yet */
    int32_t wait;       /* epochs since then */
    double plateau_best;
    bool plateau_seen; /* plateau_best is a value */
    int32_t plateau_wait;
} clt_control;

/* Errors: CLT_USAGE for values that make no sense. */
CLT_NODISCARD clt_status clt_control_check(const clt_trainer_config *config, clt_error *error);

/* Does the fit end with the weights of its best epoch? */
bool clt_control_keeps_best(const clt_trainer_config *config);

void clt_control_begin(const clt_trainer_config *config, clt_control *control);

/* The learning rate of a step, from 0, of the fit. */
double clt_control_rate(const clt_trainer_config *config, const clt_control *control, uint64_t step,
                        uint64_t steps_per_epoch);

/* Takes in epoch `number`, from 0, of the fit; is it the best so far? */
bool clt_control_end_epoch(const clt_trainer_config *config, const clt_epoch *epoch, int32_t number,
                           bool validated, clt_control *control);
bool clt_control_stops(const clt_trainer_config *config, const clt_control *control);

#endif
