/* source.h: what `--data`, `data FILE` and MODEL name: an npz file, the demonstration reviews or
 * texts, and a model file; errors say what to give instead. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cltrain/cltrain.h"
#include "options.h"

typedef struct cli_source {
    const char *name;                     /* as the user wrote it */
    clt_dataset *train, *test;            /* test NULL: the data have none */
    clt_vocabulary *vocabulary;           /* NULL: words not known */
    char *word_index;                     /* the file the words come from; NULL: none */
    clt_corpus *train_texts, *test_texts; /* NULL: the data are ids */
    const char *const *classes;           /* names of the labels; NULL: none known */
    clt_reading reading;                  /* num_words: the rows that an embedding needs */
} cli_source;

/* Opens `name` to train on, with the given reading; words where `words` asks for them. Errors: as
 * the readers; CLT_USAGE for "demo:N" with an N that makes no sense. */
CLT_NODISCARD clt_status cli_source_open(const char *name, const cli_settings *settings,
                                         const clt_reading *reading, bool words, cli_source *source,
                                         clt_error *error);

/* Opens `name` to measure a model on: source->test alone counts. words: of ids, as above, also to a
 * model without words; texts are read with the model's. Errors: CLT_INPUT where the model has other
 * words for the ids. */
CLT_NODISCARD clt_status cli_source_open_for(const char *name, const cli_settings *settings,
                                             const clt_model *model, bool words, cli_source *source,
                                             clt_error *error);
void cli_source_close(cli_source *source);

/* Makes a new network fit the data: gives it their words, the names of their classes and, where
 * they are texts, as many rows. Without --model, texts of more than two classes get an output each.
 */
CLT_NODISCARD clt_status cli_source_fit_model(const cli_source *source,
                                              const cli_settings *settings, clt_model **model,
                                              clt_error *error);

/* clt_model_open with advice. */
CLT_NODISCARD clt_status cli_model_open(const char *path, clt_model **model, clt_error *error);

/* Whether `name` is data of ids, not of texts. */
bool cli_source_is_ids(const char *name);

/* Whether `validation` is ids as `name` is, or texts as `name` is. What is not there is left to its
 * reader. Errors: CLT_INPUT. */
CLT_NODISCARD clt_status cli_source_check_validation(const char *validation, const char *name,
                                                     clt_error *error);

/* The data's short name, without folders, ending or N: "imdb", "demo". NULL without memory; freed
 * with free(). */
char *cli_source_short_name(const char *name);

#endif
