#include "capture/counters.h"

#include "base/map.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SWITCHES_NS = 4 * 1000 * 1000 }; /* between two looks at a thread, for each thread there is */

struct counters {
    struct recording *recording;
    uint64_t start_ns;
    struct map first; /* (kind, subject) → index into base: the value at the start */
    int64_t *base;
    size_t n_base, base_capacity;
};

int counters_new(struct recording *recording, uint64_t start_ns, struct counters **result)
{
    *result = mem_zalloc(1, sizeof **result);
    if (*result == NULL)
        return ERR_NOMEM;
    (*result)->recording = recording;
    (*result)->start_ns = start_ns;
    return 0;
}

void counters_free(struct counters *counters)
{
    if (counters == NULL)
        return;
    map_release(&counters->first);
    mem_free(counters->base);
    mem_free(counters);
}

static const bool cumulative[COUNTER_KIND_COUNT] = {
#define X(name, text, unit, is_cumulative, of) is_cumulative,
    COUNTER_LIST(X)
#undef X
};

static void keep(struct counters *c, uint64_t now_ns, enum counter_kind kind, uint32_t subject, int64_t value)
{
    struct counter counter = {
        .time_ns = now_ns - c->start_ns, .subject = subject, .kind = (uint8_t)kind, .value = value};
    recording_add_counter(c->recording, &counter);
}

/* A cumulative one counts from its first value on. */
static void add(struct counters *c, uint64_t now_ns, enum counter_kind kind, uint32_t subject, int64_t value)
{
    if (cumulative[kind]) {
        uint32_t key[2] = {(uint32_t)kind, subject}, slot;
        bool known;
        if (mem_grow(&c->base, &c->base_capacity, c->n_base + 1, sizeof *c->base) != 0 ||
            map_put(&c->first, key, sizeof key, (uint32_t)c->n_base, &slot, &known) != 0)
            return;
        if (!known)
            c->base[c->n_base++] = value;
        value -= c->base[slot];
    }
    keep(c, now_ns, kind, subject, value);
}

void counters_read_cores(struct counters *c, uint64_t now_ns)
{
    char line[512];
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return;
    const int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned core;
        long long user, nice, system, idle, iowait, irq, softirq, steal;
        if (sscanf(line, "cpu%u %lld %lld %lld %lld %lld %lld %lld %lld", &core, &user, &nice, &system, &idle, &iowait,
                   &irq, &softirq, &steal) == 9)
            add(c, now_ns, COUNTER_CORE_BUSY, core, (user + nice + system + irq + softirq + steal) * tick_ns);
    }
    fclose(file);
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
        if (!thread->ended && now_ns >= thread->switches_due_ns) {
            usage_thread_switches(process->pid, thread->tid, thread->switches);
            thread->switches_due_ns = now_ns + n_threads * SWITCHES_NS;
        }
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
        bool from_zero = cumulative[kind] && process->counted_from_birth;
        if (from_zero)
            keep(c, now_ns, (enum counter_kind)kind, process->id,
                 usage.values[kind] - process->usage_before.values[kind]);
        else
            add(c, now_ns, (enum counter_kind)kind, process->id, usage.values[kind]);
    }
}
