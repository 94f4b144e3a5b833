/* --ema: the model that is left is the one that was measured, in a resumed run, too. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

#define FIT                                                                                        \
    "cltrain fit --data demo:60 --model embedding:8,lstm:6,dense:1 --num-words 300 --maxlen 20 "   \
    "--batch 20 --epochs 3 --learning-rate 0.02 --verbose 0 "

static void what_is_measured_is_saved(void **state)
{
    clt_run run;
    double accuracy, loss;
    char expected[80];
    (void)state;
    clt_run_command(&run, 0, FIT "--ema 0.8 --out averaged");
    clt_run_free(&run);
    char *csv = clt_read_text("averaged/history.csv", NULL);
    char *page = clt_read_text("averaged/report.html", NULL);
    assert_int_equal(sscanf(strstr(csv, "\n2,") + 3, "%*f,%*f,%lf,%lf", &accuracy, &loss), 2);
    snprintf(expected, sizeof expected, "accuracy: %.4f - loss: %.4f", accuracy, loss);
    clt_run_command(&run, 0, "cltrain evaluate averaged/model.safetensors --data demo:60");
    assert_contains(run.out, expected);
    assert_contains(page, "<tr><th>--ema</th><td><code>0.8</code></td></tr>");
    clt_run_free(&run);
    clt_run_command(&run, 1,
                    FIT "--out plain && cmp -s plain/model.safetensors averaged/model.safetensors");
    clt_run_free(&run);
    free(csv);
    free(page);
}

static void it_is_resumed(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0,
                    FIT "--ema 0.8 --patience 1 --checkpoint-every 1steps --keep 99 "
                        "--out cut");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "cp -r cut whole; cd cut; sed -i 's/\"finished\": true/\"finished\": false/' "
                    "fit.json; rm model.safetensors; ls checkpoint-* | grep -v checkpoint-2.safe | "
                    "xargs rm; cd ..; cltrain fit --resume cut; "
                    "cmp cut/model.safetensors whole/model.safetensors && "
                    "cmp cut/history.csv whole/history.csv");
    assert_contains(run.err, "training goes on after 2 steps");
    clt_run_free(&run);
}

static void what_makes_no_sense(void **state)
{
    static const char *const texts[] = {"0", "1", "-0.5", "1.5", "nan", "much", "0.9x"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        char command[100];
        snprintf(command, sizeof command, "cltrain fit --data demo:8 --ema %s", texts[k]);
        assert_refused(command, 2, "--ema", texts[k], "between 0 and 1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_measured_is_saved),
        cmocka_unit_test(it_is_resumed),
        cmocka_unit_test(what_makes_no_sense),
    };
    setenv("CLTRAIN_PLAN", "gemm=own", 0); /* CLBlast's kernels take seconds to build */
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
