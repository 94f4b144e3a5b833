/* initializers.c: Keras's initial weights (keras/src/initializers/random_initializers.py), drawn
 * from the counter-based generator: one stream for each parameter. */
#include <math.h>
#include <stdlib.h>

#include "model/model_private.h"
#include "util/memory.h"
#include "util/random.h"

static void fill_uniform(clt_random *random, double limit, float *values, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        values[k] = (float)(limit * (2.0 * clt_random_uniform(random) - 1.0));
    }
}

/* Four partial sums: the compiler may not reorder a single one. */
static double dot(const double *a, const double *b, size_t count)
{
    double s[4] = {0};
    size_t k = 0;
    for (; k + 4 <= count; k += 4) {
        for (size_t j = 0; j < 4; j++) {
            s[j] += a[k + j] * b[k + j];
        }
    }
    for (; k < count; k++) {
        s[0] += a[k] * b[k];
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* Takes what lies along u out of v. */
static void subtract_along(const double *u, double *v, size_t count)
{
    double along = dot(u, v, count);
    for (size_t k = 0; k < count; k++) {
        v[k] -= along * u[k];
    }
}

enum { BLOCK = 16 }; /* vectors that stay in the cache while each earlier one goes over them */

/* Keras: QR of a normal matrix whose longer side comes first, with positive diagonal of R. That is
 * the Gram-Schmidt process on `few` normal vectors of `many` elements; in double and with vectors
 * this far from parallel one pass is orthonormal to float's precision. */
static clt_status fill_orthogonal(clt_random *random, int rows, int columns, float *values,
                                  clt_error *error)
{
    size_t few = (size_t)(rows < columns ? rows : columns);
    size_t many = (size_t)(rows < columns ? columns : rows);
    double *vectors = clt_alloc(few * many, sizeof *vectors, "an orthogonal matrix", error);
    if (vectors == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < few * many; k++) {
        vectors[k] = clt_random_normal(random);
    }
    for (size_t first = 0; first < few; first += BLOCK) {
        size_t end = first + BLOCK < few ? first + BLOCK : few;
        for (size_t j = 0; j < end; j++) {
            double *u = vectors + j * many;
            if (j >= first) {
                double scale = 1.0 / sqrt(dot(u, u, many));
                for (size_t k = 0; k < many; k++) {
                    u[k] *= scale;
                }
            }
            for (size_t i = j < first ? first : j + 1; i < end; i++) {
                subtract_along(u, vectors + i * many, many);
            }
        }
    }
    for (size_t r = 0; r < (size_t)rows; r++) {
        for (size_t c = 0; c < (size_t)columns; c++) {
            values[r * (size_t)columns + c] =
                (float)(rows < columns ? vectors[r * many + c] : vectors[c * many + r]);
        }
    }
    free(vectors);
    return CLT_OK;
}

clt_status clt_model_initialize(clt_model *model, uint64_t seed, clt_error *error)
{
    for (int k = 0; k < model->layers.parameter_count; k++) {
        const clt_parameter *p = &model->layers.parameters[k];
        clt_random random = clt_random_stream(seed, CLT_RANDOM_INIT, (uint32_t)k);
        float *values = clt_model_values(model, p);
        clt_status status = CLT_OK;
        switch (p->initializer) {
        case CLT_INIT_UNIFORM:
            fill_uniform(&random, 0.05, values, p->count);
            break;
        case CLT_INIT_GLOROT_UNIFORM:
            fill_uniform(&random, sqrt(6.0 / ((double)p->shape[0] + p->shape[1])), values,
                         p->count);
            break;
        case CLT_INIT_ORTHOGONAL:
            status = fill_orthogonal(&random, p->shape[0], p->shape[1], values, error);
            break;
        case CLT_INIT_FORGET_BIAS:
            for (size_t j = p->count / 4; j < p->count / 2; j++) {
                values[j] = 1.0f;
            }
            break;
        case CLT_INIT_ZEROS:
            break;
        }
        if (status != CLT_OK) {
            return status;
        }
    }
    return CLT_OK;
}
