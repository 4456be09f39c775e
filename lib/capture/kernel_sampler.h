/*
 * The kernel sampler (bpf/sampler.bpf.c): loads its program, runs it on the kernel's clock of each core, and hands out
 * what it read of the watched threads; and where the scheduler takes one of them off its core to wait (Linux 5.18), so
 * that waits are told of with their beginnings and ends. Needs CAP_BPF and CAP_PERFMON (root), the kernel's type
 * information, Linux 5.17. The target is not touched; each sample costs it one interrupt, or a part of one switch.
 *
 * Use: new, which tries the program on the calling thread before it is trusted; start; watch and unwatch threads as
 * they are found and end (any thread may); drain often from one thread.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_SAMPLER_H
#define KEISOKU_CAPTURE_KERNEL_SAMPLER_H

#include "base/err.h"
#include "capture/kernel_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct kernel_sampler;

/* `natives`: samples come with what native frames are found by, which takes 16 MB more of the kernel's memory.
 * ERR_PERMISSION, ERR_NOT_SUPPORTED (this build or this kernel cannot, or the trial did not read what was there). */
int kernel_sampler_new(bool natives, struct kernel_sampler **result, struct err *err);
void kernel_sampler_free(struct kernel_sampler *sampler);
/* Each core where a watched thread runs is interrupted each `period_ns` from now on, at least 10 µs; to be said again
 * some times a second: cores that none was on for a while are left alone. KERNEL_NEVER_NS: none is, and no wait is told
 * of either. */
#define KERNEL_NEVER_NS (UINT64_C(1) << 60)
void kernel_sampler_period(struct kernel_sampler *sampler, uint64_t period_ns);
/* Waits are told of, of each thread one in so long on average where there are more; 0 (at first): none. False where
 * this kernel does not tell. */
bool kernel_sampler_waits(struct kernel_sampler *sampler, uint64_t interval_ns);
/* What a sample takes of the interrupted thread beyond the reading itself, as the trial measured it. */
double kernel_sampler_interrupt_ns(const struct kernel_sampler *sampler);
/* Says how thread `tid` is to be read. False when no more fit. */
bool kernel_sampler_watch(struct kernel_sampler *sampler, pid_t tid, const struct wire_thread *thread);
/* One is on that core already. Any thread may say so. */
void kernel_sampler_want_core(struct kernel_sampler *sampler, int core);
/* Does it know where they run? Else all cores are interrupted. */
bool kernel_sampler_knows_cores(const struct kernel_sampler *sampler);
void kernel_sampler_unwatch(struct kernel_sampler *sampler, pid_t tid);
/* The code object of that mark has a name by now. */
void kernel_sampler_know(struct kernel_sampler *sampler, uint32_t mark);
/* None has any more: each is told of again when it is met. */
void kernel_sampler_forget(struct kernel_sampler *sampler);
/* The operands of that instruction are wanted, once; the wish that was made WIRE_WANTED wishes before is dropped. */
void kernel_sampler_want(struct kernel_sampler *sampler, const struct wire_wanted *wanted);
/* Sleeps for so long, in milliseconds as they are full, or until a sample comes whose code has no name yet: true. */
bool kernel_sampler_wait(struct kernel_sampler *sampler, uint64_t length_ns);
/* Takes what is there by now. Returns how many samples the kernel dropped since the last call. */
uint64_t kernel_sampler_drain(struct kernel_sampler *sampler, const struct kernel_taker *taker);

#endif
