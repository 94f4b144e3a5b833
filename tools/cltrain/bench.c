/* bench.c: `cltrain bench`: how fast a device trains a network, and where the time goes. */
#include <math.h>
#include <stdio.h>

#include "json.h"
#include "output.h"
#include "runtime.h"
#include "signals.h"
#include "source.h"
#include "table.h"
#include "verbs.h"

typedef struct bench {
    const cli_settings *settings;
    cli_source source;
    clt_model *model;
    clt_runtime *runtime;
    cli_notes notes;
    clt_bench *result;
} bench;

/* Texts may have no test part: inference then runs over what is trained on. */
static const clt_dataset *test_of(const bench *b)
{
    return b->source.test != NULL ? b->source.test : b->source.train;
}

static size_t epoch_steps(const bench *b)
{
    size_t batch = (size_t)b->settings->batch;

    return (b->source.train->count + batch - 1) / batch;
}

/* "12.3 ms" */
static const char *time_text(double seconds, char text[32])
{
    const char *unit = seconds < 1e-3 ? "us" : seconds < 1.0 ? "ms" : "s";
    double value = seconds < 1e-3 ? 1e6 * seconds : seconds < 1.0 ? 1e3 * seconds : seconds;

    snprintf(text, 32, "%.*f %s", value < 10.0 ? 3 : value < 100.0 ? 2 : 1, value, unit);
    return text;
}

static void print_times(const char *what, const clt_times *times, double factor)
{
    char median[32], lowest[32], highest[32];

    printf("%-16s %10s %10s %10s   ", what, time_text(factor * times->median, median),
           time_text(factor * times->lowest, lowest), time_text(factor * times->highest, highest));
}

/* A share of a peak, which only what comes from a cache can exceed. */
static void print_share(double value, double peak)
{
    if (value > 0.0 && peak > 0.0) {
        printf(" %9.*f %7.1f%%", value < 1e9 ? 3 : 1, 1e-9 * value, 100.0 * value / peak);
    } else {
        printf(" %9s %8s", "-", "-");
    }
}

static void print_ops(const clt_bench *r)
{
    double total = 0.0;

    for (size_t k = 0; k < r->op_count; k++) {
        total += r->ops[k].seconds;
    }
    printf("\n%-24s %9s %7s %9s %8s %9s %8s\n", "Op", "ms/step", "Share", "GFLOP/s", "of peak",
           "GB/s", "of peak");
    for (size_t k = 0; k < r->op_count; k++) {
        const clt_bench_op *op = &r->ops[k];
        double seconds = op->seconds > 0.0 ? op->seconds : INFINITY;
        printf("%-24s %9.3f %6.1f%%", op->name, 1e3 * op->seconds,
               total > 0.0 ? 100.0 * op->seconds / total : 0.0);
        print_share(op->flops / seconds, r->peak_flops);
        print_share(op->bytes / seconds, r->peak_bandwidth);
        printf("\n");
    }
    printf("%-24s %9.3f   mean of %d steps, each op between two markers, which cost time too\n",
           "All ops", 1e3 * total, (int)r->profiled_steps);
}

static void print_report(const bench *b)
{
    const cli_settings *settings = b->settings;
    const clt_device *device = clt_runtime_device(b->runtime);
    const clt_bench *r = b->result;
    const char *synthetic = b->source.train->synthetic ? " synthetic" : "";
    char train[32], test[32];

    printf("Version   cltrain %s\n", clt_version());
    printf("Device    %d:%d %s, %s, %u units\n", device->platform, device->device, device->name,
           cli_device_type(device->type), device->compute_units);
    printf("Driver    %s, %s, driver %s\n", device->platform_name, device->version, device->driver);
    printf("Plan      %s\n", r->plan);
    printf("Network   %s; %d words, length %d, batch %d\n", settings->model,
           (int)settings->reading.num_words, (int)settings->reading.maxlen, (int)settings->batch);
    printf("Data      %s: %s%s reviews to train on, %s to test\n", b->source.name,
           cli_grouped(b->source.train->count, train), synthetic,
           cli_grouped(test_of(b)->count, test));
    printf("Peak      %.1f GFLOP/s by multiply-adds, %.1f GB/s by a copy (read and written)\n\n",
           1e-9 * r->peak_flops, 1e-9 * r->peak_bandwidth);

    printf("%-16s %10s %10s %10s\n", "", "Median", "Lowest", "Highest");
    print_times("Training step", &r->step, 1.0);
    printf("of %d, after %d warm-up steps; each the mean of %d step%s\n", r->step.repeats,
           (int)r->warmup_steps, (int)r->repeat_steps, r->repeat_steps == 1 ? "" : "s");
    print_times("Training epoch", &r->step, (double)epoch_steps(b));
    printf("%s reviews: %zu of these steps\n", train, epoch_steps(b));
    print_times("Inference", &r->inference, 1.0);
    printf("of %d, after 1 warm-up pass; each over %s reviews\n", r->inference.repeats,
           cli_grouped(r->inference_samples, test));
    print_ops(r);
}

/* ---- JSON ---- */

static json_t *times_value(const clt_times *times)
{
    return json_pack("{s:i, s:f, s:f, s:f}", "repeats", times->repeats, "median", times->median,
                     "lowest", times->lowest, "highest", times->highest);
}

static json_t *ops_value(const clt_bench *r)
{
    json_t *list = json_array();

    for (size_t k = 0; k < r->op_count; k++) {
        const clt_bench_op *op = &r->ops[k];
        json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:f}", "op", op->name,
                                              "calls_per_step", op->calls, "seconds_per_step",
                                              op->seconds, "flops_per_step", op->flops,
                                              "bytes_per_step", op->bytes));
    }
    return list;
}

static json_t *report_value(const bench *b)
{
    const cli_settings *settings = b->settings;
    const clt_bench *r = b->result;
    double steps = (double)epoch_steps(b);

    return json_pack(
        "{s:s, s:o, s:s, s:s, s:i, s:i, s:i, s:o, s:b, s:I, s:I, s:f, s:f, s:i, s:i, s:o, s:I, "
        "s:f, s:I, s:o, s:i, s:o}",
        "version", clt_version(), "device", cli_json_device(clt_runtime_device(b->runtime)), "plan",
        r->plan, "model", settings->model, "num_words", (int)settings->reading.num_words, "maxlen",
        (int)settings->reading.maxlen, "batch", (int)settings->batch, "data",
        cli_json_text(b->source.name), "synthetic", b->source.train->synthetic, "train_samples",
        (json_int_t)b->source.train->count, "test_samples", (json_int_t)test_of(b)->count,
        "peak_flops_per_second", r->peak_flops, "peak_bytes_per_second", r->peak_bandwidth,
        "warmup_steps", (int)r->warmup_steps, "steps_per_repeat", (int)r->repeat_steps,
        "seconds_per_step", times_value(&r->step), "steps_per_epoch", (json_int_t)epoch_steps(b),
        "seconds_per_epoch", steps * r->step.median, "inference_samples",
        (json_int_t)r->inference_samples, "inference_seconds", times_value(&r->inference),
        "profiled_steps", (int)r->profiled_steps, "ops", ops_value(r));
}

/* ---- the verb ---- */

static int on_progress(void *user, const char *what)
{
    cli_notes_pass(user, "measuring %s", what);
    return 0;
}

static clt_status measure(bench *b, clt_error *error)
{
    const cli_settings *settings = b->settings;
    const char *data = settings->data != NULL ? settings->data : "demo";
    clt_bench_config config = {settings->batch, on_progress, &b->notes};
    clt_status status =
        cli_source_open(data, settings, &settings->reading, false, &b->source, error);

    if (status == CLT_OK) {
        status = cli_source_fit_model(&b->source, settings, &b->model, error);
    }
    if (status == CLT_OK) {
        status = cli_open_runtime(settings, &b->notes, &b->runtime, error);
    }
    if (status == CLT_OK) {
        status = clt_bench_run(b->model, b->runtime, &config, b->source.train, test_of(b),
                               &b->result, error);
    }
    cli_notes_clear(&b->notes);
    return status;
}

static int run(const cli_command *command)
{
    bench b = {.settings = &command->settings};
    clt_error error = {0};
    int code = CLT_OK;

    cli_signals_exit();
    clt_status status = clt_model_create(b.settings->model, &b.settings->reading, b.settings->seed,
                                         &b.model, &error);
    if (status == CLT_USAGE) {
        return cli_fail_model(command, &error);
    }
    if (status == CLT_OK) {
        status = measure(&b, &error);
    }
    if (status == CLT_USAGE) {
        code = cli_fail_usage(command->verb, "%s", error.message);
    } else if (status != CLT_OK) {
        code = cli_fail(command->verb, (int)status, "%s", error.message);
    } else if (!b.settings->json) {
        print_report(&b);
    } else if (cli_json_print(report_value(&b)) != 0 && !cli_stdout_failed()) {
        code = cli_fail(command->verb, CLT_FAILED, "out of memory");
    }
    clt_bench_free(b.result);
    clt_runtime_destroy(b.runtime);
    clt_model_free(b.model);
    cli_source_close(&b.source);
    return code;
}

const cli_verb cli_bench = {
    .name = "bench",
    .bit = CLI_BENCH,
    .operands = "",
    .least = 0,
    .most = 0,
    .purpose = "measure how fast a device trains a network, and where the time goes",
    .details = "Trains a network that is thrown away, on the reviews of --data or, without it, on "
               "synthetic ones:\ntime of a step, of an epoch and of inference; each op beside what "
               "the device can do at most.\nSet what you compare alike: device, plan, network, "
               "data. A quiet machine, please.",
    .run = run};
