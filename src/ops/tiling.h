/* tiling.h: how kernels over a matrix [rows, columns] are cut into work-items. A CPU's work-item
 * takes some whole rows and runs along them with vectors; a GPU's takes one element, so that
 * neighbours touch neighbouring memory. Kernels take `rows` and `span` and loop over both. */
#ifndef CLT_OPS_TILING_H
#define CLT_OPS_TILING_H

#include "runtime/runtime_private.h"

typedef struct clt_tiling {
    size_t global[2], local[2]; /* dimension 0: columns, 1: rows */
    int rows, span;             /* of one work-item */
} clt_tiling;

/* The prelude of such kernels. Vectors along a row are compiled only where work-items have rows:
 * elsewhere they would cost registers and never run. */
static inline const char *clt_tiling_prelude(const clt_runtime *runtime)
{
    return clt_runtime_is_cpu(runtime) ? "#define CLT_WHOLE_ROWS\n" : "";
}

/* rows_on_cpu: rows of one work-item there. */
static inline clt_tiling clt_tiling_of(const clt_runtime *runtime, const clt_kernel *kernel,
                                       size_t rows, size_t columns, size_t rows_on_cpu)
{
    if (clt_runtime_is_cpu(runtime)) {
        return (clt_tiling){.global = {1, (rows + rows_on_cpu - 1) / rows_on_cpu},
                            .local = {1, 1},
                            .rows = (int)rows_on_cpu,
                            .span = (int)columns};
    }
    /* Some drivers take at most 65,535 work-groups in a dimension but the first. */
    enum { GROUPS_MAX = 65535 };
    size_t group = clt_kernel_item_group(kernel), deep = (rows + GROUPS_MAX - 1) / GROUPS_MAX;
    deep = deep > 0 ? deep : 1;
    return (clt_tiling){.global = {(columns + group - 1) / group * group, (rows + deep - 1) / deep},
                        .local = {group, 1},
                        .rows = (int)deep,
                        .span = 1};
}

static inline clt_status clt_tiling_enqueue(clt_kernel *kernel, const clt_tiling *tiling,
                                            const clt_arg *args, int arg_count, clt_error *error)
{
    return clt_kernel_enqueue(kernel, 2, tiling->global, tiling->local, args, arg_count, error);
}

#endif
