/* vocab: the words of a model, one line each. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

#define FIT "cltrain fit --model embedding:2,lstm:2,dense:1 --maxlen 4 --epochs 1 --verbose 0 "
#define REVIEWS "'" CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz'"

static void words_by_id_with_their_counts(void **state)
{
    clt_run run;
    int id, count, before = 1 << 30, lines = 0, used;
    char word[64];

    (void)state;
    clt_run_command(&run, 0, FIT "--data demo:64 --num-words 200 --out demo");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain vocab demo/model.safetensors");
    assert_string_equal(run.err, "");
    const char *line = run.out;
    for (; sscanf(line, "%d\t%63s\t%d\n%n", &id, word, &count, &used) == 3; line += used) {
        assert_int_equal(id, 4 + lines++);
        assert_in_range(count, 1, before);
        before = count;
    }
    assert_string_equal(line, "");
    assert_int_equal(lines, 196); /* ids below 200 */
    assert_memory_equal(run.out, "4\tthe\t", 6);
    clt_run_free(&run);
}

static void words_of_a_word_index(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "printf '{\"caf\\\\u00e9\": 1, \"a\\\\tb\\\\u001b\\\\u007f\": 2, \"c\": 4}' > "
                    "w.json && " FIT "--data " REVIEWS
                    " --num-words 50 --word-index w.json --out index");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain vocab index/model.safetensors");
    assert_string_equal(run.out, "4\tcaf\xc3\xa9\t0\n5\ta\\x09b\\x1b\\x7f\t0\n7\tc\t0\n");
    clt_run_free(&run);
}

static void no_words_or_no_model(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, FIT "--data " REVIEWS " --num-words 50 --out none");
    clt_run_free(&run);
    assert_refused("cltrain vocab none/model.safetensors", 5, "none/model.safetensors", "no words",
                   "--word-index");
    assert_refused("cltrain vocab nosuch", 5, "nosuch", "No such file");
    assert_refused("cltrain vocab", 2, "MODEL");
    assert_refused("cltrain vocab a b", 2, "b");
    clt_run_command(&run, 1, "cltrain vocab demo/model.safetensors > /dev/full");
    assert_contains(run.err, "cannot write to standard output");
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_by_id_with_their_counts),
        cmocka_unit_test(words_of_a_word_index),
        cmocka_unit_test(no_words_or_no_model),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
