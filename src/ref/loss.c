/* loss.c: binary cross-entropy from logits. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/loss.c"
#include "ref/twice.h"
#else

void REF(loss)(int samples, const REAL *logits, const REAL *targets, REAL *loss, int32_t *hit,
               REAL *dlogits)
{
    for (int b = 0; b < samples; b++) {
        REAL z = logits[b], y = targets[b];
        loss[b] = (z > 0 ? z : 0) - z * y + log1p(exp(-fabs(z)));
        hit[b] = (z > 0) == (y > (REAL)0.5);
        if (dlogits != NULL) {
            dlogits[b] = (REF(sigmoid)(z) - y) / (REAL)samples;
        }
    }
}

#endif
