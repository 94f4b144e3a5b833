/* lstm_rows_tile.cl: what the other files of the LSTM for CPUs share, which follow it:
 * lstm_rows_pack.cl and lstm_rows_gradient.cl the macros, lstm_rows.cl and lstm_rows_backward.cl,
 * the loops over time, all of it. A work-item carries a tile of up to TILE samples of one shard
 * through all time steps of a range, so that nothing is synchronised; its vectors hold 16
 * neighbouring hidden units.
 *
 * Macros of the prelude: HIDDEN, the number of hidden units H; GROUPS of ROWS samples in a tile:
 * more of them read the recurrent kernel less often, and leave fewer tiles; SHARED, 1 where a tile
 * may have several parts. Launch of forward and backward: work-groups of one work-item, global
 * (ceil(largest shard / TILE), S, parts); a tile past its shard's end does nothing. Of several
 * parts each has some of the units, and a launch is one time step, because each part needs what all
 * of them made of the step before.
 *
 * Arrays in position order (src/util/shards.h): gates [N, 4H] i, f, c, o after their activations,
 * h_in, c_in [N, H] the state before the step (h_in as the product reads it), mask [N, H] or none:
 * what the product with the recurrent kernel reads of h is multiplied by it.
 * Sequences with start [B] (src/ops/ops.h, clt_sequence) are packed, masked or both. A sample joins
 * its tile at its start, or in reverse leaves it there. What it has read before is the prefix:
 * prefix_h, prefix_c [longest + 1, H], the state after n pads; none if masked.
 *
 * Units are taken in blocks of 16; the last block has REST of them when 16 does not divide H, and
 * only those are loaded and stored. A sample's bits do not depend on the other rows of its tile. */

#define H HIDDEN
#define G (4 * H)
#define ROWS 4
#define TILE (GROUPS * ROWS)
#define LANES 16
#define REST (H % LANES)
#define BLOCKS ((H + LANES - 1) / LANES)
#define PADDED (BLOCKS * LANES)
#define PRODUCT_DEPTH 96 /* terms of a product whose part of a panel stays in the first cache */

/* A tile's sums stay in registers for a panel of columns: 4 vectors a row, fewer in the last panel.
 * Forward, a panel is the four gates of a block of units, of the last block close together where
 * they fill vectors so; backward, 64 units. */
#define PANEL (4 * LANES)
#define BACK_REST_VECTORS ((H % PANEL + LANES - 1) / LANES)

/* Lanes that a gate of a block of `lanes` units takes in a panel of a quarter as many vectors. */
CLT_INLINE int gate_lanes(const int lanes)
{
    return lanes % 4 == 0 ? lanes : LANES;
}

/* Units first .. end - 1, end up to PADDED, of a tile's state [TILE][PADDED]: its rows and copies
 * of the last one up to whole groups; zeros when `from` is none. */
CLT_INLINE void load_state(int rows, int first, int end, global const float *from, float *state)
{
    for (int m = 0; m < (rows + ROWS - 1) / ROWS * ROWS; m++) {
        for (int j = first; j < end; j++) {
            state[m * PADDED + j] = from && j < H ? from[(size_t)min(m, rows - 1) * H + j] : 0.0f;
        }
    }
}

/* Units first .. end - 1 of rows from .. rows - 1, to rows of `width` elements; none: nothing. */
CLT_INLINE void store_state(int from, int rows, int first, int end, const float *state, int width,
                            global float *to)
{
    for (int m = from; m < rows && to; m++) {
        for (int j = first; j < end; j++) {
            to[(size_t)m * width + j] = state[m * PADDED + j];
        }
    }
}

/* Units first .. end - 1 of a tile's state *= mask, whose rows are those of the tile. */
CLT_INLINE void mask_state(int rows, int first, int end, global const float *mask, float *state)
{
    for (int m = 0; m < (rows + ROWS - 1) / ROWS * ROWS; m++) {
        for (int j = first; j < end; j++) {
            state[m * PADDED + j] *= mask[(size_t)min(m, rows - 1) * H + j];
        }
    }
}

/* The positions before time t of samples whose starts are these, none later than t. */
CLT_INLINE int packed_positions(int t, global const int *start, int samples)
{
    int count = 0;
    for (int b = 0; b < samples; b++) {
        count += t - start[b];
    }
    return count;
}

/* Samples whose start is not later than time t, from their number at the time before or after it;
 * `least` at least. Starts are in order. */
CLT_INLINE int samples_present(int t, global const int *start, int size, int least, int present)
{
    while (present < size && start[present] <= t) {
        present++;
    }
    while (present > least && start[present - 1] > t) {
        present--;
    }
    return present;
}

/* What the next step will read; a product fetches it into the cache on the way, 4 elements of c_in
 * and 16 of gates at a time. */
typedef struct next_step {
    global const float *gates, *c_in;
    int count; /* elements of c_in, a quarter of those of gates; 0: nothing */
} next_step;

/* sums[rows][vectors] = or += a[rows][count] . panel[count][vectors]; `rows`, 1 or ROWS, `vectors`,
 * 1 .. 4, and `stride`, the length of a row of a, are constants where this is called. Loops over v
 * run to 4, because compilers unroll them before they know `vectors`. With `ahead`, what lies
 * PRODUCT_DEPTH rows further in the panel is fetched for the next product. */
CLT_INLINE void product(const int rows, const int vectors, const int count, const float *a,
                        const int stride, global const float16 *panel, int ahead, next_step next,
                        int add, float16 (*sums)[4])
{
    float16 s[ROWS][4];
#pragma unroll
    for (int m = 0; m < rows; m++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            s[m][v] = add ? sums[m][v] : 0.0f;
        }
    }
    for (int k = 0; k < count; k++) {
        float16 b[4];
        if (k % 4 == 0 && k < next.count) {
            clt_prefetch(next.gates + 4 * k);
            clt_prefetch(next.c_in + k);
        }
        for (int v = 0; v < vectors && ahead; v++) {
            clt_prefetch_second(panel + (k + PRODUCT_DEPTH) * vectors + v);
        }
#pragma unroll
        for (int v = 0; v < 4; v++) {
            b[v] = v < vectors ? panel[k * vectors + v] : 0.0f;
        }
#pragma unroll
        for (int m = 0; m < rows; m++) {
            const float16 x = a[m * stride + k];
#pragma unroll
            for (int v = 0; v < 4; v++) {
                if (v < vectors) {
                    s[m][v] = fma(x, b[v], s[m][v]);
                }
            }
        }
    }
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            sums[m][v] = s[m < rows ? m : 0][v];
        }
    }
}

/* sums[GROUPS][ROWS][vectors] = a[rows][count] . panel[count][vectors], a part of the panel that
 * stays in the first cache for all groups at a time. Of several groups, the last one fetches the
 * part after it on its way: tiles have them only where the recurrent kernel is too large for the
 * second cache. One group reads on without a stop, as processors fetch ahead by themselves, and
 * best alone. `next` of the first group; none: count 0. */
CLT_INLINE void tile_product(const int vectors, const int count, int rows, const float *a,
                             const int stride, global const float16 *panel, next_step next,
                             float16 (*sums)[ROWS][4])
{
    for (int k = 0; k < count; k += PRODUCT_DEPTH) {
        const int depth = min(PRODUCT_DEPTH, count - k);
        for (int r = 0; r < rows; r += ROWS) {
            const next_step part = {next.gates + (size_t)r * G + 4 * k,
                                    next.c_in + (size_t)r * H + k,
                                    next.count > 0 ? min(ROWS, rows - r) * H - k : 0};
            const int ahead = rows > ROWS && r + ROWS >= rows;
            if (rows == 1) {
                product(1, vectors, depth, a + k, stride, panel + k * vectors, 0, part, k > 0,
                        sums[0]);
            } else {
                product(ROWS, vectors, depth, a + r * stride + k, stride, panel + k * vectors,
                        ahead, part, k > 0, sums[r / ROWS]);
            }
        }
    }
}
