/* loss.cl: binary cross-entropy from logits, one work-item a sample.
 *
 * loss[b] = max(z, 0) - z * y + log(1 + e^-|z|); hit[b] = (z > 0) == (y > 0.5);
 * dlogits[b] = (sigmoid(z) - y) / B unless dlogits is NULL. */
__kernel void loss_forward(__global const float *logits, __global const float *targets,
                           __global float *loss, __global int *hit, __global float *dlogits,
                           int samples)
{
    int b = get_global_id(0);
    if (b >= samples) {
        return;
    }
    float z = logits[b], y = targets[b];
    /* fmax would turn a NaN into 0 */
    loss[b] = (z < 0.0f ? 0.0f : z) - z * y + log1p(exp(-fabs(z)));
    hit[b] = (z > 0.0f) == (y > 0.5f);
    if (dlogits != 0) {
        dlogits[b] = (clt_sigmoid(z) - y) / samples;
    }
}
