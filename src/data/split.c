/* split.c: a part of labelled samples, set aside to measure on: stratified, drawn from a seed. */
#include "data/split.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus.h"
#include "data/dataset.h"
#include "util/memory.h"
#include "util/random.h"

/* Of a class: the samples still to come, and those still wanted. */
typedef struct class_draw {
    clt_random random;
    size_t left, wanted;
} class_draw;

/* Marks the samples of the part. Each class draws from a stream of its own, so that other classes
 * do not change which of its samples are taken: of the samples still to come, as many as are still
 * wanted (Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 S). */
static void mark_part(const int32_t *labels, size_t count, class_draw *classes, bool *marks)
{
    for (size_t k = 0; k < count; k++) {
        class_draw *c = &classes[labels[k]];
        if (c->wanted > 0) {
            marks[k] = clt_random_below(&c->random, (uint32_t)c->left) < c->wanted;
            c->wanted -= marks[k];
            c->left--;
        }
    }
}

clt_status clt_split_draw(const int32_t *labels, size_t count, int32_t class_count, double fraction,
                          uint64_t seed, uint32_t *order, size_t *rest, clt_error *error)
{
    clt_status status = CLT_FAILED;
    bool *marks = NULL;
    class_draw *classes = NULL;
    size_t part = 0, stays = 0;
    if (!(fraction > 0.0 && fraction < 1.0)) {
        return clt_fail(error, CLT_USAGE, 0, "a split of %g: above 0 and below 1", fraction);
    }
    if (count > UINT32_MAX) {
        return clt_fail(error, CLT_USAGE, 0, "%zu samples are too many to split", count);
    }
    marks = clt_alloc(count, sizeof *marks, "a split", error);
    classes = clt_alloc((size_t)class_count, sizeof *classes, "a split", error);
    if (marks == NULL || classes == NULL) {
        goto done;
    }
    for (size_t k = 0; k < count; k++) {
        classes[labels[k]].left++;
    }
    for (int32_t c = 0; c < class_count; c++) {
        classes[c].random = clt_random_stream(seed, CLT_RANDOM_SPLIT, (uint32_t)c);
        classes[c].wanted = (size_t)round(fraction * (double)classes[c].left);
        part += classes[c].wanted;
    }
    if (part == 0 || part == count) {
        status = clt_fail(error, CLT_USAGE, 0,
                          "a split of %g leaves one side of %zu samples empty; choose another",
                          fraction, count);
        goto done;
    }
    mark_part(labels, count, classes, marks);
    *rest = count - part;
    part = *rest;
    for (size_t k = 0; k < count; k++) {
        order[marks[k] ? part++ : stays++] = (uint32_t)k;
    }
    status = CLT_OK;
done:
    free(marks);
    free(classes);
    return status;
}

/* Samples order[0 .. count - 1] of a data set, as a new one. */
static clt_status select_samples(const clt_dataset *from, const uint32_t *order, size_t count,
                                 clt_dataset **selected, clt_error *error)
{
    size_t used = 0;
    for (size_t k = 0; k < count; k++) {
        used += from->offsets[order[k] + 1] - from->offsets[order[k]];
    }
    clt_status status = clt_dataset_create(count, used, selected, error);
    if (status != CLT_OK) {
        return status;
    }
    clt_dataset *made = *selected;
    made->class_count = from->class_count;
    made->num_words = from->num_words;
    made->synthetic = from->synthetic;
    for (size_t k = 0; k < count; k++) {
        size_t begin = from->offsets[order[k]], length = from->offsets[order[k] + 1] - begin;
        if (length > 0) {
            memcpy(made->ids + made->offsets[k], from->ids + begin, length * sizeof *made->ids);
        }
        made->offsets[k + 1] = made->offsets[k] + length;
        made->labels[k] = from->labels[order[k]];
    }
    return CLT_OK;
}

clt_status clt_dataset_split(const clt_dataset *dataset, double fraction, uint64_t seed,
                             clt_dataset **rest, clt_dataset **part, clt_error *error)
{
    clt_status status = CLT_FAILED;
    uint32_t *order = NULL;
    size_t stays;
    *rest = *part = NULL;
    if (dataset->labels == NULL) {
        return clt_fail(error, CLT_USAGE, 0, "samples without labels cannot be split by class");
    }
    order = clt_alloc(dataset->count, sizeof *order, "a split", error);
    if (order == NULL) {
        goto done;
    }
    CLT_TRY(clt_split_draw(dataset->labels, dataset->count, dataset->class_count, fraction, seed,
                           order, &stays, error));
    CLT_TRY(select_samples(dataset, order, stays, rest, error));
    CLT_TRY(select_samples(dataset, order + stays, dataset->count - stays, part, error));
done:
    if (status != CLT_OK) {
        clt_dataset_free(*rest);
        *rest = NULL;
    }
    free(order);
    return status;
}

clt_status clt_corpus_split(const clt_corpus *corpus, double fraction, uint64_t seed,
                            clt_corpus **rest, clt_corpus **part, clt_error *error)
{
    clt_status status = CLT_FAILED;
    uint32_t *order = NULL;
    size_t stays;
    *rest = *part = NULL;
    if (corpus->labels == NULL) {
        return clt_fail(error, CLT_USAGE, 0, "texts without labels cannot be split by class");
    }
    order = clt_alloc(corpus->count, sizeof *order, "a split", error);
    if (order == NULL) {
        goto done;
    }
    CLT_TRY(clt_split_draw(corpus->labels, corpus->count, corpus->class_count, fraction, seed,
                           order, &stays, error));
    CLT_TRY(clt_corpus_select(corpus, order, stays, rest, error));
    CLT_TRY(clt_corpus_select(corpus, order + stays, corpus->count - stays, part, error));
done:
    if (status != CLT_OK) {
        clt_corpus_free(*rest);
        *rest = NULL;
    }
    free(order);
    return status;
}
