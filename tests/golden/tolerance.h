/* tolerance.h: how far CLTrain may be from Keras, all in one place.
 *
 * Everything is a norm over a whole tensor against the norm of what Keras computed: of the value
 * itself, and for weights of how far Keras moved them (its weights less the start), because a wrong
 * update of weights that hardly move would drown in their size. NaN fails.
 *
 * "Noise" is how far Keras's float results are from the same in double, measured over all cases by
 * `tools/make_golden.py --check`. */
#ifndef CLT_TESTS_GOLDEN_TOLERANCE_H
#define CLT_TESTS_GOLDEN_TOLERANCE_H

/* Noise 2e-7: sums of at most 300 steps of values below 1. */
#define TOLERANCE_LOGITS 2e-6
/* Noise 1e-7: a mean of at most 75 terms. */
#define TOLERANCE_LOSS 1e-6
/* Noise 5e-7, and 3e-6 in `tutorial`, where a bias gradient is the small rest of terms that cancel.
 * A wrong factor, mask or gate is off by 1e-2 or more. */
#define TOLERANCE_GRADIENT 2e-5
/* Of the weights' movement after 10 steps of Adam or a short fit; JAX and PyTorch agree within
 * 3e-6. Noise 1e-5: each step's rounding of the weight itself, half a unit in its last place where
 * a step moves it by 0.001. */
#define TOLERANCE_MOVEMENT 2e-5
/* Or, where that is larger, this many units in the last place of the weights (root mean square).
 * Noise 3.6 for single numbers, which cannot average anything out, 1.7 for others. */
#define TOLERANCE_WEIGHT_ULPS 1.0
/* Losses of the epochs. Noise 8e-7. */
#define TOLERANCE_HISTORY_LOSS 5e-6
/* A share of samples: a different hit is at least 1/200. */
#define TOLERANCE_HISTORY_ACCURACY 1e-6

#endif
