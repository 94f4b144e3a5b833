/* progress.c: the bar, as keras/src/utils/progbar.py draws it: 20 cells, the time left until the
 * end and then the time taken, the time per step without the first one. */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

enum { CELLS = 20 };
static const double REDRAW_SECONDS = 0.05;

/* A line being put together; colours have no width. */
typedef struct line {
    char text[512];
    size_t bytes;
    int width;
    bool colour;
} line;

__attribute__((format(printf, 2, 3))) static void add(line *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int length = vsnprintf(l->text + l->bytes, sizeof l->text - l->bytes, format, args);
    va_end(args);
    if (length > 0 && (size_t)length < sizeof l->text - l->bytes) {
        l->bytes += (size_t)length;
        l->width += length;
    }
}

static void add_colour(line *l, const char *code)
{
    if (l->colour) {
        int width = l->width;
        add(l, "\033[%sm", code);
        l->width = width;
    }
}

static void add_cells(line *l, int count)
{
    for (int k = 0; k < count; k++) {
        int width = l->width;
        add(l, "━");
        l->width = width + 1;
    }
}

static void add_time_left(line *l, double seconds)
{
    long whole = (long)(seconds < 1e9 ? seconds : 1e9);

    if (seconds > 3600) {
        add(l, "%ld:%02ld:%02ld", whole / 3600, whole % 3600 / 60, whole % 60);
    } else if (seconds > 60) {
        add(l, "%ld:%02ld", whole / 60, whole % 60);
    } else {
        add(l, "%lds", whole);
    }
}

static void add_step_time(line *l, double seconds)
{
    if (seconds >= 1 || seconds == 0) {
        add(l, " %.0fs/step", seconds);
    } else if (seconds >= 1e-3) {
        add(l, " %.0fms/step", 1e3 * seconds);
    } else {
        add(l, " %.0fus/step", 1e6 * seconds);
    }
}

static void add_value(line *l, const char *name, double value)
{
    add(l, fabs(value) > 1e-3 || isnan(value) ? " - %s: %.4f" : " - %s: %.4e", name, value);
}

static void add_metrics(line *l, const clt_metrics *train, const clt_metrics *validation)
{
    add_value(l, "accuracy", train->accuracy);
    add_value(l, "loss", train->loss);
    if (validation != NULL) {
        add_value(l, "val_accuracy", validation->accuracy);
        add_value(l, "val_loss", validation->loss);
    }
}

/* Mean of the epoch's steps; the very first one, which compiles, does not count, where there are
 * more than come back together. */
static double step_seconds(const clt_progress *p, double seconds)
{
    if (p->epoch == 0 && p->step > 2) {
        return (seconds - p->first_step_seconds) / (p->step - 1);
    }
    return p->step > 0 ? seconds / p->step : 0.0;
}

static int digits(int number)
{
    return snprintf(NULL, 0, "%d", number);
}

void cli_bar_init(cli_bar *bar, int verbose, bool validated, cli_notes *notes)
{
    *bar = (cli_bar){.verbose = verbose, .validated = validated, .notes = notes};
    bar->terminal = cli_is_terminal(STDOUT_FILENO);
    bar->colour = cli_wants_colour(STDOUT_FILENO);
}

/* One redraw of the bar. done NULL: the epoch is not over. */
static void draw(cli_bar *bar, const clt_progress *p, const clt_epoch *done)
{
    line l = {.colour = bar->colour};
    int filled = (int)((double)CELLS * p->step / p->steps);
    double seconds = done != NULL ? done->seconds + done->validation_seconds : p->seconds;
    double per_step = step_seconds(p, seconds);

    add_colour(&l, "1");
    add(&l, "%*d/%d", digits(p->steps), p->step, p->steps);
    add_colour(&l, "0");
    add(&l, " ");
    add_colour(&l, "32");
    add_cells(&l, filled);
    add_colour(&l, "0;37");
    add_cells(&l, CELLS - filled);
    add_colour(&l, "0");
    add(&l, " ");
    add_colour(&l, "1");
    if (done != NULL) {
        add(&l, "%.0fs", seconds);
    } else {
        add_time_left(&l, per_step * (p->steps - p->step));
    }
    add_colour(&l, "0");
    add_step_time(&l, per_step);
    add_metrics(&l, done != NULL ? &done->train : &p->train,
                done != NULL && bar->validated ? &done->validation : NULL);
    int covered = bar->width - l.width;
    /* Without wrapping: a narrow terminal shows the beginning of the line, not many lines. */
    printf(done != NULL ? "\r%s%*s\n" : "\r\033[?7l%s%*s\033[?7h", l.text,
           covered > 0 ? covered : 0, "");
    bar->width = done != NULL ? 0 : l.width;
    cli_flush_stdout();
}

static void print_epoch_line(const cli_bar *bar, const clt_progress *p)
{
    line l = {0};
    double seconds = p->done->seconds + p->done->validation_seconds;

    add(&l, "%d/%d - %.0fs -", p->steps, p->steps, seconds);
    add_step_time(&l, step_seconds(p, seconds));
    add_metrics(&l, &p->done->train, bar->validated ? &p->done->validation : NULL);
    printf("%s\n", l.text);
    cli_flush_stdout();
}

void cli_bar_update(cli_bar *bar, const clt_progress *progress)
{
    bool draws = bar->verbose == 1 && bar->terminal;

    if (bar->verbose == 0) {
        return;
    }
    switch (progress->event) {
    case CLT_PROGRESS_EPOCH_BEGIN:
        cli_notes_clear(bar->notes);
        bar->notes->held = true;
        bar->drawn = 0.0;
        if (progress->epochs > 1) {
            /* Keras ends this line here; where lines stay, an epoch has one. */
            printf(bar->terminal ? "Epoch %d/%d\n" : "Epoch %d/%d - ", progress->epoch + 1,
                   progress->epochs);
        }
        if (bar->terminal) {
            cli_flush_stdout();
        }
        break;
    case CLT_PROGRESS_STEP:
        if (draws && (bar->drawn == 0.0 || cli_now() - bar->drawn >= REDRAW_SECONDS)) {
            draw(bar, progress, NULL);
            bar->drawn = cli_now();
        }
        break;
    case CLT_PROGRESS_EPOCH_END:
        if (draws) {
            draw(bar, progress, progress->done);
        } else {
            print_epoch_line(bar, progress);
        }
        bar->notes->held = false;
        break;
    }
}

void cli_bar_break(cli_bar *bar)
{
    if (bar->notes->held) {
        printf(bar->terminal ? "\n" : "not finished\n");
        cli_flush_stdout();
        bar->notes->held = false;
    }
}

void cli_print_evaluation(int steps, double seconds, const clt_metrics *metrics, const char *suffix)
{
    line l = {0};

    add(&l, "%d/%d - %.0fs -", steps, steps, seconds);
    add_step_time(&l, seconds / steps);
    add_metrics(&l, metrics, NULL);
    printf("%s%s\n", l.text, suffix);
}
