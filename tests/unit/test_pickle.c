/* Pickles as np.save and picklers of several Pythons wrote them, and everything refused. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/pickle.h"
#include "support/stream.h"
#include "util/random.h"

/* The lists of all the streams below. */
static const int32_t values[] = {1, 2, 3, 255, 256, 65535, 65536, 88584, 7};
static const size_t offsets[] = {0, 3, 3, 8, 9};
#define LISTS 4

/* np.save of Python 2.7.18 with NumPy 1.16 (cPickle: integer flags, memo from 1, few PUTs). */
static const char python2[] =
    "\x80\x02"
    "cnumpy.core.multiarray\n_reconstruct\nq\x01"
    "cnumpy\nndarray\nq\x02K\x00"
    "\x85U\x01"
    "b\x87Rq\x03(K\x01K\x04\x85"
    "cnumpy\ndtype\nq\x04U\x02O8K\x00K\x01\x87Rq"
    "\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]q\x06(]q\x07(K\x01K"
    "\x02K\x03"
    "e]q\x08]q\x09(K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\x08Z\x01\x00"
    "e"
    "]q\nK\x07"
    "aetb.";

/* np.save of NumPy up to 1.16 on Python 3. */
static const char protocol2[] =
    "\x80\x02"
    "cnumpy.core.multiarray\n_reconstruct\nq\x00"
    "cnumpy\nndarray\nq\x01K\x00"
    "\x85q\x02"
    "c_codecs\nencode\nq\x03X\x01\x00\x00\x00"
    "bq\x04X\x06\x00\x00\x00latin1"
    "q\x05\x86q\x06Rq\x07\x87q\x08Rq\x09(K\x01K\x04\x85q\ncnumpy\ndtype\nq\x0bX\x02\x00"
    "\x00\x00O8q\x0c\x89\x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00|q\x0fNNNJ\xff\xff\xff"
    "\xffJ\xff\xff\xff\xffK?tq\x10"
    "b\x89]q\x11(]q\x12(K\x01K\x02K\x03"
    "e]q\x13]q\x14(K"
    "\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\x08Z\x01\x00"
    "e]q\x15K\x07"
    "aetq\x16"
    "b.";

/* np.save of NumPy 1.17 to 1.26; Keras's own file looks like this. */
static const char protocol3[] =
    "\x80\x03"
    "cnumpy.core.multiarray\n_reconstruct\nq\x00"
    "cnumpy\nndarray\nq\x01K\x00"
    "\x85q\x02"
    "C\x01"
    "bq\x03\x87q\x04Rq\x05(K\x01K\x04\x85q\x06"
    "cnumpy\ndtype\nq\x07"
    "X\x02\x00\x00\x00O8q\x08\x89\x88\x87q\x09Rq\n(K\x03X\x01\x00\x00\x00|q\x0bNNNJ\xff"
    "\xff\xff\xffJ\xff\xff\xff\xffK?tq\x0c"
    "b\x89]q\x0d(]q\x0e(K\x01K\x02K\x03"
    "e]q\x0f"
    "]q\x10(K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\x08Z\x01\x00"
    "e]q\x11K\x07"
    "aetq"
    "\x12"
    "b.";

/* np.save of NumPy 2. */
static const char protocol4[] =
    "\x80\x04\x95\xb1\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c"
    "\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85"
    "\x94"
    "C\x01"
    "b\x94\x87\x94R\x94(K\x01K\x04\x85\x94h\x03\x8c\x05"
    "dtype\x94\x93"
    "\x94\x8c\x02O8\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff"
    "\xff\xff\xffK?t\x94"
    "b\x89]\x94(]\x94(K\x01K\x02K\x03"
    "e]\x94]\x94(K\xffM\x00\x01M"
    "\xff\xffJ\x00\x00\x01\x00J\x08Z\x01\x00"
    "e]\x94K\x07"
    "aet\x94"
    "b.";

#define STREAM(s) s, sizeof(s) - 1

static clt_status read_lists(const void *bytes, size_t count, size_t chunk, size_t wanted,
                             size_t limit, clt_pickle_lists *lists, clt_error *error)
{
    clt_stream stream;
    clt_test_bytes source;
    clt_test_stream_start(&stream, &source, bytes, count, chunk);
    return clt_pickle_read_lists(&stream, wanted, limit, lists, error);
}

static void check(const void *bytes, size_t count)
{
    for (size_t chunk = 1; chunk <= count; chunk += 7) {
        clt_error error;
        clt_pickle_lists lists;
        assert_ok(read_lists(bytes, count, chunk, LISTS, 9, &lists, &error));
        assert_int_equal(lists.count, LISTS);
        assert_memory_equal(lists.offsets, offsets, sizeof offsets);
        assert_memory_equal(lists.values, values, sizeof values);
        clt_pickle_lists_free(&lists);
    }
}

static void test_every_writer(void **state)
{
    (void)state;
    check(STREAM(python2));
    check(STREAM(protocol2));
    check(STREAM(protocol3));
    check(STREAM(protocol4));
}

/* `from`, which must occur, becomes `to`: the first time it occurs at or after byte `start`. */
static size_t replace(char *out, const char *stream, size_t count, size_t start, const char *from,
                      size_t from_count, const char *to, size_t to_count)
{
    size_t at = start;
    while (memcmp(stream + at, from, from_count) != 0) {
        at++;
        assert_true(at + from_count <= count);
    }
    memcpy(out, stream, at);
    memcpy(out + at, to, to_count);
    memcpy(out + at + to_count, stream + at + from_count, count - at - from_count);
    return count - from_count + to_count;
}

typedef struct edit {
    const char *from;
    size_t from_count;
    const char *to;
    size_t to_count;
    const char *message; /* NULL: still the same lists */
} edit;

/* A changed stream and what is said about it. */
static void check_edits(const char *stream, size_t count, const edit *edits, size_t edit_count)
{
    for (size_t k = 0; k < edit_count; k++) {
        clt_error error;
        clt_pickle_lists lists;
        char changed[512];
        const edit *e = &edits[k];
        size_t bytes =
            replace(changed, stream, count, 0, e->from, e->from_count, e->to, e->to_count);
        if (e->message == NULL) {
            check(changed, bytes);
        } else {
            assert_fails(read_lists(changed, bytes, 5, LISTS, 9, &lists, &error), CLT_INPUT,
                         e->message);
            assert_null(lists.offsets);
        }
    }
}
#define EDIT(from, to, message)                                                                    \
    {                                                                                              \
        from, sizeof(from) - 1, to, sizeof(to) - 1, message                                        \
    }

static void test_accepted_variants(void **state)
{
    (void)state;
    static const edit edits[] = {
        EDIT("K\x07"
             "a",
             "(K\x07"
             "e",
             NULL), /* a batch of one */
        EDIT("(K\x01K\x02K\x03"
             "e",
             "K\x01"
             "aK\x02"
             "a(K\x03"
             "e",
             NULL),                                                   /* mixed batches */
        EDIT("K\x01K\x02", "\x8a\x01\x01\x8a\x05\x02\0\0\0\0", NULL), /* LONG1 */
        EDIT("M\x00\x01", "J\0\x01\0\0", NULL),
        EDIT("O8", "O4", NULL),
        EDIT("\x89\x88\x87", "K\0K\x01\x87", NULL), /* integer flags */
        EDIT("]q\x0d(]q\x0e", "]r\x0d\0\0\0(]", NULL),
        EDIT("core", "_core", NULL),
    };
    check_edits(STREAM(protocol3), edits, sizeof edits / sizeof *edits);
    static const edit frames[] = {
        /* A second frame that begins where the first ends, as after 64 KiB. */
        EDIT("\x95\xb1\0\0\0\0\0\0\0\x8c\x16numpy._core.multiarray",
             "\x95\x18\0\0\0\0\0\0\0\x8c\x16numpy._core.multiarray\x95\x99\0\0\0\0\0\0\0", NULL),
        EDIT("h\x03", "j\x03\0\0\0", NULL),
    };
    check_edits(STREAM(protocol4), frames, sizeof frames / sizeof *frames);
    static const edit strings[] = {
        EDIT("cnumpy\ndtype\nq\x04", "cnumpy\ndtype\nr\x04\0\0\0", NULL),
        EDIT("K?t", "\x8a\x01?t", NULL),
    };
    check_edits(STREAM(python2), strings, sizeof strings / sizeof *strings);
}

static void test_refused_opcodes(void **state)
{
    (void)state;
    static const edit edits[] = {
        EDIT("numpy.core.multiarray\n_reconstruct", "os\nsystem",
             "byte 2: global 'os system' is not allowed here (expected 'numpy.core.multiarray"),
        EDIT("numpy.core.multiarray\n_reconstruct", "numpy\ncore.multiarray._reconstruct",
             "global 'numpy core.multiarray._reconstruct' is not allowed"),
        EDIT("numpy.core.multiarray\n_reconstruct", "numpy.core.multiarray _reconstruct\n",
             "is not allowed here"),
        EDIT("_reconstruct", "_reconstruct_and_a_name_that_is_much_too_long_to_be_it",
             "a GLOBAL that begins with '_reconstruct_and"),
        EDIT("numpy\nndarray", "numpy\nmatrix", "global 'numpy matrix' is not allowed"),
        EDIT("numpy\ndtype", "builtins\neval", "global 'builtins eval' is not allowed"),
        EDIT("C\x01"
             "b",
             "C\x01"
             "x",
             "string 'x' is not allowed here (expected 'b')"),
        EDIT("C\x01"
             "b",
             "X\xff\xff\xff\xff", "a string of 4294967295 bytes"),
        EDIT("C\x01"
             "b",
             "C\x02"
             "b\0",
             "a string with a NUL"),
        EDIT("C\x01"
             "b",
             "N", "opcode NONE is not allowed here (expected b)"),
        EDIT("C\x01"
             "b",
             "h\x63", "memo entry 99 is no string or global"),
        EDIT("C\x01"
             "b",
             "h\x02", "memo entry 2 is no string or global"), /* a tuple */
        EDIT("C\x01"
             "b",
             "h\x01", "string 'numpy ndarray' is not allowed"),
        EDIT("K\x01K\x02", "K\x01G", "opcode BINFLOAT is not allowed here (expected an integer;"),
        EDIT("K\x01K\x02", "K\x01]", "opcode EMPTY_LIST is not allowed here (expected an integer;"),
        EDIT("K\x01K\x02", "K\x01h\x0e", "opcode BINGET is not allowed here (expected an integer;"),
        EDIT("K\x01K\x02",
             "K\x01"
             "2",
             "opcode DUP is not allowed here"),
        EDIT("K\x01K\x02", "K\x01R", "opcode REDUCE is not allowed here"),
        EDIT("K\x01K\x02", "K\x01\xff", "0xff is not a pickle opcode (expected an integer;"),
        EDIT("K\x01K\x02", "K\x01I2\n", "opcode INT is not allowed here"),
        EDIT("(K\x01K\x02K\x03"
             "e",
             "(e", "opcode APPENDS is not allowed here (expected an int"),
        EDIT("]q\x0f", "h\x0e", "opcode BINGET is not allowed here (expected a list of integers;"),
        EDIT("]q\x0f", "}", "opcode EMPTY_DICT is not allowed here (expected a list of integers;"),
        EDIT("]q\x0f", "cnumpy\n",
             "opcode GLOBAL is not allowed here (expected a list of integers;"),
        EDIT("]q\x0d(",
             "]q\x0d"
             "h",
             "opcode BINGET is not allowed here (expected a list of int"),
        EDIT("\x89]q\x0d", "\x88]q\x0d", "opcode NEWTRUE is not allowed here (expected NEWFALSE)"),
        EDIT("K\x07"
             "a",
             "K\x07"
             "e",
             "opcode APPENDS is not allowed here (expected APPEND)"),
        EDIT("aetq", "at", "(expected "),
    };
    check_edits(STREAM(protocol3), edits, sizeof edits / sizeof *edits);
    static const edit encode[] = {
        EDIT("latin1", "rot_13", "string 'rot_13' is not allowed here (expected 'latin1')"),
        EDIT("_codecs\nencode", "_codecs\ndecode", "global '_codecs decode' is not allowed"),
        EDIT("cnumpy\ndtype", "c_codecs\nencode", "global '_codecs encode' is not allowed"),
    };
    check_edits(STREAM(protocol2), encode, sizeof encode / sizeof *encode);
}

static void test_refused_values(void **state)
{
    (void)state;
    static const edit edits[] = {
        EDIT("\x80\x03", "\x80\x05", "pickle protocol 5 is not 2, 3 or 4"),
        EDIT("\x80\x03", "\x80\x01", "pickle protocol 1 is not 2, 3 or 4"),
        EDIT("\x80\x03", "(", "byte 0: opcode MARK is not allowed here (expected PROTO)"),
        EDIT("J\x08Z\x01\0", "J\xff\xff\xff\xff", "list 2 holds -1, not in 0 .. 2147483647"),
        EDIT("J\x08Z\x01\0", "\x8a\x05\0\0\0\x80\0", "list 2 holds 2147483648, not in"),
        EDIT("J\x08Z\x01\0", "\x8a\x01\x80", "list 2 holds -128, not in"),
        EDIT("J\x08Z\x01\0", "\x8a\x06\0\0\0\0\0\0", "a LONG1 of 6 bytes, more than 5"),
        EDIT("K\x04\x85", "K\x05\x85", "the array's length is 5, the .npy header announces 4"),
        EDIT("K\x04\x85", "J\xff\xff\xff\xff\x85", "the array's length is -1"),
        EDIT("K\0\x85", "K\x09\x85", "9 where the shape of an empty array is 0"),
        EDIT("(K\x03X", "(K\x04X", "4 where the version of a dtype's state is 3"),
        EDIT("K?t", "K>t", "62 where the flags of the object dtype is 63"),
        EDIT("O8", "i8", "string 'i8' is not allowed here (expected 'O8')"),
        EDIT("]q\x11K\x07"
             "a",
             "", "3 lists, the .npy header announces 4"),
        EDIT("]q\x11", "]]q\x11", "more lists than the 4 that the .npy header announces"),
        EDIT("K\x07"
             "a",
             "(K\x07K\x07"
             "e",
             "more integers than the limit of 9"),
        EDIT("q\x0f", "q\x20", "memo index 32 after only"),
        EDIT("q\x0f", "r\xff\xff\xff\xff", "memo index 4294967295 after only"),
        EDIT("q\x12"
             "b.",
             "q\x12"
             "b.N",
             "bytes after the pickle's STOP"),
        EDIT("q\x12"
             "b.",
             "q\x12.", "opcode STOP is not allowed here (expected BUILD)"),
    };
    check_edits(STREAM(protocol3), edits, sizeof edits / sizeof *edits);
    static const edit frames[] = {
        EDIT("\x95\xb1\0", "\x95\xb2\0", "byte 2: a FRAME of 178 bytes does not fit here"),
        EDIT("\x95\xb1\0", "\x95\0\0", "byte 2: a FRAME of 0 bytes does not fit here"),
        EDIT("\x95\xb1\0\0\0\0\0\0\0", "\x95\xff\xff\xff\xff\xff\xff\xff\xff",
             "a FRAME of 18446744073709551615 bytes does not fit here"),
        EDIT("\x95\xb1\0\0\0\0\0\0\0", "\x95\x70\0\0\0\0\0\0\0\x95\x70\0\0\0\0\0\0\0",
             "byte 11: a FRAME of 112 bytes does not fit here"),
        EDIT("\x80\x04", "\x80\x03", "byte 2: a FRAME of 177 bytes does not fit here"),
        EDIT("h\x03", "h\x02", "global 'numpy._core.multiarray _reconstruct' is not"),
        EDIT("\x8c\x05"
             "dtype",
             "\x8c\x30"
             "dtype",
             "a string of 48 bytes"),
    };
    check_edits(STREAM(protocol4), frames, sizeof frames / sizeof *frames);
}

/* Batches of 1,000 and a last item of its own, as the pure-Python pickler writes 2,001 items. */
static void test_long_lists(void **state)
{
    (void)state;
    clt_error error;
    clt_pickle_lists lists;
    static char changed[8192];
    char item[6008];
    size_t length = 0;
    for (int k = 0; k < 2001; k++) {
        if (k % 1000 == 0 && k < 2000) {
            item[length++] = '(';
        }
        item[length++] = 'M';
        item[length++] = (char)(k & 255);
        item[length++] = (char)(k >> 8);
        if (k % 1000 == 999) {
            item[length++] = 'e';
        }
    }
    item[length++] = 'a';
    size_t bytes = replace(changed, STREAM(protocol3), 0,
                           "K\x07"
                           "a",
                           3, item, length);
    static const size_t chunks[] = {1, 5, 4096}; /* of the stream's buffer */
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        assert_ok(read_lists(changed, bytes, chunks[c], LISTS, 3000, &lists, &error));
        assert_int_equal(lists.offsets[4], 8 + 2001);
        for (int k = 0; k < 2001; k++) {
            assert_int_equal(lists.values[8 + k], k);
        }
        clt_pickle_lists_free(&lists);
        assert_fails(read_lists(changed, bytes, chunks[c], LISTS, 2008, &lists, &error), CLT_INPUT,
                     "more integers than the limit of 2008");
    }
}

/* The claims of a header alone take no memory and no time. */
static void test_claims(void **state)
{
    (void)state;
    clt_error error;
    clt_pickle_lists lists;
    char changed[512];
    size_t bytes =
        replace(changed, STREAM(protocol3), 0, "K\x04\x85", 3, "\x8a\x05\0\0\0\0\x40\x85", 8);
    assert_fails(read_lists(changed, bytes, 4096, (size_t)1 << 38, SIZE_MAX, &lists, &error),
                 CLT_INPUT, "4 lists, the .npy header announces 274877906944");
}

static void test_cut_short(void **state)
{
    (void)state;
    static const struct {
        const char *stream;
        size_t count;
    } streams[] = {
        {STREAM(python2)}, {STREAM(protocol2)}, {STREAM(protocol3)}, {STREAM(protocol4)}};
    for (size_t k = 0; k < sizeof streams / sizeof *streams; k++) {
        for (size_t cut = 0; cut < streams[k].count; cut++) {
            clt_error error;
            clt_pickle_lists lists;
            assert_fails(read_lists(streams[k].stream, cut, 16, LISTS, 9, &lists, &error),
                         CLT_INPUT, "byte ");
        }
    }
}

/* Changed, cut and lengthened bytes. */
static void test_damaged(void **state)
{
    (void)state;
    static const struct {
        const char *stream;
        size_t count;
    } streams[] = {
        {STREAM(python2)}, {STREAM(protocol2)}, {STREAM(protocol3)}, {STREAM(protocol4)}};
    static const char opcodes[] = "(.JKMN\x8a\x88\x89"
                                  "CUX]aet\x85\x86\x87"
                                  "cRbqrhj\x80\x8c\x93\x94\x95";
    clt_random random = clt_random_stream(1, CLT_RANDOM_DEMO, 0);
    size_t opened = 0;
    for (int k = 0; k < 40000; k++) {
        clt_error error;
        clt_pickle_lists lists;
        char bytes[512];
        size_t count = streams[k % 4].count;
        memcpy(bytes, streams[k % 4].stream, count);
        for (uint32_t j = clt_random_below(&random, 4); j > 0; j--) {
            uint32_t place = clt_random_below(&random, (uint32_t)count);
            switch (clt_random_below(&random, 4)) {
            case 0:
                bytes[place] = (char)clt_random_u32(&random);
                break;
            case 1:
                bytes[place] = opcodes[clt_random_below(&random, sizeof opcodes - 1)];
                break;
            case 2: /* one byte less */
                memmove(bytes + place, bytes + place + 1, count - place - 1);
                count--;
                break;
            default: /* one byte more */
                memmove(bytes + place + 1, bytes + place, count - place);
                bytes[place] = opcodes[clt_random_below(&random, sizeof opcodes - 1)];
                count++;
            }
        }
        clt_status status = read_lists(bytes, count, 64, LISTS, 1000, &lists, &error);
        assert_true(status == CLT_OK || status == CLT_INPUT);
        opened += status == CLT_OK;
        clt_pickle_lists_free(&lists);
    }
    assert_in_range(opened, 5000, 35000); /* or the loop does not reach what it should */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_writer),    cmocka_unit_test(test_accepted_variants),
        cmocka_unit_test(test_refused_opcodes), cmocka_unit_test(test_refused_values),
        cmocka_unit_test(test_long_lists),      cmocka_unit_test(test_claims),
        cmocka_unit_test(test_cut_short),       cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
