#include "capture/usage.h"
#include "capture/quota.h"
#include "capture/target/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct field {
    const char *label;
    enum counter_kind kind;
    int64_t unit;
};

static const struct field status_fields[] = {
    {"VmRSS", COUNTER_RSS, 1024},
    {"VmHWM", COUNTER_PEAK_RSS, 1024},
    {"voluntary_ctxt_switches", COUNTER_VOLUNTARY_SWITCHES, 1},
    {"nonvoluntary_ctxt_switches", COUNTER_INVOLUNTARY_SWITCHES, 1},
};
enum { MEMORY_FIELDS = 2 }; /* the first ones; the others are a thread's own */
static const struct field io_fields[] = {
    {"read_bytes", COUNTER_READ_BYTES, 1},
    {"write_bytes", COUNTER_WRITE_BYTES, 1},
    {"rchar", COUNTER_READ_CALLS, 1},
    {"wchar", COUNTER_WRITE_CALLS, 1},
};

/* One that is too large to be true stays unknown. */
static void set(struct usage *usage, enum counter_kind kind, int64_t value, int64_t unit)
{
    int64_t whole;
    if (value < 0 || __builtin_mul_overflow(value, unit, &whole))
        return;
    usage->values[kind] = whole;
    usage->known[kind] = true;
}

/* "label: value" lines. */
static void take_fields(FILE *file, const struct field *fields, size_t n_fields, struct usage *usage)
{
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        for (size_t i = 0; i < n_fields; i++) {
            size_t length = strlen(fields[i].label);
            if (strncmp(line, fields[i].label, length) == 0 && line[length] == ':')
                set(usage, fields[i].kind, strtoll(line + length + 1, NULL, 10), fields[i].unit);
        }
    }
}

void usage_take_status(FILE *file, struct usage *usage)
{
    take_fields(file, status_fields, sizeof status_fields / sizeof *status_fields, usage);
}

static void take_memory(FILE *file, struct usage *usage)
{
    take_fields(file, status_fields, MEMORY_FIELDS, usage);
}

void usage_take_io(FILE *file, struct usage *usage)
{
    take_fields(file, io_fields, sizeof io_fields / sizeof *io_fields, usage);
}

bool usage_take_stat(const char *text, uint64_t start_ticks, struct usage *usage)
{
    const char *name_end = strrchr(text, ')'); /* the name may hold anything */
    unsigned long long minor, major, user, system, start;
    if (name_end == NULL || sscanf(name_end + 1,
                                   " %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu %*u %llu %llu %*d %*d %*d %*d %*d %*d "
                                   "%llu",
                                   &minor, &major, &user, &system, &start) != 5)
        return false;
    const int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
    set(usage, COUNTER_MINOR_FAULTS, (int64_t)minor, 1);
    set(usage, COUNTER_MAJOR_FAULTS, (int64_t)major, 1);
    set(usage, COUNTER_USER_TIME, (int64_t)user, tick_ns);
    set(usage, COUNTER_SYSTEM_TIME, (int64_t)system, tick_ns);
    return start == start_ticks;
}

static bool take_file(const char *path, void (*take)(FILE *file, struct usage *usage), struct usage *usage)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    take(file, usage);
    fclose(file);
    return true;
}

static bool read_stat(pid_t pid, uint64_t start_ticks, struct usage *usage)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[size] = '\0';
    return usage_take_stat(text, start_ticks, usage);
}

bool usage_read(pid_t pid, uint64_t start_ticks, bool quota, struct usage *usage)
{
    char path[64];
    memset(usage, 0, sizeof *usage);
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    take_file(path, usage_take_status, usage);
    if (!usage->known[COUNTER_RSS]) { /* its first thread has ended, perhaps without the others */
        proc_path(pid, "status", path, sizeof path);
        take_file(path, take_memory, usage);
    }
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    take_file(path, usage_take_io, usage);
    int64_t throttled_ns = quota ? quota_throttled_ns("", pid) : -1;
    if (throttled_ns >= 0)
        set(usage, COUNTER_THROTTLED, throttled_ns, 1);
    return read_stat(pid, start_ticks, usage); /* last: if the process is still the one, so it was before */
}

bool usage_thread_switches(pid_t pid, pid_t tid, int64_t switches[2])
{
    char path[64];
    struct usage usage = {0};
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    if (!take_file(path, usage_take_status, &usage) || !usage.known[COUNTER_INVOLUNTARY_SWITCHES])
        return false;
    switches[0] = usage.values[COUNTER_VOLUNTARY_SWITCHES];
    switches[1] = usage.values[COUNTER_INVOLUNTARY_SWITCHES];
    return true;
}
