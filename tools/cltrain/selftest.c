/* selftest.c: `cltrain selftest`: does the device compute what the reference computes? */
#include <stdio.h>

#include "output.h"
#include "runtime.h"
#include "verbs.h"

typedef struct tally {
    cli_notes notes;
    int cases;
} tally;

static void print_row(void *user, const clt_selftest_row *row)
{
    tally *t = user;

    cli_notes_clear(&t->notes);
    t->cases++;
    printf("%-4s  %-22s %-8s %-26s error %8.2e  tolerance %8.2e  %7.3f s%s%s\n",
           row->passed ? "ok" : "FAIL", row->op, row->variant, row->shape, row->largest_error,
           row->tolerance, row->seconds, row->failure[0] != '\0' ? "  " : "", row->failure);
    if (row->replaced_by[0] != '\0') {
        printf("      this device does not do %s; %s took its place\n", row->variant,
               row->replaced_by);
    }
    cli_flush_stdout();
}

static int run(const cli_command *command)
{
    tally t = {0};
    clt_runtime *runtime = NULL;
    clt_error error = {0};
    double started = cli_now();

    clt_status status = cli_open_runtime(&command->settings, &t.notes, &runtime, &error);
    if (status == CLT_OK) {
        status = clt_selftest_run(runtime, print_row, &t, &error);
        cli_notes_clear(&t.notes);
    }
    if (status == CLT_OK) {
        const clt_device *device = clt_runtime_device(runtime);
        printf("%d cases passed in %.1f s on %d:%d %s\n", t.cases, cli_now() - started,
               device->platform, device->device, device->name);
    }
    clt_runtime_destroy(runtime);
    if (status == CLT_USAGE) {
        return cli_fail_usage(command->verb, "%s", error.message);
    }
    return status == CLT_OK ? CLT_OK : cli_fail(command->verb, (int)status, "%s", error.message);
}

const cli_verb cli_selftest = {
    .name = "selftest",
    .bit = CLI_SELFTEST,
    .operands = "",
    .least = 0,
    .most = 0,
    .purpose = "compare every op on a device with the plain-C reference",
    .details = "A line for each op and variant: the largest error, what is allowed, the time with "
               "what was compiled.\nExit code 4 when one fails.",
    .run = run};
