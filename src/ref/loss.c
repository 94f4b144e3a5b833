/* loss.c: cross-entropy from logits, weighted by class: of a sigmoid for one output, of a softmax
 * for more. */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/loss.c"
#include "ref/twice.h"
#else

static REAL REF(class_weight)(const REAL *class_weights, int32_t target)
{
    return class_weights != NULL ? class_weights[target] : 1;
}

static void REF(binary)(int samples, const REAL *logits, const int32_t *targets,
                        const REAL *class_weights, REAL *loss, int32_t *hit, REAL *dlogits)
{
    for (int b = 0; b < samples; b++) {
        REAL z = logits[b], y = (REAL)targets[b];
        REAL weight = REF(class_weight)(class_weights, targets[b]);
        loss[b] = weight * ((z > 0 ? z : 0) - z * y + log1p(exp(-fabs(z))));
        hit[b] = (z > 0) == (y > (REAL)0.5);
        if (dlogits != NULL) {
            dlogits[b] = weight * (REF(sigmoid)(z) - y) / (REAL)samples;
        }
    }
}

static void REF(categorical)(int samples, int outputs, const REAL *logits, const int32_t *targets,
                             const REAL *class_weights, REAL *loss, int32_t *hit, REAL *dlogits)
{
    for (int b = 0; b < samples; b++) {
        const REAL *z = logits + (size_t)b * (size_t)outputs;
        int y = targets[b], likeliest = 0;
        for (int o = 1; o < outputs; o++) {
            likeliest = z[o] > z[likeliest] ? o : likeliest;
        }
        REAL most = z[likeliest], sum = 0, weight = REF(class_weight)(class_weights, y);
        for (int o = 0; o < outputs; o++) {
            sum += exp(z[o] - most);
        }
        loss[b] = weight * (log(sum) - (z[y] - most));
        hit[b] = likeliest == y;
        for (int o = 0; dlogits != NULL && o < outputs; o++) {
            dlogits[(size_t)b * (size_t)outputs + (size_t)o] =
                weight * (exp(z[o] - most) / sum - (REAL)(o == y)) / (REAL)samples;
        }
    }
}

void REF(loss)(int samples, int outputs, const REAL *logits, const int32_t *targets,
               const REAL *class_weights, REAL *loss, int32_t *hit, REAL *dlogits)
{
    if (outputs == 1) {
        REF(binary)(samples, logits, targets, class_weights, loss, hit, dlogits);
    } else {
        REF(categorical)(samples, outputs, logits, targets, class_weights, loss, hit, dlogits);
    }
}

#endif
