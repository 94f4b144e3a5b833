/* Headers of .npy files as every NumPy writes them, integer labels, and everything refused. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/npy.h"
#include "support/stream.h"
#include "util/random.h"

/* A file of this version (1, 2, 3), header text and data. */
static size_t make_file(unsigned char *file, int version, const char *header, const void *data,
                        size_t bytes)
{
    size_t length = strlen(header), at = 0;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    at = version == 1 ? 10 : 12;
    for (size_t k = 0; k < at - 8; k++) {
        file[8 + k] = (unsigned char)(length >> 8 * k);
    }
    memcpy(file + at, header, length);
    memcpy(file + at + length, data, bytes);
    return at + length + bytes;
}

static clt_status read_header(const void *file, size_t bytes, clt_npy_header *header,
                              clt_error *error)
{
    clt_stream stream;
    clt_test_bytes source;
    clt_test_stream_start(&stream, &source, file, bytes, 7);
    return clt_npy_read_header(&stream, header, error);
}

static clt_status read_labels(const void *file, size_t bytes, int32_t **labels, size_t *count,
                              clt_error *error)
{
    clt_stream stream;
    clt_test_bytes source;
    clt_test_stream_start(&stream, &source, file, bytes, 7);
    return clt_npy_read_labels(&stream, 1000, labels, count, error);
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *header;
        clt_npy_header want;
    } cases[] = {
        {1,
         "{'descr': '|O', 'fortran_order': False, 'shape': (25000,), }      \n",
         {'O', 0, false, 25000}},
        {2, "{'descr': 'O', 'fortran_order': False, 'shape': (3,)}\n", {'O', 0, false, 3}},
        {3, "{'shape': (1,), 'descr': '<i8', 'fortran_order': False}", {'i', 8, false, 1}},
        {1,
         "{ \"fortran_order\" :False,\"shape\":( 7 , ),\"descr\":\">u4\" , } ",
         {'u', 4, true, 7}},
        {1, "{'descr': '|b1', 'fortran_order': False, 'shape': (0L,), }", {'b', 1, false, 0}},
        {1,
         "{'descr': '=i2', 'fortran_order': False, 'shape': (18446744073709551615,), }",
         {'i', 2, false, UINT64_MAX}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_npy_header got;
        unsigned char file[256];
        size_t bytes = make_file(file, cases[k].version, cases[k].header, "", 0);
        assert_ok(read_header(file, bytes, &got, &error));
        assert_int_equal(got.kind, cases[k].want.kind);
        assert_int_equal(got.item_size, cases[k].want.item_size);
        assert_int_equal(got.big_endian, cases[k].want.big_endian);
        assert_int_equal(got.count, cases[k].want.count);
        for (size_t cut = 0; cut < bytes; cut++) {
            assert_fails(read_header(file, cut, &got, &error), CLT_INPUT, "ends here, in the .npy");
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
#define D "'descr': '<i8', "
#define F "'fortran_order': False, "
#define S "'shape': (3,)"
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"{" D F "'shape': (3, 4)}", "byte 64: not an array of one dimension"},
        {"{" D F "'shape': ()}", "where a length, as in (N,)"},
        {"{" D F "'shape': (3)}", "where a comma, as in (N,)"},
        {"{" D F "'shape': (-3,)}", "where a length, as in (N,)"},
        {"{" D F "'shape': (18446744073709551616,)}", "where a length below 2^64"},
        {"{" D F "'shape': 3}", "where a shape tuple"},
        {"{" D "'fortran_order': True, " S "}", "byte 44: 0x54 in the .npy header where False"},
        {"{" D F S, "the .npy header ends where ',' or '}'"},
        {"{" D F S "} x", "where the end of the header"},
        {"{" D F "}", "lacks descr, fortran_order or shape"},
        {"{" D F S ", " D "}", "key 'descr' in the .npy header is unknown or comes twice"},
        {"{" D F S ", 'x': 1}", "key 'x' in the .npy header is unknown"},
        {"{" D F "'shape' (3,)}", "where ':' is expected"},
        {"{" D F "shape: (3,)}", "where a quoted string"},
        {"{" D F "'shape", "ends where a closing quote"},
        {"{" D F "'shape and more and more': 1}", "where the end of a short string"},
        {"{'descr': '<f4', " F S "}", "dtype '<f4' is not read here"},
        {"{'descr': '|S1', " F S "}", "dtype '|S1' is not read here"},
        {"{'descr': '<i3', " F S "}", "dtype '<i3' is not read here"},
        {"{'descr': '<i16', " F S "}", "dtype '<i16' is not read here"},
        {"{'descr': '<b2', " F S "}", "dtype '<b2' is not read here"},
        {"{'descr': '', " F S "}", "dtype '' is not read here"},
        {"{'descr': '|i4', " F S "}", "dtype '|i4' has no byte order"},
        {"{'descr': [('a', '<i4')], " F S "}", "where a quoted string"},
        {"", "ends where '{'"},
        {"__import__('os')", "byte 10: 0x5f in the .npy header where '{'"},
    };
    clt_error error;
    clt_npy_header header;
    unsigned char file[256];
    size_t bytes;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bytes = make_file(file, 1, cases[k].header, "", 0);
        assert_fails(read_header(file, bytes, &header, &error), CLT_INPUT, cases[k].message);
    }
    bytes = make_file(file, 1, "{" D F S "}", "", 0);
    file[6] = 4;
    assert_fails(read_header(file, bytes, &header, &error), CLT_INPUT, "version 4.0 is not");
    file[0] = 'P';
    assert_fails(read_header(file, bytes, &header, &error), CLT_INPUT, "not a .npy file");
    bytes = make_file(file, 2, "{" D F S "}", "", 0);
    file[11] = 0xff;
    assert_fails(read_header(file, bytes, &header, &error), CLT_INPUT, "the limit is 10000");
}

/* Labels 1, 0, 1 of every type that holds them. */
static void test_labels(void **state)
{
    (void)state;
    static const char *const types[] = {"|b1", "|i1", "|u1", "<i1", "<i2", "<u2", ">i2", ">u2",
                                        "<i4", "<u4", ">i4", ">u4", "<i8", "<u8", ">i8", ">u8"};
    static const int32_t want[] = {1, 0, 1};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        clt_error error;
        char header[128];
        unsigned char file[256], data[24] = {0};
        int32_t *labels;
        size_t count, size = (size_t)(types[k][2] - '0');
        size_t low = types[k][0] == '>' ? size - 1 : 0;
        data[low] = data[2 * size + low] = 1;
        snprintf(header, sizeof header, "{'descr': '%s', " F S ", }\n", types[k]);
        size_t bytes = make_file(file, 1, header, data, 3 * size);
        assert_ok(read_labels(file, bytes, &labels, &count, &error));
        assert_int_equal(count, 3);
        assert_memory_equal(labels, want, sizeof want);
        free(labels);
        assert_fails(read_labels(file, bytes - 1, &labels, &count, &error), CLT_INPUT,
                     "ends here, in the labels");
        assert_fails(read_labels(file, bytes + 1, &labels, &count, &error), CLT_INPUT,
                     "bytes after the last label");
        file[bytes - 3 * size + low] = 7;
        assert_fails(read_labels(file, bytes, &labels, &count, &error), CLT_INPUT,
                     "label 0 is 7, not 0 or 1");
    }
}

static void test_bad_labels(void **state)
{
    (void)state;
    static const struct {
        const char *header, *data;
        size_t bytes;
        const char *message;
    } cases[] = {
        {"{'descr': '|i1', " F S "}", "\x01\x00\xff", 3, "byte 67: label 2 is -1, not"},
        {"{'descr': '|u1', " F S "}", "\x01\x00\xff", 3, "label 2 is 255, not"},
        {"{'descr': '<i8', " F "'shape': (1,)}", "\x01\0\0\0\0\0\0\x80", 8,
         "label 0 is -9223372036854775807, not"},
        {"{'descr': '>u8', " F "'shape': (1,)}", "\x80\0\0\0\0\0\0\x01", 8,
         "label 0 is 9223372036854775809, not"},
        {"{'descr': '|O', " F S "}", "\x80\x02]", 3, "dtype object is not read for labels"},
        {"{'descr': '<i8', " F "'shape': (1001,)}", "", 0, "1001 labels, the limit is 1000"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        unsigned char file[256];
        int32_t *labels;
        size_t count;
        size_t bytes = make_file(file, 1, cases[k].header, cases[k].data, cases[k].bytes);
        assert_fails(read_labels(file, bytes, &labels, &count, &error), CLT_INPUT,
                     cases[k].message);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    clt_random random = clt_random_stream(4, CLT_RANDOM_DEMO, 0);
    for (int k = 0; k < 20000; k++) {
        clt_error error;
        unsigned char file[256] = {0};
        int32_t *labels = NULL;
        size_t count, bytes;
        bytes = make_file(file, 1 + k % 3, "{" D F "'shape': (5,), }   \n", "\1\0\0\0\0\0\0\0", 8);
        bytes += 32;
        for (uint32_t j = clt_random_below(&random, 4); j > 0; j--) {
            file[clt_random_below(&random, (uint32_t)bytes)] =
                (unsigned char)clt_random_u32(&random);
        }
        bytes = clt_random_below(&random, 2) == 0 ? bytes : clt_random_below(&random, 256);
        clt_status status = read_labels(file, bytes, &labels, &count, &error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
        free(labels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_labels),  cmocka_unit_test(test_bad_labels),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
