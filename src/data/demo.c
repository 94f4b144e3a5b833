/* demo.c: the demonstration reviews as a data set. Words are ranked by how often they occur in the
 * training reviews, as in Keras's word index, so that ids mean what they mean there. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/demo_grammar.h"
#include "data/vocabulary.h"
#include "util/memory.h"

/* A million reviews are 2 GB. */
#define COUNT_MAX ((size_t)1000000)

/* The place of start_char while the ids are still numbers of words. */
#define START (-1)

typedef struct word_rank {
    uint32_t count; /* occurrences in the training reviews */
    int32_t word;
} word_rank;

/* Review k of a data set has label k % 2 and is number 2k (train) or 2k + 1 (test) of the seed, so
 * that a larger demonstration begins with the smaller one's reviews. */
static clt_status write_reviews(const clt_demo_grammar *grammar, size_t count, uint64_t seed,
                                uint32_t parity, clt_dataset **dataset, clt_error *error)
{
    clt_status status = CLT_OK;
    clt_dataset *made = NULL;
    size_t used = 0, room = 0;
    CLT_TRY(clt_dataset_create(count, 0, &made, error));
    made->synthetic = true;
    made->class_count = 2;
    for (size_t k = 0; k < count; k++) {
        if (room - used < CLT_DEMO_REVIEW_MAX + 1) {
            void *ids = made->ids;
            room += room / 4 + 64 * CLT_DEMO_REVIEW_MAX;
            CLT_TRY(clt_resize(&ids, room, sizeof *made->ids, "the demonstration reviews", error));
            made->ids = ids;
        }
        made->labels[k] = k % 2;
        made->ids[used++] = START;
        used += clt_demo_grammar_review(grammar, seed, (uint32_t)(2 * k) + parity,
                                        made->labels[k] == 1, made->ids + used);
        made->offsets[k + 1] = used;
    }
    *dataset = made;
    made = NULL;
done:
    clt_dataset_free(made);
    return status;
}

static int by_count(const void *left, const void *right)
{
    const word_rank *a = left, *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return a->word < b->word ? -1 : 1;
}

/* Words by rank, ranked[0] the most frequent. Words that never occur come last, in the grammar's
 * order, which is their order in reviews not yet written. */
static word_rank *rank_words(const clt_dataset *train, int32_t word_count, clt_error *error)
{
    word_rank *ranked = clt_alloc((size_t)word_count, sizeof *ranked, "word ranks", error);
    if (ranked == NULL) {
        return NULL;
    }
    for (int32_t w = 0; w < word_count; w++) {
        ranked[w].word = w;
    }
    for (size_t i = 0; i < train->offsets[train->count]; i++) {
        if (train->ids[i] != START) {
            ranked[train->ids[i]].count++;
        }
    }
    qsort(ranked, (size_t)word_count, sizeof *ranked, by_count);
    return ranked;
}

/* Turns numbers of words into ids, in place: a sample never grows. id_of[word] is rank +
 * index_from. Gives back the memory that is left over. */
static clt_status read_ids(clt_dataset *dataset, const clt_reading *reading, int32_t num_words,
                           const int32_t *id_of, clt_error *error)
{
    size_t used = 0, next = 0;
    for (size_t k = 0; k < dataset->count; k++) {
        for (; next < dataset->offsets[k + 1]; next++) {
            int32_t word = dataset->ids[next];
            if (word == START && reading->start_char < 0) {
                continue;
            }
            int32_t id = clt_reading_keep(reading, num_words,
                                          word == START ? reading->start_char : id_of[word]);
            if (id >= 0) {
                dataset->ids[used++] = id;
            }
        }
        dataset->offsets[k + 1] = used;
    }
    dataset->num_words = clt_reading_bound(reading, num_words);
    void *ids = dataset->ids;
    clt_status status = clt_resize(&ids, used, sizeof *dataset->ids, "token ids", error);
    dataset->ids = ids;
    return status;
}

static clt_status make_vocabulary(const clt_demo_grammar *grammar, const word_rank *ranked,
                                  clt_vocabulary **vocabulary, clt_error *error)
{
    size_t bytes = 0, at = 0;
    for (int32_t r = 0; r < grammar->word_count; r++) {
        bytes += strlen(grammar->text + grammar->starts[r]) + 1;
    }
    char *text = clt_alloc(bytes, 1, "the words of the demonstration", error);
    if (text == NULL) {
        return CLT_FAILED;
    }
    for (int32_t r = 0; r < grammar->word_count; r++) {
        const char *word = grammar->text + grammar->starts[ranked[r].word];
        size_t length = strlen(word) + 1;
        memcpy(text + at, word, length);
        at += length;
    }
    clt_status status = clt_vocabulary_create(text, bytes, grammar->word_count, vocabulary, error);
    for (int32_t r = 0; status == CLT_OK && r < grammar->word_count; r++) {
        (*vocabulary)->words[r + 1].count = ranked[r].count;
    }
    free(text);
    return status;
}

clt_status clt_dataset_open_demo(size_t count, const clt_reading *reading, uint64_t seed,
                                 clt_dataset **train, clt_dataset **test,
                                 clt_vocabulary **vocabulary, clt_error *error)
{
    static const clt_reading defaults = CLT_READING_DEFAULT;
    clt_status status = CLT_OK;
    clt_demo_grammar grammar = {0};
    clt_dataset *sets[2] = {NULL, NULL};
    clt_vocabulary *words = NULL;
    word_rank *ranked = NULL;
    int32_t *id_of = NULL, num_words = 0;
    reading = reading != NULL ? reading : &defaults;
    if (count < 1 || count > COUNT_MAX) {
        return clt_fail(error, CLT_USAGE, 0, "%zu demonstration reviews: give 1 to %zu", count,
                        COUNT_MAX);
    }
    CLT_TRY(clt_reading_check(reading, error));
    CLT_TRY(clt_demo_grammar_create(&grammar, error));
    CLT_TRY(clt_reading_all(reading, grammar.word_count, &num_words, error));
    num_words = reading->num_words > 0 ? reading->num_words : num_words;
    CLT_TRY(write_reviews(&grammar, count, seed, 0, &sets[0], error)); /* ranks need them always */
    if (test != NULL) {
        CLT_TRY(write_reviews(&grammar, count, seed, 1, &sets[1], error));
    }
    ranked = rank_words(sets[0], grammar.word_count, error);
    id_of = clt_alloc((size_t)grammar.word_count, sizeof *id_of, "word ids", error);
    if (ranked == NULL || id_of == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    for (int32_t r = 0; r < grammar.word_count; r++) {
        id_of[ranked[r].word] = r + 1 + reading->index_from;
    }
    for (int k = 0; k < 2; k++) {
        if (sets[k] != NULL) {
            CLT_TRY(read_ids(sets[k], reading, num_words, id_of, error));
        }
    }
    if (vocabulary != NULL) {
        CLT_TRY(make_vocabulary(&grammar, ranked, &words, error));
        *vocabulary = words;
    }
    if (train != NULL) {
        *train = sets[0];
        sets[0] = NULL;
    }
    if (test != NULL) {
        *test = sets[1];
        sets[1] = NULL;
    }
done:
    clt_dataset_free(sets[0]);
    clt_dataset_free(sets[1]);
    clt_demo_grammar_destroy(&grammar);
    free(ranked);
    free(id_of);
    return status;
}
