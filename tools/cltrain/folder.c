/* folder.c: the folder of a fit's results. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "output.h"
#include "source.h"
#include "stored.h"

/* What the pictures, the history and the model's words may need beside the weights. */
static const uint64_t OTHER_FILES_BYTES = 1 << 22;

static char *default_path(const char *data)
{
    char *name = cli_source_short_name(data);
    char *path = name != NULL ? cli_join("runs", name) : NULL;

    free(name);
    return path;
}

/* Sets of weights in a checkpoint: the model's and Adam's two, those behind an average, and the
 * best. */
static uint64_t sets_of_a_checkpoint(const cli_settings *settings)
{
    return 3 + (settings->ema > 0.0) +
           (settings->patience > 0 || settings->monitor != CLT_METRIC_NONE);
}

/* Those that are kept, two by default, and the one that is written before the oldest goes. Nobody
 * can say how many a run with --keep 1000 will come to. */
static uint64_t checkpoints_at_once(const cli_settings *settings)
{
    return 1 + (settings->checkpoints.keep < 2 ? 1 : 2);
}

/* A run that can go on is not overwritten before its end. */
static clt_status look_for_a_run(cli_folder *folder, clt_error *error)
{
    cli_stored before;
    size_t count = 0;

    if (cli_stored_open(folder->path, &before, error) != CLT_OK) {
        return CLT_OK;
    }
    bool valuable = !before.finished &&
                    clt_checkpoints_count(folder->path, &count, error) == CLT_OK && count > 0;
    folder->replaces = before.finished;
    cli_stored_close(&before);
    if (valuable) {
        char command[512];
        cli_go_on(folder->path, "", command, sizeof command);
        return cli_set_error(error, CLT_USAGE,
                             "%.300s has the checkpoints of a run that is not finished: go on "
                             "with: %s; or choose another --out, or remove the folder",
                             folder->path, command);
    }
    return CLT_OK;
}

/* Until the program ends, however it does. A file system that has no locks does without. */
static clt_status lock(cli_folder *folder, clt_error *error)
{
    folder->lock = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock >= 0 && flock(folder->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return cli_set_error(error, CLT_FAILED,
                             "%.300s is in use by another fit: let it end, or choose another --out",
                             folder->path);
    }
    return CLT_OK;
}

clt_status cli_folder_open(cli_folder *folder, const cli_settings *settings, bool resumed,
                           uint64_t parameters, clt_error *error)
{
    const uint64_t weights = 4 * parameters, results = OTHER_FILES_BYTES + weights;
    clt_status status = CLT_OK;

    if (folder->path == NULL) {
        folder->path = settings->out != NULL ? strdup(settings->out) : default_path(settings->data);
    }
    if (folder->path == NULL) {
        return cli_set_memory_error(error);
    }
    if (!resumed) {
        status = look_for_a_run(folder, error);
    }
    if (status == CLT_OK) {
        const uint64_t saved = checkpoints_at_once(settings) * sets_of_a_checkpoint(settings);
        status = cli_make_folder(folder->path, results + saved * weights, results, &folder->made,
                                 &folder->room, error);
        if (status != CLT_OK) {
            cli_advise(error, "choose another with --out DIR");
        }
    }
    return status == CLT_OK ? lock(folder, error) : status;
}

void cli_folder_use_room(cli_folder *folder)
{
    if (folder->room >= 0) {
        close(folder->room);
        folder->room = -1;
    }
}

void cli_folder_leave(const cli_folder *folder, bool stored)
{
    size_t count = 0;

    if (folder->path != NULL && clt_checkpoints_count(folder->path, &count, NULL) == CLT_OK &&
        count == 0) {
        if (stored) {
            cli_unstore(folder->path);
        }
        if (folder->made) {
            rmdir(folder->path); /* stays where it is not empty */
        }
    }
}

void cli_folder_close(cli_folder *folder)
{
    cli_folder_use_room(folder);
    if (folder->lock >= 0) {
        close(folder->lock);
    }
    free(folder->path);
    *folder = (cli_folder)CLI_FOLDER_NONE;
}
