/* Zips that are whole, and the ways in which one can lie. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/zip.h"
#include "support/zip.h"
#include "util/random.h"

static char folder[] = "/tmp/cltrain-zip-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/a.zip", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const void *bytes, size_t count)
{
    unlink(path); /* truncating an old file can wait for the disk, thousands of times */
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
}

static const clt_test_member example[] = {
    {"a.txt", "hello", 5}, {"b.txt", "wonderful world", 15}, {"c", "", 0}, {NULL, NULL, 0}};

/* Reads every member that is not skipped, a few bytes at a time. */
static clt_status read_all(char *text, size_t room, const char *skipped, clt_error *error)
{
    clt_zip *zip = NULL;
    clt_stream stream;
    const char *name;
    clt_status status = clt_zip_open(path, &zip, error);
    text[0] = 0;
    while (status == CLT_OK) {
        status = clt_zip_next(zip, &name, error);
        if (status != CLT_OK || name == NULL) {
            break;
        }
        if (strcmp(name, skipped) == 0) {
            continue;
        }
        status = clt_zip_read(zip, &stream, error);
        for (size_t at = strlen(text); status == CLT_OK; at++) {
            if (clt_stream_offset(&stream) == stream.size) {
                status = clt_stream_finish(&stream, "the end", error);
                break;
            }
            assert_true(at + 1 < room);
            status = clt_stream_byte(&stream, (unsigned char *)text + at, "a member", error);
            text[at + 1] = 0;
        }
    }
    clt_zip_close(zip);
    return status;
}

static void check_text(const clt_test_zip *zip, const char *skipped, const char *want)
{
    clt_error error;
    char text[256];
    write_file(zip->bytes, zip->count);
    assert_ok(read_all(text, sizeof text, skipped, &error));
    assert_string_equal(text, want);
}

static void check_fails(const clt_test_zip *zip, const char *message)
{
    clt_error error;
    char text[1024];
    write_file(zip->bytes, zip->count);
    assert_fails(read_all(text, sizeof text, "", &error), CLT_INPUT, message);
}

static void test_members(void **state)
{
    (void)state;
    clt_test_zip zip = clt_test_zip_make(example);
    check_text(&zip, "", "hellowonderful world");
    check_text(&zip, "a.txt", "wonderful world");
    check_text(&zip, "b.txt", "hello");
}

static void test_not_a_zip(void **state)
{
    (void)state;
    clt_error error;
    clt_zip *zip;
    unlink(path);
    assert_fails(clt_zip_open(path, &zip, &error), CLT_INPUT, "cannot open");
    assert_fails(clt_zip_open(folder, &zip, &error), CLT_INPUT, "not a regular file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(clt_zip_open(path, &zip, &error), CLT_INPUT, "not a regular file");
    unlink(path);
    write_file("", 0);
    assert_fails(clt_zip_open(path, &zip, &error), CLT_INPUT, "not a zip: 0 bytes");
    write_file("<html>404: this is not a zip</html>", 35);
    assert_fails(clt_zip_open(path, &zip, &error), CLT_INPUT, "byte 13 is not the end record");
    assert_memory_equal(error.message, path, strlen(path));
}

static void test_cut_and_lengthened(void **state)
{
    (void)state;
    const clt_test_zip whole = clt_test_zip_make(example);
    clt_test_zip zip = whole;
    for (zip.count = 0; zip.count < whole.count; zip.count++) {
        check_fails(&zip, "not a zip");
    }
    zip = whole;
    zip.bytes[zip.count++] = 'x';
    check_fails(&zip, "not the end record");
    zip = whole; /* bytes in front of a zip move everything */
    memmove(zip.bytes + 3, zip.bytes, zip.count);
    zip.count += 3;
    check_fails(&zip, "does not end here");
}

static void test_directory_lies(void **state)
{
    (void)state;
    const clt_test_zip whole = clt_test_zip_make(example);
    static const struct {
        char part; /* which offset: entry 'a', 'b', or 'e'nd */
        size_t offset;
        uint32_t value;
        int bytes;
        const char *message;
    } cases[] = {
        {'a', 0, 0, 4, "no directory entry here"},
        {'a', 8, 1, 2, "member a.txt: encrypted"},
        {'a', 10, 12, 2, "member a.txt: packing method 12"},
        {'a', 24, 0x40000001, 4, "member a.txt: 1073741825 bytes, the limit is 1073741824"},
        {'a', 24, 6, 4, "than the directory of the zip declares"},
        {'a', 24, 4, 4, "than the directory of the zip declares"},
        {'a', 20, 6, 4, "member a.txt: its bytes 0 to 41 overlap what begins at 40"},
        {'a', 20, 0xffffffff, 4, "member a.txt: its bytes 0 to 4294967330 overlap"},
        {'a', 28, 0xffff, 2, "a directory entry of 65581 bytes"},
        {'a', 42, 1, 4, "member a.txt: byte 1: no member here"},
        {'a', 42, 0xfffffff0, 4, "member a.txt: byte 4294967280: the file ends here"},
        {'b', 42, 0, 4, "overlap what begins at 0"},
        {'b', 20, 90, 4, "member b.txt: its bytes 40 to 165 overlap what begins at 90"},
        {'b', 46, 'a', 1, "member a.txt: comes twice"},
        {'b', 46, 0, 1, "a member's name holds a NUL"},
        {'e', 8, 2, 2, "a zip in parts or of zip64"},
        {'e', 4, 1, 2, "a zip in parts or of zip64"},
        {'e', 8, 0x04010401, 4, "1025 members"},
        {'e', 8, 0x00020002, 4, "bytes after the directory"},
        {'e', 8, 0x00040004, 4, "no directory entry here"},
        {'e', 12, 0xfffffff, 4, "directory of 268435455 bytes"},
        {'e', 16, 0, 4, "does not end here"},
        {'e', 16, 0xffffffff, 4, "zip64"},
        {'e', 20, 1, 2, "not the end record"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_test_zip zip = whole;
        size_t part = cases[k].part == 'a'   ? zip.entry[0]
                      : cases[k].part == 'b' ? zip.entry[1]
                                             : zip.end;
        clt_test_zip_change(&zip, part + cases[k].offset, cases[k].value, cases[k].bytes);
        check_fails(&zip, cases[k].message);
    }
}

static void test_damaged_data(void **state)
{
    (void)state;
    clt_test_zip zip = clt_test_zip_make(example);
    zip.bytes[zip.local[0] + 30 + 5] ^= 1;
    check_fails(&zip, "damaged: ZIP bad CRC");
    zip = clt_test_zip_make(example);
    clt_test_zip_change(&zip, zip.local[0] + 26, 6, 2); /* a local name of another length */
    check_fails(&zip, "overlap");
}

/* Five members of 1 GiB each are more than 4 GiB in all. */
static void test_total(void **state)
{
    (void)state;
    clt_test_zip zip = clt_test_zip_make((const clt_test_member[]){
        {"a", "", 0}, {"b", "", 0}, {"c", "", 0}, {"d", "", 0}, {"e", "", 0}, {NULL, NULL, 0}});
    for (int k = 0; k < 5; k++) {
        clt_test_zip_change(&zip, zip.entry[k] + 24, 1 << 30, 4);
    }
    check_fails(&zip, "5368709120 bytes in all, the limit is 4294967296");
}

/* The end of the directory looks like zip64's locator. */
static void test_zip64_locator(void **state)
{
    (void)state;
    clt_test_zip zip = clt_test_zip_make(
        (const clt_test_member[]){{"PK\6\7, sixteen bytes.", "", 0}, {NULL, NULL, 0}});
    check_fails(&zip, "a zip of zip64");
}

/* Deflated "a" 1,000 times, declared as 10 bytes, stops at the tenth. */
static void test_bomb(void **state)
{
    (void)state;
    static const unsigned char deflated[] = {0x4b, 0x4c, 0x1c, 0x05, 0xa3, 0x60,
                                             0x14, 0x0c, 0x77, 0x00, 0x00};
    clt_test_zip zip =
        clt_test_zip_make((const clt_test_member[]){{"bomb", "01234567890", 11}, {NULL, NULL, 0}});
    memcpy(zip.bytes + zip.local[0] + 30 + 4, deflated, sizeof deflated);
    clt_test_zip_change(&zip, zip.local[0] + 8, 8, 2);
    clt_test_zip_change(&zip, zip.entry[0] + 10, 8, 2);
    clt_test_zip_change(&zip, zip.local[0] + 22, 10, 4);
    clt_test_zip_change(&zip, zip.entry[0] + 24, 10, 4);
    check_fails(&zip, ""); /* in libarchive's words */
    clt_test_zip_change(&zip, zip.local[0] + 22, 1001, 4);
    clt_test_zip_change(&zip, zip.entry[0] + 24, 1001, 4);
    check_fails(&zip, "");
}

static void test_damaged(void **state)
{
    (void)state;
    const clt_test_zip whole = clt_test_zip_make(example);
    clt_random random = clt_random_stream(5, CLT_RANDOM_DEMO, 0);
    for (int k = 0; k < 4000; k++) {
        clt_error error;
        char text[1024];
        clt_test_zip zip = whole;
        for (uint32_t j = clt_random_below(&random, 4); j > 0; j--) {
            zip.bytes[clt_random_below(&random, (uint32_t)zip.count)] =
                (unsigned char)clt_random_u32(&random);
        }
        if (clt_random_below(&random, 4) == 0) {
            zip.count = clt_random_below(&random, (uint32_t)zip.count + 1);
        }
        write_file(zip.bytes, zip.count);
        clt_status status = read_all(text, sizeof text, "", &error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_not_a_zip),
        cmocka_unit_test(test_cut_and_lengthened),
        cmocka_unit_test(test_directory_lies),
        cmocka_unit_test(test_damaged_data),
        cmocka_unit_test(test_total),
        cmocka_unit_test(test_zip64_locator),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
