/* Texts in every form that --data takes: the same reviews give the same network, and are answered
 * by their own labels. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/program.h"

#define NETWORK "--model embedding:8,lstm:4,dense:1 --maxlen 20 --epochs 1 --batch 32 --verbose 0"

enum { REVIEWS = 500, WORDS = 12 };

/* A word's number is drawn by a generator of the test's own; a third of the words tell the class.
 */
static const char *const common[] = {"the",  "film", "a",     "of",     "\"and\"",  "it's",
                                     "was,", "Über", "plot;", "ACTORS", "İstanbul", "scene"};
static const char *const telling[2][4] = {{"dull", "awful", "boring", "bad"},
                                          {"great", "moving", "funny", "good"}};

static char *review(int number, char *text)
{
    unsigned state = (unsigned)number * 2654435761u + 12345u;
    int class = number >= REVIEWS / 2;
    text[0] = '\0';
    for (int k = 0; k < WORDS; k++) {
        state = state * 1664525u + 1013904223u;
        unsigned draw = state >> 16;
        strcat(text, draw % 3 == 0 ? telling[class][draw / 3 % 4] : common[draw / 3 % 12]);
        strcat(text, k == 4 ? "\n" : k == 7 ? "<br />" : " ");
    }
    return text;
}

/* `text` with each `from` written as `to`. */
static void print_escaped(FILE *file, const char *text, char from, const char *to)
{
    for (; *text != '\0'; text++) {
        if (*text == from) {
            fputs(to, file);
        } else {
            fputc(*text, file);
        }
    }
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void write_table(const char *path, char separator)
{
    char text[400];
    FILE *file = create(path);
    fprintf(file, "\xef\xbb\xbfid%creview%cSentiment\r\n", separator, separator);
    for (int k = 0; k < REVIEWS; k++) {
        fprintf(file, "%d%c\"", k, separator);
        print_escaped(file, review(k, text), '"', "\"\"");
        fprintf(file, "\"%c%s\r\n", separator, k < REVIEWS / 2 ? "neg" : "pos");
    }
    assert_int_equal(fclose(file), 0);
}

static void write_lines(const char *path, const char *before, const char *between,
                        const char *after, bool json)
{
    char text[400];
    FILE *file = create(path);
    for (int k = 0; k < REVIEWS; k++) {
        fprintf(file, "%s%s%s", before, k < REVIEWS / 2 ? "neg" : "pos", between);
        review(k, text);
        for (const char *c = text; *c != '\0'; c++) {
            if (*c == '\n') {
                fputs(json ? "\\n" : " ", file);
            } else {
                fprintf(file, json && *c == '"' ? "\\%c" : "%c", *c);
            }
        }
        fprintf(file, "%s\n", after);
    }
    assert_int_equal(fclose(file), 0);
}

/* The first and the second half of the reviews, by name in the order they have elsewhere. */
static void write_folder(void)
{
    static const char *const folders[] = {"acl",           "acl/train",      "acl/train/neg",
                                          "acl/train/pos", "acl/test",       "acl/test/neg",
                                          "acl/test/pos",  "acl/train/unsup"};
    char text[400], path[64];
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        assert_int_equal(mkdir(folders[k], 0777), 0);
    }
    for (int k = 0; k < REVIEWS; k++) {
        snprintf(path, sizeof path, "acl/train/%s/%05d_%d.txt", k < REVIEWS / 2 ? "neg" : "pos", k,
                 k < REVIEWS / 2 ? 2 : 9);
        FILE *file = create(path);
        fputs(review(k, text), file);
        assert_int_equal(fclose(file), 0);
    }
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "acl/test/%s/0_%d.txt", k == 0 ? "neg" : "pos", 1 + 8 * k);
        FILE *file = create(path);
        fputs(k == 0 ? "dull awful boring bad" : "great moving funny good", file);
        assert_int_equal(fclose(file), 0);
    }
}

static int write_all(void **state)
{
    if (clt_enter_folder(state) != 0) {
        return 1;
    }
    write_table("reviews.csv", ',');
    write_table("reviews.tsv", '\t');
    write_lines("reviews.jsonl", "{\"label\": \"", "\", \"text\": \"", "\"}", true);
    write_lines("reviews.txt", "__label__", " ", "", false);
    write_folder();
    return system("tar czf acl.tar.gz acl") != 0;
}

static void every_form_trains_the_same_network(void **state)
{
    static const char *const forms[] = {"reviews.csv",    "reviews.tsv", "reviews.jsonl",
                                        "reviews.txt",    "acl",         "acl.tar.gz",
                                        "- < reviews.csv"};
    size_t first_bytes = 0, bytes;
    char *first = NULL;
    (void)state;
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        clt_run run;
        clt_run_command(&run, 0, "cltrain fit " NETWORK " --out out --no-validation --data %s",
                        forms[k]);
        assert_string_equal(run.err, "");
        clt_run_free(&run);
        char *model = clt_read_text("out/model.safetensors", &bytes);
        if (k == 0) {
            first = model;
            first_bytes = bytes;
            continue;
        }
        if (bytes != first_bytes || memcmp(model, first, bytes) != 0) {
            fail_msg("%s: not the network of %s", forms[k], forms[0]);
        }
        free(model);
    }
    free(first);
}

static void answers_have_the_labels_of_the_data(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0,
                    "cltrain fit --data acl --model embedding:8,lstm:4,dense:1 --maxlen 20 "
                    "--epochs 30 --batch 16 --learning-rate 0.01 --verbose 0 --out learnt");
    clt_run_free(&run);
    clt_run_command(&run, 0,
                    "cltrain predict learnt/model.safetensors 'Dull, awful BAD' "
                    "'great! moving; good'");
    assert_contains(run.out, "neg\t");
    assert_contains(run.out, "\npos\t");
    assert_int_equal(clt_count_lines(run.out), 2);
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain evaluate learnt/model.safetensors --data reviews.csv");
    assert_contains(run.out, "accuracy: 1.0");
    clt_run_free(&run);
    /* a name that is not UTF-8 */
    clt_run_command(&run, 0,
                    "cp reviews.csv \"$(printf 'r\\377.csv')\"; cltrain evaluate "
                    "learnt/model.safetensors --json --data \"$(printf 'r\\377.csv')\"");
    assert_contains(run.out, "\"data\": \"r?.csv\"");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain evaluate learnt/model.safetensors --data acl.tar.gz");
    assert_contains(run.out, "accuracy: 1.0");
    clt_run_free(&run);
    clt_run_command(&run, 0, "printf 'text,label\\nfine,maybe\\n' > maybe.csv");
    clt_run_free(&run);
    assert_refused("cltrain evaluate learnt/model.safetensors --data maybe.csv", 5, "maybe.csv",
                   "line 2", "'maybe'");
}

static void validation_is_what_is_asked_for(void **state)
{
    static const struct {
        const char *options, *said;
    } cases[] = {
        {"--data acl", "500 reviews to train on, 2 to validate"},
        {"--data acl --no-validation", "500 reviews to train on, none to validate"},
        {"--data reviews.csv", "500 reviews to train on, none to validate"},
        {"--data reviews.csv --validation-split 0.1", "450 reviews to train on, 50 to validate"},
        {"--data acl --validation-split 0.1", "450 reviews to train on, 50 to validate"},
        {"--data acl --limit 100", "100 reviews to train on, 2 to validate"},
        {"--data reviews.csv --validation acl", "500 reviews to train on, 2 to validate"},
        {"--data acl --validation reviews.tsv", "500 reviews to train on, 500 to validate"},
        {"--data demo:40 --validation-split 0.25", "30 synthetic reviews to train on, 10 to"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_run run;
        clt_run_command(&run, 0,
                        "cltrain fit --model embedding:8,lstm:4,dense:1 --maxlen 20 --epochs 1 "
                        "--out v %s",
                        cases[k].options);
        assert_contains(run.out, cases[k].said);
        clt_run_free(&run);
    }
}

static void words_that_are_rare_are_left_out(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(
        &run, 0,
        "printf 'text,label\na good film,x\na bad film,y\n' > rare.csv; cltrain fit " NETWORK
        " --data rare.csv --min-count 2 --out rare; cltrain vocab rare/model.safetensors");
    assert_contains(run.out, "\n4\ta\t2\n5\tfilm\t2\n");
    assert_lacks(run.out, "good");
    clt_run_free(&run);
    assert_refused("cltrain fit " NETWORK " --data rare.csv --min-count 3 --out none", 2,
                   "--min-count 3: no word occurs so often in the texts to train on");
}

static void validation_is_of_the_kind_of_the_data(void **state)
{
    static const char *const cases[][3] = {
        {"reviews.csv", "ids.npz", "holds ids, and --data reviews.csv holds texts"},
        {"reviews.csv", "demo:50", "holds ids, and --data reviews.csv holds texts"},
        {"ids.npz", "reviews.csv", "is not a file of ids, and --data ids.npz holds ids"},
        {"demo:40", "acl", "is not a file of ids, and --data demo:40 holds ids"},
        {"demo:40", "-", "is not a file of ids, and --data demo:40 holds ids"},
        {"demo:40", "demo:50", "cannot go with --data demo:40"},
        {"ids.npz", "demo:50", "cannot go with --data ids.npz"},
        {"demo:40", "ids.npz", "cannot go with --data demo:40"},
    };
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "cp '%s/tests/golden/fixtures/reviews.npz' ids.npz", CLT_SOURCE_DIR);
    clt_run_free(&run);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char command[256], start[64];
        snprintf(command, sizeof command,
                 "cltrain fit " NETWORK " --num-words 300 --out kind --data %s --validation %s",
                 cases[k][0], cases[k][1]);
        snprintf(start, sizeof start, "--validation %s ", cases[k][1]);
        assert_refused(command, 5, start, cases[k][2], "of the same kind");
    }
    assert_refused("cltrain fit " NETWORK " --out kind --data ids.npz --validation none.npz", 5,
                   "cannot open none.npz");
    assert_refused("cltrain fit " NETWORK " --out kind --data reviews.csv --validation none.csv", 5,
                   "cannot open none.csv");
    clt_run_command(&run, 0,
                    "cltrain fit " NETWORK " --num-words 300 --out kind --data ids.npz "
                    "--validation ids.npz");
    clt_run_free(&run);
}

/* An embedding has a row for each word that there is, up to --num-words. */
static void rows_follow_the_words(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "cltrain data reviews.csv --show 1");
    assert_contains(run.out, "Ids below 24;");
    assert_contains(run.out, "  neg                       250              0\n");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain data reviews.csv --num-words 10");
    assert_contains(run.out, "Ids below 10;");
    clt_run_free(&run);
    /* a class is cut by characters */
    clt_run_command(&run, 0,
                    "printf 'text,label\na,ééé\nb,éééééééééééééééé\n' > accents.csv;"
                    "cltrain data accents.csv");
    assert_contains(run.out, "  ééé                         1              0\n");
    assert_contains(run.out, "  ééééééééééé...              1              0\n");
    clt_run_free(&run);
}

static void more_classes_get_an_output_each(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0,
                    "printf 'label\\ttext\\n1\\tgood fine\\n2\\tbad poor\\n3\\tso so\\n' > 3.tsv");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain fit --data 3.tsv --epochs 20 --learning-rate 0.01 --out 3");
    assert_contains(run.out, "dense (Dense)");
    assert_contains(run.out, "(None, 3)");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain predict 3/model.safetensors 'good fine' 'so so'");
    assert_contains(run.out, "1\t");
    assert_contains(run.out, "\n3\t");
    clt_run_free(&run);
    assert_refused("cltrain fit --data 3.tsv --model embedding:4,lstm:3,dense:1 --out 4", 5,
                   "3 classes", "dense:3");
    assert_refused("cltrain fit --data 3.tsv --model embedding:4,lstm:3,dense:2 --out 4", 5,
                   "3 classes", "dense:3");
    assert_refused("cltrain fit --data 3.tsv --model embedding:4,lstm:3,dense:4 --out 4", 5,
                   "3 classes", "tells 4 apart", "dense:3");
    assert_refused("grep -v 3 3.tsv | grep -v 2 | cltrain fit --data - --out 4", 5,
                   "'1' is the only label", "two");
}

static void bad_rows_are_named(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "printf 'text,label\\na b,x\\nc\\nd e,y\\n' > bad.csv");
    clt_run_free(&run);
    assert_refused("cltrain fit " NETWORK " --data bad.csv --out bad", 5, "bad.csv", "line 3");
    clt_run_command(&run, 0, "cltrain data bad.csv --skip-bad-rows");
    assert_contains(run.err, "bad.csv: 1 bad row passed over: line 3\n");
    assert_contains(run.out, "Reviews                       2");
    clt_run_free(&run);
    assert_refused("cltrain data bad.csv --text-column words", 5, "bad.csv", "words");
    assert_refused("cltrain data demo:10 --text-column words", 2, "--text-column", "ids");
    assert_refused("cltrain data none.csv", 5, "none.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_trains_the_same_network),
        cmocka_unit_test(answers_have_the_labels_of_the_data),
        cmocka_unit_test(validation_is_what_is_asked_for),
        cmocka_unit_test(words_that_are_rare_are_left_out),
        cmocka_unit_test(validation_is_of_the_kind_of_the_data),
        cmocka_unit_test(rows_follow_the_words),
        cmocka_unit_test(more_classes_get_an_output_each),
        cmocka_unit_test(bad_rows_are_named),
    };
    return cmocka_run_group_tests(tests, write_all, clt_leave_folder);
}
