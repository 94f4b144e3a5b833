#include "support/gradient.h"

#include <math.h>
#include <stdlib.h>

#include "support/test.h"
#include "support/tolerance.h"

double clt_test_gradient_error(clt_test_function *f, void *context, double *x,
                               const double *gradient, size_t count)
{
    const double step = 1e-5;
    double largest = 0.0;
    for (size_t k = 0; k < count; k++) {
        double kept = x[k];
        x[k] = kept + step;
        double above = f(context);
        x[k] = kept - step;
        double below = f(context);
        x[k] = kept;
        double difference = (above - below) / (2.0 * step);
        double error = fabs(gradient[k] - difference) / (1.0 + fabs(difference));
        if (!isfinite(error)) {
            return NAN;
        }
        largest = error > largest ? error : largest;
    }
    return largest;
}

void clt_test_assert_gradient(const char *what, clt_test_function *f, void *context, double *x,
                              const double *gradient, size_t count)
{
    double error = clt_test_gradient_error(f, context, x, gradient, count);
    if (!(error <= CLT_TOLERANCE_DIFFERENCES)) {
        fail_msg("gradient of %s: error %.3g, tolerance %.3g", what, error,
                 CLT_TOLERANCE_DIFFERENCES);
    }
}

double *clt_test_doubles(size_t count)
{
    double *values = calloc(count > 0 ? count : 1, sizeof *values);
    assert_non_null(values);
    return values;
}
