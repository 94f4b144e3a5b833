/* program.c: builds a program from [prelude, common.cl, NAME.cl ...], once per runtime and prelude.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/sources.h"
#include "runtime/state.h"
#include "util/file.h"
#include "util/memory.h"

static const char build_options[] = "-cl-std=CL1.2 -cl-denorms-are-zero";

/* The text of a kernel file: embedded, or from the folder CLT_KERNEL_DIR. *own is freed. */
static clt_status source_text(const char *file, const char **text, char **own, clt_error *error)
{
    const char *folder = getenv("CLT_KERNEL_DIR");
    *own = NULL;
    if (folder != NULL && folder[0] != 0) {
        char path[4096];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", folder, file);
        clt_status status = clt_file_read(path, (size_t)16 << 20, own, &size, error);
        *text = *own;
        return status;
    }
    for (const clt_kernel_source *source = clt_kernel_sources; source->name != NULL; source++) {
        if (strcmp(source->name, file) == 0) {
            *text = source->text;
            return CLT_OK;
        }
    }
    return clt_fail(error, CLT_KERNEL, 0, "kernel file %s is not in the library", file);
}

uint64_t clt_program_hash(void)
{
    uint64_t hash = XXH64(build_options, strlen(build_options), 0);
    for (const clt_kernel_source *source = clt_kernel_sources; source->name != NULL; source++) {
        const char *text;
        char *own;
        if (source_text(source->name, &text, &own, NULL) != CLT_OK) {
            return 0;
        }
        hash = XXH64(text, strlen(text), hash);
        free(own);
    }
    return hash;
}

/* The whole log goes to the caller line by line; the error carries its first line that says
 * "error", or else its first line. */
static clt_status build_failed(clt_runtime *runtime, cl_program program, const char *name, int code,
                               clt_error *error)
{
    size_t size = 0;
    char *log = NULL, *rest = NULL;
    const char *first = "(no build log)";
    if (clGetProgramBuildInfo(program, runtime->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) ==
        CL_SUCCESS) {
        log = clt_alloc(size + 1, 1, "a build log", NULL);
    }
    if (log != NULL && clGetProgramBuildInfo(program, runtime->id, CL_PROGRAM_BUILD_LOG, size, log,
                                             NULL) == CL_SUCCESS) {
        bool found = false;
        for (char *line = strtok_r(log, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            bool is_error = strstr(line, "error") != NULL;
            if (!found && (is_error || first[0] == '(')) {
                first = line;
                found = is_error;
            }
            clt_runtime_log(runtime, CLT_LOG_NOTE, "%s", line);
        }
    }
    clt_status status = clt_fail(
        error, CLT_KERNEL, code, "%s.cl does not build on %s (driver %s, options %s): %.500s", name,
        runtime->device.name, runtime->device.driver, build_options, first);
    free(log);
    return status;
}

enum { FILES_MAX = 6 };

typedef struct source_file {
    char name[64];
    char *own; /* its text, when that has to be freed */
} source_file;

/* common.cl and those of a program's name, in order. Returns their number; 0: there are too many.
 */
static int name_files(const char *name, source_file *files)
{
    int count = 1;
    snprintf(files[0].name, sizeof files[0].name, "common.cl");
    for (size_t length; *name != 0; name += length, count++) {
        if (count == FILES_MAX) {
            return 0;
        }
        name += *name == '+';
        length = strcspn(name, "+");
        snprintf(files[count].name, sizeof files[count].name, "%.*s.cl", (int)length, name);
    }
    return count;
}

static clt_status build(clt_runtime *runtime, const char *name, const char *prelude,
                        cl_program *program, clt_error *error)
{
    source_file files[FILES_MAX] = {0};
    char lines[FILES_MAX][96]; /* before their texts */
    const char *sources[3 + 2 * FILES_MAX] = {runtime->pocl ? "#define CLT_POCL\n" : "",
                                              "#line 1 \"prelude\"\n", prelude};
    size_t lengths[3 + 2 * FILES_MAX];
    unsigned count = 3;
    cl_int code;
    clt_status status;
    CLT_TRY(clt_runtime_alive(runtime, error));
    int file_count = name_files(name, files);
    if (file_count == 0) {
        status = clt_fail(error, CLT_KERNEL, 0, "%s: more than %d files", name, FILES_MAX - 1);
        goto done;
    }
    for (int k = 0; k < file_count; k++) {
        source_file *file = &files[k];
        snprintf(lines[k], sizeof lines[k], "\n#line 1 \"%.63s\"\n", file->name);
        sources[count++] = lines[k];
        CLT_TRY(source_text(file->name, &sources[count++], &file->own, error));
    }
    for (unsigned k = 0; k < count; k++) {
        lengths[k] = strlen(sources[k]);
    }
    *program = NULL;
    clt_cache_load(runtime, sources, lengths, count, build_options, program);
    if (*program != NULL) {
        goto done;
    }
    const char *last = strrchr(name, '+'); /* a line has no room for all files */
    clt_runtime_log(runtime, CLT_LOG_COMPILE, "%s", last != NULL ? last + 1 : name);
    *program = clCreateProgramWithSource(runtime->context, count, sources, lengths, &code);
    CLT_TRY(clt_runtime_check(runtime, code, "clCreateProgramWithSource", error));
    code = clBuildProgram(*program, 1, &runtime->id, build_options, NULL, NULL);
    if (code != CL_SUCCESS) {
        /* Any other code is the driver's trouble, not the kernel's. */
        bool kernel = code == CL_BUILD_PROGRAM_FAILURE || code == CL_INVALID_BUILD_OPTIONS;
        status = kernel ? build_failed(runtime, *program, name, code, error)
                        : clt_runtime_check(runtime, code, "clBuildProgram", error);
        if (!runtime->lost) {
            clReleaseProgram(*program);
        }
        *program = NULL;
        goto done;
    }
    clt_cache_store(runtime, sources, lengths, count, build_options, *program);
done:
    for (int k = 0; k < FILES_MAX; k++) {
        free(files[k].own);
    }
    return status;
}

clt_status clt_program_build(clt_runtime *runtime, const char *name, const char *prelude,
                             clt_program **program, clt_error *error)
{
    for (clt_program *p = runtime->programs; p != NULL; p = p->next) {
        if (strcmp(p->name, name) == 0 && strcmp(p->prelude, prelude) == 0) {
            *program = p;
            return CLT_OK;
        }
    }
    clt_status status = CLT_FAILED;
    clt_program *made = clt_alloc(1, sizeof *made, "a program", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->runtime = runtime;
    made->name = clt_strdup(name, error);
    made->prelude = clt_strdup(prelude, error);
    if (made->name != NULL && made->prelude != NULL) {
        status = build(runtime, name, prelude, &made->program, error);
    }
    if (status != CLT_OK) {
        free(made->name);
        free(made->prelude);
        free(made);
        return status;
    }
    made->next = runtime->programs;
    runtime->programs = made;
    *program = made;
    return CLT_OK;
}
