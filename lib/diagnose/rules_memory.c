/* Rules on memory that grows to the end. Their gain is less memory, not time. See rules.h. */
#include "diagnose/rules.h"
#include "diagnose/source_body.h"
#include "diagnose/source_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIB 1048576.0

enum { LINES_TOLD = 2 };

/* Grows all along, by much, and does not level off. */
static bool grows(const struct trend *memory)
{
    return memory->process != 0 && (double)memory->points >= LIMIT_OF(LEAK, POINTS_MIN) &&
           memory->low * memory->seconds >= LIMIT_OF(LEAK, GROWTH_MIN) * MIB &&
           memory->latest >= LIMIT_OF(LEAK, TIMES_MIN) * memory->first && memory->late >= LIMIT_OF(LEAK, LATE_MIN);
}

/* What peak memory would be without what it grew by, or with a part of it. */
static void promise_memory(const struct facts *facts, struct finding *finding, struct words *words)
{
    const struct trend *memory = &facts->memory;
    double growth = memory->latest - memory->first, first = fmax(1, memory->first);
    finding->max_gain = finding->predicted_high = memory->latest / first;
    finding->predicted_low = memory->latest / (first + LIMIT_OF(LEAK, STAYS) * growth);
    struct evidence *slope = finding_add(finding, "memory grows by, each second", "bytes", memory->slope);
    slope->low = memory->low;
    slope->high = memory->high;
    slope->interval = isfinite(memory->low) && isfinite(memory->high);
    finding_add(finding, "memory at first", "bytes", memory->first);
    finding_add(finding, "memory at last", "bytes", memory->latest);
    finding_add(finding, "of the growth, in the later half", "share", memory->late);
    snprintf(words->reason, sizeof words->reason, "%.1f MB a second", memory->slope / 1e6);
}

struct sizes {
    uint64_t looks;
    int64_t least, most, latest;
    bool grown, level; /* neither: too few looks to tell */
};

/* Looks at what the function's lines name so. */
static struct sizes sizes_of(const struct profile *profile, uint32_t function, const char *name)
{
    struct sizes sizes = {0};
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const struct frame *frame = &profile->frames[one->frame];
        size_t length = 0;
        const char *text = frame->function == function && one->slot == 0 && one->sized > 0
                               ? source_line(profile, profile->functions[function].file, frame->line, &length)
                               : NULL;
        if (text == NULL || !source_mentions(text, length, name))
            continue;
        sizes.least = sizes.looks == 0 || one->least < sizes.least ? one->least : sizes.least;
        sizes.most = one->most > sizes.most ? one->most : sizes.most;
        sizes.latest = one->latest > sizes.latest ? one->latest : sizes.latest;
        sizes.looks += one->sized;
    }
    bool enough = (double)sizes.looks >= LIMIT_OF(UNBOUNDED_CACHE, LOOKS_MIN);
    double most = (double)sizes.most;
    sizes.grown = enough && (double)sizes.least <= LIMIT_OF(UNBOUNDED_CACHE, LEAST_MAX) * most &&
                  (double)sizes.latest >= LIMIT_OF(UNBOUNDED_CACHE, LATEST_MIN) * most;
    sizes.level = enough && !sizes.grown && (double)sizes.least >= LIMIT_OF(UNBOUNDED_CACHE, LEVEL_MIN) * most;
    return sizes;
}

static bool calls_itself(const struct profile *profile, uint32_t function)
{
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        unsigned times = 0;
        for (uint32_t stack = i; stack != 0 && profile->frames[profile->stacks[i].frame].function == function;
             stack = profile->stacks[stack].parent)
            times += profile->frames[profile->stacks[stack].frame].function == function;
        if (times > 1)
            return true;
    }
    return false;
}

/* Where an own function puts something that stays, or -- by its decorator -- all its results do. */
struct keeper {
    uint32_t function;
    struct source_store store; /* line 0: it is the decorator */
    double cpu_ns;
    struct sizes sizes;
};

static bool keeps(const struct profile *profile, uint32_t function, bool cache, struct keeper *keeper)
{
    struct source_body body;
    keeper->function = function;
    keeper->store.line = 0;
    bool named =
        profile->strings[profile->functions[function].name][0] != '<'; /* a module's text has others' decorators */
    if (cache && named && source_body_begin(profile, function, &body) && body.unlimited)
        return true;
    if (!source_function_stores(profile, function, &keeper->store) || keeper->store.cache != cache)
        return false;
    keeper->sizes = sizes_of(profile, function, keeper->store.name);
    return !keeper->sizes.level;
}

/* The one with most of the CPU time in it and what it calls; one that was seen to grow before others. */
static bool find_keeper(const struct facts *facts, bool cache, struct keeper *found)
{
    const struct profile *profile = facts->profile;
    *found = (struct keeper){0};
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        struct keeper keeper = {.cpu_ns = sum->total_cpu_ns};
        bool less = found->function != 0 && found->cpu_ns >= sum->total_cpu_ns;
        if (sum->function == 0 || !profile->function_own[sum->function] ||
            profile->functions[sum->function].kind != FUNCTION_PYTHON ||
            !keeps(profile, sum->function, cache, &keeper) || (less && keeper.sizes.grown <= found->sizes.grown) ||
            (found->sizes.grown && !keeper.sizes.grown))
            continue;
        *found = keeper;
    }
    return found->function != 0;
}

static void place_keeper(const struct facts *facts, const struct keeper *keeper, struct finding *finding)
{
    const struct function *function = &facts->profile->functions[keeper->function];
    finding->function = keeper->function;
    finding->file = function->file;
    finding->line = finding->line_first = finding->line_last =
        keeper->store.line != 0 ? keeper->store.line : function->first_line;
}

/* What was in use at the most is what grew to the end: there was not more of it before, as a program loaded. */
static bool held_tells(const struct facts *facts)
{
    return facts->held.all > 0 && facts->held.all <= LIMIT_OF(LEAK, AT_END) * facts->memory.latest;
}

/* Of what Python's allocators had in use at the most, and the lines that it was for: names the next measurement no
 * more. What native code holds for itself is not in it. */
static void add_held(const struct facts *facts, struct finding *finding, struct words *words)
{
    const struct held *held = &facts->held;
    double growth = facts->memory.latest - facts->memory.first;
    if (!held_tells(facts))
        return;
    words->complete = true;
    finding_add(finding, "in use at the most, by Python's allocators", "bytes", held->all);
    for (size_t i = 0; i < held->n && i < LINES_TOLD; i++)
        if (held->lines[i].most_bytes >= LIMIT_OF(LEAK, LINE_MIN) * held->all)
            finding_add_held(facts, finding, &held->lines[i], HELD_BYTES);
    if (held->all < LIMIT_OF(LEAK, SEEN_MIN) * growth)
        finding_not_measured(finding, "what native code holds: it asks allocators of its own");
}

/* Do allocations tell that little of what grew was asked for there? */
static bool holds_little(const struct facts *facts, uint32_t function)
{
    double growth = facts->memory.latest - facts->memory.first;
    return held_tells(facts) && facts->held.all >= LIMIT_OF(LEAK, SEEN_MIN) * growth &&
           held_under(facts->profile, facts->memory.process, HELD_BYTES, function) < LIMIT_OF(LEAK, LINE_MIN) * growth;
}

/* The line that asked for more than all there was at first: it grew. */
static const struct held_line *line_that_grew(const struct facts *facts)
{
    const struct held *held = &facts->held;
    return held_tells(facts) && held->n > 0 && held->lines[0].most_bytes > facts->memory.first ? &held->lines[0] : NULL;
}

bool rule_unbounded_cache(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                          struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    struct keeper keeper;
    if (!grows(&facts->memory) || !find_keeper(facts, true, &keeper) || holds_little(facts, keeper.function))
        return false;
    struct share share = cpu_part(facts, keeper.cpu_ns);
    /* Results that are made of one another are all needed again. */
    if (share.share < LIMIT_OF(UNBOUNDED_CACHE, CPU_MIN) || calls_itself(facts->profile, keeper.function))
        return false;
    promise_memory(facts, finding, words);
    finding_add_share(finding, "CPU time making results, at most made again", share);
    if (keeper.sizes.grown)
        finding_add(finding, "looks that saw how many it keeps", "1", (double)keeper.sizes.looks);
    else
        finding_not_measured(finding, "how many results it keeps");
    add_held(facts, finding, words);
    finding_not_measured(finding, "how often older results are asked for: a limit makes those again");
    if (!words->complete)
        finding_not_measured(finding, "what else holds memory: allocations were not recorded");
    place_keeper(facts, &keeper, finding);
    finding->confidence = keeper.sizes.grown || words->complete ? 0.85 : 0.7;
    return true;
}

bool rule_leak(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
               struct words *words)
{
    struct keeper keeper;
    for (size_t i = 0; i < n_earlier; i++) {
        if (strcmp(earlier[i].tag, "unbounded-cache") == 0)
            return false;
    }
    if (!grows(&facts->memory) || facts->rest + facts->io < LIMIT_OF(LEAK, WAITS_MIN))
        return false;
    bool known = find_keeper(facts, false, &keeper) && !holds_little(facts, keeper.function);
    const struct held_line *most = line_that_grew(facts);
    if (!known && facts->memory.seconds < LIMIT_OF(LEAK, ALONE_S_MIN))
        return false;
    promise_memory(facts, finding, words);
    finding_add_elapsed(facts, finding, "waits or sleeps", facts->rest + facts->io);
    add_held(facts, finding, words);
    if (known)
        place_keeper(facts, &keeper, finding);
    else if (most != NULL)
        finding_place_frame(facts, most->frame, finding);
    if (known && keeper.sizes.grown)
        finding_add(finding, "looks that saw it grow", "1", (double)keeper.sizes.looks);
    else
        finding_not_measured(finding, known
                                          ? "how much the line keeps: it is the one that keeps something and runs most"
                                          : "what keeps it");
    if (!words->complete)
        finding_not_measured(finding, "which objects hold the memory: allocations were not recorded");
    finding_not_measured(finding, "whether all of it is still wanted");
    finding->confidence = (known && keeper.sizes.grown) || most != NULL ? 0.7 : 0.5;
    return true;
}
