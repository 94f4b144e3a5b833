/* provider.h: what a provider of matrix products is, for the files of this room. */
#ifndef CLT_BLAS_PROVIDER_H
#define CLT_BLAS_PROVIDER_H

#include "blas/gemm.h"

typedef struct clt_provider {
    const char *name; /* as in CLTRAIN_PLAN */
    clt_status (*plan)(clt_runtime *runtime, const clt_gemm_config *config, void **state,
                       clt_error *error);
    clt_status (*enqueue)(void *state, int m, int n, int k, clt_matrix a, clt_matrix b,
                          clt_matrix c, clt_error *error);
    void (*destroy)(void *state); /* NULL allowed */
} clt_provider;

extern const clt_provider clt_gemm_own;     /* own.c, cl/gemm.cl */
extern const clt_provider clt_gemm_clblast; /* clblast.c */

/* The provider that is tried first: the forced one, else the shipped table's, else CLBlast. */
const clt_provider *clt_gemm_preferred(const clt_runtime *runtime);

#endif
