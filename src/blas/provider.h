/* provider.h: what a provider of matrix products is, for the files of this room. */
#ifndef CLT_BLAS_PROVIDER_H
#define CLT_BLAS_PROVIDER_H

#include "blas/gemm.h"

typedef struct clt_provider {
    const char *name; /* as in CLTRAIN_PLAN */
    /* Is this variant of it another than its own choice here, and made for this kind of device? */
    bool (*suits)(const clt_runtime *runtime, const char *variant);
    clt_status (*plan)(clt_runtime *runtime, const clt_gemm_config *config, void **state,
                       clt_error *error);
    clt_status (*enqueue)(void *state, int m, int n, int k, clt_matrix a, clt_matrix b,
                          clt_matrix c, clt_error *error);
    void (*destroy)(void *state); /* NULL allowed */
} clt_provider;

extern const clt_provider clt_gemm_own;     /* own.c, cl/gemm.cl */
extern const clt_provider clt_gemm_clblast; /* clblast.c */

/* The variant of CLTRAIN_PLAN, else of the stored tuning, else of the shipped table, else
 * "clblast": a provider's name, or that with parameters behind a colon. */
const char *clt_gemm_preferred(const clt_runtime *runtime);

/* The preferred variant where it is this provider's, else the provider with its own choice. */
const char *clt_gemm_variant_of(const clt_runtime *runtime, const clt_provider *provider);

#endif
