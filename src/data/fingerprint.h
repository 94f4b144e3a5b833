/* fingerprint.h: hashes (XXH3, 64 bits) of data sets (clt_dataset_fingerprint), and of what a
 * file holds. They find damage and mistakes, not malice. */
#ifndef CLT_DATA_FINGERPRINT_H
#define CLT_DATA_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "data/safetensors.h"

/* Goes on with a hash, from 0: what was before seeds that of what follows. */
uint64_t clt_hash(uint64_t hash, const void *data, size_t bytes);

/* A digest of names, types, shapes and values of tensors and of all metadata, in their order. It
 * belongs to the metadata as the last one, under this key, in 16 hexadecimal digits. */
#define CLT_DIGEST_KEY "xxh3"
enum { CLT_DIGEST_ROOM = 17 };
void clt_safetensors_digest(const clt_stored_tensor *tensors, size_t tensor_count,
                            const clt_metadata *metadata, size_t metadata_count,
                            char text[CLT_DIGEST_ROOM]);

/* Errors: CLT_INPUT when a file has no digest or another one. */
CLT_NODISCARD clt_status clt_safetensors_check_digest(const char *path, const clt_safetensors *file,
                                                      clt_error *error);

#endif
