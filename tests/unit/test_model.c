/* Models on the host: initial weights, counts, the model file and what it refuses. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cltrain/model.h"
#include "data/safetensors.h"
#include "data/vocabulary.h"
#include "data/words.h"

#define SMALL "embedding:3,lstm:2,dropout:0.5,dense:1"

static const clt_reading small_reading = {10, 0, 1, 2, 3, 6, CLT_PRE, CLT_POST};

static clt_model *create(const char *layers, const clt_reading *reading, uint64_t seed)
{
    clt_model *model = NULL;
    clt_error error;
    assert_ok(clt_model_create(layers, reading, seed, &model, &error));
    return model;
}

static void test_tutorial_counts(void **state)
{
    (void)state;
    clt_model *model = create(CLT_MODEL_DEFAULT, NULL, 1);
    assert_int_equal(clt_model_parameter_count(model), 2605421);
    assert_int_equal(clt_model_layer_count(model), 3);
    static const uint64_t parameters[] = {2560000, 45360, 61};
    static const char *const types[] = {"Embedding", "LSTM", "Dense"};
    for (size_t k = 0; k < 3; k++) {
        clt_layer_info info = clt_model_layer(model, k);
        assert_int_equal(info.parameters, parameters[k]);
        assert_string_equal(info.type, types[k]);
        assert_int_equal(info.rank, k == 0 ? 2 : 1);
    }
    clt_model_free(model);
}

static void assert_uniform(const float *values, size_t count, double limit)
{
    double sum = 0.0, squares = 0.0, largest = 0.0;
    for (size_t k = 0; k < count; k++) {
        sum += values[k];
        squares += (double)values[k] * values[k];
        largest = fmax(largest, fabs((double)values[k]));
    }
    assert_true(largest <= limit * (1 + 1e-6) && largest > 0.99 * limit);
    assert_true(fabs(sum / (double)count) < 0.03 * limit);
    /* the variance of a uniform distribution is limit^2 / 3 */
    assert_true(fabs(squares / (double)count / (limit * limit / 3) - 1) < 0.05);
}

static void test_initial_weights(void **state)
{
    (void)state;
    size_t count;
    clt_model *model = create(CLT_MODEL_DEFAULT, NULL, 1);
    float *values = clt_model_tensor(model, "embedding.embeddings", &count);
    assert_int_equal(count, 2560000);
    assert_uniform(values, count, 0.05);
    values = clt_model_tensor(model, "lstm.kernel", &count);
    assert_int_equal(count, 128 * 240);
    assert_uniform(values, count, sqrt(6.0 / (128 + 240)));
    values = clt_model_tensor(model, "lstm.bias", &count);
    for (size_t k = 0; k < count; k++) {
        assert_true(values[k] == (k >= 60 && k < 120 ? 1.0f : 0.0f));
    }
    values = clt_model_tensor(model, "lstm.recurrent_kernel", &count);
    for (size_t a = 0; a < 60; a++) {
        for (size_t b = 0; b <= a; b++) {
            double product = 0.0;
            for (size_t k = 0; k < 240; k++) {
                product += (double)values[a * 240 + k] * values[b * 240 + k];
            }
            assert_true(fabs(product - (a == b)) < 1e-6);
        }
    }
    assert_null(clt_model_tensor(model, "lstm.other", NULL));
    clt_model *same = create(CLT_MODEL_DEFAULT, NULL, 1),
              *other = create(CLT_MODEL_DEFAULT, NULL, 2);
    assert_memory_equal(clt_model_tensor(same, "lstm.kernel", NULL),
                        clt_model_tensor(model, "lstm.kernel", NULL), 128 * 240 * sizeof(float));
    assert_memory_not_equal(clt_model_tensor(other, "lstm.kernel", NULL),
                            clt_model_tensor(model, "lstm.kernel", NULL),
                            128 * 240 * sizeof(float));
    clt_model_free(model);
    clt_model_free(same);
    clt_model_free(other);
}

static void test_refused_readings(void **state)
{
    (void)state;
    clt_model *model = NULL;
    clt_error error;
    clt_reading reading = small_reading;
    reading.num_words = 2;
    assert_fails(clt_model_create(SMALL, &reading, 1, &model, &error), CLT_USAGE, "num-words 2");
    reading = small_reading;
    reading.maxlen = 0;
    assert_fails(clt_model_create(SMALL, &reading, 1, &model, &error), CLT_USAGE, "maxlen 0");
    reading = small_reading;
    reading.padding = (clt_side)2;
    assert_fails(clt_model_create(SMALL, &reading, 1, &model, &error), CLT_USAGE, "padding is 2");
    reading.padding = CLT_POST;
    reading.truncating = (clt_side)7;
    assert_fails(clt_model_create(SMALL, &reading, 1, &model, &error), CLT_USAGE, "truncating 7");
}

static void name(clt_model *model, const char *words, size_t bytes, int32_t count,
                 const char *const *classes)
{
    clt_error error;
    clt_vocabulary *vocabulary;
    assert_ok(clt_vocabulary_create(words, bytes, count, &vocabulary, &error));
    assert_ok(clt_model_set_vocabulary(model, vocabulary, &error));
    assert_ok(clt_model_set_classes(model, classes, 2, &error));
    clt_vocabulary_free(vocabulary);
}

static char *temporary(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/clt_test_model_%ld.safetensors", (long)getpid());
    return path;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char words[] = "the\0film\0was\0good\0bad\0bright\0rest";
    const char *path = temporary();
    clt_error error;
    clt_model *model = create(SMALL, &small_reading, 5), *again = NULL;
    clt_vocabulary *vocabulary = NULL;
    assert_ok(clt_vocabulary_create(words, sizeof words, 7, &vocabulary, &error));
    for (int32_t rank = 1; rank <= 7; rank++) {
        vocabulary->words[rank].count = INT64_C(3000000000) - rank;
    }
    assert_ok(clt_model_set_vocabulary(model, vocabulary, &error));
    clt_vocabulary_free(vocabulary);
    assert_ok(clt_model_save(model, path, &error));
    assert_ok(clt_model_open(path, &again, &error));
    assert_string_equal(clt_model_layers(again), SMALL);
    assert_memory_equal(clt_model_reading(again), &small_reading, sizeof small_reading);
    /* ids 4 .. 9 fit below num_words = 10: ranks 1 .. 6 */
    assert_string_equal(clt_vocabulary_word(clt_model_vocabulary(again), &small_reading, 9),
                        "bright");
    assert_null(clt_vocabulary_word(clt_model_vocabulary(again), &small_reading, 10));
    for (int32_t rank = 1; rank <= 6; rank++) {
        assert_true(clt_vocabulary_count_of(clt_model_vocabulary(again), rank) ==
                    INT64_C(3000000000) - rank);
    }
    static const char *const names[] = {"embedding.embeddings",  "lstm.kernel",
                                        "lstm.recurrent_kernel", "lstm.bias",
                                        "dense.kernel",          "dense.bias"};
    for (size_t k = 0; k < 6; k++) {
        size_t count = 0, same = 0;
        float *a = clt_model_tensor(model, names[k], &count);
        float *b = clt_model_tensor(again, names[k], &same);
        assert_int_equal(count, same);
        assert_memory_equal(a, b, count * sizeof(float));
    }
    clt_model *other = create(SMALL, &small_reading, 6);
    assert_ok(clt_model_load_weights(other, path, &error));
    assert_memory_equal(clt_model_tensor(other, "lstm.kernel", NULL),
                        clt_model_tensor(model, "lstm.kernel", NULL), 24 * sizeof(float));
    clt_model_free(other);
    other = create("embedding:3,lstm:4,dense:1", &small_reading, 6);
    assert_fails(clt_model_load_weights(other, path, &error), CLT_INPUT, "lstm.kernel");
    clt_model_free(other);
    clt_model_free(again);
    clt_model_free(model);
    unlink(path);
}

/* Weights of other words or classes are not taken, and what one of the models does not know is no
 * contradiction. */
static void test_weights_of_other_words(void **state)
{
    (void)state;
    static const char words[] = "the\0film\0was\0good", more[] = "the\0film\0was\0good\0bad",
                      others[] = "the\0was\0film\0good", later[] = "film\0was\0good";
    static const char *const classes[] = {"ham", "spam"}, *const turned[] = {"spam", "ham"};
    const char *path = temporary();
    clt_error error;
    clt_reading shifted = small_reading;
    clt_model *model = create(SMALL, &small_reading, 5), *other = create(SMALL, &small_reading, 6);
    size_t bytes = 24 * sizeof(float);
    float before[24];
    name(model, words, sizeof words, 4, classes);
    assert_ok(clt_model_save(model, path, &error));
    memcpy(before, clt_model_tensor(other, "lstm.kernel", NULL), bytes);
    name(other, others, sizeof others, 4, classes);
    assert_fails(clt_model_load_weights(other, path, &error), CLT_INPUT,
                 "its id 5 is 'film', the data's is 'was'");
    name(other, words, sizeof words, 4, turned);
    assert_fails(clt_model_load_weights(other, path, &error), CLT_INPUT,
                 "its label 0 is 'ham', the data's is 'spam'");
    assert_memory_equal(clt_model_tensor(other, "lstm.kernel", NULL), before, bytes);
    name(other, more, sizeof more, 5, classes);
    assert_ok(clt_model_load_weights(other, path, &error));
    clt_model_free(other);
    shifted.index_from++;
    other = create(SMALL, &shifted, 6);
    name(other, later, sizeof later, 3, classes); /* film is id 5 in both */
    assert_ok(clt_model_load_weights(other, path, &error));
    name(other, words, sizeof words, 4, classes);
    assert_fails(clt_model_load_weights(other, path, &error), CLT_INPUT, "its id 5 is 'film'");
    clt_model_free(other);
    clt_model_free(model);
    unlink(path);
}

/* Saves SMALL's tensors with one thing changed by `spoil`, and expects the message. */
typedef struct spoiled {
    clt_stored_tensor tensors[8];
    size_t tensor_count;
    clt_metadata metadata[12];
    size_t metadata_count;
} spoiled;

static void expect_refused(void (*spoil)(spoiled *), const char *part)
{
    static float values[64];
    const char *path = temporary();
    clt_error error;
    clt_model *model = NULL;
    spoiled s = {
        .tensors = {{"dense.bias", CLT_F32, 1, {1}, 4, values},
                    {"embedding.embeddings", CLT_F32, 2, {10, 3}, 120, values},
                    {"lstm.kernel", CLT_F32, 2, {3, 8}, 96, values},
                    {"lstm.recurrent_kernel", CLT_F32, 2, {2, 8}, 64, values},
                    {"lstm.bias", CLT_F32, 1, {8}, 32, values},
                    {"dense.kernel", CLT_F32, 2, {2, 1}, 8, values}},
        .tensor_count = 6,
        .metadata = {{"format", "cltrain-1"},
                     {"model", "embedding:3,lstm:2,dense:1"},
                     {"num_words", "10"},
                     {"skip_top", "0"},
                     {"start_char", "1"},
                     {"oov_char", "2"},
                     {"index_from", "3"},
                     {"maxlen", "6"},
                     {"padding", "pre"},
                     {"truncating", "pre"}},
        .metadata_count = 10,
    };
    if (spoil != NULL) {
        spoil(&s);
    }
    assert_ok(clt_safetensors_save(path, s.tensors, s.tensor_count, s.metadata, s.metadata_count,
                                   &error));
    if (part == NULL) {
        assert_ok(clt_model_open(path, &model, &error));
        clt_model_free(model);
    } else {
        assert_fails(clt_model_open(path, &model, &error), CLT_INPUT, part);
        assert_non_null(strstr(error.message, path));
        assert_null(model);
    }
    unlink(path);
}

static float with_nan[30];

static void nan_inside(spoiled *s)
{
    with_nan[17] = NAN;
    s->tensors[1].data = with_nan;
}
static void wrong_shape(spoiled *s)
{
    s->tensors[1].shape[0] = 3, s->tensors[1].shape[1] = 10;
}
static void wrong_dtype(spoiled *s)
{
    s->tensors[0].dtype = CLT_I32;
}
static void missing(spoiled *s)
{
    s->tensor_count--;
}
static void unknown(spoiled *s)
{
    s->tensors[s->tensor_count++] = (clt_stored_tensor){"lstm.extra", CLT_F32, 1, {1}, 4, with_nan};
}
static void bad_model(spoiled *s)
{
    s->metadata[1].value = "embedding:3,gru:2,dense:1";
}
static void huge_model(spoiled *s)
{
    s->metadata[1].value = "embedding:65536,lstm:2048,dense:1";
}
static void bad_format(spoiled *s)
{
    s->metadata[0].value = "pt";
}
static void bad_number(spoiled *s)
{
    s->metadata[2].value = "10x";
}
static void huge_number(spoiled *s)
{
    s->metadata[2].value = "99999999999999999999";
}
static void far_start(spoiled *s)
{
    s->metadata[4].value = "10";
}
static void bad_side(spoiled *s)
{
    s->metadata[8].value = "left";
}
static void bad_words(spoiled *s)
{
    s->tensors[s->tensor_count++] = (clt_stored_tensor){"vocabulary", CLT_U8, 1, {4}, 4, "abcd"};
}

static void add_tensor(spoiled *s, const char *name, clt_dtype dtype, size_t count, size_t bytes,
                       const void *data)
{
    s->tensors[s->tensor_count++] = (clt_stored_tensor){name, dtype, 1, {count}, bytes, data};
}
static void words(spoiled *s)
{
    add_tensor(s, "vocabulary", CLT_U8, 6, 6, "a\0b\0c");
}
static void many_words(spoiled *s)
{
    add_tensor(s, "vocabulary", CLT_U8, 14, 14, "a\0b\0c\0d\0e\0f\0g");
}
static void absent_words(spoiled *s)
{
    static const char zeros[4096];
    add_tensor(s, "vocabulary", CLT_U8, sizeof zeros, sizeof zeros, zeros);
}
static const int64_t three_counts[] = {INT64_MAX - 7, 0, 7};
static void counts(spoiled *s)
{
    words(s);
    add_tensor(s, "vocabulary_counts", CLT_I64, 3, 24, three_counts);
}
static void float_counts(spoiled *s)
{
    words(s);
    add_tensor(s, "vocabulary_counts", CLT_F64, 3, 24, three_counts);
}
static void two_counts(spoiled *s)
{
    words(s);
    add_tensor(s, "vocabulary_counts", CLT_I64, 2, 16, three_counts);
}
static void counts_of_nothing(spoiled *s)
{
    add_tensor(s, "vocabulary_counts", CLT_I64, 3, 24, three_counts);
}
static void negative_count(spoiled *s)
{
    static const int64_t negative[] = {2, 1, -1};
    words(s);
    add_tensor(s, "vocabulary_counts", CLT_I64, 3, 24, negative);
}
static void too_many_counts(spoiled *s)
{
    static const int64_t many[] = {INT64_MAX - 7, 0, 8};
    words(s);
    add_tensor(s, "vocabulary_counts", CLT_I64, 3, 24, many);
}
static void classes(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 8, 8, "neg\0pos");
}
static void one_class(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 4, 4, "neg");
}
static void three_classes(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 6, 6, "a\0b\0c");
}
static void float_classes(spoiled *s)
{
    add_tensor(s, "classes", CLT_F32, 2, 8, "neg\0pos");
}
static void same_classes(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 4, 4, "a\0a");
}
static void empty_class(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 3, 3, "a\0");
}
static void open_class(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 3, 3, "a\0b");
}
static void damaged_class(spoiled *s)
{
    add_tensor(s, "classes", CLT_U8, 4, 4, "a\0\xff");
}
static void rules(spoiled *s)
{
    words(s);
    s->metadata[s->metadata_count++] = (clt_metadata){"tokenizer", CLT_WORDS_RULES};
}
static void rules_before(spoiled *s)
{
    words(s);
    s->metadata[s->metadata_count++] = (clt_metadata){"tokenizer", CLT_WORDS_RULES_BEFORE};
}
static void other_rules(spoiled *s)
{
    words(s);
    s->metadata[s->metadata_count++] = (clt_metadata){"tokenizer", "{}"};
}

static void test_refused_files(void **state)
{
    (void)state;
    expect_refused(NULL, NULL);
    expect_refused(nan_inside, "tensor embedding.embeddings: element 17 is NaN");
    expect_refused(wrong_shape, "embedding.embeddings is not F32 of shape [10, 3]");
    expect_refused(wrong_dtype, "dense.bias is not F32 of shape [1]");
    expect_refused(missing, "dense.kernel is missing");
    expect_refused(unknown, "'lstm.extra' does not belong");
    expect_refused(bad_model, "unknown layer");
    expect_refused(huge_model, "embedding.embeddings is not F32 of shape [10, 65536]");
    expect_refused(bad_format, "metadata format is pt");
    expect_refused(bad_number, "metadata num_words is 10x");
    expect_refused(huge_number, "metadata num_words is 99999999999999999999");
    expect_refused(far_start, "start_char");
    expect_refused(bad_side, "metadata padding is left");
    expect_refused(bad_words, "tensor vocabulary");
    expect_refused(words, NULL);
    expect_refused(many_words, "tensor vocabulary has 7 strings, this model takes at most 6");
    expect_refused(absent_words, "tensor vocabulary has 4096 strings, this model takes at most 6");
    expect_refused(counts, NULL);
    expect_refused(float_counts, "tensor vocabulary_counts is not I64 of shape [3]");
    expect_refused(two_counts, "tensor vocabulary_counts is not I64 of shape [3]");
    expect_refused(counts_of_nothing, "tensor vocabulary_counts is not I64 of shape [0]");
    expect_refused(negative_count, "tensor vocabulary_counts: element 2 is -1, not a number of");
    expect_refused(too_many_counts, "tensor vocabulary_counts: element 2 is 8, not a number of");
    expect_refused(classes, NULL);
    expect_refused(one_class, NULL);
    expect_refused(three_classes, "tensor classes has 3 strings, this model takes at most 2");
    expect_refused(float_classes, "tensor classes is not U8 of one dimension");
    expect_refused(same_classes, "tensor classes: word 'a' has the ranks 1 and 2");
    expect_refused(empty_class, "tensor classes: the name of class 1 is empty");
    expect_refused(open_class, "tensor classes: the text of the words has 3 bytes, 1 words take 2");
    expect_refused(damaged_class, "tensor classes: word 2 is not UTF-8");
    expect_refused(rules, NULL);
    expect_refused(rules_before, NULL);
    expect_refused(other_rules, "metadata tokenizer is {}; this program's is {\"filters\"");
}

static void test_classes(void **state)
{
    (void)state;
    const char *path = temporary();
    clt_error error;
    clt_model *model = create(SMALL, &small_reading, 5), *again = NULL;
    static const char *const names[] = {"\xc3\xa9toile", "1", "x"};
    static const char *const same[] = {"a", "a"}, *const empty[] = {"a", ""},
                             *const damaged[] = {"\xff", "a"};
    assert_null(clt_model_class(model, 0));
    assert_fails(clt_model_set_classes(model, names, 3, &error), CLT_INPUT,
                 "3 classes, the last layer of " SMALL " tells 2 apart");
    assert_fails(clt_model_set_classes(model, same, 2, &error), CLT_INPUT, "'a'");
    assert_fails(clt_model_set_classes(model, empty, 2, &error), CLT_INPUT,
                 "the name of class 1 is empty");
    assert_fails(clt_model_set_classes(model, damaged, 2, &error), CLT_INPUT, "not UTF-8");
    assert_null(clt_model_class(model, 0));
    assert_ok(clt_model_set_classes(model, names + 1, 2, &error));
    assert_ok(clt_model_set_classes(model, names, 2, &error));
    assert_ok(clt_model_save(model, path, &error));
    assert_ok(clt_model_open(path, &again, &error));
    assert_string_equal(clt_model_class(again, 0), names[0]);
    assert_string_equal(clt_model_class(again, 1), names[1]);
    assert_null(clt_model_class(again, 2));
    assert_null(clt_model_class(again, -1));
    clt_model_free(again);
    again = create("embedding:3,lstm:2,dense:3", &small_reading, 5);
    assert_ok(clt_model_set_classes(again, names, 3, &error));
    assert_string_equal(clt_model_class(again, 2), "x");
    clt_model_free(again);
    clt_model_free(model);
    unlink(path);
}

static void test_unwritable(void **state)
{
    (void)state;
    clt_error error;
    clt_model *model = create(SMALL, &small_reading, 5);
    assert_fails(clt_model_save(model, "/nowhere/at/all.safetensors", &error), CLT_FAILED,
                 "cannot write /nowhere/at/all.safetensors");
    clt_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tutorial_counts),
        cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_refused_readings),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_weights_of_other_words),
        cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
