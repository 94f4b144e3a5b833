/* lstm_rows_gradient.cl: the recurrent kernel's gradient per shard, for CPUs: a product whose panel
 * of columns stays in registers for TILE_UNITS units. lstm_rows_tile.cl comes before it. Launch:
 * work-groups of one work-item, global (ceil(4H / PANEL), S). */

#define TILE_UNITS 6
#define DEPTH 64 /* positions whose part of a panel stays in the first cache for all units */
#define COLUMN_REST (G % PANEL)
#define COLUMN_REST_VECTORS ((COLUMN_REST + LANES - 1) / LANES)
#define COLUMN_REST_LANES (COLUMN_REST % LANES > 0 ? COLUMN_REST % LANES : LANES)

/* sums[TILE_UNITS][vectors] = or += h_in[count][H]^T . dgates[count][vectors] for the units from j
 * on. Units past the last are computed as copies of it. The same units of `next` are fetched on the
 * way, a line a row: the lines of a whole row at once would wait for each other. */
CLT_INLINE void gradient_tile(const int vectors, int j, int count, int add,
                              global const float *h_in, global const float *next,
                              const float16 (*dgates)[4], float16 (*sums)[4])
{
    float16 s[TILE_UNITS][4];
    int unit[TILE_UNITS];
#pragma unroll
    for (int m = 0; m < TILE_UNITS; m++) {
        unit[m] = min(j + m, H - 1);
#pragma unroll
        for (int v = 0; v < 4; v++) {
            s[m][v] = v < vectors && add ? sums[m][v] : 0.0f;
        }
    }
    for (int k = 0; k < count; k++) {
        float16 b[4];
        clt_prefetch_second(next + (size_t)k * H + j);
#pragma unroll
        for (int v = 0; v < 4; v++) {
            b[v] = v < vectors ? dgates[k][v] : 0.0f;
        }
#pragma unroll
        for (int m = 0; m < TILE_UNITS; m++) {
            const float16 x = h_in[(size_t)k * H + unit[m]];
#pragma unroll
            for (int v = 0; v < 4; v++) {
                if (v < vectors) {
                    s[m][v] = fma(x, b[v], s[m][v]);
                }
            }
        }
    }
#pragma unroll
    for (int m = 0; m < TILE_UNITS; m++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            if (v < vectors) {
                sums[m][v] = s[m][v];
            }
        }
    }
}

/* Arrays of a panel lie side by side, because rows 4H apart may fall on one set of a cache. */
CLT_INLINE void gradient_panel(const int vectors, const int lanes, int count,
                               global const float *h_in, global const float *dgates,
                               global float *dst)
{
    float16 part[DEPTH][4], sums[H + TILE_UNITS - 1][4];
    for (int k = 0; k < count; k += DEPTH) {
        const int depth = min(DEPTH, count - k);
        global const float *rows = h_in + (size_t)k * H;
        global const float *next = k + DEPTH < count ? rows + DEPTH * H : h_in; /* a new panel's */
        for (int row = 0; row < depth; row++) {
#pragma unroll
            for (int v = 0; v < 4; v++) {
                if (v < vectors) {
                    part[row][v] = clt_load16(v < vectors - 1 ? LANES : lanes,
                                        dgates + (size_t)(k + row) * G + v * LANES);
                }
            }
        }
        for (int j = 0; j < H; j += TILE_UNITS) {
            const int fetched = k + DEPTH + j * DEPTH / H; /* of the next positions, a part */
            const int end = min(k + DEPTH + (j + TILE_UNITS) * DEPTH / H, count);
            clt_prefetch_rows(dgates, G, fetched, end, vectors * LANES);
            gradient_tile(vectors, j, depth, k > 0, rows, next, part, sums + j);
        }
    }
    for (int j = 0; j < H; j++) {
#pragma unroll
        for (int v = 0; v < 4; v++) {
            if (v < vectors) {
                clt_store16(v < vectors - 1 ? LANES : lanes, sums[j][v],
                            dst + (size_t)j * G + v * LANES);
            }
        }
    }
}

/* partial[S, H, 4H] = h_in^T . dgates over the positions of each shard, in order; packed, with
 * start, those of its prefix follow, if it has one. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_gradient(int T, int B, int S, global const int *start, int has_prefix,
                   global const float *h_in, global const float *dgates, global float *partial)
{
    const int column = (int)get_global_id(0) * PANEL, shard = (int)get_global_id(1);
    const int first = (int)((long)shard * B / S), end = (int)((shard + 1L) * B / S);
    int count = T * (end - first) + (has_prefix ? start[end - 1] : 0);
    for (int b = first; start && b < end; b++) {
        count -= start[b];
    }
    h_in += (size_t)T * first * H;
    dgates += (size_t)T * first * G + column;
    partial += (size_t)shard * H * G + column;
    if (column + PANEL <= G) {
        gradient_panel(4, LANES, count, h_in, dgates, partial);
    } else {
        gradient_panel(COLUMN_REST_VECTORS, COLUMN_REST_LANES, count, h_in, dgates, partial);
    }
}
