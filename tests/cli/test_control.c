/* What steers fit: schedules, early stops, the best epoch, clipping, weight decay, optimizers; what
 * is printed and what is written. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

#define FIT                                                                                        \
    "cltrain fit --data demo:100 --model embedding:8,lstm:6,dense:1 --num-words 500 --maxlen 40 "  \
    "--batch 20 --learning-rate 0.02 --verbose 0 "

static void an_early_stop_keeps_the_best(void **state)
{
    clt_run run, evaluation;
    char expected[160], *csv;
    int best = -1, epochs;
    double accuracy = 0.0, loss = 0.0;

    (void)state;
    clt_run_command(&run, 0, FIT "--epochs 50 --patience 2 --out early");
    assert_contains(run.out, "]}\nStopped early: 2 epochs without a new best.\nThe model has the "
                             "weights of epoch ");
    const char *line = strstr(run.out, "The model has");
    assert_int_equal(
        sscanf(line, "The model has the weights of epoch %d, the best of %d.", &best, &epochs), 2);
    assert_int_equal(epochs, best + 2);
    assert_in_range(epochs, 3, 49);
    csv = clt_read_text("early/history.csv", NULL);
    assert_int_equal(clt_count_lines(csv), 1 + epochs);
    snprintf(expected, sizeof expected, "\n%d,", best - 1);
    assert_int_equal(
        sscanf(strstr(csv, expected) + strlen(expected), "%*f,%*f,%lf,%lf", &accuracy, &loss), 2);
    snprintf(expected, sizeof expected, "accuracy: %.4f - loss: %.4f", accuracy, loss);
    clt_run_command(&evaluation, 0, "cltrain evaluate early/model.safetensors --data demo:100");
    assert_contains(evaluation.out, expected);
    clt_run_free(&evaluation);
    clt_run_free(&run);
    free(csv);
}

static void a_best_is_better_by_min_delta(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, FIT "--epochs 20 --patience 2 --min-delta 100 --out flat");
    assert_contains(run.out, "Stopped early: 2 epochs without a new best.\n");
    assert_contains(run.out, "The model has the weights of epoch 1, the best of 3.\n");
    clt_run_free(&run);
}

/* Beside the first weights, which are given here, and reviews that are made. */
static void a_seed_orders_the_reviews(void **state)
{
    clt_run run;

    (void)state;
    for (int seed = 1; seed <= 3; seed++) {
        clt_run_command(&run, 0,
                        "cltrain fit --data '%s/tests/golden/fixtures/reviews.npz' --model "
                        "embedding:4,lstm:3,dense:1 --maxlen 12 --batch 4 --epochs 1 --verbose 0 "
                        "--seed %d %s --out seed-%d",
                        CLT_SOURCE_DIR, seed, seed > 1 ? "--init seed-1/model.safetensors" : "",
                        seed);
        clt_run_free(&run);
    }
    clt_run_command(&run, 1, "cmp -s seed-2/model.safetensors seed-3/model.safetensors");
    clt_run_free(&run);
}

static void a_monitor_keeps_the_best(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, FIT "--epochs 3 --monitor loss --out monitored");
    assert_lacks(run.out, "Stopped early");
    assert_contains(run.out, "The model has the weights of epoch 3, the best of 3.\n");
    clt_run_free(&run);
    assert_refused(FIT "--no-validation --monitor val_loss --out blind", 2,
                   "val_loss cannot be monitored");
    assert_false(clt_file_exists("blind"));
    clt_run_command(&run, 0, FIT "--epochs 1 --checkpoint-every 1epoch --out before");
    clt_run_free(&run);
    clt_run_command(&run, 0, "sh -c 'sha1sum before/* > before.sums'");
    clt_run_free(&run);
    assert_refused(FIT "--no-validation --monitor val_loss --out before", 2,
                   "val_loss cannot be monitored");
    clt_run_command(&run, 0, "sha1sum --check --quiet before.sums");
    clt_run_free(&run);
}

static void a_rate_that_moves_is_in_the_history(void **state)
{
    static const struct {
        const char *flags, *rates[3];
    } cases[] = {
        {"--schedule step:1:0.5", {"0.02", "0.01", "0.005"}},
        {"--schedule step:1:0.5 --warmup 10", {"0.008", "0.009", "0.005"}},
        {"--schedule cosine", {"0.0166913061", "0.00690983006", "0.000218523993"}},
        {"--warmup 15", {"0.00533333333", "0.012", "0.0186666667"}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        double accuracy, loss;
        char rate[32];
        clt_run run;
        clt_run_command(&run, 0, FIT "--epochs 3 --out moving %s", cases[k].flags);
        assert_contains(run.out, "'learning_rate': [0.");
        char *csv = clt_read_text("moving/history.csv", NULL), *row = csv;
        assert_contains(csv, "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n");
        for (int epoch = 0; epoch < 3; epoch++) {
            row = strchr(row, '\n') + 1;
            assert_int_equal(sscanf(row, "%*d,%lf,%31[^,],%lf", &accuracy, rate, &loss), 3);
            if (strncmp(rate, cases[k].rates[epoch], 9) != 0) {
                fail_msg("%s, epoch %d: %s, not %s", cases[k].flags, epoch, rate,
                         cases[k].rates[epoch]);
            }
        }
        free(csv);
        clt_run_free(&run);
    }
}

static void what_makes_no_sense(void **state)
{
    static const char *const schedules[] = {
        "linear",    "step:0",     "step:1:1",   "step:1:0.5:2", "step:", "cosine:3",
        "plateau:x", "step:1:nan", "constant:1", "plateau:2:0",  "steps"};
    (void)state;
    for (size_t k = 0; k < sizeof schedules / sizeof schedules[0]; k++) {
        char command[128];
        snprintf(command, sizeof command, "cltrain fit --data demo:8 --schedule %s", schedules[k]);
        assert_refused(command, 2, "--schedule", schedules[k], "step:EPOCHS:FACTOR");
    }
    assert_refused("cltrain fit --data demo:8 --monitor precision", 2, "--monitor precision",
                   "val_accuracy");
    assert_refused("cltrain fit --data demo:8 --monitor none", 2, "--monitor none");
    assert_refused("cltrain fit --data demo:8 --patience 0", 2, "--patience 0", "from 1");
    assert_refused("cltrain fit --data demo:8 --min-delta -1", 2, "--min-delta -1");
    assert_refused("cltrain fit --data demo:8 --min-delta 1", 2, "--min-delta has no effect");
    assert_refused("cltrain fit --data demo:8 --no-validation --validation-split 0.5", 2,
                   "--no-validation cannot be given with");
    assert_refused("cltrain fit --data demo:8 --no-validation --validation x.csv", 2,
                   "--no-validation cannot be given with");
    assert_refused("cltrain fit --data demo:8 --validation x.csv --validation-split 0.5", 2,
                   "--validation or --validation-split, not both");
    assert_refused("cltrain fit --data - --validation - < /dev/null", 2,
                   "only one of --data and --validation can be standard input");
    assert_refused("cltrain fit --data demo:8 --warmup -3", 2, "--warmup -3");
}

static void clips_that_make_no_sense(void **state)
{
    static const char *const clips[] = {"1",       "norm",   "norm:",     "norm:0",   "norm:-1",
                                        "norm:1x", "none:1", "value:inf", "global:1", "norm:nan"};
    (void)state;
    for (size_t k = 0; k < sizeof clips / sizeof clips[0]; k++) {
        char command[128];
        snprintf(command, sizeof command, "cltrain fit --data demo:8 --clip %s", clips[k]);
        assert_refused(command, 2, "--clip", clips[k], "global_norm:X");
    }
    assert_refused("cltrain fit --data demo:8 --weight-decay -1", 2, "--weight-decay -1");
    assert_refused("cltrain evaluate x --clip norm:1", 2, "--clip is an option of `fit`");
}

static void optimizers_that_make_no_sense(void **state)
{
    (void)state;
    assert_refused("cltrain fit --data demo:8 --optimizer adamw", 2, "--optimizer adamw",
                   "adam, sgd or rmsprop");
    assert_refused("cltrain fit --data demo:8 --momentum 1.5", 2, "--momentum 1.5", "from 0 to 1");
    assert_refused("cltrain fit --data demo:8 --momentum -0.1", 2, "--momentum -0.1");
    assert_refused("cltrain fit --data demo:8 --momentum nan", 2, "--momentum nan");
    /* before the data are read */
    assert_refused("cltrain fit --data nosuch --momentum 0.9", 2,
                   "momentum and nesterov are sgd's, not adam's", "help fit");
    assert_refused("cltrain fit --data nosuch --optimizer rmsprop --nesterov", 2, "not rmsprop's");
}

/* As Keras takes them. */
static void momentum_is_from_0_to_1(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    FIT "--epochs 1 --optimizer sgd --out a; " FIT
                        "--epochs 1 --optimizer sgd --momentum 0 --nesterov --out b; "
                        "cmp a/model.safetensors b/model.safetensors && " FIT
                        "--epochs 1 --optimizer sgd --momentum 1 --out b && " FIT
                        "--epochs 1 --momentum 0 --out b");
    clt_run_free(&run);
}

/* Keras's own learning rates, unless one is given. */
static void learning_rates_are_the_optimizers(void **state)
{
    static const char *const flags[] = {"", "--optimizer sgd", "--optimizer rmsprop",
                                        "--optimizer sgd --learning-rate 0.5"};
    static const char *const rates[] = {
        "\"learning-rate\": \"0.001\"", "\"learning-rate\": \"0.01\"",
        "\"learning-rate\": \"0.001\"", "\"learning-rate\": \"0.5\""};
    (void)state;
    for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++) {
        clt_run run;
        clt_run_command(&run, 0,
                        "cltrain fit --data demo:20 --model embedding:4,lstm:3,dense:1 --epochs 1 "
                        "--verbose 0 --out rates %s",
                        flags[k]);
        char *json = clt_read_text("rates/fit.json", NULL);
        assert_contains(json, rates[k]);
        free(json);
        clt_run_free(&run);
    }
}

/* Each of them trains otherwise, and is in fit.json and in the report. */
static void updates_are_settings(void **state)
{
    static const char *const flags[] = {"--clip value:0.001",
                                        "--clip norm:0.01",
                                        "--clip global_norm:0.01",
                                        "--weight-decay 0.25",
                                        "--optimizer sgd",
                                        "--optimizer sgd --momentum 0.75",
                                        "--optimizer sgd --momentum 0.75 --nesterov",
                                        "--optimizer rmsprop"};
    static const char *const stored[] = {
        "\"clip\": \"value:0.001\"",  "\"clip\": \"norm:0.01\"",   "\"clip\": \"global_norm:0.01\"",
        "\"weight-decay\": \"0.25\"", "\"optimizer\": \"sgd\"",    "\"momentum\": \"0.75\"",
        "\"nesterov\": \"true\"",     "\"optimizer\": \"rmsprop\""};
    static const char *const shown[] = {
        "--clip</th><td><code>value:0.001<",      "--clip</th><td><code>norm:0.01<",
        "--clip</th><td><code>global_norm:0.01<", "--weight-decay</th><td><code>0.25<",
        "--optimizer</th><td><code>sgd<",         "--momentum</th><td><code>0.75<",
        "--nesterov</th><td><code>true<",         "--optimizer</th><td><code>rmsprop<"};
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, FIT "--epochs 1 --out plain");
    clt_run_free(&run);
    for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++) {
        clt_run_command(&run, 0, FIT "--epochs 1 %s --out changed", flags[k]);
        char *json = clt_read_text("changed/fit.json", NULL);
        char *page = clt_read_text("changed/report.html", NULL);
        assert_contains(json, stored[k]);
        assert_contains(page, shown[k]);
        free(json);
        free(page);
        clt_run_free(&run);
        clt_run_command(&run, 1, "cmp -s plain/model.safetensors changed/model.safetensors");
        clt_run_free(&run);
    }
}

/* The settings come back from fit.json. */
static void it_is_resumed(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    FIT "--epochs 50 --patience 4 --monitor val_accuracy --min-delta 0.001 "
                        "--schedule plateau:1:0.3 --warmup 7 --clip global_norm:0.02 "
                        "--weight-decay 0.01 --checkpoint-every 3steps --keep 1000 "
                        "--out whole");
    clt_run_free(&run);
    clt_run_command(
        &run, 0,
        "cp -r whole cut; cd cut; sed -i 's/\"finished\": true/\"finished\": false/' "
        "fit.json; rm model.safetensors history.csv; ls checkpoint-* | "
        "grep -v 'checkpoint-\\(6\\|18\\).safetensors' | xargs rm; cd ..; "
        "cltrain fit --resume cut; cmp whole/model.safetensors cut/model.safetensors && "
        "cmp whole/history.csv cut/history.csv");
    assert_contains(run.err, "training goes on after 18 steps");
    assert_contains(run.out, "Stopped early: 4 epochs without a new best.\n");
    clt_run_free(&run);
}

static void momentum_is_resumed(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    FIT "--epochs 3 --optimizer sgd --momentum 0.9 --nesterov --out moved "
                        "--checkpoint-every 4steps --keep 1000; cp -r moved went; cd went; "
                        "sed -i 's/\"finished\": true/\"finished\": false/' fit.json; "
                        "rm model.safetensors checkpoint-12.safetensors; cd ..; "
                        "cltrain fit --resume went; "
                        "cmp moved/model.safetensors went/model.safetensors; "
                        "grep -oa 'trainer[.][mv][.]lstm[.]bias' moved/checkpoint-12.safetensors");
    assert_contains(run.err, "training goes on after 8 steps");
    assert_contains(run.out, "trainer.m.lstm.bias\n"); /* what momentum needs, and no more */
    assert_lacks(run.out, "trainer.v");
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_early_stop_keeps_the_best),
        cmocka_unit_test(a_best_is_better_by_min_delta),
        cmocka_unit_test(a_seed_orders_the_reviews),
        cmocka_unit_test(a_monitor_keeps_the_best),
        cmocka_unit_test(a_rate_that_moves_is_in_the_history),
        cmocka_unit_test(what_makes_no_sense),
        cmocka_unit_test(clips_that_make_no_sense),
        cmocka_unit_test(optimizers_that_make_no_sense),
        cmocka_unit_test(momentum_is_from_0_to_1),
        cmocka_unit_test(learning_rates_are_the_optimizers),
        cmocka_unit_test(updates_are_settings),
        cmocka_unit_test(it_is_resumed),
        cmocka_unit_test(momentum_is_resumed),
    };
    setenv("CLTRAIN_PLAN", "gemm=own", 0); /* CLBlast's kernels take seconds to build */
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
