/* Labelled texts: what is read from tables, and in what order. What the files of fixtures/tables
 * hold is what Python's csv module reads from them (fixtures/make_tables.py). */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "data/corpus.h"
#include "data/utf8.h"
#include "util/memory.h"
#include "util/random.h"

#define TABLES CLT_SOURCE_DIR "/tests/unit/fixtures/tables/"

static clt_status read_bytes(const char *text, size_t bytes, const clt_corpus_options *options,
                             clt_corpus **train, clt_error *error)
{
    static const clt_corpus_options none = {0};
    clt_corpus *test;
    char *copy = malloc(bytes > 0 ? bytes : 1); /* exact, so that one byte too far is seen */
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    clt_status status =
        clt_corpus_read(copy, bytes, options != NULL ? options : &none, train, &test, error);
    assert_null(test);
    return status;
}
#define READ(text, options, train) read_bytes((text), sizeof(text) - 1, (options), (train), &error)

static void check_sample(const clt_corpus *corpus, size_t k, const char *text, size_t bytes,
                         const char *label)
{
    assert_int_equal(corpus->offsets[k + 1] - corpus->offsets[k], bytes);
    assert_memory_equal(corpus->text + corpus->offsets[k], text, bytes);
    assert_in_range(corpus->labels[k], 0, corpus->class_count - 1);
    assert_string_equal(corpus->classes[corpus->labels[k]], label);
}

/* `samples`: "text|label", NULL behind the last. */
static void check_corpus(const clt_corpus *corpus, const char *const *samples)
{
    size_t count = 0;
    for (; samples[count] != NULL; count++) {
        const char *label = strrchr(samples[count], '|') + 1;
        assert_true(count < corpus->count);
        check_sample(corpus, count, samples[count], (size_t)(label - 1 - samples[count]), label);
    }
    assert_int_equal(corpus->count, count);
    for (int32_t k = 1; k < corpus->class_count; k++) {
        assert_true(strcmp(corpus->classes[k - 1], corpus->classes[k]) < 0);
    }
}
#define CHECK(corpus, ...) check_corpus((corpus), (const char *const[]){__VA_ARGS__, NULL})

static void check_table(const char *name, const json_t *rows)
{
    clt_error error;
    clt_corpus *train, *test;
    char path[512];
    size_t k;
    json_t *row;
    snprintf(path, sizeof path, "%s%s", TABLES, name);
    assert_ok(clt_corpus_open(path, NULL, &train, &test, &error));
    assert_null(test);
    assert_int_equal(train->count, json_array_size(rows));
    json_array_foreach(rows, k, row)
    {
        const json_t *text = json_array_get(row, 1);
        assert_int_equal(train->lines[k], json_integer_value(json_array_get(row, 0)));
        check_sample(train, k, json_string_value(text), json_string_length(text),
                     json_string_value(json_array_get(row, 2)));
    }
    clt_corpus_free(train);
}

static void test_as_python_csv(void **state)
{
    (void)state;
    json_error_t reason;
    const char *name;
    json_t *rows, *tables = json_load_file(TABLES "expected.json", JSON_ALLOW_NUL, &reason);
    assert_non_null(tables);
    assert_int_equal(json_object_size(tables), 7);
    json_object_foreach(tables, name, rows)
    {
        check_table(name, rows);
    }
    json_decref(tables);
}

static void test_classes(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    assert_ok(
        READ("label,text\n10,a\n9,b\n 9 ,c\nB,d\na,e\n\xc3\xa9,f\n10.0,g\n10,h\n", NULL, &corpus));
    assert_int_equal(corpus->class_count, 6);
    assert_string_equal(corpus->classes[0], "10");
    assert_string_equal(corpus->classes[1], "10.0");
    assert_string_equal(corpus->classes[2], "9");
    assert_string_equal(corpus->classes[3], "B");
    assert_string_equal(corpus->classes[4], "a");
    assert_string_equal(corpus->classes[5], "\xc3\xa9");
    CHECK(corpus, "a|10", "b|9", "c|9", "d|B", "e|a", "f|\xc3\xa9", "g|10.0", "h|10");
    clt_corpus_free(corpus);
}

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
        assert_fails(read_bytes(text, (size_t)bytes, NULL, &corpus, &error), CLT_INPUT,
                     cases[k].message);
    }
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
    assert_int_equal(corpus->lines[3], 7);
    assert_int_equal(corpus->lines[4], 11);
    clt_corpus_free(corpus);
    assert_fails(READ("text,label\na\nb,\n", &options, &corpus), CLT_INPUT,
                 "no samples: 2 bad rows, the first: line 2: 1 fields");
    assert_fails(READ("text,label\n\n", &options, &corpus), CLT_INPUT, "no samples");
}

static void test_too_much(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus;
    clt_corpus_options options = {.skip_bad_rows = true};
    static const char header[] = "text,label\n\"", end[] = "\",x\nshort,y\n";
    size_t most = CLT_LINE_BYTES_MAX - 4, bytes = strlen(header) + most + strlen(end);
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    for (size_t over = 0; over < 2; over++) {
        memcpy(text, header, strlen(header));
        memset(text + strlen(header), 'a', most + over);
        memcpy(text + strlen(header) + most + over, end, strlen(end));
        assert_ok(read_bytes(text, bytes + over, &options, &corpus, &error));
        assert_int_equal(corpus->count, 2 - over);
        assert_int_equal(corpus->bad_rows, over);
        clt_corpus_free(corpus);
    }
    assert_fails(read_bytes(text, bytes + 1, NULL, &corpus, &error), CLT_INPUT, "line 2: longer");
    free(text);
    /* more classes than classes can be, and a name that is a text */
    text = malloc(1 << 20);
    assert_non_null(text);
    bytes = (size_t)sprintf(text, "text,label\n");
    for (int k = 0; k <= CLT_CLASSES_MAX; k++) {
        bytes += (size_t)sprintf(text + bytes, ",%d\n", k * 7919 % 99991);
    }
    assert_fails(read_bytes(text, bytes, NULL, &corpus, &error), CLT_INPUT,
                 "line 32770: '13147' is one class more than 32768");
    bytes = (size_t)sprintf(text, "text,label\na,");
    memset(text + bytes, 'x', CLT_CLASS_BYTES_MAX + 1);
    assert_fails(read_bytes(text, bytes + CLT_CLASS_BYTES_MAX + 1, NULL, &corpus, &error),
                 CLT_INPUT, "line 2: a label of 1001 bytes: more than 1000");
    assert_ok(read_bytes(text, bytes + CLT_CLASS_BYTES_MAX, NULL, &corpus, &error));
    clt_corpus_free(corpus);
    free(text);
}

static void test_forms(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus, *test;
    assert_fails(READ("", NULL, &corpus), CLT_INPUT, "it is empty");
    assert_fails(READ("\xef\xbb\xbf\n\n", NULL, &corpus), CLT_INPUT, "no form that is known");
    assert_fails(READ("PK\3\4 and so on", NULL, &corpus), CLT_INPUT, "a zip");
    assert_fails(READ("\xff\xfet\0e\0x\0t\0", NULL, &corpus), CLT_INPUT, "UTF-16");
    assert_fails(clt_corpus_open("/nowhere/a.csv", NULL, &corpus, &test, &error), CLT_INPUT,
                 "cannot open /nowhere/a.csv");
    assert_fails(clt_corpus_open(CLT_SOURCE_DIR "/LICENSE", NULL, &corpus, &test, &error),
                 CLT_INPUT, "LICENSE: line 1: no form that is known");
}

/* More than a pipe holds, and so in pieces. */
static void test_standard_input(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus, *test;
    int before = dup(STDIN_FILENO);
    FILE *writer = popen("{ echo text,label; for k in 1 2; do head -c 70000 /dev/zero; echo ,$k; "
                         "done; } 2>/dev/null",
                         "r");
    assert_true(before >= 0 && writer != NULL);
    assert_true(dup2(fileno(writer), STDIN_FILENO) == STDIN_FILENO);
    assert_ok(clt_corpus_open("-", NULL, &corpus, &test, &error));
    assert_int_equal(corpus->count, 2);
    assert_int_equal(corpus->offsets[2], 140000);
    clt_corpus_free(corpus);
    assert_fails(clt_corpus_open("-", NULL, &corpus, &test, &error), CLT_INPUT,
                 "standard input: it is empty");
    pclose(writer);
    assert_true(dup2(before, STDIN_FILENO) == STDIN_FILENO);
    close(before);
}

/* Where a file's end comes too early for every state of the reader, and where memory does. */
static void test_cut_short(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf\"te\"\"xt\",label,text\r\n\"a \"\"b\"\"\"\t,\xff,c\r\n"
                               "\"\xe2\x82\xac\",\"x\",\"y\ny\"\r";
    clt_error error;
    clt_corpus *corpus;
    for (size_t bytes = 1; bytes < sizeof text; bytes++) {
        for (int skip = 0; skip < 2; skip++) {
            clt_corpus_options options = {.skip_bad_rows = skip, .unlabelled = bytes % 2};
            clt_status status = read_bytes(text, bytes, &options, &corpus, &error);
            assert_true(status == CLT_OK || status == CLT_INPUT);
            if (status == CLT_OK) {
                assert_in_range(corpus->count, 1, 2);
                clt_corpus_free(corpus);
            }
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "text,label\na\xff,x\nb,y\n\"c\n";
    clt_corpus_options options = {.skip_bad_rows = true};
    clt_error error;
    clt_corpus *corpus;
    unsigned long n = 1;
    for (;; n++) {
        clt_memory_fail_at(n, false);
        clt_status status = READ(text, &options, &corpus);
        if (status == CLT_OK) {
            status = clt_corpus_shuffle(corpus, NULL, 113, &error);
            CHECK(corpus, "a\xef\xbf\xbd|x", "b|y");
            clt_corpus_free(corpus);
        }
        clt_memory_fail_at(0, false);
        if (status == CLT_OK) {
            break;
        }
        assert_int_equal(status, CLT_FAILED);
        assert_non_null(strstr(error.message, "out of memory"));
    }
    assert_in_range(n, 20, 60);
}

/* What numpy.random.RandomState(113) makes of ten samples, then of another ten; see
 * test_random_state.c. */
static void test_shuffle(void **state)
{
    (void)state;
    static const char text[] = "text,label\n0,a\n1,b\n2,a\n3,b\n4,a\n5,b\n6,a\n7,b\n8,a\n9,b\n";
    clt_error error;
    clt_corpus *train, *test;
    assert_ok(READ(text, NULL, &train));
    assert_ok(READ(text, NULL, &test));
    assert_ok(clt_corpus_shuffle(train, test, 113, &error));
    CHECK(train, "9|b", "3|b", "6|a", "1|b", "0|a", "7|b", "4|a", "8|a", "2|a", "5|b");
    CHECK(test, "6|a", "9|b", "5|b", "0|a", "1|b", "4|a", "8|a", "3|b", "7|b", "2|a");
    assert_int_equal(train->lines[0], 11);
    assert_int_equal(test->lines[9], 4);
    assert_ok(clt_corpus_shuffle(test, NULL, 113, &error));
    clt_corpus_free(train);
    clt_corpus_free(test);
}

static void test_repair(void **state)
{
    (void)state;
    static const char want[] = "12345678\xef\xbf\xbd\xc3\xa9 ok";
    clt_error error;
    char *text = strdup("12345678\xff\xc3\xa9 ok"), *before;
    size_t bytes = strlen(text);
    assert_ok(clt_utf8_repair(&text, &bytes, &error));
    assert_int_equal(bytes, sizeof want - 1);
    assert_memory_equal(text, want, bytes);
    before = text;
    assert_ok(clt_utf8_repair(&text, &bytes, &error));
    assert_ptr_equal(text, before);
    assert_int_equal(bytes, sizeof want - 1);
    free(text);
}

/* Any bytes at all; the sanitizers watch the ends of the buffers. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char favoured[] = "\"\"\"\",,,\n\n\r\t axy\xff\xc3\xa9\0";
    clt_random random = clt_random_stream(7, CLT_RANDOM_DEMO, 0);
    size_t samples = 0;
    for (int k = 0; k < 50000; k++) {
        clt_error error;
        clt_corpus *corpus;
        char text[64] = "text,label\n";
        size_t bytes = strlen(text), more = clt_random_below(&random, 40);
        clt_corpus_options options = {.skip_bad_rows = k % 4 != 0, .unlabelled = k % 3 == 0};
        for (size_t j = 0; j < more; j++) {
            text[bytes++] = favoured[clt_random_below(&random, sizeof favoured)];
        }
        clt_status status = read_bytes(text, bytes, &options, &corpus, &error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
        if (status == CLT_OK) {
            samples += corpus->count;
            clt_corpus_free(corpus);
        }
    }
    assert_in_range(samples, 10000, 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_python_csv), cmocka_unit_test(test_classes),
        cmocka_unit_test(test_columns),       cmocka_unit_test(test_without_labels),
        cmocka_unit_test(test_bad_rows),      cmocka_unit_test(test_skips_bad_rows),
        cmocka_unit_test(test_too_much),      cmocka_unit_test(test_forms),
        cmocka_unit_test(test_cut_short),     cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_shuffle),       cmocka_unit_test(test_repair),
        cmocka_unit_test(test_any_bytes),     cmocka_unit_test(test_standard_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
