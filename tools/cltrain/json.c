/* json.c: devices as JSON, and JSON on stdout. */
#include "json.h"

#include <stdio.h>

const char *cli_device_type(clt_device_type type)
{
    switch (type) {
    case CLT_DEVICE_CPU:
        return "CPU";
    case CLT_DEVICE_GPU:
        return "GPU";
    case CLT_DEVICE_ACCELERATOR:
        return "accelerator";
    case CLT_DEVICE_OTHER:
        break;
    }
    return "other";
}

json_t *cli_json_text(const char *text)
{
    json_t *value = json_string(text);

    if (value == NULL) {
        char ascii[512];
        snprintf(ascii, sizeof ascii, "%s", text);
        for (char *c = ascii; *c != '\0'; c++) {
            *c = (unsigned char)*c < 0x80 ? *c : '?';
        }
        value = json_string(ascii);
    }
    return value;
}

json_t *cli_json_device(const clt_device *d)
{
    char id[32];

    snprintf(id, sizeof id, "%d:%d", d->platform, d->device);
    return json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, "
                     "s:I}",
                     "id", id, "type", cli_device_type(d->type), "usable", d->usable, "integrated",
                     d->integrated, "reason", cli_json_text(d->reason), "name",
                     cli_json_text(d->name), "vendor", cli_json_text(d->vendor), "platform",
                     cli_json_text(d->platform_name), "version", cli_json_text(d->version),
                     "driver", cli_json_text(d->driver), "compute_units",
                     (json_int_t)d->compute_units, "clock_mhz", (json_int_t)d->clock_mhz,
                     "global_memory", (json_int_t)d->global_memory, "max_allocation",
                     (json_int_t)d->max_allocation, "local_memory", (json_int_t)d->local_memory,
                     "max_work_group", (json_int_t)d->max_work_group);
}

static int print(json_t *value, size_t flags)
{
    int failed = value == NULL || json_dumpf(value, stdout, flags) != 0;

    if (!failed) {
        printf("\n");
    }
    json_decref(value);
    return failed;
}

int cli_json_print(json_t *value)
{
    return print(value, JSON_INDENT(2));
}

int cli_json_print_line(json_t *value)
{
    return print(value, JSON_REAL_PRECISION(9));
}
