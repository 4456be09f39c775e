/*
 * Signals while a program runs under us. What the terminal or anybody else sends to our process group reaches the
 * program by itself, because it is in the same group; what is sent to us alone is passed on. What comes before there is
 * a program is kept for it. Ctrl-C is counted: the second one ends the recording. docs/design/011-signals.md
 *
 * The handlers only write to a pipe, which a thread of ours reads; a program that we start gets default actions, and
 * what was ignored when we started stays ignored.
 */
#ifndef KEISOKU_CLI_SIGNALS_H
#define KEISOKU_CLI_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Before anything is started. `for_program`: signals are kept until signals_pass_to says where they go. False after a
 * message. */
bool signals_start(bool for_program);
/* Passes signals on from now, those kept included: `pass` is called in the thread of the pipe or in this one. The
 * program was made at `born_ns` (CLOCK_MONOTONIC): what the group got before, it did not get. NULL: there is nobody to
 * pass them to any more. */
void signals_pass_to(void (*pass)(void *context, int signal), void *context, uint64_t born_ns);
/* How often Ctrl-C came; SIGTERM and SIGHUP count too while there is nobody to pass them to. */
unsigned signals_interrupts(void);

#endif
