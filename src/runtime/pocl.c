/* pocl.c: whether PoCL can work here. It ends the process when it cannot write its kernel cache, so
 * that is found out before its devices are used (asking for its name is safe). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/state.h"

#define PATH_ROOM 1024         /* PoCL's own limit */
#define PATH_BELOW 200         /* what it adds: hash, kernel name, local size, file */
#define SPACE ((off_t)4 << 20) /* a compiled kernel and its intermediate files */

bool clt_is_pocl(const char *platform_name)
{
    return strstr(platform_name, "Portable Computing Language") != NULL;
}

/* The folder that PoCL will use, as its lib/CL/pocl_cache.c finds it; the length, or -1. */
static int cache_folder(char *path, size_t room)
{
    const char *own = getenv("POCL_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME"), *keep = getenv("POCL_KERNEL_CACHE");
    const char *below = keep != NULL && strcmp(keep, "0") == 0 ? "pocl/uncached" : "pocl/kcache";
    if (own != NULL) {
        return snprintf(path, room, "%s", own);
    }
    if (xdg != NULL && xdg[0] != 0) {
        return snprintf(path, room, "%s/%s", xdg, below);
    }
    if (home != NULL) {
        return snprintf(path, room, "%s/.cache/%s", home, below);
    }
    return snprintf(path, room, "/tmp/%s", below);
}

/* Reserves space for a file in a folder and gives it back; 0 or errno. */
static int try_folder(const char *path)
{
    char name[PATH_ROOM + 32];
    snprintf(name, sizeof name, "%s/cltrain.XXXXXX", path);
    int descriptor = mkstemp(name);
    if (descriptor < 0) {
        return errno;
    }
    int code = posix_fallocate(descriptor, 0, SPACE);
    close(descriptor);
    unlink(name);
    return code;
}

bool clt_pocl_cache_named(void)
{
    const char *own = getenv("POCL_CACHE_DIR");
    return own == NULL || own[0] != 0;
}

bool clt_pocl_cache_usable(char *reason, size_t room)
{
    char path[PATH_ROOM];
    int length = cache_folder(path, sizeof path), code;
    if (length < 0 || length + PATH_BELOW >= PATH_ROOM) {
        code = ENAMETOOLONG;
    } else {
        code = clt_make_folders(path);
        code = code == 0 ? try_folder(path) : code;
    }
    if (code != 0) {
        snprintf(reason, room,
                 "PoCL cannot write compiled kernels to %.100s: %s; set POCL_CACHE_DIR to a folder "
                 "that can be written",
                 path, strerror(code));
    }
    return code == 0;
}
