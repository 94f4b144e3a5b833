/* peak.cl: what `cltrain bench` calls a device's peak: a loop of nothing but fused multiply-adds
 * (ref: peak_fma), and a copy of memory.
 *
 * Macro  WIDTH  floats of a vector: 1, 2, 4, 8, 16 */
#define JOIN(a, b) a##b
#define NAME(a, b) JOIN(a, b)
#if WIDTH == 1
#define FLOAT float
#define LOAD(k, p) (p)[k]
#define STORE(v, k, p) ((p)[k] = (v))
#else
#define FLOAT NAME(float, WIDTH)
#define LOAD(k, p) NAME(vload, WIDTH)(k, p)
#define STORE(v, k, p) NAME(vstore, WIDTH)(v, k, p)
#endif

/* Independent chains of a work-item: enough to cover a multiply-add's latency, few enough for
 * sixteen registers. Written out, because an array may end up in memory. */
#define CHAINS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

/* y[k] = sum over chains c of what x[k] + c becomes by `steps` times v = v * 0.9999 + 0.5. The
 * factor keeps the numbers ordinary, and each step shows in the result.
 * x, y [items * WIDTH]; one work-item a vector. */
__kernel void peak_fma(__global const float *restrict x, __global float *restrict y, int items,
                       int steps)
{
    int k = get_global_id(0);
    if (k >= items) {
        return;
    }
    FLOAT start = LOAD(k, x), sum = (FLOAT)0.0f;
#define CHAIN_BEGIN(c) FLOAT v##c = start + (float)c;
#define CHAIN_STEP(c) v##c = fma(v##c, (FLOAT)0.9999f, (FLOAT)0.5f);
#define CHAIN_END(c) sum += v##c;
    CHAINS(CHAIN_BEGIN)
    for (int step = 0; step < steps; step++) {
        CHAINS(CHAIN_STEP)
    }
    CHAINS(CHAIN_END)
    STORE(sum, k, y);
}

/* y = x: `span` vectors a work-item, next to each other. x, y [items * span * WIDTH]. */
__kernel void peak_copy(__global const float *restrict x, __global float *restrict y, int items,
                        int span)
{
    size_t first = get_global_id(0) * (size_t)span;
    if (get_global_id(0) >= items) {
        return;
    }
    for (int k = 0; k < span; k++) {
        STORE(LOAD(first + k, x), first + k, y);
    }
}
