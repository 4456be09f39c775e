#include "capture/kernel_calls.h"

#include "base/clock.h"
#include "capture/schedule.h"

#include <bpf/bpf.h>
#include <sched.h>
#include <unistd.h>

#define REST_NS      UINT64_C(1000000000)
#define REST_MAX_NS  (64 * REST_NS)
#define TRY_NS       UINT64_C(50000000)
#define TRY_DELAY_NS UINT64_C(1000000)
#define BAD_MAX      0.125
#define WEIGHT       (1.0 / 64) /* of one instant */

enum {
    CALLS_MAX = 4, /* of one instant: each takes us some µs */
    LASTED = 8,    /* times as long as the last rest */
    LATE_MAX = 3   /* mean intervals: others have the free core, where the clocks would not wait for it */
};

static bool is_busy(const struct kernel_calls *calls, uint32_t core)
{
    return __atomic_load_n(&calls->cores[core & (WIRE_CORES - 1)].busy, __ATOMIC_RELAXED) != 0;
}

/* One was there, and had to go for us or for another program. */
static bool is_pushed(const struct kernel_calls *calls, uint32_t core)
{
    return __atomic_load_n(&calls->cores[core & (WIRE_CORES - 1)].pushed, __ATOMIC_RELAXED) != 0;
}

static bool is_anybody_there(const struct kernel_calls *calls)
{
    bool busy = false;
    for (uint32_t core = 0; core < calls->n_cores && !busy; core++)
        busy = is_busy(calls, core);
    return busy;
}

/* Out of the target's way: the scheduler alone puts us on its core whenever another of our threads has the free one. */
static void keep_away(const struct kernel_calls *calls)
{
    cpu_set_t set = calls->allowed;
    for (uint32_t core = 0; core < calls->n_cores && core < CPU_SETSIZE; core++) {
        if (is_busy(calls, core) || is_pushed(calls, core))
            CPU_CLR(core, &set);
    }
    if (CPU_COUNT(&set) > 0)
        schedule_unpin(&set);
}

void kernel_calls_end(struct kernel_calls *calls)
{
    if (calls->on || calls->tried_ns != 0)
        schedule_unpin(&calls->allowed);
    calls->on = false;
    calls->tried_ns = 0;
}

/* Longer each time, unless it went well for long: what comes late leaves a gap between samples. */
static void rest(struct kernel_calls *calls, uint64_t now_ns)
{
    bool lasted = calls->on && now_ns - calls->on_ns > LASTED * calls->rest_ns;
    uint64_t next_ns = calls->rest_ns == 0 || lasted ? REST_NS : 2 * calls->rest_ns;
    kernel_calls_end(calls);
    calls->rest_ns = next_ns < REST_MAX_NS ? next_ns : REST_MAX_NS;
    calls->resume_ns = now_ns + calls->rest_ns;
}

/* Where others have the free core too, we would come late; the clocks would not. */
static void try(struct kernel_calls *calls, uint64_t now_ns)
{
    if (calls->tried_ns == 0) {
        calls->tried_ns = now_ns;
        calls->delay_ns = schedule_delay_ns();
    } else if (schedule_delay_ns() - calls->delay_ns > TRY_DELAY_NS) {
        rest(calls, now_ns);
    } else if (now_ns >= calls->tried_ns + TRY_NS) {
        calls->on = true;
        calls->tried_ns = 0;
        calls->bad = 0;
        calls->on_ns = calls->made_ns = now_ns;
    }
}

void kernel_calls_choose(struct kernel_calls *calls, uint64_t now_ns)
{
    if (calls->program < 0)
        return;
    if (calls->on && calls->bad > BAD_MAX)
        rest(calls, now_ns);
    else if (calls->on && now_ns > calls->made_ns + REST_NS)
        kernel_calls_end(calls); /* nobody is there; where one comes, the program asks for a clock */
    else if (!calls->on && now_ns >= calls->resume_ns && is_anybody_there(calls))
        try(calls, now_ns);
    if (calls->on || calls->tried_ns != 0)
        keep_away(calls);
}

bool kernel_calls_one(const struct kernel_calls *calls, uint32_t core)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = core);
    return bpf_prog_test_run_opts(calls->program, &options) == 0;
}

bool kernel_calls_make(struct kernel_calls *calls, uint64_t late_periods)
{
    int here = sched_getcpu(), made = 0;
    bool pushed = here >= 0 && is_pushed(calls, (uint32_t)here);
    for (uint32_t core = 0; core < calls->n_cores; core++) {
        if (core != (uint32_t)here && is_busy(calls, core) && made++ < CALLS_MAX)
            kernel_calls_one(calls, core);
    }
    if (pushed)
        keep_away(calls);
    if (made > 0)
        calls->made_ns = clock_monotonic_ns();
    bool bad = late_periods > 0 || pushed || made > CALLS_MAX;
    calls->bad += WEIGHT * ((bad ? 1 : 0) - calls->bad);
    if (late_periods > LATE_MAX)
        calls->bad = 1;
    return !pushed;
}
