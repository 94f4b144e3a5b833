/* model.h: a network's layers, its parameters on the host, how its input is read, its words. */
#ifndef CLTRAIN_MODEL_H
#define CLTRAIN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "cltrain/error.h"
#include "cltrain/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clt_model clt_model;

/* The tutorial's network. */
#define CLT_MODEL_DEFAULT "embedding:128,lstm:60,dense:1"

/* Makes a model with Keras's initial weights drawn from a seed: embedding uniform +-0.05, kernels
 * glorot uniform, recurrent kernel orthogonal, biases 0 with 1 for the LSTM's forget gate.
 *
 * layers   the model string: layers comma-separated, `name:number` with options after colons.
 *          embedding:D            first, exactly once; num_words rows; D up to 65536;
 *                                 `frozen`: not trained;
 *                                 `dropout=P`: each word but the pad falls out of a step whole;
 *                                 `mask_zero`: id 0 is no word, and all layers pass over it
 *          lstm:H                 the last state; H up to 2048;
 *                                 `sequence`: every state, to stack or to pool;
 *                                 `bidirectional`: forward and backward, 2H features;
 *                                 `dropout=P` of its input, `recurrent_dropout=P` of its state:
 *                                 a sample has one mask for all gates (Keras 3 draws one for each
 *                                 with recurrent_dropout) and time steps; `per-step`: one for each
 *          pool:KINDS             of all states of the lstm before it: last (the last step), mean,
 *                                 max (over time), or several beside each other: mean+max
 *          dropout:P              0 <= P < 1; a point in P, whatever the locale
 *          dense:N                last: 1 is one sigmoid output, for two classes; more is a
 *                                 softmax over N classes; N up to 4096
 * reading  NULL: the defaults. Its num_words is 3 or more, its maxlen 1 or more.
 * Errors   CLT_USAGE: the string, whose layer and choices the message names, or the reading. */
CLT_NODISCARD clt_status clt_model_create(const char *layers, const clt_reading *reading,
                                          uint64_t seed, clt_model **model, clt_error *error);

/* Opens a .safetensors file that clt_model_save wrote. The file is not trusted: everything is
 * checked before anything is used. Errors: CLT_INPUT with the file, tensor or byte. */
CLT_NODISCARD clt_status clt_model_open(const char *path, clt_model **model, clt_error *error);

/* Replaces the model's weights by those of a .safetensors file: the model's tensors by name, in any
 * order, with or without padding and metadata; shapes and values are checked. Words and names of
 * classes that a model file holds must not contradict the model's, where it has any: its weights
 * would be those of other words. Unknown tensors are an error. Errors: CLT_INPUT; nothing is
 * changed then. */
CLT_NODISCARD clt_status clt_model_load_weights(clt_model *model, const char *path,
                                                clt_error *error);

/* Writes the model file: weights, model string, reading options, words, names of classes. Nothing
 * in it differs between equal runs. The file appears whole (temporary file, fsync, rename) or not
 * at all. Errors: CLT_FAILED with the path and the reason. */
CLT_NODISCARD clt_status clt_model_save(const clt_model *model, const char *path, clt_error *error);
void clt_model_free(clt_model *model); /* NULL allowed */

/* Gives the model the words of its ids; copies those below num_words. Errors: CLT_FAILED: no
 * memory. */
CLT_NODISCARD clt_status clt_model_set_vocabulary(clt_model *model,
                                                  const clt_vocabulary *vocabulary,
                                                  clt_error *error);

/* Gives the model the names of its classes, label 0 first; copies them.
 *
 * names   [count], UTF-8, terminated, all different, none empty.
 * Errors  CLT_INPUT: names that are not so, or not as many as the model tells apart. */
CLT_NODISCARD clt_status clt_model_set_classes(clt_model *model, const char *const *names,
                                               int32_t count, clt_error *error);

/* The name of label k; NULL: none known. Belongs to the model. */
const char *clt_model_class(const clt_model *model, int32_t k);

/* How many of a model's words a file of word vectors has. */
typedef struct clt_vector_coverage {
    int32_t words, words_found;
    int64_t tokens, tokens_found; /* occurrences of those in the training texts; 0: not known */
} clt_vector_coverage;

/* Fills the embedding's rows of the model's words from a file of word vectors: GloVe's text,
 * word2vec's text or binary, fastText's .vec. Words are compared as they are written, and the first
 * of equal ones counts; rows of words that are not there keep what they hold. Numbers have a point,
 * whatever the locale.
 *
 * path      not trusted; only the numbers of words that the model knows are read.
 * coverage  out; NULL allowed.
 * Errors    CLT_INPUT: the model knows no words, the vectors have another width than the embedding
 *           (the message says both), or the file is damaged. The embedding is then unchanged. */
CLT_NODISCARD clt_status clt_model_load_vectors(clt_model *model, const char *path,
                                                clt_vector_coverage *coverage, clt_error *error);

const clt_vocabulary *clt_model_vocabulary(const clt_model *model); /* NULL: none */
const clt_reading *clt_model_reading(const clt_model *model);
const char *clt_model_layers(const clt_model *model); /* the model string */

/* One line of the summary. */
typedef struct clt_layer_info {
    const char *name;  /* "embedding", "lstm_1": the first part of its tensors' names */
    const char *type;  /* Keras's class name: "Embedding", "LSTM", "Dropout", "Dense" */
    int rank;          /* of its output, without the batch: 2 is [T, features], 1 is [features] */
    int32_t timesteps; /* when rank is 2 */
    int32_t features;
    uint64_t parameters;
    bool frozen; /* training leaves them as they are */
} clt_layer_info;

size_t clt_model_layer_count(const clt_model *model);
clt_layer_info clt_model_layer(const clt_model *model, size_t index); /* strings: the model's */
uint64_t clt_model_parameter_count(const clt_model *model);

/* A parameter tensor, for reading or setting from a program of one's own.
 *
 * name     "embedding.embeddings" [V, D], "lstm.kernel" [D, 4H], "lstm.recurrent_kernel" [H, 4H],
 *          "lstm.bias" [4H] (a bidirectional one has "lstm.forward.kernel",
 *          "lstm.backward.kernel" and so on), "dense.kernel" [H, N], "dense.bias" [N]; gate order
 *          i, f, c, o.
 * count    out: elements; NULL allowed.
 * Returns  the model's own array, row-major float; NULL when there is no such tensor. */
float *clt_model_tensor(clt_model *model, const char *name, size_t *count);

/* A hash of all parameters: equal for equal weights of equal models, in this version. */
uint64_t clt_model_fingerprint(const clt_model *model);
/* The same of its words and of the names of its classes. */
uint64_t clt_model_words_fingerprint(const clt_model *model);

/* The classes that the last layer tells apart: 2 for dense:1, N for dense:N. */
int32_t clt_model_class_count(const clt_model *model);

typedef struct clt_metrics {
    double loss;     /* mean cross-entropy: binary for dense:1, else categorical */
    double accuracy; /* share of samples whose likeliest class is their label; of classes that are
                        equally likely, the first counts */
} clt_metrics;

/* Loss and accuracy over a data set, in batches of `batch`, 1 or more. Waits for the device.
 * Errors: CLT_USAGE (the data set's num_words is above the model's, it has no labels, the batch),
 * CLT_INPUT (more classes than the model tells apart), CLT_DIVERGED (an output is NaN or infinite),
 * device errors. */
CLT_NODISCARD clt_status clt_model_evaluate(const clt_model *model, clt_runtime *runtime,
                                            const clt_dataset *dataset, int32_t batch,
                                            clt_metrics *metrics, clt_error *error);

/* The probability of each class: for dense:1 those of label 0 and 1, 1 - p and p.
 *
 * samples        token ids; labels may be NULL.
 * probabilities  out [samples->count, class_count]
 * Waits for the device. Errors: as clt_model_evaluate's, but for labels. */
CLT_NODISCARD clt_status clt_model_predict(const clt_model *model, clt_runtime *runtime,
                                           const clt_dataset *samples, int32_t batch,
                                           float *probabilities, clt_error *error);

/* The same for texts, with the model's own words. Errors: CLT_INPUT when the model has none.
 *
 * texts          [count], UTF-8, terminated. */
CLT_NODISCARD clt_status clt_model_predict_text(const clt_model *model, clt_runtime *runtime,
                                                const char *const *texts, size_t count,
                                                float *probabilities, clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
