/* lstm_rows.cl: the loop over time of the LSTM for CPUs. A work-item carries a tile of up to ROWS
 * samples of one shard through all time steps of a range, so that nothing is synchronised; its
 * vectors hold 16 neighbouring hidden units.
 *
 * Macro of the prelude: HIDDEN, the number of hidden units H.
 * Launch of forward and backward: work-groups of one work-item, global (ceil(largest shard / ROWS),
 * S); a tile past its shard's end does nothing.
 * Arrays in position order (src/util/shards.h): gates [N, 4H] i, f, c, o after their activations,
 * h_in, c_in [N, H] the state before the step, tanh_c [N, H].
 *
 * Units are taken in blocks of 16; the last block has REST of them when 16 does not divide H, and
 * only those are loaded and stored. Private arrays and packed weights are padded to whole blocks.
 * Samples of a tile that do not exist run through the products with zeros and nowhere else, so that
 * the bits of a sample do not depend on the tile. */

#define H HIDDEN
#define G (4 * H)
#define ROWS 4
#define LANES 16
#define REST (H % LANES)
#define BLOCKS ((H + LANES - 1) / LANES)
#define PADDED (BLOCKS * LANES)
#define PANEL (4 * LANES) /* columns of a packed panel: what a tile's sums in registers cover */

/* Vectors at any address: vload and vstore become several instructions on some compilers. */
typedef float16 unaligned16 __attribute__((aligned(4)));
typedef float8 unaligned8 __attribute__((aligned(4)));

/* `lanes` is LANES or REST, a constant wherever these are called. */
inline float16 load(const int lanes, global const float *p)
{
    if (lanes == LANES) {
        return *(global const unaligned16 *)p;
    }
    const float2 v2 = REST & 1 ? (float2)(p[REST & 14], 0.0f) : (float2)0.0f;
    const float4 v4 = REST & 2 ? (float4)(vload2(0, p + (REST & 12)), v2) : (float4)(v2, v2);
    const float8 v8 =
        REST & 4 ? (float8)(vload4(0, p + (REST & 8)), v4) : (float8)(v4, (float4)0.0f);
    return REST & 8 ? (float16)(*(global const unaligned8 *)p, v8) : (float16)(v8, (float8)0.0f);
}

inline void store(const int lanes, float16 v, global float *p)
{
    if (lanes == LANES) {
        *(global unaligned16 *)p = v;
        return;
    }
    float8 v8 = v.lo;
    if (REST & 8) {
        *(global unaligned8 *)p = v8;
        v8 = v.hi;
        p += 8;
    }
    float4 v4 = v8.lo;
    if (REST & 4) {
        vstore4(v4, 0, p);
        v4 = v8.hi;
        p += 4;
    }
    float2 v2 = v4.lo;
    if (REST & 2) {
        vstore2(v2, 0, p);
        v2 = v4.hi;
        p += 2;
    }
    if (REST & 1) {
        *p = v2.x;
    }
}

/* [rows of a state], or zeros when `from` is none. */
inline void load_state(int rows, global const float *from, float (*state)[PADDED])
{
    for (int m = 0; m < ROWS; m++) {
        for (int j = 0; j < PADDED; j++) {
            state[m][j] = from && m < rows && j < H ? from[(size_t)m * H + j] : 0.0f;
        }
    }
}

inline void store_state(int rows, const float (*state)[PADDED], global float *to)
{
    for (int m = 0; m < rows; m++) {
        for (int j = 0; j < H; j++) {
            to[(size_t)m * H + j] = state[m][j];
        }
    }
}

/* ---- packing the recurrent kernel [H, 4H] ----------------------------------------------------
 * Forward: panels [BLOCKS][H][4 gates][LANES units], one per block. Global: (BLOCKS, H). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_pack(global const float *recurrent_kernel, global float *packed)
{
    const int block = (int)get_global_id(0), k = (int)get_global_id(1);
    global float *to = packed + ((size_t)block * H + k) * PANEL;
    for (int gate = 0; gate < 4; gate++) {
        for (int lane = 0; lane < LANES; lane++) {
            const int j = block * LANES + lane;
            to[gate * LANES + lane] = j < H ? recurrent_kernel[(size_t)k * G + gate * H + j] : 0.0f;
        }
    }
}

/* Backward, transposed: panels [ceil(H / PANEL)][4H][PANEL units], 0 from unit H on.
 * Global: (ceil(H / PANEL), 4H). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_pack_transposed(global const float *recurrent_kernel, global float *packed)
{
    const int panel = (int)get_global_id(0), column = (int)get_global_id(1);
    global float *to = packed + ((size_t)panel * G + column) * PANEL;
    for (int lane = 0; lane < PANEL; lane++) {
        const int j = panel * PANEL + lane;
        to[lane] = j < H ? recurrent_kernel[(size_t)j * G + column] : 0.0f;
    }
}

/* sums[ROWS][PANEL] += a[ROWS][H, rows `stride` apart] . panel[H][PANEL] */
inline void product(const float *a, const int stride, global const float16 *panel,
                    float16 (*sums)[4])
{
    float16 s[ROWS][4];
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            s[m][v] = sums[m][v];
        }
    }
    for (int k = 0; k < H; k++) {
        const float16 b0 = panel[4 * k], b1 = panel[4 * k + 1];
        const float16 b2 = panel[4 * k + 2], b3 = panel[4 * k + 3];
#pragma unroll
        for (int m = 0; m < ROWS; m++) {
            const float16 x = a[m * stride + k];
            s[m][0] = fma(x, b0, s[m][0]);
            s[m][1] = fma(x, b1, s[m][1]);
            s[m][2] = fma(x, b2, s[m][2]);
            s[m][3] = fma(x, b3, s[m][3]);
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

inline void clear(float16 (*sums)[4])
{
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            sums[m][v] = 0.0f;
        }
    }
}

/* One row of a block from unit j on: from the four gates' sums to the state after the step. */
inline void cell_forward(const int lanes, int j, const float16 *sums, global const float *x,
                         global const float *bias, const float *h0, float *h, float *c, size_t n,
                         global float *y, global float *gates, global float *h_in,
                         global float *c_in, global float *tanh_c)
{
    const float16 zi = sums[0] + (load(lanes, x + j) + load(lanes, bias + j));
    const float16 zf = sums[1] + (load(lanes, x + H + j) + load(lanes, bias + H + j));
    const float16 zg = sums[2] + (load(lanes, x + 2 * H + j) + load(lanes, bias + 2 * H + j));
    const float16 zo = sums[3] + (load(lanes, x + 3 * H + j) + load(lanes, bias + 3 * H + j));
    const float16 i = clt_sigmoid16(zi), f = clt_sigmoid16(zf), g = clt_tanh16(zg);
    const float16 o = clt_sigmoid16(zo), before = *(const unaligned16 *)(c + j);
    const float16 after = fma(f, before, i * g), t = clt_tanh16(after), out = o * t;
    *(unaligned16 *)(c + j) = after;
    *(unaligned16 *)(h + j) = out;
    if (gates) {
        global float *gate = gates + n * G + j;
        store(lanes, i, gate);
        store(lanes, f, gate + H);
        store(lanes, g, gate + 2 * H);
        store(lanes, o, gate + 3 * H);
        store(lanes, *(const unaligned16 *)(h0 + j), h_in + n * H + j);
        store(lanes, before, c_in + n * H + j);
        store(lanes, t, tanh_c + n * H + j);
    }
    if (y) {
        store(lanes, out, y + n * H + j);
    }
}

/* projected [row_count, 4H], index [N] or none, packed: see lstm_rows_pack. h0, c0 [B, H] or none.
 * y [N, H], y_last, hT, cT [B, H]: none where not wanted; gates none: nothing is saved. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_forward(int T, int B, int S, int t0, int t1, int reverse, global const float *projected,
                  global const int *index, global const float *packed, global const float *bias,
                  global const float *h0, global const float *c0, global float *y,
                  global float *y_last, global float *hT, global float *cT, global float *gates,
                  global float *h_in, global float *c_in, global float *tanh_c)
{
    const int shard = (int)get_global_id(1), r0 = (int)get_global_id(0) * ROWS;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int size = end - first, rows = min(ROWS, size - r0);
    if (rows <= 0) {
        return;
    }
    const size_t state = (size_t)(first + r0) * H;
    float h[2][ROWS][PADDED], c[ROWS][PADDED];
    load_state(rows, h0 ? h0 + state : 0, h[0]);
    load_state(rows, c0 ? c0 + state : 0, c);
    load_state(0, 0, h[1]);
    for (int step = 0; step < t1 - t0; step++) {
        const int t = reverse ? t1 - 1 - step : t0 + step;
        const size_t n = (size_t)T * first + (size_t)t * size + r0;
        const float(*now)[PADDED] = h[step % 2];
        float(*next)[PADDED] = h[(step + 1) % 2];
        for (int block = 0; block < BLOCKS; block++) {
            float16 sums[ROWS][4];
            clear(sums);
            if (step > 0 || h0) { /* zeros contribute nothing */
                product(now[0], PADDED, (global const float16 *)packed + (size_t)block * H * 4,
                        sums);
            }
            for (int m = 0; m < rows; m++) {
                global const float *x = projected + (index ? (size_t)index[n + m] : n + m) * G;
                const int j = block * LANES;
                if (REST == 0 || block < BLOCKS - 1) {
                    cell_forward(LANES, j, sums[m], x, bias, now[m], next[m], c[m], n + m, y,
                                 gates, h_in, c_in, tanh_c);
                } else {
                    cell_forward(REST, j, sums[m], x, bias, now[m], next[m], c[m], n + m, y, gates,
                                 h_in, c_in, tanh_c);
                }
            }
        }
    }
    const float(*last)[PADDED] = h[(t1 - t0) % 2];
    if (y_last) {
        store_state(rows, last, y_last + state);
    }
    if (hT) {
        store_state(rows, last, hT + state);
    }
    if (cT) {
        store_state(rows, c, cT + state);
    }
}

/* One row of a block from unit j on: the gates become their gradients, in memory and in dz
 * [4][PADDED]; dc becomes the gradient of c before the step. */
inline void cell_backward(const int lanes, int j, const float *dh, float *dc, float *dz, size_t n,
                          global const float *dy, global float *gates, global const float *c_in,
                          global const float *tanh_c)
{
    global float *gate = gates + n * G + j;
    const float16 i = load(lanes, gate), f = load(lanes, gate + H);
    const float16 g = load(lanes, gate + 2 * H), o = load(lanes, gate + 3 * H);
    const float16 t = load(lanes, tanh_c + n * H + j), before = load(lanes, c_in + n * H + j);
    float16 dh1 = *(const unaligned16 *)(dh + j);
    if (dy) {
        dh1 += load(lanes, dy + j);
    }
    const float16 dc1 = fma(dh1 * o, fma(-t, t, 1.0f), *(const unaligned16 *)(dc + j));
    const float16 di = dc1 * g * (i * (1.0f - i)), df = dc1 * before * (f * (1.0f - f));
    const float16 dg = dc1 * i * fma(-g, g, 1.0f), d_o = dh1 * t * (o * (1.0f - o));
    *(unaligned16 *)(dc + j) = dc1 * f;
    *(unaligned16 *)(dz + j) = di;
    *(unaligned16 *)(dz + PADDED + j) = df;
    *(unaligned16 *)(dz + 2 * PADDED + j) = dg;
    *(unaligned16 *)(dz + 3 * PADDED + j) = d_o;
    store(lanes, di, gate);
    store(lanes, df, gate + H);
    store(lanes, dg, gate + 2 * H);
    store(lanes, d_o, gate + 3 * H);
}

/* dy: none, the gradient of the last state [B, H], or with dy_sequence of every state [N, H].
 * dhT, dcT [B, H] or none; packed: see lstm_rows_pack_transposed; dh0, dc0: none, not wanted. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_backward(int T, int B, int S, int t0, int t1, int reverse, global const float *packed,
                   global const float *dy, int dy_sequence, global const float *dhT,
                   global const float *dcT, global float *gates, global const float *c_in,
                   global const float *tanh_c, global float *dh0, global float *dc0)
{
    const int shard = (int)get_global_id(1), r0 = (int)get_global_id(0) * ROWS;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int size = end - first, rows = min(ROWS, size - r0);
    if (rows <= 0) {
        return;
    }
    const size_t state = (size_t)(first + r0) * H;
    float dh[ROWS][PADDED], dc[ROWS][PADDED], dz[ROWS][4 * PADDED];
    load_state(rows, dhT ? dhT + state : 0, dh);
    load_state(rows, dcT ? dcT + state : 0, dc);
    for (int m = rows; m < ROWS; m++) {
        for (int j = 0; j < 4 * PADDED; j++) {
            dz[m][j] = 0.0f;
        }
    }
    for (int step = t1 - t0 - 1; step >= 0; step--) {
        const int t = reverse ? t1 - 1 - step : t0 + step;
        const size_t n = (size_t)T * first + (size_t)t * size + r0;
        const int has_dy = dy && (dy_sequence || step == t1 - t0 - 1);
        for (int m = 0; m < rows; m++) {
            global const float *dy_row =
                has_dy ? dy + (dy_sequence ? (n + m) * H : state + (size_t)m * H) : 0;
            for (int block = 0; block < BLOCKS; block++) {
                const int j = block * LANES;
                if (REST == 0 || block < BLOCKS - 1) {
                    cell_backward(LANES, j, dh[m], dc[m], dz[m], n + m, dy_row, gates, c_in,
                                  tanh_c);
                } else {
                    cell_backward(REST, j, dh[m], dc[m], dz[m], n + m, dy_row, gates, c_in, tanh_c);
                }
            }
        }
        if (step == 0 && !dh0) {
            break;
        }
        for (int panel = 0; panel * PANEL < H; panel++) {
            float16 sums[ROWS][4];
            clear(sums);
            for (int gate = 0; gate < 4; gate++) {
                product(dz[0] + gate * PADDED, 4 * PADDED,
                        (global const float16 *)packed + ((size_t)panel * G + gate * H) * 4, sums);
            }
            for (int m = 0; m < ROWS; m++) {
                for (int v = 0; v < 4; v++) {
                    const int j = panel * PANEL + v * LANES;
                    if (j < PADDED) {
                        *(unaligned16 *)(dh[m] + j) = sums[m][v];
                    }
                }
            }
        }
    }
    if (dh0) {
        store_state(rows, dh, dh0 + state);
    }
    if (dc0) {
        store_state(rows, dc, dc0 + state);
    }
}
