/* check.h: one table of op cases. Each case runs an op on the device and its reference on the host
 * and compares every output. The self-test walks the table; so can a bench or a search. */
#ifndef CLT_CHECK_CHECK_H
#define CLT_CHECK_CHECK_H

#include "cltrain/selftest.h"
#include "data/batch.h"
#include "runtime/runtime_private.h"
#include "util/shapes.h"

typedef struct clt_case clt_case;

/* One run of one case: owns the arrays the case makes, gathers what went wrong. */
typedef struct clt_check {
    clt_runtime *runtime;
    struct clt_array *arrays;      /* freed together */
    uint32_t streams;              /* random streams used so far */
    double largest_error;          /* NaN once anything is not a number */
    const struct clt_array *worst; /* where it was */
    size_t worst_at;
    float worst_got;
    char failure[256];    /* "" so far */
    char replaced_by[32]; /* the variant that was planned instead of the case's; "": none */
} clt_check;

struct clt_case {
    const char *op;
    const char *variant_op; /* "lstm", "gemm", "adam" or NULL: whose variant is forced */
    const char *variant;
    int samples, timesteps, features, hidden; /* what they mean is the case's */
    bool flag;                                /* one option of the case's */
    double tolerance;                         /* of |got - want| / (1 + |want|) */
    clt_status (*run)(clt_check *check, const clt_case *c, clt_error *error);
};

typedef struct clt_case_result {
    double largest_error;
    double seconds;
    char failure[256]; /* "": passed */
    char replaced_by[32];
} clt_case_result;

/* Runs one case, its variant forced meanwhile. A failing call is a failed case; CLT_KERNEL only
 * when the device is lost. */
CLT_NODISCARD clt_status clt_case_run(clt_runtime *runtime, const clt_case *c,
                                      clt_case_result *result, clt_error *error);

/* An array on both sides. On the device it is followed by a canary. */
typedef struct clt_array {
    float *host; /* input: the values; output: where the reference writes, zeros until then */
    size_t count;
    clt_buffer device;
    struct clt_array *next;
    const char *name;
    bool integers; /* compared bit for bit */
} clt_array;

/* Uniform numbers in [-scale, scale] on both sides. */
CLT_NODISCARD clt_status clt_check_input(clt_check *check, const char *name, size_t count,
                                         double scale, clt_array **array, clt_error *error);
/* Integers on both sides (the host array is an int32_t array in the float's place). */
CLT_NODISCARD clt_status clt_check_integers(clt_check *check, const char *name, size_t count,
                                            const int32_t *values, clt_array **array,
                                            clt_error *error);
/* NaN on the device, 0 on the host; with `zero`, 0 on both (a gradient that accumulates). */
CLT_NODISCARD clt_status clt_check_output(clt_check *check, const char *name, size_t count,
                                          bool zero, clt_array **array, clt_error *error);
/* Scratch and saved bytes: NaN on the device, no host side. */
CLT_NODISCARD clt_status clt_check_space(clt_check *check, size_t bytes, clt_buffer *buffer,
                                         clt_error *error);
/* Reads the device's side and compares it with array->host. A difference is recorded in `check`;
 * the return value is for calls that fail. */
CLT_NODISCARD clt_status clt_check_compare(clt_check *check, clt_array *array, clt_error *error);

/* Looks behind the end of every array of the case: inputs and scratch, too. */
CLT_NODISCARD clt_status clt_check_canaries(clt_check *check, clt_error *error);

/* Turns an error above the tolerance into check->failure. */
void clt_check_judge(clt_check *check, double tolerance);

void clt_check_release(clt_check *check);

/* A batch of random words with its inverse lists, on the device and on the host.
 *
 * packs  samples begin with pads, from none to all but one word; on the device they are packed
 *        (clt_sequence), on the host they are not */
typedef struct clt_check_batch {
    clt_extent extent;
    int row_count, longest;
    clt_array *index, *positions, *offsets, *unique;
    clt_array *start; /* NULL: it is not packed */
} clt_check_batch;
CLT_NODISCARD clt_status clt_check_words(clt_check *check, int samples, int timesteps,
                                         int vocabulary, bool packs, clt_check_batch *batch,
                                         clt_error *error);

/* The cases by room: ends with an op of NULL. */
extern const clt_case clt_cases_gemm[];
extern const clt_case clt_cases_lstm[];
extern const clt_case clt_cases_lstm_rows[]; /* minutes to build where it does not suit */
extern const clt_case clt_cases_layers[];
extern const clt_case clt_cases_training[];

#endif
