/* Vocabularies: words and ranks both ways, JSON word indexes good and bad, damaged files. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/vocabulary.h"
#include "util/random.h"

static char folder[] = "/tmp/cltrain-vocabulary-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/words.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *bytes, size_t count)
{
    unlink(path); /* truncating an old file can wait for the disk, thousands of times */
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
}

static const char text[] = "the\0and\0\0caf\xc3\xa9";

static void test_create(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    const clt_reading reading = CLT_READING_DEFAULT;
    assert_ok(clt_vocabulary_create(text, sizeof text, 4, &v, &error));
    assert_int_equal(clt_vocabulary_rank(v, "the", 3), 1);
    assert_int_equal(clt_vocabulary_rank(v, "andes", 3), 2);
    assert_int_equal(clt_vocabulary_rank(v, "caf\xc3\xa9", 5), 4);
    assert_int_equal(clt_vocabulary_rank(v, "caf", 3), 0);
    assert_int_equal(clt_vocabulary_rank(v, "", 0), 0);
    assert_int_equal(clt_vocabulary_rank(v, "the\0", 4), 0);
    assert_string_equal(clt_vocabulary_word(v, &reading, 4), "the");
    assert_string_equal(clt_vocabulary_word(v, &reading, 7), "caf\xc3\xa9");
    assert_null(clt_vocabulary_word(v, &reading, 6)); /* an absent rank */
    for (int32_t id = -1; id <= 3; id++) {
        assert_null(clt_vocabulary_word(v, &reading, id));
    }
    assert_null(clt_vocabulary_word(v, &reading, 8));
    assert_null(clt_vocabulary_word(v, &reading, INT32_MAX));
    assert_null(clt_vocabulary_word(v, &reading, INT32_MIN));
    assert_null(clt_vocabulary_word(NULL, &reading, 4));
    clt_vocabulary_free(v);
    clt_vocabulary_free(NULL);
    assert_ok(clt_vocabulary_create(NULL, 0, 0, &v, &error));
    assert_int_equal(clt_vocabulary_rank(v, "the", 3), 0);
    clt_vocabulary_free(v);
}

static void test_difference(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v, *longer, *shifted, *gaps;
    static const char more[] = "the\0and\0a\0caf\xc3\xa9\0of", less[] = "and\0\0cafe";
    static const char absent[] = "\0\0\0";
    assert_ok(clt_vocabulary_create(text, sizeof text, 4, &v, &error));
    assert_ok(clt_vocabulary_create(more, sizeof more, 5, &longer, &error));
    assert_ok(clt_vocabulary_create(less, sizeof less, 3, &shifted, &error));
    assert_ok(clt_vocabulary_create(absent, sizeof absent, 4, &gaps, &error));
    assert_int_equal(clt_vocabulary_difference(v, 3, v, 3), -1);
    assert_int_equal(clt_vocabulary_difference(v, 3, longer, 3), -1); /* rank 3 is absent in v */
    assert_int_equal(clt_vocabulary_difference(longer, 3, v, 3), -1);
    assert_int_equal(clt_vocabulary_difference(v, 3, gaps, 3), -1);
    assert_int_equal(clt_vocabulary_difference(v, 3, shifted, 3), 4);
    assert_int_equal(clt_vocabulary_difference(v, 3, shifted, 4), 7); /* ids 5 and 7 are in both */
    assert_int_equal(clt_vocabulary_difference(shifted, 4, v, 3), 7);
    assert_int_equal(clt_vocabulary_difference(v, -1, shifted, -1), 0);
    assert_int_equal(clt_vocabulary_difference(v, 0, v, INT32_MAX), -1);
    assert_int_equal(clt_vocabulary_difference(v, INT32_MAX, v, 0), -1);
    assert_int_equal(clt_vocabulary_difference(v, 3, NULL, 3), -1);
    assert_int_equal(clt_vocabulary_difference(NULL, 3, v, 3), -1);
    clt_vocabulary_free(v);
    clt_vocabulary_free(longer);
    clt_vocabulary_free(shifted);
    clt_vocabulary_free(gaps);
}

static void test_create_refusals(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    assert_fails(clt_vocabulary_create(text, sizeof text, 5, &v, &error), CLT_INPUT,
                 "ends after 4 of 5 words");
    assert_fails(clt_vocabulary_create(text, sizeof text, 3, &v, &error), CLT_INPUT,
                 "has 15 bytes, 3 words take 9");
    assert_fails(clt_vocabulary_create(text, sizeof text - 1, 4, &v, &error), CLT_INPUT,
                 "ends after 3 of 4 words");
    assert_fails(clt_vocabulary_create(text, sizeof text, -1, &v, &error), CLT_INPUT, "-1 words");
    assert_fails(clt_vocabulary_create(text, sizeof text, INT32_MAX, &v, &error), CLT_INPUT,
                 "2147483647 words in 15 bytes");
    assert_fails(clt_vocabulary_create("a\0b\0a", 6, 3, &v, &error), CLT_INPUT,
                 "word 'a' has the ranks 1 and 3");
    assert_fails(clt_vocabulary_create("a\0\xed\xa0\x80", 6, 2, &v, &error), CLT_INPUT,
                 "word 2 is not UTF-8");
}

static void test_add(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    int32_t rank;
    assert_ok(clt_vocabulary_create_empty(&v, &error));
    assert_int_equal(clt_vocabulary_rank(v, "the", 3), 0);
    assert_ok(clt_vocabulary_add(v, "the", 3, &rank, &error));
    assert_int_equal(rank, 1);
    assert_ok(clt_vocabulary_add(v, "", 0, &rank, &error)); /* an absent rank */
    assert_int_equal(rank, 2);
    assert_ok(clt_vocabulary_add(v, "", 0, &rank, &error));
    assert_int_equal(rank, 3);
    assert_ok(clt_vocabulary_add(v, "then", 4, &rank, &error));
    assert_int_equal(rank, 4);
    assert_ok(clt_vocabulary_add(v, "the", 3, &rank, &error));
    assert_int_equal(rank, 1);
    assert_int_equal(clt_vocabulary_size(v), 4);
    assert_memory_equal(v->text, "the\0\0\0then", 11);
    size_t bytes = v->text_bytes;
    v->text_bytes = UINT32_MAX - 3;
    assert_fails(clt_vocabulary_add(v, "new", 3, &rank, &error), CLT_INPUT,
                 "too many different words: 4 take 4294967292 bytes");
    v->text_bytes = bytes;
    assert_int_equal(clt_vocabulary_rank(v, "new", 3), 0);
    clt_vocabulary_free(v);
}

static void test_copy_below(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v, *copy;
    static const struct {
        int64_t limit;
        int32_t count;
        size_t bytes;
    } cases[] = {{-5, 0, 0},          {0, 0, 0},           {1, 0, 0},
                 {2, 1, 4},           {3, 2, 8},           {4, 3, 9},
                 {5, 4, sizeof text}, {6, 4, sizeof text}, {INT64_MAX, 4, sizeof text}};
    assert_ok(clt_vocabulary_create(text, sizeof text, 4, &v, &error));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_ok(clt_vocabulary_copy_below(v, cases[k].limit, &copy, &error));
        assert_int_equal(copy->count, cases[k].count);
        assert_int_equal(copy->text_bytes, cases[k].bytes);
        assert_memory_equal(copy->text, text, copy->text_bytes);
        assert_int_equal(clt_vocabulary_rank(copy, "and", 3), cases[k].count >= 2 ? 2 : 0);
        clt_vocabulary_free(copy);
    }
    clt_vocabulary_free(v);
}

static void test_json(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    static const char json[] = "{\"and\": 2,\n \"caf\\u00e9\": 4, \"the\": 1, \"[{\\\"\": 5}";
    write_file(json, sizeof json - 1);
    assert_ok(clt_vocabulary_open_json(path, &v, &error));
    assert_int_equal(v->count, 5);
    assert_int_equal(v->text_bytes, sizeof text + 4);
    assert_memory_equal(v->text, text, sizeof text);
    assert_int_equal(clt_vocabulary_rank(v, "[{\"", 3), 5);
    clt_vocabulary_free(v);
    write_file("{}", 2);
    assert_ok(clt_vocabulary_open_json(path, &v, &error));
    assert_int_equal(v->count, 0);
    clt_vocabulary_free(v);
}

static void test_json_refusals(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"", "line 1: "},
        {"{\"a\": 1,\n\n \"b\" 2}", "line 3: "},
        {"{\"a\": 1,\n \"b\": {}}", "line 2: '{' where"},
        {"[1]", "line 1: '[' where"},
        {"{\"a\\\\\": [1]}", "line 1: '[' where"},
        {"{\"a\": 1, \"a\": 2}", "duplicate"},
        {"{\"a\": 1, \"b\": 1}", "'a' and 'b' both have rank 1"},
        {"{\"a\": 0}", "the rank of 'a' is 0, not in 1 .. 4194304"},
        {"{\"a\": -1}", "the rank of 'a' is -1"},
        {"{\"a\": 4194305}", "the rank of 'a' is 4194305"},
        {"{\"a\": 99999999999999999999}", "too big integer"},
        {"{\"a\": 1.5}", "the rank of 'a' is not an integer"},
        {"{\"a\": \"1\"}", "the rank of 'a' is not an integer"},
        {"{\"a\": null}", "the rank of 'a' is not an integer"},
        {"{\"\xff\": 1}", "line 1: "},
        {"{\"a\\u0000b\": 1}", "line 1: "},
        {"{\"a\": 1} x", "line 1: "},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        write_file(cases[k].json, strlen(cases[k].json));
        assert_fails(clt_vocabulary_open_json(path, &v, &error), CLT_INPUT, cases[k].message);
        assert_memory_equal(error.message, path, strlen(path));
    }
    unlink(path);
    assert_fails(clt_vocabulary_open_json(path, &v, &error), CLT_INPUT, "cannot open");
}

/* The largest file of the smallest nested values, refused before it takes memory. */
static void test_json_bomb(void **state)
{
    (void)state;
    clt_error error;
    clt_vocabulary *v;
    size_t bytes = 16 << 20;
    char *json = malloc(bytes + 1);
    assert_non_null(json);
    for (size_t k = 0; k < bytes + 1; k++) {
        json[k] = "[{},"[k == 0 ? 0 : 1 + k % 3];
    }
    write_file(json, bytes);
    assert_fails(clt_vocabulary_open_json(path, &v, &error), CLT_INPUT, "line 1: '[' where");
    write_file(json, bytes + 1);
    assert_fails(clt_vocabulary_open_json(path, &v, &error), CLT_INPUT, "more than the limit");
    free(json);
}

static void test_damaged_json(void **state)
{
    (void)state;
    static const char json[] = "{\"and\": 2,\n \"caf\\u00e9\": 4, \"the\": 1, \"\xe2\x82\xac\": 5}";
    clt_random random = clt_random_stream(3, CLT_RANDOM_DEMO, 0);
    for (int k = 0; k < 3000; k++) {
        clt_error error;
        clt_vocabulary *v = NULL;
        char bytes[sizeof json + 8];
        size_t count = sizeof json - 1;
        memcpy(bytes, json, sizeof json);
        for (uint32_t j = 0; j <= clt_random_below(&random, 3); j++) {
            bytes[clt_random_below(&random, (uint32_t)count)] = (char)clt_random_u32(&random);
        }
        count =
            clt_random_below(&random, 4) == 0 ? clt_random_below(&random, (uint32_t)count) : count;
        write_file(bytes, count);
        clt_status status = clt_vocabulary_open_json(path, &v, &error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
        clt_vocabulary_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),          cmocka_unit_test(test_difference),
        cmocka_unit_test(test_create_refusals), cmocka_unit_test(test_add),
        cmocka_unit_test(test_copy_below),      cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_refusals),   cmocka_unit_test(test_json_bomb),
        cmocka_unit_test(test_damaged_json),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
