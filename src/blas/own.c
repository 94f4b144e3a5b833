/* own.c: matrix products by cl/gemm.cl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas/provider.h"
#include "util/memory.h"

enum { DEPTH = 128 }; /* terms of a partial sum: part of the recipe, so of every result's bits */

typedef struct own_state {
    clt_runtime *runtime;
    bool accumulate;
    bool staged;              /* macro STAGED of cl/gemm.cl */
    int width, rows, vectors; /* macros of cl/gemm.cl */
    clt_kernel *gemm, *pack;  /* pack NULL: B is read where it lies */
    clt_buffer packed;
} own_state;

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Register tiles: sums, one row of B and a factor fill the registers without spilling. AVX-512 has
 * 32 of 16 lanes, AVX 16 of 8. Results have the same bits with any of them. "own:6x2" asks for 6
 * rows by 2 vectors: whether panels divide the columns can count for more than their size. */
static void choose_tile(const clt_runtime *runtime, const char *variant, own_state *own)
{
    int native = clt_runtime_vector_width(runtime);
    own->width = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    own->rows = native >= 16 || native < 8 ? 4 : 6;
    own->vectors = native >= 16 ? 4 : 2;
    (void)sscanf(variant, "own:%dx%d", &own->rows, &own->vectors);
}

static bool own_suits(const clt_runtime *runtime, const char *variant)
{
    own_state usual, asked;
    choose_tile(runtime, clt_gemm_own.name, &usual);
    choose_tile(runtime, variant, &asked);
    bool other = usual.rows != asked.rows || usual.vectors != asked.vectors;
    return strcmp(variant, clt_gemm_own.name) == 0 || (clt_runtime_is_cpu(runtime) && other);
}

/* Rows of B that lie 2 KiB or more apart fall into few sets of a cache, the more so where the
 * distance is a power of two: 128 of them do not stay there until the next rows of A come. Copying
 * them pays from some ten tiles of rows on. Zen 4, one core, dU of a shard: 512 units 77 to 92
 * GFLOP/s, 1,024 units 59 to 81. */
static bool wants_stage(const clt_runtime *runtime, const clt_gemm_config *config)
{
    enum { COLUMNS_MIN = 512, ROWS_MIN = 64 };
    return clt_runtime_is_cpu(runtime) && !config->b_transposed && config->n >= COLUMNS_MIN &&
           config->m >= ROWS_MIN;
}

static void own_destroy(void *state)
{
    own_state *own = state;
    if (own == NULL) {
        return;
    }
    clt_kernel_destroy(own->gemm);
    clt_kernel_destroy(own->pack);
    clt_buffer_release(own->runtime, &own->packed);
    free(own);
}

static clt_status plan_pack(own_state *own, clt_program *program, const clt_gemm_config *config,
                            clt_error *error)
{
    int panel = own->width * own->vectors;
    size_t bytes;
    clt_status status = clt_kernel_create(program, "gemm_pack", &own->pack, error);
    if (status != CLT_OK) {
        return status;
    }
    if (!clt_mul((size_t)ceil_div(config->n, panel) * (size_t)panel * sizeof(float),
                 (size_t)config->k, &bytes)) {
        return clt_fail_memory(error, SIZE_MAX, "a packed matrix");
    }
    return clt_buffer_create(own->runtime, bytes, "packed matrix", &own->packed, error);
}

static clt_status own_plan(clt_runtime *runtime, const clt_gemm_config *config, void **state,
                           clt_error *error)
{
    clt_program *program;
    char prelude[256];
    clt_status status;
    own_state *own = clt_alloc(1, sizeof *own, "a product's plan", error);
    if (own == NULL) {
        return CLT_FAILED;
    }
    own->runtime = runtime;
    own->accumulate = config->accumulate;
    choose_tile(runtime, clt_gemm_variant_of(runtime, &clt_gemm_own), own);
    own->staged = wants_stage(runtime, config);
    snprintf(prelude, sizeof prelude,
             "#define A_TRANSPOSED %d\n#define B_TRANSPOSED %d\n#define STAGED %d\n#define WIDTH "
             "%d\n#define ROWS %d\n"
             "#define VECTORS %d\n#define DEPTH %d\n",
             config->a_transposed, config->b_transposed, own->staged, own->width, own->rows,
             own->vectors, DEPTH);
    CLT_TRY(clt_program_build(runtime, "gemm", prelude, &program, error));
    CLT_TRY(clt_kernel_create(program, "gemm", &own->gemm, error));
    if (config->b_transposed) {
        CLT_TRY(plan_pack(own, program, config, error));
    }
    *state = own;
    return CLT_OK;
done:
    own_destroy(own);
    return status;
}

/* Row tiles of one work-item: as many as reuse its rows of B from the cache, more where it copies
 * them first, but few enough for several work-items to each compute unit. */
static int tiles_per_item(const own_state *own, int m, int n)
{
    enum { TILES_MAX = 16, STAGED_TILES_MAX = 64, ITEMS_PER_UNIT = 4 };
    int units = (int)clt_runtime_device(own->runtime)->compute_units;
    long long tiles = (long long)ceil_div(m, own->rows) * ceil_div(n, own->width * own->vectors);
    long long share = tiles / ((long long)ITEMS_PER_UNIT * (units > 0 ? units : 1));
    int most = own->staged ? STAGED_TILES_MAX : TILES_MAX;
    return share < 1 ? 1 : share > most ? most : (int)share;
}

static clt_status own_enqueue(void *state, int m, int n, int k, clt_matrix a, clt_matrix b,
                              clt_matrix c, clt_error *error)
{
    const own_state *own = state;
    static const size_t local[2] = {1, 1};
    if (own->pack != NULL) {
        const size_t items[2] = {(size_t)ceil_div(k, DEPTH), (size_t)ceil_div(n, own->width)};
        const clt_arg args[] = {clt_arg_int(n),           clt_arg_int(k),
                                clt_arg_buffer(b.buffer), clt_arg_ulong(b.offset),
                                clt_arg_int(b.ld),        clt_arg_buffer(own->packed)};
        clt_status status =
            clt_kernel_enqueue(own->pack, 2, items, local, args, sizeof args / sizeof *args, error);
        if (status != CLT_OK) {
            return status;
        }
        b.buffer = own->packed;
    }
    int tiles = tiles_per_item(own, m, n);
    const size_t items[2] = {(size_t)ceil_div(n, own->width * own->vectors),
                             (size_t)ceil_div(m, own->rows * tiles)};
    const clt_arg args[] = {clt_arg_int(m),
                            clt_arg_int(n),
                            clt_arg_int(k),
                            clt_arg_int(tiles),
                            clt_arg_int(own->accumulate),
                            clt_arg_buffer(a.buffer),
                            clt_arg_ulong(a.offset),
                            clt_arg_int(a.ld),
                            clt_arg_buffer(b.buffer),
                            clt_arg_ulong(b.offset),
                            clt_arg_int(b.ld),
                            clt_arg_buffer(c.buffer),
                            clt_arg_ulong(c.offset),
                            clt_arg_int(c.ld)};
    return clt_kernel_enqueue(own->gemm, 2, items, local, args, sizeof args / sizeof *args, error);
}

const clt_provider clt_gemm_own = {"own", own_suits, own_plan, own_enqueue, own_destroy};
