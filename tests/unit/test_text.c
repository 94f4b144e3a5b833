/* From text to ids; which words a text has is test_words.c's question. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/utf8.h"
#include "data/vocabulary.h"
#include "util/random.h"

/* A vocabulary of words separated by spaces, in order of rank. */
static clt_vocabulary *make_vocabulary(const char *words)
{
    clt_error error;
    clt_vocabulary *vocabulary;
    char text[512];
    int32_t count = 1;
    size_t bytes = strlen(words) + 1;
    assert_true(bytes <= sizeof text);
    for (size_t k = 0; k < bytes; k++) {
        text[k] = words[k] == ' ' ? 0 : words[k];
        count += words[k] == ' ';
    }
    assert_ok(clt_vocabulary_create(text, bytes, count, &vocabulary, &error));
    return vocabulary;
}

static void check_ids(const clt_vocabulary *vocabulary, const clt_reading *reading,
                      const char *text, size_t bytes, const int32_t *want, size_t want_count)
{
    clt_error error;
    int32_t *ids;
    size_t count;
    assert_ok(clt_vocabulary_encode(vocabulary, reading, text, bytes, &ids, &count, &error));
    assert_int_equal(count, want_count);
    assert_memory_equal(ids, want, count * sizeof *ids);
    free(ids);
}

/* Decoding what was encoded gives it back, for every code point. */
static void test_every_code_point(void **state)
{
    (void)state;
    char text[4];
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        size_t length = 0;
        int damaged = 0;
        size_t wrote = clt_utf8_encode(point, text);
        uint32_t got = clt_utf8_decode(text, wrote, &length, &damaged);
        if (point >= 0xd800 && point <= 0xdfff) {
            assert_true(damaged && got == CLT_UTF8_REPLACEMENT);
        } else if (damaged || got != point || length != wrote) {
            fail_msg("U+%04X: U+%04X", (unsigned)point, (unsigned)got);
        }
    }
}

static void test_ids(void **state)
{
    (void)state;
    clt_reading reading = CLT_READING_DEFAULT;
    clt_vocabulary *v = make_vocabulary("the and a of");
    static const char text[] = "The worst of a and";
    const size_t bytes = sizeof text - 1;
    check_ids(v, &reading, text, bytes, (const int32_t[]){1, 4, 2, 7, 6, 5}, 6);
    check_ids(v, &reading, "", 0, (const int32_t[]){1}, 1);
    check_ids(v, &reading, " \t\n", 3, (const int32_t[]){1}, 1);
    check_ids(v, &reading, "zzz", 3, (const int32_t[]){1, 2}, 2);
    reading.num_words = 6; /* ids 6 and 7 are left out, as in load_data */
    check_ids(v, &reading, text, bytes, (const int32_t[]){1, 4, 2, 2, 2, 5}, 6);
    reading.skip_top = 5; /* the start token too, as in load_data */
    check_ids(v, &reading, text, bytes, (const int32_t[]){2, 2, 2, 2, 2, 5}, 6);
    reading.oov_char = -1;
    check_ids(v, &reading, text, bytes, (const int32_t[]){5}, 1);
    reading = (clt_reading){100, 0, -1, 0, 0, 1, CLT_PRE, CLT_PRE};
    check_ids(v, &reading, text, bytes, (const int32_t[]){1, 0, 4, 3, 2}, 5);
    reading = (clt_reading){0, 0, -1, 0, INT32_MAX, 1, CLT_PRE, CLT_PRE};
    check_ids(v, &reading, "the", 3, (const int32_t[]){0}, 1);
    clt_vocabulary_free(v);
}

static void test_usage(void **state)
{
    (void)state;
    clt_error error;
    clt_reading reading = CLT_READING_DEFAULT;
    clt_vocabulary *v = make_vocabulary("the");
    int32_t *ids;
    size_t count;
    reading.num_words = 2;
    assert_fails(clt_vocabulary_encode(v, &reading, "the", 3, &ids, &count, &error), CLT_USAGE,
                 "num_words is 2");
    clt_vocabulary_free(v);
}

/* Any bytes at all; the sanitizers watch the ends of the buffers. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const unsigned char favoured[] = {0xc4, 0xb0, 0xe2, 0x82, 0xf0, 0x9f, 0xff, 'A', ' ',
                                             '<',  'b',  'r',  '>',  0,    0xc8, 0xba, '/', 0x80};
    clt_random random = clt_random_stream(2, CLT_RANDOM_DEMO, 0);
    clt_reading reading = CLT_READING_DEFAULT;
    clt_vocabulary *v = make_vocabulary("the");
    for (int k = 0; k < 20000; k++) {
        clt_error error;
        int32_t *ids;
        size_t count, bytes = clt_random_below(&random, 24);
        char *text = malloc(bytes > 0 ? bytes : 1); /* exact, so that one byte too far is seen */
        for (size_t j = 0; j < bytes; j++) {
            text[j] = (char)favoured[clt_random_below(&random, sizeof favoured)];
        }
        assert_ok(clt_vocabulary_encode(v, &reading, text, bytes, &ids, &count, &error));
        assert_in_range(count, 1, bytes / 2 + 2);
        free(ids);
        free(text);
    }
    clt_vocabulary_free(v);
}

static void words_stand_one_behind_the_other(void **state)
{
    static const char text[] = "A <br />film, Über-ALLES";
    char *words;
    size_t count;
    clt_error error;
    (void)state;
    assert_ok(clt_text_split(text, sizeof text - 1, &words, &count, &error));
    assert_int_equal(count, 4);
    assert_memory_equal(words, "a\0film\0über\0alles", sizeof "a\0film\0über\0alles");
    free(words);
    assert_ok(clt_text_split("?!", 2, &words, &count, &error));
    assert_int_equal(count, 0);
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(words_stand_one_behind_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
