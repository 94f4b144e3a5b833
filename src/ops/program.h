/* program.h: the kernels that every training needs, in one program. Of the time that PoCL takes to
 * build a program, nearly all goes by before it reads our kernels: 0.03 s with a warm cache, 0.15 s
 * with an empty one. */
#ifndef CLT_OPS_PROGRAM_H
#define CLT_OPS_PROGRAM_H

#include "ops/tiling.h"

static inline clt_status clt_layers_program(clt_runtime *runtime, clt_program **program,
                                            clt_error *error)
{
    return clt_program_build(runtime, "embedding+lstm+dense+loss+reduce",
                             clt_tiling_prelude(runtime), program, error);
}

#endif
