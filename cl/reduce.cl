/* reduce.cl: sums over positions and samples, and the record of a training step. */

#define SEGMENT_PIECE 64    /* CLT_SEGMENT_PIECE of src/ref/ref_ops.h */
#define SQUARES_CHUNK 1024  /* CLT_SQUARES_CHUNK */

/* Four vectors side by side, so that a CPU reads 256 neighbouring bytes of a position at a time.
 * Named members, because compilers keep those in registers but not all of them an array. */
typedef struct wide {
    float16 a, b, c, d;
} wide;

static wide load_wide(__global const float *p)
{
    const __global clt_unaligned16 *v = (const __global clt_unaligned16 *)p;
    wide w = {v[0], v[1], v[2], v[3]};
    return w;
}

static void store_wide(wide w, __global float *p)
{
    __global clt_unaligned16 *v = (__global clt_unaligned16 *)p;
    v[0] = w.a;
    v[1] = w.b;
    v[2] = w.c;
    v[3] = w.d;
}

static wide add_wide(wide x, wide y)
{
    wide w = {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d};
    return w;
}

static float16 load_sixteen(__global const float *p)
{
    return *(const __global clt_unaligned16 *)p;
}

static float16 add_sixteen(float16 a, float16 b)
{
    return a + b;
}

/* Positions ahead whose values are fetched into the cache while a sum goes on: rows are short, so
 * the next ones are, too. */
#define AHEAD 8

static void fetch_wide(__global const float *p)
{
    clt_prefetch_second(p);
    clt_prefetch_second(p + 16);
    clt_prefetch_second(p + 32);
    clt_prefetch_second(p + 48);
}

static void fetch_none(__global const float *p)
{
}

static float load_one(__global const float *p)
{
    return *p;
}

static float add_one(float a, float b)
{
    return a + b;
}

/* The sum of src[p] over the positions p of one row: in each shard (positions[offset[s]] up to the
 * next) pieces of 64, pieces in order, shards by the tree: `pair`, `quad` and `all` are its levels,
 * taken in as they become complete, so that empty shards cost nothing. A sum begins as its first
 * term. */
#define SEGMENT_SUM(NAME, TYPE, LOAD, ADD, FETCH)                                                  \
    static TYPE NAME(__global const float *src, __global const int *offset,                        \
                     __global const int *positions, int columns, int shards, int last_position)    \
    {                                                                                              \
        TYPE sum, pair, quad, all;                                                                 \
        int has_pair = 0, has_quad = 0, has_all = 0;                                               \
        for (int s = 0; s < shards; s++) {                                                         \
            int begin = offset[s], end = offset[s + 1], last = s + 1 == shards;                    \
            for (int from = begin; from < end; from += SEGMENT_PIECE) {                            \
                int to = min(from + SEGMENT_PIECE, end);                                           \
                TYPE piece = LOAD(src + (size_t)positions[from] * columns);                        \
                FETCH(src + (size_t)positions[min(from + AHEAD, last_position)] * columns);        \
                CLT_IN_ORDER                                                                       \
                for (int k = from + 1; k < to; k++) {                                              \
                    FETCH(src + (size_t)positions[min(k + AHEAD, last_position)] * columns);       \
                    piece = ADD(piece, LOAD(src + (size_t)positions[k] * columns));                \
                }                                                                                  \
                sum = from > begin ? ADD(sum, piece) : piece;                                      \
            }                                                                                      \
            if (begin < end) {                                                                     \
                pair = has_pair ? ADD(pair, sum) : sum;                                            \
                has_pair = 1;                                                                      \
            }                                                                                      \
            if (has_pair && ((s & 1) == 1 || last)) {                                              \
                quad = has_quad ? ADD(quad, pair) : pair;                                          \
                has_quad = 1;                                                                      \
                has_pair = 0;                                                                      \
            }                                                                                      \
            if (has_quad && ((s & 3) == 3 || last)) {                                              \
                all = has_all ? ADD(all, quad) : quad;                                             \
                has_all = 1;                                                                       \
                has_quad = 0;                                                                      \
            }                                                                                      \
        }                                                                                          \
        return all;                                                                                \
    }
SEGMENT_SUM(segment_one, float, load_one, add_one, fetch_none)
SEGMENT_SUM(segment_sixteen, float16, load_sixteen, add_sixteen, fetch_none)
SEGMENT_SUM(segment_wide, wide, load_wide, add_wide, fetch_wide)

/* dst[u, c] = sum of src[p, c] over the positions p of row u; every row has at least one.
 * src [N, columns], dst [row_count, columns].
 * Launch: src/ops/tiling.h over [row_count, columns]. */
__kernel void reduce_segments(__global const float *restrict src, __global const int *offsets,
                              __global const int *positions, __global float *restrict dst,
                              int row_count, int columns, int shards, int rows, int span)
{
    int begin = get_global_id(0) * span, end = min(begin + span, columns);
    int first = get_global_id(1) * rows, last = min(first + rows, row_count);
    int last_position = offsets[(size_t)row_count * shards] - 1;
    for (int u = first; u < last; u++) {
        __global const int *offset = offsets + (size_t)u * shards;
        __global float *to = dst + (size_t)u * columns;
        int c = begin;
#ifdef CLT_WHOLE_ROWS
        for (; c < end && end - begin >= 64; c += 64) { /* the last 64 may overlap those before */
            const int at = min(c, end - 64);
            store_wide(segment_wide(src + at, offset, positions, columns, shards, last_position),
                       to + at);
        }
        for (; c + 16 <= end; c += 16) {
            vstore16(segment_sixteen(src + c, offset, positions, columns, shards, last_position), 0,
                     to + c);
        }
#endif
        for (; c < end; c++) {
            to[c] = segment_one(src + c, offset, positions, columns, shards, last_position);
        }
    }
}

/* partials[at + k] = the sum of squares of chunk k of values[0 .. count - 1], one work-item a
 * chunk: sixteen interleaved sums, added pairwise. */
__kernel void reduce_squares(__global const float *values, int count, __global float *partials,
                             int at)
{
    int chunk = get_global_id(0), begin = chunk * SQUARES_CHUNK;
    if (begin >= count) {
        return;
    }
    int end = min(begin + SQUARES_CHUNK, count);
    float16 sums = (float16)0.0f;
    int k = begin;
    for (; k + 16 <= end; k += 16) {
        float16 v = vload16(0, values + k);
        sums = fma(v, v, sums);
    }
    float8 eight = sums.lo + sums.hi;
    float4 four = eight.lo + eight.hi;
    float2 two = four.lo + four.hi;
    float sum = two.x + two.y;
    for (; k < end; k++) {
        sum = fma(values[k], values[k], sum);
    }
    partials[at + chunk] = sum;
}

/* The record of a step, by one work-item: loss and hits summed in sample order inside shards,
 * shards by the tree; partials in order. The flag stays set once it is. */
__kernel void reduce_record(__global const float *loss, __global const int *hit, int samples,
                            int shards, __global const float *partials, int partial_count,
                            __global clt_record *record)
{
    float sums[CLT_SHARDS_MAX];
    int hits = 0;
    for (int s = 0; s < CLT_SHARDS_MAX; s++) {
        int first = (int)((long)s * samples / shards);
        int next = (int)((long)(s + 1) * samples / shards);
        float sum = 0.0f;
        CLT_IN_ORDER
        for (int b = first; s < shards && b < next; b++) {
            sum += loss[b];
            hits += hit[b];
        }
        sums[s] = sum;
    }
    float total = clt_tree_sum(sums, (1u << shards) - 1), squared_norm = 0.0f;
    CLT_IN_ORDER
    for (int k = 0; k < partial_count; k++) {
        squared_norm += partials[k];
    }
    record->loss = total;
    record->hits = hits;
    record->squared_norm = squared_norm;
    record->bad |= clt_is_bad(total) | clt_is_bad(squared_norm);
}
