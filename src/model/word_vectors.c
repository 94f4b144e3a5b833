/* word_vectors.c: an embedding that starts from vectors that another tool has trained. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/vectors.h"
#include "data/vocabulary.h"
#include "model/model_private.h"
#include "util/locale.h"
#include "util/memory.h"

/* Writes the vector of each known word to its row of `table`. */
static clt_status fill_rows(const clt_model *model, clt_vectors *vectors, float *table, bool *found,
                            clt_vector_coverage *coverage, clt_error *error)
{
    clt_status status = CLT_OK;
    const clt_vocabulary *words = model->vocabulary;
    size_t width = (size_t)model->layers.parameters[0].shape[1], bytes;
    const char *word;
    for (;;) {
        CLT_TRY(clt_vectors_next(vectors, &word, &bytes, error));
        if (word == NULL) {
            break;
        }
        int32_t rank = clt_vocabulary_rank(words, word, bytes);
        if (rank > 0 && !found[rank]) {
            size_t row = (size_t)rank + (size_t)model->reading.index_from;
            CLT_TRY(clt_vectors_read(vectors, table + row * width, error));
            found[rank] = true;
            coverage->words_found++;
            coverage->tokens_found += words->words[rank].count;
        }
    }
done:
    return status;
}

clt_status clt_model_load_vectors(clt_model *model, const char *path, clt_vector_coverage *coverage,
                                  clt_error *error)
{
    const clt_parameter *embedding = &model->layers.parameters[0];
    const clt_vocabulary *words = model->vocabulary;
    clt_vector_coverage counted = {0};
    clt_vectors *vectors = NULL;
    float *table = NULL;
    bool *found = NULL;
    locale_t before;
    clt_status status = CLT_OK;
    if (words == NULL) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: the model knows no words whose vectors it could take", path);
    }
    for (int32_t rank = 1; rank <= words->count; rank++) {
        counted.words += words->words[rank + 1].start - words->words[rank].start > 1;
        counted.tokens += words->words[rank].count;
    }
    CLT_TRY(clt_vectors_open(path, embedding->shape[1], &vectors, error));
    table = clt_alloc(embedding->count, sizeof *table, "the embedding", error);
    found = clt_alloc((size_t)words->count + 1, sizeof *found, "the embedding", error);
    if (table == NULL || found == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    memcpy(table, model->table, embedding->count * sizeof *table);
    before = clt_locale_begin();
    status = fill_rows(model, vectors, table, found, &counted, error);
    clt_locale_end(before);
    CLT_TRY(status);
    memcpy(model->table, table, embedding->count * sizeof *table);
    if (coverage != NULL) {
        *coverage = counted;
    }
done:
    clt_vectors_close(vectors);
    free(table);
    free(found);
    return status;
}
