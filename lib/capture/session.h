/*
 * A measurement from its start to its end: launch or attach, the three threads, the result. The outermost layer of this
 * room; lib/api_measure.c shows it to the outside.
 */
#ifndef KEISOKU_CAPTURE_SESSION_H
#define KEISOKU_CAPTURE_SESSION_H

#include "capture/measure.h"

struct session;

struct session_status {
    bool ended;
    double elapsed_s;
    uint64_t samples, dropped;
    uint32_t processes, pythons, threads;
    bool paused;
    enum end_reason reason; /* why it ended before the program */
    uint32_t n_said;        /* grows with each copy that was made by itself */
    char said[4096 + 256];  /* the last one's line */
    struct err failure;     /* code 0: the recording is well */
};

struct session_result {
    char path[4096];
    pid_t pid;
    int wait_status;
    uint64_t samples;
    uint32_t pythons;
    char note[1024];
};

/* output NULL: NAME.PID.kei here. */
int session_run(const struct measure_options *options, const char *output, char *const argv[], struct session **result,
                struct err *err);
int session_attach(const struct measure_options *options, const char *output, const pid_t *pids, size_t count,
                   struct session **result, struct err *err);
void session_wait(struct session *session, int timeout_ms, struct session_status *status);
void session_signal(struct session *session, int signal);
/* CLOCK_MONOTONIC just before the fork; signals that came later are pending in the child. 0: attached. */
uint64_t session_born_ns(const struct session *session);
/* The program's process, 0: attached; its status, -1 while it runs or where it is not known. */
pid_t session_program(const struct session *session, int *wait_status);
int session_finish(struct session *session, struct session_result *result, struct err *err);
void session_free(struct session *session);

#endif
