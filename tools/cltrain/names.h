/* names.h: what classes and ids are called, and how names are printed. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "cltrain/cltrain.h"
#include "output.h"

/* The name of a label, its number where the model has no names.
 *
 * text   room for a number; the name may lie there. */
const char *cli_class_name(const clt_model *model, int32_t label, char text[16]);

/* A name as one field of a line: control characters, a tab among them, as \xNN. */
void cli_print_name(const char *name);

/* The words of `ids`, a space between, without start_char in front; ? is an id without a word. */
void cli_add_words(cli_bytes *text, const clt_vocabulary *vocabulary, const clt_reading *reading,
                   const int32_t *ids, size_t count);

#endif
