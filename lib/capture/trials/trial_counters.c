#include "capture/trials/trial_counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

struct counter_row {
    enum measure measure;
    uint32_t type;
    uint64_t config;
    double factor; /* of the kernel's number */
};

static const struct counter_row rows[] = {
    {MEASURE_TASK_CLOCK, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, 1e-9},
    {MEASURE_FAULTS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 1},
    {MEASURE_SWITCHES, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, 1},
    {MEASURE_MIGRATIONS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, 1},
    {MEASURE_CYCLES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, 1},
    {MEASURE_INSTRUCTIONS, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, 1},
    {MEASURE_BRANCHES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 1},
    {MEASURE_BRANCH_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, 1},
    {MEASURE_CACHE_REFERENCES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES, 1},
    {MEASURE_CACHE_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, 1},
    {MEASURE_STALLED_FRONT, PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1},
    {MEASURE_STALLED_BACK, PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static int open_counter(const struct counter_row *row, pid_t pid, bool user_only)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = row->type,
        .config = row->config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .disabled = 1,
        .inherit = 1,
        .enable_on_exec = 1,
        .exclude_hv = 1,
        .exclude_kernel = user_only,
    };
    return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void trial_counters_open(struct trial_counters *counters, pid_t pid)
{
    for (int i = 0; i < MEASURE_COUNT; i++)
        counters->fds[i] = -1;
    for (size_t i = 0; i < N_ROWS; i++) {
        enum measure measure = rows[i].measure;
        int fd = open_counter(&rows[i], pid, false);
        counters->user_only[measure] = false;
        /* Switches and migrations happen in the kernel: without it their counters stay at zero, which would be a lie.
         */
        if (fd < 0 && (errno == EACCES || errno == EPERM) && rows[i].type == PERF_TYPE_HARDWARE) {
            fd = open_counter(&rows[i], pid, true);
            counters->user_only[measure] = fd >= 0;
        }
        counters->fds[measure] = fd;
        if (fd >= 0)
            counters->status[measure] = MEASURE_KNOWN;
        else
            counters->status[measure] =
                errno == EACCES || errno == EPERM ? MEASURE_NOT_PERMITTED : MEASURE_NOT_SUPPORTED;
    }
}

bool trial_counter_scale(uint64_t value, uint64_t enabled, uint64_t running, double *scaled, double *counted)
{
    *counted = enabled == 0 ? 1 : (double)running / (double)enabled;
    *scaled = (double)value;
    if (running == 0)
        return enabled == 0;
    if (running < enabled)
        *scaled = (double)value * ((double)enabled / (double)running);
    return true;
}

void trial_counters_close(struct trial_counters *counters, struct trial *trial)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        enum measure measure = rows[i].measure;
        uint64_t numbers[3]; /* value, enabled, running */
        trial->status[measure] = counters->status[measure];
        trial->user_only[measure] = counters->user_only[measure];
        if (counters->fds[measure] < 0)
            continue;
        if (read(counters->fds[measure], numbers, sizeof numbers) != (ssize_t)sizeof numbers ||
            !trial_counter_scale(numbers[0], numbers[1], numbers[2], &trial->values[measure], &trial->counted[measure]))
            trial->status[measure] = MEASURE_NOT_COUNTED;
        trial->values[measure] *= rows[i].factor;
        close(counters->fds[measure]);
        counters->fds[measure] = -1;
    }
}
