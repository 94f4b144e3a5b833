/* --class-weight: labels by their names, whatever is in them, and what balances them. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/program.h"

#define FIT                                                                                        \
    "cltrain fit --model embedding:4,lstm:3,dense:%s --maxlen 6 --epochs 2 --batch 2 --verbose 0 "

static void write_files(void)
{
    clt_run run;
    clt_run_command(&run, 0,
                    "printf 'text,label\\ngreat fun,good\\nlovely,good\\nfine,good\\ndull,bad\\n' "
                    "> two.csv; printf 'text,label\\na b,x\\nc d,\"x=1,y\"\\ne f,x\\ng,y=2\\n' > "
                    "three.csv");
    clt_run_free(&run);
}

/* The same model file from both. */
static void assert_same_model(const char *first, const char *second)
{
    clt_run run;
    clt_run_command(&run, 0, "cmp %s/model.safetensors %s/model.safetensors", first, second);
    clt_run_free(&run);
}

static void fit(const char *outputs, const char *flags)
{
    clt_run run;
    clt_run_command(&run, 0, FIT "%s", outputs, flags);
    clt_run_free(&run);
}

static void balanced_is_what_it_says(void **state)
{
    clt_run run;
    (void)state;
    write_files();
    fit("1", "--data two.csv --class-weight balanced --out balanced");
    fit("1", "--data two.csv --class-weight __label__bad=2,good=0.66666666666 --out by_name");
    fit("1", "--data two.csv --out none");
    assert_same_model("balanced", "by_name");
    clt_run_command(&run, 1, "cmp -s balanced/model.safetensors none/model.safetensors");
    clt_run_free(&run);
    /* of the part to train on: after --limit and the split */
    fit("1", "--data demo:40 --num-words 300 --limit 30 --class-weight balanced --out limited");
}

/* Commas and equals signs in them; a label that is not named has 1. */
static void labels_are_any_text(void **state)
{
    (void)state;
    write_files();
    fit("3", "--data three.csv --class-weight 'x=1,y=2,x=3' --out commas");
    fit("3", "--data three.csv --class-weight 'x=3,y=2=1,x=1,y=2' --out names");
    assert_same_model("commas", "names");
}

static void it_is_resumed(void **state)
{
    clt_run run;
    (void)state;
    write_files();
    fit("1", "--data two.csv --class-weight balanced --checkpoint-every 1steps --keep 9 --out cut");
    clt_run_command(&run, 0,
                    "cp -r cut whole; cd cut; sed -i 's/\"finished\": true/\"finished\": false/' "
                    "fit.json; rm model.safetensors checkpoint-[234].safetensors; cd ..; "
                    "cltrain fit --resume cut");
    assert_contains(run.err, "training goes on after 1 step");
    clt_run_free(&run);
    assert_same_model("cut", "whole");
    char *page = clt_read_text("cut/report.html", NULL);
    assert_contains(page, "<tr><th>--class-weight</th><td><code>balanced</code></td></tr>");
    free(page);
    assert_refused("cltrain fit --resume cut --class-weight good=2", 2, "--class-weight",
                   "goes on as it began");
}

static void what_makes_no_sense(void **state)
{
    static const char *const texts[] = {"good",       "good=",    "good=0",     "good=-1",
                                        "good=nan",   "good=inf", "good=1e-99", "good=1,good=2",
                                        "good=1,bad", "good=1,",  "good=1 2",   "good=1;bad=2",
                                        "unbalanced"};
    (void)state;
    write_files();
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        char command[200];
        snprintf(command, sizeof command, "cltrain fit --data two.csv --out no --class-weight '%s'",
                 texts[k]);
        assert_refused(command, 2, "--class-weight", texts[k], "balanced, or LABEL=W");
    }
    assert_refused("cltrain fit --data two.csv --out no --class-weight Good=2", 5,
                   "there is no class \"Good\"; the classes are bad, good");
    assert_refused("cltrain fit --data demo:20 --out no --class-weight 1=2", 5,
                   "there is no class \"1\"; the classes are negative, positive");
    assert_false(clt_file_exists("no"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balanced_is_what_it_says),
        cmocka_unit_test(labels_are_any_text),
        cmocka_unit_test(it_is_resumed),
        cmocka_unit_test(what_makes_no_sense),
    };
    setenv("CLTRAIN_PLAN", "gemm=own", 0); /* CLBlast's kernels take seconds to build */
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
