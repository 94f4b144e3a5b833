/* tolerance.h: how far a device may be from the reference in double, as |got - want| /
 * (1 + |want|), and why. Inputs of op tests are normal numbers of deviation about 1 or, where many
 * are summed, scaled so that results are of order 1. Half an ulp of 1 is 6e-8. */
#ifndef CLT_TESTS_TOLERANCE_H
#define CLT_TESTS_TOLERANCE_H

/* Copies, masks and sums of fixed order: the same bits as the reference in float. */
#define CLT_TOLERANCE_EXACT 0.0

/* One element through a few operations; OpenCL allows exp() 3 ulp, division 2.5 (in practice), and
 * log() 3, and a denormal may become 0. */
#define CLT_TOLERANCE_ELEMENT 2e-6

/* Sums of up to some thousand terms whose order the reference does not share: rounding grows with
 * the root of their number, 50 times half an ulp of the largest partial sum (a few units). */
#define CLT_TOLERANCE_SUM 2e-5

/* The LSTM: activations within 4 ulp, tens of time steps that pass errors on (each gate contracts
 * them), products over D and H. Backward sums all of it over positions once more. */
#define CLT_TOLERANCE_LSTM 1e-5
#define CLT_TOLERANCE_LSTM_GRADIENT 5e-5

/* Central differences in double with a step of 1e-5: truncation 1e-10 times the third derivative,
 * rounding 1e-16 / 1e-5. */
#define CLT_TOLERANCE_DIFFERENCES 1e-8

#endif
