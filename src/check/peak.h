/* peak.h: what a device can do at most: multiply-adds and copies, by kernels whose results are
 * checked (cl/peak.cl; ref: peak_fma). What `bench` compares the ops with. */
#ifndef CLT_CHECK_PEAK_H
#define CLT_CHECK_PEAK_H

#include "runtime/runtime_private.h"

#define CLT_PEAK_CHAINS 12 /* CHAINS of cl/peak.cl */

typedef struct clt_peak clt_peak;

CLT_NODISCARD clt_status clt_peak_plan(clt_runtime *runtime, clt_peak **peak, clt_error *error);
void clt_peak_destroy(clt_peak *peak);      /* NULL allowed */
int clt_peak_width(const clt_peak *peak);   /* floats of a work-item of peak_fma */
size_t clt_peak_span(const clt_peak *peak); /* floats of a work-item of peak_copy */

/* Queues y = peak_fma of x; x, y float [items * width]. */
CLT_NODISCARD clt_status clt_peak_fma(clt_peak *peak, int items, int steps, clt_buffer x,
                                      clt_buffer y, clt_error *error);
/* Queues y = x; x, y float [items * span]. */
CLT_NODISCARD clt_status clt_peak_copy(clt_peak *peak, int items, clt_buffer x, clt_buffer y,
                                       clt_error *error);

/* The best of several launches of each: floating-point operations a second, and bytes a second read
 * and written. Waits. Errors: CLT_KERNEL when a result is wrong. */
CLT_NODISCARD clt_status clt_peak_measure(clt_runtime *runtime, double *flops, double *bandwidth,
                                          clt_error *error);

#endif
