/* memory.c: the one place where the library allocates. */
#include "util/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static unsigned long fail_countdown; /* 0: off */
static bool fail_always;

void clt_memory_fail_at(unsigned long n, bool always)
{
    fail_countdown = n;
    fail_always = always;
}

static bool must_fail(void)
{
    if (fail_countdown == 0) {
        return false;
    }
    if (fail_countdown == 1) {
        fail_countdown = fail_always ? 1 : 0;
        return true;
    }
    fail_countdown--;
    return false;
}

void *clt_alloc(size_t count, size_t size, const char *what, clt_error *error)
{
    size_t bytes;
    void *memory = NULL;
    if (!clt_mul(count, size, &bytes)) {
        bytes = SIZE_MAX;
    } else if (!must_fail()) {
        memory = calloc(1, bytes > 0 ? bytes : 1);
    }
    if (memory == NULL) {
        (void)clt_fail_memory(error, bytes, what);
    }
    return memory;
}

clt_status clt_resize(void **pointer, size_t count, size_t size, const char *what, clt_error *error)
{
    size_t bytes;
    void *memory = NULL;
    if (!clt_mul(count, size, &bytes)) {
        bytes = SIZE_MAX;
    } else if (!must_fail()) {
        memory = realloc(*pointer, bytes > 0 ? bytes : 1);
    }
    if (memory == NULL) {
        return clt_fail_memory(error, bytes, what);
    }
    *pointer = memory;
    return CLT_OK;
}

char *clt_strdup(const char *text, clt_error *error)
{
    size_t bytes = strlen(text) + 1;
    char *copy = clt_alloc(bytes, 1, "a string", error);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}
