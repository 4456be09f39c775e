/*
 * Starting a program behind a gate: the child exists, and can be followed, before it runs its first instruction.
 */
#ifndef KEISOKU_CAPTURE_LAUNCH_H
#define KEISOKU_CAPTURE_LAUNCH_H

#include "base/err.h"
#include "capture/program.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct launch {
    pid_t pid;
    int gate, report; /* our ends of two pipes */
    sigset_t mask;    /* the caller's, which the program gets */
    uint64_t born_ns; /* CLOCK_MONOTONIC before the fork, our signals being blocked */
    bool disturbed;   /* a signal came meanwhile; the child was made anew, until that had happened eight times */
};

/* Forks, as often as a signal comes meanwhile: its handler has run before `born_ns`, as where a fork is interrupted, so
 * that it can be told whether the child got it too. The child gets that limit of descriptors, it keeps standard
 * streams, directory, environment and process group, and waits. */
int launch_prepare(const struct program *program, const struct rlimit *descriptors, struct launch *launch,
                   struct err *err);
/* The same with standard streams of its own: descriptors above 2, or -1 for ours. */
int launch_prepare_streams(const struct program *program, const struct rlimit *descriptors, const int streams[3],
                           struct launch *launch, struct err *err);
/* Lets the child execute the program; an exec that fails is reported (ERR_NOT_FOUND, ERR_NOT_EXECUTABLE) and reaped. */
int launch_release(struct launch *launch, const struct program *program, struct err *err);
/* Gives up: the child ends without having run anything. */
void launch_cancel(struct launch *launch);

#endif
