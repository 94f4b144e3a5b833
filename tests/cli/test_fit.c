/* fit, evaluate and predict: the files they leave, the same bytes from the same seed, what is on
 * which stream, and how they end. */
#include "support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/program.h"

#define SMALL                                                                                      \
    "--data demo:64 --model embedding:4,lstm:3,dense:1 --num-words 200 --maxlen 12 --epochs 2 "    \
    "--batch 16"

static const char *const FILES[] = {"model.safetensors",   "history.csv",         "history.json",
                                    "learning_curves.svg", "learning_curves.png", "report.html"};

static char *read_in(const char *folder, const char *name, size_t *bytes)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return clt_read_text(path, bytes);
}

static bool same_file(const char *a, const char *b, const char *name)
{
    size_t left_bytes, right_bytes;
    char *left = read_in(a, name, &left_bytes), *right = read_in(b, name, &right_bytes);
    bool same = left_bytes == right_bytes && memcmp(left, right, left_bytes) == 0;

    free(left);
    free(right);
    return same;
}

static int count_files(const char *folder)
{
    DIR *directory = opendir(folder);
    int count = 0;

    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(directory);
    return count;
}

static void fit(const char *out, const char *flags)
{
    clt_run run;

    clt_run_command(&run, 0, "cltrain fit " SMALL " --verbose 0 --out %s %s", out, flags);
    assert_string_equal(run.err, "");
    clt_run_free(&run);
}

/* Every test below may count on what this leaves in runs/demo. */
static int train_once(void **state)
{
    if (clt_enter_folder(state) != 0) {
        return 1;
    }
    return system("'" CLT_PROGRAM "' fit " SMALL " > out.txt 2> err.txt");
}

static void tells_what_it_does(void **state)
{
    char *out = clt_read_text("out.txt", NULL), *err = clt_read_text("err.txt", NULL);

    (void)state;
    assert_contains(out, "demo:64: 64 synthetic reviews to train on, 64 to validate; results go to "
                         "runs/demo\n");
    assert_contains(out, " Total params: 900 (3.52 KB)\n");
    assert_contains(out, "\nEpoch 1/2 - 4/4 - ");
    assert_contains(out, "\nEpoch 2/2 - 4/4 - ");
    assert_contains(out, "s/step - accuracy: 0.");
    assert_contains(out, " - val_loss: 0.");
    assert_contains(out, "\nHistory on synthetic reviews (demo:64):\n{'accuracy': [0.");
    assert_contains(out, "], 'loss': [0.");
    assert_contains(out, "], 'val_accuracy': [0.");
    assert_string_equal(out + strlen(out) - 3, "]}\n");
    assert_lacks(out, "\033");
    assert_lacks(out, "\r");
    assert_contains(err, "cltrain: device ");
    assert_in_range(clt_count_lines(err), 1, 2); /* the second is about compiling */
    free(out);
    free(err);
}

static void leaves_its_files(void **state)
{
    char path[64];
    size_t bytes;

    (void)state;
    for (size_t k = 0; k < sizeof FILES / sizeof FILES[0]; k++) {
        snprintf(path, sizeof path, "runs/demo/%s", FILES[k]);
        assert_true(clt_file_exists(path));
    }
    assert_true(clt_file_exists("runs/demo/fit.json"));
    assert_int_equal(count_files("runs/demo"), 7);
    char *png = read_in("runs/demo", "learning_curves.png", &bytes);
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    char *svg = read_in("runs/demo", "learning_curves.svg", NULL);
    assert_contains(svg, "<svg ");
    assert_contains(svg, "</svg>");
    free(png);
    free(svg);
}

static void history_is_a_csv_logger_s(void **state)
{
    char *csv = read_in("runs/demo", "history.csv", NULL);
    double value[2][4];
    int epoch[2], used = 0;

    (void)state;
    assert_int_equal(sscanf(csv,
                            "epoch,accuracy,loss,val_accuracy,val_loss\n"
                            "%d,%lf,%lf,%lf,%lf\n%d,%lf,%lf,%lf,%lf\n%n",
                            &epoch[0], &value[0][0], &value[0][1], &value[0][2], &value[0][3],
                            &epoch[1], &value[1][0], &value[1][1], &value[1][2], &value[1][3],
                            &used),
                     10);
    assert_int_equal(used, strlen(csv));
    assert_int_equal(epoch[0], 0);
    assert_int_equal(epoch[1], 1);
    for (int k = 0; k < 2; k++) {
        assert_true(value[k][0] >= 0 && value[k][0] <= 1);
        assert_true(value[k][1] > 0.5 && value[k][1] < 0.9);
    }
    free(csv);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    fit("again", "");
    fit("other", "--seed 2");
    for (size_t k = 0; k < sizeof FILES / sizeof FILES[0]; k++) {
        assert_true(same_file("runs/demo", "again", FILES[k]));
        assert_false(same_file("runs/demo", "other", FILES[k]));
    }
}

static void flags_change_what_they_say(void **state)
{
    clt_run run;

    (void)state;
    fit("unshuffled", "--no-shuffle");
    fit("unshuffled2", "--no-shuffle");
    assert_false(same_file("runs/demo", "unshuffled", "model.safetensors"));
    assert_true(same_file("unshuffled2", "unshuffled", "model.safetensors"));

    clt_run_command(&run, 0, "cltrain fit " SMALL " --limit 20 --out limited");
    assert_contains(run.out, ": 20 synthetic reviews to train on, 64 to validate;");
    assert_contains(run.out, "Epoch 2/2 - 2/2 - ");
    clt_run_free(&run);

    clt_run_command(&run, 0, "cltrain fit " SMALL " --no-validation --verbose 2 --out blind");
    assert_lacks(run.out, "val_");
    char *csv = read_in("blind", "history.csv", NULL);
    assert_contains(csv, "epoch,accuracy,loss\n0,0.");
    assert_true(same_file("runs/demo", "blind", "model.safetensors")); /* looking changes nothing */
    free(csv);
    clt_run_free(&run);

    clt_run_command(&run, 0, "cltrain fit " SMALL " --profile --out profiled");
    assert_contains(run.out, "GFLOP/s");
    assert_contains(run.out, "\nlstm forward ");
    assert_true(same_file("runs/demo", "profiled", "model.safetensors"));
    clt_run_free(&run);
}

/* ",val_accuracy,val_loss" of an epoch. */
static void read_validation(const char *folder, char epoch, char text[64])
{
    char *csv = read_in(folder, "history.csv", NULL);
    char start[4] = {'\n', epoch, ',', '\0'};
    const char *row = strstr(csv, start);

    assert_non_null(row);
    assert_int_equal(sscanf(row + 3, "%*[^,],%*[^,],%63s", text), 1);
    free(csv);
}

static void init_starts_from_a_file(void **state)
{
    char ended[64], started[64], other[64];

    (void)state;
    /* Steps too small for any float weight: what is measured is what was loaded. */
    fit("loaded", "--init runs/demo/model.safetensors --learning-rate 1e-30 --seed 1");
    fit("drawn", "--learning-rate 1e-30 --seed 1");
    read_validation("runs/demo", '1', ended);
    read_validation("loaded", '0', started);
    read_validation("drawn", '0', other);
    assert_string_equal(started, ended);
    assert_string_not_equal(started, other);
    assert_refused("cltrain fit --data demo:64 --model embedding:5,lstm:3,dense:1 --num-words 200 "
                   "--init runs/demo/model.safetensors",
                   5, "runs/demo/model.safetensors", "embedding.embeddings");
}

/* Weights that belong to other words or classes would be scrambled without a trace. */
static void init_takes_no_other_words(void **state)
{
#define TEXTS "--model embedding:4,lstm:3,dense:1 --maxlen 12 --epochs 1 --verbose 0 "
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "printf 'text,label\ngood good good film film,pos\nbad film,neg\n' > a.csv; "
                    "sed 's/good/_/g; s/film/good/g; s/_/film/g' a.csv > b.csv; "
                    "sed s/pos/ham/ a.csv > c.csv; "
                    "cltrain fit " TEXTS "--data a.csv --out a && "
                    "cltrain fit " TEXTS "--data a.csv --init a/model.safetensors --out further");
    clt_run_free(&run);
    assert_refused("cltrain fit " TEXTS "--data b.csv --init a/model.safetensors --out b", 5,
                   "a/model.safetensors: its id 4 is 'good', the data's is 'film'; --init takes ",
                   "words");
    assert_refused("cltrain fit " TEXTS "--data c.csv --init a/model.safetensors --out b", 5,
                   "a/model.safetensors: its label 0 is 'neg', the data's is 'ham'", "classes");
    assert_refused("cltrain fit --data demo:8 --num-words 200 --init runs/demo/model.safetensors "
                   "--model embedding:4,lstm:3,dense:1 --out b",
                   5, "runs/demo/model.safetensors: its id ");
    assert_false(clt_file_exists("b"));
}

static void evaluate_agrees_with_the_history(void **state)
{
    char *csv = read_in("runs/demo", "history.csv", NULL);
    char expected[96];
    double accuracy, loss;
    clt_run run;

    (void)state;
    const char *row = strstr(csv, "\n1,");
    assert_non_null(row);
    assert_int_equal(sscanf(row, "\n1,%*f,%*f,%lf,%lf", &accuracy, &loss), 2);
    snprintf(expected, sizeof expected, "/step - accuracy: %.4f - loss: %.4f (synthetic reviews)\n",
             accuracy, loss);
    clt_run_command(&run, 0, "cltrain evaluate runs/demo/model.safetensors --data demo:64");
    assert_contains(run.out, expected);
    assert_contains(run.err, "cltrain: device ");
    clt_run_free(&run);
    free(csv);
}

static void predict_prints_a_line_a_text(void **state)
{
    clt_run texts, lines, dash;
    char label[16];
    double probability;

    (void)state;
    clt_run_command(&texts, 0,
                    "cltrain predict runs/demo/model.safetensors 'a film' '' 'no -- words'");
    clt_run_command(&lines, 0,
                    "printf 'a film\\n\\nno -- words' | cltrain predict "
                    "runs/demo/model.safetensors --verbose 0");
    clt_run_command(&dash, 0,
                    "printf 'a film\\r\\n\\r\\nno -- words\\n' | cltrain predict "
                    "runs/demo/model.safetensors -");
    assert_int_equal(clt_count_lines(texts.out), 3);
    assert_string_equal(texts.out, lines.out);
    assert_string_equal(texts.out, dash.out);
    assert_string_equal(lines.err, "");
    assert_int_equal(sscanf(texts.out, "%15[a-z]\t%lf\n", label, &probability), 2);
    assert_true(strcmp(label, "positive") == 0 || strcmp(label, "negative") == 0);
    assert_true(probability >= 0.5 && probability <= 1.0);
    clt_run_free(&texts);
    clt_run_free(&lines);
    clt_run_free(&dash);
}

/* tests/golden/fixtures/reviews.npz has no words of its own. */
static void predict_needs_words(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "cltrain fit --data '%s/tests/golden/fixtures/reviews.npz' --verbose 2 --model "
                    "embedding:4,lstm:3,dense:1 --maxlen 12 --epochs 1",
                    CLT_SOURCE_DIR);
    assert_lacks(run.out, "synthetic");
    assert_lacks(run.out, "in place of an earlier run's");
    assert_contains(run.out, "the words of its ids are not known, so the model cannot read texts");
    assert_true(clt_file_exists("runs/reviews/model.safetensors"));
    clt_run_free(&run);
    assert_refused("cltrain predict runs/reviews/model.safetensors hello", 5,
                   "runs/reviews/model.safetensors", "--word-index");

    clt_run_command(&run, 0,
                    "echo '{\"the\": 1, \"film\": 2}' > w.json; cltrain fit --word-index w.json "
                    "--data '%s/tests/golden/fixtures/reviews.npz' --verbose 2 --model "
                    "embedding:4,lstm:3,dense:1 --maxlen 12 --epochs 1",
                    CLT_SOURCE_DIR);
    assert_contains(run.out, "results go to runs/reviews, in place of an earlier run's\n");
    assert_lacks(run.out, "words of its ids are not known");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain predict runs/reviews/model.safetensors 'the film'");
    assert_true((run.out[0] == '0' || run.out[0] == '1') && run.out[1] == '\t');
    clt_run_free(&run);
}

/* Only Keras's imdb.npz is known to have reviews, of which 1 are the positive ones. */
static void labels_of_imdb_have_names(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "cp '%s/tests/golden/fixtures/reviews.npz' imdb.npz; cltrain fit --word-index "
                    "w.json --data imdb.npz --verbose 0 --model embedding:4,lstm:3,dense:1 "
                    "--maxlen 12 --epochs 1",
                    CLT_SOURCE_DIR);
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain predict runs/imdb/model.safetensors 'the film'");
    assert_contains(run.out, "tive\t0.");
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain data imdb.npz --show 0");
    assert_contains(run.out, "\n  positive ");
    clt_run_free(&run);
}

static void wait_for_an_epoch(const char *path)
{
    const struct timespec pause = {0, 20 * 1000 * 1000};

    for (int tries = 0; tries < 1500; tries++) {
        if (clt_file_exists(path)) {
            char *text = clt_read_text(path, NULL);
            bool there = strstr(text, "Epoch 1/100000 - ") != NULL;
            free(text);
            if (there) {
                return;
            }
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("no epoch ended within 30 s");
}

/* A run into the folder `long`, in its second epoch or later. */
static void start_long(clt_run *run)
{
    remove("long.txt");
    clt_run_start(run, "exec cltrain fit " SMALL " --epochs 100000 --out long > long.txt");
    wait_for_an_epoch("long.txt");
}

/* It has been stopped: everything is saved. */
static void end_long(clt_run *run)
{
    clt_run summary;

    clt_run_finish(run);
    assert_contains(run->err, "in long; go on with: cltrain fit --resume long\n");
    assert_int_equal(count_files("long"), 8); /* with a checkpoint */
    char *csv = read_in("long", "history.csv", NULL);
    assert_contains(csv, "val_loss\n0,0.");
    free(csv);
    clt_run_command(&summary, 0, "cltrain summary long/model.safetensors; rm -r long");
    clt_run_free(&summary);
}

static void stop_with(int signal_number, const char *name, int code)
{
    clt_run run;

    start_long(&run);
    kill(run.process, signal_number);
    end_long(&run);
    assert_int_equal(run.code, code);
    assert_contains(run.err, name);
    clt_run_free(&run);
}

static void a_signal_saves_what_is_there(void **state)
{
    (void)state;
    stop_with(SIGINT, "stopped by SIGINT after ", 130);
    stop_with(SIGTERM, "stopped by SIGTERM after ", 143);
    stop_with(SIGHUP, "stopped by SIGHUP after ", 129);
}

static void a_folder_belongs_to_one_run(void **state)
{
    clt_run run, room;

    (void)state;
    start_long(&run);
    assert_refused("cltrain fit " SMALL " --out long", 1, "long is in use by another fit");
    assert_refused("cltrain fit --resume long", 1, "long is in use by another fit");
    /* The room of its model stays taken, in a file without a name. */
    clt_run_command(&room, 0, "find -L /proc/%d/fd -links 0 -size +1023k | wc -l",
                    (int)run.process);
    assert_string_equal(room.out, "1\n");
    clt_run_free(&room);
    kill(run.process, SIGTERM);
    end_long(&run);
    clt_run_free(&run);
}

/* One wish to stop may come twice, as `timeout` sends it. The program is halted meanwhile, so that
 * both signals are there before it can save. */
static void a_signal_that_comes_twice(void **state)
{
    clt_run run;

    (void)state;
    start_long(&run);
    kill(run.process, SIGSTOP);
    kill(run.process, SIGINT);
    kill(run.process, SIGTERM);
    kill(run.process, SIGCONT);
    end_long(&run);
    assert_true(run.code == 130 || run.code == 143);
    clt_run_free(&run);
}

static void outputs_that_cannot_be_written(void **state)
{
    clt_run run;

    (void)state;
    assert_refused("cltrain fit " SMALL " --out /proc/nosuch/x", 1, "/proc/nosuch/x", "--out");
    assert_refused("cltrain fit " SMALL " --out out.txt/x", 1, "out.txt/x", "Not a directory");
    assert_refused("cltrain fit " SMALL " --out out.txt", 1, "out.txt");
    /* The probe finds a disk that is too full before training does. */
    assert_refused("ulimit -f 64; exec cltrain fit " SMALL " --out runs/demo", 1, "runs/demo",
                   "too large");
    assert_true(same_file("runs/demo", "again", "model.safetensors"));
    assert_int_equal(count_files("runs/demo"), 7);

    clt_run_command(&run, 1, "cltrain fit " SMALL " --verbose 0 --out full > /dev/full");
    assert_contains(run.err, "cannot write to standard output: No space left on device");
    assert_true(same_file("runs/demo", "full", "model.safetensors"));
    clt_run_free(&run);

    clt_run_command(&run, 1,
                    "mkdir -p taken/history.csv; cltrain fit " SMALL " --verbose 0 --out taken");
    assert_contains(run.err, "cannot write taken/history.csv: Is a directory");
    assert_int_equal(clt_count_lines(run.err), 1);
    clt_run_free(&run);
}

static void an_earlier_run_is_replaced(void **state)
{
    (void)state;
    fit("twice", "--seed 2");
    fit("twice", "");
    for (size_t k = 0; k < sizeof FILES / sizeof FILES[0]; k++) {
        assert_true(same_file("runs/demo", "twice", FILES[k]));
    }
    assert_int_equal(count_files("twice"), 7);
}

static void devices_that_do_not_fit(void **state)
{
    (void)state;
    assert_refused("cltrain fit " SMALL " --device nosuch --out nowhere", 3, "'nosuch'",
                   "choose from ");
    assert_refused("env OCL_ICD_VENDORS=/nonexistent cltrain fit " SMALL " --out nowhere", 3,
                   "install");
    assert_refused("env CLTRAIN_PLAN=lstm=sideways cltrain fit " SMALL " --out nowhere", 2,
                   "CLTRAIN_PLAN", "lstm=step");
    assert_false(clt_file_exists("nowhere"));
}

static void divergence_ends_with_good_weights(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 6, "cltrain fit " SMALL " --verbose 0 --out lost --learning-rate 1e38");
    assert_contains(run.err, "good weights are in lost");
    assert_int_equal(clt_count_lines(run.err), 1);
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain summary lost/model.safetensors"); /* refuses NaN */
    clt_run_free(&run);
}

/* Adam in its lazy form: validation and saving in between, and an end by divergence. */
static void lazy_adam_gives_the_same_bytes(void **state)
{
    static const char *const flags[] = {"--epochs 4", "--learning-rate 1e38"};
    clt_run run;

    (void)state;
    for (int k = 0; k < 2; k++) {
        for (int lazy = 0; lazy < 2; lazy++) {
            clt_run_command(&run, k == 0 ? 0 : 6,
                            "CLTRAIN_PLAN=adam=%s cltrain fit " SMALL
                            " --num-words 2000 --verbose 0 %s --out %s",
                            lazy ? "lazy" : "dense", flags[k], lazy ? "lazy" : "dense");
            clt_run_free(&run);
        }
        for (size_t f = 0; f < sizeof FILES / sizeof FILES[0]; f++) {
            assert_true(same_file("dense", "lazy", FILES[f]));
        }
    }
}

static void the_bar_is_keras_s(void **state)
{
    clt_run run;

    (void)state;
    clt_run_on_terminal(&run, 0, "cltrain fit " SMALL " --out shown");
    assert_contains(run.out, "Epoch 1/2\r\n");
    /* The first redraw of four steps: a quarter of twenty cells. */
    assert_contains(run.out, "\033[1m1/4\033[0m \033[32m━━━━━\033[0;37m━━━━━━━━━━━━━━━\033[0m "
                             "\033[1m");
    assert_contains(run.out, "\r\033[1m4/4\033[0m \033[32m━━━━━━━━━━━━━━━━━━━━\033[0;37m\033[0m "
                             "\033[1m");
    assert_contains(run.out, "s/step - accuracy: 0.");
    assert_contains(run.out, " - val_loss: 0.");
    clt_run_free(&run);

    clt_run_on_terminal(&run, 0, "cltrain fit " SMALL " --epochs 1 --verbose 2 --out shown");
    assert_lacks(run.out, "Epoch");
    assert_contains(run.out, "4/4 - ");
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_it_does),
        cmocka_unit_test(leaves_its_files),
        cmocka_unit_test(history_is_a_csv_logger_s),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(flags_change_what_they_say),
        cmocka_unit_test(init_starts_from_a_file),
        cmocka_unit_test(init_takes_no_other_words),
        cmocka_unit_test(evaluate_agrees_with_the_history),
        cmocka_unit_test(predict_prints_a_line_a_text),
        cmocka_unit_test(predict_needs_words),
        cmocka_unit_test(labels_of_imdb_have_names),
        cmocka_unit_test(a_signal_saves_what_is_there),
        cmocka_unit_test(a_folder_belongs_to_one_run),
        cmocka_unit_test(a_signal_that_comes_twice),
        cmocka_unit_test(outputs_that_cannot_be_written),
        cmocka_unit_test(an_earlier_run_is_replaced),
        cmocka_unit_test(devices_that_do_not_fit),
        cmocka_unit_test(divergence_ends_with_good_weights),
        cmocka_unit_test(lazy_adam_gives_the_same_bytes),
        cmocka_unit_test(the_bar_is_keras_s),
    };
    return cmocka_run_group_tests(tests, train_once, clt_leave_folder);
}
