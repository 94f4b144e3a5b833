/* predict: an answer for each text, in their order and as they come, as lines or JSON; why. */
#include "support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

#define MODEL "model/model.safetensors"

/* A model that has learnt three classes by heart, each by its own words. */
static int train(void **state)
{
    clt_run run;
    if (clt_enter_folder(state) != 0) {
        return 1;
    }
    clt_run_command(
        &run, 0,
        "for k in 1 2 3 4 5 6 7 8; do printf 'red fire sun\\tred\\nblue sea sky\\tblue\\n"
        "green leaf grass\\tgreen\\n'; done > rows && (printf 'text\\tlabel\\n'; cat rows) "
        "> colours.tsv");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "cltrain fit --data colours.tsv --model embedding:8,lstm:8,dense:3 --maxlen 4 "
                    "--batch 4 --epochs 60 --learning-rate 0.01 --verbose 0 --out model");
    clt_run_free(&run);
    return 0;
}

static json_t *line_value(const char *line)
{
    json_error_t error;
    json_t *value = json_loads(line, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    assert_non_null(value);
    return value;
}

static void the_likeliest_come_first(void **state)
{
    clt_run run;
    char first[16], second[16], third[16];
    double p[3];
    (void)state;
    clt_run_command(&run, 0, "cltrain predict " MODEL " --top 9 'the blue sea'");
    assert_int_equal(
        sscanf(run.out, "%15s %lf %15s %lf %15s %lf", first, &p[0], second, &p[1], third, &p[2]),
        6);
    assert_string_equal(first, "blue");
    assert_true(p[0] > 0.8 && p[0] >= p[1] && p[1] >= p[2]);
    assert_true(p[0] + p[1] + p[2] > 0.9998 && p[0] + p[1] + p[2] < 1.0002);
    assert_int_equal(clt_count_lines(run.out), 1);
    clt_run_free(&run);
}

static void json_is_an_object_a_line(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "cltrain predict " MODEL " --json --top 2 'red fire' 'green grass'");
    assert_int_equal(clt_count_lines(run.out), 2);
    json_t *red = line_value(run.out), *green = line_value(strchr(run.out, '\n') + 1);
    assert_string_equal(json_string_value(json_object_get(red, "label")), "red");
    assert_string_equal(json_string_value(json_object_get(green, "label")), "green");
    json_t *top = json_object_get(green, "top");
    assert_int_equal(json_array_size(top), 2);
    assert_true(json_real_value(json_object_get(json_array_get(top, 0), "probability")) ==
                json_real_value(json_object_get(green, "probability")));
    json_decref(red);
    json_decref(green);
    clt_run_free(&run);
}

/* The change of a word is what a text without it says. */
static void explaining_leaves_each_word_out(void **state)
{
    static const char *const without[] = {"sea unheard sky", "blue unheard sky", "blue sea sky",
                                          "blue sea unheard"};
    clt_run run;
    (void)state;
    clt_run_command(&run, 0,
                    "cltrain predict " MODEL " --json --explain 'well blue sea unheard sky'");
    json_t *value = line_value(run.out), *why = json_object_get(value, "explanation");
    json_t *words = json_object_get(why, "words");
    double all = json_real_value(json_object_get(value, "probability"));
    assert_int_equal(json_integer_value(json_object_get(why, "unknown")), 1);
    assert_int_equal(json_integer_value(json_object_get(why, "cut")), 2); /* 6 ids, 4 are read */
    assert_int_equal(json_array_size(words), 4);                          /* those that are read */
    clt_run_free(&run);
    for (size_t k = 0; k < 4; k++) {
        json_t *word = json_array_get(words, k);
        clt_run_command(&run, 0, "cltrain predict " MODEL " --json --top 3 'well %s'", without[k]);
        json_t *other = line_value(run.out), *top = json_object_get(other, "top");
        double p = -1;
        for (size_t c = 0; c < 3; c++) {
            json_t *row = json_array_get(top, c);
            if (strcmp(json_string_value(json_object_get(row, "label")), "blue") == 0) {
                p = json_real_value(json_object_get(row, "probability"));
            }
        }
        double change = json_real_value(json_object_get(word, "change"));
        assert_true(change > p - all - 1e-6 && change < p - all + 1e-6);
        assert_int_equal(json_is_true(json_object_get(word, "known")), k != 2);
        json_decref(other);
        clt_run_free(&run);
    }
    json_decref(value);
    clt_run_command(&run, 0, "cltrain predict " MODEL " --explain ''");
    assert_contains(run.out, "\n  0 of 0 words unknown\n");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "cltrain fit --data colours.tsv --model embedding:8,lstm:8,dense:3 --maxlen 4 "
                    "--truncating post --epochs 1 --verbose 0 --out front; "
                    "cltrain predict front/model.safetensors --explain 'blue sea sky what ever'");
    assert_contains(run.out, "\tsky\n  0 of 3 words unknown, 2 ids cut off by --maxlen\n");
    clt_run_free(&run);
}

/* Line k of the output belongs to line k of the input, and does not wait for what follows it. */
static void lines_are_answered_as_they_come(void **state)
{
    clt_run run;
    char labels[4][16];
    long times[4];
    (void)state;
    clt_run_command(&run, 0,
                    "(printf 'red fire\\n\\nblue'; sleep 3; printf ' sea\\r\\ngreen leaf') | "
                    "cltrain predict " MODEL
                    " | while read -r label p; do echo \"$(date +%%s) $label\"; done");
    assert_int_equal(sscanf(run.out, "%ld %15s %ld %15s %ld %15s %ld %15s", &times[0], labels[0],
                            &times[1], labels[1], &times[2], labels[2], &times[3], labels[3]),
                     8);
    assert_string_equal(labels[0], "red");
    assert_string_equal(labels[2], "blue");
    assert_string_equal(labels[3], "green");
    assert_true(times[2] - times[1] >= 1);
    clt_run_free(&run);
}

static void data_are_answered_in_their_order(void **state)
{
    clt_run run, lines;
    (void)state;
    clt_run_command(&run, 0, "cltrain predict " MODEL " --data colours.tsv");
    clt_run_command(&lines, 0, "cut -f 1 rows | cltrain predict " MODEL);
    assert_string_equal(run.out, lines.out);
    assert_int_equal(clt_count_lines(run.out), 24);
    clt_run_free(&run);
    clt_run_free(&lines);
    clt_run_command(&run, 0, "printf 'text\\ngreen grass\\n' | cltrain predict " MODEL " --data -");
    assert_contains(run.out, "green\t");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "printf 'text,n\nred fire,1\nblue\ngreen leaf,2\nsea\n' > bad.csv; "
                    "cltrain predict " MODEL " --data bad.csv --skip-bad-rows");
    assert_contains(run.err, "bad.csv: 2 bad rows passed over: lines 3, 5\n");
    assert_int_equal(clt_count_lines(run.out), 2);
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "for k in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do "
                    "echo blue; done >> bad.csv; cltrain predict " MODEL
                    " --data bad.csv --skip-bad-rows");
    assert_contains(run.err, "bad.csv: 24 bad rows passed over: lines 3, 5, 6, 7, ");
    assert_contains(run.err, ", 23 and 4 more\n");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "cltrain predict " MODEL " --data bad.csv --skip-bad-rows --verbose 0");
    assert_lacks(run.err, "passed over");
    clt_run_free(&run);
    assert_refused("cltrain predict " MODEL " --data bad.csv", 5, "bad.csv", "line 3");
    assert_refused("cltrain predict " MODEL " --data colours.tsv 'red fire'", 2, "not both");
    assert_refused("cltrain predict " MODEL " --data none.tsv", 5, "none.tsv");
}

static void fit_ids(const char *data, const char *out)
{
    clt_run run;
    clt_run_command(&run, 0,
                    "cltrain fit --data %s --num-words 300 --maxlen 12 --epochs 1 --model "
                    "embedding:4,lstm:3,dense:1 --verbose 0 --out %s",
                    data, out);
    clt_run_free(&run);
}

/* Evaluates, and wants as many answers of each label as the confusion matrix has. */
static json_t *check_answers(const char *model, const char *data, const char *options,
                             const char *answers)
{
    clt_run run;
    char line[64];
    double p;
    json_int_t counts[2] = {0};
    clt_run_command(&run, 0, "cltrain evaluate %s/model.safetensors --data %s --json %s", model,
                    data, options);
    json_t *value = json_loads(run.out, 0, NULL), *confusion = json_object_get(value, "confusion");
    json_t *classes = json_object_get(value, "classes");
    clt_run_free(&run);
    for (const char *at = answers; *at != '\0'; at = strchr(at, '\n') + 1) {
        assert_int_equal(sscanf(at, "%63[^\t]\t%lf\n", line, &p), 2);
        const json_t *first = json_object_get(json_array_get(classes, 0), "label");
        counts[strcmp(line, json_string_value(first)) != 0]++;
    }
    for (size_t k = 0; k < 2; k++) {
        json_int_t sum = 0;
        for (size_t label = 0; label < 2; label++) {
            sum += json_integer_value(json_array_get(json_array_get(confusion, label), k));
        }
        assert_int_equal(counts[k], sum);
    }
    return value;
}

/* Of ids the test part is answered, in the order in which evaluate numbers it. */
static void ids_are_answered_as_evaluate_reads_them(void **state)
{
    clt_run run;
    size_t k;
    json_t *one;
    (void)state;
    fit_ids("demo:100 --seed 3", "demo");
    clt_run_command(&run, 0, "cltrain predict demo/model.safetensors --data demo:100 --seed 3");
    assert_int_equal(clt_count_lines(run.out), 100);
    json_t *value = check_answers("demo", "demo:100", "--seed 3 --show-errors 100", run.out);
    assert_true(json_array_size(json_object_get(value, "mistakes")) > 0);
    json_array_foreach(json_object_get(value, "mistakes"), k, one)
    {
        const char *answer = run.out;
        char label[32];
        double p, expected = json_real_value(json_object_get(one, "probability"));
        for (json_int_t n = json_integer_value(json_object_get(one, "sample")); n > 0; n--) {
            answer = strchr(answer, '\n') + 1;
        }
        assert_int_equal(sscanf(answer, "%31s %lf", label, &p), 2);
        assert_string_equal(label, json_string_value(json_object_get(one, "predicted")));
        assert_true(p - expected < 0.51e-4 && expected - p < 0.51e-4);
    }
    json_decref(value);
    clt_run_free(&run);
    assert_refused("cltrain predict demo/model.safetensors --data demo:100 --explain", 2,
                   "--explain is for texts, and demo:100 holds ids");
    assert_refused("cltrain predict demo/model.safetensors --data demo:none", 2, "demo:none");
}

/* They need no words, and texts do. */
static void ids_need_no_words(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "cp '%s/tests/golden/fixtures/reviews.npz' .", CLT_SOURCE_DIR);
    clt_run_free(&run);
    fit_ids("reviews.npz", "npz");
    clt_run_command(&run, 0, "cltrain predict npz/model.safetensors --data reviews.npz");
    json_decref(check_answers("npz", "reviews.npz", "", run.out));
    clt_run_free(&run);
    assert_refused("cltrain predict npz/model.safetensors --data colours.tsv", 5, "holds no words");
    assert_refused("cltrain predict npz/model.safetensors --data reviews.npz --skip-bad-rows", 2,
                   "--skip-bad-rows is for texts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_likeliest_come_first),
        cmocka_unit_test(json_is_an_object_a_line),
        cmocka_unit_test(explaining_leaves_each_word_out),
        cmocka_unit_test(lines_are_answered_as_they_come),
        cmocka_unit_test(data_are_answered_in_their_order),
        cmocka_unit_test(ids_are_answered_as_evaluate_reads_them),
        cmocka_unit_test(ids_need_no_words),
    };
    return cmocka_run_group_tests(tests, train, clt_leave_folder);
}
