/* trial.c: times training steps as the trainer takes them. */
#include "check/trial.h"

#include <stdlib.h>

#include "util/error.h"
#include "util/memory.h"

struct clt_trial {
    clt_trainer *trainer;
    const clt_dataset *train;
    int32_t batch;
    int next;            /* the batch to go on with */
    double first, total; /* seconds of the run's first step, and of all */
};

static int on_progress(void *user, const clt_progress *progress)
{
    clt_trial *trial = user;
    if (progress->event == CLT_PROGRESS_STEP) {
        trial->first = progress->first_step_seconds;
        trial->total = progress->seconds;
    }
    return 0;
}

clt_status clt_trial_create(clt_model *model, clt_runtime *runtime, int32_t batch,
                            const clt_dataset *train, clt_trial **trial, clt_error *error)
{
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    clt_status status;
    if (batch >= 1 && train->count < (size_t)batch) {
        return clt_fail(error, CLT_USAGE, 0,
                        "%zu samples are fewer than one batch of %d; give more or a smaller batch",
                        train->count, (int)batch);
    }
    clt_trial *made = clt_alloc(1, sizeof *made, "a trial", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->train = train;
    made->batch = batch;
    config.batch = batch;
    config.epochs = 1;
    config.progress = on_progress;
    config.user = made;
    CLT_TRY(clt_trainer_create(model, runtime, &config, &made->trainer, error));
    *trial = made;
    return CLT_OK;
done:
    clt_trial_destroy(made);
    return status;
}

void clt_trial_destroy(clt_trial *trial)
{
    if (trial != NULL) {
        clt_trainer_destroy(trial->trainer);
        free(trial);
    }
}

int clt_trial_steps_max(const clt_trial *trial)
{
    size_t steps = trial->train->count / (size_t)trial->batch;
    return steps < 1 << 20 ? (int)steps : 1 << 20;
}

clt_status clt_trial_run(clt_trial *trial, int steps, double *seconds, clt_error *error)
{
    clt_dataset part = *trial->train;
    int most = clt_trial_steps_max(trial);
    steps = steps < most ? steps : most;
    trial->next = trial->next + steps <= most ? trial->next : 0;
    part.count = (size_t)steps * (size_t)trial->batch;
    part.offsets += (size_t)trial->next * (size_t)trial->batch;
    if (part.labels != NULL) { /* else refused below */
        part.labels += (size_t)trial->next * (size_t)trial->batch;
    }
    trial->next += steps;
    clt_status status = clt_trainer_fit(trial->trainer, &part, NULL, error);
    *seconds = steps > 1 ? (trial->total - trial->first) / (steps - 1) : trial->total;
    return status;
}
