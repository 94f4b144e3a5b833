/* gemm.c: plans a use of matrix products: picks its provider and proves it on a known answer. */
#include "blas/gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blas/provider.h"
#include "ref/ref.h"
#include "util/memory.h"

struct clt_gemm {
    clt_gemm_config config;
    const clt_provider *provider;
    const char *variant;
    void *state;
};

/* One matrix of the known-answer product. */
typedef struct known {
    size_t count;
    float *values;
    clt_matrix matrix;
} known;

/* Integers of magnitude 1 .. limit, always the same ones (a linear congruential generator). */
static void fill(known *x, uint32_t limit, uint32_t state)
{
    for (size_t k = 0; k < x->count; k++) {
        state = state * 1664525u + 1013904223u;
        float magnitude = (float)(1u + (state >> 8) % limit);
        x->values[k] = state >> 31 != 0 ? -magnitude : magnitude;
    }
}

static clt_status known_create(clt_runtime *runtime, int rows, int columns, known *x,
                               clt_error *error)
{
    x->count = (size_t)rows * (size_t)columns;
    x->matrix.ld = columns;
    x->values = clt_alloc(x->count, sizeof *x->values, "a known product", error);
    if (x->values == NULL) {
        return CLT_FAILED;
    }
    return clt_buffer_create(runtime, x->count * sizeof *x->values, "known product",
                             &x->matrix.buffer, error);
}

static clt_status known_write(clt_runtime *runtime, const known *x, clt_error *error)
{
    return clt_buffer_write(runtime, x->matrix.buffer, 0, x->count * sizeof *x->values, x->values,
                            error);
}

/* A size cut down to a quick one that keeps its remainders by 64 and so its edges. */
static int cut(int size, int limit)
{
    return size <= limit ? size : limit - 64 + size % 64;
}

/* Multiplies integers whose products and sums are exact in float, in any order, but whose factors
 * have more bits than half precision: so the answer must be equal, not near. */
static clt_status check(clt_runtime *runtime, const clt_gemm *gemm, clt_error *error)
{
    const clt_gemm_config *use = &gemm->config;
    int m = use->m < 21 ? use->m : 21, n = cut(use->n, 256), k = cut(use->k, 320);
    known a = {0}, b = {0}, c = {0}, *all[] = {&a, &b, &c};
    float *want = NULL;
    clt_status status;
    CLT_TRY(known_create(runtime, use->a_transposed ? k : m, use->a_transposed ? m : k, &a, error));
    CLT_TRY(known_create(runtime, use->b_transposed ? n : k, use->b_transposed ? k : n, &b, error));
    CLT_TRY(known_create(runtime, m, n, &c, error));
    want = clt_alloc(c.count, sizeof *want, "a known product", error);
    if (want == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    fill(&a, 4095, 1);
    fill(&b, 3, 2);
    fill(&c, 4095, 3);
    for (size_t e = 0; e < c.count; e++) {
        want[e] = c.values[e];
        c.values[e] = use->accumulate ? c.values[e] : NAN;
    }
    clt_ref_gemm_f32(use->a_transposed, use->b_transposed, m, n, k, a.values, a.matrix.ld, b.values,
                     b.matrix.ld, use->accumulate, want, n);
    CLT_TRY(known_write(runtime, &a, error));
    CLT_TRY(known_write(runtime, &b, error));
    CLT_TRY(known_write(runtime, &c, error));
    CLT_TRY(gemm->provider->enqueue(gemm->state, m, n, k, a.matrix, b.matrix, c.matrix, error));
    CLT_TRY(clt_buffer_read(runtime, c.matrix.buffer, 0, c.count * sizeof *want, c.values, error));
    for (size_t e = 0; e < c.count; e++) {
        if (!(c.values[e] == want[e])) {
            status = clt_fail(error, CLT_KERNEL, 0,
                              "element [%zu, %zu] of a %dx%dx%d product is "
                              "%g, not %g",
                              e / (size_t)n, e % (size_t)n, m, n, k, (double)c.values[e],
                              (double)want[e]);
            break;
        }
    }
done:
    for (int x = 0; x < 3; x++) {
        clt_buffer_release(runtime, &all[x]->matrix.buffer);
        free(all[x]->values);
    }
    free(want);
    return status;
}

static clt_status try_provider(clt_runtime *runtime, clt_gemm *gemm, const clt_provider *provider,
                               clt_error *error)
{
    clt_status status;
    gemm->provider = provider;
    gemm->variant = clt_gemm_variant_of(runtime, provider);
    CLT_TRY(provider->plan(runtime, &gemm->config, &gemm->state, error));
    CLT_TRY(check(runtime, gemm, error));
done:
    if (status != CLT_OK) {
        provider->destroy(gemm->state);
        gemm->state = NULL;
    }
    return status;
}

/* The other provider may do what this one could not: not when the host's memory is at an end or
 * the device lost. */
static bool may_fall_back(const clt_runtime *runtime, const clt_error *failure)
{
    return !clt_runtime_is_lost(runtime) && (failure->status == CLT_KERNEL || failure->native != 0);
}

clt_status clt_gemm_plan(clt_runtime *runtime, const clt_gemm_config *config, clt_gemm **gemm,
                         clt_error *error)
{
    enum { SIZE_LIMIT = 1 << 30 };
    const char *device = clt_runtime_device(runtime)->name;
    const char *preferred = clt_gemm_preferred(runtime);
    bool own_first = strcmp(clt_gemm_variant_of(runtime, &clt_gemm_own), preferred) == 0;
    const clt_provider *first = own_first ? &clt_gemm_own : &clt_gemm_clblast;
    const clt_provider *second = own_first ? &clt_gemm_clblast : &clt_gemm_own;
    clt_error failure[2];
    if (config->m < 1 || config->n < 1 || config->k < 1 || config->m > SIZE_LIMIT ||
        config->n > SIZE_LIMIT || config->k > SIZE_LIMIT) {
        return clt_fail(error, CLT_FAILED, 0, "%s: a %dx%dx%d product; each size must be 1 .. %d",
                        config->use, config->m, config->n, config->k, SIZE_LIMIT);
    }
    clt_gemm *made = clt_alloc(1, sizeof *made, "a product", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->config = *config;
    clt_status status = try_provider(runtime, made, first, &failure[0]);
    if (status != CLT_OK && may_fall_back(runtime, &failure[0])) {
        status = try_provider(runtime, made, second, &failure[1]);
        if (status == CLT_OK) {
            clt_runtime_log(runtime, CLT_LOG_NOTE, "%s: gemm=%s fails on %s (%s); using gemm=%s",
                            config->use, preferred, device, failure[0].message, made->variant);
        } else if (may_fall_back(runtime, &failure[1])) {
            const char *other = made->variant;
            free(made);
            return clt_fail(
                error, CLT_KERNEL, failure[1].native,
                "%s: no matrix product is right on %s: gemm=%s: %.300s; gemm=%s: %.300s",
                config->use, device, preferred, failure[0].message, other, failure[1].message);
        } else {
            failure[0] = failure[1];
        }
    }
    if (status != CLT_OK) {
        free(made);
        return clt_fail(error, failure[0].status, failure[0].native, "%s: %s", config->use,
                        failure[0].message);
    }
    clt_runtime_planned(runtime, "gemm", made->variant);
    *gemm = made;
    return CLT_OK;
}

void clt_gemm_destroy(clt_gemm *gemm)
{
    if (gemm != NULL) {
        gemm->provider->destroy(gemm->state);
        free(gemm);
    }
}

const char *clt_gemm_variant(const clt_gemm *gemm)
{
    return gemm->variant;
}

clt_status clt_gemm_enqueue(clt_gemm *gemm, int m, int n, int k, clt_matrix a, clt_matrix b,
                            clt_matrix c, clt_error *error)
{
    const clt_gemm_config *use = &gemm->config;
    if (m < 0 || n < 0 || k < 1 || m > use->m || n > use->n || k > use->k) {
        return clt_fail(error, CLT_FAILED, 0,
                        "%s: a %dx%dx%d product, planned for at most %dx%dx%d", use->use, m, n, k,
                        use->m, use->n, use->k);
    }
    if (m == 0 || n == 0) {
        return CLT_OK;
    }
    return gemm->provider->enqueue(gemm->state, m, n, k, a, b, c, error);
}
