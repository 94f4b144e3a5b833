/* Model files: safetensors, the model string, reading options, words and names of classes. */
#include "cltrain/model.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clt_model *model = NULL;
    clt_error error;
    if (clt_model_open(clt_fuzz_file(data, size), &model, &error) == CLT_OK) {
        clt_model_free(model);
    }
    clt_fuzz_close();
    return 0;
}
