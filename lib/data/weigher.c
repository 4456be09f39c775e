/*
 * See weigher.h. Windows of a second at most, cut at samples: the scheduler's counters say exactly how long the thread
 * ran and waited for a core in it; what was sampled says where. What a window cannot place (run time without an on-CPU
 * sample, off-CPU time without an off-CPU one, time whose counters come later) is carried to the next that can. So
 * waits shorter than the time between two samples count as waits even where nobody saw them, and a thread's share on
 * the CPU is its counters'. What is left at its end goes where it waited last, or becomes entries without a stack.
 * Nothing is lost and nothing counted twice.
 */
#include "data/weigher.h"

static const double window_ns = 1e9;
/* So much time off the CPU, left at the end of a thread that was never seen there, is the counters' lateness (a tick of
 * the kernel) and that of our last look. */
static const double lag_ns = 4e6;
/* A thread that was not sampled for this long before its end: that stretch is nobody's. */
static const double tail_ns = 2e9;
/* Run delay becomes one entry for each this much of it, at most DELAY_ENTRIES_MAX a window. */
static const double delay_entry_ns = 4e6;

struct window {
    const struct chunk_row *rows;
    size_t count;
    double length, run, delay; /* ns */
    double open;               /* of the length: the thread wanted its core at the end, and no counter tells yet */
    uint64_t on_ticks, off_ticks, runnable_ticks;
};

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

/* How long the window's last rows found the thread on a core or waiting for one while its counters stood still: they
 * tell later which it was, so that this is no wait of another kind. */
static double still_open(const struct window *window)
{
    size_t from = window->count;
    while (from > 0 && state_on_cpu((enum state)window->rows[from - 1].state) && window->rows[from - 1].run == 0 &&
           window->rows[from - 1].delay == 0)
        from--;
    if (from == 0)
        return window->length;
    return (double)(chunk_row_ns(&window->rows[window->count - 1]) - chunk_row_ns(&window->rows[from - 1]));
}

/* What is to be given out in this window: time per tick of each group. */
struct shares {
    double on, off, runnable, delay_entry;
    size_t delay_entries;
};

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Counters that grew by more than their window was long were late before: that much of the time that nobody saw off the
 * CPU was none. */
static double make_up(double *late, double *off)
{
    double found = smaller(*late, *off);
    *late -= found;
    *off -= found;
    return found;
}

/* Splits the window's length by the counters, or by the ticks where there are none. */
static void split(struct weigher *weigher, const struct window *window)
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
    weigher->on += run_here + make_up(&weigher->late_run, &weigher->off);
    weigher->delay += delay_here + make_up(&weigher->late_delay, &weigher->off);
    weigher->off += window->length - run_here - delay_here;
}

static struct shares take_shares(struct weigher *weigher, const struct window *window)
{
    struct shares shares = {0};
    split(weigher, window);
    if (window->on_ticks > 0) {
        shares.on = weigher->on / (double)window->on_ticks;
        weigher->on = 0;
    }
    if (window->off_ticks > 0) {
        double open = smaller(window->open, weigher->off);
        shares.off = (weigher->off - open) / (double)window->off_ticks;
        weigher->off = open;
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
    double step = shares.delay_entries > 0 ? (double)window->on_ticks / (double)shares.delay_entries : 0;
    size_t placed = 0;
    uint64_t passed = 0;
    const struct chunk_row *last_on = NULL, *last_off = NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < window->count; i++) {
        const struct chunk_row *row = &window->rows[i];
        if (!state_on_cpu((enum state)row->state)) {
            double share = row->state == STATE_RUNNABLE ? shares.runnable : shares.off;
            rc = weigher->emit(weigher, row, row->ticks, share * row->ticks, 0);
            last_off = row->state == STATE_RUNNABLE ? last_off : row;
            continue;
        }
        last_on = row;
        rc = weigher->emit(weigher, row, row->ticks, shares.on * row->ticks, shares.on * row->ticks);
        passed += row->ticks;
        size_t due = 0;
        while (placed + due < shares.delay_entries &&
               (passed == window->on_ticks || ((double)(placed + due) + weigher->phase) * step < (double)passed))
            due++;
        if (due == 0 || rc != 0)
            continue;
        struct chunk_row waited = *row;
        waited.state = STATE_RUNNABLE;
        waited.place = PLACE_UNKNOWN;
        rc = weigher->emit(weigher, &waited, 0, shares.delay_entry * (double)due, 0);
        placed += due;
    }
    weigher->last_on = last_on != NULL ? *last_on : weigher->last_on;
    weigher->last_off = last_off != NULL ? *last_off : weigher->last_off;
    weigher->phase += 0.6180339887498949; /* the golden ratio spreads the phases evenly */
    weigher->phase -= weigher->phase >= 1 ? 1 : 0;
    return rc;
}

/* What is left of a thread's time off the CPU, as was seen of it; as nothing where that is too much to say. */
static struct chunk_row where_it_waited(const struct weigher *weigher)
{
    if (weigher->last_off.ticks > 0)
        return weigher->last_off;
    if (weigher->off <= lag_ns && weigher->last_on.ticks > 0)
        return weigher->last_on;
    return (struct chunk_row){.state = STATE_UNKNOWN};
}

/* What no sample took, at the end of the thread. */
static int emit_rest(struct weigher *weigher, uint64_t end_units)
{
    struct chunk_row row = {.time = end_units & CHUNK_TIME_MASK};
    int rc = 0;
    if (weigher->late_run > 0 && weigher->add_cpu(weigher, weigher->late_run))
        weigher->late_run = 0;
    if (weigher->on + weigher->late_run > 0) {
        row.state = STATE_ON_CPU;
        rc = weigher->emit(weigher, &row, 0, weigher->on, weigher->on + weigher->late_run);
    }
    if (rc == 0 && weigher->delay > 0) {
        row.state = STATE_RUNNABLE;
        rc = weigher->emit(weigher, &row, 0, weigher->delay, 0);
    }
    if (rc == 0 && weigher->off > 0) {
        struct chunk_row last = where_it_waited(weigher);
        last.time = row.time;
        rc = weigher->emit(weigher, &last, 0, weigher->off, 0);
    }
    return rc;
}

static double later_by(uint64_t later, uint64_t earlier)
{
    return later > earlier ? (double)(later - earlier) : 0;
}

/* A stretch of the thread's life without samples: nothing but what its counters say. */
static void add_blank(struct weigher *weigher, double length, double run, double delay)
{
    struct window window = {.length = length, .run = run, .delay = delay};
    split(weigher, &window);
}

bool weigher_holds(size_t count, uint64_t start_ns, uint64_t time)
{
    return count == 0 || (count < WINDOW_SAMPLES && later_by(time * CHUNK_UNIT_NS, start_ns) <= window_ns);
}

int weigher_window(struct weigher *weigher, const struct chunk_row *rows, size_t count, uint64_t start_ns,
                   uint64_t *end_ns)
{
    *end_ns = chunk_row_ns(&rows[count - 1]);
    struct window window = {.rows = rows, .count = count, .length = later_by(*end_ns, start_ns)};
    window.open = weigher->counted ? still_open(&window) : 0;
    return emit_window(weigher, &window);
}

int weigher_end(struct weigher *weigher, const struct chunk_row *rows, size_t count, const struct weigher_end *end)
{
    double run_left = later_by(end->run_ns, end->sampled_run_ns);
    double delay_left = later_by(end->delay_ns, end->sampled_delay_ns);
    uint64_t start = end->start_ns, last = count > 0 ? chunk_row_ns(&rows[count - 1]) : start;
    int rc = 0;
    if (end->end_ns < end->known_end_ns) { /* it went on, and its counters with it */
        run_left = smaller(run_left, later_by(end->end_ns, last));
        delay_left = smaller(delay_left, later_by(end->end_ns, last) - run_left);
    }
    bool blank_tail = count == 0 || later_by(end->end_ns, last) > tail_ns;
    if (count > 0 && blank_tail)
        rc = weigher_window(weigher, rows, count, start, &start);
    if (rc == 0 && blank_tail) {
        add_blank(weigher, later_by(end->end_ns, start), run_left, delay_left);
        weigher->last_on.ticks = weigher->last_off.ticks = 0; /* it may have waited anywhere since */
    } else if (rc == 0) {
        struct window window = {
            .rows = rows, .count = count, .length = later_by(end->end_ns, start), .run = run_left, .delay = delay_left};
        rc = emit_window(weigher, &window);
    }
    return rc == 0 ? emit_rest(weigher, end->end_ns / CHUNK_UNIT_NS) : rc;
}
