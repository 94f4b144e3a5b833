/* pickle_reader.c: opcodes one by one (Python's pickletools.py defines them). */
#include "data/pickle_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* The opcode that was peeked at or taken last. */
clt_status clt_pickle_refuse(clt_pickle_reader *r, const char *expected)
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

clt_status clt_pickle_take_bytes(clt_pickle_reader *r, void *bytes, size_t count)
{
    return clt_stream_take(r->stream, bytes, count, "the pickle", r->error);
}

/* A little-endian number of `count` <= 8 bytes. */
static clt_status take_number(clt_pickle_reader *r, size_t count, uint64_t *value)
{
    unsigned char copied[8];
    const unsigned char *bytes = copied;
    clt_status status = CLT_OK;
    if (count <= r->stream->end - r->stream->at) { /* nearly always, and millions of times */
        bytes = r->stream->buffer + r->stream->at;
        r->stream->at += count;
    } else {
        status = clt_pickle_take_bytes(r, copied, count);
    }
    *value = 0;
    for (size_t k = 0; status == CLT_OK && k < count; k++) {
        *value |= (uint64_t)bytes[k] << 8 * k;
    }
    return status;
}

/* A frame is only a hint for buffering: its length is checked and then forgotten. */
static clt_status take_frame(clt_pickle_reader *r)
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

clt_status clt_pickle_peek(clt_pickle_reader *r)
{
    while (!r->peeked) {
        r->byte = clt_stream_offset(r->stream);
        clt_status status = clt_stream_byte(r->stream, &r->opcode, "the pickle", r->error);
        if (status == CLT_OK && r->opcode == CLT_PICKLE_FRAME) {
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

clt_status clt_pickle_take(clt_pickle_reader *r)
{
    clt_status status = clt_pickle_peek(r);
    r->peeked = false;
    return status;
}

clt_status clt_pickle_expect(clt_pickle_reader *r, unsigned char opcode)
{
    clt_status status = clt_pickle_take(r);
    if (status == CLT_OK && r->opcode != opcode) {
        return clt_pickle_refuse(r, opcode_names[opcode]);
    }
    return status;
}

clt_status clt_pickle_take_put(clt_pickle_reader *r, enum clt_memo_kind kind, const char *text)
{
    uint64_t index = r->memoized;
    clt_status status = CLT_OK;
    r->objects++;
    CLT_TRY(clt_pickle_peek(r));
    if (r->opcode != CLT_PICKLE_BINPUT && r->opcode != CLT_PICKLE_LONG_BINPUT &&
        r->opcode != CLT_PICKLE_MEMOIZE) {
        goto done;
    }
    r->peeked = false;
    if (r->opcode != CLT_PICKLE_MEMOIZE) {
        CLT_TRY(take_number(r, r->opcode == CLT_PICKLE_BINPUT ? 1 : 4, &index));
    }
    if (index > r->objects) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": memo index %" PRIu64 " after only %" PRIu64 " objects",
                          r->byte, index, r->objects);
        goto done;
    }
    r->memoized++;
    if (index < CLT_PICKLE_MEMO_SIZE) {
        r->memo[index].kind = kind;
        snprintf(r->memo[index].text, CLT_PICKLE_TEXT_SIZE, "%s", text);
    }
done:
    return status;
}

clt_status clt_pickle_expect_object(clt_pickle_reader *r, unsigned char opcode)
{
    clt_status status = clt_pickle_expect(r, opcode);
    return status == CLT_OK ? clt_pickle_take_put(r, CLT_MEMO_OTHER, "") : status;
}

/* The string or global that a BINGET or LONG_BINGET just taken names. */
static clt_status take_get(clt_pickle_reader *r, const char *expected, enum clt_memo_kind *kind,
                           char *text)
{
    uint64_t index;
    clt_status status = take_number(r, r->opcode == CLT_PICKLE_BINGET ? 1 : 4, &index);
    if (status != CLT_OK) {
        return status;
    }
    if (index >= CLT_PICKLE_MEMO_SIZE || r->memo[index].kind == CLT_MEMO_OTHER) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": memo entry %" PRIu64 " is no string or global (expected "
                        "%s)",
                        r->byte, index, expected);
    }
    *kind = r->memo[index].kind;
    memcpy(text, r->memo[index].text, CLT_PICKLE_TEXT_SIZE);
    return CLT_OK;
}

/* A string or a GET of an earlier string or global; *kind says which. */
static clt_status take_text(clt_pickle_reader *r, const char *expected, enum clt_memo_kind *kind,
                            char text[CLT_PICKLE_TEXT_SIZE])
{
    uint64_t length = 0;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_take(r));
    switch (r->opcode) {
    case CLT_PICKLE_BINGET:
    case CLT_PICKLE_LONG_BINGET:
        return take_get(r, expected, kind, text);
    case CLT_PICKLE_SHORT_BINBYTES:
    case CLT_PICKLE_SHORT_BINSTRING:
    case CLT_PICKLE_SHORT_BINUNICODE:
        CLT_TRY(take_number(r, 1, &length));
        break;
    case CLT_PICKLE_BINUNICODE:
        CLT_TRY(take_number(r, 4, &length));
        break;
    default:
        return clt_pickle_refuse(r, expected);
    }
    if (length >= CLT_PICKLE_TEXT_SIZE) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": a string of %" PRIu64 " bytes (expected %s)", r->byte,
                          length, expected);
        goto done;
    }
    CLT_TRY(clt_pickle_take_bytes(r, text, (size_t)length));
    if (memchr(text, 0, (size_t)length) != NULL) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": a string with a NUL (expected %s)", r->byte, expected);
        goto done;
    }
    text[length] = 0;
    *kind = CLT_MEMO_STRING;
    CLT_TRY(clt_pickle_take_put(r, CLT_MEMO_STRING, text));
done:
    return status;
}

static bool is_either(const char *text, const char *one, const char *other)
{
    return strcmp(text, one) == 0 || (other != NULL && strcmp(text, other) == 0);
}

clt_status clt_pickle_expect_string(clt_pickle_reader *r, const char *expected, const char *other)
{
    char text[CLT_PICKLE_TEXT_SIZE];
    enum clt_memo_kind kind;
    uint64_t byte;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_peek(r));
    byte = r->byte;
    CLT_TRY(take_text(r, expected, &kind, text));
    if (kind != CLT_MEMO_STRING || !is_either(text, expected, other)) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": string '%s' is not allowed here (expected '%s')", byte,
                          text, expected);
    }
done:
    return status;
}

/* A line after GLOBAL, without its newline. */
static clt_status take_line(clt_pickle_reader *r, char text[CLT_PICKLE_TEXT_SIZE])
{
    size_t length = 0;
    unsigned char byte;
    clt_status status = CLT_OK;
    text[0] = 0;
    for (;;) {
        CLT_TRY(clt_stream_byte(r->stream, &byte, "the pickle", r->error));
        if (byte == '\n') {
            break;
        }
        if (length + 1 == CLT_PICKLE_TEXT_SIZE || byte == 0) {
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
static clt_status take_global(clt_pickle_reader *r, const char *expected,
                              char text[CLT_PICKLE_TEXT_SIZE])
{
    enum clt_memo_kind kind;
    char name[CLT_PICKLE_TEXT_SIZE];
    uint64_t byte;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_peek(r));
    byte = r->byte;
    if (r->opcode == CLT_PICKLE_GLOBAL) {
        r->peeked = false;
        CLT_TRY(take_line(r, text));
        CLT_TRY(take_line(r, name));
    } else {
        CLT_TRY(take_text(r, expected, &kind, text));
        if (kind == CLT_MEMO_GLOBAL_NAME) {
            goto done; /* an earlier one */
        }
        CLT_TRY(take_text(r, expected, &kind, name));
        CLT_TRY(clt_pickle_expect(r, CLT_PICKLE_STACK_GLOBAL));
    }
    size_t length = strlen(text), bytes = strlen(name) + 1;
    if (length + 1 + bytes > CLT_PICKLE_TEXT_SIZE) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": global '%s %s' is not allowed here (expected '%s')",
                          byte, text, name, expected);
        goto done;
    }
    text[length] = ' ';
    memcpy(text + length + 1, name, bytes);
    CLT_TRY(clt_pickle_take_put(r, CLT_MEMO_GLOBAL_NAME, text));
done:
    return status;
}

clt_status clt_pickle_expect_global(clt_pickle_reader *r, const char *expected, const char *other)
{
    char text[CLT_PICKLE_TEXT_SIZE];
    uint64_t byte;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_peek(r));
    byte = r->byte;
    CLT_TRY(take_global(r, expected, text));
    if (!is_either(text, expected, other)) {
        status = clt_fail(r->error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": global '%s' is not allowed here (expected '%s')", byte,
                          text, expected);
    }
done:
    return status;
}

bool clt_pickle_is_integer(unsigned char opcode)
{
    return opcode == CLT_PICKLE_BININT1 || opcode == CLT_PICKLE_BININT2 ||
           opcode == CLT_PICKLE_BININT || opcode == CLT_PICKLE_LONG1;
}

clt_status clt_pickle_take_operand(clt_pickle_reader *r, int64_t *value)
{
    uint64_t bits = 0, size;
    clt_status status = CLT_OK;
    switch (r->opcode) {
    case CLT_PICKLE_BININT1:
        size = 1;
        break;
    case CLT_PICKLE_BININT2:
        size = 2;
        break;
    case CLT_PICKLE_BININT:
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
    bool is_signed = r->opcode == CLT_PICKLE_BININT || r->opcode == CLT_PICKLE_LONG1;
    if (is_signed && size > 0 && bits >> (8 * size - 1) != 0) {
        *value -= INT64_C(1) << 8 * size;
    }
done:
    return status;
}

clt_status clt_pickle_take_integer(clt_pickle_reader *r, const char *expected, int64_t *value)
{
    clt_status status = clt_pickle_take(r);
    if (status == CLT_OK && !clt_pickle_is_integer(r->opcode)) {
        return clt_pickle_refuse(r, expected);
    }
    return status == CLT_OK ? clt_pickle_take_operand(r, value) : status;
}

clt_status clt_pickle_expect_integer(clt_pickle_reader *r, int64_t expected, const char *what)
{
    int64_t value;
    clt_status status = clt_pickle_take_integer(r, what, &value);
    if (status == CLT_OK && value != expected) {
        return clt_fail(r->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": %" PRId64 " where %s is %" PRId64, r->byte, value, what,
                        expected);
    }
    return status;
}

clt_status clt_pickle_expect_flag(clt_pickle_reader *r, bool expected, const char *what)
{
    clt_status status = clt_pickle_peek(r);
    if (status == CLT_OK && (r->opcode == CLT_PICKLE_BININT1 || r->opcode == CLT_PICKLE_LONG1)) {
        return clt_pickle_expect_integer(r, expected, what);
    }
    return status == CLT_OK
               ? clt_pickle_expect(r, expected ? CLT_PICKLE_NEWTRUE : CLT_PICKLE_NEWFALSE)
               : status;
}
