/* trainer.c: what a trainer holds on the device, and one training step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ref/ref.h"
#include "train/trainer_private.h"
#include "util/memory.h"

const char *clt_clip_name(clt_clip_kind kind)
{
    static const char *const names[] = {"none", "value", "norm", "global_norm"};
    return names[kind];
}

static clt_status check_update(const clt_trainer_config *config, clt_error *error)
{
    const clt_clipping *clip = &config->clip;
    if (clip->kind != CLT_CLIP_NONE &&
        (!((float)clip->limit > 0.0f) || !isfinite((float)clip->limit))) {
        return clt_fail(error, CLT_USAGE, 0, "clip by %s, limit %g: a number above 0",
                        clt_clip_name(clip->kind), clip->limit);
    }
    if (!(config->weight_decay >= 0.0) || !isfinite(config->weight_decay)) {
        return clt_fail(error, CLT_USAGE, 0, "weight decay %g: a number from 0",
                        config->weight_decay);
    }
    if (config->optimizer != CLT_SGD && (config->momentum != 0.0 || config->nesterov)) {
        return clt_fail(error, CLT_USAGE, 0, "momentum and nesterov are sgd's, not %s's",
                        clt_optimizer_name(config->optimizer));
    }
    if (!(config->momentum >= 0.0) || !(config->momentum <= 1.0)) {
        return clt_fail(error, CLT_USAGE, 0, "momentum %g: a number from 0 to 1", config->momentum);
    }
    return CLT_OK;
}

/* Their names are looked up by their numbers. */
static clt_status check_kinds(const clt_trainer_config *config, clt_error *error)
{
    const struct {
        const char *what;
        unsigned value, count;
    } kinds[] = {
        {"optimizer", config->optimizer, CLT_OPTIMIZER_KINDS},
        {"clip.kind", config->clip.kind, CLT_CLIP_GLOBAL_NORM + 1},
        {"schedule.kind", config->schedule.kind, CLT_SCHEDULE_PLATEAU + 1},
        {"monitor", config->monitor, CLT_METRIC_VAL_ACCURACY + 1},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (kinds[k].value >= kinds[k].count) {
            return clt_fail(error, CLT_USAGE, 0, "%s is %d: 0 to %u", kinds[k].what,
                            (int)kinds[k].value, kinds[k].count - 1);
        }
    }
    return CLT_OK;
}

clt_status clt_trainer_check(const clt_trainer_config *config, clt_error *error)
{
    if (config == NULL) { /* the defaults */
        return CLT_OK;
    }
    clt_status status = check_kinds(config, error);
    if (status != CLT_OK) {
        return status;
    }
    if (config->batch < 1) {
        return clt_fail(error, CLT_USAGE, 0, "batch %d: 1 or more", (int)config->batch);
    }
    if (config->epochs < 1) {
        return clt_fail(error, CLT_USAGE, 0, "epochs %d: 1 or more", (int)config->epochs);
    }
    if (!((float)config->learning_rate > 0.0f) || !isfinite((float)config->learning_rate)) {
        return clt_fail(error, CLT_USAGE, 0, "learning rate %g: a number above 0, as a float",
                        config->learning_rate);
    }
    if (!(config->ema >= 0.0) || !((float)config->ema < 1.0f)) {
        return clt_fail(error, CLT_USAGE, 0, "ema %g: a momentum from 0 to below 1", config->ema);
    }
    if (config->checkpoints.folder != NULL &&
        (config->checkpoints.keep < 1 || config->checkpoints.epochs < 0 ||
         !(config->checkpoints.seconds >= 0.0))) {
        return clt_fail(error, CLT_USAGE, 0,
                        "checkpoints every %g seconds or %d epochs, %d of them kept: numbers from "
                        "0, and keep 1 or more",
                        config->checkpoints.seconds, (int)config->checkpoints.epochs,
                        (int)config->checkpoints.keep);
    }
    status = check_update(config, error);
    return status == CLT_OK ? clt_control_check(config, error) : status;
}

/* Kernels that walk over all of a gradient count its elements in 32 bits, past its end too. The
 * table's has a row for each different word of a batch. */
enum { GRADIENT_ELEMENTS_MAX = 1 << 30 };
static clt_status check_gradients(const clt_model *model, const clt_trainer_config *config,
                                  clt_error *error)
{
    const int *table = model->layers.parameters[0].shape;
    uint64_t rows = (uint64_t)config->batch * (uint64_t)model->reading.maxlen;
    rows = rows < (uint64_t)table[0] ? rows : (uint64_t)table[0];
    uint64_t arena = model->layers.arena;
    uint64_t elements = model->layers.layers[0].frozen ? 0 : rows * (uint64_t)table[1];
    elements = elements > arena ? elements : arena;
    if (elements > GRADIENT_ELEMENTS_MAX) {
        return clt_fail(error, CLT_USAGE, 0,
                        "a gradient of %llu numbers, of %s in batches of %d x %d words: at most "
                        "%d; take narrower layers, a smaller batch or shorter texts",
                        (unsigned long long)elements, model->text, (int)config->batch,
                        (int)model->reading.maxlen, GRADIENT_ELEMENTS_MAX);
    }
    return CLT_OK;
}

/* Does the table stay as it is? */
static bool is_frozen(const clt_trainer *trainer)
{
    return trainer->model->layers.layers[0].frozen;
}

static clt_optimizer_rule rule_of(const clt_trainer_config *config)
{
    return (clt_optimizer_rule){config->optimizer, config->momentum, config->nesterov,
                                config->weight_decay};
}

/* The moments of the table and of the arena that the optimizer keeps, zero. */
static clt_status create_moments(clt_trainer *trainer, clt_error *error)
{
    const clt_network_state *state = clt_network_state_of(trainer->network);
    const clt_optimizer_rule rule = rule_of(&trainer->config);
    bool m = clt_optimizer_keeps_m(&rule), v = clt_optimizer_keeps_v(&rule);
    size_t table = state->table.bytes, arena = state->arena.bytes, total = 0, offset = 0;
    clt_runtime *runtime = trainer->runtime;
    clt_status status = CLT_OK;
    const struct {
        clt_buffer *part;
        size_t bytes;
    } parts[] = {
        {&trainer->m_table, m ? table : 0},
        {&trainer->v_table, v ? table : 0},
        {&trainer->m_arena, m ? arena : 0},
        {&trainer->v_arena, v ? arena : 0},
    };
    enum { PARTS = sizeof parts / sizeof *parts };
    for (size_t k = 0; k < PARTS; k++) {
        total += clt_align(parts[k].bytes);
    }
    if (total == 0) {
        return CLT_OK;
    }
    CLT_TRY(clt_buffer_create(runtime, total, "the moments", &trainer->moments, error));
    CLT_TRY(clt_buffer_zero(runtime, trainer->moments, 0, total, error));
    for (size_t k = 0; k < PARTS; k++) {
        if (parts[k].bytes > 0) {
            CLT_TRY(clt_buffer_slice(runtime, trainer->moments, offset, parts[k].bytes,
                                     parts[k].part, error));
        }
        offset += clt_align(parts[k].bytes);
    }
done:
    return status;
}

/* config.class_weights, copied, and on the device. */
static clt_status take_class_weights(clt_trainer *trainer, clt_error *error)
{
    size_t count = (size_t)clt_model_class_count(trainer->model), bytes = count * sizeof(float);
    const float *weights = trainer->config.class_weights;
    clt_status status;
    if (weights == NULL) {
        return CLT_OK;
    }
    for (size_t k = 0; k < count; k++) {
        if (!(weights[k] > 0.0f) || !isfinite(weights[k])) {
            return clt_fail(error, CLT_USAGE, 0, "the weight of class %zu is %g: a number above 0",
                            k, (double)weights[k]);
        }
    }
    trainer->weights = clt_alloc(count, sizeof *weights, "the weights of classes", error);
    CLT_TRY(trainer->weights != NULL ? CLT_OK : CLT_FAILED);
    memcpy(trainer->weights, weights, bytes);
    trainer->config.class_weights = trainer->weights;
    CLT_TRY(clt_buffer_create(trainer->runtime, bytes, "the weights of classes",
                              &trainer->class_weights, error));
    CLT_TRY(clt_buffer_write(trainer->runtime, trainer->class_weights, 0, bytes, trainer->weights,
                             error));
done:
    return status;
}

clt_status clt_trainer_prepare(clt_model *model, clt_runtime *runtime,
                               const clt_trainer_config *config, clt_trainer **trainer,
                               clt_error *error)
{
    static const clt_trainer_config defaults = CLT_TRAINER_CONFIG_DEFAULT;
    config = config != NULL ? config : &defaults;
    clt_status status = clt_trainer_check(config, error);
    if (status == CLT_OK) {
        status = check_gradients(model, config, error);
    }
    if (status != CLT_OK) {
        return status;
    }
    clt_trainer *made = clt_alloc(1, sizeof *made, "a trainer", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->model = model;
    made->runtime = runtime;
    made->config = *config;
    if (made->config.checkpoints.folder != NULL) {
        made->folder = clt_strdup(made->config.checkpoints.folder, error);
        made->config.checkpoints.folder = made->folder;
        CLT_TRY(made->folder != NULL ? CLT_OK : CLT_FAILED);
    }
    made->history.best = -1;
    clt_control_begin(&made->config, &made->control);
    size_t weights = model->layers.parameters[0].count + model->layers.arena;
    made->landing = clt_alloc(weights, sizeof *made->landing, "the weights", error);
    CLT_TRY(made->landing != NULL ? CLT_OK : CLT_FAILED);
    if (clt_control_keeps_best(&made->config)) {
        made->best = clt_alloc(weights, sizeof *made->best, "the best weights", error);
        CLT_TRY(made->best != NULL ? CLT_OK : CLT_FAILED);
    }
    clt_runtime_forget_planned(runtime); /* so that `plan` is this trainer's */
    clt_limits limits = {made->config.batch, model->reading.maxlen, true};
    size_t samples = (size_t)limits.samples;
    CLT_TRY(clt_network_create(runtime, model, &limits, made->config.seed, NULL, &made->network,
                               error));
    limits.train = false;
    CLT_TRY(clt_network_create(runtime, model, &limits, made->config.seed,
                               made->config.ema > 0.0 ? NULL : made->network, &made->inference,
                               error));
    CLT_TRY(clt_loss_plan(runtime, clt_layers_outputs(&model->layers), &made->loss, error));
    CLT_TRY(take_class_weights(made, error));
    const int *table = model->layers.parameters[0].shape;
    int table_rows = is_frozen(made) ? 0 : table[0];
    const clt_optimizer_rule rule = rule_of(&made->config);
    bool all_move = made->config.ema > 0.0 || made->config.weight_decay > 0.0;
    bool eager = all_move && clt_runtime_forced(runtime, "adam") == NULL;
    if (eager) { /* an average reads and a decay moves all rows at every step: nothing is gained
                    late */
        clt_runtime_force(runtime, "adam", "dense");
    }
    status = clt_optimizer_plan(runtime, &rule, table_rows, table[1], &made->optimizer, error);
    if (eager) {
        clt_runtime_force(runtime, "adam", NULL);
    }
    CLT_TRY(status);
    if (made->config.ema > 0.0) {
        CLT_TRY(clt_ema_plan(runtime, &made->ema, error));
    }
    if (made->config.clip.kind != CLT_CLIP_NONE) {
        CLT_TRY(clt_clip_plan(runtime, &made->clip, error));
    }
    CLT_TRY(
        clt_buffer_create(runtime, samples * sizeof(float), "losses", &made->sample_loss, error));
    CLT_TRY(
        clt_buffer_create(runtime, samples * sizeof(int32_t), "hits", &made->sample_hit, error));
    CLT_TRY(clt_buffer_create(runtime, sizeof(clt_record), "a record", &made->record, error));
    CLT_TRY(clt_ticket_create(sizeof(clt_record), &made->reads[0], error));
    CLT_TRY(clt_ticket_create(sizeof(clt_record), &made->reads[1], error));
    CLT_TRY(create_moments(made, error));
    made->plan = clt_runtime_planned_alone(runtime);
    *trainer = made;
    return CLT_OK;
done:
    clt_trainer_destroy(made);
    return status;
}

void clt_trainer_destroy(clt_trainer *trainer)
{
    if (trainer == NULL) {
        return;
    }
    clt_buffer *buffers[] = {&trainer->sample_loss, &trainer->sample_hit, &trainer->class_weights,
                             &trainer->record,      &trainer->m_table,    &trainer->v_table,
                             &trainer->m_arena,     &trainer->v_arena,    &trainer->moments};
    for (size_t k = 0; k < sizeof buffers / sizeof *buffers; k++) {
        clt_buffer_release(trainer->runtime, buffers[k]);
    }
    clt_ticket_destroy(trainer->runtime, &trainer->reads[0]);
    clt_ticket_destroy(trainer->runtime, &trainer->reads[1]);
    clt_loss_destroy(trainer->loss);
    clt_clip_destroy(trainer->clip);
    clt_ema_destroy(trainer->ema);
    clt_optimizer_destroy(trainer->optimizer);
    clt_network_destroy(trainer->inference);
    clt_network_destroy(trainer->network);
    free(trainer->history.epochs);
    free(trainer->logits);
    free(trainer->folder);
    free(trainer->weights);
    free(trainer->landing);
    free(trainer->best);
    free(trainer);
}

const clt_history *clt_trainer_history(const clt_trainer *trainer)
{
    return &trainer->history;
}

/* ---- one step -------------------------------------------------------------------------------- */

static clt_optimizer_state table_state(const clt_trainer *trainer)
{
    return (clt_optimizer_state){clt_network_state_of(trainer->network)->table, trainer->m_table,
                                 trainer->v_table};
}

_Static_assert(CLT_ARENA_STEP % CLT_SQUARES_CHUNK == 0, "a chunk has squares of one parameter");

/* The gradient of each parameter, and its chunks of squares: in the arena, whose parameters begin
 * at chunks of their own, and then those of the table's rows, as Keras's dense gradient of the
 * table has zeros beside them. */
static clt_status clip_norms(clt_trainer *trainer, clt_buffer partials, size_t partial_count,
                             clt_error *error)
{
    const clt_network_state *state = clt_network_state_of(trainer->network);
    const clt_layers *layers = &trainer->model->layers;
    double limit = trainer->config.clip.limit;
    size_t table = layers->arena / CLT_SQUARES_CHUNK;
    clt_status status = CLT_OK;
    for (int k = 1; k < layers->parameter_count; k++) {
        const clt_parameter *p = &layers->parameters[k];
        size_t chunks = (p->count + CLT_SQUARES_CHUNK - 1) / CLT_SQUARES_CHUNK;
        CLT_TRY(clt_clip_measure(trainer->clip, partials, p->offset / CLT_SQUARES_CHUNK, chunks,
                                 error));
        CLT_TRY(clt_clip_norm(trainer->clip, limit, state->darena, p->offset, p->count, error));
    }
    if (!is_frozen(trainer)) {
        size_t rows = (size_t)state->row_count * (size_t)state->features;
        CLT_TRY(clt_clip_measure(trainer->clip, partials, table, partial_count - table, error));
        CLT_TRY(clt_clip_norm(trainer->clip, limit, state->drows, 0, rows, error));
    }
done:
    return status;
}

/* After the squares of the gradients, and before the record. */
static clt_status clip_gradients(clt_trainer *trainer, clt_error *error)
{
    const clt_network_state *state = clt_network_state_of(trainer->network);
    const clt_clipping *clip = &trainer->config.clip;
    size_t partial_count, arena = trainer->model->layers.arena;
    size_t rows = is_frozen(trainer) ? 0 : (size_t)state->row_count * (size_t)state->features;
    clt_buffer partials = clt_reduce_partials(state->reduce, &partial_count);
    clt_status (*apply)(clt_clip *, double, clt_buffer, size_t, size_t, clt_error *) =
        clip->kind == CLT_CLIP_VALUE ? clt_clip_value : clt_clip_norm;
    clt_status status = CLT_OK;
    if (clip->kind == CLT_CLIP_NORM) {
        return clip_norms(trainer, partials, partial_count, error);
    }
    if (clip->kind == CLT_CLIP_GLOBAL_NORM) {
        CLT_TRY(clt_clip_measure(trainer->clip, partials, 0, partial_count, error));
    }
    CLT_TRY(apply(trainer->clip, clip->limit, state->darena, 0, arena, error));
    if (rows > 0) {
        CLT_TRY(apply(trainer->clip, clip->limit, state->drows, 0, rows, error));
    }
done:
    return status;
}

/* Takes the weights of this step into their average, which begins as those of the first step. */
static clt_status average_weights(clt_trainer *trainer, clt_error *error)
{
    const clt_network_state *from = clt_network_state_of(trainer->network);
    const clt_network_state *to = clt_network_state_of(trainer->inference);
    const clt_layers *layers = &trainer->model->layers;
    const int *table = layers->parameters[0].shape;
    float momentum = trainer->step == 0 ? 0.0f : (float)trainer->config.ema;
    clt_status status;
    CLT_TRY(clt_ema_update(trainer->ema, momentum, trainer->record,
                           (int)(layers->arena / CLT_ARENA_STEP), CLT_ARENA_STEP, from->arena,
                           to->arena, error));
    if (!is_frozen(trainer)) {
        CLT_TRY(clt_optimizer_catch_up_all(trainer->optimizer, table_state(trainer), error));
        CLT_TRY(clt_ema_update(trainer->ema, momentum, trainer->record, table[0], table[1],
                               from->table, to->table, error));
    }
done:
    return status;
}

clt_status clt_trainer_enqueue(clt_trainer *trainer, const clt_batch *batch, double learning_rate,
                               clt_error *error)
{
    const clt_network_state *state = clt_network_state_of(trainer->network);
    const clt_layers *layers = &trainer->model->layers;
    const clt_optimizer_state arena = {state->arena, trainer->m_arena, trainer->v_arena};
    const clt_optimizer_state table = table_state(trainer);
    const clt_optimizer_rule rule = rule_of(&trainer->config);
    const clt_optimizer_step step = clt_optimizer_step_of(&rule, learning_rate, trainer->step + 1);
    clt_status status;
    CLT_TRY(clt_network_upload(trainer->network, batch, error));
    CLT_TRY(
        clt_optimizer_catch_up(trainer->optimizer, state->unique, state->row_count, table, error));
    CLT_TRY(clt_network_forward(trainer->network, (uint32_t)trainer->step, error));
    CLT_TRY(clt_loss_forward(trainer->loss, state->extent.samples, state->logits, state->targets,
                             trainer->class_weights, trainer->sample_loss, trainer->sample_hit,
                             state->dlogits, error));
    CLT_TRY(clt_network_backward(trainer->network, error));
    clt_reduce_begin(state->reduce);
    CLT_TRY(clt_reduce_squares(state->reduce, state->darena, layers->arena, error));
    if (!is_frozen(trainer)) {
        CLT_TRY(clt_reduce_squares(state->reduce, state->drows,
                                   (size_t)state->row_count * (size_t)state->features, error));
    }
    if (trainer->clip != NULL) {
        CLT_TRY(clip_gradients(trainer, error));
    }
    CLT_TRY(clt_reduce_record(state->reduce, &state->extent, trainer->sample_loss,
                              trainer->sample_hit, trainer->record, error));
    CLT_TRY(clt_optimizer_dense(trainer->optimizer, &step, trainer->record, layers->arena,
                                state->darena, arena, error));
    if (!is_frozen(trainer)) {
        CLT_TRY(clt_optimizer_table(trainer->optimizer, &step, trainer->record, state->unique,
                                    state->row_count, state->drows, table, error));
    }
    if (trainer->ema != NULL) {
        CLT_TRY(average_weights(trainer, error));
    }
    trainer->step++;
done:
    return status;
}

clt_status clt_trainer_download(clt_trainer *trainer, clt_error *error)
{
    clt_status status = clt_optimizer_catch_up_all(trainer->optimizer, table_state(trainer), error);
    return status == CLT_OK
               ? clt_network_download(trainer->inference, trainer->landing, trainer->model, error)
               : status;
}

void clt_trainer_show_best(clt_trainer *trainer)
{
    clt_model *model = trainer->model;
    size_t table = model->layers.parameters[0].count, arena = model->layers.arena;
    if (trainer->best != NULL && trainer->control.best_epoch >= 0) {
        memcpy(model->table, trainer->best, table * sizeof(float));
        memcpy(model->arena, trainer->best + table, arena * sizeof(float));
    }
}

clt_status clt_trainer_reserve_history(clt_trainer *trainer, size_t epochs, clt_error *error)
{
    void *rows = trainer->history.epochs;
    clt_status status =
        clt_resize(&rows, trainer->history.count + epochs, sizeof(clt_epoch), "the history", error);
    if (status == CLT_OK) {
        trainer->history.epochs = rows;
    }
    return status;
}
