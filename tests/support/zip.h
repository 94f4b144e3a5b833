/* zip.h: makes small zips of stored members, which a test can then damage. */
#ifndef CLT_TESTS_ZIP_H
#define CLT_TESTS_ZIP_H

#include <stddef.h>
#include <stdint.h>

typedef struct clt_test_member {
    const char *name; /* NULL ends a list of them */
    const void *data;
    size_t bytes;
} clt_test_member;

typedef struct clt_test_zip {
    unsigned char bytes[4096];
    size_t count;
    size_t local[8], entry[8], end; /* local headers, directory entries, end record */
} clt_test_zip;

clt_test_zip clt_test_zip_make(const clt_test_member *members);

/* Writes a little-endian number over what is at `at`. */
void clt_test_zip_change(clt_test_zip *zip, size_t at, uint32_t value, int bytes);

#endif
