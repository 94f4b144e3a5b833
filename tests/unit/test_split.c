/* Sets samples aside: as many of each class as asked for, in order, drawn from the seed alone. */
#include "support/test.h"

#include <string.h>

#include "cltrain/corpus.h"
#include "cltrain/dataset.h"
#include "data/split.h"

enum { COUNT = 1000, CLASSES = 3 };

/* Class 0: 600, class 1: 300, class 2: 100, mixed. */
static void fill(int32_t *labels)
{
    for (int32_t k = 0; k < COUNT; k++) {
        labels[k] = k * 7 % 10 < 6 ? 0 : k * 7 % 10 < 9 ? 1 : 2;
    }
}

static void parts_are_like_the_whole(void **state)
{
    int32_t labels[COUNT], counts[CLASSES] = {0};
    uint32_t order[COUNT];
    bool seen[COUNT] = {false};
    size_t rest;
    clt_error error;
    (void)state;
    fill(labels);
    assert_ok(clt_split_draw(labels, COUNT, CLASSES, 0.2, 5, order, &rest, &error));
    assert_int_equal(rest, 800);
    for (size_t k = 0; k < COUNT; k++) {
        assert_false(seen[order[k]]);
        seen[order[k]] = true;
        assert_true(k == 0 || k == rest || order[k] > order[k - 1]);
        counts[labels[order[k]]] += k >= rest;
    }
    assert_int_equal(counts[0], 120);
    assert_int_equal(counts[1], 60);
    assert_int_equal(counts[2], 20);
}

/* Every sample has the same chance: of 400 draws of a fifth, each is in 80, give or take 5 standard
 * deviations of 8. */
static void draws_are_fair(void **state)
{
    int32_t labels[COUNT], drawn[COUNT] = {0};
    uint32_t order[COUNT], again[COUNT];
    size_t rest;
    clt_error error;
    (void)state;
    fill(labels);
    for (uint64_t seed = 0; seed < 400; seed++) {
        assert_ok(clt_split_draw(labels, COUNT, CLASSES, 0.2, seed, order, &rest, &error));
        for (size_t k = rest; k < COUNT; k++) {
            drawn[order[k]]++;
        }
    }
    for (size_t k = 0; k < COUNT; k++) {
        assert_in_range(drawn[k], 40, 120);
    }
    assert_ok(clt_split_draw(labels, COUNT, CLASSES, 0.2, 399, again, &rest, &error));
    assert_memory_equal(order, again, sizeof order);
    assert_ok(clt_split_draw(labels, COUNT, CLASSES, 0.2, 398, again, &rest, &error));
    assert_memory_not_equal(order, again, sizeof order);
}

static void empty_sides_are_refused(void **state)
{
    static const int32_t labels[] = {0, 1, 0, 1};
    static const double wrong[] = {0.0, 1.0, -0.1, 1.5};
    uint32_t order[4];
    size_t rest;
    clt_error error;
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        assert_fails(clt_split_draw(labels, 4, 2, wrong[k], 1, order, &rest, &error), CLT_USAGE,
                     "above 0 and below 1");
    }
    assert_fails(clt_split_draw(labels, 4, 2, 0.1, 1, order, &rest, &error), CLT_USAGE,
                 "one side of 4 samples empty");
    assert_fails(clt_split_draw(labels, 4, 2, 0.9, 1, order, &rest, &error), CLT_USAGE,
                 "one side of 4 samples empty");
}

static void corpora_keep_their_texts(void **state)
{
    char text[] = "abcdef";
    char *classes[] = {"n", "p"};
    size_t offsets[] = {0, 1, 2, 3, 4, 5, 6}, lines[] = {2, 3, 4, 5, 6, 7};
    int32_t labels[] = {0, 1, 0, 1, 0, 1};
    clt_corpus corpus = {.count = 6,
                         .text = text,
                         .offsets = offsets,
                         .labels = labels,
                         .lines = lines,
                         .classes = classes,
                         .class_count = 2};
    clt_corpus *rest, *part;
    clt_error error;
    (void)state;
    assert_ok(clt_corpus_split(&corpus, 0.34, 1, &rest, &part, &error));
    assert_int_equal(rest->count, 4);
    assert_int_equal(part->count, 2);
    assert_int_equal(part->labels[0] + part->labels[1], 1);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(part->text[part->offsets[k]], text[part->lines[k] - 2]);
        assert_int_equal(part->labels[k], labels[part->lines[k] - 2]);
    }
    assert_string_equal(part->classes[1], "p");
    clt_corpus_free(rest);
    clt_corpus_free(part);
    corpus.labels = NULL;
    assert_fails(clt_corpus_split(&corpus, 0.34, 1, &rest, &part, &error), CLT_USAGE,
                 "without labels");
    assert_null(rest);
    assert_null(part);
}

static void data_sets_keep_their_ids(void **state)
{
    size_t offsets[] = {0, 2, 2, 3, 5};
    int32_t ids[] = {10, 11, 20, 30, 31}, labels[] = {0, 0, 1, 1};
    const clt_dataset dataset = {.count = 4,
                                 .offsets = offsets,
                                 .ids = ids,
                                 .labels = labels,
                                 .class_count = 2,
                                 .num_words = 32,
                                 .synthetic = true};
    clt_dataset *rest, *part;
    clt_error error;
    (void)state;
    assert_ok(clt_dataset_split(&dataset, 0.5, 3, &rest, &part, &error));
    assert_int_equal(rest->count, 2);
    assert_int_equal(part->count, 2);
    assert_int_equal(rest->offsets[2] + part->offsets[2], 5);
    assert_int_equal(part->num_words, 32);
    assert_int_equal(part->class_count, 2);
    assert_true(part->synthetic);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(part->labels[k], k);
        for (size_t j = part->offsets[k]; j < part->offsets[k + 1]; j++) {
            assert_int_equal(part->ids[j] >= 20, k);
        }
    }
    clt_dataset_free(rest);
    clt_dataset_free(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_like_the_whole), cmocka_unit_test(draws_are_fair),
        cmocka_unit_test(empty_sides_are_refused),  cmocka_unit_test(corpora_keep_their_texts),
        cmocka_unit_test(data_sets_keep_their_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
