/* scores.c: a report as tables and as JSON. */
#include "scores.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "table.h"

/* Characters for a name in front of a row and above a column, and the most classes whose confusion
 * matrix is a table. */
enum { ROW_LEAST = 16, ROW_MOST = 32, COLUMN_LEAST = 10, COLUMN_MOST = 16, CLASSES_MOST = 20 };

/* Characters of UTF-8 text. */
static int length_of(const char *text)
{
    int length = 0;

    for (; *text != '\0'; text++) {
        length += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return length;
}

void cli_print_cell(const char *name, int width, bool right)
{
    int length = length_of(name), shown = 0;
    int room = length > width ? width - 3 : length;

    printf("%*s", right && length < width ? width - length : 0, "");
    for (const char *c = name; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        shown += (byte & 0xc0) != 0x80;
        if (shown > room) {
            break;
        }
        putchar(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    printf("%s", length > width ? "..." : "");
    printf("%*s", !right && length < width ? width - length : 0, "");
}

static int widest_name(const clt_report *report, const clt_model *model, int least, int most)
{
    int widest = least;

    for (int32_t c = 0; c < report->class_count; c++) {
        char number[16];
        int length = length_of(cli_class_name(model, c, number));
        widest = length > widest ? length : widest;
    }
    return widest < most ? widest : most;
}

static void print_row(const char *name, int width, const clt_scores *scores)
{
    char support[32];

    cli_print_cell(name, width, false);
    printf(" %10.4f %10.4f %10.4f %12s\n", scores->precision, scores->recall, scores->f1,
           cli_grouped(scores->support, support));
}

static void print_matrix(const clt_report *report, const clt_model *model, int width)
{
    size_t classes = (size_t)report->class_count;
    int column = widest_name(report, model, COLUMN_LEAST, COLUMN_MOST);
    char number[32];

    printf("\nConfusion matrix: a row for each label, a column for each prediction\n%*s", width,
           "");
    for (int32_t c = 0; c < report->class_count; c++) {
        putchar(' ');
        cli_print_cell(cli_class_name(model, c, number), column, true);
    }
    printf("\n");
    for (size_t c = 0; c < classes; c++) {
        cli_print_cell(cli_class_name(model, (int32_t)c, number), width, false);
        for (size_t k = 0; k < classes; k++) {
            printf(" %*s", column, cli_grouped(report->confusion[c * classes + k], number));
        }
        printf("\n");
    }
}

void cli_print_scores(const clt_report *report, const clt_model *model)
{
    int width = widest_name(report, model, ROW_LEAST, ROW_MOST);

    printf("\n%*s %10s %10s %10s %12s\n", width, "", "Precision", "Recall", "F1", "Support");
    for (int32_t c = 0; c < report->class_count; c++) {
        char number[16];
        print_row(cli_class_name(model, c, number), width, &report->classes[c]);
    }
    print_row("Macro average", width, &report->macro);
    print_row("Weighted average", width, &report->weighted);
    if (!isnan(report->roc_auc)) {
        printf("\nROC AUC %.4f\n", report->roc_auc);
    }
    if (report->class_count <= CLASSES_MOST) {
        print_matrix(report, model, width);
    } else {
        printf("\nThe confusion matrix of %d classes is in --json.\n", (int)report->class_count);
    }
}

/* ---- JSON ---- */

static json_t *scores_value(const clt_scores *scores)
{
    return json_pack("{s:f, s:f, s:f, s:I}", "precision", scores->precision, "recall",
                     scores->recall, "f1", scores->f1, "support", (json_int_t)scores->support);
}

static json_t *classes_value(const clt_report *report, const clt_model *model)
{
    json_t *list = json_array();

    for (int32_t c = 0; c < report->class_count; c++) {
        char number[16];
        json_t *row = json_pack("{s:s}", "label", cli_class_name(model, c, number));
        json_object_update_new(row, scores_value(&report->classes[c]));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *confusion_value(const clt_report *report)
{
    size_t classes = (size_t)report->class_count;
    json_t *rows = json_array();

    for (size_t c = 0; c < classes; c++) {
        json_t *row = json_array();
        for (size_t k = 0; k < classes; k++) {
            json_array_append_new(row,
                                  json_integer((json_int_t)report->confusion[c * classes + k]));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

json_t *cli_json_scores(const clt_report *report, const clt_model *model)
{
    return json_pack(
        "{s:I, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "samples", (json_int_t)report->count, "loss",
        report->metrics.loss, "accuracy", report->metrics.accuracy, "roc_auc",
        isnan(report->roc_auc) ? json_null() : json_real(report->roc_auc), "classes",
        classes_value(report, model), "macro_average", scores_value(&report->macro),
        "weighted_average", scores_value(&report->weighted), "confusion", confusion_value(report));
}
