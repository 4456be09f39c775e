/* See rules.h. Rules are pure: facts in, one finding out. Shares of elapsed and CPU time leave the run delay out. */
#include "diagnose/rules.h"

#include "diagnose/native_line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct evidence *finding_add(struct finding *finding, const char *measure, const char *unit, double value)
{
    static struct evidence spare;
    struct evidence *evidence = finding->n_evidence < EVIDENCE_MAX ? &finding->evidence[finding->n_evidence++] : &spare;
    memset(evidence, 0, sizeof *evidence);
    snprintf(evidence->measure, sizeof evidence->measure, "%s", measure);
    snprintf(evidence->unit, sizeof evidence->unit, "%s", unit);
    evidence->value = value;
    return evidence;
}

void finding_add_share(struct finding *finding, const char *measure, struct share share)
{
    struct evidence *evidence = finding_add(finding, measure, "share", share.share);
    evidence->low = share.low;
    evidence->high = share.high;
    evidence->interval = true;
}

void finding_add_elapsed(const struct facts *facts, struct finding *finding, const char *measure, double part)
{
    double period = facts->profile->self.rate_hz > 0 ? 1e9 / facts->profile->self.rate_hz : 1e6;
    struct share share = {.share = part};
    wilson(part, facts->elapsed_ns / period, &share.low, &share.high);
    finding_add_share(finding, measure, share);
}

void finding_not_measured(struct finding *finding, const char *what)
{
    if (finding->n_not_measured < NOT_MEASURED_MAX)
        finding->not_measured[finding->n_not_measured++] = what;
}

void finding_not_told_apart(const struct facts *facts, struct finding *finding)
{
    if (!facts->told_apart)
        finding_not_measured(finding, "interpreter or native code: no instruction pointers (keisoku doctor says why)");
    else if (facts->on_cpu.share >= LIMIT_OF(HOT_LOOP, UNTOLD_SAID))
        finding_not_measured(finding, "interpreter or native code, for a part of the CPU time (state on-cpu)");
}

void words_percent(char *out, size_t size, double share)
{
    snprintf(out, size, "%.0f %%", share * 100);
}

double gain_amdahl(double part, double factor)
{
    return 1 / (1 - part + part / factor);
}

double gain_gustafson(double part, double cores)
{
    return 1 - part + part * cores;
}

void finding_place_hot(const struct facts *facts, struct finding *finding)
{
    const struct function *function = &facts->profile->functions[facts->hot->function];
    finding->function = facts->hot->function;
    finding->file = function->file;
    finding->line = facts->hot->hot_line;
    finding->line_first = facts->line_first;
    finding->line_last = facts->line_last;
}

void finding_place_line(const struct line_sum *line, struct finding *finding)
{
    finding->function = line->function;
    finding->file = line->file;
    finding->line = finding->line_first = finding->line_last = line->line;
}

void finding_place_frame(const struct facts *facts, uint32_t frame, struct finding *finding)
{
    const struct profile *profile = facts->profile;
    finding->function = profile->frames[frame].function;
    finding->file = profile->functions[finding->function].file;
    finding->line = finding->line_first = finding->line_last = profile->frames[frame].line;
}

struct share cpu_part(const struct facts *facts, double ns)
{
    struct strata only_on = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    return share_of(&only_on, ns, 0, 0);
}

struct share elapsed_part(const struct facts *facts, double ns)
{
    double period = facts->profile->self.rate_hz > 0 ? 1e9 / facts->profile->self.rate_hz : 1e6;
    struct share share = {.share = facts->elapsed_ns > 0 ? fmin(1, ns / facts->elapsed_ns) : 0};
    wilson(share.share, facts->elapsed_ns / period, &share.low, &share.high);
    return share;
}

double known_part(const struct facts *facts, double ns)
{
    const struct profile_samples *samples = &facts->profile->samples;
    double all = 0, known = 0;
    for (size_t i = 0; i < samples->count; i++) {
        all += samples->wall_ns[i];
        known += samples->stack[i] != 0 && samples->ticks[i] != 0 ? samples->wall_ns[i] : 0;
    }
    return all > 0 ? fmin(1, ns / facts->elapsed_ns / fmax(known / all, 0.5)) : 0;
}

void finding_predict(struct finding *finding, double sure, double part, double low, double high)
{
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0;
    finding->predicted_low = gain_amdahl(sure, low);
    finding->predicted_high = gain_amdahl(fmin(part, 0.999), high);
}

struct share line_cpu(const struct facts *facts, const struct line_sum *line)
{
    double on = 0;
    for (int state = 0; state < STATE_COUNT; state++)
        on += state_on_cpu((enum state)state) ? line->state_ns[state] : 0;
    return cpu_part(facts, on);
}

/* Run delay that other programs can have caused, and enough of it. */
static bool delayed_by_others(const struct facts *facts, double lost)
{
    double own = facts->cores_allowed > 0 ? facts->diagnosis->cores_used / facts->cores_allowed : 0;
    if (lost < LIMIT_OF(STARVED, DELAY_MIN) || facts->delay_ns / 1e9 < LIMIT_OF(STARVED, DELAY_S_MIN))
        return false;
    if (facts->cores_known && facts->others < LIMIT_OF(STARVED, OTHERS_MIN))
        return false;
    return own < LIMIT_OF(STARVED, OWN_CORES_MAX);
}

/* The share is that of the bar, of all threads' time: where others wait, more of the elapsed time is lost than that. */
static void starved_words(const struct facts *facts, double lost, bool by_quota, struct words *words)
{
    char cost[48] = "";
    double runnable = facts->diagnosis->wall[STATE_RUNNABLE].share;
    words_percent(words->share, sizeof words->share, runnable);
    if (lost > runnable + LIMIT_OF(STARVED, COST_MIN))
        snprintf(cost, sizeof cost, ", which cost %.0f %% of the elapsed time", lost * 100);
    if (by_quota)
        snprintf(words->reason, sizeof words->reason, "the control group's CPU quota held it back for %.1f s%s",
                 facts->throttled_ns / 1e9, cost);
    else
        snprintf(words->reason, sizeof words->reason, "other programs had the cores%s", cost);
}

bool rule_starved(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                  struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (!(facts->elapsed_ns > 0) || (double)facts->aggregate->ticks < LIMIT_OF(STARVED, SAMPLES_MIN))
        return false;
    double throttled = facts->throttled_ns / facts->elapsed_ns;
    double lost = facts->delay * facts->active; /* of elapsed time; a program that mostly waits loses little */
    bool by_quota = fmin(throttled, lost) >= LIMIT_OF(STARVED, THROTTLED_MIN);
    if (!by_quota && !delayed_by_others(facts, lost))
        return false;
    finding_add(finding, "runnable, of its threads' time", "share", facts->diagnosis->wall[STATE_RUNNABLE].share);
    finding_add(finding, "lost to it, of elapsed time", "share", lost);
    finding_add(finding, "run delay", "s", facts->delay_ns / 1e9);
    if (by_quota)
        finding_add(finding, "throttled by the CPU quota", "s", facts->throttled_ns / 1e9);
    finding_add(finding, "cores used", "cores", facts->diagnosis->cores_used);
    if (facts->cores_known)
        finding_add(finding, "cores free", "cores", facts->diagnosis->cores_free);
    else
        finding_not_measured(finding, "how busy the cores were with other programs");
    if (!by_quota)
        finding_not_measured(finding, "which other program had the cores");
    starved_words(facts, lost, by_quota, words);
    finding->confidence = 0.95;
    return true;
}

/* The half width of the share that decides: of the hottest function when the program computes, else of its states. */
static double deciding_half_width(const struct facts *facts)
{
    double widest = 0;
    if (facts->hot != NULL && facts->active >= LIMIT_OF(INSUFFICIENT, ACTIVE_MIN))
        return fmax(facts->hot_share.high - facts->hot_share.low, facts->native.high - facts->native.low) / 2;
    for (int i = 0; i < STATE_COUNT; i++) {
        const struct share *share = &facts->diagnosis->wall[i];
        if (share->share > 0)
            widest = fmax(widest, (share->high - share->low) / 2);
    }
    return widest;
}

static void reason_unfollowed(const struct trust *trust, struct finding *finding, struct words *words)
{
    finding_add(finding, "CPU time in threads that were not followed", "share", trust->unfollowed);
    snprintf(words->reason, sizeof words->reason,
             "%.0f %% of the CPU time was in threads that ended before they could be followed%s",
             trust->unfollowed * 100, trust->held_off ? ", for keisoku waited for a core" : "");
    if (trust->held_off) {
        words->action =
            "Measure it where keisoku gets a core, or give it a priority above what has them (chrt): it came "
            "too late to see these threads, however long they lived.";
        return;
    }
    words->action =
        "Measure it with threads that stay (a ThreadPoolExecutor, a server with a fixed number of threads): "
        "a longer run tells no more of such brief ones.";
}

bool rule_insufficient(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                       struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct trust *trust = &facts->diagnosis->trust;
    if (facts->aggregate->ticks == 0 && (double)trust->samples >= LIMIT_OF(INSUFFICIENT, SAMPLES_MIN))
        return false; /* nothing but idle workers: known well enough */
    double samples = (double)facts->aggregate->ticks, seconds = facts->elapsed_ns / 1e9;
    double half = samples > 0 ? deciding_half_width(facts) : 1;
    double tried = (double)(trust->samples + trust->dropped);
    double dropped = tried > 0 ? (double)trust->dropped / tried : 0;
    double unknown = facts->diagnosis->wall[STATE_UNKNOWN].share;
    finding_add(finding, "samples", "1", samples);
    finding_add(finding, "half width of the deciding share", "share", half);
    if (samples <= 0)
        snprintf(words->reason, sizeof words->reason, "no Python was seen in %.2f s", seconds);
    else if (samples < LIMIT_OF(INSUFFICIENT, SAMPLES_MIN))
        snprintf(words->reason, sizeof words->reason, "%.0f samples in %.2f s, %.0f are needed", samples, seconds,
                 LIMIT_OF(INSUFFICIENT, SAMPLES_MIN));
    else if (dropped > LIMIT_OF(INSUFFICIENT, DROPPED_MAX))
        snprintf(words->reason, sizeof words->reason, "%.0f %% of the stacks could not be proved", dropped * 100);
    else if (half > LIMIT_OF(INSUFFICIENT, HALF_WIDTH_MAX))
        snprintf(words->reason, sizeof words->reason,
                 "with %.0f samples the largest share is known to ±%.0f points only", samples, half * 100);
    else if (unknown > LIMIT_OF(INSUFFICIENT, UNKNOWN_MAX))
        snprintf(words->reason, sizeof words->reason,
                 "what its threads did could not be told for %.0f %% of their time", unknown * 100);
    else if (facts->hot == NULL && facts->active * facts->python.share > LIMIT_OF(INSUFFICIENT, UNKNOWN_MAX))
        snprintf(words->reason, sizeof words->reason, "it ran Python of which no stack was read");
    else if (trust->unfollowed > LIMIT_OF(INSUFFICIENT, UNFOLLOWED_MAX))
        reason_unfollowed(trust, finding, words);
    else
        return false;
    finding_not_measured(finding, "what costs the time: so little was seen that advice would be a guess");
    if (dropped > 0)
        finding_add(finding, "dropped stacks", "share", dropped);
    finding->confidence = 1;
    return true;
}

/* How much faster native code is, by what a loop works on (kinds.def). */
struct kind {
    double low, high, share;
    const char *text; /* NULL: not told, the range is that of both */
    bool numbers;
};

enum { NUMBERS, OBJECTS };

static struct kind kind_of(const struct profile *profile, uint32_t function)
{
    static const struct kind kinds[] = {
#define KIND(name, low, high, text) [name] = {low, high, 0, "looks that saw " text, false},
#include "diagnose/kinds.def"
#undef KIND
    };
    static const char *const numbers[] = {"int", "float", "complex", "bool"};
    double looks = 0, plain = 0;
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const char *operation = profile->strings[one->operation];
        if (profile->frames[one->frame].function != function || one->slot != 0 || strcmp(operation, "for") == 0)
            continue;
        looks += (double)one->looks;
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++)
            plain += strcmp(profile->strings[one->type], numbers[k]) == 0 ? (double)one->looks : 0;
    }
    double part = looks > 0 ? plain / looks : 0, least = LIMIT_OF(HOT_LOOP, KIND_MIN);
    struct kind kind = {kinds[OBJECTS].low, kinds[NUMBERS].high, 0, NULL, false};
    if (looks >= LIMIT_OF(HOT_LOOP, LOOKS_MIN) && (part >= least || 1 - part >= least)) {
        kind = kinds[part >= least ? NUMBERS : OBJECTS];
        kind.numbers = part >= least;
        kind.share = fmax(part, 1 - part);
    }
    return kind;
}

/* Of the hot function's instruction pointers, the part in the interpreter's loop; -1: too few are known. */
static double part_in_loop(const struct facts *facts)
{
    const double *place = facts->hot->place_cpu_ns;
    double known = place[PLACE_LOOP] + place[PLACE_RUNTIME] + place[PLACE_LIBRARY];
    if (!(known > 0) || known < LIMIT_OF(ALREADY_NATIVE, KNOWN_MIN) * facts->hot->self_cpu_ns)
        return -1;
    return place[PLACE_LOOP] / known;
}

/* Of plain numbers all goes, they need no objects then. Else the interpreter's own steps are sure to go: what those
 * call (a dict, a text, a pattern) is native already and stays. */
static double sure_gain(const struct facts *facts, const struct kind *kind, double part)
{
    double gain = gain_amdahl(part, kind->low), steps = part_in_loop(facts);
    if (kind->numbers || steps < 0)
        return gain;
    return fmin(gain, gain_amdahl(part * steps, LIMIT_OF(HOT_LOOP, STEPS_FACTOR)));
}

/* One line that holds all of a function may be one native call: lines that alternate are a loop in Python. */
static bool lines_alternate(const struct facts *facts)
{
    return 1 - facts->hot_line_share >= LIMIT_OF(HOT_LOOP, LINES_MIN);
}

/* That one line has it all, and what it calls has most of that: native code around the call would change little. */
static bool calls_have_it(const struct facts *facts)
{
    double part = part_in_loop(facts);
    return !lines_alternate(facts) && part >= 0 && part < LIMIT_OF(HOT_LOOP, LOOP_MIN);
}

/* Is the hot function then the library's part of it: the copying itself, the starting, the asking, the making of rows?
 */
static bool is_of_libraries(const char *tag)
{
    static const char *const tags[] = {"deep-copy", "subprocess-per-item", "n-plus-one", "vectorise"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (strcmp(tag, tags[i]) == 0)
            return true;
    }
    return false;
}

bool rule_hot_loop(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                   struct words *words)
{
    /* Native code would only hide what the algorithm costs. */
    for (size_t i = 0; i < n_earlier; i++) {
        bool better = earlier[i].prescription == PRESCRIBE_ALGORITHM || strcmp(earlier[i].tag, "vectorise") == 0;
        if (better && facts->hot != NULL && earlier[i].function == facts->hot->function)
            return false;
        if (strcmp(earlier[i].tag, "call-overhead") == 0 && facts->hot != NULL &&
            (facts->hot->function == facts->small.callee || earlier[i].function == facts->hot->function))
            return false; /* one call moved out of a loop gains little */
        if (strcmp(earlier[i].tag, "gil-contention") ==
            0) /* what threads do in turns: first let them go side by side */
            words->under = earlier[i].predicted_low;
        if (is_of_libraries(earlier[i].tag) && !facts->hot_own)
            return false;
    }
    const struct share *python = facts->told_apart ? &facts->python : &facts->on_cpu;
    if (facts->hot == NULL || facts->active < LIMIT_OF(HOT_LOOP, ACTIVE_MIN) ||
        python->share < LIMIT_OF(HOT_LOOP, PYTHON_MIN) || facts->hot_cpu_share < LIMIT_OF(HOT_LOOP, FUNCTION_MIN))
        return false;
    if (facts->builtin || (!facts->told_apart && !lines_alternate(facts)) || calls_have_it(facts))
        return false;
    if (!facts->hot_own && !source_function_loops(facts->profile, facts->hot->function))
        return false; /* the library's, and the loop is somewhere else */
    double part = facts->active * facts->hot_cpu_share;
    /* Compiled code that it calls for each item goes with the calls. */
    double whole = fmin(0.999, facts->active * cpu_part(facts, facts->hot->self_cpu_ns).high);
    finding->max_gain = 1 / (1 - fmax(part, whole));
    struct kind kind = kind_of(facts->profile, facts->hot->function);
    finding->predicted_low = sure_gain(facts, &kind, part);
    finding->predicted_high = gain_amdahl(fmax(part, whole), kind.high);
    finding_add_share(finding, facts->told_apart ? "CPU time in its Python" : "CPU time in it", facts->hot_share);
    finding_add_share(finding, facts->told_apart ? "CPU time in the interpreter" : "CPU time, kind not told apart",
                      *python);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_add(finding, "its own time on its hottest line", "share", facts->hot_line_share);
    finding_place_hot(facts, finding);
    if (kind.text == NULL)
        finding_not_measured(finding, "what the loop works on: number loops gain most, object code least");
    else
        finding_add(finding, kind.text, "share", kind.share);
    if (!kind.numbers && part_in_loop(facts) >= 0)
        finding_add(finding, "of its time in the interpreter's loop", "share", part_in_loop(facts));
    finding_not_measured(finding, "whether a better algorithm would do");
    finding_not_told_apart(facts, finding);
    finding->confidence = facts->told_apart ? (lines_alternate(facts) ? 0.8 : 0.6) : 0.4;
    finding_unseen(facts, finding, words->unseen, sizeof words->unseen);
    words_percent(words->share, sizeof words->share, facts->hot_cpu_share);
    return true;
}

/* Where collections start: the own line with most of them, else any. */
static const struct line_sum *collecting_line(const struct facts *facts)
{
    const struct line_sum *best[2] = {NULL, NULL};
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        const struct line_sum **most = &best[facts->profile->function_own[line->function]];
        if (line->state_ns[STATE_GC] > (*most != NULL ? (*most)->state_ns[STATE_GC] : 0))
            *most = line;
    }
    return best[1] != NULL ? best[1] : best[0];
}

/* Of all collections, those with Python on the stack: the others are a program's end. */
static double collected_in_python(const struct facts *facts)
{
    double all = 0, python = 0;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        all += line->state_ns[STATE_GC];
        python += line->line != 0 ? line->state_ns[STATE_GC] : 0;
    }
    return all > 0 ? python / all : 0;
}

/* CPU time between two collections, on average; at most so much, for some were not seen. */
static double between_collections(const struct facts *facts)
{
    const struct profile_samples *samples = &facts->profile->samples;
    double seen = 0;
    bool collecting = false;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->ticks[i] == 0 || !sample_counts(facts->profile, i) || !state_on_cpu((enum state)samples->state[i]))
            continue;
        seen += samples->state[i] == STATE_GC && !collecting;
        collecting = samples->state[i] == STATE_GC;
    }
    return seen > 0 ? facts->strata.on_ns * (1 - facts->gc.share) / seen : 0;
}

bool rule_gc_pressure(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct line_sum *line = collecting_line(facts);
    double share = facts->gc.share * collected_in_python(facts), part = facts->active * share;
    double between = between_collections(facts);
    if (facts->active < LIMIT_OF(GC_PRESSURE, ACTIVE_MIN) || share < LIMIT_OF(GC_PRESSURE, GC_MIN) || line == NULL ||
        between / 1e9 > LIMIT_OF(GC_PRESSURE, GAP_MAX))
        return false;
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0;
    finding->predicted_low = gain_amdahl(part, LIMIT_OF(GC_PRESSURE, FACTOR_LOW));
    finding->predicted_high = finding->max_gain;
    finding_add_share(finding, "CPU time in collections", facts->gc);
    finding_add(finding, "CPU time between two, at most on average", "s", between / 1e9);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    if (facts->collecting_frame != 0)
        finding_place_frame(facts, facts->collecting_frame, finding);
    else
        finding_place_line(line, finding);
    finding_not_measured(finding, "how many objects last, and how many of them are garbage");
    finding->confidence = 0.8;
    words_percent(words->share, sizeof words->share, share);
    return true;
}

/* The line that native code was called from most. */
static void place_native(const struct facts *facts, struct finding *finding)
{
    double best = 0;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        double ns = line->state_ns[STATE_NATIVE] + line->state_ns[STATE_NATIVE_GIL];
        if (ns > best)
            finding_place_line(line, finding);
        best = fmax(best, ns);
    }
}

/* Compiled code that is called for each number, or that does what need not be done, is no end of it. */
static bool is_better_said(const struct facts *facts, const struct finding *earlier, size_t n_earlier, bool builtin)
{
    for (size_t i = 0; i < n_earlier; i++) {
        if (strcmp(earlier[i].tag, "vectorise") == 0 ||
            (builtin && earlier[i].prescription == PRESCRIBE_ALGORITHM && facts->hot != NULL &&
             earlier[i].function == facts->hot->function))
            return true;
    }
    return false;
}

/* The extension module that the hot line runs a noticeable part of its time in; nothing: none. */
static void name_module_of_hot_line(const struct facts *facts, char *name, size_t size)
{
    const struct profile *profile = facts->profile;
    struct native_line line =
        native_line_of(profile, profile->functions[facts->hot->function].file, facts->hot->hot_line);
    if (line.module != 0 && line.module_ns >= LIMIT_OF(ALREADY_NATIVE, MODULE_MIN) * line.cpu_ns)
        native_module_name(profile->strings[line.module], name, size);
}

/* "sha256_block of libcrypto": true where the function is known. */
static bool name_native(const struct facts *facts, bool builtin, struct words *words)
{
    const struct native_module *top = &facts->native_top;
    const struct profile *profile = facts->profile;
    if (builtin) {
        char module[NATIVE_MODULE_BYTES] = "";
        bool known = facts->callee[0] != '\0' && facts->hot_line_share >= LIMIT_OF(ALREADY_NATIVE, NAMED_MIN);
        name_module_of_hot_line(facts, module, sizeof module);
        if (known && module[0] != '\0') /* an extension module's, which uses the interpreter's code */
            snprintf(words->reason, sizeof words->reason, "%s, compiled code, some of it in %.60s", facts->callee,
                     module);
        else
            snprintf(words->reason, sizeof words->reason, "%s%s",
                     known ? facts->callee : "the interpreter's own compiled code",
                     known ? ", compiled code of the interpreter" : "");
        return known;
    }
    if (top->cpu_ns <= 0)
        snprintf(words->reason, sizeof words->reason, "compiled code");
    else if (top->function == 0)
        snprintf(words->reason, sizeof words->reason, "compiled code, most in %.80s", top->name);
    else
        snprintf(words->reason, sizeof words->reason, "compiled code, most in %.60s of %.60s",
                 profile->strings[profile->functions[top->function].name], top->name);
    return top->function != 0;
}

bool rule_already_native(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                         struct finding *finding, struct words *words)
{
    bool builtin = facts->builtin && facts->hot_cpu_share >= LIMIT_OF(ALREADY_NATIVE, NATIVE_MIN);
    if (is_better_said(facts, earlier, n_earlier, builtin) || !facts->told_apart ||
        facts->active < LIMIT_OF(ALREADY_NATIVE, ACTIVE_MIN) ||
        (facts->native.share < LIMIT_OF(ALREADY_NATIVE, NATIVE_MIN) && !builtin))
        return false;
    if (builtin) {
        if (facts->own_frame == 0)
            finding_place_hot(facts, finding);
        else
            finding_place_frame(facts, facts->own_frame, finding);
        finding_add_share(finding, "CPU time in calls of built-in functions", facts->hot_share);
        if (facts->loop_share >= 0)
            finding_add(finding, "of it in the interpreter's loop", "share", facts->loop_share);
    } else {
        place_native(facts, finding);
        finding_add_share(finding, "CPU time in native code", facts->native);
        if (facts->native_top.cpu_ns > 0)
            finding_add(finding, "CPU time in that module", "share",
                        facts->native_top.cpu_ns / facts->aggregate->cpu_ns);
    }
    finding_add_share(finding, "CPU time in the interpreter", facts->python);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    if (!name_native(facts, builtin, words))
        finding_not_measured(finding, "which function of the native code");
    finding_not_told_apart(facts, finding);
    finding->confidence = builtin ? (facts->loop_share >= 0 ? 0.8 : 0.6) : 0.9;
    finding_unseen(facts, finding, words->unseen, sizeof words->unseen);
    words_percent(words->share, sizeof words->share, builtin ? facts->hot_share.share : facts->native.share);
    return true;
}

/* Most own time on the CPU, whatever the code: `hot` is of the interpreter's alone. */
static const struct function_sum *hottest_of_all(const struct facts *facts)
{
    const struct function_sum *best = facts->hot;
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        if (sum->function != 0 && facts->profile->functions[sum->function].kind == FUNCTION_PYTHON && best != NULL &&
            sum->self_cpu_ns > best->self_cpu_ns)
            best = sum;
    }
    return best;
}

bool rule_flat(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
               struct words *words)
{
    (void)earlier;
    if (n_earlier > 0)
        return false;
    snprintf(words->gain, sizeof words->gain, "%.1fx", LIMIT_OF(FLAT, GAIN_MIN));
    const struct function_sum *hottest = facts->active >= LIMIT_OF(FLAT, ACTIVE_MIN) ? hottest_of_all(facts) : NULL;
    double allowed = facts->cores_allowed;
    if (allowed >= LIMIT_OF(FLAT, CORES_MIN) && facts->diagnosis->cores_used >= LIMIT_OF(FLAT, CORES_FULL) * allowed)
        snprintf(words->reason, sizeof words->reason, "All %.0f cores are at work already.", allowed);
    else if (facts->import.share >= LIMIT_OF(FLAT, IMPORT_MIN) && facts->active >= LIMIT_OF(FLAT, ACTIVE_MIN))
        snprintf(words->reason, sizeof words->reason, "%.0f %% of the CPU time is importing modules.",
                 facts->import.share * 100);
    else if (hottest != NULL)
        snprintf(words->reason, sizeof words->reason, "The hottest function has %.0f %% of the CPU time.",
                 cpu_part(facts, hottest->self_cpu_ns).share * 100);
    if (hottest != NULL) {
        finding_add_share(finding, "CPU time in its hottest", cpu_part(facts, hottest->self_cpu_ns));
        finding->function = hottest->function;
        finding->file = facts->profile->functions[hottest->function].file;
        finding->line = finding->line_first = finding->line_last = hottest->hot_line;
    }
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_add(finding, "cores used", "cores", facts->diagnosis->cores_used);
    finding_add(finding, "cores free", "cores", facts->diagnosis->cores_free);
    finding->confidence = facts->told_apart ? 0.8 : 0.5;
    if (finding_unseen(facts, finding, words->unseen, sizeof words->unseen)) {
        size_t length = strlen(words->reason);
        snprintf(words->reason + length, sizeof words->reason - length, "%sBut %s.", length > 0 ? " " : "",
                 words->unseen);
        words->action =
            "Look again with what is missing here (Python 3.8 or later, no --no-operands or --no-source, the whole "
            "recording) before you leave it as it is.";
    }
    if (facts->active >= LIMIT_OF(FLAT, ACTIVE_MIN))
        finding_not_told_apart(facts, finding);
    finding_not_measured(finding, "how the time grows with the input");
    if (!facts->cores_known)
        finding_not_measured(finding, "how busy the cores were: whether more of them would help");
    return true;
}
