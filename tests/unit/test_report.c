/* The report on logits against scikit-learn's values for the same (fixtures/make_report.py), the
 * order of its mistakes, and one on a model. */
#include "support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "model/outputs.h"
#include "support/runtime.h"

static json_t *cases;

static double number(const json_t *object, const char *key, size_t index)
{
    const json_t *value = json_object_get(object, key);
    return json_number_value(json_is_array(value) ? json_array_get(value, index) : value);
}

static void assert_near(double ours, double theirs)
{
    assert_true(fabs(ours - theirs) < 1e-12);
}

/* The logits and labels of a case; freed by the caller. */
static size_t read_case(const json_t *one, float **logits, int32_t **labels)
{
    size_t count = json_array_size(json_object_get(one, "labels"));
    size_t values = json_array_size(json_object_get(one, "logits"));
    *logits = calloc(values, sizeof **logits);
    *labels = calloc(count, sizeof **labels);
    assert_true(*logits != NULL && *labels != NULL);
    for (size_t k = 0; k < values; k++) {
        (*logits)[k] = (float)number(one, "logits", k);
    }
    for (size_t k = 0; k < count; k++) {
        (*labels)[k] = (int32_t)number(one, "labels", k);
    }
    return count;
}

static void check_mean(const json_t *one, const char *key, const clt_scores *mean, size_t count)
{
    assert_near(mean->precision, number(one, key, 0));
    assert_near(mean->recall, number(one, key, 1));
    assert_near(mean->f1, number(one, key, 2));
    assert_int_equal(mean->support, count);
}

/* Every mistake is there once, and none is more confident than the one before. */
static void check_mistakes(const clt_report *report, const int32_t *labels)
{
    size_t classes = (size_t)report->class_count, expected = 0;
    bool *seen = calloc(report->count, sizeof *seen);
    assert_non_null(seen);
    for (size_t k = 0; k < report->count; k++) {
        expected += report->predicted[k] != labels[k];
    }
    assert_int_equal(report->mistake_count, expected);
    for (size_t k = 0; k < expected; k++) {
        size_t sample = report->mistakes[k], before = report->mistakes[k > 0 ? k - 1 : 0];
        assert_true(report->predicted[sample] != labels[sample] && !seen[sample]);
        seen[sample] = true;
        float told = report->probabilities[sample * classes + (size_t)report->predicted[sample]];
        assert_true(told <=
                    report->probabilities[before * classes + (size_t)report->predicted[before]]);
    }
    free(seen);
}

static void check_case(const json_t *one)
{
    clt_error error;
    clt_report *report = NULL;
    float *logits;
    int32_t *labels;
    int outputs = (int)number(one, "outputs", 0);
    size_t count = read_case(one, &logits, &labels);
    assert_ok(clt_report_create(logits, outputs, labels, count, &report, &error));
    size_t classes = (size_t)report->class_count;
    assert_int_equal(classes, outputs == 1 ? 2 : outputs);
    assert_near(report->metrics.accuracy, number(one, "accuracy", 0));
    assert_near(report->metrics.loss, number(one, "loss", 0));
    for (size_t c = 0; c < classes; c++) {
        assert_near(report->classes[c].precision, number(one, "precision", c));
        assert_near(report->classes[c].recall, number(one, "recall", c));
        assert_near(report->classes[c].f1, number(one, "f1", c));
        assert_int_equal(report->classes[c].support, number(one, "support", c));
    }
    for (size_t k = 0; k < classes * classes; k++) {
        assert_int_equal(report->confusion[k], number(one, "confusion", k));
    }
    check_mean(one, "macro", &report->macro, count);
    check_mean(one, "weighted", &report->weighted, count);
    if (json_object_get(one, "roc_auc") != NULL) {
        assert_near(report->roc_auc, number(one, "roc_auc", 0));
    } else {
        assert_true(isnan(report->roc_auc));
    }
    check_mistakes(report, labels);
    clt_report_free(report);
    free(logits);
    free(labels);
}

static void test_scikit_learn(void **state)
{
    (void)state;
    assert_true(json_array_size(cases) >= 7);
    for (size_t k = 0; k < json_array_size(cases); k++) {
        check_case(json_array_get(cases, k));
    }
}

/* All scores equal are a coin's, a perfect order is 1 and its reverse 0, whatever the threshold. */
static void test_area(void **state)
{
    (void)state;
    static const struct {
        float logits[4];
        double area;
    } areas[] = {
        {{2.0f, 2.0f, 2.0f, 2.0f}, 0.5},     {{5.0f, 6.0f, 7.0f, 8.0f}, 1.0},
        {{8.0f, 7.0f, 6.0f, 5.0f}, 0.0},     {{0.0f, 1.0f, 1.0f, 2.0f}, 0.875},
        {{30.0f, 40.0f, 50.0f, 60.0f}, 1.0}, /* probabilities are 1 to the last bit */
    };
    const int32_t labels[] = {0, 0, 1, 1};
    for (size_t k = 0; k < sizeof areas / sizeof *areas; k++) {
        clt_error error;
        clt_report *report = NULL;
        assert_ok(clt_report_create(areas[k].logits, 1, labels, 4, &report, &error));
        assert_true(report->roc_auc == areas[k].area);
        clt_report_free(report);
    }
}

/* Where probabilities are 1 to the last bit, what is left for the label decides; then the sample's
 * number does. */
static void test_order_of_mistakes(void **state)
{
    (void)state;
    clt_error error;
    clt_report *report = NULL;
    const float logits[] = {30.0f, -1.0f, 40.0f, 5.0f, 40.0f, -2.0f, 9.0f};
    const int32_t labels[] = {0, 1, 0, 1, 0, 1, 1};
    const size_t want[] = {2, 4, 0, 5, 1};
    assert_ok(clt_report_create(logits, 1, labels, 7, &report, &error));
    assert_int_equal(report->mistake_count, 5);
    assert_memory_equal(report->mistakes, want, sizeof want);
    clt_report_free(report);
}

/* On a model: what predict and evaluate say. */
static void test_model(void **state)
{
    (void)state;
    static const char *const layers[] = {"embedding:4,lstm:3,dense:1",
                                         "embedding:4,lstm:3,dense:4"};
    enum { COUNT = 30 };
    clt_error error;
    clt_runtime *runtime = NULL;
    clt_dataset *samples = NULL;
    clt_reading reading = CLT_READING_DEFAULT;
    reading.num_words = 500;
    reading.maxlen = 10;
    assert_ok(clt_dataset_open_demo(COUNT, &reading, 1, &samples, NULL, NULL, &error));
    assert_int_equal(clt_test_runtime_open(&runtime), 0);
    for (size_t k = 0; k < 2; k++) {
        clt_model *model = NULL;
        clt_report *report = NULL;
        clt_metrics metrics;
        float probabilities[COUNT * 4];
        assert_ok(clt_model_create(layers[k], &reading, 3, &model, &error));
        assert_ok(clt_model_report(model, runtime, samples, 7, &report, &error));
        assert_ok(clt_model_evaluate(model, runtime, samples, 7, &metrics, &error));
        assert_ok(clt_model_predict(model, runtime, samples, 7, probabilities, &error));
        assert_true(report->metrics.loss == metrics.loss);
        assert_true(report->metrics.accuracy == metrics.accuracy);
        assert_int_equal(report->class_count, clt_model_class_count(model));
        assert_memory_equal(report->probabilities, probabilities,
                            COUNT * (size_t)report->class_count * sizeof *probabilities);
        clt_report_free(report);
        samples->class_count = 9;
        report = NULL;
        assert_fails(clt_model_report(model, runtime, samples, 7, &report, &error), CLT_INPUT,
                     "9 classes");
        assert_null(report);
        samples->class_count = 2;
        clt_model_free(model);
    }
    clt_dataset_free(samples);
    clt_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scikit_learn),
        cmocka_unit_test(test_area),
        cmocka_unit_test(test_order_of_mistakes),
        cmocka_unit_test(test_model),
    };
    json_error_t error;
    cases = json_load_file(CLT_SOURCE_DIR "/tests/unit/fixtures/report.json", 0, &error);
    if (cases == NULL) {
        print_error("report.json: %s\n", error.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(cases);
    return failed;
}
