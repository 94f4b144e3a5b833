/* lstm_rows.cl: the LSTM for CPUs forward. lstm_rows_tile.cl comes before it. */

/* The rows from `from` on become copies of one, or zeros. */
CLT_INLINE void spread_state(int from, global const float *one, float *state)
{
    for (int m = from; m < TILE; m++) {
        for (int j = 0; j < H; j++) {
            state[m * PADDED + j] = one ? one[j] : 0.0f;
        }
    }
}

/* Rows past the last, up to whole groups, become copies of it. */
CLT_INLINE void repeat_last(int rows, float *state)
{
    for (int m = rows; m < (rows + ROWS - 1) / ROWS * ROWS; m++) {
        for (int j = 0; j < H; j++) {
            state[m * PADDED + j] = state[(rows - 1) * PADDED + j];
        }
    }
}

typedef struct forward_arrays {
    global float *y, *gates, *h_in, *c_in;
    int width; /* of a row of y */
} forward_arrays;

/* What backward needs of a time step has left the caches by then, where a tile has several samples,
 * and is stored past them, which takes whole vectors at multiples of their size. Where 16 divides
 * the units, every vector is one; elsewhere a tile collects its rows before it stores them. A part
 * of a tile has no whole rows, and stores as it comes. */
#define STAGED (REST > 0 && !SHARED)
#define STAGE (STAGED ? TILE : 0)
typedef struct staged_arrays {
    float gates[STAGE * G + LANES], h_in[STAGE * H + LANES], c_in[STAGE * H + LANES];
} staged_arrays;

/* A vector of that, at one of two places. */
CLT_INLINE void save(const int lanes, int rows, float16 v, float *staged, global float *p)
{
    if (STAGED) {
        *(clt_unaligned16 *)staged = v;
    } else if (REST == 0 && rows > 1) {
        clt_store_past(v, p);
    } else {
        clt_store16(lanes, v, p);
    }
}

/* The rows of a tile, which lie in one piece. */
CLT_INLINE void store_rows(int rows, int columns, const float *staged, global float *to)
{
    const int count = rows * columns, past = rows > 1;
    int k = past ? (int)(-((size_t)to / sizeof(float)) % LANES) : 0;
    for (int j = 0; j < min(k, count); j++) {
        to[j] = staged[j];
    }
    for (; k + LANES <= count; k += LANES) {
        const float16 v = *(const clt_unaligned16 *)(staged + k);
        if (past) {
            clt_store_past(v, to + k);
        } else {
            *(global clt_unaligned16 *)(to + k) = v;
        }
    }
    for (; k < count; k++) {
        to[k] = staged[k];
    }
}

/* What a tile has collected of one time step. */
CLT_INLINE void store_staged(int rows, const staged_arrays *staged, size_t n, forward_arrays to)
{
    store_rows(rows, G, staged->gates, to.gates + n * G);
    store_rows(rows, H, staged->h_in, to.h_in + n * H);
    store_rows(rows, H, staged->c_in, to.c_in + n * H);
}

/* Quarter k of some vectors. */
CLT_INLINE float4 quarter(const int k, const float16 *vectors)
{
    const float16 v = vectors[k / 4];
    return k % 4 == 0 ? v.lo.lo : k % 4 == 1 ? v.lo.hi : k % 4 == 2 ? v.hi.lo : v.hi.hi;
}

/* A gate of a block out of the products' sums. Lanes past its units are of no use. */
CLT_INLINE float16 gate_sum(const int lanes, const int gate, const float16 *sums)
{
    const int width = gate_lanes(lanes), k = gate * width / 4, last = width - 1;
    if (width == LANES) {
        return sums[gate];
    }
    return (float16)(quarter(k, sums), quarter(min(k + 1, last), sums),
                     quarter(min(k + 2, last), sums), quarter(min(k + 3, last), sums));
}

/* Row m of a tile, the block from unit j on: from the products' sums, none for a state of zeros,
 * and the projected row x to c after the step and the output gate. */
CLT_INLINE void cell_gates(const int lanes, int j, int m, int rows, const float16 *sums,
                           global const float *x, global const float *bias, float *c,
                           float16 *output, staged_arrays *staged, size_t n, forward_arrays to)
{
    float16 z[4];
#pragma unroll
    for (int gate = 0; gate < 4; gate++) {
        const int column = gate * H + j;
        z[gate] = clt_load16(lanes, x + column) + clt_load16(lanes, bias + column);
        if (sums) {
            z[gate] = gate_sum(lanes, gate, sums) + z[gate];
        }
    }
    const float16 i = clt_sigmoid16(z[0]), f = clt_sigmoid16(z[1]), g = clt_tanh16(z[2]);
    const float16 o = clt_sigmoid16(z[3]), before = *(const clt_unaligned16 *)(c + j);
    *(clt_unaligned16 *)(c + j) = fma(f, before, i * g);
    *output = o;
    if (to.gates) {
        float *stage = staged->gates + m * G + j;
        global float *gate = to.gates + n * G + j;
        save(lanes, rows, i, stage, gate);
        save(lanes, rows, f, stage + H, gate + H);
        save(lanes, rows, g, stage + 2 * H, gate + 2 * H);
        save(lanes, rows, o, stage + 3 * H, gate + 3 * H);
        save(lanes, rows, before, staged->c_in + m * H + j, to.c_in + n * H + j);
    }
}

/* The rest of it: h after the step, `before` being h before it. */
CLT_INLINE void cell_output(const int lanes, int j, int m, int rows, float16 output,
                            const float *before, const float *c, float *h, staged_arrays *staged,
                            size_t n, forward_arrays to)
{
    const float16 after = output * clt_tanh16(*(const clt_unaligned16 *)(c + j));
    *(clt_unaligned16 *)(h + j) = after;
    if (to.gates) {
        save(lanes, rows, *(const clt_unaligned16 *)(before + j), staged->h_in + m * H + j,
             to.h_in + n * H + j);
    }
    if (to.y) {
        clt_store16(lanes, after, to.y + n * to.width + j);
    }
}

/* The projected rows of a tile's positions from n on; those of its next ones, which may lie
 * anywhere, are fetched. */
CLT_INLINE void find_projected(size_t n, size_t next, int rows, int has_next,
                               global const float *projected, int next_row,
                               global const int *index, global const float **x)
{
    for (int m = 0; m < TILE; m++) {
        const size_t row = n + min(m, rows - 1);
        x[m] = projected + (index ? (size_t)index[row] : row) * next_row;
    }
    for (int m = 0; m < rows && has_next; m++) {
        const int row = index ? index[next + m] : (int)next + m;
        clt_prefetch_rows(projected, next_row, row, row + 1, G);
    }
}

/* One block of all rows. All gates of a group come before its outputs, because tanh(c) waits for
 * its gates: the other rows fill that time. Rows past the last are computed and stored as copies of
 * it. */
CLT_INLINE void block_forward(const int lanes, int block, int rows, int has_state,
                              global const float *packed, global const float *const *x,
                              global const float *bias, const float *before, float *h, float *c,
                              staged_arrays *staged, size_t n, forward_arrays to)
{
    const int j = block * LANES;
    const next_step nothing = {0, 0, 0};
    float16 sums[GROUPS][ROWS][4], output[ROWS];
    if (has_state) {
        tile_product(gate_lanes(lanes) / 4, H, rows, before, PADDED,
                     (global const float16 *)packed + (size_t)block * H * 4, nothing, sums);
    }
    for (int r = 0; r < rows; r += ROWS) {
#pragma unroll
        for (int m = r; m < r + ROWS; m++) {
            cell_gates(lanes, j, m, rows, has_state ? sums[r / ROWS][m - r] : 0, x[m], bias,
                       c + m * PADDED, &output[m - r], staged, n + min(m, rows - 1), to);
        }
#pragma unroll
        for (int m = r; m < r + ROWS; m++) {
            cell_output(lanes, j, m, rows, output[m - r], before + m * PADDED, c + m * PADDED,
                        h + m * PADDED, staged, n + min(m, rows - 1), to);
        }
    }
}

/* At the masked positions of rows from .. rows - 1, whose samples' first one is at `origin`: y is
 * `state`, or zeros when that is none; what is saved adds nothing to gradients. */
CLT_INLINE void pass_masked(int from, int rows, global const int *start, size_t origin, int size,
                            const float *state, forward_arrays to)
{
    for (int m = from; m < rows; m++) {
        for (int t = 0; t < start[m]; t++) {
            const size_t n = origin + (size_t)t * size + m;
            for (int j = 0; j < G && to.gates; j++) {
                to.gates[n * G + j] = 0.0f;
            }
            for (int j = 0; j < H && to.gates; j++) {
                to.h_in[n * H + j] = 0.0f;
            }
            for (int j = 0; j < H && to.y; j++) {
                to.y[n * to.width + j] = state ? state[m * PADDED + j] : 0.0f;
            }
        }
    }
}

/* projected [row_count, 4H]; the next row is 4H elements further, or 0: then all are the first one.
 * index [N] or none, packed: see lstm_rows_pack.cl. h0, c0 [B, H] or none. start: none, neither
 * packed nor masked; dense: positions before it exist. prefix_h, prefix_c or none. y [N, width],
 * y_last [B, width], of which h begins at `column`, hT, cT [B, H]: none where not wanted; gates
 * none: nothing is saved. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_forward(int T, int B, int S, int t0, int t1, int reverse, global const float *projected,
                  int next_row, global const int *index, global const float *packed,
                  global const float *bias, global const float *mask, global const float *h0,
                  global const float *c0, global const int *start, int dense,
                  global const float *prefix_h, global const float *prefix_c, global float *y,
                  global float *y_last, int width, int column, global float *hT, global float *cT,
                  global float *gates, global float *h_in, global float *c_in)
{
    const int shard = (int)get_global_id(1), r0 = (int)get_global_id(0) * TILE;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int size = end - first;
    if (r0 >= size) {
        return;
    }
    const int part = SHARED ? (int)get_global_id(2) : 0;
    const int parts = SHARED ? (int)get_global_size(2) : 1;
    int block0 = part * BLOCKS / parts, block1 = (part + 1) * BLOCKS / parts;
    const int j0 = block0 * LANES, j1 = min(H, block1 * LANES);
    const size_t state = (size_t)(first + r0) * H, last = (size_t)(first + r0) * width + column;
    const size_t origin = (size_t)T * first + r0;
    const forward_arrays to = {y ? y + column : 0, gates, h_in, c_in, width};
    /* Samples of the shard and rows of the tile that take part at time t. With start they grow,
     * or in reverse, where those leave that have reached it, become fewer. */
    int present = size, rows = min(TILE, size - r0), t = reverse ? t1 - 1 : t0, steps = t1 - t0;
    size_t n = (size_t)T * first + (size_t)t * size + r0;
    if (start) {
        start += first;
        steps = T - start[r0];
    }
    if (start && !reverse) {
        t = start[r0];
        n = (size_t)T * first + r0 +
            (dense ? (size_t)t * size : (size_t)packed_positions(t, start, r0));
        present = r0;
        rows = 0;
    }
    float h[2][TILE * PADDED], c[TILE * PADDED];
    staged_arrays staged;
    load_state(rows, 0, PADDED, h0 ? h0 + state : 0, h[0]);
    load_state(rows, j0, block1 * LANES, c0 ? c0 + state : 0, c);
    for (int step = 0;; step++) {
        present = start ? samples_present(t, start, size, r0, present) : size;
        const int joined = rows;
        rows = min(TILE, present - r0);
        if (rows > joined) {
            spread_state(joined, prefix_h ? prefix_h + (size_t)t * H : 0, h[step % 2]);
            spread_state(joined, prefix_c ? prefix_c + (size_t)t * H : 0, c);
            if (dense) {
                pass_masked(joined, rows, start + r0, origin, size, 0, to);
            }
        }
        if (rows < joined) {
            pass_masked(rows, joined, start + r0, origin, size, h[step % 2], to);
            store_state(rows, joined, 0, H, h[step % 2], width, y_last ? y_last + last : 0);
            repeat_last(rows, h[step % 2]);
            repeat_last(rows, c);
        }
        if (step == steps) {
            break;
        }
        const int has_state = step > 0 || h0 || (prefix_h && t > 0);
        const size_t next = reverse ? n - size : n + (dense ? size : present);
        float *before = h[step % 2];
        float *after = h[(step + 1) % 2];
        if (mask && has_state) {
            mask_state(rows, 0, H, mask + n * H, before);
        }
        global const float *x[TILE];
        find_projected(n, next, rows, step + 1 < steps, projected, next_row, index, x);
        if (REST > 0 && block1 == BLOCKS) { /* first: what is staged of it spills into the others */
            block_forward(REST, H / LANES, rows, has_state, packed, x, bias, before, after, c,
                          &staged, n, to);
        }
        for (int block = block0; block < min(block1, H / LANES); block++) {
            block_forward(LANES, block, rows, has_state, packed, x, bias, before, after, c, &staged,
                          n, to);
        }
        if (STAGED && gates) {
            store_staged(rows, &staged, n, to);
        }
        n = next;
        t += reverse ? -1 : 1;
    }
    store_state(0, rows, j0, j1, h[steps % 2], width, y_last ? y_last + last : 0);
    store_state(0, rows, j0, j1, h[steps % 2], H, hT ? hT + state : 0);
    store_state(0, rows, j0, j1, c, H, cT ? cT + state : 0);
}
