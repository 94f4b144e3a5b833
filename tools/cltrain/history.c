/* history.c: history.csv, history.json and the printed dictionary. */
#include "history.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double accuracy(const clt_epoch *epoch)
{
    return epoch->train.accuracy;
}
static double loss(const clt_epoch *epoch)
{
    return epoch->train.loss;
}
static double val_accuracy(const clt_epoch *epoch)
{
    return epoch->validation.accuracy;
}
static double val_loss(const clt_epoch *epoch)
{
    return epoch->validation.loss;
}

static double learning_rate(const clt_epoch *epoch)
{
    return epoch->learning_rate;
}

/* Keras's names in the order of its CSVLogger. */
static const struct {
    const char *name;
    double (*value)(const clt_epoch *epoch);
    enum { ALWAYS, WHEN_IT_MOVES, WITH_VALIDATION } when;
} columns[] = {{"accuracy", accuracy, ALWAYS},
               {"learning_rate", learning_rate, WHEN_IT_MOVES},
               {"loss", loss, ALWAYS},
               {"val_accuracy", val_accuracy, WITH_VALIDATION},
               {"val_loss", val_loss, WITH_VALIDATION}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static bool is_there(int column, const clt_history *history, bool rate_moves)
{
    return columns[column].when == ALWAYS ||
           (columns[column].when == WHEN_IT_MOVES ? rate_moves : history->validated);
}

void cli_history_csv(const clt_history *history, bool rate_moves, cli_bytes *csv)
{
    cli_bytes_print(csv, "epoch");
    for (int column = 0; column < COLUMNS; column++) {
        if (is_there(column, history, rate_moves)) {
            cli_bytes_print(csv, ",%s", columns[column].name);
        }
    }
    cli_bytes_print(csv, "\n");
    for (size_t k = 0; k < history->count; k++) {
        cli_bytes_print(csv, "%zu", k);
        for (int column = 0; column < COLUMNS; column++) {
            if (is_there(column, history, rate_moves)) {
                cli_bytes_print(csv, ",%.9g", columns[column].value(&history->epochs[k]));
            }
        }
        cli_bytes_print(csv, "\n");
    }
}

void cli_history_json(const clt_history *history, bool rate_moves, cli_bytes *text)
{
    json_t *value = json_object();

    for (int column = 0; column < COLUMNS; column++) {
        if (!is_there(column, history, rate_moves)) {
            continue;
        }
        json_t *values = json_array();
        for (size_t k = 0; k < history->count; k++) {
            double number = columns[column].value(&history->epochs[k]);
            json_array_append_new(values, isfinite(number) ? json_real(number) : json_null());
        }
        json_object_set_new(value, columns[column].name, values);
    }
    char *printed = json_dumps(value, JSON_INDENT(2));
    if (printed == NULL) {
        text->failed = true;
    } else {
        cli_bytes_print(text, "%s\n", printed);
    }
    free(printed);
    json_decref(value);
}

/* Python's repr(float): the fewest digits that read back as the same number, an exponent below
 * 1e-4 and from 1e16. */
static void print_float(double value)
{
    char text[40];

    if (!isfinite(value)) {
        printf("%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    int digits = 1;
    do {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (value != 0 && (exponent < -4 || exponent >= 16)) {
        printf("%s", text);
    } else {
        int decimals = digits - 1 - exponent;
        printf("%.*f", decimals > 1 ? decimals : 1, value);
    }
}

void cli_print_history(const clt_history *history, bool rate_moves)
{
    const char *before = "{";

    for (int column = 0; column < COLUMNS; column++) {
        if (!is_there(column, history, rate_moves)) {
            continue;
        }
        printf("%s'%s': [", before, columns[column].name);
        for (size_t k = 0; k < history->count; k++) {
            printf("%s", k == 0 ? "" : ", ");
            print_float(columns[column].value(&history->epochs[k]));
        }
        printf("]");
        before = ", ";
    }
    printf("}\n");
}
