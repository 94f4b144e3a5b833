/* fit.c: `cltrain fit`: trains a network and leaves the model, its history and its curves. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curves.h"
#include "fingerprints.h"
#include "folder.h"
#include "history.h"
#include "output.h"
#include "page.h"
#include "progress.h"
#include "runtime.h"
#include "signals.h"
#include "source.h"
#include "stored.h"
#include "table.h"
#include "verbs.h"
#include "weights.h"

/* Of a run that is not told when: little enough to lose, and seldom enough to cost nothing. */
static const double CHECKPOINT_SECONDS = 600.0;

typedef struct fit {
    const cli_command *command;
    const cli_settings *settings;
    clt_trainer_config config; /* what they say of the training */
    bool resumed;
    cli_source source;
    clt_dataset train;             /* a view: the first --limit samples */
    const clt_dataset *validation; /* NULL: none */
    cli_folder out;
    clt_model *model;
    clt_vector_coverage coverage; /* of --vectors */
    clt_runtime *runtime;
    clt_trainer *trainer;
    float *class_weights; /* NULL: none */
    bool checkpoint;      /* the run goes on from one */
    cli_fingerprints fingerprints;
    float *before; /* the embedding to begin with; NULL: not known */
    cli_notes notes;
    cli_bar bar;
} fit;

/* Has the user asked for checkpoints? Else they go when the run has come to its end. */
static bool saves(const cli_settings *settings)
{
    const clt_checkpoints *every = &settings->checkpoints;

    return every->steps > 0 || every->seconds > 0 || every->epochs > 0;
}

static clt_trainer_config config_of(const cli_settings *settings)
{
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;

    config.batch = settings->batch;
    config.epochs = settings->epochs;
    config.learning_rate = settings->learning_rate;
    config.seed = settings->seed;
    config.shuffle = !settings->no_shuffle;
    config.monitor = settings->monitor;
    config.patience = settings->patience;
    config.min_delta = settings->min_delta;
    config.schedule = settings->schedule;
    config.clip = settings->clip;
    config.weight_decay = settings->weight_decay;
    config.ema = settings->ema;
    config.optimizer = settings->optimizer;
    config.momentum = settings->momentum;
    config.nesterov = settings->nesterov;
    config.checkpoints = settings->checkpoints;
    if (!saves(settings)) {
        config.checkpoints.seconds = CHECKPOINT_SECONDS;
    }
    return config;
}

/* The weights to begin with. A checkpoint has its own. */
static clt_status load_weights(fit *f, clt_error *error)
{
    const cli_settings *settings = f->settings;
    size_t checkpoints = 0;
    clt_status status = CLT_OK;

    if (f->resumed) {
        status = clt_checkpoints_count(f->out.path, &checkpoints, error);
    }
    f->checkpoint = checkpoints > 0;
    if (f->checkpoint || status != CLT_OK) {
        return status;
    }
    if (settings->init != NULL) {
        status = clt_model_load_weights(f->model, settings->init, error);
        if (status == CLT_INPUT) {
            cli_advise(error, "--init takes a .safetensors file with the tensors of --model, and "
                              "its words and classes must be the data's");
        }
    }
    if (status == CLT_OK && settings->vectors != NULL) {
        status = clt_model_load_vectors(f->model, settings->vectors, &f->coverage, error);
        if (status == CLT_INPUT) {
            cli_advise(error, "--vectors takes GloVe text, word2vec text or binary, or fastText "
                              ".vec, and data whose words are known");
        }
    }
    if (status == CLT_OK && (settings->init != NULL || settings->vectors != NULL)) {
        status = cli_check_weights(&f->fingerprints, settings, f->model, error);
    }
    return status;
}

/* What report.html compares the trained embedding with, where its words are known. A run that goes
 * on from a checkpoint has not read the files it began with. */
static clt_status keep_embedding(fit *f, clt_error *error)
{
    const cli_settings *settings = f->settings;
    size_t count;
    const float *table = clt_model_tensor(f->model, "embedding.embeddings", &count);

    if (clt_model_vocabulary(f->model) == NULL ||
        (f->checkpoint && (settings->init != NULL || settings->vectors != NULL))) {
        return CLT_OK;
    }
    f->before = malloc(count * sizeof *table);
    if (f->before == NULL) {
        return cli_set_memory_error(error);
    }
    memcpy(f->before, table, count * sizeof *table);
    return CLT_OK;
}

/* Everything that can be wrong before the first step, the cheapest first; --out is tried before
 * the device is touched. */
static clt_status prepare(fit *f, clt_error *error)
{
    const cli_settings *settings = f->settings;
    clt_status status =
        cli_source_open(settings->data, settings, &settings->reading, true, &f->source, error);

    if (status != CLT_OK) {
        return status;
    }
    f->train = *f->source.train;
    if (settings->limit > 0 && (size_t)settings->limit < f->train.count) {
        f->train.count = (size_t)settings->limit;
    }
    f->validation = settings->no_validation ? NULL : f->source.test;
    status = clt_trainer_check_monitor(&f->config, f->validation != NULL, error);
    if (status == CLT_OK) {
        status = cli_source_fit_model(&f->source, settings, &f->model, error);
    }
    if (status == CLT_OK) {
        status = cli_check_data(&f->fingerprints, settings, &f->source, &f->train, f->validation,
                                f->model, error);
    }
    if (status == CLT_OK) {
        status = load_weights(f, error);
    }
    if (status == CLT_OK && settings->class_weight != NULL) {
        status = cli_class_weights(settings->class_weight, f->model, &f->train, &f->class_weights,
                                   error);
    }
    if (status == CLT_OK) {
        status = keep_embedding(f, error);
    }
    if (status == CLT_OK) {
        status = cli_folder_open(&f->out, settings, f->resumed, clt_model_parameter_count(f->model),
                                 error);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(settings, &f->notes, &f->runtime, error);
    }
    return status;
}

/* How much of what the network will read has vectors of its own. */
static void print_coverage(const char *vectors, const clt_vector_coverage *coverage)
{
    char found[32], words[32];

    printf("%s: vectors for %s of %s words", vectors,
           cli_grouped((uint64_t)coverage->words_found, found),
           cli_grouped((uint64_t)coverage->words, words));
    if (coverage->tokens > 0) {
        printf(", which are %.1f%% of their %s tokens",
               100.0 * (double)coverage->tokens_found / (double)coverage->tokens,
               cli_grouped((uint64_t)coverage->tokens, words));
    }
    printf("\n");
}

static void print_beginning(const fit *f)
{
    char train[32], validation[32] = "none";

    if (f->validation != NULL) {
        cli_grouped(f->validation->count, validation);
    }
    printf("%s: %s%s reviews to train on, %s to validate; results go to %s%s\n", f->source.name,
           cli_grouped(f->train.count, train), f->train.synthetic ? " synthetic" : "", validation,
           f->out.path, f->out.replaces ? ", in place of an earlier run's" : "");
    if (clt_model_vocabulary(f->model) == NULL) {
        printf("%s: the words of its ids are not known, so the model cannot read texts; "
               "--word-index FILE gives them\n",
               f->source.name);
    }
    if (f->coverage.words > 0) {
        print_coverage(f->settings->vectors, &f->coverage);
    }
    cli_print_summary(f->model);
    cli_flush_stdout();
}

static int on_progress(void *user, const clt_progress *progress)
{
    cli_bar_update(user, progress);
    return cli_signal_noted();
}

static clt_status train(fit *f, clt_error *error)
{
    const cli_settings *settings = f->settings;
    clt_trainer_config config = f->config;

    config.class_weights = f->class_weights;
    config.progress = on_progress;
    config.user = &f->bar;
    config.checkpoints.folder = f->out.path;
    clt_status status =
        f->resumed
            ? clt_trainer_resume(f->out.path, f->model, f->runtime, &config, &f->trainer, error)
            : clt_trainer_create(f->model, f->runtime, &config, &f->trainer, error);
    cli_notes_clear(&f->notes);
    if (status == CLT_OK) {
        cli_signals_note(); /* from the first file on, a stop leaves a checkpoint */
        /* a checkpoint looks at the data later: what it refuses must not be noted as known */
        status = f->checkpoint ? CLT_OK
                               : cli_store(f->out.path, f->command, &f->fingerprints, false, error);
    }
    if (status != CLT_OK) {
        return status;
    }
    cli_bar_init(&f->bar, settings->verbose, f->validation != NULL, &f->notes);
    status = clt_trainer_fit(f->trainer, &f->train, f->validation, error);
    cli_bar_break(&f->bar);
    return status;
}

enum { MOVED_WORDS = 40 };

/* report.html. Samples are measured at the end alone. */
static clt_status write_page(const fit *f, bool finished, const cli_bytes *curves, clt_error *error)
{
    cli_moved moved[MOVED_WORDS];
    clt_report *report = NULL;
    cli_bytes html = {0};
    cli_page page = {.command = f->command,
                     .data = f->source.name,
                     .device = clt_runtime_device(f->runtime)->name,
                     .train_count = f->train.count,
                     .validation_count = f->validation != NULL ? f->validation->count : 0,
                     .model = f->model,
                     .history = clt_trainer_history(f->trainer),
                     .curves = curves,
                     .validation = f->validation,
                     .moved = moved,
                     .moved_unknown = f->before == NULL};
    clt_status status = CLT_OK;

    if (finished && f->validation != NULL) {
        status = clt_trainer_report(f->trainer, f->validation, &report, error);
    }
    if (status == CLT_OK) {
        page.report = report;
        if (f->before != NULL) {
            const float *after = clt_model_tensor(f->model, "embedding.embeddings", NULL);
            page.moved_count = cli_find_moved(f->before, after, f->model, MOVED_WORDS, moved);
        }
        cli_write_page(&page, &html);
        status = cli_write_file(f->out.path, "report.html", &html, error);
    }
    clt_report_free(report);
    cli_bytes_free(&html);
    return status;
}

static clt_status save_model(const fit *f, clt_error *error)
{
    char *path = cli_join(f->out.path, "model.safetensors");
    clt_status status =
        path != NULL ? clt_model_save(f->model, path, error) : cli_set_memory_error(error);

    free(path);
    return status;
}

/* Does the learning rate? Then it is part of the history. */
static bool moves(const cli_settings *settings)
{
    return settings->schedule.kind != CLT_SCHEDULE_CONSTANT || settings->schedule.warmup > 0;
}

static clt_status save(const fit *f, bool finished, clt_error *error)
{
    const clt_history *history = clt_trainer_history(f->trainer);
    bool validated = f->validation != NULL;
    const char *note = f->train.synthetic ? "Synthetic reviews, made by a grammar" : NULL;
    cli_bytes csv = {0}, json = {0}, svg = {0}, png = {0};
    const struct {
        const char *name;
        const cli_bytes *bytes;
    } files[] = {{"history.csv", &csv},
                 {"history.json", &json},
                 {"learning_curves.svg", &svg},
                 {"learning_curves.png", &png}};

    clt_status status = save_model(f, error);
    cli_history_csv(history, moves(f->settings), &csv);
    cli_history_json(history, moves(f->settings), &json);
    cli_draw_curves(history, validated, note, &svg, &png);
    for (size_t k = 0; k < sizeof files / sizeof *files && status == CLT_OK; k++) {
        status = cli_write_file(f->out.path, files[k].name, files[k].bytes, error);
    }
    if (status == CLT_OK) {
        status = write_page(f, finished, &svg, error);
    }
    if (status == CLT_OK && finished) {
        status = cli_store(f->out.path, f->command, &f->fingerprints, true, error);
    }
    if (status == CLT_OK && finished && !saves(f->settings)) {
        status = clt_checkpoints_remove(f->out.path, error);
    }
    cli_bytes_free(&csv);
    cli_bytes_free(&json);
    cli_bytes_free(&svg);
    cli_bytes_free(&png);
    return status;
}

static clt_status print_end(const fit *f, clt_error *error)
{
    const clt_history *history = clt_trainer_history(f->trainer);
    clt_status status = CLT_OK;

    if (f->settings->profile) {
        status = cli_print_profile(f->runtime, error);
    }
    if (f->train.synthetic) {
        printf("History on synthetic reviews (%s):\n", f->source.name);
    }
    cli_print_history(history, moves(f->settings));
    if (history->stopped_early) {
        printf("Stopped early: %d epochs without a new best.\n", (int)f->settings->patience);
    }
    if (history->best >= 0) {
        printf("The model has the weights of epoch %d, the best of %zu.\n", (int)history->best + 1,
               history->count);
    }
    return status;
}

/* The error line and the exit code of a run that has ended early or failed. */
static int explain(const cli_command *command, const fit *f, clt_status status, bool saved,
                   const clt_error *error)
{
    size_t checkpoints = 0;
    char go_on[512] = "";

    if (f->trainer != NULL) {
        cli_go_on(f->out.path, f->settings->data, go_on, sizeof go_on);
        checkpoints =
            clt_checkpoints_count(f->out.path, &checkpoints, NULL) == CLT_OK ? checkpoints : 0;
    }
    if (status == CLT_STOPPED) {
        int number = cli_signal_noted();
        size_t epochs = clt_trainer_history(f->trainer)->count;
        return cli_fail(
            command->verb, 128 + number,
            "stopped by %s after %zu of %d epochs; what is learnt so far is in %s; go on with: %s",
            cli_signal_name(number), epochs, (int)f->settings->epochs, f->out.path, go_on);
    }
    if (status == CLT_USAGE) {
        return cli_fail_usage(command->verb, "%s", error->message);
    }
    if (status == CLT_FAILED && checkpoints > 0) {
        return cli_fail(command->verb, (int)status, "%s; go on from the last checkpoint with: %s",
                        error->message, go_on);
    }
    if (saved) {
        return cli_fail(command->verb, (int)status, "%s; the last good weights are in %s",
                        error->message, f->out.path);
    }
    return cli_fail(command->verb, (int)status, "%s", error->message);
}

/* The settings of the run to go on with. Returns false at the end of what is to be done. */
static bool restore(fit *f, cli_command *command, cli_stored *stored, int *code)
{
    const char *folder = command->settings.resume;
    clt_error error = {0};

    if (command->fixed != NULL) {
        *code = cli_fail_usage(command->verb,
                               "%s cannot be given with --resume: a run goes on as it began",
                               command->fixed);
        return false;
    }
    clt_status status = cli_stored_open(folder, stored, &error);
    if (status == CLT_OK && stored->finished) {
        if (command->settings.verbose > 0) {
            printf("%s: the run is finished, nothing is left to do\n", folder);
        }
        *code = CLT_OK;
        return false;
    }
    if (status == CLT_OK) {
        f->fingerprints = stored->fingerprints;
        status = cli_restore(folder, stored, command, &f->out.path, &error);
    } else {
        cli_advise(&error, "--resume takes the folder of the results of `cltrain fit`");
    }
    if (status != CLT_OK) {
        *code = cli_fail(command->verb, (int)status, "%s", error.message);
    }
    return status == CLT_OK;
}

/* Options that would have no effect beside each other. */
static const char *contradiction(const cli_settings *settings)
{
    const bool split = settings->validation_split > 0.0;

    return settings->no_validation && (settings->validation != NULL || split)
               ? "--no-validation cannot be given with --validation or --validation-split"
           : settings->validation != NULL && strcmp(settings->validation, "-") == 0 &&
                   strcmp(settings->data, "-") == 0
               ? "only one of --data and --validation can be standard input"
           : settings->validation != NULL && split
               ? "give --validation or --validation-split, not both"
           : settings->min_delta > 0.0 && settings->patience == 0 &&
                   settings->monitor == CLT_METRIC_NONE
               ? "--min-delta has no effect without --monitor or --patience"
               : NULL;
}

/* Trains with settings that make sense. Returns the exit code. */
static int fit_and_save(const cli_command *command, fit *f)
{
    const cli_settings *settings = f->settings;
    clt_error error = {0}, save_error = {0};
    bool saved = false;

    cli_signals_exit();
    clt_status status =
        clt_model_create(settings->model, &settings->reading, settings->seed, &f->model, &error);
    if (status == CLT_USAGE) {
        return cli_fail_model(command, &error);
    }
    if (status == CLT_OK) {
        status = prepare(f, &error);
    }
    if (status == CLT_OK) {
        if (settings->verbose > 0) {
            print_beginning(f);
        }
        status = train(f, &error);
    }
    /* A device that fails later than the first epoch costs no more than the epoch under way, a stop
     * whose checkpoint has no room only that. Other data than those of the beginning change
     * nothing. */
    bool learnt = f->trainer != NULL && (clt_trainer_history(f->trainer)->count > 0 ||
                                         (status == CLT_FAILED && cli_signal_noted() != 0));
    bool trained = status == CLT_OK || status == CLT_STOPPED || status == CLT_DIVERGED ||
                   (status != CLT_INPUT && learnt);
    if (trained && f->trainer != NULL) {
        cli_folder_use_room(&f->out);
        clt_status kept = save(f, status == CLT_OK, &save_error);
        saved = kept == CLT_OK;
        if (saved) {
            kept = print_end(f, &save_error);
        }
        if (kept != CLT_OK) {
            status = kept;
            error = save_error;
        }
    }
    if (!saved && !f->resumed) {
        cli_folder_leave(&f->out, f->trainer != NULL);
    }
    return status == CLT_OK ? CLT_OK : explain(command, f, status, saved, &error);
}

static int run(const cli_command *given)
{
    cli_command command = *given;
    cli_stored stored = {0};
    fit f = {.command = &command, .settings = &command.settings, .out = CLI_FOLDER_NONE};
    int code = CLT_OK;

    f.resumed = command.settings.resume != NULL;
    if (!f.resumed && command.settings.data == NULL) {
        return cli_fail_usage(command.verb,
                              "--data is missing: give it imdb.npz, texts (see --help) or demo");
    }
    if (!f.resumed && contradiction(&command.settings) != NULL) {
        return cli_fail_usage(command.verb, "%s", contradiction(&command.settings));
    }
    if (!f.resumed || restore(&f, &command, &stored, &code)) {
        cli_settings *settings = &command.settings;
        if (settings->learning_rate == 0.0) {
            settings->learning_rate = clt_optimizer_learning_rate(settings->optimizer);
        }
        f.config = config_of(settings);
        clt_error error;
        code = clt_trainer_check(&f.config, &error) == CLT_OK
                   ? fit_and_save(&command, &f)
                   : cli_fail_usage(command.verb, "%s", error.message);
    }
    clt_trainer_destroy(f.trainer);
    clt_runtime_destroy(f.runtime);
    clt_model_free(f.model);
    cli_source_close(&f.source);
    cli_stored_close(&stored);
    free(f.class_weights);
    free(f.before);
    cli_folder_close(&f.out);
    return code;
}

const cli_verb cli_fit = {
    .name = "fit",
    .bit = CLI_FIT,
    .operands = "--data FILE",
    .least = 0,
    .most = 0,
    .purpose = "train a network and save the model, its history and its curves",
    .details =
        "`cltrain fit --data imdb.npz` alone is Keras's tutorial. The folder --out receives\n"
        "model.safetensors, history.csv and history.json, learning_curves.svg and\n"
        "learning_curves.png, report.html with all of it on one page, and fit.json, the\n"
        "settings. Ctrl-C ends after the current step with what is learnt so far saved, and\n"
        "`cltrain fit --resume DIR` goes on from there, or from the last checkpoint of a run\n"
        "that was killed; on the same device the end is the same to the last bit.",
    .run = run};
