/* tune.h: finds the variants of ops that train a network fastest on this device, and keeps them for
 * later runs.
 *
 * What is kept is used by every later clt_runtime on this device, for networks whose widest LSTM is
 * about as wide, until the driver, this library or its kernels change; CLTRAIN_PLAN comes before
 * it. Training itself never searches, so equal runs stay equal. */
#ifndef CLTRAIN_TUNE_H
#define CLTRAIN_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "cltrain/error.h"
#include "cltrain/model.h"
#include "cltrain/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clt_tune_verdict {
    CLT_TUNE_TRYING,  /* about to be tried: a name only */
    CLT_TUNE_UNTUNED, /* the plan without tuning: the first one */
    CLT_TUNE_FASTER,  /* the best so far */
    CLT_TUNE_NO_GAIN, /* less than 3% faster than the best so far */
    CLT_TUNE_FAILED   /* computes wrong answers, or cannot be planned */
} clt_tune_verdict;

/* One plan. */
typedef struct clt_tune_row {
    const char *plan; /* "lstm=rows,gemm=own:4x3" */
    clt_tune_verdict verdict;
    double seconds;      /* of a training step, the median of several; NaN: not measured */
    double best_seconds; /* of the best plan before, measured in turn with it */
    const char *failure; /* "" unless it failed */
} clt_tune_row;

typedef struct clt_tune_config {
    int32_t batch;
    double budget; /* seconds after which nothing more is tried */
    /* Called before and after each plan, on the caller's thread; strings are valid during the call.
     * NULL: not called. */
    void (*row)(void *user, const clt_tune_row *row);
    /* Called between measurements; non-zero ends the search, what was found is kept. NULL: not
     * called. */
    int (*stop)(void *user);
    void *user;
} clt_tune_config;
#define CLT_TUNE_CONFIG_DEFAULT                                                                    \
    {                                                                                              \
        128, 30.0, NULL, NULL, NULL                                                                \
    }

typedef struct clt_tune_result {
    char plan[128];         /* the best; used from now on */
    double gain;            /* time saved of a step without tuning, 0 .. 1; 0: nothing is kept,
                             * or, when stopped, what was kept before */
    int32_t tried, untried; /* plans */
    bool stopped;
    char path[4096]; /* of the file that keeps it */
} clt_tune_result;

/* Searches, checks each plan's answers against the reference before it is timed, and keeps the
 * better of the old and the new one. Waits for the device.
 *
 * model    is trained on the way: give it one made for this.
 * runtime  not for training afterwards: it goes on without what was found.
 * config   NULL: the defaults.
 * result   out: set also when the search was stopped.
 * Errors   CLT_USAGE: CLTRAIN_PLAN forces what is to be searched, or fewer samples than one batch;
 *          CLT_FAILED: what was found cannot be kept, which is tried first; what training can fail
 *          with. */
CLT_NODISCARD clt_status clt_tune_run(clt_model *model, clt_runtime *runtime,
                                      const clt_tune_config *config, const clt_dataset *train,
                                      clt_tune_result *result, clt_error *error);

/* Forgets what is kept for the runtime's device.
 *
 * count    out: how many networks' plans that were.
 * Errors   CLT_FAILED: the file of tunings cannot be read or written. */
CLT_NODISCARD clt_status clt_tune_forget(clt_runtime *runtime, int *count, clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
