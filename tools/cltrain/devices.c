/* devices.c: `cltrain devices`: every OpenCL device, and why one is not usable. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "output.h"
#include "verbs.h"

enum { NAME_COLUMN = 49 };

static const char *memory_size(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    int unit = 0;

    while (size >= 1024 && unit < 4) {
        size /= 1024;
        unit++;
    }
    snprintf(text, 32, size < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return text;
}

static void print_table(const clt_device *devices, size_t count, size_t chosen)
{
    char id[32], memory[32], local[32];

    printf("  %-5s  %-11s  %5s  %8s  %8s  %s\n", "P:D", "Type", "Units", "Memory", "Local", "Name");
    for (size_t k = 0; k < count; k++) {
        const clt_device *device = &devices[k];
        snprintf(id, sizeof id, "%d:%d", device->platform, device->device);
        printf("%c %-5s  %-11s  %5u  %8s  %8s  %s\n", k == chosen ? '*' : ' ', id,
               cli_device_type(device->type), device->compute_units,
               memory_size(device->global_memory, memory), memory_size(device->local_memory, local),
               device->name);
        printf("%*s%s, %s, driver %s\n", NAME_COLUMN, "", device->platform_name, device->version,
               device->driver);
        if (!device->usable) {
            printf("%*snot usable: %s\n", NAME_COLUMN, "", device->reason);
        }
    }
    if (chosen < count) {
        printf("* is what cltrain uses; --device P:D, gpu, cpu or a part of a name picks "
               "another.\n");
    }
}

static int print_json(const clt_device *devices, size_t count, size_t chosen)
{
    json_t *list = json_array();
    int failed = list == NULL;

    for (size_t k = 0; k < count && !failed; k++) {
        json_t *row = cli_json_device(&devices[k]);
        failed = json_object_set_new(row, "default", json_boolean(k == chosen)) != 0 ||
                 json_array_append_new(list, row) != 0;
    }
    if (failed) {
        json_decref(list);
        return 1;
    }
    return cli_json_print(list);
}

static int run(const cli_command *command)
{
    clt_device *devices = NULL;
    size_t count = 0, chosen = 0;
    clt_error error = {0};

    if (clt_device_list(&devices, &count, &error) != CLT_OK) {
        return cli_fail(command->verb, (int)error.status, "%s", error.message);
    }
    clt_status status = clt_device_choose(devices, count, NULL, &chosen, &error);
    if (status != CLT_OK) {
        chosen = count; /* none is marked */
    }
    int code = CLT_OK;
    if (command->settings.json) {
        if (print_json(devices, count, chosen) != 0 && !cli_stdout_failed()) {
            code = cli_fail(command->verb, CLT_FAILED, "out of memory");
        }
    } else if (count > 0) {
        print_table(devices, count, chosen);
    }
    if (count == 0) {
        code = cli_fail(command->verb, (int)status, "%s", error.message);
    }
    clt_device_list_free(devices);
    return code;
}

const cli_verb cli_devices = {
    .name = "devices",
    .bit = CLI_DEVICES,
    .operands = "",
    .least = 0,
    .most = 0,
    .purpose = "list the OpenCL devices, and why one is not usable",
    .details = "The one that is used when --device does not say otherwise has a star.",
    .run = run};
