/* utf8.c: strict UTF-8. */
#include "data/utf8.h"

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
