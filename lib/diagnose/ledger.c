/* See ledger.h. Called once by diagnose(); fails only when memory is short. */
#include "diagnose/ledger.h"

#include <math.h>
#include <string.h>

static const double z95 = 1.959964;

void wilson(double share, double ticks, double *low, double *high)
{
    if (!(ticks > 0)) {
        *low = 0;
        *high = 1;
        return;
    }
    double z2 = z95 * z95;
    double centre = (share + z2 / (2 * ticks)) / (1 + z2 / ticks);
    double half = z95 * sqrt(share * (1 - share) / ticks + z2 / (4 * ticks * ticks)) / (1 + z2 / ticks);
    *low = share <= 0 ? 0 : fmax(0, centre - half);
    *high = share >= 1 ? 1 : fmin(1, centre + half);
}

struct strata strata_of(const double ns[STATE_COUNT], const double ticks[STATE_COUNT])
{
    struct strata strata = {0};
    for (int state = 0; state < STATE_COUNT; state++) {
        if (state == STATE_RUNNABLE) {
            strata.exact_ns += ns[state];
        } else if (state_on_cpu(state)) {
            strata.on_ns += ns[state];
            strata.on_ticks += ticks[state];
        } else {
            strata.off_ns += ns[state];
            strata.off_ticks += ticks[state];
        }
    }
    return strata;
}

/* How far a part's interval reaches below and above its estimate, in shares of `total`. */
static void reach(double part_ns, double stratum_ns, double ticks, double total_ns, double *below, double *above)
{
    *below = *above = 0;
    if (!(stratum_ns > 0))
        return;
    double share = fmin(1, part_ns / stratum_ns), low, high;
    wilson(share, ticks, &low, &high);
    *below = (share - low) * stratum_ns / total_ns;
    *above = (high - share) * stratum_ns / total_ns;
}

struct share share_of(const struct strata *strata, double on_ns, double off_ns, double exact_ns)
{
    double total = strata->on_ns + strata->off_ns + strata->exact_ns;
    if (!(total > 0))
        return (struct share){0};
    struct share share = {.share = (on_ns + off_ns + exact_ns) / total};
    double on_below = 0, on_above = 0, off_below = 0, off_above = 0;
    if (on_ns > 0)
        reach(on_ns, strata->on_ns, strata->on_ticks, total, &on_below, &on_above);
    if (off_ns > 0)
        reach(off_ns, strata->off_ns, strata->off_ticks, total, &off_below, &off_above);
    share.low = fmax(0, share.share - hypot(on_below, off_below));
    share.high = fmin(1, share.share + hypot(on_above, off_above));
    return share;
}

/* Shares become multiples of 2^-40, which add without rounding, and the largest takes what is missing to 1. */
static void close_sum(struct share shares[STATE_COUNT])
{
    static const double unit = 0x1p-40;
    int largest = 0;
    double others = 0;
    for (int i = 1; i < STATE_COUNT; i++) {
        if (shares[i].share > shares[largest].share)
            largest = i;
    }
    if (!(shares[largest].share > 0))
        return;
    for (int i = 0; i < STATE_COUNT; i++) {
        shares[i].share = nearbyint(shares[i].share / unit) * unit;
        others += i == largest ? 0 : shares[i].share;
    }
    shares[largest].share = 1 - others;
    for (int i = 0; i < STATE_COUNT; i++) {
        shares[i].low = fmin(shares[i].low, shares[i].share);
        shares[i].high = fmax(shares[i].high, shares[i].share);
    }
}

/* One state: a never-seen one keeps the upper bound that its ticks leave open. */
static struct share state_share(const struct strata *strata, enum state state, double ns)
{
    if (state == STATE_RUNNABLE)
        return share_of(strata, 0, 0, ns);
    struct share share = state_on_cpu(state) ? share_of(strata, ns, 0, 0) : share_of(strata, 0, ns, 0);
    double total = strata->on_ns + strata->off_ns + strata->exact_ns, below, above;
    if (ns > 0 || !(total > 0))
        return share;
    if (state_on_cpu(state))
        reach(0, strata->on_ns, strata->on_ticks, total, &below, &above);
    else
        reach(0, strata->off_ns, strata->off_ticks, total, &below, &above);
    share.high = above;
    return share;
}

void ledger_fill(const double ns[STATE_COUNT], const double ticks[STATE_COUNT], struct share shares[STATE_COUNT])
{
    struct strata strata = strata_of(ns, ticks);
    for (int state = 0; state < STATE_COUNT; state++)
        shares[state] = state_share(&strata, (enum state)state, ns[state]);
    close_sum(shares);
}

struct thread_sums {
    double ns[STATE_COUNT], cpu_ns[STATE_COUNT], ticks[STATE_COUNT];
    size_t first, last; /* of its samples */
    bool any;
};

static int fill_threads(const struct profile *profile, const struct thread_sums *sums, struct diagnosis *diagnosis)
{
    size_t n = 0;
    for (size_t i = 1; i < profile->n_threads; i++)
        n += sums[i].any;
    diagnosis->threads = mem_zalloc(n > 0 ? n : 1, sizeof *diagnosis->threads);
    if (diagnosis->threads == NULL)
        return ERR_NOMEM;
    for (size_t i = 1; i < profile->n_threads; i++) {
        if (!sums[i].any)
            continue;
        struct thread_ledger *ledger = &diagnosis->threads[diagnosis->n_threads++];
        ledger->thread = (uint32_t)i;
        ledger_fill(sums[i].ns, sums[i].ticks, ledger->wall);
        ledger_fill(sums[i].cpu_ns, sums[i].ticks, ledger->cpu);
        for (int state = 0; state < STATE_COUNT; state++) {
            ledger->wall_ns += sums[i].ns[state];
            ledger->cpu_ns += sums[i].cpu_ns[state];
        }
        struct strata strata = strata_of(sums[i].ns, sums[i].ticks);
        if (sums[i].ns[STATE_GIL_WAIT] > 0 &&
            holders_fill(profile, sums[i].first, sums[i].last + 1, &strata, ledger) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

static int make_threads(const struct profile *profile, struct diagnosis *diagnosis)
{
    const struct profile_samples *samples = &profile->samples;
    struct thread_sums *sums = mem_zalloc(profile->n_threads + 1, sizeof *sums);
    if (sums == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < samples->count; i++) {
        uint32_t thread = samples->thread[i];
        uint8_t state = samples->state[i];
        if (thread == 0 || thread >= profile->n_threads || state >= STATE_COUNT || profile->thread_idle[thread])
            continue;
        sums[thread].ns[state] += samples->wall_ns[i];
        sums[thread].cpu_ns[state] += samples->cpu_ns[i];
        sums[thread].ticks[state] += samples->ticks[i];
        sums[thread].first = sums[thread].any ? sums[thread].first : i;
        sums[thread].last = i;
        sums[thread].any = true;
    }
    int rc = fill_threads(profile, sums, diagnosis);
    mem_free(sums);
    return rc;
}

const char *io_kind_name(enum io_kind kind)
{
    static const char *const names[] = {"disk", "network", "pipe", "subprocess", "other"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : names[IO_OTHER];
}

/* The recorder puts what a wait is for behind its stack as a frame of the kernel. */
static enum io_kind io_kind_of(const struct profile *profile, uint32_t stack)
{
    const struct function *leaf = &profile->functions[profile->frames[profile->stacks[stack].frame].function];
    int kind = IO_OTHER;
    if (stack != 0 && leaf->kind == FUNCTION_KERNEL)
        for (kind = 0; kind < IO_OTHER && strcmp(profile->strings[leaf->name], io_kind_name((enum io_kind)kind)) != 0;)
            kind++;
    return (enum io_kind)kind;
}

static void make_io(const struct profile *profile, const struct strata *strata, struct diagnosis *diagnosis)
{
    const struct profile_samples *samples = &profile->samples;
    double ns[IO_KIND_COUNT] = {0};
    for (size_t i = 0; i < samples->count; i++)
        if (samples->state[i] == STATE_IO && !profile->thread_idle[samples->thread[i]])
            ns[io_kind_of(profile, samples->stack[i])] += samples->wall_ns[i];
    for (int kind = 0; kind < IO_KIND_COUNT; kind++)
        diagnosis->io[kind] = share_of(strata, 0, ns[kind], 0);
}

int ledger_make(const struct profile *profile, struct diagnosis *diagnosis)
{
    const struct aggregate *aggregate = diagnosis->aggregate;
    double ticks[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++)
        ticks[i] = (double)aggregate->state_ticks[i];
    struct strata strata = strata_of(aggregate->state_wall_ns, ticks);
    make_io(profile, &strata, diagnosis);
    ledger_fill(aggregate->state_wall_ns, ticks, diagnosis->wall);
    ledger_fill(aggregate->state_cpu_ns, ticks, diagnosis->cpu);
    return make_threads(profile, diagnosis);
}
