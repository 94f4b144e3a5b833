#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "support/corpus.h"

clt_status clt_test_corpus_read(const char *text, size_t bytes, const clt_corpus_options *options,
                                clt_corpus **train, clt_error *error)
{
    static const clt_corpus_options none = {0};
    clt_corpus *test;
    char *copy = malloc(bytes > 0 ? bytes : 1); /* exact, so that one byte too far is seen */
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    clt_status status =
        clt_corpus_read(copy, bytes, options != NULL ? options : &none, train, &test, error);
    assert_null(test);
    return status;
}

void clt_test_check_sample(const clt_corpus *corpus, size_t k, const char *text, size_t bytes,
                           const char *label)
{
    assert_int_equal(corpus->offsets[k + 1] - corpus->offsets[k], bytes);
    assert_memory_equal(corpus->text + corpus->offsets[k], text, bytes);
    assert_in_range(corpus->labels[k], 0, corpus->class_count - 1);
    assert_string_equal(corpus->classes[corpus->labels[k]], label);
}

void clt_test_check_corpus(const clt_corpus *corpus, const char *const *samples)
{
    size_t count = 0;
    for (; samples[count] != NULL; count++) {
        const char *label = strrchr(samples[count], '|') + 1;
        assert_true(count < corpus->count);
        clt_test_check_sample(corpus, count, samples[count], (size_t)(label - 1 - samples[count]),
                              label);
    }
    assert_int_equal(corpus->count, count);
    for (int32_t k = 1; k < corpus->class_count; k++) {
        assert_true(strcmp(corpus->classes[k - 1], corpus->classes[k]) < 0);
    }
}
