/* curves.c: the learning curves, in the look of matplotlib's defaults. Lengths are in points. */
#include "curves.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdio.h>

enum { WIDTH = 880, HEIGHT = 360, NOTE_HEIGHT = 24, PNG_SCALE = 2 };

static const double TITLE_SIZE = 15.0, LABEL_SIZE = 12.5, TICK_SIZE = 11.5;
static const double LINE_WIDTH = 1.9, AXIS_WIDTH = 0.9;
static const double TICK_GAP = 7.0, LABEL_GAP = 48.0; /* from an axis */
static const double PI = 3.14159265358979323846;
static const double MARGIN = 0.05; /* of the data's range, on each side */

typedef struct colour {
    double red, green, blue;
} colour;
static const colour BLACK = {0.0, 0.0, 0.0};
static const colour GREY = {0.4, 0.4, 0.4};
static const colour TRAIN = {0.122, 0.467, 0.706}; /* matplotlib's C0 and C1 */
static const colour VAL = {1.0, 0.498, 0.055};

typedef struct plot {
    const char *title, *label;
    double (*value)(const clt_metrics *metrics);
    double left, top, width, height; /* the axes' box */
    double x0, x1, y0, y1;           /* what it shows */
    double label_gap;                /* from the ordinate to its label */
} plot;

static double accuracy(const clt_metrics *metrics)
{
    return metrics->accuracy;
}
static double loss(const clt_metrics *metrics)
{
    return metrics->loss;
}

static double place_x(const plot *p, double x)
{
    return p->left + (x - p->x0) / (p->x1 - p->x0) * p->width;
}

static double place_y(const plot *p, double y)
{
    return p->top + p->height - (y - p->y0) / (p->y1 - p->y0) * p->height;
}

static void set_colour(cairo_t *cairo, colour c)
{
    cairo_set_source_rgb(cairo, c.red, c.green, c.blue);
}

/* Text whose anchor lies at (x, y): across 0 left, 0.5 middle, 1 right; down 0 the line it stands
 * on, 0.5 the middle of its digits, 1 their top. */
static void draw_text(cairo_t *cairo, const char *text, double size, double x, double y,
                      double across, double down)
{
    cairo_text_extents_t extents;

    cairo_set_font_size(cairo, size);
    cairo_text_extents(cairo, text, &extents);
    cairo_move_to(cairo, x - across * extents.x_advance, y + down * 0.73 * size);
    cairo_show_text(cairo, text);
}

/* The smallest of 1, 2, 2.5, 5 times a power of ten that leaves at most `most` + 1 ticks in a
 * range; whole: 1 or more, and no halves. */
static double tick_step(double range, int most, bool whole)
{
    static const double steps[] = {1.0, 2.0, 2.5, 5.0, 10.0};
    double power = pow(10.0, floor(log10(range / most)));

    for (int k = 0; k < 5; k++) {
        double step = steps[k] * power;
        if (step * most >= range * (1 - 1e-9) && (!whole || step == floor(step))) {
            return step;
        }
    }
    return whole ? 1.0 : 10.0 * power;
}

static int decimals_of(double step)
{
    int decimals = 0;

    while (decimals < 9 && fabs(step - round(step)) > 1e-6 * step) {
        step *= 10.0;
        decimals++;
    }
    return decimals;
}

/* The ticks of the ordinate, or only the width of the widest number beside them. */
static double put_y_ticks(cairo_t *cairo, const plot *p, bool draws)
{
    double step = tick_step(p->y1 - p->y0, 7, false), widest = 0.0;
    double largest = fmax(fabs(p->y0), fabs(p->y1));
    char text[32];

    cairo_set_font_size(cairo, TICK_SIZE);
    for (double tick = ceil(p->y0 / step); tick * step <= p->y1; tick += 1.0) {
        double value = tick * step + 0.0, y = place_y(p, value); /* no "-0.0" */
        cairo_text_extents_t extents;
        if (largest < 1e5) {
            snprintf(text, sizeof text, "%.*f", decimals_of(step), value);
        } else {
            snprintf(text, sizeof text, "%.*g", 2 + (int)log10(largest / step), value);
        }
        cairo_text_extents(cairo, text, &extents);
        widest = fmax(widest, extents.x_advance);
        if (draws) {
            cairo_move_to(cairo, p->left, y);
            cairo_line_to(cairo, p->left - 4, y);
            cairo_stroke(cairo);
            draw_text(cairo, text, TICK_SIZE, p->left - TICK_GAP, y, 1.0, 0.5);
        }
    }
    return widest;
}

/* Numbers that need more than the usual room push the box aside. */
static void set_label_gap(cairo_t *cairo, plot *p)
{
    double needed = put_y_ticks(cairo, p, false) + TICK_GAP + 10.0;
    double more = fmax(0.0, needed - LABEL_GAP);

    p->label_gap = LABEL_GAP + more;
    p->left += more;
    p->width -= more;
}

static void draw_x_ticks(cairo_t *cairo, const plot *p, size_t epochs)
{
    double last = epochs > 1 ? (double)(epochs - 1) : 1.0;
    double step = tick_step(last, 8, true);
    double bottom = p->top + p->height;
    char text[32];

    for (double tick = 0.0; tick < (double)epochs; tick += step) {
        double x = place_x(p, tick);
        cairo_move_to(cairo, x, bottom);
        cairo_line_to(cairo, x, bottom + 4);
        cairo_stroke(cairo);
        snprintf(text, sizeof text, "%.0f", tick);
        draw_text(cairo, text, TICK_SIZE, x, bottom + 7, 0.5, 1.0);
    }
}

static void draw_axes(cairo_t *cairo, const plot *p, size_t epochs)
{
    double middle = p->left + p->width / 2;

    set_colour(cairo, BLACK);
    cairo_set_line_width(cairo, AXIS_WIDTH);
    cairo_rectangle(cairo, p->left, p->top, p->width, p->height);
    cairo_stroke(cairo);
    (void)put_y_ticks(cairo, p, true);
    draw_x_ticks(cairo, p, epochs);
    draw_text(cairo, p->title, TITLE_SIZE, middle, p->top - 9, 0.5, 0.0);
    draw_text(cairo, "Epoch", LABEL_SIZE, middle, p->top + p->height + 36, 0.5, 0.0);
    cairo_save(cairo);
    cairo_translate(cairo, p->left - p->label_gap, p->top + p->height / 2);
    cairo_rotate(cairo, -PI / 2);
    draw_text(cairo, p->label, LABEL_SIZE, 0, 0, 0.5, 0.0);
    cairo_restore(cairo);
}

/* The range of everything that is drawn; 0 to 1 when nothing is. */
static void set_range(plot *p, const clt_history *history, bool validated)
{
    double low = INFINITY, high = -INFINITY;

    for (size_t k = 0; k < history->count; k++) {
        const clt_metrics *pair[2] = {&history->epochs[k].train, &history->epochs[k].validation};
        for (int which = 0; which < (validated ? 2 : 1); which++) {
            double value = p->value(pair[which]);
            if (isfinite(value)) {
                low = fmin(low, value);
                high = fmax(high, value);
            }
        }
    }
    if (!(low <= high)) {
        low = 0.0;
        high = 1.0;
    }
    /* A flat line, too, gets ticks that its values can tell apart. */
    double size = fmax(1.0, fmax(fabs(low), fabs(high)));
    double spread = high - low > 1e-6 * size ? high - low : 0.1 * size;
    double last = history->count > 1 ? (double)(history->count - 1) : 0.0;
    p->y0 = low - MARGIN * spread;
    p->y1 = high + MARGIN * spread;
    p->x0 = last > 0 ? -MARGIN * last : -0.5;
    p->x1 = last > 0 ? last + MARGIN * last : 0.5;
}

static void draw_line(cairo_t *cairo, const plot *p, const clt_history *history, bool validation)
{
    set_colour(cairo, validation ? VAL : TRAIN);
    cairo_set_line_width(cairo, LINE_WIDTH);
    cairo_new_path(cairo); /* text leaves a current point */
    for (size_t k = 0; k < history->count; k++) {
        const clt_epoch *epoch = &history->epochs[k];
        double value = p->value(validation ? &epoch->validation : &epoch->train);
        if (!isfinite(value)) {
            continue;
        }
        cairo_line_to(cairo, place_x(p, (double)k), place_y(p, value));
        if (history->count == 1) {
            cairo_new_path(cairo); /* a single epoch has no line: a dot */
            cairo_arc(cairo, place_x(p, 0.0), place_y(p, value), 4.0, 0.0, 2.0 * PI);
            cairo_fill(cairo);
        }
    }
    cairo_stroke(cairo);
}

/* Points of the lines that the box would cover. */
static int covered(const plot *p, const clt_history *history, bool validated, double left,
                   double top, double width, double height)
{
    int count = 0;

    for (size_t k = 0; k < history->count; k++) {
        const clt_metrics *pair[2] = {&history->epochs[k].train, &history->epochs[k].validation};
        for (int which = 0; which < (validated ? 2 : 1); which++) {
            double x = place_x(p, (double)k), y = place_y(p, p->value(pair[which]));
            count += x >= left && x <= left + width && y >= top && y <= top + height;
        }
    }
    return count;
}

/* In the emptiest corner, the tutorial's (upper left) first. */
static void draw_legend(cairo_t *cairo, const plot *p, const clt_history *history, bool validated)
{
    const double width = 84, height = validated ? 44 : 25, gap = 8;
    double best_left = 0, best_top = 0;
    int least = -1;

    for (int corner = 0; corner < 4; corner++) {
        double left = corner % 2 == 0 ? p->left + gap : p->left + p->width - width - gap;
        double top = corner < 2 ? p->top + gap : p->top + p->height - height - gap;
        int points = covered(p, history, validated, left - gap, top - gap, width + 2 * gap,
                             height + 2 * gap);
        if (least < 0 || points < least) {
            least = points;
            best_left = left;
            best_top = top;
        }
    }
    const double radius = 3;
    cairo_new_sub_path(cairo);
    cairo_arc(cairo, best_left + width - radius, best_top + radius, radius, -PI / 2, 0);
    cairo_arc(cairo, best_left + width - radius, best_top + height - radius, radius, 0, PI / 2);
    cairo_arc(cairo, best_left + radius, best_top + height - radius, radius, PI / 2, PI);
    cairo_arc(cairo, best_left + radius, best_top + radius, radius, PI, 1.5 * PI);
    cairo_close_path(cairo);
    cairo_set_source_rgba(cairo, 1, 1, 1, 0.85);
    cairo_fill_preserve(cairo);
    cairo_set_source_rgb(cairo, 0.8, 0.8, 0.8);
    cairo_set_line_width(cairo, AXIS_WIDTH);
    cairo_stroke(cairo);
    for (int which = 0; which < (validated ? 2 : 1); which++) {
        double y = best_top + 13 + 19 * which;
        set_colour(cairo, which == 0 ? TRAIN : VAL);
        cairo_set_line_width(cairo, LINE_WIDTH);
        cairo_move_to(cairo, best_left + 8, y);
        cairo_line_to(cairo, best_left + 34, y);
        cairo_stroke(cairo);
        set_colour(cairo, BLACK);
        draw_text(cairo, which == 0 ? "Train" : "Val", TICK_SIZE, best_left + 42, y, 0.0, 0.5);
    }
}

static void draw(cairo_t *cairo, const clt_history *history, bool validated, const char *note)
{
    double above = note != NULL ? NOTE_HEIGHT : 0;
    plot plots[2] = {
        {.title = "Model accuracy", .label = "Accuracy", .value = accuracy, .left = 74},
        {.title = "Model loss", .label = "Loss", .value = loss, .left = 74 + WIDTH / 2.0}};

    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    if (note != NULL) {
        set_colour(cairo, GREY);
        draw_text(cairo, note, LABEL_SIZE, WIDTH / 2.0, 20, 0.5, 0.0);
    }
    for (int k = 0; k < 2; k++) {
        plot *p = &plots[k];
        p->top = 36 + above;
        p->width = WIDTH / 2.0 - 74 - 22;
        p->height = HEIGHT - 36 - 54;
        set_range(p, history, validated);
        set_label_gap(cairo, p);
        draw_axes(cairo, p, history->count);
        draw_line(cairo, p, history, false);
        if (validated) {
            draw_line(cairo, p, history, true);
        }
        draw_legend(cairo, p, history, validated);
    }
}

static cairo_status_t add_bytes(void *closure, const unsigned char *data, unsigned int size)
{
    cli_bytes *bytes = closure;

    cli_bytes_add(bytes, data, size);
    return bytes->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

void cli_draw_curves(const clt_history *history, bool validated, const char *note, cli_bytes *svg,
                     cli_bytes *png)
{
    int height = HEIGHT + (note != NULL ? NOTE_HEIGHT : 0);
    cairo_surface_t *surface = cairo_svg_surface_create_for_stream(add_bytes, svg, WIDTH, height);
    cairo_t *cairo = cairo_create(surface);

    draw(cairo, history, validated, note);
    svg->failed |= cairo_status(cairo) != CAIRO_STATUS_SUCCESS;
    cairo_destroy(cairo);
    cairo_surface_finish(surface);
    svg->failed |= cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(surface);

    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, PNG_SCALE * WIDTH, PNG_SCALE * height);
    cairo = cairo_create(surface);
    cairo_scale(cairo, PNG_SCALE, PNG_SCALE);
    draw(cairo, history, validated, note);
    png->failed |= cairo_status(cairo) != CAIRO_STATUS_SUCCESS;
    cairo_destroy(cairo);
    png->failed |=
        cairo_surface_write_to_png_stream(surface, add_bytes, png) != CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(surface);
}
