/* What session.c (making a measurement) and session_end.c (while it runs, and its end) share. */
#ifndef KEISOKU_CAPTURE_SESSION_PRIVATE_H
#define KEISOKU_CAPTURE_SESSION_PRIVATE_H

#include "capture/measure.h"
#include "capture/program.h"
#include "capture/session.h"

#include <sys/resource.h>

struct session {
    struct measurement m;
    struct program program;
    char **command; /* argv as recorded; NULL-terminated */
    pid_t root;
    uint64_t born_ns;                     /* run only */
    struct tracked_process *root_process; /* run only */
    struct rlimit descriptors;            /* as the caller had it, which the program gets */
    bool finished;
};

void session_stop_threads(struct session *session);
/* Wakes who waits for the end of a pause. */
void session_open_gate(struct measurement *m);

#endif
