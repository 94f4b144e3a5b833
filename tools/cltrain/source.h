/* source.h: what `--data`, `data FILE` and MODEL name: an npz file or the demonstration reviews,
 * and a model file; errors say what to give instead. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cltrain/cltrain.h"
#include "options.h"

typedef struct cli_source {
    const char *name; /* as the user wrote it */
    clt_dataset *train, *test;
    clt_vocabulary *vocabulary; /* NULL: words not known */
    char *word_index;           /* the file the words come from; NULL: none */
} cli_source;

/* Opens `name` with the given reading; words where `words` asks for them. Errors: as the readers;
 * CLT_USAGE for "demo:N" with an N that makes no sense. */
CLT_NODISCARD clt_status cli_source_open(const char *name, const cli_settings *settings,
                                         const clt_reading *reading, bool words, cli_source *source,
                                         clt_error *error);
void cli_source_close(cli_source *source);

/* clt_model_open with advice. */
CLT_NODISCARD clt_status cli_model_open(const char *path, clt_model **model, clt_error *error);

/* "demo" or "demo:N" */
bool cli_source_is_demo(const char *name);

/* The data's short name, without folders, ending or N: "imdb", "demo". NULL without memory; freed
 * with free(). */
char *cli_source_short_name(const char *name);

#endif
