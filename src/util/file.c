/* file.c: atomic writes (temporary file, fsync, rename, fsync of the folder) and bounded reads. */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/memory.h"

static clt_status cannot_write(clt_error *error, const char *path, int code)
{
    return clt_fail(error, CLT_FAILED, code, "cannot write %s: %s", path, strerror(code));
}

enum { LETTERS = 6 };

/* As mkstemp, with letters of its own behind `name`, which has room for them, but with the mode
 * that the umask makes of 0666: only the kernel can ask for it without changing it for the
 * program's other threads. */
static int create_temporary(char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char *end = name + strlen(name);
    int descriptor = -1;
    end[LETTERS] = 0;
    for (int tries = 0; tries < 1000 && descriptor < 0; tries++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t number = ((uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec) * 1000003u;
        number ^= (uint64_t)getpid() << 20 ^ (uint64_t)(uintptr_t)name;
        for (int k = 0; k < LETTERS; k++, number /= 52) {
            end[k] = letters[number % 52];
        }
        descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST) {
            break;
        }
    }
    return descriptor;
}

clt_status clt_file_create(const char *path, clt_file *file, clt_error *error)
{
    size_t bytes = strlen(path) + sizeof "." + LETTERS;
    int descriptor = -1;
    *file = (clt_file){0};
    file->path = clt_strdup(path, error);
    file->temporary = clt_alloc(bytes, 1, "a file name", error);
    if (file->path == NULL || file->temporary == NULL) {
        clt_file_abandon(file);
        return CLT_FAILED;
    }
    snprintf(file->temporary, bytes, "%s.", path);
    descriptor = create_temporary(file->temporary);
    if (descriptor >= 0) {
        file->stream = fdopen(descriptor, "wb");
    }
    if (file->stream == NULL) {
        int code = errno;
        if (descriptor >= 0) {
            close(descriptor);
            unlink(file->temporary);
        }
        clt_status status = cannot_write(error, path, code);
        free(file->temporary);
        file->temporary = NULL;
        clt_file_abandon(file);
        return status;
    }
    return CLT_OK;
}

/* The new name outlives a power cut only once the folder is on disk. By now the file is in its
 * place, so a folder that cannot be opened or synced is no failure. */
static void sync_folder(const char *path)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        if (length >= sizeof folder) {
            return;
        }
        memcpy(folder, path, length);
        folder[length] = 0;
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

clt_status clt_file_commit(clt_file *file, clt_error *error)
{
    int code = ferror(file->stream) ? EIO : 0; /* errno is not of that time any more */
    if (fflush(file->stream) != 0 || (code == 0 && fsync(fileno(file->stream)) != 0)) {
        code = errno;
    }
    if (fclose(file->stream) != 0 && code == 0) {
        code = errno;
    }
    file->stream = NULL;
    if (code == 0 && rename(file->temporary, file->path) != 0) {
        code = errno;
    }
    if (code == 0) {
        free(file->temporary);
        file->temporary = NULL;
        sync_folder(file->path);
    }
    clt_status status = code == 0 ? CLT_OK : cannot_write(error, file->path, code);
    clt_file_abandon(file);
    return status;
}

void clt_file_abandon(clt_file *file)
{
    if (file->stream != NULL) {
        fclose(file->stream);
    }
    if (file->temporary != NULL) {
        unlink(file->temporary);
    }
    free(file->temporary);
    free(file->path);
    *file = (clt_file){0};
}

clt_status clt_file_read(const char *path, size_t limit, char **bytes, size_t *size,
                         clt_error *error)
{
    struct stat info;
    char *memory = NULL;
    size_t have = 0, room;
    /* O_NONBLOCK: opening a pipe must not wait for its other end. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code = errno;
    if (descriptor < 0) {
        return clt_fail(error, CLT_INPUT, code, "cannot open %s: %s", path, strerror(code));
    }
    clt_status status = CLT_OK;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: not a regular file", path);
        goto done;
    }
    if (info.st_size < 0 || (uintmax_t)info.st_size > limit) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: %lld bytes, more than the limit of %zu", path,
                          (long long)info.st_size, limit);
        goto done;
    }
    room = (size_t)info.st_size;
    memory = clt_alloc(room + 1, 1, path, error);
    if (memory == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    while (have < room) {
        ssize_t got = read(descriptor, memory + have, room - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            code = errno;
            status = clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", path, strerror(code));
            goto done;
        }
        if (got == 0) {
            break; /* it shrank: what is there is what counts */
        }
        have += (size_t)got;
    }
    *bytes = memory;
    *size = have;
    memory = NULL;
done:
    free(memory);
    close(descriptor);
    return status;
}

clt_status clt_file_read_rest(int descriptor, const char *name, size_t limit, char **bytes,
                              size_t *size, clt_error *error)
{
    char *memory = NULL;
    size_t have = 0, room = 0;
    clt_status status = CLT_OK;
    for (;;) {
        if (have + 1 >= room) {
            room = room == 0 ? 65536 : 2 * room;
            CLT_TRY(clt_resize((void **)&memory, room, 1, name, error));
        }
        ssize_t got = read(descriptor, memory + have, room - 1 - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int code = errno;
            status = clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", name, strerror(code));
            goto done;
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
        if (have > limit) {
            status =
                clt_fail(error, CLT_INPUT, 0, "%s: more than the limit of %zu bytes", name, limit);
            goto done;
        }
    }
    memory[have] = 0;
    *bytes = memory;
    *size = have;
    memory = NULL;
done:
    free(memory);
    return status;
}
