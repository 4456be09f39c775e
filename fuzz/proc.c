/*
 * The texts of /proc and of control groups. The first byte chooses the reader; what it reads is the rest, with an end
 * of its own. Those who read several files get them one behind the other, each ended by a byte 1.
 */
#include "capture/counters.h"
#include "capture/doctor.h"
#include "capture/kernel_noise.h"
#include "capture/quota.h"
#include "capture/target/proc_text.h"
#include "capture/trials/trial_run.h"
#include "capture/usage.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PID = 7, PATH_BYTES = 128, FILES_MAX = 6 };

static char root[] = "/tmp/keisoku-fuzz-XXXXXX";
static const char *const folders[] = {"/proc",
                                      "/proc/7",
                                      "/proc/sys",
                                      "/proc/sys/kernel",
                                      "/sys",
                                      "/sys/fs",
                                      "/sys/fs/cgroup",
                                      "/sys/fs/cgroup/a",
                                      "/sys/fs/cgroup/a/b",
                                      "/sys/fs/cgroup/cpu",
                                      "/sys/fs/cgroup/cpu/a"};
static const char *const quota_files[FILES_MAX] = {"/proc/7/cgroup",
                                                   "/sys/fs/cgroup/a/b/cpu.max",
                                                   "/sys/fs/cgroup/a/cpu.max",
                                                   "/sys/fs/cgroup/a/cpu.stat",
                                                   "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us",
                                                   "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us"};
static const char *const doctor_files[FILES_MAX] = {"/proc/7/status",
                                                    "/proc/7/stat",
                                                    "/proc/mounts",
                                                    "/proc/sys/kernel/osrelease",
                                                    "/proc/sys/kernel/perf_event_paranoid",
                                                    "/kallsyms"};

static const char *path_of(const char *name)
{
    static char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s%s", root, name);
    return path;
}

static void remove_all(void)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        unlink(path_of(quota_files[i]));
        unlink(path_of(doctor_files[i]));
    }
    for (size_t i = sizeof folders / sizeof folders[0]; i > 0; i--)
        rmdir(path_of(folders[i - 1]));
    rmdir(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    MUST(mkdtemp(root) != NULL);
    atexit(remove_all);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        MUST(mkdir(path_of(folders[i]), 0700) == 0);
    return 0;
}

static void put_files(const char *const files[FILES_MAX], const char *text)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        size_t length = strcspn(text, "\1");
        int fd = open(path_of(files[i]), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        MUST(fd >= 0 && write(fd, text, length) == (ssize_t)length);
        close(fd);
        text += length + (text[length] != '\0');
    }
}

static void read_thread(char *text)
{
    struct proc_schedstat schedstat;
    struct proc_syscall call;
    struct proc_stat stat;
    pid_t id;
    int status = 0;
    proc_text_schedstat(text, &schedstat);
    if (proc_text_stat(text, &stat))
        MUST(stat.state != '\0');
    MUST(proc_text_state(text) == '\0' || strchr(text, ')') != NULL);
    if (proc_text_syscall(text, &call))
        MUST(!call.running || (call.number == 0 && call.ip == 0));
    if (proc_text_ended(text, &status))
        MUST(status >= -1 && status <= 0xffff);
    proc_text_start_ticks(text, NULL);
    proc_text_start_ticks(text, &id);
    proc_text_tid(text, &id);
    bool nested;
    MUST(proc_text_inner_id(text, 5, &nested) > 0);
}

static void read_maps(char *text)
{
    size_t size = strlen(text);
    struct proc_maps maps = {0};
    MUST(proc_text_maps(text, &maps) == 0);
    for (size_t i = 0; i < maps.count; i++) {
        const struct proc_map *map = &maps.maps[i];
        MUST(map->start < map->end && map->path >= text && map->path + strlen(map->path) <= text + size);
    }
    proc_maps_release(&maps);
}

static void check_usage(const struct usage *usage)
{
    for (int i = 0; i < COUNTER_KIND_COUNT; i++)
        MUST(usage->known[i] ? usage->values[i] >= 0 : usage->values[i] == 0);
}

static void read_usage(char *text)
{
    void (*const readers[])(FILE *, struct usage *) = {usage_take_status, usage_take_io};
    struct usage usage = {0};
    struct trial trial = {0};
    usage_take_stat(text, 9, &usage);
    check_usage(&usage);
    for (int i = 0; i < 3 && text[0] != '\0'; i++) {
        FILE *file = fmemopen(text, strlen(text), "r");
        MUST(file != NULL);
        if (i < 2)
            readers[i](file, &usage);
        else
            trial_read_io(file, &trial);
        fclose(file);
    }
    check_usage(&usage);
    for (int i = 0; i < MEASURE_COUNT; i++)
        MUST(trial.values[i] >= 0);
}

static void read_core(char *text)
{
    unsigned core;
    int64_t busy_ns;
    counters_core_of(text, &core, &busy_ns);
}

static void read_quota(char *text)
{
    put_files(quota_files, text);
    MUST(quota_cores(root, PID) >= 0);
    quota_throttled_ns(root, PID);
}

static void read_machine(char *text)
{
    struct doctor_facts facts;
    struct kernel_noise noise;
    put_files(doctor_files, text);
    doctor_read(root, PID, PID, &facts);
    MUST(memchr(facts.self.cores, '\0', sizeof facts.self.cores) != NULL);
    unsigned others, shared = doctor_cores_shared(facts.self.cores, facts.self.cores, &others);
    MUST(others == 0 && shared <= 8192);
    kernel_noise_load(&noise, path_of("/kallsyms"));
    MUST(noise.count >= 0 && noise.count <= KERNEL_NOISE_RANGES);
    for (int i = 0; i < noise.count; i++)
        MUST(noise.ranges[i].start <= noise.ranges[i].end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(char *) = {read_thread, read_maps, read_usage, read_core, read_quota, read_machine};
    if (size < 1)
        return 0;
    char *text = malloc(size); /* its own, so that a byte behind it is seen */
    MUST(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    readers[data[0] % (sizeof readers / sizeof readers[0])](text);
    free(text);
    return 0;
}
