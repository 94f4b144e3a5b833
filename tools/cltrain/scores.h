/* scores.h: what `evaluate` says of a report, for people and as JSON. */
#ifndef CLI_SCORES_H
#define CLI_SCORES_H

#include <jansson.h>
#include <stdbool.h>

#include "cltrain/cltrain.h"

/* A name in a column of `width` characters, cut where it is longer; control characters are ?. */
void cli_print_cell(const char *name, int width, bool right);

/* A row of precision, recall, F1 and support for each class, their means, the area under the ROC
 * curve where there is one, and the confusion matrix. */
void cli_print_scores(const clt_report *report, const clt_model *model);

/* The same and loss and accuracy, as an object. NULL without memory. */
json_t *cli_json_scores(const clt_report *report, const clt_model *model);

#endif
