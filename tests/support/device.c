#include "support/device.h"

#include <stdlib.h>
#include <string.h>

#include "support/runtime.h"

#define CANARY 0x7FC0DEADu /* a NaN as float, 2,143,346,349 as int */

int clt_test_device_open(void **state)
{
    clt_test_device *device = calloc(1, sizeof *device);
    if (device == NULL || clt_test_runtime_open(&device->runtime) != 0) {
        free(device);
        return -1;
    }
    *state = device;
    return 0;
}

int clt_test_device_close(void **state)
{
    clt_test_device *device = *state;
    if (device != NULL) { /* NULL: it could not be opened, and cmocka calls this all the same */
        clt_runtime_destroy(device->runtime);
        free(device);
    }
    return 0;
}

bool clt_test_device_intact(clt_test_device *device)
{
    uint32_t behind[CLT_ALIGNMENT / sizeof(uint32_t)];
    for (int k = 0; k < device->buffer_count; k++) {
        clt_error error;
        assert_ok(clt_buffer_read(device->runtime, device->buffers[k], device->used[k],
                                  sizeof behind, behind, &error));
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
            if (behind[i] != CANARY) {
                print_error("buffer %d of %zu bytes: 0x%08x was written %zu bytes behind its end\n",
                            k, device->used[k], (unsigned)behind[i], i * sizeof *behind);
                return false;
            }
        }
    }
    return true;
}

int clt_test_device_end(void **state)
{
    clt_test_device *device = *state;
    bool intact = clt_test_device_intact(device);
    while (device->buffer_count > 0) {
        clt_buffer_release(device->runtime, &device->buffers[--device->buffer_count]);
    }
    while (device->block_count > 0) {
        free(device->blocks[--device->block_count]);
    }
    return intact ? 0 : -1;
}

void *clt_test_alloc(clt_test_device *device, size_t bytes)
{
    assert_true(device->block_count < CLT_TEST_ITEMS_MAX);
    void *block = calloc(bytes > 0 ? bytes : 1, 1);
    assert_non_null(block);
    device->blocks[device->block_count++] = block;
    return block;
}

float *clt_test_normals(clt_test_device *device, size_t count, double deviation, uint64_t seed)
{
    float *values = clt_test_alloc(device, count * sizeof *values);
    clt_test_normal_f32(values, count, deviation, seed);
    return values;
}

double *clt_test_widen(clt_test_device *device, const float *values, size_t count)
{
    double *wide = clt_test_alloc(device, count * sizeof *wide);
    for (size_t k = 0; k < count; k++) {
        wide[k] = values[k];
    }
    return wide;
}

float *clt_test_narrow(clt_test_device *device, const double *values, size_t count)
{
    float *narrow = clt_test_alloc(device, count * sizeof *narrow);
    for (size_t k = 0; k < count; k++) {
        narrow[k] = (float)values[k];
    }
    return narrow;
}

/* `data` NULL: canaries all through. Elements are 4 bytes wide. */
static clt_buffer new_buffer(clt_test_device *device, const void *data, size_t bytes)
{
    clt_error error;
    clt_buffer buffer;
    size_t whole = bytes + CLT_ALIGNMENT;
    assert_int_equal(bytes % sizeof(uint32_t), 0);
    assert_true(device->buffer_count < CLT_TEST_ITEMS_MAX);
    assert_ok(clt_buffer_create(device->runtime, whole, "test buffer", &buffer, &error));
    device->buffers[device->buffer_count] = buffer;
    device->used[device->buffer_count++] = bytes;

    uint32_t *content = malloc(whole);
    assert_non_null(content);
    for (size_t k = 0; k < whole / sizeof *content; k++) {
        content[k] = CANARY;
    }
    if (data != NULL && bytes > 0) {
        memcpy(content, data, bytes);
    }
    assert_ok(clt_buffer_write(device->runtime, buffer, 0, whole, content, &error));
    free(content);
    return (clt_buffer){buffer.mem, bytes};
}

clt_buffer clt_test_input(clt_test_device *device, const void *data, size_t bytes)
{
    assert_non_null(data);
    return new_buffer(device, data, bytes);
}

clt_buffer clt_test_output(clt_test_device *device, size_t bytes)
{
    return new_buffer(device, NULL, bytes);
}

void *clt_test_read(clt_test_device *device, clt_buffer buffer)
{
    clt_error error;
    void *data = clt_test_alloc(device, buffer.bytes);
    if (buffer.bytes > 0) {
        assert_ok(clt_buffer_read(device->runtime, buffer, 0, buffer.bytes, data, &error));
    }
    return data;
}

clt_sequence clt_test_sequence(clt_test_device *device, const clt_test_batch *batch, int features,
                               const float *rows, bool indexed)
{
    size_t n = (size_t)batch->position_count, u = (size_t)batch->row_count;
    size_t lists = u * (size_t)batch->extent.shards.count + 1,
           row = (size_t)features * sizeof *rows;
    if (!indexed) {
        return (clt_sequence){.extent = batch->extent,
                              .row_count = batch->position_count,
                              .rows = clt_test_input(device, rows, n * row)};
    }
    clt_buffer none = {0};
    return (clt_sequence){
        .extent = batch->extent,
        .row_count = batch->row_count,
        .start = batch->start != NULL
                     ? clt_test_input(device, batch->start,
                                      (size_t)batch->extent.samples * sizeof(int32_t))
                     : none,
        .packed = batch->start != NULL,
        .longest = batch->longest,
        .rows = clt_test_input(device, rows, u * row),
        .index = clt_test_input(device, batch->index, n * sizeof(int32_t)),
        .offsets = clt_test_input(device, batch->offsets, lists * sizeof(int32_t)),
        .positions = clt_test_input(device, batch->positions, n * sizeof(int32_t))};
}
