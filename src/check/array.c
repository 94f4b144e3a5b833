/* array.c: arrays that live on the host and on the device at once, with canaries. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "util/memory.h"
#include "util/random.h"

#define CANARY_COUNT 256
static const uint32_t canary_bits = 0x7fc0dead; /* a NaN: whoever reads it is found out, too */
static const uint32_t nan_bits = 0x7fc00001;

/* An array with zeros on the host, known to `check`. */
static clt_array *host_array(clt_check *check, const char *name, size_t count, clt_error *error)
{
    clt_array *array = clt_alloc(1, sizeof *array, name, error);
    if (array == NULL) {
        return NULL;
    }
    array->name = name;
    array->count = count;
    array->next = check->arrays;
    check->arrays = array;
    array->host = clt_alloc(count, sizeof *array->host, name, error);
    return array->host != NULL ? array : NULL;
}

/* Creates the device's side from `count` 4-byte values followed by the canary. Waits, because the
 * image is freed. */
static clt_status put(clt_check *check, clt_array *array, const void *values, clt_error *error)
{
    size_t bytes = (array->count + CANARY_COUNT) * sizeof(uint32_t);
    uint32_t *image = clt_alloc(array->count + CANARY_COUNT, sizeof *image, array->name, error);
    clt_status status = CLT_FAILED;
    if (image == NULL) {
        return status;
    }
    for (size_t k = 0; k < CANARY_COUNT; k++) {
        image[array->count + k] = canary_bits;
    }
    if (values != NULL) {
        memcpy(image, values, array->count * sizeof *image);
    } else {
        for (size_t k = 0; k < array->count; k++) {
            image[k] = nan_bits;
        }
    }
    CLT_TRY(clt_buffer_create(check->runtime, bytes, array->name, &array->device, error));
    CLT_TRY(clt_buffer_write(check->runtime, array->device, 0, bytes, image, error));
done:
    free(image);
    return status;
}

clt_status clt_check_input(clt_check *check, const char *name, size_t count, double scale,
                           clt_array **array, clt_error *error)
{
    *array = host_array(check, name, count, error);
    if (*array == NULL) {
        return CLT_FAILED;
    }
    clt_random random = clt_random_stream(1, CLT_RANDOM_INIT, check->streams++);
    for (size_t k = 0; k < count; k++) {
        (*array)->host[k] = (float)(scale * (2.0 * clt_random_uniform(&random) - 1.0));
    }
    return put(check, *array, (*array)->host, error);
}

clt_status clt_check_integers(clt_check *check, const char *name, size_t count,
                              const int32_t *values, clt_array **array, clt_error *error)
{
    *array = host_array(check, name, count, error);
    if (*array == NULL) {
        return CLT_FAILED;
    }
    memcpy((*array)->host, values, count * sizeof *values);
    return put(check, *array, values, error);
}

clt_status clt_check_output(clt_check *check, const char *name, size_t count, bool zero,
                            clt_array **array, clt_error *error)
{
    *array = host_array(check, name, count, error);
    if (*array == NULL) {
        return CLT_FAILED;
    }
    return put(check, *array, zero ? (*array)->host : NULL, error);
}

clt_status clt_check_space(clt_check *check, size_t bytes, clt_buffer *buffer, clt_error *error)
{
    *buffer = (clt_buffer){0};
    if (bytes == 0) {
        return CLT_OK;
    }
    clt_array *array = clt_alloc(1, sizeof *array, "scratch", error);
    if (array == NULL) {
        return CLT_FAILED;
    }
    array->name = "scratch";
    array->count = (bytes + 3) / 4;
    array->next = check->arrays;
    check->arrays = array;
    clt_status status = put(check, array, NULL, error);
    *buffer = array->device;
    return status;
}

static void note(clt_check *check, const clt_array *array, size_t k, float got, float want)
{
    if (check->failure[0] != 0) {
        return;
    }
    if (array->integers) {
        int32_t bits[2];
        memcpy(&bits[0], &got, sizeof got);
        memcpy(&bits[1], &want, sizeof want);
        snprintf(check->failure, sizeof check->failure, "%s[%zu] is %d, the reference says %d",
                 array->name, k, (int)bits[0], (int)bits[1]);
    } else {
        snprintf(check->failure, sizeof check->failure, "%s[%zu] is %.9g, the reference says %.9g",
                 array->name, k, (double)got, (double)want);
    }
}

clt_status clt_check_compare(clt_check *check, clt_array *array, clt_error *error)
{
    float *got = clt_alloc(array->count, sizeof *got, array->name, error);
    clt_status status = CLT_FAILED;
    if (got == NULL) {
        return status;
    }
    CLT_TRY(
        clt_buffer_read(check->runtime, array->device, 0, array->count * sizeof *got, got, error));
    for (size_t k = 0; k < array->count; k++) {
        double want = array->host[k];
        double distance = fabs(got[k] - want) / (1.0 + fabs(want));
        if (array->integers) {
            distance = memcmp(&got[k], &array->host[k], sizeof *got) == 0 ? 0.0 : NAN;
        }
        if (!isfinite(distance)) {
            check->largest_error = NAN;
            note(check, array, k, got[k], array->host[k]);
        } else if (distance > check->largest_error) { /* false once it is NaN */
            check->largest_error = distance;
            check->worst = array;
            check->worst_at = k;
            check->worst_got = got[k];
        }
    }
done:
    free(got);
    return status;
}

clt_status clt_check_canaries(clt_check *check, clt_error *error)
{
    for (const clt_array *array = check->arrays; array != NULL; array = array->next) {
        uint32_t canaries[CANARY_COUNT];
        clt_status status =
            clt_buffer_read(check->runtime, array->device, array->count * sizeof *canaries,
                            sizeof canaries, canaries, error);
        if (status != CLT_OK) {
            return status;
        }
        for (size_t k = 0; k < CANARY_COUNT; k++) {
            if (canaries[k] != canary_bits && check->failure[0] == 0) {
                snprintf(check->failure, sizeof check->failure,
                         "%s is written %zu elements past its end", array->name, k + 1);
            }
        }
    }
    return CLT_OK;
}

void clt_check_judge(clt_check *check, double tolerance)
{
    if (check->failure[0] == 0 && !(check->largest_error <= tolerance)) {
        note(check, check->worst, check->worst_at, check->worst_got,
             check->worst->host[check->worst_at]);
    }
}

void clt_check_release(clt_check *check)
{
    while (check->arrays != NULL) {
        clt_array *array = check->arrays;
        check->arrays = array->next;
        clt_buffer_release(check->runtime, &array->device);
        free(array->host);
        free(array);
    }
}

/* Ids fall off like words do, so that some rows repeat in every shard and most occur once. */
static int32_t draw_word(clt_random *random, int vocabulary)
{
    double u = clt_random_uniform(random);
    return (int32_t)(u * u * u * vocabulary);
}

/* Words of sample b: in a shard never more than those of the sample before it. */
static int words_of(int samples, int timesteps, int b)
{
    const clt_shards shards = clt_shards_of(samples);
    int s = clt_shard_of_sample(&shards, b);
    return timesteps -
           (b - shards.first[s]) * (timesteps - 1) / (shards.first[s + 1] - shards.first[s]);
}

/* What the device gets in the place of the host's lists. */
static clt_status pack_words(clt_check *check, const clt_batch *packed,
                             const clt_check_batch *batch, clt_error *error)
{
    const struct {
        const clt_array *array;
        const int32_t *values;
    } lists[] = {{batch->index, packed->index},
                 {batch->positions, packed->positions},
                 {batch->offsets, packed->offsets}};
    clt_status status = CLT_OK;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        CLT_TRY(clt_buffer_write(check->runtime, lists[k].array->device, 0,
                                 lists[k].array->count * sizeof(int32_t), lists[k].values, error));
    }
done:
    return status;
}

clt_status clt_check_words(clt_check *check, int samples, int timesteps, int vocabulary, bool packs,
                           clt_check_batch *batch, clt_error *error)
{
    clt_random random = clt_random_stream(2, CLT_RANDOM_INIT, check->streams++);
    size_t count = (size_t)samples * (size_t)timesteps;
    clt_dataset dataset = {.count = (size_t)samples, .num_words = vocabulary};
    clt_reading reading = {.num_words = vocabulary, .maxlen = timesteps};
    clt_batch made = {0};
    uint32_t *order = clt_alloc((size_t)samples, sizeof *order, "words", error);
    clt_status status = CLT_FAILED;
    dataset.offsets = clt_alloc((size_t)samples + 1, sizeof *dataset.offsets, "words", error);
    dataset.ids = clt_alloc(count, sizeof *dataset.ids, "words", error);
    if (order == NULL || dataset.offsets == NULL || dataset.ids == NULL) {
        goto done;
    }
    for (int b = 0; b < samples; b++) {
        order[b] = (uint32_t)b;
        dataset.offsets[b + 1] =
            dataset.offsets[b] + (size_t)(packs ? words_of(samples, timesteps, b) : timesteps);
    }
    for (size_t k = 0; k < count; k++) {
        dataset.ids[k] = draw_word(&random, vocabulary);
    }
    CLT_TRY(clt_batch_create(samples, timesteps, &made, error));
    clt_batch_fill(&made, &dataset, &reading, order, samples);
    batch->extent = made.extent;
    batch->row_count = made.row_count;
    size_t rows = (size_t)made.row_count, lists = rows * (size_t)made.extent.shards.count + 1;
    CLT_TRY(clt_check_integers(check, "index", count, made.index, &batch->index, error));
    CLT_TRY(
        clt_check_integers(check, "positions", count, made.positions, &batch->positions, error));
    CLT_TRY(clt_check_integers(check, "offsets", lists, made.offsets, &batch->offsets, error));
    CLT_TRY(clt_check_integers(check, "unique", rows, made.unique, &batch->unique, error));
    if (packs) {
        made.packs = true;
        clt_batch_fill(&made, &dataset, &reading, order, samples);
        batch->longest = made.longest;
        CLT_TRY(
            clt_check_integers(check, "start", (size_t)samples, made.start, &batch->start, error));
        CLT_TRY(pack_words(check, &made, batch, error));
    }
done:
    clt_batch_destroy(&made);
    free(order);
    free(dataset.offsets);
    free(dataset.ids);
    return status;
}
