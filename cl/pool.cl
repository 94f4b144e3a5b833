/* pool.cl: one vector a sample from a sequence x [N, features], N in position order
 * (src/util/shards.h): the last time step, the mean over time, the largest value over time.
 *
 * y, dy [samples, width]: the features of each kind begin at column `last`, `mean`, `maximum`; a
 * negative one is not wanted. A NaN anywhere is the largest value.
 * start [samples] or none: of sample b only the steps from start[b] on are there; without any, y is
 * 0. Backward, the others' dx is 0.
 * Backward, dx [N, features] is overwritten. Steps that share the largest value share its gradient
 * evenly, as reduce_max of JAX and of TensorFlow has it.
 * Launch: src/ops/tiling.h over [samples, features]. */

/* FLOAT is a value of STORED's features. Both walk over the time steps of one sample, `stride`
 * apart; there is at least one. */
#define POOL(FORWARD, BACKWARD, FLOAT, STORED)                                                     \
    CLT_INLINE void FORWARD(global const float *x, size_t stride, int timesteps, global float *y,  \
                            int last, int mean, int maximum)                                       \
    {                                                                                              \
        const int first = mean < 0 && maximum < 0 ? timesteps - 1 : 0;                             \
        FLOAT v = *(global const STORED *)(x + first * stride), sum = v, most = v;                 \
        CLT_IN_ORDER                                                                               \
        for (int t = first + 1; t < timesteps; t++) {                                              \
            v = *(global const STORED *)(x + t * stride);                                          \
            sum += v;                                                                              \
            most = ((v <= most) | (most != most)) ? most : v;                                      \
        }                                                                                          \
        if (last >= 0) {                                                                           \
            *(global STORED *)(y + last) = v;                                                      \
        }                                                                                          \
        if (mean >= 0) {                                                                           \
            *(global STORED *)(y + mean) = sum / (float)timesteps;                                 \
        }                                                                                          \
        if (maximum >= 0) {                                                                        \
            *(global STORED *)(y + maximum) = most;                                                \
        }                                                                                          \
    }                                                                                              \
    CLT_INLINE void BACKWARD(global const float *x, size_t stride, int timesteps,                  \
                             global const float *dy, global float *dx, int last, int mean,         \
                             int maximum)                                                          \
    {                                                                                              \
        FLOAT even = 0.0f, share = 0.0f, most = 0.0f;                                              \
        if (mean >= 0) {                                                                           \
            even = *(global const STORED *)(dy + mean) / (float)timesteps;                         \
        }                                                                                          \
        if (maximum >= 0) {                                                                        \
            FLOAT count = 1.0f;                                                                    \
            most = *(global const STORED *)x;                                                      \
            for (int t = 1; t < timesteps; t++) {                                                  \
                FLOAT v = *(global const STORED *)(x + t * stride);                                \
                count = v > most ? (FLOAT)1.0f : v == most ? count + 1.0f : count;                 \
                most = ((v <= most) | (most != most)) ? most : v;                                  \
            }                                                                                      \
            share = *(global const STORED *)(dy + maximum) / count;                                \
        }                                                                                          \
        for (int t = 0; t < timesteps; t++) {                                                      \
            FLOAT sum = even;                                                                      \
            if (maximum >= 0) {                                                                    \
                sum += *(global const STORED *)(x + t * stride) == most ? share : (FLOAT)0.0f;     \
            }                                                                                      \
            if (last >= 0 && t == timesteps - 1) {                                                 \
                sum += *(global const STORED *)(dy + last);                                        \
            }                                                                                      \
            *(global STORED *)(dx + t * stride) = sum;                                             \
        }                                                                                          \
    }
POOL(forward_one, backward_one, float, float)
#ifdef CLT_WHOLE_ROWS
POOL(forward16, backward16, float16, clt_unaligned16)
#endif

/* The first step's row of sample b, and the rows from one step to the next. */
static size_t first_row(int b, int samples, int timesteps, int shards, size_t *step)
{
    const int s = (int)((((long)b + 1) * shards - 1) / samples);
    const int first = (int)((long)s * samples / shards);
    const int end = (int)(((long)s + 1) * samples / shards);
    *step = (size_t)(end - first);
    return (size_t)timesteps * first + (b - first);
}

/* A sample without steps. */
static void clear(__global float *to, int begin, int end)
{
    for (int d = begin; d < end && to; d++) {
        to[d] = 0.0f;
    }
}

__kernel void pool_forward(__global const int *start, __global const float *restrict x,
                           __global float *restrict y, int samples, int timesteps, int shards,
                           int features, int width, int last, int mean, int maximum, int rows,
                           int span)
{
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, until = min(first + rows, samples);
    for (int b = first; b < until; b++) {
        size_t step, row = first_row(b, samples, timesteps, shards, &step);
        const int masked = start ? start[b] : 0, steps = timesteps - masked;
        __global const float *from = x + (row + masked * step) * features;
        __global float *to = y + (size_t)b * width;
        int d = steps > 0 ? begin : end;
        if (steps <= 0) {
            clear(last >= 0 ? to + last : 0, begin, end);
            clear(mean >= 0 ? to + mean : 0, begin, end);
            clear(maximum >= 0 ? to + maximum : 0, begin, end);
        }
#ifdef CLT_WHOLE_ROWS
        for (; d + 16 <= end; d += 16) {
            forward16(from + d, step * features, steps, to + d, last, mean, maximum);
        }
#endif
        for (; d < end; d++) {
            forward_one(from + d, step * features, steps, to + d, last, mean, maximum);
        }
    }
}

__kernel void pool_backward(__global const int *start, __global const float *restrict x,
                            __global const float *restrict dy, __global float *restrict dx,
                            int samples, int timesteps, int shards, int features, int width,
                            int last, int mean, int maximum, int rows, int span)
{
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, until = min(first + rows, samples);
    for (int b = first; b < until; b++) {
        size_t step, row = first_row(b, samples, timesteps, shards, &step);
        const int masked = start ? start[b] : 0, steps = timesteps - masked;
        for (int t = 0; t < masked; t++) {
            clear(dx + (row + t * step) * features, begin, end);
        }
        row += masked * step;
        __global const float *from = x + row * features, *dfrom = dy + (size_t)b * width;
        __global float *to = dx + row * features;
        int d = steps > 0 ? begin : end;
#ifdef CLT_WHOLE_ROWS
        for (; d + 16 <= end; d += 16) {
            backward16(from + d, step * features, steps, dfrom + d, to + d, last, mean, maximum);
        }
#endif
        for (; d < end; d++) {
            backward_one(from + d, step * features, steps, dfrom + d, to + d, last, mean, maximum);
        }
    }
}
