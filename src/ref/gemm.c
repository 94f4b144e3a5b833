/* gemm.c: matrix products. */
#ifndef REAL
#include <stddef.h>

#include "ref/ref.h"
#define REF_FILE "ref/gemm.c"
#include "ref/twice.h"
#else

void REF(gemm)(bool a_transposed, bool b_transposed, int m, int n, int k, const REAL *a, int lda,
               const REAL *b, int ldb, bool accumulate, REAL *c, int ldc)
{
    ptrdiff_t a_row = a_transposed ? 1 : lda, a_column = a_transposed ? lda : 1;
    ptrdiff_t b_row = b_transposed ? 1 : ldb, b_column = b_transposed ? ldb : 1;
    for (int i = 0; i < m; i++) {
        REAL *row = c + (ptrdiff_t)i * ldc;
        for (int j = 0; j < n && !accumulate; j++) {
            row[j] = 0;
        }
        for (int p = 0; p < k; p++) {
            REAL factor = a[i * a_row + p * a_column];
            for (int j = 0; j < n; j++) {
                row[j] += factor * b[p * b_row + j * b_column];
            }
        }
    }
}

#endif
