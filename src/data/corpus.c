/* corpus.c: memory and order of a corpus. */
#include "data/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/random_state.h"
#include "util/memory.h"

static void free_classes(clt_corpus *corpus)
{
    for (int32_t k = 0; corpus->classes != NULL && k < corpus->class_count; k++) {
        free(corpus->classes[k]);
    }
    free(corpus->classes);
}

void clt_corpus_free(clt_corpus *corpus)
{
    if (corpus == NULL) {
        return;
    }
    free_classes(corpus);
    free(corpus->text);
    free(corpus->offsets);
    free(corpus->labels);
    free(corpus->lines);
    free(corpus);
}

static clt_status copy_classes(const char *const *classes, int32_t count, clt_corpus *made,
                               clt_error *error)
{
    made->classes = clt_alloc((size_t)count, sizeof *made->classes, "names of classes", error);
    if (made->classes == NULL) {
        return CLT_FAILED;
    }
    made->class_count = count;
    for (int32_t k = 0; k < count; k++) {
        made->classes[k] = clt_strdup(classes[k], error);
        if (made->classes[k] == NULL) {
            return CLT_FAILED;
        }
    }
    return CLT_OK;
}

static clt_status alloc_samples(const clt_corpus *like, size_t count, size_t bytes,
                                clt_corpus *made, clt_error *error)
{
    made->offsets = clt_alloc(count + 1, sizeof *made->offsets, "offsets of texts", error);
    made->text = clt_alloc(bytes, 1, "texts", error);
    if (made->offsets == NULL || made->text == NULL) {
        return CLT_FAILED;
    }
    if (like->labels != NULL) {
        made->labels = clt_alloc(count, sizeof *made->labels, "labels", error);
        if (made->labels == NULL) {
            return CLT_FAILED;
        }
    }
    if (like->lines != NULL) {
        made->lines = clt_alloc(count, sizeof *made->lines, "line numbers", error);
        if (made->lines == NULL) {
            return CLT_FAILED;
        }
    }
    return CLT_OK;
}

clt_status clt_corpus_select(const clt_corpus *corpus, const uint32_t *order, size_t count,
                             clt_corpus **selected, clt_error *error)
{
    size_t bytes = 0;
    clt_status status = CLT_OK;
    clt_corpus *made = clt_alloc(1, sizeof *made, "a corpus", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < count; k++) {
        bytes += corpus->offsets[order[k] + (size_t)1] - corpus->offsets[order[k]];
    }
    CLT_TRY(alloc_samples(corpus, count, bytes, made, error));
    if (corpus->classes != NULL) {
        CLT_TRY(
            copy_classes((const char *const *)corpus->classes, corpus->class_count, made, error));
    }
    for (size_t k = 0; k < count; k++) {
        size_t from = order[k], begin = corpus->offsets[from];
        size_t length = corpus->offsets[from + 1] - begin;
        memcpy(made->text + made->offsets[k], corpus->text + begin, length);
        made->offsets[k + 1] = made->offsets[k] + length;
        if (made->labels != NULL) {
            made->labels[k] = corpus->labels[from];
        }
        if (made->lines != NULL) {
            made->lines[k] = corpus->lines[from];
        }
    }
    made->count = count;
    made->bad_rows = corpus->bad_rows;
    memcpy(made->bad_lines, corpus->bad_lines, sizeof made->bad_lines);
    *selected = made;
    made = NULL;
done:
    clt_corpus_free(made);
    return status;
}

static clt_status shuffled(clt_random_state *random, const clt_corpus *corpus, clt_corpus **made,
                           clt_error *error)
{
    uint32_t *order = clt_alloc(corpus->count, sizeof *order, "an order of samples", error);
    if (order == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < corpus->count; k++) {
        order[k] = (uint32_t)k;
    }
    clt_random_state_shuffle(random, order, corpus->count);
    clt_status status = clt_corpus_select(corpus, order, corpus->count, made, error);
    free(order);
    return status;
}

/* Gives `corpus` what `made` holds, and frees the rest. */
static void replace(clt_corpus *corpus, clt_corpus *made)
{
    clt_corpus before = *corpus;
    *corpus = *made;
    *made = before;
    clt_corpus_free(made);
}

clt_status clt_corpus_shuffle(clt_corpus *train, clt_corpus *test, uint32_t seed, clt_error *error)
{
    clt_random_state random;
    clt_corpus *made_train = NULL, *made_test = NULL;
    clt_status status = CLT_OK;
    clt_random_state_seed(&random, seed);
    CLT_TRY(shuffled(&random, train, &made_train, error));
    if (test != NULL) {
        CLT_TRY(shuffled(&random, test, &made_test, error));
        replace(test, made_test);
    }
    replace(train, made_train);
    return CLT_OK;
done:
    clt_corpus_free(made_train);
    return status;
}

/* The number of each of the corpus's classes among others. */
static clt_status map_classes(const clt_corpus *corpus, const char *const *classes, int32_t count,
                              int32_t *map, clt_error *error)
{
    for (int32_t k = 0; k < corpus->class_count; k++) {
        map[k] = 0;
        while (map[k] < count && strcmp(classes[map[k]], corpus->classes[k]) != 0) {
            map[k]++;
        }
        if (map[k] == count) {
            clt_names names = {0};
            char line[32] = "";
            size_t first = 0;
            while (first < corpus->count && corpus->labels[first] != k) {
                first++;
            }
            if (first == corpus->count) { /* a class without samples, as a part may have it */
                map[k] = 0;
                continue;
            }
            if (corpus->lines != NULL) {
                snprintf(line, sizeof line, "line %zu: ", corpus->lines[first]);
            }
            for (int32_t j = 0; j < count; j++) {
                clt_names_add(&names, classes[j], strlen(classes[j]));
            }
            return clt_fail(error, CLT_INPUT, 0, "%sclass '%.200s' is none of %s", line,
                            corpus->classes[k], names.text);
        }
    }
    return CLT_OK;
}

clt_status clt_corpus_use_classes(clt_corpus *corpus, const char *const *classes, int32_t count,
                                  clt_error *error)
{
    clt_corpus made = {0};
    int32_t *map = NULL;
    clt_status status = CLT_OK;
    if (corpus->labels == NULL) {
        return clt_fail(error, CLT_USAGE, 0, "texts without labels have no classes");
    }
    map = clt_alloc((size_t)corpus->class_count, sizeof *map, "classes", error);
    if (map == NULL) {
        return CLT_FAILED;
    }
    CLT_TRY(map_classes(corpus, classes, count, map, error));
    CLT_TRY(copy_classes(classes, count, &made, error));
    for (size_t k = 0; k < corpus->count; k++) {
        corpus->labels[k] = map[corpus->labels[k]];
    }
    free_classes(corpus);
    corpus->classes = made.classes;
    corpus->class_count = made.class_count;
    made.classes = NULL;
done:
    free_classes(&made);
    free(map);
    return status;
}
