/* checkpoint.h: a small run that is stopped, saved and resumed, for the tests of checkpoints. */
#ifndef CLT_TESTS_CHECKPOINT_H
#define CLT_TESTS_CHECKPOINT_H

#include <stdbool.h>

#include "cltrain/trainer.h"

#define TUTORIAL "embedding:6,lstm:5,dense:1"
#define FOLDER "run" /* of the checkpoints */
enum { COUNT = 75, BATCH = 16, STEPS = 5, EPOCHS = 3, EPOCHS_MAX = 16 };

/* Open while a group of tests runs. */
extern clt_runtime *runtime;
extern clt_dataset *train, *test;
extern char notes[4096]; /* what the runtime told */

/* Setup and teardown of a group, in an empty folder of its own with FOLDER in it. */
int begin_runs(void **state);
int end_runs(void **state);

typedef struct watched {
    int stop_after; /* steps of this run; 0: never */
    int stop_at;    /* the event; 0: any */
    int steps;
    clt_progress first; /* the first step's */
} watched;

/* EPOCHS epochs, watched, with FOLDER for checkpoints. */
clt_trainer_config recipe(watched *w);
clt_model *create_model(const char *layers, uint64_t seed);

/* What is left of a run: the bytes of its model file, freed with free(), and its history. */
typedef struct outcome {
    char *bytes;
    size_t size, count;
    clt_epoch epochs[EPOCHS_MAX];
    int32_t best;
    bool stopped_early;
} outcome;
outcome take_outcome(clt_model *model, const clt_trainer *trainer);

/* The same bytes, and the same history but for seconds. */
void assert_same(const outcome *a, const outcome *b);

/* A run from the start, or from FOLDER's checkpoint with other initial weights. o NULL: not wanted.
 */
clt_status run(const char *layers, bool resumed, const clt_trainer_config *config, outcome *o,
               clt_error *error);
outcome whole_run(const char *layers);               /* never stopped, without checkpoints */
outcome fit_whole(const clt_trainer_config *config); /* TUTORIAL from the start */

/* The model that was saved last measures as that epoch did. */
void assert_weights_of(const clt_epoch *epoch);

/* Leaves the checkpoint of a run that was asked to stop after so many steps. */
void stop_after(const char *layers, int steps);

/* Resumes TUTORIAL to its end, which must be `want`. */
void resume_to(const outcome *want);

int count_files(void); /* of FOLDER */
char *checkpoint_path(int steps);

#endif
