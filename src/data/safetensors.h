/* safetensors.h: the container of models: an 8-byte little-endian header length, a JSON header, raw
 * little-endian tensors (github.com/huggingface/safetensors). Files are not trusted. */
#ifndef CLT_DATA_SAFETENSORS_H
#define CLT_DATA_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CLT_TENSOR_RANK_MAX 4

typedef enum clt_dtype { CLT_F32, CLT_F64, CLT_I32, CLT_I64, CLT_U8 } clt_dtype;

typedef struct clt_stored_tensor {
    const char *name;
    clt_dtype dtype;
    int rank;
    uint64_t shape[CLT_TENSOR_RANK_MAX];
    size_t bytes;
    const void *data; /* aligned to 8 bytes when read */
} clt_stored_tensor;

typedef struct clt_metadata {
    const char *key, *value;
} clt_metadata;

/* An opened file: everything validated as safetensors' own validator does (header size, JSON,
 * duplicate keys, contiguous offsets without holes or overlap, shape product equal to the byte
 * range, exact file length) and known dtypes only. */
typedef struct clt_safetensors {
    size_t tensor_count, metadata_count;
    clt_stored_tensor *tensors;
    clt_metadata *metadata;
    void *memory; /* private */
} clt_safetensors;

/* Errors: CLT_INPUT "PATH: what, where". Values of tensors are not looked at. */
CLT_NODISCARD clt_status clt_safetensors_open(const char *path, clt_safetensors *file,
                                              clt_error *error);
void clt_safetensors_close(clt_safetensors *file);

/* By name; NULL when absent. */
const clt_stored_tensor *clt_safetensors_find(const clt_safetensors *file, const char *name);
const char *clt_safetensors_metadata(const clt_safetensors *file, const char *key);

/* Writes tensors in the given order with the given metadata, header padded with spaces to 8 bytes,
 * atomically (util/file.h). Equal arguments give equal bytes. Errors: CLT_FAILED. */
CLT_NODISCARD clt_status clt_safetensors_save(const char *path, const clt_stored_tensor *tensors,
                                              size_t tensor_count, const clt_metadata *metadata,
                                              size_t metadata_count, clt_error *error);

#endif
