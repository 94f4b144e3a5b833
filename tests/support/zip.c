#include "support/zip.h"

#include <string.h>

static void put(clt_test_zip *zip, uint32_t value, int bytes)
{
    clt_test_zip_change(zip, zip->count, value, bytes);
    zip->count += (size_t)bytes;
}

static void put_bytes(clt_test_zip *zip, const void *bytes, size_t count)
{
    memcpy(zip->bytes + zip->count, bytes, count);
    zip->count += count;
}

static uint32_t crc32_of(const clt_test_member *member)
{
    const unsigned char *bytes = member->data;
    uint32_t crc = 0xffffffff;
    for (size_t k = 0; k < member->bytes; k++) {
        crc ^= bytes[k];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
        }
    }
    return ~crc;
}

/* What the local header and the directory entry share: version, flags, method, time, CRC, sizes,
 * lengths of name and extra field. */
static void put_description(clt_test_zip *zip, const clt_test_member *member)
{
    put(zip, 20, 2);
    put(zip, 0, 4);
    put(zip, 0x00210000, 4); /* 1980-01-01 */
    put(zip, crc32_of(member), 4);
    put(zip, (uint32_t)member->bytes, 4);
    put(zip, (uint32_t)member->bytes, 4);
    put(zip, (uint32_t)strlen(member->name), 2);
    put(zip, 0, 2);
}

clt_test_zip clt_test_zip_make(const clt_test_member *members)
{
    clt_test_zip zip = {.count = 0};
    uint32_t count = 0;
    for (const clt_test_member *m = members; m->name != NULL; m++) {
        zip.local[count++] = zip.count;
        put_bytes(&zip, "PK\3\4", 4);
        put_description(&zip, m);
        put_bytes(&zip, m->name, strlen(m->name));
        put_bytes(&zip, m->data, m->bytes);
    }
    size_t directory = zip.count;
    for (uint32_t k = 0; k < count; k++) {
        zip.entry[k] = zip.count;
        put_bytes(&zip, "PK\1\2", 4);
        put(&zip, 20, 2);
        put_description(&zip, &members[k]);
        put(&zip, 0, 4); /* comment, disk */
        put(&zip, 0, 2); /* attributes */
        put(&zip, 0, 4);
        put(&zip, (uint32_t)zip.local[k], 4);
        put_bytes(&zip, members[k].name, strlen(members[k].name));
    }
    zip.end = zip.count;
    put_bytes(&zip, "PK\5\6", 4);
    put(&zip, 0, 4);
    put(&zip, count, 2);
    put(&zip, count, 2);
    put(&zip, (uint32_t)(zip.end - directory), 4);
    put(&zip, (uint32_t)directory, 4);
    put(&zip, 0, 2);
    return zip;
}

void clt_test_zip_change(clt_test_zip *zip, size_t at, uint32_t value, int bytes)
{
    for (int k = 0; k < bytes; k++) {
        zip->bytes[at + (size_t)k] = (unsigned char)(value >> 8 * k);
    }
}
