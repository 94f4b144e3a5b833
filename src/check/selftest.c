/* selftest.c: walks the table of cases and reports each. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "check/times.h"
#include "ops/lstm.h"

static void format_shape(const clt_case *c, char *text, size_t room)
{
    static const char letters[] = {'B', 'T', 'D', 'H'};
    const int sizes[] = {c->samples, c->timesteps, c->features, c->hidden};
    size_t used = 0;
    bool product = c->variant_op != NULL && strcmp(c->variant_op, "gemm") == 0;
    if (product) {
        snprintf(text, room, "m=%d n=%d k=%d", c->samples, c->features, c->timesteps);
        return;
    }
    text[0] = 0;
    for (size_t k = 0; k < 4 && used < room; k++) {
        if (sizes[k] > 0) {
            used += (size_t)snprintf(text + used, room - used, "%s%c=%d", used > 0 ? " " : "",
                                     letters[k], sizes[k]);
        }
    }
}

clt_status clt_case_run(clt_runtime *runtime, const clt_case *c, clt_case_result *result,
                        clt_error *error)
{
    clt_check check = {.runtime = runtime};
    clt_error reason = {0};
    const char *before = NULL;
    double began = clt_now();
    if (c->variant_op != NULL) {
        before = clt_runtime_forced(runtime, c->variant_op);
        clt_runtime_force(runtime, c->variant_op, c->variant);
    }
    clt_status status = c->run(&check, c, &reason);
    if (status == CLT_OK) {
        status = clt_check_canaries(&check, &reason);
    }
    if (c->variant_op != NULL) {
        clt_runtime_force(runtime, c->variant_op, before);
    }
    clt_check_judge(&check, c->tolerance);
    if (status != CLT_OK) {
        snprintf(check.failure, sizeof check.failure, "%.*s", (int)sizeof check.failure - 1,
                 reason.message);
        check.largest_error = NAN;
    }
    result->largest_error = check.largest_error;
    result->seconds = clt_now() - began;
    memcpy(result->failure, check.failure, sizeof result->failure);
    memcpy(result->replaced_by, check.replaced_by, sizeof result->replaced_by);
    clt_check_release(&check);
    if (clt_runtime_is_lost(runtime)) {
        char shape[64];
        format_shape(c, shape, sizeof shape);
        return clt_fail(error, CLT_KERNEL, reason.native, "the device is lost after %s (%s): %s",
                        c->op, shape, reason.message);
    }
    return CLT_OK;
}

/* Runs one case and reports it. */
static clt_status run_case(clt_runtime *runtime, const clt_case *c,
                           void (*row)(void *, const clt_selftest_row *), void *user, int *failures,
                           clt_error *error)
{
    clt_case_result result;
    char shape[64];
    clt_status status = clt_case_run(runtime, c, &result, error);
    format_shape(c, shape, sizeof shape);
    const clt_selftest_row line = {.op = c->op,
                                   .variant = c->variant != NULL ? c->variant : "",
                                   .shape = shape,
                                   .largest_error = result.largest_error,
                                   .tolerance = c->tolerance,
                                   .seconds = result.seconds,
                                   .passed = result.failure[0] == 0,
                                   .replaced_by = result.replaced_by,
                                   .failure = result.failure};
    *failures += !line.passed;
    if (row != NULL) {
        row(user, &line);
    }
    return status;
}

clt_status clt_selftest_run(clt_runtime *runtime,
                            void (*row)(void *user, const clt_selftest_row *row), void *user,
                            clt_error *error)
{
    static const clt_case *const tables[] = {clt_cases_layers, clt_cases_training, clt_cases_gemm,
                                             clt_cases_lstm, clt_cases_lstm_rows};
    const clt_lstm_config narrow = {.features = 1, .hidden = 1};
    size_t table_count = sizeof tables / sizeof *tables - !clt_lstm_suits(runtime, &narrow, "rows");
    int failures = 0, count = 0;
    for (size_t k = 0; k < table_count; k++) {
        for (const clt_case *c = tables[k]; c->op != NULL; c++) {
            clt_status status = run_case(runtime, c, row, user, &failures, error);
            if (status != CLT_OK) {
                return status;
            }
            count++;
        }
    }
    if (failures > 0) {
        return clt_fail(error, CLT_KERNEL, 0,
                        "self-test: %d of %d cases failed on %s; do not train on this device",
                        failures, count, clt_runtime_device(runtime)->name);
    }
    return CLT_OK;
}
