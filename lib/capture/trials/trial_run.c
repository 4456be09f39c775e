#include "capture/trials/trial_run.h"

#include "base/clock.h"
#include "capture/launch.h"
#include "capture/trials/trial_counters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec * 1e-6;
}

static const struct {
    const char *key;
    enum measure measure;
} io_keys[] = {{"rchar", MEASURE_READ_BYTES},     {"wchar", MEASURE_WRITTEN_BYTES},
               {"syscr", MEASURE_READ_CALLS},     {"syscw", MEASURE_WRITE_CALLS},
               {"read_bytes", MEASURE_DISK_READ}, {"write_bytes", MEASURE_DISK_WRITTEN}};

void trial_read_io(FILE *file, struct trial *trial)
{
    char key[32];
    unsigned long long value;
    while (fscanf(file, "%31[^:]: %llu\n", key, &value) == 2) {
        for (size_t i = 0; i < sizeof io_keys / sizeof io_keys[0]; i++) {
            if (strcmp(key, io_keys[i].key) != 0)
                continue;
            trial->values[io_keys[i].measure] = (double)value;
            trial->status[io_keys[i].measure] = MEASURE_KNOWN;
        }
    }
    if (trial->values[MEASURE_READ_CALLS] >= 1 && trial->values[MEASURE_READ_BYTES] >= 1) {
        trial->values[MEASURE_READ_CALLS] -= 1; /* the byte that opened its gate */
        trial->values[MEASURE_READ_BYTES] -= 1;
    }
}

/* The first process's own file, which has what its children used that it waited for. Read while nobody has waited for
 * the process itself. */
static void take_io(pid_t pid, struct trial *trial)
{
    char path[64];
    enum measure_status none = MEASURE_NOT_SUPPORTED;
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL && (errno == EACCES || errno == EPERM))
        none = MEASURE_NOT_PERMITTED;
    for (size_t i = 0; i < sizeof io_keys / sizeof io_keys[0]; i++)
        trial->status[io_keys[i].measure] = (uint8_t)none;
    if (file == NULL)
        return;
    trial_read_io(file, trial);
    fclose(file);
}

static void take_usage(const struct rusage *usage, double wall, struct trial *trial)
{
    double *values = trial->values;
    values[MEASURE_WALL] = wall;
    values[MEASURE_USER] = seconds(&usage->ru_utime);
    values[MEASURE_SYSTEM] = seconds(&usage->ru_stime);
    values[MEASURE_CPU] = values[MEASURE_USER] + values[MEASURE_SYSTEM];
    values[MEASURE_CORES] = wall > 0 ? values[MEASURE_CPU] / wall : 0;
    values[MEASURE_PEAK] = (double)usage->ru_maxrss * 1024;
    values[MEASURE_MINOR_FAULTS] = (double)usage->ru_minflt;
    values[MEASURE_MAJOR_FAULTS] = (double)usage->ru_majflt;
    values[MEASURE_VOLUNTARY] = (double)usage->ru_nvcsw;
    values[MEASURE_INVOLUNTARY] = (double)usage->ru_nivcsw;
    values[MEASURE_BLOCKS_IN] = (double)usage->ru_inblock;
    values[MEASURE_BLOCKS_OUT] = (double)usage->ru_oublock;
}

/* Its end, seen before its number can become another's. */
static uint64_t await(pid_t pid)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        continue;
    return clock_monotonic_ns();
}

int trial_run(const struct program *program, const int streams[3], const struct kei_watch *watch, struct trial *trial,
              struct err *err)
{
    struct launch launch;
    struct trial_counters counters;
    struct rusage usage = {0};
    struct rlimit descriptors;
    *trial = (struct trial){0};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    int rc = launch_prepare_streams(program, &descriptors, streams, &launch, err);
    if (rc != 0)
        return rc;
    trial_counters_open(&counters, launch.pid);
    if (watch != NULL && watch->started != NULL)
        watch->started(watch->context, launch.pid, launch.born_ns);
    uint64_t start_ns = clock_monotonic_ns(), end_ns = start_ns;
    rc = launch_release(&launch, program, err);
    if (rc == 0) {
        end_ns = await(launch.pid);
        take_io(launch.pid, trial);
    }
    trial_counters_close(&counters, trial);
    if (watch != NULL && watch->ended != NULL)
        watch->ended(watch->context, launch.pid);
    if (rc != 0)
        return rc;
    while (wait4(launch.pid, &trial->wait_status, 0, &usage) < 0 && errno == EINTR)
        continue;
    take_usage(&usage, (double)(end_ns - start_ns) * 1e-9, trial);
    return 0;
}
