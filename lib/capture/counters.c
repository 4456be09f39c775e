#include "capture/counters.h"

#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void add(struct counters *c, uint64_t now_ns, enum counter_kind kind, uint32_t subject, int64_t value)
{
    static const bool cumulative[COUNTER_KIND_COUNT] = {
#define X(name, text, unit, is_cumulative, of) is_cumulative,
        COUNTER_LIST(X)
#undef X
    };
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
    struct counter counter = {
        .time_ns = now_ns - c->start_ns, .subject = subject, .kind = (uint8_t)kind, .value = value};
    recording_add_counter(c->recording, &counter);
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

struct counter_field {
    const char *label;
    enum counter_kind kind;
    int64_t unit;
};

/* "label: value" lines of a file of the process. */
static void read_fields(struct counters *c, const struct tracked_process *process, uint64_t now_ns, const char *name,
                        const struct counter_field *fields, size_t n_fields)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/%s", process->pid, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        for (size_t i = 0; i < n_fields; i++) {
            size_t length = strlen(fields[i].label);
            if (strncmp(line, fields[i].label, length) == 0 && line[length] == ':')
                add(c, now_ns, fields[i].kind, process->id, strtoll(line + length + 1, NULL, 10) * fields[i].unit);
        }
    }
    fclose(file);
}

static void read_stat(struct counters *c, const struct tracked_process *process, uint64_t now_ns)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", process->pid);
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[size] = '\0';
    const char *name_end = strrchr(text, ')'); /* the name may hold anything */
    unsigned long long minor, major, user, system;
    if (name_end == NULL || sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu %*u %llu %llu", &minor,
                                   &major, &user, &system) != 4)
        return;
    const int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
    add(c, now_ns, COUNTER_MINOR_FAULTS, process->id, (int64_t)minor);
    add(c, now_ns, COUNTER_MAJOR_FAULTS, process->id, (int64_t)major);
    add(c, now_ns, COUNTER_USER_TIME, process->id, (int64_t)user * tick_ns);
    add(c, now_ns, COUNTER_SYSTEM_TIME, process->id, (int64_t)system * tick_ns);
}

void counters_read_process(struct counters *c, const struct tracked_process *process, uint64_t now_ns)
{
    static const struct counter_field status[] = {
        {"VmRSS", COUNTER_RSS, 1024},
        {"VmHWM", COUNTER_PEAK_RSS, 1024},
        {"voluntary_ctxt_switches", COUNTER_VOLUNTARY_SWITCHES, 1},
        {"nonvoluntary_ctxt_switches", COUNTER_INVOLUNTARY_SWITCHES, 1},
    };
    static const struct counter_field io[] = {
        {"read_bytes", COUNTER_READ_BYTES, 1},
        {"write_bytes", COUNTER_WRITE_BYTES, 1},
    };
    if (process->id == 0)
        return;
    read_stat(c, process, now_ns);
    read_fields(c, process, now_ns, "status", status, sizeof status / sizeof *status);
    read_fields(c, process, now_ns, "io", io, sizeof io / sizeof *io);
}
