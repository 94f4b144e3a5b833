/* checkpoint.c: one checkpoint: a model file that also holds the optimizer's moments, the history,
 * and as JSON in its metadata what the run is and how far it has come. */
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_file.h"
#include "runtime/tuning.h"
#include "train/trainer_private.h"
#include "util/memory.h"

#define STATE_KEY "trainer"
#define STATE_FORMAT 2
#define HISTORY CLT_MODEL_MORE "history"
enum { HISTORY_COLUMNS = 7, NAME_ROOM = 96 };

/* ---- the state as JSON ----------------------------------------------------------------------- */

/* config->class_weights, or null. */
static json_t *weights_of(const clt_trainer_config *config, const clt_model *model)
{
    json_t *weights = config->class_weights != NULL ? json_array() : json_null();
    for (int32_t k = 0; json_is_array(weights) && k < clt_model_class_count(model); k++) {
        (void)json_array_append_new(weights, json_real((double)config->class_weights[k]));
    }
    return weights;
}

static json_t *update_of(const clt_trainer_config *config)
{
    const clt_clipping *clip = &config->clip;
    return json_pack("{s:s, s:f, s:f, s:s, s:f, s:b}", "clip", clt_clip_name(clip->kind),
                     "clip_limit", clip->kind != CLT_CLIP_NONE ? clip->limit : 0.0, "weight_decay",
                     config->weight_decay, "optimizer", clt_optimizer_name(config->optimizer),
                     "momentum", config->momentum, "nesterov", (int)config->nesterov);
}

/* What makes a run the run it is, beside its model and its data. */
static json_t *recipe_of(const clt_trainer_config *config, const clt_model *model)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)config->seed);
    const clt_schedule *s = &config->schedule;
    bool shaped = s->kind == CLT_SCHEDULE_STEP || s->kind == CLT_SCHEDULE_PLATEAU;
    json_t *recipe = json_pack(
        "{s:i, s:i, s:f, s:s, s:b, s:s, s:i, s:f, s:s, s:i, s:f, s:i, s:o, s:f}", "batch",
        (int)config->batch, "epochs", (int)config->epochs, "learning_rate", config->learning_rate,
        "seed", seed, "shuffle", (int)config->shuffle, "monitor", clt_metric_name(config->monitor),
        "patience", (int)config->patience, "min_delta", config->min_delta, "schedule",
        clt_schedule_name(s->kind), "schedule_epochs", shaped ? (int)s->epochs : 0,
        "schedule_factor", shaped ? s->factor : 0.0, "warmup", (int)s->warmup, "class_weights",
        weights_of(config, model), "ema", config->ema);
    json_t *update = update_of(config);
    if (json_object_update(recipe, update) != 0) { /* memory */
        json_decref(recipe);
        recipe = NULL;
    }
    json_decref(update);
    return recipe;
}

static json_t *control_of(const clt_control *c)
{
    return json_pack("{s:f, s:f, s:i, s:i, s:f, s:b, s:i}", "rate", c->rate, "best", c->best,
                     "best_epoch", (int)c->best_epoch, "wait", (int)c->wait, "plateau_best",
                     c->plateau_best, "plateau_seen", (int)c->plateau_seen, "plateau_wait",
                     (int)c->plateau_wait);
}

static json_t *place_of(const clt_trainer *trainer)
{
    const clt_place *p = &trainer->place;
    return json_pack("{s:I, s:i, s:i, s:f, s:f, s:I, s:f, s:f}", "steps", (json_int_t)trainer->step,
                     "epoch", (int)p->epoch, "step", (int)p->step, "loss", p->loss, "hits", p->hits,
                     "samples", (json_int_t)p->samples, "seconds", p->seconds, "first_step_seconds",
                     p->first_step_seconds);
}

static json_t *fingerprint_of(const clt_fingerprint *f)
{
    return json_pack("{s:I, s:I, s:I}", "samples", (json_int_t)f->samples, "ids",
                     (json_int_t)f->ids, "hash", (json_int_t)f->hash);
}

static json_t *plan_of(const clt_trainer *trainer)
{
    json_t *plan = json_object();
    for (size_t row = 0; row < CLT_PLAN_OPS; row++) {
        const char *op = clt_plan_op(row), *variant = trainer->plan.variants[row];
        (void)json_object_set_new(plan, op, variant != NULL ? json_string(variant) : json_null());
    }
    return plan;
}

static json_t *device_of(const clt_runtime *runtime)
{
    char *text = clt_runtime_identity(runtime, NULL);
    json_t *device = text != NULL ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return device;
}

/* Freed with free(); NULL with *error set. */
static char *state_text(const clt_trainer *trainer, clt_error *error)
{
    json_t *state = json_pack("{s:i, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "format",
                              STATE_FORMAT, "recipe", recipe_of(&trainer->config, trainer->model),
                              "place", place_of(trainer), "control", control_of(&trainer->control),
                              "data", "training", fingerprint_of(&trainer->data[0]), "validation",
                              fingerprint_of(&trainer->data[1]), "plan", plan_of(trainer), "device",
                              device_of(trainer->runtime));
    char *text = state != NULL ? json_dumps(state, JSON_COMPACT) : NULL;
    json_decref(state);
    if (text == NULL) {
        (void)clt_fail(error, CLT_FAILED, 0, "out of memory for a checkpoint");
    }
    return text;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Where a parameter's values lie in a block of table and arena. */
static size_t offset_of(const clt_layers *layers, const clt_parameter *p)
{
    return p->table ? 0 : layers->parameters[0].count + p->offset;
}

/* "trainer.m.lstm.kernel": the optimizer's moments m and v, the weights of the best epoch, and
 * where the model has averaged ones those that training goes on with. */
static void name_tensor(char name[NAME_ROOM], const char *block, const clt_parameter *p)
{
    snprintf(name, NAME_ROOM, CLT_MODEL_MORE "%s.%s", block, p->name);
}

enum { STATES_MAX = 3 };
static const char BEST[] = "best";

/* A block of table and arena on the device. */
typedef struct kept_state {
    const char *name;
    clt_buffer table, arena;
} kept_state;

/* Those that a trainer has: the moments that its optimizer keeps, and the weights of training where
 * the model's are their average. */
static size_t list_states(const clt_trainer *trainer, kept_state states[STATES_MAX])
{
    const clt_network_state *network = clt_network_state_of(trainer->network);
    size_t count = 0;
    if (trainer->m_arena.bytes > 0) {
        states[count++] = (kept_state){"m", trainer->m_table, trainer->m_arena};
    }
    if (trainer->v_arena.bytes > 0) {
        states[count++] = (kept_state){"v", trainer->v_table, trainer->v_arena};
    }
    if (trainer->ema != NULL) {
        states[count++] = (kept_state){"weights", network->table, network->arena};
    }
    return count;
}

static size_t block_count(const clt_layers *layers)
{
    return layers->parameters[0].count + layers->arena;
}

static bool has_best(const clt_trainer *trainer)
{
    return trainer->best != NULL && trainer->control.best_epoch >= 0;
}

/* The states, one block behind the other, from the device or to it. Waits. */
static clt_status move_states(clt_trainer *trainer, const kept_state *states, size_t count,
                              float *block, bool to_device, clt_error *error)
{
    const clt_layers *layers = &trainer->model->layers;
    size_t table = layers->parameters[0].count, arena = layers->arena;
    clt_status status = CLT_OK;
    for (size_t k = 0; status == CLT_OK && k < 2 * count; k++) {
        clt_buffer buffer = k % 2 == 0 ? states[k / 2].table : states[k / 2].arena;
        size_t elements = k % 2 == 0 ? table : arena, bytes = elements * sizeof(float);
        status = to_device ? clt_buffer_write(trainer->runtime, buffer, 0, bytes, block, error)
                           : clt_buffer_read(trainer->runtime, buffer, 0, bytes, block, error);
        block += elements;
    }
    return status;
}

/* What is written, while it is written. */
typedef struct draft {
    float *states;   /* a block for each */
    double *history; /* [count, HISTORY_COLUMNS] */
    char *state;
    clt_stored_tensor tensors[CLT_MODEL_MORE_TENSORS];
    char names[(STATES_MAX + 1) * CLT_PARAMETER_COUNT_MAX][NAME_ROOM];
    size_t tensor_count;
} draft;

static void free_draft(draft *d)
{
    if (d != NULL) {
        free(d->states);
        free(d->history);
        free(d->state);
        free(d);
    }
}

/* Lists the tensors of a block of table and arena. */
static void list_block(const clt_layers *layers, const char *block, const float *values, draft *d)
{
    for (int k = 0; k < layers->parameter_count; k++) {
        const clt_parameter *p = &layers->parameters[k];
        char *name = d->names[d->tensor_count];
        name_tensor(name, block, p);
        d->tensors[d->tensor_count++] =
            (clt_stored_tensor){.name = name,
                                .dtype = CLT_F32,
                                .rank = p->rank,
                                .shape = {(uint64_t)p->shape[0], (uint64_t)p->shape[1]},
                                .bytes = p->count * sizeof(float),
                                .data = values + offset_of(layers, p)};
    }
}

static void list_history(const clt_history *history, draft *d)
{
    for (size_t k = 0; k < history->count; k++) {
        const clt_epoch *e = &history->epochs[k];
        const double row[HISTORY_COLUMNS] = {
            e->train.loss, e->train.accuracy,     e->validation.loss, e->validation.accuracy,
            e->seconds,    e->validation_seconds, e->learning_rate};
        memcpy(d->history + k * HISTORY_COLUMNS, row, sizeof row);
    }
    if (history->count > 0) {
        d->tensors[d->tensor_count++] =
            (clt_stored_tensor){.name = HISTORY,
                                .dtype = CLT_F64,
                                .rank = 2,
                                .shape = {history->count, HISTORY_COLUMNS},
                                .bytes = history->count * HISTORY_COLUMNS * sizeof(double),
                                .data = d->history};
    }
}

clt_status clt_checkpoint_write(clt_trainer *trainer, const char *path, clt_error *error)
{
    const clt_layers *layers = &trainer->model->layers;
    kept_state states[STATES_MAX];
    size_t block = block_count(layers), count = list_states(trainer, states);
    clt_metadata metadata = {STATE_KEY, NULL};
    clt_status status = CLT_FAILED;
    draft *d = clt_alloc(1, sizeof *d, "a checkpoint", error);
    if (d == NULL) {
        return CLT_FAILED;
    }
    d->states = clt_alloc(count * block, sizeof *d->states, "a checkpoint", error);
    d->history = clt_alloc(trainer->history.count * HISTORY_COLUMNS, sizeof *d->history,
                           "a checkpoint", error);
    d->state = state_text(trainer, error);
    if (d->states == NULL || d->history == NULL || d->state == NULL) {
        goto done;
    }
    CLT_TRY(clt_trainer_download(trainer, error)); /* brings lazy rows up to date */
    CLT_TRY(move_states(trainer, states, count, d->states, false, error));
    for (size_t k = 0; k < count; k++) {
        list_block(layers, states[k].name, d->states + k * block, d);
    }
    if (has_best(trainer)) {
        list_block(layers, BEST, trainer->best, d);
    }
    list_history(&trainer->history, d);
    metadata.value = d->state;
    CLT_TRY(clt_model_save_more(trainer->model, path, d->tensors, d->tensor_count, &metadata, 1,
                                error));
done:
    free_draft(d);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

clt_status clt_checkpoint_open(const char *path, clt_checkpoint *checkpoint, clt_error *error)
{
    clt_status status;
    *checkpoint = (clt_checkpoint){0};
    CLT_TRY(clt_safetensors_open(path, &checkpoint->file, error));
    CLT_TRY(clt_safetensors_check_digest(path, &checkpoint->file, error));
    checkpoint->path = clt_strdup(path, error);
    CLT_TRY(checkpoint->path != NULL ? CLT_OK : CLT_FAILED);
    const char *text = clt_safetensors_metadata(&checkpoint->file, STATE_KEY);
    checkpoint->state = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *format = json_object_get(checkpoint->state, "format");
    if (!json_is_integer(format) || json_integer_value(format) != STATE_FORMAT) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "%s: not a checkpoint of this program: its metadata have no " STATE_KEY
                          " of format %d",
                          path, STATE_FORMAT);
    }
done:
    if (status != CLT_OK) {
        clt_checkpoint_close(checkpoint);
    }
    return status;
}

void clt_checkpoint_close(clt_checkpoint *checkpoint)
{
    json_decref(checkpoint->state);
    clt_safetensors_close(&checkpoint->file);
    free(checkpoint->path);
    *checkpoint = (clt_checkpoint){0};
}

/* The first member in which two objects differ, and both values as text; false: there is none. */
static bool find_difference(json_t *then, json_t *now, const char **key, char there[128],
                            char here[128])
{
    json_t *objects[2] = {then, now}, *value;
    for (int k = 0; k < 2; k++) {
        json_object_foreach(objects[k], *key, value)
        {
            json_t *other = json_object_get(objects[1 - k], *key);
            if (!json_equal(value, other)) {
                char *texts[2] = {json_dumps(json_object_get(then, *key), JSON_ENCODE_ANY),
                                  json_dumps(json_object_get(now, *key), JSON_ENCODE_ANY)};
                snprintf(there, 128, "%s", texts[0] != NULL ? texts[0] : "missing");
                snprintf(here, 128, "%s", texts[1] != NULL ? texts[1] : "missing");
                free(texts[0]);
                free(texts[1]);
                return true;
            }
        }
    }
    return false;
}

static clt_status check_recipe(const clt_checkpoint *checkpoint, const clt_model *model,
                               const clt_trainer_config *config, clt_error *error)
{
    const char *key;
    char there[128], here[128];
    json_t *then = json_object_get(checkpoint->state, "recipe"), *now = recipe_of(config, model);
    clt_status status = now != NULL ? CLT_OK : clt_fail_memory(error, 0, "a recipe");
    if (now != NULL && find_difference(then, now, &key, there, here)) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: of another run: its %s is %s, not %s",
                          checkpoint->path, key, there, here);
    }
    json_decref(now);
    return status;
}

static bool unpack_fingerprint(json_t *object, clt_fingerprint *f)
{
    json_int_t samples, ids, hash;
    if (json_unpack(object, "{s:I, s:I, s:I}", "samples", &samples, "ids", &ids, "hash", &hash) !=
        0) {
        return false;
    }
    *f = (clt_fingerprint){(uint64_t)samples, (uint64_t)ids, (uint64_t)hash};
    return true;
}

static clt_status take_control(const clt_checkpoint *checkpoint, clt_trainer *trainer,
                               clt_error *error)
{
    clt_control *c = &trainer->control;
    int best_epoch, wait, seen, plateau_wait;
    if (json_unpack(json_object_get(checkpoint->state, "control"),
                    "{s:F, s:F, s:i, s:i, s:F, s:b, s:i}", "rate", &c->rate, "best", &c->best,
                    "best_epoch", &best_epoch, "wait", &wait, "plateau_best", &c->plateau_best,
                    "plateau_seen", &seen, "plateau_wait", &plateau_wait) != 0 ||
        best_epoch < -1 || best_epoch >= trainer->place.epoch || wait < 0 || plateau_wait < 0 ||
        !(c->rate >= 0.0) || !isfinite(c->rate)) {
        return clt_fail(error, CLT_INPUT, 0, "%s: its control is not what is written there",
                        checkpoint->path);
    }
    c->best_epoch = best_epoch;
    c->wait = wait;
    c->plateau_seen = seen != 0;
    c->plateau_wait = plateau_wait;
    return CLT_OK;
}

/* What the place claims about the data is looked at when they are known. */
static clt_status take_state(const clt_checkpoint *checkpoint, clt_trainer *trainer,
                             clt_error *error)
{
    clt_place *p = &trainer->place;
    json_t *data = json_object_get(checkpoint->state, "data");
    json_int_t steps, samples;
    int epoch, step;
    if (json_unpack(json_object_get(checkpoint->state, "place"),
                    "{s:I, s:i, s:i, s:F, s:F, s:I, s:F, s:F}", "steps", &steps, "epoch", &epoch,
                    "step", &step, "loss", &p->loss, "hits", &p->hits, "samples", &samples,
                    "seconds", &p->seconds, "first_step_seconds", &p->first_step_seconds) != 0 ||
        !unpack_fingerprint(json_object_get(data, "training"), &trainer->data[0]) ||
        !unpack_fingerprint(json_object_get(data, "validation"), &trainer->data[1])) {
        return clt_fail(error, CLT_INPUT, 0, "%s: its place or data is not what is written there",
                        checkpoint->path);
    }
    if (steps < 0 || epoch < 0 || epoch > trainer->config.epochs || step < 0 || step > steps ||
        samples < 0) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: steps %lld, epoch %d, step %d, samples %lld: no place in a run of %d "
                        "epochs",
                        checkpoint->path, (long long)steps, epoch, step, (long long)samples,
                        (int)trainer->config.epochs);
    }
    trainer->step = (uint64_t)steps;
    p->epoch = epoch;
    p->step = step;
    p->samples = (uint64_t)samples;
    return CLT_OK;
}

static clt_status take_history(const clt_checkpoint *checkpoint, clt_trainer *trainer,
                               clt_error *error)
{
    clt_history *history = &trainer->history;
    const clt_stored_tensor *tensor = clt_safetensors_find(&checkpoint->file, HISTORY);
    if (tensor == NULL) {
        return CLT_OK;
    }
    if (tensor->dtype != CLT_F64 || tensor->rank != 2 || tensor->shape[1] != HISTORY_COLUMNS) {
        return clt_fail(error, CLT_INPUT, 0, "%s: tensor " HISTORY " is not F64 of shape [n, %d]",
                        checkpoint->path, HISTORY_COLUMNS);
    }
    size_t count = (size_t)tensor->shape[0];
    clt_status status = clt_trainer_reserve_history(trainer, count, error);
    for (size_t k = 0; status == CLT_OK && k < count; k++) {
        double row[HISTORY_COLUMNS];
        memcpy(row, (const double *)tensor->data + k * HISTORY_COLUMNS, sizeof row);
        history->epochs[history->count++] =
            (clt_epoch){{row[0], row[1]}, {row[2], row[3]}, row[4], row[5], row[6]};
    }
    return status;
}

/* A block of table and arena from its tensors. */
static clt_status take_block(const clt_checkpoint *checkpoint, const clt_layers *layers,
                             const char *block, float *values, clt_error *error)
{
    clt_status status = CLT_OK;
    for (int k = 0; status == CLT_OK && k < layers->parameter_count; k++) {
        const clt_parameter *p = &layers->parameters[k];
        char name[NAME_ROOM];
        name_tensor(name, block, p);
        const clt_stored_tensor *tensor = clt_safetensors_find(&checkpoint->file, name);
        status = clt_model_check_tensor(checkpoint->path, name, p, tensor, error);
        if (status == CLT_OK) {
            memcpy(values + offset_of(layers, p), tensor->data, tensor->bytes);
        }
    }
    return status;
}

static clt_status take_states(const clt_checkpoint *checkpoint, clt_trainer *trainer,
                              clt_error *error)
{
    const clt_layers *layers = &trainer->model->layers;
    kept_state states[STATES_MAX];
    size_t block = block_count(layers), count = list_states(trainer, states);
    clt_status status = CLT_OK;
    float *values = clt_alloc(count * block, sizeof *values, "a checkpoint", error);
    if (values == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < count; k++) {
        CLT_TRY(take_block(checkpoint, layers, states[k].name, values + k * block, error));
    }
    CLT_TRY(move_states(trainer, states, count, values, true, error));
    if (has_best(trainer)) {
        CLT_TRY(take_block(checkpoint, layers, BEST, trainer->best, error));
    }
done:
    free(values);
    return status;
}

/* Forces the variants of the checkpoint where nothing else is forced, or undoes that. */
static void force_plan(const clt_checkpoint *checkpoint, clt_runtime *runtime,
                       bool forced[CLT_PLAN_OPS], bool on)
{
    json_t *plan = json_object_get(checkpoint->state, "plan");
    for (size_t row = 0; clt_plan_op(row) != NULL; row++) {
        const char *op = clt_plan_op(row);
        const char *variant = json_string_value(json_object_get(plan, op));
        if (on) {
            forced[row] = variant != NULL && clt_runtime_forced(runtime, op) == NULL;
        }
        if (forced[row]) {
            clt_runtime_force(runtime, op, on ? variant : NULL);
        }
    }
}

/* A note where the end of the run may have other bits than without the interruption. */
static void note_differences(const clt_checkpoint *checkpoint, const clt_trainer *trainer)
{
    static const char *const parts[] = {"device", "plan"};
    for (size_t k = 0; k < 2; k++) {
        const char *key;
        char there[128], here[128];
        json_t *now = k == 0 ? device_of(trainer->runtime) : plan_of(trainer);
        if (find_difference(json_object_get(checkpoint->state, parts[k]), now, &key, there, here)) {
            clt_runtime_log(trainer->runtime, CLT_LOG_NOTE,
                            "the run began with %s %s, and goes on with %s: its end will not have "
                            "the same bits as without the interruption",
                            key, there, here);
        }
        json_decref(now);
    }
}

clt_status clt_checkpoint_restore(const clt_checkpoint *checkpoint, clt_model *model,
                                  clt_runtime *runtime, const clt_trainer_config *config,
                                  clt_trainer **trainer, clt_error *error)
{
    clt_trainer *made = NULL;
    bool forced[CLT_PLAN_OPS];
    clt_status status;
    CLT_TRY(check_recipe(checkpoint, model, config, error));
    CLT_TRY(clt_model_take(model, checkpoint->path, &checkpoint->file, error));
    json_t *device = device_of(runtime);
    bool same = json_equal(json_object_get(checkpoint->state, "device"), device);
    json_decref(device);
    if (same) { /* another device may not have these variants */
        force_plan(checkpoint, runtime, forced, true);
    }
    status = clt_trainer_prepare(model, runtime, config, &made, error);
    if (same) {
        force_plan(checkpoint, runtime, forced, false);
    }
    if (status != CLT_OK) {
        goto done;
    }
    CLT_TRY(take_state(checkpoint, made, error));
    CLT_TRY(take_control(checkpoint, made, error));
    CLT_TRY(take_history(checkpoint, made, error));
    CLT_TRY(take_states(checkpoint, made, error));
    note_differences(checkpoint, made);
    made->goes_on = made->whole = true;
    *trainer = made;
    made = NULL;
done:
    clt_trainer_destroy(made);
    return status;
}
