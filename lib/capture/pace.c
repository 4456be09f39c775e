#include "capture/pace.h"

#include "keisoku.h"

#include <math.h>
#include <string.h>

#define AIM          0.9   /* of the budget: a start, and what is done outside of sweeps, come on top */
#define REPAY_NS     3e9   /* an overdraft of the budget is repaid over that time */
#define KEPT         1.125 /* times what a sample takes is the shortest interval: in less the program might stand still */
#define SPREAD       0.25  /* of the intervals, to both sides of their mean */
#define SPREAD_LEAST 0.125 /* where no shorter ones can be */
#define MORE_MAX     1.1   /* beyond it something else is wrong */

enum {
    GOVERN_NS = 100 * 1000 * 1000,
    RATE_MIN_HZ = 20,
    INSTANTS_MIN_HZ = 1000,
    INSTANTS_MAX = 1 << 30,
    BACKLOG_CORE_NS = 500 * 1000, /* where instants follow each other faster than sweeps, none is ever late for it */
    BACKLOG_FREE_NS = 5 * 1000 * 1000, /* a tick of the scheduler, for which others have our core */
    BACKLOG_MAX_NS = 20 * 1000 * 1000,
    IDLE_PART = 4,
    AWAY_NS = 1000 * 1000 * 1000, /* the machine slept */
    PERIOD_LEAST_NS = 10000       /* that the kernel takes */
};

void pace_init(struct pace *pace, struct measurement *m, uint64_t now_ns)
{
    memset(pace, 0, sizeof *pace);
    pace->m = m;
    pace->rate_hz = m->options.rate_hz;
    pace->more = 1;
    pace->random = now_ns | 1;
    pace->govern_at_ns = now_ns;
}

static double uniform(struct pace *pace)
{
    pace->random ^= pace->random << 13;
    pace->random ^= pace->random >> 7;
    pace->random ^= pace->random << 17;
    return ((double)(pace->random >> 11) + 0.5) / 9007199254740992.0;
}

uint64_t pace_interval_ns(struct pace *pace)
{
    double mean = 1e9 / pace->rate_hz;
    double interval = -log(uniform(pace)) * mean;
    return (uint64_t)(interval < 20 * mean ? interval : 20 * mean);
}

static uint64_t backlog_ns(const struct pace *pace, bool free)
{
    double mean = 1e9 / pace->rate_hz, least = free ? BACKLOG_FREE_NS : BACKLOG_CORE_NS;
    return (uint64_t)(mean < least ? least : mean < BACKLOG_MAX_NS ? mean : BACKLOG_MAX_NS);
}

uint64_t pace_next_ns(struct pace *pace, uint64_t planned_ns, uint64_t woke_ns, uint64_t done_ns, enum pace_core core)
{
    bool flat_out = pace->rate_hz >= KEI_RATE_MAX; /* as fast as it goes: nothing is missed */
    bool free = core == PACE_CORE_OURS;
    uint64_t backlog = flat_out ? 0 : backlog_ns(pace, free), next_ns = planned_ns, planned = 0;
    do {
        next_ns += pace_interval_ns(pace);
        planned++;
    } while (next_ns + backlog <= done_ns && done_ns - next_ns < AWAY_NS && !flat_out);
    if (done_ns > next_ns && done_ns - next_ns > backlog)
        next_ns = done_ns;
    atomic_fetch_add_explicit(&pace->m->counts.planned, planned, memory_order_relaxed);
    uint64_t took = done_ns - woke_ns; /* by the clock: the machine may have stood still meanwhile */
    uint64_t rest = took < BACKLOG_MAX_NS ? took : BACKLOG_MAX_NS;
    if (core == PACE_CORE_IDLE && !flat_out)
        rest /= IDLE_PART;
    pace->earliest_ns = free ? done_ns : done_ns + rest;
    return next_ns;
}

static double shortest_ns(const struct pace *pace)
{
    double shortest = KEPT * pace->sample_ns;
    return shortest > PERIOD_LEAST_NS ? shortest : PERIOD_LEAST_NS;
}

double pace_mean_ns(const struct pace *pace)
{
    double mean = 1e9 / pace->rate_hz, least = (1 + SPREAD_LEAST) * shortest_ns(pace);
    return mean > least ? mean : least;
}

uint64_t pace_period_ns(struct pace *pace)
{
    double mean = pace_mean_ns(pace), room = mean / shortest_ns(pace) - 1, spread = room < SPREAD ? room : SPREAD;
    double draw = 1 - spread + 2 * spread * uniform(pace);
    double period = mean / draw / pace->more, least = shortest_ns(pace);
    return (uint64_t)(period > least ? period : least);
}

void pace_given(struct pace *pace, double due, double hits)
{
    double more = pace->more * (1 + due / (hits > 0 ? hits : due)) / 2;
    pace->more = more < 1 ? 1 : more > MORE_MAX ? MORE_MAX : more;
}

uint32_t pace_instants(struct pace *pace, double length_ns)
{
    double rate_hz = pace->rate_hz < INSTANTS_MIN_HZ ? INSTANTS_MIN_HZ : pace->rate_hz;
    double instants = length_ns * rate_hz / 1e9;
    if (!(instants < INSTANTS_MAX))
        return INSTANTS_MAX;
    uint32_t whole = (uint32_t)instants;
    return whole + (uniform(pace) < instants - whole ? 1 : 0);
}

void pace_resume(struct pace *pace, uint64_t now_ns)
{
    pace->govern_at_ns = now_ns;
}

/* Cores with a running thread of the target, on average since the last look; at least one. */
static double cores_in_use(struct pace *pace)
{
    const struct sampler_counts *counts = &pace->m->counts;
    uint64_t busy = atomic_load_explicit(&counts->busy_cores, memory_order_relaxed);
    uint64_t sweeps = atomic_load_explicit(&counts->sweeps, memory_order_relaxed);
    double cores =
        sweeps > pace->govern_sweeps ? (double)(busy - pace->govern_busy) / (double)(sweeps - pace->govern_sweeps) : 0;
    pace->govern_busy = busy;
    pace->govern_sweeps = sweeps;
    return cores > 1 ? cores : 1;
}

bool pace_is_due(const struct pace *pace, uint64_t now_ns)
{
    return now_ns >= pace->govern_at_ns + GOVERN_NS;
}

/* Lowers the rate when more than the budget is taken of the target's cores, and raises it again. What was taken too
 * much at first (a start is measured at the full rate) is made up for over the next seconds. */
void pace_govern(struct pace *pace, uint64_t now_ns)
{
    struct measurement *m = pace->m;
    uint64_t cpu = atomic_load_explicit(&m->counts.cpu_ns, memory_order_relaxed);
    uint64_t contested = atomic_load_explicit(&m->counts.contested_ns, memory_order_relaxed);
    uint64_t awake = atomic_load_explicit(&m->counts.awake_ns, memory_order_relaxed);
    double taken = 0, elapsed = (double)(now_ns - pace->govern_at_ns);
    if (awake > pace->govern_awake_ns)
        taken = (double)(cpu - pace->govern_cpu_ns) * (double)(contested - pace->govern_contested_ns) /
                (double)(awake - pace->govern_awake_ns);
    uint64_t interrupts = atomic_load_explicit(&m->counts.interrupt_ns, memory_order_relaxed);
    taken += (double)(interrupts - pace->govern_interrupt_ns);
    pace->govern_interrupt_ns = interrupts;
    double budget = AIM * m->options.budget * cores_in_use(pace); /* of each core that the target uses */
    pace->overdraft_ns += taken - budget * elapsed;
    if (pace->overdraft_ns < 0)
        pace->overdraft_ns = 0;
    if (!m->options.rate_asked && taken > 0) {
        double repay = pace->overdraft_ns / REPAY_NS, most = budget / 2;
        double allowed = elapsed * (budget - (repay < most ? repay : most));
        double fit = pace->rate_hz * allowed / taken;
        double smooth = (pace->rate_hz + fit) / 2;
        pace->rate_hz = smooth > m->options.rate_hz ? m->options.rate_hz : smooth < RATE_MIN_HZ ? RATE_MIN_HZ : smooth;
    }
    pace->govern_at_ns = now_ns;
    pace->govern_cpu_ns = cpu;
    pace->govern_contested_ns = contested;
    pace->govern_awake_ns = awake;
}
