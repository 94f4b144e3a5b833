/* Word vectors: files that gensim and fastText wrote (fixtures/make_vectors.py), files that are
 * damaged, and an embedding that is filled from them. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cltrain/model.h"
#include "data/vectors.h"
#include "data/vocabulary.h"
#include "util/memory.h"
#include "util/random.h"

#define FIXTURES CLT_SOURCE_DIR "/tests/unit/fixtures/vectors/"

static char path[] = "/tmp/cltrain-vectors-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor >= 0 ? close(descriptor) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const void *bytes, size_t count)
{
    unlink(path); /* truncating an old file can wait for the disk */
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
}

static void check_fixture(const char *name, const json_t *expected)
{
    clt_error error;
    clt_vectors *v;
    char file[512], word_text[64];
    const char *word;
    size_t bytes, count = 0;
    float values[5];
    snprintf(file, sizeof file, FIXTURES "%s", name);
    assert_ok(clt_vectors_open(file, 5, &v, &error));
    for (;; count++) {
        assert_ok(clt_vectors_next(v, &word, &bytes, &error));
        if (word == NULL) {
            break;
        }
        assert_true(bytes < sizeof word_text);
        memcpy(word_text, word, bytes);
        word_text[bytes] = 0;
        const json_t *want = json_object_get(expected, word_text);
        assert_int_equal(json_array_size(want), 5);
        assert_ok(clt_vectors_read(v, values, &error));
        for (size_t k = 0; k < 5; k++) {
            assert_true(values[k] == (float)json_number_value(json_array_get(want, k)));
        }
    }
    assert_ok(clt_vectors_next(v, &word, &bytes, &error)); /* stays at the end */
    assert_null(word);
    assert_int_equal(count, json_object_size(expected));
    clt_vectors_close(v);
}

static void test_real_files(void **state)
{
    (void)state;
    json_error_t reason;
    const char *name;
    json_t *all = json_load_file(FIXTURES "expected.json", 0, &reason), *expected;
    assert_int_equal(json_object_size(all), 4);
    json_object_foreach(all, name, expected)
    {
        check_fixture(name, expected);
    }
    json_decref(all);
}

/* "word=1,2 word=..." of a file, or the message that reading it ends with. */
static void read_all(int32_t width, char *text, size_t room)
{
    clt_error error;
    clt_vectors *v = NULL;
    const char *word = NULL;
    size_t bytes, used = 0;
    float *values = calloc((size_t)width, sizeof *values);
    assert_non_null(values);
    text[0] = 0;
    clt_status status = clt_vectors_open(path, width, &v, &error);
    while (status == CLT_OK && (status = clt_vectors_next(v, &word, &bytes, &error)) == CLT_OK &&
           word != NULL && (status = clt_vectors_read(v, values, &error)) == CLT_OK) {
        used += (size_t)snprintf(text + used, room - used, "%.*s=", (int)bytes, word);
        for (int32_t k = 0; k < width; k++) {
            used += (size_t)snprintf(text + used, room - used, "%g%s", (double)values[k],
                                     k + 1 < width ? "," : " ");
        }
    }
    if (status != CLT_OK) {
        assert_int_equal(status, CLT_INPUT);
        assert_memory_equal(error.message, path, strlen(path));
        snprintf(text, room, "%s", error.message + strlen(path));
    }
    clt_vectors_close(v);
    free(values);
}

#define CHECK(width, bytes, want)                                                                  \
    do {                                                                                           \
        char got_[2048];                                                                           \
        write_file(bytes, sizeof(bytes) - 1);                                                      \
        read_all(width, got_, sizeof got_);                                                        \
        assert_string_equal(got_, want);                                                           \
    } while (0)

static void test_text(void **state)
{
    (void)state;
    CHECK(2, "a 1 2\nb -3.5 4e1", "a=1,2 b=-3.5,40 ");
    CHECK(2, "2 2\na 1 2 \nb 3 4 \n", "a=1,2 b=3,4 ");
    CHECK(2,
          "\xef\xbb\xbf"
          "a 1 2\nb 3 4\n",
          "a=1,2 b=3,4 ");
    CHECK(2,
          "\xef\xbb\xbf"
          "2 2\na 1 2\nb 3 4\n",
          "a=1,2 b=3,4 ");
    CHECK(2, "a\t1\t2\r\n\r\nb   3  4  \r\n\n", "a=1,2 b=3,4 ");
    CHECK(2, "\n\n1 2\n\na 1 2\n", "a=1,2 ");
    CHECK(2, ". . . 1 2\nat x@y.z 3 4\n", ". . .=1,2 at x@y.z=3,4 ");
    CHECK(2, " 1 2\n 3 4", "=1,2 =3,4 ");
    CHECK(2, "\xff\xfe 1 2\n5 3 4\n", "\xff\xfe=1,2 5=3,4 ");
    CHECK(1, "a 1\nb 2\n", "a=1 b=2 ");
    CHECK(2, "0 2\n", "");
    CHECK(2, "+.5 .5 +5.\n", "+.5=0.5,5 ");
}

static void test_refused_text(void **state)
{
    (void)state;
    CHECK(2, "", ": no word vectors in it");
    CHECK(2, "\n \r\n", ": no word vectors in it");
    CHECK(2, "a 1 2 3\n", ": line 1: a word and 3 numbers, the embedding takes 2");
    CHECK(2, "a 1\n", ": line 1: a word and 1 numbers, the embedding takes 2");
    CHECK(2, "1 2\n", ": line 1 declares 1 words, 0 are there");
    CHECK(2, "hello\n", ": line 1: a word and 0 numbers, the embedding takes 2");
    CHECK(2, "a 1 2\n\nb 1 2 3\n", ": line 3: a word and 3 numbers, the embedding takes 2");
    CHECK(2, "a 1 2\nb 1\n", ": line 2: a word and 1 numbers, the embedding takes 2");
    CHECK(2, "9 3\na 1 2 3\n", ": line 1 declares vectors of 3 numbers, the embedding takes 2");
    CHECK(2, "18446744073709551615 99999999999999999999\n",
          ": line 1 declares vectors of 18446744073709551615 numbers, the embedding takes 2");
    CHECK(2, "18446744073709551615 2\na 1 2\n",
          ": line 1 declares 18446744073709551615 words, 1 are there");
    CHECK(2, "1 2\na 1 2\nb 1 2\n", ": line 1 declares 1 words, 2 are there");
    CHECK(2, "a 1 nan\n", ": line 1: 'nan' is not a finite number");
    CHECK(2, "a -inf 1\n", ": line 1: '-inf' is not a finite number");
    CHECK(2, "a 1 1e39\n", ": line 1: '1e39' is not a finite number");
    CHECK(2, "a 1 0x10\n", ": line 1: '0x10' is not a finite number");
    CHECK(2, "a 1 2,5\n", ": line 1: '2,5' is not a finite number");
    CHECK(2, "a 1 2\nb 1 -\n", ": line 2: '-' is not a finite number");
    CHECK(2, "a 1 2\0\n", ": line 1: '2' is not a finite number");
    clt_error error;
    clt_vectors *v;
    assert_fails(clt_vectors_open("/nowhere", 2, &v, &error), CLT_INPUT, "cannot open /nowhere");
    assert_fails(clt_vectors_open("/tmp", 2, &v, &error), CLT_INPUT, "/tmp: not a regular file");
}

/* Lines around the limit, and a file of many buffers. */
static void test_long_lines(void **state)
{
    (void)state;
    enum { MOST = 4096 + 2 * 64 }; /* bytes of a record of two numbers */
    char got[128];
    char *text = malloc(MOST + 16);
    assert_non_null(text);
    memset(text, 'w', MOST);
    memcpy(text + MOST - 5, " 1 2\na 3 4\n", 11);
    write_file(text, MOST + 6);
    clt_error error;
    clt_vectors *v;
    const char *word;
    size_t bytes;
    assert_ok(clt_vectors_open(path, 2, &v, &error));
    assert_ok(clt_vectors_next(v, &word, &bytes, &error));
    assert_int_equal(bytes, MOST - 5);
    assert_ok(clt_vectors_next(v, &word, &bytes, &error));
    assert_memory_equal(word, "a 3 4", 5);
    clt_vectors_close(v);
    memset(text, 'w', MOST + 1);
    memcpy(text + MOST - 4, " 1 2\n", 5);
    write_file(text, MOST + 1);
    read_all(2, got, sizeof got);
    assert_string_equal(got, ": line 1: longer than the 4224 bytes that a word and 2 numbers may "
                             "take");
    free(text);

    enum { LINES = 300000 };
    char *many = malloc((size_t)LINES * 24);
    size_t used = 0;
    assert_non_null(many);
    for (int k = 0; k < LINES; k++) {
        used += (size_t)sprintf(many + used, "w%d %d %d\n", k, k, -k);
    }
    write_file(many, used);
    assert_ok(clt_vectors_open(path, 2, &v, &error));
    for (int k = 0; k < LINES; k++) {
        float values[2];
        assert_ok(clt_vectors_next(v, &word, &bytes, &error));
        assert_ok(clt_vectors_read(v, values, &error));
        assert_true(word[0] == 'w' && atoi(word + 1) == k);
        assert_true(values[0] == (float)k && values[1] == (float)-k);
    }
    assert_ok(clt_vectors_next(v, &word, &bytes, &error));
    assert_null(word);
    clt_vectors_close(v);
    free(many);
}

#define ONE "\0\0\x80\x3f"
#define TWO "\0\0\0\x40"
#define NOT_A_NUMBER "\0\0\xc0\x7f"
#define INFINITE "\0\0\x80\xff"

static void test_binary(void **state)
{
    (void)state;
    CHECK(2, "2 2\na " ONE TWO "b " TWO ONE, "a=1,2 b=2,1 ");
    CHECK(2, "2 2\na " ONE TWO "\nb " TWO ONE "\n", "a=1,2 b=2,1 "); /* word2vec.c's line ends */
    CHECK(1, "2 1\na " ONE "b " TWO, "a=1 b=2 ");
    CHECK(1, "1 1\na \x01\x0a\x0a\x3f", "a=0.539215 "); /* line ends inside */
    CHECK(1, "2 1\n " ONE "\xff " TWO, "=1 \xff=2 ");
    CHECK(2, "2 2\na " ONE TWO "b " TWO "\0\0\0",
          ": byte 14: line 1 declares 2 words, and the file ends before the end of word 2");
    CHECK(2, "2 2\na " ONE TWO "b",
          ": byte 14: line 1 declares 2 words, and the file ends before the end of word 2");
    CHECK(2, "2 2\na " ONE TWO,
          ": byte 14: line 1 declares 2 words, and the file ends before the end of word 2");
    CHECK(2, "1 2\na " ONE TWO "b " TWO ONE,
          ": byte 14: line 1 declares 1 words, and more bytes follow word 1");
    CHECK(2, "99999999999999999999 2\na " ONE TWO,
          ": byte 33: line 1 declares 18446744073709551615 words, and the file ends before the end "
          "of word 2");
    CHECK(2, "1 2\na " ONE NOT_A_NUMBER, ": byte 10: number 2 of word 1 is NaN");
    CHECK(2, "2 2\na " ONE TWO "\nb " INFINITE ONE, ": byte 17: number 1 of word 2 is infinite");
    CHECK(3, "1 2\na " ONE TWO, ": line 1 declares vectors of 2 numbers, the embedding takes 3");

    char got[256], bytes[8192] = "2 1\na " ONE;
    memset(bytes + 10, 'w', sizeof bytes - 10);
    write_file(bytes, sizeof bytes);
    read_all(1, got, sizeof got);
    assert_string_equal(got, ": byte 10: line 1 declares 2 words, and there is no end to word 2");
}

/* Any damage to a file: no crash, no message of more than a line, no status but these two. */
static void test_damaged(void **state)
{
    (void)state;
    static const char *const names[] = {"glove.txt", "word2vec.txt", "word2vec.bin",
                                        "fasttext.vec"};
    clt_random random = clt_random_stream(4, CLT_RANDOM_DEMO, 0);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char file[512], whole[1024], bytes[1024], got[8192];
        snprintf(file, sizeof file, FIXTURES "%s", names[n]);
        FILE *stream = fopen(file, "rb");
        assert_non_null(stream);
        size_t size = fread(whole, 1, sizeof whole, stream);
        fclose(stream);
        for (int k = 0; k < 1500; k++) {
            size_t count = size;
            memcpy(bytes, whole, size);
            for (uint32_t j = 0; j <= clt_random_below(&random, 3); j++) {
                bytes[clt_random_below(&random, (uint32_t)size)] = (char)clt_random_u32(&random);
            }
            if (clt_random_below(&random, 4) == 0) {
                count = clt_random_below(&random, (uint32_t)size);
            }
            write_file(bytes, count);
            read_all(5, got, sizeof got);
            assert_null(strpbrk(got[0] == ':' ? got : "", "\n\r"));
        }
    }
}

static clt_model *make_model(bool counts)
{
    static const clt_reading reading = {8, 0, 1, 2, 3, 6, CLT_PRE, CLT_PRE};
    static const char words[] = "the\0\0film\0caf\xc3\xa9"; /* ids 4, 6, 7 */
    clt_error error;
    clt_model *model;
    clt_vocabulary *v;
    assert_ok(clt_model_create("embedding:2,lstm:2,dense:1", &reading, 1, &model, &error));
    assert_ok(clt_vocabulary_create(words, sizeof words, 4, &v, &error));
    for (int32_t rank = 1; counts && rank <= 4; rank++) {
        v->words[rank].count = rank == 2 ? 0 : 100 / rank;
    }
    assert_ok(clt_model_set_vocabulary(model, v, &error));
    clt_vocabulary_free(v);
    return model;
}

static void test_embedding(void **state)
{
    (void)state;
    clt_error error;
    float before[16];
    clt_vector_coverage coverage;
    clt_model *model = make_model(true);
    float *table = clt_model_tensor(model, "embedding.embeddings", NULL);
    memcpy(before, table, sizeof before);
    static const char text[] = "other nan nan\ncaf\xc3\xa9 1 2\nthe 3 4\nThe 5 6\nthe 7 8\n";
    write_file(text, sizeof text - 1);
    assert_ok(clt_model_load_vectors(model, path, &coverage, &error));
    assert_int_equal(coverage.words, 3);
    assert_int_equal(coverage.words_found, 2);
    assert_int_equal(coverage.tokens, 100 + 33 + 25);
    assert_int_equal(coverage.tokens_found, 100 + 25);
    static const float the[] = {3, 4}, cafe[] = {1, 2};
    assert_memory_equal(table, before, 8 * sizeof *table);
    assert_memory_equal(table + 8, the, sizeof the);
    assert_memory_equal(table + 10, before + 10, 4 * sizeof *table);
    assert_memory_equal(table + 14, cafe, sizeof cafe);
    memcpy(before, table, sizeof before);
    static const char late[] = "the 9 9\nfilm 9 inf\n";
    write_file(late, sizeof late - 1);
    assert_fails(clt_model_load_vectors(model, path, NULL, &error), CLT_INPUT,
                 "line 2: 'inf' is not a finite number");
    assert_memory_equal(table, before, sizeof before); /* nothing has changed */
    static const char wide[] = "the 9 9 9\n";
    write_file(wide, sizeof wide - 1);
    assert_fails(clt_model_load_vectors(model, path, NULL, &error), CLT_INPUT,
                 "a word and 3 numbers, the embedding takes 2");
    clt_model_free(model);
    model = make_model(false);
    write_file(text, sizeof text - 1);
    assert_ok(clt_model_load_vectors(model, path, &coverage, &error));
    assert_int_equal(coverage.words_found, 2);
    assert_int_equal(coverage.tokens, 0);
    clt_model_free(model);
    assert_ok(clt_model_create("embedding:2,lstm:2,dense:1", NULL, 1, &model, &error));
    assert_fails(clt_model_load_vectors(model, path, NULL, &error), CLT_INPUT,
                 "the model knows no words");
    clt_model_free(model);
}

/* Each allocation fails in turn; the sanitizers see what is left behind. */
static void test_no_memory(void **state)
{
    (void)state;
    clt_error error;
    clt_model *model = make_model(true);
    clt_status status = CLT_FAILED;
    unsigned long n = 0;
    write_file("the 3 4\n", 8);
    while (status != CLT_OK) {
        clt_memory_fail_at(++n, false);
        status = clt_model_load_vectors(model, path, NULL, &error);
        clt_memory_fail_at(0, false);
        assert_true(status == CLT_OK || status == CLT_FAILED);
    }
    assert_int_equal(n, 6);
    clt_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_files),   cmocka_unit_test(test_text),
        cmocka_unit_test(test_refused_text), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_binary),       cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_embedding),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
