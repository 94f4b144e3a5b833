/* npy.c: the .npy header, a Python dict literal, read by a parser for just that. */
#include "data/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* The text of the dict while it is read. */
typedef struct literal {
    const char *text;
    size_t at, end;
    uint64_t offset; /* of text[0] in the member */
    clt_error *error;
} literal;

static clt_status unexpected(const literal *l, const char *expected)
{
    uint64_t byte = l->offset + l->at;
    if (l->at == l->end) {
        return clt_fail(l->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": the .npy header ends where %s is expected", byte,
                        expected);
    }
    return clt_fail(l->error, CLT_INPUT, 0,
                    "byte %" PRIu64 ": 0x%02x in the .npy header where %s is expected", byte,
                    (unsigned)(unsigned char)l->text[l->at], expected);
}

static void skip_space(literal *l)
{
    while (l->at < l->end && memchr(" \t\n\r", l->text[l->at], 4) != NULL) {
        l->at++;
    }
}

/* Whether the next character, after white space, is `c`; taken when it is. */
static bool accept(literal *l, char c)
{
    skip_space(l);
    if (l->at == l->end || l->text[l->at] != c) {
        return false;
    }
    l->at++;
    return true;
}

/* A quoted string without escapes into `out`. */
static clt_status read_string(literal *l, char *out, size_t room)
{
    size_t length = 0;
    skip_space(l);
    if (l->at == l->end || (l->text[l->at] != '\'' && l->text[l->at] != '"')) {
        return unexpected(l, "a quoted string");
    }
    char quote = l->text[l->at++];
    while (l->at < l->end && l->text[l->at] != quote) {
        if (length + 1 == room || l->text[l->at] == '\\') {
            return unexpected(l, "the end of a short string");
        }
        out[length++] = l->text[l->at++];
    }
    if (l->at == l->end) {
        return unexpected(l, "a closing quote");
    }
    l->at++;
    out[length] = 0;
    return CLT_OK;
}

/* (N,), also with Python 2's suffix L. */
static clt_status read_shape(literal *l, clt_npy_header *header)
{
    uint64_t value = 0;
    size_t digits = 0;
    if (!accept(l, '(')) {
        return unexpected(l, "a shape tuple, (N,)");
    }
    skip_space(l);
    while (l->at < l->end && l->text[l->at] >= '0' && l->text[l->at] <= '9') {
        unsigned digit = (unsigned)(l->text[l->at] - '0');
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return unexpected(l, "a length below 2^64");
        }
        digits++;
        l->at++;
    }
    if (digits == 0) {
        return unexpected(l, "a length, as in (N,)");
    }
    if (l->at < l->end && l->text[l->at] == 'L') {
        l->at++;
    }
    if (!accept(l, ',')) {
        return unexpected(l, "a comma, as in (N,)");
    }
    if (!accept(l, ')')) {
        return clt_fail(l->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": not an array of one dimension; save the reviews as an "
                        "object array of lists",
                        l->offset + l->at);
    }
    header->count = value;
    return CLT_OK;
}

static clt_status read_fortran_order(literal *l)
{
    static const char wanted[] = "False";
    skip_space(l);
    if (l->end - l->at < sizeof wanted - 1 ||
        memcmp(l->text + l->at, wanted, sizeof wanted - 1) != 0) {
        return unexpected(l, "False (C order)");
    }
    l->at += sizeof wanted - 1;
    return CLT_OK;
}

/* A dtype: byte order, kind, bytes. */
static clt_status read_descr(literal *l, clt_npy_header *header)
{
    char descr[16];
    clt_status status = read_string(l, descr, sizeof descr);
    if (status != CLT_OK) {
        return status;
    }
    const char *c = descr;
    char order = strchr("<>|=", *c) != NULL && *c != 0 ? *c++ : '|';
    header->kind = *c;
    header->big_endian = order == '>';
    if (strcmp(c, "O") == 0 || strcmp(c, "O8") == 0 || strcmp(c, "O4") == 0) {
        header->item_size = 0;
        return CLT_OK;
    }
    bool sized = c[0] != 0 && c[1] != 0 && strchr("1248", c[1]) != NULL && c[2] == 0;
    if (!sized || strchr("iub", c[0]) == NULL || (c[0] == 'b' && c[1] != '1')) {
        return clt_fail(l->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": dtype '%s' is not read here (integers, bool and, for "
                        "the reviews, object are)",
                        l->offset + l->at, descr);
    }
    header->item_size = c[1] - '0';
    if (header->item_size > 1 && order == '|') {
        return clt_fail(l->error, CLT_INPUT, 0, "byte %" PRIu64 ": dtype '%s' has no byte order",
                        l->offset + l->at, descr);
    }
    return CLT_OK;
}

static clt_status read_dict(literal *l, clt_npy_header *header)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    unsigned seen = 0;
    clt_status status = CLT_OK;
    if (!accept(l, '{')) {
        return unexpected(l, "'{'");
    }
    while (!accept(l, '}')) {
        char key[16];
        unsigned k = 0;
        CLT_TRY(read_string(l, key, sizeof key));
        while (k < 3 && strcmp(key, keys[k]) != 0) {
            k++;
        }
        if (k == 3 || (seen & 1u << k) != 0) {
            return clt_fail(l->error, CLT_INPUT, 0,
                            "byte %" PRIu64 ": key '%s' in the .npy header is unknown or comes "
                            "twice",
                            l->offset + l->at, key);
        }
        seen |= 1u << k;
        if (!accept(l, ':')) {
            return unexpected(l, "':'");
        }
        CLT_TRY(k == 0   ? read_descr(l, header)
                : k == 1 ? read_fortran_order(l)
                         : read_shape(l, header));
        if (!accept(l, ',')) {
            skip_space(l);
            if (l->at == l->end || l->text[l->at] != '}') {
                return unexpected(l, "',' or '}'");
            }
        }
    }
    skip_space(l);
    if (l->at < l->end) {
        return unexpected(l, "the end of the header");
    }
    if (seen != 7) {
        return clt_fail(l->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": the .npy header lacks descr, fortran_order or shape",
                        l->offset + l->at);
    }
done:
    return status;
}

clt_status clt_npy_read_header(clt_stream *stream, clt_npy_header *header, clt_error *error)
{
    static const char what[] = "the .npy header";
    unsigned char start[8], length_bytes[4] = {0};
    char text[CLT_NPY_HEADER_MAX];
    clt_status status = CLT_OK;
    CLT_TRY(clt_stream_take(stream, start, sizeof start, what, error));
    if (memcmp(start, "\x93NUMPY", 6) != 0) {
        return clt_fail(error, CLT_INPUT, 0, "byte 0: not a .npy file (no \\x93NUMPY)");
    }
    if (start[6] < 1 || start[6] > 3 || start[7] != 0) {
        return clt_fail(error, CLT_INPUT, 0, "byte 6: .npy version %d.%d is not 1.0, 2.0 or 3.0",
                        start[6], start[7]);
    }
    CLT_TRY(clt_stream_take(stream, length_bytes, start[6] == 1 ? 2 : 4, what, error));
    uint32_t length = (uint32_t)length_bytes[0] | (uint32_t)length_bytes[1] << 8 |
                      (uint32_t)length_bytes[2] << 16 | (uint32_t)length_bytes[3] << 24;
    if (length > CLT_NPY_HEADER_MAX) {
        return clt_fail(error, CLT_INPUT, 0,
                        "byte 8: the .npy header has %" PRIu32 " bytes, the limit is %d", length,
                        CLT_NPY_HEADER_MAX);
    }
    literal l = {text, 0, length, clt_stream_offset(stream), error};
    CLT_TRY(clt_stream_take(stream, text, length, what, error));
    CLT_TRY(read_dict(&l, header));
done:
    return status;
}

/* One integer, sign-extended to 64 bits when its type is signed. */
static uint64_t integer_value(const unsigned char *item, const clt_npy_header *header)
{
    int size = header->item_size;
    uint64_t value = 0;
    for (int k = 0; k < size; k++) { /* the most significant byte first */
        value = value << 8 | item[header->big_endian ? k : size - 1 - k];
    }
    if (header->kind == 'i' && size < 8 && value >> (8 * size - 1) != 0) {
        value -= UINT64_C(1) << 8 * size;
    }
    return value;
}

static clt_status bad_label(const clt_npy_header *header, uint64_t offset, size_t number,
                            uint64_t value, clt_error *error)
{
    bool negative = header->kind == 'i' && value >> 63 != 0;
    return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": label %zu is %s%" PRIu64 ", not 0 or 1",
                    offset, number, negative ? "-" : "", negative ? 0 - value : value);
}

clt_status clt_npy_read_labels(clt_stream *stream, size_t limit, int32_t **labels, size_t *count,
                               clt_error *error)
{
    clt_npy_header header = {0};
    int32_t *made = NULL;
    size_t have = 0, room = 0;
    clt_status status = CLT_OK;
    CLT_TRY(clt_npy_read_header(stream, &header, error));
    if (header.kind == 'O') {
        status = clt_fail(error, CLT_INPUT, 0,
                          "dtype object is not read for labels (integers and bool are)");
        goto done;
    }
    if (header.count > limit) {
        status = clt_fail(error, CLT_INPUT, 0, "%" PRIu64 " labels, the limit is %zu", header.count,
                          limit);
        goto done;
    }
    while (have < header.count) {
        unsigned char item[8];
        uint64_t offset = clt_stream_offset(stream);
        if (have == room) { /* grown with what has arrived, not with what is claimed */
            room = room == 0 ? 4096 : 2 * room;
            CLT_TRY(clt_resize((void **)&made, room, sizeof *made, "labels", error));
        }
        CLT_TRY(clt_stream_take(stream, item, (size_t)header.item_size, "the labels", error));
        uint64_t value = integer_value(item, &header);
        if (value > 1) {
            status = bad_label(&header, offset, have, value, error);
            goto done;
        }
        made[have++] = (int32_t)value;
    }
    CLT_TRY(clt_stream_finish(stream, "the last label", error));
    *labels = made;
    *count = have;
    made = NULL;
done:
    free(made);
    return status;
}
