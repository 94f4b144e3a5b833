/* file.h: files that appear whole or not at all. */
#ifndef CLT_UTIL_FILE_H
#define CLT_UTIL_FILE_H

#include <stdio.h>

#include "util/error.h"

/* A file being written beside its final place. */
typedef struct clt_file {
    char *path;      /* final place */
    char *temporary; /* same folder */
    FILE *stream;    /* write here */
} clt_file;

/* Opens a unique temporary file in path's folder. Errors: CLT_FAILED "cannot write PATH: reason".
 */
CLT_NODISCARD clt_status clt_file_create(const char *path, clt_file *file, clt_error *error);

/* Flushes, syncs, closes, gives it the mode the umask asks for, renames it over the final place and
 * syncs the folder. On failure the temporary file is gone and the old file untouched. Either way
 * `file` is finished with. */
CLT_NODISCARD clt_status clt_file_commit(clt_file *file, clt_error *error);

/* Drops it. Harmless on a committed, failed or zeroed clt_file. */
void clt_file_abandon(clt_file *file);

/* Reads a whole file. *bytes is followed by a 0 that *size does not count. Freed with free().
 * Errors: CLT_INPUT, also when it is larger than `limit` bytes or not a regular file. */
CLT_NODISCARD clt_status clt_file_read(const char *path, size_t limit, char **bytes, size_t *size,
                                       clt_error *error);

/* The same for an open descriptor of any kind, from where it stands to its end. */
CLT_NODISCARD clt_status clt_file_read_rest(int descriptor, const char *name, size_t limit,
                                            char **bytes, size_t *size, clt_error *error);

#endif
