/* The file of stored plans: who finds which line, what damage does, and two writers at once. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/state.h"
#include "runtime/tuning.h"

typedef struct heard {
    int notes;
    char last[CLT_ERROR_MESSAGE_SIZE];
} heard;

typedef struct fixture {
    char folder[64], path[128];
    char *before; /* XDG_CACHE_HOME */
    clt_runtime *runtime;
    heard heard;
} fixture;

static void listen(void *user, clt_log_level level, const char *line)
{
    heard *h = user;
    if (level == CLT_LOG_NOTE) {
        h->notes++;
        snprintf(h->last, sizeof h->last, "%s", line);
    }
}

static clt_runtime *open_runtime(heard *h)
{
    clt_runtime *runtime = NULL;
    clt_error error;
    const char *device = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {device != NULL ? device : "cpu", false, {listen, h}};
    assert_ok(clt_runtime_create(&config, &runtime, &error));
    return runtime;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const char *before = getenv("XDG_CACHE_HOME");
    assert_non_null(f);
    f->before = before != NULL ? strdup(before) : NULL;
    snprintf(f->folder, sizeof f->folder, "/tmp/clt-tuning-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/cltrain/tuned.jsonl", f->folder);
    f->runtime = open_runtime(&f->heard);
    setenv("XDG_CACHE_HOME", f->folder, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[128];
    clt_runtime_destroy(f->runtime);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    int code = system(command);
    if (f->before != NULL) {
        setenv("XDG_CACHE_HOME", f->before, 1);
    } else {
        unsetenv("XDG_CACHE_HOME");
    }
    free(f->before);
    free(f);
    return code;
}

static void store(fixture *f, int hidden, const char *text)
{
    clt_error error;
    clt_plan plan;
    assert_ok(clt_plan_parse(text, &plan, &error));
    assert_ok(clt_tuning_store(f->runtime, hidden, &plan, 0.007, 0.008, &error));
}

static void assert_found(fixture *f, int hidden, const char *want)
{
    char text[CLT_PLAN_ROOM];
    clt_plan plan;
    assert_int_equal(clt_tuning_find(f->runtime, hidden, &plan), want[0] != 0);
    clt_plan_print(&plan, text);
    assert_string_equal(text, want);
}

static void append(const fixture *f, const char *bytes, size_t count)
{
    FILE *file = fopen(f->path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static char *content(const fixture *f)
{
    static char text[1 << 16];
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

/* sed over the file. */
static void edit(const fixture *f, const char *script)
{
    char command[512];
    snprintf(command, sizeof command, "sed -i '%s' '%s'", script, f->path);
    assert_int_equal(system(command), 0);
}

static void test_store_and_find(void **state)
{
    fixture *f = *state;
    assert_found(f, 60, ""); /* not even a folder */
    store(f, 60, "gemm=own:4x3");
    assert_found(f, 60, "gemm=own:4x3");
    assert_found(f, 33, "gemm=own:4x3"); /* as wide: 33 to 64 */
    assert_found(f, 64, "gemm=own:4x3");
    assert_found(f, 32, "");
    assert_found(f, 65, "");
    store(f, 512, "lstm=step,gemm=clblast");
    store(f, 50, "gemm=own:6x2"); /* in place of the first */
    assert_found(f, 60, "gemm=own:6x2");
    assert_found(f, 300, "lstm=step,gemm=clblast");
    store(f, 60, ""); /* nothing to keep */
    assert_found(f, 60, "");
    assert_found(f, 512, "lstm=step,gemm=clblast");
    assert_int_equal(f->heard.notes, 0);
}

static void test_other_keys(void **state)
{
    static const char *const edits[] = {
        "s/\"driver\":\"/&x/",   "s/\"device\":\"/&x/",           "s/\"device_version\":\"/&x/",
        "s/\"platform\":\"/&x/", "s/\"platform_version\":\"/&x/", "s/\"compute_units\":/&9/",
        "s/\"version\":\"/&9/",  "s/\"kernels\":\"/&0/",          "s/\"hidden\":/&1/"};
    fixture *f = *state;
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        store(f, 60, "gemm=own:4x3");
        assert_found(f, 60, "gemm=own:4x3");
        edit(f, edits[k]);
        assert_found(f, 60, "");
    }
    assert_int_equal(f->heard.notes, 0);
}

static void test_use(void **state)
{
    fixture *f = *state;
    store(f, 60, "lstm=step,gemm=own:4x3");
    assert_null(clt_runtime_tuned(f->runtime, "gemm"));
    clt_tuning_use(f->runtime, 60);
    assert_string_equal(clt_runtime_tuned(f->runtime, "gemm"), "own:4x3");
    assert_string_equal(clt_runtime_tuned(f->runtime, "lstm"), "step");
    assert_null(clt_runtime_tuned(f->runtime, "adam"));
    assert_null(clt_runtime_tuned(f->runtime, "dense"));
    assert_null(clt_runtime_forced(f->runtime, "gemm"));
    assert_string_equal(f->heard.last, "tuned for this device: lstm=step,gemm=own:4x3");
    clt_tuning_use(f->runtime, 60);
    clt_tuning_use(f->runtime, 50);
    assert_int_equal(f->heard.notes, 1); /* said once */
    clt_tuning_use(f->runtime, 300);
    assert_null(clt_runtime_tuned(f->runtime, "gemm"));
}

static void test_forced_and_ignored(void **state)
{
    fixture *f = *state;
    store(f, 60, "lstm=step,gemm=own:4x3");
    clt_runtime_force(f->runtime, "lstm", "rows");
    clt_tuning_use(f->runtime, 60);
    assert_string_equal(clt_runtime_forced(f->runtime, "lstm"), "rows");
    assert_string_equal(f->heard.last, "tuned for this device: gemm=own:4x3");
    clt_runtime *other = open_runtime(&f->heard);
    clt_runtime_force(other, "lstm", "rows");
    clt_runtime_force(other, "gemm", "own");
    clt_tuning_use(other, 60);
    assert_int_equal(f->heard.notes, 1); /* all is forced: nothing to say */
    clt_runtime_destroy(other);
    clt_tuning_ignore(f->runtime);
    assert_null(clt_runtime_tuned(f->runtime, "gemm"));
    clt_tuning_use(f->runtime, 60);
    assert_null(clt_runtime_tuned(f->runtime, "gemm"));
}

static void test_damage(void **state)
{
    static const char *const damaged[] = {
        "{\"key\": {", "[]", "7", "{\"plan\": \"gemm=own\"}", "{\"key\": {}, \"plan\": 1}",
        "\xff\xfe"};
    fixture *f = *state;
    store(f, 60, "gemm=own:4x3");
    for (size_t k = 0; k < sizeof damaged / sizeof *damaged; k++) {
        append(f, damaged[k], strlen(damaged[k]));
        append(f, "\n", 1);
    }
    append(f, "a\0b\n\n", 5);
    append(f, "{\"key\": {}, \"plan\": \"gemm=x\"}", 29); /* no end of line; not this device's */
    assert_found(f, 60, "gemm=own:4x3");
    assert_int_equal(f->heard.notes, 7);
    assert_non_null(strstr(f->heard.last, "tuned.jsonl, line 8: not a tuning, ignored"));
    store(f, 512, "lstm=step"); /* drops what is damaged, keeps what is not */
    f->heard.notes = 0;
    assert_found(f, 60, "gemm=own:4x3");
    assert_found(f, 512, "lstm=step");
    assert_int_equal(f->heard.notes, 0);
    assert_non_null(strstr(content(f), "gemm=x"));
}

static void test_unknown_variant(void **state)
{
    fixture *f = *state;
    store(f, 60, "gemm=own:4x3");
    edit(f, "s/own:4x3/own:99x99/");
    assert_found(f, 60, "");
    assert_int_equal(f->heard.notes, 1);
    assert_non_null(strstr(f->heard.last, "line 1: not a tuning"));
}

/* A line that is passed over leaves nothing behind, and what an earlier one says. */
static void test_unknown_variant_after_a_tuning(void **state)
{
    fixture *f = *state;
    store(f, 60, "lstm=step");
    edit(f, "p;s/lstm=step/gemm=clblast,lstm=gone/");
    assert_found(f, 60, "lstm=step");
    assert_int_equal(f->heard.notes, 1);
    assert_non_null(strstr(f->heard.last, "line 2: not a tuning"));
    edit(f, "1d");
    assert_found(f, 60, "");
}

static void test_forget(void **state)
{
    fixture *f = *state;
    clt_error error;
    int lines = -1;
    assert_ok(clt_tuning_forget(f->runtime, &lines, &error));
    assert_int_equal(lines, 0);
    store(f, 60, "gemm=own:4x3");
    edit(f, "s/\"device\":\"/&x/"); /* another device's */
    store(f, 60, "gemm=own:4x3");
    edit(f, "s/\"version\":\"/&9/"); /* another version's, of one of them this device */
    store(f, 512, "lstm=step");
    assert_ok(clt_tuning_forget(f->runtime, &lines, &error));
    assert_int_equal(lines, 2);
    assert_found(f, 512, "");
    assert_non_null(strstr(content(f), "\"device\":\"x"));
}

static void test_places_that_cannot_be_written(void **state)
{
    static const char *const places[] = {"/proc/nowhere", "/dev/null", "relative"};
    fixture *f = *state;
    clt_error error;
    clt_plan plan = {{NULL}};
    char *home = getenv("HOME") != NULL ? strdup(getenv("HOME")) : NULL;
    unsetenv("HOME");
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        setenv("XDG_CACHE_HOME", places[k], 1);
        const char *part = k < 2 ? "cannot write " : "set HOME or XDG_CACHE_HOME";
        assert_found(f, 60, "");
        assert_fails(clt_tuning_writable(&error), CLT_FAILED, part);
        assert_fails(clt_tuning_store(f->runtime, 60, &plan, 1.0, 1.0, &error), CLT_FAILED, part);
    }
    if (home != NULL) {
        setenv("HOME", home, 1);
        free(home);
    }
}

static void test_a_folder_in_its_place(void **state)
{
    fixture *f = *state;
    clt_error error;
    clt_plan plan = {{NULL}};
    assert_ok(clt_tuning_writable(&error));
    assert_int_equal(mkdir(f->path, 0777), 0);
    assert_found(f, 60, "");
    assert_int_equal(f->heard.notes, 1);
    assert_non_null(strstr(f->heard.last, "no stored tuning is used: "));
    assert_fails(clt_tuning_store(f->runtime, 60, &plan, 1.0, 1.0, &error), CLT_FAILED,
                 "tuned.jsonl");
}

/* Each child stores a line of its own: none may be lost. */
static void test_writers_at_once(void **state)
{
    enum { CHILDREN = 8 };
    fixture *f = *state;
    clt_error error;
    clt_plan plan;
    pid_t children[CHILDREN];
    assert_ok(clt_plan_parse("gemm=own:4x3", &plan, &error));
    for (int k = 0; k < CHILDREN; k++) {
        children[k] = fork();
        assert_true(children[k] >= 0);
        if (children[k] == 0) {
            _exit(clt_tuning_store(f->runtime, 1 << k, &plan, 1.0, 1.0, NULL) != CLT_OK);
        }
    }
    for (int k = 0; k < CHILDREN; k++) {
        int status;
        assert_int_equal(waitpid(children[k], &status, 0), children[k]);
        assert_int_equal(status, 0);
    }
    for (int k = 0; k < CHILDREN; k++) {
        assert_found(f, 1 << k, "gemm=own:4x3");
    }
}

int main(void)
{
#define TUNING_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TUNING_TEST(test_store_and_find),
        TUNING_TEST(test_other_keys),
        TUNING_TEST(test_use),
        TUNING_TEST(test_forced_and_ignored),
        TUNING_TEST(test_damage),
        TUNING_TEST(test_unknown_variant),
        TUNING_TEST(test_unknown_variant_after_a_tuning),
        TUNING_TEST(test_forget),
        TUNING_TEST(test_places_that_cannot_be_written),
        TUNING_TEST(test_a_folder_in_its_place),
        TUNING_TEST(test_writers_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
