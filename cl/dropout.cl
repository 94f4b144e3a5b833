/* dropout.cl: y = x * mask / (1 - rate), the mask drawn from logical places.
 *
 * x, y [count, features]; a row is a position of (t, b), or with timesteps 0 sample b at t = 0.
 * Element (b, t, d) is kept where its 32-bit number (clt_dropout_words) is at least `threshold`;
 * kept elements are multiplied by `scale` = 1 / (1 - rate).
 * Launch: src/ops/tiling.h over [count, quarters of four features]. */

/* The sample and the time step of a position (src/util/shards.h). */
static void clt_place_of(int position, int samples, int timesteps, int shards, int *b, int *t)
{
    if (timesteps == 0) {
        *b = position;
        *t = 0;
        return;
    }
    int s = 0, first = 0, next = (int)((long)samples / shards);
    while (position >= timesteps * next) {
        s++;
        first = next;
        next = (int)((long)(s + 1) * samples / shards);
    }
    int inside = position - timesteps * first, size = next - first;
    *t = inside / size;
    *b = first + inside % size;
}

__kernel void dropout_apply(__global const float *x, __global float *y, ulong seed, uint layer,
                            uint step, uint threshold, float scale, int count, int features,
                            int samples, int timesteps, int shards, int rows, int span)
{
    int quarters = (features + 3) / 4;
    int begin = get_global_id(0) * span, end = min(begin + span, quarters);
    int first = get_global_id(1) * rows, last = min(first + rows, count);
    for (int n = first; n < last; n++) {
        int b, t;
        clt_place_of(n, samples, timesteps, shards, &b, &t);
        for (int quarter = begin; quarter < end; quarter++) {
            uint4 words = clt_dropout_words(seed, layer, step, b, t, quarter);
            uint word[4] = {words.x, words.y, words.z, words.w};
            size_t from = (size_t)n * features + 4 * quarter;
            for (int k = 0; k < 4 && 4 * quarter + k < features; k++) {
                y[from + k] = word[k] >= threshold ? x[from + k] * scale : 0.0f;
            }
        }
    }
}
