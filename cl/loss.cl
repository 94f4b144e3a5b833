/* loss.cl: cross-entropy from logits, one work-item a sample. targets [B] are labels.
 *
 * dlogits is the gradient of the mean over samples, NULL where it is not wanted. A sample counts as
 * often as class_weights [classes] says of its label, NULL: once; the mean is still one over B.
 * Comparisons take the place of fmax, which would turn a NaN into a number. */

static float weight_of(__global const float *class_weights, int target)
{
    return class_weights != 0 ? class_weights[target] : 1.0f;
}

/* Two classes, one logit: loss[b] = w[y] * (max(z, 0) - z * y + log(1 + e^-|z|)); hit[b] = (z > 0)
 * == (y > 0.5); dlogits[b] = w[y] * (sigmoid(z) - y) / B. */
__kernel void loss_binary(__global const float *logits, __global const int *targets,
                          __global const float *class_weights, __global float *loss,
                          __global int *hit, __global float *dlogits, int samples)
{
    int b = get_global_id(0);
    if (b >= samples) {
        return;
    }
    float z = logits[b], y = targets[b], weight = weight_of(class_weights, targets[b]);
    loss[b] = weight * ((z < 0.0f ? 0.0f : z) - z * y + log1p(exp(-fabs(z))));
    hit[b] = (z > 0.0f) == (y > 0.5f);
    if (dlogits != 0) {
        dlogits[b] = weight * (clt_sigmoid(z) - y) / samples;
    }
}

/* A logit a class, logits [B, O]: with m the largest and sum that of e^(z[o] - m), loss[b] =
 * w[y] * (log(sum) - (z[y] - m)); hit[b]: the first class of the largest logit is y;
 * dlogits[b, o] = w[y] * (e^(z[o] - m) / sum - (o == y)) / B. */
__kernel void loss_categorical(__global const float *logits, __global const int *targets,
                               __global const float *class_weights, __global float *loss,
                               __global int *hit, __global float *dlogits, int samples, int outputs)
{
    int b = get_global_id(0);
    if (b >= samples) {
        return;
    }
    __global const float *z = logits + (size_t)b * outputs;
    int y = targets[b], likeliest = 0;
    for (int o = 1; o < outputs; o++) {
        likeliest = z[o] > z[likeliest] ? o : likeliest;
    }
    float most = z[likeliest], sum = 0.0f, weight = weight_of(class_weights, y);
    CLT_IN_ORDER
    for (int o = 0; o < outputs; o++) {
        sum += exp(z[o] - most);
    }
    loss[b] = weight * (log(sum) - (z[y] - most));
    hit[b] = likeliest == y;
    if (dlogits != 0) {
        __global float *dz = dlogits + (size_t)b * outputs;
        for (int o = 0; o < outputs; o++) {
            dz[o] = weight * (exp(z[o] - most) / sum - (o == y ? 1.0f : 0.0f)) / samples;
        }
    }
}
