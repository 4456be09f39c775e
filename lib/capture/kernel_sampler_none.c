/* In place of kernel_sampler.c where the build found no clang, bpftool or libbpf. */
#include "capture/kernel_sampler.h"

int kernel_sampler_new(bool natives, struct kernel_sampler **result, struct err *err)
{
    (void)natives;
    *result = NULL;
    return err_set(err, ERR_NOT_SUPPORTED,
                   "this keisoku was built without it; build again where clang, bpftool and libbpf are");
}

void kernel_sampler_free(struct kernel_sampler *sampler)
{
    (void)sampler;
}

void kernel_sampler_period(struct kernel_sampler *sampler, uint64_t period_ns)
{
    (void)sampler;
    (void)period_ns;
}

bool kernel_sampler_waits(struct kernel_sampler *sampler, uint64_t interval_ns)
{
    (void)sampler;
    (void)interval_ns;
    return false;
}

double kernel_sampler_interrupt_ns(const struct kernel_sampler *sampler)
{
    (void)sampler;
    return 0;
}

bool kernel_sampler_watch(struct kernel_sampler *sampler, pid_t tid, const struct wire_thread *thread)
{
    (void)sampler;
    (void)tid;
    (void)thread;
    return false;
}

void kernel_sampler_want_core(struct kernel_sampler *sampler, int core)
{
    (void)sampler;
    (void)core;
}

bool kernel_sampler_knows_cores(const struct kernel_sampler *sampler)
{
    (void)sampler;
    return false;
}

void kernel_sampler_unwatch(struct kernel_sampler *sampler, pid_t tid)
{
    (void)sampler;
    (void)tid;
}

void kernel_sampler_know(struct kernel_sampler *sampler, uint32_t mark)
{
    (void)sampler;
    (void)mark;
}

void kernel_sampler_forget(struct kernel_sampler *sampler)
{
    (void)sampler;
}

void kernel_sampler_want(struct kernel_sampler *sampler, const struct wire_wanted *wanted)
{
    (void)sampler;
    (void)wanted;
}

bool kernel_sampler_wait(struct kernel_sampler *sampler, uint64_t length_ns)
{
    (void)sampler;
    (void)length_ns;
    return false;
}

uint64_t kernel_sampler_drain(struct kernel_sampler *sampler, const struct kernel_taker *taker)
{
    (void)sampler;
    (void)taker;
    return 0;
}
