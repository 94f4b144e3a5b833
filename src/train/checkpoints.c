/* checkpoints.c: the checkpoints of a folder: checkpoint-N.safetensors, N optimiser steps. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/trainer_private.h"
#include "util/memory.h"

#define PREFIX "checkpoint-"
#define SUFFIX ".safetensors"

/* The steps in a checkpoint's name; false: it is another file. */
static bool read_name(const char *name, uint64_t *steps)
{
    char *end, again[64];
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) {
        return false;
    }
    errno = 0;
    *steps = strtoull(name + sizeof PREFIX - 1, &end, 10);
    snprintf(again, sizeof again, PREFIX "%llu" SUFFIX, (unsigned long long)*steps);
    return errno == 0 && strcmp(name, again) == 0;
}

/* What is left of a checkpoint whose writing did not come to an end: its name and six letters. */
static bool is_unfinished(const char *name)
{
    char whole[64];
    uint64_t steps;
    size_t length = strlen(name);
    if (length < 7 || length - 7 >= sizeof whole || name[length - 7] != '.') {
        return false;
    }
    memcpy(whole, name, length - 7);
    whole[length - 7] = 0;
    return read_name(whole, &steps);
}

/* FOLDER/NAME or FOLDER/NAME.damaged; NULL with *error set. */
static char *join(const char *folder, uint64_t steps, const char *ending, clt_error *error)
{
    size_t room = strlen(folder) + 64;
    char *path = clt_alloc(room, 1, "a file name", error);
    if (path != NULL) {
        snprintf(path, room, "%s/" PREFIX "%llu" SUFFIX "%s", folder, (unsigned long long)steps,
                 ending);
    }
    return path;
}

static int newest_first(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

/* The checkpoints of a folder, newest first; freed with free(). No folder: none. With `clean`,
 * removes what was not written to its end. */
static clt_status list(const char *folder, bool clean, uint64_t **steps, size_t *count,
                       clt_error *error)
{
    clt_status status = CLT_OK;
    struct dirent *entry;
    DIR *open = opendir(folder);
    *steps = NULL;
    *count = 0;
    if (open == NULL) {
        int code = errno;
        return code == ENOENT
                   ? CLT_OK
                   : clt_fail(error, CLT_INPUT, code, "cannot open %s: %s", folder, strerror(code));
    }
    while (errno = 0, (entry = readdir(open)) != NULL) {
        uint64_t number;
        if (read_name(entry->d_name, &number)) {
            void *grown = *steps;
            CLT_TRY(clt_resize(&grown, *count + 1, sizeof **steps, "checkpoints", error));
            *steps = grown;
            (*steps)[(*count)++] = number;
        } else if (clean && is_unfinished(entry->d_name)) {
            (void)!unlinkat(dirfd(open), entry->d_name, 0);
        }
    }
    if (errno != 0) {
        int code = errno;
        status = clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", folder, strerror(code));
        goto done;
    }
    if (*count > 0) {
        qsort(*steps, *count, sizeof **steps, newest_first);
    }
done:
    closedir(open);
    if (status != CLT_OK) {
        free(*steps);
        *steps = NULL;
    }
    return status;
}

/* Removes all but the newest `keep`. */
static clt_status prune(const char *folder, size_t keep, clt_error *error)
{
    uint64_t *steps;
    size_t count;
    clt_status status = list(folder, true, &steps, &count, error);
    for (size_t k = keep; status == CLT_OK && k < count; k++) {
        char *path = join(folder, steps[k], "", error);
        if (path == NULL || (unlink(path) != 0 && errno != ENOENT)) {
            int code = errno;
            status = path == NULL ? CLT_FAILED
                                  : clt_fail(error, CLT_FAILED, code, "cannot remove %s: %s", path,
                                             strerror(code));
        }
        free(path);
    }
    free(steps);
    return status;
}

clt_status clt_checkpoints_count(const char *folder, size_t *count, clt_error *error)
{
    uint64_t *steps;
    clt_status status = list(folder, false, &steps, count, error);
    free(steps);
    return status;
}

clt_status clt_checkpoints_remove(const char *folder, clt_error *error)
{
    return prune(folder, 0, error);
}

/* The checkpoint with the most steps is the one that is kept and resumed: a folder with a later one
 * belongs to another run. */
static clt_status check_later(const char *folder, uint64_t step, clt_error *error)
{
    uint64_t *steps;
    size_t count;
    clt_status status = list(folder, false, &steps, &count, error);
    if (status == CLT_OK && count > 0 && steps[0] > step) {
        status =
            clt_fail(error, CLT_USAGE, 0,
                     "%s has a checkpoint after %llu steps, of another run than this one after "
                     "%llu; take another folder, or remove what is there",
                     folder, (unsigned long long)steps[0], (unsigned long long)step);
    }
    free(steps);
    return status;
}

clt_status clt_checkpoints_save(clt_trainer *trainer, const char *folder, clt_error *error)
{
    clt_status status = check_later(folder, trainer->step, error);
    if (status != CLT_OK) {
        return status;
    }
    char *path = join(folder, trainer->step, "", error);
    status = path != NULL ? clt_checkpoint_write(trainer, path, error) : CLT_FAILED;
    if (trainer->shows_best) { /* the file has the last weights, too */
        clt_trainer_show_best(trainer);
    }
    if (status == CLT_OK) {
        status = prune(folder, (size_t)trainer->config.checkpoints.keep, error);
    }
    free(path);
    return status;
}

clt_status clt_trainer_save(clt_trainer *trainer, const char *folder, clt_error *error)
{
    if (!trainer->whole) {
        return clt_fail(error, CLT_USAGE, 0,
                        "there is nothing to save before a fit, during one, or after one that "
                        "failed");
    }
    if (trainer->config.checkpoints.keep < 1) {
        return clt_fail(error, CLT_USAGE, 0, "checkpoints.keep is %d: 1 or more",
                        (int)trainer->config.checkpoints.keep);
    }
    return clt_checkpoints_save(trainer, folder, error);
}

clt_status clt_trainer_create(clt_model *model, clt_runtime *runtime,
                              const clt_trainer_config *config, clt_trainer **trainer,
                              clt_error *error)
{
    clt_trainer *made = NULL;
    clt_status status = clt_trainer_prepare(model, runtime, config, &made, error);
    if (status == CLT_OK && made->folder != NULL) {
        status = clt_checkpoints_remove(made->folder, error);
    }
    if (status == CLT_OK) {
        *trainer = made;
    } else {
        clt_trainer_destroy(made);
    }
    return status;
}

/* Puts a damaged one aside, so that it is not counted among those that are kept. */
static void put_aside(clt_runtime *runtime, const char *folder, uint64_t steps, const char *reason)
{
    char *path = join(folder, steps, "", NULL), *aside = join(folder, steps, ".damaged", NULL);
    if (path != NULL && aside != NULL) {
        (void)!rename(path, aside);
    }
    clt_runtime_log(runtime, CLT_LOG_NOTE, "%s; the checkpoint before it is used", reason);
    free(path);
    free(aside);
}

clt_status clt_trainer_resume(const char *folder, clt_model *model, clt_runtime *runtime,
                              const clt_trainer_config *config, clt_trainer **trainer,
                              clt_error *error)
{
    static const clt_trainer_config defaults = CLT_TRAINER_CONFIG_DEFAULT;
    uint64_t *steps = NULL;
    size_t count = 0;
    clt_checkpoint checkpoint = {0};
    clt_trainer *made = NULL;
    clt_status status;
    config = config != NULL ? config : &defaults;
    CLT_TRY(clt_trainer_check(config, error));
    CLT_TRY(list(folder, true, &steps, &count, error));
    for (size_t k = 0; k < count; k++) {
        clt_error reason;
        char *path = join(folder, steps[k], "", error);
        CLT_TRY(path != NULL ? CLT_OK : CLT_FAILED);
        status = clt_checkpoint_open(path, &checkpoint, &reason);
        free(path);
        if (status == CLT_OK) {
            break;
        }
        if (status == CLT_INPUT && reason.native != 0) { /* it may be as good as ever */
            status =
                clt_fail(error, status, reason.native,
                         "%s; make it readable, or remove it and resume again", reason.message);
            goto done;
        }
        if (status != CLT_INPUT || k + 1 == count) {
            status = clt_fail(error, status, reason.native,
                              "no checkpoint can be used: %s; remove them to begin anew",
                              reason.message);
            goto done;
        }
        put_aside(runtime, folder, steps[k], reason.message);
    }
    if (count == 0) {
        CLT_TRY(clt_trainer_prepare(model, runtime, config, &made, error));
        clt_runtime_log(runtime, CLT_LOG_NOTE, "%s has no checkpoint: training begins anew",
                        folder);
    } else {
        CLT_TRY(clt_checkpoint_restore(&checkpoint, model, runtime, config, &made, error));
        clt_runtime_log(runtime, CLT_LOG_NOTE, "training goes on after %llu steps, from %s",
                        (unsigned long long)made->step, checkpoint.path);
    }
    if (made->folder != NULL) { /* another one than `folder` may have been used before */
        CLT_TRY(check_later(made->folder, made->step, error));
    }
    *trainer = made;
    made = NULL;
done:
    clt_trainer_destroy(made);
    clt_checkpoint_close(&checkpoint);
    free(steps);
    return status;
}
