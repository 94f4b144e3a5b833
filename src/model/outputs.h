/* outputs.h: what the logits of a sample say. One logit is that of a sigmoid, for labels 0 and 1;
 * more are those of a softmax, one for each label. All sums are in double. */
#ifndef CLT_MODEL_OUTPUTS_H
#define CLT_MODEL_OUTPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/report.h"
#include "util/error.h"

/* Labels that so many logits tell apart. */
static inline int32_t clt_outputs_classes(int outputs)
{
    return outputs == 1 ? 2 : outputs;
}

/* The likeliest label, the first of those equally likely. */
int32_t clt_outputs_likeliest(const float *logits, int outputs);

/* The probability of each label.
 *
 * probabilities   out [classes]; may be `logits` */
void clt_outputs_probabilities(const float *logits, int outputs, float *probabilities);

/* Loss and accuracy of logits [count, outputs] against labels. */
clt_metrics clt_outputs_metrics(const float *logits, int outputs, const int32_t *labels,
                                size_t count);

/* CLT_DIVERGED when one of logits [count, outputs] is NaN or infinite. */
CLT_NODISCARD clt_status clt_outputs_check(const float *logits, int outputs, size_t count,
                                           clt_error *error);

/* The report on logits [count, outputs], all of them finite, against labels, each of a class. */
CLT_NODISCARD clt_status clt_report_create(const float *logits, int outputs, const int32_t *labels,
                                           size_t count, clt_report **report, clt_error *error);

#endif
