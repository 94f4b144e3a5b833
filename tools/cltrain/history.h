/* history.h: what the epochs measured, as a file and as a line. */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include "cltrain/cltrain.h"
#include "output.h"

/* history.csv as Keras's CSVLogger writes it: epoch from 0, then the sorted names. The learning
 * rate of an epoch's last step is among them when it moves. */
void cli_history_csv(const clt_history *history, bool rate_moves, cli_bytes *csv);

/* history.json: Keras's history.history, a list for each name; what is no number is null. Without
 * memory the bytes are marked as failed. */
void cli_history_json(const clt_history *history, bool rate_moves, cli_bytes *text);

/* The dictionary that Keras's History holds, as Python prints it. */
void cli_print_history(const clt_history *history, bool rate_moves);

#endif
