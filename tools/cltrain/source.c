/* source.c: opens the data and finds the words beside it. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

static const char DEMO[] = "demo";
static const unsigned long DEMO_REVIEWS = 25000; /* of each split, as IMDB */
static const unsigned long DEMO_REVIEWS_MAX = 1000000;

bool cli_source_is_demo(const char *name)
{
    size_t length = sizeof DEMO - 1;

    return strncmp(name, DEMO, length) == 0 && (name[length] == '\0' || name[length] == ':');
}

char *cli_source_short_name(const char *name)
{
    const char *base = strrchr(name, '/');
    base = base != NULL ? base + 1 : name;
    size_t length = cli_source_is_demo(name) ? sizeof DEMO - 1 : strlen(base);
    const char *dot = strrchr(base, '.');

    if (dot != NULL && dot > base && !cli_source_is_demo(name)) {
        length = (size_t)(dot - base);
    }
    return strndup(base, length);
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
            error->status = CLT_USAGE;
            snprintf(error->message, sizeof error->message,
                     "%.100s: the reviews of a split are a whole number from 1 to %lu", name,
                     DEMO_REVIEWS_MAX);
            return CLT_USAGE;
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

clt_status cli_source_open(const char *name, const cli_settings *settings,
                           const clt_reading *reading, bool words, cli_source *source,
                           clt_error *error)
{
    clt_status status;

    *source = (cli_source){.name = name};
    if (cli_source_is_demo(name)) {
        if (words && settings->word_index != NULL) {
            error->status = CLT_USAGE;
            snprintf(error->message, sizeof error->message,
                     "--word-index %.600s: the demonstration reviews have words of their own",
                     settings->word_index);
            return CLT_USAGE;
        }
        status = open_demo(name, settings, reading, source, error);
    } else {
        status = clt_dataset_open_npz(name, reading, 0, 113, &source->train, &source->test, error);
        if (status == CLT_INPUT) {
            cli_advise(error, "--data takes Keras's imdb.npz, whole, or demo (synthetic reviews)");
        }
    }
    if (status == CLT_OK && words) {
        source->word_index = settings->word_index != NULL ? strdup(settings->word_index)
                             : source->vocabulary == NULL ? find_word_index(name)
                                                          : NULL;
    }
    if (status == CLT_OK && source->word_index != NULL) {
        clt_vocabulary_free(source->vocabulary);
        source->vocabulary = NULL;
        status = clt_vocabulary_open_json(source->word_index, &source->vocabulary, error);
        if (status == CLT_INPUT) {
            cli_advise(error, "a word index is Keras's imdb_word_index.json");
        }
    }
    if (status != CLT_OK) {
        cli_source_close(source);
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
    free(source->word_index);
    *source = (cli_source){0};
}
