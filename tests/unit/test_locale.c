/* Model strings, model files and word vectors have points where the program has chosen a locale
 * with decimal commas; skipped where no such locale is installed (`.ci/run` makes one). */
#include "support/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cltrain/model.h"
#include "data/vocabulary.h"

static bool choose_commas(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "it_IT.UTF-8",
                                        "pt_BR.UTF-8", "pl_PL.UTF-8", "ru_RU.UTF-8"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (setlocale(LC_ALL, names[k]) != NULL) {
            return true;
        }
    }
    return false;
}

static void assert_commas(void)
{
    char text[8];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
}

static void test_points(void **state)
{
    static const clt_reading reading = {8, 0, 1, 2, 3, 6, CLT_PRE, CLT_PRE};
    static const char words[] = "the\0film"; /* ids 4 and 5 */
    char path[] = "/tmp/cltrain-locale-XXXXXX";
    clt_error error;
    clt_model *model, *again;
    clt_vocabulary *vocabulary;
    clt_vector_coverage coverage;
    size_t count;
    (void)state;
    if (!choose_commas()) {
        skip();
    }
    assert_commas();
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_ok(clt_model_create("embedding:2:dropout=0.25,dropout:0.5,lstm:2,dense:1", &reading, 1,
                               &model, &error));
    assert_ok(clt_vocabulary_create(words, sizeof words, 2, &vocabulary, &error));
    assert_ok(clt_model_set_vocabulary(model, vocabulary, &error));
    assert_true(write(descriptor, "film 0.5 -1.25\n", 15) == 15);
    assert_ok(clt_model_load_vectors(model, path, &coverage, &error));
    assert_int_equal(coverage.words_found, 1);
    assert_ok(clt_model_save(model, path, &error));
    assert_ok(clt_model_open(path, &again, &error));
    const float *table = clt_model_tensor(again, "embedding.embeddings", &count);
    assert_true(table[5 * 2] == 0.5f && table[5 * 2 + 1] == -1.25f);
    assert_commas(); /* the program's own stays */
    clt_vocabulary_free(vocabulary);
    clt_model_free(model);
    clt_model_free(again);
    close(descriptor);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_points)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
