/* peak.c: the loop that measures a device's multiply-adds (cl/peak.cl). */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/peak.c"
#include "ref/twice.h"
#else

void REF(peak_fma)(size_t count, int chains, int steps, const REAL *x, REAL *y)
{
    for (size_t k = 0; k < count; k++) {
        y[k] = 0;
        for (int c = 0; c < chains; c++) {
            REAL v = x[k] + (REAL)c;
            for (int step = 0; step < steps; step++) {
                v = fma(v, (REAL)0.9999f, (REAL)0.5f);
            }
            y[k] += v;
        }
    }
}

#endif
