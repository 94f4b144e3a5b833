/* trainer.c: epochs of Adam steps, their running means, validation, and what ends training early.
 *
 * The host is one step behind the device: the record of step n - 1 is read while step n runs, so
 * the queue never runs dry. A bad record keeps the device from every later update (the flag is
 * sticky), so the weights on it are always the last good ones. */
#include "cltrain/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "data/loader.h"
#include "model/network.h"
#include "util/memory.h"

struct clt_trainer {
    clt_model *model;
    clt_runtime *runtime;
    clt_trainer_config config;
    clt_network *network;   /* training */
    clt_network *inference; /* the same parameters */
    clt_loss *loss;
    clt_optimizer *optimizer;
    clt_buffer sample_loss, sample_hit; /* float, int [B] */
    clt_buffer record;
    clt_ticket reads[2];                           /* of the record, by step % 2 */
    clt_buffer moments;                            /* m and v of table and arena */
    clt_buffer m_table, v_table, m_arena, v_arena; /* slices of it */
    uint64_t step;                                 /* optimiser steps so far, all epochs */
    clt_history history;
};

/* The epoch under way. */
typedef struct running {
    clt_progress progress;
    struct timespec began;
    double loss; /* sums over the samples seen */
    double hits;
    size_t samples;
    int in_batch[2]; /* samples of a step, by step % 2 */
} running;

static double seconds_since(const struct timespec *begin)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + 1e-9 * (double)(now.tv_nsec - begin->tv_nsec);
}

static clt_status check_config(const clt_trainer_config *config, clt_error *error)
{
    if (config->batch < 1) {
        return clt_fail(error, CLT_USAGE, 0, "batch %d: 1 or more", (int)config->batch);
    }
    if (config->epochs < 1) {
        return clt_fail(error, CLT_USAGE, 0, "epochs %d: 1 or more", (int)config->epochs);
    }
    if (!(config->learning_rate > 0.0) || !isfinite(config->learning_rate)) {
        return clt_fail(error, CLT_USAGE, 0, "learning rate %g: a number above 0",
                        config->learning_rate);
    }
    return CLT_OK;
}

/* Adam's moments of the table and of the arena, zero. */
static clt_status create_moments(clt_trainer *trainer, clt_error *error)
{
    const clt_network_state *state = clt_network_state_of(trainer->network);
    size_t table = state->table.bytes, arena = state->arena.bytes;
    size_t table_room = clt_align(table), arena_room = clt_align(arena);
    size_t total = 2 * (table_room + arena_room);
    clt_runtime *runtime = trainer->runtime;
    clt_status status;
    const struct {
        clt_buffer *part;
        size_t offset, bytes;
    } parts[] = {
        {&trainer->m_table, 0, table},
        {&trainer->v_table, table_room, table},
        {&trainer->m_arena, 2 * table_room, arena},
        {&trainer->v_arena, 2 * table_room + arena_room, arena},
    };
    CLT_TRY(clt_buffer_create(runtime, total, "Adam's moments", &trainer->moments, error));
    CLT_TRY(clt_buffer_zero(runtime, trainer->moments, 0, total, error));
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        CLT_TRY(clt_buffer_slice(runtime, trainer->moments, parts[k].offset, parts[k].bytes,
                                 parts[k].part, error));
    }
done:
    return status;
}

clt_status clt_trainer_create(clt_model *model, clt_runtime *runtime,
                              const clt_trainer_config *config, clt_trainer **trainer,
                              clt_error *error)
{
    static const clt_trainer_config defaults = CLT_TRAINER_CONFIG_DEFAULT;
    clt_status status = check_config(config != NULL ? config : &defaults, error);
    if (status != CLT_OK) {
        return status;
    }
    clt_trainer *made = clt_alloc(1, sizeof *made, "a trainer", error);
    if (made == NULL) {
        return CLT_FAILED;
    }
    made->model = model;
    made->runtime = runtime;
    made->config = config != NULL ? *config : defaults;
    clt_limits limits = {made->config.batch, model->reading.maxlen, true};
    size_t samples = (size_t)limits.samples;
    CLT_TRY(clt_network_create(runtime, model, &limits, made->config.seed, NULL, &made->network,
                               error));
    limits.train = false;
    CLT_TRY(clt_network_create(runtime, model, &limits, made->config.seed, made->network,
                               &made->inference, error));
    CLT_TRY(clt_loss_plan(runtime, &made->loss, error));
    const int *table = model->layers.parameters[0].shape;
    CLT_TRY(clt_optimizer_plan(runtime, table[0], table[1], &made->optimizer, error));
    CLT_TRY(
        clt_buffer_create(runtime, samples * sizeof(float), "losses", &made->sample_loss, error));
    CLT_TRY(
        clt_buffer_create(runtime, samples * sizeof(int32_t), "hits", &made->sample_hit, error));
    CLT_TRY(clt_buffer_create(runtime, sizeof(clt_record), "a record", &made->record, error));
    CLT_TRY(clt_buffer_zero(runtime, made->record, 0, sizeof(clt_record), error));
    CLT_TRY(clt_ticket_create(sizeof(clt_record), &made->reads[0], error));
    CLT_TRY(clt_ticket_create(sizeof(clt_record), &made->reads[1], error));
    CLT_TRY(create_moments(made, error));
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
    clt_buffer *buffers[] = {&trainer->sample_loss, &trainer->sample_hit, &trainer->record,
                             &trainer->m_table,     &trainer->v_table,    &trainer->m_arena,
                             &trainer->v_arena,     &trainer->moments};
    for (size_t k = 0; k < sizeof buffers / sizeof *buffers; k++) {
        clt_buffer_release(trainer->runtime, buffers[k]);
    }
    clt_ticket_destroy(trainer->runtime, &trainer->reads[0]);
    clt_ticket_destroy(trainer->runtime, &trainer->reads[1]);
    clt_loss_destroy(trainer->loss);
    clt_optimizer_destroy(trainer->optimizer);
    clt_network_destroy(trainer->inference);
    clt_network_destroy(trainer->network);
    free(trainer->history.epochs);
    free(trainer);
}

const clt_history *clt_trainer_history(const clt_trainer *trainer)
{
    return &trainer->history;
}

/* ---- one step -------------------------------------------------------------------------------- */

static clt_adam_state table_state(const clt_trainer *trainer)
{
    return (clt_adam_state){clt_network_state_of(trainer->network)->table, trainer->m_table,
                            trainer->v_table};
}

/* Queues forward, loss, backward, record and update of one batch. */
static clt_status enqueue_step(clt_trainer *trainer, const clt_batch *batch, clt_error *error)
{
    const clt_network_state *state = clt_network_state_of(trainer->network);
    const clt_layers *layers = &trainer->model->layers;
    const clt_adam_state arena = {state->arena, trainer->m_arena, trainer->v_arena};
    const clt_adam_state table = table_state(trainer);
    const clt_adam_step adam = clt_adam_step_of(trainer->config.learning_rate, trainer->step + 1);
    clt_status status;
    CLT_TRY(clt_network_upload(trainer->network, batch, error));
    CLT_TRY(
        clt_optimizer_catch_up(trainer->optimizer, state->unique, state->row_count, table, error));
    CLT_TRY(clt_network_forward(trainer->network, (uint32_t)trainer->step, error));
    CLT_TRY(clt_loss_forward(trainer->loss, state->extent.samples, state->logits, state->targets,
                             trainer->sample_loss, trainer->sample_hit, state->dlogits, error));
    CLT_TRY(clt_network_backward(trainer->network, error));
    CLT_TRY(clt_reduce_squares(state->reduce, state->darena, layers->arena, error));
    CLT_TRY(clt_reduce_squares(state->reduce, state->drows,
                               (size_t)state->row_count * (size_t)state->features, error));
    CLT_TRY(clt_reduce_record(state->reduce, &state->extent, trainer->sample_loss,
                              trainer->sample_hit, trainer->record, error));
    CLT_TRY(clt_optimizer_dense(trainer->optimizer, &adam, trainer->record, layers->arena,
                                state->darena, arena, error));
    CLT_TRY(clt_optimizer_table(trainer->optimizer, &adam, trainer->record, state->unique,
                                state->row_count, state->drows, table, error));
    trainer->step++;
done:
    return status;
}

/* Takes in the record of step `step` of the epoch and reports it. */
static clt_status take_record(clt_trainer *trainer, running *run, int32_t step, clt_error *error)
{
    clt_progress *progress = &run->progress;
    clt_ticket *read = &trainer->reads[step % 2];
    const clt_record *record = read->data;
    int samples = run->in_batch[step % 2];
    clt_status status = clt_ticket_wait(trainer->runtime, read, error);
    if (status != CLT_OK) {
        return status;
    }
    if (record->bad) {
        return clt_fail(error, CLT_DIVERGED, 0,
                        "diverged at epoch %d, step %d of %d: loss %g, squared gradient norm %g; "
                        "try a learning rate below %g",
                        (int)progress->epoch + 1, (int)step + 1, (int)progress->steps,
                        fabs((double)record->loss) / samples, fabs((double)record->squared_norm),
                        trainer->config.learning_rate);
    }
    run->loss += record->loss;
    run->hits += record->hits;
    run->samples += (size_t)samples;
    progress->step = step + 1;
    progress->train.loss = run->loss / (double)run->samples;
    progress->train.accuracy = run->hits / (double)run->samples;
    progress->seconds = seconds_since(&run->began);
    if (step == 0) {
        progress->first_step_seconds = progress->seconds;
    }
    progress->event = CLT_PROGRESS_STEP;
    if (trainer->config.progress != NULL &&
        trainer->config.progress(trainer->config.user, progress) != 0) {
        return clt_fail(error, CLT_STOPPED, 0, "stopped at epoch %d, step %d of %d",
                        (int)progress->epoch + 1, (int)step + 1, (int)progress->steps);
    }
    return CLT_OK;
}

/* ---- one epoch ------------------------------------------------------------------------------- */

static clt_status run_steps(clt_trainer *trainer, clt_loader *loader, running *run,
                            clt_error *error)
{
    const clt_batch *batch;
    int32_t step = 0;
    clt_status status;
    CLT_TRY(clt_loader_start(loader, trainer->config.shuffle, trainer->config.seed,
                             (uint32_t)run->progress.epoch, error));
    while ((batch = clt_loader_next(loader)) != NULL) {
        CLT_TRY(enqueue_step(trainer, batch, error));
        run->in_batch[step % 2] = batch->extent.samples;
        CLT_TRY(clt_buffer_read_later(trainer->runtime, trainer->record, 0, sizeof(clt_record),
                                      &trainer->reads[step % 2], error));
        CLT_TRY(clt_runtime_flush(trainer->runtime, error));
        step++;
        if (step > 1) {
            CLT_TRY(take_record(trainer, run, step - 2, error));
        }
    }
    CLT_TRY(take_record(trainer, run, step - 1, error));
done:
    return status;
}

/* After a failure or a stop: lets the device finish, so that the next fit may use the loader's
 * batches and the records again. A bad record that was still under way outranks a stop. */
static clt_status drain(clt_trainer *trainer, running *run, clt_status status, clt_error *error)
{
    bool bad = false;
    (void)!clt_runtime_finish(trainer->runtime, NULL);
    for (int k = 0; k < 2; k++) {
        const clt_record *record = trainer->reads[k].data;
        if (trainer->reads[k].event != NULL &&
            clt_ticket_wait(trainer->runtime, &trainer->reads[k], NULL) == CLT_OK) {
            bad = bad || record->bad;
        }
    }
    if (status == CLT_STOPPED && bad) {
        return clt_fail(
            error, CLT_DIVERGED, 0,
            "diverged at epoch %d, in the last step before the stop; try a learning rate "
            "below %g",
            (int)run->progress.epoch + 1, trainer->config.learning_rate);
    }
    return status;
}

/* The weights of the last good step, on the device and then in the model. Waits. */
static clt_status download(clt_trainer *trainer, clt_error *error)
{
    clt_status status = clt_optimizer_catch_up_all(trainer->optimizer, table_state(trainer), error);
    return status == CLT_OK ? clt_network_download(trainer->network, trainer->model, error)
                            : status;
}

/* Reads the table from the device: after a download. */
static clt_status validate(clt_trainer *trainer, const clt_dataset *validation, float *logits,
                           clt_epoch *epoch, clt_error *error)
{
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    clt_status status =
        clt_network_logits(trainer->inference, validation, &trainer->model->reading, logits, error);
    if (status == CLT_OK) {
        epoch->validation = clt_metrics_of(logits, validation->labels, validation->count);
        epoch->validation_seconds = seconds_since(&began);
        if (!isfinite(epoch->validation.loss)) {
            status = clt_fail(error, CLT_DIVERGED, 0,
                              "diverged: the validation loss after epoch %zu is %g; try a learning "
                              "rate below %g",
                              trainer->history.count + 1, fabs(epoch->validation.loss),
                              trainer->config.learning_rate);
        }
    }
    return status;
}

static clt_status report(clt_trainer *trainer, running *run, const clt_epoch *done,
                         clt_error *error)
{
    run->progress.done = done;
    run->progress.event = done != NULL ? CLT_PROGRESS_EPOCH_END : CLT_PROGRESS_EPOCH_BEGIN;
    run->progress.seconds = seconds_since(&run->began);
    if (trainer->config.progress != NULL &&
        trainer->config.progress(trainer->config.user, &run->progress) != 0) {
        return clt_fail(error, CLT_STOPPED, 0, "stopped %s epoch %d",
                        done != NULL ? "after" : "before", (int)run->progress.epoch + 1);
    }
    return CLT_OK;
}

static clt_status run_epoch(clt_trainer *trainer, clt_loader *loader, int32_t epoch,
                            const clt_dataset *validation, float *logits, clt_error *error)
{
    running run = {.progress = {.epoch = epoch,
                                .epochs = trainer->config.epochs,
                                .steps = clt_loader_steps(loader)}};
    clt_epoch row = {.validation = {NAN, NAN}};
    clt_status status;
    clock_gettime(CLOCK_MONOTONIC, &run.began);
    CLT_TRY(report(trainer, &run, NULL, error));
    status = run_steps(trainer, loader, &run, error);
    if (status != CLT_OK) {
        return drain(trainer, &run, status, error);
    }
    row.train = run.progress.train;
    row.seconds = run.progress.seconds;
    /* Once an epoch the host has the weights too: a device that is lost later takes one epoch. */
    CLT_TRY(download(trainer, error));
    if (validation != NULL) {
        CLT_TRY(validate(trainer, validation, logits, &row, error));
    }
    trainer->history.epochs[trainer->history.count++] = row;
    CLT_TRY(report(trainer, &run, &row, error));
done:
    return status;
}

static clt_status reserve_history(clt_trainer *trainer, clt_error *error)
{
    size_t need = trainer->history.count + (size_t)trainer->config.epochs;
    void *epochs = trainer->history.epochs;
    clt_status status = clt_resize(&epochs, need, sizeof(clt_epoch), "the history", error);
    if (status == CLT_OK) {
        trainer->history.epochs = epochs;
    }
    return status;
}

clt_status clt_trainer_fit(clt_trainer *trainer, const clt_dataset *train,
                           const clt_dataset *validation, clt_error *error)
{
    clt_loader *loader = NULL;
    float *logits = NULL;
    clt_status status;
    CLT_TRY(clt_model_check_dataset(trainer->model, train, error));
    if (validation != NULL) {
        CLT_TRY(clt_model_check_dataset(trainer->model, validation, error));
        logits = clt_alloc(validation->count, sizeof *logits, "validation", error);
        CLT_TRY(logits != NULL ? CLT_OK : CLT_FAILED);
    }
    CLT_TRY(reserve_history(trainer, error));
    trainer->history.validated = validation != NULL;
    CLT_TRY(
        clt_loader_create(train, &trainer->model->reading, trainer->config.batch, &loader, error));
    if (clt_network_packs(trainer->network)) {
        clt_loader_pack(loader, false);
    }
    for (int32_t epoch = 0; epoch < trainer->config.epochs; epoch++) {
        status = run_epoch(trainer, loader, epoch, validation, logits, error);
        if (status != CLT_OK) {
            /* The last good weights, whatever happened; an error here would hide the first one. */
            if (!clt_runtime_is_lost(trainer->runtime)) {
                (void)!download(trainer, NULL);
            }
            goto done;
        }
    }
done:
    clt_loader_destroy(loader, clt_runtime_is_lost(trainer->runtime));
    free(logits);
    return status;
}
