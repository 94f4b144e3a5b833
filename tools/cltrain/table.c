/* table.c: the model summary, drawn as Keras 3 draws it (keras/src/utils/summary_utils.py). */
#include "table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

/* rich's colours of layer types, numbers and None. */
static const char TYPE[] = "\033[38;5;33m";
static const char NUMBER[] = "\033[38;5;34m";
static const char NONE[] = "\033[38;5;45m";
static const char BOLD[] = "\033[1m";

enum { NARROWEST = 60, WIDEST = 88 };

typedef struct table {
    bool colour;
    int widths[3]; /* between the rules, with a space on both sides */
} table;

const char *cli_grouped(uint64_t number, char text[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    int used = 0;

    for (int k = 0; k < length; k++) {
        if (k > 0 && (length - k) % 3 == 0) {
            text[used++] = ',';
        }
        text[used++] = digits[k];
    }
    text[used] = '\0';
    return text;
}

static const char *readable_size(double bytes, char text[32])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    int unit = 0;

    while (bytes >= 1024 && unit < 5) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, 32, "%.2f %s", bytes, units[unit]);
    return text;
}

static void print_coloured(const table *t, const char *colour, const char *text)
{
    printf("%s%s%s", t->colour ? colour : "", text, t->colour ? "\033[0m" : "");
}

static void print_rule(const table *t, const char *left, const char *line, const char *cross,
                       const char *right)
{
    for (int column = 0; column < 3; column++) {
        printf("%s", column == 0 ? left : cross);
        for (int k = 0; k < t->widths[column]; k++) {
            printf("%s", line);
        }
    }
    printf("%s\n", right);
}

static void print_spaces(int count)
{
    printf("%*s", count > 0 ? count : 0, "");
}

static int name_width(const clt_layer_info *layer)
{
    return (int)(strlen(layer->name) + strlen(layer->type)) + 3; /* "name (type)" */
}

static int shape_width(const clt_layer_info *layer)
{
    return layer->rank == 2
               ? snprintf(NULL, 0, "(None, %d, %d)", (int)layer->timesteps, (int)layer->features)
               : snprintf(NULL, 0, "(None, %d)", (int)layer->features);
}

/* Keras's columns end at 0.45, 0.8 and 1 of the line; rich then takes away what borders and
 * padding need. Where the contents are wider, we widen rather than wrap. */
static void set_widths(table *t, const clt_model *model)
{
    int line = cli_columns() - 4;
    char text[32];

    line = line < NARROWEST ? NARROWEST : line > WIDEST ? WIDEST : line;
    int first = (int)(0.45 * line), second = (int)(0.8 * line);
    t->widths[0] = first - 1;
    t->widths[1] = second - first - 2;
    t->widths[2] = line - second - 1;
    for (size_t k = 0; k < clt_model_layer_count(model); k++) {
        clt_layer_info layer = clt_model_layer(model, k);
        int needed[3] = {name_width(&layer) + 2, shape_width(&layer) + 2,
                         (int)strlen(cli_grouped(layer.parameters, text)) + 2};
        for (int column = 0; column < 3; column++) {
            t->widths[column] =
                needed[column] > t->widths[column] ? needed[column] : t->widths[column];
        }
    }
}

static void print_layer(const table *t, const clt_layer_info *layer)
{
    char text[32];

    printf("│ %s (", layer->name);
    print_coloured(t, TYPE, layer->type);
    printf(")");
    print_spaces(t->widths[0] - 1 - name_width(layer));
    printf("│ (");
    print_coloured(t, NONE, "None");
    if (layer->rank == 2) {
        snprintf(text, sizeof text, "%d", (int)layer->timesteps);
        printf(", ");
        print_coloured(t, NUMBER, text);
    }
    snprintf(text, sizeof text, "%d", (int)layer->features);
    printf(", ");
    print_coloured(t, NUMBER, text);
    printf(")");
    print_spaces(t->widths[1] - 1 - shape_width(layer));
    cli_grouped(layer->parameters, text);
    printf("│");
    print_spaces(t->widths[2] - 1 - (int)strlen(text));
    print_coloured(t, NUMBER, text);
    printf(" │\n");
}

static void print_total(const table *t, const char *title, uint64_t parameters)
{
    char number[32], size[32];

    print_coloured(t, BOLD, title);
    print_coloured(t, NUMBER, cli_grouped(parameters, number));
    printf(" (%s)\n", readable_size(4.0 * (double)parameters, size));
}

void cli_print_summary(const clt_model *model)
{
    static const char *const titles[3] = {"Layer (type)", "Output Shape", "Param #"};
    uint64_t parameters = clt_model_parameter_count(model), frozen = 0;
    table t = {.colour = cli_wants_colour(STDOUT_FILENO)};

    set_widths(&t, model);
    print_coloured(&t, BOLD, "Model: \"sequential\"");
    printf("\n");
    print_rule(&t, "┏", "━", "┳", "┓");
    for (int column = 0; column < 3; column++) {
        int space = t.widths[column] - 2 - (int)strlen(titles[column]);
        printf("┃ ");
        print_spaces(column == 2 ? space : 0);
        print_coloured(&t, BOLD, titles[column]);
        print_spaces(column == 2 ? 1 : space + 1);
    }
    printf("┃\n");
    print_rule(&t, "┡", "━", "╇", "┩");
    for (size_t k = 0; k < clt_model_layer_count(model); k++) {
        clt_layer_info layer = clt_model_layer(model, k);
        if (k > 0) {
            print_rule(&t, "├", "─", "┼", "┤");
        }
        print_layer(&t, &layer);
        frozen += layer.frozen ? layer.parameters : 0;
    }
    print_rule(&t, "└", "─", "┴", "┘");
    print_total(&t, " Total params: ", parameters);
    print_total(&t, " Trainable params: ", parameters - frozen);
    print_total(&t, " Non-trainable params: ", frozen);
}
