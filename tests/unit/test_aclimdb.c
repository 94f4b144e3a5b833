/* The Large Movie Review Dataset: a folder and an archive give the same reviews in the same order,
 * and hostile archives give errors. The real archive is read when CLTRAIN_ACLIMDB names it. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/aclimdb.h"
#include "data/lines.h"
#include "support/corpus.h"
#include "util/memory.h"
#include "util/random.h"

typedef struct file {
    const char *path, *text;
} file;

/* In no order, with all that lies beside the reviews. */
static const file FILES[] = {
    {"README", "x"},
    {"train/urls_pos.txt", "x"},
    {"train/pos/2_9.txt", "two"},
    {"train/pos/10_8.txt", "\xef\xbb\xbften\r\n"},
    {"train/pos/1_10.txt", "one"},
    {"train/pos/1_10.txt.bak", "x"},
    {"train/pos/_1.txt", "x"},
    {"train/pos/1_.txt", "x"},
    {"train/pos/a1_1.txt", "x"},
    {"train/unsup/0_0.txt", "x"},
    {"train/neg/3_1.txt", ""},
    {"train/neg/0_1.txt", "caf\xc3\xa9\xff"},
    {"test/labeledBow.feat", "x"},
    {"test/neg/7_2.txt", "seven"},
    {"test/pos/5_7.txt", "five"},
    {"test/pos/4_7.txt", "four"},
};
enum { FILE_COUNT = sizeof FILES / sizeof *FILES };

static void check_reviews(clt_corpus *train, clt_corpus *test)
{
    CHECK(train, "caf\xc3\xa9\xef\xbf\xbd|neg", "|neg", "ten\r\n|pos", "one|pos", "two|pos");
    CHECK(test, "seven|neg", "four|pos", "five|pos");
    assert_null(train->lines);
    clt_corpus_free(train);
    clt_corpus_free(test);
}

typedef struct tar {
    char bytes[65536];
    size_t count;
} tar;

/* Octal digits and a 0, `width` bytes in all. */
static void put_number(char *to, int width, unsigned long number)
{
    for (int k = width - 2; k >= 0; k--) {
        to[k] = (char)('0' + number % 8);
        number /= 8;
    }
    to[width - 1] = 0;
}

static void put_checksum(char *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int k = 0; k < 512; k++) {
        sum += (unsigned char)header[k];
    }
    put_number(header + 148, 7, sum);
}

/* A header as POSIX has it; type '0' is a file, '2' a symbolic link. */
static char *put_header(tar *t, const char *top, const char *path, char type, unsigned long size)
{
    char *header = t->bytes + t->count;
    memset(header, 0, 512);
    snprintf(header, 100, "%s%s", top, path);
    put_number(header + 100, 8, 0644);
    put_number(header + 108, 8, 0);
    put_number(header + 116, 8, 0);
    put_number(header + 124, 12, size);
    put_number(header + 136, 12, 0);
    header[156] = type;
    if (type == '1' || type == '2') {
        snprintf(header + 157, 100, "/etc/passwd");
    }
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    put_checksum(header);
    t->count += 512;
    return header;
}

static void put_file(tar *t, const char *top, const char *path, const char *text)
{
    size_t bytes = strlen(text);
    put_header(t, top, path, '0', bytes);
    memset(t->bytes + t->count, 0, 512);
    memcpy(t->bytes + t->count, text, bytes);
    t->count += bytes > 0 ? 512 : 0;
}

static void put_end(tar *t)
{
    memset(t->bytes + t->count, 0, 1024);
    t->count += 1024;
}

static void put_files(tar *t, const char *top)
{
    t->count = 0;
    for (int k = 0; k < FILE_COUNT; k++) {
        put_file(t, top, FILES[k].path, FILES[k].text);
    }
}

static clt_status read_bytes(const char *bytes, size_t count, clt_corpus **train, clt_corpus **test,
                             clt_error *error)
{
    static const clt_corpus_options options = {0};
    char *copy = malloc(count > 0 ? count : 1); /* exact, so that one byte too far is seen */
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    return clt_corpus_read(copy, count, &options, train, test, error);
}

static void test_archive(void **state)
{
    (void)state;
    static const char *const tops[] = {"aclImdb/", "./aclImdb/", "./", "", "/"};
    static tar t;
    clt_error error;
    clt_corpus *train, *test;
    for (size_t k = 0; k < sizeof tops / sizeof *tops; k++) {
        put_files(&t, tops[k]);
        put_header(&t, tops[k], "train/", '5', 0);
        put_end(&t);
        assert_ok(read_bytes(t.bytes, t.count, &train, &test, &error));
        check_reviews(train, test);
    }
    put_files(&t, "a/b/");
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "no training reviews: looked for files like (train|test)/(neg|pos)/ID_RATING.txt, "
                 "found 'a/b/README', 'a/b/train/urls_pos.txt', ");
}

/* What Python's tarfile makes of the same files (fixtures/make_aclimdb.py). */
static void test_packed(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *train, *test;
    assert_ok(clt_corpus_open(CLT_SOURCE_DIR "/tests/unit/fixtures/aclimdb.tar.gz", NULL, &train,
                              &test, &error));
    check_reviews(train, test);
}

static char folder[] = "/tmp/cltrain-aclimdb-XXXXXX";

static int run(const char *command)
{
    char line[512];
    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    return system(line);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || run("mkdir -p train/pos/sub train/neg train/unsup test/pos "
                                       "test/neg") != 0) {
        return -1;
    }
    for (int k = 0; k < FILE_COUNT; k++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, FILES[k].path);
        FILE *stream = fopen(path, "wb");
        if (stream == NULL || fputs(FILES[k].text, stream) < 0 || fclose(stream) != 0) {
            return -1;
        }
    }
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char line[64];
    snprintf(line, sizeof line, "rm -r %s", folder);
    return system(line);
}

static void test_folder(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *train, *test;
    clt_corpus_options unlabelled = {.unlabelled = true};
    char path[64];
    assert_ok(clt_corpus_open(folder, NULL, &train, &test, &error));
    check_reviews(train, test);
    assert_ok(clt_corpus_open(folder, &unlabelled, &train, &test, &error));
    assert_int_equal(train->count, 5);
    assert_null(train->labels);
    assert_null(test->classes);
    clt_corpus_free(train);
    clt_corpus_free(test);
    assert_int_equal(run("ln -s 2_9.txt train/pos/link"), 0);
    assert_fails(clt_corpus_open(folder, NULL, &train, &test, &error), CLT_INPUT,
                 "/train/pos/link: a link or a device, where only regular files are read");
    assert_int_equal(run("rm train/pos/link && mv test tests"), 0);
    assert_ok(clt_corpus_open(folder, NULL, &train, &test, &error));
    assert_int_equal(train->count, 5);
    assert_null(test);
    clt_corpus_free(train);
    snprintf(path, sizeof path, "%s/train", folder);
    assert_fails(clt_corpus_open(path, NULL, &train, &test, &error), CLT_INPUT,
                 "/train: no training reviews: looked for files like");
    assert_non_null(strstr(error.message, "'unsup'"));
    assert_int_equal(run("rm -r train/neg && touch train/neg"), 0);
    assert_fails(clt_corpus_open(folder, NULL, &train, &test, &error), CLT_INPUT,
                 "/train/neg: Not a directory");
}

static void test_refused(void **state)
{
    (void)state;
    static const char types[] = "12346";
    static tar t;
    clt_error error;
    clt_corpus *train, *test;
    for (size_t k = 0; types[k] != 0; k++) {
        put_files(&t, "");
        put_header(&t, "", "other/x", types[k], 0);
        put_end(&t);
        assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                     "other/x: a link or a device, where only regular files are read");
    }
    put_files(&t, "");
    put_file(&t, "", "test/pos/5_7.txt", "again");
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "test/pos/5_7.txt comes twice");
    t.count = 0;
    put_file(&t, "", "train/neg/1_1.txt", "a");
    put_file(&t, "", "test/pos/1_7.txt", "b");
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "test: class 'pos' is none of 'neg'");
    t.count = 0;
    put_file(&t, "", "test/pos/1_7.txt", "b");
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "no training reviews");
    t.count = 0;
    put_header(&t, "", "train/neg/1_1.txt", '0', CLT_LINE_BYTES_MAX + 1);
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "train/neg/1_1.txt: longer than 64 MB");
}

/* GNU's old sparse format: 4 stored bytes that belong at 1000 of 1004. */
static void test_sparse(void **state)
{
    (void)state;
    static tar t;
    clt_error error;
    clt_corpus *train, *test;
    t.count = 0;
    char *header = put_header(&t, "", "train/neg/1_1.txt", 'S', 4);
    memcpy(header + 257, "ustar  ", 8);
    put_number(header + 386, 12, 1000);
    put_number(header + 398, 12, 4);
    put_number(header + 483, 12, 1004);
    put_checksum(header);
    memset(t.bytes + t.count, 'a', 512);
    t.count += 512;
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "train/neg/1_1.txt: a file with holes");
}

static void test_damaged(void **state)
{
    (void)state;
    static tar t;
    clt_error error;
    clt_corpus *train, *test;
    put_files(&t, "");
    t.bytes[512 + 512 + 3] ^= 1; /* a name, so that its header's checksum is wrong */
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "a damaged archive, or a packed file that is no tar, to be unpacked first: ");
    put_files(&t, "");
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "byte 15872: an archive that is cut short");
    t.count = 0;
    put_header(&t, "", "train/neg/1_1.txt", '0', 4000);
    put_end(&t);
    assert_fails(read_bytes(t.bytes, t.count, &train, &test, &error), CLT_INPUT,
                 "train/neg/1_1.txt: Truncated tar archive");
    assert_fails(READ("\x1f\x8b nothing", NULL, &train), CLT_INPUT,
                 "a damaged archive, or a packed file that is no tar, to be unpacked first: ");
}

/* Any byte of an archive changed or cut off; the sanitizers watch. */
static void test_any_bytes(void **state)
{
    (void)state;
    static tar t;
    clt_random random = clt_random_stream(3, CLT_RANDOM_DEMO, 0);
    int good = 0;
    put_files(&t, "x/");
    put_end(&t);
    for (int k = 0; k < 3000; k++) {
        clt_error error;
        clt_corpus *train, *test;
        tar changed = t;
        size_t member = 512 * clt_random_below(&random, (uint32_t)(t.count / 512));
        for (uint32_t j = clt_random_below(&random, 3); j > 0; j--) {
            changed.bytes[member + clt_random_below(&random, 512)] =
                (char)clt_random_below(&random, 256);
        }
        if (k % 2 == 0) {
            put_checksum(changed.bytes + member);
        }
        size_t bytes = k % 3 == 0 ? clt_random_below(&random, (uint32_t)t.count) : t.count;
        clt_status status = read_bytes(changed.bytes, bytes, &train, &test, &error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
        if (status == CLT_OK) {
            good++;
            clt_corpus_free(train);
            clt_corpus_free(test);
        }
    }
    assert_in_range(good, 300, 2700);
}

static void test_no_memory(void **state)
{
    (void)state;
    static tar t;
    unsigned long n = 1;
    put_files(&t, "");
    put_end(&t);
    for (clt_status status = CLT_FAILED; status != CLT_OK; n++) {
        clt_error error;
        clt_corpus *train, *test;
        clt_memory_fail_at(n, false);
        status = read_bytes(t.bytes, t.count, &train, &test, &error);
        clt_memory_fail_at(0, false);
        if (status == CLT_OK) {
            check_reviews(train, test);
        } else {
            assert_int_equal(status, CLT_FAILED);
        }
    }
    assert_in_range(n, 60, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_packed),
        cmocka_unit_test_setup_teardown(test_folder, make_folder, remove_folder),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
