/* trial.h: training whose only purpose is the time of its steps. */
#ifndef CLT_CHECK_TRIAL_H
#define CLT_CHECK_TRIAL_H

#include "cltrain/trainer.h"

typedef struct clt_trial clt_trial;

/* Prepares training of `model` with the runtime's plan of this moment. All three outlive the trial.
 * Errors: CLT_USAGE when there are fewer than `batch` samples. */
CLT_NODISCARD clt_status clt_trial_create(clt_model *model, clt_runtime *runtime, int32_t batch,
                                          const clt_dataset *train, clt_trial **trial,
                                          clt_error *error);
void clt_trial_destroy(clt_trial *trial); /* NULL allowed */

/* The most steps of one run: whole batches only. */
int clt_trial_steps_max(const clt_trial *trial);

/* Trains `steps` steps, or as many as there are batches, on samples that follow those of the run
 * before, and gives the seconds of one. The first of several steps is not counted: the batches are
 * not ahead of it yet. Waits. */
CLT_NODISCARD clt_status clt_trial_run(clt_trial *trial, int steps, double *seconds,
                                       clt_error *error);

#endif
