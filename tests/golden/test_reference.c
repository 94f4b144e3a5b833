/* The reference (src/ref, in float) against Keras: a network put together from its ops by hand
 * gives Keras's logits, loss, gradients and weights. What the device is compared with elsewhere is
 * itself compared here. */
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "golden/tolerance.h"
#include "ref/ref.h"

#define LSTMS_MAX 2
#define TENSORS_MAX (1 + 6 * LSTMS_MAX + 2)

typedef struct tensor {
    char name[48];
    size_t count;
    float *start, *p, *gradient, *m, *v, *average;
} tensor;

/* embedding, lstm..., perhaps a pool, dense:N. Tensors are [0] the table, three for each
 * direction of each LSTM, then the dense layer. The table's gradient is dense here: its rows are
 * spread before the update. */
typedef struct network {
    const golden *g;
    int features, lstm_count;
    int directions; /* of every LSTM */
    bool frozen;    /* the table, tensor 0, which has no gradient then */
    int outputs;    /* features that the dense layer reads */
    clt_lstm_config lstm[LSTMS_MAX][2];
    clt_pool_config pool; /* count 0: none */
    tensor tensors[TENSORS_MAX];
    int tensor_count;
    clt_batch batch;
    float *rows, *drows, *y[LSTMS_MAX], *dy[LSTMS_MAX], *saved[LSTMS_MAX][2];
    float *pooled, *dpooled;
    float *logits, *dlogits, *loss;
    int32_t *hit;
} network;

static float *floats(size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    return values;
}

static void add_tensor(network *net, const char *layer, int number, const char *direction,
                       const char *part, size_t count)
{
    tensor *t = &net->tensors[net->tensor_count++];
    char suffix[16] = "";
    if (number > 0) {
        snprintf(suffix, sizeof suffix, "_%d", number);
    }
    snprintf(t->name, sizeof t->name, "%s%s.%s%s", layer, suffix, direction, part);
    t->count = count;
    t->start = floats(count);
    t->p = floats(count);
    t->gradient = floats(count);
    t->m = floats(count);
    t->v = floats(count);
    t->average = floats(count);
    golden_start(net->g, t->name, t->start, count);
}

static void restart(network *net)
{
    for (int k = 0; k < net->tensor_count; k++) {
        tensor *t = &net->tensors[k];
        memcpy(t->p, t->start, t->count * sizeof(float));
        memset(t->m, 0, t->count * sizeof(float));
        memset(t->v, 0, t->count * sizeof(float));
        memcpy(t->average, t->start, t->count * sizeof(float));
    }
}

/* ",pool:mean+max,dense:1" */
static void read_pool(const char *at, clt_pool_config *pool)
{
    static const char *const kinds[] = {
        [CLT_POOL_LAST] = "last", [CLT_POOL_MEAN] = "mean", [CLT_POOL_MAX] = "max"};
    for (at += strlen(",pool:"); *at != ','; at += *at == '+') {
        int kind = 0;
        while (strncmp(at, kinds[kind], strlen(kinds[kind])) != 0) {
            kind++;
            assert_true(kind < CLT_POOL_KINDS);
        }
        at += strlen(kinds[kind]);
        pool->kinds[pool->count++] = (clt_pool_kind)kind;
    }
}

/* `text` begins "60:bidirectional:sequence". Returns the features that it gives. */
static size_t build_lstm(network *net, const char *text, int k, size_t features)
{
    static const char *const directions[] = {"forward.", "backward."};
    clt_extent largest = clt_extent_of(net->g->batch, net->g->reading.maxlen);
    size_t hidden = strtoul(text, NULL, 10), end = strcspn(text, ",");
    size_t positions = (size_t)largest.samples * (size_t)largest.timesteps;
    const char *both = strstr(text, ":bidirectional"), *sequence = strstr(text, ":sequence");
    net->directions = both != NULL && both < text + end ? 2 : 1;
    size_t width = hidden * (size_t)net->directions;
    for (int d = 0; d < net->directions; d++) {
        const char *direction = net->directions == 2 ? directions[d] : "";
        net->lstm[k][d] = (clt_lstm_config){.features = (int)features,
                                            .hidden = (int)hidden,
                                            .reverse = d == 1,
                                            .sequence = sequence != NULL && sequence < text + end,
                                            .width = (int)width,
                                            .column = d * (int)hidden,
                                            .adds_drows = d == 1};
        add_tensor(net, "lstm", k, direction, "kernel", features * 4 * hidden);
        add_tensor(net, "lstm", k, direction, "recurrent_kernel", hidden * 4 * hidden);
        add_tensor(net, "lstm", k, direction, "bias", 4 * hidden);
        net->saved[k][d] = floats(clt_ref_lstm_saved_f32(&largest, &net->lstm[k][d]));
    }
    net->y[k] = floats(positions * width);
    net->dy[k] = floats(positions * width);
    return width;
}

static void build(const golden *g, network *net)
{
    clt_error error;
    const char *at = g->layers;
    *net = (network){.g = g};
    assert_int_equal(sscanf(at, "embedding:%d", &net->features), 1);
    net->frozen = strstr(at, ":frozen") != NULL;
    size_t features = (size_t)net->features;
    size_t positions = (size_t)g->batch * (size_t)g->reading.maxlen;
    add_tensor(net, "embedding", 0, "", "embeddings", (size_t)g->reading.num_words * features);
    while ((at = strstr(at, ",lstm:")) != NULL) {
        int k = net->lstm_count++;
        at += strlen(",lstm:");
        features = build_lstm(net, at, k, features);
    }
    if ((at = strstr(g->layers, ",pool:")) != NULL) {
        net->pool.features = (int)features;
        read_pool(at, &net->pool);
        features *= (size_t)net->pool.count;
    }
    net->pooled = floats((size_t)g->batch * features);
    net->dpooled = floats((size_t)g->batch * features);
    net->outputs = (int)features;
    size_t outputs = (size_t)g->outputs;
    add_tensor(net, "dense", 0, "", "kernel", features * outputs);
    add_tensor(net, "dense", 0, "", "bias", outputs);
    assert_ok(clt_batch_create(g->batch, g->reading.maxlen, &net->batch, &error));
    net->batch.masks = strstr(g->layers, ":mask_zero") != NULL;
    net->rows = floats(positions * (size_t)net->features);
    net->drows = floats(positions * (size_t)net->features);
    net->logits = floats((size_t)g->batch * outputs);
    net->dlogits = floats((size_t)g->batch * outputs);
    net->loss = floats((size_t)g->batch);
    net->hit = calloc((size_t)g->batch, sizeof *net->hit);
    assert_non_null(net->hit);
}

static void discard(network *net)
{
    for (int k = 0; k < net->tensor_count; k++) {
        tensor *t = &net->tensors[k];
        float *arrays[] = {t->start, t->p, t->gradient, t->m, t->v, t->average};
        for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
            free(arrays[a]);
        }
    }
    for (int k = 0; k < net->lstm_count; k++) {
        free(net->y[k]);
        free(net->dy[k]);
        free(net->saved[k][0]);
        free(net->saved[k][1]);
    }
    free(net->rows);
    free(net->drows);
    free(net->pooled);
    free(net->dpooled);
    free(net->logits);
    free(net->dlogits);
    free(net->loss);
    free(net->hit);
    clt_batch_destroy(&net->batch);
}

static void forward(network *net, const clt_dataset *dataset, size_t first, int count)
{
    uint32_t order[128];
    assert_true(count <= 128);
    for (int k = 0; k < count; k++) {
        order[k] = (uint32_t)first + (uint32_t)k;
    }
    clt_batch_fill(&net->batch, dataset, &net->g->reading, order, count);
    const clt_batch *b = &net->batch;
    clt_lstm_range all = {0, b->extent.timesteps};
    clt_ref_embedding_f32(net->tensors[0].p, net->features, b->unique, b->row_count, net->rows);
    const float *x = net->rows;
    int rows = b->row_count;
    const int32_t *index = b->index;
    const tensor *t = &net->tensors[1];
    for (int k = 0; k < net->lstm_count; k++) {
        for (int d = 0; d < net->directions; d++, t += 3) {
            clt_ref_lstm_forward_f32(&b->extent, &net->lstm[k][d], all, t[0].p, t[1].p, t[2].p, x,
                                     rows, index, NULL, NULL, NULL, net->y[k], NULL, NULL,
                                     net->saved[k][d]);
        }
        x = net->y[k];
        rows = count * b->extent.timesteps;
        index = NULL;
    }
    if (net->pool.count > 0) {
        clt_ref_pool_forward_f32(&b->extent, &net->pool, x, net->pooled);
        x = net->pooled;
    }
    int outputs = net->g->outputs;
    clt_ref_dense_forward_f32(count, net->outputs, outputs, t[0].p, t[1].p, x, net->logits);
    clt_ref_loss_f32(count, outputs, net->logits, b->targets, net->g->class_weights, net->loss,
                     net->hit, net->dlogits);
}

/* One direction, whose tensors are t[0 .. 2]. */
static void backward_lstm(network *net, int k, int d, tensor *t)
{
    const clt_batch *b = &net->batch;
    clt_lstm_range all = {0, b->extent.timesteps};
    bool first = k == 0;
    clt_ref_lstm_backward_f32(
        &b->extent, &net->lstm[k][d], all, t[0].p, t[1].p, first ? net->rows : net->y[k - 1],
        first ? b->row_count : b->extent.samples * b->extent.timesteps, first ? b->index : NULL,
        first ? b->offsets : NULL, first ? b->positions : NULL, net->dy[k], NULL, NULL,
        net->saved[k][d], first ? net->drows : net->dy[k - 1], t[0].gradient, t[1].gradient,
        t[2].gradient, NULL, NULL);
}

/* Gradients of the batch that forward() has seen, the table's spread over all its rows. */
static void backward(network *net)
{
    const clt_batch *b = &net->batch;
    for (int k = 0; k < net->tensor_count; k++) {
        memset(net->tensors[k].gradient, 0, net->tensors[k].count * sizeof(float));
    }
    int last = net->lstm_count - 1;
    tensor *t = &net->tensors[net->tensor_count - 2];
    bool pools = net->pool.count > 0;
    clt_ref_dense_backward_f32(&b->extent, net->outputs, net->g->outputs, t[0].p,
                               pools ? net->pooled : net->y[last], net->dlogits,
                               pools ? net->dpooled : net->dy[last], t[0].gradient, t[1].gradient);
    if (pools) {
        clt_ref_pool_backward_f32(&b->extent, &net->pool, net->y[last], net->dpooled,
                                  net->dy[last]);
    }
    for (int k = last; k >= 0; k--) {
        t -= 3 * net->directions;
        for (int d = 0; d < net->directions; d++) {
            backward_lstm(net, k, d, &t[3 * d]);
        }
    }
    size_t features = (size_t)net->features;
    for (size_t u = 0; u < (size_t)b->row_count; u++) {
        memcpy(&net->tensors[0].gradient[(size_t)b->unique[u] * features],
               &net->drows[u * features], features * sizeof(float));
    }
}

/* Keras's float32: the powers of beta are those of the float 0.9 and 0.999. */
static clt_optimizer_step step_of(const golden *g, int t, float rate)
{
    clt_optimizer_step step = {.step_size = rate,
                               .one_minus_beta2 = (float)(1.0 - 0.9),
                               .epsilon = 1e-7f,
                               .decay = rate * (float)g->rule.weight_decay,
                               .momentum = (float)g->rule.momentum};
    if (g->rule.kind == CLT_ADAM) {
        float power1 = (float)pow((double)0.9f, t), power2 = (float)pow((double)0.999f, t);
        step.step_size = rate * sqrtf(1.0f - power2) / (1.0f - power1);
        step.one_minus_beta1 = (float)(1.0 - 0.9);
        step.one_minus_beta2 = (float)(1.0 - 0.999);
    }
    return step;
}

static void clip(network *net)
{
    const clt_clipping *how = &net->g->clip;
    float limit = (float)how->limit, squares[TENSORS_MAX], all = 0.0f;
    for (int k = net->frozen; k < net->tensor_count; k++) {
        squares[k] = clt_ref_sum_squares_f32(net->tensors[k].gradient, net->tensors[k].count);
        all += squares[k];
    }
    for (int k = net->frozen; k < net->tensor_count && how->kind != CLT_CLIP_NONE; k++) {
        tensor *t = &net->tensors[k];
        if (how->kind == CLT_CLIP_VALUE) {
            clt_ref_clip_value_f32(limit, t->count, t->gradient);
        } else {
            clt_ref_clip_norm_f32(limit, how->kind == CLT_CLIP_NORM ? squares[k] : all, t->count,
                                  t->gradient);
        }
    }
}

static void update(network *net, int t, double rate)
{
    clt_optimizer_step step = step_of(net->g, t, (float)rate);
    clip(net);
    for (int k = net->frozen; k < net->tensor_count; k++) {
        tensor *w = &net->tensors[k];
        clt_ref_optimizer_f32(&net->g->rule, &step, false, w->count, w->gradient, w->p, w->m, w->v);
        clt_ref_ema_f32(t == 1 ? 0.0f : net->g->ema, false, w->count, w->p, w->average);
    }
}

static bool weights_near(network *net, const char *group)
{
    bool good = true;
    for (int k = 0; k < net->tensor_count; k++) {
        tensor *t = &net->tensors[k];
        const float *ours = net->g->ema > 0.0f ? t->average : t->p;
        good &= golden_near(net->g, group, t->name, ours, t->count, t->start, TOLERANCE_MOVEMENT,
                            TOLERANCE_WEIGHT_ULPS);
    }
    return good;
}

static void test_case(void **state)
{
    golden g;
    network net;
    golden_open(*state, &g);
    build(&g, &net);

    restart(&net);
    forward(&net, g.train, 0, g.batch);
    backward(&net);
    float loss = clt_ref_sample_sum_f32(&net.batch.extent, net.loss) / (float)g.batch;
    bool good = golden_near(&g, "logits", NULL, net.logits, (size_t)(g.batch * g.outputs), NULL,
                            TOLERANCE_LOGITS, 0.0);
    good &= golden_near(&g, "loss", NULL, &loss, 1, NULL, TOLERANCE_LOSS, 0.0);
    for (int k = net.frozen; k < net.tensor_count; k++) {
        tensor *t = &net.tensors[k];
        good &= golden_near(&g, "gradient", t->name, t->gradient, t->count, NULL,
                            TOLERANCE_GRADIENT, 0.0);
    }
    assert_true(good); /* before any update: what follows is the optimizer's alone */

    for (int t = 1; t <= GOLDEN_STEPS; t++) {
        forward(&net, g.train, 0, g.batch);
        backward(&net);
        update(&net, t, g.learning_rate);
    }
    good = weights_near(&net, "adam");

    restart(&net);
    for (int epoch = 0, t = 1; epoch < g.epochs; epoch++) {
        for (size_t first = 0; first < g.train->count; first += (size_t)g.batch, t++) {
            size_t left = g.train->count - first;
            forward(&net, g.train, first, left < (size_t)g.batch ? (int)left : g.batch);
            backward(&net);
            update(&net, t, g.rates != NULL ? (double)g.rates[t - 1] : g.learning_rate);
        }
    }
    good &= weights_near(&net, "fit");
    assert_true(good);
    discard(&net);
    golden_close(&g);
}

int main(void)
{
    struct CMUnitTest tests[64];
    assert_true(golden_case_count <= sizeof tests / sizeof *tests);
    for (size_t k = 0; k < golden_case_count; k++) {
        tests[k] = (struct CMUnitTest){golden_cases[k], test_case, NULL, NULL,
                                       (void *)(uintptr_t)golden_cases[k]};
    }
    return _cmocka_run_group_tests("reference", tests, golden_case_count, NULL, NULL);
}
