#include "capture/perf_clock.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct ring {
    int fd; /* the event that owns the mapping */
    struct perf_event_mmap_page *page;
    size_t size; /* of the data area, a power of two */
};

/* Instruction pointers may wait in their ring; births wake us at once, so they have one of their own. */
enum stream { STREAM_IP, STREAM_BIRTHS, STREAMS };

struct perf_clock {
    struct perf_event_attr attrs[STREAMS];
    int n_cores;
    size_t page_bytes, ring_bytes[STREAMS];
    struct ring *rings[STREAMS]; /* one a core; fd -1: not opened */
    struct events {              /* further ones, redirected into the rings */
        int *fds;
        size_t n, capacity;
    } extra[STREAMS];
    size_t extra_most; /* of all streams */
};

enum { IP_RING_BYTES = 64 * 1024, BIRTHS_RING_BYTES = 64 * 1024, EXTRA_EVENTS_MAX = 4096 };

static int open_event(const struct perf_event_attr *attr, pid_t tid, int core)
{
    return (int)syscall(SYS_perf_event_open, attr, tid, core, -1, PERF_FLAG_FD_CLOEXEC);
}

static void fill_attrs(struct perf_clock *clock, uint64_t period_ns)
{
    for (int stream = 0; stream < STREAMS; stream++) {
        struct perf_event_attr *attr = &clock->attrs[stream];
        attr->size = sizeof *attr;
        attr->type = PERF_TYPE_SOFTWARE;
        attr->sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
        attr->inherit = 1;
        attr->sample_id_all = 1; /* FORK, COMM and EXIT end with pid, tid, time too */
        attr->use_clockid = 1;
        attr->clockid = CLOCK_MONOTONIC;
        attr->exclude_hv = 1;
        attr->watermark = 1;
    }
    struct perf_event_attr *ip = &clock->attrs[STREAM_IP], *births = &clock->attrs[STREAM_BIRTHS];
    ip->config = PERF_COUNT_SW_CPU_CLOCK;
    ip->sample_period = period_ns;
    ip->wakeup_watermark = IP_RING_BYTES / 2;
    births->config = PERF_COUNT_SW_DUMMY;
    births->task = 1;
    births->comm = 1;
    births->comm_exec = 1;
    births->wakeup_watermark = 1;
    clock->ring_bytes[STREAM_IP] = IP_RING_BYTES;
    clock->ring_bytes[STREAM_BIRTHS] = BIRTHS_RING_BYTES;
}

int perf_clock_new(uint64_t period_ns, struct perf_clock **result, struct err *err)
{
    struct perf_clock *clock = mem_zalloc(1, sizeof *clock);
    if (clock == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    fill_attrs(clock, period_ns);
    clock->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    /* cores may be numbered with gaps: an event on a core that is not there fails with ENODEV and is left out */
    clock->n_cores = (int)sysconf(_SC_NPROCESSORS_CONF);
    struct rlimit files; /* most descriptors are for the threads' own files */
    clock->extra_most = EXTRA_EVENTS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 4 < clock->extra_most)
        clock->extra_most = files.rlim_cur / 4;
    for (int stream = 0; stream < STREAMS; stream++) {
        clock->rings[stream] = mem_zalloc((size_t)clock->n_cores, sizeof *clock->rings[stream]);
        if (clock->rings[stream] == NULL) {
            perf_clock_free(clock);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        for (int core = 0; core < clock->n_cores; core++)
            clock->rings[stream][core].fd = -1;
    }
    *result = clock;
    return 0;
}

/* An ordinary user may lock 516 KiB and a page a core for rings: the ring shrinks until it fits. */
static int map_ring(const struct perf_clock *clock, size_t *ring_bytes, struct ring *ring)
{
    for (size_t bytes = *ring_bytes; bytes >= clock->page_bytes; bytes /= 2) {
        void *page = mmap(NULL, clock->page_bytes + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
        if (page != MAP_FAILED) {
            ring->page = page;
            ring->size = bytes;
            *ring_bytes = bytes;
            return 0;
        }
        if (errno != EPERM && errno != ENOMEM)
            break;
    }
    return ERR_FULL;
}

static int keep_extra(struct perf_clock *clock, enum stream stream, int fd)
{
    struct events *extra = &clock->extra[stream];
    if (clock->extra[STREAM_IP].n + clock->extra[STREAM_BIRTHS].n >= clock->extra_most ||
        mem_grow(&extra->fds, &extra->capacity, extra->n + 1, sizeof *extra->fds) != 0)
        return ERR_NOMEM;
    extra->fds[extra->n++] = fd;
    return 0;
}

static int follow_on_core(struct perf_clock *clock, enum stream stream, pid_t tid, int core)
{
    struct ring *ring = &clock->rings[stream][core];
    struct perf_event_attr *attr = &clock->attrs[stream];
    int fd = open_event(attr, tid, core);
    if (fd < 0 && (errno == EACCES || errno == EPERM) && attr->exclude_kernel == 0) {
        attr->exclude_kernel = 1;
        fd = open_event(attr, tid, core);
    }
    if (fd < 0)
        return errno == ENODEV ? 0 : -errno;
    if (ring->fd < 0) {
        ring->fd = fd;
        if (map_ring(clock, &clock->ring_bytes[stream], ring) == 0)
            return 0;
        ring->fd = -1;
    } else if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) == 0 && keep_extra(clock, stream, fd) == 0) {
        return 0;
    }
    close(fd);
    return -ENOBUFS;
}

int perf_clock_follow(struct perf_clock *clock, pid_t tid, struct err *err)
{
    for (int i = 0; i < clock->n_cores * STREAMS; i++) {
        if (clock->attrs[i % STREAMS].sample_period == 0 && i % STREAMS == STREAM_IP)
            continue;
        int rc = follow_on_core(clock, (enum stream)(i % STREAMS), tid, i / STREAMS);
        if (rc == -ESRCH)
            return err_set(err, ERR_GONE, "thread %d has ended", (int)tid);
        if (rc == -ENOBUFS || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM)
            return err_set(err, ERR_FULL,
                           "the kernel's software clock does not follow all threads: its locked memory or our "
                           "descriptors are used up; their time on the CPU is not told apart; raise ulimit -l or -n");
        if (rc == -EACCES || rc == -EPERM)
            return err_set(err, ERR_PERMISSION,
                           "the kernel's software clock is not permitted: python, native and kernel time are not told "
                           "apart (on-cpu); keisoku doctor says what would permit it");
        if (rc != 0)
            return err_set(err, ERR_NOT_SUPPORTED,
                           "the kernel's software clock is not available (%s): python, native and kernel time are not "
                           "told apart (on-cpu)",
                           strerror(-rc));
    }
    return 0;
}

static void turn(struct perf_clock *clock, enum stream stream, bool on)
{
    unsigned long request = on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE;
    for (int core = 0; core < clock->n_cores; core++) {
        if (clock->rings[stream][core].fd >= 0)
            ioctl(clock->rings[stream][core].fd, request, 0);
    }
    for (size_t i = 0; i < clock->extra[stream].n; i++)
        ioctl(clock->extra[stream].fds[i], request, 0);
}

void perf_clock_give_pointers(struct perf_clock *clock, bool give)
{
    clock->attrs[STREAM_IP].disabled = !give;
    turn(clock, STREAM_IP, give);
}

uint64_t perf_clock_drain(struct perf_clock *clock, void (*take)(void *context, const struct perf_record *record),
                          void *context)
{
    uint64_t lost = 0;
    for (int i = 0; i < clock->n_cores * STREAMS; i++) {
        struct ring *ring = &clock->rings[i % STREAMS][i / STREAMS];
        if (ring->fd >= 0)
            lost +=
                perf_ring_drain(ring->page, (const char *)ring->page + clock->page_bytes, ring->size, take, context);
    }
    return lost;
}

size_t perf_clock_wait_fds(const struct perf_clock *clock, int *fds, size_t capacity)
{
    size_t n = 0;
    for (int core = 0; core < clock->n_cores && n < capacity; core++) {
        if (clock->rings[STREAM_BIRTHS][core].fd >= 0)
            fds[n++] = clock->rings[STREAM_BIRTHS][core].fd;
    }
    return n;
}

void perf_clock_pause(struct perf_clock *clock, bool pause)
{
    turn(clock, STREAM_BIRTHS, !pause);
    turn(clock, STREAM_IP, !pause && !clock->attrs[STREAM_IP].disabled);
}

void perf_clock_free(struct perf_clock *clock)
{
    if (clock == NULL)
        return;
    for (int i = 0; i < clock->n_cores * STREAMS; i++) {
        struct ring *ring = clock->rings[i % STREAMS] != NULL ? &clock->rings[i % STREAMS][i / STREAMS] : NULL;
        if (ring == NULL || ring->fd < 0)
            continue;
        munmap(ring->page, clock->page_bytes + ring->size);
        close(ring->fd);
    }
    for (int stream = 0; stream < STREAMS; stream++) {
        for (size_t i = 0; i < clock->extra[stream].n; i++)
            close(clock->extra[stream].fds[i]);
        mem_free(clock->extra[stream].fds);
        mem_free(clock->rings[stream]);
    }
    mem_free(clock);
}
