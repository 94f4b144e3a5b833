/* corpus.h: labelled texts read from memory, and checked. */
#ifndef CLT_TESTS_CORPUS_H
#define CLT_TESTS_CORPUS_H

#include "data/corpus.h"

/* clt_corpus_read of a copy of these bytes, which have no test part. options: NULL for all zero. */
clt_status clt_test_corpus_read(const char *text, size_t bytes, const clt_corpus_options *options,
                                clt_corpus **train, clt_error *error);
/* The same for a literal. Needs a `clt_error error` in scope. */
#define READ(text, options, train)                                                                 \
    clt_test_corpus_read((text), sizeof(text) - 1, (options), (train), &error)

void clt_test_check_sample(const clt_corpus *corpus, size_t k, const char *text, size_t bytes,
                           const char *label);

/* `samples`: all of them, each "text|label", NULL behind the last. */
void clt_test_check_corpus(const clt_corpus *corpus, const char *const *samples);
#define CHECK(corpus, ...) clt_test_check_corpus((corpus), (const char *const[]){__VA_ARGS__, NULL})

#endif
