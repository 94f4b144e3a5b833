/* report.c: precision, recall, F1, confusion, the area under the ROC curve, and the mistakes. */
#include "cltrain/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/outputs.h"
#include "util/memory.h"

void clt_report_free(clt_report *report)
{
    if (report != NULL) {
        free(report->classes);
        free(report->confusion);
        free(report->predicted);
        free(report->probabilities);
        free(report->mistakes);
        free(report);
    }
}

static clt_status allocate(size_t count, int32_t class_count, clt_report **report, clt_error *error)
{
    size_t classes = (size_t)class_count;
    clt_report *made = clt_alloc(1, sizeof *made, "a report", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->count = count;
    made->class_count = class_count;
    made->classes = clt_alloc(classes, sizeof *made->classes, "a report", error);
    made->confusion = clt_alloc(classes, classes * sizeof *made->confusion, "a report", error);
    made->predicted = clt_alloc(count, sizeof *made->predicted, "predictions", error);
    made->probabilities =
        clt_alloc(count, classes * sizeof *made->probabilities, "probabilities", error);
    if (made->classes == NULL || made->confusion == NULL || made->predicted == NULL ||
        made->probabilities == NULL) {
        clt_report_free(made);
        return CLT_FAILED;
    }
    *report = made;
    return CLT_OK;
}

static double share(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

static void add_scores(clt_scores *sum, const clt_scores *scores, double weight)
{
    sum->precision += weight * scores->precision;
    sum->recall += weight * scores->recall;
    sum->f1 += weight * scores->f1;
    sum->support += scores->support;
}

/* Everything that the confusion says. */
static void score(clt_report *report)
{
    size_t classes = (size_t)report->class_count;
    for (size_t c = 0; c < classes; c++) {
        size_t right = report->confusion[c * classes + c], support = 0, predicted = 0;
        for (size_t k = 0; k < classes; k++) {
            support += report->confusion[c * classes + k];
            predicted += report->confusion[k * classes + c];
        }
        report->classes[c] = (clt_scores){.precision = share(right, predicted),
                                          .recall = share(right, support),
                                          .f1 = share(2 * right, support + predicted),
                                          .support = support};
        add_scores(&report->macro, &report->classes[c], 1.0 / (double)classes);
        add_scores(&report->weighted, &report->classes[c], share(support, report->count));
    }
}

typedef struct scored {
    double score;
    bool positive;
} scored;

static int by_score(const void *left, const void *right)
{
    double a = ((const scored *)left)->score, b = ((const scored *)right)->score;
    return (a > b) - (a < b);
}

/* Pairs of a negative and a positive sample that are in order, over all pairs; twice both, so that
 * a tie is 1. The score of label 1 against 0 is a logit or a difference of two: where probabilities
 * are rounded to 1, logits still differ. */
static clt_status area_under_roc(const float *logits, int outputs, const int32_t *labels,
                                 size_t count, double *area, clt_error *error)
{
    uint64_t positives = 0, negatives = 0, ordered = 0;
    *area = NAN;
    if (outputs > 2) {
        return CLT_OK;
    }
    scored *samples = clt_alloc(count, sizeof *samples, "scores", error);
    if (samples == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < count; k++) {
        const float *z = logits + k * (size_t)outputs;
        samples[k].score = outputs == 1 ? z[0] : (double)z[1] - z[0];
        samples[k].positive = labels[k] == 1;
    }
    qsort(samples, count, sizeof *samples, by_score);
    for (size_t first = 0, end = 0; first < count; first = end) {
        uint64_t tied[2] = {0, 0};
        while (end < count && samples[end].score == samples[first].score) {
            tied[samples[end++].positive]++;
        }
        ordered += tied[1] * (2 * negatives + tied[0]);
        negatives += tied[0];
        positives += tied[1];
    }
    free(samples);
    if (positives > 0 && negatives > 0) {
        *area = (double)ordered / (2.0 * (double)positives * (double)negatives);
    }
    return CLT_OK;
}

typedef struct mistake {
    float told, own; /* probabilities of the predicted class and of the label's */
    size_t sample;
} mistake;

/* Probabilities that are rounded to 1 leave the order to what is left for the label. */
static int by_confidence(const void *left, const void *right)
{
    const mistake *a = left, *b = right;
    if (a->told != b->told) {
        return a->told > b->told ? -1 : 1;
    }
    if (a->own != b->own) {
        return a->own < b->own ? -1 : 1;
    }
    return (a->sample > b->sample) - (a->sample < b->sample);
}

static clt_status find_mistakes(clt_report *report, const int32_t *labels, clt_error *error)
{
    size_t classes = (size_t)report->class_count, used = 0;
    for (size_t k = 0; k < report->count; k++) {
        report->mistake_count += report->predicted[k] != labels[k];
    }
    report->mistakes =
        clt_alloc(report->mistake_count, sizeof *report->mistakes, "mistakes", error);
    mistake *found = clt_alloc(report->mistake_count, sizeof *found, "mistakes", error);
    if (report->mistakes == NULL || found == NULL) {
        free(found);
        return CLT_FAILED;
    }
    for (size_t k = 0; k < report->count; k++) {
        const float *p = report->probabilities + k * classes;
        if (report->predicted[k] != labels[k]) {
            found[used++] = (mistake){p[report->predicted[k]], p[labels[k]], k};
        }
    }
    qsort(found, used, sizeof *found, by_confidence);
    for (size_t k = 0; k < used; k++) {
        report->mistakes[k] = found[k].sample;
    }
    free(found);
    return CLT_OK;
}

clt_status clt_report_create(const float *logits, int outputs, const int32_t *labels, size_t count,
                             clt_report **report, clt_error *error)
{
    size_t classes = (size_t)clt_outputs_classes(outputs);
    clt_report *made = NULL;
    clt_status status;
    CLT_TRY(allocate(count, (int32_t)classes, &made, error));
    made->metrics = clt_outputs_metrics(logits, outputs, labels, count);
    for (size_t k = 0; k < count; k++) {
        const float *z = logits + k * (size_t)outputs;
        made->predicted[k] = clt_outputs_likeliest(z, outputs);
        clt_outputs_probabilities(z, outputs, made->probabilities + k * classes);
        made->confusion[(size_t)labels[k] * classes + (size_t)made->predicted[k]]++;
    }
    score(made);
    CLT_TRY(area_under_roc(logits, outputs, labels, count, &made->roc_auc, error));
    CLT_TRY(find_mistakes(made, labels, error));
    *report = made;
    return CLT_OK;
done:
    clt_report_free(made);
    return status;
}
