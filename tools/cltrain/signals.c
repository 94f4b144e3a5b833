/* signals.c: the first SIGINT or SIGTERM asks training to stop, a second one ends the program. */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A handler can be given nothing, so these are the program's. */
static volatile sig_atomic_t noted;
static volatile sig_atomic_t only_note;

static void handle(int number)
{
    if (!only_note || noted != 0) {
        _exit(128 + number);
    }
    noted = number;
}

static void install(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
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
