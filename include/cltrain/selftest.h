/* selftest.h: does this device compute what the reference computes? */
#ifndef CLTRAIN_SELFTEST_H
#define CLTRAIN_SELFTEST_H

#include <stdbool.h>

#include "cltrain/error.h"
#include "cltrain/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One case: an op in one variant on one shape. */
typedef struct clt_selftest_row {
    const char *op;       /* "lstm backward" */
    const char *variant;  /* "rows", "clblast", "lazy" and so on, or "" */
    const char *shape;    /* "B=5 T=7 D=3 H=13" */
    double largest_error; /* over all outputs, in the tolerance's own measure; NaN fails */
    double tolerance;
    double seconds; /* first run on the device, with what it compiled */
    bool passed;
    const char *failure; /* "" when passed, else what was wrong */
    /* What training takes here in the place of the variant, which the device cannot run or gets
     * wrong, and what was run for the case; "": the variant itself. */
    const char *replaced_by;
} clt_selftest_row;

/* Runs every op against the plain-C reference, those that can be computed in several ways in each
 * that is made for this kind of device. Of the tile shapes of a matrix product it takes the one
 * that this device gets; clt_tune_run checks the others before it chooses one.
 *
 * row      called after each case, on the caller's thread; strings are valid during the call. NULL:
 *          not called. Waits for the device.
 * Errors   CLT_KERNEL: some case failed (all are run, the message counts them). */
CLT_NODISCARD clt_status clt_selftest_run(clt_runtime *runtime,
                                          void (*row)(void *user, const clt_selftest_row *row),
                                          void *user, clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
