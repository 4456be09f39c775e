/*
 * The word in which the kernel keeps the core that a thread's own code last ran on. glibc (2.35 on) registers a
 * restartable-sequence area (rseq(2)) for each thread beside its pthread structure; the kernel brings `cpu_id` in it up
 * to date before any instruction of the thread runs on another core. It tells more than /proc does, for a fraction of
 * the price: a thread whose word names our core has run nothing of its own on another since it was last switched in.
 */
#ifndef KEISOKU_CAPTURE_CORE_WORD_H
#define KEISOKU_CAPTURE_CORE_WORD_H

#include "capture/target/proc.h"
#include "capture/target/remote.h"

/* Bytes from a thread's pthread structure to its area, as the process's loader has it. False where it registers none
 * (another C library or an older one, switched off), or on a machine where it lies elsewhere. */
bool core_word_offset(struct remote *remote, const struct proc_maps *maps, int64_t *offset);

/* Address of the word of the thread `tid` (as its own PID namespace shows it), whose pthread structure is said to be at
 * `pthread`; 0 unless that structure is the thread's. */
uint64_t core_word_address(struct remote *remote, int64_t offset, uint64_t pthread, pid_t tid);

#endif
