/* plans.c: the shipped table of gemm providers. CLBlast is the default of every device; a row
 * names `own` only where it measures at least 10% faster for the whole training step. */
#include <string.h>

#include "blas/provider.h"

static const struct {
    clt_device_type type;
    const clt_provider *provider;
} table[] = {
    {CLT_DEVICE_CPU, &clt_gemm_own},
};

const clt_provider *clt_gemm_preferred(const clt_runtime *runtime)
{
    const char *forced = clt_runtime_forced(runtime, "gemm");
    if (forced != NULL) {
        return strcmp(forced, clt_gemm_own.name) == 0 ? &clt_gemm_own : &clt_gemm_clblast;
    }
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        if (table[k].type == clt_runtime_device(runtime)->type) {
            return table[k].provider;
        }
    }
    return &clt_gemm_clblast;
}
