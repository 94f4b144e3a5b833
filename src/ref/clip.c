/* clip.c: gradients as Keras 3 clips them before an update (optimizers/base_optimizer.py). */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/clip.c"
#include "ref/twice.h"
#else

void REF(clip_value)(REAL limit, size_t count, REAL *values)
{
    for (size_t k = 0; k < count; k++) {
        values[k] = values[k] > limit ? limit : values[k] < -limit ? -limit : values[k];
    }
}

void REF(clip_norm)(REAL limit, REAL squared_norm, size_t count, REAL *values)
{
    REAL norm = sqrt(squared_norm);
    for (size_t k = 0; k < count && norm > limit; k++) {
        values[k] *= limit / norm;
    }
}

#endif
