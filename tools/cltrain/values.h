/* values.h: the values of options, from text and back. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a field holds. */
typedef enum cli_kind {
    CLI_TEXT,      /* const char *: not copied */
    CLI_SWITCH,    /* bool */
    CLI_INT,       /* int32_t */
    CLI_REAL,      /* double above 0 */
    CLI_SHARE,     /* double between 0 and 1 */
    CLI_MOMENTUM,  /* double from 0 to 1 */
    CLI_SECONDS,   /* double, a time up to a day */
    CLI_SEED,      /* uint64_t */
    CLI_SIDE,      /* clt_side */
    CLI_SCHEDULE,  /* clt_schedule, but for its warmup */
    CLI_METRIC,    /* clt_metric */
    CLI_CLIP,      /* clt_clipping */
    CLI_OPTIMIZER, /* clt_optimizer_kind */
    CLI_PERIOD     /* clt_checkpoints: steps, seconds or epochs */
} cli_kind;

typedef struct cli_value {
    cli_kind kind;
    int32_t low, high; /* CLI_INT */
} cli_value;

/* What a value should be: "a whole number from 1 to 9". */
typedef char cli_problem[160];

/* Reads `text` into the field; false when it is no such value. */
bool cli_read_value(const cli_value *value, const char *text, void *field, cli_problem problem);

/* The text that gives the field the value it has, cut to `size`; false when it has none. */
bool cli_print_value(const cli_value *value, const void *field, char *text, size_t size);

#endif
