/* embedding:D:mask_zero: on which side the zeros stand changes nothing, and neither does how many.
 */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

#define OPTIONS "--epochs 2 --learning-rate 0.02 --verbose 0 "

/* The last state alone, and every state in both directions. */
static const char *const models[] = {
    "embedding:8:mask_zero,lstm:6,dense:1",
    "embedding:8:mask_zero,dropout:0.2,lstm:6:bidirectional:sequence:dropout=0.3:"
    "recurrent_dropout=0.2,pool:last+mean+max,dense:1",
};

static void both_sides_are_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        clt_run run;
        clt_run_command(&run, 0,
                        "rm -rf pre post; for side in pre post; do "
                        "cltrain fit --data demo:60 --num-words 300 --maxlen 200 --batch 20 "
                        "--model %s --padding $side " OPTIONS "--out $side; "
                        "cltrain predict $side/model.safetensors --data demo:60 > $side/answers; "
                        "done; cmp pre/history.csv post/history.csv && "
                        "cmp pre/answers post/answers && wc -l < pre/answers",
                        models[k]);
        assert_contains(run.out, "60");
        clt_run_free(&run);
    }
}

/* The last training loss of a fit on short texts, padded to `maxlen`. */
static double loss_at(const char *option, int maxlen)
{
    clt_run run;
    double loss;
    clt_run_command(&run, 0,
                    "printf 'text,label\\nwonderful,good\\na dull mess,bad\\nI loved it,good\\n"
                    "so long and so very bad,bad\\n' > texts.csv; "
                    "cltrain fit --data texts.csv --batch 2 --maxlen %d " OPTIONS
                    "--model embedding:8%s,lstm:6:sequence,pool:mean,dense:1 --out model",
                    maxlen, option);
    clt_run_free(&run);
    char *csv = clt_read_text("model/history.csv", NULL);
    assert_int_equal(sscanf(strstr(csv, "\n1,") + 3, "%*f,%lf", &loss), 1);
    free(csv);
    return loss;
}

static void more_zeros_change_nothing(void **state)
{
    (void)state;
    assert_true(fabs(loss_at(":mask_zero", 20) - loss_at(":mask_zero", 50)) < 1e-6);
    assert_true(fabs(loss_at("", 20) - loss_at("", 50)) > 1e-6);
}

static void where_it_belongs(void **state)
{
    (void)state;
    assert_refused("cltrain summary --model embedding:4,lstm:3:mask_zero,dense:1", 2,
                   "lstm:3:mask_zero", "unknown option 'mask_zero'");
    assert_refused("cltrain summary --model embedding:4:mask_zero=1,lstm:3,dense:1", 2,
                   "unknown option 'mask_zero=1'", "embedding:D[:dropout=P][:frozen][:mask_zero]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_one),
        cmocka_unit_test(more_zeros_change_nothing),
        cmocka_unit_test(where_it_belongs),
    };
    setenv("CLTRAIN_PLAN", "gemm=own", 0); /* CLBlast's kernels take seconds to build */
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
