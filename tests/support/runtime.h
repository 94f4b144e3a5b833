/* runtime.h: the device of the tests. */
#ifndef CLT_TESTS_RUNTIME_H
#define CLT_TESTS_RUNTIME_H

#include "cltrain/runtime.h"

/* Makes a runtime on CLTRAIN_TEST_DEVICE's device, "cpu" when unset; its notes are printed. 0, or
 * -1 with the reason printed and *runtime NULL: what a group's setup returns. */
int clt_test_runtime_open(clt_runtime **runtime);

#endif
