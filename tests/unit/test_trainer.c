/* Training on a small made-up task: it learns, it repeats bit for bit, and it ends as it should. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/trainer.h"
#include "data/vocabulary.h"
#include "model/model_private.h"
#include "runtime/runtime_private.h"
#include "support/runtime.h"
#include "util/random.h"

enum { WORDS = 40, LENGTH = 12, COUNT = 150, RARE = 9 };

static const clt_reading reading = {WORDS, 0, 1, 2, 3, LENGTH, CLT_PRE, CLT_PRE};

/* Texts of 3 to 20 words; label 1 when words 10 .. 19 outnumber words 20 .. 29. The first text
 * alone has the word RARE. */
static clt_dataset *create_task(uint64_t seed)
{
    clt_dataset *task = calloc(1, sizeof *task);
    clt_random random = clt_random_stream(seed, CLT_RANDOM_DEMO, 0);
    *task = (clt_dataset){.count = COUNT, .class_count = 2, .num_words = WORDS};
    task->offsets = calloc(COUNT + 1, sizeof *task->offsets);
    task->labels = calloc(COUNT, sizeof *task->labels);
    task->ids = calloc(COUNT * 20, sizeof *task->ids);
    for (size_t k = 0; k < COUNT; k++) {
        size_t length = 3 + clt_random_below(&random, 18), from = task->offsets[k];
        uint32_t label = clt_random_below(&random, 2);
        for (size_t j = 0; j < length; j++) {
            uint32_t kind = clt_random_below(&random, 8);
            int32_t base = kind == 0 ? (label ? 20 : 10) : kind < 6 ? (label ? 10 : 20) : 30;
            task->ids[from + j] = base + (int32_t)clt_random_below(&random, 10);
        }
        task->labels[k] = (int32_t)label;
        task->offsets[k + 1] = from + length;
    }
    task->ids[task->offsets[1] - 1] = RARE;
    return task;
}

static clt_model *create_model(const char *layers, uint64_t seed)
{
    clt_model *model = NULL;
    clt_error error;
    assert_ok(clt_model_create(layers, &reading, seed, &model, &error));
    return model;
}

static size_t copy_weights(clt_model *model, float *to)
{
    static const char *const names[] = {"embedding.embeddings",  "lstm.kernel",
                                        "lstm.recurrent_kernel", "lstm.bias",
                                        "dense.kernel",          "dense.bias"};
    size_t used = 0;
    for (size_t k = 0; k < 6; k++) {
        size_t count;
        const float *values = clt_model_tensor(model, names[k], &count);
        memcpy(to + used, values, count * sizeof(float));
        used += count;
    }
    return used;
}

typedef struct {
    int begins, steps, ends, stop_at_step;
    clt_progress last;
} seen;

static int watch(void *user, const clt_progress *progress)
{
    seen *s = user;
    s->last = *progress;
    s->begins += progress->event == CLT_PROGRESS_EPOCH_BEGIN;
    s->steps += progress->event == CLT_PROGRESS_STEP;
    s->ends += progress->event == CLT_PROGRESS_EPOCH_END;
    return s->stop_at_step > 0 && s->steps >= s->stop_at_step;
}

/* s NULL: not watched. */
static clt_trainer_config recipe(int32_t batch, int32_t epochs, double learning_rate, seen *s)
{
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    config.batch = batch;
    config.epochs = epochs;
    config.learning_rate = learning_rate;
    config.seed = 3;
    config.progress = s != NULL ? watch : NULL;
    config.user = s;
    return config;
}

/* Trains and returns the status. */
static clt_status train(clt_model *model, const clt_trainer_config *config, clt_history *history,
                        clt_error *error)
{
    clt_trainer *trainer = NULL;
    clt_dataset *task = create_task(1), *other = create_task(2);
    clt_status status = clt_trainer_create(model, clt_test_runtime, config, &trainer, error);
    if (status == CLT_OK) {
        status = clt_trainer_fit(trainer, task, other, error);
        if (history != NULL) {
            const clt_history *h = clt_trainer_history(trainer);
            *history = *h;
            history->epochs = calloc(h->count + 1, sizeof *h->epochs);
            if (h->count > 0) {
                memcpy(history->epochs, h->epochs, h->count * sizeof *h->epochs);
            }
        }
    }
    clt_trainer_destroy(trainer);
    clt_dataset_free(task);
    clt_dataset_free(other);
    return status;
}

static void test_learns(void **state)
{
    (void)state;
    clt_error error;
    clt_history history = {0};
    seen s = {0};
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    clt_trainer_config config = recipe(32, 12, 0.02, &s);
    assert_ok(train(model, &config, &history, &error));
    assert_int_equal(history.count, 12);
    assert_true(history.validated);
    assert_true(history.epochs[11].train.accuracy > 0.9);
    assert_true(history.epochs[11].validation.accuracy > 0.8);
    assert_true(history.epochs[11].train.loss < 0.6 * history.epochs[0].train.loss);
    /* 150 samples in batches of 32: four full ones and one of 22 */
    assert_int_equal(s.begins, 12);
    assert_int_equal(s.steps, 12 * 5);
    assert_int_equal(s.ends, 12);
    assert_int_equal(s.last.steps, 5);
    clt_dataset *other = create_task(2);
    clt_metrics metrics;
    assert_ok(clt_model_evaluate(model, clt_test_runtime, other, 64, &metrics, &error));
    assert_true(fabs(metrics.loss - history.epochs[11].validation.loss) < 1e-6);
    assert_true(metrics.accuracy == history.epochs[11].validation.accuracy);
    clt_dataset_free(other);
    free(history.epochs);
    clt_model_free(model);
}

static void test_layers_learn(void **state)
{
    (void)state;
    static const char *const models[] = {
        "embedding:6,dropout:0.2,lstm:5,dense:1",
        "embedding:6,lstm:5:sequence,dropout:0.1,lstm:4,dropout:0.1,dense:1",
    };
    for (size_t k = 0; k < 2; k++) {
        clt_error error;
        clt_history history = {0};
        clt_model *model = create_model(models[k], 1);
        clt_trainer_config config = recipe(25, 15, 0.02, NULL);
        assert_ok(train(model, &config, &history, &error));
        assert_true(history.epochs[14].validation.accuracy > 0.8);
        free(history.epochs);
        clt_model_free(model);
    }
}

static void test_same_seed_same_bits(void **state)
{
    (void)state;
    static float first[4096], second[4096];
    clt_error error;
    size_t count = 0;
    for (int dropout = 0; dropout < 2; dropout++) {
        const char *layers = dropout ? "embedding:6,dropout:0.3,lstm:5,dropout:0.3,dense:1"
                                     : "embedding:6,lstm:5,dense:1";
        clt_trainer_config config = recipe(32, 2, 0.01, NULL);
        for (int run = 0; run < 2; run++) {
            clt_model *model = create_model(layers, 1);
            assert_ok(train(model, &config, NULL, &error));
            count = copy_weights(model, run == 0 ? first : second);
            clt_model_free(model);
        }
        assert_memory_equal(first, second, count * sizeof(float));
        config.seed = 4; /* another order, other masks */
        clt_model *model = create_model(layers, 1);
        assert_ok(train(model, &config, NULL, &error));
        copy_weights(model, second);
        assert_memory_not_equal(first, second, count * sizeof(float));
        clt_model_free(model);
    }
}

/* Pads before texts computed once: the same bits from run to run, and the same task learnt. */
static void test_prefix(void **state)
{
    (void)state;
    static float weights[3][4096];
    clt_error error;
    clt_history histories[3] = {{0}};
    size_t count = 0;
    for (int run = 0; run < 3; run++) {
        clt_trainer_config config = recipe(32, 4, 0.01, NULL);
        clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
        clt_runtime_force(clt_test_runtime, "prefix", run == 0 ? "off" : "on");
        assert_ok(train(model, &config, &histories[run], &error));
        count = copy_weights(model, weights[run]);
        clt_model_free(model);
    }
    clt_runtime_force(clt_test_runtime, "prefix", NULL);
    assert_memory_equal(weights[1], weights[2], count * sizeof(float));
    if (clt_runtime_is_cpu(clt_test_runtime)) { /* else both runs would be one */
        assert_memory_not_equal(weights[0], weights[1], count * sizeof(float));
    }
    for (size_t k = 0; k < 4; k++) {
        const clt_epoch *off = &histories[0].epochs[k], *on = &histories[1].epochs[k];
        assert_true(fabs(off->train.loss - on->train.loss) < 1e-5);
        assert_true(fabs(off->validation.loss - on->validation.loss) < 1e-5);
    }
    for (int run = 0; run < 3; run++) {
        free(histories[run].epochs);
    }
}

static void test_diverges(void **state)
{
    (void)state;
    static float weights[4096];
    clt_error error;
    clt_history history = {0};
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    clt_trainer_config config = recipe(32, 20, 1e38, NULL);
    assert_fails(train(model, &config, &history, &error), CLT_DIVERGED,
                 "diverged at epoch 1, step");
    size_t count = copy_weights(model, weights);
    for (size_t k = 0; k < count; k++) {
        assert_true(isfinite(weights[k]));
    }
    free(history.epochs);
    clt_model_free(model);
}

/* A NaN that is there from the start is found in the first step, and nothing moves. */
static void test_nan_weights(void **state)
{
    (void)state;
    static float before[4096], after[4096];
    clt_error error;
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    clt_model_tensor(model, "lstm.bias", NULL)[3] = NAN;
    size_t count = copy_weights(model, before);
    clt_trainer_config config = recipe(32, 2, 0.01, NULL);
    assert_fails(train(model, &config, NULL, &error), CLT_DIVERGED, "epoch 1, step 1 of 5");
    copy_weights(model, after);
    assert_memory_equal(before, after, count * sizeof(float));
    clt_model_free(model);
}

/* The weights stay good, so that samples which do not meet the NaN can be learnt after it. */
static void test_fits_again_after_diverging(void **state)
{
    (void)state;
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_dataset *task = create_task(1), others = *task;
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    clt_trainer_config config = recipe(32, 2, 0.01, NULL);
    clt_model_tensor(model, "embedding.embeddings", NULL)[RARE * 6 + 1] = NAN;
    others.offsets++; /* all but the first */
    others.labels++;
    others.count--;
    assert_ok(clt_trainer_create(model, clt_test_runtime, &config, &trainer, &error));
    assert_fails(clt_trainer_fit(trainer, task, NULL, &error), CLT_DIVERGED, "diverged at epoch 1");
    assert_ok(clt_trainer_fit(trainer, &others, NULL, &error));
    assert_int_equal(clt_trainer_history(trainer)->count, 2);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    clt_dataset_free(task);
}

/* Weights and how it ended of a run with a variant of Adam; `poisoned`: the row of the rare word is
 * not a number, so that the step which meets it is bad. */
static size_t train_with(const char *variant, bool poisoned, float *weights, clt_error *error)
{
    clt_model *model = create_model("embedding:19,lstm:5,dense:1", 1);
    clt_trainer_config config = recipe(2, 3, 0.01, NULL);
    if (poisoned) {
        clt_model_tensor(model, "embedding.embeddings", NULL)[RARE * 19 + 7] = NAN;
    }
    clt_runtime_force(clt_test_runtime, "adam", variant);
    (void)!train(model, &config, NULL, error);
    clt_runtime_force(clt_test_runtime, "adam", NULL);
    size_t count = copy_weights(model, weights);
    clt_model_free(model);
    return count;
}

/* Epochs with validation between them, and a run that diverges in mid-epoch, while most words have
 * rested for some steps. */
static void test_lazy_adam_same_bits(void **state)
{
    (void)state;
    static float start[4096], dense[4096], lazy[4096];
    for (int poisoned = 0; poisoned < 2; poisoned++) {
        clt_error dense_error = {0}, lazy_error = {0};
        clt_model *model = create_model("embedding:19,lstm:5,dense:1", 1);
        copy_weights(model, start);
        clt_model_free(model);
        size_t count = train_with("dense", poisoned, dense, &dense_error);
        train_with("lazy", poisoned, lazy, &lazy_error);
        assert_memory_equal(dense, lazy, count * sizeof(float));
        assert_memory_not_equal(dense, start, RARE * 19 * sizeof(float));
        assert_int_equal(dense_error.status, poisoned ? CLT_DIVERGED : CLT_OK);
        assert_string_equal(dense_error.message, lazy_error.message);
        if (poisoned) {
            assert_non_null(strstr(dense_error.message, "diverged at epoch 1, step 14 of 75"));
        }
    }
}

static void test_stops(void **state)
{
    (void)state;
    static float before[4096], after[4096];
    clt_error error;
    clt_history history = {0};
    seen s = {.stop_at_step = 7};
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    size_t count = copy_weights(model, before);
    clt_trainer_config config = recipe(32, 20, 0.01, &s);
    assert_fails(train(model, &config, &history, &error), CLT_STOPPED,
                 "stopped at epoch 2, step 2");
    assert_int_equal(s.steps, 7);
    assert_int_equal(history.count, 1); /* complete epochs only */
    copy_weights(model, after);
    assert_memory_not_equal(before, after, count * sizeof(float));
    free(history.epochs);
    clt_model_free(model);
}

static void test_refused(void **state)
{
    (void)state;
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    const struct {
        clt_trainer_config config;
        const char *part;
    } cases[] = {
        {recipe(0, 5, 0.001, NULL), "batch 0"},
        {recipe(128, -1, 0.001, NULL), "epochs -1"},
        {recipe(128, 5, 0.0, NULL), "learning rate 0"},
        {recipe(128, 5, NAN, NULL), "learning rate"},
        {recipe(128, 5, 1e39, NULL), "learning rate 1e+39"},
        {recipe(128, 5, 1e-60, NULL), "learning rate 1e-60"},
        {recipe(INT32_MAX, 5, 0.001, NULL), "positions in all"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_fails(
            clt_trainer_create(model, clt_test_runtime, &cases[k].config, &trainer, &error),
            CLT_USAGE, cases[k].part);
    }
    clt_dataset *task = create_task(1);
    task->num_words = WORDS + 1;
    assert_ok(clt_trainer_create(model, clt_test_runtime, NULL, &trainer, &error));
    assert_fails(clt_trainer_fit(trainer, task, NULL, &error), CLT_USAGE, "ids up to 40");
    clt_trainer_destroy(trainer);
    clt_dataset_free(task);
    float probabilities[2];
    const char *text = "good";
    assert_fails(clt_model_predict_text(model, clt_test_runtime, &text, 1, probabilities, &error),
                 CLT_INPUT, "no words to read text with");
    clt_model_free(model);
}

/* Numbers that are none of an enumeration's. */
static void test_unknown_kinds(void **state)
{
    clt_trainer_config wrong[5];
    static const char *const parts[] = {"optimizer is 3: 0 to 2", "clip.kind is 4",
                                        "schedule.kind is -1: 0 to 3", "monitor is 5"};
    clt_error error;
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        wrong[k] = recipe(128, 5, 0.001, NULL);
    }
    wrong[0].optimizer = (clt_optimizer_kind)3;
    wrong[1].clip.kind = (clt_clip_kind)4;
    wrong[2].schedule.kind = (clt_schedule_kind)-1;
    wrong[3].monitor = (clt_metric)5;
    for (size_t k = 0; k < 4; k++) {
        assert_fails(clt_trainer_check(&wrong[k], &error), CLT_USAGE, parts[k]);
    }
    assert_ok(clt_trainer_check(&wrong[4], &error));
    assert_ok(clt_trainer_check(NULL, &error));
}

/* A step that is far too long leaves weights whose logits are no numbers. */
static void test_report_of_nonsense(void **state)
{
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_report *report = NULL;
    clt_dataset *task = create_task(1);
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 1);
    clt_trainer_config config = recipe((int32_t)task->count, 1, 3e38, NULL);
    (void)state;
    assert_ok(clt_trainer_create(model, clt_test_runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, task, NULL, &error));
    assert_fails(clt_trainer_report(trainer, task, &report, &error), CLT_DIVERGED,
                 "the model's output for sample 0 is ");
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    clt_dataset_free(task);
}

/* Nothing of these is allocated before they are refused. */
static void test_too_large(void **state)
{
    static const struct {
        const char *layers;
        int32_t words, batch, maxlen;
        const char *part;
    } cases[] = {
        {"embedding:65536,lstm:2,dense:1", 1 << 24, 128, 129, "a gradient of 1082130432 numbers"},
        {"embedding:65536,lstm:2,dense:1", (1 << 14) + 1, 65536, 2, "1073807360 numbers"},
        {"embedding:65536,lstm:2048:bidirectional,dense:1", 10, 1, 1, "1107"},
        {"embedding:1,lstm:1,dense:1", 10, 65536, 65536, "a batch of 65536 samples x 65536"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_trainer *trainer = NULL;
        clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
        clt_model model = {.text = (char *)(size_t)cases[k].layers};
        config.batch = cases[k].batch;
        model.reading.maxlen = cases[k].maxlen;
        assert_ok(clt_layers_parse(cases[k].layers, cases[k].words, &model.layers, &error));
        assert_fails(clt_trainer_create(&model, clt_test_runtime, &config, &trainer, &error),
                     CLT_USAGE, cases[k].part);
    }
}

static void test_predict_text(void **state)
{
    (void)state;
    static const char words[] = "the\0film\0was\0good\0bad";
    clt_error error;
    clt_vocabulary *vocabulary = NULL;
    clt_model *model = create_model("embedding:6,lstm:5,dense:1", 9);
    assert_ok(clt_vocabulary_create(words, sizeof words, 5, &vocabulary, &error));
    assert_ok(clt_model_set_vocabulary(model, vocabulary, &error));
    clt_vocabulary_free(vocabulary);
    const char *const texts[] = {"The film was GOOD!", "the film<br />was (good)", "", "bad bad"};
    float p[4][2], again[2];
    assert_ok(clt_model_predict_text(model, clt_test_runtime, texts, 4, p[0], &error));
    assert_memory_equal(p[0], p[1], sizeof p[0]);
    assert_true(p[0][1] != p[3][1] && p[0][1] > 0.0f && p[0][1] < 1.0f);
    assert_true(fabsf(p[0][0] + p[0][1] - 1.0f) < 1e-6f);
    /* a text's probability has the same bits whatever else is in the batch */
    assert_ok(clt_model_predict_text(model, clt_test_runtime, &texts[3], 1, again, &error));
    assert_memory_equal(p[3], again, sizeof again);
    clt_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_layers_learn),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_diverges),
        cmocka_unit_test(test_fits_again_after_diverging),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_nan_weights),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_report_of_nonsense),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_predict_text),
        cmocka_unit_test(test_lazy_adam_same_bits),
    };
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
