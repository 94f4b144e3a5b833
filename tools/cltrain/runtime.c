/* runtime.c: the device line and the notes about compiling. */
#include "runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "output.h"

/* Compiling that takes less is not worth a line where lines stay. */
static const double COMPILE_NOTE_SECONDS = 1.0;

void cli_notes_clear(cli_notes *notes)
{
    if (notes->transient) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        notes->transient = false;
    }
}

void cli_notes_pass(cli_notes *notes, const char *format, ...)
{
    va_list args;

    if (cli_is_terminal(STDERR_FILENO)) {
        fputs("\r\033[Kcltrain: ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fflush(stderr);
        notes->transient = true;
    }
}

static void show_line(void *user, clt_log_level level, const char *line)
{
    cli_notes *notes = user;

    if (notes->quiet) {
        return;
    }
    if (level == CLT_LOG_NOTE) {
        cli_notes_clear(notes);
        cli_note("%s", line);
        return;
    }
    if (notes->held) {
        return;
    }
    if (cli_is_terminal(STDERR_FILENO)) {
        cli_notes_pass(notes, "compiling %.60s", line);
        return;
    }
    if (notes->started == 0.0) {
        notes->started = cli_now();
    } else if (!notes->told && cli_now() - notes->started > COMPILE_NOTE_SECONDS) {
        cli_note("compiling the kernels for this device (now %.60s); the next start is faster",
                 line);
        notes->told = true;
    }
}

/* Why this device: the words after its name. */
static const char *reason(const cli_settings *settings, const clt_device *chosen, char *text,
                          size_t size)
{
    const char *variable = getenv("CLTRAIN_DEVICE");
    clt_device *devices = NULL;
    size_t count = 0, usable = 0, usable_gpus = 0;

    if (settings->device != NULL) {
        snprintf(text, size, "chosen by --device %.100s", settings->device);
        return text;
    }
    if (variable != NULL && variable[0] != '\0') {
        snprintf(text, size, "chosen by CLTRAIN_DEVICE=%.100s", variable);
        return text;
    }
    if (clt_device_list(&devices, &count, NULL) != CLT_OK) {
        return "the best usable device";
    }
    for (size_t k = 0; k < count; k++) {
        usable += devices[k].usable;
        usable_gpus += devices[k].usable && devices[k].type == CLT_DEVICE_GPU;
    }
    clt_device_list_free(devices);
    if (usable == 1) {
        return "the only usable device";
    }
    if (chosen->type == CLT_DEVICE_GPU) {
        return usable_gpus == 1 ? "the only usable GPU" : "the best usable GPU";
    }
    return usable_gpus == 0 ? "the best usable device, no GPU among them"
                            : "the best usable device";
}

clt_status cli_open_runtime(const cli_settings *settings, cli_notes *notes, clt_runtime **runtime,
                            clt_error *error)
{
    clt_runtime_config config = CLT_RUNTIME_CONFIG_DEFAULT;
    char text[160];

    notes->quiet = settings->verbose == 0;
    config.device = settings->device;
    config.profile = settings->profile;
    config.log = (clt_log){show_line, notes};
    clt_status status = clt_runtime_create(&config, runtime, error);
    cli_notes_clear(notes);
    if (status == CLT_OK && !notes->quiet) {
        const clt_device *device = clt_runtime_device(*runtime);
        cli_note("device %d:%d %s (%s): %s", device->platform, device->device, device->name,
                 device->platform_name, reason(settings, device, text, sizeof text));
    }
    return status;
}

clt_status cli_print_profile(clt_runtime *runtime, clt_error *error)
{
    const clt_profile_row *rows;
    size_t count;
    double total = 0.0;

    clt_status status = clt_runtime_profile(runtime, &rows, &count, error);
    if (status != CLT_OK) {
        return status;
    }
    for (size_t k = 0; k < count; k++) {
        total += rows[k].seconds;
    }
    printf("%-24s %9s %11s %7s %10s %9s %9s\n", "Op", "Calls", "Seconds", "Share", "ms/call",
           "GFLOP/s", "GB/s");
    for (size_t k = 0; k < count; k++) {
        const clt_profile_row *row = &rows[k];
        double seconds = row->seconds > 0.0 ? row->seconds : 1e-9;
        printf("%-24s %9lu %11.3f %6.1f%% %10.3f %9.1f %9.1f\n", row->op, row->calls, row->seconds,
               total > 0.0 ? 100.0 * row->seconds / total : 0.0,
               row->calls > 0 ? 1e3 * row->seconds / (double)row->calls : 0.0,
               1e-9 * row->flops / seconds, 1e-9 * row->bytes / seconds);
    }
    return CLT_OK;
}
