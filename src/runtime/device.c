/* device.c: the device list over all platforms, and the choice of one row by a SPEC. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/state.h"
#include "util/memory.h"

#ifndef CL_PLATFORM_NOT_FOUND_KHR
#define CL_PLATFORM_NOT_FOUND_KHR -1001
#endif

/* ---- listing --------------------------------------------------------------------------------- */

/* A string of a device without surrounding spaces; "" when it cannot be had. */
static void device_string(cl_device_id id, cl_device_info what, char *text, size_t room)
{
    char long_text[1024] = "";
    size_t begin = 0, length;
    if (clGetDeviceInfo(id, what, sizeof long_text - 1, long_text, NULL) != CL_SUCCESS) {
        long_text[0] = 0;
    }
    while (isspace((unsigned char)long_text[begin])) {
        begin++;
    }
    length = strlen(long_text + begin);
    while (length > 0 && isspace((unsigned char)long_text[begin + length - 1])) {
        length--;
    }
    length = length < room - 1 ? length : room - 1;
    memcpy(text, long_text + begin, length);
    text[length] = 0;
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

static void describe(cl_platform_id platform, cl_device_id id, clt_device *row)
{
    cl_device_type type = 0;
    (void)clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    row->type = type_of(type);
    device_string(id, CL_DEVICE_NAME, row->name, sizeof row->name);
    device_string(id, CL_DEVICE_VENDOR, row->vendor, sizeof row->vendor);
    device_string(id, CL_DEVICE_VERSION, row->version, sizeof row->version);
    device_string(id, CL_DRIVER_VERSION, row->driver, sizeof row->driver);
    (void)clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof row->platform_name - 1,
                            row->platform_name, NULL);
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

/* Makes a folder and those above it; 0 or errno. */
static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int code = mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
        *slash = '/';
        if (code != 0 && code != EROFS && code != EACCES) {
            return code;
        }
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
}

/* Writes a block into a folder and removes it again; 0 or errno. */
static int try_folder(const char *path)
{
    static const char block[4096] = {0};
    char name[4200];
    snprintf(name, sizeof name, "%s/cltrain.XXXXXX", path);
    int descriptor = mkstemp(name), code = errno;
    if (descriptor < 0) {
        return code;
    }
    ssize_t written = write(descriptor, block, sizeof block);
    code = written == (ssize_t)sizeof block ? 0 : written < 0 ? errno : ENOSPC;
    close(descriptor);
    unlink(name);
    return code;
}

/* PoCL ends the process when it cannot write its kernel cache, so that is found out before the
 * first call into a driver. The places are those of PoCL's lib/CL/pocl_cache.c. */
static clt_status check_pocl_cache(clt_error *error)
{
    char path[4096];
    const char *own = getenv("POCL_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own != NULL && own[0] != 0) {
        snprintf(path, sizeof path, "%s", own);
    } else if (xdg != NULL && xdg[0] != 0) {
        snprintf(path, sizeof path, "%s/pocl/kcache", xdg);
    } else if (home != NULL && home[0] != 0) {
        snprintf(path, sizeof path, "%s/.cache/pocl/kcache", home);
    } else {
        return CLT_OK; /* it uses the temporary folder */
    }
    int code = make_folders(path);
    if (code == 0) {
        code = try_folder(path);
    }
    if (code == 0) {
        return CLT_OK;
    }
    return clt_fail(
        error, CLT_DEVICE, code,
        "cannot write compiled kernels to %s: %s; set POCL_CACHE_DIR and XDG_CACHE_HOME "
        "to folders that can be written",
        path, strerror(code));
}

static clt_status list_platforms(cl_platform_id **platforms, cl_uint *count, clt_error *error)
{
    clt_status status = check_pocl_cache(error);
    if (status != CLT_OK) {
        return status;
    }
    cl_int code = clGetPlatformIDs(0, NULL, count);
    *platforms = NULL;
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
        return clt_fail(error, CLT_DEVICE, code, "%s (%d) from clGetPlatformIDs",
                        clt_opencl_name(code), (int)code);
    }
    return CLT_OK;
}

static clt_status platform_devices(cl_platform_id platform, cl_device_id **ids, cl_uint *count,
                                   clt_error *error)
{
    *ids = NULL;
    *count = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, count) != CL_SUCCESS || *count == 0) {
        *count = 0; /* a platform without devices is not an error */
        return CLT_OK;
    }
    *ids = clt_alloc(*count, sizeof **ids, "the device list", error);
    if (*ids == NULL) {
        return CLT_FAILED;
    }
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, *count, *ids, NULL) != CL_SUCCESS) {
        *count = 0;
    }
    return CLT_OK;
}

clt_status clt_device_list(clt_device **devices, size_t *count, clt_error *error)
{
    cl_platform_id *platforms = NULL;
    cl_device_id *ids = NULL;
    cl_uint platform_count = 0;
    void *rows = NULL;
    size_t used = 0;
    clt_status status;
    CLT_TRY(list_platforms(&platforms, &platform_count, error));
    for (cl_uint p = 0; p < platform_count; p++) {
        cl_uint device_count;
        CLT_TRY(platform_devices(platforms[p], &ids, &device_count, error));
        CLT_TRY(
            clt_resize(&rows, used + device_count, sizeof(clt_device), "the device list", error));
        for (cl_uint d = 0; d < device_count; d++) {
            clt_device *row = (clt_device *)rows + used++;
            memset(row, 0, sizeof *row);
            row->platform = (int)p;
            row->device = (int)d;
            describe(platforms[p], ids[d], row);
        }
        free(ids);
        ids = NULL;
    }
    *devices = rows;
    *count = used;
    rows = NULL;
done:
    free(rows);
    free(ids);
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
    clt_status status;
    CLT_TRY(list_platforms(&platforms, &platform_count, error));
    if ((cl_uint)device->platform < platform_count) {
        CLT_TRY(platform_devices(platforms[device->platform], &ids, &device_count, error));
    }
    if ((cl_uint)device->device >= device_count) {
        status = clt_fail(error, CLT_DEVICE, 0, "device %d:%d is no longer there", device->platform,
                          device->device);
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

static const char *const type_names[] = {"CPU", "GPU", "accelerator", "other"};

/* "0:0 NAME (GPU), 1:0 NAME (CPU)" of the rows that `matches` names, or of all when NULL. */
static void list_names(const clt_device *devices, size_t count, const bool *matches, char *text,
                       size_t room)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t k = 0; k < count; k++) {
        if ((matches == NULL || matches[k]) && used + 1 < room) {
            int length =
                snprintf(text + used, room - used, "%s%d:%d %s (%s%s)", used > 0 ? ", " : "",
                         devices[k].platform, devices[k].device, devices[k].name,
                         type_names[devices[k].type], devices[k].usable ? "" : ", not usable");
            used += length > 0 ? (size_t)length : 0;
        }
    }
}

/* Larger is better: discrete GPU, integrated GPU, CPU; then units x clock. 0: not for "any". */
static double score(const clt_device *device)
{
    double speed =
        1.0 + (double)device->compute_units * (device->clock_mhz > 0 ? device->clock_mhz : 1);
    double kind = device->type == CLT_DEVICE_GPU   ? (device->integrated ? 2.0 : 3.0)
                  : device->type == CLT_DEVICE_CPU ? 1.0
                                                   : 0.0;
    return device->usable ? kind * 1e15 + (kind > 0.0 ? speed : 0.0) : 0.0;
}

static clt_status choose_best(const clt_device *devices, size_t count, const char *spec,
                              size_t *chosen, clt_error *error)
{
    double best = 0.0;
    char names[700];
    for (size_t k = 0; k < count; k++) {
        bool wanted = strcmp(spec, "any") == 0 ||
                      (strcmp(spec, "gpu") == 0 && devices[k].type == CLT_DEVICE_GPU) ||
                      (strcmp(spec, "cpu") == 0 && devices[k].type == CLT_DEVICE_CPU);
        if (wanted && score(&devices[k]) > best) {
            best = score(&devices[k]);
            *chosen = k;
        }
    }
    if (best > 0.0) {
        return CLT_OK;
    }
    list_names(devices, count, NULL, names, sizeof names);
    return clt_fail(error, CLT_DEVICE, 0, "no usable %s device; there is: %s%s",
                    strcmp(spec, "any") == 0 ? "OpenCL" : spec, names,
                    strcmp(spec, "cpu") == 0 ? " (for a CPU: apt install pocl-opencl-icd)" : "");
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

/* Fills matches[] by P:D, or else by a part of the name. */
static size_t match(const clt_device *devices, size_t count, const char *spec, bool *matches,
                    size_t *last)
{
    int platform, device, end = 0;
    bool numbers = sscanf(spec, "%d:%d%n", &platform, &device, &end) == 2 && spec[end] == 0;
    size_t found = 0;
    for (size_t k = 0; k < count; k++) {
        matches[k] = numbers ? devices[k].platform == platform && devices[k].device == device
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
    char names[700];
    size_t last = 0;
    if (spec == NULL || spec[0] == 0) {
        spec = getenv("CLTRAIN_DEVICE");
    }
    if (spec == NULL || spec[0] == 0) {
        spec = "any";
    }
    if (count == 0) {
        return clt_fail(error, CLT_DEVICE, 0,
                        "no OpenCL device; install a driver (for a CPU: apt install "
                        "pocl-opencl-icd)");
    }
    if (strcmp(spec, "any") == 0 || strcmp(spec, "gpu") == 0 || strcmp(spec, "cpu") == 0) {
        return choose_best(devices, count, spec, chosen, error);
    }
    bool *matches = clt_alloc(count, sizeof *matches, "the device list", error);
    if (matches == NULL) {
        return CLT_FAILED;
    }
    size_t found = match(devices, count, spec, matches, &last);
    list_names(devices, count, found > 1 ? matches : NULL, names, sizeof names);
    free(matches);
    if (found != 1) {
        return clt_fail(error, CLT_DEVICE, 0, "device '%s' matches %s; choose from %s", spec,
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
