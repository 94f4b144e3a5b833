/* memory.h: checked allocation and checked sizes. Everything the library allocates goes through
 * here, so that a test can make the n-th allocation fail (clt_memory_fail_at). */
#ifndef CLT_UTIL_MEMORY_H
#define CLT_UTIL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* count * size zeroed bytes; count 0 gives a valid pointer. NULL with *error set (CLT_FAILED) when
 * the product overflows or there is no memory. Freed with free(). */
void *clt_alloc(size_t count, size_t size, const char *what, clt_error *error);

/* Grows or shrinks *pointer; on failure *pointer is left as it was. */
CLT_NODISCARD clt_status clt_resize(void **pointer, size_t count, size_t size, const char *what,
                                    clt_error *error);

char *clt_strdup(const char *text, clt_error *error);

/* false when the result does not fit; *out is then unspecified. */
static inline bool clt_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool clt_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* Tests only: the n-th allocation from now on fails (1 = the next; 0 = never), once or from then
 * on always. Process-wide, not thread-safe. */
void clt_memory_fail_at(unsigned long n, bool always);

#endif
