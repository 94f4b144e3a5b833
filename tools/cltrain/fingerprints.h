/* fingerprints.h: what files gave a run at its beginning, in a few letters. fit.json keeps them, so
 * that a run which is resumed notices other files of the same names. */
#ifndef CLI_FINGERPRINTS_H
#define CLI_FINGERPRINTS_H

#include "cltrain/cltrain.h"
#include "options.h"
#include "source.h"

enum { CLI_TRAINING, CLI_VALIDATION, CLI_WORDS, CLI_WEIGHTS, CLI_FINGERPRINTS };

typedef struct cli_fingerprints {
    char text[CLI_FINGERPRINTS][80]; /* "": not known */
} cli_fingerprints;

/* "training": the name in fit.json of one of them. */
const char *cli_fingerprint_name(int part);

/* Both compare what is known with what there is now, and keep that. Errors: CLT_INPUT: it is not
 * the same; the message names the file.
 *
 * train, validation  of `source`, as they are trained on; NULL: none
 * model              has the source's words; for the weights, those of --init and --vectors */
CLT_NODISCARD clt_status cli_check_data(cli_fingerprints *fingerprints,
                                        const cli_settings *settings, const cli_source *source,
                                        const clt_dataset *train, const clt_dataset *validation,
                                        const clt_model *model, clt_error *error);
CLT_NODISCARD clt_status cli_check_weights(cli_fingerprints *fingerprints,
                                           const cli_settings *settings, const clt_model *model,
                                           clt_error *error);

#endif
