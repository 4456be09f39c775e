/* What files below /proc and /sys say; every number is -1 where its file is not there. */
#include "capture/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 16384, PATH_BYTES = 4096 };

/* The file below `root`, zero-terminated and cut at the size of `text`; false when it cannot be read. */
static bool read_text(const char *root, const char *path, char text[TEXT_BYTES])
{
    char whole[PATH_BYTES];
    size_t size = 0;
    int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    int fd = length > 0 && (size_t)length < sizeof whole ? open(whole, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    while (size < TEXT_BYTES - 1) {
        ssize_t got = read(fd, text + size, TEXT_BYTES - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    text[size] = '\0';
    close(fd);
    return true;
}

static int read_number(const char *root, const char *path)
{
    char text[TEXT_BYTES], *end;
    if (!read_text(root, path, text))
        return -1;
    long value = strtol(text, &end, 10);
    return end == text || value < -1 || value > 1000 ? -1 : value < 0 ? 0 : (int)value;
}

static bool exists(const char *root, const char *path)
{
    char whole[PATH_BYTES];
    int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    return length > 0 && (size_t)length < sizeof whole && access(whole, F_OK) == 0;
}

/* The text behind "Name:" and its blanks in a status file, or NULL. */
static const char *status_value(const char *status, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = status; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

/* Field 41 of /proc/PID/stat: the scheduling policy (1 FIFO, 2 round robin, 6 deadline run before everybody else). */
static bool is_real_time(const char *root, const char *directory)
{
    char text[TEXT_BYTES], path[64];
    snprintf(path, sizeof path, "%s/stat", directory);
    char *at = read_text(root, path, text) ? strrchr(text, ')') : NULL;
    for (int field = 2; at != NULL && field < 41; field++)
        at = strchr(at + 1, ' ');
    long policy = at != NULL ? strtol(at, NULL, 10) : 0;
    return policy == 1 || policy == 2 || policy == 6;
}

static void read_process(const char *root, pid_t pid, struct doctor_process *process)
{
    char text[TEXT_BYTES], directory[32], path[64];
    const char *value;
    *process = (struct doctor_process){.seccomp = -1};
    snprintf(directory, sizeof directory, "/proc/%d", (int)pid);
    snprintf(path, sizeof path, "%s/status", directory);
    if (!read_text(root, path, text))
        return;
    process->found = true;
    unsigned real = 0, effective = 0;
    if ((value = status_value(text, "Uid")) != NULL && sscanf(value, "%u %u", &real, &effective) == 2)
        process->uid = effective;
    if ((value = status_value(text, "CapEff")) != NULL)
        process->capabilities = strtoull(value, NULL, 16);
    if ((value = status_value(text, "Seccomp")) != NULL)
        process->seccomp = (int)strtol(value, NULL, 10);
    if ((value = status_value(text, "Cpus_allowed_list")) != NULL)
        snprintf(process->cores, sizeof process->cores, "%.*s", (int)strcspn(value, "\n"), value);
    process->real_time = is_real_time(root, directory);
}

/* proc mounted with hidepid=1, 2, invisible or noaccess hides processes of others. */
static bool hides_processes(const char *root)
{
    char text[TEXT_BYTES];
    if (!read_text(root, "/proc/mounts", text))
        return false;
    for (char *line = text; line != NULL && *line != '\0';) {
        char *next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        const char *option = strstr(line, " /proc proc ") != NULL ? strstr(line, "hidepid=") : NULL;
        if (option != NULL && strncmp(option + 8, "0", 1) != 0 && strncmp(option + 8, "off", 3) != 0)
            return true;
        line = next;
    }
    return false;
}

void doctor_read(const char *root, pid_t self_pid, pid_t pid, struct doctor_facts *facts)
{
    char text[TEXT_BYTES];
    *facts = (struct doctor_facts){.pid = pid};
    read_process(root, self_pid, &facts->self);
    if (pid > 0)
        read_process(root, pid, &facts->target);
    facts->ptrace_scope = read_number(root, "/proc/sys/kernel/yama/ptrace_scope");
    facts->perf_paranoid = read_number(root, "/proc/sys/kernel/perf_event_paranoid");
    facts->hidepid = hides_processes(root);
    facts->container = exists(root, "/.dockerenv") || exists(root, "/run/.containerenv") ||
                       exists(root, "/var/run/secrets/kubernetes.io");
    facts->pmu = exists(root, "/sys/bus/event_source/devices/cpu") ||
                 exists(root, "/sys/bus/event_source/devices/cpu_core") ||
                 exists(root, "/sys/bus/event_source/devices/armv8_pmuv3_0");
    if (!read_text(root, "/proc/sys/kernel/osrelease", text) ||
        sscanf(text, "%d.%d", &facts->kernel_major, &facts->kernel_minor) != 2)
        facts->kernel_major = facts->kernel_minor = 0;
}

/* ---- lists of cores ------------------------------------------------------------------------------------------------
 */

enum { CORES_MAX = 8192 };

static void mark_cores(const char *list, unsigned char cores[CORES_MAX], unsigned char bit)
{
    char *end;
    for (const char *at = list; *at >= '0' && *at <= '9';) {
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long core = first; core <= last && core < CORES_MAX; core++)
            cores[core] |= bit;
        at = *end == ',' ? end + 1 : "";
    }
}

unsigned doctor_cores_shared(const char *a, const char *b, unsigned *only_b)
{
    unsigned char cores[CORES_MAX] = {0};
    unsigned shared = 0, others = 0;
    mark_cores(a, cores, 1);
    mark_cores(b, cores, 2);
    for (size_t i = 0; i < CORES_MAX; i++) {
        shared += cores[i] == 3;
        others += cores[i] == 2;
    }
    if (only_b != NULL)
        *only_b = others;
    return shared;
}
