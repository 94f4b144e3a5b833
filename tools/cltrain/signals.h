/* signals.h: Ctrl-C and `kill` during training. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/* From now on SIGINT and SIGTERM end the program at once with 130 or 143: nothing is lost yet. */
void cli_signals_exit(void);

/* From now on the first of them is only noted, and a second one ends the program at once. */
void cli_signals_note(void);

/* The signal that was noted, or 0. */
int cli_signal_noted(void);

#endif
