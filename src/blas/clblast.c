/* clblast.c: matrix products by CLBlast.
 *
 * CLBlast works column-major: a row-major C = A . B is handed over as C^T = B^T . A^T, which moves
 * no data. Its kernels and parameters are chosen per device, and by the size of a product between
 * a direct and an indirect kernel; both choices are pinned here before the first product. */
#include "blas/provider.h"

#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/memory.h"

typedef struct clblast_state {
    clt_runtime *runtime;
    const struct parameter_set *set;
    bool a_transposed, b_transposed, accumulate;
    bool quiet; /* the first product is done: whatever CLBlast prints has been printed */
    clt_buffer temporary;
} clblast_state;

static const char *status_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {CLBlastNotImplemented, "NotImplemented"},
        {CLBlastInvalidMatrixA, "InvalidMatrixA"},
        {CLBlastInvalidMatrixB, "InvalidMatrixB"},
        {CLBlastInvalidMatrixC, "InvalidMatrixC"},
        {CLBlastInvalidDimension, "InvalidDimension"},
        {CLBlastInvalidLeadDimA, "InvalidLeadDimA"},
        {CLBlastInvalidLeadDimB, "InvalidLeadDimB"},
        {CLBlastInvalidLeadDimC, "InvalidLeadDimC"},
        {CLBlastInsufficientMemoryA, "InsufficientMemoryA"},
        {CLBlastInsufficientMemoryB, "InsufficientMemoryB"},
        {CLBlastInsufficientMemoryC, "InsufficientMemoryC"},
        {CLBlastInsufficientMemoryTemp, "InsufficientMemoryTemp"},
        {CLBlastInvalidOverrideKernel, "InvalidOverrideKernel"},
        {CLBlastMissingOverrideParameter, "MissingOverrideParameter"},
        {CLBlastInvalidLocalMemUsage, "InvalidLocalMemUsage"},
        {CLBlastDatabaseError, "DatabaseError"},
        {CLBlastUnknownError, "UnknownError"},
        {CLBlastUnexpectedError, "UnexpectedError"},
    };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (names[k].code == code) {
            return names[k].name;
        }
    }
    return NULL;
}

/* CLBlast passes OpenCL's codes through and has codes of its own below -1000. */
static clt_status check(clt_runtime *runtime, int code, const char *call, clt_error *error)
{
    const char *name = status_name(code);
    if (name == NULL) {
        return clt_runtime_check(runtime, code, call, error);
    }
    return clt_fail(error, CLT_KERNEL, code, "%s gives CLBlast's %s (%d) on %s", call, name, code,
                    clt_runtime_device(runtime)->name);
}

/* What a variant asks of CLBlast. Its kernels sum in different orders, so size never chooses
 * between them. The indirect one copies and pads its operands first: on CPUs that pays always, on
 * GPUs, at this program's sizes, one launch instead of five mostly wins.
 *
 * On CPUs, which CLBlast's data base does not know under PoCL, its defaults are 5 to 11 times
 * slower than these parameters. Many other settings are accepted and compute wrong answers; large
 * tiles take minutes to compile. */
typedef struct parameter_set {
    const char *variant;
    bool cpu; /* the kind of device it is for */
    bool indirect;
    size_t mwg, nwg, kwg, vwm, vwn; /* 0: CLBlast's own */
} parameter_set;
static const parameter_set sets[] = {
    {"clblast", true, true, 16, 16, 16, 16, 4},
    {"clblast:32x8", true, true, 32, 8, 32, 16, 1},
    {"clblast:8x8", true, true, 8, 8, 16, 8, 1},
    {"clblast", false, false, 0, 0, 0, 0, 0},
    {"clblast:indirect", false, true, 0, 0, 0, 0, 0},
};
enum { SETS = sizeof sets / sizeof *sets };

/* The set of a variant for this kind of device, else of another kind. */
static const parameter_set *find_set(const clt_runtime *runtime, const char *variant)
{
    const parameter_set *found = NULL;
    for (int k = 0; k < SETS; k++) {
        if (strcmp(sets[k].variant, variant) == 0 &&
            (found == NULL || sets[k].cpu == clt_runtime_is_cpu(runtime))) {
            found = &sets[k];
        }
    }
    return found;
}

static bool clblast_suits(const clt_runtime *runtime, const char *variant)
{
    return find_set(runtime, variant)->cpu == clt_runtime_is_cpu(runtime);
}

static clt_status override_tiles(clt_runtime *runtime, const parameter_set *set, clt_error *error)
{
    static const char *names[] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                                  "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
    const size_t values[] = {0, 1,        set->kwg, 1, 1, 1, set->mwg, 1,
                             1, set->nwg, 0,        0, 0, 0, set->vwm, set->vwn};
    return check(runtime,
                 CLBlastOverrideParameters(clt_runtime_device_id(runtime), "Xgemm",
                                           CLBlastPrecisionSingle, sizeof values / sizeof *values,
                                           names, values),
                 "CLBlastOverrideParameters(Xgemm)", error);
}

/* Products of at least this size cubed run the indirect kernel: all or none. */
static clt_status pin_routine(clt_runtime *runtime, const parameter_set *set, clt_error *error)
{
    static const char *name = "XGEMM_MIN_INDIRECT_SIZE";
    const size_t size = set->indirect ? 1 : (size_t)1 << 20;
    return check(runtime,
                 CLBlastOverrideParameters(clt_runtime_device_id(runtime), "GemmRoutine",
                                           CLBlastPrecisionSingle, 1, &name, &size),
                 "CLBlastOverrideParameters(GemmRoutine)", error);
}

/* CLBlast keeps programs of the context until it is told otherwise. */
static void forget_programs(void *state)
{
    (void)state;
    (void)CLBlastClearCache();
}

/* Only when the set changes, because an override throws compiled programs away. CLBlast keeps
 * overrides per device and process: a second runtime of the device should use the same set. */
static clt_status apply(clt_runtime *runtime, const parameter_set *set, clt_error *error)
{
    clt_status status;
    CLT_TRY(clt_runtime_alive(runtime, error));
    if (clt_runtime_attached(runtime) == set) {
        return CLT_OK;
    }
    if (set->mwg != 0) {
        CLT_TRY(override_tiles(runtime, set, error));
    }
    CLT_TRY(pin_routine(runtime, set, error));
    clt_runtime_attach(runtime, (void *)set, forget_programs);
done:
    return status;
}

static CLBlastTranspose transpose(bool transposed)
{
    return transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static void clblast_destroy(void *state)
{
    clblast_state *blas = state;
    if (blas != NULL) {
        clt_buffer_release(blas->runtime, &blas->temporary);
        free(blas);
    }
}

/* The most that any product up to the planned one needs: with offsets, CLBlast copies every matrix
 * into its temporary buffer. */
static clt_status plan_temporary(clblast_state *blas, const clt_gemm_config *config,
                                 clt_error *error)
{
    size_t m = (size_t)config->m, n = (size_t)config->n, k = (size_t)config->k, bytes = 0;
    cl_command_queue queue = clt_runtime_queue(blas->runtime);
    clt_status status;
    CLT_TRY(check(blas->runtime,
                  CLBlastSGemmTempBufferSize(CLBlastLayoutColMajor, transpose(config->b_transposed),
                                             transpose(config->a_transposed), n, m, k, 1,
                                             config->b_transposed ? k : n, 1,
                                             config->a_transposed ? m : k, 1, n, &queue, &bytes),
                  "CLBlastSGemmTempBufferSize", error));
    CLT_TRY(
        clt_buffer_create(blas->runtime, bytes, "CLBlast's temporary", &blas->temporary, error));
done:
    return status;
}

static clt_status clblast_plan(clt_runtime *runtime, const clt_gemm_config *config, void **state,
                               clt_error *error)
{
    clt_status status;
    clblast_state *blas = clt_alloc(1, sizeof *blas, "a product's plan", error);
    if (blas == NULL) {
        return CLT_FAILED;
    }
    blas->runtime = runtime;
    blas->a_transposed = config->a_transposed;
    blas->b_transposed = config->b_transposed;
    blas->accumulate = config->accumulate;
    blas->set = find_set(runtime, clt_gemm_variant_of(runtime, &clt_gemm_clblast));
    CLT_TRY(apply(runtime, blas->set, error));
    CLT_TRY(plan_temporary(blas, config, error));
    *state = blas;
    return CLT_OK;
done:
    clblast_destroy(blas);
    return status;
}

static int multiply(const clblast_state *blas, size_t m, size_t n, size_t k, clt_matrix a,
                    clt_matrix b, clt_matrix c)
{
    cl_command_queue queue = clt_runtime_queue(blas->runtime);
    return CLBlastSgemmWithTempBuffer(CLBlastLayoutColMajor, transpose(blas->b_transposed),
                                      transpose(blas->a_transposed), n, m, k, 1.0f, b.buffer.mem,
                                      b.offset, (size_t)b.ld, a.buffer.mem, a.offset, (size_t)a.ld,
                                      blas->accumulate ? 1.0f : 0.0f, c.buffer.mem, c.offset,
                                      (size_t)c.ld, &queue, NULL, blas->temporary.mem);
}

/* CLBlast prints the log of a failed build to stdout, which belongs to the caller's results: for
 * the first product, which builds, file descriptor 1 is stderr. */
static int multiply_first(const clblast_state *blas, size_t m, size_t n, size_t k, clt_matrix a,
                          clt_matrix b, clt_matrix c)
{
    (void)fflush(NULL);
    int saved = dup(STDOUT_FILENO);
    if (saved >= 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    int code = multiply(blas, m, n, k, a, b, c);
    if (saved >= 0) {
        (void)fflush(NULL);
        (void)dup2(saved, STDOUT_FILENO);
        (void)close(saved);
    }
    return code;
}

static clt_status clblast_enqueue(void *state, int m, int n, int k, clt_matrix a, clt_matrix b,
                                  clt_matrix c, clt_error *error)
{
    clblast_state *blas = state;
    clt_status status;
    CLT_TRY(apply(blas->runtime, blas->set, error));
    int code =
        (blas->quiet ? multiply : multiply_first)(blas, (size_t)m, (size_t)n, (size_t)k, a, b, c);
    blas->quiet = true;
    status = check(blas->runtime, code, "CLBlastSgemm", error);
done:
    return status;
}

const clt_provider clt_gemm_clblast = {"clblast", clblast_suits, clblast_plan, clblast_enqueue,
                                       clblast_destroy};
