/* lstm.cl: the sums over samples that every variant of the LSTM shares.
 *
 * Each work-item owns BLOCK neighbouring elements, as one vector where all of them exist. Any
 * work-group size; ids past the end do nothing. */

#define BLOCK 16
#define ROWS_PER_SUM 64 /* the same in src/ops/lstm.c */

/* dst[n] += the tree over partial[S, n]; global: ceil(n / BLOCK). */
kernel void lstm_add_shards(int n, int S, global const float *partial, global float *dst)
{
    const int first = (int)get_global_id(0) * BLOCK;
    const uint present = (1u << S) - 1;
    if (first + BLOCK <= n) {
        float16 sums[CLT_SHARDS_MAX];
        for (int s = 0; s < S; s++) {
            sums[s] = vload16(0, partial + (size_t)s * n + first);
        }
        vstore16(vload16(0, dst + first) + clt_tree_sum16(sums, present), 0, dst + first);
        return;
    }
    for (int i = first; i < n; i++) {
        float sums[CLT_SHARDS_MAX];
        for (int s = 0; s < S; s++) {
            sums[s] = partial[(size_t)s * n + i];
        }
        dst[i] += clt_tree_sum(sums, present);
    }
}

/* Sums of rows[count, n] over its first index; `add`: onto what dst holds. */
static void sum_rows(int count, int n, int first, global const float *rows, int add,
                     global float *dst)
{
    if (first + BLOCK <= n) {
        float16 sum = 0.0f;
        for (int r = 0; r < count; r++) {
            sum += vload16(0, rows + (size_t)r * n + first);
        }
        vstore16(add ? vload16(0, dst + first) + sum : sum, 0, dst + first);
        return;
    }
    for (int i = first; i < n; i++) {
        float sum = 0.0f;
        CLT_IN_ORDER
        for (int r = 0; r < count; r++) {
            sum += rows[(size_t)r * n + i];
        }
        dst[i] = add ? dst[i] + sum : sum;
    }
}

/* partial[k, n] = sums of rows k * ROWS_PER_SUM .. of rows[count, n];
 * global: (ceil(n / BLOCK), ceil(count / ROWS_PER_SUM)). */
kernel void lstm_sum_rows(int count, int n, global const float *rows, global float *partial)
{
    const int k = (int)get_global_id(1), row = k * ROWS_PER_SUM;
    sum_rows(min(ROWS_PER_SUM, count - row), n, (int)get_global_id(0) * BLOCK,
             rows + (size_t)row * n, 0, partial + (size_t)k * n);
}

/* dst[n] += the rows of partial[count, n] in order; global: ceil(n / BLOCK). */
kernel void lstm_add_rows(int count, int n, global const float *partial, global float *dst)
{
    sum_rows(count, n, (int)get_global_id(0) * BLOCK, partial, 1, dst);
}
