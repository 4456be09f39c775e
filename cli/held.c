#include "held.h"

#include "message.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looks, not time: while this whole process stands still, nobody looks. */
enum { LOOK_MS = 250, LOOKS_MAX = 12, THREADS_MAX = 64, SEEN_BYTES = 256 };

/* One of our threads in a call that reads, as the last look found it. */
struct seen {
    char tid[16];
    char text[SEEN_BYTES]; /* the call and its arguments, and how often the thread left the CPU */
    int looks;
};

static struct {
    pthread_t thread;
    int end_fd; /* readable when it is over */
    bool runs;
    int status;
    int (*status_of)(int status);
    const char *what;
    cpu_set_t cores; /* for the watcher to spread to; none: it has */
    struct seen seen[THREADS_MAX];
} watch;

static bool read_file(const char *tid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%.15s/%s", tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The process that `call` (a line of /proc/…/syscall) reads from; 0: it does something else. */
static int read_from(const char *call)
{
    char *at, link[64], path[64];
    long number = strtol(call, &at, 10);
    long first = strtol(at, NULL, 16);
    int pid = 0;
    if (number == SYS_process_vm_readv)
        return (int)first;
    if (number != SYS_read && number != SYS_pread64)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%ld", first);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return sscanf(path, "/proc/%d/", &pid) == 1 && pid != getpid() ? pid : 0;
}

static struct seen *place_of(const char *tid)
{
    struct seen *free_place = NULL;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (strcmp(watch.seen[i].tid, tid) == 0)
            return &watch.seen[i];
        if (free_place == NULL && watch.seen[i].looks == 0)
            free_place = &watch.seen[i];
    }
    return free_place;
}

/* The process whose memory holds this thread since LOOKS_MAX looks; 0: none. */
static int held_by(const char *tid)
{
    char call[SEEN_BYTES / 2], switches[64], text[SEEN_BYTES];
    struct seen *seen = place_of(tid);
    if (seen == NULL || !read_file(tid, "syscall", call, sizeof call) ||
        !read_file(tid, "schedstat", switches, sizeof switches))
        return 0;
    int pid = read_from(call);
    snprintf(text, sizeof text, "%s%s", call, switches);
    if (pid == 0 || strcmp(seen->tid, tid) != 0 || strcmp(seen->text, text) != 0)
        seen->looks = 0;
    snprintf(seen->tid, sizeof seen->tid, "%.15s", tid);
    snprintf(seen->text, sizeof seen->text, "%s", text);
    seen->looks += pid != 0 ? 1 : 0;
    return seen->looks > LOOKS_MAX ? pid : 0;
}

static void look_at_all(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int pid = 0;
    if (tasks == NULL)
        return;
    for (const struct dirent *entry; pid == 0 && (entry = readdir(tasks)) != NULL;)
        pid = entry->d_name[0] != '.' ? held_by(entry->d_name) : 0;
    closedir(tasks);
    if (pid == 0)
        return;
    message("a page of the memory of process %d does not come, for %.0f s (userfaultfd, a file system that does not "
            "answer, or the process changes its memory); %s",
            pid, LOOK_MS * LOOKS_MAX / 1e3, watch.what);
    _exit(watch.status_of != NULL ? watch.status_of(watch.status) : watch.status);
}

static void *watch_main(void *unused)
{
    (void)unused;
    struct pollfd end = {watch.end_fd, POLLIN, 0};
    while (poll(&end, 1, LOOK_MS) == 0) {
        if (CPU_COUNT(&watch.cores) != 0) /* it takes long: off that core */
            sched_setaffinity(0, sizeof watch.cores, &watch.cores);
        CPU_ZERO(&watch.cores);
        look_at_all();
    }
    return NULL;
}

/*
 * The watcher begins on the core of its maker, where it does not run before that one waits. Memory that two cores have
 * seen is given back by an interrupt of the other one, each time: a brief command would take longer for it than for its
 * work.
 */
static bool begin_watch(void)
{
    cpu_set_t here, before;
    int core = sched_getcpu();
    CPU_ZERO(&here);
    if (core >= 0 && core < CPU_SETSIZE)
        CPU_SET(core, &here);
    bool pinned = sched_getaffinity(0, sizeof before, &before) == 0 && sched_setaffinity(0, sizeof here, &here) == 0;
    CPU_ZERO(&watch.cores);
    if (pinned)
        watch.cores = before;
    bool begun = pthread_create(&watch.thread, NULL, watch_main, NULL) == 0;
    if (pinned)
        sched_setaffinity(0, sizeof before, &before);
    return begun;
}

void held_watch(int status, const char *what, int (*status_of)(int status))
{
    sigset_t all, before;
    watch.status = status;
    watch.status_of = status_of;
    watch.what = what;
    watch.end_fd = eventfd(0, EFD_CLOEXEC);
    memset(watch.seen, 0, sizeof watch.seen);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watch.runs = watch.end_fd >= 0 && begin_watch();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void held_watch_end(void)
{
    uint64_t one = 1;
    if (watch.runs && write(watch.end_fd, &one, sizeof one) == sizeof one)
        pthread_join(watch.thread, NULL);
    if (watch.end_fd >= 0)
        close(watch.end_fd);
    watch.runs = false;
    watch.end_fd = -1;
}
