/* Tables of labelled texts: columns, bad rows, limits. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/lines.h"
#include "support/corpus.h"

static void test_columns(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.text_column = "body", .label_column = "text"};
    assert_ok(READ("body,text\na,b\n", &options, &corpus));
    CHECK(corpus, "a|b");
    clt_corpus_free(corpus);
    assert_fails(READ("Body,text\na,b\n", &options, &corpus), CLT_INPUT,
                 "line 1: no form that is known: neither JSON lines ('{'), nor fastText "
                 "(__label__), nor a table's header: no column named 'body' among 'Body', 'text'");
    assert_fails(READ("text,stars\na,b\n", NULL, &corpus), CLT_INPUT,
                 "no label column (sentiment, label or class) among 'text', 'stars': name it "
                 "(--label-column)");
    assert_fails(READ("\n\nid\tlabel\n1\tb\n", NULL, &corpus), CLT_INPUT,
                 "line 3: no form that is known: neither JSON lines ('{'), nor fastText "
                 "(__label__), nor a table's header: no text column (review, text or sentence) "
                 "among 'id', 'label': name it (--text-column)");
    assert_fails(READ("review,text,label\na,b,c\n", NULL, &corpus), CLT_INPUT,
                 "more than one text column (review, text or sentence) among");
    assert_fails(READ("text,label,Label\na,b,c\n", NULL, &corpus), CLT_INPUT,
                 "more than one label column");
    assert_fails(READ("This is no table at all, but prose of the kind that people write, and long.",
                      NULL, &corpus),
                 CLT_INPUT, "among 'This is no table at all', 'but prose of the kind that people");
    assert_fails(READ("a,b,c,d,e,f,g,h,0123456789012345678901234567890123456789x,"
                      "0123456789012345678901234567890123456789,i,j,k,0123456789012345678901234567,"
                      "l,m\n",
                      NULL, &corpus),
                 CLT_INPUT, "'h', '0123456789012345678901234567890123456789...', '0");
    assert_non_null(strstr(error.message, ", ...: name it"));
    assert_fails(READ("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                      "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                      "\xe2\x82\xac\xe2\x82\xac",
                      NULL, &corpus),
                 CLT_INPUT, "\xe2\x82\xac\xe2\x82\xac...':");
}

/* Kaggle's labeledTrainData.tsv. */
static void test_escaped_quotes(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.skip_bad_rows = true};
    assert_ok(READ("id\tsentiment\treview\n"
                   "\"1_8\"\t1\t\"no quotes\"\n"
                   "\"2_9\"\t1\t\"\\\"The War\\\" of 1/2\\* it said \\\"\\\"\"\r\n"
                   "\"3_1\"\t0\t\"\\\"All of it\\\"\"\n"
                   "\"4_1\"\t\"\\\"0\\\"\"\tunquoted \\\"stays\\\"\n"
                   "\"5_2\"\t0\t\"both \\\"\"\" ways\"",
                   NULL, &corpus));
    CHECK(corpus, "no quotes|1", "\"The War\" of 1/2\\* it said \"\"|1", "\"All of it\"|0",
          "unquoted \\\"stays\\\"|\"0\"", "both \"\" ways|0");
    clt_corpus_free(corpus);
    assert_ok(READ("text\tlabel\n\"He is 6\\\"\"\tx\n\"a \\\"b\\\" c\"\ty\n", NULL, &corpus));
    CHECK(corpus, "He is 6\"|x", "a \"b\" c|y");
    clt_corpus_free(corpus);
    /* One damaged row does not make the backslashes of others escapes. */
    assert_ok(READ("text\tlabel\n\"C:\\\"\tx\n\"D:\\\"\ty\n\"E:\\\"\ty\n\"a \\\"b\\\" c\"\tx\n",
                   &options, &corpus));
    CHECK(corpus, "C:\\|x", "D:\\|y", "E:\\|y");
    clt_corpus_free(corpus);
    /* Backslashes that only end a field are what RFC 4180 takes them for. */
    assert_ok(READ("text\tlabel\n\"C:\\\"\tx\n\"say \"\"\\\"\"\"\ty\n\\\"\tz", NULL, &corpus));
    CHECK(corpus, "C:\\|x", "say \"\\\"|y", "\\\"|z");
    clt_corpus_free(corpus);
    assert_fails(READ("text\tlabel\n\"\\\"a\\\"\tx\n", NULL, &corpus), CLT_INPUT,
                 "line 2: a quoted field does not end");
    assert_ok(READ("text\tlabel\n\"\\\"a\tx\n\"b\\\"\"c\tx\nd\ty\n", &options, &corpus));
    CHECK(corpus, "d|y");
    clt_corpus_free(corpus);
    assert_fails(READ("text,label\n\"\\\"a\\\" b\",x\n", NULL, &corpus), CLT_INPUT,
                 "line 2: \\\" inside a quoted field, where a quote is written twice");
}

static void test_without_labels(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.unlabelled = true};
    assert_ok(READ("id,text\n1,\"a\"\"\"\n2,b\n", &options, &corpus));
    assert_int_equal(corpus->count, 2);
    assert_memory_equal(corpus->text, "a\"b", 3);
    assert_null(corpus->labels);
    assert_int_equal(corpus->class_count, 0);
    clt_corpus_free(corpus);
    assert_ok(READ("text\n\nonly one\n", &options, &corpus));
    assert_int_equal(corpus->count, 1);
    clt_corpus_free(corpus);
    assert_ok(READ("label,text,label\n,b,\"c\"\"\"\n", &options, &corpus));
    assert_memory_equal(corpus->text, "b", 1);
    clt_corpus_free(corpus);
}

static void test_bad_rows(void **state)
{
    (void)state;
    static const struct {
        const char *rows, *message;
    } cases[] = {
        {"a,x\nb\n", "line 3: 1 fields, where the header has 2"},
        {"a,x\nb,c,x\n", "line 3: 3 fields, where the header has 2"},
        {"\"a\nb\",x\n \n", "line 4: 1 fields"},
        {"\"a\nb\",x\n\"c\" d,x\n", "line 4: a character behind a closing quote"},
        {"\"a\nb\n\n", "line 2: a quoted field does not end"},
        {"a,\"", "line 2: a quoted field does not end"},
        {"a,\n", "line 2: the label is empty"},
        {"a,\" \t\"\n", "line 2: the label is empty"},
        {"a,\"x\ny\"\n", "line 2: a label with the control character 0x0a"},
        {"a,x\x7f\n", "line 2: a label with the control character 0x7f"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_corpus *corpus;
        char text[256];
        int bytes = snprintf(text, sizeof text, "text,label\n%s", cases[k].rows);
        assert_fails(clt_test_corpus_read(text, (size_t)bytes, NULL, &corpus, &error), CLT_INPUT,
                     cases[k].message);
    }
}

/* Each row seems to go on to the end, so that reading it anew from every line would take minutes.
 */
static void test_rows_that_do_not_end(void **state)
{
    (void)state;
    enum { ROWS = 100000 };
    static const char header[] = "text\tlabel\n", row[] = "x\"\t\"y\n";
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.skip_bad_rows = true};
    char *text = malloc(sizeof header + ROWS * sizeof row);
    assert_non_null(text);
    char *end = stpcpy(text, header);
    for (int k = 0; k < ROWS; k++) {
        end = stpcpy(end, row);
    }
    assert_fails(clt_test_corpus_read(text, (size_t)(end - text), NULL, &corpus, &error), CLT_INPUT,
                 "line 2: a quoted field does not end");
    assert_fails(clt_test_corpus_read(text, (size_t)(end - text), &options, &corpus, &error),
                 CLT_INPUT, "quoted fields do not end where they should in too many rows");
    free(text);
}

static void test_skips_bad_rows(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.skip_bad_rows = true};
    /* The row whose quote never ends takes no other with it. */
    assert_ok(READ("text,label\none,x\ntwo\n\"three\" 3\n,y\nfour,y\n\"five\n six\",x\n,\n"
                   "\"seven,x\neight,x\nnine,y",
                   &options, &corpus));
    CHECK(corpus, "one|x", "|y", "four|y", "five\n six|x", "eight|x", "nine|y");
    assert_int_equal(corpus->bad_rows, 4);
    static const size_t bad_lines[4] = {3, 4, 9, 10};
    assert_memory_equal(corpus->bad_lines, bad_lines, sizeof bad_lines);
    assert_int_equal(corpus->lines[3], 7);
    assert_int_equal(corpus->lines[4], 11);
    clt_corpus_free(corpus);
    /* Nor one whose quote is closed by that of a row far behind. */
    assert_ok(READ("text,label\n\"one,x\ntwo,x\nthree,y\n\"he said \"\"no\"\"\",y\nfour,x\n",
                   &options, &corpus));
    CHECK(corpus, "two|x", "three|y", "he said \"no\"|y", "four|x");
    assert_int_equal(corpus->bad_rows, 1);
    clt_corpus_free(corpus);
    assert_fails(READ("text,label\na\nb,\n", &options, &corpus), CLT_INPUT,
                 "no samples: 2 bad rows, the first: line 2: 1 fields");
    assert_fails(READ("text,label\n\n", &options, &corpus), CLT_INPUT, "no samples");
}

static void test_long_rows(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.skip_bad_rows = true};
    static const char header[] = "text,label\n\"", end[] = "\",x\nshort,y\n";
    size_t most = CLT_LINE_BYTES_MAX - 4, bytes = strlen(header) + most + strlen(end);
    char *text = malloc(bytes + 64);
    assert_non_null(text);
    for (size_t over = 0; over < 2; over++) {
        memcpy(text, header, strlen(header));
        memset(text + strlen(header), 'a', most + over);
        memcpy(text + strlen(header) + most + over, end, strlen(end));
        assert_ok(clt_test_corpus_read(text, bytes + over, &options, &corpus, &error));
        assert_int_equal(corpus->count, 2 - over);
        assert_int_equal(corpus->bad_rows, over);
        clt_corpus_free(corpus);
    }
    assert_fails(clt_test_corpus_read(text, bytes + 1, NULL, &corpus, &error), CLT_INPUT,
                 "line 2: longer");
    free(text);
}

/* More classes than classes can be, and a name that is a text. */
static void test_many_classes(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t bytes = (size_t)sprintf(text, "text,label\n");
    for (int k = 0; k <= CLT_CLASSES_MAX; k++) {
        bytes += (size_t)sprintf(text + bytes, ",%d\n", k * 7919 % 99991);
    }
    assert_fails(clt_test_corpus_read(text, bytes, NULL, &corpus, &error), CLT_INPUT,
                 "line 32770: '13147' is one class more than 32768");
    bytes = (size_t)sprintf(text, "text,label\na,");
    memset(text + bytes, 'x', CLT_CLASS_BYTES_MAX + 1);
    assert_fails(clt_test_corpus_read(text, bytes + CLT_CLASS_BYTES_MAX + 1, NULL, &corpus, &error),
                 CLT_INPUT, "line 2: a label of 1001 bytes: more than 1000");
    assert_ok(clt_test_corpus_read(text, bytes + CLT_CLASS_BYTES_MAX, NULL, &corpus, &error));
    clt_corpus_free(corpus);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_without_labels),
        cmocka_unit_test(test_escaped_quotes),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_rows_that_do_not_end),
        cmocka_unit_test(test_skips_bad_rows),
        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_many_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
