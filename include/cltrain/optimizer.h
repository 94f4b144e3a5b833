/* optimizer.h: the rules by which gradients become updates: Keras 3's Adam (beta 0.9 and 0.999,
 * epsilon 1e-7), SGD with or without momentum, and RMSprop (rho 0.9, epsilon 1e-7). */
#ifndef CLTRAIN_OPTIMIZER_H
#define CLTRAIN_OPTIMIZER_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clt_optimizer_kind { CLT_ADAM, CLT_SGD, CLT_RMSPROP } clt_optimizer_kind;
#define CLT_OPTIMIZER_KINDS 3
const char *clt_optimizer_name(clt_optimizer_kind kind); /* "adam" */

/* Keras's default: 0.001, SGD's 0.01. */
double clt_optimizer_learning_rate(clt_optimizer_kind kind);

#ifdef __cplusplus
}
#endif
#endif
