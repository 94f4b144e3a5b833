/* loss.cl: cross-entropy from logits, one work-item a sample. targets [B] are labels.
 *
 * dlogits is the gradient of the mean over samples, NULL where it is not wanted. Comparisons take
 * the place of fmax, which would turn a NaN into a number. */

/* Two classes, one logit: loss[b] = max(z, 0) - z * y + log(1 + e^-|z|); hit[b] = (z > 0) == (y >
 * 0.5); dlogits[b] = (sigmoid(z) - y) / B. */
__kernel void loss_binary(__global const float *logits, __global const int *targets,
                          __global float *loss, __global int *hit, __global float *dlogits,
                          int samples)
{
    int b = get_global_id(0);
    if (b >= samples) {
        return;
    }
    float z = logits[b], y = targets[b];
    loss[b] = (z < 0.0f ? 0.0f : z) - z * y + log1p(exp(-fabs(z)));
    hit[b] = (z > 0.0f) == (y > 0.5f);
    if (dlogits != 0) {
        dlogits[b] = (clt_sigmoid(z) - y) / samples;
    }
}

/* A logit a class, logits [B, O]: with m the largest and sum that of e^(z[o] - m), loss[b] =
 * log(sum) - (z[y] - m); hit[b]: the first class of the largest logit is y;
 * dlogits[b, o] = (e^(z[o] - m) / sum - (o == y)) / B. */
__kernel void loss_categorical(__global const float *logits, __global const int *targets,
                               __global float *loss, __global int *hit, __global float *dlogits,
                               int samples, int outputs)
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
    float most = z[likeliest], sum = 0.0f;
    CLT_IN_ORDER
    for (int o = 0; o < outputs; o++) {
        sum += exp(z[o] - most);
    }
    loss[b] = log(sum) - (z[y] - most);
    hit[b] = likeliest == y;
    if (dlogits != 0) {
        __global float *dz = dlogits + (size_t)b * outputs;
        for (int o = 0; o < outputs; o++) {
            dz[o] = (exp(z[o] - most) / sum - (o == y ? 1.0f : 0.0f)) / samples;
        }
    }
}
