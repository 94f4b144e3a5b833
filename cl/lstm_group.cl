/* lstm_group.cl: the loop over time of the LSTM for GPUs. A work-group carries up to ROWS samples
 * of one shard through all time steps of a range. A step has two phases, each ended by a barrier of
 * the group: its items share first the 4H columns of a product, then the units of its samples.
 *
 * Macros of the prelude:
 *   HIDDEN     the number of hidden units H
 *   GROUP      work-items of a group
 *   ROWS       samples of a group
 *   REGISTERS  1: an item keeps its columns of the recurrent kernel through all steps; 0: it reads
 *              them at every step
 * Launch of forward and backward: groups of GROUP, global (ceil(largest shard / ROWS) * GROUP, S);
 * a group past its shard's end does nothing. The other kernels say theirs.
 * Arrays in position order (src/util/shards.h): gates [N, 4H] i, f, c, o after their activations,
 * h_in, c_in [N, H] the state before the step (h_in as the product reads it), mask [N, H] or none:
 * what the product with the recurrent kernel reads of h is multiplied by it. start [B] or none:
 * before it sample b is masked, and its state passes.
 *
 * Item k has the columns k, k + GROUP, .. and the units of samples (cells) k, k + GROUP, .., so
 * that neighbours touch neighbouring memory. The units of a group's samples lie side by side at a
 * position and in a state [B, H]: a cell's number is its offset there. What belongs to a cell and
 * to the steps between is its item's own. A sample's bits do not depend on the other rows of its
 * group. */

#define H HIDDEN
#define G (4 * H)
#define QUADS ((H + 3) / 4) /* vectors of H terms, the last one filled up with zeros */
#define PADDED (4 * QUADS)
#define SLOTS ((G + GROUP - 1) / GROUP)        /* columns of an item */
#define CELLS ((ROWS * H + GROUP - 1) / GROUP) /* cells of an item */

/* ---- the group ------------------------------------------------------------------------------- */

typedef struct group_rows {
    int count;           /* samples of the group; 0 or less: none */
    int size;            /* of its shard */
    int t0, t1, reverse; /* of the range */
    size_t first;        /* position of its first sample at time 0 */
    size_t sample;       /* its first */
    size_t state;        /* its first element of a state */
    global const int *start; /* its first one's, or none */
} group_rows;

CLT_INLINE void find_group(int T, int B, int S, int t0, int t1, int reverse,
                           global const int *start, group_rows *g)
{
    const int shard = (int)get_group_id(1), r0 = (int)get_group_id(0) * ROWS;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    g->size = end - first;
    g->count = min(g->size - r0, ROWS);
    g->t0 = t0;
    g->t1 = t1;
    g->reverse = reverse;
    g->first = (size_t)T * first + r0;
    g->sample = (size_t)(first + r0);
    g->state = g->sample * H;
    g->start = start ? start + g->sample : 0;
}

/* The time of a step in the direction of time. */
CLT_INLINE int time_of(const group_rows *g, int step)
{
    return g->reverse ? g->t1 - 1 - step : g->t0 + step;
}

/* The position of the group's first sample at a step. */
CLT_INLINE size_t position_of(const group_rows *g, int step)
{
    return g->first + (size_t)time_of(g, step) * g->size;
}

CLT_INLINE int is_masked(const group_rows *g, int step, int row)
{
    return g->start && time_of(g, step) < g->start[row];
}

CLT_INLINE int is_cell(const group_rows *g, int cell)
{
    return cell < g->count * H;
}

/* The item's cells of a state; zeros when `from` is none. */
CLT_INLINE void load_state(const group_rows *g, global const float *from, float *values)
{
    for (int m = 0; m < CELLS; m++) {
        const int cell = (int)get_local_id(0) + m * GROUP;
        values[m] = from && is_cell(g, cell) ? from[g->state + cell] : 0.0f;
    }
}

/* Rows of `to` have `width` elements. */
CLT_INLINE void store_state(const group_rows *g, const float *values, int width, global float *to)
{
    for (int m = 0; m < CELLS; m++) {
        const int cell = (int)get_local_id(0) + m * GROUP;
        if (to && is_cell(g, cell)) {
            to[(g->sample + cell / H) * width + cell % H] = values[m];
        }
    }
}

/* What a cell's h is multiplied by at a step: a step's mask counts for the product before it. */
CLT_INLINE float mask_of(const group_rows *g, int step, int cell, global const float *mask)
{
    return mask && step < g->t1 - g->t0 ? mask[position_of(g, step) * H + cell] : 1.0f;
}

/* The rows of a state for the first step's product, zeros where there is none, to padded rows
 * [ROWS][PADDED] that all read. */
CLT_INLINE void fill_padded(const group_rows *g, global const float *from,
                            global const float *mask, local float *padded)
{
    for (int k = (int)get_local_id(0); k < ROWS * PADDED; k += GROUP) {
        const int r = k / PADDED, j = k % PADDED;
        padded[k] = from && r < g->count && j < H
                        ? from[g->state + r * H + j] * mask_of(g, 0, r * H + j, mask)
                        : 0.0f;
    }
}

/* ---- products -------------------------------------------------------------------------------- */

/* The columns that an item keeps. Loops over them are unrolled then, because only constants can
 * name a register. */
#if REGISTERS
typedef float4 weights[SLOTS][QUADS];
#define UNROLL _Pragma("unroll")
#else
typedef float4 weights[SLOTS][1]; /* not used */
#define UNROLL
#endif

/* packed [4H, H] = recurrent_kernel [H, 4H] transposed, for backward: there, too, neighbouring
 * items read neighbouring elements. One work-item an element, any group size. */
kernel void lstm_group_transpose(global const float *recurrent_kernel, global float *packed)
{
    const int element = (int)get_global_id(0);
    if (element < G * H) {
        packed[element] = recurrent_kernel[element % H * G + element / H];
    }
}

/* Terms 4 * quad .. 4 * quad + 3 of a column whose terms lie `stride` apart. */
CLT_INLINE float4 load_quad(global const float *column, const int stride, int quad)
{
    const int left = H - 4 * quad;
    global const float *p = column + 4 * quad * stride;
    return (float4)(p[0], left > 1 ? p[stride] : 0.0f, left > 2 ? p[2 * stride] : 0.0f,
                    left > 3 ? p[3 * stride] : 0.0f);
}

CLT_INLINE void keep_column(global const float *column, const int stride, float4 *kept)
{
    UNROLL
    for (int quad = 0; REGISTERS && quad < QUADS; quad++) {
        kept[quad] = load_quad(column, stride, quad);
    }
}

/* sums[ROWS] = a column . x[ROWS][QUADS], whose rows lie `x_stride` apart. Four chains of sums a
 * row, so that an item does not wait for its own last result. */
CLT_INLINE void product(const float4 *kept, global const float *column, const int stride,
                        local const float4 *x, const int x_stride, float *sums)
{
    float4 s[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        s[r] = 0.0f;
    }
    UNROLL
    for (int quad = 0; quad < QUADS; quad++) {
        const float4 w = REGISTERS ? kept[quad] : load_quad(column, stride, quad);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            s[r] = fma(w, x[r * x_stride + quad], s[r]);
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        sums[r] = (s[r].x + s[r].y) + (s[r].z + s[r].w);
    }
}

/* ---- forward --------------------------------------------------------------------------------- */

/* Reading is ahead of computing, so that no step waits for global memory: the projected rows are
 * read a step early, their numbers two. Past the last step, the last step's again. */
typedef struct input {
    global const float *projected;
    global const int *index;
    size_t row[ROWS];     /* of the next step */
    float x[SLOTS][ROWS]; /* the item's columns, of this step */
} input;

CLT_INLINE void find_rows(const group_rows *g, int step, input *in)
{
    const size_t n = position_of(g, min(step, g->t1 - g->t0 - 1));
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const size_t row = n + min(r, g->count - 1);
        in->row[r] = in->index ? (size_t)in->index[row] : row;
    }
}

CLT_INLINE void load_column(int slot, input *in)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        in->x[slot][r] = in->projected[in->row[r] * G + get_local_id(0) + slot * GROUP];
    }
}

typedef struct forward_arrays {
    global float *restrict y, *restrict gates, *restrict h_in, *restrict c_in;
    int width; /* of a row of y */
} forward_arrays;

/* First phase: the item's gate columns of all rows, from h [ROWS][QUADS] to gate [ROWS][4H]. Rows
 * past the last are computed, h being 0 there, and not stored. */
CLT_INLINE void columns_forward(const group_rows *g, int step, weights kept,
                                global const float *recurrent_kernel, global const float *bias,
                                input *in, local const float4 *h, local float *gate,
                                const forward_arrays *to)
{
    const size_t n = position_of(g, step);
    UNROLL
    for (int slot = 0; slot < SLOTS; slot++) {
        const int column = (int)get_local_id(0) + slot * GROUP;
        if (column < G) {
            float z[ROWS], sums[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                z[r] = in->x[slot][r] + bias[column];
            }
            load_column(slot, in);
            product(kept[slot], recurrent_kernel + column, G, h, QUADS, sums);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const float sum = z[r] + sums[r];
                const float a = column / H == 2 ? clt_tanh(sum) : clt_sigmoid(sum);
                gate[r * G + column] = a;
                if (to->gates && r < g->count) {
                    to->gates[(n + r) * G + column] = is_masked(g, step, r) ? 0.0f : a;
                }
            }
        }
    }
    find_rows(g, step + 2, in);
}

/* Second phase: the item's cells, from the gates and c to c and h after the step, in h_own, and in
 * h as the next step's product reads it. */
CLT_INLINE void cells_forward(const group_rows *g, int step, local const float *gate,
                              global const float *mask, float *c, float *h_own, local float *h,
                              const forward_arrays *to)
{
    const size_t position = position_of(g, step), n = position * H;
    for (int m = 0; m < CELLS; m++) {
        const int cell = (int)get_local_id(0) + m * GROUP;
        if (is_cell(g, cell)) {
            local const float *a = gate + cell / H * G + cell % H;
            const int masked = is_masked(g, step, cell / H);
            const float c1 = masked ? c[m] : fma(a[H], c[m], a[0] * a[2 * H]);
            const float h1 = masked ? h_own[m] : a[3 * H] * clt_tanh(c1);
            local float *shared = h + cell / H * PADDED + cell % H;
            if (to->gates) {
                to->h_in[n + cell] = *shared;
                to->c_in[n + cell] = c[m];
            }
            if (to->y) {
                to->y[(position + cell / H) * to->width + cell % H] = h1;
            }
            c[m] = c1;
            h_own[m] = h1;
            *shared = h1 * mask_of(g, step + 1, cell, mask);
        }
    }
}

/* projected [row_count, 4H], index [N] or none. h0, c0 [B, H] or none. y [N, width], y_last
 * [B, width], of which h begins at `column`, hT, cT [B, H]: none where not wanted; gates none:
 * nothing is saved. */
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
lstm_group_forward(int T, int B, int S, int t0, int t1, int reverse, global const int *start,
                   global const float *restrict projected, global const int *restrict index,
                   global const float *restrict recurrent_kernel, global const float *restrict bias,
                   global const float *restrict mask, global const float *h0,
                   global const float *c0, global float *restrict y, global float *y_last,
                   int width, int column, global float *hT, global float *cT,
                   global float *restrict gates, global float *restrict h_in,
                   global float *restrict c_in)
{
    local float4 h[ROWS * QUADS];
    local float gate[ROWS * G];
    group_rows group;
    const forward_arrays to = {y ? y + column : 0, gates, h_in, c_in, width};
    input in = {projected, index};
    weights kept;
    float c[CELLS], h_own[CELLS];
    find_group(T, B, S, t0, t1, reverse, start, &group);
    if (group.count <= 0) {
        return;
    }
    find_rows(&group, 0, &in);
    UNROLL
    for (int slot = 0; slot < SLOTS; slot++) {
        const int column = (int)get_local_id(0) + slot * GROUP;
        if (column < G) {
            load_column(slot, &in);
            keep_column(recurrent_kernel + column, G, kept[slot]);
        }
    }
    find_rows(&group, 1, &in);
    load_state(&group, h0, h_own);
    load_state(&group, c0, c);
    fill_padded(&group, h0, mask, (local float *)h);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int step = 0; step < t1 - t0; step++) {
        columns_forward(&group, step, kept, recurrent_kernel, bias, &in, h, gate, &to);
        barrier(CLK_LOCAL_MEM_FENCE);
        cells_forward(&group, step, gate, mask, c, h_own, (local float *)h, &to);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    store_state(&group, h_own, width, y_last ? y_last + column : 0);
    store_state(&group, h_own, H, hT);
    store_state(&group, c, H, cT);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* What a cell reads at a step, also a step early. */
typedef struct saved_cell {
    float i, f, g, o, c_in, dy;
} saved_cell;

typedef struct backward_arrays {
    global float *restrict gates;
    global const float *restrict c_in, *restrict dy;
    int dy_sequence, width; /* of a row of dy */
} backward_arrays;

/* The item's cells. Before the first step there is nothing to read. */
CLT_INLINE void load_cells(const group_rows *g, int step, const backward_arrays *from,
                           saved_cell *saved)
{
    const size_t n = position_of(g, step);
    const int has_dy = from->dy && (from->dy_sequence || step == g->t1 - g->t0 - 1);
    global const float *dy = from->dy + (from->dy_sequence ? n : g->sample) * from->width;
    for (int m = 0; m < CELLS; m++) {
        const int cell = (int)get_local_id(0) + m * GROUP;
        if (step >= 0 && is_cell(g, cell)) {
            global const float *gate = from->gates + (n + cell / H) * G + cell % H;
            const saved_cell s = {gate[0],
                                  gate[H],
                                  gate[2 * H],
                                  gate[3 * H],
                                  from->c_in[n * H + cell],
                                  has_dy ? dy[cell / H * from->width + cell % H] : 0.0f};
            saved[m] = s;
        }
    }
}

/* First phase: the item's cells, from dh and dc after the step to the gates' gradients, in memory
 * and in dz [ROWS][4][PADDED], dc before it, and of dh what passes it beside them. The gates of a
 * masked step are 0, and so are their gradients. */
CLT_INLINE void cells_backward(const group_rows *g, int step, const saved_cell *saved,
                               float *dh, float *dc, local float *dz,
                               const backward_arrays *arrays)
{
    const size_t n = position_of(g, step);
    for (int m = 0; m < CELLS; m++) {
        const int cell = (int)get_local_id(0) + m * GROUP;
        if (is_cell(g, cell)) {
            const saved_cell s = saved[m];
            const float dh1 = dh[m] + s.dy, t = clt_tanh(fma(s.f, s.c_in, s.i * s.g));
            const float dc1 = fma(dh1 * s.o, fma(-t, t, 1.0f), dc[m]);
            global float *gate = arrays->gates + (n + cell / H) * G + cell % H;
            local float *to = dz + cell / H * 4 * PADDED + cell % H;
            to[0] = gate[0] = dc1 * s.g * (s.i * (1.0f - s.i));
            to[PADDED] = gate[H] = dc1 * s.c_in * (s.f * (1.0f - s.f));
            to[2 * PADDED] = gate[2 * H] = dc1 * s.i * fma(-s.g, s.g, 1.0f);
            to[3 * PADDED] = gate[3 * H] = dh1 * t * (s.o * (1.0f - s.o));
            const int masked = is_masked(g, step, cell / H);
            dc[m] = masked ? dc[m] : dc1 * s.f;
            dh[m] = masked ? dh1 : 0.0f;
        }
    }
}

/* Column gate * H + k of the product is that gate's part of dh of unit k: where its terms begin. */
CLT_INLINE global const float *packed_column(global const float *packed, int column)
{
    return packed + column / H * H * H + column % H;
}

/* Second phase: the item's columns of all rows, from dz to part [ROWS][4H]. */
CLT_INLINE void columns_backward(weights kept, global const float *packed, local const float4 *dz,
                                 local float *part)
{
    UNROLL
    for (int slot = 0; slot < SLOTS; slot++) {
        const int column = (int)get_local_id(0) + slot * GROUP;
        if (column < G) {
            float sums[ROWS];
            product(kept[slot], packed_column(packed, column), H, dz + column / H * QUADS,
                    4 * QUADS, sums);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                part[r * G + column] = sums[r];
            }
        }
    }
}

/* dh of the item's cells before a step: what passed it, and the four gates' parts. */
CLT_INLINE void add_parts(const group_rows *g, int step, local const float *part,
                          global const float *mask, float *dh)
{
    for (int m = 0; m < CELLS; m++) {
        const int cell = (int)get_local_id(0) + m * GROUP;
        if (is_cell(g, cell)) {
            local const float *p = part + cell / H * G + cell % H;
            dh[m] += ((p[0] + p[H]) + (p[2 * H] + p[3 * H])) * mask_of(g, step, cell, mask);
        }
    }
}

/* packed: see lstm_group_transpose. dy: none, the gradient of the last state [B, width], or with
 * dy_sequence of every state [N, width], of which it begins at `column`. dhT, dcT [B, H] or none;
 * dh0, dc0: none, not wanted. The gates become their gradients. */
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
lstm_group_backward(int T, int B, int S, int t0, int t1, int reverse, global const int *start,
                    global const float *restrict packed, global const float *restrict mask,
                    global const float *restrict dy, int dy_sequence, int width, int column,
                    global const float *dhT,
                    global const float *dcT, global float *restrict gates,
                    global const float *restrict c_in, global float *dh0, global float *dc0)
{
    local float4 dz[ROWS * 4 * QUADS];
    local float part[ROWS * G];
    group_rows group;
    const backward_arrays arrays = {gates, c_in, dy ? dy + column : 0, dy_sequence, width};
    weights kept;
    float dh[CELLS], dc[CELLS];
    saved_cell saved[CELLS];
    find_group(T, B, S, t0, t1, reverse, start, &group);
    if (group.count <= 0) {
        return;
    }
    UNROLL
    for (int slot = 0; REGISTERS && slot < SLOTS; slot++) {
        const int column = (int)get_local_id(0) + slot * GROUP;
        if (column < G) {
            keep_column(packed_column(packed, column), H, kept[slot]);
        }
    }
    load_state(&group, dhT, dh);
    load_state(&group, dcT, dc);
    load_cells(&group, t1 - t0 - 1, &arrays, saved);
    for (int k = (int)get_local_id(0); k < ROWS * 4 * PADDED; k += GROUP) {
        ((local float *)dz)[k] = 0.0f; /* what is filled up, too */
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int step = t1 - t0 - 1; step >= 0; step--) {
        cells_backward(&group, step, saved, dh, dc, (local float *)dz, &arrays);
        load_cells(&group, step - 1, &arrays, saved);
        barrier(CLK_LOCAL_MEM_FENCE);
        columns_backward(kept, packed, dz, part);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_parts(&group, step, part, mask, dh);
    }
    store_state(&group, dh, H, dh0);
    store_state(&group, dc, H, dc0);
}

/* ---- the recurrent kernel's gradient, per shard ---------------------------------------------- */

#define TILE_UNITS 16 /* of a work-item */
#define DEPTH 16      /* positions whose units are in local memory */

/* partial[S, H, 4H] = h_in^T . dgates over the positions of each shard, in order. A work-item has
 * one column of TILE_UNITS units. Global: (4H, ceil(H / TILE_UNITS), S), any group (size, 1, 1). */
kernel void lstm_group_gradient(int T, int B, int S, global const float *restrict h_in,
                                global const float *restrict dgates, global float *restrict partial)
{
    local float16 tile[DEPTH];
    const int shard = (int)get_group_id(2), unit = (int)get_group_id(1) * TILE_UNITS;
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    const int count = T * (end - first), column = min((int)get_global_id(0), G - 1);
    float16 sums = 0.0f;
    h_in += (size_t)T * first * H;
    dgates += (size_t)T * first * G + column;
    for (int k = 0; k < count; k += DEPTH) {
        for (int e = (int)get_local_id(0); e < DEPTH * TILE_UNITS; e += (int)get_local_size(0)) {
            const int position = k + e / TILE_UNITS, j = unit + e % TILE_UNITS;
            const int exists = position < count && j < H;
            ((local float *)tile)[e] = exists ? h_in[(size_t)position * H + j] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int p = 0; p < DEPTH; p++) { /* past the last: zero times the last */
            sums = fma(tile[p], (float16)dgates[(size_t)min(k + p, count - 1) * G], sums);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    float lanes[TILE_UNITS];
    vstore16(sums, 0, lanes);
#pragma unroll
    for (int u = 0; u < TILE_UNITS; u++) {
        if (get_global_id(0) < G && unit + u < H) {
            partial[((size_t)shard * H + unit + u) * G + column] = lanes[u];
        }
    }
}
