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

/* The smallest from the group up to the mount itself. In a container the group's path may be the host's, of which only
 * the last folders, or none, are there: those that are not say nothing. */
static double quota_along(const char *mount, const char *group, bool unified)
{
    char folder[PATH_MAX];
    double least = 0;
    if (strstr(group, "/..") != NULL) /* outside of the namespace */
        group = "";
    if ((size_t)snprintf(folder, sizeof folder, "%s%s", mount, group) >= sizeof folder)
        return 0;
    for (size_t length = strlen(folder); length >= strlen(mount); length--) {
        if (folder[length] != '\0' && folder[length] != '/')
            continue;
        folder[length] = '\0';
        double quota = quota_at(folder, unified);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
    }
    return least;
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

double quota_cores(const char *root, pid_t pid)
{
    /* hybrid machines have version 2 beside version 1 */
    static const char *const unified[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char path[PATH_MAX], line[PATH_MAX + 256];
    double least = 0;
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
            double quota = second || names_cpu(controllers) ? quota_along(path, group, second) : 0;
            if (quota > 0 && (least == 0 || quota < least))
                least = quota;
        }
    }
    if (file != NULL)
        fclose(file);
    return least;
}
