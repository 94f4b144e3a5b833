/* utf8.c: strict UTF-8. */
#include "data/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

uint32_t clt_utf8_decode(const char *text, size_t bytes, size_t *length, int *damaged)
{
    const unsigned char *byte = (const unsigned char *)text;
    unsigned char lead = byte[0], low = 0x80, high = 0xbf; /* of the second byte */
    size_t wanted;
    uint32_t point;
    *length = 1;
    if (lead < 0x80) {
        return lead;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        wanted = 2;
        point = lead & 0x1fu;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        wanted = 3;
        point = lead & 0x0fu;
        low = lead == 0xe0 ? 0xa0 : low;   /* shorter forms exist */
        high = lead == 0xed ? 0x9f : high; /* surrogates */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        wanted = 4;
        point = lead & 0x07u;
        low = lead == 0xf0 ? 0x90 : low;   /* shorter forms exist */
        high = lead == 0xf4 ? 0x8f : high; /* above U+10FFFF */
    } else {
        *damaged = 1;
        return CLT_UTF8_REPLACEMENT;
    }
    while (*length < wanted) {
        if (*length == bytes || byte[*length] < low || byte[*length] > high) {
            *damaged = 1;
            return CLT_UTF8_REPLACEMENT;
        }
        point = point << 6 | (byte[*length] & 0x3fu);
        low = 0x80;
        high = 0xbf;
        (*length)++;
    }
    return point;
}

size_t clt_utf8_encode(uint32_t point, char *text)
{
    if (point < 0x80) {
        text[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t k = length - 1; k > 0; k--) {
        text[k] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    text[0] = (char)(leads[length] | point);
    return length;
}

/* How many bytes at the beginning of text are ASCII, eight at a time and so perhaps a few less. */
static size_t ascii_length(const char *text, size_t bytes)
{
    size_t at = 0;
    uint64_t word;
    for (; bytes - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    return at;
}

/* Writes the text repaired to `to`, unless that is NULL; returns how long it is. */
static size_t repair(const char *text, size_t bytes, char *to, int *damaged)
{
    size_t wrote = 0;
    for (size_t at = 0, length; at < bytes; at += length) {
        size_t part = length = ascii_length(text + at, bytes - at);
        char point[4];
        const char *from = text + at;
        if (length == 0) {
            part = clt_utf8_encode(clt_utf8_decode(text + at, bytes - at, &length, damaged), point);
            from = point;
        }
        if (to != NULL) {
            memcpy(to + wrote, from, part);
        }
        wrote += part;
    }
    return wrote;
}

clt_status clt_utf8_repair(char **text, size_t *bytes, clt_error *error)
{
    int damaged = 0;
    size_t repaired = repair(*text, *bytes, NULL, &damaged);
    if (!damaged) {
        return CLT_OK;
    }
    char *made = clt_alloc(repaired, 1, "a repaired text", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    *bytes = repair(*text, *bytes, made, &damaged);
    free(*text);
    *text = made;
    return CLT_OK;
}

size_t clt_utf8_mark(const char *text, size_t bytes)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    return bytes >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
}
