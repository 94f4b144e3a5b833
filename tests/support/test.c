#include "support/test.h"

#include <math.h>
#include <string.h>

void clt_test_assert_fails(clt_status got, clt_status expected, const clt_error *error,
                           const char *part, const char *call, const char *file, int line)
{
    if (got != expected) {
        print_error("%s:%d: %s: status %d, not %d: %s\n", file, line, call, (int)got, (int)expected,
                    got == CLT_OK ? "" : error->message);
        fail();
    }
    if (error->status != expected || strstr(error->message, part) == NULL ||
        strchr(error->message, '\n') != NULL) {
        print_error("%s:%d: %s: the message \"%s\" should be one line with \"%s\"\n", file, line,
                    call, error->message, part);
        fail();
    }
}

static double distance(float got, float want)
{
    double error = fabs((double)got - (double)want) / (1.0 + fabs((double)want));
    return isfinite(error) ? error : NAN;
}

double clt_test_error(const float *got, const float *want, size_t count)
{
    double largest = 0.0;
    for (size_t k = 0; k < count; k++) {
        double error = distance(got[k], want[k]);
        if (isnan(error)) {
            return NAN;
        }
        largest = error > largest ? error : largest;
    }
    return largest;
}

void clt_test_assert_near(const char *what, const float *got, const float *want, size_t count,
                          double tolerance)
{
    for (size_t k = 0; k < count; k++) {
        double error = distance(got[k], want[k]);
        if (!(error <= tolerance)) {
            fail_msg("%s[%zu of %zu]: %.9g, not %.9g (error %.3g, tolerance %.3g)", what, k, count,
                     (double)got[k], (double)want[k], error, tolerance);
        }
    }
}
