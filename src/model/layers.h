/* layers.h: the model string, parsed: layers, their shapes and their parameters' names. */
#ifndef CLT_MODEL_LAYERS_H
#define CLT_MODEL_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/model.h"
#include "util/error.h"
#include "util/shapes.h"

typedef enum clt_layer_kind {
    CLT_LAYER_EMBEDDING,
    CLT_LAYER_LSTM,
    CLT_LAYER_DROPOUT,
    CLT_LAYER_POOL,
    CLT_LAYER_DENSE
} clt_layer_kind;

typedef struct clt_layer {
    clt_layer_kind kind;
    char name[32];  /* "lstm", "lstm_1": the first part of its tensors' names */
    int inputs;     /* features in; of the embedding, rows of its table */
    int outputs;    /* features out */
    bool sequence;  /* out: every time step, not only one vector */
    bool frozen;    /* embedding: it stays as it starts */
    bool mask_zero; /* embedding: id 0 is no word, for all layers behind */
    int hidden;     /* lstm: units of a direction */
    int directions; /* lstm: 1, or 2: bidirectional */
    double rate;    /* dropout; embedding: of whole words; lstm: of its input, at all time steps */
    double recurrent_rate; /* lstm: dropout of its recurrent state, at all time steps */
    bool per_step;         /* lstm: another mask at each time step */
    clt_pool_config pool;
    int parameter; /* its first one; it has as many as its kind, for each direction */
} clt_layer;

/* How a parameter starts (keras/src/initializers/random_initializers.py). */
typedef enum clt_initializer {
    CLT_INIT_UNIFORM,        /* +-0.05 */
    CLT_INIT_GLOROT_UNIFORM, /* +-sqrt(6 / (rows + columns)) */
    CLT_INIT_ORTHOGONAL,     /* rows or columns orthonormal, whichever are fewer */
    CLT_INIT_ZEROS,
    CLT_INIT_FORGET_BIAS /* 1 in the second quarter, else 0 */
} clt_initializer;

/* Elements: parameters are sub-buffers, aligned to 4096 bytes, and have chunks of squares of their
 * own. */
#define CLT_ARENA_STEP 1024

typedef struct clt_parameter {
    char name[64]; /* "lstm.kernel" */
    int rank;
    int shape[2];
    size_t count;
    clt_initializer initializer;
    bool table;    /* an embedding: lies alone; its gradient is rows at sorted ids */
    size_t offset; /* of a dense one: first element in the arena, a multiple of the step */
} clt_parameter;

#define CLT_LAYER_COUNT_MAX 64
#define CLT_LSTM_PARAMETERS 3
#define CLT_PARAMETER_COUNT_MAX (2 * CLT_LSTM_PARAMETERS * CLT_LAYER_COUNT_MAX)

typedef struct clt_layers {
    int count;
    clt_layer layers[CLT_LAYER_COUNT_MAX];
    int parameter_count;
    clt_parameter parameters[CLT_PARAMETER_COUNT_MAX]; /* parameters[0] is the table */
    size_t arena; /* elements of all dense parameters, each rounded up to the step */
} clt_layers;

/* Parses a model string for a vocabulary of num_words rows. Errors: CLT_USAGE, naming the layer,
 * what is wrong with it and the choices. */
CLT_NODISCARD clt_status clt_layers_parse(const char *text, int32_t num_words, clt_layers *layers,
                                          clt_error *error);

/* The canonical model string, freed with free(). */
char *clt_layers_format(const clt_layers *layers, clt_error *error);

/* Of the last layer: logits of a sample. 1 is a sigmoid for two classes, more a softmax over as
 * many. */
int clt_layers_outputs(const clt_layers *layers);

/* Units of a direction of the widest LSTM; 1 where there is none. */
int clt_layers_widest_lstm(const clt_layers *layers);

/* Keras's class name. Of a pool, what Keras makes of x[:, -1], and of several beside each other. */
const char *clt_layer_type(const clt_layer *layer);

#endif
