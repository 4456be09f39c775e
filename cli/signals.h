/*
 * Signals while a program runs under us. What a terminal sends reaches the program by itself, because it is in the same
 * process group; what is sent to us alone is passed on. Ctrl-C is counted: the second one ends the recording.
 *
 * The handlers only write to a pipe, which a thread of ours reads; a program that we start gets default actions, and
 * what was ignored when we started stays ignored.
 */
#ifndef KEISOKU_CLI_SIGNALS_H
#define KEISOKU_CLI_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Before the program is started. False after a message. */
bool signals_start(void);
/* Passes signals on from now: `pass` is called in the thread of the pipe. */
void signals_pass_to(void (*pass)(void *context, int signal), void *context);
/* How often Ctrl-C came; SIGTERM and SIGHUP count too while there is nobody to pass them to. */
unsigned signals_interrupts(void);

#endif
