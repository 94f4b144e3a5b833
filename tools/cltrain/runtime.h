/* runtime.h: opens the chosen device and tells the user about it on stderr; its profile. */
#ifndef CLI_RUNTIME_H
#define CLI_RUNTIME_H

#include <stdbool.h>

#include "cltrain/cltrain.h"
#include "options.h"

/* What the runtime wants to tell, shown on stderr: at most one device line and one about
 * compiling; on a terminal, what is being compiled comes and goes in one line. */
typedef struct cli_notes {
    bool quiet;     /* --verbose 0 */
    bool held;      /* a progress bar is on the screen */
    bool transient; /* a line that is to go away is on the screen */
    bool told;      /* the one line about compiling is written */
    double started; /* of compiling; 0: not yet */
} cli_notes;

/* On a terminal, a line that the next one takes away. */
__attribute__((format(printf, 2, 3))) void cli_notes_pass(cli_notes *notes, const char *format,
                                                          ...);

/* Takes the transient line away. */
void cli_notes_clear(cli_notes *notes);

/* Opens the device of `settings` and writes one line: which, and why. `notes` must outlive it. */
CLT_NODISCARD clt_status cli_open_runtime(const cli_settings *settings, cli_notes *notes,
                                          clt_runtime **runtime, clt_error *error);

/* Prints the table of a runtime with a profile, an op a line. Errors: of the device. */
CLT_NODISCARD clt_status cli_print_profile(clt_runtime *runtime, clt_error *error);

#endif
