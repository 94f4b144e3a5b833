/* runtime_private.h: what the rooms above use of the runtime: buffers, programs, kernels, scopes.
 * Only src/runtime calls cl*; src/blas hands the queue and memory objects to CLBlast. */
#ifndef CLT_RUNTIME_PRIVATE_H
#define CLT_RUNTIME_PRIVATE_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/runtime.h"
#include "util/error.h"

/* ---- buffers ---------------------------------------------------------------------------------
 * A handle by value. Whoever creates it releases it; a slice is released before its parent. */
typedef struct clt_buffer {
    cl_mem mem; /* NULL: none */
    size_t bytes;
} clt_buffer;

#define CLT_ALIGNMENT 4096 /* of slices: kernels and CLBlast see offset 0 on every device */

static inline size_t clt_align(size_t bytes)
{
    return (bytes + CLT_ALIGNMENT - 1) / CLT_ALIGNMENT * CLT_ALIGNMENT;
}

/* `what` names it in the error ("embedding table"). bytes 0 is rounded up to one alignment. */
CLT_NODISCARD clt_status clt_buffer_create(clt_runtime *runtime, size_t bytes, const char *what,
                                           clt_buffer *buffer, clt_error *error);
/* offset is a multiple of CLT_ALIGNMENT and offset + bytes <= parent.bytes; parent may be a slice.
 */
CLT_NODISCARD clt_status clt_buffer_slice(clt_runtime *runtime, clt_buffer parent, size_t offset,
                                          size_t bytes, clt_buffer *slice, clt_error *error);
void clt_buffer_release(clt_runtime *runtime, clt_buffer *buffer); /* {NULL} allowed */

/* All of these are queued in order. `write`, `read` and `finish` wait; `write_later` returns at
 * once: `data` stays untouched until a later read or finish has returned, and on a lost runtime for
 * good (clt_runtime_is_lost). */
CLT_NODISCARD clt_status clt_buffer_write(clt_runtime *runtime, clt_buffer buffer, size_t offset,
                                          size_t bytes, const void *data, clt_error *error);
CLT_NODISCARD clt_status clt_buffer_write_later(clt_runtime *runtime, clt_buffer buffer,
                                                size_t offset, size_t bytes, const void *data,
                                                clt_error *error);
CLT_NODISCARD clt_status clt_buffer_read(clt_runtime *runtime, clt_buffer buffer, size_t offset,
                                         size_t bytes, void *data, clt_error *error);
CLT_NODISCARD clt_status clt_buffer_zero(clt_runtime *runtime, clt_buffer buffer, size_t offset,
                                         size_t bytes, clt_error *error);
CLT_NODISCARD clt_status clt_buffer_copy(clt_runtime *runtime, clt_buffer from, size_t from_offset,
                                         clt_buffer to, size_t to_offset, size_t bytes,
                                         clt_error *error);

/* A read that is waited for later, while newer work is queued behind it, and the memory it goes to.
 * One read at a time: wait before the next read_later. */
typedef struct clt_ticket {
    void *data;
    cl_event event; /* NULL: nothing under way */
} clt_ticket;
CLT_NODISCARD clt_status clt_ticket_create(size_t bytes, clt_ticket *ticket, clt_error *error);
/* After a wait or a finish; {NULL} allowed. */
void clt_ticket_destroy(clt_runtime *runtime, clt_ticket *ticket);
CLT_NODISCARD clt_status clt_buffer_read_later(clt_runtime *runtime, clt_buffer buffer,
                                               size_t offset, size_t bytes, clt_ticket *ticket,
                                               clt_error *error);
CLT_NODISCARD clt_status clt_ticket_wait(clt_runtime *runtime, clt_ticket *ticket,
                                         clt_error *error);

CLT_NODISCARD clt_status clt_runtime_flush(clt_runtime *runtime, clt_error *error);
CLT_NODISCARD clt_status clt_runtime_finish(clt_runtime *runtime, clt_error *error);

/* ---- programs and kernels --------------------------------------------------------------------
 * A program is [prelude, common.cl, NAME.cl ...], each preceded by `#line 1 "FILE"`, built once per
 * runtime for the same name and prelude; it belongs to the runtime. */
typedef struct clt_program clt_program;

/* name     the .cl file without its ending, or up to five that follow each other: "a+b".
 * prelude  "#define HIDDEN 60\n..." or "".
 * Errors   CLT_KERNEL with device, driver, options and the build log (its first lines in the
 *          message, all of it to the log callback). */
CLT_NODISCARD clt_status clt_program_build(clt_runtime *runtime, const char *name,
                                           const char *prelude, clt_program **program,
                                           clt_error *error);

typedef struct clt_kernel clt_kernel;

CLT_NODISCARD clt_status clt_kernel_create(clt_program *program, const char *name,
                                           clt_kernel **kernel, clt_error *error);
void clt_kernel_destroy(clt_kernel *kernel); /* NULL allowed */

/* CL_KERNEL_WORK_GROUP_SIZE of this kernel on this device. */
size_t clt_kernel_max_group(const clt_kernel *kernel);

typedef struct clt_arg {
    enum { CLT_ARG_BUFFER, CLT_ARG_INT, CLT_ARG_UINT, CLT_ARG_FLOAT, CLT_ARG_ULONG } kind;
    union {
        cl_mem buffer; /* NULL is passed as a NULL pointer */
        cl_int i;
        cl_uint u;
        cl_float f;
        cl_ulong ul;
    } value;
} clt_arg;

static inline clt_arg clt_arg_buffer(clt_buffer b)
{
    return (clt_arg){CLT_ARG_BUFFER, {.buffer = b.mem}};
}
static inline clt_arg clt_arg_int(int i)
{
    return (clt_arg){CLT_ARG_INT, {.i = i}};
}
static inline clt_arg clt_arg_uint(uint32_t u)
{
    return (clt_arg){CLT_ARG_UINT, {.u = u}};
}
static inline clt_arg clt_arg_float(float f)
{
    return (clt_arg){CLT_ARG_FLOAT, {.f = f}};
}
static inline clt_arg clt_arg_ulong(uint64_t u)
{
    return (clt_arg){CLT_ARG_ULONG, {.ul = u}};
}

/* Queues `kernel` over global[0 .. dimensions - 1] work-items in groups of local[] (each global
 * size a multiple of it). Arguments equal to the last call's are not set again. Returns at once. */
CLT_NODISCARD clt_status clt_kernel_enqueue(clt_kernel *kernel, int dimensions,
                                            const size_t *global, const size_t *local,
                                            const clt_arg *args, int arg_count, clt_error *error);

/* One dimension, `items` work-items in groups of `group`, rounded up (kernels test their id). */
CLT_NODISCARD clt_status clt_kernel_enqueue_1d(clt_kernel *kernel, size_t items, size_t group,
                                               const clt_arg *args, int arg_count,
                                               clt_error *error);

/* A good group size for kernels with one independent work-item per element: 1 on CPUs, else 64
 * bounded by the kernel's own limit. */
size_t clt_kernel_item_group(const clt_kernel *kernel);

/* ---- the device ------------------------------------------------------------------------------ */
bool clt_runtime_is_cpu(const clt_runtime *runtime);
/* Whose compiler takes minutes for kernels with thousands of vector instructions. */
bool clt_runtime_is_llvmpipe(const clt_runtime *runtime);
int clt_runtime_vector_width(const clt_runtime *runtime); /* native, of float: 1 .. 16 */
/* Bytes of the cache of global memory; some drivers name an inner level's or 0. */
uint64_t clt_runtime_cache_bytes(const clt_runtime *runtime);
void clt_runtime_log(const clt_runtime *runtime, clt_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For blas: what CLBlast takes. */
cl_command_queue clt_runtime_queue(const clt_runtime *runtime);
cl_device_id clt_runtime_device_id(const clt_runtime *runtime);

/* One slot of a room above (blas: its use of CLBlast): `release` is called once, by destroy, while
 * context and queue still stand; not on a lost runtime. */
void clt_runtime_attach(clt_runtime *runtime, void *state, void (*release)(void *state));
void *clt_runtime_attached(const clt_runtime *runtime); /* NULL: nothing */

/* Turns an OpenCL (or CLBlast) status into an error naming the call; marks the runtime lost when
 * the code is sticky. CL_SUCCESS gives CLT_OK. */
clt_status clt_runtime_check(clt_runtime *runtime, int code, const char *what, clt_error *error);

/* Lost: nothing more is asked of the driver, not even to finish, because that may never return. So
 * nobody knows whether its last transfers still run: the memory they name is left to it, with its
 * own objects, until the process ends. */
bool clt_runtime_is_lost(const clt_runtime *runtime);
/* CLT_OK, or the error that says by what the runtime was lost. */
CLT_NODISCARD clt_status clt_runtime_alive(const clt_runtime *runtime, clt_error *error);

/* ---- the plan --------------------------------------------------------------------------------
 * Which variant each op runs. Names are literals of the table in runtime/plan.c. */
enum { CLT_PLAN_OPS = 4, CLT_PLAN_ROOM = 128 };

typedef struct clt_plan {
    const char *variants[CLT_PLAN_OPS]; /* by the table's rows; NULL: open */
} clt_plan;

const char *clt_plan_op(size_t row);                /* NULL past the last */
const char *clt_plan_variant(size_t row, size_t k); /* of a row that there is; NULL past the last */

/* "lstm=rows,gemm=own"; what is not named stays open. Errors: CLT_USAGE with the choices. */
CLT_NODISCARD clt_status clt_plan_parse(const char *text, clt_plan *plan, clt_error *error);
void clt_plan_print(const clt_plan *plan, char text[CLT_PLAN_ROOM]);

/* The variant that CLTRAIN_PLAN forces for `op`, or NULL. */
const char *clt_runtime_forced(const clt_runtime *runtime, const char *op);

/* The variant that a stored tuning names for `op`, or NULL: where nothing is forced and it suits,
 * it comes before the shipped rule (see runtime/tuning.h). */
const char *clt_runtime_tuned(const clt_runtime *runtime, const char *op);

/* Forces a variant for ops planned from now on; NULL: no longer. Used by self-test and tuning,
 * by a trainer that goes on with a plan, and by tests. The string must be one of the table's. */
void clt_runtime_force(clt_runtime *runtime, const char *op, const char *variant);

/* An op says which variant it was planned with. */
void clt_runtime_planned(clt_runtime *runtime, const char *op, const char *variant);

/* The one variant that all uses of the op were planned with; NULL: none, or several. */
const char *clt_runtime_planned_as(const clt_runtime *runtime, const char *op);
/* The same of every op. */
clt_plan clt_runtime_planned_alone(const clt_runtime *runtime);
void clt_runtime_forget_planned(clt_runtime *runtime);

/* What was planned so far. Where uses of an op got several variants, they are joined by '+'. */
void clt_runtime_plan(const clt_runtime *runtime, char text[CLT_PLAN_ROOM]);

/* ---- profile ---------------------------------------------------------------------------------
 * Queue markers around an op; nothing happens when the profile is off. Scopes do not nest. */
void clt_profile_begin(clt_runtime *runtime, const char *op, double flops, double bytes);
void clt_profile_end(clt_runtime *runtime);

/* Turns the profile on or off and empties it. The queue becomes another; waits for the old one. */
CLT_NODISCARD clt_status clt_runtime_set_profile(clt_runtime *runtime, bool on, clt_error *error);

#endif
