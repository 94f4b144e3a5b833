/* Labelled texts: what is read from tables and lines, and in what order. What the files of
 * fixtures/tables hold is what Python's csv and json modules read from them
 * (fixtures/make_tables.py). */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "data/utf8.h"
#include "support/corpus.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/random.h"

#define TABLES CLT_SOURCE_DIR "/tests/unit/fixtures/tables/"

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
        clt_test_check_sample(train, k, json_string_value(text), json_string_length(text),
                              json_string_value(json_array_get(row, 2)));
    }
    clt_corpus_free(train);
}

static void test_as_python(void **state)
{
    (void)state;
    json_error_t reason;
    const char *name;
    json_t *rows, *tables = json_load_file(TABLES "expected.json", JSON_ALLOW_NUL, &reason);
    assert_non_null(tables);
    assert_int_equal(json_object_size(tables), 10);
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

static void test_forms(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus, *test;
    assert_fails(READ("", NULL, &corpus), CLT_INPUT, "it is empty");
    assert_fails(READ("\xef\xbb\xbf\n\n", NULL, &corpus), CLT_INPUT, "no form that is known");
    assert_fails(READ("PK\3\4 and so on", NULL, &corpus), CLT_INPUT, "a zip");
    assert_fails(READ("\xfd\x37zXZ", NULL, &corpus), CLT_INPUT, "xz: of compressed files only");
    assert_fails(READ("text;label\na;b\n", NULL, &corpus), CLT_INPUT,
                 "one column, 'text;label': separate columns by commas or tabs");
    assert_fails(READ("\xff\xfet\0e\0x\0t\0", NULL, &corpus), CLT_INPUT, "UTF-16");
    assert_true(clt_data_is_npz(CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz"));
    assert_false(clt_data_is_npz(CLT_SOURCE_DIR "/LICENSE"));
    assert_false(clt_data_is_npz(TABLES));
    assert_false(clt_data_is_npz("/nowhere"));
    assert_fails(clt_corpus_open(CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz", NULL, &corpus,
                                 &test, &error),
                 CLT_INPUT, "reviews.npz: a zip: only Keras's imdb.npz is read from one");
    assert_fails(clt_corpus_open("/nowhere/a.csv", NULL, &corpus, &test, &error), CLT_INPUT,
                 "cannot open /nowhere/a.csv");
    assert_fails(clt_corpus_open(CLT_SOURCE_DIR "/LICENSE", NULL, &corpus, &test, &error),
                 CLT_INPUT, "LICENSE: line 1: no form that is known");
}

/* Makes the standard input of this process another one; returns the one before. */
static int replace_input(int descriptor)
{
    int before = dup(STDIN_FILENO);
    assert_true(before >= 0 && dup2(descriptor, STDIN_FILENO) == STDIN_FILENO);
    return before;
}

/* More than a pipe holds, and so in pieces. */
static void test_standard_input(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *corpus, *test;
    char *bytes;
    size_t size;
    FILE *writer = popen("echo text,label; for k in 1 2; do head -c 70000 /dev/zero; echo ,$k; "
                         "done",
                         "r");
    int folder = open("/", O_RDONLY);
    assert_true(writer != NULL && folder >= 0);
    int before = replace_input(fileno(writer));
    assert_ok(clt_corpus_open("-", NULL, &corpus, &test, &error));
    assert_int_equal(corpus->count, 2);
    assert_int_equal(corpus->offsets[2], 140000);
    clt_corpus_free(corpus);
    assert_fails(clt_corpus_open("-", NULL, &corpus, &test, &error), CLT_INPUT,
                 "standard input: it is empty");
    pclose(writer);
    close(replace_input(folder));
    assert_fails(clt_corpus_open("-", NULL, &corpus, &test, &error), CLT_INPUT,
                 "cannot read standard input: Is a directory");
    close(replace_input(before));
    close(before);
    close(folder);
    int table = open(TABLES "mac.csv", O_RDONLY);
    assert_fails(clt_file_read_rest(table, "it", 30, &bytes, &size, &error), CLT_INPUT,
                 "it: more than the limit of 30 bytes");
    assert_true(lseek(table, 0, SEEK_SET) == 0);
    assert_ok(clt_file_read_rest(table, "it", 31, &bytes, &size, &error));
    assert_int_equal(size, 31);
    free(bytes);
    close(table);
}

/* Where a file's end comes too early for every state of a reader. */
static void test_cut_short(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xef\xbb\xbf\"te\"\"xt\",label,text\r\n\"a \"\"b\"\"\"\t,\xff,c\r\n"
        "\"\xe2\x82\xac\",\"x\",\"y\ny\"\r",
        "\n{\"text\":\"\\u20ac\\n\xe2\x82\xac\",\"label\":-1.5,\"more\":[{}]}\r\n"
        "{\"label\":true,\"text\":\"\"}\n",
        "__label__a x_ __l\r\n \t\n__label__\xc3\xa9",
    };
    clt_error error;
    clt_corpus *corpus;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        for (size_t bytes = 1; bytes <= strlen(texts[k]); bytes++) {
            for (int skip = 0; skip < 2; skip++) {
                clt_corpus_options options = {.skip_bad_rows = skip, .unlabelled = bytes % 2};
                clt_status status =
                    clt_test_corpus_read(texts[k], bytes, &options, &corpus, &error);
                assert_true(status == CLT_OK || status == CLT_INPUT);
                if (status == CLT_OK) {
                    assert_in_range(corpus->count, 1, 2);
                    clt_corpus_free(corpus);
                }
            }
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "text,label\na\xff,x\nb,y\n\"c\n",
        "{\"text\":\"a\xff\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n{}\n",
        "__label__x a\xff\n__label__y b\nc\n",
    };
    clt_corpus_options options = {.skip_bad_rows = true};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        clt_error error;
        clt_corpus *corpus;
        unsigned long n = 1;
        for (;; n++) {
            clt_memory_fail_at(n, false);
            clt_status status =
                clt_test_corpus_read(texts[k], strlen(texts[k]), &options, &corpus, &error);
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

static void test_other_classes(void **state)
{
    (void)state;
    static const char *const classes[] = {"c", "a", "b"}, *const few[] = {"a", "c"};
    clt_corpus_options options = {.unlabelled = true};
    clt_error error;
    clt_corpus *corpus;
    assert_ok(READ("text,label\n0,a\n1,b\n2,a\n", NULL, &corpus));
    assert_fails(clt_corpus_use_classes(corpus, few, 2, &error), CLT_INPUT,
                 "line 3: class 'b' is none of 'a', 'c'");
    CHECK(corpus, "0|a", "1|b", "2|a");
    for (unsigned long n = 1; n <= 5; n++) {
        clt_memory_fail_at(n, false);
        assert_fails(clt_corpus_use_classes(corpus, classes, 3, &error), CLT_FAILED, "memory");
        CHECK(corpus, "0|a", "1|b", "2|a");
    }
    clt_memory_fail_at(0, false);
    assert_ok(clt_corpus_use_classes(corpus, classes, 3, &error));
    assert_int_equal(corpus->class_count, 3);
    assert_string_equal(corpus->classes[0], "c");
    assert_int_equal(corpus->labels[0], 1);
    assert_int_equal(corpus->labels[1], 2);
    assert_int_equal(corpus->labels[2], 1);
    clt_corpus_free(corpus);
    /* A class that a part has no samples of need not be among the others. */
    clt_corpus *rest, *part;
    assert_ok(READ("text,label\n0,a\n1,a\n2,c\n3,c\n4,zz\n", NULL, &corpus));
    assert_ok(clt_corpus_split(corpus, 0.4, 1, &rest, &part, &error));
    assert_int_equal(part->count, 2);
    assert_int_equal(part->class_count, 3);
    assert_ok(clt_corpus_use_classes(part, few, 2, &error));
    assert_int_equal(part->labels[0], 0);
    assert_int_equal(part->labels[1], 1);
    assert_fails(clt_corpus_use_classes(rest, few, 2, &error), CLT_INPUT, "class 'zz' is none of");
    clt_corpus_free(rest);
    clt_corpus_free(part);
    clt_corpus_free(corpus);
    assert_ok(READ("text,label\n0,a\n", &options, &corpus));
    assert_fails(clt_corpus_use_classes(corpus, few, 2, &error), CLT_USAGE, "without labels");
    clt_corpus_free(corpus);
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
    static const struct {
        const char *begin, *favoured;
    } forms[] = {
        {"text,label\n", "\"\"\"\",,,\n\n\r\t axy\xff\xc3\xa9"},
        {"{\"text\":\"\",\"label\":1}\n{\"text\":\"", "\"\"\"\\nu00{}[]:,\n\xe2\x82\xac"},
        {"__label__a\n", "__label__\n__label__ \n\xc3\xa9"},
    };
    clt_random random = clt_random_stream(7, CLT_RANDOM_DEMO, 0);
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        size_t samples = 0;
        for (int k = 0; k < 50000; k++) {
            clt_error error;
            clt_corpus *corpus;
            char text[96];
            size_t bytes = (size_t)sprintf(text, "%s", forms[form].begin);
            size_t more = clt_random_below(&random, 40);
            clt_corpus_options options = {.skip_bad_rows = k % 4 != 0, .unlabelled = k % 3 == 0};
            for (size_t j = 0; j < more; j++) { /* its 0 too */
                size_t which =
                    clt_random_below(&random, (uint32_t)strlen(forms[form].favoured) + 1);
                text[bytes++] = forms[form].favoured[which];
            }
            clt_status status = clt_test_corpus_read(text, bytes, &options, &corpus, &error);
            assert_true(status == CLT_OK || status == CLT_INPUT);
            if (status == CLT_OK) {
                samples += corpus->count;
                clt_corpus_free(corpus);
            }
        }
        assert_in_range(samples, 10000, 200000);
    }
}

/* In every form, once. */
static void test_label_prefix(void **state)
{
    (void)state;
    clt_error error;
    static const char *const forms[] = {
        "text,label\na,__label__x\nb, __label__ y\nc,x\nd,__label____label__x\n",
        "text\tlabel\na\t__label__x\nb\t\"__label__y\"\nc\tx\nd\t__label____label__x\n",
        ("{\"text\":\"a\",\"label\":\"__label__x\"}\n{\"text\":\"b\",\"label\":\"__label__y \"}\n"
         "{\"text\":\"c\",\"label\":\"x\"}\n{\"text\":\"d\",\"label\":\"__label____label__x\"}\n"),
        "__label__x a\n__label__y b\n__label__x c\n__label____label__x d\n"};
    clt_corpus *corpus;
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        assert_ok(clt_test_corpus_read(forms[k], strlen(forms[k]), NULL, &corpus, &error));
        CHECK(corpus, "a|x", "b|y", "c|x", "d|__label__x");
        assert_int_equal(corpus->class_count, 3);
        clt_corpus_free(corpus);
    }
    assert_fails(READ("text,label\na,__label__\n", NULL, &corpus), CLT_INPUT,
                 "line 2: the label is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_python),      cmocka_unit_test(test_classes),
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_other_classes),  cmocka_unit_test(test_repair),
        cmocka_unit_test(test_any_bytes),      cmocka_unit_test(test_label_prefix),
        cmocka_unit_test(test_standard_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
