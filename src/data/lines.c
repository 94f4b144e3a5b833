/* lines.c: a text in memory, line by line. */
#include "data/lines.h"

#include <string.h>

bool clt_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void clt_trim(const char **text, size_t *bytes)
{
    while (*bytes > 0 && clt_is_space(**text)) {
        (*text)++;
        (*bytes)--;
    }
    while (*bytes > 0 && clt_is_space((*text)[*bytes - 1])) {
        (*bytes)--;
    }
}

bool clt_lines_next(clt_lines *lines, const char **line, size_t *bytes)
{
    while (lines->at < lines->end) {
        size_t left = (size_t)(lines->end - lines->at);
        const char *end = memchr(lines->at, '\n', left);
        *line = lines->at;
        *bytes = end != NULL ? (size_t)(end - lines->at) : left;
        lines->at = end != NULL ? end + 1 : lines->end;
        lines->number++;
        clt_trim(line, bytes);
        if (*bytes > 0) {
            return true;
        }
    }
    return false;
}
