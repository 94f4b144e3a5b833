/* activations.c: the logistic function. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/activations.c"
#include "ref/twice.h"
#else

REAL REF(sigmoid)(REAL x)
{
    /* exp() never gets a positive argument, so that it cannot overflow. */
    REAL e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

#endif
