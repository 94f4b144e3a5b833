/* fingerprints.c: compares what files give a run with what they gave it at its beginning. */
#include "fingerprints.h"

#include <stdio.h>
#include <string.h>

#include "output.h"

static const struct {
    const char *name, *what;
} parts[CLI_FINGERPRINTS] = {[CLI_TRAINING] = {"training", "reviews to train on"},
                             [CLI_VALIDATION] = {"validation", "reviews to validate"},
                             [CLI_WORDS] = {"words", "words or classes"},
                             [CLI_WEIGHTS] = {"weights", "weights"}};

const char *cli_fingerprint_name(int part)
{
    return parts[part].name;
}

/* "--data a.csv"; --word-index may have been found beside the data. */
typedef struct origin {
    char text[640];
} origin;

static origin origin_of(const char *option, const char *path)
{
    origin o;

    snprintf(o.text, sizeof o.text, "%s%s%.300s", option, option[0] != '\0' ? " " : "", path);
    return o;
}

static clt_status check(cli_fingerprints *fingerprints, int part, origin from, const char *now,
                        clt_error *error)
{
    char *then = fingerprints->text[part];

    if (then[0] != '\0' && strcmp(then, now) != 0) {
        return cli_set_error(error, CLT_INPUT,
                             "%s: it gives other %s (%s) than the run began with (%s); put back "
                             "what was there, or begin a new run",
                             from.text, parts[part].what, now, then);
    }
    snprintf(then, sizeof fingerprints->text[part], "%s", now);
    return CLT_OK;
}

static clt_status check_samples(cli_fingerprints *fingerprints, int part, origin from,
                                const clt_dataset *samples, clt_error *error)
{
    clt_fingerprint f = clt_dataset_fingerprint(samples);
    char now[sizeof fingerprints->text[part]];

    snprintf(now, sizeof now, "%llu with %llu ids, %016llx", (unsigned long long)f.samples,
             (unsigned long long)f.ids, (unsigned long long)f.hash);
    return check(fingerprints, part, from, now, error);
}

static clt_status check_hash(cli_fingerprints *fingerprints, int part, origin from, uint64_t hash,
                             clt_error *error)
{
    char now[17];

    snprintf(now, sizeof now, "%016llx", (unsigned long long)hash);
    return check(fingerprints, part, from, now, error);
}

clt_status cli_check_data(cli_fingerprints *fingerprints, const cli_settings *settings,
                          const cli_source *source, const clt_dataset *train,
                          const clt_dataset *validation, const clt_model *model, clt_error *error)
{
    const char *index = source->word_index, *other = settings->validation;
    origin data = origin_of("--data", source->name), words = data, measured = data;

    if (index != NULL) {
        words = origin_of(settings->word_index != NULL ? "--word-index" : "", index);
    }
    if (other != NULL) {
        measured = origin_of("--validation", other);
    }
    clt_status status = check_samples(fingerprints, CLI_TRAINING, data, train, error);
    if (status == CLT_OK) {
        status =
            check_hash(fingerprints, CLI_WORDS, words, clt_model_words_fingerprint(model), error);
    }
    if (status == CLT_OK) { /* last, because its ids are those of the words */
        status = check_samples(fingerprints, CLI_VALIDATION, measured, validation, error);
    }
    return status;
}

clt_status cli_check_weights(cli_fingerprints *fingerprints, const cli_settings *settings,
                             const clt_model *model, clt_error *error)
{
    const char *init = settings->init, *vectors = settings->vectors;
    origin from = origin_of(init != NULL ? "--init" : "--vectors", init != NULL ? init : vectors);

    if (init != NULL && vectors != NULL) {
        size_t used = strlen(from.text);
        snprintf(from.text + used, sizeof from.text - used, " or --vectors %.300s", vectors);
    }
    return check_hash(fingerprints, CLI_WEIGHTS, from, clt_model_fingerprint(model), error);
}
