/* Labelled texts line by line: JSON and fastText. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/lines.h"
#include "support/corpus.h"

static void test_json_lines(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options skip = {.skip_bad_rows = true}, unlabelled = {.unlabelled = true};
    clt_corpus_options named = {.text_column = "a.b", .label_column = "c"};
    assert_ok(READ("{\"Review\":\"x\",\"CLASS\":1e3}\n{\"CLASS\":\"b\",\"Review\":\"\"}\n", NULL,
                   &corpus));
    CHECK(corpus, "x|1000.0", "|b");
    clt_corpus_free(corpus);
    assert_ok(READ("{\"text\":\"x\"}\n{\"text\":\"y\",\"label\":null}\n", &unlabelled, &corpus));
    assert_int_equal(corpus->count, 2);
    assert_null(corpus->labels);
    clt_corpus_free(corpus);
    assert_ok(READ("{\"a.b\":\"x\",\"c\":\" y \",\"text\":{\"label\":[]}}", &named, &corpus));
    CHECK(corpus, "x|y");
    clt_corpus_free(corpus);
    error.status = CLT_OK; /* a call that succeeds leaves it */
    assert_ok(READ("{\"text\":\"x\",\"label\":1}\nnot\n\n{\"text\":\"\\u0000\",\"label\":-0.5}",
                   &skip, &corpus));
    assert_int_equal(corpus->count, 2);
    assert_int_equal(corpus->bad_rows, 1);
    assert_int_equal(error.status, CLT_OK);
    assert_int_equal(corpus->lines[1], 4);
    assert_memory_equal(corpus->text, "x\0", 2);
    clt_corpus_free(corpus);
}

/* Only those are touched that have no room in 64 bits. */
static void test_large_json_integers(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    char line[600] = "{\"n\":-1";
    assert_ok(READ("{\"text\":\"x\",\"label\":1,\"id\":12345678901234567890}\n"
                   "{\"id\":-9223372036854775809,\"text\":\"y \\\" 99999999999999999999\","
                   "\"label\":1.0}\n"
                   "{\"id\":[18446744073709551616,1.99999999999999999999,2e1],\"text\":\"z\","
                   "\"label\":9223372036854775807}\n"
                   "{\"id\":99999999999999999999,\"text\":\"\","
                   "\"label\":-9223372036854775808}\n",
                   NULL, &corpus));
    CHECK(corpus, "x|1", "y \" 99999999999999999999|1.0", "z|9223372036854775807",
          "|-9223372036854775808");
    clt_corpus_free(corpus);
    memset(line + strlen(line), '9', 400); /* more than a double has */
    strcat(line, ",\"text\":\"x\",\"label\":0.5}");
    assert_ok(clt_test_corpus_read(line, strlen(line), NULL, &corpus, &error));
    CHECK(corpus, "x|0.5");
    clt_corpus_free(corpus);
}

static void test_bad_json_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"{\"text\":\"a\",\"label\":}", "line 3: column 21: "},
        {"{\"text\":\"a\"", "line 3: column "},
        {"{\"text\":\"a\",\"label\":1} x", "line 3: column "},
        {"{\"text\":\"a\",\"label\":1,\"text\":\"b\"}", "line 3: column "},
        {"{\"text\":\"\\ud83d\",\"label\":1}", "line 3: column "},
        {"{\"text\":\"a\",\"label\":99999999999999999999}",
         "line 3: 'label' is a number too large for a label"},
        {"{\"text\":\"a\",\"label\":-9223372036854775809}",
         "line 3: 'label' is a number too large for a label"},
        {"{\"text\":99999999999999999999,\"label\":1}", "line 3: 'text' is a number where"},
        {"{\"text\":\"a\",\"label\":1,\"n\":1e999}", "line 3: column "},
        {"{\"text\":\"a\",\"label\":1,\"n\":099999999999999999999}", "line 3: column "},
        {"{99999999999999999999:1,\"text\":\"a\",\"label\":1}", "line 3: column "},
        {"[1]", "line 3: an array where an object is needed"},
        {"{\"Text\":\"a\",\"label\":1}", "line 3: no key 'text'"},
        {"{\"text\":\"a\"}", "line 3: no key 'label'"},
        {"{\"text\":null,\"label\":1}", "line 3: 'text' is null where a string is needed"},
        {"{\"text\":\"a\",\"label\":null}", "line 3: 'label' is null where a string, a number"},
        {"{\"text\":\"a\",\"label\":[1]}", "line 3: 'label' is an array where"},
        {"{\"text\":\"a\",\"label\":\"\"}", "line 3: the label is empty"},
        {"{\"text\":\"a\",\"label\":\"\\u0000\"}", "line 3: a label with the control character"},
    };
    clt_error error;
    clt_corpus *corpus;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[256];
        int bytes =
            snprintf(text, sizeof text, "\n{\"text\":\"a\",\"label\":1}\n%s\n{}\n", cases[k].line);
        assert_fails(clt_test_corpus_read(text, (size_t)bytes, NULL, &corpus, &error), CLT_INPUT,
                     cases[k].message);
    }
    assert_fails(READ("{\"id\":1,\"label\":2}\n", NULL, &corpus), CLT_INPUT,
                 "line 1: no text column (review, text or sentence) among 'id', 'label'");
    assert_fails(READ("{\n", NULL, &corpus), CLT_INPUT, "line 1: column 1: ");
}

static void test_fasttext(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options skip = {.skip_bad_rows = true}, unlabelled = {.unlabelled = true};
    static const char text[] =
        "__label__b  good  __label text \r\n\n __label__a\n__label__\xc3\xa9\tx"
        "\nno label\n__label__a __label__b x\nlast __label__a\n__label__ x\n"
        "__label__a x__label__y";
    error.status = CLT_OK;
    assert_ok(READ(text, &skip, &corpus));
    CHECK(corpus, "good  __label text|b", "|a", "x|\xc3\xa9", "x__label__y|a");
    assert_int_equal(corpus->bad_rows, 4);
    assert_int_equal(error.status, CLT_OK);
    assert_int_equal(corpus->lines[3], 9);
    clt_corpus_free(corpus);
    assert_ok(READ(text, &unlabelled, &corpus));
    assert_int_equal(corpus->count, 8);
    assert_int_equal(corpus->offsets[5] - corpus->offsets[4], 1); /* both labels gone */
    clt_corpus_free(corpus);
    assert_fails(READ("__label__a x\nno\n", NULL, &corpus), CLT_INPUT,
                 "line 2: no label (__label__) in front");
    assert_fails(READ("__label__a x\n\n__label__a x __label__b\n", NULL, &corpus), CLT_INPUT,
                 "line 3: 2 labels (__label__): one a line is read");
    assert_fails(READ("__label__ x\n", NULL, &corpus), CLT_INPUT, "line 1: the label is empty");
}

static void test_long_lines(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    size_t room = CLT_LINE_BYTES_MAX + 64, bytes;
    char *text = malloc(room);
    assert_non_null(text);
    static const struct {
        const char *begin, *good;
    } lines[] = {
        {"{\"text\":\"", "{\"text\":\"b\",\"label\":1}"},
        {"__label__x ", "__label__y b"},
    };
    for (size_t k = 0; k < 2; k++) {
        size_t begin = strlen(lines[k].begin), good = strlen(lines[k].good);
        memset(text, 'a', room);
        memcpy(text, lines[k].good, good);
        text[good] = '\n';
        memcpy(text + good + 1, lines[k].begin, begin);
        assert_fails(
            clt_test_corpus_read(text, good + 1 + CLT_LINE_BYTES_MAX + 1, NULL, &corpus, &error),
            CLT_INPUT, "line 2: longer than 64 MB");
    }
    bytes = (size_t)sprintf(text, "{\"text\":\"\",\"label\":1,\"a\":[");
    for (int k = 0; k < 65536; k++) {
        memcpy(text + bytes + 2 * (size_t)k, "0,", 2);
    }
    assert_fails(clt_test_corpus_read(text, bytes + 2 * 65536, NULL, &corpus, &error), CLT_INPUT,
                 "line 1: 65540 values: more than 65536");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines),     cmocka_unit_test(test_large_json_integers),
        cmocka_unit_test(test_bad_json_lines), cmocka_unit_test(test_fasttext),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
