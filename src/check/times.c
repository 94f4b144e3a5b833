/* times.c: the clock, and the median. */
#include "check/times.h"

#include <stdlib.h>
#include <time.h>

double clt_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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
