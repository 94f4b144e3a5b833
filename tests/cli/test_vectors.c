/* fit --vectors: what it prints, and what it refuses. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

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
    assert_refused("cltrain fit --data '" CLT_SOURCE_DIR "/tests/unit/fixtures/reviews.npz' "
                   "--vectors inf.txt",
                   5, "inf.txt", "knows no words");
    assert_false(clt_file_exists("runs"));
}

/* As after a kill: what the folder of a run had before its end. Checkpoints stay, but the last. */
#define UNFINISHED                                                                                 \
    "sed -i 's/\"finished\": true/\"finished\": false/' cut/fit.json; rm -f "                      \
    "cut/model.safetensors cut/report.html cut/checkpoint-2.safetensors; "

static void other_vectors_are_noticed(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "printf 'the 1 2\n' > a.txt; printf 'the 1 3\n' > b.txt; rm -rf cut; " FIT
                    "--vectors a.txt --out cut; cp -r cut whole; " UNFINISHED
                    "cltrain fit --resume cut; cmp cut/report.html whole/report.html; "
                    "cmp cut/model.safetensors whole/model.safetensors; " UNFINISHED
                    "cp b.txt a.txt");
    assert_lacks(run.out, "differ");
    clt_run_free(&run);
    assert_refused("cltrain fit --resume cut --verbose 0", 5, "--vectors a.txt: it gives other",
                   "put back");
    assert_false(clt_file_exists("cut/model.safetensors"));
    clt_run_command(&run, 0,
                    "printf 'the 1 2\n' > a.txt; cltrain fit --resume cut; cmp cut/report.html "
                    "whole/report.html");
    clt_run_free(&run);
}

/* A checkpoint does not need the vectors, but cannot tell how far words have come from them. */
static void the_page_says_what_is_not_known(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "printf 'the 1 2\n' > a.txt; rm -rf cut; " FIT
                    "--vectors a.txt --batch 32 --checkpoint-every 1steps --out cut; " UNFINISHED
                    "rm a.txt; cltrain fit --resume cut");
    assert_contains(run.err, "training goes on after 1 step");
    char *page = clt_read_text("cut/report.html", NULL);
    assert_contains(page, "Not known: this run went on from a checkpoint");
    free(page);
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coverage_is_printed),
        cmocka_unit_test(vectors_that_cannot_be_used),
        cmocka_unit_test(other_vectors_are_noticed),
        cmocka_unit_test(the_page_says_what_is_not_known),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
