/* gemm.cl: C[m, n] (+)= op(A)[m, k] . op(B)[k, n], row-major float.
 *
 * The order of an element's sum is part of the recipe: terms p = 0 .. k - 1 in partial sums of
 * DEPTH, each a chain of fma() from 0; partial sums are added in order, to C's old value when
 * accumulating. Tiles, vector width and launch shape change no bits, nor do other rows or columns.
 *
 * Macros of the prelude:
 *   A_TRANSPOSED   1: A is stored [k, m]
 *   B_TRANSPOSED   1: B is stored [n, k]; gemm_pack runs first and `b` of gemm is its output
 *   WIDTH          lanes of a vector: 4, 8 or 16
 *   STAGED         1: the rows of B of a partial sum are copied together before they are used, for
 *                  a B whose rows lie so far apart that they throw each other out of the cache
 *   ROWS, VECTORS  a register tile: 4 or 6 rows by 1 to 4 vectors of columns, one panel
 *   DEPTH          terms of a partial sum, and rows of B that a work-item of gemm_pack packs
 * Launch: work-groups of one work-item; the global sizes stand at the kernels. */

#define PANEL (VECTORS * WIDTH)

/* Where tile() reads B, and whether a panel's vectors lie side by side there. */
#if STAGED
#define B_SPACE private
#else
#define B_SPACE global
#endif
#define SIDE_BY_SIDE (B_TRANSPOSED || STAGED)
#define LOAD(p) (*(B_SPACE const unalignedv *)(p))

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define floatv JOIN(float, WIDTH)
#define unalignedv JOIN(clt_unaligned, WIDTH)

/* The first column of the vector that is responsible for the columns from `column` on. At the right
 * edge it moves left and overlaps its neighbour, so that loads stay inside a row of n >= WIDTH. */
static inline int vector_start(int column, int n)
{
    return min(column, max(n - WIDTH, 0));
}

/* Packs B stored [n, k] into panels [ceil(n / PANEL)][k][PANEL], 0 in columns from n on.
 * Global: (ceil(k / DEPTH), vectors of columns in all). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm_pack(int n, int k, global const float *b, ulong b_offset, int ldb, global float *packed)
{
    const int p0 = (int)get_global_id(0) * DEPTH, p1 = min(p0 + DEPTH, k);
    const int vector = (int)get_global_id(1);
    const int start = vector_start(vector * WIDTH, n);
    const int valid = min(WIDTH, n - start);
    global const float *from = b + b_offset + (size_t)start * ldb;
    global float *to = packed + (size_t)(vector / VECTORS) * k * PANEL + vector % VECTORS * WIDTH;
    for (int p = p0; p < p1; p++) {
        for (int lane = 0; lane < WIDTH; lane++) {
            to[(size_t)p * PANEL + lane] = lane < valid ? from[(size_t)lane * ldb + p] : 0.0f;
        }
    }
}

/* c[column .. column + WIDTH - 1] (+)= sum, whose lane 0 is column `start`; none from n on. */
static inline void store(floatv sum, int column, int start, int n, int add, global float *c)
{
    if (start == column && column + WIDTH <= n) {
        global unalignedv *to = (global unalignedv *)(c + column);
        *to = add ? *to + sum : sum;
        return;
    }
    float lanes[WIDTH];
    *(unalignedv *)lanes = sum;
    for (int j = column; j < n; j++) {
        c[j] = add ? c[j] + lanes[j - start] : lanes[j - start];
    }
}

/* A tile's rows as text, because compilers keep named vectors in registers but not all of them an
 * array of vectors. */
#if ROWS == 4
#define EACH_ROW(X) X(0) X(1) X(2) X(3)
#elif ROWS == 6
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)
#endif

#define BEGIN(r)                                                                                   \
    floatv sum##r##0 = 0.0f, sum##r##1 = 0.0f, sum##r##2 = 0.0f, sum##r##3 = 0.0f;                 \
    global const float *row##r = a + (size_t)min(i0 + r, m - 1) * (A_TRANSPOSED ? 1 : lda);

#define TERM(r)                                                                                    \
    {                                                                                              \
        const floatv factor = row##r[A_TRANSPOSED ? (size_t)p * lda : (size_t)p];                  \
        sum##r##0 = fma(factor, x0, sum##r##0);                                                    \
        if (vectors > 1) {                                                                         \
            sum##r##1 = fma(factor, x1, sum##r##1);                                                \
        }                                                                                          \
        if (vectors > 2) {                                                                         \
            sum##r##2 = fma(factor, x2, sum##r##2);                                                \
        }                                                                                          \
        if (vectors > 3) {                                                                         \
            sum##r##3 = fma(factor, x3, sum##r##3);                                                \
        }                                                                                          \
    }

#define END(r)                                                                                     \
    sums[r][0] = sum##r##0;                                                                        \
    sums[r][1] = sum##r##1;                                                                        \
    sums[r][2] = sum##r##2;                                                                        \
    sums[r][3] = sum##r##3;

/* A tile that is whole goes from the registers to C. */
#define STORE_VECTOR(r, v)                                                                         \
    if (vectors > v) {                                                                             \
        to##r[v] = add ? to##r[v] + sum##r##v : sum##r##v;                                         \
    }
#define STORE(r)                                                                                   \
    global unalignedv *to##r = (global unalignedv *)(c + (size_t)(i0 + r) * ldc + j0);             \
    STORE_VECTOR(r, 0) STORE_VECTOR(r, 1) STORE_VECTOR(r, 2) STORE_VECTOR(r, 3)

/* One partial sum, p0 <= p < p1, of ROWS rows from i0 on and `vectors` vectors of columns from j0
 * on; b is row p0 of B. Rows past the last are copies of it and not stored. `vectors` is a constant
 * at each call. */
CLT_INLINE void tile(const int vectors, int i0, int j0, int p0, int p1, int m, int n,
                     global const float *a, int lda, B_SPACE const float *b, int ldb, int add,
                     global float *c, int ldc)
{
    floatv sums[ROWS][4];
    const int start0 = vector_start(j0, n), start1 = vector_start(j0 + WIDTH, n);
    const int start2 = vector_start(j0 + 2 * WIDTH, n), start3 = vector_start(j0 + 3 * WIDTH, n);
    const int at0 = SIDE_BY_SIDE ? 0 : start0, at1 = SIDE_BY_SIDE ? WIDTH : start1;
    const int at2 = SIDE_BY_SIDE ? 2 * WIDTH : start2, at3 = SIDE_BY_SIDE ? 3 * WIDTH : start3;
    EACH_ROW(BEGIN)
    for (int p = p0; p < p1; p++) {
        B_SPACE const float *terms = b + (size_t)(p - p0) * ldb;
        const floatv x0 = LOAD(terms + at0);
        const floatv x1 = vectors > 1 ? LOAD(terms + at1) : 0.0f;
        const floatv x2 = vectors > 2 ? LOAD(terms + at2) : 0.0f;
        const floatv x3 = vectors > 3 ? LOAD(terms + at3) : 0.0f;
        EACH_ROW(TERM)
    }
    if (i0 + ROWS <= m && j0 + vectors * WIDTH <= n) {
        EACH_ROW(STORE)
        return;
    }
    EACH_ROW(END)
    /* At an edge. Loops, because compilers need seconds for a copy of store() for each vector. */
#pragma unroll 1
    for (int r = 0; r < min(ROWS, m - i0); r++) {
#pragma unroll 1
        for (int v = 0; v < vectors; v++) {
            const int column = j0 + v * WIDTH;
            store(sums[r][v], column, vector_start(column, n), n, add, c + (size_t)(i0 + r) * ldc);
        }
    }
}

#if STAGED
/* Rows p0 .. p1 - 1 of a panel of B, side by side. */
CLT_INLINE void stage(const int vectors, int j0, int p0, int p1, int n, global const float *b,
                      int ldb, float *staged)
{
    for (int p = p0; p < p1; p++) {
        for (int v = 0; v < vectors; v++) {
            const int start = vector_start(j0 + v * WIDTH, n);
            *(unalignedv *)(staged + (p - p0) * PANEL + v * WIDTH) =
                *(global const unalignedv *)(b + (size_t)p * ldb + start);
        }
    }
}
#endif

/* All partial sums of rows i0 .. i1 - 1 of a panel, one partial sum at a time, so that its rows of
 * B stay in the cache for all rows of A. */
CLT_INLINE void panel(const int vectors, int i0, int i1, int j0, int m, int n, int k,
                      global const float *a, int lda, global const float *b, int ldb, int add,
                      global float *c, int ldc)
{
#if STAGED
    float terms[DEPTH * PANEL];
    const int row = PANEL;
#else
    const int row = ldb;
#endif
    for (int p0 = 0; p0 < k; p0 += DEPTH) {
        const int p1 = min(p0 + DEPTH, k), add_partial = add || p0 > 0;
#if STAGED
        stage(vectors, j0, p0, p1, n, b, ldb, terms);
#else
        global const float *terms = b + (size_t)p0 * ldb;
#endif
        for (int i = i0; i < i1; i += ROWS) {
#if A_TRANSPOSED
            /* The next partial sum's rows of A and B, a part for each tile: neither lies in a
             * piece. */
            const int next = p1 + (i - i0) * DEPTH / (i1 - i0);
            const int end = min(p1 + (i + ROWS - i0) * DEPTH / (i1 - i0), k);
            clt_prefetch_rows(a + i0, lda, next, end, i1 - i0);
            clt_prefetch_rows(b + (B_TRANSPOSED ? 0 : j0), ldb, next, end, vectors * WIDTH);
#endif
            tile(vectors, i, j0, p0, p1, m, n, a, lda, terms, row, add_partial, c, ldc);
        }
    }
}

#if !B_TRANSPOSED
/* n < WIDTH: no vector fits into a row. */
static inline void narrow(int i0, int i1, int n, int k, global const float *a, int lda,
                          global const float *b, int ldb, int add, global float *c, int ldc)
{
    for (int i = i0; i < i1; i++) {
        for (int j = 0; j < n; j++) {
            for (int p0 = 0; p0 < k; p0 += DEPTH) {
                float sum = 0.0f;
                for (int p = p0; p < min(p0 + DEPTH, k); p++) {
                    const float factor =
                        a[A_TRANSPOSED ? (size_t)p * lda + i : (size_t)i * lda + p];
                    sum = fma(factor, b[(size_t)p * ldb + j], sum);
                }
                global float *element = c + (size_t)i * ldc + j;
                *element = add || p0 > 0 ? *element + sum : sum;
            }
        }
    }
}
#endif

/* Global: (ceil(n / PANEL), ceil(m / (ROWS * tiles))); `tiles` tiles of rows to a work-item. A half
 * of the work-items, which some runtimes give a compute unit at once, has all panels of half of the
 * rows: that is half of the work, and half of the panels may not be, the last one being narrower. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm(int m, int n, int k, int tiles, int add, global const float *a, ulong a_offset, int lda,
     global const float *b, ulong b_offset, int ldb, global float *c, ulong c_offset, int ldc)
{
    const int i0 = (int)get_global_id(1) * ROWS * tiles, i1 = min(i0 + ROWS * tiles, m);
    const int j0 = (int)get_global_id(0) * PANEL;
    a += a_offset;
    c += c_offset;
#if B_TRANSPOSED
    b += (size_t)j0 * k;
    ldb = PANEL;
#else
    b += b_offset;
    if (n < WIDTH) {
        narrow(i0, i1, n, k, a, lda, b, ldb, add, c, ldc);
        return;
    }
#endif
    const int vectors = min(VECTORS, (n - j0 + WIDTH - 1) / WIDTH);
    switch (vectors) {
    case 1:
        panel(1, i0, i1, j0, m, n, k, a, lda, b, ldb, add, c, ldc);
        break;
    case 2:
        panel(2, i0, i1, j0, m, n, k, a, lda, b, ldb, add, c, ldc);
        break;
    case 3:
        panel(3, i0, i1, j0, m, n, k, a, lda, b, ldb, add, c, ldc);
        break;
    default:
        panel(VECTORS, i0, i1, j0, m, n, k, a, lda, b, ldb, add, c, ldc);
        break;
    }
}
