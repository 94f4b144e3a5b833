/* ref.h: every op in plain C, in float and in double: the definition of correct.
 *
 * clt_ref_NAME_f32 and clt_ref_NAME_f64 have the same arguments, declared once in ref_ops.h.
 * Nothing here allocates more than it frees or depends on OpenCL. */
#ifndef CLT_REF_REF_H
#define CLT_REF_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "util/shapes.h"

#define REAL float
#define REF(name) clt_ref_##name##_f32
#include "ref/ref_ops.h"
#undef REAL
#undef REF

#define REAL double
#define REF(name) clt_ref_##name##_f64
#include "ref/ref_ops.h"
#undef REAL
#undef REF

#endif
