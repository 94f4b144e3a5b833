/* clip.cl: gradients before an update, in place, as Keras 3 clips them. They are finite, or the
 * record's flag is set and nothing is updated.
 *
 * Launch of clip_value and clip_norm: a work-item for each `span` of values[first ..], `count` in
 * all. */

__kernel void clip_value(__global float *values, int first, int count, int span, float limit)
{
    int begin = get_global_id(0) * span, end = begin + min(span, count - begin);
    for (int k = begin; k < end; k++) {
        values[first + k] = clamp(values[first + k], -limit, limit);
    }
}

/* *squared_norm = the sum of partials[first .. first + chunks - 1], by one work-item. */
__kernel void clip_measure(__global const float *partials, int first, int chunks,
                           __global float *squared_norm)
{
    float sum = 0.0f;
    CLT_IN_ORDER
    for (int k = 0; k < chunks; k++) {
        sum += partials[first + k];
    }
    *squared_norm = sum;
}

/* Values of a norm up to the limit keep their bits. */
__kernel void clip_norm(__global float *values, int first, int count, int span, float limit,
                        __global const float *squared_norm)
{
    float norm = sqrt(*squared_norm), scale = limit / norm;
    int begin = get_global_id(0) * span;
    int end = norm > limit ? begin + min(span, count - begin) : begin;
    for (int k = begin; k < end; k++) {
        values[first + k] *= scale;
    }
}
