/* Schedules, early stopping and the plateau against Keras's (tools/make_golden.py, make_control).
 */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/safetensors.h"
#include "train/control.h"

static clt_safetensors file;

/* The values of GROUP/K/NAME; NULL: there is no such case. */
static const void *values_of(const char *group, int k, const char *name, size_t *count)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%d/%s", group, k, name);
    const clt_stored_tensor *tensor = clt_safetensors_find(&file, path);
    if (count != NULL && tensor != NULL) {
        *count = (size_t)tensor->shape[0];
    }
    return tensor != NULL ? tensor->data : NULL;
}

static void assert_rate(double ours, float keras)
{
    /* Keras computes in float, and near its end a cosine cancels. */
    if (!(fabs(ours - (double)keras) <= 1e-6 * (double)keras + 1e-9)) {
        fail_msg("%.9g, not %.9g", ours, (double)keras);
    }
}

static void test_schedules(void **state)
{
    const int32_t *shape;
    int k = 0;
    (void)state;
    for (; (shape = values_of("schedules", k, "shape", NULL)) != NULL; k++) {
        size_t steps = 0;
        const float *rates = values_of("schedules", k, "rates", &steps);
        const double *factor = values_of("schedules", k, "factor", NULL);
        const double *rate = values_of("schedules", k, "rate", NULL);
        clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
        clt_control control;
        config.learning_rate = *rate;
        config.epochs = shape[4];
        config.schedule.kind = shape[0] == 1 ? CLT_SCHEDULE_COSINE : CLT_SCHEDULE_STEP;
        config.schedule.epochs = shape[1];
        config.schedule.factor = *factor;
        config.schedule.warmup = shape[2];
        clt_control_begin(&config, &control);
        assert_int_equal(steps, shape[3] * shape[4]);
        for (size_t step = 0; step < steps; step++) {
            assert_rate(clt_control_rate(&config, &control, step, (uint64_t)shape[3]), rates[step]);
        }
    }
    assert_int_equal(k, 5);
}

static void test_callbacks(void **state)
{
    const int32_t *shape;
    int k = 0;
    (void)state;
    for (; (shape = values_of("fits", k, "shape", NULL)) != NULL; k++) {
        size_t count = 0, ran = 0;
        const double *values = values_of("fits", k, "values", &count);
        const double *numbers = values_of("fits", k, "numbers", NULL);
        const float *rates = values_of("fits", k, "rates", &ran);
        const int32_t *best = values_of("fits", k, "best", NULL);
        clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
        clt_control control;
        int32_t kept = -1;
        size_t epoch = 0;
        config.monitor = (clt_metric)shape[0];
        config.patience = shape[1];
        config.min_delta = numbers[0];
        config.learning_rate = numbers[2];
        config.schedule.kind = CLT_SCHEDULE_PLATEAU;
        config.schedule.epochs = shape[2];
        config.schedule.factor = numbers[1];
        clt_control_begin(&config, &control);
        for (; epoch < count && !clt_control_stops(&config, &control); epoch++) {
            const clt_epoch row = {.train = {9.0, values[epoch]},
                                   .validation = {values[epoch], 9.0}};
            assert_rate(clt_control_rate(&config, &control, 7 * epoch, 7), rates[epoch]);
            if (clt_control_end_epoch(&config, &row, (int32_t)epoch, true, &control)) {
                kept = (int32_t)epoch;
            }
        }
        assert_int_equal(epoch, ran);
        assert_int_equal(kept, *best);
        assert_int_equal(control.best_epoch, *best);
    }
    assert_int_equal(k, 8);
}

static int open_file(void **state)
{
    clt_error error;
    (void)state;
    return clt_safetensors_open(CLT_SOURCE_DIR "/tests/golden/fixtures/control.safetensors", &file,
                                &error) != CLT_OK;
}

static int close_file(void **state)
{
    (void)state;
    clt_safetensors_close(&file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedules),
                                       cmocka_unit_test(test_callbacks)};
    return cmocka_run_group_tests(tests, open_file, close_file);
}
