/* ema.cl: the exponential moving average of weights, after each step. */

/* average = momentum * average + (1 - momentum) * p; p, average [row_count, columns]. Nothing moves
 * while the record's flag is set, as in the update of p. Launch: src/ops/tiling.h. */
__kernel void ema_update(__global const clt_record *record, __global const float *p,
                         __global float *average, int row_count, int columns, int rows, int span,
                         float momentum)
{
    int begin = get_global_id(0) * span, end = min(begin + span, columns);
    int first = get_global_id(1) * rows, next = min(first + rows, row_count);
    float rest = 1.0f - momentum;
    if (record->bad) {
        return;
    }
    for (int row = first; row < next; row++) {
        size_t at = (size_t)row * columns;
        int c = begin;
#ifdef CLT_WHOLE_ROWS
        for (; c + 16 <= end; c += 16) {
            float16 pk = *(__global const clt_unaligned16 *)(p + at + c);
            __global clt_unaligned16 *ak = (__global clt_unaligned16 *)(average + at + c);
            *ak = fma((float16)momentum, *ak, rest * pk);
        }
#endif
        for (; c < end; c++) {
            average[at + c] = fma(momentum, average[at + c], rest * p[at + c]);
        }
    }
}
