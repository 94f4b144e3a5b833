/* lstm_rows.cl: the loop over time of the LSTM for CPUs. A work-item carries a tile of up to ROWS
 * samples of one shard through all time steps of a range, so that nothing is synchronised; its
 * vectors hold 16 neighbouring hidden units.
 *
 * Macros of the prelude: HIDDEN, the number of hidden units H; GROUPS of ROWS samples in a tile:
 * more of them read the recurrent kernel less often, and leave fewer tiles; SHARED, 1 where a tile
 * may have several parts. Launch of forward and
 * backward: work-groups of one work-item, global (ceil(largest shard / TILE), S, parts); a tile
 * past its shard's end does nothing. Of several parts each has some of the units, and a launch is
 * one time step, because each part needs what all of them made of the step before. Arrays in
 * position order (src/util/shards.h): gates [N, 4H] i, f, c, o after their activations, h_in, c_in
 * [N, H] the state before the step (h_in masked), tanh_c [N, H], mask [N, H] or none: what the
 * product with the recurrent kernel reads of h is multiplied by it. Packed sequences (src/ops/ops.h, clt_sequence)
 * come with start [B] and the prefix: prefix_h, prefix_c [longest + 1, H], the state after n pads.
 * A sample joins its tile at its start.
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
 * Forward, a panel is the four gates of a block of units; backward, 64 units. */
#define PANEL (4 * LANES)
#define BACK_REST_VECTORS ((H % PANEL + LANES - 1) / LANES)

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

/* The rows from `from` on become copies of one. */
CLT_INLINE void spread_state(int from, global const float *one, float *state)
{
    for (int m = from; m < TILE; m++) {
        for (int j = 0; j < H; j++) {
            state[m * PADDED + j] = one[j];
        }
    }
}

/* Units first .. end - 1 of rows from .. rows - 1, to rows of `width` elements. */
CLT_INLINE void store_state(int from, int rows, int first, int end, const float *state, int width,
                            global float *to)
{
    for (int m = from; m < rows; m++) {
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

/* What the next step will read; a product fetches it into the cache on the way, 4 elements of each
 * array and 16 of gates at a time. */
typedef struct next_step {
    global const float *gates, *tanh_c, *c_in;
    int count; /* elements of tanh_c and c_in, a quarter of those of gates; 0: nothing */
} next_step;

/* sums[ROWS][vectors] = or += a[ROWS][count] . panel[count][vectors]; `vectors` is 1 .. 4 and, as
 * `stride`, the length of a row of a, a constant where this is called. Loops over v run to 4,
 * because compilers unroll them before they know `vectors`. */
CLT_INLINE void product(const int vectors, const int count, const float *a, const int stride,
                        global const float16 *panel, next_step next, int add, float16 (*sums)[4])
{
    float16 s[ROWS][4];
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            s[m][v] = add ? sums[m][v] : 0.0f;
        }
    }
    for (int k = 0; k < count; k++) {
        float16 b[4];
        if (k % 4 == 0 && k < next.count) {
            clt_prefetch(next.gates + 4 * k);
            clt_prefetch(next.tanh_c + k);
            clt_prefetch(next.c_in + k);
        }
#pragma unroll
        for (int v = 0; v < 4; v++) {
            b[v] = v < vectors ? panel[k * vectors + v] : 0.0f;
        }
#pragma unroll
        for (int m = 0; m < ROWS; m++) {
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
            sums[m][v] = s[m][v];
        }
    }
}

/* sums[GROUPS][ROWS][vectors] = a[rows][count] . panel[count][vectors], a part of the panel that
 * stays in the first cache for all groups at a time. `next` of the first group; none: count 0. */
CLT_INLINE void tile_product(const int vectors, const int count, int rows, const float *a,
                             const int stride, global const float16 *panel, next_step next,
                             float16 (*sums)[ROWS][4])
{
    for (int k = 0; k < count; k += PRODUCT_DEPTH) {
        for (int r = 0; r < rows; r += ROWS) {
            const next_step part = {next.gates + (size_t)r * G + 4 * k,
                                    next.tanh_c + (size_t)r * H + k, next.c_in + (size_t)r * H + k,
                                    next.count > 0 ? min(ROWS, rows - r) * H - k : 0};
            product(vectors, min(PRODUCT_DEPTH, count - k), a + r * stride + k, stride,
                    panel + k * vectors, part, k > 0, sums[r / ROWS]);
        }
    }
}

/* ---- forward --------------------------------------------------------------------------------- */

typedef struct forward_arrays {
    global float *y, *gates, *h_in, *c_in, *tanh_c;
    int width; /* of a row of y */
} forward_arrays;

/* One row of the block from unit j on: from the products' sums [4 gates], none for a state of
 * zeros, and the projected row x to c after the step and the output gate. */
CLT_INLINE void cell_gates(const int lanes, int j, const float16 *sums, global const float *x,
                           global const float *bias, float *c, float16 *output, size_t n,
                           forward_arrays to)
{
    float16 z[4];
#pragma unroll
    for (int gate = 0; gate < 4; gate++) {
        const int column = gate * H + j;
        z[gate] = clt_load16(lanes, x + column) + clt_load16(lanes, bias + column);
        if (sums) {
            z[gate] = sums[gate] + z[gate];
        }
    }
    const float16 i = clt_sigmoid16(z[0]), f = clt_sigmoid16(z[1]), g = clt_tanh16(z[2]);
    const float16 o = clt_sigmoid16(z[3]), before = *(const clt_unaligned16 *)(c + j);
    *(clt_unaligned16 *)(c + j) = fma(f, before, i * g);
    *output = o;
    if (to.gates) {
        global float *gate = to.gates + n * G + j;
        clt_store16(lanes, i, gate);
        clt_store16(lanes, f, gate + H);
        clt_store16(lanes, g, gate + 2 * H);
        clt_store16(lanes, o, gate + 3 * H);
        clt_store16(lanes, before, to.c_in + n * H + j);
    }
}

/* The rest of it: h after the step, `before` being h before it. */
CLT_INLINE void cell_output(const int lanes, int j, float16 output, const float *before,
                            const float *c, float *h, size_t n, forward_arrays to)
{
    const float16 t = clt_tanh16(*(const clt_unaligned16 *)(c + j)), after = output * t;
    *(clt_unaligned16 *)(h + j) = after;
    if (to.gates) {
        clt_store16(lanes, *(const clt_unaligned16 *)(before + j), to.h_in + n * H + j);
        clt_store16(lanes, t, to.tanh_c + n * H + j);
    }
    if (to.y) {
        clt_store16(lanes, after, to.y + n * to.width + j);
    }
}

/* One block of all rows. All gates of a group come before its outputs, because tanh(c) waits for
 * its gates: the other rows fill that time. Rows past the last are computed and stored as copies of
 * it. */
CLT_INLINE void block_forward(const int lanes, int block, int rows, int has_state,
                              global const float *packed, global const float *const *x,
                              global const float *bias, const float *before, float *h, float *c,
                              size_t n, forward_arrays to)
{
    const int j = block * LANES;
    const next_step nothing = {0, 0, 0, 0};
    float16 sums[GROUPS][ROWS][4], output[ROWS];
    if (has_state) {
        tile_product(4, H, rows, before, PADDED,
                     (global const float16 *)packed + (size_t)block * H * 4, nothing, sums);
    }
    for (int r = 0; r < rows; r += ROWS) {
#pragma unroll
        for (int m = 0; m < ROWS; m++) {
            cell_gates(lanes, j, has_state ? sums[r / ROWS][m] : 0, x[r + m], bias,
                       c + (r + m) * PADDED, &output[m], n + min(r + m, rows - 1), to);
        }
#pragma unroll
        for (int m = 0; m < ROWS; m++) {
            cell_output(lanes, j, output[m], before + (r + m) * PADDED, c + (r + m) * PADDED,
                        h + (r + m) * PADDED, n + min(r + m, rows - 1), to);
        }
    }
}

/* projected [row_count, 4H]; the next row is 4H elements further, or 0: then all are the first one.
 * index [N] or none, packed: see lstm_rows_pack.cl. h0, c0 [B, H] or none. start, prefix_h, prefix_c:
 * none, not packed. y [N, width], y_last [B, width], of which h begins at `column`, hT, cT [B, H]:
 * none where not wanted; gates none: nothing is saved. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_forward(int T, int B, int S, int t0, int t1, int reverse, global const float *projected,
                  int next_row, global const int *index, global const float *packed,
                  global const float *bias, global const float *mask, global const float *h0,
                  global const float *c0, global const int *start, global const float *prefix_h,
                  global const float *prefix_c, global float *y, global float *y_last, int width,
                  int column, global float *hT, global float *cT, global float *gates,
                  global float *h_in, global float *c_in, global float *tanh_c)
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
    const size_t state = (size_t)(first + r0) * H;
    const forward_arrays to = {y ? y + column : 0, gates, h_in, c_in, tanh_c, width};
    /* Samples of the shard and rows of the tile that take part at time t: packed, they grow. */
    int present = size, rows = min(TILE, size - r0), t = reverse ? t1 - 1 : t0, steps = t1 - t0;
    size_t n = (size_t)T * first + (size_t)t * size + r0;
    if (start) {
        start += first;
        t = start[r0];
        steps = T - t;
        n = (size_t)T * first + packed_positions(t, start, r0) + r0;
        present = r0;
        rows = 0;
    }
    float h[2][TILE * PADDED], c[TILE * PADDED];
    load_state(rows, 0, PADDED, h0 ? h0 + state : 0, h[0]);
    load_state(rows, j0, block1 * LANES, c0 ? c0 + state : 0, c);
    for (int step = 0;; step++) {
        while (start && present < size && start[present] <= t) {
            present++;
        }
        const int joined = rows;
        rows = min(TILE, present - r0);
        if (rows > joined) {
            spread_state(joined, prefix_h + (size_t)t * H, h[step % 2]);
            spread_state(joined, prefix_c + (size_t)t * H, c);
        }
        if (step == steps) {
            break;
        }
        const int has_state = step > 0 || h0 || (start && t > 0);
        const size_t next = reverse ? n - size : n + present;
        float *before = h[step % 2];
        float *after = h[(step + 1) % 2];
        if (mask && has_state) {
            mask_state(rows, 0, H, mask + n * H, before);
        }
        global const float *x[TILE];
        for (int m = 0; m < TILE; m++) {
            const size_t row = n + min(m, rows - 1);
            x[m] = projected + (index ? (size_t)index[row] : row) * next_row;
        }
        if (step + 1 < steps) { /* the rows of the next step may lie anywhere */
            for (int m = 0; m < rows; m++) {
                const int row = index ? index[next + m] : (int)next + m;
                clt_prefetch_rows(projected, next_row, row, row + 1, G);
            }
        }
        for (int block = block0; block < min(block1, H / LANES); block++) {
            block_forward(LANES, block, rows, has_state, packed, x, bias, before, after, c, n, to);
        }
        if (REST > 0 && block1 == BLOCKS) {
            block_forward(REST, H / LANES, rows, has_state, packed, x, bias, before, after, c, n,
                          to);
        }
        n = next;
        t += reverse ? -1 : 1;
    }
    const float *last = h[steps % 2];
    if (y_last) {
        store_state(0, rows, j0, j1, last, width, y_last + (size_t)(first + r0) * width + column);
    }
    if (hT) {
        store_state(0, rows, j0, j1, last, H, hT + state);
    }
    if (cT) {
        store_state(0, rows, j0, j1, c, H, cT + state);
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* One row of the block from unit j on, at one position: the gates' gradients, in memory, where the
 * gates may have been, and in dz [4 gates][H]; dc becomes the gradient of c before the step. */
CLT_INLINE void cell_backward(const int lanes, int j, const float *dh, float *dc, float *dz,
                              global const float *dy, global const float *gates,
                              global const float *c_in, global const float *tanh_c,
                              global float *dgates)
{
    const float16 i = clt_load16(lanes, gates + j), f = clt_load16(lanes, gates + H + j);
    const float16 g = clt_load16(lanes, gates + 2 * H + j),
                  o = clt_load16(lanes, gates + 3 * H + j);
    const float16 t = clt_load16(lanes, tanh_c + j), before = clt_load16(lanes, c_in + j);
    float16 dh1 = *(const clt_unaligned16 *)(dh + j);
    if (dy) {
        dh1 += clt_load16(lanes, dy + j);
    }
    const float16 dc1 = fma(dh1 * o, fma(-t, t, 1.0f), *(const clt_unaligned16 *)(dc + j));
    const float16 di = dc1 * g * (i * (1.0f - i)), df = dc1 * before * (f * (1.0f - f));
    const float16 dg = dc1 * i * fma(-g, g, 1.0f), d_o = dh1 * t * (o * (1.0f - o));
    *(clt_unaligned16 *)(dc + j) = dc1 * f;
    *(clt_unaligned16 *)(dz + j) = di;
    *(clt_unaligned16 *)(dz + H + j) = df;
    *(clt_unaligned16 *)(dz + 2 * H + j) = dg;
    *(clt_unaligned16 *)(dz + 3 * H + j) = d_o;
    clt_store16(lanes, di, dgates + j);
    clt_store16(lanes, df, dgates + H + j);
    clt_store16(lanes, dg, dgates + 2 * H + j);
    clt_store16(lanes, d_o, dgates + 3 * H + j);
}

/* Units first .. end - 1 of one row, whole blocks but for H's last one. */
CLT_INLINE void row_backward(int first, int end, const float *dh, float *dc, float *dz,
                             global const float *dy, global const float *gates,
                             global const float *c_in, global const float *tanh_c,
                             global float *dgates)
{
    if (REST > 0 && end == H) { /* first: its vectors spill into what the full blocks write */
        cell_backward(REST, H - REST, dh, dc, dz, dy, gates, c_in, tanh_c, dgates);
    }
    for (int j = first; j + LANES <= end; j += LANES) {
        cell_backward(LANES, j, dh, dc, dz, dy, gates, c_in, tanh_c, dgates);
    }
}

/* dh of one panel of units from j on: dz . recurrent_kernel^T */
CLT_INLINE void panel_backward(const int vectors, int j, int rows, const float *dz,
                               global const float *packed, next_step next, float *dh)
{
    float16 sums[GROUPS][ROWS][4];
    tile_product(vectors, G, rows, dz, G, (global const float16 *)(packed + (size_t)j * G), next,
                 sums);
    for (int r = 0; r < rows; r += ROWS) {
#pragma unroll
        for (int m = 0; m < ROWS; m++) {
#pragma unroll
            for (int v = 0; v < 4; v++) {
                if (v < vectors) {
                    *(clt_unaligned16 *)(dh + (r + m) * PADDED + j + v * LANES) =
                        sums[r / ROWS][m][v];
                }
            }
        }
    }
}

/* dh of units first .. end - 1, whole panels but for H's last one. */
CLT_INLINE void panels_backward(int first, int end, int rows, const float *dz,
                                global const float *packed, next_step next, float *dh)
{
    for (int j = first; j + PANEL <= end; j += PANEL) {
        panel_backward(4, j, rows, dz, packed, next, dh);
    }
    if (H % PANEL > 0 && end == H) {
        panel_backward(BACK_REST_VECTORS, H - H % PANEL, rows, dz, packed, next, dh);
    }
}

/* state[H] += values[H] */
CLT_INLINE void add_state(global const float *values, float *state)
{
    for (int j = 0; j < H; j++) {
        state[j] += values[j];
    }
}

/* dy: none, the gradient of the last state [B, width], or with dy_sequence of every state
 * [N, width], of which it begins at `column`. dhT, dcT [B, H] or none; packed: see
 * lstm_rows_pack.cl; dh0, dc0: none, not wanted. With start, these are the gradients of
 * each sample's state there. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_backward(int T, int B, int S, int t0, int t1, int reverse, global const float *packed,
                   global const float *mask, global const float *dy, int dy_sequence, int width,
                   int column, global const float *dhT, global const float *dcT,
                   global const int *start,
                   global float *gates, global const float *c_in, global const float *tanh_c,
                   global float *dh0, global float *dc0)
{
    const int shard = (int)get_global_id(1), r0 = (int)get_global_id(0) * TILE;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int size = end - first;
    if (r0 >= size) {
        return;
    }
    const size_t state = (size_t)(first + r0) * H;
    /* Samples of the shard and rows of the tile that take part at time t: packed, they become
     * fewer. */
    int present = size, rows = min(TILE, size - r0);
    size_t n = 0;
    if (start) {
        start += first;
        t0 = start[r0];
        n = (size_t)T * first + packed_positions(T, start, size) + r0;
    }
    float dh[TILE * PADDED], dc[TILE * PADDED], dz[TILE * G + LANES];
    load_state(rows, 0, PADDED, dhT ? dhT + state : 0, dh);
    load_state(rows, 0, PADDED, dcT ? dcT + state : 0, dc);
    for (int k = 0; k < TILE * G + LANES; k++) {
        dz[k] = 0.0f;
    }
    for (int m = 0; m < rows && dy && !dy_sequence; m++) {
        add_state(dy + (size_t)(first + r0 + m) * width + column, dh + m * PADDED);
    }
    for (int step = t1 - t0 - 1;; step--) {
        const int t = reverse ? t1 - 1 - step : t0 + step, staying = rows;
        while (start && present > r0 && start[present - 1] > t) {
            present--;
        }
        rows = min(TILE, present - r0);
        if (rows < staying) {
            store_state(rows, staying, 0, H, dh, H, dh0 + state);
            store_state(rows, staying, 0, H, dc, H, dc0 + state);
        }
        if (step < 0) {
            break;
        }
        n = start ? n - present : (size_t)T * first + (size_t)t * size + r0;
        for (int m = 0; m < rows; m++) {
            const size_t p = n + m;
            row_backward(0, H, dh + m * PADDED, dc + m * PADDED, dz + m * G,
                         dy && dy_sequence ? dy + p * width + column : 0, gates + p * G,
                         c_in + p * H, tanh_c + p * H, gates + p * G);
        }
        if (step == 0 && !dh0) {
            break;
        }
        const size_t n1 = step == 0 || n < present ? n : reverse ? n + size : n - present;
        const next_step next = {gates + n1 * G, tanh_c + n1 * H, c_in + n1 * H, step > 0};
        panels_backward(0, H, rows, dz, packed, next, dh);
        if (mask) {
            mask_state(rows, 0, H, mask + n * H, dh);
        }
    }
    if (dh0) {
        store_state(0, rows, 0, H, dh, H, dh0 + state);
    }
    if (dc0) {
        store_state(0, rows, 0, H, dc, H, dc0 + state);
    }
}

/* One time step of a tile of which each part has whole panels of units: their dh from the gates'
 * gradients of all units at time `later`, or from dhT [B, H] or none when that is -1; then their
 * cells at time t. dc [B, H] becomes that before the step, from dcT or none. At t = -1: dh0 alone,
 * from dh. Global: (tiles, S, parts). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_backward_part(int T, int B, int S, int t, int later, global const float *packed,
                        global const float *mask, global const float *dy, int dy_sequence,
                        int width, int column, global const float *dhT, global const float *dcT,
                        global float *gates,
                        global const float *c_in, global const float *tanh_c, global float *dh0,
                        global float *dc0)
{
    const int shard = (int)get_global_id(1), r0 = (int)get_global_id(0) * TILE;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int size = end - first, rows = min(TILE, size - r0);
    if (r0 >= size) {
        return;
    }
    const int part = (int)get_global_id(2), parts = (int)get_global_size(2);
    const int panels = (H + PANEL - 1) / PANEL;
    const int j0 = part * panels / parts * PANEL, end0 = (part + 1) * panels / parts * PANEL;
    const int j1 = min(H, end0), j1_padded = min(PADDED, end0);
    const size_t state = (size_t)(first + r0) * H, origin = (size_t)T * first + r0;
    const next_step nothing = {0, 0, 0, 0};
    float dh[TILE * PADDED], dc[TILE * PADDED], dz[TILE * G + LANES];
    if (later >= 0) {
        for (int m = 0; m < (rows + ROWS - 1) / ROWS * ROWS; m++) {
            const size_t n = origin + (size_t)later * size + min(m, rows - 1);
            for (int k = 0; k < G; k++) {
                dz[m * G + k] = gates[n * G + k];
            }
        }
        panels_backward(j0, j1, rows, dz, packed, nothing, dh);
        if (mask) {
            mask_state(rows, j0, j1, mask + (origin + (size_t)later * size) * H, dh);
        }
    } else {
        load_state(rows, 0, PADDED, dhT ? dhT + state : 0, dh);
    }
    if (t < 0) {
        store_state(0, rows, j0, j1, dh, H, dh0 + state);
        return;
    }
    load_state(rows, j0, j1_padded, dcT ? dcT + state : 0, dc);
    for (int m = 0; m < rows; m++) {
        const size_t n = origin + (size_t)t * size + m;
        if (dy && !dy_sequence) {
            add_state(dy + (size_t)(first + r0 + m) * width + column, dh + m * PADDED);
        }
        row_backward(j0, j1, dh + m * PADDED, dc + m * PADDED, dz + m * G,
                     dy && dy_sequence ? dy + n * width + column : 0, gates + n * G, c_in + n * H,
                     tanh_c + n * H, gates + n * G);
    }
    store_state(0, rows, j0, j1, dc, H, dc0 + state);
}

/* The prefix, whose rows are the shards: from dh0, dc0 [B, H], the gradients of the samples' states
 * at their starts, to the gradients of the gates at each shard's positions of the prefix, where
 * h_in is filled in too. prefix_gates, prefix_tanh_c: see lstm_rows_forward. Global: (ceil(S /
 * TILE), 1). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void lstm_rows_backward_prefix(
    int T, int B, int S, int longest, global const int *start, global const float *packed,
    global const float *dh0, global const float *dc0, global const float *prefix_gates,
    global const float *prefix_h, global const float *prefix_c, global const float *prefix_tanh_c,
    global float *gates, global float *h_in)
{
    const int shard = (int)get_global_id(0) * TILE, rows = min(TILE, S - shard);
    const next_step nothing = {0, 0, 0, 0};
    float dh[TILE * PADDED], dc[TILE * PADDED], dz[TILE * G + LANES];
    int first[TILE + 1], left[TILE]; /* samples whose start is still to come */
    size_t n[TILE];                  /* position of no pads read */
    for (int m = 0; m <= rows; m++) {
        first[m] = (int)((long)(shard + m) * B / S);
    }
    for (int m = 0; m < rows; m++) {
        left[m] = first[m + 1];
        n[m] =
            (size_t)T * first[m] + packed_positions(T, start + first[m], first[m + 1] - first[m]);
    }
    load_state(rows, 0, PADDED, 0, dh);
    load_state(rows, 0, PADDED, 0, dc);
    for (int k = 0; k < TILE * G + LANES; k++) {
        dz[k] = 0.0f;
    }
    for (int t = longest - 1; t >= 0; t--) {
        for (int m = 0; m < rows; m++) {
            const int end = left[m];
            while (left[m] > first[m] && start[left[m] - 1] == t + 1) {
                left[m]--;
            }
            for (int b = left[m]; b < end; b++) {
                add_state(dh0 + (size_t)b * H, dh + m * PADDED);
                add_state(dc0 + (size_t)b * H, dc + m * PADDED);
            }
            if (left[m] < first[m + 1]) {
                row_backward(0, H, dh + m * PADDED, dc + m * PADDED, dz + m * G, 0,
                             prefix_gates + (size_t)t * G, prefix_c + (size_t)t * H,
                             prefix_tanh_c + (size_t)t * H, gates + (n[m] + t) * G);
                for (int j = 0; j < H; j++) {
                    h_in[(n[m] + t) * H + j] = prefix_h[(size_t)t * H + j];
                }
            }
        }
        panels_backward(0, H, rows, dz, packed, nothing, dh);
    }
}
