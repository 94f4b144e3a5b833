/* A network whose embedding leaves out whole words is, to the bit, the same network without that
 * over a table with these words' rows zeroed and the others scaled. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "model/network.h"
#include "support/runtime.h"
#include "util/random.h"

enum { BATCH = 24, WORDS = 300, FEATURES = 17, SEED = 7, STEP = 5 };
static const double rate = 0.3;
static const clt_reading reading = {WORDS, 0, 1, 2, 3, 20, CLT_PRE, CLT_PRE};

typedef struct result {
    float logits[BATCH], drows[WORDS * FEATURES];
    int row_count;
} result;

static float factor_of(int32_t id)
{
    uint32_t word = clt_dropout_word(SEED, 0, STEP, (uint32_t)id, 0, 0);
    return id == 0 ? 1.0f : word < clt_dropout_threshold(rate) ? 0.0f : (float)(1.0 / (1.0 - rate));
}

/* Forward and back from the logits as their own gradients. */
static void run(const clt_model *model, const clt_batch *batch, bool train, result *r)
{
    clt_error error;
    clt_network *network;
    const clt_limits limits = {BATCH, reading.maxlen, train};
    assert_ok(clt_network_create(clt_test_runtime, model, &limits, SEED, NULL, &network, &error));
    const clt_network_state *state = clt_network_state_of(network);
    assert_ok(clt_network_upload(network, batch, &error));
    assert_ok(clt_network_forward(network, STEP, &error));
    assert_ok(
        clt_buffer_read(clt_test_runtime, state->logits, 0, sizeof r->logits, r->logits, &error));
    if (train) {
        assert_ok(clt_buffer_write(clt_test_runtime, state->dlogits, 0, sizeof r->logits, r->logits,
                                   &error));
        assert_ok(clt_network_backward(network, &error));
        r->row_count = state->row_count;
        assert_ok(clt_buffer_read(clt_test_runtime, state->drows, 0,
                                  (size_t)r->row_count * FEATURES * sizeof *r->drows, r->drows,
                                  &error));
    }
    clt_network_destroy(network);
}

static void check_model(const char *with, const char *without)
{
    clt_error error;
    clt_model *model, *plain;
    clt_dataset *samples;
    clt_batch batch;
    uint32_t order[BATCH];
    result *got = calloc(1, sizeof *got), *want = calloc(1, sizeof *want);
    assert_non_null(got);
    assert_non_null(want);
    assert_ok(clt_dataset_open_demo(BATCH, &reading, 1, &samples, NULL, NULL, &error));
    assert_ok(clt_model_create(with, &reading, 1, &model, &error));
    assert_ok(clt_model_create(without, &reading, 1, &plain, &error));
    assert_ok(clt_batch_create(BATCH, reading.maxlen, &batch, &error));
    for (uint32_t k = 0; k < BATCH; k++) {
        order[k] = k;
    }
    clt_batch_fill(&batch, samples, &reading, order, BATCH);
    run(model, &batch, false, got); /* nothing falls out of an inference */
    run(plain, &batch, false, want);
    assert_memory_equal(got->logits, want->logits, sizeof got->logits);

    float *table = clt_model_tensor(plain, "embedding.embeddings", NULL);
    for (int32_t k = 0; k < WORDS * FEATURES; k++) {
        table[k] *= factor_of(k / FEATURES);
    }
    run(model, &batch, true, got);
    run(plain, &batch, true, want);
    assert_memory_equal(got->logits, want->logits, sizeof got->logits);
    assert_int_equal(got->row_count, batch.row_count);
    int dropped = 0;
    for (int u = 0; u < batch.row_count; u++) {
        float factor = factor_of(batch.unique[u]);
        for (int d = 0; d < FEATURES; d++) {
            assert_true(got->drows[u * FEATURES + d] == want->drows[u * FEATURES + d] * factor);
        }
        dropped += factor == 0.0f;
    }
    assert_true(dropped > 5 && dropped < batch.row_count / 2);
    clt_batch_destroy(&batch);
    clt_dataset_free(samples);
    clt_model_free(model);
    clt_model_free(plain);
    free(got);
    free(want);
}

static void test_words_fall_out(void **state)
{
    (void)state;
    check_model("embedding:17:dropout=0.3,lstm:6,dense:1", "embedding:17,lstm:6,dense:1");
    check_model(
        "embedding:17:dropout=0.3,dropout:0.2,lstm:6:bidirectional:sequence,pool:max,dense:1",
        "embedding:17,dropout:0.2,lstm:6:bidirectional:sequence,pool:max,dense:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words_fall_out)};
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
