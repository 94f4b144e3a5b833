/* batch.c: pads samples, finds the different ids among them and where each occurs. A stable radix
 * sort of (id, position) gives unique ids, rows and inverse lists in one pass over its result. */
#include "data/batch.h"

#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

#define PART_ELEMENTS ((size_t)1024)
#define DIGIT_BITS 8
#define DIGIT_VALUES (1 << DIGIT_BITS)
#define DIGIT_COUNT (32 / DIGIT_BITS)

/* One step of the prefix is worth it where so many samples save that step, and at least this part
 * of the batch: the prefix is one long chain, while samples run side by side. */
#define SHARERS_MIN 8
#define SHARERS_PART 8

/* Sort entries: the id in the high half, the position in the low half. */
typedef struct batch_scratch {
    uint64_t *entries, *sorted; /* [N] each */
    int32_t *padded;            /* [T] */
    size_t *at_time;            /* [T + 1] */
} batch_scratch;

static size_t round_up(size_t elements)
{
    return (elements + PART_ELEMENTS - 1) / PART_ELEMENTS * PART_ELEMENTS;
}

clt_batch_layout clt_batch_layout_of(int samples, int timesteps)
{
    clt_batch_layout layout = {.timesteps = timesteps};
    size_t positions = (size_t)samples * (size_t)timesteps;
    size_t shards = (size_t)clt_shards_of(samples).count;
    layout.start = round_up((size_t)samples);
    layout.index = layout.start + round_up((size_t)samples);
    layout.positions = layout.index + round_up(positions);
    layout.unique = layout.positions + round_up(positions);
    layout.offsets = layout.unique + round_up(positions);
    layout.total = layout.offsets + positions * shards + 1;
    return layout;
}

clt_status clt_batch_create(int samples, int timesteps, clt_batch *batch, clt_error *error)
{
    size_t positions, segments;
    *batch = (clt_batch){0};
    /* Kernels count positions and segments (row, shard) in 32 bits. */
    if (samples < 1 || timesteps < 1 || !clt_mul((size_t)samples, (size_t)timesteps, &positions) ||
        !clt_mul(positions, CLT_SHARDS_MAX, &segments) || segments >= INT32_MAX) {
        return clt_fail(error, CLT_USAGE, 0,
                        "a batch of %d samples of %d time steps: both must be 1 or more, and their "
                        "product at most %d",
                        samples, timesteps, INT32_MAX / CLT_SHARDS_MAX);
    }
    batch->layout = clt_batch_layout_of(samples, timesteps);
    batch_scratch *scratch = clt_alloc(1, sizeof *scratch, "a batch", error);
    batch->scratch = scratch;
    batch->packed = clt_alloc(batch->layout.total, sizeof *batch->packed, "a batch", error);
    if (scratch == NULL || batch->packed == NULL) {
        goto fail;
    }
    scratch->entries = clt_alloc(positions, sizeof *scratch->entries, "a batch", error);
    scratch->sorted = clt_alloc(positions, sizeof *scratch->sorted, "a batch", error);
    scratch->padded = clt_alloc((size_t)timesteps, sizeof *scratch->padded, "a batch", error);
    scratch->at_time = clt_alloc((size_t)timesteps + 1, sizeof *scratch->at_time, "a batch", error);
    if (scratch->entries == NULL || scratch->sorted == NULL || scratch->padded == NULL ||
        scratch->at_time == NULL) {
        goto fail;
    }
    batch->targets = batch->packed + batch->layout.targets;
    batch->start = batch->packed + batch->layout.start;
    batch->index = batch->packed + batch->layout.index;
    batch->positions = batch->packed + batch->layout.positions;
    batch->unique = batch->packed + batch->layout.unique;
    batch->offsets = batch->packed + batch->layout.offsets;
    return CLT_OK;
fail:
    clt_batch_destroy(batch);
    return CLT_FAILED;
}

void clt_batch_destroy(clt_batch *batch)
{
    batch_scratch *scratch = batch->scratch;
    if (scratch != NULL) {
        free(scratch->entries);
        free(scratch->sorted);
        free(scratch->padded);
        free(scratch->at_time);
        free(scratch);
    }
    free(batch->packed);
    *batch = (clt_batch){0};
}

int clt_batch_pads(const clt_dataset *dataset, const clt_reading *reading, bool masks,
                   uint32_t sample)
{
    size_t count = dataset->offsets[sample + 1] - dataset->offsets[sample];
    if (!masks) {
        return clt_leading_pads(reading, count);
    }
    size_t kept = count < (size_t)reading->maxlen ? count : (size_t)reading->maxlen;
    const int32_t *ids = dataset->ids + dataset->offsets[sample];
    ids += reading->truncating == CLT_PRE ? count - kept : 0;
    int pads = reading->maxlen;
    for (size_t k = 0; k < kept; k++) {
        pads -= ids[k] != 0;
    }
    return pads;
}

/* The leading pads that enough samples have to share them; 0 where the batch is not packed. */
static int shared_pads(const clt_batch *batch, const clt_dataset *dataset,
                       const clt_reading *reading, const uint32_t *order, int count)
{
    size_t *having = ((const batch_scratch *)batch->scratch)->at_time;
    int pads = reading->maxlen, needed = count / SHARERS_PART, sharers;
    needed = needed > SHARERS_MIN ? needed : SHARERS_MIN;
    if (!batch->packs || needed > count) {
        return 0;
    }
    memset(having, 0, ((size_t)reading->maxlen + 1) * sizeof *having);
    for (int b = 0; b < count; b++) {
        having[clt_batch_pads(dataset, reading, false, order[b])]++;
    }
    for (sharers = (int)having[pads]; sharers < needed; sharers += (int)having[pads]) {
        pads--;
    }
    return pads;
}

static void set_starts(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                       const uint32_t *order)
{
    batch->extent.start = batch->start;
    batch->packed_mask = batch->packs;
    for (int b = 0; b < batch->extent.samples; b++) {
        batch->start[b] = clt_batch_pads(dataset, reading, true, order[b]);
        batch->packed_mask &= batch->start[b] < batch->extent.timesteps;
    }
}

static void share_starts(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                         const uint32_t *order, int count)
{
    const clt_shards shards = batch->extent.shards;
    int shared = shared_pads(batch, dataset, reading, order, count);
    for (int s = 0; s < shards.count; s++) {
        int least = shared;
        for (int b = shards.first[s + 1] - 1; b >= shards.first[s]; b--) {
            int pads = shared > 0 ? clt_batch_pads(dataset, reading, false, order[b]) : 0;
            least = pads < least ? pads : least;
            batch->start[b] = least;
            batch->longest = least > batch->longest ? least : batch->longest;
        }
    }
}

static void set_extent(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                       const uint32_t *order, int count)
{
    batch->extent = clt_extent_of(count, batch->layout.timesteps);
    batch->packed_mask = false;
    batch->longest = 0;
    if (batch->masks) {
        set_starts(batch, dataset, reading, order);
    } else {
        share_starts(batch, dataset, reading, order, count);
    }
    batch->computed = 0;
    for (int b = 0; b < count; b++) {
        batch->computed += batch->extent.timesteps - batch->start[b];
    }
}

/* Sets at_time[t] to the position of (t, the shard's first sample), were that one present, and
 * returns the position behind the shard's last one. Behind a mask all positions may exist. */
static size_t lay_out(const clt_batch *batch, int first, int end)
{
    size_t *at_time = ((const batch_scratch *)batch->scratch)->at_time;
    size_t position = (size_t)batch->extent.timesteps * (size_t)first;
    int present = batch->masks && !batch->packed_mask ? end : first;
    for (int t = 0; t < batch->extent.timesteps; t++) {
        while (present < end && batch->start[present] <= t) {
            present++;
        }
        at_time[t] = position;
        position += (size_t)(present - first);
    }
    return position;
}

/* The words to the end, in order. */
static void move_words(int32_t *padded, int count)
{
    int end = count;
    for (int t = count - 1; t >= 0; t--) {
        if (padded[t] != 0) {
            padded[--end] = padded[t];
        }
    }
    memset(padded, 0, (size_t)end * sizeof *padded);
}

/* Behind a mask whose positions exist, those of sample b. Nothing reads them as words. */
static void clear_masked(clt_batch *batch, int first, int b)
{
    const size_t *at_time = ((const batch_scratch *)batch->scratch)->at_time;
    for (int t = 0; t < batch->start[b]; t++) {
        batch->index[at_time[t] + (size_t)(b - first)] = 0;
    }
}

/* Pads every sample: its target, and for each position a sort entry or, by id, its index. Entries
 * are in the order shard, sample, time, behind its samples the shard's prefix: a stable sort by id
 * keeps it inside each row. Returns the number of entries. */
static size_t collect(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                      const uint32_t *order)
{
    const clt_shards *shards = &batch->extent.shards;
    const batch_scratch *scratch = batch->scratch;
    uint64_t *entry = scratch->entries;
    for (int s = 0; s < shards->count; s++) {
        int first = shards->first[s], end = shards->first[s + 1];
        uint64_t prefix = lay_out(batch, first, end);
        for (int b = first; b < end; b++) {
            size_t sample = order[b], begin = dataset->offsets[sample];
            batch->targets[b] = dataset->labels != NULL ? dataset->labels[sample] : 0;
            clt_pad_sequence(reading, dataset->ids + begin, dataset->offsets[sample + 1] - begin,
                             scratch->padded);
            if (batch->masks) {
                move_words(scratch->padded, batch->extent.timesteps);
            }
            if (batch->masks && !batch->packed_mask) {
                clear_masked(batch, first, b);
            }
            for (int t = batch->start[b]; t < batch->extent.timesteps; t++) {
                uint64_t position = scratch->at_time[t] + (size_t)(b - first);
                if (batch->by_id) {
                    batch->index[position] = scratch->padded[t];
                } else {
                    *entry++ = (uint64_t)(uint32_t)scratch->padded[t] << 32 | position;
                }
            }
        }
        for (int n = 0; !batch->by_id && !batch->masks && n < batch->start[end - 1]; n++) {
            *entry++ = prefix++; /* of id 0 */
        }
    }
    if (!batch->by_id && entry == scratch->entries) {
        *entry++ = 0; /* no sample has a word: one masked position, so that there is a row */
    }
    return (size_t)(entry - scratch->entries);
}

/* Least significant digit first; digits that all ids share cost only their counting. Returns the
 * sorted entries, one of the two arrays. */
static const uint64_t *sort_by_id(uint64_t *entries, uint64_t *sorted, size_t count)
{
    uint32_t counts[DIGIT_COUNT][DIGIT_VALUES] = {{0}};
    for (size_t k = 0; k < count; k++) {
        uint32_t id = (uint32_t)(entries[k] >> 32);
        for (int d = 0; d < DIGIT_COUNT; d++) {
            counts[d][id >> d * DIGIT_BITS & (DIGIT_VALUES - 1)]++;
        }
    }
    for (int d = 0; d < DIGIT_COUNT; d++) {
        int shift = 32 + d * DIGIT_BITS;
        uint32_t next = 0;
        if (counts[d][entries[0] >> shift & (DIGIT_VALUES - 1)] == count) {
            continue;
        }
        for (int v = 0; v < DIGIT_VALUES; v++) {
            uint32_t here = counts[d][v];
            counts[d][v] = next;
            next += here;
        }
        for (size_t k = 0; k < count; k++) {
            sorted[counts[d][entries[k] >> shift & (DIGIT_VALUES - 1)]++] = entries[k];
        }
        uint64_t *swap = entries;
        entries = sorted;
        sorted = swap;
    }
    return entries;
}

void clt_batch_fill(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                    const uint32_t *order, int count)
{
    const batch_scratch *scratch = batch->scratch;
    size_t timesteps = (size_t)batch->layout.timesteps;
    set_extent(batch, dataset, reading, order, count);
    batch->by_id = false;
    size_t positions = collect(batch, dataset, reading, order);

    const clt_shards *shards = &batch->extent.shards;
    const uint64_t *entries = sort_by_id(scratch->entries, scratch->sorted, positions);
    size_t shard_count = (size_t)shards->count, rows = 0, segments = 0, shard = 0;
    for (size_t k = 0; k < positions; k++) {
        int32_t id = (int32_t)(entries[k] >> 32);
        size_t position = (uint32_t)entries[k];
        if (rows == 0 || batch->unique[rows - 1] != id) {
            batch->unique[rows++] = id;
            shard = 0;
        }
        while (position >= timesteps * (size_t)shards->first[shard + 1]) {
            shard++;
        }
        /* The segment of an entry begins here, and so do the empty ones before it. */
        while (segments <= (rows - 1) * shard_count + shard) {
            batch->offsets[segments++] = (int32_t)k;
        }
        batch->index[position] = (int32_t)(rows - 1);
        batch->positions[k] = (int32_t)position;
    }
    while (segments <= rows * shard_count) {
        batch->offsets[segments++] = (int32_t)positions;
    }
    batch->row_count = (int)rows;
    batch->used = batch->layout.offsets + rows * shard_count + 1;
}

void clt_batch_fill_by_id(clt_batch *batch, const clt_dataset *dataset, const clt_reading *reading,
                          const uint32_t *order, int count)
{
    set_extent(batch, dataset, reading, order, count);
    batch->by_id = true;
    (void)collect(batch, dataset, reading, order);
    batch->row_count = 0;
    batch->used = batch->layout.positions;
}
