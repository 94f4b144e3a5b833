/* times.h: times that were measured several times. */
#ifndef CLT_CHECK_TIMES_H
#define CLT_CHECK_TIMES_H

#include <stdbool.h>
#include <stddef.h>

#include "cltrain/bench.h"
#include "util/clock.h"

/* Median (the mean of the middle two when there are two), least and largest of values[0 .. count -
 * 1], count 1 or more. Sorts the values. */
clt_times clt_times_of(double *values, int count);

/* How many of `count` samples a pass over them can take in so many seconds, when `tried` took
 * `taken`: all, or whole batches, one at least. */
size_t clt_samples_within(double seconds, size_t tried, double taken, size_t batch, size_t count);

/* Two ways to do the same, measured in turn: is the first one faster? */
typedef struct clt_comparison {
    double first, second; /* medians */
    double ratio;         /* the median of the pairs' first / second */
    bool faster;          /* by 3%, and in three of four pairs */
    bool clear;           /* more pairs are of no use: slower, or faster in each of them */
} clt_comparison;

/* count  1 .. CLT_PAIRS_MAX; fewer than CLT_PAIRS_MIN are never faster nor clear. */
enum { CLT_PAIRS_MIN = 5, CLT_PAIRS_MAX = 11 };
clt_comparison clt_compare(const double *first, const double *second, int count);

#endif
