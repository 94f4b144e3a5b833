/* Every call by which files are written fails in turn, or is where the process dies: a run goes on
 * from its folder to the same bits, and a model file is the old one or the new one. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/checkpoint.h"
#include "support/program.h"

typedef enum fate {
    FAILS, /* this call does, those that follow do not */
    DIES   /* nothing reaches the disk any more, as after kill -9 */
} fate;

static struct {
    int at; /* the call, from 1; 0: none */
    int calls;
    fate how;
} fault;

/* Whether the call under way is not to happen. */
static bool faulty(void)
{
    bool now = fault.at > 0 &&
               (++fault.calls == fault.at || (fault.how == DIES && fault.calls > fault.at));
    errno = now ? EIO : errno;
    return now;
}

/* The linker puts these in the place of what the library calls. */
#define WRAP(type, name, parameters, arguments, failed)                                            \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return faulty() ? (failed) : __real_##name arguments;                                      \
    }

WRAP(int, fflush, (FILE * stream), (stream), EOF)
WRAP(int, fsync, (int descriptor), (descriptor), -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), -1)
WRAP(int, unlink, (const char *path), (path), -1)
WRAP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), -1)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;
    if ((flags & O_CREAT) == 0) {
        return __real_open(path, flags);
    }
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return faulty() ? -1 : __real_open(path, flags, mode);
}

size_t __real_fwrite(const void *data, size_t size, size_t count, FILE *stream);
size_t __wrap_fwrite(const void *data, size_t size, size_t count, FILE *stream);
size_t __wrap_fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
    return __real_fwrite(data, size, faulty() ? count / 2 : count, stream);
}

static void arm(int at, fate how)
{
    fault.at = at;
    fault.calls = 0;
    fault.how = how;
}

/* Back to calls that work; whether one has not. */
static bool disarm(void)
{
    bool struck = fault.calls >= fault.at;
    fault.at = 0;
    return struck;
}

static void check_checkpoints(fate how)
{
    clt_error error;
    outcome whole = whole_run(TUTORIAL);
    bool struck = true;
    int at = 0;
    while (struck) {
        size_t count;
        outcome o;
        clt_trainer_config config = recipe(&(watched){0});
        config.checkpoints.steps = 6;
        config.checkpoints.keep = 1; /* so that an old one goes */
        assert_int_equal(system("rm -rf " FOLDER "; mkdir " FOLDER), 0);
        arm(++at, how);
        clt_status status = run(TUTORIAL, false, &config, NULL, &error);
        struck = disarm();
        if (status != CLT_OK) {
            assert_int_equal(status, CLT_FAILED);
            assert_true(struck);
        }
        assert_ok(clt_checkpoints_count(FOLDER, &count, &error));
        assert_ok(run(TUTORIAL, count > 0, &config, &o, &error));
        assert_same(&o, &whole);
        free(o.bytes);
    }
    print_message("%d calls\n", at - 1);
    assert_in_range(at, 20, 1000);
    free(whole.bytes);
}

static void test_checkpoints_fail(void **state)
{
    (void)state;
    check_checkpoints(FAILS);
}

static void test_checkpoints_die(void **state)
{
    (void)state;
    check_checkpoints(DIES);
}

static void check_model(fate how)
{
    clt_error error;
    clt_model *old = create_model(TUTORIAL, 1), *other = create_model(TUTORIAL, 2);
    size_t old_size, new_size, size;
    assert_ok(clt_model_save(old, "old", &error));
    assert_ok(clt_model_save(other, "new", &error));
    char *old_bytes = clt_read_text("old", &old_size);
    char *new_bytes = clt_read_text("new", &new_size);
    bool struck = true;
    for (int at = 1; struck; at++) {
        assert_ok(clt_model_save(old, "model", &error));
        arm(at, how);
        clt_status status = clt_model_save(other, "model", &error);
        struck = disarm();
        char *bytes = clt_read_text("model", &size);
        const char *want = status == CLT_OK ? new_bytes : old_bytes;
        assert_int_equal(size, status == CLT_OK ? new_size : old_size);
        assert_memory_equal(bytes, want, size);
        free(bytes);
    }
    free(old_bytes);
    free(new_bytes);
    clt_model_free(old);
    clt_model_free(other);
}

static void test_model(void **state)
{
    (void)state;
    check_model(FAILS);
    check_model(DIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_checkpoints_fail),
        cmocka_unit_test(test_checkpoints_die),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
