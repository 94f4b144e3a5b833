/* report.html: all of a run on one page that runs nothing, fetches nothing and escapes everything;
 * history.json. */
#include "support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

/* Labels and words that would be markup. Half of the labels are wrong, so that there are mistakes.
 */
static int train(void **state)
{
    clt_run run;
    if (clt_enter_folder(state) != 0) {
        return 1;
    }
    clt_run_command(
        &run, 0,
        "(echo 'text,label'; for k in 1 2 3 4 5 6 7 8; do echo 'café o‘x,<b>&\"quoted\"'; "
        "echo 'café good,pos'; echo 'good,<b>&\"quoted\"'; done) > 'a<i>.csv'");
    clt_run_free(&run);
    for (int k = 0; k < 2; k++) {
        clt_run_command(&run, 0,
                        "cltrain fit --data 'a<i>.csv' --validation 'a<i>.csv' --model "
                        "embedding:4,lstm:3,dense:1 --maxlen 4 --batch 4 --epochs 2 --verbose 0 "
                        "--out out%d",
                        k);
        clt_run_free(&run);
    }
    return 0;
}

static void everything_is_there_and_escaped(void **state)
{
    static const char *const parts[] = {
        "<h1>a&lt;i&gt;.csv</h1>",
        "<svg",
        "Confusion matrix",
        "&lt;b&gt;&amp;",
        "F1",
        "most confident mistakes",
        "words that moved most",
        "café",
        "embedding:4,lstm:3,dense:1",
        "24 to train on",
        "24 to validate",
        "<tr><th>--schedule</th><td><code>constant</code></td></tr>",
        "<tr><th>--validation</th><td><code>a&lt;i&gt;.csv</code></td></tr>",
        "prefers-color-scheme:dark",
    };
    static const char *const never[] = {
        "<script", "<b>",   "<i>",   "src=",      "href=\"http",       "url(http",
        "@import", "<link", "--out", "--verbose", "--checkpoint-every"};
    char *page = clt_read_text("out0/report.html", NULL);
    (void)state;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        assert_contains(page, parts[k]);
    }
    for (size_t k = 0; k < sizeof never / sizeof *never; k++) {
        assert_lacks(page, never[k]);
    }
    free(page);
}

static void equal_runs_give_equal_bytes(void **state)
{
    size_t left_bytes, right_bytes;
    char *left = clt_read_text("out0/report.html", &left_bytes);
    char *right = clt_read_text("out1/report.html", &right_bytes);
    (void)state;
    assert_int_equal(left_bytes, right_bytes);
    assert_memory_equal(left, right, left_bytes);
    free(left);
    free(right);
}

/* The page's scores are those that evaluate finds. */
static void scores_are_those_of_evaluate(void **state)
{
    char accuracy[64];
    json_error_t error;
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "cltrain evaluate out0/model.safetensors --data 'a<i>.csv' --json");
    json_t *value = json_loads(run.out, 0, &error);
    assert_non_null(value);
    snprintf(accuracy, sizeof accuracy, "Accuracy %.4f, loss %.4f",
             json_real_value(json_object_get(value, "accuracy")),
             json_real_value(json_object_get(value, "loss")));
    char *page = clt_read_text("out0/report.html", NULL);
    assert_contains(page, accuracy);
    free(page);
    json_decref(value);
    clt_run_free(&run);
}

static void history_is_json_too(void **state)
{
    json_error_t error;
    (void)state;
    json_t *history = json_load_file("out0/history.json", 0, &error);
    assert_non_null(history);
    assert_int_equal(json_array_size(json_object_get(history, "loss")), 2);
    assert_int_equal(json_array_size(json_object_get(history, "val_accuracy")), 2);
    json_decref(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_there_and_escaped),
        cmocka_unit_test(equal_runs_give_equal_bytes),
        cmocka_unit_test(scores_are_those_of_evaluate),
        cmocka_unit_test(history_is_json_too),
    };
    return cmocka_run_group_tests(tests, train, clt_leave_folder);
}
