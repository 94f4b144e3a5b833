/* lower.h: lower case for all of Unicode. */
#ifndef CLT_DATA_LOWER_H
#define CLT_DATA_LOWER_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that clt_lower writes for each byte that it reads, at most: damaged UTF-8 is U+FFFD. */
#define CLT_LOWER_GROWTH 3

/* Writes the lower case of the code point at text[at], as Python's str.lower() of the whole text
 * has it; returns the bytes written. What stands around decides only for a capital sigma: at the
 * end of a word it is another letter (The Unicode Standard, section 3.13, Final_Sigma).
 *
 * point, length  what clt_utf8_decode says of text[at]; text may be damaged */
size_t clt_lower(const char *text, size_t bytes, size_t at, uint32_t point, size_t length,
                 char *lower);

#endif
