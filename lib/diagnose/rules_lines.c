/* Rules on how one line's samples come: many short queries, ever more of the time, pages that come and go. See
 * rules.h. */
#include "diagnose/native_line.h"
#include "diagnose/operand_words.h"
#include "diagnose/rules.h"
#include "diagnose/source_body.h"
#include "diagnose/source_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Samples of one thread in a function, with one of its lines apart. */
struct line_samples {
    uint64_t samples, visits; /* on the line; how often it was come to */
    double early[2], late[2]; /* ticks on the line, and beside it, in the first and second half of its time */
    double first_ns, last_ns; /* when the line was seen first and last */
    uint32_t thread;
};

/* The innermost frame of the line's function: is it on the line? -1: the function is not on the stack. */
static int on_line(const struct profile *profile, uint32_t stack, const struct line_sum *line)
{
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        const struct frame *frame = &profile->frames[profile->stacks[stack].frame];
        if (frame->function == line->function)
            return frame->line == line->line;
    }
    return -1;
}

/* `line` NULL: under what a mapper loads, wherever that is. */
static bool is_there(const struct facts *facts, uint32_t stack, const struct line_sum *line)
{
    return line != NULL ? on_line(facts->profile, stack, line) == 1 : reach_leads(facts, stack, REACH_LAZY_LOAD);
}

static bool is_looked_at(const struct profile *profile, size_t i)
{
    return sample_counts(profile, i) && profile->samples.ticks[i] != 0 && profile->samples.stack[i] != 0;
}

/* Visits, and when the line was seen first and last by the thread that is there most. */
static void count_visits(const struct facts *facts, const struct line_sum *line, struct line_samples *found)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    uint32_t thread = 0;
    bool before = false;
    struct line_samples one = {0};
    *found = one;
    for (size_t i = 0; i < samples->count; i++) {
        if (!is_looked_at(profile, i))
            continue;
        if (samples->thread[i] != thread) {
            thread = samples->thread[i];
            one = (struct line_samples){.thread = thread};
            before = false;
        }
        bool there = is_there(facts, samples->stack[i], line);
        if (there) {
            one.first_ns = one.samples == 0 ? (double)samples->time_ns[i] : one.first_ns;
            one.last_ns = (double)samples->time_ns[i];
            one.samples += samples->ticks[i];
            one.visits += !before;
        }
        before = there;
        if (one.samples > found->samples)
            *found = one;
    }
}

/* Of the thread's samples from the first on the line to the last, those there. Where it is mostly left for a moment,
 * what it does for long in between is another matter: those samples are left out. */
static double part_there(const struct facts *facts, const struct line_sum *line, const struct line_samples *found)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    double away = 0, beside = 0, long_away = 0;
    size_t gaps = 0, brief = 0;
    for (size_t i = 0; i < samples->count; i++) {
        double at = (double)samples->time_ns[i];
        if (samples->thread[i] != found->thread || at < found->first_ns || at > found->last_ns ||
            !is_looked_at(profile, i))
            continue;
        if (!is_there(facts, samples->stack[i], line)) {
            away += samples->ticks[i];
            continue;
        }
        bool is_brief = away <= LIMIT_OF(N_PLUS_ONE, AWAY_MAX);
        gaps += away > 0;
        brief += away > 0 && is_brief;
        *(is_brief ? &beside : &long_away) += away;
        away = 0;
    }
    beside += 2 * brief > gaps ? 0 : long_away;
    double all = (double)found->samples + beside;
    return all > 0 ? (double)found->samples / all : 0;
}

/* ---- n-plus-one -----------------------------------------------------------------------------------------------------
 */

/* Calls of a connection's or a cursor's method, of a class whose module is not the program's own. A cursor that a loop
 * goes through is one query, however many its rows. */
static bool is_of_connection(const struct profile *profile, const struct line_sum *line, uint64_t *looks)
{
    static const char *const ends[] = {"ursor", "onnection", "ession"};
    *looks = 0;
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const struct frame *frame = &profile->frames[one->frame];
        const char *type = profile->strings[one->type];
        if (one->slot != 0 || frame->line != line->line || profile->functions[frame->function].file != line->file ||
            strchr(type, '.') == NULL || strcmp(profile->strings[one->operation], "call") != 0)
            continue;
        for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
            size_t length = strlen(type), size = strlen(ends[k]);
            *looks += length > size && strcmp(type + length - size, ends[k]) == 0 ? one->looks : 0;
        }
    }
    return (double)*looks >= LIMIT_OF(N_PLUS_ONE, LOOKS_MIN);
}

/* The line's part of the time of the threads that come to it, and at most of the elapsed time: ten workers that each
 * ask half of their time win a factor of two, not one that is half of ten. */
static struct share part_of_its_threads(const struct facts *facts, const struct line_sum *line)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    double there = 0, all = 0;
    for (size_t i = 0; i < samples->count;) {
        double one = 0, one_there = 0;
        uint32_t thread = samples->thread[i];
        for (; i < samples->count && samples->thread[i] == thread; i++) {
            if (!sample_counts(profile, i))
                continue;
            one += samples->wall_ns[i];
            one_there += is_there(facts, samples->stack[i], line) ? samples->wall_ns[i] : 0;
        }
        there += one_there;
        all += one_there > 0 ? one : 0;
    }
    return elapsed_part(facts, all > facts->elapsed_ns ? there / all * facts->elapsed_ns : there);
}

/* Is each stay there brief? `mean_s`: at most on average, of the thread that is there most. */
static bool stays_briefly(const struct facts *facts, const struct line_sum *line, struct line_samples *samples,
                          double *mean_s)
{
    count_visits(facts, line, samples);
    double run = samples->visits > 0 ? (double)samples->samples / (double)samples->visits : 0;
    *mean_s = facts->profile->self.rate_hz > 0 ? run / facts->profile->self.rate_hz : run / 1e3;
    /* Were it there for a moment each time, chance alone would put so many samples in a row. */
    double chance = 1 / fmax(0.01, 1 - part_there(facts, line, samples));
    bool stays = *mean_s > LIMIT_OF(N_PLUS_ONE, MEAN_SURE) && run > LIMIT_OF(N_PLUS_ONE, RUN_MAX) * chance;
    return *mean_s <= LIMIT_OF(N_PLUS_ONE, MEAN_MAX) && !stays;
}

/* Does a mapper of a database load what belongs to its objects one by one? Threads that each load a little have few
 * visits each: all of them count. */
static bool finding_lazy_loads(const struct facts *facts, struct finding *finding, struct words *words)
{
    const struct reach *reach = &facts->reaches[REACH_LAZY_LOAD];
    struct line_samples samples;
    double mean_s;
    if (reach->caller == 0 || (double)reach->visits < LIMIT_OF(N_PLUS_ONE, VISITS_MIN))
        return false;
    struct share share = part_of_its_threads(facts, NULL);
    if (share.low < LIMIT_OF(N_PLUS_ONE, LINE_MIN) || !stays_briefly(facts, NULL, &samples, &mean_s))
        return false;
    finding_predict(finding, share.low, share.share, LIMIT_OF(N_PLUS_ONE, FACTOR_LOW),
                    LIMIT_OF(N_PLUS_ONE, FACTOR_HIGH));
    finding_bound(facts, reach, finding);
    finding_add_share(finding, "elapsed time loading what belongs to one object", share);
    finding_add(finding, "loads, at least", "1", (double)reach->visits);
    finding_add(finding, "a load, at most on average", "s", mean_s);
    finding_place_frame(facts, reach->caller, finding);
    finding_not_measured(finding, "how many objects there are, and whether all that is loaded is needed");
    finding->confidence = 0.8;
    words->action = "Load it with the objects: select_related() or prefetch_related() (Django), selectinload() or "
                    "joinedload() in .options() (SQLAlchemy): one query, or two, for all of them.";
    words_percent(words->share, sizeof words->share, share.share);
    return true;
}

/* What samples and looks say of a line that asks a database. */
struct queries {
    struct share share;
    struct line_samples samples;
    uint64_t looks;
    double mean_s;
};

/* Is it an own line whose text queries, which was come to again and again, each time briefly? */
static bool asks_again(const struct facts *facts, const struct line_sum *line, struct queries *found)
{
    const struct profile *profile = facts->profile;
    size_t length = 0;
    if (line->line == 0 || !profile->function_own[line->function])
        return false;
    const char *text = source_line(profile, line->file, line->line, &length);
    if (text == NULL || !source_queries(text, length) || !is_of_connection(profile, line, &found->looks))
        return false;
    found->share = part_of_its_threads(facts, line);
    return stays_briefly(facts, line, &found->samples, &found->mean_s) &&
           (double)found->samples.visits >= LIMIT_OF(N_PLUS_ONE, VISITS_MIN);
}

/* Other lines of its function that ask so, in turns with it: one query in place of all goes for them too. 0: none. */
static double asked_beside(const struct facts *facts, const struct line_sum *line)
{
    double share = 0;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *other = &facts->aggregate->lines[i];
        struct queries queries;
        if (other != line && other->function == line->function &&
            elapsed_part(facts, other->total_wall_ns).share >= LIMIT_OF(N_PLUS_ONE, BESIDE_MIN) &&
            asks_again(facts, other, &queries))
            share += queries.share.share;
    }
    return share;
}

bool rule_n_plus_one(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                     struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct queries queries;
        if (elapsed_part(facts, line->total_wall_ns).low < LIMIT_OF(N_PLUS_ONE, LINE_MIN) ||
            !asks_again(facts, line, &queries) || queries.share.low < LIMIT_OF(N_PLUS_ONE, LINE_MIN))
            continue;
        double beside = asked_beside(facts, line);
        struct share all = elapsed_part(facts, (queries.share.share + beside) * facts->elapsed_ns);
        finding_predict(finding, all.low, all.share, LIMIT_OF(N_PLUS_ONE, FACTOR_LOW),
                        LIMIT_OF(N_PLUS_ONE, FACTOR_HIGH));
        finding_add_share(finding, "elapsed time in the query's line", queries.share);
        if (beside > 0)
            finding_add_share(finding, "elapsed time in all such lines of its function", all);
        finding_add(finding, "came to it, at least", "1", (double)queries.samples.visits);
        finding_add(finding, "stayed there, at most on average", "s", queries.mean_s);
        finding_add(finding, "looks that saw a connection or cursor", "1", (double)queries.looks);
        finding_place_line(line, finding);
        finding_not_measured(finding, "what the queries ask for, and whether one can ask for all of it");
        finding->confidence = 0.7;
        words_percent(words->share, sizeof words->share, all.share);
        return true;
    }
    return finding_lazy_loads(facts, finding, words);
}

/* ---- growth ---------------------------------------------------------------------------------------------------------
 */

/* Ticks on the line and beside it within the function, early and late in the line's time. */
static void split_in_time(const struct profile *profile, const struct line_sum *line, struct line_samples *found)
{
    const struct profile_samples *samples = &profile->samples;
    double middle = (found->first_ns + found->last_ns) / 2;
    for (size_t i = 0; i < samples->count; i++) {
        double at = (double)samples->time_ns[i];
        if (samples->thread[i] != found->thread || !is_looked_at(profile, i) || at < found->first_ns ||
            at > found->last_ns || !state_on_cpu((enum state)samples->state[i]))
            continue;
        int there = on_line(profile, samples->stack[i], line);
        if (there >= 0)
            (at < middle ? found->early : found->late)[there == 0] += samples->ticks[i];
    }
}

static bool is_list(const struct line_operand *operand)
{
    return strcmp(operand->type, "list") == 0;
}

/* Does it take longer with more items? One key of a dict or set, one item of a list, a length, or one item more at the
 * end do not. */
static bool is_walked(const struct profile *profile, const struct line_sum *line, const char *operation, int slot,
                      const struct line_operand *operand)
{
    static const char *const hashed[] = {
        "dict", "set", "frozenset", "collections.defaultdict", "collections.Counter", "collections.OrderedDict"};
    struct line_operand index = {.type = ""};
    size_t length = 0;
    const char *text = source_line(profile, line->file, line->line, &length);
    bool keyed =
        strcmp(operation, "in") == 0 || strcmp(operation, "[]") == 0 || (strcmp(operation, "call") == 0 && slot == 0);
    for (size_t i = 0; keyed && i < sizeof hashed / sizeof hashed[0]; i++) {
        if (strcmp(operand->type, hashed[i]) == 0)
            return false;
    }
    if (strcmp(operation, "[]") == 0)
        return !profile_line_operand(profile, line->file, line->line, operation, 1, &index) ||
               strcmp(index.type, "int") != 0;
    if (strcmp(operation, "call") != 0 || text == NULL)
        return true;
    return slot == 0 ? !is_list(operand) || memmem(text, length, ".append(", 8) == NULL
                     : !source_only_measures(text, length);
}

/* Something that the line walks over or hands on, which grew from little to much while it ran. */
static bool has_grown(const struct profile *profile, const struct line_sum *line, double first_max, double looks_min,
                      struct line_operand *found)
{
    static const struct {
        const char *operation;
        int slot;
    } kinds[] = {{"call", 1}, {"for", 0}, {"in", 0}, {"call", 0}, {"[]", 0}, {"+", 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!profile_line_operand(profile, line->file, line->line, kinds[i].operation, kinds[i].slot, found) ||
            (double)found->sized < looks_min || (double)found->most < LIMIT_OF(GROWTH, ITEMS_MIN) ||
            !is_walked(profile, line, kinds[i].operation, kinds[i].slot, found))
            continue;
        double most = (double)found->most;
        if ((double)found->first <= first_max * most && (double)found->latest >= LIMIT_OF(GROWTH, LATEST_MIN) * most)
            return true;
    }
    return false;
}

/* How many times more time on the line there is for the function's other time in the second half; 0: that is not sure.
 * Were nothing to grow, its other samples would fall on both halves as all do. */
static double rise(const struct line_samples *samples)
{
    const double *early = samples->early, *late = samples->late;
    double beside = early[1] + late[1], all = beside + early[0] + late[0];
    if (beside < LIMIT_OF(GROWTH, BESIDE_MIN) || early[0] <= 0)
        return 0;
    double part = (early[0] + early[1]) / all, spread = sqrt(beside * part * (1 - part));
    if (early[1] - beside * part < LIMIT_OF(GROWTH, SURE) * spread)
        return 0;
    return late[0] / fmax(1, late[1]) / (early[0] / early[1]);
}

/* A heap, or a search in what is sorted: it hardly takes longer with more items. */
static bool hardly_grows(const struct profile *profile, const struct line_sum *line)
{
    static const char *const names[] = {"heappop", "heappush", "heapreplace", "bisect"};
    size_t length = 0;
    const char *text = source_line(profile, line->file, line->line, &length);
    for (size_t i = 0; text != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (memmem(text, length, names[i], strlen(names[i])) != NULL)
            return true;
    }
    return false;
}

/* A loop that looks at all of what is there, each time: the part of its lines. */
static bool walks_all(const struct facts *facts, const struct line_sum *line, struct share *share)
{
    const struct aggregate *aggregate = facts->aggregate;
    struct line_sum whole = {.function = line->function};
    uint32_t last;
    if (!source_walks_all(facts->profile, line->function, line->line, &last))
        return false;
    for (size_t i = 0; i < aggregate->n_lines; i++) {
        const struct line_sum *one = &aggregate->lines[i];
        for (int state = 0;
             one->function == line->function && one->line >= line->line && one->line <= last && state < STATE_COUNT;
             state++)
            whole.state_ns[state] += one->state_ns[state];
    }
    struct share part = line_cpu(facts, &whole);
    if (part.low < LIMIT_OF(GROWTH, WHOLE_MIN))
        return false;
    *share = part;
    return true;
}

/* Least when it was first looked at, most when last. Of what is now long and now short, hardly a dozen looks say so. */
static bool grows_only(const struct line_operand *operand)
{
    return (double)operand->first <= LIMIT_OF(GROWTH, ONLY) * (double)operand->least &&
           (double)operand->most <= LIMIT_OF(GROWTH, ONLY) * (double)operand->latest;
}

bool rule_growth(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                 struct words *words)
{
    const struct profile *profile = facts->profile;
    for (size_t i = 0; i < facts->aggregate->n_lines && facts->active >= LIMIT_OF(GROWTH, ACTIVE_MIN); i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct share share = line_cpu(facts, line);
        struct line_operand operand;
        struct line_samples samples;
        bool told = false; /* by a finding that knows more of it */
        for (size_t k = 0; k < n_earlier; k++)
            told = told || (earlier[k].prescription == PRESCRIBE_ALGORITHM && earlier[k].function == line->function);
        if (told || line->line == 0 || !profile->function_own[line->function] || hardly_grows(profile, line))
            continue;
        bool walks = walks_all(facts, line, &share);
        if (share.low < LIMIT_OF(GROWTH, LINE_MIN))
            continue;
        bool whole = walks || (share.low >= LIMIT_OF(GROWTH, WHOLE_MIN) &&
                               source_takes_all_it_grows(profile, line->function, line->line));
        double first_max = whole ? LIMIT_OF(GROWTH, WHOLE_FIRST_MAX) : LIMIT_OF(GROWTH, FIRST_MAX);
        double looks_min = walks ? LIMIT_OF(GROWTH, ONLY_LOOKS_MIN) : LIMIT_OF(GROWTH, LOOKS_MIN);
        if (!has_grown(profile, line, first_max, looks_min, &operand) || (walks && !grows_only(&operand)))
            continue;
        count_visits(facts, line, &samples);
        split_in_time(profile, line, &samples);
        double by = rise(&samples);
        if (by < LIMIT_OF(GROWTH, RISE_MIN) && !whole)
            continue;
        finding_predict(finding, facts->active * share.low, facts->active * share.share, LIMIT_OF(GROWTH, FACTOR_LOW),
                        1000);
        finding_add_share(finding, walks ? "CPU time in the loop" : "CPU time on the line", share);
        if (by > 0)
            finding_add(finding, "more of its function's time, later", "times", by);
        finding_add(finding, "items at first", "1", (double)operand.first);
        finding_add(finding, "items at last", "1", (double)operand.latest);
        struct call_count counts = profile_calls_of(profile, line->function);
        finding_add_calls(finding, &counts, 0);
        finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
        finding_place_line(line, finding);
        finding_not_measured(finding, "whether it is the same object all along, and what is done with each item");
        finding_not_measured(finding, "other inputs: keisoku scale tells how the time grows with them");
        finding->confidence = 0.7;
        words_percent(words->share, sizeof words->share, share.share);
        snprintf(words->reason, sizeof words->reason, "a %.40s that grows from %lld to %lld",
                 operand_type_words(&operand), (long long)operand.first, (long long)operand.latest);
        return true;
    }
    return false;
}

/* ---- temporaries ----------------------------------------------------------------------------------------------------
 */

struct pages {
    double faults, peak; /* of the process with most faults; bytes */
};

static struct pages most_faults(const struct profile *profile)
{
    struct pages found = {0};
    uint32_t process = 0;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind == COUNTER_MINOR_FAULTS && (double)counter->value > found.faults) {
            found.faults = (double)counter->value;
            process = counter->subject;
        }
    }
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind == COUNTER_PEAK_RSS && counter->subject == process)
            found.peak = fmax(found.peak, (double)counter->value);
    }
    return found;
}

/* Looks that saw large arrays under an operator: what comes of it is a fresh array as large. */
static double huge_looks(const struct profile *profile, const struct line_sum *line)
{
    static const char *const signs[] = {"+", "-", "*", "/", "**", "//", "%"};
    double looks = 0;
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const struct frame *frame = &profile->frames[one->frame];
        if (frame->line != line->line || profile->functions[frame->function].file != line->file || one->sized == 0 ||
            strcmp(profile->strings[one->type], "numpy.ndarray") != 0 ||
            (double)one->most < LIMIT_OF(TEMPORARIES, HUGE_MIN))
            continue;
        for (size_t k = 0; k < sizeof signs / sizeof signs[0]; k++)
            looks += strcmp(profile->strings[one->operation], signs[k]) == 0 ? (double)one->sized : 0;
    }
    return looks;
}

/* The own line with most of the kernel's time makes large arrays all the time. */
static bool makes_huge(const struct facts *facts, const struct line_sum *line)
{
    double told = line->cpu_ns - line->state_ns[STATE_ON_CPU];
    return line_cpu(facts, line).low >= LIMIT_OF(TEMPORARIES, HUGE_LINE_MIN) &&
           line->state_ns[STATE_KERNEL] >= LIMIT_OF(TEMPORARIES, HUGE_KERNEL_MIN) * told &&
           huge_looks(facts->profile, line) >= LIMIT_OF(TEMPORARIES, HUGE_LOOKS_MIN);
}

static const struct line_sum *kernel_line(const struct facts *facts)
{
    const struct line_sum *best = NULL;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        if (line->line != 0 && facts->profile->function_own[line->function] &&
            (best == NULL || line->state_ns[STATE_KERNEL] > best->state_ns[STATE_KERNEL]))
            best = line;
    }
    return best;
}

/* The native function that asks the kernel, where native stacks tell. */
static bool add_asker(const struct profile *profile, const struct line_sum *line, struct finding *finding)
{
    struct native_asker asker = native_asker_of(profile, line->file, line->line);
    char measure[sizeof finding->evidence[0].measure];
    if (asker.function == 0)
        return false;
    snprintf(measure, sizeof measure, "of the kernel's time on the line, for %.40s",
             profile->strings[profile->functions[asker.function].name]);
    finding_add(finding, measure, "share", asker.cpu_ns / asker.kernel_ns);
    return true;
}

bool rule_temporaries(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    enum { PAGE = 4096 };
    const struct profile *profile = facts->profile;
    struct pages pages = most_faults(profile);
    double turned_over = pages.peak > 0 ? pages.faults * PAGE / pages.peak : 0;
    double cpu_s = facts->aggregate->cpu_ns / 1e9, rate = cpu_s > 0 ? pages.faults / cpu_s : 0;
    struct share kernel = cpu_part(facts, facts->aggregate->state_wall_ns[STATE_KERNEL]);
    const struct line_sum *best = kernel_line(facts);
    bool many = turned_over >= LIMIT_OF(TEMPORARIES, TURNED_OVER_MIN) && rate >= LIMIT_OF(TEMPORARIES, FAULTS_MIN);
    if (facts->active < LIMIT_OF(TEMPORARIES, ACTIVE_MIN) || best == NULL || (!many && !makes_huge(facts, best)) ||
        kernel.low < LIMIT_OF(TEMPORARIES, KERNEL_MIN) || facts->reaches[REACH_TRANSFER].on_ns > 0 ||
        facts->reaches[REACH_CHILD].wall_ns > 0)
        return false;
    size_t length = 0;
    const char *text = source_line(profile, best->file, best->line, &length);
    if (text == NULL || source_writes(text, length))
        return false;
    for (size_t i = 0; i < n_earlier; i++) {
        if (earlier[i].prescription == PRESCRIBE_ALGORITHM && earlier[i].function == best->function)
            return false;
    }
    finding_predict(finding, facts->active * kernel.low, facts->active * kernel.share,
                    LIMIT_OF(TEMPORARIES, FACTOR_LOW), LIMIT_OF(TEMPORARIES, FACTOR_HIGH));
    /* Fresh pages are cold as well: what is computed on them is slower. */
    finding->max_gain =
        1 / (1 - fmin(LIMIT_OF(TEMPORARIES, GOES_MOST), facts->active * kernel.share * LIMIT_OF(TEMPORARIES, AROUND)));
    finding_add_share(finding, "CPU time in the kernel", kernel);
    finding_add_share(finding, "CPU time on the line", line_cpu(facts, best));
    finding_add(finding, "page faults a second of CPU time", "1", rate);
    finding_add(finding, "memory got anew, by most in use at once", "times", turned_over);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_line(best, finding);
    words->complete = add_asker(profile, best, finding);
    if (!words->complete)
        finding_not_measured(finding, "which of the line's operations makes them");
    finding->confidence = 0.7;
    words_percent(words->share, sizeof words->share, kernel.share);
    return true;
}
