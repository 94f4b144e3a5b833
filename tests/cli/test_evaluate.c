/* evaluate's report: tables and JSON that agree, mistakes as text, and what it needs for them. */
#include "support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

enum { SAMPLES = 64 };

#define MODEL "model/model.safetensors"

/* A model of the demonstration reviews that has learnt next to nothing, for the group. */
static int train(void **state)
{
    clt_run run;
    int status = clt_enter_folder(state);

    clt_run_command(&run, 0,
                    "cltrain fit --data demo:%d --num-words 300 --maxlen 12 --epochs 1 --verbose 0 "
                    "--model embedding:4,lstm:3,dense:1 --out model",
                    SAMPLES);
    clt_run_free(&run);
    return status;
}

static json_t *evaluate_json(const char *options)
{
    clt_run run;
    json_error_t error;

    clt_run_command(&run, 0, "cltrain evaluate " MODEL " --data demo:%d --json %s", SAMPLES,
                    options);
    json_t *value = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(value);
    clt_run_free(&run);
    return value;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    assert_true(json_is_number(value));
    return json_number_value(value);
}

static double cell(const json_t *value, size_t row, size_t column)
{
    const json_t *confusion = json_object_get(value, "confusion");

    return json_number_value(json_array_get(json_array_get(confusion, row), column));
}

static void json_is_consistent(void **state)
{
    (void)state;
    json_t *value = evaluate_json("");
    const json_t *classes = json_object_get(value, "classes");
    double right = 0.0, f1 = 0.0;

    assert_string_equal(json_string_value(json_object_get(value, "data")), "demo:64");
    assert_true(json_is_true(json_object_get(value, "synthetic")));
    assert_int_equal(number(value, "samples"), SAMPLES);
    assert_int_equal(json_array_size(classes), 2);
    for (size_t c = 0; c < 2; c++) {
        const json_t *row = json_array_get(classes, c);
        double support = cell(value, c, 0) + cell(value, c, 1);
        assert_string_equal(json_string_value(json_object_get(row, "label")),
                            c == 1 ? "positive" : "negative");
        assert_int_equal(support, SAMPLES / 2);
        assert_int_equal(number(row, "support"), support);
        assert_true(fabs(number(row, "recall") - cell(value, c, c) / support) < 1e-12);
        right += cell(value, c, c);
        f1 += number(row, "f1") / 2.0;
    }
    assert_true(fabs(number(value, "accuracy") - right / SAMPLES) < 1e-12);
    assert_true(fabs(number(json_object_get(value, "macro_average"), "f1") - f1) < 1e-12);
    assert_true(number(value, "roc_auc") > 0.0 && number(value, "roc_auc") < 1.0);
    assert_true(number(value, "loss") > 0.0);
    assert_null(json_object_get(value, "mistakes"));
    json_decref(value);
}

static void tables_say_the_same(void **state)
{
    clt_run run;
    char text[256];

    (void)state;
    json_t *value = evaluate_json("");
    clt_run_command(&run, 0, "cltrain evaluate " MODEL " --data demo:%d", SAMPLES);
    snprintf(text, sizeof text, "accuracy: %.4f - loss: %.4f (synthetic reviews)\n",
             number(value, "accuracy"), number(value, "loss"));
    assert_contains(run.out, text);
    const json_t *row = json_array_get(json_object_get(value, "classes"), 0);
    snprintf(text, sizeof text, "\nnegative         %10.4f %10.4f %10.4f           32\n",
             number(row, "precision"), number(row, "recall"), number(row, "f1"));
    assert_contains(run.out, text);
    snprintf(text, sizeof text, "\nROC AUC %.4f\n", number(value, "roc_auc"));
    assert_contains(run.out, text);
    snprintf(text, sizeof text, "\npositive         %10.0f %10.0f\n", cell(value, 1, 0),
             cell(value, 1, 1));
    assert_contains(run.out, text);
    assert_lacks(run.out, "mistakes");
    clt_run_free(&run);
    json_decref(value);
}

static void shows_confident_mistakes(void **state)
{
    clt_run run;
    char line[2048];
    double before = 1.0;

    (void)state;
    json_t *value = evaluate_json("--show-errors 3");
    const json_t *mistakes = json_object_get(value, "mistakes");
    clt_run_command(&run, 0, "cltrain evaluate " MODEL " --data demo:%d --show-errors 3", SAMPLES);
    assert_int_equal(json_array_size(mistakes), 3);
    for (size_t k = 0; k < 3; k++) {
        const json_t *one = json_array_get(mistakes, k);
        const char *label = json_string_value(json_object_get(one, "label"));
        const char *predicted = json_string_value(json_object_get(one, "predicted"));
        const char *text = json_string_value(json_object_get(one, "text"));
        assert_string_not_equal(label, predicted);
        assert_true(number(one, "probability") >= 0.5 && number(one, "probability") <= before);
        before = number(one, "probability");
        size_t spaces = 0;
        for (const char *c = text; *c != '\0'; c++) {
            spaces += *c == ' ';
        }
        assert_in_range(spaces, 3, 11); /* the 12 ids that the network reads, or a short review */
        snprintf(line, sizeof line, "\n%.0f\t%s\t%s\t%.4f\t%s\n", number(one, "sample"), label,
                 predicted, before, text);
        assert_contains(run.out, line);
    }
    clt_run_free(&run);
    json_decref(value);
    /* more than there are */
    value = evaluate_json("--show-errors 1000");
    double wrong = cell(value, 0, 1) + cell(value, 1, 0);
    assert_int_equal(json_array_size(json_object_get(value, "mistakes")), wrong);
    json_decref(value);
}

static void mistakes_need_words(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "cp '%s/tests/golden/fixtures/reviews.npz' . && cltrain fit --data reviews.npz "
                    "--num-words 300 --maxlen 12 --epochs 1 --verbose 0 --model "
                    "embedding:4,lstm:3,dense:1 --out silent",
                    CLT_SOURCE_DIR);
    clt_run_free(&run);
    assert_refused("cltrain evaluate silent/model.safetensors --data reviews.npz --show-errors 2",
                   5, "silent/model.safetensors holds no words", "--word-index");
    clt_run_command(&run, 0,
                    "echo '{\"odd\": 1, \"tab\\u0009here\": 2}' > words.json && cltrain evaluate "
                    "silent/model.safetensors --data reviews.npz --show-errors 100 --word-index "
                    "words.json");
    assert_contains(run.out, " odd ");
    assert_contains(run.out, "tab\\x09here");
    clt_run_free(&run);
}

/* The same number must be the same word: other data count other words, and number them anew. */
static void ids_of_other_words_are_refused(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "mkdir ids && cp '%s/tests/golden/fixtures/reviews.npz' ids/imdb.npz && printf "
                    "'{\"the\": 1, \"film\": 2, \"is\": 4}' > ids/imdb_word_index.json && "
                    "printf 'text,label\nthe the the movie movie is,neg\nthe movie,pos\n' > "
                    "own.csv && cltrain fit --data own.csv --maxlen 12 --epochs 1 --verbose 0 "
                    "--model embedding:4,lstm:3,dense:1 --out own",
                    CLT_SOURCE_DIR);
    clt_run_free(&run);
    assert_refused("cltrain evaluate own/model.safetensors --data ids/imdb.npz", 5,
                   "the ids of ids/imdb.npz are not numbered by this model's words",
                   "by ids/imdb_word_index.json id 5 is 'film', in the model 'movie'",
                   "give it texts\n");
    assert_refused("cltrain evaluate own/model.safetensors --data demo:8", 5,
                   "the ids of demo:8 are not", "in the model 'movie'",
                   "or with the demo:N and --seed of its training\n");
    assert_refused("cltrain evaluate " MODEL " --data demo:8", 5, "the ids of demo:8 are not");
    assert_refused("cltrain evaluate " MODEL " --data demo:64 --seed 2", 5, "by demo:64 id ");
    assert_refused("cltrain evaluate " MODEL " --data ids/imdb.npz", 5, "id 5 is 'film'");
    assert_refused("cltrain evaluate " MODEL " --data demo:64 --word-index own.csv", 2,
                   "demo:64 has words of its own");
}

/* What both know is what counts. */
static void ids_of_the_same_words_are_taken(void **state)
{
    static const char *const lists[] = {
        "{\"the\": 1, \"film\": 2, \"is\": 4}", /* that of the training */
        "{\"the\": 1}", "{\"the\": 1, \"it\": 3, \"is\": 4, \"on\": 90000}"};
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "cltrain fit --data ids/imdb.npz --num-words 300 --maxlen 12 --epochs 1 "
                    "--verbose 0 --model embedding:4,lstm:3,dense:1 --out listed");
    clt_run_free(&run);
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        clt_run_command(&run, 0,
                        "echo '%s' > ids/imdb_word_index.json && cltrain evaluate "
                        "listed/model.safetensors --data ids/imdb.npz --show-errors 100",
                        lists[k]);
        assert_contains(run.out, " film "); /* the model knows it where the list does not */
        clt_run_free(&run);
    }
    clt_run_command(&run, 0,
                    "rm ids/imdb_word_index.json && cltrain evaluate own/model.safetensors --data "
                    "ids/imdb.npz");
    clt_run_free(&run);
}

/* Names from a file, one not ASCII, one longer than a column. */
static void classes_have_their_names(void **state)
{
    static const char LONG[] = "a name of more than thirty-two characters";
    clt_run run;
    json_error_t error;
    FILE *file = fopen("texts.tsv", "w");

    (void)state;
    assert_non_null(file);
    fputs("text\tlabel\n", file);
    for (int k = 0; k < 12; k++) {
        static const char *const labels[] = {"short", "caf\xc3\xa9 2"};
        fprintf(file, "some words of text %d\t%s\n", k, k % 3 < 2 ? labels[k % 3] : LONG);
    }
    fclose(file);
    assert_refused("cltrain fit --data texts.tsv --model embedding:4,lstm:3,dense:1 --out named", 5,
                   "3 classes", "dense:1", "dense:3");
    clt_run_command(&run, 0,
                    "cltrain fit --data texts.tsv --maxlen 12 --epochs 1 --verbose 0 --model "
                    "embedding:4,lstm:3,dense:3 --out named && cltrain evaluate "
                    "named/model.safetensors --data texts.tsv");
    assert_contains(run.out, "\na name of more than thirty-tw... ");
    assert_contains(run.out, "\ncaf\xc3\xa9 2                           ");
    assert_contains(run.out, "\nshort                            ");
    assert_contains(run.out, " a name of mor...           caf\xc3\xa9 2            short\n");
    assert_lacks(run.out, "ROC AUC");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain evaluate named/model.safetensors --data texts.tsv --json");
    json_t *value = json_loads(run.out, 0, &error);
    const json_t *classes = json_object_get(value, "classes");
    assert_int_equal(json_array_size(classes), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(classes, 0), "label")),
                        LONG);
    assert_string_equal(json_string_value(json_object_get(json_array_get(classes, 1), "label")),
                        "caf\xc3\xa9 2");
    assert_true(json_is_null(json_object_get(value, "roc_auc")));
    json_decref(value);
    clt_run_free(&run);
}

static void many_classes_have_no_table(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "cltrain fit --data demo:8 --num-words 300 --maxlen 12 --epochs 1 --verbose 0 "
                    "--model embedding:4,lstm:3,dense:21 --out many && "
                    "cltrain evaluate many/model.safetensors --data demo:8");
    assert_contains(run.out, "\n20                   0.0000     0.0000     0.0000            0\n");
    assert_contains(run.out, "The confusion matrix of 21 classes is in --json.\n");
    assert_lacks(run.out, "ROC AUC");
    clt_run_free(&run);
}

static void a_full_stdout_is_an_error(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 1,
                    "cltrain evaluate " MODEL
                    " --data demo:%d --json --show-errors 200 --verbose 0 > /dev/full",
                    SAMPLES);
    assert_contains(run.err, "No space left on device");
    assert_int_equal(clt_count_lines(run.err), 1);
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_consistent),
        cmocka_unit_test(tables_say_the_same),
        cmocka_unit_test(shows_confident_mistakes),
        cmocka_unit_test(mistakes_need_words),
        cmocka_unit_test(ids_of_other_words_are_refused),
        cmocka_unit_test(ids_of_the_same_words_are_taken),
        cmocka_unit_test(classes_have_their_names),
        cmocka_unit_test(many_classes_have_no_table),
        cmocka_unit_test(a_full_stdout_is_an_error),
    };
    return cmocka_run_group_tests(tests, train, clt_leave_folder);
}
