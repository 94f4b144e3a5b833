/* load_data: every expected value comes from Keras's own keras.datasets.imdb.load_data on the same
 * file, the small one beside this test (fixtures/make_reviews.py) and the one that CLTRAIN_DATA
 * names, when it does. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cltrain/dataset.h"
#include "support/zip.h"
#include "util/memory.h"
#include "util/random.h"

#define REVIEWS CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz"

static char folder[] = "/tmp/cltrain-imdb-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/a.npz", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void check_sample(const clt_dataset *dataset, size_t sample, int label, size_t count,
                         const int32_t *first_ids)
{
    size_t begin = dataset->offsets[sample];
    assert_int_equal(dataset->labels[sample], label);
    assert_int_equal(dataset->offsets[sample + 1] - begin, count);
    for (size_t k = 0; k < count && k < 4; k++) {
        assert_int_equal(dataset->ids[begin + k], first_ids[k]);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train, *test;
    assert_ok(clt_dataset_open_npz(REVIEWS, NULL, 0, 113, &train, &test, &error));
    assert_int_equal(train->num_words, 20000);
    assert_int_equal(train->count, 6);
    assert_int_equal(test->count, 4);
    assert_false(train->synthetic);
    check_sample(train, 0, 0, 1, (const int32_t[]){1});
    check_sample(train, 1, 1, 4, (const int32_t[]){1, 4, 5, 6});
    check_sample(train, 2, 1, 2, (const int32_t[]){1, 10});
    check_sample(train, 3, 1, 6, (const int32_t[]){1, 258, 259, 2});
    check_sample(train, 4, 0, 1002, (const int32_t[]){1, 3, 4, 5});
    check_sample(train, 5, 0, 3, (const int32_t[]){1, 7, 7});
    check_sample(test, 0, 0, 5, (const int32_t[]){1, 12, 11, 10});
    check_sample(test, 1, 1, 3, (const int32_t[]){1, 303, 8});
    check_sample(test, 2, 0, 4, (const int32_t[]){1, 23, 24, 25});
    check_sample(test, 3, 1, 2, (const int32_t[]){1, 4});
    clt_dataset_free(train);
    clt_dataset_free(test);
}

static void test_options(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train, *test;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 10;
    reading.skip_top = 5;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 6, 3, &train, &test, &error));
    assert_int_equal(train->num_words, 10);
    assert_int_equal(train->count, 4); /* lengths 6 and 1002 are dropped */
    check_sample(train, 0, 1, 2, (const int32_t[]){2, 2});
    check_sample(train, 1, 0, 3, (const int32_t[]){2, 7, 7});
    check_sample(train, 2, 0, 1, (const int32_t[]){2});
    check_sample(train, 3, 1, 4, (const int32_t[]){2, 2, 5, 6});
    assert_int_equal(test->count, 4);
    check_sample(test, 0, 0, 4, (const int32_t[]){2, 2, 2, 2});
    check_sample(test, 1, 1, 2, (const int32_t[]){2, 2});
    check_sample(test, 2, 1, 3, (const int32_t[]){2, 2, 8});
    check_sample(test, 3, 0, 5, (const int32_t[]){2, 2, 2, 2});
    clt_dataset_free(train);
    clt_dataset_free(test);
}

static void test_all_words(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 0;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, &train, NULL, &error));
    /* Keras's None: the largest id itself, 88584 + 3, is left out. */
    assert_int_equal(train->num_words, 88587);
    const int32_t *ids = train->ids + train->offsets[3];
    assert_int_equal(ids[4], 65539);
    assert_int_equal(ids[5], 2);
    clt_dataset_free(train);
    reading.oov_char = 100000;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, &train, NULL, &error));
    assert_int_equal(train->num_words, 100001);
    clt_dataset_free(train);
}

static void test_left_out(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 256;
    reading.start_char = -1;
    reading.oov_char = -1;
    reading.index_from = 0;
    assert_ok(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, &train, NULL, &error));
    check_sample(train, 0, 0, 0, NULL);
    check_sample(train, 2, 1, 1, (const int32_t[]){7});
    check_sample(train, 3, 1, 1, (const int32_t[]){255});
    clt_dataset_free(train);
}

static void test_usage(void **state)
{
    (void)state;
    clt_error error;
    const clt_reading good = CLT_READING_DEFAULT;
    clt_reading reading = good;
    reading.num_words = 2;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "num_words is 2: it must be above start_char (1) and oov_char (2)");
    reading.num_words = -1;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "num_words is -1");
    reading = good;
    reading.skip_top = -1;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "skip_top is -1");
    reading = good;
    reading.index_from = -3;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "index_from is -3");
    reading = good;
    reading.start_char = -2;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "start_char is -2");
    reading = good;
    reading.oov_char = -2;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_USAGE,
                 "oov_char is -2");
    assert_fails(clt_dataset_open_npz(REVIEWS, NULL, -5, 113, NULL, NULL, &error), CLT_USAGE,
                 "drop_length is -5");
    assert_fails(clt_dataset_open_npz(REVIEWS, NULL, 1, 113, NULL, NULL, &error), CLT_USAGE,
                 "every sample has 1 ids or more");
    reading = good;
    reading.num_words = 0;
    reading.index_from = INT32_MAX - 100;
    assert_fails(clt_dataset_open_npz(REVIEWS, &reading, 0, 113, NULL, NULL, &error), CLT_INPUT,
                 "with index_from 2147483547 is above");
}

/* A member of the file: an .npy header and its data. */
typedef struct npy {
    unsigned char bytes[512];
    size_t count;
} npy;

static npy make_npy(const char *descr, int length, const void *data, size_t bytes)
{
    npy made = {.count = 0};
    char header[128];
    int size = snprintf(header, sizeof header,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", descr, length);
    memcpy(made.bytes, "\x93NUMPY\1\0", 8);
    made.bytes[8] = (unsigned char)size;
    memcpy(made.bytes + 10, header, (size_t)size);
    memcpy(made.bytes + 10 + size, data, bytes);
    made.count = 10 + (size_t)size + bytes;
    return made;
}

/* `length` samples; `lists` are the opcodes that append them. */
static npy make_samples(int length, const char *lists)
{
    static const char before[] = "\x80\x03"
                                 "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
                                 "K\0\x85"
                                 "C\x01"
                                 "b\x87R(K\x01K",
                      between[] = "\x85"
                                  "cnumpy\ndtype\nX\2\0\0\0O8\x89\x88\x87R(K\x03X\1\0\0\0|"
                                  "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]";
    char pickle[512];
    size_t count = sizeof before - 1;
    memcpy(pickle, before, count);
    pickle[count++] = (char)length;
    memcpy(pickle + count, between, sizeof between - 1);
    count += sizeof between - 1;
    memcpy(pickle + count, lists, strlen(lists));
    count += strlen(lists);
    memcpy(pickle + count, "tb.", 3);
    return make_npy("|O", length, pickle, count + 3);
}

static void write_file(const void *bytes, size_t count)
{
    unlink(path); /* truncating an old file can wait for the disk, thousands of times */
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
}

/* Members that are not wanted have no name here. */
static clt_test_zip make_file(const char *x_train, const npy *train, const char *y_train,
                              const npy *train_labels, const char *y_test)
{
    npy test = make_samples(1, "](K\x09K\x08"
                               "ea"),
        test_labels = make_npy("|b1", 1, "\1", 1);
    const clt_test_member members[] = {{y_test, test_labels.bytes, test_labels.count},
                                       {"notes.txt", "never read", 10},
                                       {"x_test.npy", test.bytes, test.count},
                                       {y_train, train_labels->bytes, train_labels->count},
                                       {x_train, train->bytes, train->count},
                                       {NULL, NULL, 0}};
    clt_test_zip zip = clt_test_zip_make(members);
    write_file(zip.bytes, zip.count);
    return zip;
}

static clt_status open_file(clt_error *error)
{
    clt_dataset *train = NULL, *test = NULL;
    clt_status status = clt_dataset_open_npz(path, NULL, 0, 113, &train, &test, error);
    assert_int_equal(status == CLT_OK, train != NULL);
    clt_dataset_free(train);
    clt_dataset_free(test);
    return status;
}

static void test_any_order_of_members(void **state)
{
    (void)state;
    clt_error error;
    clt_dataset *train, *test;
    npy samples = make_samples(2, "(]K\x05"
                                  "a]e"),
        labels = make_npy("<i2", 2, "\1\0\0\0", 4);
    (void)make_file("x_train.npy", &samples, "y_train.npy", &labels, "y_test.npy");
    assert_ok(clt_dataset_open_npz(path, NULL, 0, 113, &train, &test, &error));
    assert_int_equal(train->count, 2);
    assert_int_equal(train->offsets[2], 3);
    check_sample(test, 0, 1, 3, (const int32_t[]){1, 12, 11});
    clt_dataset_free(train);
    clt_dataset_free(test);
}

static void test_refusals(void **state)
{
    (void)state;
    clt_error error;
    char message[256];
    const npy samples = make_samples(1, "](K\x02K\x01"
                                        "ea"),
              labels = make_npy("|u1", 1, "\1", 1);
    (void)make_file("x", &samples, "y_train.npy", &labels, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "no member x_train.npy");
    assert_memory_equal(error.message, path, strlen(path));
    (void)make_file("x_train.npy", &samples, "y", &labels, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "no member y_train.npy");
    (void)make_file("x_train.npy", &samples, "y_train.npy", &labels, "Y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "no member y_test.npy");
    (void)make_file("x_train.npy", &samples, "x_train.npy", &labels, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "member x_train.npy: comes twice");
    npy other = make_npy("|u1", 3, "\1\0\1", 3);
    (void)make_file("x_train.npy", &samples, "y_train.npy", &other, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "1 samples in x_train.npy, 3 labels in y_train.npy");
    (void)make_file("x_train.npy", &other, "y_train.npy", &labels, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "member x_train.npy: an array of numbers; save");
    (void)make_file("x_train.npy", &samples, "y_train.npy", &samples, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "member y_train.npy: dtype object is not read");
    other = make_samples(0, "");
    npy none = make_npy("|u1", 0, "", 0);
    (void)make_file("x_train.npy", &other, "y_train.npy", &none, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "member x_train.npy: no samples");
    other = make_npy("|O", 5000000, "", 0);
    (void)make_file("x_train.npy", &other, "y_train.npy", &labels, "y_test.npy");
    assert_fails(open_file(&error), CLT_INPUT, "5000000 samples, the limit is 4194304");
    other = make_samples(1, "]cos\nsystem\n");
    (void)make_file("x_train.npy", &other, "y_train.npy", &labels, "y_test.npy");
    snprintf(message, sizeof message,
             "%s: member x_train.npy: byte 186: opcode GLOBAL is not allowed here (expected ",
             path);
    assert_fails(open_file(&error), CLT_INPUT, message);
}

/* Every allocation fails once, and from then on: an error, no leak. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int always = 0; always < 2; always++) {
        unsigned long n = 1;
        for (clt_status status = CLT_FAILED; status != CLT_OK; n++) {
            clt_error error;
            clt_dataset *train = NULL, *test = NULL;
            clt_memory_fail_at(n, always);
            status = clt_dataset_open_npz(REVIEWS, NULL, 0, 113, &train, &test, &error);
            clt_memory_fail_at(0, false);
            if (status != CLT_OK) {
                assert_int_equal(status, CLT_FAILED);
                assert_non_null(strstr(error.message, "out of memory"));
            }
            clt_dataset_free(train);
            clt_dataset_free(test);
        }
        assert_in_range(n, 15, 100);
    }
}

/* Changed and cut files: deflated by NumPy, and stored, where a change reaches the pickle. */
static void test_damaged(void **state)
{
    (void)state;
    clt_error error;
    unsigned char whole[2][4096], bytes[4096];
    size_t counts[2];
    clt_random random = clt_random_stream(6, CLT_RANDOM_DEMO, 0);
    FILE *stream = fopen(REVIEWS, "rb");
    assert_non_null(stream);
    counts[0] = fread(whole[0], 1, sizeof whole[0], stream);
    fclose(stream);
    npy samples = make_samples(2, "(]K\x05"
                                  "a](M\x01\x01K\x01"
                                  "ee"),
        labels = make_npy("<i8", 2, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    clt_test_zip zip = make_file("x_train.npy", &samples, "y_train.npy", &labels, "y_test.npy");
    assert_ok(open_file(&error));
    memcpy(whole[1], zip.bytes, zip.count);
    counts[1] = zip.count;
    for (int k = 0; k < 2000; k++) {
        size_t count = counts[k % 2];
        memcpy(bytes, whole[k % 2], count);
        for (uint32_t j = clt_random_below(&random, 4); j > 0; j--) {
            bytes[clt_random_below(&random, (uint32_t)count)] =
                (unsigned char)clt_random_u32(&random);
        }
        if (clt_random_below(&random, 8) == 0) {
            count = clt_random_below(&random, (uint32_t)count);
        }
        write_file(bytes, count);
        clt_status status = open_file(&error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
    }
}

/* Position-dependent sums, easy to form in NumPy too: the same for the same order only. */
static uint64_t weigh(uint64_t sum, size_t k, uint64_t value)
{
    return sum + (value + 1) * ((uint64_t)k * UINT64_C(0x9e3779b97f4a7c15) + 1);
}

static void check_sums(const clt_dataset *dataset, size_t count, size_t id_count, uint64_t ids,
                       uint64_t lengths, uint64_t labels)
{
    uint64_t sum = 0;
    assert_int_equal(dataset->count, count);
    assert_int_equal(dataset->offsets[count], id_count);
    for (size_t k = 0; k < id_count; k++) {
        assert_in_range(dataset->ids[k], 0, dataset->num_words - 1);
        sum = weigh(sum, k, (uint64_t)dataset->ids[k]);
    }
    assert_int_equal(sum, ids);
    sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum = weigh(sum, k, dataset->offsets[k + 1] - dataset->offsets[k]);
    }
    assert_int_equal(sum, lengths);
    sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum = weigh(sum, k, dataset->labels[k]);
    }
    assert_int_equal(sum, labels);
}

static void test_real_reviews(void **state)
{
    (void)state;
    static const struct {
        clt_reading reading;
        int32_t drop_length;
        uint32_t seed;
        struct {
            size_t count, id_count;
            uint64_t ids, lengths, labels;
        } train, test;
    } cases[] = {
        {CLT_READING_DEFAULT,
         0,
         113,
         {25000, 5847985, 0x8e29d5e8f3073c0c, 0x880b34491b61686e, 0xaaea419e4590428d},
         {25000, 5716060, 0x16541c4fdf995faf, 0x55f160f2c63808cb, 0x2e50a858f67b1793}},
        {{0, 0, 1, 2, 3, 100, CLT_PRE, CLT_PRE},
         0,
         113,
         {25000, 5847985, 0xbdf26731ef6df0b4, 0x880b34491b61686e, 0xaaea419e4590428d},
         {25000, 5716060, 0x0633897e71c17f1f, 0x55f160f2c63808cb, 0x2e50a858f67b1793}},
        {{5000, 50, 1, 2, 3, 100, CLT_PRE, CLT_PRE},
         200,
         7,
         {14532, 1897808, 0xcca5b8278b304fa5, 0xc9d3beb7ef2ec75b, 0xda0ede649320ac92},
         {14819, 1928247, 0xf0a0bf675cf99146, 0xefb412176c33cf04, 0xf2c922e467fae951}},
        {{1000, 2, -1, -1, 0, 100, CLT_PRE, CLT_PRE},
         0,
         113,
         {25000, 4099763, 0xc176337744f77a39, 0xf98b0c960e870054, 0xaaea419e4590428d},
         {25000, 4009971, 0x11cdd7fc9e7f8cd7, 0x7ba89b302e0158c5, 0x2e50a858f67b1793}},
    };
    const char *path = getenv("CLTRAIN_DATA");
    if (path == NULL || *path == 0) {
        print_message("CLTRAIN_DATA is not set\n");
        skip();
    }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_dataset *train, *test;
        assert_ok(clt_dataset_open_npz(path, &cases[k].reading, cases[k].drop_length, cases[k].seed,
                                       &train, &test, &error));
        check_sums(train, cases[k].train.count, cases[k].train.id_count, cases[k].train.ids,
                   cases[k].train.lengths, cases[k].train.labels);
        check_sums(test, cases[k].test.count, cases[k].test.id_count, cases[k].test.ids,
                   cases[k].test.lengths, cases[k].test.labels);
        clt_dataset_free(train);
        clt_dataset_free(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_all_words), cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_usage),     cmocka_unit_test(test_any_order_of_members),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_real_reviews),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
