/* plans.c: the shipped table of gemm providers. CLBlast is the default of every device; a row
 * names `own` only where it measures at least 10% faster for the whole training step.
 *
 * CPUs: PoCL 3.1 and CLBlast 1.5.3 with the parameters of clblast.c on a Zen 4 core with AVX-512,
 * medians of 21 interleaved repeats, ms of processor time (both cores of two: half of it):
 *
 *                                    own              CLBlast
 *   projection      2816x240x128     1.63 (106 GF/s)  1.86 (93 GF/s)
 *   rows' gradient  2816x128x240 NT  1.59 (109)       2.87 (60)
 *   dW              128x240x2816 TN  1.59 (109)       1.62 (107)
 *   dU, one shard   60x240x1600  TN  0.43 (107)       0.49 (95)
 *   a time step     128x240x60       0.036 (102)      0.058 (63)
 *   and backwards   128x60x240   NT  0.045 (82)       0.085 (43)
 *
 * The tutorial's epoch, in turn on both cores of an idle machine: own 2.75 2.98 2.75 2.92 s,
 * CLBlast 3.16 3.46 3.28 3.17 s, 14% between the medians. An LSTM step by products (8 shards, 100
 * time steps) sums up to 16.4 against 24.6 ms. CLBlast's first program also takes 4 to 15 s to
 * build where PoCL has no copy of it. */
#include <string.h>

#include "blas/provider.h"

static const struct {
    clt_device_type type;
    const char *variant;
} table[] = {
    {CLT_DEVICE_CPU, "own"},
};

const char *clt_gemm_preferred(const clt_runtime *runtime)
{
    const char *forced = clt_runtime_forced(runtime, "gemm");
    const char *tuned = clt_runtime_tuned(runtime, "gemm");
    if (forced != NULL || tuned != NULL) {
        return forced != NULL ? forced : tuned;
    }
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        if (table[k].type == clt_runtime_device(runtime)->type) {
            return table[k].variant;
        }
    }
    return clt_gemm_clblast.name;
}

/* Its name, or that with parameters. */
static bool is_of(const char *variant, const clt_provider *provider)
{
    size_t length = strlen(provider->name);
    return strncmp(variant, provider->name, length) == 0 &&
           (variant[length] == 0 || variant[length] == ':');
}

const char *clt_gemm_variant_of(const clt_runtime *runtime, const clt_provider *provider)
{
    const char *variant = clt_gemm_preferred(runtime);
    return is_of(variant, provider) ? variant : provider->name;
}

bool clt_gemm_suits(const clt_runtime *runtime, const char *variant)
{
    return (is_of(variant, &clt_gemm_own) ? &clt_gemm_own : &clt_gemm_clblast)
        ->suits(runtime, variant);
}

bool clt_gemm_alternate(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || !is_of(a, &clt_gemm_clblast) || !is_of(b, &clt_gemm_clblast);
}
