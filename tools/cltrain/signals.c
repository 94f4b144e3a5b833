/* signals.c: the first SIGINT, SIGTERM or SIGHUP asks training to stop, another one ends the
 * program. */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A handler can be given nothing, so these are the program's. */
static volatile sig_atomic_t noted;
static volatile sig_atomic_t only_note;
static volatile sig_atomic_t noted_at; /* seconds of a clock, cut to the type */

static sig_atomic_t seconds_now(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (sig_atomic_t)(now.tv_sec & 0x3fffffff);
}

/* One wish to stop may come twice: `timeout` signals its command and then its process group, and a
 * terminal's Ctrl-C reaches a wrapper that hands it on. */
static void handle(int number)
{
    static const char lost[] = "cltrain: ended at once by another signal, before it had saved\n";

    if (only_note && noted == 0) {
        noted_at = seconds_now();
        noted = number;
    } else if (!only_note) {
        _exit(128 + number);
    } else if (seconds_now() - noted_at > 1) {
        (void)!write(STDERR_FILENO, lost, sizeof lost - 1);
        _exit(128 + number);
    }
}

static void install(void)
{
    struct sigaction action, before;

    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        sigaction(SIGHUP, &action, NULL); /* `nohup` has it ignored */
    }
}

void cli_signals_exit(void)
{
    only_note = 0;
    install();
}

void cli_signals_note(void)
{
    only_note = 1;
    install();
}

int cli_signal_noted(void)
{
    return noted;
}

const char *cli_signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}
