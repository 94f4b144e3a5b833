/* optimizer.c: Adam as Keras 3 computes it (keras/src/optimizers/adam.py, update_step;
 * base_optimizer.py, _apply_weight_decay). */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/optimizer.c"
#include "ref/twice.h"
#else

static void REF(adam_element)(const clt_adam_step *step, REAL g, REAL *p, REAL *m, REAL *v)
{
    *p -= *p * (REAL)step->decay;
    *m += (g - *m) * (REAL)step->one_minus_beta1;
    *v += (g * g - *v) * (REAL)step->one_minus_beta2;
    *p -= (REAL)step->step_size * *m / (sqrt(*v) + (REAL)step->epsilon);
}

void REF(adam)(const clt_adam_step *step, bool bad, size_t count, const REAL *gradient, REAL *p,
               REAL *m, REAL *v)
{
    for (size_t k = 0; k < count && !bad; k++) {
        REF(adam_element)(step, gradient[k], p + k, m + k, v + k);
    }
}

void REF(adam_table)(const clt_adam_step *step, bool bad, int table_rows, int features,
                     const int32_t *unique, int row_count, const REAL *drows, REAL *p, REAL *m,
                     REAL *v)
{
    size_t width = (size_t)features;
    int u = 0;
    for (int row = 0; row < table_rows && !bad; row++) {
        bool used = u < row_count && unique[u] == row;
        for (size_t d = 0; d < width; d++) {
            size_t k = (size_t)row * width + d;
            REF(adam_element)(step, used ? drows[(size_t)u * width + d] : 0, p + k, m + k, v + k);
        }
        u += used;
    }
}

#endif
