/* dataset.c: memory of a data set and the checks of its reading options. */
#include "data/dataset.h"

#include <stdlib.h>

#include "util/memory.h"

clt_status clt_dataset_create(size_t count, size_t id_count, clt_dataset **dataset,
                              clt_error *error)
{
    size_t offset_count;
    if (!clt_add(count, 1, &offset_count)) {
        return clt_fail_memory(error, count, "samples");
    }
    clt_dataset *made = clt_alloc(1, sizeof *made, "a data set", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->count = count;
    made->offsets = clt_alloc(offset_count, sizeof *made->offsets, "sample offsets", error);
    made->ids = clt_alloc(id_count, sizeof *made->ids, "token ids", error);
    made->labels = clt_alloc(count, sizeof *made->labels, "labels", error);
    if (made->offsets == NULL || made->ids == NULL || made->labels == NULL) {
        clt_dataset_free(made);
        return CLT_FAILED;
    }
    *dataset = made;
    return CLT_OK;
}

void clt_dataset_free(clt_dataset *dataset)
{
    if (dataset != NULL) {
        free(dataset->offsets);
        free(dataset->ids);
        free(dataset->labels);
        free(dataset);
    }
}

clt_status clt_dataset_balance(const clt_dataset *dataset, float *weights, clt_error *error)
{
    size_t classes = (size_t)dataset->class_count, occurring = 0;
    if (dataset->labels == NULL) {
        return clt_fail(error, CLT_USAGE, 0, "the data have no labels to balance");
    }
    size_t *counts = clt_alloc(classes, sizeof *counts, "classes", error);
    if (counts == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < dataset->count; k++) {
        if (dataset->labels[k] < 0 || (size_t)dataset->labels[k] >= classes) {
            clt_status status = clt_fail(error, CLT_USAGE, 0, "sample %zu has the label %d of %zu",
                                         k, (int)dataset->labels[k], classes);
            free(counts);
            return status;
        }
        occurring += counts[dataset->labels[k]]++ == 0;
    }
    for (size_t c = 0; c < classes; c++) {
        double even = (double)dataset->count / (double)occurring;
        weights[c] = counts[c] > 0 ? (float)(even / (double)counts[c]) : 1.0f;
    }
    free(counts);
    return CLT_OK;
}

clt_status clt_reading_check(const clt_reading *reading, clt_error *error)
{
    if (reading->num_words < 0) {
        return clt_fail(error, CLT_USAGE, 0, "num_words is %d: give 0 (all) or more",
                        reading->num_words);
    }
    if (reading->skip_top < 0) {
        return clt_fail(error, CLT_USAGE, 0, "skip_top is %d: give 0 or more", reading->skip_top);
    }
    if (reading->index_from < 0) {
        return clt_fail(error, CLT_USAGE, 0, "index_from is %d: give 0 or more",
                        reading->index_from);
    }
    if (reading->start_char < -1) {
        return clt_fail(error, CLT_USAGE, 0, "start_char is %d: give -1 (none) or an id",
                        reading->start_char);
    }
    if (reading->oov_char < -1 || reading->oov_char == INT32_MAX) {
        return clt_fail(error, CLT_USAGE, 0, "oov_char is %d: give -1 (none) or an id",
                        reading->oov_char);
    }
    if (reading->num_words > 0 &&
        (reading->oov_char >= reading->num_words || reading->start_char >= reading->num_words)) {
        return clt_fail(error, CLT_USAGE, 0,
                        "num_words is %d: it must be above start_char (%d) and oov_char (%d)",
                        reading->num_words, reading->start_char, reading->oov_char);
    }
    if ((reading->padding != CLT_PRE && reading->padding != CLT_POST) ||
        (reading->truncating != CLT_PRE && reading->truncating != CLT_POST)) {
        return clt_fail(error, CLT_USAGE, 0,
                        "padding is %d and truncating %d: give CLT_PRE or CLT_POST",
                        (int)reading->padding, (int)reading->truncating);
    }
    return CLT_OK;
}

int32_t clt_reading_bound(const clt_reading *reading, int32_t num_words)
{
    int32_t bound = num_words > 1 ? num_words : 1; /* padding is id 0 */
    return reading->oov_char >= bound ? reading->oov_char + 1 : bound;
}

clt_status clt_reading_all(const clt_reading *reading, int32_t words, int32_t *num_words,
                           clt_error *error)
{
    int64_t all = (int64_t)reading->index_from + words + 1;
    if (all <= reading->start_char) {
        all = (int64_t)reading->start_char + 1;
    }
    if (all > INT32_MAX) {
        return clt_fail(error, CLT_USAGE, 0, "index_from %d or start_char %d is too large",
                        reading->index_from, reading->start_char);
    }
    *num_words = (int32_t)all;
    return CLT_OK;
}
