/* The real Large Movie Review Dataset, from the archive or the folder that CLTRAIN_ACLIMDB names;
 * skipped when that is not set. The numbers are Python's, from tarfile and sorted(). */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "cltrain/corpus.h"

#define SKIPPED 77 /* CTest's SKIP_RETURN_CODE for these programs */

static void check_part(const clt_corpus *corpus, size_t bytes, uint64_t want)
{
    uint64_t hash = 0; /* of all texts in their order: h = 31 h + byte */
    assert_int_equal(corpus->count, 25000);
    assert_int_equal(corpus->offsets[corpus->count], bytes);
    for (size_t k = 0; k < bytes; k++) {
        hash = 31 * hash + (unsigned char)corpus->text[k];
    }
    assert_true(hash == want);
    assert_int_equal(corpus->class_count, 2);
    assert_string_equal(corpus->classes[0], "neg");
    assert_string_equal(corpus->classes[1], "pos");
    for (size_t k = 0; k < corpus->count; k++) {
        assert_int_equal(corpus->labels[k], k >= 12500);
    }
}

static void test_as_python_reads_it(void **state)
{
    (void)state;
    clt_error error;
    clt_corpus *train, *test;
    assert_ok(clt_corpus_open(getenv("CLTRAIN_ACLIMDB"), NULL, &train, &test, &error));
    check_part(train, 33131054, UINT64_C(0x691bd53adfc48042));
    check_part(test, 32346699, UINT64_C(0xe34ff434ae127f73));
    clt_corpus_free(train);
    clt_corpus_free(test);
}

int main(void)
{
    const char *data = getenv("CLTRAIN_ACLIMDB");
    if (data == NULL || data[0] == '\0') {
        print_message("skipped: CLTRAIN_ACLIMDB does not name an aclImdb folder or .tar.gz\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_python_reads_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
