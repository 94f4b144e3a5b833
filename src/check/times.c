/* times.c: medians, and who is faster. */
#include "check/times.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

clt_times clt_times_of(double *values, int count)
{
    int middle = count / 2;
    qsort(values, (size_t)count, sizeof *values, by_value);
    return (clt_times){.repeats = count,
                       .median = count % 2 == 1 ? values[middle]
                                                : 0.5 * (values[middle - 1] + values[middle]),
                       .lowest = values[0],
                       .highest = values[count - 1]};
}

size_t clt_samples_within(double seconds, size_t tried, double taken, size_t batch, size_t count)
{
    double each = taken / (double)tried, most = seconds / (each > 1e-9 ? each : 1e-9);
    if (batch >= count || most >= (double)count) {
        return count;
    }
    return most < 2.0 * (double)batch ? batch : (size_t)most / batch * batch;
}

/* Less than this is within what two runs of the same differ by, and would make a choice a matter of
 * chance. On a busy machine so would a median alone. */
static const double FASTER = 0.97;

clt_comparison clt_compare(const double *first, const double *second, int count)
{
    double a[CLT_PAIRS_MAX], b[CLT_PAIRS_MAX], ratios[CLT_PAIRS_MAX];
    clt_comparison found = {0};
    int wins = 0;
    for (int k = 0; k < count; k++) {
        a[k] = first[k];
        b[k] = second[k];
        ratios[k] = first[k] / second[k];
        wins += first[k] < second[k];
    }
    found.first = clt_times_of(a, count).median;
    found.second = clt_times_of(b, count).median;
    found.ratio = clt_times_of(ratios, count).median;
    bool enough = count >= CLT_PAIRS_MIN;
    found.faster = enough && found.ratio < FASTER && 4 * wins >= 3 * count;
    found.clear = enough && (found.ratio > 1.0 || (found.faster && wins == count));
    return found;
}
