/* 2,000 real reviews, 2 epochs in batches of 32, the tutorial's network, from the file named by
 * CLTRAIN_DATA (an imdb.npz); skipped when that is not set. */
#include "support/test.h"

#include <stdlib.h>

#include "cltrain/trainer.h"

#define SKIPPED 77 /* CTest's SKIP_RETURN_CODE for these programs */

/* Keras 3.15 on JAX, the same samples and sizes, seeds 1 to 5 (tools/make_golden.py --end-to-end):
 * the second epoch's loss is .3325 .3244 .3518 .2942 .3990, mean .340, deviation .039, and its
 * accuracy .8425 to .8820. The limits are three deviations worse than the mean. An untrained
 * network is at .693 and .5. */
#define LOSS_LIMIT 0.46
#define ACCURACY_LIMIT 0.82

static void test_learns(void **state)
{
    (void)state;
    clt_error error;
    clt_reading reading = CLT_READING_DEFAULT;
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    clt_runtime_config device = CLT_RUNTIME_CONFIG_DEFAULT;
    clt_dataset *train;
    clt_runtime *runtime;
    clt_model *model;
    clt_trainer *trainer;
    device.device = getenv("CLTRAIN_TEST_DEVICE");
    device.device = device.device != NULL ? device.device : "cpu";
    config.batch = 32;
    config.epochs = 2;
    assert_ok(clt_dataset_open_npz(getenv("CLTRAIN_DATA"), &reading, 0, 113, &train, NULL, &error));
    assert_int_equal(train->count, 25000);
    clt_dataset first = *train;
    first.count = 2000;
    assert_ok(clt_runtime_create(&device, &runtime, &error));
    assert_ok(clt_model_create(CLT_MODEL_DEFAULT, &reading, 1, &model, &error));
    assert_ok(clt_trainer_create(model, runtime, &config, &trainer, &error));
    assert_ok(clt_trainer_fit(trainer, &first, NULL, &error));
    const clt_history *history = clt_trainer_history(trainer);
    assert_int_equal(history->count, 2);
    clt_metrics last = history->epochs[1].train;
    print_message("loss %.4f (Keras .340), accuracy %.4f (Keras .865)\n", last.loss, last.accuracy);
    assert_true(last.loss <= LOSS_LIMIT); /* false for NaN */
    assert_true(last.accuracy >= ACCURACY_LIMIT);
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    clt_runtime_destroy(runtime);
    clt_dataset_free(train);
}

int main(void)
{
    const char *data = getenv("CLTRAIN_DATA");
    if (data == NULL || data[0] == '\0') {
        print_message("skipped: CLTRAIN_DATA does not name an imdb.npz\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_learns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
