/* vocabulary_build.c: a vocabulary of the words of a corpus, ranked by how often they occur. */
#include <stdlib.h>

#include "data/dataset.h"
#include "data/vocabulary.h"
#include "data/words.h"
#include "util/memory.h"

/* Every word of the corpus in order of first appearance, counted. */
static clt_status count_words(const clt_corpus *corpus, clt_vocabulary *seen, clt_error *error)
{
    clt_status status = CLT_OK;
    clt_words words = {0};
    for (size_t k = 0; k < corpus->count; k++) {
        size_t begin = corpus->offsets[k], length;
        CLT_TRY(
            clt_words_begin(&words, corpus->text + begin, corpus->offsets[k + 1] - begin, error));
        while (clt_words_next(&words, &length)) {
            int32_t rank;
            CLT_TRY(clt_vocabulary_add(seen, words.word, length, &rank, error));
            seen->words[rank].count++;
        }
    }
done:
    clt_words_end(&words);
    return status;
}

typedef struct counted {
    int64_t count;
    int32_t rank; /* of first appearance */
} counted;

static int by_count(const void *left, const void *right)
{
    const counted *a = left, *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return a->rank < b->rank ? -1 : 1;
}

/* The `most` most frequent words of `seen` that occur often enough, added to `ranked`. */
static clt_status rank_words(const clt_vocabulary *seen, int64_t most, int64_t min_count,
                             clt_vocabulary *ranked, clt_error *error)
{
    clt_status status = CLT_OK;
    size_t kept = 0;
    counted *order = clt_alloc((size_t)seen->count, sizeof *order, "word counts", error);
    if (order == NULL) {
        return CLT_FAILED;
    }
    for (int32_t rank = 1; rank <= seen->count; rank++) {
        if (seen->words[rank].count >= min_count) {
            order[kept++] = (counted){seen->words[rank].count, rank};
        }
    }
    qsort(order, kept, sizeof *order, by_count);
    for (size_t k = 0; k < kept && (int64_t)k < most; k++) {
        const clt_word *word = &seen->words[order[k].rank];
        int32_t rank;
        CLT_TRY(clt_vocabulary_add(ranked, seen->text + word->start,
                                   word[1].start - word->start - 1, &rank, error));
        ranked->words[rank].count = word->count;
    }
done:
    free(order);
    return status;
}

clt_status clt_vocabulary_build(const clt_corpus *corpus, const clt_reading *reading,
                                int64_t min_count, clt_vocabulary **vocabulary, clt_error *error)
{
    static const clt_reading defaults = CLT_READING_DEFAULT;
    clt_vocabulary *seen = NULL, *ranked = NULL;
    clt_status status = CLT_OK;
    reading = reading != NULL ? reading : &defaults;
    CLT_TRY(clt_reading_check(reading, error));
    int64_t most =
        reading->num_words > 0 ? (int64_t)reading->num_words - reading->index_from - 1 : INT32_MAX;
    CLT_TRY(clt_vocabulary_create_empty(&seen, error));
    CLT_TRY(clt_vocabulary_create_empty(&ranked, error));
    CLT_TRY(count_words(corpus, seen, error));
    CLT_TRY(rank_words(seen, most, min_count, ranked, error));
    *vocabulary = ranked;
    ranked = NULL;
done:
    clt_vocabulary_free(seen);
    clt_vocabulary_free(ranked);
    return status;
}
