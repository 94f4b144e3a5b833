/* progress.h: Keras 3's progress bar and epoch lines on stdout. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>

#include "cltrain/cltrain.h"
#include "runtime.h"

/* How a run shows itself. Zeroed, then filled by cli_bar_init. */
typedef struct cli_bar {
    int verbose; /* 0 nothing, 1 a bar, 2 a line an epoch */
    bool terminal, colour, validated;
    cli_notes *notes;
    int width;    /* of the line on the screen */
    double drawn; /* when it was last redrawn; 0: not yet */
} cli_bar;

void cli_bar_init(cli_bar *bar, int verbose, bool validated, cli_notes *notes);

/* Shows where training is. Without a terminal: one line an epoch. */
void cli_bar_update(cli_bar *bar, const clt_progress *progress);

/* Ends a bar that training has left in the middle. */
void cli_bar_break(cli_bar *bar);

/* The result of an evaluation, as Keras's verbose=2 line. suffix: "" or " (synthetic reviews)". */
void cli_print_evaluation(int steps, double seconds, const clt_metrics *metrics,
                          const char *suffix);

#endif
