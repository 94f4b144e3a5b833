/* embedding.c: rows of a table. */
#ifndef REAL
#include <string.h>

#include "ref/ref.h"
#define REF_FILE "ref/embedding.c"
#include "ref/twice.h"
#else

void REF(embedding)(const REAL *table, int features, const int32_t *unique, int row_count,
                    REAL *rows)
{
    /* Both are one gather. */
    REF(expand)(table, features, unique, row_count, rows);
}

void REF(expand)(const REAL *rows, int features, const int32_t *index, int positions, REAL *x)
{
    size_t width = (size_t)features;
    for (size_t n = 0; n < (size_t)positions; n++) {
        memcpy(x + n * width, rows + (size_t)index[n] * width, width * sizeof(REAL));
    }
}

#endif
