/* runtime.h: the device of the tests. */
#ifndef CLT_TESTS_RUNTIME_H
#define CLT_TESTS_RUNTIME_H

#include "cltrain/runtime.h"

/* Makes a runtime on CLTRAIN_TEST_DEVICE's device, "cpu" when unset; its notes are printed. 0, or
 * -1 with the reason printed and *runtime NULL: what a group's setup returns. */
int clt_test_runtime_open(clt_runtime **runtime);

/* One for a whole group of tests: begin and end are the group's setup and teardown. */
extern clt_runtime *clt_test_runtime;
int clt_test_runtime_begin(void **state);
int clt_test_runtime_end(void **state);

#endif
