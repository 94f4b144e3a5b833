/* table.h: the model summary as Keras 3 prints it. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cltrain/cltrain.h"

/* model.summary() on stdout: colours only on a terminal. */
void cli_print_summary(const clt_model *model);

/* "2,605,421" */
const char *cli_grouped(uint64_t number, char text[32]);

#endif
