/* dataset.h: labelled texts as token ids. */
#ifndef CLTRAIN_DATASET_H
#define CLTRAIN_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Token ids of `count` samples in compressed rows, their labels, and the words when known.
 * Read-only for callers; made by a reader below, freed with clt_dataset_free. */
typedef struct clt_dataset {
    size_t count;        /* samples */
    size_t *offsets;     /* [count + 1]; sample k is ids[offsets[k]] .. ids[offsets[k + 1]] */
    int32_t *ids;        /* [offsets[count]], each 0 .. num_words - 1 */
    int32_t *labels;     /* [count], each 0 .. class_count - 1; NULL: not known */
    int32_t class_count; /* 2 for imdb.npz and the demonstration reviews */
    int32_t num_words;   /* ids are below this; the embedding needs as many rows */
    bool synthetic;      /* made by a grammar, not by people */
} clt_dataset;

/* What turns words into ids; kept with the model, because the same text must give the same ids. */
typedef enum clt_side { CLT_PRE, CLT_POST } clt_side;

typedef struct clt_reading {
    int32_t num_words;   /* ids kept: below this, after index_from; 0: all (Keras's None) */
    int32_t skip_top;    /* ids below this become oov_char */
    int32_t start_char;  /* put before every sample; -1: none */
    int32_t oov_char;    /* in place of what is left out; -1: left out entirely (Keras's None) */
    int32_t index_from;  /* added to every raw rank */
    int32_t maxlen;      /* of pad_sequences: time steps T */
    clt_side padding;    /* where zeros go in short samples */
    clt_side truncating; /* where long samples lose ids */
} clt_reading;
/* Keras's load_data and pad_sequences, with the tutorial's num_words and maxlen. */
#define CLT_READING_DEFAULT                                                                        \
    {                                                                                              \
        20000, 0, 1, 2, 3, 100, CLT_PRE, CLT_PRE                                                   \
    }

/* The words that ids stand for: vocabulary.h. */
typedef struct clt_vocabulary clt_vocabulary;

/* Reads imdb.npz as Keras's `imdb.load_data(num_words, skip_top, maxlen=drop_length, seed,
 * start_char, oov_char, index_from)` does: sample k here is sample k there.
 * (keras/src/datasets/imdb.py; the shuffle is NumPy's RandomState(seed).)
 *
 * path         a zip of x_train.npy, y_train.npy, x_test.npy, y_test.npy, not trusted.
 * reading      NULL: the defaults. Its maxlen, padding and truncating are not used here.
 * drop_length  samples of this many ids or more are dropped; 0: none (Keras's maxlen=None).
 * seed         113 in Keras.
 * train, test  out: each freed by the caller with clt_dataset_free. Either may be NULL.
 * Errors       CLT_INPUT: cannot be opened, is damaged, or holds anything but that shape; the
 *              message names file, member and byte. CLT_USAGE: reading makes no sense. */
CLT_NODISCARD clt_status clt_dataset_open_npz(const char *path, const clt_reading *reading,
                                              int32_t drop_length, uint32_t seed,
                                              clt_dataset **train, clt_dataset **test,
                                              clt_error *error);

/* Makes the demonstration reviews in memory: a grammar of our own, sentiment carried by words and
 * by word order (negation, contrast), IMDB's spread of lengths, Zipf-like word frequencies.
 *
 * count        samples in each of train and test; 25000 has IMDB's shape. 1 to 1000000.
 * reading      as for clt_dataset_open_npz.
 * seed         the same seed gives the same reviews.
 * train, test  out: each freed by the caller with clt_dataset_free.
 * vocabulary   out: its words, freed with clt_vocabulary_free; NULL: not wanted.
 * Errors       CLT_USAGE: the count, or reading makes no sense. CLT_FAILED: no memory. */
CLT_NODISCARD clt_status clt_dataset_open_demo(size_t count, const clt_reading *reading,
                                               uint64_t seed, clt_dataset **train,
                                               clt_dataset **test, clt_vocabulary **vocabulary,
                                               clt_error *error);
void clt_dataset_free(clt_dataset *dataset); /* NULL allowed */

/* Sets samples aside to measure on, as clt_corpus_split does: round(fraction * n) of the n samples
 * of each class, drawn from the seed; both parts keep the order.
 *
 * rest, part  out: each freed by the caller.
 * Errors      CLT_USAGE: the fraction, one side would be empty, or there are no labels. */
CLT_NODISCARD clt_status clt_dataset_split(const clt_dataset *dataset, double fraction,
                                           uint64_t seed, clt_dataset **rest, clt_dataset **part,
                                           clt_error *error);

/* A weight for each label that gives every class that occurs the same share of a loss: samples /
 * (classes that occur * samples of the class), scikit-learn's class_weight="balanced"; 1 for the
 * others.
 *
 * weights  out [dataset->class_count]
 * Errors   CLT_USAGE: there are no labels, or one that is no class. */
CLT_NODISCARD clt_status clt_dataset_balance(const clt_dataset *dataset, float *weights,
                                             clt_error *error);

/* Which samples a data set has: their number, their ids' number, and a hash of ids, lengths and
 * labels, equal for equal ones in this version. It finds mistakes, not malice. NULL: all zero. */
typedef struct clt_fingerprint {
    uint64_t samples, ids, hash;
} clt_fingerprint;
clt_fingerprint clt_dataset_fingerprint(const clt_dataset *dataset);

/* keras.utils.pad_sequences for one sample: writes exactly reading->maxlen ids, zeros where it is
 * short, cut where it is long.
 *
 * ids      [count]
 * padded   out [maxlen] */
void clt_pad_sequence(const clt_reading *reading, const int32_t *ids, size_t count,
                      int32_t *padded);

#ifdef __cplusplus
}
#endif
#endif
