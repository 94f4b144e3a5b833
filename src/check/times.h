/* times.h: times that were measured several times, and the clock they come from. */
#ifndef CLT_CHECK_TIMES_H
#define CLT_CHECK_TIMES_H

#include "cltrain/bench.h"

/* Seconds of a clock that only goes forward. */
double clt_now(void);

/* Median (the mean of the middle two when there are two), least and largest of values[0 .. count -
 * 1], count 1 or more. Sorts the values. */
clt_times clt_times_of(double *values, int count);

#endif
