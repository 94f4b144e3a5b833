/* fuzz.h: what the fuzz targets share. Each is a LLVMFuzzerTestOneInput of one reader, which may
 * refuse its input, but not read or write out of bounds, leak, hang, or take its word for how much
 * memory it needs. */
#ifndef CLT_TESTS_FUZZ_H
#define CLT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a file: its path, and to be closed by clt_fuzz_close. One at a time. */
const char *clt_fuzz_file(const uint8_t *data, size_t size);
void clt_fuzz_close(void);

/* A copy from malloc, without a byte behind it. */
char *clt_fuzz_copy(const uint8_t *data, size_t size);

#endif
