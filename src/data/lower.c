/* lower.c: lower case by utf8proc, and the two letters of Python's lower() that it does not know.
 */
#include "data/lower.h"

#include <stdbool.h>

#include <utf8proc.h>

#include "data/utf8.h"

enum {
    CAPITAL_I_WITH_DOT = 0x130,
    DOT_ABOVE = 0x307,
    CAPITAL_SIGMA = 0x3a3,
    FINAL_SIGMA = 0x3c2,
};

/* Case_Ignorable: what may stand inside a word beside its letters. The list is what is there by its
 * Word_Break property (MidLetter, MidNumLet, Single_Quote), of which utf8proc knows nothing. */
static bool is_case_ignorable(uint32_t point)
{
    static const uint16_t others[] = {0x27,   0x2e,   0x3a,   0xb7,   0x387,  0x55f,
                                      0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
                                      0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        if (others[k] == point) {
            return true;
        }
    }
    switch (utf8proc_category((utf8proc_int32_t)point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return false;
    }
}

/* Cased, for what is not Case_Ignorable: letters with a case, and the list's Other_Lowercase and
 * Other_Uppercase (ordinal indicators, Roman numerals, letters in circles and squares). */
static bool is_cased(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } others[] = {{0xaa, 0xaa},       {0xba, 0xba},       {0x2160, 0x217f},  {0x24b6, 0x24e9},
                  {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        if (point >= others[k].first && point <= others[k].last) {
            return true;
        }
    }
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)point);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT;
}

/* The code point that ends before text[at], of at >= 1; its length in *length. */
static uint32_t decode_before(const char *text, size_t at, size_t *length)
{
    int damaged = 0;
    size_t back = 1;
    while (back < 4 && back < at && ((unsigned char)text[at - back] & 0xc0) == 0x80) {
        back++;
    }
    uint32_t point = clt_utf8_decode(text + at - back, back, length, &damaged);
    if (*length == back) {
        return point;
    }
    *length = 1; /* of the bytes after another sequence, each is damaged */
    return CLT_UTF8_REPLACEMENT;
}

/* Whether, case-ignorable characters passed over, a cased one comes before text[at] and none comes
 * at text[after]. A sigma ends each search, so that a text of many takes linear time. */
static bool ends_word(const char *text, size_t bytes, size_t at, size_t after)
{
    uint32_t point = ' ';
    size_t length;
    do {
        if (at == 0) {
            return false;
        }
        point = decode_before(text, at, &length);
        at -= length;
    } while (is_case_ignorable(point));
    if (!is_cased(point)) {
        return false;
    }
    do {
        int damaged = 0;
        if (after == bytes) {
            return true;
        }
        point = clt_utf8_decode(text + after, bytes - after, &length, &damaged);
        after += length;
    } while (is_case_ignorable(point));
    return !is_cased(point);
}

size_t clt_lower(const char *text, size_t bytes, size_t at, uint32_t point, size_t length,
                 char *lower)
{
    if (point == CAPITAL_SIGMA && ends_word(text, bytes, at, at + length)) {
        return clt_utf8_encode(FINAL_SIGMA, lower);
    }
    size_t written = clt_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)point), lower);
    if (point == CAPITAL_I_WITH_DOT) { /* the one letter whose lower case is two code points */
        written += clt_utf8_encode(DOT_ABOVE, lower + written);
    }
    return written;
}
