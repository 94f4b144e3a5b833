/* optimizer.cl: Adam as Keras 3 computes it, over a flat array and over a table whose gradient is
 * rows at sorted ids. Both return at once while the record's flag is set.
 *
 * One update, the same text for one and for sixteen elements, so that a zero gradient passed as a
 * value gives what an absent row gets:
 *   m += (g - m) * (1 - beta1); v += (g * g - v) * (1 - beta2); p -= alpha * m / (sqrt(v) + eps) */
#define ADAM(NAME, TYPE)                                                                           \
    static void NAME(TYPE g, TYPE *p, TYPE *m, TYPE *v, float step_size, float one_minus_beta1,    \
                     float one_minus_beta2, float epsilon)                                         \
    {                                                                                              \
        *m = fma(g - *m, (TYPE)one_minus_beta1, *m);                                               \
        *v = fma(fma(g, g, -*v), (TYPE)one_minus_beta2, *v);                                       \
        *p -= step_size * *m / (sqrt(*v) + epsilon);                                               \
    }
ADAM(adam_one, float)
ADAM(adam_sixteen, float16)

/* Elements begin .. end - 1 at p, m, v; their gradients at `gradient`, or all zero when NULL. */
static void adam_run(int count, __global const float *gradient, __global float *p,
                     __global float *m, __global float *v, float step_size, float one_minus_beta1,
                     float one_minus_beta2, float epsilon)
{
    int k = 0;
#ifdef CLT_WHOLE_ROWS
    for (; k + 16 <= count; k += 16) {
        float16 g = (float16)0.0f, pk = vload16(0, p + k), mk = vload16(0, m + k);
        float16 vk = vload16(0, v + k);
        if (gradient != 0) {
            g = vload16(0, gradient + k);
        }
        adam_sixteen(g, &pk, &mk, &vk, step_size, one_minus_beta1, one_minus_beta2, epsilon);
        vstore16(pk, 0, p + k);
        vstore16(mk, 0, m + k);
        vstore16(vk, 0, v + k);
    }
#endif
    for (; k < count; k++) {
        float g = gradient != 0 ? gradient[k] : 0.0f, pk = p[k], mk = m[k], vk = v[k];
        adam_one(g, &pk, &mk, &vk, step_size, one_minus_beta1, one_minus_beta2, epsilon);
        p[k] = pk;
        m[k] = mk;
        v[k] = vk;
    }
}

/* gradient, p, m, v [count]; a work-item takes `span` elements. */
__kernel void optimizer_dense(__global const clt_record *record, __global const float *gradient,
                              __global float *p, __global float *m, __global float *v, int count,
                              int span, float step_size, float one_minus_beta1,
                              float one_minus_beta2, float epsilon)
{
    int begin = get_global_id(0) * span;
    if (record->bad || begin >= count) {
        return;
    }
    adam_run(min(span, count - begin), gradient + begin, p + begin, m + begin, v + begin, step_size,
             one_minus_beta1, one_minus_beta2, epsilon);
}

/* The first place in the sorted ids[0 .. count - 1] whose id is at least `id`. */
static int lower_bound(__global const int *ids, int count, int id)
{
    int low = 0;
    while (low < count) {
        int middle = low + (count - low) / 2;
        if (ids[middle] < id) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* p, m, v [table_rows, features]; drows [row_count, features] is the gradient of the rows `unique`.
 * Launch: src/ops/tiling.h over [table_rows, features]. */
__kernel void optimizer_table(__global const clt_record *record, __global const int *unique,
                              int row_count, __global const float *drows, __global float *p,
                              __global float *m, __global float *v, int table_rows, int features,
                              int rows, int span, float step_size, float one_minus_beta1,
                              float one_minus_beta2, float epsilon)
{
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, last = min(first + rows, table_rows);
    if (record->bad || begin >= end) {
        return;
    }
    int u = lower_bound(unique, row_count, first);
    for (int row = first; row < last; row++) {
        __global const float *gradient = 0;
        size_t at = (size_t)row * features + begin;
        if (u < row_count && unique[u] == row) {
            gradient = drows + (size_t)u * features + begin;
            u++;
        }
        adam_run(end - begin, gradient, p + at, m + at, v + at, step_size, one_minus_beta1,
                 one_minus_beta2, epsilon);
    }
}
