/* cache.c: compiled programs kept on disk, where the driver does not keep them itself.
 *
 * Off on PoCL and NVIDIA (they cache on their own, and asking PoCL for a binary makes it compile
 * everything twice) and with CLTRAIN_CACHE=off. One file a program, under
 * ${XDG_CACHE_HOME:-~/.cache}/cltrain, named by a hash of all that can change the result: sources,
 * options, platform, device, driver and this library's version. A file is a header {magic, hash of
 * the binary, its size} and the binary; it is written atomically. Every failure here means: build
 * from source. A binary that the driver refuses is deleted; so are the ones that were not used for
 * longest, when all of them have more than CACHE_MAX bytes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/state.h"
#include "util/file.h"
#include "util/memory.h"

#define CACHE_MAX ((size_t)256 << 20)
#define BINARY_MAX (CACHE_MAX / 4)

typedef struct cache_header {
    char magic[8];
    uint64_t hash, size;
} cache_header;
static const char magic[8] = "cltbin1";

bool clt_cache_folder(char *path, size_t room)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (xdg != NULL && xdg[0] == '/') {
        length = snprintf(path, room, "%s/cltrain", xdg);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(path, room, "%s/.cache/cltrain", home);
    }
    return length > 0 && (size_t)length < room;
}

static bool is_on(const clt_runtime *runtime)
{
    const char *setting = getenv("CLTRAIN_CACHE");
    return !runtime->pocl && !runtime->nvidia && (setting == NULL || strcmp(setting, "off") != 0);
}

/* The file of these sources on this device; false when there is no place for one. */
static bool file_of(const clt_runtime *runtime, const char *const *sources, const size_t *lengths,
                    size_t count, const char *options, char *path, size_t room)
{
    char folder[3800];
    const char *identity[] = {options,
                              runtime->device.platform_name,
                              runtime->platform_version,
                              runtime->device.name,
                              runtime->device.vendor,
                              runtime->device.version,
                              runtime->device.driver,
                              CLT_VERSION};
    if (!is_on(runtime) || !clt_cache_folder(folder, sizeof folder)) {
        return false;
    }
    XXH64_state_t *state = XXH64_createState();
    if (state == NULL) {
        return false;
    }
    XXH64_reset(state, 0);
    /* Every part is followed by a 0, so that no two lists of parts are one text. */
    for (size_t k = 0; k < sizeof identity / sizeof *identity; k++) {
        XXH64_update(state, identity[k], strlen(identity[k]) + 1);
    }
    for (size_t k = 0; k < count; k++) {
        XXH64_update(state, sources[k], lengths[k]);
        XXH64_update(state, "", 1);
    }
    int length =
        snprintf(path, room, "%s/%016llx.bin", folder, (unsigned long long)XXH64_digest(state));
    XXH64_freeState(state);
    return length > 0 && (size_t)length < room;
}

void clt_cache_load(clt_runtime *runtime, const char *const *sources, const size_t *lengths,
                    size_t count, const char *options, cl_program *program)
{
    char path[4096];
    char *bytes = NULL;
    size_t size;
    cache_header header;
    *program = NULL;
    if (!file_of(runtime, sources, lengths, count, options, path, sizeof path) ||
        clt_file_read(path, BINARY_MAX, &bytes, &size, NULL) != CLT_OK) {
        return;
    }
    bool good = size > sizeof header;
    if (good) {
        memcpy(&header, bytes, sizeof header);
        good = memcmp(header.magic, magic, sizeof magic) == 0 &&
               header.size == size - sizeof header &&
               header.hash == XXH64(bytes + sizeof header, size - sizeof header, 0);
    }
    if (good) {
        const unsigned char *binary = (const unsigned char *)bytes + sizeof header;
        size_t length = size - sizeof header;
        cl_int code, binary_code = CL_SUCCESS;
        cl_program made = clCreateProgramWithBinary(runtime->context, 1, &runtime->id, &length,
                                                    &binary, &binary_code, &code);
        good = code == CL_SUCCESS && binary_code == CL_SUCCESS &&
               clBuildProgram(made, 1, &runtime->id, options, NULL, NULL) == CL_SUCCESS;
        if (good) {
            *program = made;
        } else if (made != NULL) {
            clReleaseProgram(made);
        }
    }
    if (good) {
        (void)utimensat(AT_FDCWD, path, NULL, 0); /* used now */
    } else {
        unlink(path);
    }
    free(bytes);
}

/* The bytes of all binaries in the folder, unfinished ones included, and the path of the one that
 * was not used for longest. */
static uint64_t count_bytes(const char *folder, char *oldest, size_t room)
{
    DIR *directory = opendir(folder);
    uint64_t total = 0;
    time_t least = 0;
    oldest[0] = 0;
    if (directory == NULL) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[4096];
        struct stat info;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".bin") == NULL || (size_t)length >= sizeof path ||
            lstat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
            continue;
        }
        total += (uint64_t)info.st_size;
        if (oldest[0] == 0 || info.st_mtime < least) {
            least = info.st_mtime;
            snprintf(oldest, room, "%s", path);
        }
    }
    closedir(directory);
    return total;
}

/* Another process may be at it too: what is gone already is gone. */
static void evict(const char *folder)
{
    char oldest[4096];
    while (count_bytes(folder, oldest, sizeof oldest) > CACHE_MAX &&
           (unlink(oldest) == 0 || errno == ENOENT)) {
    }
}

int clt_make_folders(const char *path)
{
    char folder[4096];
    int code = 0;
    if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder) {
        return ENAMETOOLONG;
    }
    /* Only the last one has to be made: one above it may be there and not ours to write. */
    char *below = folder + (folder[0] == '/');
    for (char *slash = strchr(below, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(folder, 0777);
        *slash = '/';
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        code = errno;
    }
    return code;
}

void clt_cache_store(clt_runtime *runtime, const char *const *sources, const size_t *lengths,
                     size_t count, const char *options, cl_program program)
{
    char folder[4096], path[4096];
    size_t size = 0;
    unsigned char *binary = NULL;
    clt_file file = {0};
    if (!file_of(runtime, sources, lengths, count, options, path, sizeof path) ||
        clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) !=
            CL_SUCCESS ||
        size == 0 || size > BINARY_MAX) {
        return;
    }
    binary = clt_alloc(size, 1, "a binary", NULL);
    if (binary == NULL || clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary,
                                           NULL) != CL_SUCCESS) {
        goto done;
    }
    if (!clt_cache_folder(folder, sizeof folder) || clt_make_folders(folder) != 0 ||
        clt_file_create(path, &file, NULL) != CLT_OK) {
        goto done;
    }
    cache_header header = {.hash = XXH64(binary, size, 0), .size = size};
    memcpy(header.magic, magic, sizeof magic);
    if (fwrite(&header, sizeof header, 1, file.stream) == 1 &&
        fwrite(binary, 1, size, file.stream) == size) {
        (void)!clt_file_commit(&file, NULL);
        evict(folder);
    }
done:
    clt_file_abandon(&file);
    free(binary);
}
