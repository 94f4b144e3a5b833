/* output.h: what the program writes: lines on stderr, a checked stdout, files that appear whole. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/error.h"

struct cli_verb;

/* One line on stderr, "cltrain VERB: ...", control characters replaced. Returns `status`, which is
 * also the exit code. verb NULL: "cltrain: ...". */
__attribute__((format(printf, 3, 4))) int cli_fail(const struct cli_verb *verb, int status,
                                                   const char *format, ...);

/* The same for a wrong command line: exit code 2, and points to the verb's help. */
__attribute__((format(printf, 2, 3))) int cli_fail_usage(const struct cli_verb *verb,
                                                         const char *format, ...);

/* Fills an error as the library does, but for `native`; returns its status. */
__attribute__((format(printf, 3, 4))) clt_status cli_set_error(clt_error *error, clt_status status,
                                                               const char *format, ...);
clt_status cli_set_memory_error(clt_error *error); /* CLT_FAILED */

/* Puts "PREFIX: " before an error's message. */
void cli_prefix(clt_error *error, const char *prefix);

/* Adds "; ADVICE" to an error's message: what the caller can do about it. */
void cli_advise(clt_error *error, const char *advice);

/* A line on stderr that is not an error. */
__attribute__((format(printf, 1, 2))) void cli_note(const char *format, ...);

double cli_now(void); /* seconds of a clock that only goes forward */

/* True when stdout (1) or stderr (2) is a terminal that moves its cursor. */
bool cli_is_terminal(int descriptor);
/* True when colours are wanted there: a terminal, and NO_COLOR is not set. */
bool cli_wants_colour(int descriptor);
/* Columns of the terminal, as Python's shutil.get_terminal_size: COLUMNS, the terminal's, 80. */
int cli_columns(void);

/* Sends what stdout holds; remembers the first failure for cli_close_stdout. */
void cli_flush_stdout(void);
/* Has anything written to it been lost? To be asked in loops that print: the reason is only known
 * right behind the failure. */
bool cli_stdout_failed(void);
/* To be called last: `code`, or 1 with an error line when anything written to stdout was lost. */
int cli_close_stdout(int code);

/* Bytes that grow; `failed` stays set once memory has run out. */
typedef struct cli_bytes {
    unsigned char *data;
    size_t size, capacity;
    bool failed;
} cli_bytes;

void cli_bytes_add(cli_bytes *bytes, const void *data, size_t size);
__attribute__((format(printf, 2, 3))) void cli_bytes_print(cli_bytes *bytes, const char *format,
                                                           ...);
void cli_bytes_free(cli_bytes *bytes);

/* Writes the whole file beside its place, syncs it and renames it over the old one; on failure
 * the old one is untouched. Errors: CLT_FAILED "cannot write PATH: reason". */
CLT_NODISCARD clt_status cli_write_file(const char *folder, const char *name,
                                        const cli_bytes *bytes, clt_error *error);

/* Makes the folder and those above it, and tries it: takes `bytes` bytes and gives them back.
 *
 * kept     so many of them stay on the disk, in a file without a name, until `room` is closed
 * made     out: the folder was not there before.
 * room     out: a descriptor, the caller's; unchanged on errors
 * Errors   CLT_FAILED "cannot write to the folder FOLDER: reason". */
CLT_NODISCARD clt_status cli_make_folder(const char *folder, uint64_t bytes, uint64_t kept,
                                         bool *made, int *room, clt_error *error);

/* FOLDER/NAME; NULL without memory. Freed with free(). */
char *cli_join(const char *folder, const char *name);

#endif
