/* bench.h: how fast this device trains a network, and where the time goes. */
#ifndef CLTRAIN_BENCH_H
#define CLTRAIN_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "cltrain/error.h"
#include "cltrain/model.h"
#include "cltrain/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Times of the same thing measured several times, in seconds. */
typedef struct clt_times {
    int repeats;
    double median, lowest, highest;
} clt_times;

/* One op in one training step: the mean of the steps of a run with the profile on. */
typedef struct clt_bench_op {
    char name[48];  /* "lstm forward" */
    double calls;   /* launches may be more: a scope can hold several */
    double seconds; /* on the device */
    double flops;   /* floating-point operations */
    double bytes;   /* bytes that must move */
} clt_bench_op;

typedef struct clt_bench {
    char plan[128]; /* "lstm=rows,gemm=own" */

    /* The best of several launches that do nothing else; their results were checked. */
    double peak_flops;     /* fused multiply-adds, two operations each, a second */
    double peak_bandwidth; /* bytes read and written by a copy, a second */

    int32_t warmup_steps; /* before the first repeat */
    int32_t repeat_steps; /* of one repeat */
    clt_times step;       /* of one step, batches prepared as in `fit`, the profile off */

    size_t inference_samples; /* of one pass: all, or fewer where that takes too long */
    clt_times inference;      /* of a pass, after one that does not count */

    int32_t profiled_steps; /* whose mean the ops are */
    size_t op_count;
    clt_bench_op *ops; /* [op_count], the longest first */
} clt_bench;

typedef struct clt_bench_config {
    int32_t batch;
    /* Called before each measurement with what it is, on the caller's thread. A non-zero return
     * ends the bench with CLT_STOPPED. NULL: not called. */
    int (*progress)(void *user, const char *what);
    void *user;
} clt_bench_config;
#define CLT_BENCH_CONFIG_DEFAULT                                                                   \
    {                                                                                              \
        128, NULL, NULL                                                                            \
    }

/* Measures training steps, inference and ops, and the device's peaks. Takes some ten seconds, and
 * waits for the device.
 *
 * model        is trained on the way: give it one made for this.
 * runtime      its profile is off and empty when this returns.
 * config       NULL: the defaults.
 * train, test  real ids: how many words of a batch are the same decides much of the work. At least
 *              config->batch samples to train on.
 * bench        out: freed by the caller with clt_bench_free.
 * Errors       CLT_USAGE: values that make no sense; CLT_KERNEL: a peak's result is wrong;
 *              CLT_STOPPED; what training can fail with. */
CLT_NODISCARD clt_status clt_bench_run(clt_model *model, clt_runtime *runtime,
                                       const clt_bench_config *config, const clt_dataset *train,
                                       const clt_dataset *test, clt_bench **bench,
                                       clt_error *error);
void clt_bench_free(clt_bench *bench); /* NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
