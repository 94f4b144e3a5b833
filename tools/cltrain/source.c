/* source.c: opens the data, finds the words beside them, and makes the network that fits them. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "texts.h"

static const char DEMO[] = "demo";
enum { NAME_ENDING_MAX = 6 };                    /* ".jsonl" */
static const unsigned long DEMO_REVIEWS = 25000; /* of each split, as IMDB */
static const unsigned long DEMO_REVIEWS_MAX = 1000000;

/* "demo" or "demo:N" */
static bool is_demo(const char *name)
{
    size_t length = sizeof DEMO - 1;

    return strncmp(name, DEMO, length) == 0 && (name[length] == '\0' || name[length] == ':');
}

bool cli_source_is_ids(const char *name)
{
    return is_demo(name) || clt_data_is_npz(name);
}

char *cli_source_short_name(const char *name)
{
    size_t length = strlen(name), first;

    if (is_demo(name)) {
        return strndup(name, sizeof DEMO - 1);
    }
    if (strcmp(name, "-") == 0) {
        return strdup("stdin");
    }
    while (length > 1 && name[length - 1] == '/') {
        length--;
    }
    for (first = length; first > 0 && name[first - 1] != '/'; first--) {
    }
    for (size_t k = length; k-- > first + 1;) { /* a name such as .reviews stays */
        if (name[k] == '.') {
            length = k;
            break;
        }
    }
    if (length > first + 4 && memcmp(name + length - 4, ".tar", 4) == 0) {
        length -= 4;
    }
    return strndup(name + first, length - first);
}

/* Names for labels that are numbers: Keras's reviews and ours are known to be good where it is 1.
 */
static const char *const *names_of_ids(const cli_source *source)
{
    static const char *const sentiments[] = {"negative", "positive"};
    char *name = cli_source_short_name(source->name);
    bool reviews = is_demo(source->name) || (name != NULL && strcmp(name, "imdb") == 0);

    free(name);
    return reviews && source->train->class_count == 2 ? sentiments : NULL;
}

static clt_status open_demo(const char *name, const cli_settings *settings,
                            const clt_reading *reading, cli_source *source, clt_error *error)
{
    unsigned long count = DEMO_REVIEWS;
    const char *number = strchr(name, ':');

    if (number != NULL) {
        char *end;
        errno = 0;
        count = strtoul(number + 1, &end, 10);
        if (number[1] < '0' || number[1] > '9' || *end != '\0' || errno != 0 || count < 1 ||
            count > DEMO_REVIEWS_MAX) {
            return cli_set_error(error, CLT_USAGE,
                                 "%.100s: the reviews of a split are a whole number from 1 to %lu",
                                 name, DEMO_REVIEWS_MAX);
        }
    }
    return clt_dataset_open_demo(count, reading, settings->seed, &source->train, &source->test,
                                 &source->vocabulary, error);
}

/* The file beside the data that Keras ships with it; NULL when it is not there. */
static char *find_word_index(const char *name)
{
    const char *slash = strrchr(name, '/');
    char *folder = slash != NULL ? strndup(name, (size_t)(slash - name) + 1) : strdup("./");
    char *path = folder != NULL ? cli_join(folder, "imdb_word_index.json") : NULL;

    free(folder);
    if (path != NULL && access(path, F_OK) != 0) {
        free(path);
        return NULL;
    }
    return path;
}

static clt_status open_npz(const char *name, const clt_reading *reading, cli_source *source,
                           clt_error *error)
{
    clt_status status =
        clt_dataset_open_npz(name, reading, 0, 113, &source->train, &source->test, error);

    if (status == CLT_INPUT) {
        cli_advise(error, "of zip files --data takes Keras's imdb.npz, whole");
    }
    return status;
}

/* The options that only texts have. */
static clt_status check_options(const char *name, const cli_settings *settings, clt_error *error)
{
    const char *option = settings->text_column != NULL    ? "--text-column"
                         : settings->label_column != NULL ? "--label-column"
                         : settings->skip_bad_rows        ? "--skip-bad-rows"
                         : settings->min_count > 1        ? "--min-count"
                                                          : NULL;

    if (option != NULL) {
        return cli_set_error(error, CLT_USAGE, "%s is for texts, and %.400s holds ids", option,
                             name);
    }
    return CLT_OK;
}

clt_status cli_source_check_validation(const char *validation, const char *name, clt_error *error)
{
    const bool ids = cli_source_is_ids(validation);
    const bool there = ids || strcmp(validation, "-") == 0 || access(validation, F_OK) == 0;

    if (there && ids != cli_source_is_ids(name)) {
        return cli_set_error(error, CLT_INPUT,
                             "--validation %.300s %s, and --data %.300s holds %s: validation must "
                             "be of the same kind (ids or texts) as --data",
                             validation, ids ? "holds ids" : "is not a file of ids", name,
                             ids ? "texts" : "ids");
    }
    if (ids && (is_demo(validation) || is_demo(name))) {
        return cli_set_error(
            error, CLT_INPUT,
            "--validation %.300s cannot go with --data %.300s: it must be of the same kind, and "
            "ids "
            "of demo fit only the reviews made with them; without it, the test part is measured",
            validation, name);
    }
    return CLT_OK;
}

/* Ids: --validation takes another file of ids, of which the test part counts. */
static clt_status open_ids(const char *name, const cli_settings *settings,
                           const clt_reading *reading, cli_source *source, clt_error *error)
{
    clt_status status = check_options(name, settings, error);

    if (status == CLT_OK) {
        status = is_demo(name) ? open_demo(name, settings, reading, source, error)
                               : open_npz(name, reading, source, error);
    }
    if (status == CLT_OK && settings->validation != NULL) {
        clt_dataset_free(source->test);
        source->test = NULL;
        status = cli_source_check_validation(settings->validation, name, error);
        if (status == CLT_OK) {
            status = clt_dataset_open_npz(settings->validation, reading, 0, 113, NULL,
                                          &source->test, error);
        }
    } else if (status == CLT_OK && settings->validation_split > 0.0) {
        clt_dataset *rest, *part;
        status = clt_dataset_split(source->train, settings->validation_split, settings->seed, &rest,
                                   &part, error);
        if (status == CLT_OK) {
            clt_dataset_free(source->train);
            clt_dataset_free(source->test);
            source->train = rest;
            source->test = part;
        }
    }
    return status;
}

/* Finds the words of ids. */
static clt_status open_words(const char *name, const cli_settings *settings, cli_source *source,
                             clt_error *error)
{
    clt_status status = CLT_OK;

    if (settings->word_index != NULL && source->vocabulary != NULL) {
        return cli_set_error(error, CLT_USAGE, "--word-index %.300s: %.300s has words of its own",
                             settings->word_index, name);
    }
    source->word_index = settings->word_index != NULL ? strdup(settings->word_index)
                         : source->vocabulary == NULL ? find_word_index(name)
                                                      : NULL;
    if (source->word_index != NULL) {
        status = clt_vocabulary_open_json(source->word_index, &source->vocabulary, error);
        if (status == CLT_INPUT) {
            cli_advise(error, "a word index is Keras's imdb_word_index.json");
        }
    }
    return status;
}

clt_status cli_source_open(const char *name, const cli_settings *settings,
                           const clt_reading *reading, bool words, cli_source *source,
                           clt_error *error)
{
    *source = (cli_source){.name = name, .reading = *reading};
    clt_status status = cli_source_is_ids(name)
                            ? open_ids(name, settings, reading, source, error)
                            : cli_texts_open(name, settings, reading, source, error);
    if (status == CLT_OK) {
        source->classes = source->train_texts != NULL
                              ? (const char *const *)source->train_texts->classes
                              : names_of_ids(source);
    }
    if (status == CLT_OK && words) {
        status = open_words(name, settings, source, error);
    }
    if (status != CLT_OK) {
        cli_source_close(source);
    }
    return status;
}

/* A model understands ids that are numbered by its own words. */
static clt_status check_ids(const cli_source *source, const clt_model *model, clt_error *error)
{
    const clt_reading *reading = clt_model_reading(model);
    const clt_vocabulary *words = clt_model_vocabulary(model);
    int64_t id = clt_vocabulary_difference(source->vocabulary, reading->index_from, words,
                                           reading->index_from);

    if (id < 0) {
        return CLT_OK;
    }
    return cli_set_error(
        error, CLT_INPUT,
        "the ids of %.200s are not numbered by this model's words: by %.200s id %d is '%.100s', in "
        "the model '%.100s'; give it texts%s",
        source->name, source->word_index != NULL ? source->word_index : source->name, (int)id,
        clt_vocabulary_word(source->vocabulary, reading, (int32_t)id),
        clt_vocabulary_word(words, reading, (int32_t)id),
        is_demo(source->name) ? ", or with the demo:N and --seed of its training" : "");
}

clt_status cli_source_open_for(const char *name, const cli_settings *settings,
                               const clt_model *model, bool words, cli_source *source,
                               clt_error *error)
{
    const clt_reading *reading = clt_model_reading(model);

    *source = (cli_source){.name = name, .reading = *reading};
    clt_status status = cli_source_is_ids(name)
                            ? open_ids(name, settings, reading, source, error)
                            : cli_texts_open_for(name, settings, model, source, error);
    if (status == CLT_OK && source->test_texts == NULL &&
        (words || clt_model_vocabulary(model) != NULL)) {
        status = open_words(name, settings, source, error);
    }
    if (status == CLT_OK && source->test_texts == NULL) {
        status = check_ids(source, model, error);
    }
    if (status != CLT_OK) {
        cli_source_close(source);
    }
    return status;
}

/* A network for texts in the place of one that knew nothing of them. */
static clt_status make_model(const cli_source *source, const cli_settings *settings,
                             clt_model **model, clt_error *error)
{
    const clt_corpus *texts = source->train_texts;
    const char *layers = settings->model;
    char own[64];

    if (texts->class_count < 2) {
        return cli_set_error(error, CLT_INPUT,
                             "%s: '%s' is the only label to train on; a classifier needs two",
                             source->name, source->classes[0]);
    }
    if (texts->class_count > 2 && strcmp(layers, CLT_MODEL_DEFAULT) == 0) {
        int length = (int)(strrchr(layers, ':') - layers);
        snprintf(own, sizeof own, "%.*s:%d", length, layers, (int)texts->class_count);
        layers = own;
    }
    clt_model_free(*model);
    *model = NULL;
    clt_status status = clt_model_create(layers, &source->reading, settings->seed, model, error);
    if (status == CLT_OK) {
        status = clt_model_set_classes(*model, source->classes, texts->class_count, error);
        if (status != CLT_OK && status != CLT_FAILED) { /* the data do not fit the model */
            char advice[96];
            error->status = status = CLT_INPUT;
            snprintf(advice, sizeof advice, "end --model with dense:%d",
                     texts->class_count == 2 ? 1 : (int)texts->class_count);
            cli_advise(error, advice);
        }
    }
    return status;
}

clt_status cli_source_fit_model(const cli_source *source, const cli_settings *settings,
                                clt_model **model, clt_error *error)
{
    clt_status status = CLT_OK;

    if (source->train_texts != NULL) {
        status = make_model(source, settings, model, error);
    } else if (source->classes != NULL && clt_model_class_count(*model) == 2) {
        status = clt_model_set_classes(*model, source->classes, 2, error);
    }
    if (status == CLT_OK && source->vocabulary != NULL) {
        status = clt_model_set_vocabulary(*model, source->vocabulary, error);
    }
    return status;
}

clt_status cli_model_open(const char *path, clt_model **model, clt_error *error)
{
    clt_status status = clt_model_open(path, model, error);

    if (status == CLT_INPUT) {
        cli_advise(error, "give it a model.safetensors that cltrain fit wrote");
    }
    return status;
}

void cli_source_close(cli_source *source)
{
    clt_dataset_free(source->train);
    clt_dataset_free(source->test);
    clt_vocabulary_free(source->vocabulary);
    clt_corpus_free(source->train_texts);
    clt_corpus_free(source->test_texts);
    free(source->word_index);
    *source = (cli_source){0};
}
