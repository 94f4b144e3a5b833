/* evaluate.c: `cltrain evaluate`: what a trained model makes of the test reviews. */
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "mistakes.h"
#include "names.h"
#include "output.h"
#include "progress.h"
#include "runtime.h"
#include "scores.h"
#include "source.h"
#include "verbs.h"

typedef struct evaluation {
    const cli_command *command;
    const cli_settings *settings;
    clt_model *model;
    clt_runtime *runtime;
    cli_source source;
    cli_notes notes;
    clt_report *report;
    double seconds;
} evaluation;

/* The words of the data's ids: the model's, which may be more than a found list's and do not
 * contradict it, but for --word-index; NULL: none known. */
static const clt_vocabulary *words_of(const evaluation *e)
{
    const clt_vocabulary *own = clt_model_vocabulary(e->model), *others = e->source.vocabulary;

    return own == NULL || (others != NULL && e->settings->word_index != NULL) ? others : own;
}

static clt_status measure(evaluation *e, clt_error *error)
{
    const cli_settings *settings = e->settings;
    const char *path = e->command->operands[0];
    clt_status status = cli_model_open(path, &e->model, error);

    if (status == CLT_OK) {
        status = cli_source_open_for(settings->data, settings, e->model, settings->show_errors > 0,
                                     &e->source, error);
    }
    if (status == CLT_OK && settings->show_errors > 0 && words_of(e) == NULL) {
        status = cli_set_error(
            error, CLT_INPUT,
            "%.600s holds no words, so mistakes cannot be shown; give --word-index FILE", path);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(settings, &e->notes, &e->runtime, error);
    }
    double started = cli_now();
    if (status == CLT_OK) {
        status = clt_model_report(e->model, e->runtime, e->source.test, settings->batch, &e->report,
                                  error);
    }
    e->seconds = cli_now() - started;
    cli_notes_clear(&e->notes);
    return status;
}

static size_t shown_mistakes(const evaluation *e)
{
    size_t wanted = (size_t)e->settings->show_errors;

    return wanted < e->report->mistake_count ? wanted : e->report->mistake_count;
}

static cli_mistake mistake_of(const evaluation *e, size_t k)
{
    return cli_mistake_of(e->report, k, e->source.test, clt_model_reading(e->model), words_of(e));
}

static void print_mistakes(const evaluation *e)
{
    size_t count = shown_mistakes(e);

    if (count > 0) {
        printf(
            "\nThe most confident mistakes: sample, label, prediction, its probability, and what "
            "the network read\n");
    }
    for (size_t k = 0; k < count && !cli_stdout_failed(); k++) {
        cli_mistake m = mistake_of(e, k);
        char number[16];
        printf("%zu\t", m.sample);
        cli_print_name(cli_class_name(e->model, m.label, number));
        printf("\t");
        cli_print_name(cli_class_name(e->model, m.predicted, number));
        printf("\t%.4f\t", m.probability);
        cli_print_name(m.text.failed ? "(no memory)" : (const char *)m.text.data);
        printf("\n");
        cli_bytes_free(&m.text);
    }
}

static json_t *mistakes_value(const evaluation *e)
{
    json_t *list = json_array();

    for (size_t k = 0; k < shown_mistakes(e); k++) {
        cli_mistake m = mistake_of(e, k);
        char label[16], predicted[16];
        json_array_append_new(
            list, m.text.failed
                      ? NULL
                      : json_pack("{s:I, s:s, s:s, s:f, s:s}", "sample", (json_int_t)m.sample,
                                  "label", cli_class_name(e->model, m.label, label), "predicted",
                                  cli_class_name(e->model, m.predicted, predicted), "probability",
                                  m.probability, "text", (const char *)m.text.data));
        cli_bytes_free(&m.text);
    }
    return list;
}

static clt_status print_json(const evaluation *e, clt_error *error)
{
    json_t *value = json_pack("{s:o, s:b, s:f}", "data", cli_json_text(e->source.name), "synthetic",
                              e->source.test->synthetic, "seconds", e->seconds);
    bool failed = json_object_update_new(value, cli_json_scores(e->report, e->model)) != 0;

    if (e->settings->show_errors > 0) {
        failed |= json_object_set_new(value, "mistakes", mistakes_value(e)) != 0;
    }
    if ((cli_json_print(value) != 0 || failed) && !cli_stdout_failed()) {
        return cli_set_error(error, CLT_FAILED, "cannot print the report as JSON");
    }
    return CLT_OK;
}

static void print_report(const evaluation *e)
{
    size_t batch = (size_t)e->settings->batch;

    cli_print_evaluation((int)((e->report->count + batch - 1) / batch), e->seconds,
                         &e->report->metrics,
                         e->source.test->synthetic ? " (synthetic reviews)" : "");
    cli_print_scores(e->report, e->model);
    print_mistakes(e);
}

static int run(const cli_command *command)
{
    evaluation e = {.command = command, .settings = &command->settings};
    clt_error error = {0};

    if (e.settings->data == NULL) {
        return cli_fail_usage(command->verb,
                              "--data is missing: give it imdb.npz, texts (see --help) or demo");
    }
    clt_status status = measure(&e, &error);
    if (status == CLT_OK && e.settings->json) {
        status = print_json(&e, &error);
    } else if (status == CLT_OK) {
        print_report(&e);
    }
    clt_report_free(e.report);
    clt_runtime_destroy(e.runtime);
    cli_source_close(&e.source);
    clt_model_free(e.model);
    if (status == CLT_USAGE) {
        return cli_fail_usage(command->verb, "%s", error.message);
    }
    return status == CLT_OK ? CLT_OK : cli_fail(command->verb, (int)status, "%s", error.message);
}

const cli_verb cli_evaluate = {
    .name = "evaluate",
    .bit = CLI_EVALUATE,
    .operands = "MODEL --data FILE",
    .least = 1,
    .most = 1,
    .purpose = "measure a trained model on the test reviews, class by class",
    .details = "MODEL is the model.safetensors that fit wrote; how reviews are read (words kept,\n"
               "length, padding) is in it. Ids whose words are not the model's are refused. Loss,\n"
               "accuracy, precision, recall and F1 of each class, the area under the ROC curve of\n"
               "two classes, and the confusion matrix.",
    .run = run};
