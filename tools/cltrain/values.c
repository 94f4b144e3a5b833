/* values.c: the values of options, from text and back. */
#include "values.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cltrain/cltrain.h"

/* "50steps", "5min", "1epoch" and their like. */
static bool read_period(const char *text, clt_checkpoints *every)
{
    static const struct {
        const char *name;
        double seconds;
        int32_t epochs;
        uint64_t steps;
    } units[] = {{"step", 0, 0, 1},   {"steps", 0, 0, 1}, {"epoch", 0, 1, 0},
                 {"epochs", 0, 1, 0}, {"s", 1, 0, 0},     {"sec", 1, 0, 0},
                 {"m", 60, 0, 0},     {"min", 60, 0, 0},  {"h", 3600, 0, 0}};
    char *end;
    double number = strtod(text, &end);
    size_t k = 0, count = sizeof units / sizeof units[0];

    while (k < count && strcmp(end, units[k].name) != 0) {
        k++;
    }
    if (end == text || k == count || !(number > 0.0) || !(number <= 1e9) ||
        (units[k].seconds == 0 && number != (int32_t)number)) {
        return false;
    }
    every->seconds = number * units[k].seconds;
    every->epochs = (int32_t)number * units[k].epochs;
    every->steps = (uint64_t)number * units[k].steps;
    return true;
}

/* "cosine", "step:2:0.5" */
static bool read_schedule(const char *text, clt_schedule *schedule)
{
    size_t length = strcspn(text, ":");
    int kind = CLT_SCHEDULE_CONSTANT;

    while (kind <= CLT_SCHEDULE_PLATEAU &&
           (strlen(clt_schedule_name((clt_schedule_kind)kind)) != length ||
            memcmp(clt_schedule_name((clt_schedule_kind)kind), text, length) != 0)) {
        kind++;
    }
    bool shaped = kind == CLT_SCHEDULE_STEP || kind == CLT_SCHEDULE_PLATEAU;
    long epochs = kind == CLT_SCHEDULE_PLATEAU ? 10 : 2;
    double factor = kind == CLT_SCHEDULE_PLATEAU ? 0.1 : 0.5;
    char *end = (char *)text + length;
    if (*end == ':' && shaped) {
        epochs = strtol(end + 1, &end, 10);
    }
    if (*end == ':' && shaped) {
        factor = strtod(end + 1, &end);
    }
    if (kind > CLT_SCHEDULE_PLATEAU || *end != '\0' || epochs < 1 || epochs > INT32_MAX ||
        !(factor > 0.0) || !(factor < 1.0)) {
        return false;
    }
    schedule->kind = (clt_schedule_kind)kind;
    schedule->epochs = (int32_t)epochs;
    schedule->factor = factor;
    return true;
}

static bool read_metric(const char *text, clt_metric *metric)
{
    for (int k = CLT_METRIC_LOSS; k <= CLT_METRIC_VAL_ACCURACY; k++) {
        if (strcmp(text, clt_metric_name((clt_metric)k)) == 0) {
            *metric = (clt_metric)k;
            return true;
        }
    }
    return false;
}

static bool read_optimizer(const char *text, clt_optimizer_kind *optimizer)
{
    for (int k = 0; k < CLT_OPTIMIZER_KINDS; k++) {
        if (strcmp(text, clt_optimizer_name((clt_optimizer_kind)k)) == 0) {
            *optimizer = (clt_optimizer_kind)k;
            return true;
        }
    }
    return false;
}

/* "global_norm:1.5" */
static bool read_clip(const char *text, clt_clipping *clip)
{
    size_t length = strcspn(text, ":");

    for (int k = CLT_CLIP_VALUE; k <= CLT_CLIP_GLOBAL_NORM && text[length] == ':'; k++) {
        const char *name = clt_clip_name((clt_clip_kind)k);
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            char *end;
            clip->kind = (clt_clip_kind)k;
            clip->limit = strtod(text + length + 1, &end);
            return end != text + length + 1 && *end == '\0' && clip->limit > 0.0 &&
                   clip->limit <= FLT_MAX;
        }
    }
    return false;
}

bool cli_read_value(const cli_value *value, const char *text, void *field, cli_problem problem)
{
    char *end = NULL;

    errno = 0;
    switch (value->kind) {
    case CLI_TEXT:
        *(const char **)field = text;
        return true;
    case CLI_INT: {
        long long number = strtoll(text, &end, 10);
        *(int32_t *)field = (int32_t)number;
        snprintf(problem, sizeof(cli_problem), "a whole number from %d to %d", value->low,
                 value->high);
        return end != text && *end == '\0' && errno == 0 && number >= value->low &&
               number <= value->high;
    }
    case CLI_SEED:
        *(uint64_t *)field = strtoull(text, &end, 10);
        snprintf(problem, sizeof(cli_problem), "a whole number from 0 to 18446744073709551615");
        return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    case CLI_REAL: {
        double number = strtod(text, &end);
        *(double *)field = number;
        snprintf(problem, sizeof(cli_problem), "a number above 0 and up to 3.4e38");
        return end != text && *end == '\0' && number > 0.0 && number <= FLT_MAX;
    }
    case CLI_SHARE: {
        double number = strtod(text, &end);
        *(double *)field = number;
        snprintf(problem, sizeof(cli_problem), "a number between 0 and 1");
        return end != text && *end == '\0' && number > 0.0 && number < 1.0;
    }
    case CLI_MOMENTUM: {
        double number = strtod(text, &end);
        *(double *)field = number;
        snprintf(problem, sizeof(cli_problem), "a number from 0 to 1");
        return end != text && *end == '\0' && number >= 0.0 && number <= 1.0;
    }
    case CLI_SECONDS: {
        double number = strtod(text, &end);
        bool minutes = strcmp(end, "m") == 0;
        *(double *)field = minutes ? 60.0 * number : number;
        snprintf(problem, sizeof(cli_problem), "a time such as 30s or 2m");
        return end != text && (minutes || *end == '\0' || strcmp(end, "s") == 0) && number > 0.0 &&
               number <= 86400.0;
    }
    case CLI_SIDE:
        *(clt_side *)field = strcmp(text, "post") == 0 ? CLT_POST : CLT_PRE;
        snprintf(problem, sizeof(cli_problem), "pre or post");
        return strcmp(text, "pre") == 0 || strcmp(text, "post") == 0;
    case CLI_SCHEDULE:
        snprintf(problem, sizeof(cli_problem),
                 "constant, cosine, step:EPOCHS:FACTOR or plateau:EPOCHS:FACTOR, a factor between "
                 "0 and 1");
        return read_schedule(text, field);
    case CLI_METRIC:
        snprintf(problem, sizeof(cli_problem), "loss, accuracy, val_loss or val_accuracy");
        return read_metric(text, field);
    case CLI_OPTIMIZER:
        snprintf(problem, sizeof(cli_problem), "adam, sgd or rmsprop");
        return read_optimizer(text, field);
    case CLI_CLIP:
        snprintf(problem, sizeof(cli_problem),
                 "value:X, norm:X or global_norm:X, X a number above 0");
        return read_clip(text, field);
    case CLI_PERIOD:
        snprintf(problem, sizeof(cli_problem), "a period such as 50steps, 5min or 1epoch");
        return read_period(text, field);
    case CLI_SWITCH:
        *(bool *)field = true;
        snprintf(problem, sizeof(cli_problem), "true");
        return text[0] == '\0' || strcmp(text, "true") == 0;
    }
    return false;
}

/* The fewest digits that read back as the same number. */
static void real_text(double number, char *text, size_t size)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            return;
        }
    }
}

bool cli_print_value(const cli_value *value, const void *field, char *text, size_t size)
{
    switch (value->kind) {
    case CLI_TEXT:
        snprintf(text, size, "%s",
                 *(const char *const *)field != NULL ? *(const char *const *)field : "");
        return text[0] != '\0';
    case CLI_INT:
        snprintf(text, size, "%d", (int)*(const int32_t *)field);
        return *(const int32_t *)field >= value->low;
    case CLI_REAL:
    case CLI_SHARE:
    case CLI_MOMENTUM:
        real_text(*(const double *)field, text, size);
        return *(const double *)field > 0;
    case CLI_SECONDS:
        real_text(*(const double *)field, text, size - 1);
        strcat(text, "s");
        return true;
    case CLI_SEED:
        snprintf(text, size, "%llu", (unsigned long long)*(const uint64_t *)field);
        return true;
    case CLI_SIDE:
        snprintf(text, size, "%s", *(const clt_side *)field == CLT_PRE ? "pre" : "post");
        return true;
    case CLI_SCHEDULE: {
        const clt_schedule *schedule = field;
        bool shaped = schedule->kind == CLT_SCHEDULE_STEP || schedule->kind == CLT_SCHEDULE_PLATEAU;
        snprintf(text, size, "%s", clt_schedule_name(schedule->kind));
        if (shaped) {
            size_t used = strlen(text);
            used += (size_t)snprintf(text + used, size - used, ":%d:", (int)schedule->epochs);
            real_text(schedule->factor, text + used, size - used);
        }
        return true;
    }
    case CLI_METRIC:
        snprintf(text, size, "%s", clt_metric_name(*(const clt_metric *)field));
        return *(const clt_metric *)field != CLT_METRIC_NONE;
    case CLI_OPTIMIZER:
        snprintf(text, size, "%s", clt_optimizer_name(*(const clt_optimizer_kind *)field));
        return true;
    case CLI_CLIP: {
        const clt_clipping *clip = field;
        size_t used = (size_t)snprintf(text, size, "%s:", clt_clip_name(clip->kind));
        real_text(clip->limit, text + used, size - used);
        return clip->kind != CLT_CLIP_NONE;
    }
    case CLI_PERIOD: {
        const clt_checkpoints *every = field;
        if (every->seconds > 0) {
            real_text(every->seconds, text, size - 1);
            strcat(text, "s");
        } else if (every->epochs > 0) {
            snprintf(text, size, "%depochs", (int)every->epochs);
        } else {
            snprintf(text, size, "%llusteps", (unsigned long long)every->steps);
        }
        return every->seconds > 0 || every->epochs > 0 || every->steps > 0;
    }
    case CLI_SWITCH:
        snprintf(text, size, "true");
        return *(const bool *)field;
    }
    return false;
}
