/*
 * What /proc says of a process or thread, read without allocation where it is on the timed path. Files of a thread are
 * kept open (struct proc_thread): a pread on a kept descriptor costs a third of an open.
 */
#ifndef KEISOKU_CAPTURE_PROC_H
#define KEISOKU_CAPTURE_PROC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_thread {
    int schedstat_fd, stat_fd, syscall_fd; /* -1: not open */
};

struct proc_schedstat {
    uint64_t run_ns, delay_ns, switches; /* on the CPU; runnable without one; times it was switched in */
};

struct proc_stat {
    char state;    /* R S D T t Z X I */
    int processor; /* core it runs or last ran on */
};

struct proc_syscall {
    bool running;   /* the kernel says "running": nothing else is known */
    int64_t number; /* -1: blocked outside a system call (a page fault) */
    uint64_t args[6];
    uint64_t stack, ip; /* pointers in user space; 0: not told */
};

bool proc_thread_open(struct proc_thread *thread, pid_t pid, pid_t tid);
void proc_thread_close(struct proc_thread *thread);
/* False when the thread is gone or the file is not permitted. */
bool proc_thread_schedstat(const struct proc_thread *thread, struct proc_schedstat *result);
bool proc_thread_stat(const struct proc_thread *thread, struct proc_stat *result);
bool proc_thread_syscall(const struct proc_thread *thread, struct proc_syscall *result);
/* The same, of a thread that is looked at only once. */
bool proc_syscall_once(pid_t pid, pid_t tid, struct proc_syscall *result);
/* All CPU time of the process's threads, as their schedstat has it: the same at two readings, none of them has run. */
bool proc_cpu_clock_ns(pid_t pid, uint64_t *ns);

/* One line of /proc/PID/maps. */
struct proc_map {
    uint64_t start, end, offset;
    uint64_t inode;
    uint32_t device_major, device_minor;
    bool readable, writable, executable;
    const char *path; /* "" for anonymous; " (deleted)" is kept */
};
struct proc_maps {
    struct proc_map *maps;
    size_t count;
    char *text;
};
int proc_maps_read(pid_t pid, struct proc_maps *result, struct err *err);
void proc_maps_release(struct proc_maps *maps);

/* Thread ids of a process into *tids (grown with mem_grow); returns their number or a negative code. */
int proc_threads(pid_t pid, pid_t **tids, size_t *capacity);
/* Start time in clock ticks since boot: with the pid it names a process for good. 0 when gone. */
uint64_t proc_start_ticks(pid_t pid, pid_t *parent);
/* The present time on that clock. */
uint64_t proc_now_ticks(void);
/* Has the thread ended? A process's first thread then stays, without memory, files and folders, until all have. */
bool proc_thread_ended(pid_t pid, pid_t tid);
/* A thread of the process that has them: the first one, else the oldest that lives; `pid` where none does. */
pid_t proc_living_thread(pid_t pid);
/* Path of what /proc has of the process ("maps", "exe"), by way of that thread. */
void proc_path(pid_t pid, const char *name, char *path, size_t size);
/* Has the process ended: gone, or a zombie with no thread left? The wait status as waitpid(2) gives it is known while
 * its parent has not collected it, else -1. */
bool proc_ended(pid_t pid, int *wait_status);
/* comm of a thread (at most 16 bytes with the zero); false when gone. */
bool proc_comm(pid_t pid, pid_t tid, char comm[16]);
/* /proc/PID/cmdline, arguments joined by NUL; length or negative code. */
ssize_t proc_cmdline(pid_t pid, char *text, size_t size);
/* A variable of the environment that the program was started with, cut to `size`; false when it has none of that name,
 * or that is not permitted. */
bool proc_environment(pid_t pid, const char *name, char *value, size_t size);
/* /proc/PID/auxv: addresses that the kernel draws anew for each program that a process becomes by exec. Length; 0:
 * gone.
 */
size_t proc_auxv(pid_t pid, char *bytes, size_t size);
/* readlink of /proc/PID/exe; false when not permitted. */
bool proc_exe(pid_t pid, char *path, size_t size);
/* Its working directory, as it sees it itself: below a root of its own (chroot). */
bool proc_directory(pid_t pid, char *path, size_t size);

#endif
