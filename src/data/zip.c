/* zip.c: the directory checks and libarchive (APPNOTE.TXT, PKWARE's .ZIP File Format). */
#include "data/zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/memory.h"

enum {
    LOCAL_BYTES = 30,     /* of a local header, before the name */
    DIRECTORY_BYTES = 46, /* of a directory entry, before the name */
    END_BYTES = 22,       /* of the end record, without a comment */
    LOCATOR_BYTES = 20,   /* of zip64's, which would stand before the end record */
    DIRECTORY_BYTES_MAX = 1 << 20
};

typedef struct member {
    const char *name; /* ends with 0 */
    uint64_t size;    /* inflated */
    uint64_t packed;
    uint64_t start; /* of the local header */
} member;

struct clt_zip {
    int descriptor;
    struct archive *archive;
    unsigned char *directory; /* as in the file */
    char *names;              /* each with its 0 */
    member *members;          /* in order of `name` */
    size_t count;
    const char *current; /* name */
    uint64_t left;       /* bytes of the current member that are not read yet */
};

static uint32_t get16(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t get32(const unsigned char *bytes)
{
    return get16(bytes) | get16(bytes + 2) << 16;
}

/* `count` bytes at `offset`. */
static clt_status read_at(const clt_zip *zip, uint64_t offset, void *bytes, size_t count,
                          clt_error *error)
{
    size_t have = 0;
    while (have < count) {
        ssize_t got =
            pread(zip->descriptor, (char *)bytes + have, count - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int code = errno;
            return clt_fail(error, CLT_INPUT, code, "cannot be read: %s", strerror(code));
        }
        if (got == 0) {
            return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": the file ends here",
                            offset + have);
        }
        have += (size_t)got;
    }
    return CLT_OK;
}

/* One entry of the directory at `at`, which has `left` bytes; its size in *used. */
static clt_status read_entry(clt_zip *zip, const unsigned char *at, size_t left, uint64_t offset,
                             char **names, size_t *used, clt_error *error)
{
    if (left < DIRECTORY_BYTES || memcmp(at, "PK\1\2", 4) != 0) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": no directory entry here", offset);
    }
    size_t name_bytes = get16(at + 28);
    *used = DIRECTORY_BYTES + name_bytes + get16(at + 30) + get16(at + 32);
    if (*used > left) {
        return clt_fail(error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": a directory entry of %zu bytes, %zu are left", offset,
                        *used, left);
    }
    member *m = &zip->members[zip->count];
    memcpy(*names, at + DIRECTORY_BYTES, name_bytes); /* the rest of *names is 0 */
    m->name = *names;
    *names += name_bytes + 1;
    m->packed = get32(at + 20);
    m->size = get32(at + 24);
    m->start = get32(at + 42);
    if (strlen(m->name) != name_bytes) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": a member's name holds a NUL",
                        offset);
    }
    if ((get16(at + 8) & 1) != 0) {
        return clt_fail(error, CLT_INPUT, 0, "member %s: encrypted", m->name);
    }
    if (get16(at + 10) != 0 && get16(at + 10) != 8) {
        return clt_fail(error, CLT_INPUT, 0,
                        "member %s: packing method %" PRIu32 " (only stored and deflate are read)",
                        m->name, get16(at + 10));
    }
    if (m->size > CLT_ZIP_MEMBER_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0, "member %s: %" PRIu64 " bytes, the limit is %" PRIu64,
                        m->name, m->size, CLT_ZIP_MEMBER_BYTES_MAX);
    }
    zip->count++;
    return CLT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const member *)a)->name, ((const member *)b)->name);
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const member *)a)->start, y = ((const member *)b)->start;
    return (x > y) - (x < y);
}

/* No two members may share bytes: that is how a small zip becomes petabytes. `end` is where the
 * directory begins. */
static clt_status check_extents(clt_zip *zip, uint64_t end, clt_error *error)
{
    uint64_t total = 0;
    qsort(zip->members, zip->count, sizeof *zip->members, by_start);
    for (size_t k = 0; k < zip->count; k++) {
        const member *m = &zip->members[k];
        unsigned char local[LOCAL_BYTES];
        clt_status status = read_at(zip, m->start, local, sizeof local, error);
        if (status != CLT_OK) {
            clt_error_prefix(error, "member %s", m->name);
            return status;
        }
        if (memcmp(local, "PK\3\4", 4) != 0) {
            return clt_fail(error, CLT_INPUT, 0, "member %s: byte %" PRIu64 ": no member here",
                            m->name, m->start);
        }
        uint64_t data = m->start + LOCAL_BYTES + get16(local + 26) + get16(local + 28);
        uint64_t next = k + 1 < zip->count ? m[1].start : end;
        if (data + m->packed > next) {
            return clt_fail(error, CLT_INPUT, 0,
                            "member %s: its bytes %" PRIu64 " to %" PRIu64
                            " overlap what begins at %" PRIu64,
                            m->name, m->start, data + m->packed, next);
        }
        total += m->size;
    }
    if (total > CLT_ZIP_TOTAL_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0, "%" PRIu64 " bytes in all, the limit is %" PRIu64,
                        total, CLT_ZIP_TOTAL_BYTES_MAX);
    }
    qsort(zip->members, zip->count, sizeof *zip->members, by_name);
    for (size_t k = 1; k < zip->count; k++) {
        if (strcmp(zip->members[k - 1].name, zip->members[k].name) == 0) {
            return clt_fail(error, CLT_INPUT, 0, "member %s: comes twice", zip->members[k].name);
        }
    }
    return CLT_OK;
}

/* The end record must be the last thing in the file and the directory end right before it, so that
 * there is only one way to read the file. */
static clt_status read_directory(clt_zip *zip, uint64_t file_bytes, clt_error *error)
{
    unsigned char end[END_BYTES];
    if (file_bytes < END_BYTES) {
        return clt_fail(error, CLT_INPUT, 0, "not a zip: %" PRIu64 " bytes", file_bytes);
    }
    uint64_t end_start = file_bytes - END_BYTES;
    clt_status status = CLT_OK;
    CLT_TRY(read_at(zip, end_start, end, sizeof end, error));
    uint32_t count = get16(end + 10), bytes = get32(end + 12), start = get32(end + 16);
    if (memcmp(end, "PK\5\6", 4) != 0 || get16(end + 20) != 0) {
        return clt_fail(error, CLT_INPUT, 0,
                        "not a zip, or cut short, or with a comment: byte %" PRIu64
                        " is not the end record",
                        end_start);
    }
    if (get32(end + 4) != 0 || get16(end + 8) != count || start == UINT32_MAX) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": a zip in parts or of zip64",
                        end_start);
    }
    if (count > CLT_ZIP_MEMBERS_MAX || bytes > DIRECTORY_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": %" PRIu32 " members, directory of %" PRIu32
                        " bytes; the limits are %d and %d",
                        end_start, count, bytes, CLT_ZIP_MEMBERS_MAX, DIRECTORY_BYTES_MAX);
    }
    if ((uint64_t)start + bytes != end_start) {
        return clt_fail(error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": the directory, %" PRIu32 " bytes at %" PRIu32
                        ", does not end here",
                        end_start, bytes, start);
    }
    zip->directory = clt_alloc(bytes, 1, "a zip's directory", error);
    /* An entry has more than one byte beside its name, so there is room for each name's 0. */
    zip->names = clt_alloc(bytes, 1, "a zip's directory", error);
    zip->members = clt_alloc(count, sizeof *zip->members, "a zip's directory", error);
    if (zip->directory == NULL || zip->names == NULL || zip->members == NULL) {
        return CLT_FAILED;
    }
    CLT_TRY(read_at(zip, start, zip->directory, bytes, error));
    if (bytes >= LOCATOR_BYTES &&
        memcmp(zip->directory + bytes - LOCATOR_BYTES, "PK\6\7", 4) == 0) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": a zip of zip64",
                        end_start - LOCATOR_BYTES);
    }
    char *names = zip->names;
    size_t at = 0, used = 0;
    while (zip->count < count) {
        CLT_TRY(read_entry(zip, zip->directory + at, bytes - at, start + at, &names, &used, error));
        at += used;
    }
    if (at != bytes) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": bytes after the directory",
                        start + (uint64_t)at);
    }
    CLT_TRY(check_extents(zip, start, error));
done:
    return status;
}

static clt_status archive_failed(const clt_zip *zip, clt_error *error)
{
    const char *reason = archive_error_string(zip->archive);
    reason = reason != NULL ? reason : "unknown reason";
    return clt_fail(error, CLT_INPUT, archive_errno(zip->archive), "damaged: %.*s",
                    (int)strcspn(reason, "\n"), reason);
}

static clt_status start_archive(clt_zip *zip, clt_error *error)
{
    zip->archive = archive_read_new();
    if (zip->archive == NULL) {
        return clt_fail(error, CLT_FAILED, 0, "out of memory (libarchive)");
    }
    if (archive_read_support_filter_none(zip->archive) != ARCHIVE_OK ||
        archive_read_support_format_zip_seekable(zip->archive) != ARCHIVE_OK ||
        archive_read_open_fd(zip->archive, zip->descriptor, 65536) != ARCHIVE_OK) {
        return archive_failed(zip, error);
    }
    return CLT_OK;
}

clt_status clt_zip_open(const char *path, clt_zip **zip, clt_error *error)
{
    struct stat info;
    clt_zip *made = clt_alloc(1, sizeof *made, "a zip", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    clt_status status = CLT_OK;
    /* O_NONBLOCK: opening a pipe must not wait for its other end. */
    made->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (made->descriptor < 0) {
        int code = errno;
        status = clt_fail(error, CLT_INPUT, code, "cannot open %s: %s", path, strerror(code));
        goto done;
    }
    if (fstat(made->descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: not a regular file", path);
        goto done;
    }
    status = read_directory(made, (uint64_t)info.st_size, error);
    if (status == CLT_OK) {
        status = start_archive(made, error);
    }
    if (status != CLT_OK) {
        clt_error_prefix(error, "%s", path);
        goto done;
    }
    *zip = made;
    made = NULL;
done:
    clt_zip_close(made);
    return status;
}

void clt_zip_close(clt_zip *zip)
{
    if (zip != NULL) {
        archive_read_free(zip->archive);
        if (zip->descriptor >= 0) {
            close(zip->descriptor);
        }
        free(zip->directory);
        free(zip->names);
        free(zip->members);
        free(zip);
    }
}

clt_status clt_zip_next(clt_zip *zip, const char **name, clt_error *error)
{
    struct archive_entry *entry;
    int code = archive_read_next_header(zip->archive, &entry);
    zip->current = NULL;
    *name = NULL;
    if (code == ARCHIVE_EOF) {
        return CLT_OK;
    }
    if (code < ARCHIVE_WARN) { /* a warning is about a name in a strange character set */
        return archive_failed(zip, error);
    }
    zip->current = archive_entry_pathname(entry);
    if (zip->current == NULL) {
        zip->current = "";
    }
    *name = zip->current;
    return CLT_OK;
}

/* clt_stream_read of the current member. */
static clt_status read_member(void *user, unsigned char *bytes, size_t room, size_t *got,
                              clt_error *error)
{
    clt_zip *zip = user;
    unsigned char extra;
    bool at_end = zip->left == 0;
    la_ssize_t count;
    if (room > zip->left) {
        room = (size_t)zip->left;
    }
    /* At the end one byte more is asked for: libarchive then compares the checksum. */
    count = archive_read_data(zip->archive, at_end ? &extra : bytes, at_end ? 1 : room);
    if (count < 0) {
        return archive_failed(zip, error);
    }
    if (at_end != (count == 0)) {
        return clt_fail(error, CLT_INPUT, 0, "%s than the directory of the zip declares",
                        at_end ? "longer" : "shorter");
    }
    *got = (size_t)count;
    zip->left -= at_end ? 0 : (uint64_t)count;
    return CLT_OK;
}

clt_status clt_zip_read(clt_zip *zip, clt_stream *stream, clt_error *error)
{
    const member key = {.name = zip->current};
    const member *found = bsearch(&key, zip->members, zip->count, sizeof *zip->members, by_name);
    if (found == NULL) {
        return clt_fail(error, CLT_INPUT, 0, "not in the directory of the zip");
    }
    zip->left = found->size;
    clt_stream_start(stream, read_member, zip, found->size);
    return CLT_OK;
}
