/* texts.h: data that are texts: from files as people wrote them to what a network trains on. */
#ifndef CLI_TEXTS_H
#define CLI_TEXTS_H

#include "source.h"

/* The texts of a file, in its order; labels: also their labels. Says which rows --skip-bad-rows
 * passed over. */
CLT_NODISCARD clt_status cli_texts_read(const char *name, const cli_settings *settings, bool labels,
                                        clt_corpus **train, clt_corpus **test, clt_error *error);

/* Texts to train on: opened, shuffled, cut to --limit, their words collected, all of it as ids in
 * *source. Validation is --validation, else --validation-split, else the data's own test part. */
CLT_NODISCARD clt_status cli_texts_open(const char *name, const cli_settings *settings,
                                        const clt_reading *reading, cli_source *source,
                                        clt_error *error);

/* Texts to measure a model on: source->test, with the model's words and classes; the data's test
 * part, or all of them where they have none. */
CLT_NODISCARD clt_status cli_texts_open_for(const char *name, const cli_settings *settings,
                                            const clt_model *model, cli_source *source,
                                            clt_error *error);

#endif
