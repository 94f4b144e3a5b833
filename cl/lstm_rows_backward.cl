/* lstm_rows_backward.cl: the LSTM for CPUs backward. lstm_rows_tile.cl comes before it. */

/* One row of the block from unit j on, at one position: the gates' gradients, in memory, where the
 * gates may have been, and in dz [4 gates][H]; dc becomes the gradient of c before the step. */
CLT_INLINE void cell_backward(const int lanes, int j, const float *dh, float *dc, float *dz,
                              global const float *dy, global const float *gates,
                              global const float *c_in, global float *dgates)
{
    const float16 i = clt_load16(lanes, gates + j), f = clt_load16(lanes, gates + H + j);
    const float16 g = clt_load16(lanes, gates + 2 * H + j),
                  o = clt_load16(lanes, gates + 3 * H + j);
    const float16 before = clt_load16(lanes, c_in + j), t = clt_tanh16(fma(f, before, i * g));
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
                             global const float *c_in, global float *dgates)
{
    if (REST > 0 && end == H) { /* first: its vectors spill into what the full blocks write */
        cell_backward(REST, H - REST, dh, dc, dz, dy, gates, c_in, dgates);
    }
    for (int j = first; j + LANES <= end; j += LANES) {
        cell_backward(LANES, j, dh, dc, dz, dy, gates, c_in, dgates);
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

/* The gradients of a masked sample's last state in reverse, which is put out at `masked` positions
 * from `n` on as well. */
CLT_INLINE void join_backward(int masked, size_t n, int size, int sample, global const float *dy,
                              int dy_sequence, int width, int column, float *dh, float *dc)
{
    for (int j = 0; j < H; j++) {
        dh[j] = dc[j] = 0.0f;
    }
    if (dy && !dy_sequence) {
        add_state(dy + (size_t)sample * width + column, dh);
    }
    for (int t = 0; dy && dy_sequence && t < masked; t++) {
        add_state(dy + (n + (size_t)t * size) * width + column, dh);
    }
}

/* dy: none, the gradient of the last state [B, width], or with dy_sequence of every state
 * [N, width], of which it begins at `column`. dhT, dcT [B, H] or none; packed: see
 * lstm_rows_pack.cl; dh0, dc0: none, not wanted. With start, these are the gradients of each
 * sample's state there; dense: positions before it exist. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_backward(int T, int B, int S, int t0, int t1, int reverse, global const float *packed,
                   global const float *mask, global const float *dy, int dy_sequence, int width,
                   int column, global const float *dhT, global const float *dcT,
                   global const int *start, int dense, global float *gates,
                   global const float *c_in, global float *dh0, global float *dc0)
{
    const int shard = (int)get_global_id(1), r0 = (int)get_global_id(0) * TILE;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int size = end - first;
    if (r0 >= size) {
        return;
    }
    const size_t state = (size_t)(first + r0) * H;
    /* Samples of the shard and rows of the tile that take part at time t. With start they become
     * fewer, or in reverse, where those join that have reached it, they grow. */
    int present = size, rows = min(TILE, size - r0);
    size_t n = (size_t)T * first + r0;
    if (start) {
        start += first;
        t0 = start[r0];
        n += dense ? 0 : packed_positions(T, start, size);
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
    if (start && reverse) {
        present = r0;
        rows = 0;
    }
    for (int step = t1 - t0 - 1;; step--) {
        const int t = reverse ? t1 - 1 - step : t0 + step, staying = rows;
        present = start ? samples_present(t, start, size, r0, present) : size;
        rows = min(TILE, present - r0);
        for (int m = staying; m < rows; m++) {
            join_backward(start[r0 + m], (size_t)T * first + r0 + m, size, first + r0 + m, dy,
                          dy_sequence, width, column, dh + m * PADDED, dc + m * PADDED);
        }
        store_state(rows, staying, 0, H, dh, H, dh0 ? dh0 + state : 0);
        store_state(rows, staying, 0, H, dc, H, dc0 ? dc0 + state : 0);
        if (step < 0) {
            break;
        }
        n = start && !dense ? n - present : (size_t)T * first + (size_t)t * size + r0;
        for (int m = 0; m < rows; m++) {
            const size_t p = n + m;
            row_backward(0, H, dh + m * PADDED, dc + m * PADDED, dz + m * G,
                         dy && dy_sequence ? dy + p * width + column : 0, gates + p * G,
                         c_in + p * H, gates + p * G);
        }
        if (step == 0 && !dh0) {
            break;
        }
        const int back = start && !dense ? present : size;
        const size_t n1 = step == 0 || n < back ? n : reverse ? n + size : n - back;
        const next_step next = {gates + n1 * G, c_in + n1 * H, step > 0};
        panels_backward(0, H, rows, dz, packed, next, dh);
        if (mask) {
            mask_state(rows, 0, H, mask + n * H, dh);
        }
    }
    store_state(0, rows, 0, H, dh, H, dh0 ? dh0 + state : 0);
    store_state(0, rows, 0, H, dc, H, dc0 ? dc0 + state : 0);
}

/* One time step of a tile of which each part has whole panels of units: their dh from the gates'
 * gradients of all units at time `later`, or from dhT [B, H] or none when that is -1; then their
 * cells at time t. dc [B, H] becomes that before the step, from dcT or none. At t = -1: dh0 alone,
 * from dh. Global: (tiles, S, parts). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_backward_part(int T, int B, int S, int t, int later, global const float *packed,
                        global const float *mask, global const float *dy, int dy_sequence,
                        int width, int column, global const float *dhT, global const float *dcT,
                        global float *gates, global const float *c_in, global float *dh0,
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
    const next_step nothing = {0, 0, 0};
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
                     gates + n * G);
    }
    store_state(0, rows, j0, j1, dc, H, dc0 + state);
}

/* The prefix, whose rows are the shards: from dh0, dc0 [B, H], the gradients of the samples' states
 * at their starts, to the gradients of the gates at each shard's positions of the prefix, where
 * h_in is filled in too. prefix_gates, prefix_h, prefix_c: what lstm_rows_forward saved of the
 * prefix, as of one sample. Global: (ceil(S / TILE), 1). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void lstm_rows_backward_prefix(
    int T, int B, int S, int longest, global const int *start, global const float *packed,
    global const float *dh0, global const float *dc0, global const float *prefix_gates,
    global const float *prefix_h, global const float *prefix_c, global float *gates,
    global float *h_in)
{
    const int shard = (int)get_global_id(0) * TILE, rows = min(TILE, S - shard);
    const next_step nothing = {0, 0, 0};
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
                             gates + (n[m] + t) * G);
                for (int j = 0; j < H; j++) {
                    h_in[(n[m] + t) * H + j] = prefix_h[(size_t)t * H + j];
                }
            }
        }
        panels_backward(0, H, rows, dz, packed, nothing, dh);
    }
}
