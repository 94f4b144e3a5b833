/* golden.c: opens what tools/make_golden.py wrote; its heading describes the files. */
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

const char *const golden_cases[] = {
    "one_of_each",
    "batch_3",
    "hidden_1",
    "post",
    "last_of_one",
    "stacked",
    "three_classes",
    "pool_max",
    "pools",
    "bidirectional",
    "both_stacked",
    "frozen",
    "decay",
    "clip_value",
    "clip_norm",
    "clip_global",
    "clip_frozen",
    "weighted",
    "weighted_classes",
    "ema",
    "ema_frozen",
    "sgd",
    "momentum",
    "nesterov",
    "rmsprop",
    "rmsprop_clipped",
    "cosine",
    "step",
    "plateau",
    "tutorial",
    "trained",
    "batch_75",
    "repeated_ids",
    "hidden_13",
    "hidden_300",
    "steps_300",
    "mask_pre",
    "mask_post",
    "mask_pools",
    "mask_max",
    "mask_both",
    "mask_both_stacked",
};
const size_t golden_case_count = sizeof golden_cases / sizeof *golden_cases;

static const clt_stored_tensor *find(const golden *g, const char *group, const char *tensor,
                                     clt_dtype dtype)
{
    char name[128];
    snprintf(name, sizeof name, tensor == NULL ? "%s" : "%s/%s", group, tensor);
    const clt_stored_tensor *stored = clt_safetensors_find(&g->file, name);
    if (stored == NULL || stored->dtype != dtype) {
        fail_msg("fixture %s: no %s of the right type", g->name, name);
    }
    return stored;
}

static int number(const golden *g, const char *name)
{
    return *(const int32_t *)find(g, name, NULL, CLT_I32)->data;
}

static clt_dataset *samples(const golden *g, const char *part)
{
    char name[32];
    clt_error error;
    clt_dataset *dataset;
    snprintf(name, sizeof name, "%s.offsets", part);
    const clt_stored_tensor *offsets = find(g, name, NULL, CLT_I64);
    snprintf(name, sizeof name, "%s.ids", part);
    const clt_stored_tensor *ids = find(g, name, NULL, CLT_I32);
    snprintf(name, sizeof name, "%s.labels", part);
    const clt_stored_tensor *labels = find(g, name, NULL, CLT_I32);
    size_t count = labels->bytes / sizeof(int32_t);
    assert_ok(clt_dataset_create(count, ids->bytes / sizeof(int32_t), &dataset, &error));
    for (size_t k = 0; k <= count; k++) {
        dataset->offsets[k] = (size_t)((const int64_t *)offsets->data)[k];
    }
    for (size_t k = 0; k < count; k++) {
        dataset->labels[k] = ((const int32_t *)labels->data)[k];
    }
    memcpy(dataset->ids, ids->data, ids->bytes);
    dataset->num_words = g->reading.num_words;
    dataset->class_count = g->outputs == 1 ? 2 : g->outputs;
    return dataset;
}

void golden_open(const char *name, golden *g)
{
    char path[512];
    clt_error error;
    *g = (golden){.name = name, .reading = CLT_READING_DEFAULT};
    snprintf(path, sizeof path, "%s/tests/golden/fixtures/%s.safetensors", CLT_SOURCE_DIR, name);
    assert_ok(clt_safetensors_open(path, &g->file, &error));
    g->layers = clt_safetensors_metadata(&g->file, "model");
    assert_non_null(g->layers);
    g->outputs = atoi(strrchr(g->layers, ':') + 1);
    g->reading.num_words = number(g, "num_words");
    g->reading.maxlen = number(g, "maxlen");
    g->reading.padding = number(g, "padding") == 0 ? CLT_PRE : CLT_POST;
    g->reading.truncating = number(g, "truncating") == 0 ? CLT_PRE : CLT_POST;
    if (clt_safetensors_find(&g->file, "class_weights") != NULL) {
        g->class_weights = find(g, "class_weights", NULL, CLT_F32)->data;
    }
    if (clt_safetensors_find(&g->file, "ema") != NULL) {
        g->ema = *(const float *)find(g, "ema", NULL, CLT_F32)->data;
    }
    g->batch = number(g, "batch");
    g->epochs = number(g, "epochs");
    if (clt_safetensors_find(&g->file, "clip") != NULL) {
        g->clip.kind = (clt_clip_kind)number(g, "clip");
        g->clip.limit = *(const double *)find(g, "clip_limit", NULL, CLT_F64)->data;
    }
    if (clt_safetensors_find(&g->file, "schedule") != NULL) {
        g->schedule.kind = (clt_schedule_kind)number(g, "schedule");
        g->schedule.epochs = number(g, "schedule_epochs");
        g->schedule.factor = *(const double *)find(g, "schedule_factor", NULL, CLT_F64)->data;
        g->schedule.warmup = number(g, "warmup");
        g->rates = find(g, "rates", NULL, CLT_F32)->data;
    }
    if (clt_safetensors_find(&g->file, "weight_decay") != NULL) {
        g->rule.weight_decay = *(const double *)find(g, "weight_decay", NULL, CLT_F64)->data;
    }
    if (clt_safetensors_find(&g->file, "optimizer") != NULL) {
        g->rule.kind = (clt_optimizer_kind)number(g, "optimizer");
        g->rule.nesterov = number(g, "nesterov") != 0;
        g->rule.momentum = *(const double *)find(g, "momentum", NULL, CLT_F64)->data;
    }
    g->learning_rate = clt_optimizer_learning_rate(g->rule.kind);
    g->train = samples(g, "train");
    g->test = samples(g, "test");
}

void golden_close(golden *g)
{
    clt_dataset_free(g->train);
    clt_dataset_free(g->test);
    clt_safetensors_close(&g->file);
}

const float *golden_values(const golden *g, const char *group, const char *tensor, size_t *count)
{
    const clt_stored_tensor *stored = find(g, group, tensor, CLT_F32);
    *count = stored->bytes / sizeof(float);
    return stored->data;
}

void golden_start(const golden *g, const char *tensor, float *values, size_t count)
{
    char name[128];
    snprintf(name, sizeof name, "start/%s", tensor);
    if (clt_safetensors_find(&g->file, name) != NULL) {
        const clt_stored_tensor *stored = find(g, "start", tensor, CLT_F32);
        assert_int_equal(stored->bytes, count * sizeof(float));
        memcpy(values, stored->data, stored->bytes);
        return;
    }
    /* pattern() of make_golden.py, with the same double arithmetic */
    double scale = *(const float *)find(g, "pattern", tensor, CLT_F32)->data;
    for (size_t k = 0; k < count; k++) {
        uint32_t hash = (uint32_t)((uint64_t)k * 2654435761u);
        values[k] = (float)(scale * (2.0 * ((double)(hash >> 8) / 16777216.0) - 1.0));
    }
}

bool golden_near(const golden *g, const char *group, const char *tensor, const float *ours,
                 size_t count, const float *start, double tolerance, double ulps)
{
    size_t kept, stride = 1;
    const float *keras = golden_values(g, group, tensor, &kept);
    if (kept != count) {
        stride = (size_t) * (const int32_t *)find(g, "stride", tensor, CLT_I32)->data;
        assert_int_equal(kept, (count + stride - 1) / stride);
    }
    double error = 0.0, moved = 0.0, ulp = 0.0;
    for (size_t k = 0; k < kept; k++) {
        double want = keras[k], from = start == NULL ? 0.0 : start[k * stride];
        double unit = (double)nextafterf(fabsf(keras[k]), INFINITY) - fabs(want);
        error += (ours[k * stride] - want) * (ours[k * stride] - want);
        moved += (want - from) * (want - from);
        ulp += unit * unit;
    }
    error = sqrt(error);
    moved = sqrt(moved);
    double limit = fmax(tolerance * moved, ulps * sqrt(ulp));
    if (getenv("CLTRAIN_TEST_VERBOSE") != NULL) {
        print_message("%s: %s %s: error %.2e of movement, %.2f ulp\n", g->name, group,
                      tensor == NULL ? "" : tensor, error / moved, error / sqrt(ulp));
    }
    if (!(error <= limit)) {
        print_error("%s: %s%s%s[%zu]: norm(ours - Keras) is %.3g, at most %.3g is right (Keras "
                    "moved %.3g, a unit in the last place is %.3g)\n",
                    g->name, group, tensor == NULL ? "" : "/", tensor == NULL ? "" : tensor, count,
                    error, limit, moved, sqrt(ulp));
        return false;
    }
    return true;
}
