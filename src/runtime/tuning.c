/* tuning.c: reads and writes tuned.jsonl. */
#include "runtime/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/state.h"
#include "util/file.h"
#include "util/memory.h"

#define FILE_MAX ((size_t)4 << 20)

bool clt_tuning_path(char *path, size_t room)
{
    char folder[3800];
    return clt_cache_folder(folder, sizeof folder) &&
           (size_t)snprintf(path, room, "%s/tuned.jsonl", folder) < room;
}

/* Driver strings that are not UTF-8 are taken byte by byte: no two of them become one. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value == NULL) {
        char hex[2 * 256 + 1];
        size_t used = 0;
        for (; *text != 0 && used + 2 < sizeof hex; text++) {
            used += (size_t)snprintf(hex + used, sizeof hex - used, "%02x", (unsigned char)*text);
        }
        value = json_string(hex);
    }
    return value;
}

static int width_of(int hidden)
{
    int width = 1;
    while (width < hidden && width < 1 << 20) {
        width *= 2;
    }
    return width;
}

/* NULL without memory, or when the kernel files cannot be read. */
static json_t *identity(const clt_runtime *runtime)
{
    const clt_device *device = &runtime->device;
    uint64_t kernels = clt_program_hash();
    char hash[17];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)kernels);
    return kernels == 0
               ? NULL
               : json_pack(
                     "{s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:s}", "device", text_value(device->name),
                     "device_version", text_value(device->version), "driver",
                     text_value(device->driver), "platform", text_value(device->platform_name),
                     "platform_version", text_value(runtime->platform_version), "compute_units",
                     (json_int_t)device->compute_units, "version", CLT_VERSION, "kernels", hash);
}

char *clt_runtime_identity(const clt_runtime *runtime, clt_error *error)
{
    json_t *all = identity(runtime);
    char *text = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    if (text == NULL) {
        (void)clt_fail(error, CLT_FAILED, 0,
                       "cannot name the device: no memory is left, or a kernel file is not there");
    }
    return text;
}

static json_t *make_key(const clt_runtime *runtime, int hidden)
{
    json_t *key = identity(runtime);
    if (key != NULL && json_object_set_new(key, "hidden", json_integer(width_of(hidden))) != 0) {
        json_decref(key);
        key = NULL;
    }
    return key;
}

/* ---- reading ---- */

/* The file's text; "" when there is none. NULL, with *error set, when it cannot be read. */
static char *read_text(const char *path, clt_error *error)
{
    char *text = NULL;
    size_t size;
    clt_error reason;
    clt_status status = clt_file_read(path, FILE_MAX, &text, &size, &reason);
    if (status != CLT_OK && reason.native == ENOENT) {
        return clt_strdup("", error);
    }
    if (status != CLT_OK) {
        (void)!clt_fail(error, CLT_FAILED, reason.native, "%s", reason.message);
        return NULL;
    }
    for (size_t k = 0; k < size; k++) {
        text[k] = text[k] != 0 ? text[k] : ' '; /* so that the lines behind it count */
    }
    return text;
}

/* The next line that is not empty, cut off from *rest; NULL at the end. */
static char *next_line(char **rest, int *number)
{
    while (**rest != 0) {
        char *line = *rest, *end = strchr(line, '\n');
        *rest = end != NULL ? end + 1 : line + strlen(line);
        if (end != NULL) {
            *end = 0;
        }
        ++*number;
        if (*line != 0) {
            return line;
        }
    }
    return NULL;
}

/* A line as an object with a key and a plan; NULL when it is damaged. */
static json_t *parse_line(const char *line)
{
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    if (object != NULL && (!json_is_object(json_object_get(object, "key")) ||
                           !json_is_string(json_object_get(object, "plan")))) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

bool clt_tuning_find(clt_runtime *runtime, int hidden, clt_plan *plan)
{
    char path[4096];
    clt_error error = {0};
    json_t *key = make_key(runtime, hidden);
    bool found = false;
    int number = 0;
    *plan = (clt_plan){{NULL}};
    if (key == NULL || !clt_tuning_path(path, sizeof path)) {
        json_decref(key);
        return false;
    }
    char *text = read_text(path, &error), *rest = text, *line;
    if (text == NULL) {
        clt_runtime_log(runtime, CLT_LOG_NOTE, "no stored tuning is used: %s", error.message);
    }
    while (text != NULL && (line = next_line(&rest, &number)) != NULL) {
        json_t *object = parse_line(line);
        bool good = object != NULL;
        if (good && json_equal(json_object_get(object, "key"), key)) {
            const char *words = json_string_value(json_object_get(object, "plan"));
            good = clt_plan_parse(words, plan, NULL) == CLT_OK;
            found = found || good;
        }
        if (!good) {
            clt_runtime_log(runtime, CLT_LOG_NOTE, "%s, line %d: not a tuning, ignored", path,
                            number);
        }
        json_decref(object);
    }
    free(text);
    json_decref(key);
    return found;
}

void clt_tuning_use(clt_runtime *runtime, int hidden)
{
    if (runtime->ignores_tuning || runtime->tuned_for == width_of(hidden)) {
        return;
    }
    runtime->tuned_for = width_of(hidden);
    if (clt_tuning_find(runtime, hidden, &runtime->tuned)) {
        char text[CLT_PLAN_ROOM];
        clt_plan open = runtime->tuned;
        for (size_t k = 0; k < CLT_PLAN_OPS; k++) {
            if (runtime->forced.variants[k] != NULL) {
                open.variants[k] = NULL;
            }
        }
        clt_plan_print(&open, text);
        if (text[0] != 0) {
            clt_runtime_log(runtime, CLT_LOG_NOTE, "tuned for this device: %s", text);
        }
    }
}

void clt_tuning_ignore(clt_runtime *runtime)
{
    runtime->ignores_tuning = true;
    runtime->tuned = (clt_plan){{NULL}};
}

/* ---- writing ---- */

/* A lock of its own file, because the file itself is replaced. Waits for who has it. Released by
 * closing it. -1 with errno. */
static int lock(const char *path)
{
    char name[4096 + 8];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(name, sizeof name, "%s.lock", path);
    int descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    while (descriptor >= 0 && fcntl(descriptor, F_SETLKW, &whole) != 0) {
        if (errno != EINTR) {
            int code = errno;
            close(descriptor);
            errno = code;
            return -1;
        }
    }
    return descriptor;
}

static bool same_text(const json_t *a, const json_t *b, const char *name)
{
    return json_equal(json_object_get(a, name), json_object_get(b, name));
}

/* The line is `key`'s own, or with `any` a line of its device. */
static bool is_of(const json_t *object, const json_t *key, bool any)
{
    const json_t *other = json_object_get(object, "key");
    return any ? same_text(other, key, "device") && same_text(other, key, "platform")
               : json_equal(other, key);
}

/* Writes the lines of `text` without those of `key`, and `added` behind them. */
static clt_status write_lines(const char *path, char *text, const json_t *key, bool any,
                              const json_t *added, int *removed, clt_error *error)
{
    clt_file file = {0};
    int number = 0, code = 0;
    char *rest = text, *line;
    bool written = true;
    clt_status status = clt_file_create(path, &file, error);
    if (status != CLT_OK) {
        return status;
    }
    while ((line = next_line(&rest, &number)) != NULL) {
        json_t *object = parse_line(line);
        bool own = object != NULL && is_of(object, key, any);
        *removed += own;
        if (object != NULL && !own && written) {
            written = fprintf(file.stream, "%s\n", line) > 0;
            code = errno;
        }
        json_decref(object);
    }
    if (added != NULL && written) {
        written =
            json_dumpf(added, file.stream, JSON_COMPACT) == 0 && fputc('\n', file.stream) != EOF;
        code = errno;
    }
    if (!written) {
        status = clt_fail(error, CLT_FAILED, code, "cannot write %s: %s", path, strerror(code));
        clt_file_abandon(&file);
        return status;
    }
    return clt_file_commit(&file, error);
}

/* Locks the file, which need not be there, in a folder that is made. */
static clt_status open_locked(char *path, size_t room, int *locked, clt_error *error)
{
    char folder[4096];
    if (!clt_tuning_path(path, room) || !clt_cache_folder(folder, sizeof folder)) {
        return clt_fail(error, CLT_FAILED, 0,
                        "no place for tunings: set HOME or XDG_CACHE_HOME to a full path");
    }
    errno = clt_make_folders(folder);
    *locked = errno == 0 ? lock(path) : -1;
    if (*locked < 0) {
        return clt_fail(error, CLT_FAILED, errno, "cannot write %s: %s", path, strerror(errno));
    }
    return CLT_OK;
}

clt_status clt_tuning_writable(clt_error *error)
{
    char path[4096];
    int locked = -1;
    clt_status status = open_locked(path, sizeof path, &locked, error);
    if (status == CLT_OK) {
        close(locked);
    }
    return status;
}

/* Replaces the file under its lock. */
static clt_status rewrite(const json_t *key, bool any, const json_t *added, int *removed,
                          clt_error *error)
{
    char path[4096];
    int locked = -1;
    if (key == NULL) {
        return clt_fail(error, CLT_FAILED, 0,
                        "no key for a tuning: out of memory, or the kernel "
                        "files cannot be read");
    }
    clt_status status = open_locked(path, sizeof path, &locked, error);
    if (status != CLT_OK) {
        return status;
    }
    char *text = read_text(path, error);
    status = text != NULL ? write_lines(path, text, key, any, added, removed, error) : CLT_FAILED;
    free(text);
    close(locked);
    return status;
}

clt_status clt_tuning_store(clt_runtime *runtime, int hidden, const clt_plan *plan, double seconds,
                            double untuned, clt_error *error)
{
    char text[CLT_PLAN_ROOM];
    int removed = 0;
    json_t *key = make_key(runtime, hidden), *line = NULL;
    clt_plan_print(plan, text);
    if (text[0] != 0) {
        line = json_pack("{s:O?, s:s, s:f, s:f}", "key", key, "plan", text, "seconds_per_step",
                         seconds, "seconds_per_step_untuned", untuned);
    }
    clt_status status = text[0] != 0 && line == NULL
                            ? clt_fail_memory(error, sizeof text, "a tuning")
                            : rewrite(key, false, line, &removed, error);
    json_decref(line);
    json_decref(key);
    return status;
}

clt_status clt_tuning_forget(clt_runtime *runtime, int *lines, clt_error *error)
{
    json_t *key = make_key(runtime, 1);
    *lines = 0;
    clt_status status = rewrite(key, true, NULL, lines, error);
    json_decref(key);
    return status;
}
