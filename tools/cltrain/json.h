/* json.h: what several verbs print as JSON. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "cltrain/cltrain.h"

/* "CPU", "GPU", "accelerator", "other" */
const char *cli_device_type(clt_device_type type);

/* The name of a file or what a driver says, which need not be UTF-8: then ? stands for what is not
 * ASCII. NULL without memory. */
json_t *cli_json_text(const char *text);

/* A device as `devices --json` lists it. NULL without memory. */
json_t *cli_json_device(const clt_device *device);

/* Prints `value` on stdout, with a line's end, and lets go of it. Returns 1 when it is NULL or
 * cannot be written. */
int cli_json_print(json_t *value);
/* The same in one line, for output that has an object a line. */
int cli_json_print_line(json_t *value);

#endif
