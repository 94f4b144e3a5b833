/* program.h: runs the built program as a user does, with what it writes and how it ends. */
#ifndef CLT_TESTS_PROGRAM_H
#define CLT_TESTS_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct clt_run {
    int code;  /* exit code; 128 + N when signal N ended it */
    char *out; /* stdout; everything when on a terminal */
    char *err; /* stderr; empty when on a terminal */
    /* private */
    pid_t process;
    int out_file, err_file;
    bool on_terminal;
} clt_run;

/* Starts `sh -c COMMAND` with the program's folder first in PATH, so that a test reads as what a
 * user types. stdin is empty. With "exec cltrain ..." the process is the program itself. */
__attribute__((format(printf, 2, 3))) void clt_run_start(clt_run *run, const char *format, ...);

/* Waits for its end. Afterwards `out` and `err` are set; freed by clt_run_free. */
void clt_run_finish(clt_run *run);
void clt_run_free(clt_run *run);

/* Both, and fails unless it ends with `code`. */
__attribute__((format(printf, 3, 4))) void clt_run_command(clt_run *run, int code,
                                                           const char *format, ...);

/* The same with stdin empty and stdout and stderr on a terminal of 120 columns. */
__attribute__((format(printf, 3, 4))) void clt_run_on_terminal(clt_run *run, int code,
                                                               const char *format, ...);

/* Runs it and fails unless it ends with `code`, writes nothing on stdout, and one line on stderr
 * with all of `parts` (ended by NULL). */
void clt_assert_refused(const char *command, int code, const char *const *parts);
#define assert_refused(command, code, ...)                                                         \
    clt_assert_refused((command), (code), (const char *const[]){__VA_ARGS__, NULL})

/* Fails, and shows both, unless `text` has `part`. */
void clt_assert_contains(const char *text, const char *part, bool expected, const char *file,
                         int line);
#define assert_contains(text, part) clt_assert_contains((text), (part), true, __FILE__, __LINE__)
#define assert_lacks(text, part) clt_assert_contains((text), (part), false, __FILE__, __LINE__)

int clt_count_lines(const char *text);

/* The whole file as text, terminated; fails when it cannot be read. Freed with free(). */
char *clt_read_text(const char *path, size_t *bytes);
bool clt_file_exists(const char *path);

/* Setup and teardown of a group: an empty folder of its own, which becomes the current one. */
int clt_enter_folder(void **state);
int clt_leave_folder(void **state);

#endif
