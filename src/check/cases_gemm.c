/* cases_gemm.c: every way the network multiplies matrices, by both providers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas/gemm.h"
#include "check/check.h"
#include "ref/ref.h"

/* samples = m, timesteps = k, features = n; hidden: 1 A transposed, 2 B transposed; flag: add. */
static clt_status run_gemm(clt_check *check, const clt_case *c, clt_error *error)
{
    int m = c->samples, k = c->timesteps, n = c->features;
    bool a_transposed = (c->hidden & 1) != 0, b_transposed = (c->hidden & 2) != 0;
    int lda = a_transposed ? m : k, ldb = b_transposed ? k : n;
    clt_gemm_config config = {"self-test", a_transposed, b_transposed, c->flag, m, n, k};
    clt_gemm *gemm = NULL;
    clt_array *a, *b, *out;
    clt_status status;
    CLT_TRY(clt_gemm_plan(check->runtime, &config, &gemm, error));
    if (strcmp(clt_gemm_variant(gemm), c->variant) != 0) {
        snprintf(check->replaced_by, sizeof check->replaced_by, "%s", clt_gemm_variant(gemm));
    }
    CLT_TRY(clt_check_input(check, "a", (size_t)m * (size_t)k, 1.0, &a, error));
    CLT_TRY(clt_check_input(check, "b", (size_t)k * (size_t)n, 1.0, &b, error));
    CLT_TRY(clt_check_output(check, "c", (size_t)m * (size_t)n, c->flag, &out, error));
    CLT_TRY(clt_gemm_enqueue(gemm, m, n, k, (clt_matrix){a->device, 0, lda},
                             (clt_matrix){b->device, 0, ldb}, (clt_matrix){out->device, 0, n},
                             error));
    clt_ref_gemm_f32(a_transposed, b_transposed, m, n, k, a->host, lda, b->host, ldb, c->flag,
                     out->host, n);
    CLT_TRY(clt_check_compare(check, out, error));
done:
    clt_gemm_destroy(gemm);
    return status;
}

/* Sums of 2817 products of numbers up to 1 in another order: some hundred roundings of 1e-7. */
#define TOLERANCE 1e-4
#define GEMM_CASES(provider)                                                                         \
    {"gemm", "gemm", provider, 67, 128, 240, 0, false, TOLERANCE, run_gemm},                         \
        {"gemm, A transposed, added", "gemm", provider, 33, 2817, 52, 1, true, TOLERANCE, run_gemm}, \
        {"gemm, B transposed", "gemm", provider, 131, 240, 128, 2, false, TOLERANCE, run_gemm},      \
    {                                                                                                \
        "gemm, B transposed", "gemm", provider, 1, 1, 1, 2, false, TOLERANCE, run_gemm               \
    }

const clt_case clt_cases_gemm[] = {GEMM_CASES("own"), GEMM_CASES("clblast"), {0}};
