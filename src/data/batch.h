/* batch.h: one padded batch on the host, packed for a single upload. */
#ifndef CLT_DATA_BATCH_H
#define CLT_DATA_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "util/error.h"
#include "util/shapes.h"

/* Where each part lies in the packed upload, in 4-byte elements; every part starts at a multiple
 * of 1024 elements, so that it can be a sub-buffer. Parts of fixed size come first, so that the
 * used part of a batch is its beginning. */
typedef struct clt_batch_layout {
    int timesteps;    /* the largest batch */
    size_t targets;   /* int32 [B]: labels */
    size_t start;     /* int32 [B] */
    size_t index;     /* int32 [N]: the row of each position */
    size_t positions; /* int32 [N]: positions ordered by row, shard, sample, time */
    size_t unique;    /* int32 [U <= N]: sorted ids */
    size_t offsets;   /* int32 [U * S + 1]: into positions, row-major (row, shard) */
    size_t total;     /* elements of the largest batch */
} clt_batch_layout;

clt_batch_layout clt_batch_layout_of(int samples, int timesteps);

typedef struct clt_batch {
    clt_batch_layout layout;
    clt_extent extent; /* of this batch */
    bool packs;        /* set by the caller: fill packs */
    bool masks;        /* set by the caller: fill masks */
    bool by_id;        /* index holds ids; no unique, positions and offsets */
    bool packed_mask;  /* masked, and the positions before start do not exist */
    int longest;       /* of a shared prefix: 0, there is none */
    int computed;      /* positions that an LSTM computes: those from their sample's start on */
    int row_count;     /* U; 0 by id */
    size_t used;       /* elements to upload */
    int32_t *packed;   /* [layout.total]; the pointers below point into it */
    int32_t *targets, *start, *index, *positions, *unique, *offsets;
    void *scratch; /* of clt_batch_fill */
} clt_batch;

/* The zeros that clt_pad_sequence puts before a sample of `count` ids. */
int clt_leading_pads(const clt_reading *reading, size_t count);

/* The positions that a sample leaves free before it; with `masks` all that are not a word, wherever
 * clt_pad_sequence has them. */
int clt_batch_pads(const clt_dataset *dataset, const clt_reading *reading, bool masks,
                   uint32_t sample);

CLT_NODISCARD clt_status clt_batch_create(int samples, int timesteps, clt_batch *batch,
                                          clt_error *error);
void clt_batch_destroy(clt_batch *batch);

/* Pads and indexes `count` samples: order[0 .. count - 1] are sample numbers of the data set. All
 * ids are below dataset->num_words. Without labels every target is 0. No allocation; linear in
 * positions.
 *
 * With batch->packs it leaves out leading pads that many samples share (clt_sequence.start): all
 * that a sample has, up to what an eighth of the batch has. Inside a shard start never falls from
 * one sample to the next, so an order by leading pads there leaves out the most.
 *
 * With batch->masks id 0 is no word: a mask lets each position of it pass without effect, so that
 * words are moved to the end of their sample and start is where they begin. The order inside a
 * shard has to be by clt_batch_pads. Positions before start are not among `positions`; with
 * batch->packs they do not exist, if all samples have a word, and else their index is 0. */
void clt_batch_fill(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                    const uint32_t *order, int count);

/* Pads only: each position's index is its id, a row of the whole table. For inference. */
void clt_batch_fill_by_id(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                          const uint32_t *order, int count);

#endif
