/* page.h: report.html, a run on one page. */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cltrain/cltrain.h"
#include "options.h"
#include "output.h"

/* A word and how far its row of the embedding has moved, Euclidean. */
typedef struct cli_moved {
    int32_t id;
    double distance;
} cli_moved;

/* The words whose rows have moved most, the farthest first.
 *
 * before, after  the embedding's rows [num_words, features]
 * moved          out [at most `most`]
 * Returns        how many. */
size_t cli_find_moved(const float *before, const float *after, const clt_model *model, size_t most,
                      cli_moved *moved);

typedef struct cli_page {
    const cli_command *command;
    const char *data; /* as the user wrote it */
    const char *device;
    size_t train_count, validation_count;
    const clt_model *model;
    const clt_history *history;
    const cli_bytes *curves; /* the SVG */
    /* Of the validation samples, with the final weights; NULL: none. */
    const clt_report *report;
    const clt_dataset *validation;
    const cli_moved *moved; /* [moved_count] */
    size_t moved_count;
    bool moved_unknown; /* the embedding at the run's beginning is not there to compare with */
} cli_page;

/* Writes the page: settings, device, curves, scores, confusion matrix, the most confident mistakes,
 * the words that moved most. No scripts, nothing from elsewhere, every text escaped; equal runs
 * give equal bytes. Without memory the bytes are marked as failed. */
void cli_write_page(const cli_page *page, cli_bytes *html);

#endif
