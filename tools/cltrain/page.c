/* page.c: report.html, a run on one page. */
#include "page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mistakes.h"
#include "names.h"
#include "table.h"

enum { MISTAKES = 10, TEXT_BYTES = 600, CLASSES_MAX = 20 };

static const char STYLE[] =
    ":root{color-scheme:light dark;--line:#d0d7de;--soft:#f6f8fa;--ink:31,119,180}"
    "@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#151b23;--ink:64,156,224}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}"
    "table{border-collapse:collapse}"
    "th,td{padding:.25rem .75rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top}"
    ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".wide{overflow-x:auto}code{overflow-wrap:anywhere}"
    ".curves{background:#fff;border-radius:.5rem;padding:.5rem}.curves svg{width:100%;height:auto}"
    ".words span{display:inline-block;margin:.15rem;padding:.1rem .5rem;background:var(--soft);"
    "border:1px solid var(--line);border-radius:1rem}";

/* Text of people or files: no markup, and control characters as spaces, which no page has. */
static void add_text(cli_bytes *html, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        switch (byte) {
        case '<':
            cli_bytes_print(html, "&lt;");
            break;
        case '>':
            cli_bytes_print(html, "&gt;");
            break;
        case '&':
            cli_bytes_print(html, "&amp;");
            break;
        case '"':
            cli_bytes_print(html, "&quot;");
            break;
        case '\'':
            cli_bytes_print(html, "&#39;");
            break;
        default:
            cli_bytes_add(html, byte < 0x20 || byte == 0x7f ? (const unsigned char *)" " : &byte,
                          1);
        }
    }
}

static void add_row(cli_bytes *html, const char *name, const char *value)
{
    cli_bytes_print(html, "<tr><th>%s</th><td><code>", name);
    add_text(html, value);
    cli_bytes_print(html, "</code></td></tr>\n");
}

__attribute__((format(printf, 3, 4))) static void add_number(cli_bytes *html, const char *name,
                                                             const char *format, ...)
{
    char text[64];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_row(html, name, text);
}

static void add_option(void *user, const char *name, const char *text)
{
    char option[32];

    if (strcmp(name, "model") == 0 || strcmp(name, "num-words") == 0) {
        return; /* texts and classes change their defaults: the rows above have what came of it */
    }
    snprintf(option, sizeof option, "--%s", name);
    add_row(user, option, text);
}

/* What the run came to, and the options that made it so, defaults too; what may be given anew to a
 * run that goes on changes nothing of it. */
static void add_settings(const cli_page *page, cli_bytes *html)
{
    const cli_settings *settings = &page->command->settings;
    const clt_reading *reading = clt_model_reading(page->model);
    char train[32], validation[32], parameters[32];

    cli_bytes_print(html, "<h2>Settings</h2>\n<div class=\"wide\"><table>\n");
    add_number(html, "Samples", "%s to train on, %s to validate",
               cli_grouped(page->train_count, train),
               cli_grouped(page->validation_count, validation));
    add_row(html, "Network", clt_model_layers(page->model));
    add_number(html, "Parameters", "%s",
               cli_grouped(clt_model_parameter_count(page->model), parameters));
    add_number(html, "Ids", "below %d, %d a text", (int)reading->num_words, (int)reading->maxlen);
    add_number(html, "Training", "%zu of %d epochs, %d a step", page->history->count,
               (int)settings->epochs, (int)settings->batch);
    add_row(html, "Device", page->device);
    cli_store_options(page->command, CLI_UNSTORED | CLI_ANEW, add_option, html);
    cli_bytes_print(html, "</table></div>\n");
}

/* The picture without the XML declaration in front, which has no place inside a page. */
static void add_curves(const cli_page *page, cli_bytes *html)
{
    const cli_bytes *svg = page->curves;
    size_t at = 0;

    while (at + 4 <= svg->size && memcmp(svg->data + at, "<svg", 4) != 0) {
        at++;
    }
    if (at + 4 <= svg->size && page->history->count > 0) {
        cli_bytes_print(html, "<h2>Learning curves</h2>\n<div class=\"curves\">");
        cli_bytes_add(html, svg->data + at, svg->size - at);
        cli_bytes_print(html, "</div>\n");
    }
}

static void add_name(const cli_page *page, int32_t label, cli_bytes *html)
{
    char number[16];

    add_text(html, cli_class_name(page->model, label, number));
}

static void add_scores(const cli_page *page, cli_bytes *html)
{
    const clt_report *report = page->report;
    char support[32];

    cli_bytes_print(html, "<h2>Validation</h2>\n<p>Accuracy %.4f, loss %.4f",
                    report->metrics.accuracy, report->metrics.loss);
    if (!isnan(report->roc_auc)) {
        cli_bytes_print(html, ", ROC AUC %.4f", report->roc_auc);
    }
    cli_bytes_print(html, "</p>\n<div class=\"wide\"><table>\n<tr><th>Class</th><th class=\"n\">"
                          "Precision</th><th class=\"n\">Recall</th><th class=\"n\">F1</th><th "
                          "class=\"n\">Support</th></tr>\n");
    for (int32_t c = 0; c < report->class_count; c++) {
        const clt_scores *scores = &report->classes[c];
        cli_bytes_print(html, "<tr><td>");
        add_name(page, c, html);
        cli_bytes_print(html,
                        "</td><td class=\"n\">%.4f</td><td class=\"n\">%.4f</td><td class=\"n\">"
                        "%.4f</td><td class=\"n\">%s</td></tr>\n",
                        scores->precision, scores->recall, scores->f1,
                        cli_grouped(scores->support, support));
    }
    cli_bytes_print(html, "</table></div>\n");
}

/* A row for each label, shaded by its share. */
static void add_confusion(const cli_page *page, cli_bytes *html)
{
    const clt_report *report = page->report;
    size_t classes = (size_t)report->class_count;
    char count[32];

    if (report->class_count > CLASSES_MAX) {
        return;
    }
    cli_bytes_print(html, "<h2>Confusion matrix</h2>\n<p>A row for each label, a column for each "
                          "prediction.</p>\n<div class=\"wide\"><table>\n<tr><th></th>");
    for (int32_t c = 0; c < report->class_count; c++) {
        cli_bytes_print(html, "<th class=\"n\">");
        add_name(page, c, html);
        cli_bytes_print(html, "</th>");
    }
    cli_bytes_print(html, "</tr>\n");
    for (size_t c = 0; c < classes; c++) {
        cli_bytes_print(html, "<tr><th>");
        add_name(page, (int32_t)c, html);
        cli_bytes_print(html, "</th>");
        for (size_t k = 0; k < classes; k++) {
            size_t samples = report->confusion[c * classes + k];
            size_t support = report->classes[c].support;
            double share = support > 0 ? (double)samples / (double)support : 0.0;
            cli_bytes_print(html,
                            "<td class=\"n\" style=\"background:rgba(var(--ink),%.2f)\">%s</td>",
                            0.5 * share, cli_grouped(samples, count));
        }
        cli_bytes_print(html, "</tr>\n");
    }
    cli_bytes_print(html, "</table></div>\n");
}

/* The end of a text that is too long to show whole, from a whole word on: pads and cuts are in
 * front, so the network has read the end last. */
static const char *shown_part(const char *text)
{
    size_t length = strlen(text);

    if (length <= TEXT_BYTES) {
        return text;
    }
    const char *space = strchr(text + length - TEXT_BYTES, ' ');
    return space != NULL ? space + 1 : "";
}

static void add_mistakes(const cli_page *page, cli_bytes *html)
{
    const clt_report *report = page->report;
    size_t count = report->mistake_count < MISTAKES ? report->mistake_count : MISTAKES;

    if (count == 0 || clt_model_vocabulary(page->model) == NULL) {
        return;
    }
    cli_bytes_print(html, "<h2>The most confident mistakes</h2>\n<div class=\"wide\"><table>\n"
                          "<tr><th>Label</th><th>Predicted</th><th class=\"n\">Probability</th>"
                          "<th>What the network read</th></tr>\n");
    for (size_t k = 0; k < count; k++) {
        cli_mistake m = cli_mistake_of(report, k, page->validation, clt_model_reading(page->model),
                                       clt_model_vocabulary(page->model));
        html->failed |= m.text.failed;
        cli_bytes_print(html, "<tr><td>");
        add_name(page, m.label, html);
        cli_bytes_print(html, "</td><td>");
        add_name(page, m.predicted, html);
        cli_bytes_print(html, "</td><td class=\"n\">%.4f</td><td>", m.probability);
        if (!m.text.failed) {
            const char *part = shown_part((const char *)m.text.data);
            cli_bytes_print(html, part != (const char *)m.text.data ? "&hellip; " : "");
            add_text(html, part);
        }
        cli_bytes_print(html, "</td></tr>\n");
        cli_bytes_free(&m.text);
    }
    cli_bytes_print(html, "</table></div>\n");
}

static void add_moved(const cli_page *page, cli_bytes *html)
{
    if (page->moved_unknown && clt_model_vocabulary(page->model) != NULL) {
        cli_bytes_print(html, "<h2>The words that moved most</h2>\n<p>Not known: this run went on "
                              "from a checkpoint, which does not hold what --init or --vectors had "
                              "given.</p>\n");
    }
    if (page->moved_count == 0) {
        return;
    }
    cli_bytes_print(html, "<h2>The words that moved most</h2>\n<p>How far training has moved their "
                          "rows of the embedding.</p>\n<p class=\"words\">\n");
    for (size_t k = 0; k < page->moved_count; k++) {
        cli_bytes_print(html, "<span>");
        add_text(html, clt_vocabulary_word(clt_model_vocabulary(page->model),
                                           clt_model_reading(page->model), page->moved[k].id));
        cli_bytes_print(html, " %.2f</span>\n", page->moved[k].distance);
    }
    cli_bytes_print(html, "</p>\n");
}

void cli_write_page(const cli_page *page, cli_bytes *html)
{
    cli_bytes_print(html,
                    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>CLTrain: ");
    add_text(html, page->data);
    cli_bytes_print(html, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", STYLE);
    add_text(html, page->data);
    cli_bytes_print(html, "</h1>\n");
    add_curves(page, html);
    if (page->report != NULL) {
        add_scores(page, html);
        add_confusion(page, html);
        add_mistakes(page, html);
    }
    add_moved(page, html);
    add_settings(page, html);
    cli_bytes_print(html, "</body>\n</html>\n");
}

size_t cli_find_moved(const float *before, const float *after, const clt_model *model, size_t most,
                      cli_moved *moved)
{
    const clt_vocabulary *words = clt_model_vocabulary(model);
    const clt_reading *reading = clt_model_reading(model);
    size_t features = (size_t)clt_model_layer(model, 0).features, count = 0;

    for (int32_t id = 0; id < reading->num_words; id++) {
        const float *a = before + (size_t)id * features, *b = after + (size_t)id * features;
        double sum = 0.0;
        for (size_t k = 0; k < features; k++) {
            double difference = (double)b[k] - (double)a[k];
            sum += difference * difference;
        }
        if (sum == 0.0 || clt_vocabulary_word(words, reading, id) == NULL) {
            continue;
        }
        size_t place = count;
        while (place > 0 && moved[place - 1].distance < sqrt(sum)) {
            place--;
        }
        if (place == most) {
            continue;
        }
        count += count < most;
        memmove(moved + place + 1, moved + place, (count - place - 1) * sizeof *moved);
        moved[place] = (cli_moved){id, sqrt(sum)};
    }
    return count;
}
