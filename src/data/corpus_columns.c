/* corpus_columns.c: which columns or keys are the text and the label. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/corpus.h"
#include "data/lines.h"

static const char *const text_names[] = {"review", "text", "sentence", NULL};
static const char *const label_names[] = {"sentiment", "label", "class", NULL};

static bool is_named(const char *name, size_t bytes, const char *wanted, const char *const *usual)
{
    if (wanted != NULL) {
        return strlen(wanted) == bytes && memcmp(wanted, name, bytes) == 0;
    }
    for (size_t k = 0; usual[k] != NULL; k++) {
        if (strlen(usual[k]) == bytes && strncasecmp(usual[k], name, bytes) == 0) {
            return true;
        }
    }
    return false;
}

void clt_names_add(clt_names *names, const char *name, size_t bytes)
{
    static const size_t shown_max = 40;
    size_t used = strlen(names->text), shown = bytes < shown_max ? bytes : shown_max;
    if (sizeof names->text - used <= shown_max + sizeof ", '...', ...") {
        if (!names->full) {
            strcpy(names->text + used, ", ...");
            names->full = true;
        }
        return;
    }
    while (shown < bytes && shown > 0 && ((unsigned char)name[shown] & 0xc0) == 0x80) {
        shown--; /* not in the middle of a code point */
    }
    snprintf(names->text + used, sizeof names->text - used, "%s'%.*s%s'", used > 0 ? ", " : "",
             (int)shown, name, shown < bytes ? "..." : "");
}

void clt_columns_see(clt_columns *columns, const char *name, size_t bytes)
{
    clt_trim(&name, &bytes);
    if (is_named(name, bytes, columns->options->text_column, text_names)) {
        columns->text = columns->count;
        columns->texts++;
    } else if (is_named(name, bytes, columns->options->label_column, label_names)) {
        columns->label = columns->count;
        columns->labels++;
    }
    clt_names_add(&columns->names, name, bytes);
    columns->count++;
}

static clt_status check_column(const clt_columns *columns, int found, const char *what,
                               const char *wanted, const char *usual, clt_error *error)
{
    if (found == 1) {
        return CLT_OK;
    }
    if (columns->count == 1 && strpbrk(columns->names.text, ";|") != NULL) {
        return clt_fail(error, CLT_INPUT, 0, "one column, %s: separate columns by commas or tabs",
                        columns->names.text);
    }
    if (wanted != NULL) {
        return clt_fail(error, CLT_INPUT, 0, "%s column named '%s' among %s",
                        found == 0 ? "no" : "more than one", wanted, columns->names.text);
    }
    return clt_fail(error, CLT_INPUT, 0, "%s %s column (%s) among %s: name it (--%s-column)",
                    found == 0 ? "no" : "more than one", what, usual, columns->names.text, what);
}

clt_status clt_columns_check(const clt_columns *columns, clt_error *error)
{
    const clt_corpus_options *options = columns->options;
    clt_status status = check_column(columns, columns->texts, "text", options->text_column,
                                     "review, text or sentence", error);
    if (status == CLT_OK && !options->unlabelled) {
        status = check_column(columns, columns->labels, "label", options->label_column,
                              "sentiment, label or class", error);
    }
    return status;
}
