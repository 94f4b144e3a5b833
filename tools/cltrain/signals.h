/* signals.h: Ctrl-C, `kill` and a terminal that closes during training. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/* From now on SIGINT, SIGTERM and SIGHUP end the program at once with 128 and their number: nothing
 * is lost yet. A SIGHUP that is ignored, as under `nohup`, stays so. */
void cli_signals_exit(void);

/* From now on the first of them is only noted, and one that comes a second or two later ends the
 * program at once. */
void cli_signals_note(void);

/* The signal that was noted, or 0. */
int cli_signal_noted(void);

const char *cli_signal_name(int number);

#endif
