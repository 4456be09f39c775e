/*
 * How many cores the control groups around a process let it use: the smallest quota on the way from its own group to
 * the root, as each of them binds. Version 2 (cpu.max) and version 1 (cpu.cfs_quota_us), also beside each other.
 */
#ifndef KEISOKU_CAPTURE_QUOTA_H
#define KEISOKU_CAPTURE_QUOTA_H

#include <sys/types.h>

/* In cores; 0: no quota, or none that can be read. `root` is put before every path: "" but in tests. */
double quota_cores(const char *root, pid_t pid);

#endif
