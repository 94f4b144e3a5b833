/* gradient.h: gradients against central differences, in double. */
#ifndef CLT_TESTS_GRADIENT_H
#define CLT_TESTS_GRADIENT_H

#include <stddef.h>

/* A function of arrays that its context knows. */
typedef double clt_test_function(void *context);

/* The largest |gradient[k] - difference| / (1 + |difference|) where the difference is that of
 * f(context) when x[k] moves both ways; x is put back. NaN anywhere gives NaN. */
double clt_test_gradient_error(clt_test_function *f, void *context, double *x,
                               const double *gradient, size_t count);

/* Fails unless that is at most CLT_TOLERANCE_DIFFERENCES. */
void clt_test_assert_gradient(const char *what, clt_test_function *f, void *context, double *x,
                              const double *gradient, size_t count);

/* Zeroed, never NULL. */
double *clt_test_doubles(size_t count);

#endif
