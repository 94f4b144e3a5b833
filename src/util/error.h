/* error.h: making and passing on a clt_error. */
#ifndef CLT_UTIL_ERROR_H
#define CLT_UTIL_ERROR_H

#include <stddef.h>

#include "cltrain/error.h"

/* Fills *error (NULL allowed) and returns `status`, so that a function can `return clt_fail(...)`.
 * The message is one line: what, where, the value, what to do; control characters in it are
 * replaced, because values come from untrusted files. */
__attribute__((format(printf, 4, 5))) clt_status clt_fail(clt_error *error, clt_status status,
                                                          int native, const char *format, ...);

/* "out of memory (N bytes for WHAT)" */
clt_status clt_fail_memory(clt_error *error, size_t bytes, const char *what);

/* Puts "PREFIX: " before an existing message: a caller knows the file, the callee the reason. */
__attribute__((format(printf, 2, 3))) void clt_error_prefix(clt_error *error, const char *format,
                                                            ...);

/* In a function with a local `clt_status status` and a label `done`: run, and leave on failure. */
#define CLT_TRY(call)                                                                              \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != CLT_OK) {                                                                    \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#endif
