/* lines.h: a text in memory, line by line. */
#ifndef CLT_DATA_LINES_H
#define CLT_DATA_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define CLT_LINE_BYTES_MAX ((size_t)64 << 20) /* of a line, a row or a review's file */
#define CLT_LINE_TOO_LONG "longer than 64 MB"

/* ASCII white space */
bool clt_is_space(char c);

/* Takes white space off both ends. */
void clt_trim(const char **text, size_t *bytes);

typedef struct clt_lines {
    const char *at, *end; /* what is not read yet */
    size_t number;        /* of the last line given, from 1 */
} clt_lines;

/* The next line that is not blank, without the white space around it; false: there is none. */
bool clt_lines_next(clt_lines *lines, const char **line, size_t *bytes);

#endif
