/* The reviews of a tar archive, plain or packed by gzip. */
#include "data/aclimdb.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const clt_corpus_options options;
    clt_corpus *train = NULL, *test = NULL;
    clt_error error;
    if (clt_aclimdb_read_archive(clt_fuzz_copy(data, size), size, &options, &train, &test,
                                 &error) == CLT_OK) {
        clt_corpus_free(train);
        clt_corpus_free(test);
    }
    return 0;
}
