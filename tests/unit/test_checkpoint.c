/* Checkpoints that are damaged, hostile, of another run, or cannot be written. */
#include "support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/fingerprint.h"
#include "runtime/runtime_private.h"
#include "support/checkpoint.h"
#include "support/program.h"
#include "util/memory.h"

/* ---- damage ---------------------------------------------------------------------------------- */

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Leaves the checkpoints of steps 6 and 9, the newest. */
static void leave_two(void)
{
    clt_error error;
    clt_trainer_config config = recipe(&(watched){.stop_after = 9, .stop_at = CLT_PROGRESS_STEP});
    config.checkpoints.steps = 3;
    assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED, "");
    assert_int_equal(count_files(), 2);
}

static void test_damaged(void **state)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL);
    size_t size;
    (void)state;
    leave_two();
    assert_true(clt_file_exists(checkpoint_path(9)));
    char *good = clt_read_text(checkpoint_path(9), &size), *bytes = malloc(size);
    assert_non_null(bytes);
    /* cut short, or one bit changed: in the length, the header, the first tensor, the last */
    const size_t places[] = {0, 5, 9, 200, 1200, size / 2, size - 1};
    for (size_t k = 0; k < 2 * sizeof places / sizeof *places; k++) {
        size_t at = places[k / 2];
        bool cut = k % 2 == 0;
        memcpy(bytes, good, size);
        bytes[at] ^= 0x10;
        write_bytes(checkpoint_path(9), bytes, cut ? at : size);
        notes[0] = 0;
        clt_model *model = create_model(TUTORIAL, 2);
        clt_trainer *trainer = NULL;
        clt_trainer_config config = recipe(&(watched){0});
        assert_ok(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error));
        assert_contains(notes, "run/checkpoint-9.safetensors: ");
        assert_contains(notes, "; the checkpoint before it is used");
        assert_contains(notes, "goes on after 6 steps, from run/checkpoint-6.safetensors");
        assert_false(clt_file_exists(checkpoint_path(9)));
        assert_true(clt_file_exists("run/checkpoint-9.safetensors.damaged"));
        clt_trainer_destroy(trainer);
        clt_model_free(model);
    }
    resume_to(&whole);
    write_bytes(checkpoint_path(6), good, 100);
    clt_model *model = create_model(TUTORIAL, 2);
    clt_trainer *trainer = NULL;
    clt_trainer_config config = recipe(&(watched){0});
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "no checkpoint can be used: run/checkpoint-6.safetensors: ");
    assert_true(clt_file_exists(checkpoint_path(6)));
    /* What cannot be opened may be as good as ever. */
    (void)unlink(checkpoint_path(9));
    assert_int_equal(symlink("checkpoint-9.safetensors", checkpoint_path(9)), 0);
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "cannot open run/checkpoint-9.safetensors: ");
    assert_contains(error.message, "; make it readable, or remove it");
    assert_int_equal(unlink(checkpoint_path(9)), 0);
    assert_int_equal(remove("run/checkpoint-9.safetensors.damaged"), 0);
    clt_model_free(model);
    free(good);
    free(bytes);
    free(whole.bytes);
}

/* Writes the checkpoint of step 8 anew, with a digest that is right: `json` in the place of a
 * member of its state, or a tensor left out, or its first value changed. */
typedef struct forgery {
    const char *section, *key, *json;
    const char *tensor;
    float value; /* 0: left out */
    const char *message;
} forgery;

static void forge(const forgery *f)
{
    clt_error error;
    clt_safetensors file;
    char digest[CLT_DIGEST_ROOM], *state = NULL;
    assert_ok(clt_safetensors_open(checkpoint_path(8), &file, &error));
    for (size_t k = 0; k < file.metadata_count; k++) {
        if (f->key != NULL && strcmp(file.metadata[k].key, "trainer") == 0) {
            json_t *root = json_loads(file.metadata[k].value, 0, NULL);
            json_t *object = f->section != NULL ? json_object_get(root, f->section) : root;
            json_t *value = json_loads(f->json, JSON_DECODE_ANY, NULL);
            assert_non_null(object);
            assert_non_null(value);
            assert_int_equal(json_object_set_new(object, f->key, value), 0);
            state = json_dumps(root, JSON_COMPACT);
            file.metadata[k].value = state;
            json_decref(root);
        }
    }
    for (size_t k = 0; f->tensor != NULL && k < file.tensor_count; k++) {
        if (strcmp(file.tensors[k].name, f->tensor) == 0) {
            if (f->value != 0.0f) {
                memcpy((void *)(uintptr_t)file.tensors[k].data, &f->value, sizeof f->value);
            } else {
                memmove(&file.tensors[k], &file.tensors[k + 1],
                        (--file.tensor_count - k) * sizeof *file.tensors);
            }
            break;
        }
    }
    clt_safetensors_digest(file.tensors, file.tensor_count, file.metadata, file.metadata_count - 1,
                           digest);
    file.metadata[file.metadata_count - 1].value = digest;
    assert_ok(clt_safetensors_save(checkpoint_path(8), file.tensors, file.tensor_count,
                                   file.metadata, file.metadata_count, &error));
    clt_safetensors_close(&file);
    free(state);
}

static void test_hostile(void **state)
{
    static const forgery cases[] = {
        {"place", "step", "6", NULL, 0, "cannot go on at step 6 of an epoch of 5"},
        {"place", "step", "4", NULL, 0, "cannot go on at step 4"},
        {"place", "step", "-1", NULL, 0, "no place in a run"},
        {"place", "step", "9", NULL, 0, "no place in a run"},
        {"place", "step", "99999999999", NULL, 0, "no place in a run"},
        {"place", "step", "2.5", NULL, 0, "place or data is not what"},
        {"place", "epoch", "4", NULL, 0, "no place in a run of 3 epochs"},
        {"place", "epoch", "-1", NULL, 0, "no place in a run"},
        {"place", "steps", "-8", NULL, 0, "no place in a run"},
        {"place", "samples", "-1", NULL, 0, "no place in a run"},
        {"place", "samples", "49", NULL, 0, "after 49 samples"},
        {"place", "loss", "\"1\"", NULL, 0, "place or data is not what"},
        {"place", "loss", "null", NULL, 0, "place or data is not what"},
        {"control", "rate", "-1e-9", NULL, 0, "control is not what"},
        {"control", "best_epoch", "1", NULL, 0, "control is not what"},
        {"control", "best_epoch", "-2", NULL, 0, "control is not what"},
        {"control", "wait", "-1", NULL, 0, "control is not what"},
        {"control", "plateau_seen", "1", NULL, 0, "control is not what"},
        {"data", "training", "[1, 2]", NULL, 0, "place or data is not what"},
        {NULL, "data", "null", NULL, 0, "place or data is not what"},
        {NULL, "place", "7", NULL, 0, "place or data is not what"},
        {NULL, "recipe", "[]", NULL, 0, "its batch is missing, not 16"},
        {NULL, "format", "1", NULL, 0, "no trainer of format 2"},
        {NULL, NULL, NULL, "lstm.kernel", 0, "tensors, not"},
        {NULL, NULL, NULL, "trainer.m.lstm.kernel", 0, "trainer.m.lstm.kernel is missing"},
        {NULL, NULL, NULL, "trainer.v.dense.bias", INFINITY, "element 0 is infinite"},
        {NULL, NULL, NULL, "embedding.embeddings", NAN, "element 0 is NaN"},
    };
    clt_error error;
    size_t size;
    (void)state;
    stop_after(TUTORIAL, 7);
    char *good = clt_read_text(checkpoint_path(8), &size);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_trainer_config config = recipe(&(watched){0});
        clt_trainer *trainer = NULL;
        clt_model *model = create_model(TUTORIAL, 2);
        write_bytes(checkpoint_path(8), good, size);
        forge(&cases[k]);
        clt_status status = clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error);
        if (status == CLT_OK) {
            status = clt_trainer_fit(trainer, train, test, &error);
        }
        assert_fails(status, CLT_INPUT, cases[k].message);
        clt_trainer_destroy(trainer);
        clt_model_free(model);
    }
    free(good);
}

/* ---- other runs ------------------------------------------------------------------------------ */

static void refuse(const char *layers, const clt_trainer_config *config, const char *part)
{
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(layers, 2);
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, config, &trainer, &error), CLT_INPUT,
                 part);
    clt_model_free(model);
}

static void test_another_run(void **state)
{
    const clt_trainer_config same = recipe(&(watched){0});
    clt_trainer_config config;
    (void)state;
    stop_after(TUTORIAL, 7);
    refuse("embedding:6,lstm:4,dense:1", &same,
           "its model is embedding:6,lstm:5,dense:1, not embedding:6,lstm:4,dense:1");
    config = same, config.batch = 32;
    refuse(TUTORIAL, &config,
           "run/checkpoint-8.safetensors: of another run: its batch is 16, not 32");
    config = same, config.epochs = 4;
    refuse(TUTORIAL, &config, "its epochs is 3, not 4");
    config = same, config.learning_rate = 0.02;
    refuse(TUTORIAL, &config, "its learning_rate is 0.01");
    config = same, config.seed = 4;
    refuse(TUTORIAL, &config, "its seed is \"3\", not \"4\"");
    config = same, config.shuffle = false;
    refuse(TUTORIAL, &config, "its shuffle is true, not false");
    config = same, config.monitor = CLT_METRIC_LOSS;
    refuse(TUTORIAL, &config, "its monitor is \"none\", not \"loss\"");
    config = same, config.ema = 0.5;
    refuse(TUTORIAL, &config, "its ema is 0.0, not 0.5");
}

/* Of what a run may have beside, each number. */
static void test_another_recipe(void **state)
{
    static const float weights[2] = {1.0f, 2.0f}, others[2] = {1.0f, 3.0f};
    clt_trainer_config same = recipe(&(watched){.stop_after = 7}), config;
    clt_error error;
    (void)state;
    same.patience = 2;
    same.min_delta = 0.25;
    same.schedule = (clt_schedule){CLT_SCHEDULE_STEP, 2, 0.5, 3};
    same.clip = (clt_clipping){CLT_CLIP_VALUE, 0.25};
    same.weight_decay = 0.125;
    same.optimizer = CLT_SGD;
    same.momentum = 0.75;
    same.class_weights = weights;
    assert_fails(run(TUTORIAL, false, &same, NULL, &error), CLT_STOPPED, "stopped ");
    config = same, config.patience = 3;
    refuse(TUTORIAL, &config, "its patience is 2, not 3");
    config = same, config.min_delta = 0.5;
    refuse(TUTORIAL, &config, "its min_delta is 0.25, not 0.5");
    config = same, config.schedule.kind = CLT_SCHEDULE_PLATEAU;
    refuse(TUTORIAL, &config, "its schedule is \"step\", not \"plateau\"");
    config = same, config.schedule.epochs = 1;
    refuse(TUTORIAL, &config, "its schedule_epochs is 2, not 1");
    config = same, config.schedule.factor = 0.25;
    refuse(TUTORIAL, &config, "its schedule_factor is 0.5, not 0.25");
    config = same, config.schedule.warmup = 4;
    refuse(TUTORIAL, &config, "its warmup is 3, not 4");
    config = same, config.clip.kind = CLT_CLIP_NORM;
    refuse(TUTORIAL, &config, "its clip is \"value\", not \"norm\"");
    config = same, config.clip.limit = 0.5;
    refuse(TUTORIAL, &config, "its clip_limit is 0.25, not 0.5");
    config = same, config.weight_decay = 0.25;
    refuse(TUTORIAL, &config, "its weight_decay is 0.125, not 0.25");
    config = same, config.optimizer = CLT_RMSPROP, config.momentum = 0.0;
    refuse(TUTORIAL, &config, "its optimizer is \"sgd\", not \"rmsprop\"");
    config = same, config.momentum = 0.5;
    refuse(TUTORIAL, &config, "its momentum is 0.75, not 0.5");
    config = same, config.nesterov = true;
    refuse(TUTORIAL, &config, "its nesterov is false, not true");
    config = same, config.class_weights = others;
    refuse(TUTORIAL, &config, "its class_weights is [1.0, 2.0], not [1.0, 3.0]");
    config = same, config.user = &(watched){0};
    assert_ok(run(TUTORIAL, true, &config, NULL, &error));
}

static void test_other_data(void **state)
{
    clt_error error;
    clt_dataset fewer = *train;
    (void)state;
    stop_after(TUTORIAL, 7);
    clt_model *model = create_model(TUTORIAL, 2);
    clt_trainer *trainer = NULL;
    clt_trainer_config config = recipe(&(watched){0});
    assert_ok(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error));
    fewer.count--;
    assert_fails(clt_trainer_fit(trainer, &fewer, test, &error), CLT_INPUT,
                 "the training data are not those that the run began with: 75 samples with ");
    train->labels[70] ^= 1;
    assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_INPUT,
                 "as many samples and ids, but other ones");
    train->labels[70] ^= 1;
    test->ids[3] ^= 1;
    assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_INPUT, "the validation data");
    test->ids[3] ^= 1;
    assert_fails(clt_trainer_fit(trainer, train, NULL, &error), CLT_INPUT, "the validation data");
    assert_ok(clt_trainer_fit(trainer, train, test, &error)); /* nothing is lost */
    clt_trainer_destroy(trainer);
    clt_model_free(model);
}

/* Another device is no error, but it is told. */
static void test_another_device(void **state)
{
    static const forgery other = {"device", "driver", "\"1.0 of another\"", NULL, 0, NULL};
    clt_error error;
    (void)state;
    stop_after(TUTORIAL, 7);
    forge(&other);
    notes[0] = 0;
    clt_trainer_config config = recipe(&(watched){0});
    assert_ok(run(TUTORIAL, true, &config, NULL, &error));
    assert_contains(notes, "the run began with driver \"1.0 of another\", and goes on with ");
}

/* ---- failures -------------------------------------------------------------------------------- */

static void test_nothing_to_save(void **state)
{
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_trainer_config config = recipe(&(watched){0});
    (void)state;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_fails(clt_trainer_save(trainer, FOLDER, &error), CLT_USAGE, "nothing to save");
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    assert_ok(clt_trainer_save(trainer, FOLDER, &error));
    assert_true(clt_file_exists(checkpoint_path(EPOCHS * STEPS)));
    assert_fails(clt_trainer_save(trainer, "nosuch", &error), CLT_FAILED,
                 "cannot write nosuch/checkpoint-15.safetensors: No such file");
    clt_trainer_destroy(trainer);
    config.checkpoints = (clt_checkpoints){.keep = 0}; /* no matter, until one is asked for */
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    assert_fails(clt_trainer_save(trainer, FOLDER, &error), CLT_USAGE, "keep is 0: 1 or more");
    clt_trainer_destroy(trainer);
    config = recipe(&(watched){0});
    config.learning_rate = 1e38;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_DIVERGED, "");
    assert_int_equal(count_files(), 0);
    assert_fails(clt_trainer_save(trainer, FOLDER, &error), CLT_USAGE, "after one that failed");
    clt_trainer_destroy(trainer);
    clt_model_free(model);
}

/* A later checkpoint is of another run, which would be resumed in the place of this one. */
static void test_later_checkpoint(void **state)
{
    static const char other[] = "other";
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_trainer_config config = recipe(&(watched){.stop_after = 3});
    (void)state;
    stop_after(TUTORIAL, 12);
    config.checkpoints.folder = NULL;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_STOPPED, "");
    assert_fails(clt_trainer_save(trainer, FOLDER, &error), CLT_USAGE,
                 "run has a checkpoint after 13 steps, of another run than this one after 4");
    assert_int_equal(count_files(), 1);
    assert_int_equal(mkdir(other, 0777), 0);
    assert_ok(clt_trainer_save(trainer, other, &error));
    clt_trainer_destroy(trainer);
    trainer = NULL;
    config.checkpoints.folder = FOLDER;
    assert_fails(clt_trainer_resume(other, model, runtime, &config, &trainer, &error), CLT_USAGE,
                 "run has a checkpoint after 13 steps");
    assert_null(trainer);
    assert_ok(clt_checkpoints_remove(FOLDER, &error));
    assert_ok(clt_trainer_resume(other, model, runtime, &config, &trainer, &error));
    clt_trainer_destroy(trainer);
    assert_ok(clt_checkpoints_remove(other, &error));
    assert_int_equal(rmdir(other), 0);
    clt_model_free(model);
}

/* Between steps the next one is on its way: weights and place do not belong together. */
static int save_now(void *user, const clt_progress *progress)
{
    clt_error error;
    (void)progress;
    assert_fails(clt_trainer_save(*(clt_trainer **)user, FOLDER, &error), CLT_USAGE, "during one");
    return 0;
}

static void test_save_in_a_fit(void **state)
{
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_trainer_config config = recipe(NULL);
    (void)state;
    config.progress = save_now;
    config.user = &trainer;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    assert_int_equal(count_files(), 0);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
}

/* What else is planned on the runtime is none of a trainer's plan. */
static void test_plan_of_its_own(void **state)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL);
    clt_metrics metrics;
    (void)state;
    for (int trains = 0; trains < 2; trains++) {
        clt_trainer *trainer = NULL, *other = NULL;
        clt_model *model = create_model(TUTORIAL, 1), *second = create_model(TUTORIAL, 2);
        clt_trainer_config config = recipe(&(watched){.stop_after = 7});
        assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
        clt_runtime_force(runtime, "lstm", "step");
        config.checkpoints.folder = NULL;
        if (trains) {
            assert_ok(clt_trainer_create(second, runtime, &config, &other, &error));
        } else {
            assert_ok(clt_model_evaluate(second, runtime, test, BATCH, &metrics, &error));
        }
        clt_runtime_force(runtime, "lstm", NULL);
        assert_fails(clt_trainer_fit(trainer, train, test, &error), CLT_STOPPED, "");
        clt_trainer_destroy(trainer);
        clt_trainer_destroy(other);
        clt_model_free(model);
        clt_model_free(second);
        notes[0] = 0;
        resume_to(&whole);
        assert_lacks(notes, "same bits");
    }
    free(whole.bytes);
}

/* A disk that is full: training ends, and the checkpoint before is still good. */
static void test_full_disk(void **state)
{
    struct rlimit before, little;
    clt_error error;
    outcome whole = whole_run(TUTORIAL);
    (void)state;
    stop_after(TUTORIAL, 6);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = before;
    little.rlim_cur = 4096;
    clt_trainer_config config = recipe(&(watched){0});
    config.checkpoints.steps = 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    clt_model *model = create_model(TUTORIAL, 2);
    clt_trainer *trainer = NULL;
    clt_status status = clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error);
    if (status == CLT_OK) {
        status = clt_trainer_fit(trainer, train, test, &error);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_fails(status, CLT_FAILED, "cannot write run/checkpoint-8.safetensors: File too large");
    assert_int_equal(count_files(), 1);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    resume_to(&whole);
    free(whole.bytes);
}

/* Each allocation of a save and of a resume fails once. */
static void test_no_memory(void **state)
{
    clt_error error;
    clt_status status;
    unsigned long n = 0;
    clt_model *model = create_model(TUTORIAL, 1);
    clt_trainer *trainer = NULL;
    clt_trainer_config config = recipe(&(watched){0});
    (void)state;
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, train, test, &error));
    do {
        clt_memory_fail_at(++n, false);
        status = clt_trainer_save(trainer, FOLDER, &error);
        clt_memory_fail_at(0, false);
    } while (status == CLT_FAILED);
    assert_ok(status);
    assert_in_range(n, 5, 40);
    assert_int_equal(count_files(), 1);
    clt_trainer_destroy(trainer);
    n = 0;
    do {
        clt_memory_fail_at(++n, false);
        status = clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error);
        clt_memory_fail_at(0, false);
    } while (status == CLT_FAILED);
    assert_ok(status);
    assert_int_equal(count_files(), 1);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
}

/* What was not written to its end, and what is none of ours. */
static void test_leftovers(void **state)
{
    (void)state;
    stop_after(TUTORIAL, 7);
    static const char *const names[] = {
        FOLDER "/checkpoint-9.safetensors.AbC123", FOLDER "/checkpoint-.safetensors",
        FOLDER "/checkpoint-08.safetensors", FOLDER "/checkpoint-7.safetensors.txt",
        FOLDER "/model.safetensors.AbC123"};
    for (size_t k = 0; k < 5; k++) {
        write_bytes(names[k], "x", 1);
    }
    outcome whole = whole_run(TUTORIAL);
    resume_to(&whole);
    assert_int_equal(count_files(), 5);
    assert_false(clt_file_exists(names[0]));
    for (size_t k = 1; k < 5; k++) {
        assert_int_equal(remove(names[k]), 0);
    }
    free(whole.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged),         cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_another_run),     cmocka_unit_test(test_another_recipe),
        cmocka_unit_test(test_other_data),      cmocka_unit_test(test_another_device),
        cmocka_unit_test(test_nothing_to_save), cmocka_unit_test(test_later_checkpoint),
        cmocka_unit_test(test_save_in_a_fit),   cmocka_unit_test(test_plan_of_its_own),
        cmocka_unit_test(test_full_disk),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_leftovers),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
