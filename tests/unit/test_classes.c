/* More than two classes: a softmax learns them, its probabilities agree with its metrics, a tie is
 * the first class's, and labels that a model has no output for are refused. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/trainer.h"
#include "model/network.h"
#include "support/runtime.h"
#include "util/random.h"

enum { CLASSES = 3, COUNT = 150, LENGTH_MAX = 12, WORDS = 40, LENGTH = 10 };

static const clt_reading reading = {WORDS, 0, 1, 2, 3, LENGTH, CLT_PRE, CLT_PRE};
static size_t offsets[COUNT + 1];
static int32_t ids[COUNT * LENGTH_MAX], labels[COUNT];

/* Texts whose words are mostly from the ten of their class. */
static clt_dataset make_task(void)
{
    clt_random random = clt_random_stream(1, CLT_RANDOM_DEMO, 0);
    for (size_t k = 0; k < COUNT; k++) {
        labels[k] = (int32_t)(k % CLASSES);
        offsets[k + 1] = offsets[k] + 3 + clt_random_below(&random, LENGTH_MAX - 2);
        for (size_t j = offsets[k]; j < offsets[k + 1]; j++) {
            uint32_t base = clt_random_below(&random, 4) > 0 ? 10 * (uint32_t)labels[k] : 30;
            ids[j] = (int32_t)(base + clt_random_below(&random, 10));
        }
    }
    return (clt_dataset){COUNT, offsets, ids, labels, CLASSES, WORDS, false};
}

static clt_model *create_model(const char *layers)
{
    clt_model *model = NULL;
    clt_error error;
    assert_ok(clt_model_create(layers, &reading, 1, &model, &error));
    return model;
}

static clt_status train(clt_model *model, const clt_dataset *task, const clt_dataset *validation,
                        int32_t epochs, clt_epoch *last, clt_error *error)
{
    clt_trainer *trainer = NULL;
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    config.batch = 32;
    config.epochs = epochs;
    config.learning_rate = 0.02;
    clt_status status = clt_trainer_create(model, clt_test_runtime, &config, &trainer, error);
    if (status == CLT_OK) {
        status = clt_trainer_fit(trainer, task, validation, error);
    }
    if (status == CLT_OK && last != NULL) {
        *last = clt_trainer_history(trainer)->epochs[epochs - 1];
    }
    clt_trainer_destroy(trainer);
    return status;
}

static void test_learns(void **state)
{
    (void)state;
    clt_error error;
    clt_epoch last = {.seconds = 0.0};
    clt_metrics metrics;
    clt_model *model = create_model("embedding:6,lstm:8,dense:3");
    clt_dataset task = make_task(), unlabelled = task;
    assert_ok(train(model, &task, &task, 12, &last, &error));
    assert_true(last.train.accuracy > 0.9 && last.validation.accuracy > 0.9);
    assert_ok(clt_model_evaluate(model, clt_test_runtime, &task, 64, &metrics, &error));
    assert_true(metrics.accuracy == last.validation.accuracy);
    assert_true(fabs(metrics.loss - last.validation.loss) < 1e-6);

    /* what the probabilities say is what evaluate counted */
    static float p[COUNT][CLASSES];
    double loss = 0.0;
    size_t hits = 0;
    unlabelled.labels = NULL;
    assert_int_equal(clt_model_class_count(model), CLASSES);
    assert_ok(clt_model_predict(model, clt_test_runtime, &unlabelled, 64, p[0], &error));
    for (size_t k = 0; k < COUNT; k++) {
        assert_true(fabsf(p[k][0] + p[k][1] + p[k][2] - 1.0f) < 1e-6f);
        loss -= log(p[k][labels[k]]) / COUNT;
        hits += p[k][labels[k]] > 0.5f;
    }
    assert_true(fabs(loss - metrics.loss) < 1e-5);
    assert_in_range(hits, (size_t)(0.85 * COUNT), (size_t)(metrics.accuracy * COUNT + 0.5));
    clt_model_free(model);
}

/* Weights of zero make all classes equally likely: the first one counts, log(N) is lost. */
static void test_ties(void **state)
{
    (void)state;
    static const char *const layers[] = {"embedding:6,lstm:8,dense:1", "embedding:6,lstm:8,dense:3",
                                         "embedding:6,lstm:8,dense:7"};
    clt_dataset task = make_task();
    for (size_t k = 0; k < sizeof layers / sizeof *layers; k++) {
        clt_error error;
        clt_metrics metrics;
        clt_model *model = create_model(layers[k]);
        size_t count, zeros = 0;
        float *kernel = clt_model_tensor(model, "dense.kernel", &count);
        memset(kernel, 0, count * sizeof *kernel);
        int32_t classes = clt_model_class_count(model);
        task.class_count = classes < CLASSES ? classes : CLASSES;
        for (size_t j = 0; j < COUNT; j++) {
            labels[j] = (int32_t)j % task.class_count;
            zeros += labels[j] == 0;
        }
        assert_ok(clt_model_evaluate(model, clt_test_runtime, &task, 64, &metrics, &error));
        assert_true(fabs(metrics.loss - log(classes)) < 1e-6);
        assert_true(metrics.accuracy == (double)zeros / COUNT);
        clt_model_free(model);
    }
}

static void test_refused(void **state)
{
    (void)state;
    clt_error error;
    clt_metrics metrics;
    clt_dataset task = make_task(), two = task;
    clt_model *model = create_model("embedding:6,lstm:8,dense:1");
    const char *message = "3 classes, but dense:1 tells 2 apart; end the model with dense:3";
    two.class_count = 2;
    two.count = 2; /* labels 0 and 1 */
    assert_fails(train(model, &task, NULL, 1, NULL, &error), CLT_INPUT, message);
    assert_fails(train(model, &two, &task, 1, NULL, &error), CLT_INPUT, message);
    assert_fails(clt_model_evaluate(model, clt_test_runtime, &task, 64, &metrics, &error),
                 CLT_INPUT, message);
    two.count = 3;
    assert_fails(train(model, &two, NULL, 1, NULL, &error), CLT_USAGE,
                 "sample 2 has label 2, of 2 classes");
    labels[1] = -1;
    assert_fails(train(model, &two, NULL, 1, NULL, &error), CLT_USAGE,
                 "sample 1 has label -1, of 2 classes");
    two.labels = NULL;
    assert_fails(train(model, &two, NULL, 1, NULL, &error), CLT_USAGE, "no labels");
    clt_model_free(model);

    task = make_task();
    task.class_count = 5;
    model = create_model("embedding:6,lstm:8,dense:3");
    assert_fails(train(model, &task, NULL, 1, NULL, &error), CLT_INPUT,
                 "5 classes, but dense:3 tells 3 apart; end the model with dense:5");
    clt_model_free(model);
}

/* One output that is not a number is found by training, validation, evaluation and prediction. */
static void test_diverges(void **state)
{
    (void)state;
    clt_error error;
    clt_metrics metrics;
    static float p[COUNT][CLASSES];
    clt_dataset task = make_task();
    clt_model *model = create_model("embedding:6,lstm:8,dense:3");
    clt_model_tensor(model, "dense.bias", NULL)[1] = NAN;
    assert_fails(train(model, &task, NULL, 1, NULL, &error), CLT_DIVERGED, "epoch 1, step 1 of");
    assert_fails(clt_model_evaluate(model, clt_test_runtime, &task, 64, &metrics, &error),
                 CLT_DIVERGED, "output for sample 0");
    assert_fails(clt_model_predict(model, clt_test_runtime, &task, 64, p[0], &error), CLT_DIVERGED,
                 "output for sample 0");
    clt_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_diverges),
    };
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
