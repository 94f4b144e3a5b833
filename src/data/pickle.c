/* pickle.c: a recursive-descent reader of the one shape accepted (Python's pickletools.py defines
 * the opcodes, numpy/lib/format.py what np.save writes):
 *
 *   PROTO  _reconstruct(ndarray, (0,), b'b')
 *   BUILD  (1, (N,), dtype('O8', False, True), False, [[int, ...], ...])  STOP
 *
 * and the dtype's own BUILD (3, '|', None, None, None, -1, -1, 63). Anything else is refused with
 * the name and the place of its opcode. */
#include "data/pickle.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

enum opcode {
    MARK = '(',
    STOP = '.',
    BININT = 'J',
    BININT1 = 'K',
    BININT2 = 'M',
    LONG1 = 0x8a,
    NONE = 'N',
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    SHORT_BINBYTES = 'C',
    SHORT_BINSTRING = 'U',
    BINUNICODE = 'X',
    SHORT_BINUNICODE = 0x8c,
    EMPTY_LIST = ']',
    APPEND = 'a',
    APPENDS = 'e',
    TUPLE = 't',
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    GLOBAL = 'c',
    STACK_GLOBAL = 0x93,
    REDUCE = 'R',
    BUILD = 'b',
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    MEMOIZE = 0x94,
    BINGET = 'h',
    LONG_BINGET = 'j',
    PROTO = 0x80,
    FRAME = 0x95
};

/* Every opcode there is, for messages about the ones that are refused. */
static const char *const opcode_names[256] = {['('] = "MARK",          [')'] = "EMPTY_TUPLE",
                                              ['.'] = "STOP",          ['0'] = "POP",
                                              ['1'] = "POP_MARK",      ['2'] = "DUP",
                                              ['B'] = "BINBYTES",      ['C'] = "SHORT_BINBYTES",
                                              ['F'] = "FLOAT",         ['G'] = "BINFLOAT",
                                              ['I'] = "INT",           ['J'] = "BININT",
                                              ['K'] = "BININT1",       ['L'] = "LONG",
                                              ['M'] = "BININT2",       ['N'] = "NONE",
                                              ['P'] = "PERSID",        ['Q'] = "BINPERSID",
                                              ['R'] = "REDUCE",        ['S'] = "STRING",
                                              ['T'] = "BINSTRING",     ['U'] = "SHORT_BINSTRING",
                                              ['V'] = "UNICODE",       ['X'] = "BINUNICODE",
                                              [']'] = "EMPTY_LIST",    ['a'] = "APPEND",
                                              ['b'] = "BUILD",         ['c'] = "GLOBAL",
                                              ['d'] = "DICT",          ['e'] = "APPENDS",
                                              ['g'] = "GET",           ['h'] = "BINGET",
                                              ['i'] = "INST",          ['j'] = "LONG_BINGET",
                                              ['l'] = "LIST",          ['o'] = "OBJ",
                                              ['p'] = "PUT",           ['q'] = "BINPUT",
                                              ['r'] = "LONG_BINPUT",   ['s'] = "SETITEM",
                                              ['t'] = "TUPLE",         ['u'] = "SETITEMS",
                                              ['}'] = "EMPTY_DICT",    [0x80] = "PROTO",
                                              [0x81] = "NEWOBJ",       [0x82] = "EXT1",
                                              [0x83] = "EXT2",         [0x84] = "EXT4",
                                              [0x85] = "TUPLE1",       [0x86] = "TUPLE2",
                                              [0x87] = "TUPLE3",       [0x88] = "NEWTRUE",
                                              [0x89] = "NEWFALSE",     [0x8a] = "LONG1",
                                              [0x8b] = "LONG4",        [0x8c] = "SHORT_BINUNICODE",
                                              [0x8d] = "BINUNICODE8",  [0x8e] = "BINBYTES8",
                                              [0x8f] = "EMPTY_SET",    [0x90] = "ADDITEMS",
                                              [0x91] = "FROZENSET",    [0x92] = "NEWOBJ_EX",
                                              [0x93] = "STACK_GLOBAL", [0x94] = "MEMOIZE",
                                              [0x95] = "FRAME",        [0x96] = "BYTEARRAY8",
                                              [0x97] = "NEXT_BUFFER",  [0x98] = "READONLY_BUFFER"};

/* The longest string is "numpy._core.multiarray _reconstruct". */
#define TEXT_SIZE 48

/* What GETs may name; lists and tuples are OTHER, so that nothing is ever read twice. */
enum memo_kind { OTHER, STRING, GLOBAL_NAME };

/* The strings and globals all come first in the stream; a later index is a list's. */
#define MEMO_SIZE 64

typedef struct reader {
    clt_stream *stream;
    clt_error *error;
    unsigned char opcode; /* the next one, while `peeked` */
    bool peeked;
    uint64_t byte; /* where `opcode` stands */
    unsigned char protocol;
    uint64_t frame_end;
    uint64_t objects;  /* seen, of those that a pickler may put into its memo */
    uint64_t memoized; /* put there */
    struct memo_entry {
        enum memo_kind kind;
        char text[TEXT_SIZE];
    } memo[MEMO_SIZE];
    clt_pickle_lists *lists;
    size_t wanted; /* lists that the .npy header announces */
    size_t list_room, value_room, value_count, value_limit;
} reader;

/* The opcode that was peeked at or taken last. */
static clt_status refuse_opcode(reader *r, const char *expected)
{
    const char *name = opcode_names[r->opcode];
    if (name == NULL) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": 0x%02x is not a pickle opcode (expected %s)", r->byte,
                        (unsigned)r->opcode, expected);
    }
    return clt_fail(r->error, CLT_INPUT, 0,
                    "byte %" PRIu64 ": opcode %s is not allowed here (expected %s)", r->byte, name,
                    expected);
}

static clt_status take_bytes(reader *r, void *bytes, size_t count)
{
    return clt_stream_take(r->stream, bytes, count, "the pickle", r->error);
}

/* A little-endian number of `count` <= 8 bytes. */
static clt_status take_number(reader *r, size_t count, uint64_t *value)
{
    unsigned char bytes[8];
    clt_status status = take_bytes(r, bytes, count);
    *value = 0;
    for (size_t k = 0; status == CLT_OK && k < count; k++) {
        *value |= (uint64_t)bytes[k] << 8 * k;
    }
    return status;
}

/* A frame is only a hint for buffering: its length is checked and then forgotten. */
static clt_status take_frame(reader *r)
{
    uint64_t length;
    clt_status status = take_number(r, 8, &length);
    if (status != CLT_OK) {
        return status;
    }
    uint64_t at = clt_stream_offset(r->stream);
    if (r->protocol < 4 || r->byte < r->frame_end || length == 0 || at > r->stream->size ||
        length > r->stream->size - at) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": a FRAME of %" PRIu64 " bytes does not fit here", r->byte,
                        length);
    }
    r->frame_end = at + length;
    return CLT_OK;
}

/* Reads the next opcode that is not a FRAME into r->opcode; it stays the next one. */
static clt_status peek(reader *r)
{
    while (!r->peeked) {
        r->byte = clt_stream_offset(r->stream);
        clt_status status = clt_stream_byte(r->stream, &r->opcode, "the pickle", r->error);
        if (status == CLT_OK && r->opcode == FRAME) {
            status = take_frame(r);
        } else if (status == CLT_OK) {
            r->peeked = true;
        }
        if (status != CLT_OK) {
            return status;
        }
    }
    return CLT_OK;
}

static clt_status take(reader *r)
{
    clt_status status = peek(r);
    r->peeked = false;
    return status;
}

static clt_status expect(reader *r, unsigned char opcode)
{
    clt_status status = take(r);
    if (status == CLT_OK && r->opcode != opcode) {
        return refuse_opcode(r, opcode_names[opcode]);
    }
    return status;
}

/* After every object that a pickler may remember: its PUT, if there is one. */
static clt_status take_put(reader *r, enum memo_kind kind, const char *text)
{
    uint64_t index = r->memoized;
    clt_status status = CLT_OK;
    r->objects++;
    CLT_TRY(peek(r));
    if (r->opcode != BINPUT && r->opcode != LONG_BINPUT && r->opcode != MEMOIZE) {
        goto done;
    }
    r->peeked = false;
    if (r->opcode != MEMOIZE) {
        CLT_TRY(take_number(r, r->opcode == BINPUT ? 1 : 4, &index));
    }
    if (index > r->objects) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": memo index %" PRIu64 " after only %" PRIu64 " objects",
                          r->byte, index, r->objects);
        goto done;
    }
    r->memoized++;
    if (index < MEMO_SIZE) {
        r->memo[index].kind = kind;
        snprintf(r->memo[index].text, TEXT_SIZE, "%s", text);
    }
done:
    return status;
}

static clt_status expect_tuple(reader *r, unsigned char opcode)
{
    clt_status status = expect(r, opcode);
    return status == CLT_OK ? take_put(r, OTHER, "") : status;
}

static clt_status expect_reduce(reader *r)
{
    clt_status status = expect(r, REDUCE);
    return status == CLT_OK ? take_put(r, OTHER, "") : status;
}

/* The string or global that a BINGET or LONG_BINGET just taken names. */
static clt_status take_get(reader *r, const char *expected, enum memo_kind *kind, char *text)
{
    uint64_t index;
    clt_status status = take_number(r, r->opcode == BINGET ? 1 : 4, &index);
    if (status != CLT_OK) {
        return status;
    }
    if (index >= MEMO_SIZE || r->memo[index].kind == OTHER) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": memo entry %" PRIu64 " is no string or global (expected "
                        "%s)",
                        r->byte, index, expected);
    }
    *kind = r->memo[index].kind;
    memcpy(text, r->memo[index].text, TEXT_SIZE);
    return CLT_OK;
}

/* A string or a GET of an earlier string or global; *kind says which. */
static clt_status take_text(reader *r, const char *expected, enum memo_kind *kind,
                            char text[TEXT_SIZE])
{
    uint64_t length = 0;
    clt_status status = CLT_OK;
    CLT_TRY(take(r));
    switch (r->opcode) {
    case BINGET:
    case LONG_BINGET:
        return take_get(r, expected, kind, text);
    case SHORT_BINBYTES:
    case SHORT_BINSTRING:
    case SHORT_BINUNICODE:
        CLT_TRY(take_number(r, 1, &length));
        break;
    case BINUNICODE:
        CLT_TRY(take_number(r, 4, &length));
        break;
    default:
        return refuse_opcode(r, expected);
    }
    if (length >= TEXT_SIZE) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": a string of %" PRIu64 " bytes (expected %s)", r->byte,
                          length, expected);
        goto done;
    }
    CLT_TRY(take_bytes(r, text, (size_t)length));
    if (memchr(text, 0, (size_t)length) != NULL) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": a string with a NUL (expected %s)", r->byte, expected);
        goto done;
    }
    text[length] = 0;
    *kind = STRING;
    CLT_TRY(take_put(r, STRING, text));
done:
    return status;
}

/* One of two strings; the second may be NULL. */
static clt_status expect_string(reader *r, const char *expected, const char *other)
{
    char text[TEXT_SIZE];
    enum memo_kind kind;
    clt_status status = take_text(r, expected, &kind, text);
    if (status != CLT_OK) {
        return status;
    }
    if (kind != STRING ||
        (strcmp(text, expected) != 0 && (other == NULL || strcmp(text, other) != 0))) {
        return clt_fail(r->error, CLT_INPUT, 0, "byte %" PRIu64 ": '%s' is not '%s'", r->byte, text,
                        expected);
    }
    return CLT_OK;
}

/* The rest of a line after GLOBAL, appended to `text`. */
static clt_status take_line(reader *r, char text[TEXT_SIZE])
{
    size_t length = strlen(text);
    unsigned char byte;
    clt_status status = CLT_OK;
    for (;;) {
        CLT_TRY(clt_stream_byte(r->stream, &byte, "the pickle", r->error));
        if (byte == '\n') {
            break;
        }
        if (length + 1 == TEXT_SIZE || byte == 0) {
            return clt_fail(r->error, CLT_INPUT, 0,
                            "byte %" PRIu64 ": a GLOBAL that begins with '%s' is not allowed",
                            r->byte, text);
        }
        text[length++] = (char)byte;
        text[length] = 0;
    }
done:
    return status;
}

/* "MODULE NAME": the one space keeps "a.b c" and "a b.c" apart. */
static clt_status take_global(reader *r, const char *expected, char text[TEXT_SIZE])
{
    enum memo_kind kind;
    char name[TEXT_SIZE];
    clt_status status = CLT_OK;
    CLT_TRY(peek(r));
    if (r->opcode == GLOBAL) {
        r->peeked = false;
        text[0] = 0;
        CLT_TRY(take_line(r, text));
        size_t length = strlen(text);
        if (length + 1 < TEXT_SIZE) {
            text[length] = ' ';
            text[length + 1] = 0;
        }
        CLT_TRY(take_line(r, text));
        CLT_TRY(take_put(r, GLOBAL_NAME, text));
        goto done;
    }
    CLT_TRY(take_text(r, expected, &kind, text));
    if (kind == GLOBAL_NAME) {
        goto done;
    }
    uint64_t byte = r->byte;
    CLT_TRY(take_text(r, expected, &kind, name));
    size_t length = strlen(text);
    int added = snprintf(text + length, TEXT_SIZE - length, " %s", name);
    if (kind != STRING || added < 0 || (size_t)added >= TEXT_SIZE - length) {
        status =
            clt_fail(r->error, CLT_INPUT, 0,
                     "byte %" PRIu64 ": a global that begins with '%s' is not allowed", byte, text);
        goto done;
    }
    CLT_TRY(expect(r, STACK_GLOBAL));
    CLT_TRY(take_put(r, GLOBAL_NAME, text));
done:
    return status;
}

/* One of two globals; the second may be NULL. */
static clt_status expect_global(reader *r, const char *expected, const char *other)
{
    char text[TEXT_SIZE];
    clt_status status = peek(r);
    uint64_t byte = r->byte;
    if (status == CLT_OK) {
        status = take_global(r, expected, text);
    }
    if (status == CLT_OK && strcmp(text, expected) != 0 &&
        (other == NULL || strcmp(text, other) != 0)) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": global '%s' is not allowed here (expected '%s')", byte,
                        text, expected);
    }
    return status;
}

static bool is_integer(unsigned char opcode)
{
    return opcode == BININT1 || opcode == BININT2 || opcode == BININT || opcode == LONG1;
}

/* An integer of at most 5 bytes, the opcode already taken. */
static clt_status take_integer_value(reader *r, int64_t *value)
{
    uint64_t bits = 0, size;
    clt_status status = CLT_OK;
    switch (r->opcode) {
    case BININT1:
        size = 1;
        break;
    case BININT2:
        size = 2;
        break;
    case BININT:
        size = 4;
        break;
    default:
        CLT_TRY(take_number(r, 1, &size));
        if (size > 5) {
            return clt_fail(r->error, CLT_INPUT, 0,
                            "byte %" PRIu64 ": a LONG1 of %" PRIu64 " bytes, more than 5", r->byte,
                            size);
        }
    }
    CLT_TRY(take_number(r, (size_t)size, &bits));
    *value = (int64_t)bits;
    bool is_signed = r->opcode == BININT || r->opcode == LONG1;
    if (is_signed && size > 0 && bits >> (8 * size - 1) != 0) {
        *value -= INT64_C(1) << 8 * size;
    }
done:
    return status;
}

static clt_status take_integer(reader *r, const char *expected, int64_t *value)
{
    clt_status status = take(r);
    if (status == CLT_OK && !is_integer(r->opcode)) {
        return refuse_opcode(r, expected);
    }
    return status == CLT_OK ? take_integer_value(r, value) : status;
}

static clt_status expect_integer(reader *r, int64_t expected, const char *what)
{
    int64_t value;
    clt_status status = take_integer(r, what, &value);
    if (status == CLT_OK && value != expected) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": %" PRId64 " where %s is %" PRId64, r->byte, value, what,
                        expected);
    }
    return status;
}

/* False and True, which Python 2 may write as 0 and 1. */
static clt_status expect_flag(reader *r, bool expected, const char *what)
{
    clt_status status = peek(r);
    if (status == CLT_OK && (r->opcode == BININT1 || r->opcode == LONG1)) {
        return expect_integer(r, expected, what);
    }
    return status == CLT_OK ? expect(r, expected ? NEWTRUE : NEWFALSE) : status;
}

static clt_status append_value(reader *r)
{
    int64_t value;
    clt_status status = take_integer_value(r, &value);
    if (status != CLT_OK) {
        return status;
    }
    if (value < 0 || value > INT32_MAX) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": list %zu holds %" PRId64 ", not in 0 .. 2147483647",
                        r->byte, r->lists->count, value);
    }
    if (r->value_count == r->value_room) {
        if (r->value_count >= r->value_limit) {
            return clt_fail(r->error, CLT_INPUT, 0,
                            "byte %" PRIu64 ": more integers than the limit of %zu", r->byte,
                            r->value_limit);
        }
        size_t room = r->value_room == 0 ? 4096 : 2 * r->value_room;
        room = room < r->value_limit ? room : r->value_limit;
        status = clt_resize((void **)&r->lists->values, room, sizeof *r->lists->values, "token ids",
                            r->error);
        if (status != CLT_OK) {
            return status;
        }
        r->value_room = room;
    }
    r->lists->values[r->value_count++] = (int32_t)value;
    return CLT_OK;
}

/* Room for the end of one list more. */
static clt_status grow_lists(reader *r)
{
    if (r->lists->count == r->wanted) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": more lists than the %zu that the .npy header announces",
                        r->byte, r->wanted);
    }
    if (r->lists->count + 2 <= r->list_room) {
        return CLT_OK;
    }
    clt_status status = clt_resize((void **)&r->lists->offsets, 2 * r->list_room,
                                   sizeof *r->lists->offsets, "samples", r->error);
    if (status == CLT_OK) {
        r->list_room *= 2;
    }
    return status;
}

static const char expected_integer[] = "an integer; save the reviews as lists of int";
static const char expected_list[] = "a list of integers; save the reviews as lists of int";

/* A list of integers. Picklers write items in batches, MARK item item ... APPENDS, and a batch of
 * one as item APPEND. */
static clt_status read_list(reader *r)
{
    clt_status status = CLT_OK;
    CLT_TRY(take(r));
    if (r->opcode != EMPTY_LIST) {
        return refuse_opcode(r, expected_list);
    }
    CLT_TRY(grow_lists(r));
    CLT_TRY(take_put(r, OTHER, ""));
    for (;;) {
        CLT_TRY(peek(r));
        if (is_integer(r->opcode)) {
            r->peeked = false;
            CLT_TRY(append_value(r));
            CLT_TRY(expect(r, APPEND));
        } else if (r->opcode == MARK) {
            r->peeked = false;
            CLT_TRY(take(r));
            do {
                if (!is_integer(r->opcode)) {
                    return refuse_opcode(r, expected_integer);
                }
                CLT_TRY(append_value(r));
                CLT_TRY(take(r));
            } while (r->opcode != APPENDS);
        } else {
            break;
        }
    }
    r->lists->offsets[++r->lists->count] = r->value_count;
done:
    return status;
}

static clt_status read_lists(reader *r)
{
    clt_status status = CLT_OK;
    CLT_TRY(expect(r, EMPTY_LIST));
    CLT_TRY(take_put(r, OTHER, ""));
    for (;;) {
        CLT_TRY(peek(r));
        if (r->opcode == EMPTY_LIST) {
            CLT_TRY(read_list(r));
            CLT_TRY(expect(r, APPEND));
        } else if (r->opcode == MARK) {
            r->peeked = false;
            do {
                CLT_TRY(read_list(r));
                CLT_TRY(peek(r));
            } while (r->opcode != APPENDS);
            r->peeked = false;
        } else {
            break;
        }
    }
    /* What follows the last list is the array's state tuple; anything else was meant as an item. */
    if (r->opcode != TUPLE) {
        return refuse_opcode(r, expected_list);
    }
done:
    return status;
}

/* _reconstruct(ndarray, (0,), b'b'). At protocol 2 Python 3 writes the bytes as
 * _codecs.encode('b', 'latin1'). */
static clt_status read_reconstruct(reader *r)
{
    clt_status status = CLT_OK;
    CLT_TRY(expect_global(r, "numpy.core.multiarray _reconstruct",
                          "numpy._core.multiarray _reconstruct"));
    CLT_TRY(expect_global(r, "numpy ndarray", NULL));
    CLT_TRY(expect_integer(r, 0, "the shape of an empty array"));
    CLT_TRY(expect_tuple(r, TUPLE1));
    CLT_TRY(peek(r));
    if (r->opcode == GLOBAL) {
        CLT_TRY(expect_global(r, "_codecs encode", NULL));
        CLT_TRY(expect_string(r, "b", NULL));
        CLT_TRY(expect_string(r, "latin1", NULL));
        CLT_TRY(expect_tuple(r, TUPLE2));
        CLT_TRY(expect_reduce(r));
    } else {
        CLT_TRY(expect_string(r, "b", NULL));
    }
    CLT_TRY(expect_tuple(r, TUPLE3));
    CLT_TRY(expect_reduce(r));
done:
    return status;
}

/* dtype('O8', False, True) with the state (3, '|', None, None, None, -1, -1, 63): the object dtype
 * of every NumPy. */
static clt_status read_dtype(reader *r)
{
    clt_status status = CLT_OK;
    CLT_TRY(expect_global(r, "numpy dtype", NULL));
    CLT_TRY(expect_string(r, "O8", "O4"));
    CLT_TRY(expect_flag(r, false, "dtype's flag 'align'"));
    CLT_TRY(expect_flag(r, true, "dtype's flag 'copy'"));
    CLT_TRY(expect_tuple(r, TUPLE3));
    CLT_TRY(expect_reduce(r));
    CLT_TRY(expect(r, MARK));
    CLT_TRY(expect_integer(r, 3, "the version of a dtype's state"));
    CLT_TRY(expect_string(r, "|", NULL));
    for (int k = 0; k < 3; k++) {
        CLT_TRY(expect(r, NONE));
    }
    CLT_TRY(expect_integer(r, -1, "a dtype's item size"));
    CLT_TRY(expect_integer(r, -1, "a dtype's alignment"));
    CLT_TRY(expect_integer(r, 63, "the flags of the object dtype"));
    CLT_TRY(expect_tuple(r, TUPLE));
    CLT_TRY(expect(r, BUILD));
done:
    return status;
}

static clt_status read_array(reader *r)
{
    int64_t count = 0;
    clt_status status = CLT_OK;
    CLT_TRY(expect(r, PROTO));
    CLT_TRY(take_bytes(r, &r->protocol, 1));
    if (r->protocol < 2 || r->protocol > 4) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": pickle protocol %d is not 2, 3 or 4", r->byte,
                        r->protocol);
    }
    CLT_TRY(read_reconstruct(r));
    CLT_TRY(expect(r, MARK));
    CLT_TRY(expect_integer(r, 1, "the version of an array's state"));
    CLT_TRY(take_integer(r, "the array's length", &count));
    if (count < 0 || (uint64_t)count != r->wanted) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": the array's length is %" PRId64 ", the .npy header "
                        "announces %zu",
                        r->byte, count, r->wanted);
    }
    CLT_TRY(expect_tuple(r, TUPLE1));
    CLT_TRY(read_dtype(r));
    CLT_TRY(expect_flag(r, false, "the array's flag 'fortran_order'"));
    CLT_TRY(read_lists(r));
    if (r->lists->count != r->wanted) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": %zu lists, the .npy header announces %zu", r->byte,
                        r->lists->count, r->wanted);
    }
    CLT_TRY(expect_tuple(r, TUPLE));
    CLT_TRY(expect(r, BUILD));
    CLT_TRY(expect(r, STOP));
    CLT_TRY(clt_stream_finish(r->stream, "the pickle's STOP", r->error));
done:
    return status;
}

clt_status clt_pickle_read_lists(clt_stream *stream, size_t count, size_t value_limit,
                                 clt_pickle_lists *lists, clt_error *error)
{
    reader r = {.stream = stream, .error = error, .wanted = count, .value_limit = value_limit};
    clt_status status = CLT_OK;
    r.lists = lists;
    r.list_room = 1024;
    *lists = (clt_pickle_lists){0};
    lists->offsets = clt_alloc(r.list_room, sizeof *lists->offsets, "samples", error);
    if (lists->offsets == NULL) {
        return CLT_FAILED;
    }
    status = read_array(&r);
    if (status != CLT_OK) {
        clt_pickle_lists_free(lists);
    }
    return status;
}

void clt_pickle_lists_free(clt_pickle_lists *lists)
{
    free(lists->offsets);
    free(lists->values);
    *lists = (clt_pickle_lists){0};
}
