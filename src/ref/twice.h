/* twice.h: includes REF_FILE once per REAL, so that float and double come from one text. A file of
 * this room begins
 *
 *     #ifndef REAL
 *     #include "ref/ref.h"
 *     #define REF_FILE "ref/dense.c"
 *     #include "ref/twice.h"
 *     #else
 *
 * and goes on with its functions, which call <tgmath.h>'s generic exp(), sqrt(), ... */
#ifndef CLT_REF_TWICE_H
#define CLT_REF_TWICE_H

#include <tgmath.h>

#define REAL float
#define REF(name) clt_ref_##name##_f32
#define TREE_SUM clt_tree_sum_f32
#include REF_FILE
#undef REAL
#undef REF
#undef TREE_SUM

#define REAL double
#define REF(name) clt_ref_##name##_f64
#define TREE_SUM clt_tree_sum_f64
#include REF_FILE
#undef REAL
#undef REF
#undef TREE_SUM

#endif
