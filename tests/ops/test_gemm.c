/* Matrix products by both providers: values, edges, equal bits, and what happens when one is wrong.
 * An argument runs the tests whose names match it ("*small*" is quick enough for an interpreter).
 */
#include "support/test.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blas/gemm.h"
#include "check/check.h"
#include "ref/ref.h"
#include "util/memory.h"
#include "util/random.h"

#include <clblast_c.h>

/* A matrix that lies inside a buffer: `offset` elements before it, `ld` - columns after each row.
 */
typedef struct placed {
    size_t count; /* elements of the whole buffer */
    float *values;
    clt_matrix matrix;
} placed;

static const float canary = 1234.5f;

static placed place(clt_runtime *runtime, int rows, int columns, size_t offset, int gap,
                    float around, uint32_t stream)
{
    clt_error error;
    clt_random random = clt_random_stream(7, CLT_RANDOM_INIT, stream);
    placed x = {0};
    x.matrix.offset = offset;
    x.matrix.ld = columns + gap;
    x.count = offset + (size_t)rows * (size_t)x.matrix.ld + 5;
    x.values = calloc(x.count, sizeof *x.values);
    assert_non_null(x.values);
    for (size_t k = 0; k < x.count; k++) {
        bool inside = k >= offset && k < offset + (size_t)rows * (size_t)x.matrix.ld &&
                      (k - offset) % (size_t)x.matrix.ld < (size_t)columns;
        x.values[k] = inside ? (float)(2.0 * clt_random_uniform(&random) - 1.0) : around;
    }
    assert_ok(
        clt_buffer_create(runtime, x.count * sizeof(float), "test", &x.matrix.buffer, &error));
    assert_ok(
        clt_buffer_write(runtime, x.matrix.buffer, 0, x.count * sizeof(float), x.values, &error));
    return x;
}

static void put_back(clt_runtime *runtime, placed *x)
{
    clt_buffer_release(runtime, &x->matrix.buffer);
    free(x->values);
}

static float *element(const placed *x, int row, int column)
{
    return &x->values[x->matrix.offset + (size_t)row * (size_t)x->matrix.ld + (size_t)column];
}

/* Plans `config`, multiplies m x n x k of it and checks C and everything around it. */
static void check_product(clt_runtime *runtime, const clt_gemm_config *config, int m, int n, int k,
                          size_t offset, int gap)
{
    clt_error error;
    clt_gemm *gemm = NULL;
    const char *forced = clt_runtime_forced(runtime, "gemm");
    placed a = place(runtime, config->a_transposed ? k : m, config->a_transposed ? m : k, offset,
                     gap, NAN, 1);
    placed b = place(runtime, config->b_transposed ? n : k, config->b_transposed ? k : n,
                     offset + (offset > 0), gap, NAN, 2);
    placed c = place(runtime, m, n, offset, gap, canary, 3);
    double *da = calloc(a.count, sizeof *da), *db = calloc(b.count, sizeof *db);
    double *dc = calloc(c.count, sizeof *dc);
    float *want = calloc(c.count, sizeof *want);
    assert_true(da != NULL && db != NULL && dc != NULL && want != NULL);
    for (size_t e = 0; e < a.count; e++) {
        da[e] = (double)a.values[e];
    }
    for (size_t e = 0; e < b.count; e++) {
        db[e] = (double)b.values[e];
    }
    for (size_t e = 0; e < c.count; e++) {
        dc[e] = (double)c.values[e];
    }
    clt_ref_gemm_f64(config->a_transposed, config->b_transposed, m, n, k, da + a.matrix.offset,
                     a.matrix.ld, db + b.matrix.offset, b.matrix.ld, config->accumulate,
                     dc + c.matrix.offset, c.matrix.ld);
    for (size_t e = 0; e < c.count; e++) {
        want[e] = (float)dc[e];
    }
    if (!config->accumulate) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                *element(&c, i, j) = NAN;
            }
        }
        assert_ok(clt_buffer_write(runtime, c.matrix.buffer, 0, c.count * sizeof(float), c.values,
                                   &error));
    }
    assert_ok(clt_gemm_plan(runtime, config, &gemm, &error));
    assert_true(forced == NULL || strcmp(clt_gemm_variant(gemm), forced) == 0);
    assert_ok(clt_gemm_enqueue(gemm, m, n, k, a.matrix, b.matrix, c.matrix, &error));
    assert_ok(
        clt_buffer_read(runtime, c.matrix.buffer, 0, c.count * sizeof(float), c.values, &error));
    char what[128];
    snprintf(what, sizeof what, "%s%s%s %dx%dx%d of %dx%dx%d by %s",
             config->a_transposed ? "T" : "N", config->b_transposed ? "T" : "N",
             config->accumulate ? "+" : "", m, n, k, config->m, config->n, config->k,
             clt_gemm_variant(gemm));
    clt_test_assert_near(what, c.values, want, c.count, 1e-6 + 5e-8 * k);
    for (size_t e = 0; e < c.count; e++) { /* exactly: near a canary is not untouched */
        assert_true(want[e] != canary || c.values[e] == canary);
    }
    clt_gemm_destroy(gemm);
    put_back(runtime, &a);
    put_back(runtime, &b);
    put_back(runtime, &c);
    free(da);
    free(db);
    free(dc);
    free(want);
}

typedef struct shape {
    int m, n, k;
} shape;

static void check_shapes(clt_runtime *runtime, const char *provider, const shape *shapes,
                         size_t count)
{
    clt_runtime_force(runtime, "gemm", provider);
    for (size_t s = 0; s < count; s++) {
        int m = shapes[s].m, n = shapes[s].n, k = shapes[s].k;
        for (int way = 0; way < 8; way++) {
            clt_gemm_config config = {.use = "test",
                                      .a_transposed = (way & 1) != 0,
                                      .b_transposed = (way & 2) != 0,
                                      .accumulate = (way & 4) != 0,
                                      .m = m,
                                      .n = n,
                                      .k = k};
            check_product(runtime, &config, m, n, k, 0, 0);
            config.m += 9; /* less than planned, somewhere inside a buffer */
            config.n += 17;
            config.k += 3;
            check_product(runtime, &config, m, n, k, 13, 3);
        }
    }
    clt_runtime_force(runtime, "gemm", NULL);
}

/* Around the sizes of vectors and tiles. */
static const shape small[] = {{1, 1, 1}, {3, 5, 2}, {4, 16, 7}, {5, 17, 9}, {2, 33, 4}};

/* Around panels, partial sums, packed blocks and staged rows; the tutorial's small products. */
static const shape large[] = {{1, 240, 128},  {130, 1, 300},  {37, 100, 256}, {7, 129, 257},
                              {9, 63, 513},   {128, 240, 60}, {128, 60, 240}, {60, 240, 640},
                              {70, 530, 200}, {70, 515, 130}, {70, 555, 130}};

static void test_own_small(void **state)
{
    check_shapes(*state, "own", small, sizeof small / sizeof *small);
}

static void test_own_large(void **state)
{
    check_shapes(*state, "own", large, sizeof large / sizeof *large);
}

static void test_clblast_small(void **state)
{
    check_shapes(*state, "clblast", small, sizeof small / sizeof *small);
}

static void test_clblast_large(void **state)
{
    check_shapes(*state, "clblast", large, sizeof large / sizeof *large);
}

/* Every refinement that `tune` may choose here, as the LSTM multiplies. */
static void test_variants(void **state)
{
    static const clt_gemm_config uses[] = {
        {.use = "test", .m = 130, .n = 243, .k = 100},
        {.use = "test", .a_transposed = true, .accumulate = true, .m = 37, .n = 100, .k = 300},
        {.use = "test", .b_transposed = true, .m = 130, .n = 37, .k = 243}};
    clt_runtime *runtime = *state;
    size_t row = 0;
    int refinements = 0;
    while (strcmp(clt_plan_op(row), "gemm") != 0) {
        row++;
    }
    for (size_t k = 0; clt_plan_variant(row, k) != NULL; k++) {
        const char *variant = clt_plan_variant(row, k);
        if (strchr(variant, ':') == NULL || !clt_gemm_suits(runtime, variant)) {
            continue;
        }
        clt_runtime_force(runtime, "gemm", variant);
        for (size_t u = 0; u < sizeof uses / sizeof *uses; u++) {
            check_product(runtime, &uses[u], uses[u].m, uses[u].n, uses[u].k, 13, 3);
        }
        refinements++;
    }
    clt_runtime_force(runtime, "gemm", NULL);
    assert_true(refinements > 0);
}

static void test_suits(void **state)
{
    clt_runtime *runtime = *state;
    bool cpu = clt_runtime_is_cpu(runtime);
    assert_true(clt_gemm_suits(runtime, "own") && clt_gemm_suits(runtime, "clblast"));
    assert_int_equal(clt_gemm_suits(runtime, "clblast:32x8"), cpu);
    assert_int_equal(clt_gemm_suits(runtime, "clblast:indirect"), !cpu);
    assert_int_equal(clt_gemm_suits(runtime, "own:4x3"), cpu);
    int usual = clt_gemm_suits(runtime, "own:4x2") + clt_gemm_suits(runtime, "own:4x4") +
                clt_gemm_suits(runtime, "own:6x2");
    assert_int_equal(usual, cpu ? 2 : 0); /* one of them is what "own" is here */
    assert_true(clt_gemm_alternate("own", "clblast:32x8"));
    assert_true(clt_gemm_alternate("clblast", "clblast"));
    assert_false(clt_gemm_alternate("clblast", "clblast:32x8"));
}

/* What other rows are in a launch, and how many were planned for, changes no bit of a row. */
static void check_rows(clt_runtime *runtime, const char *provider, bool b_transposed)
{
    enum { M = 300, N = 70, K = 300 };
    static const int some[] = {1, 3, 64, 129};
    clt_error error;
    clt_gemm *gemm = NULL;
    clt_gemm_config config = {.use = "test", .b_transposed = b_transposed, .m = M, .n = N, .k = K};
    clt_runtime_force(runtime, "gemm", provider);
    placed a = place(runtime, M, K, 0, 0, NAN, 1), b = place(runtime, K, N, 0, 0, NAN, 2);
    b.matrix.ld = b_transposed ? K : N;
    placed all = place(runtime, M, N, 0, 0, canary, 3), few = place(runtime, M, N, 0, 0, canary, 3);
    assert_ok(clt_gemm_plan(runtime, &config, &gemm, &error));
    assert_ok(clt_gemm_enqueue(gemm, M, N, K, a.matrix, b.matrix, all.matrix, &error));
    assert_ok(clt_buffer_read(runtime, all.matrix.buffer, 0, all.count * sizeof(float), all.values,
                              &error));
    for (size_t s = 0; s < sizeof some / sizeof *some; s++) {
        size_t rows = (size_t)some[s], first = 5; /* rows 5, 6, ... alone */
        clt_matrix part = a.matrix;
        part.offset = first * K;
        assert_ok(clt_gemm_enqueue(gemm, some[s], N, K, part, b.matrix, few.matrix, &error));
        assert_ok(clt_buffer_read(runtime, few.matrix.buffer, 0, few.count * sizeof(float),
                                  few.values, &error));
        assert_memory_equal(few.values, all.values + first * N, rows * N * sizeof(float));
    }
    clt_gemm_destroy(gemm);
    put_back(runtime, &a);
    put_back(runtime, &b);
    put_back(runtime, &all);
    put_back(runtime, &few);
    clt_runtime_force(runtime, "gemm", NULL);
}

static void test_own_rows(void **state)
{
    check_rows(*state, "own", false);
    check_rows(*state, "own", true);
}

static void test_clblast_rows(void **state)
{
    check_rows(*state, "clblast", false);
    check_rows(*state, "clblast", true);
}

/* The order of sums is part of the recipe: partial sums of 128 terms, each a chain of fma. */
static void check_order(clt_runtime *runtime, int m, int n)
{
    enum { K = 700, DEPTH = 128 };
    clt_error error;
    clt_gemm *gemm = NULL;
    clt_gemm_config config = {.use = "test", .a_transposed = true, .m = m, .n = n, .k = K};
    clt_runtime_force(runtime, "gemm", "own");
    placed a = place(runtime, K, m, 0, 0, NAN, 1), b = place(runtime, K, n, 0, 0, NAN, 2);
    placed c = place(runtime, m, n, 0, 0, canary, 3);
    assert_ok(clt_gemm_plan(runtime, &config, &gemm, &error));
    assert_ok(clt_gemm_enqueue(gemm, m, n, K, a.matrix, b.matrix, c.matrix, &error));
    assert_ok(
        clt_buffer_read(runtime, c.matrix.buffer, 0, c.count * sizeof(float), c.values, &error));
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float want = 0.0f;
            for (int p0 = 0; p0 < K; p0 += DEPTH) {
                float sum = 0.0f;
                for (int p = p0; p < K && p < p0 + DEPTH; p++) {
                    sum = fmaf(*element(&a, p, i), *element(&b, p, j), sum);
                }
                want += sum;
            }
            assert_true(*element(&c, i, j) == want);
        }
    }
    clt_gemm_destroy(gemm);
    put_back(runtime, &a);
    put_back(runtime, &b);
    put_back(runtime, &c);
    clt_runtime_force(runtime, "gemm", NULL);
}

static void test_own_order(void **state)
{
    check_order(*state, 3, 20);
    check_order(*state, 70, 530); /* staged on CPUs */
}

static void test_limits(void **state)
{
    clt_runtime *runtime = *state;
    clt_error error;
    clt_gemm *gemm = NULL;
    clt_gemm_config config = {.use = "a use", .m = 4, .n = 5, .k = 6};
    clt_runtime_force(runtime, "gemm", "own");
    assert_ok(clt_gemm_plan(runtime, &config, &gemm, &error));
    placed c = place(runtime, 4, 5, 0, 0, canary, 3);
    float first = c.values[0];
    clt_matrix x = c.matrix;
    assert_ok(clt_gemm_enqueue(gemm, 0, 5, 6, x, x, x, &error));
    assert_ok(clt_gemm_enqueue(gemm, 4, 0, 6, x, x, x, &error));
    assert_ok(clt_buffer_read(runtime, x.buffer, 0, c.count * sizeof(float), c.values, &error));
    assert_true(c.values[0] == first);
    assert_fails(clt_gemm_enqueue(gemm, 5, 5, 6, x, x, x, &error), CLT_FAILED,
                 "a use: a 5x5x6 product, planned for at most 4x5x6");
    assert_fails(clt_gemm_enqueue(gemm, 4, 5, 0, x, x, x, &error), CLT_FAILED, "4x5x0");
    clt_gemm_destroy(gemm);
    put_back(runtime, &c);
    config.k = 0;
    assert_fails(clt_gemm_plan(runtime, &config, &gemm, &error), CLT_FAILED, "a use: a 4x5x0");
    clt_runtime_force(runtime, "gemm", NULL);
}

static void test_default(void **state)
{
    clt_runtime *runtime = *state;
    clt_error error;
    clt_gemm *gemm = NULL;
    clt_gemm_config config = {.use = "a use", .m = 4, .n = 5, .k = 6};
    assert_ok(clt_gemm_plan(runtime, &config, &gemm, &error));
    assert_string_equal(clt_gemm_variant(gemm), clt_runtime_is_cpu(runtime) ? "own" : "clblast");
    clt_gemm_destroy(gemm);
}

/* Every failed allocation is an error, never a change of provider. */
static void test_no_memory(void **state)
{
    clt_runtime *runtime = *state;
    clt_error error;
    clt_gemm_config config = {.use = "a use", .b_transposed = true, .m = 4, .n = 5, .k = 6};
    clt_runtime_force(runtime, "gemm", "own");
    unsigned long failures = 0;
    for (;;) {
        clt_gemm *gemm = NULL;
        clt_memory_fail_at(failures + 1, false);
        clt_status status = clt_gemm_plan(runtime, &config, &gemm, &error);
        clt_memory_fail_at(0, false);
        if (status == CLT_OK) {
            assert_string_equal(clt_gemm_variant(gemm), "own");
            clt_gemm_destroy(gemm);
            break;
        }
        assert_int_equal(status, CLT_FAILED);
        assert_non_null(strstr(error.message, "out of memory"));
        failures++;
    }
    assert_true(failures >= 5);
    clt_runtime_force(runtime, "gemm", NULL);
}

/* ---- a wrong provider ---- */

typedef struct notes {
    int count;
    char last[CLT_ERROR_MESSAGE_SIZE];
} notes;

static void note(void *user, clt_log_level level, const char *line)
{
    notes *seen = user;
    if (level == CLT_LOG_NOTE) {
        seen->count++;
        snprintf(seen->last, sizeof seen->last, "%s", line);
    }
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A runtime whose gemm.cl has `good` replaced by `bad`. */
static clt_runtime *open_broken(const char *good, const char *bad, notes *seen)
{
    clt_error error;
    clt_runtime *runtime = NULL;
    char folder[] = "/tmp/cltrain-test-XXXXXX", path[256];
    assert_non_null(mkdtemp(folder));
    char *gemm = read_text(CLT_SOURCE_DIR "/cl/gemm.cl"), *at = strstr(gemm, good);
    char *common = read_text(CLT_SOURCE_DIR "/cl/common.cl"), *broken = calloc(1, 1 << 20);
    assert_non_null(at);
    assert_non_null(broken);
    snprintf(broken, 1 << 20, "%.*s%s%s", (int)(at - gemm), gemm, bad, at + strlen(good));
    snprintf(path, sizeof path, "%s/gemm.cl", folder);
    write_text(path, broken);
    snprintf(path, sizeof path, "%s/common.cl", folder);
    write_text(path, common);
    clt_runtime_config config = CLT_RUNTIME_CONFIG_DEFAULT;
    config.log.line = note;
    config.log.user = seen;
    assert_ok(clt_runtime_create(&config, &runtime, &error));
    seen->count = 0; /* the runtime itself may have said something */
    clt_runtime_force(runtime, "gemm", "own");
    setenv("CLT_KERNEL_DIR", folder, 1);
    free(gemm);
    free(common);
    free(broken);
    return runtime;
}

static void close_broken(clt_runtime *runtime)
{
    char path[4096];
    static const char *files[] = {"gemm.cl", "common.cl"};
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s", getenv("CLT_KERNEL_DIR"), files[k]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(getenv("CLT_KERNEL_DIR")), 0);
    unsetenv("CLT_KERNEL_DIR");
    clt_runtime_destroy(runtime);
}

static void check_fallback(const char *good, const char *bad, const char *reason, bool one_note)
{
    clt_error error;
    clt_gemm *gemm = NULL;
    notes seen = {0};
    clt_runtime *runtime = open_broken(good, bad, &seen);
    clt_gemm_config config = {.use = "a use", .a_transposed = true, .m = 40, .n = 50, .k = 300};
    assert_ok(clt_gemm_plan(runtime, &config, &gemm, &error));
    assert_string_equal(clt_gemm_variant(gemm), "clblast");
    assert_true(one_note ? seen.count == 1 : seen.count > 1);
    assert_non_null(strstr(seen.last, "a use: gemm=own fails on "));
    assert_non_null(strstr(seen.last, reason));
    assert_non_null(strstr(seen.last, "using gemm=clblast"));
    clt_gemm_destroy(gemm);
    close_broken(runtime);
}

static void test_fallback_wrong(void **state)
{
    (void)state;
    check_fallback("fma(factor, x1, ", "fma(factor + 1.0f, x1, ", "element [0, ", true);
}

static void test_fallback_nan(void **state)
{
    (void)state;
    check_fallback("add_partial = add || p0 > 0", "add_partial = 1", "nan, not ", true);
}

static void test_fallback_build(void **state)
{
    (void)state;
    check_fallback("kernel __attribute__", "kernal __attribute__", "gemm.cl does not build", false);
}

/* The self-test takes what training takes, and says so. */
static void test_self_test(void **state)
{
    clt_error error;
    notes seen = {0};
    clt_case_result result;
    (void)state;
    clt_runtime *runtime = open_broken("fma(factor, x1, ", "fma(factor + 1.0f, x1, ", &seen);
    assert_ok(clt_case_run(runtime, &clt_cases_gemm[0], &result, &error));
    assert_string_equal(clt_cases_gemm[0].variant, "own");
    assert_string_equal(result.failure, "");
    assert_string_equal(result.replaced_by, "clblast");
    close_broken(runtime);
    assert_ok(clt_case_run(*state, &clt_cases_gemm[0], &result, &error));
    assert_string_equal(result.replaced_by, "");
}

/* CLBlast is made to fail by parameters that do not build. This runs last, because they hold for
 * the device until a new runtime puts the right ones back. */
static void test_both_wrong(void **state)
{
    static const char *names[] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                                  "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
    static const size_t values[] = {0, 1, 16, 1, 1, 1, 16, 1, 1, 16, 0, 0, 0, 0, 3, 3};
    clt_error error;
    clt_gemm *gemm = NULL;
    notes seen = {0};
    const clt_gemm_config use = {.use = "a use", .m = 4, .n = 5, .k = 6};
    if (!clt_runtime_is_cpu(*state)) {
        skip(); /* GPUs run another kernel of CLBlast */
    }
    clt_runtime *runtime = open_broken("kernel __attribute__", "kernal __attribute__", &seen);
    assert_ok(clt_gemm_plan(runtime, &use, &gemm, &error));
    assert_string_equal(clt_gemm_variant(gemm), "clblast");
    clt_gemm_destroy(gemm);
    assert_int_equal(CLBlastOverrideParameters(clt_runtime_device_id(runtime), "Xgemm",
                                               CLBlastPrecisionSingle,
                                               sizeof values / sizeof *values, names, values),
                     CLBlastSuccess);
    assert_fails(clt_gemm_plan(runtime, &use, &gemm, &error), CLT_KERNEL,
                 "a use: no matrix product is right on ");
    assert_non_null(strstr(error.message, clt_runtime_device(runtime)->name));
    assert_non_null(strstr(error.message, "gemm=own: gemm.cl does not build"));
    assert_non_null(strstr(error.message, "gemm=clblast: "));
    close_broken(runtime);
}

static int open_runtime(void **state)
{
    clt_error error;
    clt_runtime *runtime = NULL;
    if (clt_runtime_create(NULL, &runtime, &error) != CLT_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    *state = runtime;
    return 0;
}

static int close_runtime(void **state)
{
    clt_runtime_destroy(*state);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_small),      cmocka_unit_test(test_own_large),
        cmocka_unit_test(test_own_rows),       cmocka_unit_test(test_own_order),
        cmocka_unit_test(test_variants),       cmocka_unit_test(test_suits),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_default),
        cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_clblast_small),
        cmocka_unit_test(test_clblast_large),  cmocka_unit_test(test_clblast_rows),
        cmocka_unit_test(test_fallback_wrong), cmocka_unit_test(test_fallback_nan),
        cmocka_unit_test(test_fallback_build), cmocka_unit_test(test_self_test),
        cmocka_unit_test(test_both_wrong),
    };
    return cmocka_run_group_tests(tests, open_runtime, close_runtime);
}
