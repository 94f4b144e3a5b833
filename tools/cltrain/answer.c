/* answer.c: what a model says of a text, printed as a line or as JSON. */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "names.h"
#include "output.h"

enum { BATCH = 128 };

int32_t cli_likeliest(const float *probabilities, int32_t count)
{
    int32_t best = 0;

    for (int32_t k = 1; k < count; k++) {
        best = probabilities[k] > probabilities[best] ? k : best;
    }
    return best;
}

/* ---- explaining ---- */

static clt_status find_known(const clt_model *model, const char *word, bool *known,
                             clt_error *error)
{
    const clt_vocabulary *words = clt_model_vocabulary(model);
    const clt_reading *reading = clt_model_reading(model);
    int32_t *ids;
    size_t count;

    *known = false;
    clt_status status =
        clt_vocabulary_encode(words, reading, word, strlen(word), &ids, &count, error);
    for (size_t k = 0; status == CLT_OK && k < count; k++) {
        *known = *known || clt_vocabulary_word(words, reading, ids[k]) != NULL;
    }
    free(status == CLT_OK ? ids : NULL);
    return status;
}

/* The words but for number `left_out`, as a text. */
static void join_words(const cli_explanation *e, size_t left_out, char *to)
{
    for (size_t k = 0; k < e->near_count; k++) {
        if (e->near + k != e->words + left_out) {
            to = stpcpy(to, e->near[k].text);
            *to++ = ' ';
        }
    }
    *to = '\0';
}

/* Some texts at a time, because all of them take the size of one squared. */
static clt_status find_changes(const clt_model *model, clt_runtime *runtime, int32_t label,
                               double probability, cli_explanation *e, clt_error *error)
{
    size_t classes = (size_t)clt_model_class_count(model), bytes = 1;
    clt_status status = CLT_OK;

    for (size_t k = 0; k < e->near_count; k++) {
        bytes += strlen(e->near[k].text) + 1;
    }
    char *room = calloc(BATCH, bytes);
    const char *texts[BATCH];
    float *p = calloc(BATCH, classes * sizeof *p);
    if (room == NULL || p == NULL) {
        status = cli_set_memory_error(error);
    }
    for (size_t first = 0; first < e->count && status == CLT_OK; first += BATCH) {
        size_t count = e->count - first < BATCH ? e->count - first : BATCH;
        for (size_t k = 0; k < count; k++) {
            join_words(e, first + k, room + k * bytes);
            texts[k] = room + k * bytes;
        }
        status = clt_model_predict_text(model, runtime, texts, count, p, error);
        for (size_t k = 0; k < count && status == CLT_OK; k++) {
            e->words[first + k].change = (double)p[k * classes + (size_t)label] - probability;
        }
    }
    free(room);
    free(p);
    return status;
}

clt_status cli_explain(const clt_model *model, clt_runtime *runtime, const char *text, size_t bytes,
                       int32_t label, double probability, cli_explanation *explanation,
                       clt_error *error)
{
    const clt_reading *reading = clt_model_reading(model);
    const size_t maxlen = (size_t)reading->maxlen, start = reading->start_char >= 0;
    const bool front = reading->truncating == CLT_PRE; /* is cut off */
    cli_explanation e = {0};
    size_t all, most = front ? maxlen : maxlen - start;
    char *word;

    clt_status status = clt_text_split(text, bytes, &e.texts, &all, error);
    if (status != CLT_OK) {
        return status;
    }
    e.cut = start + all > maxlen ? start + all - maxlen : 0;
    /* Only what the network reads can move it: without one of its words it reads one more. */
    e.count = all > most ? most : all;
    e.near_count = all > most ? most + 1 : all;
    e.near = calloc(e.near_count + 1, sizeof *e.near);
    if (e.near == NULL) {
        status = cli_set_memory_error(error);
        goto done;
    }
    e.words = e.near + (front ? e.near_count - e.count : 0);
    word = e.texts;
    for (size_t k = 0; front && k < all - e.near_count; k++) {
        word += strlen(word) + 1;
    }
    for (size_t k = 0; k < e.near_count; k++) {
        e.near[k].text = word;
        word += strlen(word) + 1;
    }
    for (size_t k = 0; k < e.count && status == CLT_OK; k++) {
        status = find_known(model, e.words[k].text, &e.words[k].known, error);
        e.unknown += !e.words[k].known;
    }
    if (status == CLT_OK) {
        status = find_changes(model, runtime, label, probability, &e, error);
    }
done:
    if (status != CLT_OK) {
        cli_explanation_free(&e);
    }
    *explanation = e;
    return status;
}

void cli_explanation_free(cli_explanation *explanation)
{
    free(explanation->texts);
    free(explanation->near);
    *explanation = (cli_explanation){0};
}

/* ---- printing ---- */

static json_t *explanation_value(const cli_explanation *e)
{
    json_t *words = json_array();

    for (size_t k = 0; k < e->count; k++) {
        const cli_word *word = &e->words[k];
        json_array_append_new(words, json_pack("{s:s, s:b, s:f}", "word", word->text, "known",
                                               (int)word->known, "change", word->change));
    }
    return json_pack("{s:I, s:I, s:o}", "unknown", (json_int_t)e->unknown, "cut",
                     (json_int_t)e->cut, "words", words);
}

static void print_explanation(const cli_explanation *e)
{
    for (size_t k = 0; k < e->count; k++) {
        const cli_word *word = &e->words[k];
        printf("  %+.4f\t", word->change);
        cli_print_name(word->text);
        printf("%s\n", word->known ? "" : "\t(unknown)");
    }
    printf("  %zu of %zu words unknown", e->unknown, e->count);
    if (e->cut > 0) {
        printf(", %zu ids cut off by --maxlen", e->cut);
    }
    printf("\n");
}

typedef struct ranked {
    double probability;
    int32_t label;
} ranked;

/* The likelier first, of equal ones the first class. */
static int compare_ranked(const void *a, const void *b)
{
    const ranked *left = a, *right = b;

    if (left->probability != right->probability) {
        return left->probability > right->probability ? -1 : 1;
    }
    return left->label - right->label;
}

static void print_lines(const clt_model *model, const ranked *labels, int32_t top,
                        const cli_explanation *explanation)
{
    char number[16];

    for (int32_t k = 0; k < top; k++) {
        printf("%s", k > 0 ? "\t" : "");
        cli_print_name(cli_class_name(model, labels[k].label, number));
        printf("\t%.4f", labels[k].probability);
    }
    printf("\n");
    if (explanation != NULL) {
        print_explanation(explanation);
    }
}

static json_t *label_value(const clt_model *model, const ranked *label)
{
    char number[16];

    return json_pack("{s:s, s:f}", "label", cli_class_name(model, label->label, number),
                     "probability", label->probability);
}

static json_t *answer_value(const clt_model *model, const ranked *labels, int32_t top,
                            const cli_explanation *explanation)
{
    json_t *value = label_value(model, &labels[0]);
    json_t *list = top > 1 ? json_array() : NULL;

    for (int32_t k = 0; k < top && list != NULL; k++) {
        json_array_append_new(list, label_value(model, &labels[k]));
    }
    if (list != NULL) {
        json_object_set_new(value, "top", list);
    }
    if (explanation != NULL) {
        json_object_set_new(value, "explanation", explanation_value(explanation));
    }
    return value;
}

clt_status cli_print_answer(const clt_model *model, const float *probabilities, int32_t top,
                            bool json, const cli_explanation *explanation, clt_error *error)
{
    int32_t count = clt_model_class_count(model);
    clt_status status = CLT_OK;
    top = top < count ? top : count;
    ranked *labels = calloc((size_t)count, sizeof *labels);

    if (labels == NULL) {
        return cli_set_memory_error(error);
    }
    for (int32_t k = 0; k < count; k++) {
        labels[k] = (ranked){(double)probabilities[k], k};
    }
    qsort(labels, (size_t)count, sizeof *labels, compare_ranked);
    if (!json) {
        print_lines(model, labels, top, explanation);
    } else if (cli_json_print_line(answer_value(model, labels, top, explanation)) != 0 &&
               !cli_stdout_failed()) {
        status = cli_set_memory_error(error);
    }
    free(labels);
    return status;
}
