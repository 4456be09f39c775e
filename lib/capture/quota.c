#include "capture/quota.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Two numbers of a file, or one of each of two files; "max" is no number. 0: no quota. */
static double quota_at(const char *folder, bool unified)
{
    char path[2 * PATH_MAX];
    double quota = 0, period = 0;
    int found = 0;
    snprintf(path, sizeof path, "%s/%s", folder, unified ? "cpu.max" : "cpu.cfs_quota_us");
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    found = fscanf(file, "%lf %lf", &quota, &period);
    fclose(file);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!unified && found == 1 && (file = fopen(path, "re")) != NULL) {
        found += fscanf(file, "%lf", &period);
        fclose(file);
    }
    return found == 2 && quota > 0 && period > 0 ? quota / period : 0;
}

struct found {
    double cores;         /* the smallest quota; 0: none */
    bool wants_throttled; /* look for that too */
    int64_t throttled_ns; /* the longest */
};

/* cpu.stat has it under a name of either version. */
static int64_t throttled_at(const char *folder)
{
    char path[2 * PATH_MAX], line[128];
    long long ns = 0, us;
    snprintf(path, sizeof path, "%s/cpu.stat", folder);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "throttled_usec %lld", &us) == 1 && us >= 0 && us < INT64_MAX / 1000)
            ns = us * 1000;
        else
            (void)sscanf(line, "throttled_time %lld", &ns);
    }
    if (file != NULL)
        fclose(file);
    return ns;
}

/* From the group up to the mount itself. In a container the group's path may be the host's, of which only the last
 * folders, or none, are there: those that are not say nothing. */
static void look_along(const char *mount, const char *group, bool unified, struct found *found)
{
    char folder[PATH_MAX];
    if (strstr(group, "/..") != NULL || strcmp(group, "/") == 0) /* outside of the namespace, or the mount itself */
        group = "";
    if ((size_t)snprintf(folder, sizeof folder, "%s%s", mount, group) >= sizeof folder)
        return;
    for (size_t length = strlen(folder); length >= strlen(mount); length--) {
        if (folder[length] != '\0' && folder[length] != '/')
            continue;
        folder[length] = '\0';
        double quota = quota_at(folder, unified);
        if (quota > 0 && (found->cores == 0 || quota < found->cores))
            found->cores = quota;
        int64_t throttled = quota > 0 && found->wants_throttled ? throttled_at(folder) : 0;
        if (throttled > found->throttled_ns)
            found->throttled_ns = throttled;
    }
}

/* Of "cpu" in "cpu,cpuacct"? */
static bool names_cpu(const char *controllers)
{
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == '\0' || at[3] == ','))
            return true;
    }
    return false;
}

static void look(const char *root, pid_t pid, struct found *found)
{
    /* hybrid machines have version 2 beside version 1 */
    static const char *const unified[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char path[PATH_MAX], line[PATH_MAX + 256];
    snprintf(path, sizeof path, "%s/proc/%d/cgroup", root, (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *controllers++ = *group++ = '\0';
        bool second = controllers[0] == '\0';
        for (size_t i = 0; i < (second ? 2 : 1); i++) {
            snprintf(path, sizeof path, "%s%s", root, second ? unified[i] : "/sys/fs/cgroup/cpu");
            if (second || names_cpu(controllers))
                look_along(path, group, second, found);
        }
    }
    if (file != NULL)
        fclose(file);
}

double quota_cores(const char *root, pid_t pid)
{
    struct found found = {0};
    look(root, pid, &found);
    return found.cores;
}

int64_t quota_throttled_ns(const char *root, pid_t pid)
{
    struct found found = {.wants_throttled = true};
    look(root, pid, &found);
    return found.cores > 0 ? found.throttled_ns : -1;
}
