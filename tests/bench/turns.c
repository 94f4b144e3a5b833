/* turns.c: compares folders of kernels in one process, which gives each a turn in every round: the
 * ratios of a round tell 2 to 3% apart where separate runs on the same machine differ by 20%.
 *
 *     bench_turns DATA MODEL MAXLEN BATCH ROUNDS FOLDER FOLDER [FOLDER ...]
 *
 * DATA is imdb.npz or `demo`; FOLDER holds copies of cl/, as for CLT_KERNEL_DIR; the first one is
 * what the others are compared with. Per folder: milliseconds of a training step and of an
 * inference batch, then of each op, as medians, with the median of the ratios and their quartiles.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/trial.h"
#include "cltrain/runtime.h"
#include "model/network.h"
#include "util/clock.h"

enum { FOLDERS_MAX = 8, ROUNDS_MAX = 200, OPS_MAX = 64, TESTED_MAX = 2560, FIRST_STEPS = 3 };
static const double TURN_SECONDS = 0.3;

typedef struct samples {
    char what[48];
    double seconds[FOLDERS_MAX][ROUNDS_MAX];
} samples;

typedef struct candidate {
    const char *folder;
    clt_runtime *runtime;
    clt_model *model;
    clt_trial *trial;
    clt_network *network;
} candidate;

static candidate candidates[FOLDERS_MAX];
static samples step = {.what = "training step"}, inference = {.what = "inference batch"};
static samples ops[OPS_MAX];
static int folders, rounds, batch, steps;
static clt_dataset *train, *test;
static float *logits;

static void check(clt_status status, const clt_error *error)
{
    if (status != CLT_OK) {
        fprintf(stderr, "bench_turns: %s\n", error->message);
        exit(EXIT_FAILURE);
    }
}

static void prepare(candidate *c, const char *layers, const clt_reading *reading)
{
    const clt_runtime_config config = CLT_RUNTIME_CONFIG_DEFAULT;
    const clt_limits limits = {batch, reading->maxlen, false};
    clt_error error;
    double seconds;
    setenv("CLT_KERNEL_DIR", c->folder, 1);
    check(clt_runtime_create(&config, &c->runtime, &error), &error);
    check(clt_model_create(layers, reading, 1, &c->model, &error), &error);
    check(clt_trial_create(c->model, c->runtime, batch, train, &c->trial, &error), &error);
    check(clt_network_create(c->runtime, c->model, &limits, 0, NULL, &c->network, &error), &error);
    if (logits == NULL) {
        size_t outputs = (size_t)clt_model_class_count(c->model); /* or one less */
        logits = malloc(test->count * outputs * sizeof *logits);
        if (logits == NULL) {
            fprintf(stderr, "bench_turns: no memory for logits\n");
            exit(EXIT_FAILURE);
        }
    }
    check(clt_network_logits(c->network, test, reading, logits, &error), &error);
    check(clt_trial_run(c->trial, FIRST_STEPS, &seconds, &error), &error);
    check(clt_trial_run(c->trial, FIRST_STEPS, &seconds, &error), &error);
    if (steps == 0) { /* all candidates take as many as the first */
        steps = (int)(TURN_SECONDS / seconds);
        steps = steps > 2 ? steps : 2;
    }
}

static samples *op_called(const char *name)
{
    int k = 0;
    while (ops[k].what[0] != '\0' && strcmp(ops[k].what, name) != 0 && k < OPS_MAX - 1) {
        k++;
    }
    snprintf(ops[k].what, sizeof ops[k].what, "%s", name);
    return &ops[k];
}

static void take_turn(int k, int round)
{
    candidate *c = &candidates[k];
    const clt_profile_row *rows;
    size_t count;
    clt_error error;
    double seconds;
    check(clt_trial_run(c->trial, steps, &step.seconds[k][round], &error), &error);
    double began = clt_now();
    check(clt_network_logits(c->network, test, clt_model_reading(c->model), logits, &error),
          &error);
    inference.seconds[k][round] =
        (clt_now() - began) / (double)((test->count + (size_t)batch - 1) / (size_t)batch);
    check(clt_runtime_set_profile(c->runtime, true, &error), &error);
    check(clt_trial_run(c->trial, steps, &seconds, &error), &error);
    check(clt_runtime_profile(c->runtime, &rows, &count, &error), &error);
    for (size_t j = 0; j < count; j++) {
        op_called(rows[j].op)->seconds[k][round] = rows[j].seconds / steps;
    }
    check(clt_runtime_set_profile(c->runtime, false, &error), &error);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const samples *s)
{
    double seconds[ROUNDS_MAX], ratio[ROUNDS_MAX];
    for (int k = 0; k < folders; k++) {
        for (int r = 0; r < rounds; r++) {
            seconds[r] = s->seconds[k][r];
            ratio[r] = s->seconds[k][r] / s->seconds[0][r];
        }
        qsort(seconds, (size_t)rounds, sizeof *seconds, compare);
        qsort(ratio, (size_t)rounds, sizeof *ratio, compare);
        printf("%-24s %9.3f ms  %.3f (%.3f to %.3f)  %s\n", s->what, 1e3 * seconds[rounds / 2],
               ratio[rounds / 2], ratio[rounds / 4], ratio[rounds - 1 - rounds / 4],
               candidates[k].folder);
    }
}

int main(int argc, char **argv)
{
    clt_reading reading = CLT_READING_DEFAULT;
    clt_error error;
    folders = argc - 6;
    if (folders < 2 || folders > FOLDERS_MAX || (reading.maxlen = atoi(argv[3])) < 1 ||
        (batch = atoi(argv[4])) < 1 || (rounds = atoi(argv[5])) < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr,
                "usage: bench_turns DATA MODEL MAXLEN BATCH ROUNDS FOLDER FOLDER "
                "[FOLDER ...], at most %d folders and %d rounds\n",
                FOLDERS_MAX, ROUNDS_MAX);
        return 2;
    }
    check(strcmp(argv[1], "demo") == 0
              ? clt_dataset_open_demo(25000, &reading, 1, &train, &test, NULL, &error)
              : clt_dataset_open_npz(argv[1], &reading, 0, 113, &train, &test, &error),
          &error);
    /* Some batches of inference are enough for a turn. */
    size_t tested = batch == 1 ? 32 : TESTED_MAX;
    test->count = test->count < tested ? test->count : tested;
    for (int k = 0; k < folders; k++) {
        candidates[k].folder = argv[6 + k];
        prepare(&candidates[k], argv[2], &reading);
    }
    for (int r = 0; r < rounds; r++) {
        for (int k = 0; k < folders; k++) { /* there and back, so that none is always first */
            take_turn(r % 2 == 0 ? k : folders - 1 - k, r);
        }
    }
    print(&step);
    print(&inference);
    for (int k = 0; k < OPS_MAX && ops[k].what[0] != '\0'; k++) {
        print(&ops[k]);
    }
    return EXIT_SUCCESS; /* the end of the process frees everything */
}
