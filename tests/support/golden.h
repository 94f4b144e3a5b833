/* golden.h: the training cases that tools/make_golden.py made with Keras. */
#ifndef CLT_TESTS_GOLDEN_H
#define CLT_TESTS_GOLDEN_H

#include "cltrain/dataset.h"
#include "cltrain/trainer.h"
#include "data/safetensors.h"
#include "support/test.h"
#include "util/shapes.h"

#define GOLDEN_STEPS 10 /* on the first batch; their weights are the group "adam" */

/* Every case, shortest first. */
extern const char *const golden_cases[];
extern const size_t golden_case_count;

typedef struct golden {
    const char *name;
    clt_safetensors file;
    const char *layers; /* the model string */
    clt_reading reading;
    int outputs;           /* of the dense layer */
    int batch, epochs;     /* of the short fit */
    clt_schedule schedule; /* of the short fit */
    const float *rates;    /* [steps of the short fit], what came of it; NULL: no schedule */
    clt_clipping clip;
    clt_optimizer_rule rule;
    double learning_rate;
    const float *class_weights; /* [classes]; NULL: none */
    float ema;                  /* momentum; 0: weights are not averaged */
    clt_dataset *train, *test;  /* the first `batch` samples of train give logits and gradients */
} golden;

/* All three fail the running test when something is wrong with the file. */
void golden_open(const char *name, golden *g);
void golden_close(golden *g);

/* The float values of GROUP/TENSOR, or of GROUP where tensor is NULL. */
const float *golden_values(const golden *g, const char *group, const char *tensor, size_t *count);
/* The start of a tensor of `count` elements, wherever it comes from. */
void golden_start(const golden *g, const char *tensor, float *values, size_t count);

/* ours [count] against GROUP/TENSOR (tensor NULL: GROUP): norm(ours - Keras) is at most
 * tolerance * norm(Keras - start) (start NULL: 0), or `ulps` units in the last place of Keras's
 * values, whichever is larger. A large tensor is compared at the elements that the file holds.
 * Prints one line and returns false when it is not, also for NaN. */
bool golden_near(const golden *g, const char *group, const char *tensor, const float *ours,
                 size_t count, const float *start, double tolerance, double ulps);

#endif
