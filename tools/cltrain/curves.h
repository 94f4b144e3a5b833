/* curves.h: the tutorial's two plots. */
#ifndef CLI_CURVES_H
#define CLI_CURVES_H

#include <stdbool.h>

#include "cltrain/cltrain.h"
#include "output.h"

/* "Model accuracy" and "Model loss" over the epochs side by side, lines Train and, with validation,
 * Val. Equal histories give equal bytes. Without memory the bytes are marked as failed.
 *
 * note     a line above both, e.g. that the data is synthetic; NULL: none
 * svg, png out: the files' bytes */
void cli_draw_curves(const clt_history *history, bool validated, const char *note, cli_bytes *svg,
                     cli_bytes *png);

#endif
