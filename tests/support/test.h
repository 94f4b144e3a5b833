/* test.h: what every test includes first: cmocka and a few asserts that print the library's own
 * error text and treat NaN as a failure. */
#ifndef CLT_TESTS_TEST_H
#define CLT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cltrain/error.h"

/* The call must return CLT_OK; shows error.message when not. Needs a `clt_error error` in scope. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        clt_status status_ = (call);                                                               \
        if (status_ != CLT_OK) {                                                                   \
            fail_msg("%s: %d, %s", #call, (int)status_, error.message);                            \
        }                                                                                          \
    } while (0)

/* The call must fail with exactly this status and a one-line message that contains `part`. */
#define assert_fails(call, expected, part)                                                         \
    clt_test_assert_fails((call), (expected), &error, (part), #call, __FILE__, __LINE__)

void clt_test_assert_fails(clt_status got, clt_status expected, const clt_error *error,
                           const char *part, const char *call, const char *file, int line);

/* The largest |got - want| / (1 + |want|); NaN anywhere gives NaN. */
double clt_test_error(const float *got, const float *want, size_t count);

/* Fails unless clt_test_error is a number and at most `tolerance`; prints where it is largest. */
void clt_test_assert_near(const char *what, const float *got, const float *want, size_t count,
                          double tolerance);

#endif
