#include "capture/kernel_sampler.h"
#include "capture/kernel_trial.h"

#include "base/clock.h"
#include "base/mem.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sampler.skel.h"

/* The first PID namespace, PROC_PID_INIT_INO of linux/proc_ns.h. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

#define KEEP_NS UINT64_C(1000000000) /* a core keeps its clock for so long after the last watched thread */

enum { PERIODS_LEAST = 8, NS_PER_MS = 1000000 };
enum { NATIVE_RING_BYTES = 1 << 24, NATIVE_ROOM_BYTES = 3 << 22 }; /* some 300 ms of two cores at 1 kHz */

struct core_clock {
    int fd;
    uint32_t core;
    bool on;
    uint64_t asked_ns;  /* the interval that was asked for last, */
    uint64_t period_ns; /* that which it was given, */
    uint64_t set_ns;    /* and when */
    uint64_t keep_ns;   /* on until then, whoever is there */
    atomic_bool wanted;
};

struct kernel_sampler {
    struct sampler_bpf *program;
    struct ring_buffer *ring;
    struct bpf_link *switches; /* NULL: not told of */
    int threads_fd;
    uint64_t lost;
    bool natives;
    uint32_t n_wanted;         /* wishes so far */
    int wake_fd;               /* told of records that cannot wait */
    double interrupt_ns;       /* as the trial measured it */
    struct core_clock *clocks; /* cores may be numbered with gaps */
    size_t n_clocks;
    uint64_t period_ns;
    const struct kernel_taker *taker; /* of the present drain, */
    uint64_t drain_ns;                /* and when it began */
};

static int refuse(struct err *err, int error)
{
    if (error == EPERM || error == EACCES)
        return err_set(err, ERR_PERMISSION, "it needs CAP_BPF and CAP_PERFMON, which root has; try with sudo");
    return err_set(err, ERR_NOT_SUPPORTED, "the kernel refuses its program: %s", strerror(error));
}

/* ---- loading
 * ---------------------------------------------------------------------------------------------------------
 */

static void start_clock(struct kernel_sampler *sampler, uint32_t core);

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

/* Below 0, it was the last one of this drain. */
static int on_sample(void *context, void *data, size_t size)
{
    struct kernel_sampler *sampler = context;
    const struct wire_core_wanted *wanted = data;
    const struct wire_sample *sample = data;
    if (kernel_record_give(sampler->taker, data, size))
        return sample->kind == WIRE_SAMPLE && sample->time_ns > sampler->drain_ns ? -EAGAIN : 0;
    if (size >= sizeof *wanted && wanted->kind == WIRE_CORE)
        start_clock(sampler, wanted->core);
    return 0;
}

/* `switches`: with the part that is told of switches. */
static int load_program(struct kernel_sampler *sampler, bool switches)
{
    struct stat namespace;
    struct sampler_bpf *program = sampler->program = sampler_bpf__open();
    if (program == NULL)
        return -errno;
    bpf_program__set_autoload(program->progs.on_switch, switches);
    if (stat("/proc/self/ns/pid", &namespace) == 0 && (uint32_t) namespace.st_ino != FIRST_PID_NAMESPACE)
        program->rodata->pid_namespace = (uint32_t) namespace.st_ino;
    program->rodata->clock_ahead_ns = (uint64_t)clock_ahead_of_kernel_ns();
    int cores = libbpf_num_possible_cpus();
    int rc = cores < 0 ? cores : bpf_map__set_max_entries(program->maps.scratches, (uint32_t)cores);
    if (rc == 0 && sampler->natives)
        rc = bpf_map__set_max_entries(program->maps.samples, NATIVE_RING_BYTES);
    if (rc == 0)
        rc = sampler_bpf__load(program);
    if (rc != 0) {
        sampler_bpf__destroy(program);
        sampler->program = NULL;
    }
    return rc;
}

/* Each such record is told of once, as it comes: others may lie there for long. */
static int open_wake(struct kernel_sampler *sampler)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    sampler->wake_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sampler->wake_fd < 0 ||
        epoll_ctl(sampler->wake_fd, EPOLL_CTL_ADD, bpf_map__fd(sampler->program->maps.samples), &event) != 0)
        return -errno;
    return 0;
}

static int load(struct kernel_sampler *sampler)
{
    int rc = load_program(sampler, true);
    if (rc != 0 && rc != -EPERM) /* a kernel that tells less of switches */
        rc = load_program(sampler, false);
    if (rc != 0)
        return rc;
    struct sampler_bpf *program = sampler->program;
    if (bpf_program__autoload(program->progs.on_switch))
        sampler->switches = bpf_program__attach(program->progs.on_switch);
    sampler->threads_fd = bpf_map__fd(program->maps.threads);
    sampler->ring = ring_buffer__new(bpf_map__fd(program->maps.samples), on_sample, sampler, NULL);
    if (sampler->ring == NULL)
        return -errno;
    return open_wake(sampler);
}

/* ---- the clock
 * -------------------------------------------------------------------------------------------------------
 */

/* One event a core, at rest. 0 or -errno. */
static int open_events(struct kernel_sampler *sampler)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = KERNEL_NEVER_NS,
        .disabled = 1,
    };
    int cores = libbpf_num_possible_cpus();
    sampler->clocks = cores > 0 ? mem_zalloc((size_t)cores, sizeof *sampler->clocks) : NULL;
    if (sampler->clocks == NULL)
        return cores < 0 ? cores : -ENOMEM;
    for (int core = 0; core < cores; core++) {
        int fd = (int)syscall(SYS_perf_event_open, &attr, -1, core, -1, PERF_FLAG_FD_CLOEXEC);
        if (fd < 0 && errno == ENODEV)
            continue;
        if (fd < 0)
            return -errno;
        struct core_clock *clock = &sampler->clocks[sampler->n_clocks++];
        clock->fd = fd;
        clock->core = (uint32_t)core;
        if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(sampler->program->progs.on_clock)) != 0)
            return -errno;
    }
    return 0;
}

static struct wire_core *core_of(struct kernel_sampler *sampler, const struct core_clock *clock)
{
    return &sampler->program->bss->cores[clock->core & (WIRE_CORES - 1)];
}

/* The interval that lasts begins anew, so that what has passed of it is lost: as much is taken off the next ones. */
static void set_period(struct core_clock *clock, uint64_t period_ns, uint64_t now_ns)
{
    if (period_ns == clock->asked_ns)
        return;
    uint64_t kept_ns = now_ns - clock->set_ns, lost_ns = clock->on ? kept_ns % clock->period_ns : 0;
    clock->asked_ns = period_ns;
    clock->period_ns = period_ns;
    if (lost_ns < kept_ns / PERIODS_LEAST)
        clock->period_ns -= (uint64_t)((double)lost_ns * (double)period_ns / (double)kept_ns);
    clock->set_ns = now_ns;
    ioctl(clock->fd, PERF_EVENT_IOC_PERIOD, &clock->period_ns);
}

static void turn(struct kernel_sampler *sampler, struct core_clock *clock, bool on, uint64_t now_ns)
{
    struct wire_core *core = core_of(sampler, clock);
    if (on)
        set_period(clock, sampler->period_ns, now_ns);
    if (on != clock->on)
        ioctl(clock->fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
    clock->on = on;
    if (on == (__atomic_load_n(&core->on, __ATOMIC_RELAXED) != 0))
        return;
    __atomic_store_n(&core->on, on ? 1 : 0, __ATOMIC_RELEASE);
    __atomic_store_n(&core->asked, 0, __ATOMIC_RELEASE);
}

/* A watched thread is there: it is on the CPU until the clock runs, without samples. */
static void start_clock(struct kernel_sampler *sampler, uint32_t core)
{
    for (size_t i = 0; i < sampler->n_clocks && sampler->period_ns != KERNEL_NEVER_NS; i++) {
        if (sampler->clocks[i].core == core)
            turn(sampler, &sampler->clocks[i], true, clock_monotonic_ns());
    }
}

/* Those who were on a core before the program told of switches. */
static void note_wanted(struct kernel_sampler *sampler, uint64_t now_ns, bool all)
{
    for (size_t i = 0; i < sampler->n_clocks; i++) {
        struct core_clock *clock = &sampler->clocks[i];
        if (!atomic_exchange_explicit(&clock->wanted, false, memory_order_relaxed) && !all)
            continue;
        clock->keep_ns = now_ns + KEEP_NS;
    }
}

void kernel_sampler_period(struct kernel_sampler *sampler, uint64_t period_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    bool begins = sampler->period_ns == KERNEL_NEVER_NS, never = period_ns == KERNEL_NEVER_NS;
    sampler->period_ns = period_ns;
    note_wanted(sampler, now_ns, begins);
    for (size_t i = 0; i < sampler->n_clocks; i++) {
        struct core_clock *clock = &sampler->clocks[i];
        uint64_t seen_ns = __atomic_load_n(&core_of(sampler, clock)->seen_ns, __ATOMIC_RELAXED);
        bool here = sampler->switches == NULL || now_ns < clock->keep_ns || now_ns < seen_ns + KEEP_NS;
        turn(sampler, clock, here && !never, now_ns);
    }
    if (never)
        kernel_sampler_waits(sampler, 0);
}

void kernel_sampler_want_core(struct kernel_sampler *sampler, int core)
{
    for (size_t i = 0; core >= 0 && i < sampler->n_clocks; i++) {
        if (sampler->clocks[i].core == (uint32_t)core)
            atomic_store_explicit(&sampler->clocks[i].wanted, true, memory_order_relaxed);
    }
}

bool kernel_sampler_knows_cores(const struct kernel_sampler *sampler)
{
    return sampler->switches != NULL;
}

bool kernel_sampler_waits(struct kernel_sampler *sampler, uint64_t interval_ns)
{
    __atomic_store_n(&sampler->program->bss->wait_interval_ns, interval_ns, __ATOMIC_RELAXED);
    return sampler->switches != NULL;
}

double kernel_sampler_interrupt_ns(const struct kernel_sampler *sampler)
{
    return sampler->interrupt_ns;
}

int kernel_sampler_new(bool natives, struct kernel_sampler **result, struct err *err)
{
    struct kernel_sampler *sampler = mem_zalloc(1, sizeof *sampler);
    if (sampler == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    libbpf_set_print(say_nothing);
    sampler->period_ns = KERNEL_NEVER_NS;
    sampler->natives = natives;
    sampler->wake_fd = -1;
    bool waits = false;
    int rc = load(sampler);
    if (rc == 0)
        rc = open_events(sampler);
    if (rc != 0)
        rc = refuse(err, -rc);
    else
        rc = kernel_trial(sampler, &sampler->interrupt_ns, &waits, err);
    if (rc != 0) {
        kernel_sampler_free(sampler);
        return rc;
    }
    if (!waits) {
        bpf_link__destroy(sampler->switches);
        sampler->switches = NULL;
    }
    if (natives)
        __atomic_store_n(&sampler->program->bss->native_room, NATIVE_ROOM_BYTES, __ATOMIC_RELAXED);
    *result = sampler;
    return 0;
}

void kernel_sampler_free(struct kernel_sampler *sampler)
{
    if (sampler == NULL)
        return;
    for (size_t i = 0; sampler->clocks != NULL && i < sampler->n_clocks; i++)
        close(sampler->clocks[i].fd);
    mem_free(sampler->clocks);
    bpf_link__destroy(sampler->switches);
    if (sampler->wake_fd >= 0)
        close(sampler->wake_fd);
    ring_buffer__free(sampler->ring);
    sampler_bpf__destroy(sampler->program);
    mem_free(sampler);
}

/* ---- threads
 * ---------------------------------------------------------------------------------------------------------
 */

bool kernel_sampler_watch(struct kernel_sampler *sampler, pid_t tid, const struct wire_thread *thread)
{
    uint32_t key = (uint32_t)tid;
    return bpf_map_update_elem(sampler->threads_fd, &key, thread, BPF_ANY) == 0;
}

void kernel_sampler_unwatch(struct kernel_sampler *sampler, pid_t tid)
{
    uint32_t key = (uint32_t)tid;
    bpf_map_delete_elem(sampler->threads_fd, &key);
}

/* ---- what it read
 * ----------------------------------------------------------------------------------------------------
 */

void kernel_sampler_know(struct kernel_sampler *sampler, uint32_t mark)
{
    uint32_t *slots = &sampler->program->bss->known[(mark << 1) & (WIRE_KNOWN_SLOTS - 2)];
    if (slots[0] == mark || slots[1] == mark)
        return;
    slots[1] = slots[0];
    slots[0] = mark;
}

void kernel_sampler_forget(struct kernel_sampler *sampler)
{
    for (size_t i = 0; i < WIRE_KNOWN_SLOTS; i++)
        __atomic_store_n(&sampler->program->bss->known[i], 0, __ATOMIC_RELAXED);
}

void kernel_sampler_want(struct kernel_sampler *sampler, const struct wire_wanted *wanted)
{
    struct wire_wanted *slot = &sampler->program->bss->wanted[sampler->n_wanted++ % WIRE_WANTED];
    __atomic_store_n(&slot->mark, 0, __ATOMIC_RELEASE);
    slot->offset = wanted->offset;
    memcpy(slot->slots, wanted->slots, sizeof slot->slots);
    __atomic_store_n(&slot->mark, wanted->mark, __ATOMIC_RELEASE);
    sampler->program->bss->wanted_count = WIRE_WANTED;
}

bool kernel_sampler_wait(struct kernel_sampler *sampler, uint64_t length_ns)
{
    struct epoll_event event;
    return epoll_wait(sampler->wake_fd, &event, 1, (int)((length_ns + NS_PER_MS - 1) / NS_PER_MS)) > 0;
}

uint64_t kernel_sampler_drain(struct kernel_sampler *sampler, const struct kernel_taker *taker)
{
    sampler->taker = taker;
    sampler->drain_ns = clock_monotonic_ns();
    ring_buffer__consume(sampler->ring);
    uint64_t total = __atomic_load_n(&sampler->program->bss->lost_interrupts, __ATOMIC_RELAXED);
    uint64_t lost = total - sampler->lost;
    sampler->lost = total;
    return lost;
}
