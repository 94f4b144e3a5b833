/* common.cl: what every kernel file may use. It stands before each of them in its program.
 *
 * Letters: B samples, T time steps, D features, H hidden units, G = 4H gate columns in the order
 * i, f, c, o, U unique rows, S shards, N = T * B positions (src/util/shards.h, shapes.h). */

/* a * b + c is one rounding only where fma() is written, so that two kernels that must agree do. */
#pragma OPENCL FP_CONTRACT OFF

#define CLT_SHARDS_MAX 8

/* Arguments called constant are constants only once a function is inlined. */
#define CLT_INLINE static inline __attribute__((always_inline))

/* Vectors at any address: vload16 and vstore16 become several instructions on some compilers. */
typedef float16 clt_unaligned16 __attribute__((aligned(4)));
typedef float8 clt_unaligned8 __attribute__((aligned(4)));
typedef float4 clt_unaligned4 __attribute__((aligned(4)));

/* Stands before a loop that adds up floats one by one, because the order of sums belongs to the
 * recipe: Intel's compiler for CPUs makes lanes of such a loop though no option lets it. It leaves
 * sums of vectors and chains of fma() as they are. */
#define CLT_IN_ORDER _Pragma("clang loop vectorize(disable)")

/* Asks for the cache line at p before it is needed, or only into the second cache, where the first
 * has no room; stores a vector at a multiple of its size past the caches, for much later: the lock
 * at the end of a launch makes it seen. PoCL's prefetch() does nothing, but its compiler has one
 * that does. */
#ifdef CLT_POCL
#define clt_prefetch(p) __builtin_prefetch((const void *)(size_t)(p))
#define clt_prefetch_second(p) __builtin_prefetch((const void *)(size_t)(p), 0, 2)
/* The cast, because the compiler takes the alignment from the value's type. */
#define clt_store_past(v, p) __builtin_nontemporal_store((float16)(v), (global float16 *)(p))
#else
#define clt_prefetch(p) prefetch(p, 1)
#define clt_prefetch_second(p) prefetch(p, 1)
#define clt_store_past(v, p) (*(global clt_unaligned16 *)(p) = (v))
#endif

/* Asks for columns 0 .. columns - 1 of the rows first .. end - 1 of a matrix, in the second cache:
 * what waits in the first one throws out what is in use. */
static inline void clt_prefetch_rows(global const float *matrix, int ld, int first, int end,
                                     int columns)
{
    for (int r = first; r < end; r++) {
        for (int c = 0; c < columns; c += 16) {
            clt_prefetch_second(matrix + (size_t)r * ld + c);
        }
    }
}

/* The record of a training step; clt_record in src/ops/ops.h. */
typedef struct clt_record {
    float loss;
    int hits;
    float squared_norm;
    int bad;
} clt_record;

/* NaN or infinite: all exponent bits set. An integer test, because a floating one may be folded
 * away. */
static int clt_is_bad(float x)
{
    return (as_int(x) & 0x7f800000) == 0x7f800000;
}

/* The first `lanes` of a vector, 1 .. 16 and a constant where these are called. */
CLT_INLINE float16 clt_load16(const int lanes, global const float *p)
{
    if (lanes == 16) {
        return *(global const clt_unaligned16 *)p;
    }
    const float2 v2 = lanes & 1 ? (float2)(p[lanes & 14], 0.0f) : (float2)0.0f;
    const float4 v4 = lanes & 2 ? (float4)(vload2(0, p + (lanes & 12)), v2) : (float4)(v2, v2);
    const float8 v8 =
        lanes & 4 ? (float8)(vload4(0, p + (lanes & 8)), v4) : (float8)(v4, (float4)0.0f);
    return lanes & 8 ? (float16)(*(global const clt_unaligned8 *)p, v8)
                     : (float16)(v8, (float8)0.0f);
}

CLT_INLINE void clt_store16(const int lanes, float16 v, global float *p)
{
    if (lanes == 16) {
        *(global clt_unaligned16 *)p = v;
        return;
    }
    float8 v8 = v.lo;
    if (lanes & 8) {
        *(global clt_unaligned8 *)p = v8;
        v8 = v.hi;
        p += 8;
    }
    float4 v4 = v8.lo;
    if (lanes & 4) {
        vstore4(v4, 0, p);
        v4 = v8.hi;
        p += 4;
    }
    float2 v2 = v4.lo;
    if (lanes & 2) {
        vstore2(v2, 0, p);
        v2 = v4.hi;
        p += 2;
    }
    if (lanes & 1) {
        *p = v2.x;
    }
}

/* ---- the order of sums over shards ------------------------------------------------------------
 * ((0+1)+(2+3))+((4+5)+(6+7)) of v[s] where bit s of `present` is set; absent leaves are skipped,
 * 0 when none is present. v is used up. */
#define CLT_TREE_SUM(NAME, TYPE)                                                                   \
    static TYPE NAME(TYPE *v, uint present)                                                        \
    {                                                                                              \
        for (int step = 1; step < CLT_SHARDS_MAX; step *= 2) {                                     \
            for (int s = 0; s < CLT_SHARDS_MAX; s += 2 * step) {                                   \
                uint left = present >> s & 1, right = present >> (s + step) & 1;                   \
                if (left && right) {                                                               \
                    v[s] += v[s + step];                                                           \
                } else if (right) {                                                                \
                    v[s] = v[s + step];                                                            \
                    present |= 1u << s;                                                            \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        return present & 1 ? v[0] : (TYPE)0.0f;                                                    \
    }
CLT_TREE_SUM(clt_tree_sum, float)
CLT_TREE_SUM(clt_tree_sum16, float16)

/* ---- sigmoid and tanh -------------------------------------------------------------------------
 * exp(y) = s (1 + e), s = 2^n, n = rint(y / ln 2), e = expm1(y - n ln 2) by a polynomial of degree
 * 6 (relative error 1.3e-8). x is clamped so that |y| <= 88: sigmoid is 1 or a denormal there,
 * tanh 1 or -1. Then, without cancellation,
 *   sigmoid(x) = 1 / (1 + exp(-x)) = 1 / (s + 1 + s e)               with y = -x
 *   tanh(x) = (1 - exp(-2x)) / (1 + exp(-2x)) = (1 - s - s e) / (s + 1 + s e)     with y = -2x.
 * At most 4 ulp (tests/ops/test_activations.c). NaN gives NaN: it fails both comparisons of the
 * clamp and stays in e. */
/* 1.5 * 2^23: a sum with it is rounded to an integer, in its low bits. */
#define CLT_MAGIC 12582912.0f
#define CLT_ACTIVATIONS(FLOAT, AS_INT, AS_FLOAT, EXP, SIGMOID, TANH)                               \
    static void EXP(FLOAT x, const float factor, FLOAT *s, FLOAT *e)                               \
    {                                                                                              \
        x = x > (FLOAT)(88.0f / factor) ? (FLOAT)(88.0f / factor) : x;                             \
        x = x < (FLOAT)(-88.0f / factor) ? (FLOAT)(-88.0f / factor) : x;                           \
        FLOAT y = -factor * x;                                                                     \
        FLOAT biased = fma(y, (FLOAT)1.44269504f, (FLOAT)CLT_MAGIC + 127.0f);                      \
        FLOAT n = biased - ((FLOAT)CLT_MAGIC + 127.0f);                                            \
        FLOAT r = fma(n, (FLOAT)-0.693145752f, y);                                                 \
        r = fma(n, (FLOAT)-1.42860677e-6f, r);                                                     \
        FLOAT q = fma(r, (FLOAT)0.00138825167f, (FLOAT)0.00836654752f);                            \
        q = fma(q, r, (FLOAT)0.0416672006f);                                                       \
        q = fma(q, r, (FLOAT)0.166665435f);                                                        \
        q = fma(q, r, (FLOAT)0.49999997f);                                                         \
        *e = fma(q, r * r, r);                                                                     \
        *s = AS_FLOAT(AS_INT(biased) << 23);                                                       \
    }                                                                                              \
    static FLOAT SIGMOID(FLOAT x)                                                                  \
    {                                                                                              \
        FLOAT s, e;                                                                                \
        EXP(x, 1.0f, &s, &e);                                                                      \
        return 1.0f / fma(s, e, s + 1.0f);                                                         \
    }                                                                                              \
    static FLOAT TANH(FLOAT x)                                                                     \
    {                                                                                              \
        FLOAT s, e;                                                                                \
        EXP(x, 2.0f, &s, &e);                                                                      \
        return fma(-s, e, 1.0f - s) / fma(s, e, s + 1.0f);                                         \
    }
CLT_ACTIVATIONS(float, as_int, as_float, clt_exp_parts, clt_sigmoid, clt_tanh)
CLT_ACTIVATIONS(float16, as_int16, as_float16, clt_exp_parts16, clt_sigmoid16, clt_tanh16)

/* ---- counter-based random numbers -------------------------------------------------------------
 * Philox4x32-10, bit for bit src/util/random.c. */
static uint4 clt_philox(uint4 counter, uint2 key)
{
    for (int round = 0; round < 10; round++) {
        uint high0 = mul_hi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
        uint high1 = mul_hi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
        counter = (uint4)(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

/* The numbers of features 4 * quarter .. 4 * quarter + 3 of a dropout mask: clt_dropout_word. */
static uint4 clt_dropout_words(ulong seed, uint layer, uint step, uint sample, uint t, uint quarter)
{
    ulong key = seed + (ulong)step * 0x9E3779B97F4A7C15UL;
    return clt_philox((uint4)(sample, t, quarter, 3u + 256u * layer),
                      (uint2)((uint)key, (uint)(key >> 32)));
}
