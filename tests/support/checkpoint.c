#include "support/test.h"

#include "support/checkpoint.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/program.h"

static const clt_reading reading = {90, 0, 1, 2, 3, 60, CLT_PRE, CLT_PRE};
clt_runtime *runtime;
clt_dataset *train, *test;
char notes[4096];

static int watch(void *user, const clt_progress *progress)
{
    watched *w = user;
    if (progress->event == CLT_PROGRESS_STEP && ++w->steps == 1) {
        w->first = *progress;
    }
    return w->stop_after > 0 && w->steps >= w->stop_after &&
           (w->stop_at == 0 || w->stop_at == (int)progress->event);
}

clt_trainer_config recipe(watched *w)
{
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    config.batch = BATCH;
    config.epochs = EPOCHS;
    config.learning_rate = 0.01;
    config.seed = 3;
    config.checkpoints.folder = FOLDER;
    config.progress = watch;
    config.user = w;
    return config;
}

clt_model *create_model(const char *layers, uint64_t seed)
{
    clt_model *model = NULL;
    clt_error error;
    assert_ok(clt_model_create(layers, &reading, seed, &model, &error));
    return model;
}

outcome take_outcome(clt_model *model, const clt_trainer *trainer)
{
    clt_error error;
    const clt_history *history = clt_trainer_history(trainer);
    outcome o = {
        .count = history->count, .best = history->best, .stopped_early = history->stopped_early};
    assert_ok(clt_model_save(model, "model", &error));
    o.bytes = clt_read_text("model", &o.size);
    assert_in_range(o.count, 0, EPOCHS_MAX);
    if (o.count > 0) {
        memcpy(o.epochs, history->epochs, o.count * sizeof *o.epochs);
    }
    return o;
}

void assert_same(const outcome *a, const outcome *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->bytes, b->bytes, a->size);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->best, b->best);
    assert_int_equal(a->stopped_early, b->stopped_early);
    for (size_t k = 0; k < a->count; k++) {
        assert_memory_equal(&a->epochs[k].train, &b->epochs[k].train, sizeof(clt_metrics));
        assert_memory_equal(&a->epochs[k].validation, &b->epochs[k].validation,
                            sizeof(clt_metrics));
        assert_true(a->epochs[k].learning_rate == b->epochs[k].learning_rate);
    }
}

clt_status run(const char *layers, bool resumed, const clt_trainer_config *config, outcome *o,
               clt_error *error)
{
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(layers, resumed ? 99 : 1);
    clt_status status = resumed
                            ? clt_trainer_resume(FOLDER, model, runtime, config, &trainer, error)
                            : clt_trainer_create(model, runtime, config, &trainer, error);
    if (status == CLT_OK) {
        status = clt_trainer_fit(trainer, train, test, error);
    }
    if (o != NULL) {
        *o = take_outcome(model, trainer);
    }
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    return status;
}

outcome whole_run(const char *layers)
{
    clt_error error;
    outcome o;
    clt_trainer_config config = recipe(&(watched){0});
    config.checkpoints.folder = NULL;
    assert_ok(run(layers, false, &config, &o, &error));
    assert_int_equal(o.count, EPOCHS);
    return o;
}

void stop_after(const char *layers, int steps)
{
    clt_error error;
    clt_trainer_config config = recipe(&(watched){.stop_after = steps});
    assert_fails(run(layers, false, &config, NULL, &error), CLT_STOPPED, "stopped ");
}

void resume_to(const outcome *want)
{
    clt_error error;
    outcome o;
    clt_trainer_config config = recipe(&(watched){0});
    assert_ok(run(TUTORIAL, true, &config, &o, &error));
    assert_same(&o, want);
    free(o.bytes);
}

int count_files(void)
{
    int count = 0;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

char *checkpoint_path(int steps)
{
    static char path[64];
    snprintf(path, sizeof path, FOLDER "/checkpoint-%d.safetensors", steps);
    return path;
}

outcome fit_whole(const clt_trainer_config *config)
{
    clt_error error;
    outcome o;
    assert_ok(run(TUTORIAL, false, config, &o, &error));
    return o;
}

void assert_weights_of(const clt_epoch *epoch)
{
    clt_error error;
    clt_model *model = NULL;
    clt_metrics metrics;
    assert_ok(clt_model_open("model", &model, &error));
    assert_ok(clt_model_evaluate(model, runtime, test, BATCH, &metrics, &error));
    assert_memory_equal(&metrics, &epoch->validation, sizeof metrics);
    clt_model_free(model);
}

static void take_note(void *user, clt_log_level level, const char *line)
{
    size_t used = strlen(notes);
    (void)user;
    if (level == CLT_LOG_NOTE) {
        snprintf(notes + used, sizeof notes - used, "%s\n", line);
    }
}

int begin_runs(void **state)
{
    clt_error error;
    const char *spec = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {.device = spec != NULL && spec[0] != 0 ? spec : "cpu",
                                 .log = {take_note, NULL}};
    signal(SIGXFSZ, SIG_IGN);
    if (clt_enter_folder(state) != 0 || mkdir(FOLDER, 0777) != 0 ||
        clt_runtime_create(&config, &runtime, &error) != CLT_OK) {
        return -1;
    }
    return clt_dataset_open_demo(COUNT, &reading, 1, &train, &test, NULL, &error) != CLT_OK;
}

int end_runs(void **state)
{
    clt_dataset_free(train);
    clt_dataset_free(test);
    clt_runtime_destroy(runtime);
    return clt_leave_folder(state);
}
