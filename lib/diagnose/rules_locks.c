/*
 * The rule on locks: where threads wait for one, where it is held meanwhile, and what its holder waits for there. That
 * it is held where it is waited for is what the text says of a function that does both; looks (lock_holders.c) tell of
 * a `with` in any other.
 */
#include "diagnose/operand_words.h"
#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HOLDS_MAX = 64, LINES_MAX = 1000 /* of a block */, TEXT_MAX = 1048576, ASKED_MAX = 64 };

/* A place that holds a lock. */
struct hold {
    uint32_t function, line; /* the `with`, or the `acquire()` */
    uint32_t wait_line;      /* where most of wait_ns is */
    double lock_ns;          /* others wait for it meanwhile */
    double wait_ns;          /* somebody waits for something else below */
    double place_ns;         /* the most of lock_ns at one place: */
    const struct line_sum *place;
};

struct holds {
    const struct facts *facts;
    struct hold holds[HOLDS_MAX];
    size_t n;
    struct {
        uint32_t frame;
        bool takes; /* its line takes a lock */
    } asked[ASKED_MAX];
    size_t n_asked;
};

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : name;
}

static const char *frame_name(const struct profile *profile, uint32_t stack)
{
    const struct frame *frame = &profile->frames[profile->stacks[stack].frame];
    return last_part(profile->strings[profile->functions[frame->function].name]);
}

static bool enters(const char *name)
{
    return strcmp(name, "__enter__") == 0;
}

/* ---- who waits for a lock ------------------------------------------------------------------------------------------
 */

static bool is_lock_line(const struct profile *profile, const struct line_sum *line)
{
    size_t length = 0;
    const char *text = source_line(profile, line->file, line->line, &length);
    return text != NULL && source_locks(text, length);
}

/* Is that name given: `name = Semaphore(2)`, `self.name: Semaphore = …`, `Gate(name=Semaphore(2))`? */
static bool gives_name(struct text line, struct text name)
{
    const char *sign = memchr(line.at, '=', (size_t)(line.end - line.at)), *at = line.at;
    while (sign != NULL && at < sign) {
        const char *from = at;
        while (at < sign && text_is_word(*at))
            at++;
        if (at > from && text_same((struct text){from, at}, name))
            return true;
        at += at == from;
    }
    return false;
}

/* Does a line of the file's text say that what has the name is a semaphore? */
static bool is_semaphore(const struct profile *profile, uint32_t file, struct text name)
{
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        const char *at = source->text, *end = at + (source->length < TEXT_MAX ? source->length : TEXT_MAX);
        for (const char *stop; source->file == file && at < end; at = stop + 1) {
            stop = memchr(at, '\n', (size_t)(end - at));
            stop = stop != NULL ? stop : end;
            const struct text line = {at, stop};
            if (text_find(line, "Semaphore(") != NULL && gives_name(line, name))
                return true;
        }
    }
    return false;
}

/* What the line takes, if that is a lock: a `with` of what has a name already, not of what a call gives; `acquire()`.
 * Without a name: not known. */
static bool names_lock(const char *text, size_t length, struct text *name)
{
    static const char acquire[] = ".acquire(";
    const char *at = memmem(text, length, acquire, sizeof acquire - 1), *end = text + length;
    *name = source_with(text, length);
    if (name->at != name->end) {
        for (at = name->end; at != NULL && at < end && *at == '[';)
            at = text_past_bracket(at, end);
        return at != NULL && at < end && (*at == ':' || *at == ',' || *at == ' ');
    }
    if (at == NULL)
        return false;
    for (name->at = name->end = at; name->at > text && text_is_word(name->at[-1]);)
        name->at--;
    return true;
}

static bool takes_lock(struct holds *holds, uint32_t at)
{
    const struct profile *profile = holds->facts->profile;
    const struct frame *frame = &profile->frames[at];
    for (size_t i = 0; i < holds->n_asked; i++)
        if (holds->asked[i].frame == at)
            return holds->asked[i].takes;
    if (holds->n_asked == ASKED_MAX)
        return false;
    struct text name;
    size_t length = 0;
    uint32_t file = profile->functions[frame->function].file;
    const char *text = source_line(profile, file, frame->line, &length);
    bool takes = text != NULL && names_lock(text, length, &name) && !is_semaphore(profile, file, name);
    holds->asked[holds->n_asked].frame = at;
    holds->asked[holds->n_asked++].takes = takes;
    return takes;
}

/* Is the sample at the line, or in what enters its `with`: the library's function that takes the lock of a Condition,
 * an `__enter__` of the program's own, its function that the library makes one of? A semaphore, whose `acquire` is the
 * library's too, says on purpose how many may go on at once; so does a queue that connections are taken from, and the
 * program's own innermost line must take a lock. */
static bool takes_at(struct holds *holds, uint32_t stack, const struct line_sum *line)
{
    const struct profile *profile = holds->facts->profile;
    bool in = true;
    uint32_t own = 0;
    for (; stack != 0 && in; stack = profile->stacks[stack].parent) {
        const struct frame *frame = &profile->frames[profile->stacks[stack].frame];
        uint32_t parent = profile->stacks[stack].parent;
        if (own == 0 && profile->function_own[frame->function])
            own = profile->stacks[stack].frame;
        if (frame->function == line->function && frame->line == line->line)
            return takes_lock(holds, own);
        in = enters(frame_name(profile, stack)) ||
             (profile->function_own[frame->function] && parent != 0 && enters(frame_name(profile, parent)) &&
              !profile->function_own[profile->frames[profile->stacks[parent].frame].function]);
    }
    return false;
}

static double waits_to_take(struct holds *holds, const struct line_sum *line)
{
    const struct profile *profile = holds->facts->profile;
    const struct profile_samples *samples = &profile->samples;
    double ns = 0;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->state[i] == STATE_LOCK && sample_counts(profile, i) && takes_at(holds, samples->stack[i], line))
            ns += samples->wall_ns[i];
    }
    return ns;
}

/* ---- what a lock's line holds --------------------------------------------------------------------------------------
 */

/* Is a line further down within what the lock's line begins, by its blanks? Lines that are not known: no. */
static bool is_under(const struct profile *profile, uint32_t file, uint32_t lock, uint32_t line)
{
    size_t length = 0;
    const char *text = source_line(profile, file, lock, &length);
    size_t indent = text != NULL ? source_indent(text, length) : 0;
    bool block = text != NULL && source_is_with(text, length);
    if (line - lock > LINES_MAX)
        return false;
    for (uint32_t at = lock + 1; text != NULL && at <= line; at++) {
        text = source_line(profile, file, at, &length);
        size_t blanks = text != NULL ? source_indent(text, length) : 0;
        if (text != NULL && blanks == length)
            continue; /* nothing, or a comment */
        if (text == NULL || (block ? blanks <= indent : source_unlocks(text, length)))
            return false;
    }
    return text != NULL;
}

/* The `with` around a line that keeps the lock, which has a name where it is waited for: the nearest of that name, else
 * the nearest. 0: none is seen. */
static uint32_t with_around(const struct profile *profile, const struct frame *held, struct text name)
{
    const struct function *function = &profile->functions[held->function];
    uint32_t nearest = 0;
    size_t least = SIZE_MAX, length = 0; /* blanks that a line from there on begins with */
    for (uint32_t at = held->line, n = 0; at > function->first_line && n < LINES_MAX; at--, n++) {
        const char *text = source_line(profile, function->file, at, &length);
        if (text == NULL)
            break;
        size_t blanks = source_indent(text, length);
        if (blanks == length || blanks >= least)
            continue;
        least = blanks;
        struct text of = source_with(text, length);
        if (of.at != of.end && name.at != name.end && text_same(of, name))
            return at;
        nearest = nearest != 0 || of.at == of.end ? nearest : at;
    }
    return nearest;
}

static struct hold *hold_at(struct holds *holds, uint32_t function, uint32_t line)
{
    for (size_t i = 0; i < holds->n; i++)
        if (holds->holds[i].function == function && holds->holds[i].line == line)
            return &holds->holds[i];
    if (holds->n == HOLDS_MAX)
        return NULL;
    holds->holds[holds->n] = (struct hold){.function = function, .line = line};
    return &holds->holds[holds->n++];
}

static void add_hold(struct holds *holds, uint32_t function, uint32_t line, const struct line_sum *place, double ns)
{
    struct hold *hold = ns > 0 ? hold_at(holds, function, line) : NULL;
    if (hold == NULL)
        return;
    hold->lock_ns += ns;
    if (ns > hold->place_ns) {
        hold->place_ns = ns;
        hold->place = place;
    }
}

static bool looked_at(const struct profile *profile, const struct lock_holder *row, const struct line_sum *place)
{
    const struct frame *frame = &profile->frames[row->frame];
    return frame->line == place->line && profile->functions[frame->function].file == place->file;
}

/* The time that is waited for a lock at the place goes to those that held it at the looks; the rest, where nobody was
 * seen to, to the place itself. */
static void add_holds_of(struct holds *holds, const struct line_sum *place, double ns)
{
    const struct profile *profile = holds->facts->profile;
    size_t length = 0;
    const char *text = source_line(profile, place->file, place->line, &length);
    struct text name = text != NULL ? source_with(text, length) : (struct text){"", ""};
    double looks = 0, rest = ns;
    if (!(ns > 0))
        return;
    for (size_t i = 0; i < profile->n_lock_holders; i++)
        looks += looked_at(profile, &profile->lock_holders[i], place) ? (double)profile->lock_holders[i].looks : 0;
    for (size_t i = 0; i < profile->n_lock_holders && looks >= LIMIT_OF(LOCK_HELD_WAITING, LOOKS_MIN); i++) {
        const struct lock_holder *row = &profile->lock_holders[i];
        const struct frame *held = &profile->frames[row->held];
        if (row->held == 0 || !looked_at(profile, row, place) || !profile->function_own[held->function])
            continue;
        uint32_t line = with_around(profile, held, name);
        if (line == 0)
            continue;
        add_hold(holds, held->function, line, place, ns * (double)row->looks / looks);
        rest -= ns * (double)row->looks / looks;
    }
    add_hold(holds, place->function, place->line, place, rest);
}

/* ---- what its holder waits for -------------------------------------------------------------------------------------
 */

/* The line of the function that the sample's thread waits below, asleep or for input; 0: none. */
static uint32_t waits_below(const struct profile *profile, size_t sample, uint32_t function)
{
    const struct profile_samples *samples = &profile->samples;
    if (!sample_counts(profile, sample) ||
        (samples->state[sample] != STATE_SLEEP && samples->state[sample] != STATE_IO))
        return 0;
    for (uint32_t stack = samples->stack[sample]; stack != 0; stack = profile->stacks[stack].parent) {
        const struct frame *frame = &profile->frames[profile->stacks[stack].frame];
        if (frame->function == function)
            return frame->line;
    }
    return 0;
}

static void measure_waits(const struct facts *facts, struct hold *hold)
{
    const struct profile *profile = facts->profile;
    double most = 0;
    for (size_t k = 0; k < facts->aggregate->n_lines; k++) {
        const struct line_sum *line = &facts->aggregate->lines[k];
        if (line->function != hold->function || line->line <= hold->line ||
            !is_under(profile, line->file, hold->line, line->line))
            continue;
        double ns = 0;
        for (size_t i = 0; i < profile->samples.count; i++)
            ns += waits_below(profile, i, hold->function) == line->line ? profile->samples.wall_ns[i] : 0;
        hold->wait_ns += ns;
        if (ns > most) {
            most = ns;
            hold->wait_line = line->line;
        }
    }
}

/* The program's own function that most of it is in; the one that holds the lock, or 0: no other. */
static uint32_t waits_in(const struct profile *profile, const struct hold *hold)
{
    double *ns = mem_zalloc(profile->n_functions + 1, sizeof *ns);
    uint32_t most = 0;
    for (size_t i = 0; ns != NULL && i < profile->samples.count; i++) {
        if (waits_below(profile, i, hold->function) != hold->wait_line)
            continue;
        uint32_t stack = profile->samples.stack[i];
        while (!profile->function_own[profile->frames[profile->stacks[stack].frame].function])
            stack = profile->stacks[stack].parent; /* the function below is one */
        uint32_t function = profile->frames[profile->stacks[stack].frame].function;
        ns[function] += profile->samples.wall_ns[i];
        most = ns[function] > ns[most] ? function : most;
    }
    mem_free(ns);
    return most;
}

/* ---- the finding ---------------------------------------------------------------------------------------------------
 */

/* Of all places that hold a lock, and wait for something else, the one that is waited for most. */
static const struct hold *find_hold(struct holds *holds)
{
    const struct facts *facts = holds->facts;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        if (line->line == 0 || !facts->profile->function_own[line->function] || !is_lock_line(facts->profile, line))
            continue;
        add_holds_of(holds, line, waits_to_take(holds, line));
    }
    const struct hold *best = NULL;
    for (size_t i = 0; i < holds->n; i++) {
        struct hold *hold = &holds->holds[i];
        if (hold->place == NULL || (best != NULL && hold->lock_ns <= best->lock_ns))
            continue;
        measure_waits(facts, hold);
        best = hold->wait_ns > 0 ? hold : best;
    }
    return best;
}

/* Who holds the lock, where looks told, and what it waits in. */
static void add_holder(const struct profile *profile, const struct hold *hold, struct finding *finding,
                       struct words *words)
{
    struct line_holder holder;
    char place[60], measure[sizeof finding->evidence[0].measure], in[60] = "for something else";
    uint32_t callee = waits_in(profile, hold);
    if (callee != 0 && callee != hold->function)
        snprintf(in, sizeof in, "in `%.40s`", last_part(profile->strings[profile->functions[callee].name]));
    snprintf(words->reason, sizeof words->reason, " waits %s", in);
    if (!profile_line_holder(profile, hold->place->file, hold->place->line, &holder) ||
        (double)holder.looks < LIMIT_OF(LOCK_HELD_WAITING, LOOKS_MIN))
        return;
    struct share share = {.share = (double)holder.held / (double)holder.looks};
    wilson(share.share, (double)holder.looks, &share.low, &share.high);
    lock_holder_place(profile, &holder, place, sizeof place);
    snprintf(measure, sizeof measure, "of looks: held by %s", place);
    finding_add_share(finding, measure, share);
    snprintf(words->reason, sizeof words->reason, " (%s, %.0f %% of looks) waits %s", place, floor(100 * share.share),
             in);
}

static void add_places(const struct profile *profile, const struct hold *hold, struct finding *finding)
{
    finding->function = hold->function;
    finding->file = profile->functions[hold->function].file;
    finding->line = finding->line_first = hold->line;
    finding->line_last = hold->wait_line;
    if (hold->place->function == hold->function && hold->place->line == hold->line)
        return;
    char measure[sizeof finding->evidence[0].measure];
    const char *file = profile->strings[hold->place->file], *slash = strrchr(file, '/');
    snprintf(measure, sizeof measure, "most of them at %.50s:%u", slash != NULL ? slash + 1 : file, hold->place->line);
    finding_add(finding, measure, "share", hold->place_ns / hold->lock_ns);
}

bool rule_lock_held(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                    struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    struct holds holds = {.facts = facts};
    const struct hold *hold = find_hold(&holds);
    if (hold == NULL || !(facts->elapsed_ns > 0))
        return false;
    double waiting = hold->lock_ns / facts->elapsed_ns;
    struct share part = elapsed_part(facts, hold->wait_ns);
    /* Threads that wait below without the lock would wait side by side. */
    if (waiting < LIMIT_OF(LOCK_HELD_WAITING, LOCK_MIN) || part.low < LIMIT_OF(LOCK_HELD_WAITING, WAIT_MIN) ||
        hold->wait_ns > LIMIT_OF(LOCK_HELD_WAITING, OVERLAP_MAX) * facts->elapsed_ns)
        return false;
    finding_predict(finding, part.low, part.share, fmin(2, 1 + waiting), 1 + waiting);
    finding_add(finding, "threads that wait for the lock", "threads", waiting);
    finding_add_share(finding, "something else is waited for meanwhile", part);
    add_places(facts->profile, hold, finding);
    add_holder(facts->profile, hold, finding, words);
    finding_not_measured(finding, "what the lock is for: one connection or a pace may need it all along");
    finding->confidence = 0.6;
    words_percent(words->share, sizeof words->share, part.share);
    snprintf(words->count, sizeof words->count, "%.1f", waiting);
    return true;
}
