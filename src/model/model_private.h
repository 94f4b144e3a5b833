/* model_private.h: what a clt_model is. */
#ifndef CLT_MODEL_PRIVATE_H
#define CLT_MODEL_PRIVATE_H

#include "cltrain/model.h"
#include "model/layers.h"

struct clt_model {
    clt_layers layers;
    char *text; /* the canonical model string */
    clt_reading reading;
    clt_vocabulary *vocabulary; /* NULL: none */
    clt_vocabulary *classes;    /* names: label k is rank k + 1; NULL: none */
    float *table;               /* [V, D] */
    float *arena;               /* [layers.arena]: dense parameters at their offsets, rest 0 */
};

/* A model with zero weights. */
CLT_NODISCARD clt_status clt_model_create_empty(const char *text, const clt_reading *reading,
                                                clt_model **model, clt_error *error);

/* Makes `names` the names of the model's classes and takes it over when they can be. Errors:
 * CLT_INPUT, as clt_model_set_classes. */
CLT_NODISCARD clt_status clt_model_take_classes(clt_model *model, clt_vocabulary *names,
                                                clt_error *error);

/* The values of a parameter of this model. */
float *clt_model_values(const clt_model *model, const clt_parameter *parameter);

/* Draws every parameter (initializers.c). */
CLT_NODISCARD clt_status clt_model_initialize(clt_model *model, uint64_t seed, clt_error *error);

#endif
