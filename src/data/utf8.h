/* utf8.h: decoding bytes that may be anything. */
#ifndef CLT_DATA_UTF8_H
#define CLT_DATA_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CLT_UTF8_REPLACEMENT 0xfffd

/* The code point at text[0], of `bytes` >= 1; its length in *length. Damaged bytes give U+FFFD for
 * each maximal subpart of a sequence, as Python's errors="replace" (The Unicode Standard, tables
 * 3-7 and 3-8); *damaged then becomes 1 and is otherwise left as it is. */
uint32_t clt_utf8_decode(const char *text, size_t bytes, size_t *length, int *damaged);

/* Writes a code point that clt_utf8_decode can give, 1 to 4 bytes; returns how many. */
size_t clt_utf8_encode(uint32_t point, char *text);

/* Makes bytes that may be anything valid UTF-8, as above. *text is from malloc, and is another
 * block, as long as needed, only when something was damaged. Errors: CLT_FAILED, with all as it
 * was. */
CLT_NODISCARD clt_status clt_utf8_repair(char **text, size_t *bytes, clt_error *error);

/* The bytes of a byte order mark at text[0]: 3, or 0 where there is none. */
size_t clt_utf8_mark(const char *text, size_t bytes);

#endif
