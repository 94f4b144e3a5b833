/* embedding.cl: rows of a table by number.
 *
 * embedding_gather  y[n, d] = table[index[n], d], n < count, d < features: unique rows of the
 *                   embedding table, or a row for every position.
 * Launch: src/ops/tiling.h over [count, features]. */
#define AHEAD 8 /* rows whose words are fetched into the cache early */

__kernel void embedding_gather(__global const float *restrict table,
                               __global const int *restrict index, __global float *restrict y,
                               int count, int features, int rows, int span)
{
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, last = min(first + rows, count);
    for (int n = first; n < last; n++) {
        __global const float *from = table + (size_t)index[n] * features;
        __global float *to = y + (size_t)n * features;
        int d = begin;
#ifdef CLT_WHOLE_ROWS
        int ahead = index[min(n + AHEAD, count - 1)];
        clt_prefetch_rows(table, features, ahead, ahead + 1, features);
        for (; d + 16 <= end; d += 16) {
            vstore16(vload16(0, from + d), 0, to + d);
        }
#endif
        for (; d < end; d++) {
            to[d] = from[d];
        }
    }
}
