/* fingerprint.c: hashes of data sets and of safetensors files. */
#include "data/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t clt_hash(uint64_t hash, const void *data, size_t bytes)
{
    return XXH3_64bits_withSeed(data, bytes, hash);
}

static uint64_t add_text(uint64_t hash, const char *text)
{
    return clt_hash(hash, text, strlen(text));
}

clt_fingerprint clt_dataset_fingerprint(const clt_dataset *dataset)
{
    clt_fingerprint f = {0, 0, 0};
    if (dataset == NULL) {
        return f;
    }
    size_t first = dataset->offsets[0]; /* a view's need not be 0 */
    f.samples = dataset->count;
    f.ids = dataset->offsets[dataset->count] - first;
    for (size_t k = 0; k < dataset->count; k++) {
        uint64_t length = dataset->offsets[k + 1] - dataset->offsets[k];
        f.hash = clt_hash(f.hash, &length, sizeof length);
    }
    f.hash = clt_hash(f.hash, dataset->ids + first, (size_t)f.ids * sizeof *dataset->ids);
    if (dataset->labels != NULL) {
        f.hash = clt_hash(f.hash, dataset->labels, dataset->count * sizeof *dataset->labels);
    }
    return f;
}

void clt_safetensors_digest(const clt_stored_tensor *tensors, size_t tensor_count,
                            const clt_metadata *metadata, size_t metadata_count,
                            char text[CLT_DIGEST_ROOM])
{
    uint64_t hash = 0;
    for (size_t k = 0; k < metadata_count; k++) {
        hash = add_text(add_text(hash, metadata[k].key), metadata[k].value);
    }
    for (size_t k = 0; k < tensor_count; k++) {
        const clt_stored_tensor *tensor = &tensors[k];
        const uint64_t kind = (uint64_t)tensor->dtype;
        hash = clt_hash(add_text(hash, tensor->name), &kind, sizeof kind);
        hash = clt_hash(hash, tensor->shape, (size_t)tensor->rank * sizeof *tensor->shape);
        hash = clt_hash(hash, tensor->data, tensor->bytes);
    }
    snprintf(text, CLT_DIGEST_ROOM, "%016" PRIx64, hash);
}

clt_status clt_safetensors_check_digest(const char *path, const clt_safetensors *file,
                                        clt_error *error)
{
    char text[CLT_DIGEST_ROOM];
    size_t count = file->metadata_count;
    if (count == 0 || strcmp(file->metadata[count - 1].key, CLT_DIGEST_KEY) != 0) {
        return clt_fail(error, CLT_INPUT, 0, "%s: its metadata do not end with a checksum, %s",
                        path, CLT_DIGEST_KEY);
    }
    clt_safetensors_digest(file->tensors, file->tensor_count, file->metadata, count - 1, text);
    if (strcmp(text, file->metadata[count - 1].value) != 0) {
        return clt_fail(error, CLT_INPUT, 0, "%s: damaged: its checksum is %s, not %.16s", path,
                        text, file->metadata[count - 1].value);
    }
    return CLT_OK;
}
