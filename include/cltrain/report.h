/* report.h: what a model makes of labelled samples, class by class. */
#ifndef CLTRAIN_REPORT_H
#define CLTRAIN_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "cltrain/error.h"
#include "cltrain/model.h"
#include "cltrain/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one class, or a mean over classes. What would be 0 / 0 is 0. */
typedef struct clt_scores {
    double precision; /* of the samples predicted to be of the class, the share that are */
    double recall;    /* of the samples of the class, the share predicted so */
    double f1;        /* 2 * precision * recall / (precision + recall) */
    size_t support;   /* samples of the class */
} clt_scores;

/* Read-only for callers. The means are over all classes of the model, also those without a sample.
 * (scikit-learn's precision_recall_fscore_support with labels and zero_division=0,
 * confusion_matrix, roc_auc_score.) */
typedef struct clt_report {
    size_t count;        /* samples */
    int32_t class_count; /* C: clt_model_class_count */
    clt_metrics metrics; /* those of clt_model_evaluate */
    clt_scores *classes; /* [C] */
    clt_scores macro;    /* every class counts the same */
    clt_scores weighted; /* every class counts by its support */
    size_t *confusion;   /* [C, C]: samples of label l predicted to be k, at l * C + k */
    double roc_auc;      /* two classes: the probability that of a sample of each the one of label 1
                            has the higher score, a tie being one half; NaN: more classes, or one
                            has no sample */
    int32_t *predicted;  /* [count]: the likeliest class, the first of those equally likely */
    float *probabilities; /* [count, C] */
    size_t mistake_count;
    size_t *mistakes; /* [mistake_count]: samples whose label was not predicted, the prediction of
                         highest probability first */
} clt_report;

/* Runs the model over a data set, in batches of `batch`. Waits for the device.
 *
 * report   out: freed with clt_report_free.
 * Errors   those of clt_model_evaluate. */
CLT_NODISCARD clt_status clt_model_report(const clt_model *model, clt_runtime *runtime,
                                          const clt_dataset *dataset, int32_t batch,
                                          clt_report **report, clt_error *error);
void clt_report_free(clt_report *report); /* NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
