/*
 * The writer thread: takes samples off the queue a moment after they were made (so that the kernel's instruction
 * pointers around them have arrived), gives them names and states, writes the recording, and commits. With the wait of
 * sleepers (0.3 s) and its own lag, what is older than a second survives a kill of the recorder.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/agent_counts.h"
#include "capture/modules.h"
#include "capture/writer_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    NS_PER_MS = 1000000,
    PASS_NS = 40 * NS_PER_MS,
    CALM_NS = 100 * NS_PER_MS, /* to the next pass, where the last had few samples */
    CALM_SAMPLES = 512,
    LAG_NS = 60 * NS_PER_MS, /* age of a sample before it is named */
    COMMIT_NS = 550 * NS_PER_MS,
    COUNTERS_NS = 200 * NS_PER_MS,
    QUOTA_NS = 2000 * NS_PER_MS,
    EARLY_NS = 2000 * NS_PER_MS, /* a program that is soon over is read more often */
    EARLY_COUNTERS_NS = 50 * NS_PER_MS,
    EARLY_THREADS_MAX = 64, /* whose counters are all read then */
    NOISE_POINTS = 24,      /* in the kernel, and one in so many of all: */
    NOISE_SHARE = 200,
    PAGE_WAIT_NS = 250 * NS_PER_MS, /* a sweep that lasts so long may wait for memory */
    DUE_MIN = 200                   /* samples, for their share to say something */
};

static uint64_t own_rss_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Instants at which samples were taken. Of the kernel sampler's, where a thread ran, as many as there are records of.
 */
static uint64_t sweeps_taken(const struct sampler_counts *c)
{
    uint64_t kernel = atomic_load(&c->kernel_sweeps); /* before the sweeps that it is part of */
    uint64_t sweeps = atomic_load(&c->sweeps);
    uint64_t due = atomic_load(&c->due), hits = atomic_load(&c->hits);
    if (due < DUE_MIN)
        return sweeps;
    return sweeps - kernel + (uint64_t)((double)kernel * (double)hits / (double)due);
}

/* How long the present sweep has waited for a page of the target's memory; 0: it does not. */
static uint64_t page_wait_ns(struct writer *w)
{
    struct sampler_counts *c = &w->m->counts;
    struct proc_syscall call;
    uint64_t from_ns = atomic_load(&c->sweep_from_ns), now_ns = clock_monotonic_ns();
    pid_t sampler = sampler_tid(w->m);
    if (from_ns == 0 || now_ns < from_ns + PAGE_WAIT_NS || !proc_syscall_once(getpid(), sampler, &call) ||
        call.running || call.number != SYS_process_vm_readv)
        return 0;
    atomic_store(&c->page_wait_from_ns, from_ns);
    return now_ns - from_ns;
}

static void write_self(struct writer *w)
{
    struct measurement *m = w->m;
    struct sampler_counts *c = &m->counts;
    uint64_t awake = atomic_load(&c->awake_ns), contested = atomic_load(&c->contested_ns);
    uint64_t first_ns = atomic_load(&c->first_ns), last_ns = atomic_load(&c->last_ns);
    double sampled_s = last_ns > first_ns
                           ? (double)(stopwatch_read(&m->watch, last_ns) - stopwatch_read(&m->watch, first_ns)) / 1e9
                           : 0; /* no pauses */
    uint64_t taken = awake > 0 ? (uint64_t)((double)atomic_load(&c->cpu_ns) * (double)contested / (double)awake) : 0;
    uint64_t interrupts = atomic_load(&c->interrupt_ns), sweeps = sweeps_taken(c);
    uint64_t page_wait = page_wait_ns(w);
    struct self_report self = {
        .own_cpu_ns = clock_process_cpu_ns() - m->cpu_before_ns,
        .core_taken_ns = taken + interrupts,
        .core_awake_ns = (contested < taken ? contested : taken) + interrupts, /* awake, others may have had the core */
        .own_rss_bytes = own_rss_bytes(),
        .sweeps = sweeps,
        .sweeps_planned = atomic_load(&c->planned),
        .late = atomic_load(&c->late),
        .reads = atomic_load(&c->reads),
        .rereads = atomic_load(&c->rereads),
        .stops = atomic_load(&c->stops),
        .native_whole = w->native_whole,
        .native_cut = w->native_cut,
        .waited_ns = atomic_load(&c->waited_ns),
        .page_wait_ns = atomic_load(&c->page_wait_ns) + page_wait,
        .rate_asked_hz = m->options.rate_hz,
        .rate_hz = sampled_s > 0 ? (double)sweeps / sampled_s : 0,
    };
    recording_set_self(m->recording, &self);
    for (int kind = 0; kind < LOSS_KIND_COUNT; kind++) {
        uint64_t lost = atomic_load(&m->losses[kind]);
        if (lost > w->losses_written[kind])
            recording_add_loss(m->recording, (enum loss_kind)kind, lost - w->losses_written[kind]);
        w->losses_written[kind] = lost;
    }
}

void writer_keep_failure(struct measurement *m, const struct err *err)
{
    pthread_mutex_lock(&m->failure_lock);
    if (m->failure.code == 0)
        m->failure = *err;
    pthread_mutex_unlock(&m->failure_lock);
}

static void commit(struct writer *w, uint64_t now_ns)
{
    struct err err = {0};
    writer_write_totals(w);
    write_self(w);
    if (recording_commit(w->m->recording, stopwatch_read(&w->m->watch, now_ns), &err) != 0)
        writer_keep_failure(w->m, &err);
}

void writer_read_counters(struct writer *w, uint64_t now_ns)
{
    int64_t cpu_ns = 0, rss_bytes = 0;
    if (now_ns < w->m->start_ns) /* --delay */
        return;
    counters_read_cores(w->counters, now_ns);
    for (size_t i = 0; i < w->n_processes; i++) {
        struct tracked_process *process = w->processes[i];
        struct usage usage;
        bool quota = now_ns >= process->quota_due_ns;
        if (process->ended || !process->python_known || !usage_read(process->pid, process->start_ticks, quota, &usage))
            continue;
        kernel_sockets_read(w->m->sockets, process->pid, &usage);
        /* few have one, and hardly any is given one long after its start */
        if (quota && !usage.known[COUNTER_THROTTLED] && now_ns > process->start_ns + QUOTA_NS)
            process->quota_due_ns = now_ns + QUOTA_NS;
        counters_add_process(w->counters, process, w->threads, w->n_threads, &usage, now_ns);
        cpu_ns += usage.values[COUNTER_USER_TIME] + usage.values[COUNTER_SYSTEM_TIME];
        rss_bytes += usage.values[COUNTER_RSS];
    }
    trigger_usage(&w->trigger, w->m, now_ns, cpu_ns, rss_bytes);
}

/* When the recording ended: now, or where it was to end. */
static uint64_t last_moment(const struct measurement *m)
{
    uint64_t now_ns = clock_monotonic_ns(), end_ns = atomic_load(&m->end_ns);
    return end_ns != 0 && end_ns < now_ns ? end_ns : now_ns;
}

/* Returns how many. */
static size_t write_samples(struct writer *w, uint64_t until_ns)
{
    const struct raw_sample *raw;
    size_t n = 0;
    for (; (raw = sample_queue_peek(&w->m->queue)) != NULL && raw->time_ns <= until_ns; n++) {
        if (raw->waits)
            writer_write_wait(w, raw);
        else
            writer_write_sample(w, raw);
        native_piece_drop(raw->native);
        sample_queue_pop(&w->m->queue);
        if (writer_must_commit(w)) {
            commit(w, last_moment(w->m));
            writer_keep_bounds(w, last_moment(w->m));
        }
    }
    return n;
}

/* Tens of milliseconds of work, more where cores are short: what was measured before is written first. A short program
 * need not wait for it, nor one that is hardly ever found in the kernel. */
static void learn_noise(struct writer *w, uint64_t now_ns)
{
    struct measurement *m = w->m;
    uint64_t kernel = atomic_load_explicit(&m->kernel_points, memory_order_relaxed);
    if (kernel < NOISE_POINTS || kernel * NOISE_SHARE < atomic_load_explicit(&m->points, memory_order_relaxed) ||
        atomic_load(&m->noise_known))
        return;
    commit(w, now_ns);
    kernel_noise_load(&m->noise, "/proc/kallsyms");
    atomic_store_explicit(&m->noise_known, true, memory_order_release);
}

/* The kernel sampler came beside a program that ran already. */
static void note_kernel(struct writer *w)
{
    if (w->m->kernel_start == NULL || w->m->kernel == NULL || w->kernel_noted)
        return;
    char evidence[96];
    measure_evidence(w->m, true, evidence, sizeof evidence);
    recording_set_evidence(w->m->recording, evidence);
    w->kernel_noted = true;
}

static void write_calls(struct writer *w, uint64_t now_ns, bool last)
{
    const struct agent_counts_view view = {w->m, w->names, w->processes, w->n_processes};
    if (w->m->agent != NULL)
        agent_counts_write(w->m->agent, &view, now_ns, last);
}

/* Returns how long the next one may wait. */
static uint64_t pass(struct writer *w)
{
    uint64_t now_ns = last_moment(w->m);
    page_wait_ns(w);
    learn_noise(w, now_ns);
    note_kernel(w);
    bool written = writer_write_tables(w, false);
    size_t n = write_samples(w, now_ns - LAG_NS);
    operands_write(w->operands);
    lock_looks_write(&w->m->locks, w->names, w->m->recording);
    write_calls(w, now_ns, false);
    writer_empty_turned(w);
    if (written) /* a child that is not known yet may name its parent */
        writer_forget_ended(w);
    bool early = now_ns < w->m->start_ns + EARLY_NS && w->n_threads <= EARLY_THREADS_MAX;
    if (now_ns >= w->counters_due_ns) {
        writer_read_counters(w, now_ns);
        counters_write_runs(w->counters, now_ns - LAG_NS);
        w->counters_due_ns = now_ns + (early ? EARLY_COUNTERS_NS : COUNTERS_NS);
    }
    if (now_ns >= w->commit_due_ns) {
        commit(w, now_ns);
        writer_keep_bounds(w, now_ns);
        w->commit_due_ns = now_ns + COMMIT_NS;
    }
    return early || n > CALM_SAMPLES ? PASS_NS : CALM_NS;
}

void writer_commit(struct writer *w, uint64_t until_ns)
{
    writer_write_tables(w, false);
    write_samples(w, until_ns);
    uint64_t now_ns = clock_monotonic_ns();
    counters_write_runs(w->counters, until_ns < now_ns ? until_ns : now_ns);
    commit(w, now_ns);
}

static void finish(struct writer *w)
{
    uint64_t now_ns = last_moment(w->m);
    writer_write_tables(w, false);
    write_samples(w, UINT64_MAX);
    operands_write(w->operands);
    lock_looks_write(&w->m->locks, w->names, w->m->recording);
    if (atomic_load(&w->m->end_ns) == 0)
        writer_read_counters(w, now_ns);
    counters_write_runs(w->counters, now_ns);
    writer_write_tables(w, true);
    write_calls(w, now_ns, true);
    commit(w, now_ns);
    writer_keep_last(w, now_ns);
}

void *writer_main(void *measurement)
{
    struct measurement *m = measurement;
    struct writer w = {.m = m};
    struct err err = {0};
    prctl(PR_SET_NAME, "kei-writer");
    w.files.symbols = symbols_new();
    w.natives.files = &w.files;
    w.natives.unwinder = m->unwinder;
    if (w.files.symbols == NULL || names_new(m, &w.names) != 0 ||
        counters_new(m->recording, &m->watch, &w.counters) != 0 || operand_writer_new(m, w.names, &w.operands) != 0) {
        err_set(&err, ERR_NOMEM, "nothing is recorded: out of memory; free some memory");
        writer_keep_failure(m, &err);
    } else {
        while (!atomic_load(&m->stop_writer)) {
            uint64_t nap_ns = pass(&w);
            writer_rest(&w, nap_ns);
        }
        finish(&w);
    }
    for (size_t i = 0; i < w.n_processes; i++) {
        module_map_free(w.processes[i]->modules);
        names_forget(&w.processes[i]->store, 0);
        names_forget(&w.processes[i]->store, 1);
    }
    operand_writer_free(w.operands);
    names_free(w.names);
    symbols_free(w.files.symbols);
    counters_free(w.counters);
    buf_release(&w.text);
    mem_free(w.processes);
    mem_free(w.threads);
    return NULL;
}
