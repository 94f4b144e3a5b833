/* clock.h: the clock that durations are measured with. */
#ifndef CLT_UTIL_CLOCK_H
#define CLT_UTIL_CLOCK_H

/* Seconds of a clock that only goes forward. */
double clt_now(void);

#endif
