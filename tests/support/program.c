#define _XOPEN_SOURCE 700 /* posix_openpt */
#include "support/test.h"

#include "support/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A file without a name: the program never waits for its reader. */
static int open_nameless(void)
{
    char path[] = "/tmp/clt-run-XXXXXX";
    int file = mkstemp(path);

    assert_true(file >= 0);
    unlink(path);
    return file;
}

/* In the child: never returns. */
static void become(const char *command, int out, int err)
{
    char program[] = CLT_PROGRAM;
    const char *path = getenv("PATH");
    int empty = open("/dev/null", O_RDONLY);
    char *folders = malloc(sizeof program + strlen(path) + 2);

    *strrchr(program, '/') = '\0';
    sprintf(folders, "%s:%s", program, path);
    setenv("PATH", folders, 1);
    dup2(empty, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void start(clt_run *run, bool on_terminal, const char *format, va_list args)
{
    char command[4096];
    int written = vsnprintf(command, sizeof command, format, args);

    assert_true(written > 0 && (size_t)written < sizeof command);
    *run = (clt_run){.on_terminal = on_terminal};
    if (on_terminal) {
        struct winsize size = {.ws_row = 40, .ws_col = 120};
        run->out_file = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(run->out_file >= 0 && grantpt(run->out_file) == 0 &&
                    unlockpt(run->out_file) == 0);
        run->err_file = open(ptsname(run->out_file), O_RDWR | O_NOCTTY);
        assert_true(run->err_file >= 0);
        ioctl(run->err_file, TIOCSWINSZ, &size);
    } else {
        run->out_file = open_nameless();
        run->err_file = open_nameless();
    }
    run->process = fork();
    assert_true(run->process >= 0);
    if (run->process == 0) {
        if (on_terminal) {
            setenv("TERM", "xterm", 1);
            unsetenv("NO_COLOR");
            unsetenv("COLUMNS");
        }
        become(command, on_terminal ? run->err_file : run->out_file, run->err_file);
    }
    if (on_terminal) {
        close(run->err_file); /* so that reading ends when the program does */
    }
}

void clt_run_start(clt_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    start(run, false, format, args);
    va_end(args);
}

/* Everything up to the end; a terminal whose last writer is gone reads as an error. */
static char *read_all(int file, size_t *bytes)
{
    size_t size = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    ssize_t got;

    assert_non_null(text);
    while ((got = read(file, text + size, capacity - size - 1)) > 0) {
        size += (size_t)got;
        if (size + 1 == capacity) {
            capacity *= 2;
            text = realloc(text, capacity);
            assert_non_null(text);
        }
    }
    text[size] = '\0';
    if (bytes != NULL) {
        *bytes = size;
    }
    return text;
}

void clt_run_finish(clt_run *run)
{
    int status;

    if (run->on_terminal) {
        run->out = read_all(run->out_file, NULL);
    }
    assert_int_equal(waitpid(run->process, &status, 0), run->process);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (run->on_terminal) {
        run->err = calloc(1, 1);
    } else {
        lseek(run->out_file, 0, SEEK_SET);
        lseek(run->err_file, 0, SEEK_SET);
        run->out = read_all(run->out_file, NULL);
        run->err = read_all(run->err_file, NULL);
        close(run->err_file);
    }
    close(run->out_file);
}

void clt_run_free(clt_run *run)
{
    free(run->out);
    free(run->err);
    *run = (clt_run){0};
}

static void finish_with(clt_run *run, int code, const char *format)
{
    clt_run_finish(run);
    if (run->code != code) {
        fail_msg("%s: exit code %d, not %d\n%s\n%s", format, run->code, code, run->err, run->out);
    }
}

void clt_run_command(clt_run *run, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    start(run, false, format, args);
    va_end(args);
    finish_with(run, code, format);
}

void clt_run_on_terminal(clt_run *run, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    start(run, true, format, args);
    va_end(args);
    finish_with(run, code, format);
}

void clt_assert_refused(const char *command, int code, const char *const *parts)
{
    clt_run run;

    clt_run_command(&run, code, "%s", command);
    if (run.out[0] != '\0' || clt_count_lines(run.err) != 1) {
        fail_msg("%s: nothing on stdout and one line on stderr expected, not\n%s\nand\n%s", command,
                 run.out, run.err);
    }
    for (; *parts != NULL; parts++) {
        if (strstr(run.err, *parts) == NULL) {
            fail_msg("%s: the line should have \"%s\": %s", command, *parts, run.err);
        }
    }
    clt_run_free(&run);
}

void clt_assert_contains(const char *text, const char *part, bool expected, const char *file,
                         int line)
{
    if ((strstr(text, part) != NULL) != expected) {
        fprintf(stderr, "%s:%d: this should %s \"%s\":\n%s\n", file, line,
                expected ? "have" : "not have", part, text); /* print_error cuts it short */
        fail();
    }
}

int clt_count_lines(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

char *clt_read_text(const char *path, size_t *bytes)
{
    int file = open(path, O_RDONLY);

    if (file < 0) {
        fail_msg("cannot open %s: %s", path, strerror(errno));
    }
    char *text = read_all(file, bytes);
    close(file);
    return text;
}

bool clt_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int clt_enter_folder(void **state)
{
    static char folder[] = "/tmp/clt-test-XXXXXX";

    *state = mkdtemp(folder);
    return *state == NULL || chdir(folder) != 0;
}

int clt_leave_folder(void **state)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf '%.40s'", (const char *)*state);
    return chdir("/") != 0 || system(command) != 0;
}
