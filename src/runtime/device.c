/* device.c: the device list over all platforms, and the choice of one row by a SPEC. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/state.h"
#include "util/memory.h"

#ifndef CL_PLATFORM_NOT_FOUND_KHR
#define CL_PLATFORM_NOT_FOUND_KHR -1001
#endif

/* ---- listing --------------------------------------------------------------------------------- */

#define TEXT_ROOM 1024 /* of what a driver says; more is an error to it, and "" to us */

/* Copies what fits without surrounding spaces. */
static void copy_trimmed(const char *from, char *text, size_t room)
{
    while (isspace((unsigned char)*from)) {
        from++;
    }
    size_t length = strlen(from);
    while (length > 0 && isspace((unsigned char)from[length - 1])) {
        length--;
    }
    length = length < room - 1 ? length : room - 1;
    memcpy(text, from, length);
    text[length] = 0;
}

/* A string of a device; "" when it cannot be had. */
static void device_string(cl_device_id id, cl_device_info what, char *text, size_t room)
{
    char full[TEXT_ROOM] = "";
    cl_int code = clGetDeviceInfo(id, what, sizeof full - 1, full, NULL);
    copy_trimmed(code == CL_SUCCESS ? full : "", text, room);
}

static void platform_string(cl_platform_id id, cl_platform_info what, char *text, size_t room)
{
    char full[TEXT_ROOM] = "";
    cl_int code = clGetPlatformInfo(id, what, sizeof full - 1, full, NULL);
    copy_trimmed(code == CL_SUCCESS ? full : "", text, room);
}

static cl_ulong device_number(cl_device_id id, cl_device_info what, size_t size)
{
    union {
        cl_uint u;
        cl_ulong ul;
        size_t s;
    } value = {.ul = 0};
    if (clGetDeviceInfo(id, what, size, &value, NULL) != CL_SUCCESS) {
        return 0;
    }
    return size == sizeof(cl_uint) ? value.u : value.ul;
}

static clt_device_type type_of(cl_device_type type)
{
    return (type & CL_DEVICE_TYPE_GPU) != 0           ? CLT_DEVICE_GPU
           : (type & CL_DEVICE_TYPE_CPU) != 0         ? CLT_DEVICE_CPU
           : (type & CL_DEVICE_TYPE_ACCELERATOR) != 0 ? CLT_DEVICE_ACCELERATOR
                                                      : CLT_DEVICE_OTHER;
}

/* "OpenCL 1.2 ..." -> 102; 0 when it is not that. */
static int opencl_version(const char *text)
{
    int major = 0, minor = 0;
    return sscanf(text, "OpenCL %d.%d", &major, &minor) == 2 ? 100 * major + minor : 0;
}

static void judge(cl_device_id id, clt_device *row)
{
    const char *reason = "";
    if (!device_number(id, CL_DEVICE_AVAILABLE, sizeof(cl_bool))) {
        reason = "its driver says it is not available";
    } else if (!device_number(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof(cl_bool))) {
        reason = "it has no kernel compiler";
    } else if (opencl_version(row->version) < 102) {
        reason = "it is older than OpenCL 1.2";
    } else if (!device_number(id, CL_DEVICE_ENDIAN_LITTLE, sizeof(cl_bool))) {
        reason = "it is not little-endian";
    }
    row->usable = reason[0] == 0;
    snprintf(row->reason, sizeof row->reason, "%s", reason);
}

static void describe(cl_device_id id, clt_device *row)
{
    cl_device_type type = 0;
    (void)clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    row->type = type_of(type);
    device_string(id, CL_DEVICE_NAME, row->name, sizeof row->name);
    device_string(id, CL_DEVICE_VENDOR, row->vendor, sizeof row->vendor);
    device_string(id, CL_DEVICE_VERSION, row->version, sizeof row->version);
    device_string(id, CL_DRIVER_VERSION, row->driver, sizeof row->driver);
    row->compute_units = (unsigned)device_number(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint));
    row->clock_mhz = (unsigned)device_number(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof(cl_uint));
    row->global_memory = device_number(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
    row->max_allocation = device_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
    row->local_memory = device_number(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
    row->max_work_group = (size_t)device_number(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    row->integrated = row->type == CLT_DEVICE_GPU &&
                      device_number(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool)) != 0;
    judge(id, row);
}

static clt_status list_platforms(cl_platform_id **platforms, cl_uint *count, clt_error *error)
{
    *platforms = NULL;
    *count = 0;
    if (!clt_pocl_cache_named()) {
        return clt_fail(error, CLT_DEVICE, 0,
                        "POCL_CACHE_DIR is empty and PoCL would end the process: unset it or "
                        "name a folder that can be written");
    }
    cl_int code = clGetPlatformIDs(0, NULL, count);
    if (code == CL_PLATFORM_NOT_FOUND_KHR || (code == CL_SUCCESS && *count == 0)) {
        *count = 0;
        return CLT_OK;
    }
    if (code == CL_SUCCESS) {
        *platforms = clt_alloc(*count, sizeof **platforms, "the platform list", error);
        if (*platforms == NULL) {
            return CLT_FAILED;
        }
        code = clGetPlatformIDs(*count, *platforms, NULL);
    }
    if (code != CL_SUCCESS) {
        free(*platforms);
        *platforms = NULL;
        const char *name = clt_opencl_name(code);
        return clt_fail(error, CLT_FAILED, code, "%s (%d) from clGetPlatformIDs",
                        name != NULL ? name : "status", (int)code);
    }
    return CLT_OK;
}

/* A platform without devices is not an error. Nor is one whose driver fails, which must not hide
 * the others: `reason` says so then. */
static clt_status platform_devices(cl_platform_id platform, cl_device_id **ids, cl_uint *count,
                                   char *reason, size_t room, clt_error *error)
{
    *ids = NULL;
    *count = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, count);
    if (code == CL_SUCCESS && *count > 0) {
        *ids = clt_alloc(*count, sizeof **ids, "the device list", error);
        if (*ids == NULL) {
            return CLT_FAILED;
        }
        code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, *count, *ids, NULL);
    }
    if (code != CL_SUCCESS) {
        *count = 0;
    }
    if (code != CL_SUCCESS && code != CL_DEVICE_NOT_FOUND) {
        const char *name = clt_opencl_name(code);
        snprintf(reason, room, "%s (%d) from clGetDeviceIDs", name != NULL ? name : "status",
                 (int)code);
    }
    return CLT_OK;
}

/* Appends the rows of platform number p. */
static clt_status list_platform(cl_platform_id platform, int p, void **rows, size_t *used,
                                clt_error *error)
{
    cl_device_id *ids = NULL;
    cl_uint count = 0;
    clt_status status = CLT_OK;
    clt_device blank = {.platform = p};
    platform_string(platform, CL_PLATFORM_NAME, blank.platform_name, sizeof blank.platform_name);
    bool pocl = clt_is_pocl(blank.platform_name);
    bool askable = !pocl || clt_pocl_cache_usable(blank.reason, sizeof blank.reason);
    if (askable) {
        CLT_TRY(platform_devices(platform, &ids, &count, blank.reason, sizeof blank.reason, error));
        askable = blank.reason[0] == 0;
    }
    if (!askable) {
        count = 1; /* one row stands for what cannot be asked */
        blank.type = pocl ? CLT_DEVICE_CPU : CLT_DEVICE_OTHER;
        memcpy(blank.name, blank.platform_name, sizeof blank.platform_name);
    }
    CLT_TRY(clt_resize(rows, *used + count, sizeof(clt_device), "the device list", error));
    for (cl_uint d = 0; d < count; d++) {
        clt_device *row = (clt_device *)*rows + (*used)++;
        *row = blank;
        row->device = (int)d;
        if (askable) {
            describe(ids[d], row);
        }
    }
done:
    free(ids);
    return status;
}

clt_status clt_device_list(clt_device **devices, size_t *count, clt_error *error)
{
    cl_platform_id *platforms = NULL;
    cl_uint platform_count = 0;
    void *rows = NULL;
    size_t used = 0;
    clt_status status;
    CLT_TRY(list_platforms(&platforms, &platform_count, error));
    for (cl_uint p = 0; p < platform_count; p++) {
        CLT_TRY(list_platform(platforms[p], (int)p, &rows, &used, error));
    }
    *devices = rows;
    *count = used;
    rows = NULL;
done:
    free(rows);
    free(platforms);
    return status;
}

void clt_device_list_free(clt_device *devices)
{
    free(devices);
}

clt_status clt_device_ids(const clt_device *device, cl_platform_id *platform, cl_device_id *id,
                          clt_error *error)
{
    cl_platform_id *platforms = NULL;
    cl_device_id *ids = NULL;
    cl_uint platform_count, device_count = 0;
    char reason[sizeof device->reason] = "";
    clt_status status;
    CLT_TRY(list_platforms(&platforms, &platform_count, error));
    if ((cl_uint)device->platform < platform_count) {
        CLT_TRY(platform_devices(platforms[device->platform], &ids, &device_count, reason,
                                 sizeof reason, error));
    }
    if ((cl_uint)device->device >= device_count) {
        status = clt_fail(error, CLT_DEVICE, 0, "device %d:%d %s is no longer there%s%s",
                          device->platform, device->device, device->name,
                          reason[0] != 0 ? ": " : "", reason);
        goto done;
    }
    *platform = platforms[device->platform];
    *id = ids[device->device];
done:
    free(ids);
    free(platforms);
    return status;
}

/* ---- choosing -------------------------------------------------------------------------------- */

#define NAMES_ROOM 800 /* of the devices in a message */

static const char *const type_names[] = {"CPU", "GPU", "accelerator", "other"};

/* "0:0 NAME (GPU), 1:0 NAME (CPU)" of the rows that `matches` names, or of all when NULL. An
 * unusable one stands with its reason. */
static void list_names(const clt_device *devices, size_t count, const bool *matches, char *text,
                       size_t room)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t k = 0; k < count; k++) {
        if ((matches == NULL || matches[k]) && used + 1 < room) {
            const clt_device *d = &devices[k];
            int length =
                snprintf(text + used, room - used, "%s%d:%d %s (%s%s%s)", used > 0 ? ", " : "",
                         d->platform, d->device, d->name, type_names[d->type],
                         d->usable ? "" : ", not usable: ", d->usable ? "" : d->reason);
            used += length > 0 ? (size_t)length : 0;
        }
    }
}

bool clt_is_llvmpipe(const clt_device *device)
{
    return strncmp(device->name, "llvmpipe", strlen("llvmpipe")) == 0;
}

/* Larger is better: discrete GPU, integrated GPU, CPU, one whose loops end early; then units x
 * clock. 0: not for "any". */
static double score(const clt_device *device)
{
    double speed =
        1.0 + (double)device->compute_units * (device->clock_mhz > 0 ? device->clock_mhz : 1);
    double kind = device->type == CLT_DEVICE_GPU   ? (device->integrated ? 2.0 : 3.0)
                  : device->type == CLT_DEVICE_CPU ? 1.0
                                                   : 0.0;
    kind = clt_is_llvmpipe(device) && kind > 0.0 ? 0.5 : kind;
    return device->usable ? kind * 1e15 + (kind > 0.0 ? speed : 0.0) : 0.0;
}

static clt_status choose_best(const clt_device *devices, size_t count, const char *kind,
                              size_t *chosen, clt_error *error)
{
    bool any = strcmp(kind, "any") == 0;
    clt_device_type type = strcmp(kind, "gpu") == 0 ? CLT_DEVICE_GPU : CLT_DEVICE_CPU;
    double best = 0.0;
    char names[NAMES_ROOM];
    for (size_t k = 0; k < count; k++) {
        if ((any || devices[k].type == type) && score(&devices[k]) > best) {
            best = score(&devices[k]);
            *chosen = k;
        }
    }
    if (best > 0.0) {
        return CLT_OK;
    }
    list_names(devices, count, NULL, names, sizeof names);
    return clt_fail(error, CLT_DEVICE, 0, "no usable %s device; there is: %s",
                    any ? "OpenCL" : kind, names);
}

static bool contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text != 0; text++) {
        size_t k = 0;
        while (k < length && tolower((unsigned char)text[k]) == tolower((unsigned char)part[k])) {
            k++;
        }
        if (k == length) {
            return true;
        }
    }
    return false;
}

/* Digits alone, at most six of them: a platform or device number; -1 when it is not that. */
static int small_number(const char *text, size_t length)
{
    int number = 0;
    for (size_t k = 0; k < length; k++) {
        if (!isdigit((unsigned char)text[k]) || length > 6) {
            return -1;
        }
        number = 10 * number + (text[k] - '0');
    }
    return length > 0 ? number : -1;
}

/* Fills matches[] by P:D, or else by a part of the name; how many, and the last of them. */
static size_t match(const clt_device *devices, size_t count, const char *spec, bool *matches,
                    size_t *last)
{
    size_t colon = strcspn(spec, ":"), found = 0;
    int platform = small_number(spec, colon), device = -1;
    if (spec[colon] == ':') {
        device = small_number(spec + colon + 1, strlen(spec + colon + 1));
    }
    for (size_t k = 0; k < count; k++) {
        matches[k] = platform >= 0 && device >= 0
                         ? devices[k].platform == platform && devices[k].device == device
                         : contains(devices[k].name, spec);
        if (matches[k]) {
            *last = k;
            found++;
        }
    }
    return found;
}

clt_status clt_device_choose(const clt_device *devices, size_t count, const char *spec,
                             size_t *chosen, clt_error *error)
{
    static const char *const kinds[] = {"any", "gpu", "cpu"};
    char names[NAMES_ROOM];
    size_t last = 0;
    if (spec == NULL || spec[0] == 0) {
        spec = getenv("CLTRAIN_DEVICE");
    }
    if (spec == NULL || spec[0] == 0) {
        spec = "any";
    }
    if (count == 0) {
        return clt_fail(error, CLT_DEVICE, 0,
                        "no OpenCL device: install an OpenCL driver (for a CPU: apt install "
                        "pocl-opencl-icd)");
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (strcasecmp(spec, kinds[k]) == 0) {
            return choose_best(devices, count, kinds[k], chosen, error);
        }
    }
    bool *matches = clt_alloc(count, sizeof *matches, "the device list", error);
    if (matches == NULL) {
        return CLT_FAILED;
    }
    size_t found = match(devices, count, spec, matches, &last);
    list_names(devices, count, found > 1 ? matches : NULL, names, sizeof names);
    free(matches);
    if (found != 1) {
        return clt_fail(error, CLT_DEVICE, 0, "device '%.100s' matches %s; choose from %s", spec,
                        found == 0 ? "none" : "several", names);
    }
    if (!devices[last].usable) {
        return clt_fail(error, CLT_DEVICE, 0, "device %d:%d %s is not usable: %s",
                        devices[last].platform, devices[last].device, devices[last].name,
                        devices[last].reason);
    }
    *chosen = last;
    return CLT_OK;
}
