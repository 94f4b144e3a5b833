/* What a training step and a batch of an evaluation cost on the host: OpenCL calls, counted by the
 * layer, and allocations of the library, counted where the linker wraps them. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "cltrain/trainer.h"
#include "layer/layer.h"
#include "model/network.h"
#include "support/runtime.h"

enum { BATCH = 16, STEPS = 6, EPOCHS = 2 };

static const clt_reading reading = {60, 0, 1, 2, 3, 400, CLT_PRE, CLT_PRE};

/* ---- counting -------------------------------------------------------------------------------- */

static unsigned long allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

/* The loader's thread allocates, too. */
static void count_allocation(void)
{
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *__wrap_malloc(size_t bytes)
{
    count_allocation();
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    count_allocation();
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    count_allocation();
    return __real_realloc(memory, bytes);
}

/* What is counted. The first ones may be called, every other call is one too many. */
static const char *const names[] = {
    "clEnqueueNDRangeKernel",
    "clSetKernelArg",
    "clEnqueueWriteBuffer", /* the batch */
    "clEnqueueReadBuffer",  /* the record, or the logits */
    "clWaitForEvents",      /* of the step before */
    "clReleaseEvent",
    "clFlush",
    "clEnqueueFillBuffer", /* the gradients */
    "call",
    "event",
    "wait",
    "same argument",
    "allocations",
};
enum { ALLOWED = 8, CALLS = ALLOWED, EVENTS, WAITS, SAME, ALLOCATIONS, COUNTS };

typedef struct counts {
    unsigned long of[COUNTS];
} counts;

static counts count_now(void)
{
    counts now;
    for (int k = 0; k < ALLOCATIONS; k++) {
        now.of[k] = clt_layer_count(names[k]);
    }
    now.of[ALLOCATIONS] = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    return now;
}

static counts difference(const counts *a, const counts *b)
{
    counts d;
    for (int k = 0; k < COUNTS; k++) {
        d.of[k] = a->of[k] - b->of[k];
    }
    return d;
}

/* What `steps` steps spent: at most limits[k] calls of names[k] each, nothing else, one event for
 * the record, and no argument set twice. */
static void check(const counts *spent, unsigned long steps, const unsigned long *limits)
{
    unsigned long listed = 0;
    for (int k = 0; k < ALLOWED; k++) {
        listed += spent->of[k];
        if (spent->of[k] > steps * limits[k]) {
            fail_msg("%s: %lu calls in %lu steps, at most %lu a step are right", names[k],
                     spent->of[k], steps, limits[k]);
        }
    }
    assert_int_equal(spent->of[CALLS], listed);
    assert_int_equal(spent->of[EVENTS], steps);
    assert_int_equal(spent->of[WAITS], 0);
    assert_int_equal(spent->of[SAME], 0);
    assert_int_equal(spent->of[ALLOCATIONS], 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

typedef struct seen {
    int steps;
    counts after[EPOCHS * STEPS]; /* each step */
} seen;

static int watch(void *user, const clt_progress *progress)
{
    seen *s = user;
    if (progress->event == CLT_PROGRESS_STEP) {
        s->after[s->steps++] = count_now();
    }
    return 0;
}

static clt_dataset *create_samples(size_t count)
{
    clt_error error;
    clt_dataset *train = NULL;
    assert_ok(clt_dataset_open_demo(count, &reading, 1, &train, NULL, NULL, &error));
    return train;
}

/* The report of step n comes after step n + 1 was queued, but for an epoch's last. */
static void check_training(const char *layers, const unsigned long *limits)
{
    clt_error error;
    seen s = {0};
    clt_model *model = NULL;
    clt_trainer *trainer = NULL;
    clt_dataset *samples = create_samples(BATCH * STEPS);
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    config.batch = BATCH;
    config.epochs = EPOCHS;
    config.progress = watch;
    config.user = &s;
    assert_ok(clt_model_create(layers, &reading, 1, &model, &error));
    unsigned long before = allocations, buffers = clt_layer_count("clCreateBuffer");
    assert_ok(clt_trainer_create(model, clt_test_runtime, &config, &trainer, &error));
    assert_true(allocations > before && clt_layer_count("clCreateBuffer") > buffers);
    assert_ok(clt_trainer_fit(trainer, samples, NULL, &error));
    assert_int_equal(s.steps, EPOCHS * STEPS);
    for (int k = 1; k < s.steps; k++) {
        if (k % STEPS != 0 && k % STEPS != STEPS - 1) {
            counts spent = difference(&s.after[k], &s.after[k - 1]);
            check(&spent, 1, limits);
        }
    }
    clt_trainer_destroy(trainer);
    clt_dataset_free(samples);
    clt_model_free(model);
}

static void test_training(void **state)
{
    (void)state;
    static const unsigned long tutorial[ALLOWED] = {25, 15, 1, 1, 1, 1, 1, 1};
    static const unsigned long larger[ALLOWED] = {42, 26, 1, 1, 1, 1, 1, 1};
    static const unsigned long frozen[ALLOWED] = {23, 15, 1, 1, 1, 1, 1, 1};
    static const unsigned long both[ALLOWED] = {36, 10, 1, 1, 1, 1, 1, 1};
    static const unsigned long pooled[ALLOWED] = {25, 15, 1, 1, 1, 1, 1, 1};
    check_training("embedding:8,lstm:6,dense:1", tutorial);
    check_training("embedding:8,dropout:0.2,lstm:5:sequence,dropout:0.2,lstm:6,dropout:0.2,dense:1",
                   larger);
    check_training("embedding:8,lstm:6:sequence,pool:mean+max,dense:1", pooled);
    check_training("embedding:8,lstm:6:bidirectional,dense:1", both);
    check_training("embedding:8:dropout=0.1:frozen,dropout:0.2,lstm:6,dense:1", frozen);
}

/* What an evaluation of so many batches spends. */
static counts evaluate(clt_network *network, size_t batches)
{
    static float logits[BATCH * STEPS];
    clt_error error;
    clt_dataset *samples = create_samples(BATCH * batches);
    counts before = count_now();
    assert_ok(clt_network_logits(network, samples, &reading, logits, &error));
    counts after = count_now();
    clt_dataset_free(samples);
    return difference(&after, &before);
}

static void test_evaluation(void **state)
{
    (void)state;
    static const unsigned long limits[ALLOWED] = {5, 3, 1, 1, 1, 1, 1, 0};
    clt_error error;
    clt_model *model = NULL;
    clt_network *network = NULL;
    const clt_limits most = {BATCH, reading.maxlen, false};
    assert_ok(clt_model_create("embedding:8,lstm:6,dense:1", &reading, 1, &model, &error));
    assert_ok(clt_network_create(clt_test_runtime, model, &most, 0, NULL, &network, &error));
    (void)evaluate(network, STEPS); /* the first launch of a kernel sets all its arguments */
    counts few = evaluate(network, 2), many = evaluate(network, STEPS);
    counts spent = difference(&many, &few); /* a loader is made for each evaluation */
    check(&spent, STEPS - 2, limits);
    clt_network_destroy(network);
    clt_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training),
                                       cmocka_unit_test(test_evaluation)};
    setenv("OPENCL_LAYERS", CLT_LAYER, 1);
    /* The counts are those of these variants; CLBlast's calls are not ours. */
    setenv("CLTRAIN_PLAN", "lstm=rows,gemm=own,prefix=on", 1);
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
