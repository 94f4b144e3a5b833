/* shapes.h: the shapes and options that ops and their references share, and the letters used
 * everywhere: B samples of a batch, T time steps, D features in, H hidden units, G = 4H gate
 * columns in the order i, f, c, o, V vocabulary rows, U unique rows of a batch, S shards,
 * N = T * B positions (numbered by clt_position). Gradients begin with d. */
#ifndef CLT_UTIL_SHAPES_H
#define CLT_UTIL_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

#include "cltrain/optimizer.h"
#include "util/shards.h"

/* Sizes of one batch on the way through the layers. */
typedef struct clt_extent {
    int samples;       /* B */
    int timesteps;     /* T */
    clt_shards shards; /* of B */
    /* On the host, [B]: sample b is masked before start[b], so that nothing happens there and its
     * state stays as it is; NULL: no mask. Inside a shard start does not fall. */
    const int32_t *start;
} clt_extent;

/* Without a mask. */
static inline clt_extent clt_extent_of(int samples, int timesteps)
{
    return (clt_extent){
        .samples = samples, .timesteps = timesteps, .shards = clt_shards_of(samples)};
}

typedef struct clt_lstm_config {
    int features;  /* D */
    int hidden;    /* H, 1 .. 2048 */
    bool reverse;  /* runs from t = T - 1 down to 0 */
    bool sequence; /* y is every state, not only the last */
    /* Two directions may share what is around them: */
    int width, column; /* a row of y has `width` elements, H of them from `column` on; 0: H */
    bool adds_drows;   /* drows accumulates */
    bool masked;       /* its sequences come with a mask */
} clt_lstm_config;

static inline int clt_lstm_width(const clt_lstm_config *config)
{
    return config->width > 0 ? config->width : config->hidden;
}

/* Time steps t0 <= t < t1 of one call. The calls of a sequence cover [0, T) in the direction of
 * time going forward, and back again going backward. */
typedef struct clt_lstm_range {
    int t0, t1;
} clt_lstm_range;

/* What a pool takes of a sequence: its last time step, its mean, its largest value over time. */
typedef enum clt_pool_kind { CLT_POOL_LAST, CLT_POOL_MEAN, CLT_POOL_MAX } clt_pool_kind;
#define CLT_POOL_KINDS 3

typedef struct clt_pool_config {
    int features;                        /* D */
    int count;                           /* 1 .. CLT_POOL_KINDS */
    clt_pool_kind kinds[CLT_POOL_KINDS]; /* each once; y [B, count * D] has them in this order */
} clt_pool_config;

/* The place of a dropout mask in the counter space. */
typedef struct clt_dropout_counter {
    uint64_t seed;
    uint32_t
        layer; /* index of the layer in the model; further masks of a layer: see network_step.c */
    uint32_t step; /* optimiser steps so far, all epochs */
    bool locked;   /* a sample has one mask for all time steps: that of t = 0 */
} clt_dropout_counter;

/* How gradients become updates. */
typedef struct clt_optimizer_rule {
    clt_optimizer_kind kind;
    double momentum; /* SGD's; 0: none */
    bool nesterov;
    double weight_decay;
} clt_optimizer_rule;

/* The constants of one step. */
typedef struct clt_optimizer_step {
    /* Adam: alpha = lr * sqrt(1 - beta2^t) / (1 - beta1^t), t from 1; else the learning rate */
    float step_size;
    float one_minus_beta1; /* 1 - beta, in double, rounded to float (Keras 3) */
    float one_minus_beta2; /* RMSprop: of rho */
    float epsilon;
    float decay; /* of the weights: learning rate * weight decay */
    float momentum;
} clt_optimizer_step;

#endif
