/* See control.h: the recorder's side. control_ask.c is the other. */
#include "capture/control.h"

#include "base/clock.h"
#include "base/mem.h"
#include "capture/control_place.h"
#include "capture/control_words.h"
#include "data/window.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_S = 10, BACKLOG = 16 };

struct control {
    struct measurement *m;
    struct sockaddr_un address;
    int listen_fd, event_fd; /* -1: no socket */
    atomic_bool stop;
    pthread_t thread;
    bool runs;
};

/* ---- copies --------------------------------------------------------------------------------------------------------
 */

/* NAME.kei → NAME.WHAT.kei */
static void copy_name(const char *recording, const char *what, char name[4096])
{
    const char *slash = strrchr(recording, '/'), *dot = strrchr(recording, '.');
    size_t stem = dot != NULL && (slash == NULL || dot > slash + 1) ? (size_t)(dot - recording) : strlen(recording);
    snprintf(name, 4096, "%.*s.%s.kei", (int)stem, recording, what);
}

/* How long the other threads may take until they do what they are asked. */
static struct timespec patience(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    return until;
}

/* Has the writer make everything up to now durable. */
static int sync_recording(struct measurement *m, struct recording_trust *trust, struct err *err)
{
    struct gate *gate = &m->gate;
    pthread_mutex_lock(&gate->lock);
    gate->save_wanted = true;
    pthread_cond_broadcast(&gate->changed);
    bool done = true;
    struct timespec until = patience();
    while (gate->save_wanted && done)
        done = pthread_cond_timedwait(&gate->changed, &gate->lock, &until) == 0;
    gate->save_wanted = false;
    *trust = gate->trust;
    pthread_mutex_unlock(&gate->lock);
    if (!done)
        return err_set(err, ERR_IO, "the recorder does not get on with writing; look at its disk and try again");
    pthread_mutex_lock(&m->failure_lock);
    if (m->failure.code != 0)
        *err = m->failure;
    int rc = m->failure.code;
    pthread_mutex_unlock(&m->failure_lock);
    return rc;
}

static int save(struct measurement *m, const char *output, const char *what, char taken[4096], double *seconds,
                struct err *err)
{
    char name[4096];
    struct recording_trust trust;
    uint64_t length_ns = 0, keep_ns = m->options.keep_ns;
    if (output == NULL)
        copy_name(recording_path(m->recording), what, name);
    atomic_store(&m->saving, true);
    int rc = sync_recording(m, &trust, err);
    if (rc == 0)
        rc = window_save(recording_path(m->recording), keep_ns != 0 ? keep_ns : UINT64_MAX, &trust,
                         output != NULL ? output : name, taken, &length_ns, err);
    atomic_store(&m->saving, false);
    *seconds = (double)length_ns / 1e9;
    return rc;
}

void measure_ask_copy(struct measurement *m, enum trigger_kind kind, const char *what)
{
    uint64_t one = 1;
    if (m->control == NULL)
        return;
    pthread_mutex_lock(&m->gate.lock);
    m->gate.trigger_fired[kind] = true;
    snprintf(m->gate.trigger_what[kind], sizeof m->gate.trigger_what[kind], "%s", what);
    pthread_mutex_unlock(&m->gate.lock);
    if (write(m->control->event_fd, &one, sizeof one) < 0)
        errno = 0; /* full: it is readable anyway */
}

static void make_copy(struct measurement *m, enum trigger_kind kind, const char *what)
{
    struct gate *gate = &m->gate;
    struct err err = {0};
    char taken[4096] = "";
    double seconds;
    int rc = save(m, NULL, trigger_name(kind), taken, &seconds, &err);
    pthread_mutex_lock(&gate->lock);
    if (rc == 0)
        snprintf(gate->said, sizeof gate->said, "%s: saved the last %.1f s to %s", what, seconds, taken);
    else
        snprintf(gate->said, sizeof gate->said, "%s: no copy was saved: %s", what, err.text);
    gate->n_said++;
    pthread_mutex_unlock(&gate->lock);
}

static void make_copies(struct control *control)
{
    struct gate *gate = &control->m->gate;
    for (int kind = 0; kind < TRIGGER_COUNT; kind++) {
        char what[sizeof gate->trigger_what[0]];
        pthread_mutex_lock(&gate->lock);
        bool fired = gate->trigger_fired[kind];
        gate->trigger_fired[kind] = false;
        memcpy(what, gate->trigger_what[kind], sizeof what);
        pthread_mutex_unlock(&gate->lock);
        if (fired)
            make_copy(control->m, (enum trigger_kind)kind, what);
    }
}

/* ---- commands ------------------------------------------------------------------------------------------------------
 */

static double measured_s(struct measurement *m)
{
    return (double)stopwatch_read(&m->watch, clock_monotonic_ns()) / 1e9;
}

/* Until every thread rests: then there is nothing of ours that wakes or reads. */
static void pause_all(struct measurement *m, bool pause)
{
    struct gate *gate = &m->gate;
    uint64_t one = 1;
    pthread_mutex_lock(&gate->lock);
    gate->pause_asked = pause;
    atomic_store(&m->pause, pause);
    pthread_cond_broadcast(&gate->changed);
    if (write(m->wake_fd, &one, sizeof one) < 0)
        errno = 0; /* full: it is readable anyway */
    struct timespec until = patience();
    while (!atomic_load(&m->stop_sampler) && (gate->sampler_rests != pause || gate->writer_rests != pause) &&
           pthread_cond_timedwait(&gate->changed, &gate->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&gate->lock);
}

static int answer_save(struct measurement *m, const char *output, char *reply, size_t size, struct err *err)
{
    char taken[4096] = "";
    double seconds;
    if (output[0] != '\0' && output[0] != '/')
        return err_set(err, ERR_BAD_INPUT, "ctl save: the name of the copy must be absolute");
    int rc = save(m, output[0] != '\0' ? output : NULL, "save", taken, &seconds, err);
    snprintf(reply, size, "saved the last %.1f s to %s", seconds, taken);
    return rc;
}

static void answer_status(struct measurement *m, char *reply, size_t size)
{
    char keeps[64] = "";
    if (m->options.keep_ns != 0)
        snprintf(keeps, sizeof keeps, ", keeps the last %.0f s", (double)m->options.keep_ns / 1e9);
    snprintf(reply, size, "%s, %.1f s measured, %llu samples, %u processes with Python%s",
             stopwatch_paused(&m->watch)     ? "paused"
             : atomic_load(&m->stop_sampler) ? "ended"
                                             : "recording",
             measured_s(m), (unsigned long long)atomic_load(&m->counts.samples),
             (unsigned)atomic_load(&m->live_pythons), keeps);
}

static int answer(struct measurement *m, int command, const char *argument, char *reply, size_t size, struct err *err)
{
    bool paused = stopwatch_paused(&m->watch);
    switch (command) {
    case CONTROL_SAVE:
        return answer_save(m, argument, reply, size, err);
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
        if (atomic_load(&m->stop_sampler))
            return err_set(err, ERR_GONE, "the recording has ended: it waits for the program");
        pause_all(m, command == CONTROL_PAUSE);
        snprintf(reply, size, "%s%s after %.1f s", (command == CONTROL_PAUSE) == paused ? "was already " : "",
                 command == CONTROL_PAUSE ? "paused" : (paused ? "resumed" : "recording"), measured_s(m));
        return 0;
    case CONTROL_STOP:
        snprintf(reply, size, "stopped after %.1f s; the program goes on", measured_s(m));
        measure_end(m, clock_monotonic_ns(), END_STOPPED);
        return 0;
    case CONTROL_STATUS:
        answer_status(m, reply, size);
        return 0;
    default:
        return err_set(err, ERR_BAD_INPUT, "the recorder does not know that command: it is another version of keisoku");
    }
}

static void serve(struct control *control, int fd)
{
    char request[CONTROL_REQUEST_BYTES], reply[CONTROL_REPLY_BYTES - 16] = "", line[CONTROL_REPLY_BYTES];
    struct err err = {0};
    uid_t user;
    int rc = ERR_PERMISSION;
    if (!control_hear(fd, request)) /* also where it is refused: what is not read would cut the answer off */
        return;
    if (!control_peer(fd, &user) || (user != geteuid() && user != 0)) {
        err_set(&err, rc, "the recording is another user's; ask as that user");
    } else {
        const char *argument;
        int command = control_request(request, &argument);
        rc = answer(control->m, command, argument, reply, sizeof reply, &err);
    }
    int n = snprintf(line, sizeof line, "%d %s\n", rc, rc == 0 ? reply : err.text);
    size_t size = n < (int)sizeof line ? (size_t)n : sizeof line - 1;
    if (send(fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0; /* it did not wait for the answer */
}

static void *control_main(void *context)
{
    struct control *control = context;
    prctl(PR_SET_NAME, "kei-control");
    while (!atomic_load(&control->stop)) {
        struct pollfd fds[] = {{control->event_fd, POLLIN, 0}, {control->listen_fd, POLLIN, 0}};
        uint64_t count;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0 && read(control->event_fd, &count, sizeof count) < 0)
            errno = 0;
        int fd = fds[1].revents != 0 ? accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            serve(control, fd);
            close(fd);
        }
        make_copies(control);
    }
    return NULL;
}

/* ---- beginning and end ---------------------------------------------------------------------------------------------
 */

/* What a killed recorder left under the name is no socket that anybody answers. */
static int listen_at(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
        chmod(address->sun_path, 0600) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_socket(struct control *control)
{
    struct stat file;
    if (stat(recording_path(control->m->recording), &file) != 0)
        return -1;
    for (int place = 0; place < CONTROL_PLACES; place++) {
        control_address(&file, place, &control->address);
        int fd = control_directory(&control->address, true) ? listen_at(&control->address) : -1;
        if (fd >= 0)
            return fd;
    }
    return -1;
}

void control_new(struct measurement *m)
{
    struct control *control = mem_zalloc(1, sizeof *control);
    sigset_t all, before;
    if (control == NULL)
        return;
    control->m = m;
    control->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (control->event_fd < 0) { /* nothing could end its thread */
        mem_free(control);
        return;
    }
    control->listen_fd = open_socket(control);
    m->control = control;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of a log's index that was cut short: a copy is read here */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    control->runs = pthread_create(&control->thread, NULL, control_main, control) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void control_free(struct control *control)
{
    uint64_t one = 1;
    if (control == NULL)
        return;
    atomic_store(&control->stop, true);
    if (write(control->event_fd, &one, sizeof one) < 0)
        errno = 0; /* full: it is readable anyway */
    if (control->runs)
        pthread_join(control->thread, NULL);
    if (control->listen_fd >= 0) {
        close(control->listen_fd);
        unlink(control->address.sun_path);
    }
    close(control->event_fd);
    mem_free(control);
}
