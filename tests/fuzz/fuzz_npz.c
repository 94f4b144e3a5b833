/* Keras's imdb.npz: zip, npy and pickle. */
#include "cltrain/dataset.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clt_dataset *train = NULL, *test = NULL;
    clt_error error;
    if (clt_dataset_open_npz(clt_fuzz_file(data, size), NULL, 0, 113, &train, &test, &error) ==
        CLT_OK) {
        clt_dataset_free(train);
        clt_dataset_free(test);
    }
    clt_fuzz_close();
    return 0;
}
