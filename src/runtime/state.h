/* state.h: what a clt_runtime is, for the files of this room. */
#ifndef CLT_RUNTIME_STATE_H
#define CLT_RUNTIME_STATE_H

#include "runtime/runtime_private.h"

/* OpenCL's name of a status code, NULL when it has none. */
const char *clt_opencl_name(int code);

struct clt_program {
    clt_runtime *runtime;
    cl_program program;
    char *name, *prelude;
    struct clt_program *next;
};

/* One row of the profile and the markers that are not read yet. */
typedef struct clt_scope {
    char *op;
    unsigned long calls;
    double seconds, flops, bytes;
} clt_scope;

typedef struct clt_marker_pair {
    size_t scope;
    cl_event begin, end;
} clt_marker_pair;

struct clt_runtime {
    clt_device device;
    char platform_version[128];
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    bool lost, pocl, nvidia, profiling;
    char lost_by[160];      /* the sticky error, for those who come later */
    unsigned long releases; /* buffers so far; a kernel's remembered handles may be stale then */
    clt_log log;
    void *attached;
    void (*release_attached)(void *);
    clt_program *programs;
    clt_plan forced, tuned;
    unsigned planned[CLT_PLAN_OPS]; /* bit k: variant k of that row of plan.c's table */
    int tuned_for;                  /* width that `tuned` was looked up for; 0: not yet */
    bool ignores_tuning;
    clt_scope *scopes;
    size_t scope_count, open_scope;
    bool scope_open, host_clock; /* the host's clock is used instead of markers */
    cl_event open_marker;
    double open_since;
    clt_marker_pair *pairs;
    size_t pair_count;
    clt_profile_row *rows;
};

/* The OpenCL ids of a row of the device list. Errors: CLT_DEVICE when it is gone. */
CLT_NODISCARD clt_status clt_device_ids(const clt_device *device, cl_platform_id *platform,
                                        cl_device_id *id, clt_error *error);

/* Whether this is PoCL's name, and whether it can work here; else why not. */
bool clt_is_pocl(const char *platform_name);
bool clt_pocl_cache_usable(char *reason, size_t room);

/* Mesa's processor in a GPU's place. A work-group's loops end there after 65,535 passes in all
 * (LP_MAX_TGSI_LOOP_ITERATIONS), whatever they have still to do. */
bool clt_is_llvmpipe(const clt_device *device);

/* False: POCL_CACHE_DIR is set and empty, and PoCL will abort in the very first OpenCL call. */
bool clt_pocl_cache_named(void);

/* Makes a folder and those above it; 0 or errno. */
int clt_make_folders(const char *path);

/* Marks it lost; `cause` is for those who come later. */
void clt_runtime_lose(clt_runtime *runtime, const char *cause);

/* A queue with the profile on or off. */
CLT_NODISCARD clt_status clt_runtime_make_queue(clt_runtime *runtime, bool profile,
                                                cl_command_queue *queue, clt_error *error);

/* ${XDG_CACHE_HOME:-~/.cache}/cltrain; false when neither variable says where. */
bool clt_cache_folder(char *path, size_t room);

/* A hash of all kernel files and build options; 0 when they cannot be read. */
uint64_t clt_program_hash(void);

/* Binary cache (cache.c). load: *program is a built program, or NULL when there is none. */
void clt_cache_load(clt_runtime *runtime, const char *const *sources, const size_t *lengths,
                    size_t count, const char *options, cl_program *program);
void clt_cache_store(clt_runtime *runtime, const char *const *sources, const size_t *lengths,
                     size_t count, const char *options, cl_program program);

void clt_profile_release(clt_runtime *runtime);

#endif
