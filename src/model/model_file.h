/* model_file.h: files that hold a model and more beside it: checkpoints. */
#ifndef CLT_MODEL_MODEL_FILE_H
#define CLT_MODEL_MODEL_FILE_H

#include "data/safetensors.h"
#include "model/model_private.h"

/* The names of tensors that a model file may have and a model does not read begin with this. */
#define CLT_MODEL_MORE "trainer."
enum { CLT_MODEL_MORE_TENSORS = 4 * CLT_PARAMETER_COUNT_MAX + 8, CLT_MODEL_MORE_METADATA = 4 };

/* clt_model_save with tensors and metadata behind the model's own, and a digest of everything
 * (data/fingerprint.h). At most as many as above, the tensors' names beginning as above. */
CLT_NODISCARD clt_status clt_model_save_more(const clt_model *model, const char *path,
                                             const clt_stored_tensor *tensors, size_t tensor_count,
                                             const clt_metadata *metadata, size_t metadata_count,
                                             clt_error *error);

/* Takes the weights of an opened file of this very model: layers, reading options and words are
 * held against it. Errors: CLT_INPUT that names the difference; nothing is changed then. */
CLT_NODISCARD clt_status clt_model_take(clt_model *model, const char *path,
                                        const clt_safetensors *file, clt_error *error);

/* CLT_INPUT unless a tensor, `name` in messages, is there (not NULL), of a parameter's shape, with
 * finite values. */
CLT_NODISCARD clt_status clt_model_check_tensor(const char *path, const char *name,
                                                const clt_parameter *parameter,
                                                const clt_stored_tensor *tensor, clt_error *error);

#endif
