/* stored.h: fit.json in the folder of a run's results: the settings of the run, from its very
 * beginning on, so that `fit --resume DIR` needs no others; and whether it has come to its end. */
#ifndef CLI_STORED_H
#define CLI_STORED_H

#include <stdbool.h>

#include "cltrain/cltrain.h"
#include "fingerprints.h"
#include "options.h"

typedef struct cli_stored {
    void *root; /* private; the strings of restored settings belong to it */
    bool finished;
    cli_fingerprints fingerprints;
} cli_stored;

/* Writes the settings of `command`, whole or not at all. Errors: CLT_FAILED. */
CLT_NODISCARD clt_status cli_store(const char *folder, const cli_command *command,
                                   const cli_fingerprints *fingerprints, bool finished,
                                   clt_error *error);

/* How one types what goes on with the run in `folder`, whose --data was `data`, into `text`. */
void cli_go_on(const char *folder, const char *data, char *text, size_t room);

/* Opens what is stored in a folder. Errors: CLT_INPUT "PATH: what". */
CLT_NODISCARD clt_status cli_stored_open(const char *folder, cli_stored *stored, clt_error *error);
void cli_stored_close(cli_stored *stored);

/* Gives `command` the stored settings, but for those on its own command line, and makes the folder
 * in which the run began the current one, because settings may name files from there.
 *
 * place    out: `folder` as seen from there; freed with free().
 * Errors   CLT_INPUT; CLT_FAILED: no memory. */
CLT_NODISCARD clt_status cli_restore(const char *folder, const cli_stored *stored,
                                     cli_command *command, char **place, clt_error *error);

/* Takes fit.json away again: nothing came of the run. */
void cli_unstore(const char *folder);

#endif
