/* gemm.h: matrix products on runtime buffers, by CLBlast or by cl/gemm.cl. */
#ifndef CLT_BLAS_GEMM_H
#define CLT_BLAS_GEMM_H

#include "runtime/runtime_private.h"

/* One planned use: C[m, n] (+)= op(A)[m, k] . op(B)[k, n], row-major float. */
typedef struct clt_gemm_config {
    const char *use;   /* "lstm projection"; in messages; a literal, it is not copied */
    bool a_transposed; /* A is stored [k, m] */
    bool b_transposed; /* B is stored [n, k] */
    bool accumulate;   /* add to C */
    int m, n, k;       /* the largest that will be asked for */
} clt_gemm_config;

typedef struct clt_gemm clt_gemm;

/* Picks the variant (CLTRAIN_PLAN's, else the stored tuning's, else the shipped table's, else
 * CLBlast), runs a known-answer product of this use and compares it with the reference. A wrong or
 * failing provider is replaced by the other with one CLT_LOG_NOTE; when both are wrong: CLT_KERNEL.
 * Which provider is chosen, and the order of a product's sums, never depends on the m, n, k of a
 * call. */
CLT_NODISCARD clt_status clt_gemm_plan(clt_runtime *runtime, const clt_gemm_config *config,
                                       clt_gemm **gemm, clt_error *error);
void clt_gemm_destroy(clt_gemm *gemm);              /* NULL allowed */
const char *clt_gemm_variant(const clt_gemm *gemm); /* "own", "clblast:32x8" */

/* May it be the best on this device? What only another kind of device wants, is not tried. */
bool clt_gemm_suits(const clt_runtime *runtime, const char *variant);

/* May products of both variants take turns? CLBlast compiles anew for other parameters. */
bool clt_gemm_alternate(const char *a, const char *b);

/* A matrix inside a buffer: first element and row length, in elements. */
typedef struct clt_matrix {
    clt_buffer buffer;
    size_t offset;
    int ld;
} clt_matrix;

/* Queues the product; m, n, k are at most the planned ones, 0 rows do nothing. */
CLT_NODISCARD clt_status clt_gemm_enqueue(clt_gemm *gemm, int m, int n, int k, clt_matrix a,
                                          clt_matrix b, clt_matrix c, clt_error *error);

#endif
