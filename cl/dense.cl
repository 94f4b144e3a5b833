/* dense.cl: a dense layer, y = x . kernel + bias, and its gradients. For the few outputs of a
 * classifier's head; one work-item an element.
 *
 * x [B, I], kernel [I, O], bias [O], y [B, O]. */

/* global: O, B */
__kernel void dense_forward(__global const float *weights, __global const float *bias,
                            __global const float *x, __global float *y, int inputs, int outputs,
                            int samples)
{
    int o = get_global_id(0), b = get_global_id(1);
    if (o >= outputs || b >= samples) {
        return;
    }
    float sum = 0.0f;
    for (int i = 0; i < inputs; i++) {
        sum = fma(x[(size_t)b * inputs + i], weights[(size_t)i * outputs + o], sum);
    }
    y[(size_t)b * outputs + o] = sum + bias[o];
}

/* dx[b, i] = sum over o of dy[b, o] * kernel[i, o]. global: I, B */
__kernel void dense_backward_input(__global const float *weights, __global const float *dy,
                                   __global float *dx, int inputs, int outputs, int samples)
{
    int i = get_global_id(0), b = get_global_id(1);
    if (i >= inputs || b >= samples) {
        return;
    }
    float sum = 0.0f;
    for (int o = 0; o < outputs; o++) {
        sum = fma(dy[(size_t)b * outputs + o], weights[(size_t)i * outputs + o], sum);
    }
    dx[(size_t)b * inputs + i] = sum;
}

/* dkernel[i, o] += sum over b of x[b, i] * dy[b, o]; the row behind the last, i = I, is dbias:
 * x is 1 there. In sample order inside shards, shards by the tree. global: O, I + 1 */
__kernel void dense_backward_parameters(__global const float *x, __global const float *dy,
                                        __global float *dkernel, __global float *dbias, int inputs,
                                        int outputs, int samples, int shards)
{
    int o = get_global_id(0), i = get_global_id(1);
    float sums[CLT_SHARDS_MAX];
    if (o >= outputs || i > inputs) {
        return;
    }
    for (int s = 0; s < CLT_SHARDS_MAX; s++) {
        float sum = 0.0f;
        int first = (int)((long)s * samples / shards);
        int next = (int)((long)(s + 1) * samples / shards);
        for (int b = first; s < shards && b < next; b++) {
            float left = i < inputs ? x[(size_t)b * inputs + i] : 1.0f;
            sum = fma(left, dy[(size_t)b * outputs + o], sum);
        }
        sums[s] = sum;
    }
    float sum = clt_tree_sum(sums, (1u << shards) - 1);
    if (i < inputs) {
        dkernel[(size_t)i * outputs + o] += sum;
    } else {
        dbias[o] += sum;
    }
}
