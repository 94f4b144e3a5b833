/* `fit --resume`: whenever a run was killed or stopped, what is resumed ends in the same files; and
 * what cannot go on is refused. */
#include "support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/program.h"
#include "util/random.h"

#define RUN                                                                                        \
    "cltrain fit --data demo:250 --limit 240 --num-words 1000 --maxlen 60 --batch 8 --verbose 0 "  \
    "--model "                                                                                     \
    "embedding:16:mask_zero,dropout:0.2,lstm:12:dropout=0.3:recurrent_dropout=0.2,dense:1 "
#define WHOLE RUN "--epochs 40 "
enum { LAST_STEP = 1150 }; /* that a kill waits for, of 1,200 */

static const char *const FILES[] = {"model.safetensors",   "history.csv",         "history.json",
                                    "learning_curves.svg", "learning_curves.png", "report.html"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_for(double seconds)
{
    long whole = (long)seconds;
    const struct timespec time = {whole, (long)(1e9 * (seconds - (double)whole))};
    nanosleep(&time, NULL);
}

__attribute__((format(printf, 2, 3))) static void succeed(char **out, const char *format, ...)
{
    char command[1024];
    clt_run run;
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    clt_run_command(&run, 0, "%s", command);
    if (out != NULL) {
        *out = strdup(run.err);
    }
    clt_run_free(&run);
}

static void assert_same_results(const char *folder)
{
    for (size_t k = 0; k < sizeof FILES / sizeof FILES[0]; k++) {
        char command[256];
        snprintf(command, sizeof command, "cmp whole/%s %s/%s", FILES[k], folder, FILES[k]);
        assert_int_equal(system(command), 0);
    }
}

static bool exists_in(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return clt_file_exists(path);
}

/* How many checkpoints a folder has. */
static int count_checkpoints(const char *folder)
{
    int count;
    clt_run run;
    clt_run_command(&run, 0, "ls %s | grep -c '^checkpoint-.*safetensors$' || true", folder);
    assert_int_equal(sscanf(run.out, "%d", &count), 1);
    clt_run_free(&run);
    return count;
}

/* Waits until a run that was started has its first file. */
static void wait_for_the_first_file(const char *folder)
{
    double began = now();
    while (!exists_in(folder, "fit.json")) {
        if (now() - began > 60) {
            fail_msg("%s: no file within a minute", folder);
        }
        pause_for(0.001);
    }
}

/* The run that is never interrupted. */
static int train_once(void **state)
{
    if (clt_enter_folder(state) != 0) {
        return -1;
    }
    succeed(NULL, WHOLE "--out whole");
    return 0;
}

/* ---- kill -9 --------------------------------------------------------------------------------- */

/* The steps of the newest checkpoint; -1: there is none. */
static int newest_checkpoint(const char *folder)
{
    int newest = -1, steps;
    DIR *open = opendir(folder);
    for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;) {
        if (sscanf(entry->d_name, "checkpoint-%d.safetensors", &steps) == 1 && steps > newest) {
            newest = steps;
        }
    }
    if (open != NULL) {
        closedir(open);
    }
    return newest;
}

static bool is_running(pid_t process)
{
    siginfo_t ended = {0};
    return waitid(P_PID, (id_t)process, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0;
}

/* Starts a command and kills it at a random moment after `from` steps; false: it had ended before.
 */
static bool kill_once(clt_random *random, int from, const char *command)
{
    clt_run run;
    int target = from + (int)clt_random_below(random, (uint32_t)(LAST_STEP - from));
    double began = now();
    clt_run_start(&run, "exec %s", command);
    while (newest_checkpoint("killed") < target && is_running(run.process)) {
        pause_for(0.0005);
        assert_true(now() - began < 100);
    }
    pause_for(0.03 * clt_random_uniform(random));
    kill(run.process, SIGKILL);
    clt_run_finish(&run);
    bool killed = run.code == 128 + SIGKILL;
    clt_run_free(&run);
    return killed;
}

static void kills_at_random_moments(void **state)
{
    enum { TRIALS = 20 };
    clt_random random = clt_random_stream(20260101, CLT_RANDOM_DEMO, 9);
    int kills = 0;
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        char *notes = NULL;
        succeed(NULL, "rm -rf killed");
        kills += kill_once(&random, 0, WHOLE "--checkpoint-every 20steps --out killed");
        if (trial % 2 == 1) { /* what goes on is killed, too */
            kills += kill_once(&random, newest_checkpoint("killed"),
                               "cltrain fit --resume killed --verbose 0");
        }
        succeed(&notes, "cltrain fit --resume killed");
        assert_contains(notes, "training goes on after ");
        assert_same_results("killed");
        assert_int_equal(count_checkpoints("killed"), 2);
        free(notes);
    }
    print_message("%d kills\n", kills);
    assert_in_range(kills, TRIALS, TRIALS + TRIALS / 2);
}

static void killed_before_a_checkpoint(void **state)
{
    char *notes;
    (void)state;
    clt_run run;
    clt_run_start(&run, "exec " WHOLE "--out early");
    wait_for_the_first_file("early");
    kill(run.process, SIGKILL);
    clt_run_finish(&run);
    assert_int_equal(run.code, 128 + SIGKILL);
    clt_run_free(&run);
    succeed(&notes, "cltrain fit --resume early");
    assert_contains(notes, "early has no checkpoint: training begins anew");
    assert_same_results("early");
    free(notes);
}

/* ---- signals --------------------------------------------------------------------------------- */

/* Signals a run after its second epoch. */
static void stop(int number, const char *command)
{
    clt_run run;
    bool there = false;
    double began = now();
    remove("epochs.txt");
    clt_run_start(&run, "exec %s --verbose 2 > epochs.txt", command);
    while (!there && now() - began < 100) {
        pause_for(0.001);
        if (clt_file_exists("epochs.txt")) {
            char *text = clt_read_text("epochs.txt", NULL);
            there = strstr(text, "Epoch 2/") != NULL;
            free(text);
        }
    }
    kill(run.process, number);
    clt_run_finish(&run);
    assert_int_equal(run.code, 128 + number);
    assert_contains(run.err, number == SIGINT ? "stopped by SIGINT" : "stopped by SIGTERM");
    assert_contains(run.err, "in stopped; go on with: cltrain fit --resume stopped\n");
    clt_run_free(&run);
    assert_int_equal(count_checkpoints("stopped"), 1);
}

static void a_signal_saves_the_place(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM};
    (void)state;
    for (int k = 0; k < 2; k++) {
        clt_run run;
        succeed(NULL, "rm -rf stopped");
        stop(signals[k], WHOLE "--out stopped");
        assert_refused(WHOLE "--out stopped", 2, "--resume stopped; or choose another --out");
        clt_run_command(&run, 0, "cltrain fit --resume stopped");
        assert_contains(run.err, "training goes on after ");
        assert_contains(run.out, "Epoch 40/40 - 30/30 - ");
        clt_run_free(&run);
        assert_same_results("stopped");
        assert_int_equal(count_checkpoints("stopped"), 0); /* nobody has asked for them */
    }
}

static void a_finished_run_says_so(void **state)
{
    clt_run run;
    (void)state;
    clt_run_command(&run, 0, "cltrain fit --resume whole");
    assert_string_equal(run.out, "whole: the run is finished, nothing is left to do\n");
    assert_string_equal(run.err, "");
    clt_run_free(&run);
}

/* From another folder, with relative names. */
static void from_elsewhere(void **state)
{
    (void)state;
    succeed(NULL, "rm -rf stopped; cp -r '%s/tests/golden/fixtures/reviews.npz' data.npz",
            CLT_SOURCE_DIR);
    clt_run run;
    clt_run_start(&run, "exec cltrain fit --data data.npz --model embedding:4,lstm:3,dense:1 "
                        "--maxlen 12 --epochs 100000 --verbose 0 --out stopped");
    wait_for_the_first_file("stopped");
    kill(run.process, SIGTERM);
    clt_run_finish(&run);
    assert_int_equal(run.code, 143);
    clt_run_free(&run);
    succeed(NULL, "sed -i 's/\"100000\"/\"100001\"/' stopped/fit.json; mkdir -p elsewhere");
    assert_refused("cd elsewhere; cltrain fit --resume ../stopped --verbose 0", 5,
                   "/stopped/checkpoint-", "its epochs is 100000, not 100001");
}

/* ---- periods --------------------------------------------------------------------------------- */

static void checkpoints_as_often_as_asked(void **state)
{
    clt_run model, checkpoint;
    (void)state;
    succeed(NULL, WHOLE "--checkpoint-every 400steps --keep 5 --out often");
    assert_int_equal(count_checkpoints("often"), 3);
    assert_true(exists_in("often", "checkpoint-1200.safetensors"));
    assert_same_results("often");
    succeed(NULL, WHOLE "--checkpoint-every 20epochs --keep 1 --out often");
    assert_int_equal(count_checkpoints("often"), 1);
    assert_true(exists_in("often", "checkpoint-1200.safetensors"));
    /* a checkpoint is a model, too */
    clt_run_command(&model, 0, "cltrain predict whole/model.safetensors --verbose 0 'a good film'");
    clt_run_command(&checkpoint, 0,
                    "cltrain predict often/checkpoint-1200.safetensors --verbose 0 'a good film'");
    assert_string_equal(model.out, checkpoint.out);
    clt_run_free(&model);
    clt_run_free(&checkpoint);
    succeed(NULL, WHOLE "--checkpoint-every 1h --out often");
    assert_int_equal(count_checkpoints("often"), 0);
    succeed(NULL, WHOLE "--checkpoint-every 0.0001s --keep 2000 --out often");
    assert_in_range(count_checkpoints("often"), 100, 1200);
}

static void a_run_worth_keeping_is_kept(void **state)
{
    clt_run run;
    (void)state;
    succeed(NULL, "rm -rf stopped");
    clt_run_start(&run, "exec " RUN "--epochs 100000 --checkpoint-every 1steps --out stopped");
    while (!exists_in("stopped", "fit.json") || count_checkpoints("stopped") == 0) {
        pause_for(0.001);
    }
    kill(run.process, SIGKILL);
    clt_run_finish(&run);
    clt_run_free(&run);
    assert_refused(WHOLE "--out stopped", 2, "stopped has the checkpoints of a run",
                   "--resume stopped", "--out");
    assert_true(count_checkpoints("stopped") > 0);
}

/* ---- what cannot go on ----------------------------------------------------------------------- */

static void wrong_command_lines(void **state)
{
    (void)state;
    assert_refused("cltrain fit --resume whole --epochs 9", 2, "--epochs cannot be given");
    assert_refused("cltrain fit --resume whole --out x", 2, "--out cannot be given");
    assert_refused("cltrain fit --data demo:8 --keep 0", 2, "--keep 0", "from 1");
    static const char *const periods[] = {"5",         "steps", "0steps", "-1epoch",
                                          "1.5epochs", "5 min", "5days",  "nanmin"};
    for (size_t k = 0; k < sizeof periods / sizeof periods[0]; k++) {
        char command[128];
        snprintf(command, sizeof command, "cltrain fit --data demo:8 --checkpoint-every '%s'",
                 periods[k]);
        assert_refused(command, 2, "--checkpoint-every", periods[k], "50steps, 5min or 1epoch");
    }
}

static void other_data_and_other_models(void **state)
{
    (void)state;
    succeed(NULL, "rm -rf stopped");
    stop(SIGTERM, RUN "--epochs 100000 --out stopped");
    static const struct {
        const char *edit, *part;
    } cases[] = {
        {"s/\"240\"/\"239\"/", "--data demo:250: it gives other reviews to train on (239 with "},
        {"s/demo:250/demo:251/", "--data demo:251: it gives other reviews to train on (240 with "},
        {"/\"training\"/d; s/\"240\"/\"239\"/",
         "the training data are not those that the run began with: 240"},
        {"/\"training\"/d; /\"validation\": \"[0-9]/d; /\"words\"/d; s/demo:250/demo:251/",
         "it has another vocabulary, as of other data"},
        {"s/lstm:12/lstm:11/",
         "its model is "
         "embedding:16:mask_zero,dropout:0.2,lstm:12:dropout=0.3:recurrent_dropout=0.2,"
         "dense:1, not"},
        {"s/\"maxlen\": \"60\"/\"maxlen\": \"61\"/", "its maxlen is 60, not 61"},
        {"s/\"batch\": \"8\"/\"batch\": \"9\"/", "its batch is 8, not 9"},
        {"s/\"batch\": \"8\"/\"batch\": \"many\"/", "fit.json: batch is \"many\", not a whole"},
        {"s/\"batch\": \"8\"/\"batch\": 8/", "fit.json: a setting is not a string"},
        {"s/\"batch\"/\"bath\"/", "fit.json: this version knows no setting \"bath\""},
        {"/\"data\"/d", "fit.json: it does not say what data"},
        {"s/cltrain-fit-1/cltrain-fit-9/", "fit.json: it is not what `cltrain fit` writes"},
        {"s/settings/setting/", "fit.json: it is not what `cltrain fit` writes"},
        {"3,$d", "fit.json"},
    };
    succeed(NULL, "cp stopped/fit.json kept.json");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        clt_run run;
        clt_run_command(&run, 5,
                        "cp kept.json stopped/fit.json; sed -i '%s' stopped/fit.json; "
                        "cltrain fit --resume stopped --verbose 0",
                        cases[k].edit);
        assert_contains(run.err, cases[k].part);
        assert_int_equal(clt_count_lines(run.err), 1);
        clt_run_free(&run);
        assert_int_equal(count_checkpoints("stopped"), 1);
    }
    assert_refused("cltrain fit --resume nosuch", 5, "nosuch/fit.json", "--resume takes");
    assert_refused("cltrain fit --resume elsewhere", 5, "elsewhere/fit.json");
}

/* As after a kill before the first checkpoint, when nothing but fit.json is there to compare with.
 */
static void other_files_of_the_same_names(void **state)
{
#define TEXTS "--data a.csv --validation b.csv"
    static const struct {
        const char *options, *change, *part;
    } cases[] = {
        {TEXTS, "sed -i s/dull/good/ a.csv",
         "--data a.csv: it gives other reviews to train on (4 with "},
        {TEXTS, "sed -i '$d' a.csv", "--data a.csv: it gives other reviews to train on (3 with "},
        {TEXTS, "sed -i s/dull/grey/ a.csv", "--data a.csv: it gives other words or classes ("},
        {TEXTS, "sed -i 's/bad$/base/' a.csv b.csv",
         "--data a.csv: it gives other words or classes ("},
        {TEXTS, "sed -i s/dull/good/ b.csv",
         "--validation b.csv: it gives other reviews to validate (2 with "},
        {"--data a.npz --word-index w.json", "sed -i s/the/a/ w.json",
         "--word-index w.json: it gives other words or classes ("},
        {"--data a.npz", "sed -i s/the/a/ imdb_word_index.json",
         "./imdb_word_index.json: it gives other words or classes ("},
        {"--data -", "sed -i s/dull/good/ a.csv",
         "--data -: it gives other reviews to train on (4 with "},
    };
    (void)state;
    succeed(NULL,
            "mkdir kept; cd kept; cp '%s/tests/golden/fixtures/reviews.npz' a.npz; "
            "printf 'text,label\na good film,good\nso dull,bad\nthe best,good\ndull,bad\n' > "
            "a.csv; printf 'text,label\ngood,good\ndull,bad\n' > b.csv; "
            "printf '{\"the\": 1, \"film\": 2}' > w.json; cp w.json imdb_word_index.json",
            CLT_SOURCE_DIR);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        succeed(NULL,
                "set -e; rm -rf cut began; cp kept/* .; cltrain fit %s --verbose 0 --epochs 1 "
                "--model embedding:2,lstm:2,dense:1 --maxlen 4 --out cut < a.csv; "
                "rm cut/model.safetensors; sed -i 's/\"finished\": true/\"finished\": false/' "
                "cut/fit.json; cp -r cut began; cltrain fit --resume cut --verbose 0 < a.csv; "
                "test -f cut/model.safetensors; rm -r cut; mv began cut; %s",
                cases[k].options, cases[k].change);
        assert_refused("cltrain fit --resume cut --verbose 0 < a.csv", 5, cases[k].part,
                       "than the run began with (", "put back");
        assert_false(clt_file_exists("cut/model.safetensors"));
    }
}

static void a_damaged_checkpoint_is_passed_over(void **state)
{
    clt_run run;
    (void)state;
    succeed(NULL, "rm -rf stopped");
    clt_run_start(&run, "exec " WHOLE "--checkpoint-every 7steps --out stopped");
    while (!exists_in("stopped", "fit.json") || count_checkpoints("stopped") < 2) {
        pause_for(0.001);
    }
    kill(run.process, SIGKILL);
    clt_run_finish(&run);
    clt_run_free(&run);
    clt_run_command(
        &run, 0,
        "cd stopped; f=$(ls -t checkpoint-*.safetensors | head -1); head -c 3000 $f > x; mv x $f; "
        "cd ..; cltrain fit --resume stopped");
    assert_contains(run.err, "; the checkpoint before it is used\n");
    assert_contains(run.err, "training goes on after ");
    clt_run_free(&run);
    assert_same_results("stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_at_random_moments),
        cmocka_unit_test(killed_before_a_checkpoint),
        cmocka_unit_test(a_signal_saves_the_place),
        cmocka_unit_test(a_finished_run_says_so),
        cmocka_unit_test(from_elsewhere),
        cmocka_unit_test(checkpoints_as_often_as_asked),
        cmocka_unit_test(a_run_worth_keeping_is_kept),
        cmocka_unit_test(wrong_command_lines),
        cmocka_unit_test(other_data_and_other_models),
        cmocka_unit_test(other_files_of_the_same_names),
        cmocka_unit_test(a_damaged_checkpoint_is_passed_over),
    };
    /* LeakSanitizer itself crashes in one of a hundred such runs; cli.fit looks for leaks. */
    setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
    setenv("CLTRAIN_PLAN", "gemm=own", 0); /* CLBlast's kernels take seconds to build */
    return cmocka_run_group_tests(tests, train_once, clt_leave_folder);
}
