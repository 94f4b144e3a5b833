/* runtime.h: one chosen device, made ready: context, queue, compiled programs, plan. */
#ifndef CLTRAIN_RUNTIME_H
#define CLTRAIN_RUNTIME_H

#include "cltrain/device.h"
#include "cltrain/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clt_runtime clt_runtime;

typedef struct clt_runtime_config {
    const char *device; /* as clt_device_choose's spec; NULL: CLTRAIN_DEVICE, else the best */
    bool profile;       /* measure every op (clt_runtime_profile) */
    clt_log log;
} clt_runtime_config;
#define CLT_RUNTIME_CONFIG_DEFAULT                                                                 \
    {                                                                                              \
        NULL, false,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

/* Opens the chosen device. The environment's CLTRAIN_PLAN ("lstm=rows,gemm=own") forces variants;
 * an unknown op or variant in it is CLT_USAGE and names the choices.
 *
 * config   NULL: the defaults. Copied; `log.user` must outlive the runtime.
 * Errors   CLT_DEVICE (see clt_device_choose), CLT_USAGE, CLT_FAILED. */
CLT_NODISCARD clt_status clt_runtime_create(const clt_runtime_config *config, clt_runtime **runtime,
                                            clt_error *error);

/* Waits for the device and releases everything. After a sticky device error it releases host
 * memory only, and no memory that a transfer may still use, because a call into such a driver may
 * hang. NULL is allowed. */
void clt_runtime_destroy(clt_runtime *runtime);

/* The device in use. Belongs to the runtime. */
const clt_device *clt_runtime_device(const clt_runtime *runtime);

/* One line of the profile: all launches of one op. */
typedef struct clt_profile_row {
    const char *op; /* "lstm forward"; belongs to the runtime */
    unsigned long calls;
    double seconds; /* on the device */
    double flops;   /* floating-point operations, all calls */
    double bytes;   /* bytes that must move, all calls */
} clt_profile_row;

/* The profile so far, largest time first. Waits for the device.
 *
 * rows     out: belongs to the runtime, valid until the next call. Empty without config.profile.
 * Errors   those of the device; CLT_FAILED: no memory. */
CLT_NODISCARD clt_status clt_runtime_profile(clt_runtime *runtime, const clt_profile_row **rows,
                                             size_t *count, clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
