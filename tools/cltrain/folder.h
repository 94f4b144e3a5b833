/* folder.h: the folder of a fit's results, kept for one run, with room for its model. */
#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "verbs.h"

typedef struct cli_folder {
    char *path;
    bool made;      /* it was not there before */
    bool replaces;  /* the results of a run that is finished */
    int lock, room; /* descriptors, -1: none */
} cli_folder;
#define CLI_FOLDER_NONE                                                                            \
    {                                                                                              \
        NULL, false, false, -1, -1                                                                 \
    }

/* Takes the folder for this run: path, or what settings say when that is NULL. It is tried with as
 * many bytes as its results, two checkpoints and a third under way need; those of the results stay
 * taken.
 *
 * resumed     its own run goes on
 * parameters  of the model
 * Errors      CLT_USAGE: it has checkpoints to go on from. CLT_FAILED: it cannot be written, or
 *             another process has it. */
CLT_NODISCARD clt_status cli_folder_open(cli_folder *folder, const cli_settings *settings,
                                         bool resumed, uint64_t parameters, clt_error *error);

/* Gives the model its room. */
void cli_folder_use_room(cli_folder *folder);

/* Nothing came of a run that has just begun: removes what it left.
 *
 * stored  its settings are there */
void cli_folder_leave(const cli_folder *folder, bool stored);

void cli_folder_close(cli_folder *folder);

#endif
