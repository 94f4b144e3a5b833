/* The words of texts against Keras's Tokenizer and Python's lower() (fixtures/make_tokens.py), and
 * texts that are no texts. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "data/lower.h"
#include "data/utf8.h"
#include "data/words.h"
#include "util/random.h"

static json_t *fixture;

static int load_fixture(void **state)
{
    (void)state;
    json_error_t reason;
    fixture = json_load_file(CLT_SOURCE_DIR "/tests/unit/fixtures/tokens.json", 0, &reason);
    return fixture != NULL ? 0 : -1;
}

static json_int_t number(const json_t *array, size_t index)
{
    return json_integer_value(json_array_get(array, index));
}

static int drop_fixture(void **state)
{
    (void)state;
    json_decref(fixture);
    return 0;
}

/* The words of a text, each followed by `|`, freed with free(). The text is copied to memory of its
 * own length, so that a sanitizer sees a byte too far. */
static char *split(const char *text, size_t bytes)
{
    clt_error error;
    clt_words words = {0};
    size_t length, used = 0;
    char *copy = malloc(bytes > 0 ? bytes : 1), *joined = malloc(4 * bytes + 1);
    assert_true(copy != NULL && joined != NULL);
    memcpy(copy, text, bytes);
    assert_ok(clt_words_begin(&words, copy, bytes, &error));
    while (clt_words_next(&words, &length)) {
        assert_in_range(length, 1, words.room);
        memcpy(joined + used, words.word, length);
        used += length;
        joined[used++] = '|';
        assert_true(used <= 4 * bytes);
    }
    assert_false(clt_words_next(&words, &length));
    joined[used] = 0;
    clt_words_end(&words);
    free(copy);
    return joined;
}

static void check_words(const char *text, size_t bytes, const char *want)
{
    char *got = split(text, bytes);
    assert_string_equal(got, want);
    free(got);
}
#define CHECK_WORDS(text, want) check_words((text), sizeof(text) - 1, (want))

static void test_keras(void **state)
{
    (void)state;
    const json_t *texts = json_object_get(fixture, "texts");
    const json_t *all = json_object_get(fixture, "words");
    size_t count = json_array_size(texts), word_count = 0;
    assert_int_equal(json_array_size(all), count);
    for (size_t k = 0; k < count; k++) {
        const json_t *text = json_array_get(texts, k), *words = json_array_get(all, k);
        char want[1024] = "";
        for (size_t w = 0; w < json_array_size(words); w++, word_count++) {
            const char *word = json_string_value(json_array_get(words, w));
            assert_true(strlen(want) + strlen(word) + 2 < sizeof want);
            strcat(strcat(want, word), "|");
        }
        check_words(json_string_value(text), json_string_length(text), want);
    }
    assert_true(word_count > 1000);
}

static void test_rules(void **state)
{
    (void)state;
    json_error_t reason;
    json_t *rules = json_loads(CLT_WORDS_RULES, 0, &reason);
    assert_non_null(rules);
    assert_non_null(json_object_get(rules, "spaces")); /* of which Keras knows nothing */
    assert_int_equal(json_object_del(rules, "spaces"), 0);
    assert_true(json_equal(rules, json_object_get(fixture, "options")));
    json_decref(rules);
    rules = json_loads(CLT_WORDS_RULES_BEFORE, 0, &reason);
    assert_true(json_equal(rules, json_object_get(fixture, "options")));
    json_decref(rules);
}

/* Every code point that the fixture's Unicode knows, alone. */
static void test_lower(void **state)
{
    (void)state;
    const json_t *pairs = json_object_get(fixture, "lower");
    const json_t *ranges = json_object_get(fixture, "sigma");
    size_t next = 0;
    for (size_t k = 0; k < json_array_size(ranges); k++) {
        json_int_t first = number(json_array_get(ranges, k), 0);
        json_int_t last = number(json_array_get(ranges, k), 1);
        for (json_int_t point = first; point <= last; point++) {
            const json_t *pair = json_array_get(pairs, next);
            char text[4], lower[12], want[12];
            size_t length = clt_utf8_encode((uint32_t)point, text), want_length = length;
            memcpy(want, text, length);
            if (number(pair, 0) == point) {
                want_length = json_string_length(json_array_get(pair, 1));
                memcpy(want, json_string_value(json_array_get(pair, 1)), want_length);
                next++;
            }
            size_t got = clt_lower(text, length, 0, (uint32_t)point, length, lower);
            if (got != want_length || memcmp(lower, want, got) != 0) {
                fail_msg("U+%04X: %zu bytes, want %zu", (unsigned)point, got, want_length);
            }
            assert_true(got <= CLT_LOWER_GROWTH * length);
        }
    }
    assert_int_equal(next, json_array_size(pairs));
}

/* What every code point after a sigma makes of it. */
static void test_sigma(void **state)
{
    (void)state;
    const json_t *ranges = json_object_get(fixture, "sigma");
    size_t seen[3] = {0};
    for (size_t k = 0; k < json_array_size(ranges); k++) {
        const json_t *range = json_array_get(ranges, k);
        json_int_t first = number(range, 0), last = number(range, 1), kind = number(range, 2);
        for (json_int_t point = first; point <= last; point++) {
            char text[8] = "A\xce\xa3", lower[4]; /* and the code point, and another A */
            size_t end = 3 + clt_utf8_encode((uint32_t)point, text + 3);
            bool final = clt_lower(text, end, 1, 0x3a3, 2, lower) == 2 && lower[1] == '\x82';
            text[end] = 'A';
            bool still = clt_lower(text, end + 1, 1, 0x3a3, 2, lower) == 2 && lower[1] == '\x82';
            if (final != (kind != 1) || still != (kind == 0)) {
                fail_msg("U+%04X: want class %d", (unsigned)point, (int)kind);
            }
            seen[kind]++;
        }
    }
    assert_true(seen[0] > 100000 && seen[1] > 2000 && seen[2] > 2000);
}

#define R "\xef\xbf\xbd"

static void test_damaged(void **state)
{
    (void)state;
    CHECK_WORDS("a\xff b\xc0\x80 c\xe2\x82 d\xed\xa0\x80 e\xf0\x9f\x92 f\xf4\x90\x80\x80 "
                "\xe2\x82\xac \xf0\x9f\x98\x80 g\xe2",
                "a" R "|b" R R "|c" R "|d" R R R "|e" R "|f" R R R R
                "|\xe2\x82\xac|\xf0\x9f\x98\x80|g" R "|");
    CHECK_WORDS("\x80x \xf8\x88\x80\x80\x80 \xe0\x9f\xbf \xf0\x8f\xbf\xbfy\xc3",
                R "x|" R R R R R "|" R R R "|" R R R R "y" R "|");
    CHECK_WORDS("a\0b", "a|b|");
    /* U+FFFD is no letter: before a sigma it keeps it from ending a word, behind one it does not */
    CHECK_WORDS("A\x80\xce\xa3 A\xe2\x82\xce\xa3 A\xc2\xad\x80\xce\xa3 A\xce\xa3\x80 A\xce\xa3\xff"
                "A",
                "a" R "\xcf\x83|a" R "\xcf\x83|a\xc2\xad" R "\xcf\x83|a\xcf\x82" R "|a\xcf\x82" R
                "a|");
}

/* Any bytes at all; the sanitizers watch the ends of the buffers. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const unsigned char favoured[] = {0xce, 0xa3, 0xc4, 0xb0, 0xe2, 0x82, 0xf0, 0x9f,
                                             0xff, 'A',  ' ',  '<',  'b',  'r',  '>',  0,
                                             0xc8, 0xba, '/',  0x80, '.',  0xcc, 0x81};
    clt_random random = clt_random_stream(2, CLT_RANDOM_DEMO, 0);
    for (int k = 0; k < 20000; k++) {
        char text[24];
        size_t bytes = clt_random_below(&random, sizeof text);
        for (size_t j = 0; j < bytes; j++) {
            text[j] = (char)favoured[clt_random_below(&random, sizeof favoured)];
        }
        free(split(text, bytes));
    }
}

/* What a quadratic search would take minutes for. */
static void test_long_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\xce\xa3.", "\xce\xa3", "...\xce\xa3", "<br ", "\x80"};
    const size_t bytes = 4 << 20;
    char *text = malloc(bytes);
    assert_non_null(text);
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        size_t length = strlen(pieces[k]);
        for (size_t at = 0; at < bytes; at++) {
            text[at] = pieces[k][at % length];
        }
        free(split(text, bytes));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),      cmocka_unit_test(test_rules),
        cmocka_unit_test(test_lower),      cmocka_unit_test(test_sigma),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, load_fixture, drop_fixture);
}
