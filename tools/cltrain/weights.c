/* weights.c: --class-weight, read with the names of the classes at hand: they may have commas. */
#include "weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

#define PREFIX "__label__"

/* The class whose name, the longest one, stands at the beginning of `text` before a "="; -1: none.
 */
static int32_t find_class(const char *text, const clt_model *model, size_t *length)
{
    int32_t found = -1;

    for (int32_t k = 0; k < clt_model_class_count(model); k++) {
        char number[16];
        const char *name = cli_class_name(model, k, number);
        size_t letters = strlen(name);
        if (strncmp(text, name, letters) == 0 && text[letters] == '=' &&
            (found < 0 || letters > *length)) {
            found = k;
            *length = letters;
        }
    }
    return found;
}

static clt_status fail_text(const char *text, clt_error *error)
{
    return cli_set_error(
        error, CLT_USAGE,
        "--class-weight %.300s: give it balanced, or LABEL=W[,LABEL=W...] with numbers above 0, "
        "each label once",
        text);
}

/* Names as many classes as there is room for. */
static clt_status fail_label(const char *text, const clt_model *model, clt_error *error)
{
    size_t room = sizeof error->message;
    size_t used = (size_t)snprintf(
        error->message, room, "--class-weight: there is no class \"%.*s\"; the classes are",
        (int)strcspn(text, "=") < 200 ? (int)strcspn(text, "=") : 200, text);

    for (int32_t k = 0; k < clt_model_class_count(model) && used < room; k++) {
        char number[16];
        used += (size_t)snprintf(error->message + used, room - used, "%s %s", k > 0 ? "," : "",
                                 cli_class_name(model, k, number));
    }
    error->status = CLT_INPUT;
    return CLT_INPUT;
}

/* Into weights that are 0. */
static clt_status read_weights(const char *text, const clt_model *model, float *weights,
                               clt_error *error)
{
    const char *at = text;
    char *end;
    size_t length = 0;

    while (true) {
        int32_t label = find_class(at, model, &length);
        if (label < 0 &&
            strncmp(at, PREFIX, strlen(PREFIX)) == 0) { /* as fastText's lines have it */
            label = find_class(at + strlen(PREFIX), model, &length);
            length += strlen(PREFIX);
        }
        if (label < 0) {
            return strchr(at, '=') != NULL ? fail_label(at, model, error) : fail_text(text, error);
        }
        at += length + 1;
        float weight = (float)strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0') || !(weight > 0.0f) || !isfinite(weight) ||
            weights[label] > 0.0f) {
            return fail_text(text, error);
        }
        weights[label] = weight;
        if (*end == '\0') {
            return CLT_OK;
        }
        at = end + 1;
    }
}

clt_status cli_class_weights(const char *text, const clt_model *model, const clt_dataset *train,
                             float **weights, clt_error *error)
{
    int32_t classes = clt_model_class_count(model);
    /* Data with more classes than the model are refused later. */
    int32_t room = train->class_count > classes ? train->class_count : classes;
    float *made = calloc((size_t)room, sizeof *made);

    if (made == NULL) {
        return cli_set_memory_error(error);
    }
    clt_status status = strcmp(text, "balanced") == 0 ? clt_dataset_balance(train, made, error)
                                                      : read_weights(text, model, made, error);
    if (status != CLT_OK) {
        free(made);
        return status;
    }
    for (int32_t k = 0; k < classes; k++) {
        made[k] = made[k] > 0.0f ? made[k] : 1.0f;
    }
    *weights = made;
    return CLT_OK;
}
