/*
 * How many cores the control groups around a process let it use: the smallest quota on the way from its own group to
 * the root, as each of them binds. Version 2 (cpu.max) and version 1 (cpu.cfs_quota_us), also beside each other.
 */
#ifndef KEISOKU_CAPTURE_QUOTA_H
#define KEISOKU_CAPTURE_QUOTA_H

#include <stdint.h>
#include <sys/types.h>

/* In cores; 0: no quota, or none that can be read. `root` is put before every path: "" but in tests. */
double quota_cores(const char *root, pid_t pid);
/* Nanoseconds for which a quota has kept such a group waiting since it was made: of those on the way with a quota, the
 * one that waited longest. Negative: no quota. `root` likewise. */
int64_t quota_throttled_ns(const char *root, pid_t pid);

#endif
