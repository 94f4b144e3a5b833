/* output.c: lines on stderr, a stdout whose losses are noticed, files that appear whole. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "verbs.h"

/* The first failure of stdout: the stream itself only remembers that there was one. */
static int stdout_error;

static void print_line(const char *prefix, const char *verb, const char *format, va_list args,
                       const char *suffix)
{
    char text[2 * CLT_ERROR_MESSAGE_SIZE];

    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    if (cli_is_terminal(STDERR_FILENO)) {
        fputs("\r\033[K", stderr); /* over a transient line */
    }
    fprintf(stderr, "%s%s%s: %s%s\n", prefix, verb[0] != '\0' ? " " : "", verb, text, suffix);
}

int cli_fail(const cli_verb *verb, int status, const char *format, ...)
{
    va_list args;

    cli_flush_stdout();
    va_start(args, format);
    print_line("cltrain", verb != NULL ? verb->name : "", format, args, "");
    va_end(args);
    return status;
}

int cli_fail_usage(const cli_verb *verb, const char *format, ...)
{
    char suffix[64];
    va_list args;

    cli_flush_stdout();
    snprintf(suffix, sizeof suffix, " (see: cltrain help%s%s)", verb != NULL ? " " : "",
             verb != NULL ? verb->name : "");
    va_start(args, format);
    print_line("cltrain", verb != NULL ? verb->name : "", format, args, suffix);
    va_end(args);
    return CLT_USAGE;
}

clt_status cli_set_error(clt_error *error, clt_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return status;
}

clt_status cli_set_memory_error(clt_error *error)
{
    return cli_set_error(error, CLT_FAILED, "out of memory");
}

void cli_prefix(clt_error *error, const char *prefix)
{
    char message[sizeof error->message];

    snprintf(message, sizeof message, "%s", error->message);
    snprintf(error->message, sizeof error->message, "%.300s: %.700s", prefix, message);
}

void cli_advise(clt_error *error, const char *advice)
{
    size_t used = strlen(error->message);

    snprintf(error->message + used, sizeof error->message - used, "; %s", advice);
}

void cli_note(const char *format, ...)
{
    va_list args;

    cli_flush_stdout();
    va_start(args, format);
    print_line("cltrain", "", format, args, "");
    va_end(args);
}

double cli_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool cli_is_terminal(int descriptor)
{
    const char *term = getenv("TERM");

    return isatty(descriptor) && (term == NULL || strcmp(term, "dumb") != 0);
}

bool cli_wants_colour(int descriptor)
{
    const char *no_colour = getenv("NO_COLOR");

    return cli_is_terminal(descriptor) && (no_colour == NULL || no_colour[0] == '\0');
}

int cli_columns(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    if (columns != NULL && atoi(columns) > 0) {
        return atoi(columns);
    }
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

void cli_flush_stdout(void)
{
    if (fflush(stdout) != 0 && stdout_error == 0) {
        stdout_error = errno;
    }
}

bool cli_stdout_failed(void)
{
    if (stdout_error == 0 && ferror(stdout)) {
        stdout_error = errno != 0 ? errno : EIO;
    }
    return stdout_error != 0;
}

int cli_close_stdout(int code)
{
    errno = 0;
    cli_flush_stdout();
    if (!cli_stdout_failed() && fclose(stdout) != 0) {
        stdout_error = errno;
    }
    if (stdout_error != 0) {
        int failed = cli_fail(NULL, CLT_FAILED, "cannot write to standard output: %s",
                              strerror(stdout_error));
        return code == 0 ? failed : code;
    }
    return code;
}

void cli_bytes_add(cli_bytes *bytes, const void *data, size_t size)
{
    if (bytes->failed || size > SIZE_MAX / 4 - bytes->size) {
        bytes->failed = true;
        return;
    }
    if (bytes->size + size > bytes->capacity) {
        size_t capacity = 2 * (bytes->size + size) + 1024;
        unsigned char *grown = realloc(bytes->data, capacity);
        if (grown == NULL) {
            bytes->failed = true;
            return;
        }
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    if (size > 0) {
        memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
    }
}

void cli_bytes_print(cli_bytes *bytes, const char *format, ...)
{
    char short_text[256], *text = short_text;
    va_list args;

    va_start(args, format);
    int length = vsnprintf(short_text, sizeof short_text, format, args);
    va_end(args);
    if (length >= (int)sizeof short_text) {
        text = malloc((size_t)length + 1);
        if (text != NULL) {
            va_start(args, format);
            vsnprintf(text, (size_t)length + 1, format, args);
            va_end(args);
        }
    }
    if (length < 0 || text == NULL) {
        bytes->failed = true;
        return;
    }
    cli_bytes_add(bytes, text, (size_t)length);
    free(text != short_text ? text : NULL);
}

void cli_bytes_free(cli_bytes *bytes)
{
    free(bytes->data);
    *bytes = (cli_bytes){0};
}

char *cli_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    size_t size = length + strlen(name) + 2;
    char *path = malloc(size);

    if (path != NULL) {
        bool slash = length > 0 && folder[length - 1] == '/';
        snprintf(path, size, "%s%s%s", folder, slash ? "" : "/", name);
    }
    return path;
}

static clt_status fail_write(clt_error *error, const char *what, const char *path, int code)
{
    error->native = code;
    return cli_set_error(error, CLT_FAILED, "cannot write %s%.800s: %s", what, path,
                         strerror(code));
}

static int write_all(int descriptor, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, data, size);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* A new file in the folder, with the mode that the umask asks for. */
static int open_temporary(char *path)
{
    int descriptor = mkstemp(path);

    if (descriptor >= 0) {
        mode_t mask = umask(0);
        umask(mask);
        if (fchmod(descriptor, 0666 & ~mask) != 0) {
            int code = errno;
            close(descriptor);
            unlink(path);
            errno = code;
            return -1;
        }
    }
    return descriptor;
}

/* So that the new name survives a power cut. File systems that cannot do it are not an error. */
static void sync_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY);

    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

clt_status cli_write_file(const char *folder, const char *name, const cli_bytes *bytes,
                          clt_error *error)
{
    char *path = cli_join(folder, name);
    char *temporary = path != NULL ? malloc(strlen(path) + 8) : NULL;
    clt_status status = CLT_OK;
    int descriptor = -1;
    int code = 0;

    if (temporary == NULL || bytes->failed) {
        status = fail_write(error, "", path != NULL ? path : name, ENOMEM);
        goto done;
    }
    sprintf(temporary, "%s.XXXXXX", path);
    descriptor = open_temporary(temporary);
    if (descriptor < 0) {
        status = fail_write(error, "", path, errno);
        goto done;
    }
    code = write_all(descriptor, bytes->data, bytes->size);
    if (code == 0 && fsync(descriptor) != 0) {
        code = errno;
    }
    if (close(descriptor) != 0 && code == 0) {
        code = errno;
    }
    if (code == 0 && rename(temporary, path) != 0) {
        code = errno;
    }
    if (code != 0) {
        unlink(temporary);
        status = fail_write(error, "", path, code);
        goto done;
    }
    sync_folder(folder);
done:
    free(temporary);
    free(path);
    return status;
}

/* mkdir -p. Returns 0 or errno. */
static int make_folders(char *path, bool *made)
{
    for (char *slash = path + 1;; slash++) {
        if (*slash != '/' && *slash != '\0') {
            continue;
        }
        char end = *slash;
        *slash = '\0';
        int failed = mkdir(path, 0777);
        int code = errno;
        struct stat information;
        *slash = end;
        if (failed != 0 && code != EEXIST) {
            return code;
        }
        if (end == '\0') {
            *made = failed == 0;
            if (failed != 0 && (stat(path, &information) != 0 || !S_ISDIR(information.st_mode))) {
                return ENOTDIR;
            }
            return 0;
        }
    }
}

clt_status cli_make_folder(const char *folder, uint64_t bytes, uint64_t kept, bool *made, int *room,
                           clt_error *error)
{
    char *path = cli_join(folder, "");
    char *probe = cli_join(folder, ".cltrain.XXXXXX");
    clt_status status = CLT_OK;
    int descriptor = -1;

    *made = false;
    if (path == NULL || probe == NULL) {
        status = fail_write(error, "to the folder ", folder, ENOMEM);
        goto done;
    }
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--) {
        path[end - 1] = '\0';
    }
    int code = make_folders(path, made);
    if (code == 0) {
        descriptor = mkstemp(probe);
        code = descriptor < 0 ? errno : 0;
    }
    if (descriptor >= 0) {
        unlink(probe); /* gone even if the program ends here */
    }
    if (code == 0) {
        code = posix_fallocate(descriptor, 0, (off_t)bytes);
        code = code != EOPNOTSUPP ? code : 0; /* a C library that does not write instead */
    }
    if (code == 0 && ftruncate(descriptor, (off_t)kept) != 0) {
        code = errno;
    }
    if (code != 0) {
        status = fail_write(error, "to the folder ", folder, code);
        goto done;
    }
    *room = descriptor;
    descriptor = -1;
done:
    if (descriptor >= 0) {
        close(descriptor);
    }
    free(probe);
    free(path);
    return status;
}
