/* From text to ids. The expected words are what Python makes of the same bytes:
 * re.sub(r"(?i)<br *\/?>", " ", bytes.decode("utf8", "replace")).lower(), Keras's filters as
 * spaces, str.split(). */
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

/* `words`, each once, are the whole text in this order. */
static void check_words(const char *text, size_t bytes, const char *words)
{
    const clt_reading reading = {0, 0, -1, 0, 0, 1, CLT_PRE, CLT_PRE};
    static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    clt_vocabulary *vocabulary = make_vocabulary(words);
    check_ids(vocabulary, &reading, text, bytes, ids, (size_t)vocabulary->count);
    clt_vocabulary_free(vocabulary);
}
#define CHECK_WORDS(text, words) check_words((text), sizeof(text) - 1, (words))

static void test_words(void **state)
{
    (void)state;
    CHECK_WORDS("This movie's GREAT, isn't it?<br /><br/>Yes<BR>no < br > x<brx",
                "this movie's great isn't it yes no br x brx");
    CHECK_WORDS("well-known_word 10/11 (a)b", "well known word 10 11 a b");
    CHECK_WORDS("~one!two\"three#four$five%six&seven*eight+nine`ten|eleven}",
                "one two three four five six seven eight nine ten eleven");
    CHECK_WORDS("a\xc2\xa0"
                "b\xc2\x85"
                "c\xe2\x80\xa8"
                "d\r\ne\0f\x1cg\xe3\x80\x80h",
                "a b c d e f g h");
    CHECK_WORDS("\x01it\x08s\x1b", "\x01it\x08s\x1b");
}

static void test_lower_case(void **state)
{
    (void)state;
    CHECK_WORDS("\xef\xbb\xbf\xc3\x89"
                "COLE Stra\xc3\x9f"
                "e \xce\x91\xce\x92\xce\x93 \xc8\xba \xe2\x84\xaa \xc4\xb0",
                "\xc3\xa9"
                "cole stra\xc3\x9f"
                "e \xce\xb1\xce\xb2\xce\xb3 \xe2\xb1\xa5 k i\xcc\x87");
}

#define R "\xef\xbf\xbd"

static void test_damaged(void **state)
{
    (void)state;
    CHECK_WORDS("a\xff b\xc0\x80 c\xe2\x82 d\xed\xa0\x80 e\xf0\x9f\x92 f\xf4\x90\x80\x80 "
                "\xe2\x82\xac \xf0\x9f\x98\x80 g\xe2",
                "a" R " b" R R " c" R " d" R R R " e" R " f" R R R R
                " \xe2\x82\xac \xf0\x9f\x98\x80 g" R);
    CHECK_WORDS("\x80x \xf8\x88\x80\x80\x80 \xe0\x9f\xbf \xf0\x8f\xbf\xbfy\xc3",
                R "x " R R R R R " " R R R " " R R R R "y" R);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),     cmocka_unit_test(test_lower_case),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_ids),       cmocka_unit_test(test_usage),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
