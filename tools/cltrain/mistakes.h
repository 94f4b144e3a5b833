/* mistakes.h: a sample that a model got wrong, as people read it. */
#ifndef CLI_MISTAKES_H
#define CLI_MISTAKES_H

#include "cltrain/cltrain.h"
#include "output.h"

typedef struct cli_mistake {
    size_t sample;
    int32_t label, predicted;
    double probability; /* of what was predicted */
    cli_bytes text;     /* what the network read, terminated; freed by the caller */
} cli_mistake;

/* The k-th most confident mistake of a report on `dataset`.
 *
 * words    of its ids; NULL: every word is a question mark. */
cli_mistake cli_mistake_of(const clt_report *report, size_t k, const clt_dataset *dataset,
                           const clt_reading *reading, const clt_vocabulary *words);

#endif
