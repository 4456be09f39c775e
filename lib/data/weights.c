/*
 * Gives every sample its wall and CPU time (the rule is in profile.h). Per thread, windows of a second at most, cut at
 * samples: the scheduler's counters say exactly how long the thread ran and waited for a core in it; what was sampled
 * says where. What a window cannot place (run time without an on-CPU sample, off-CPU time without an off-CPU one) is
 * carried to the next that can, and what is left at the thread's end becomes entries without a stack. So nothing is
 * lost and nothing counted twice: per thread, wall adds up to its lifetime and CPU to its run time.
 */
#include "data/profile_private.h"

#include <string.h>

static const double window_ns = 1e9;
/* A window holds at most so many samples: the rate falls and rises with the recorder's budget, and within a window each
 * instant counts the same. With so many, weighing by the counters adds 1/25 to the sampling noise. */
enum { WINDOW_SAMPLES = 25 };
/* Off-CPU time of a window in which the thread was never seen off the CPU: up to this share of it is taken as the
 * lateness of the counters and of wake-ups and stays with the on-CPU samples; more is carried. */
static const double lag_share = 0.05;
/* A thread that was not sampled for this long before its end: that stretch is nobody's. */
static const double tail_ns = 2e9;
/* Run delay becomes one entry for each this much of it, at most DELAY_ENTRIES_MAX a window. */
static const double delay_entry_ns = 4e6;
enum { DELAY_ENTRIES_MAX = 64 };

struct weigher {
    struct profile *profile;
    struct profile_samples *out;
    size_t capacity;
    uint32_t thread;
    bool counted;                /* the scheduler's counters are there */
    double on, off, delay;       /* carried: time without a sample to give it to */
    double late_run, late_delay; /* carried: counter growth that was more than the window */
    double phase;                /* in [0, 1): where delay entries fall between samples; changes with each window */
    size_t last_on_cpu;          /* entry; SIZE_MAX: none */
};

struct window {
    const struct chunk_row *rows;
    size_t count;
    double length, run, delay; /* ns */
    uint64_t on_ticks, off_ticks, runnable_ticks;
};

static int grow_columns(struct profile_samples *out, size_t capacity)
{
    struct {
        void *column; /* address of the pointer */
        size_t size;
    } columns[] = {{&out->time_ns, sizeof *out->time_ns}, {&out->thread, sizeof *out->thread},
                   {&out->stack, sizeof *out->stack},     {&out->ticks, sizeof *out->ticks},
                   {&out->wall_ns, sizeof *out->wall_ns}, {&out->cpu_ns, sizeof *out->cpu_ns},
                   {&out->state, sizeof *out->state},     {&out->marks, sizeof *out->marks},
                   {&out->reader, sizeof *out->reader}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        void *block;
        memcpy(&block, columns[i].column, sizeof block);
        block = mem_realloc(block, capacity, columns[i].size);
        if (block == NULL)
            return ERR_NOMEM;
        memcpy(columns[i].column, &block, sizeof block);
    }
    return 0;
}

/* Room for `more` entries. */
static int reserve(struct weigher *weigher, size_t more)
{
    size_t need = weigher->out->count + more;
    if (need <= weigher->capacity)
        return 0;
    size_t capacity = need + need / 4;
    int rc = grow_columns(weigher->out, capacity);
    if (rc == 0)
        weigher->capacity = capacity;
    return rc;
}

static void emit(struct weigher *weigher, const struct chunk_row *row, uint32_t ticks, double wall, double cpu)
{
    struct profile_samples *out = weigher->out;
    size_t i = out->count++;
    out->time_ns[i] = row->time * CHUNK_UNIT_NS;
    out->thread[i] = weigher->thread;
    out->stack[i] = row->stack;
    out->ticks[i] = ticks;
    out->wall_ns[i] = wall;
    out->cpu_ns[i] = cpu;
    out->state[i] = row->state;
    out->marks[i] = row->marks;
    out->reader[i] = row->reader;
}

static void count_ticks(struct window *window)
{
    for (size_t i = 0; i < window->count; i++) {
        const struct chunk_row *row = &window->rows[i];
        if (state_on_cpu((enum state)row->state))
            window->on_ticks += row->ticks;
        else if (row->state == STATE_RUNNABLE)
            window->runnable_ticks += row->ticks;
        else
            window->off_ticks += row->ticks;
        window->run += (double)(row->run * CHUNK_UNIT_NS);
        window->delay += (double)(row->delay * CHUNK_UNIT_NS);
    }
}

/* What is to be given out in this window: time per tick of each group. */
struct shares {
    double on_wall, on_cpu, off, runnable, delay_entry;
    size_t delay_entries;
};

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Splits the window's length by the counters, or by the ticks where there are none. */
static void split(struct weigher *weigher, const struct window *window, double *off)
{
    double run = window->run + weigher->late_run, delay = window->delay + weigher->late_delay;
    double ticks = (double)(window->on_ticks + window->off_ticks + window->runnable_ticks);
    if (!weigher->counted && ticks > 0) {
        run = window->length * (double)window->on_ticks / ticks;
        delay = window->length * (double)window->runnable_ticks / ticks;
    }
    double run_here = smaller(run, window->length);
    double delay_here = smaller(delay, window->length - run_here);
    weigher->late_run = run - run_here;
    weigher->late_delay = delay - delay_here;
    weigher->on += run_here;
    weigher->delay += delay_here;
    *off = window->length - run_here - delay_here;
}

static struct shares take_shares(struct weigher *weigher, const struct window *window)
{
    struct shares shares = {0};
    double off, extra = 0;
    split(weigher, window, &off);
    if (window->off_ticks == 0 && window->on_ticks > 0 && off <= lag_share * window->length)
        extra = off;
    else
        weigher->off += off;
    if (window->on_ticks > 0) {
        shares.on_cpu = weigher->on / (double)window->on_ticks;
        shares.on_wall = (weigher->on + extra) / (double)window->on_ticks;
        weigher->on = 0;
    }
    if (window->off_ticks > 0) {
        shares.off = weigher->off / (double)window->off_ticks;
        weigher->off = 0;
    }
    if (window->runnable_ticks > 0) {
        shares.runnable = weigher->delay / (double)window->runnable_ticks;
        weigher->delay = 0;
    } else if (window->on_ticks > 0 && weigher->delay > 0) {
        double entries = weigher->delay / delay_entry_ns;
        shares.delay_entries = entries >= DELAY_ENTRIES_MAX ? DELAY_ENTRIES_MAX : (size_t)entries + 1;
        shares.delay_entry = weigher->delay / (double)shares.delay_entries;
        weigher->delay = 0;
    }
    return shares;
}

/*
 * Emits the window. Delay entries sit at evenly spaced points of its on-CPU ticks, so that each stack gets them in
 * proportion without as many entries as there are stacks; the first point moves from window to window.
 */
static int emit_window(struct weigher *weigher, struct window *window)
{
    count_ticks(window);
    struct shares shares = take_shares(weigher, window);
    if (reserve(weigher, window->count + DELAY_ENTRIES_MAX) != 0)
        return ERR_NOMEM;
    double step = shares.delay_entries > 0 ? (double)window->on_ticks / (double)shares.delay_entries : 0;
    size_t placed = 0;
    uint64_t passed = 0;
    for (size_t i = 0; i < window->count; i++) {
        struct chunk_row row = window->rows[i];
        if (!state_on_cpu((enum state)row.state)) {
            double share = row.state == STATE_RUNNABLE ? shares.runnable : shares.off;
            emit(weigher, &row, row.ticks, share * row.ticks, 0);
            continue;
        }
        weigher->last_on_cpu = weigher->out->count;
        emit(weigher, &row, row.ticks, shares.on_wall * row.ticks, shares.on_cpu * row.ticks);
        passed += row.ticks;
        size_t due = 0;
        while (placed + due < shares.delay_entries &&
               (passed == window->on_ticks || ((double)(placed + due) + weigher->phase) * step < (double)passed))
            due++;
        if (due == 0)
            continue;
        row.state = STATE_RUNNABLE;
        emit(weigher, &row, 0, shares.delay_entry * (double)due, 0);
        placed += due;
    }
    weigher->phase += 0.6180339887498949; /* the golden ratio spreads the phases evenly */
    weigher->phase -= weigher->phase >= 1 ? 1 : 0;
    return 0;
}

/* What no sample took, at the end of the thread. */
static int emit_rest(struct weigher *weigher, uint64_t end_units)
{
    struct chunk_row row = {.time = end_units};
    if (reserve(weigher, 3) != 0)
        return ERR_NOMEM;
    if (weigher->late_run > 0 && weigher->last_on_cpu != SIZE_MAX) {
        weigher->out->cpu_ns[weigher->last_on_cpu] += weigher->late_run;
        weigher->late_run = 0;
    }
    if (weigher->on + weigher->late_run > 0) {
        row.state = STATE_ON_CPU;
        emit(weigher, &row, 0, weigher->on, weigher->on + weigher->late_run);
    }
    if (weigher->delay > 0) {
        row.state = STATE_RUNNABLE;
        emit(weigher, &row, 0, weigher->delay, 0);
    }
    if (weigher->off > 0) {
        row.state = STATE_UNKNOWN;
        emit(weigher, &row, 0, weigher->off, 0);
    }
    return 0;
}

static double later_by(uint64_t later, uint64_t earlier)
{
    return later > earlier ? (double)(later - earlier) : 0;
}

/* A stretch of the thread's life without samples: nothing but what its counters say. */
static void add_blank(struct weigher *weigher, double length, double run, double delay)
{
    struct window window = {.length = length, .run = run, .delay = delay};
    double off;
    split(weigher, &window, &off);
    weigher->off += off;
}

/* A recording of a program that goes on knows ends that lie behind its own: they are not part of it. */
static uint64_t within(const struct profile *profile, uint64_t time_ns)
{
    bool known = profile->complete && profile->duration_ns > 0;
    return known && time_ns > profile->duration_ns ? profile->duration_ns : time_ns;
}

/* The row behind the window that begins with row `i`. */
static size_t window_end(const struct chunk_row *rows, size_t count, size_t i, uint64_t start)
{
    size_t next = i + 1;
    while (next < count && next - i < WINDOW_SAMPLES && later_by(rows[next].time * CHUNK_UNIT_NS, start) <= window_ns)
        next++;
    return next;
}

static int weigh_thread(struct weigher *weigher, const struct chunk_row *rows, size_t count)
{
    const struct thread *thread = &weigher->profile->threads[weigher->thread];
    double run = 0, delay = 0;
    for (size_t i = 0; i < count; i++) {
        run += (double)(rows[i].run * CHUNK_UNIT_NS);
        delay += (double)(rows[i].delay * CHUNK_UNIT_NS);
    }
    double run_left = (double)thread->run_ns > run ? (double)thread->run_ns - run : 0;
    double delay_left = (double)thread->delay_ns > delay ? (double)thread->delay_ns - delay : 0;
    weigher->counted = run + run_left + delay + delay_left > 0;
    uint64_t start = within(weigher->profile, thread->start_ns);
    uint64_t last = count > 0 ? rows[count - 1].time * CHUNK_UNIT_NS : start;
    uint64_t end = within(weigher->profile, thread->end_ns != 0 ? thread->end_ns : weigher->profile->duration_ns);
    end = end < last ? last : end;
    if (end < thread->end_ns) { /* it went on, and its counters with it */
        run_left = smaller(run_left, later_by(end, last));
        delay_left = smaller(delay_left, later_by(end, last) - run_left);
    }
    if (count > 0 && rows[0].time * CHUNK_UNIT_NS < start)
        start = rows[0].time * CHUNK_UNIT_NS;
    bool blank_tail = count == 0 || later_by(end, last) > tail_ns;
    for (size_t i = 0; i < count;) {
        size_t next = window_end(rows, count, i, start);
        uint64_t to = next == count && !blank_tail ? end : rows[next - 1].time * CHUNK_UNIT_NS;
        struct window window = {.rows = rows + i, .count = next - i, .length = later_by(to, start)};
        if (next == count && !blank_tail) {
            window.run = run_left;
            window.delay = delay_left;
        }
        if (emit_window(weigher, &window) != 0)
            return ERR_NOMEM;
        start = to;
        i = next;
    }
    if (blank_tail)
        add_blank(weigher, later_by(end, start), run_left, delay_left);
    return emit_rest(weigher, end / CHUNK_UNIT_NS);
}

/* Idle all along: every sample says so; or it was never seen and never ran. */
static bool is_idle(const struct thread *thread, const struct chunk_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].state != STATE_IDLE)
            return false;
    }
    return count > 0 || thread->run_ns == 0;
}

int weigh_samples(struct profile *profile, const struct raw_samples *raw)
{
    struct weigher weigher = {.profile = profile, .out = &profile->samples};
    profile->thread_idle = mem_zalloc(profile->n_threads, sizeof *profile->thread_idle);
    if (profile->thread_idle == NULL || reserve(&weigher, raw->count + raw->count / 32 + 64) != 0)
        return ERR_NOMEM;
    for (size_t t = 1; t < profile->n_threads; t++) {
        const struct chunk_row *rows = raw->rows + raw->starts[t];
        size_t count = raw->starts[t + 1] - raw->starts[t];
        profile->thread_idle[t] = is_idle(&profile->threads[t], rows, count);
        weigher = (struct weigher){.profile = profile,
                                   .out = &profile->samples,
                                   .capacity = weigher.capacity,
                                   .thread = (uint32_t)t,
                                   .last_on_cpu = SIZE_MAX};
        int rc = weigh_thread(&weigher, rows, count);
        if (rc != 0)
            return rc;
    }
    return 0;
}
