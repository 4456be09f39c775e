/* See compare_noise.h and compare.h. */
#include "diagnose/compare_noise.h"

#include "diagnose/summary.h"

#include <math.h>

const double compare_floor = 0.01;
/* Of a whole run, which is not sampled but counted: less is how runs differ by themselves. */
static const double whole_floor = 0.02;
/* Weighing by the counters in windows of 25 samples adds that much to the noise. */
static const double window_noise = 26.0 / 25;

/* How far off a normal value is in 95 of 100 cases, of `many` at once the farthest. */
static double deviations(size_t many)
{
    double wanted = 0.05 / (double)(many > 0 ? many : 1), low = 1, high = 40;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (erfc(middle / sqrt(2)) > wanted)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Wilson's score interval of a part of a stratum, as distances in time from its estimate. */
static void reach(double part_ns, double stratum_ns, double ticks, double z, double *below, double *above)
{
    double z2 = z * z, share = fmax(0, fmin(1, part_ns / stratum_ns));
    if (!(stratum_ns > 0))
        return;
    if (!(ticks > 0)) {
        *below = hypot(*below, part_ns);
        *above = hypot(*above, stratum_ns - part_ns);
        return;
    }
    double centre = (share + z2 / (2 * ticks)) / (1 + z2 / ticks);
    double half = z * sqrt(share * (1 - share) / ticks + z2 / (4 * ticks * ticks)) / (1 + z2 / ticks);
    *below = hypot(*below, share - fmax(0, centre - half) > 0 ? (share - fmax(0, centre - half)) * stratum_ns : 0);
    *above = hypot(*above, fmin(1, centre + half) - share > 0 ? (fmin(1, centre + half) - share) * stratum_ns : 0);
}

/* Sampled instants on and off the CPU, which the noise depends on. */
struct noise {
    double on_ticks[SIDES], off_ticks[SIDES], scale[SIDES]; /* scale: of ns of all runs to what is compared */
    double runs[SIDES];
    double floor;
};

/* How many are compared at once: how far off the samples may lie, and the runs by their own spread. */
struct reaches {
    double z, t;
};

static struct reaches reaches_of(const struct comparison *comparison, size_t many)
{
    size_t degrees = comparison->runs[SIDE_A].count + comparison->runs[SIDE_B].count - 2;
    return (struct reaches){deviations(many), comparison->several ? student_t_of(degrees, many) : 0};
}

/* Half of the interval that the spread between the runs gives the difference of their means. */
static double spread(const struct noise *noise, const struct compare_sums *sums, double t)
{
    double squares = 0, degrees = noise->runs[SIDE_A] + noise->runs[SIDE_B] - 2;
    for (int side = 0; side < SIDES; side++)
        squares += fmax(0, sums->squares[side] - sums->sum[side] * sums->sum[side] / noise->runs[side]);
    return degrees > 0 ? t * sqrt(squares / degrees * (1 / noise->runs[SIDE_A] + 1 / noise->runs[SIDE_B])) : 0;
}

static enum change_kind kind_of(const struct change *change, const struct compare_time time[SIDES], double floor)
{
    if (fabs(change->change) < floor || (change->low <= 0 && change->high >= 0))
        return CHANGE_NOISE;
    if (change->change > 0)
        return time[SIDE_A].ticks == 0 ? CHANGE_NEW : CHANGE_MORE;
    return time[SIDE_B].ticks == 0 ? CHANGE_VANISHED : CHANGE_LESS;
}

static void find_change(const struct comparison *comparison, const struct noise *noise, const struct compare_sums *sums,
                        const struct reaches *reaches, struct change *change)
{
    const struct compare_time *time = sums->time;
    double below[SIDES] = {0}, above[SIDES] = {0}, half = spread(noise, sums, reaches->t);
    bool on = time[SIDE_A].on_ns > 0 || time[SIDE_B].on_ns > 0,
         off = time[SIDE_A].off_ns > 0 || time[SIDE_B].off_ns > 0;
    for (int side = 0; side < SIDES; side++) {
        const struct compare_time *all = &comparison->all[side];
        if (on)
            reach(time[side].on_ns, all->on_ns, noise->on_ticks[side], reaches->z, &below[side], &above[side]);
        if (off)
            reach(time[side].off_ns, all->off_ns, noise->off_ticks[side], reaches->z, &below[side], &above[side]);
        below[side] *= noise->scale[side];
        above[side] *= noise->scale[side];
        change->value[side] = sums->sum[side] / noise->runs[side];
    }
    change->change = change->value[SIDE_B] - change->value[SIDE_A];
    change->low = change->change - fmax(half, hypot(below[SIDE_B], above[SIDE_A]));
    change->high = change->change + fmax(half, hypot(above[SIDE_B], below[SIDE_A]));
    change->kind = kind_of(change, time, noise->floor);
}

static struct noise noise_of(const struct comparison *comparison, const struct compare_sums states[STATE_COUNT])
{
    struct noise noise = {0};
    double largest = 0;
    for (int side = 0; side < SIDES; side++) {
        double runs = noise.runs[side] = (double)comparison->runs[side].count;
        double cpu_ns = comparison->cpu_s[side] * runs * 1e9;
        for (int state = 0; state < STATE_COUNT; state++) {
            double *ticks = state_on_cpu((enum state)state) ? noise.on_ticks : noise.off_ticks;
            if (state != STATE_RUNNABLE)
                ticks[side] += (double)states[state].time[side].ticks / window_noise;
        }
        noise.scale[side] = comparison->per == PER_RUN ? 1e-9 / runs : cpu_ns > 0 ? 1 / cpu_ns : 0;
        largest = fmax(largest, compare_ns(&comparison->all[side]) * noise.scale[side]);
    }
    noise.floor = compare_floor * largest;
    return noise;
}

/* Counted, not sampled. */
static void find_whole(struct comparison *comparison, const struct noise *noise, const struct compare_sums *sums)
{
    struct change *whole = &comparison->whole;
    const struct compare_time times[SIDES] = {{.ticks = 1}, {.ticks = 1}}; /* both are there */
    for (int side = 0; side < SIDES; side++)
        whole->value[side] = sums->sum[side] / noise->runs[side];
    double half = spread(noise, sums, reaches_of(comparison, 1).t);
    whole->change = whole->value[SIDE_B] - whole->value[SIDE_A];
    whole->low = whole->change - half;
    whole->high = whole->change + half;
    double floor = comparison->several ? 0 : whole_floor * fmax(whole->value[SIDE_A], whole->value[SIDE_B]);
    whole->kind = kind_of(whole, times, floor);
}

/* Is it so large on a side that it may be told as a change? */
static bool is_large(const struct noise *noise, const struct compare_sums *sums)
{
    return fmax(sums->sum[SIDE_A] / noise->runs[SIDE_A], sums->sum[SIDE_B] / noise->runs[SIDE_B]) >= noise->floor;
}

/* How many are compared at once. Of one run each: all. */
struct compared {
    size_t functions, lines, stacks;
};

static struct compared count_compared(const struct comparison *comparison, const struct noise *noise)
{
    bool all = !comparison->several;
    struct compared compared = {0};
    for (size_t i = 1; i < comparison->n_functions; i++)
        compared.functions += all || is_large(noise, &comparison->functions[i].self_sums);
    for (size_t i = 0; i < comparison->n_lines; i++)
        compared.lines += all || is_large(noise, &comparison->lines[i].self_sums);
    for (size_t i = 0; i < comparison->n_nodes; i++) {
        const struct compare_sums *sums = &comparison->nodes[i].self_sums;
        compared.stacks += sums->time[SIDE_A].ticks + sums->time[SIDE_B].ticks > 0 && (all || is_large(noise, sums));
    }
    return compared;
}

void compare_find_changes(struct comparison *comparison, const struct compare_sums states[STATE_COUNT],
                          const struct compare_sums *whole)
{
    struct noise noise = noise_of(comparison, states);
    struct compared compared = count_compared(comparison, &noise);
    struct reaches functions = reaches_of(comparison, compared.functions),
                   stacks = reaches_of(comparison, compared.stacks), lines = reaches_of(comparison, compared.lines),
                   of_states = reaches_of(comparison, STATE_COUNT);
    for (size_t i = 0; i < comparison->n_lines; i++)
        find_change(comparison, &noise, &comparison->lines[i].self_sums, &lines, &comparison->lines[i].self);
    for (size_t i = 0; i < comparison->n_functions; i++) {
        struct compare_function *function = &comparison->functions[i];
        find_change(comparison, &noise, &function->self_sums, &functions, &function->self);
        find_change(comparison, &noise, &function->total_sums, &functions, &function->total);
        if (i > 0 && fmax(function->self.value[0], function->self.value[1]) >= noise.floor)
            comparison->resolution = fmax(comparison->resolution, (function->self.high - function->self.low) / 2);
    }
    for (size_t i = 0; i < comparison->n_nodes; i++) {
        struct compare_node *node = &comparison->nodes[i];
        find_change(comparison, &noise, &node->self_sums, &stacks, &node->self);
        find_change(comparison, &noise, &node->total_sums, &stacks, &node->total);
    }
    for (int state = 0; state < STATE_COUNT; state++)
        find_change(comparison, &noise, &states[state], &of_states, &comparison->states[state]);
    find_whole(comparison, &noise, whole);
}
