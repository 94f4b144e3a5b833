/* control.c: the learning rate of each step, the best epoch, and when to stop early. Keras's
 * callbacks EarlyStopping (restore_best_weights=True) and ReduceLROnPlateau, and its schedules
 * CosineDecay and ExponentialDecay(staircase=True). */
#include "train/control.h"

#include <math.h>

#define PI 3.14159265358979323846
#define PLATEAU_MIN_DELTA 1e-4

const char *clt_metric_name(clt_metric metric)
{
    static const char *const names[] = {"none", "loss", "accuracy", "val_loss", "val_accuracy"};
    return names[metric];
}

const char *clt_schedule_name(clt_schedule_kind kind)
{
    static const char *const names[] = {"constant", "cosine", "step", "plateau"};
    return names[kind];
}

clt_status clt_control_check(const clt_trainer_config *config, clt_error *error)
{
    const clt_schedule *s = &config->schedule;
    bool shaped = s->kind == CLT_SCHEDULE_STEP || s->kind == CLT_SCHEDULE_PLATEAU;
    if (config->patience < 0 || !(config->min_delta >= 0.0) || !isfinite(config->min_delta)) {
        return clt_fail(error, CLT_USAGE, 0, "patience %d, min_delta %g: numbers from 0",
                        (int)config->patience, config->min_delta);
    }
    if (s->warmup < 0 || (shaped && (s->epochs < 1 || !(s->factor > 0.0) || !(s->factor < 1.0)))) {
        return clt_fail(error, CLT_USAGE, 0,
                        "schedule %s, %d epochs, factor %g, warm-up %d: epochs from 1, a factor "
                        "between 0 and 1, a warm-up from 0",
                        clt_schedule_name(s->kind), (int)s->epochs, s->factor, (int)s->warmup);
    }
    return CLT_OK;
}

bool clt_control_keeps_best(const clt_trainer_config *config)
{
    return config->monitor != CLT_METRIC_NONE || config->patience > 0;
}

void clt_control_begin(const clt_trainer_config *config, clt_control *control)
{
    *control = (clt_control){.rate = config->learning_rate, .best_epoch = -1};
}

clt_status clt_trainer_check_monitor(const clt_trainer_config *config, bool validated,
                                     clt_error *error)
{
    bool measured =
        config->monitor != CLT_METRIC_VAL_LOSS && config->monitor != CLT_METRIC_VAL_ACCURACY;
    return measured || validated
               ? CLT_OK
               : clt_fail(error, CLT_USAGE, 0, "%s cannot be monitored without validation data",
                          clt_metric_name(config->monitor));
}

double clt_control_rate(const clt_trainer_config *config, const clt_control *control, uint64_t step,
                        uint64_t steps_per_epoch)
{
    const clt_schedule *s = &config->schedule;
    double rate = config->learning_rate, done = (double)step, warmup = (double)s->warmup;
    double all = (double)config->epochs * (double)steps_per_epoch;
    switch (s->kind) {
    case CLT_SCHEDULE_CONSTANT:
        break;
    case CLT_SCHEDULE_COSINE:
        if (done >= warmup) {
            rate *= 0.5 * (1.0 + cos(PI * fmin(1.0, (done - warmup) / fmax(1.0, all - warmup))));
        }
        break;
    case CLT_SCHEDULE_STEP:
        rate *= pow(s->factor, floor(done / ((double)s->epochs * (double)steps_per_epoch)));
        break;
    case CLT_SCHEDULE_PLATEAU:
        rate = control->rate;
        break;
    }
    return done < warmup ? rate * done / warmup : rate;
}

/* The value to compare, turned so that less is better. */
static double value_of(const clt_trainer_config *config, const clt_epoch *epoch, bool validated)
{
    clt_metric metric = config->monitor;
    if (metric == CLT_METRIC_NONE) {
        metric = validated ? CLT_METRIC_VAL_LOSS : CLT_METRIC_LOSS;
    }
    switch (metric) {
    case CLT_METRIC_ACCURACY:
        return -epoch->train.accuracy;
    case CLT_METRIC_VAL_LOSS:
        return epoch->validation.loss;
    case CLT_METRIC_VAL_ACCURACY:
        return -epoch->validation.accuracy;
    default:
        return epoch->train.loss;
    }
}

static void look_at_plateau(const clt_schedule *schedule, double value, clt_control *control)
{
    if (!control->plateau_seen || value + PLATEAU_MIN_DELTA < control->plateau_best) {
        control->plateau_seen = true;
        control->plateau_best = value;
        control->plateau_wait = 0;
    } else if (++control->plateau_wait >= schedule->epochs) {
        /* Keras's learning rate is a float variable. */
        control->rate = (double)(float)((double)(float)control->rate * schedule->factor);
        control->plateau_wait = 0;
    }
}

bool clt_control_end_epoch(const clt_trainer_config *config, const clt_epoch *epoch, int32_t number,
                           bool validated, clt_control *control)
{
    double value = value_of(config, epoch, validated);
    if (config->schedule.kind == CLT_SCHEDULE_PLATEAU) {
        look_at_plateau(&config->schedule, value, control);
    }
    if (control->best_epoch < 0 || value + config->min_delta < control->best) {
        control->best = value;
        control->best_epoch = number;
        control->wait = 0;
        return true;
    }
    control->wait++;
    return false;
}

bool clt_control_stops(const clt_trainer_config *config, const clt_control *control)
{
    return config->patience > 0 && control->wait >= config->patience;
}
