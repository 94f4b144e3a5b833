/* Vocabularies made from texts, and the ids of the texts: against Keras's Tokenizer
 * (fixtures/make_tokens.py), at the limits, and with many words. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "data/vocabulary.h"
#include "util/memory.h"
#include "util/random.h"

static const clt_reading everything = {0, 0, -1, -1, 0, 1, CLT_PRE, CLT_PRE};

typedef struct texts {
    clt_corpus corpus;
    char text[65536];
    size_t offsets[512];
} texts;

static void add_text(texts *t, const char *text, size_t bytes)
{
    size_t used = t->offsets[t->corpus.count];
    assert_true(bytes <= sizeof t->text - used);
    assert_true(t->corpus.count + 1 < sizeof t->offsets / sizeof *t->offsets);
    memcpy(t->text + used, text, bytes);
    t->offsets[++t->corpus.count] = used + bytes;
    t->corpus.text = t->text;
    t->corpus.offsets = t->offsets;
}

/* A text each, up to NULL. */
static texts *make_texts(const char *const *list)
{
    texts *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->corpus.text = t->text;
    t->corpus.offsets = t->offsets;
    for (; *list != NULL; list++) {
        add_text(t, *list, strlen(*list));
    }
    return t;
}

static void test_keras(void **state)
{
    (void)state;
    clt_error error;
    json_error_t reason;
    clt_vocabulary *v;
    clt_dataset *ids;
    texts *t = calloc(1, sizeof *t);
    json_t *fixture = json_load_file(CLT_SOURCE_DIR "/tests/unit/fixtures/tokens.json", 0, &reason);
    assert_true(t != NULL && fixture != NULL);
    const json_t *list = json_object_get(fixture, "texts"),
                 *all = json_object_get(fixture, "words");
    const json_t *ranked = json_object_get(fixture, "ranked");
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *text = json_array_get(list, k);
        add_text(t, json_string_value(text), json_string_length(text));
    }
    assert_ok(clt_vocabulary_build(&t->corpus, &everything, 1, &v, &error));
    assert_int_equal(clt_vocabulary_size(v), json_array_size(ranked));
    for (int32_t rank = 1; rank <= clt_vocabulary_size(v); rank++) {
        const json_t *pair = json_array_get(ranked, (size_t)rank - 1);
        assert_string_equal(clt_vocabulary_word(v, &everything, rank),
                            json_string_value(json_array_get(pair, 0)));
        assert_int_equal(clt_vocabulary_count_of(v, rank),
                         json_integer_value(json_array_get(pair, 1)));
    }
    assert_ok(clt_corpus_encode(&t->corpus, v, &everything, &ids, &error));
    assert_int_equal(ids->count, json_array_size(all));
    for (size_t k = 0; k < ids->count; k++) {
        const json_t *words = json_array_get(all, k);
        size_t begin = ids->offsets[k];
        assert_int_equal(ids->offsets[k + 1] - begin, json_array_size(words));
        for (size_t w = 0; w < json_array_size(words); w++) {
            assert_string_equal(clt_vocabulary_word(v, &everything, ids->ids[begin + w]),
                                json_string_value(json_array_get(words, w)));
        }
    }
    clt_dataset_free(ids);
    clt_vocabulary_free(v);
    json_decref(fixture);
    free(t);
}

/* The words of a vocabulary and their counts, "b3 a1 ". */
static void assert_words(const clt_vocabulary *v, const char *want)
{
    char got[256] = "";
    for (int32_t rank = 1; rank <= clt_vocabulary_size(v); rank++) {
        size_t used = strlen(got);
        snprintf(got + used, sizeof got - used, "%s%d ", clt_vocabulary_word(v, &everything, rank),
                 (int)clt_vocabulary_count_of(v, rank));
    }
    assert_string_equal(got, want);
}

static void test_limits(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    static const char *const list[] = {"d a b", "", "C b c", "a. c e", NULL};
    texts *t = make_texts(list);
    static const struct {
        int32_t num_words, index_from;
        int64_t min_count;
        const char *want;
    } cases[] = {
        {0, 3, 1, "c3 a2 b2 d1 e1 "},
        {0, 3, 0, "c3 a2 b2 d1 e1 "},
        {0, 3, 2, "c3 a2 b2 "},
        {0, 3, 4, ""},
        {9, 3, 1, "c3 a2 b2 d1 e1 "},
        {8, 3, 1, "c3 a2 b2 d1 "}, /* ids 4 .. 7 */
        {6, 3, 1, "c3 a2 "},
        {6, 3, 3, "c3 "},
        {5, 3, 1, "c3 "},
        {4, 3, 1, ""},
        {3, 3, 1, ""},
        {6, 0, 1, "c3 a2 b2 d1 e1 "},
        {5, 0, 1, "c3 a2 b2 d1 "},
        {9, INT32_MAX, 1, ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_reading reading = CLT_READING_DEFAULT;
        reading.num_words = cases[k].num_words;
        reading.index_from = cases[k].index_from;
        assert_ok(clt_vocabulary_build(&t->corpus, &reading, cases[k].min_count, &v, &error));
        assert_words(v, cases[k].want);
        clt_vocabulary_free(v);
    }
    assert_ok(clt_vocabulary_build(&t->corpus, NULL, 1, &v, &error));
    assert_words(v, "c3 a2 b2 d1 e1 ");
    assert_int_equal(clt_vocabulary_count_of(v, 0), 0);
    assert_int_equal(clt_vocabulary_count_of(v, -1), 0);
    assert_int_equal(clt_vocabulary_count_of(v, 6), 0);
    clt_vocabulary *copy;
    assert_ok(clt_vocabulary_copy_below(v, 3, &copy, &error));
    assert_words(copy, "c3 a2 ");
    clt_vocabulary_free(copy);
    clt_vocabulary_free(v);
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 2;
    assert_fails(clt_vocabulary_build(&t->corpus, &reading, 1, &v, &error), CLT_USAGE,
                 "num_words is 2");
    free(t);
}

static void assert_ids(const clt_dataset *dataset, size_t k, const int32_t *want, size_t count)
{
    assert_int_equal(dataset->offsets[k + 1] - dataset->offsets[k], count);
    assert_memory_equal(dataset->ids + dataset->offsets[k], want, count * sizeof *want);
}

static void test_encode(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    clt_dataset *ids;
    clt_reading reading = CLT_READING_DEFAULT;
    static const char *const list[] = {"d a b", "", "C b c", "a. c e", NULL};
    int32_t labels[] = {1, 0, 300, 1};
    texts *t = make_texts(list);
    assert_ok(clt_vocabulary_build(&t->corpus, NULL, 2, &v, &error)); /* c, a, b */
    t->corpus.labels = labels;
    t->corpus.class_count = 301;
    assert_ok(clt_corpus_encode(&t->corpus, v, NULL, &ids, &error));
    assert_int_equal(ids->count, 4);
    assert_int_equal(ids->num_words, 7); /* three words and 0 .. 3 */
    assert_int_equal(ids->class_count, 301);
    assert_false(ids->synthetic);
    assert_ids(ids, 0, (const int32_t[]){1, 2, 5, 6}, 4);
    assert_ids(ids, 1, (const int32_t[]){1}, 1);
    assert_ids(ids, 2, (const int32_t[]){1, 4, 6, 4}, 4);
    assert_ids(ids, 3, (const int32_t[]){1, 5, 4, 2}, 4);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(ids->labels[k], labels[k]);
    }
    clt_dataset_free(ids);
    reading.num_words = 6; /* no id for b */
    assert_ok(clt_corpus_encode(&t->corpus, v, &reading, &ids, &error));
    assert_int_equal(ids->num_words, 6);
    assert_ids(ids, 0, (const int32_t[]){1, 2, 5, 2}, 4);
    clt_dataset_free(ids);
    reading = (clt_reading){0, 0, -1, 20, 0, 1, CLT_PRE, CLT_PRE};
    assert_ok(clt_corpus_encode(&t->corpus, v, &reading, &ids, &error));
    assert_int_equal(ids->num_words, 21); /* for oov_char */
    assert_ids(ids, 0, (const int32_t[]){20, 2, 3}, 3);
    assert_int_equal(ids->offsets[2], 3);
    clt_dataset_free(ids);
    t->corpus.labels = NULL;
    assert_ok(clt_corpus_encode(&t->corpus, v, NULL, &ids, &error));
    assert_null(ids->labels);
    clt_dataset_free(ids);
    t->corpus.count = 0;
    assert_ok(clt_corpus_encode(&t->corpus, v, NULL, &ids, &error));
    assert_int_equal(ids->count, 0);
    clt_dataset_free(ids);
    reading.index_from = INT32_MAX;
    assert_fails(clt_corpus_encode(&t->corpus, v, &reading, &ids, &error), CLT_USAGE,
                 "index_from 2147483647");
    clt_vocabulary_free(v);
    assert_ok(clt_vocabulary_build(&t->corpus, NULL, 1, &v, &error));
    assert_int_equal(clt_vocabulary_size(v), 0);
    clt_vocabulary_free(v);
    free(t);
}

/* The table grows many times; word w occurs often where w is small. */
static void test_many_words(void **state)
{
    (void)state;
    enum { WORDS = 100000, DRAWS = 400000 };
    clt_error error;
    clt_vocabulary *v;
    int64_t *counts = calloc(WORDS, sizeof *counts);
    int32_t *first = calloc(WORDS, sizeof *first);
    char *text = malloc(DRAWS * 8);
    assert_true(counts != NULL && first != NULL && text != NULL);
    clt_random random = clt_random_stream(7, CLT_RANDOM_DEMO, 0);
    size_t used = 0;
    int32_t different = 0;
    for (int32_t k = 0; k < DRAWS; k++) {
        uint32_t w = clt_random_below(&random, 1 + clt_random_below(&random, WORDS));
        if (counts[w]++ == 0) {
            first[w] = k;
            different++;
        }
        used += (size_t)sprintf(text + used, "w%x ", (unsigned)w);
    }
    size_t offsets[] = {0, used / 2 / 8 * 8, used};
    while (text[offsets[1]] != ' ') {
        offsets[1]++;
    }
    const clt_corpus corpus = {.count = 2, .text = text, .offsets = offsets};
    assert_ok(clt_vocabulary_build(&corpus, &everything, 1, &v, &error));
    assert_int_equal(clt_vocabulary_size(v), different);
    unsigned before = 0;
    for (int32_t rank = 1; rank <= different; rank++) {
        const char *word = clt_vocabulary_word(v, &everything, rank);
        unsigned w = (unsigned)strtoul(word + 1, NULL, 16);
        assert_int_equal(clt_vocabulary_count_of(v, rank), counts[w]);
        assert_int_equal(clt_vocabulary_rank(v, word, strlen(word)), rank);
        if (rank > 1) {
            assert_true(counts[before] > counts[w] ||
                        (counts[before] == counts[w] && first[before] < first[w]));
        }
        before = w;
    }
    clt_vocabulary_free(v);
    free(counts);
    free(first);
    free(text);
}

/* Each allocation fails in turn; the sanitizers see what is left behind. */
static void test_no_memory(void **state)
{
    (void)state;
    clt_error error;
    static const char *const list[] = {"a b c d e f g h i j k l m n o p q r", "b", NULL};
    texts *t = make_texts(list);
    clt_status status = CLT_FAILED;
    unsigned long n = 0;
    while (status != CLT_OK) {
        clt_vocabulary *v = NULL;
        clt_dataset *ids = NULL;
        clt_memory_fail_at(++n, false);
        status = clt_vocabulary_build(&t->corpus, NULL, 1, &v, &error);
        if (status == CLT_OK) {
            status = clt_corpus_encode(&t->corpus, v, NULL, &ids, &error);
        }
        assert_true(status == CLT_OK || status == CLT_FAILED);
        clt_dataset_free(ids);
        clt_vocabulary_free(v);
        clt_memory_fail_at(0, false);
    }
    assert_true(n > 15);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_encode),    cmocka_unit_test(test_many_words),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
