/* device.h: the OpenCL devices of this machine, and the choice of one. */
#ifndef CLTRAIN_DEVICE_H
#define CLTRAIN_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clt_device_type {
    CLT_DEVICE_CPU,
    CLT_DEVICE_GPU,
    CLT_DEVICE_ACCELERATOR, /* listed, chosen only by P:D or name */
    CLT_DEVICE_OTHER
} clt_device_type;

/* One row of the device list. All strings are in the row itself. */
typedef struct clt_device {
    int platform, device; /* P:D as `cltrain devices` prints them, both from 0 */
    clt_device_type type;
    bool usable;             /* false: `reason` says why */
    bool integrated;         /* shares the host's memory (a GPU on the processor's die) */
    char name[256];          /* CL_DEVICE_NAME, without surrounding spaces */
    char vendor[128];        /* CL_DEVICE_VENDOR */
    char platform_name[128]; /* CL_PLATFORM_NAME */
    char version[128];       /* CL_DEVICE_VERSION */
    char driver[128];        /* CL_DRIVER_VERSION */
    char reason[256];        /* why it is not usable; empty when it is */
    unsigned compute_units;
    unsigned clock_mhz;
    uint64_t global_memory;  /* bytes */
    uint64_t max_allocation; /* bytes */
    uint64_t local_memory;   /* bytes */
    size_t max_work_group;
} clt_device;

/* Lists every device of every platform, unusable ones included.
 *
 * devices  out: an array of *count rows; the caller frees it with clt_device_list_free. A machine
 *          without a platform gives CLT_OK and *count = 0.
 * Errors   CLT_FAILED: no memory, or the loader itself fails. CLT_DEVICE: POCL_CACHE_DIR is set and
 *          empty, which would end the process. */
CLT_NODISCARD clt_status clt_device_list(clt_device **devices, size_t *count, clt_error *error);
void clt_device_list_free(clt_device *devices); /* NULL allowed */

/* Chooses one row.
 *
 * spec     "P:D"; "gpu", "cpu" or "any" (the best of their kind, never ambiguous); else a part of
 *          the name, case-insensitive. NULL or "": the environment's CLTRAIN_DEVICE when set, else
 *          "any". "any" prefers a discrete GPU, then an integrated one, then a CPU; among equals,
 *          more compute units x clock, then the list's order.
 * chosen   out: a row's index.
 * Errors   CLT_DEVICE: nothing usable, no match, several matches (the message lists the devices,
 *          comma-separated), or the one named is not usable (with its reason). An explicit choice
 *          never falls back. */
CLT_NODISCARD clt_status clt_device_choose(const clt_device *devices, size_t count,
                                           const char *spec, size_t *chosen, clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
