/* ema.c: the exponential moving average of weights. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/ema.c"
#include "ref/twice.h"
#else

void REF(ema)(float momentum, bool bad, size_t count, const REAL *p, REAL *average)
{
    for (size_t k = 0; k < count && !bad; k++) {
        average[k] = (REAL)momentum * average[k] + (REAL)(1.0f - momentum) * p[k];
    }
}

#endif
