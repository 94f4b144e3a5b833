/* outputs.c: the likeliest label, probabilities, loss and accuracy of logits. */
#include "model/outputs.h"

#include <math.h>

/* The sum of e^(z[o] - z[most]) over all o. */
static double sum_beside(const float *z, int outputs, int32_t most)
{
    double sum = 0.0;
    for (int o = 0; o < outputs; o++) {
        sum += exp((double)z[o] - z[most]);
    }
    return sum;
}

clt_status clt_outputs_check(const float *logits, int outputs, size_t count, clt_error *error)
{
    for (size_t k = 0; k < count * (size_t)outputs; k++) {
        if (!isfinite(logits[k])) {
            return clt_fail(error, CLT_DIVERGED, 0, "the model's output for sample %zu is %f",
                            k / (size_t)outputs, (double)logits[k]);
        }
    }
    return CLT_OK;
}

int32_t clt_outputs_likeliest(const float *logits, int outputs)
{
    int32_t most = 0;
    if (outputs == 1) {
        return logits[0] > 0.0f;
    }
    for (int o = 1; o < outputs; o++) {
        most = logits[o] > logits[most] ? o : most;
    }
    return most;
}

void clt_outputs_probabilities(const float *logits, int outputs, float *probabilities)
{
    int32_t most = clt_outputs_likeliest(logits, outputs);
    if (outputs == 1) {
        double z = logits[0];
        probabilities[0] = (float)(1.0 / (1.0 + exp(z)));
        probabilities[1] = (float)(1.0 / (1.0 + exp(-z)));
        return;
    }
    double sum = sum_beside(logits, outputs, most), largest = logits[most];
    for (int o = 0; o < outputs; o++) {
        probabilities[o] = (float)(exp(logits[o] - largest) / sum);
    }
}

/* Of one sample. */
static double cross_entropy(const float *logits, int outputs, int32_t label)
{
    if (outputs == 1) {
        double z = logits[0], y = label;
        return fmax(z, 0.0) - z * y + log1p(exp(-fabs(z)));
    }
    int32_t most = clt_outputs_likeliest(logits, outputs);
    return log(sum_beside(logits, outputs, most)) - ((double)logits[label] - logits[most]);
}

clt_metrics clt_outputs_metrics(const float *logits, int outputs, const int32_t *labels,
                                size_t count)
{
    double loss = 0.0;
    size_t hits = 0;
    for (size_t k = 0; k < count; k++, logits += outputs) {
        loss += cross_entropy(logits, outputs, labels[k]);
        hits += clt_outputs_likeliest(logits, outputs) == labels[k];
    }
    return (clt_metrics){.loss = loss / (double)count, .accuracy = (double)hits / (double)count};
}
