/* Rules on what the CPU time is in: a hot loop, collections, native code. See rules.h. */
#include "diagnose/native_line.h"
#include "diagnose/rules.h"
#include "diagnose/source_loop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* How many times faster at least native code is than a function that does nearly nothing but call itself: what the
 * interpreter does to call it lies outside of its loop, and goes. 0: it does something else. */
static double recursion_factor(const struct facts *facts)
{
    bool kept;
    if (!source_function_only_recurses(facts->profile, facts->hot->function, &kept))
        return 0;
    return kept ? LIMIT_OF(HOT_LOOP, KEPT_FACTOR) : LIMIT_OF(HOT_LOOP, CALLS_FACTOR);
}

/* Of plain numbers all goes, they need no objects then. Else the interpreter's own steps are sure to go: what those
 * call (a dict, a text, a pattern) is native already and stays. */
static double sure_gain(const struct facts *facts, const struct kind *kind, double part)
{
    double gain = gain_amdahl(part, kind->low), steps = part_in_loop(facts);
    if (kind->numbers || steps < 0)
        return gain;
    double sure = gain_amdahl(part * steps, LIMIT_OF(HOT_LOOP, STEPS_FACTOR)), calls = recursion_factor(facts);
    return fmin(gain, calls > 0 ? fmax(sure, gain_amdahl(part, calls)) : sure);
}

/* All is on one line, which is gone round, calls nothing and works on plain numbers. */
static bool computes_numbers(const struct facts *facts)
{
    const struct profile *profile = facts->profile;
    const struct function_sum *hot = facts->hot;
    size_t length = 0;
    bool known = false;
    const char *text = source_line(profile, profile->functions[hot->function].file, hot->hot_line, &length);
    return text != NULL && kind_of(profile, hot->function).numbers && source_only_computes(text, length) &&
           source_line_goes_round(profile, hot->function, hot->hot_line, &known) &&
           part_in_loop(facts) >= LIMIT_OF(HOT_LOOP, NUMBERS_MIN);
}

/* One line that holds all of a function may be one native call: lines that alternate are a loop in Python. */
static bool lines_alternate(const struct facts *facts)
{
    return 1 - facts->hot_line_share >= LIMIT_OF(HOT_LOOP, LINES_MIN);
}

/* That one line has it all, and what it calls has most of that: native code around the call would change little. What
 * the interpreter does for plain numbers outside of its loop is arithmetic, and no call. */
static bool calls_have_it(const struct facts *facts)
{
    double part = part_in_loop(facts);
    return !lines_alternate(facts) && part >= 0 && part < LIMIT_OF(HOT_LOOP, LOOP_MIN) &&
           !(recursion_factor(facts) > 0) && !computes_numbers(facts);
}

/* Of the hot function's own time, that on lines that its loops go round; 1: no text tells. What a program calls often
 * is no loop of the library's. */
static double part_in_rounds(const struct facts *facts)
{
    double all = 0, rounds = 0;
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        bool known = false;
        if (line->function != facts->hot->function || line->line == 0)
            continue;
        bool goes_round = source_line_goes_round(facts->profile, line->function, line->line, &known);
        all += known ? line->cpu_ns : 0;
        rounds += goes_round ? line->cpu_ns : 0;
    }
    return all > 0 ? rounds / all : 1;
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
    double imports = facts->told_apart ? facts->import.share : 0; /* the interpreter's too, and not the loop's */
    if (facts->hot == NULL || facts->active < LIMIT_OF(HOT_LOOP, ACTIVE_MIN) ||
        python->share < LIMIT_OF(HOT_LOOP, PYTHON_MIN) * (1 - imports) ||
        facts->hot_cpu_share < LIMIT_OF(HOT_LOOP, FUNCTION_MIN))
        return false;
    if (facts->builtin || (!facts->told_apart && !lines_alternate(facts)) || calls_have_it(facts))
        return false;
    if (!facts->hot_own && part_in_rounds(facts) < LIMIT_OF(HOT_LOOP, LIBRARY_MIN))
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
    double in_loop = kind.numbers ? -1 : part_in_loop(facts);
    if (in_loop >= 0)
        finding_add(finding, "of its known instructions in the interpreter's loop", "share", in_loop);
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
    double python = collected_in_python(facts), share = facts->gc.share * python, part = facts->active * share;
    double between = between_collections(facts), sure = facts->gc.low * python;
    if (facts->active < LIMIT_OF(GC_PRESSURE, ACTIVE_MIN) || sure < LIMIT_OF(GC_PRESSURE, GC_MIN) || line == NULL ||
        between / 1e9 > LIMIT_OF(GC_PRESSURE, GAP_MAX) ||
        facts->strata.on_ns * share / 1e9 < LIMIT_OF(GC_PRESSURE, TOOK_MIN))
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
    if (facts->held_blocks.all > 0) {
        words->complete = true;
        finding_add(finding, "blocks in use at the most, by Python's allocators", "1", facts->held_blocks.all);
        for (size_t i = 0; i < facts->held_blocks.n; i++)
            finding_add_held(facts, finding, &facts->held_blocks.lines[i], HELD_BLOCKS);
    } else {
        finding_not_measured(finding, "how many objects last: each collection looks through them");
    }
    finding_not_measured(finding, "how many of them are garbage");
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
