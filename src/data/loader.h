/* loader.h: prepares batches on a thread of its own while the device works. */
#ifndef CLT_DATA_LOADER_H
#define CLT_DATA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "data/batch.h"

typedef struct clt_loader clt_loader;

/* A ring of three batches. dataset and reading must outlive the loader. */
CLT_NODISCARD clt_status clt_loader_create(const clt_dataset *dataset, const clt_reading *reading,
                                           int batch, clt_loader **loader, clt_error *error);

/* Joins the thread. NULL allowed.
 *
 * in_use   a lost device may still read a batch: the batches are left to it for good. */
void clt_loader_destroy(clt_loader *loader, bool in_use);

/* Batches are filled by clt_batch_fill_by_id. Before the first pass. */
void clt_loader_fill_by_id(clt_loader *loader);

/* Batches are packed. With `whole` their samples are sorted by leading pads over the whole pass,
 * not only inside shards, so that batches hold other samples than without. Before the first pass.
 */
void clt_loader_pack(clt_loader *loader, bool whole);

/* Id 0 is no word: batches are masked. Before the first pass. */
void clt_loader_mask(clt_loader *loader);

/* The sample of the data set in each place of this pass: batch n begins with place n * batch. */
const uint32_t *clt_loader_order(const clt_loader *loader);

int clt_loader_steps(const clt_loader *loader); /* batches of one pass */

/* Starts a pass over all samples; what is left of an earlier one is dropped. With `shuffle` the
 * order is a Fisher-Yates permutation drawn from (seed, CLT_RANDOM_SHUFFLE, epoch), else the data
 * set's; then each shard is sorted by leading pads, whoever packs. Starts the thread at the first
 * call.
 *
 * first    the batches before this one are left out; 0 .. steps. */
CLT_NODISCARD clt_status clt_loader_start(clt_loader *loader, bool shuffle, uint64_t seed,
                                          uint32_t epoch, int first, clt_error *error);

/* The next batch, in order; waits for it. NULL at the end of the pass. It stays valid until the
 * next-but-one call (the ring's third place is being filled meanwhile), so an upload of it may
 * still be under way while the following batch is taken. */
const clt_batch *clt_loader_next(clt_loader *loader);

#endif
