#include "capture/counters.h"

#include "base/map.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SWITCHES_NS = 8 * 1000 * 1000 }; /* between two looks at a thread, for each thread there is */

/* A cumulative counter. */
struct growing {
    uint32_t kind, subject;
    int64_t base, last; /* what counts as zero; the last value */
    unsigned pauses;    /* before that value */
};

/* Of one core: what the program's threads did there. */
struct core_run {
    int64_t run_ns, delay_ns;
    bool grown; /* since it was written */
};

struct counters {
    struct recording *recording;
    struct stopwatch *watch;
    struct map index; /* (kind, subject) → index into growing */
    struct growing *growing;
    size_t n_growing, capacity;
    struct core_run *runs; /* by the core's number */
    size_t n_runs, runs_capacity;
    int cores_max;    /* no core has such a number */
    uint64_t runs_ns; /* when they were written last */
    unsigned pauses;
};

int counters_new(struct recording *recording, struct stopwatch *watch, struct counters **result)
{
    *result = mem_zalloc(1, sizeof **result);
    if (*result == NULL)
        return ERR_NOMEM;
    (*result)->recording = recording;
    (*result)->watch = watch;
    long cores = sysconf(_SC_NPROCESSORS_CONF);
    (*result)->cores_max = cores > 0 && cores < COUNTER_CORES_MAX ? (int)cores : COUNTER_CORES_MAX;
    return 0;
}

void counters_free(struct counters *counters)
{
    if (counters == NULL)
        return;
    map_release(&counters->index);
    mem_free(counters->growing);
    mem_free(counters->runs);
    mem_free(counters);
}

static void keep(struct counters *c, uint64_t now_ns, enum counter_kind kind, uint32_t subject, int64_t value)
{
    struct counter counter = {
        .time_ns = stopwatch_read(c->watch, now_ns), .subject = subject, .kind = (uint8_t)kind, .value = value};
    recording_add_counter(c->recording, &counter);
}

/* A cumulative one counts from `zero` on; what it grew by in a pause is left out. */
static void add_growing(struct counters *c, uint64_t now_ns, enum counter_kind kind, uint32_t subject, int64_t value,
                        int64_t zero)
{
    uint32_t key[2] = {(uint32_t)kind, subject}, slot;
    bool known;
    if (mem_grow(&c->growing, &c->capacity, c->n_growing + 1, sizeof *c->growing) != 0 ||
        map_put(&c->index, key, sizeof key, (uint32_t)c->n_growing, &slot, &known) != 0)
        return;
    struct growing *growing = &c->growing[slot];
    if (!known) {
        *growing = (struct growing){kind, subject, zero, value, c->pauses};
        c->n_growing++;
    }
    if (growing->pauses != c->pauses) {
        growing->base += value - growing->last;
        growing->pauses = c->pauses;
    }
    growing->last = value;
    keep(c, now_ns, kind, subject, value - growing->base);
}

void counters_skip(struct counters *c)
{
    c->pauses++;
}

void counters_moved(struct counters *c, const struct recording_moved *moved)
{
    size_t left = 0;
    map_release(&c->index);
    c->index = (struct map){0};
    for (size_t i = 0; i < c->n_growing; i++) {
        struct growing growing = c->growing[i];
        uint32_t slot;
        bool known;
        if (!counter_of_core(growing.kind) && growing.subject < moved->n_processes)
            growing.subject = moved->processes[growing.subject];
        uint32_t key[2] = {growing.kind, growing.subject};
        if (growing.subject != RECORDING_GONE &&
            map_put(&c->index, key, sizeof key, (uint32_t)left, &slot, &known) == 0)
            c->growing[left++] = growing;
    }
    c->n_growing = left;
}

bool counters_core_of(const char *line, unsigned *core, int64_t *busy_ns)
{
    enum { FIELDS = 8, IDLE = 3, IOWAIT = 4 };
    long long field[FIELDS]; /* user, nice, system, idle, iowait, irq, softirq, steal */
    int64_t busy = 0;
    if (strncmp(line, "cpu", 3) != 0 || line[3] == ' ' || /* all of them together */
        sscanf(line + 3, "%u %lld %lld %lld %lld %lld %lld %lld %lld", core, &field[0], &field[1], &field[2], &field[3],
               &field[4], &field[5], &field[6], &field[7]) != 1 + FIELDS)
        return false;
    for (int i = 0; i < FIELDS; i++)
        if (i != IDLE && i != IOWAIT && __builtin_add_overflow(busy, (int64_t)field[i], &busy))
            return false;
    return !__builtin_mul_overflow(busy, 1000000000 / (int64_t)sysconf(_SC_CLK_TCK), busy_ns);
}

void counters_read_cores(struct counters *c, uint64_t now_ns)
{
    char line[512];
    unsigned core;
    int64_t busy;
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        if (counters_core_of(line, &core, &busy))
            add_growing(c, now_ns, COUNTER_CORE_BUSY, core, busy, busy);
    }
    fclose(file);
}

void counters_add_run(struct counters *c, int core, uint64_t run_ns, uint64_t delay_ns)
{
    if (core < 0 || core >= c->cores_max || /* the number may be the target's word */
        mem_grow(&c->runs, &c->runs_capacity, (size_t)core + 1, sizeof *c->runs) != 0)
        return;
    for (; c->n_runs <= (size_t)core; c->n_runs++)
        c->runs[c->n_runs] = (struct core_run){0};
    struct core_run *run = &c->runs[core];
    run->run_ns += (int64_t)run_ns;
    run->delay_ns += (int64_t)delay_ns;
    run->grown = run->grown || run_ns > 0 || delay_ns > 0;
}

void counters_write_runs(struct counters *c, uint64_t now_ns)
{
    c->runs_ns = now_ns > c->runs_ns ? now_ns : c->runs_ns; /* what only grows must not go back */
    for (size_t i = 0; i < c->n_runs; i++) {
        struct core_run *run = &c->runs[i];
        if (!run->grown)
            continue;
        keep(c, c->runs_ns, COUNTER_CORE_USED, (uint32_t)i, run->run_ns);
        keep(c, c->runs_ns, COUNTER_CORE_DELAY, (uint32_t)i, run->delay_ns);
        run->grown = false;
    }
}

bool counters_take_told(struct tracked_thread *thread)
{
    int64_t told[2];
    for (int i = 0; i < 2; i++)
        told[i] = (int64_t)atomic_load_explicit(&thread->left[i], memory_order_relaxed);
    if (told[0] + told[1] <= thread->switches[0] + thread->switches[1])
        return false;
    memcpy(thread->switches, told, sizeof told);
    return true;
}

/* Switches of the process's other threads, those that ended included as they were last seen. */
static void add_switches(struct tracked_process *process, struct tracked_thread *const *threads, size_t n_threads,
                         uint64_t now_ns, struct usage *usage)
{
    int64_t sum[2] = {process->ended_switches[0], process->ended_switches[1]};
    for (size_t i = 0; i < n_threads; i++) {
        struct tracked_thread *thread = threads[i];
        if (thread->process != process || thread->tid == process->pid)
            continue;
        bool told = counters_take_told(thread), due = !thread->ended && now_ns >= thread->switches_due_ns;
        if (due && !told)
            usage_thread_switches(process->pid, thread->tid, thread->switches);
        if (due || told)
            thread->switches_due_ns = now_ns + n_threads * SWITCHES_NS;
        sum[0] += thread->switches[0];
        sum[1] += thread->switches[1];
    }
    usage->values[COUNTER_VOLUNTARY_SWITCHES] += sum[0];
    usage->values[COUNTER_INVOLUNTARY_SWITCHES] += sum[1];
}

void counters_add_process(struct counters *c, struct tracked_process *process, struct tracked_thread *const *threads,
                          size_t n_threads, const struct usage *read, uint64_t now_ns)
{
    struct usage usage = *read;
    if (process->id == 0)
        return;
    add_switches(process, threads, n_threads, now_ns, &usage);
    for (int kind = 0; kind < COUNTER_KIND_COUNT; kind++) {
        if (!usage.known[kind])
            continue;
        int64_t value = usage.values[kind];
        if (counter_cumulative((uint32_t)kind))
            add_growing(c, now_ns, (enum counter_kind)kind, process->id, value,
                        process->counted_from_birth && kind != COUNTER_THROTTLED /* the group's: it is older */
                            ? process->usage_before.values[kind]
                            : value);
        else
            keep(c, now_ns, (enum counter_kind)kind, process->id, value);
    }
}
