/* optimizer.c: Adam, SGD and RMSprop as Keras 3 computes them (keras/src/optimizers/adam.py,
 * sgd.py, rmsprop.py, update_step; base_optimizer.py, _apply_weight_decay). */
#ifndef REAL
#include "ref/ref.h"
#define REF_FILE "ref/optimizer.c"
#include "ref/twice.h"
#else

static void REF(update)(const clt_optimizer_rule *rule, const clt_optimizer_step *step, REAL g,
                        REAL *p, REAL *m, REAL *v)
{
    REAL size = (REAL)step->step_size, momentum = (REAL)step->momentum;
    *p -= *p * (REAL)step->decay;
    switch (rule->kind) {
    case CLT_ADAM:
        *m += (g - *m) * (REAL)step->one_minus_beta1;
        *v += (g * g - *v) * (REAL)step->one_minus_beta2;
        *p -= size * *m / (sqrt(*v) + (REAL)step->epsilon);
        break;
    case CLT_SGD:
        *m = *m * momentum - g * size;
        *p += rule->nesterov ? *m * momentum - g * size : *m;
        break;
    case CLT_RMSPROP:
        *v += (g * g - *v) * (REAL)step->one_minus_beta2;
        *p -= size * g / sqrt(*v + (REAL)step->epsilon);
        break;
    }
}

void REF(optimizer)(const clt_optimizer_rule *rule, const clt_optimizer_step *step, bool bad,
                    size_t count, const REAL *gradient, REAL *p, REAL *m, REAL *v)
{
    for (size_t k = 0; k < count && !bad; k++) {
        REF(update)(rule, step, gradient[k], p + k, m + k, v + k);
    }
}

void REF(optimizer_table)(const clt_optimizer_rule *rule, const clt_optimizer_step *step, bool bad,
                          int table_rows, int features, const int32_t *unique, int row_count,
                          const REAL *drows, REAL *p, REAL *m, REAL *v)
{
    size_t width = (size_t)features;
    int u = 0;
    for (int row = 0; row < table_rows && !bad; row++) {
        bool used = u < row_count && unique[u] == row;
        for (size_t d = 0; d < width; d++) {
            size_t k = (size_t)row * width + d;
            REAL g = used ? drows[(size_t)u * width + d] : 0;
            REF(update)(rule, step, g, p + k, m + k, v + k);
        }
        u += used;
    }
}

#endif
