/* Word vectors, of a width of 3: GloVe's and word2vec's text, word2vec's binary, fastText's. */
#include "data/vectors.h"
#include "fuzz/fuzz.h"

enum { WIDTH = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clt_vectors *vectors = NULL;
    clt_error error;
    const char *word = "";
    size_t bytes;
    float values[WIDTH];
    if (clt_vectors_open(clt_fuzz_file(data, size), WIDTH, &vectors, &error) == CLT_OK) {
        while (clt_vectors_next(vectors, &word, &bytes, &error) == CLT_OK && word != NULL) {
            clt_status status = clt_vectors_read(vectors, values, &error);
            (void)status; /* numbers that are none are refused one word at a time */
        }
    }
    clt_vectors_close(vectors);
    clt_fuzz_close();
    return 0;
}
