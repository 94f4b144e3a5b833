/* dropout.cl: y = x * mask / (1 - rate), the mask drawn from logical places.
 *
 * x, y [count, features]; a row is a position of (t, b), or with timesteps 0 sample b at t = 0.
 * `locked`: the masks of t = 0 at all time steps. `add`: y += instead. x none: ones.
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

#ifdef CLT_WHOLE_ROWS
/* clt_dropout_words of sixteen quarters from `quarter` on, in order of features: word[0 .. 3].
 * Philox4x32-10 with a counter in each lane. */
static void dropout_words16(ulong seed, uint layer, uint step, uint sample, uint t, uint quarter,
                            uint16 *word)
{
    const uint16 lane = (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ulong key = seed + (ulong)step * 0x9E3779B97F4A7C15UL;
    uint k0 = (uint)key, k1 = (uint)(key >> 32);
    uint16 c0 = sample, c1 = t, c2 = quarter + lane, c3 = 3u + 256u * layer;
    for (int round = 0; round < 10; round++) {
        ulong16 p0 = convert_ulong16(c0) * 0xD2511F53UL, p1 = convert_ulong16(c2) * 0xCD9E8D57UL;
        c0 = convert_uint16(p1 >> 32) ^ c1 ^ k0;
        c2 = convert_uint16(p0 >> 32) ^ c3 ^ k1;
        c1 = convert_uint16(p1);
        c3 = convert_uint16(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    /* From one vector for each of a quarter's four features to features in order. */
    uint16 even, odd;
    even.even = c0.lo, even.odd = c2.lo, odd.even = c1.lo, odd.odd = c3.lo;
    word[0].even = even.lo, word[0].odd = odd.lo, word[1].even = even.hi, word[1].odd = odd.hi;
    even.even = c0.hi, even.odd = c2.hi, odd.even = c1.hi, odd.odd = c3.hi;
    word[2].even = even.lo, word[2].odd = odd.lo, word[3].even = even.hi, word[3].odd = odd.hi;
}
#endif

__kernel void dropout_apply(__global const float *x, __global float *y, ulong seed, uint layer,
                            uint step, uint threshold, float scale, int count, int features,
                            int samples, int timesteps, int shards, int locked, int add, int rows,
                            int span)
{
    int quarters = (features + 3) / 4;
    int begin = get_global_id(0) * span, end = min(begin + span, quarters);
    int first = get_global_id(1) * rows, last = min(first + rows, count);
    for (int n = first; n < last; n++) {
        int b, t;
        clt_place_of(n, samples, timesteps, shards, &b, &t);
        t = locked ? 0 : t;
#ifdef CLT_WHOLE_ROWS
        for (int quarter = begin; quarter < end; quarter += 16) {
            uint16 word[4];
            dropout_words16(seed, layer, step, b, t, quarter, word);
            size_t from = (size_t)n * features + 4 * quarter;
            int left = features - 4 * quarter, v = 0;
            for (; v < 4 && 16 * (v + 1) <= left; v++) {
                float16 kept = (float16)scale;
                if (x) { /* ?: of vectors need not branch */
                    kept = vload16(v, x + from) * scale;
                }
                kept = word[v] >= threshold ? kept : (float16)0.0f;
                vstore16(add ? vload16(v, y + from) + kept : kept, v, y + from);
            }
            uint words[16];
            if (v < 4) {
                vstore16(word[v], 0, words);
            }
            for (int k = 16 * v; k < min(left, 64); k++) {
                float kept = x ? x[from + k] * scale : scale;
                kept = words[k - 16 * v] >= threshold ? kept : 0.0f;
                y[from + k] = add ? y[from + k] + kept : kept;
            }
        }
#else
        for (int quarter = begin; quarter < end; quarter++) {
            uint4 words = clt_dropout_words(seed, layer, step, b, t, quarter);
            uint word[4] = {words.x, words.y, words.z, words.w};
            size_t from = (size_t)n * features + 4 * quarter;
            for (int k = 0; k < 4 && 4 * quarter + k < features; k++) {
                float kept = x ? x[from + k] * scale : scale;
                kept = word[k] >= threshold ? kept : 0.0f;
                y[from + k] = add ? y[from + k] + kept : kept;
            }
        }
#endif
    }
}

/* Whole words: matrix[n] *= scale where the word of id unique[n] stays, else 0; id 0, the pad, is
 * no word. Launch: src/ops/tiling.h over [count, features]. */
__kernel void dropout_words(__global float *matrix, __global const int *unique, ulong seed,
                            uint layer, uint step, uint threshold, float scale, int count,
                            int features, int rows, int span)
{
    int begin = get_global_id(0) * span, end = min(begin + span, features);
    int first = get_global_id(1) * rows, last = min(first + rows, count);
    for (int n = first; n < last; n++) {
        if (unique[n] == 0) {
            continue;
        }
        uint word = clt_dropout_words(seed, layer, step, unique[n], 0, 0).x;
        float factor = word >= threshold ? scale : 0.0f;
        __global float *row = matrix + (size_t)n * features;
        for (int d = begin; d < end; d++) {
            row[d] *= factor;
        }
    }
}
