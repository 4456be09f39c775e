/*
 * `--reader stop`: a running thread is stopped by ptrace, read, and let go, each time. Exact wherever the thread runs,
 * and the only way of ours that can change what a program does: a call that waits may end early, a large write come
 * back short. Hence never by itself, and only for threads that run: those that sleep are read as ever.
 *
 * The sampler thread is the tracer. Between samples it traces nothing, so that signals, debuggers and the program's own
 * parent notice nothing. What cannot be stopped at once (on its way into a wait that nothing interrupts) is let go as
 * soon as it does stop. If we are killed, the kernel lets everything go by itself: it never stays stopped.
 */
#include "base/clock.h"
#include "capture/operands.h"
#include "capture/sampler_private.h"

#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

enum {
    SPIN_NS = 50 * 1000,
    NAP_FIRST_NS = 5 * 1000,
    NAP_MAX_NS = 200 * 1000,
    STOP_NS = 200 * 1000 * 1000, /* what has not stopped by then is not waited for */
    END_NS = 200 * 1000 * 1000,
    TRIES = 3 /* for some instructions the interpreter changes the stack, which then has no end */
};

int sampler_stop_check(pid_t pid, struct err *err)
{
    char path[64], line[256];
    int tracer = 0;
    proc_path(pid, "status", path, sizeof path);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, "TracerPid: %d", &tracer) != 1)
        ;
    if (file != NULL)
        fclose(file);
    if (tracer == 0)
        return 0;
    return err_set(err, ERR_PERMISSION,
                   "--reader stop cannot be used: process %d is traced by process %d already (a debugger, strace); end "
                   "that, or use another reader",
                   (int)pid, tracer);
}

static void nap(long ns)
{
    struct timespec moment = {.tv_nsec = ns};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

/* One of those that we trace which has stopped or ended; 0: none yet, -1: we trace none. */
static pid_t next_stopped(siginfo_t *info)
{
    *info = (siginfo_t){0};
    int flags = WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD;
    return waitid(P_ALL, 0, info, flags) == 0 ? info->si_pid : -1;
}

static bool is_stop(const siginfo_t *info)
{
    return info->si_code == CLD_TRAPPED || info->si_code == CLD_STOPPED;
}

/* A signal that was about to be delivered is delivered. False: it was killed, and its end is still to be seen. */
static bool let_go(struct sampler *s, pid_t tid, int status)
{
    long signal = status >> 8 == 0 ? status : 0; /* else a stop of ptrace's own, or of the whole group */
    if (ptrace(PTRACE_DETACH, tid, NULL, signal) != 0)
        return false;
    s->n_traced--;
    return true;
}

/* It ended while it was traced, and stays until we have seen it. Our own child is the tracker's to see. */
static bool see_end(struct sampler *s, pid_t tid)
{
    siginfo_t info = {0};
    if (tid == s->m->child)
        return false;
    waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL | __WNOTHREAD);
    s->n_traced--;
    return true;
}

/* Lets go of whatever has stopped by now. */
void sampler_settle(struct sampler *s)
{
    siginfo_t info;
    pid_t tid = 0;
    while (s->n_traced > 0 && (tid = next_stopped(&info)) > 0) {
        if (is_stop(&info) ? !let_go(s, tid, info.si_status) : !see_end(s, tid))
            break; /* it is looked at again soon */
    }
    s->n_traced = tid < 0 ? 0 : s->n_traced;
}

void sampler_settle_all(struct sampler *s)
{
    for (uint64_t end_ns = clock_monotonic_ns() + END_NS; s->n_traced > 0 && clock_monotonic_ns() < end_ns;) {
        sampler_settle(s);
        if (s->n_traced > 0)
            nap(NAP_MAX_NS);
    }
}

/* Waits until the thread stands still; false when it does not in time, or ended. */
static bool stands(struct sampler *s, pid_t tid, int *status)
{
    long nap_ns = NAP_FIRST_NS;
    uint64_t start_ns = clock_monotonic_ns(), now_ns = start_ns;
    for (; now_ns < start_ns + STOP_NS; now_ns = clock_monotonic_ns()) {
        siginfo_t info;
        pid_t found = next_stopped(&info);
        if (found == tid && is_stop(&info)) {
            *status = info.si_status;
            return true;
        }
        if (found < 0)
            return false;
        if (found > 0 && is_stop(&info)) { /* one that took its time, or it is the first of a new program now */
            if (!let_go(s, found, info.si_status))
                return false;
        } else if (found > 0) {
            if (!see_end(s, found) || found == tid)
                return false;
        } else if (now_ns - start_ns > SPIN_NS) {
            nap(nap_ns);
            nap_ns = nap_ns * 2 < NAP_MAX_NS ? nap_ns * 2 : NAP_MAX_NS;
        }
    }
    return false;
}

/* Stops it; false: it is traced by another already, or gone, or does not stop. */
static bool stop(struct sampler *s, struct tracked_thread *t, int *status)
{
    if (ptrace(PTRACE_SEIZE, t->tid, NULL, NULL) != 0)
        return false;
    s->n_traced++;
    atomic_fetch_add_explicit(&s->m->counts.stops, 1, memory_order_relaxed);
    return ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) == 0 && stands(s, t->tid, status);
}

/* Its time counts, without a stack. */
static enum look take_unstopped(struct sampler *s, struct tracked_thread *t, struct proof *proof)
{
    if (!proc_thread_schedstat(&t->files, &proof->after))
        return LOOK_GONE;
    s->lost = LOSS_NOT_STOPPED;
    sampler_clear_stack(s);
    t->depth = 0;
    s->read_ns = s->here_ns;
    sampler_take(s, t, proof, false, READER_NONE);
    return LOOK_DONE;
}

enum look sampler_look_stopped(struct sampler *s, struct tracked_thread *t)
{
    int status;
    bool good = false, counted = true;
    struct proof proof = {.runs = true};
    sampler_settle(s);
    if (sampler_may_sleep(t, &proof)) {
        enum look look = sampler_look_once(s, t);
        if (look == LOOK_DONE || look == LOOK_GONE)
            return look;
        proof = (struct proof){.runs = true};
    }
    if (proof_counters(&t->files, &proof) == LOOK_GONE)
        return LOOK_GONE;
    s->here_ns = clock_monotonic_ns();
    s->contested = true; /* it stands still as long as this takes */
    for (int tries = 0; tries < TRIES && !good && counted; tries++) {
        if (tries > 0)
            nap(NAP_FIRST_NS); /* at once, it would not have got any further */
        if (!stop(s, t, &status))
            return take_unstopped(s, t, &proof);
        s->read_ns = clock_monotonic_ns();
        good = sampler_read(s, t, false);
        counted = proc_thread_schedstat(&t->files, &proof.after);
        let_go(s, t->tid, status);
    }
    if (!counted || (!good && s->exiting))
        return LOOK_GONE;
    sampler_take(s, t, &proof, good, READER_STOP);
    return LOOK_DONE;
}
