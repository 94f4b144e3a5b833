/* The model container: round trips, the exact bytes written, every rule of the reader with its
 * message, and thousands of damaged files. */
#include "support/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/safetensors.h"
#include "util/memory.h"
#include "util/random.h"

static char folder[] = "/tmp/cltrain-safetensors-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_bytes(const void *bytes, size_t count)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
}

static size_t read_bytes(unsigned char *bytes, size_t room)
{
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t count = fread(bytes, 1, room, stream);
    fclose(stream);
    return count;
}

/* A file of this header, unpadded, and `data_bytes` bytes 0, 1, 2, ... */
static void write_header(const char *header, size_t data_bytes)
{
    size_t length = strlen(header), total = 8 + length + data_bytes;
    unsigned char *bytes = calloc(1, total);
    assert_non_null(bytes);
    for (size_t k = 0; k < 8; k++) {
        bytes[k] = (unsigned char)((uint64_t)length >> 8 * k);
    }
    memcpy(bytes + 8, header, length);
    for (size_t k = 0; k < data_bytes; k++) {
        bytes[8 + length + k] = (unsigned char)k;
    }
    write_bytes(bytes, total);
    free(bytes);
}

static const float weights[6] = {1.0f, -2.0f, 0.5f, 3.0f, 1e-30f, 7.0f};
static const int64_t steps[1] = {INT64_C(-5000000000)};
static const clt_stored_tensor example[] = {
    {"words", CLT_U8, 1, {3}, 3, "abc"},
    {"lstm.kernel", CLT_F32, 2, {2, 3}, sizeof weights, weights},
    {"empty", CLT_F64, 2, {0, 4}, 0, NULL},
    {"step", CLT_I64, 0, {0}, sizeof steps, steps},
};
static const clt_metadata notes[] = {
    {"format", "1"},
    {"model", "embedding:128,\"quoted\"\n"},
};
#define EXAMPLE_COUNT (sizeof example / sizeof *example)

static clt_status save_example(clt_error *error)
{
    return clt_safetensors_save(path, example, EXAMPLE_COUNT, notes, 2, error);
}

static void test_round_trip(void **state)
{
    (void)state;
    clt_error error;
    clt_safetensors file;
    assert_ok(save_example(&error));
    assert_ok(clt_safetensors_open(path, &file, &error));
    assert_int_equal(file.tensor_count, EXAMPLE_COUNT);
    for (size_t k = 0; k < EXAMPLE_COUNT; k++) {
        const clt_stored_tensor *got = clt_safetensors_find(&file, example[k].name);
        assert_non_null(got);
        assert_int_equal(got->dtype, example[k].dtype);
        assert_int_equal(got->rank, example[k].rank);
        assert_memory_equal(got->shape, example[k].shape, sizeof got->shape);
        assert_int_equal(got->bytes, example[k].bytes);
        assert_int_equal((uintptr_t)got->data % 8, 0);
        if (got->bytes > 0) {
            assert_memory_equal(got->data, example[k].data, got->bytes);
        }
    }
    assert_null(clt_safetensors_find(&file, "lstm"));
    assert_int_equal(file.metadata_count, 2);
    assert_string_equal(clt_safetensors_metadata(&file, "model"), notes[1].value);
    assert_null(clt_safetensors_metadata(&file, "word"));
    clt_safetensors_close(&file);
    clt_safetensors_close(&file); /* harmless */
}

static void test_exact_bytes(void **state)
{
    (void)state;
    clt_error error;
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"},\"b\":{\"dtype\":\"U8\",\"shape\":"
        "[3],\"data_offsets\":[0,3]},\"a\":{\"dtype\":\"I32\",\"shape\":"
        "[],\"data_offsets\":[3,7]}}";
    static const int32_t one = 1;
    const clt_stored_tensor tensors[] = {{"b", CLT_U8, 1, {3}, 3, "xyz"},
                                         {"a", CLT_I32, 0, {0}, 4, &one}};
    unsigned char bytes[512];
    assert_ok(clt_safetensors_save(path, tensors, 2, &(clt_metadata){"k", "v"}, 1, &error));
    size_t count = read_bytes(bytes, sizeof bytes), length = sizeof header - 1;
    size_t padded = (length + 7) / 8 * 8;
    assert_true(padded > length); /* or the padding below is not tested */
    assert_int_equal(count, 8 + padded + 7);
    assert_int_equal(bytes[0], padded);
    assert_memory_equal(bytes + 1, "\0\0\0\0\0\0\0", 7);
    assert_memory_equal(bytes + 8, header, length);
    for (size_t k = length; k < padded; k++) {
        assert_int_equal(bytes[8 + k], ' ');
    }
    assert_memory_equal(bytes + 8 + padded, "xyz\1\0\0\0", 7);
}

static void test_any_order_and_padding(void **state)
{
    (void)state;
    clt_error error;
    clt_safetensors file;
    write_header("{\"b\":{\"shape\":[3],\"dtype\":\"U8\",\"data_offsets\":[5,8]},"
                 "\"a\":{\"dtype\":\"U8\",\"shape\":[5,1],\"data_offsets\":[0,5]}}   \n ",
                 8);
    assert_ok(clt_safetensors_open(path, &file, &error));
    assert_int_equal(file.metadata_count, 0);
    assert_string_equal(file.tensors[0].name, "a");
    const clt_stored_tensor *b = clt_safetensors_find(&file, "b");
    assert_memory_equal(b->data, "\5\6\7", 3);
    assert_int_equal((uintptr_t)b->data % 8, 0);
    clt_safetensors_close(&file);
    write_header("{}", 0);
    assert_ok(clt_safetensors_open(path, &file, &error));
    assert_int_equal(file.tensor_count, 0);
    clt_safetensors_close(&file);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *message;
    } cases[] = {
        {"[]", 0, "byte 8: the header begins with 0x5b"},
        {" {}", 0, "byte 8: the header begins with 0x20"},
        {"{\"a\":", 0, "not valid JSON"},
        {"{} x", 0, "not valid JSON"},
        {"{\"a\":{},\"a\":{}}", 0, "duplicate"},
        {"{\"\xff\":1}", 0, "not valid JSON"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "metadata 'k' is not a string"},
        {"{\"a\":3}", 0, "tensor 'a' is not {dtype, shape, data_offsets}"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
         "tensor 'a' is not {dtype, shape, data_offsets}"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offset\":[0,1]}}", 1, "data_offsets is"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, "dtype F16, not"},
        {"{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,2]}}", 2, "dtype (not a string)"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
         "shape is not an array of at most 4"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "shape[0] is not"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, "shape[0] is not"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,1]}}", 1,
         "not valid JSON"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
         "its shape does not take the 0 bytes"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
         "its shape does not take the 0 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,7]}}", 7,
         "its shape does not take the 7 bytes of its data_offsets [0, 7]"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1,
         "data_offsets is not [begin, end]"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1,
         "data_offsets is not [begin, end]"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
         "begins at 1, after a hole that begins at 0"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}",
         7, "tensor 'b': its data begins at 3, inside the data before, which ends at 4"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 3,
         "its data ends at 4, the file has 3"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 5,
         "5 bytes of data, the tensors take 4"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1099511627776],\"data_offsets\":[0,1099511627776]}}",
         5, "its data ends at 1099511627776, the file has 5"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_safetensors file;
        write_header(cases[k].header, cases[k].data_bytes);
        assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT, cases[k].message);
        assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT, path);
        assert_null(file.memory);
        assert_null(file.tensors);
    }
}

static void test_refused_files(void **state)
{
    (void)state;
    clt_error error;
    clt_safetensors file;
    write_bytes("1234567", 7);
    assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT, "7 bytes are too few");
    write_bytes("\0\0\0\0\0\0\0\0", 8);
    assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT, "begins with 0x00");
    write_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT,
                 "claims 18446744073709551615 bytes, more than");
    write_bytes("\x10\0\0\0\0\0\0\0{}", 10);
    assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT,
                 "claims 16 bytes, 2 are there");
    assert_fails(clt_safetensors_open(folder, &file, &error), CLT_INPUT, "not a regular file");
    assert_fails(clt_safetensors_open("/no/such/file", &file, &error), CLT_INPUT, "cannot open");
}

/* A metadata string of `length` bytes through the reader. */
static clt_status open_long_metadata(size_t length, clt_error *error)
{
    char *header = malloc(length + 64);
    assert_non_null(header);
    int start = sprintf(header, "{\"__metadata__\":{\"k\":\"");
    memset(header + start, 'x', length);
    strcpy(header + start + length, "\"}}");
    write_header(header, 0);
    free(header);
    clt_safetensors file;
    clt_status status = clt_safetensors_open(path, &file, error);
    clt_safetensors_close(&file);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    clt_error error;
    clt_safetensors file;
    assert_ok(open_long_metadata((size_t)1 << 20, &error));
    assert_fails(open_long_metadata(((size_t)1 << 20) + 1, &error), CLT_INPUT,
                 "has 1048577 bytes, more than the limit");
    assert_fails(open_long_metadata((size_t)5 << 20, &error), CLT_INPUT, "claims 5242905 bytes");

    /* The dearest JSON for its length: many small objects, and deep nesting. */
    size_t length = (size_t)4 << 20;
    char *header = malloc(length + 1);
    assert_non_null(header);
    size_t at = (size_t)sprintf(header, "{\"a\":[");
    while (at + 8 < length) {
        at += (size_t)sprintf(header + at, "{},");
    }
    strcpy(header + at, "{}]}");
    write_header(header, 0);
    assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT, "tensor 'a' is not");
    memset(header + 5, '[', length - 5);
    header[length] = 0;
    write_header(header, 0);
    assert_fails(clt_safetensors_open(path, &file, &error), CLT_INPUT, "depth");
    free(header);
}

static void test_save_refusals(void **state)
{
    (void)state;
    clt_error error;
    unsigned char before[1024], after[1024];
    assert_ok(save_example(&error));
    size_t count = read_bytes(before, sizeof before);
    const clt_stored_tensor twice[] = {example[0], example[0]};
    assert_fails(clt_safetensors_save(path, twice, 2, NULL, 0, &error), CLT_FAILED,
                 "'words' occurs twice");
    clt_stored_tensor wrong = example[1];
    wrong.bytes--;
    assert_fails(clt_safetensors_save(path, &wrong, 1, NULL, 0, &error), CLT_FAILED,
                 "23 bytes do not match its shape");
    wrong = example[0];
    wrong.name = "\xff";
    assert_fails(clt_safetensors_save(path, &wrong, 1, NULL, 0, &error), CLT_FAILED, "not UTF-8");
    assert_fails(clt_safetensors_save("/no/such/folder/m", example, 1, NULL, 0, &error), CLT_FAILED,
                 "cannot write /no/such/folder/m");
    assert_int_equal(read_bytes(after, sizeof after), count);
    assert_memory_equal(before, after, count); /* the old file is untouched */
}

static void test_no_memory(void **state)
{
    (void)state;
    clt_error error;
    clt_safetensors file;
    unsigned long n = 0;
    clt_status status;
    assert_ok(save_example(&error));
    do {
        clt_memory_fail_at(++n, false);
        status = clt_safetensors_open(path, &file, &error);
        clt_memory_fail_at(0, false);
        if (status != CLT_OK) {
            assert_int_equal(status, CLT_FAILED);
            assert_null(file.memory);
        }
    } while (status != CLT_OK);
    clt_safetensors_close(&file);
    assert_in_range(n, 5, 20);
    n = 0;
    do {
        clt_memory_fail_at(++n, false);
        status = save_example(&error);
        clt_memory_fail_at(0, false);
    } while (status == CLT_FAILED);
    assert_int_equal(status, CLT_OK);
    assert_in_range(n, 3, 20);
}

/* What opens must be sound whatever was damaged: every byte of every tensor can be read, names are
 * strings. Run under AddressSanitizer this is a small fuzzer. */
static bool open_and_walk(void)
{
    clt_error error;
    clt_safetensors file;
    volatile unsigned sum = 0; /* so that the reads are not optimised away */
    clt_status status = clt_safetensors_open(path, &file, &error);
    if (status != CLT_OK) {
        assert_int_equal(status, CLT_INPUT);
        assert_int_equal(error.status, CLT_INPUT);
        assert_null(strchr(error.message, '\n'));
        return false;
    }
    for (size_t k = 0; k < file.tensor_count; k++) {
        const unsigned char *bytes = file.tensors[k].data;
        for (size_t b = 0; b < file.tensors[k].bytes; b++) {
            sum += bytes[b];
        }
        assert_ptr_equal(clt_safetensors_find(&file, file.tensors[k].name), &file.tensors[k]);
    }
    for (size_t k = 0; k < file.metadata_count; k++) {
        assert_non_null(clt_safetensors_metadata(&file, file.metadata[k].key));
    }
    (void)sum;
    clt_safetensors_close(&file);
    return true;
}

static void test_damaged_files(void **state)
{
    (void)state;
    clt_error error;
    unsigned char good[1024], bad[1100];
    assert_ok(save_example(&error));
    size_t count = read_bytes(good, sizeof good);
    assert_true(count < sizeof good);
    for (size_t cut = 0; cut < count; cut++) {
        write_bytes(good, cut);
        assert_false(open_and_walk());
    }
    memcpy(bad, good, count);
    memset(bad + count, 0, sizeof bad - count);
    write_bytes(bad, count + 1);
    assert_false(open_and_walk());

    clt_random random = clt_random_stream(1, CLT_RANDOM_DEMO, 0);
    int opened = 0;
    for (int k = 0; k < 5000; k++) {
        memcpy(bad, good, count);
        uint32_t changes = 1 + clt_random_below(&random, 3);
        for (uint32_t c = 0; c < changes; c++) {
            uint32_t at = clt_random_below(&random, (uint32_t)count);
            static const char grammar[] = "{}[]\",:0123456789eE.-\\ ";
            if (clt_random_below(&random, 2) == 0) {
                bad[at] ^= (unsigned char)(1u << clt_random_below(&random, 8));
            } else {
                bad[at] = (unsigned char)grammar[clt_random_below(&random, sizeof grammar - 1)];
            }
        }
        write_bytes(bad, count);
        opened += open_and_walk();
    }
    assert_in_range(opened, 1, 4999); /* both outcomes occur */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_exact_bytes),
        cmocka_unit_test(test_any_order_and_padding),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_save_refusals),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
