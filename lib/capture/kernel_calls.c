#include "capture/kernel_calls.h"

#include <bpf/bpf.h>
#include <sched.h>
#include <unistd.h>

#define REST_NS UINT64_C(1000000000)
#define BAD_MAX 0.125
#define WEIGHT  (1.0 / 64) /* of one instant */

enum { CALLS_MAX = 4 }; /* of one instant: each takes us some µs */

bool kernel_calls_choose(struct kernel_calls *calls, uint64_t now_ns)
{
    if (calls->program < 0)
        return false;
    if (calls->on && calls->bad > BAD_MAX) {
        calls->on = false;
        calls->resume_ns = now_ns + REST_NS;
    } else if (!calls->on && now_ns >= calls->resume_ns) {
        calls->on = true;
        calls->bad = 0;
    }
    return calls->on;
}

bool kernel_calls_one(const struct kernel_calls *calls, uint32_t core)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = core);
    return bpf_prog_test_run_opts(calls->program, &options) == 0;
}

bool kernel_calls_make(struct kernel_calls *calls, bool late)
{
    int here = sched_getcpu(), made = 0;
    bool pushed = here >= 0 && __atomic_load_n(&calls->cores[here & (WIRE_CORES - 1)].pushed, __ATOMIC_RELAXED);
    for (uint32_t core = 0; core < calls->n_cores; core++) {
        if (core == (uint32_t)here || !__atomic_load_n(&calls->cores[core & (WIRE_CORES - 1)].busy, __ATOMIC_RELAXED))
            continue;
        if (made++ < CALLS_MAX)
            kernel_calls_one(calls, core);
    }
    bool bad = late || pushed || made > CALLS_MAX;
    calls->bad += WEIGHT * ((bad ? 1 : 0) - calls->bad);
    return !pushed;
}
