/* weights.h: --class-weight. */
#ifndef CLI_WEIGHTS_H
#define CLI_WEIGHTS_H

#include "cltrain/cltrain.h"

/* The weight of each class of a model: those of `text`, LABEL=W[,LABEL=W...], and 1 for the others,
 * or with "balanced" what balances the samples to train on.
 *
 * weights  out [clt_model_class_count], freed with free()
 * Errors   CLT_USAGE: the text; CLT_INPUT: a label that is none of the classes. */
CLT_NODISCARD clt_status cli_class_weights(const char *text, const clt_model *model,
                                           const clt_dataset *train, float **weights,
                                           clt_error *error);

#endif
