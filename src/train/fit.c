/* fit.c: epochs of steps, their running means, validation, checkpoints, and what ends training
 * early.
 *
 * The host is one step behind the device: the record of step n - 1 is read while step n runs, so
 * the queue never runs dry. A bad record keeps the device from every later update (the flag is
 * sticky), so the weights on it are always the last good ones. Before a checkpoint the host catches
 * up: what is saved has been found good. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/outputs.h"
#include "train/trainer_private.h"
#include "util/clock.h"
#include "util/memory.h"

/* The epoch under way. */
typedef struct running {
    clt_progress progress;
    double began;    /* less the seconds that it took before it was stopped */
    int32_t queued;  /* steps of it on the device; the trainer's place says how many came back */
    int in_batch[2]; /* samples of a step, by step % 2 */
} running;

/* Takes in the record of the next step, and reports it. */
static clt_status take_record(clt_trainer *trainer, running *run, bool reported, clt_error *error)
{
    clt_place *place = &trainer->place;
    clt_progress *progress = &run->progress;
    int32_t step = place->step;
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
    place->loss += record->loss;
    place->hits += record->hits;
    place->samples += (uint64_t)samples;
    place->step = step + 1;
    place->seconds = clt_now() - run->began;
    if (step == 0) {
        place->first_step_seconds = place->seconds;
    }
    progress->step = step + 1;
    progress->train.loss = place->loss / (double)place->samples;
    progress->train.accuracy = place->hits / (double)place->samples;
    progress->seconds = place->seconds;
    progress->first_step_seconds = place->first_step_seconds;
    progress->event = CLT_PROGRESS_STEP;
    if (reported && trainer->config.progress != NULL &&
        trainer->config.progress(trainer->config.user, progress) != 0) {
        return clt_fail(error, CLT_STOPPED, 0, "stopped at epoch %d, step %d of %d",
                        (int)progress->epoch + 1, (int)step + 1, (int)progress->steps);
    }
    return CLT_OK;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static clt_status save(clt_trainer *trainer, clt_error *error)
{
    clt_status status = clt_checkpoints_save(trainer, trainer->folder, error);
    trainer->saved = clt_now();
    return status;
}

/* Is a checkpoint due after the step that was queued last? */
static bool is_due(const clt_trainer *trainer)
{
    const clt_checkpoints *every = &trainer->config.checkpoints;
    return trainer->folder != NULL &&
           ((every->steps > 0 && trainer->step % every->steps == 0) ||
            (every->seconds > 0.0 && clt_now() - trainer->saved >= every->seconds));
}

static bool is_due_after_epoch(const clt_trainer *trainer)
{
    int32_t every = trainer->config.checkpoints.epochs;
    return trainer->folder != NULL && every > 0 && trainer->place.epoch % every == 0;
}

/* ---- what steers ----------------------------------------------------------------------------- */

/* The learning rate of a step, from 0, of the epoch under way. */
static double rate_of(const clt_trainer *trainer, const running *run, int32_t step)
{
    uint64_t steps = (uint64_t)run->progress.steps;
    return clt_control_rate(&trainer->config, &trainer->control,
                            (uint64_t)trainer->place.epoch * steps + (uint64_t)step, steps);
}

/* After a download: an epoch that is the best so far has its weights kept. */
static void judge(clt_trainer *trainer, const clt_epoch *epoch)
{
    const clt_model *model = trainer->model;
    size_t table = model->layers.parameters[0].count, arena = model->layers.arena;
    if (clt_control_end_epoch(&trainer->config, epoch, trainer->place.epoch,
                              trainer->history.validated, &trainer->control) &&
        trainer->best != NULL) {
        memcpy(trainer->best, model->table, table * sizeof(float));
        memcpy(trainer->best + table, model->arena, arena * sizeof(float));
    }
}

/* ---- one epoch ------------------------------------------------------------------------------- */

static clt_status run_steps(clt_trainer *trainer, clt_loader *loader, running *run,
                            clt_error *error)
{
    clt_place *place = &trainer->place;
    const clt_batch *batch;
    clt_status status;
    CLT_TRY(clt_loader_start(loader, trainer->config.shuffle, trainer->config.seed,
                             (uint32_t)place->epoch, place->step, error));
    while ((batch = clt_loader_next(loader)) != NULL) {
        int slot = run->queued % 2;
        CLT_TRY(clt_trainer_enqueue(trainer, batch, rate_of(trainer, run, run->queued), error));
        run->in_batch[slot] = batch->extent.samples;
        CLT_TRY(clt_buffer_read_later(trainer->runtime, trainer->record, 0, sizeof(clt_record),
                                      &trainer->reads[slot], error));
        CLT_TRY(clt_runtime_flush(trainer->runtime, error));
        run->queued++;
        bool due = is_due(trainer);
        while (run->queued - place->step > (due ? 0 : 1)) {
            CLT_TRY(take_record(trainer, run, true, error));
        }
        if (due) {
            CLT_TRY(save(trainer, error));
        }
    }
    while (run->queued > place->step) {
        CLT_TRY(take_record(trainer, run, true, error));
    }
done:
    return status;
}

/* After a failure or a stop: lets the device finish, so that the next fit may use the loader's
 * batches and the records again. What a stop finds under way counts: it may be bad. */
static clt_status drain(clt_trainer *trainer, running *run, clt_status status, clt_error *error)
{
    (void)!clt_runtime_finish(trainer->runtime, NULL);
    while (status == CLT_STOPPED && run->queued > trainer->place.step) {
        clt_error late;
        clt_status outcome = take_record(trainer, run, false, &late);
        if (outcome != CLT_OK) {
            status = clt_fail(error, outcome, late.native, "%s", late.message);
        }
    }
    for (int k = 0; k < 2; k++) {
        if (trainer->reads[k].event != NULL) {
            (void)!clt_ticket_wait(trainer->runtime, &trainer->reads[k], NULL);
        }
    }
    return status;
}

/* Reads the table from the device: after a download. */
static clt_status validate(clt_trainer *trainer, const clt_dataset *validation, float *logits,
                           clt_epoch *epoch, clt_error *error)
{
    double began = clt_now();
    clt_status status =
        clt_network_logits(trainer->inference, validation, &trainer->model->reading, logits, error);
    if (status == CLT_OK) {
        epoch->validation = clt_outputs_metrics(logits, clt_layers_outputs(&trainer->model->layers),
                                                validation->labels, validation->count);
        epoch->validation_seconds = clt_now() - began;
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
    run->progress.seconds = clt_now() - run->began;
    if (trainer->config.progress != NULL &&
        trainer->config.progress(trainer->config.user, &run->progress) != 0) {
        return clt_fail(error, CLT_STOPPED, 0, "stopped %s epoch %d",
                        done != NULL ? "after" : "before", (int)run->progress.epoch + 1);
    }
    return CLT_OK;
}

/* The epoch of the trainer's place, or what is left of it. */
static clt_status run_epoch(clt_trainer *trainer, clt_loader *loader, const clt_dataset *validation,
                            float *logits, clt_error *error)
{
    clt_place *place = &trainer->place;
    running run = {.progress = {.epoch = place->epoch,
                                .epochs = trainer->config.epochs,
                                .step = place->step,
                                .steps = clt_loader_steps(loader)},
                   .began = clt_now() - place->seconds,
                   .queued = place->step};
    clt_epoch row = {.validation = {NAN, NAN}};
    clt_status status;
    CLT_TRY(clt_trainer_reserve_history(trainer, 1, error));
    CLT_TRY(report(trainer, &run, NULL, error));
    status = run_steps(trainer, loader, &run, error);
    if (status != CLT_OK) {
        return drain(trainer, &run, status, error);
    }
    row.train.loss = place->loss / (double)place->samples;
    row.train.accuracy = place->hits / (double)place->samples;
    row.seconds = place->seconds;
    /* Once an epoch the host has the weights too: a device that is lost later takes one epoch. */
    CLT_TRY(clt_trainer_download(trainer, error));
    if (validation != NULL) {
        CLT_TRY(validate(trainer, validation, logits, &row, error));
    }
    row.learning_rate = rate_of(trainer, &run, place->step - 1);
    judge(trainer, &row);
    trainer->history.epochs[trainer->history.count++] = row;
    *place = (clt_place){.epoch = place->epoch + 1};
    CLT_TRY(report(trainer, &run, &row, error));
    if (is_due_after_epoch(trainer)) {
        CLT_TRY(save(trainer, error));
    }
done:
    return status;
}

/* ---- the fit --------------------------------------------------------------------------------- */

static clt_status check_same(const char *what, const clt_fingerprint *then,
                             const clt_fingerprint *now, clt_error *error)
{
    if (then->samples != now->samples || then->ids != now->ids) {
        return clt_fail(error, CLT_INPUT, 0,
                        "the %s data are not those that the run began with: %llu samples with %llu "
                        "ids, now %llu with %llu",
                        what, (unsigned long long)then->samples, (unsigned long long)then->ids,
                        (unsigned long long)now->samples, (unsigned long long)now->ids);
    }
    if (then->hash != now->hash) {
        return clt_fail(error, CLT_INPUT, 0,
                        "the %s data are not those that the run began with: as many samples and "
                        "ids, but other ones",
                        what);
    }
    return CLT_OK;
}

/* The place to begin at: where the trainer was, when these are the data of then, or the start. */
static clt_status begin(clt_trainer *trainer, const clt_dataset *train,
                        const clt_dataset *validation, const clt_loader *loader, clt_error *error)
{
    const clt_fingerprint data[2] = {clt_dataset_fingerprint(train),
                                     clt_dataset_fingerprint(validation)};
    const clt_place *place = &trainer->place;
    clt_status status;
    CLT_TRY(clt_trainer_check_monitor(&trainer->config, validation != NULL, error));
    if (trainer->goes_on) {
        uint64_t samples = (uint64_t)place->step * (uint64_t)trainer->config.batch;
        CLT_TRY(check_same("training", &trainer->data[0], &data[0], error));
        CLT_TRY(check_same("validation", &trainer->data[1], &data[1], error));
        samples = samples < train->count ? samples : train->count;
        if (place->step > clt_loader_steps(loader) || place->samples != samples) {
            status = clt_fail(error, CLT_INPUT, 0,
                              "cannot go on at step %d of an epoch of %d, after %llu samples",
                              (int)place->step, clt_loader_steps(loader),
                              (unsigned long long)place->samples);
            goto done;
        }
    } else {
        trainer->place = (clt_place){0};
        clt_control_begin(&trainer->config, &trainer->control);
        trainer->data[0] = data[0];
        trainer->data[1] = data[1];
    }
    /* What an earlier fit found bad does not stop this one. */
    CLT_TRY(clt_buffer_zero(trainer->runtime, trainer->record, 0, sizeof(clt_record), error));
    trainer->goes_on = trainer->shows_best = trainer->history.stopped_early = false;
    trainer->history.best = -1;
    trainer->whole = false;
    trainer->saved = clt_now();
done:
    return status;
}

/* After an epoch that has not come to its end. An error here would hide the first one. */
static clt_status end_early(clt_trainer *trainer, clt_status status, clt_error *error)
{
    if (!clt_runtime_is_lost(trainer->runtime)) {
        clt_status downloaded = clt_trainer_download(trainer, NULL);
        trainer->whole = downloaded == CLT_OK && status == CLT_STOPPED;
    } else {
        trainer->whole = false;
    }
    trainer->goes_on = trainer->whole;
    if (trainer->whole && trainer->folder != NULL) {
        clt_status saved = save(trainer, error);
        status = saved == CLT_OK ? status : saved;
    }
    return status;
}

clt_status clt_trainer_report(clt_trainer *trainer, const clt_dataset *samples, clt_report **report,
                              clt_error *error)
{
    const clt_fingerprint now = clt_dataset_fingerprint(samples), *then = &trainer->data[1];
    int outputs = clt_layers_outputs(&trainer->model->layers);
    bool same = trainer->logits != NULL && now.samples == then->samples && now.ids == then->ids &&
                now.hash == then->hash;
    float *logits = NULL;
    clt_status status;
    if (trainer->shows_best) { /* the device has the weights of another epoch */
        return clt_model_report(trainer->model, trainer->runtime, samples, trainer->config.batch,
                                report, error);
    }
    CLT_TRY(clt_model_check_labels(trainer->model, samples, error));
    if (!same) {
        logits = clt_alloc(samples->count, (size_t)outputs * sizeof *logits, "logits", error);
        CLT_TRY(logits != NULL ? CLT_OK : CLT_FAILED);
        CLT_TRY(clt_network_logits(trainer->inference, samples, &trainer->model->reading, logits,
                                   error));
    }
    const float *made = same ? trainer->logits : logits;
    CLT_TRY(clt_outputs_check(made, outputs, samples->count, error));
    CLT_TRY(clt_report_create(made, outputs, samples->labels, samples->count, report, error));
done:
    free(logits);
    return status;
}

/* The model gets the weights of the best epoch: at the end of a fit the device, too. There averaged
 * weights take the place of those of the last step, as in Keras. */
static clt_status show_best(clt_trainer *trainer, bool ended, clt_error *error)
{
    clt_history *history = &trainer->history;
    int32_t epochs = trainer->place.epoch, best = trainer->control.best_epoch;
    bool found = trainer->best != NULL && best >= 0;
    clt_status status = CLT_OK;
    if (found) {
        clt_trainer_show_best(trainer);
        trainer->shows_best = !ended;
        history->best = (int32_t)history->count - epochs + best;
        history->stopped_early = ended && epochs < trainer->config.epochs;
    }
    if (ended && (found || trainer->ema != NULL)) {
        CLT_TRY(clt_network_take_weights(trainer->network, trainer->model, error));
    }
    if (ended && found && trainer->ema != NULL) {
        CLT_TRY(clt_network_take_weights(trainer->inference, trainer->model, error));
    }
done:
    return status;
}

clt_status clt_trainer_fit(clt_trainer *trainer, const clt_dataset *train,
                           const clt_dataset *validation, clt_error *error)
{
    clt_loader *loader = NULL;
    float *logits = NULL;
    bool measured = false; /* the weights of now */
    clt_status status;
    free(trainer->logits);
    trainer->logits = NULL;
    CLT_TRY(clt_model_check_labels(trainer->model, train, error));
    if (validation != NULL) {
        CLT_TRY(clt_model_check_labels(trainer->model, validation, error));
        size_t outputs = (size_t)clt_layers_outputs(&trainer->model->layers);
        logits = clt_alloc(validation->count, outputs * sizeof *logits, "validation", error);
        CLT_TRY(logits != NULL ? CLT_OK : CLT_FAILED);
    }
    CLT_TRY(
        clt_loader_create(train, &trainer->model->reading, trainer->config.batch, &loader, error));
    CLT_TRY(begin(trainer, train, validation, loader, error));
    trainer->history.validated = validation != NULL;
    clt_network_set_loader(trainer->network, loader, false);
    while (status == CLT_OK && trainer->place.epoch < trainer->config.epochs &&
           !clt_control_stops(&trainer->config, &trainer->control)) {
        status = run_epoch(trainer, loader, validation, logits, error);
        measured = validation != NULL;
    }
    if (status == CLT_OK) {
        status = show_best(trainer, true, error);
        trainer->whole = status == CLT_OK;
        measured = measured && (trainer->history.best < 0 ||
                                trainer->history.best + 1 == (int32_t)trainer->history.count);
    } else {
        status = end_early(trainer, status, error);
        (void)!show_best(trainer, false, NULL);
    }
done:
    clt_loader_destroy(loader, clt_runtime_is_lost(trainer->runtime));
    if (status == CLT_OK && measured) {
        trainer->logits = logits;
        logits = NULL;
    }
    free(logits);
    return status;
}
