/* Texts in every form that is one file: CSV, TSV, JSON lines, fastText and archives; then their
 * words and ids. The last byte has the options, too. */
#include "cltrain/dataset.h"
#include "cltrain/vocabulary.h"
#include "data/corpus.h"
#include "fuzz/fuzz.h"

static void encode(const clt_corpus *corpus)
{
    clt_vocabulary *words = NULL;
    clt_dataset *ids = NULL;
    if (clt_vocabulary_build(corpus, NULL, 1, &words, NULL) == CLT_OK &&
        clt_corpus_encode(corpus, words, NULL, &ids, NULL) == CLT_OK) {
        clt_dataset_free(ids);
    }
    clt_vocabulary_free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clt_corpus *train = NULL, *test = NULL;
    clt_error error;
    int bits = size > 0 ? data[size - 1] : 0;
    const clt_corpus_options options = {.unlabelled = (bits & 1) != 0,
                                        .skip_bad_rows = (bits & 2) != 0};
    if (clt_corpus_read(clt_fuzz_copy(data, size), size, &options, &train, &test, &error) ==
        CLT_OK) {
        encode(train);
        clt_corpus_free(train);
        clt_corpus_free(test);
    }
    return 0;
}
