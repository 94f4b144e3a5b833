/* Help, version and wrong command lines: exit codes, streams, and what the one line says. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "support/program.h"

static void prints_the_version(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "cltrain --version");
    assert_string_equal(run.out, "cltrain 0.1.0\n");
    assert_string_equal(run.err, "");
    clt_run_free(&run);
}

static void usage_goes_to_stderr_when_nothing_is_asked(void **state)
{
    clt_run asked, missing;

    (void)state;
    clt_run_command(&missing, 2, "cltrain");
    clt_run_command(&asked, 0, "cltrain help");
    assert_string_equal(missing.out, "");
    assert_string_equal(asked.err, "");
    assert_string_equal(missing.err, asked.out);
    assert_contains(asked.out, "usage: cltrain VERB");
    clt_run_free(&missing);
    clt_run_free(&asked);
}

static void every_verb_has_help(void **state)
{
    static const char *const verbs[] = {"fit",     "evaluate", "predict", "data", "summary",
                                        "devices", "selftest", "bench",   "tune", "help"};
    (void)state;
    for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++) {
        clt_run help, flag;
        clt_run_command(&help, 0, "cltrain help %s", verbs[k]);
        clt_run_command(&flag, 0, "cltrain %s --help", verbs[k]);
        assert_string_equal(help.out, flag.out);
        assert_string_equal(help.err, "");
        assert_contains(help.out, verbs[k]);
        assert_contains(help.out, "--help");
        for (const char *line = help.out; *line != '\0';) {
            size_t length = strcspn(line, "\n");
            assert_in_range(length, 0, 100);
            line += length + (line[length] == '\n');
        }
        clt_run_free(&help);
        clt_run_free(&flag);
    }
}

static void help_shows_the_tutorials_values(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "cltrain fit --help --data nosuch.npz");
    assert_contains(run.out, "embedding:128,lstm:60,dense:1)");
    assert_contains(run.out, "(default 20000)");
    assert_contains(run.out, "(default 0.001, sgd's");
    clt_run_free(&run);
}

static void unknown_verbs_and_options(void **state)
{
    (void)state;
    assert_refused("cltrain evaluat", 2, "\"evaluat\"", "did you mean evaluate?");
    assert_refused("cltrain frobnicate", 2, "choose from fit, evaluate");
    assert_refused("cltrain help frobnicate", 2, "\"frobnicate\"");
    assert_refused("cltrain fit --epoch 3", 2, "--epoch;", "did you mean --epochs?", "help fit");
    assert_refused("cltrain fit --zzzzzzzz=1", 2, "--zzzzzzzz", "choose from --data");
    assert_refused("cltrain devices -x", 2, "-x", "--json");
    assert_refused("cltrain evaluate x --epochs 3", 2, "--epochs is an option of `fit`");
}

static void values_out_of_range(void **state)
{
    static const char *const whole[] = {"--batch", "--epochs", "--maxlen", "--limit"};
    static const char *const wrong[] = {"0", "-1", "1.5", "many", "99999999999999999999", "3x"};
    char command[128];

    (void)state;
    for (size_t k = 0; k < sizeof whole / sizeof whole[0]; k++) {
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            snprintf(command, sizeof command, "cltrain fit --data demo:8 %s %s", whole[k],
                     wrong[j]);
            assert_refused(command, 2, whole[k], wrong[j], "whole number from 1", "help fit");
        }
    }
    assert_refused("cltrain fit --data demo:8 --num-words 2", 2, "--num-words 2", "from 3");
    assert_refused("cltrain fit --learning-rate 0", 2, "--learning-rate 0", "above 0");
    assert_refused("cltrain fit --learning-rate nan", 2, "--learning-rate nan");
    assert_refused("cltrain fit --learning-rate inf", 2, "--learning-rate inf");
    assert_refused("cltrain fit --seed -1", 2, "--seed -1");
    assert_refused("cltrain fit --verbose 3", 2, "--verbose 3", "0 to 2");
    assert_refused("cltrain fit --padding left", 2, "--padding left", "pre or post");
    assert_refused("cltrain fit --truncating=right", 2, "--truncating right", "pre or post");
}

static void missing_and_surplus_values(void **state)
{
    (void)state;
    assert_refused("cltrain fit", 2, "--data is missing");
    assert_refused("cltrain fit --data", 2, "--data needs a value");
    assert_refused("cltrain fit --data --epochs 1", 2, "--data needs a value");
    assert_refused("cltrain fit --data ''", 2, "--data has an empty value");
    assert_refused("cltrain fit --batch=", 2, "--batch has an empty value");
    assert_refused("cltrain fit --profile=yes", 2, "--profile takes no value", "\"yes\"");
    assert_refused("cltrain fit surplus --data demo:8", 2, "\"surplus\"");
    assert_refused("cltrain data", 2, "cltrain data FILE");
    assert_refused("cltrain data a b", 2, "\"b\"");
    assert_refused("cltrain evaluate m.safetensors", 2, "--data is missing");
    assert_refused("cltrain predict", 2, "cltrain predict MODEL");
    assert_refused("cltrain fit --data demo:0", 2, "demo:0", "from 1");
    assert_refused("cltrain data demo:many", 2, "demo:many");
    assert_refused("cltrain fit --data demo:8 --word-index w.json", 2, "--word-index w.json");
}

static void wrong_networks(void **state)
{
    (void)state;
    assert_refused("cltrain summary --model embedding:4,gru:3,dense:1", 2, "--model", "'gru:3'",
                   "choose from", "lstm");
    assert_refused("cltrain fit --data demo:8 --model embedding:4,lstm:3:sideways,dense:1", 2,
                   "sideways");
    assert_refused("cltrain fit --data demo:8 --model embedding:65537,lstm:3,dense:1", 2, "65537");
    assert_refused("cltrain fit --data demo:8 --model embedding:0,lstm:3,dense:1", 2,
                   "embedding:0");
    assert_refused("cltrain summary --model embedding:4,lstm:3,dropout:1,dense:1", 2, "dropout:1");
    assert_refused("cltrain summary --model embedding:4,lstm:3:dropout=1.5,dense:1", 2,
                   "lstm:3:dropout=1.5", "'1.5' is not a rate");
}

static void control_characters_never_reach_the_terminal(void **state)
{
    (void)state;
    assert_refused("cltrain fit --batch \"$(printf 'a\\nb\\033[2J')\"", 2, "--batch a?b?[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_the_version),
        cmocka_unit_test(usage_goes_to_stderr_when_nothing_is_asked),
        cmocka_unit_test(every_verb_has_help),
        cmocka_unit_test(help_shows_the_tutorials_values),
        cmocka_unit_test(unknown_verbs_and_options),
        cmocka_unit_test(values_out_of_range),
        cmocka_unit_test(missing_and_surplus_values),
        cmocka_unit_test(wrong_networks),
        cmocka_unit_test(control_characters_never_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
