/*
 * What can be measured on this machine, or of one process, and the exact remedy for what cannot. Everything is read
 * from files below a root (as /proc and /sys have them), so that settings which this kernel lacks can be tested on
 * fixture trees; the same facts word the refusals of attach and dump.
 */
#ifndef KEISOKU_CAPTURE_DOCTOR_H
#define KEISOKU_CAPTURE_DOCTOR_H

#include "base/err.h"

#include "keisoku.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What /proc/PID/status says of a process. */
struct doctor_process {
    bool found;
    uint32_t uid;          /* effective */
    uint64_t capabilities; /* effective */
    int seccomp;           /* 0 none, 1 strict, 2 filter; -1 unknown */
    bool real_time;        /* its main thread runs before everybody else */
    char cores[256];       /* Cpus_allowed_list, "0-3,8" */
};

/* Facts of the machine. Numbers are -1 where the file is not there. */
struct doctor_facts {
    struct doctor_process self, target;
    pid_t pid;         /* of the target; 0: none asked for */
    int ptrace_scope;  /* Yama */
    int perf_paranoid; /* perf_event_paranoid */
    bool hidepid;      /* /proc hides processes of other users */
    bool container;    /* we run in a container */
    bool pmu;          /* the processor's counters are there */
    int kernel_major, kernel_minor;
};

/* Reads facts below `root` ("" for the real ones); `self_pid` stands for us. */
void doctor_read(const char *root, pid_t self_pid, pid_t pid, struct doctor_facts *facts);

/* Fails where no file system of processes is mounted: nothing can be told of any then. */
int doctor_has_proc(struct err *err);

/* An answer, why, and the command that helps. */
struct doctor_answer {
    char detail[320], remedy[320];
};

/* Why reading the target's memory was refused. `command` is what should be repeated ("attach", "dump"). */
void doctor_why_refused(const struct doctor_facts *facts, const char *command, struct doctor_answer *answer);
/* Can it be read from its own core? Fills the answer; true: yes. */
bool doctor_own_core(const struct doctor_facts *facts, struct doctor_answer *answer);
/* May the kernel's software clock be used? `allowed`: the kernel permitted it when tried. */
void doctor_perf_clock(const struct doctor_facts *facts, bool allowed, struct doctor_answer *answer);

/* How many cores both lists ("0-3,8") name; *only_b: how many b alone names. */
unsigned doctor_cores_shared(const char *a, const char *b, unsigned *only_b);

/* The whole message for a refused process: "cannot read the memory of process 4127: why; what helps". Returns
 * ERR_PERMISSION, or ERR_GONE when there is no such process. */
int doctor_refusal(pid_t pid, const char *command, struct err *err);

/* The checks of `keisoku doctor`; their number, or a negative code. */
int doctor_check(pid_t pid, struct kei_check *checks, size_t capacity, struct err *err);

#endif
