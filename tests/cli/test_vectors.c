/* fit --vectors: what it prints, and what it refuses. */
#include "support/test.h"

#include <stdio.h>

#include "support/program.h"

#define FIT                                                                                        \
    "cltrain fit --data demo:64 --model embedding:2,lstm:2,dense:1 --num-words 50 --maxlen 4 "     \
    "--epochs 1 --learning-rate 1e-30 "

static void coverage_is_printed(void **state)
{
    clt_run run;
    int count, all;

    (void)state;
    clt_run_command(&run, 0,
                    "printf '3 2\\nthe 0.5 -0.5\\nnosuchword 1 1\\n. 2 2\\n' > the.vec && " FIT
                    "--vectors the.vec --out the");
    assert_contains(run.out, "\nthe.vec: vectors for 1 of 46 words, which are ");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "cltrain vocab the/model.safetensors | awk '{n += $3; if ($2 == "
                    "\"the\") t = $3} END {print t, n}'");
    assert_int_equal(sscanf(run.out, "%d %d", &count, &all), 2);
    clt_run_free(&run);
    char share[32];
    snprintf(share, sizeof share, "which are %.1f%% of their", 100.0 * count / all);
    clt_run_command(&run, 0, FIT "--vectors the.vec --out again");
    assert_contains(run.out, share);
    clt_run_free(&run);
    clt_run_command(&run, 0, FIT "--vectors the.vec --out quiet --verbose 0");
    assert_lacks(run.out, "the.vec");
    clt_run_free(&run);
}

static void vectors_that_cannot_be_used(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "printf 'the 1 2 3\\n' > wide.txt && printf 'the 1 inf\\n' > inf.txt");
    clt_run_free(&run);
    assert_refused(FIT "--vectors wide.txt", 5, "wide.txt: line 1", "3 numbers", "takes 2",
                   "GloVe text");
    assert_refused(FIT "--vectors inf.txt", 5, "inf.txt: line 1", "'inf'");
    assert_refused(FIT "--vectors nosuch.txt", 5, "nosuch.txt", "No such file");
    assert_refused("cltrain fit --data " CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz "
                   "--vectors inf.txt",
                   5, "inf.txt", "knows no words");
    assert_false(clt_file_exists("runs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coverage_is_printed),
        cmocka_unit_test(vectors_that_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
