/* zip.h: the members of an untrusted zip, one after the other. libarchive inflates; the directory
 * is read here too, because only its sizes and places tell an honest zip from a bomb. */
#ifndef CLT_DATA_ZIP_H
#define CLT_DATA_ZIP_H

#include "data/stream.h"

#define CLT_ZIP_MEMBERS_MAX 1024
#define CLT_ZIP_MEMBER_BYTES_MAX (UINT64_C(1) << 30) /* inflated */
#define CLT_ZIP_TOTAL_BYTES_MAX (UINT64_C(1) << 32)

typedef struct clt_zip clt_zip;

/* Errors: CLT_INPUT with the path, also when members share a name or bytes of the file, are
 * encrypted, packed by anything but deflate, or beyond the limits. */
CLT_NODISCARD clt_status clt_zip_open(const char *path, clt_zip **zip, clt_error *error);
void clt_zip_close(clt_zip *zip); /* NULL allowed */

/* Goes to the next member; *name is NULL after the last one and lives until the next call. What was
 * not read of the member before is skipped without inflating it. */
CLT_NODISCARD clt_status clt_zip_next(clt_zip *zip, const char **name, clt_error *error);

/* Starts reading the current member, once. The stream ends at the size that the directory declares;
 * a member that turns out shorter, longer or with another checksum is CLT_INPUT. No path or name in
 * the messages. */
CLT_NODISCARD clt_status clt_zip_read(clt_zip *zip, clt_stream *stream, clt_error *error);

#endif
