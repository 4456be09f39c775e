/* Rules on what a line works on (types and sizes of operands), beside where the time is. See rules.h. */
#include "diagnose/operand_words.h"
#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types != NULL; types++) {
        if (strcmp(type, *types) == 0)
            return true;
    }
    return false;
}

static bool is_on_line(const struct profile *profile, const struct operand *one, const struct line_sum *line)
{
    const struct frame *frame = &profile->frames[one->frame];
    return frame->line == line->line && profile->functions[frame->function].file == line->file;
}

/* Looks at one operation of a line: some have one side only. */
static uint64_t operation_looks(const struct profile *profile, const struct line_sum *line, uint32_t operation)
{
    uint64_t looks[2] = {0};
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        if (one->operation == operation && is_on_line(profile, one, line))
            looks[one->slot != 0] += one->looks;
    }
    return looks[0] > looks[1] ? looks[0] : looks[1];
}

/* Of all looks at a line, those that saw the operand: the rest of its time is something else's. */
static double part_of_line(const struct profile *profile, const struct line_sum *line,
                           const struct line_operand *operand)
{
    enum { OPERATIONS = 32 };
    uint32_t counted[OPERATIONS];
    size_t n = 0;
    uint64_t looks = 0;
    for (size_t i = 0; i < profile->n_operands && n < OPERATIONS; i++) {
        uint32_t operation = profile->operands[i].operation;
        bool seen = !is_on_line(profile, &profile->operands[i], line);
        for (size_t k = 0; k < n; k++)
            seen = seen || counted[k] == operation;
        if (seen)
            continue;
        counted[n++] = operation;
        looks += operation_looks(profile, line, operation);
    }
    return looks > 0 ? fmin(1, (double)operand->type_looks / (double)looks) : 0;
}

/* Enough looks, nearly all of which saw this operation on the same type. */
static bool is_certain(const struct facts *facts, const struct line_sum *line, const struct line_operand *operand)
{
    return (double)operand->looks >= LIMIT_OF(LIST_MEMBERSHIP, LOOKS_MIN) &&
           part_of_line(facts->profile, line, operand) >= LIMIT_OF(LIST_MEMBERSHIP, TYPE_MIN);
}

static void add_operand(struct finding *finding, const struct line_operand *operand)
{
    finding_add(finding, "looks that saw that type", "share", (double)operand->type_looks / (double)operand->looks);
    if (operand->sized > 0)
        finding_add(finding, "items, on average", "1", operand->mean);
    finding_add(finding, "looks at what the line works on", "1", (double)operand->looks);
}

/* What the rules of this file share behind their own condition. `factor`: how much faster the line gets at least. What
 * is promised rests on the part of it that the operand was seen in; NULL: not seen. */
static void fill(const struct facts *facts, const struct line_sum *line, const struct line_operand *operand,
                 double factor, struct finding *finding, struct words *words)
{
    struct share share = line_cpu(facts, line);
    double part = facts->active * share.share;
    double known = operand != NULL ? part_of_line(facts->profile, line, operand) : 1;
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0;
    finding->predicted_low = gain_amdahl(facts->active * share.low * known, factor);
    finding->predicted_high = gain_amdahl(fmin(part, 0.999), 1000);
    finding_add_share(finding, "CPU time on the line", share);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_line(line, finding);
    words_percent(words->share, sizeof words->share, share.share);
    finding_not_measured(finding, "other inputs: the range is for this one, and grows with it");
}

/* ---- list-membership ------------------------------------------------------------------------------------------------
 */

/* By the line alone, where nothing was seen of what it searches. */
static bool seems_to_search(const struct facts *facts, const struct line_sum *line)
{
    double python = line->state_ns[STATE_PYTHON] + line->state_ns[STATE_ON_CPU];
    size_t length = 0;
    const char *text = source_line(facts->profile, line->file, line->line, &length);
    return line == facts->hottest && text != NULL && source_tests_membership(text, length) &&
           line_cpu(facts, line).low >= LIMIT_OF(LIST_MEMBERSHIP, LINE_MIN) &&
           python >= LIMIT_OF(LIST_MEMBERSHIP, PYTHON_MIN) * line->cpu_ns;
}

static bool walks_through(const struct facts *facts, const struct line_sum *line, const char *operation,
                          struct line_operand *operand)
{
    static const char *const walked[] = {"list", "tuple", "collections.deque", NULL};
    return profile_line_operand(facts->profile, line->file, line->line, operation, 0, operand) &&
           is_certain(facts, line, operand) && is_one_of(operand->type, walked) &&
           operand->mean >= LIMIT_OF(LIST_MEMBERSHIP, ITEMS_MIN);
}

/* By what it searches: "in", or a method that walks likewise, ".index("; NULL: it was not seen to. */
static const char *searches(const struct facts *facts, const struct line_sum *line, struct line_operand *operand)
{
    size_t length = 0;
    const char *text = source_line(facts->profile, line->file, line->line, &length);
    if (walks_through(facts, line, "in", operand))
        return "in";
    const char *method = text != NULL ? source_seeks(text, length) : NULL;
    return method != NULL && walks_through(facts, line, "call", operand) ? method : NULL;
}

/* "a list of 16 000 with `.index()`", and what to keep beside it. */
static void name_searched(const struct line_operand *operand, const char *by, struct words *words)
{
    bool method = by[0] == '.';
    operand_describe(operand, words->reason, sizeof words->reason);
    size_t length = strlen(words->reason);
    snprintf(words->reason + length, sizeof words->reason - length, " with `%s%s`", by, method ? ")" : "");
    if (method)
        words->action =
            "Keep beside it a dict from each item to where it is, or to how often it is there, and ask that: "
            "one step in place of a walk through all.";
}

static bool was_looked_at(const struct facts *facts, const struct line_sum *line)
{
    struct line_operand operand;
    return profile_line_operand(facts->profile, line->file, line->line, "in", 0, &operand) &&
           (double)operand.looks >= LIMIT_OF(LIST_MEMBERSHIP, LOOKS_MIN);
}

bool rule_list_membership(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                          struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    for (size_t i = 0; i < facts->aggregate->n_lines && facts->active >= LIMIT_OF(LIST_MEMBERSHIP, ACTIVE_MIN); i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct line_operand operand = {0};
        if (line->line == 0 || line_cpu(facts, line).low < LIMIT_OF(LIST_MEMBERSHIP, KNOWN_MIN))
            continue;
        const char *by = searches(facts, line, &operand);
        if (by == NULL && (was_looked_at(facts, line) || !seems_to_search(facts, line)))
            continue;
        fill(facts, line, by != NULL ? &operand : NULL, LIMIT_OF(LIST_MEMBERSHIP, FACTOR_LOW), finding, words);
        if (by != NULL) {
            name_searched(&operand, by, words);
            add_operand(finding, &operand);
            finding_not_measured(finding, "whether its items can be hashed");
            finding_not_measured(finding, "where in it the match is: near its front it is found fast already");
            finding->confidence = 0.9;
        } else {
            snprintf(words->reason, sizeof words->reason, "what may be a list with `in`");
            finding_not_measured(finding, "what is searched: a long text or a slow comparison looks the same");
            finding_not_measured(finding, "how long it is, and whether it grows");
            finding->confidence = facts->told_apart ? 0.7 : 0.5;
        }
        return true;
    }
    return false;
}

/* ---- list-shift -----------------------------------------------------------------------------------------------------
 */

bool rule_list_shift(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                     struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    static const char *const lists[] = {"list", NULL};
    for (size_t i = 0; i < facts->aggregate->n_lines && facts->active >= LIMIT_OF(LIST_SHIFT, ACTIVE_MIN); i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct line_operand operand;
        size_t length = 0;
        if (line->line == 0 || line_cpu(facts, line).low < LIMIT_OF(LIST_SHIFT, LINE_MIN) ||
            !profile_line_operand(facts->profile, line->file, line->line, "call", 0, &operand) ||
            (double)operand.looks < LIMIT_OF(LIST_SHIFT, LOOKS_MIN) || !is_certain(facts, line, &operand) ||
            !is_one_of(operand.type, lists) || operand.mean < LIMIT_OF(LIST_SHIFT, ITEMS_MIN))
            continue;
        const char *text = source_line(facts->profile, line->file, line->line, &length);
        if (text == NULL || !source_shifts(text, length))
            continue;
        fill(facts, line, &operand, 1 + operand.mean / LIMIT_OF(LIST_SHIFT, ITEMS_PER_CALL), finding, words);
        operand_describe(&operand, words->reason, sizeof words->reason);
        add_operand(finding, &operand);
        finding_not_measured(finding, "whether the list is also asked for items in its middle: a deque is slow there");
        finding->confidence = 0.9;
        return true;
    }
    return false;
}

/* ---- quadratic-concat -----------------------------------------------------------------------------------------------
 */

/* What grows by a little each time and is copied whole: bytes and tuples by either sign, lists by `+` only, texts where
 * the little stands before them. With `+` the result must take the place of what was added to: a copy that is kept
 * beside it is wanted. */
static bool grows_by_copies(const struct facts *facts, const struct line_sum *line, struct line_operand *operand)
{
    static const struct {
        const char *sign, *types[5];
        int grows; /* slot of what does */
        bool (*takes_its_place)(const char *text, size_t length);
    } ways[] = {{"+=", {"bytes", "tuple"}, 0, NULL},
                {"+", {"bytes", "tuple", "list"}, 0, source_adds_to_itself},
                {"+", {"bytes", "tuple", "list", "str"}, 1, source_adds_before_itself}};
    size_t length = 0;
    const char *text = source_line(facts->profile, line->file, line->line, &length);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct line_operand added;
        if (!profile_line_operand(facts->profile, line->file, line->line, ways[i].sign, ways[i].grows, operand) ||
            !profile_line_operand(facts->profile, line->file, line->line, ways[i].sign, 1 - ways[i].grows, &added) ||
            (double)operand->looks < LIMIT_OF(QUADRATIC_CONCAT, LOOKS_MIN) || !is_certain(facts, line, operand) ||
            !is_one_of(operand->type, ways[i].types) || added.sized == 0 ||
            (ways[i].takes_its_place != NULL && (text == NULL || !ways[i].takes_its_place(text, length))))
            continue;
        bool of_bytes = strcmp(operand->type, "bytes") == 0 || strcmp(operand->type, "str") == 0;
        bool long_one =
            operand->mean >= (of_bytes ? LIMIT_OF(QUADRATIC_CONCAT, BYTES_MIN) : LIMIT_OF(QUADRATIC_CONCAT, ITEMS_MIN));
        if (long_one && operand->mean >= LIMIT_OF(QUADRATIC_CONCAT, TIMES_MIN) * added.mean &&
            (double)operand->most >= LIMIT_OF(QUADRATIC_CONCAT, GROWTH_MIN) * (double)operand->least)
            return true;
    }
    return false;
}

bool rule_quadratic_concat(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                           struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    for (size_t i = 0; i < facts->aggregate->n_lines && facts->active >= LIMIT_OF(QUADRATIC_CONCAT, ACTIVE_MIN); i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct line_operand operand;
        if (line->line == 0 || line_cpu(facts, line).low < LIMIT_OF(QUADRATIC_CONCAT, LINE_MIN) ||
            !grows_by_copies(facts, line, &operand))
            continue;
        fill(facts, line, &operand, LIMIT_OF(QUADRATIC_CONCAT, FACTOR_LOW), finding, words);
        operand_describe(&operand, words->reason, sizeof words->reason);
        add_operand(finding, &operand);
        finding_add(finding, "items at most", "1", (double)operand.most);
        finding_not_measured(finding, "whether each intermediate result is used");
        finding->confidence = 0.85;
        return true;
    }
    return false;
}

/* ---- vectorise ------------------------------------------------------------------------------------------------------
 */

/* Not every type of NumPy's is a number: generators, matrices, masked arrays and memory maps hold many. */
static bool is_scalar(const char *type)
{
    static const char *const kinds[] = {"bool",      "int",        "uint",        "float",
                                        "complex",   "longdouble", "clongdouble", "longlong",
                                        "ulonglong", "datetime64", "timedelta64"};
    for (size_t i = 0; strncmp(type, "numpy.", 6) == 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(type + 6, kinds[i], length) == 0 &&
            strspn(type + 6 + length, "0123456789c_") == strlen(type + 6 + length))
            return true;
    }
    return false;
}

/* a[i, j]: as many indices as the array has dimensions. */
static bool is_full_index(const struct profile *profile, const struct operand *array, const struct line_operand *index)
{
    int64_t dimensions = 1;
    for (const char *at = profile->strings[array->shape]; *at != '\0'; at++)
        dimensions += *at == 'x';
    return array->shape != 0 && strcmp(index->type, "tuple") == 0 && index->sized > 0 && index->least == dimensions &&
           index->most == dimensions;
}

/* The array of most looks whose numbers a function takes one by one: "of an array of 1000 x 1000", or "of NumPy
 * arrays". */
static void describe_arrays(const struct profile *profile, uint32_t function, char *out, size_t size)
{
    struct line_operand operand;
    uint64_t most = 0;
    char what[120];
    snprintf(out, size, "single numbers of NumPy arrays");
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const struct frame *frame = &profile->frames[one->frame];
        if (frame->function != function || one->slot != 0 || one->looks <= most || one->sized == 0 ||
            strcmp(profile->strings[one->type], "numpy.ndarray") != 0 ||
            !profile_line_operand(profile, profile->functions[function].file, frame->line,
                                  profile->strings[one->operation], 0, &operand) ||
            strcmp(operand.type, "numpy.ndarray") != 0)
            continue;
        most = one->looks;
        operand_describe(&operand, what, sizeof what);
        snprintf(out, size, "single numbers of %s", what);
    }
}

/* Looks into a function, those that saw single numbers of arrays, and those that saw one taken out or put in: that may
 * be a whole row too. */
static void count_scalars(const struct profile *profile, uint32_t function, double *looks, double *scalars,
                          double *items)
{
    *looks = *scalars = *items = 0;
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const char *type = profile->strings[one->type];
        if (profile->frames[one->frame].function != function || one->slot != 0)
            continue;
        struct line_operand index = {.type = ""};
        const char *operation = profile->strings[one->operation];
        bool subscript = strcmp(operation, "[]") == 0 || strcmp(operation, "[]=") == 0;
        if (subscript && strcmp(type, "numpy.ndarray") == 0)
            profile_line_operand(profile, profile->functions[function].file, profile->frames[one->frame].line,
                                 operation, 1, &index);
        *looks += (double)one->looks;
        if (is_scalar(type))
            *scalars += (double)one->looks;
        else if (strcmp(index.type, "int") == 0 || is_full_index(profile, one, &index))
            *items += (double)one->looks;
    }
}

/* The own function with most time of its own on the CPU. */
static const struct function_sum *busiest_own(const struct facts *facts)
{
    const struct function_sum *best = NULL;
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        if (facts->profile->function_own[sum->function] && (best == NULL || sum->self_cpu_ns > best->self_cpu_ns))
            best = sum;
    }
    return best;
}

static void predict_vectorised(const struct facts *facts, struct share share, struct finding *finding)
{
    double part = facts->active * share.share;
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0;
    finding->predicted_low = gain_amdahl(facts->active * share.low, LIMIT_OF(VECTORISE, FACTOR_LOW));
    finding->predicted_high = gain_amdahl(part, LIMIT_OF(VECTORISE, FACTOR_HIGH));
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_not_measured(finding, "whether an element needs the result of the one before");
    finding->confidence = 0.8;
}

/* What the place was seen to do it to. False: it was not seen. */
static bool seen_at(const struct facts *facts, uint32_t place, const char *operation, int slot,
                    struct line_operand *operand)
{
    const struct frame *frame = &facts->profile->frames[place];
    return profile_line_operand(facts->profile, facts->profile->functions[frame->function].file, frame->line, operation,
                                slot, operand);
}

/* series[i] with numbers: a mask or a list of places takes many at once, and a text is a label. */
static bool takes_items(const struct facts *facts, uint32_t place, struct line_operand *series)
{
    static const char *const numbers[] = {"int", "numpy.int64", NULL};
    struct line_operand index;
    return seen_at(facts, place, "[]", 0, series) && seen_at(facts, place, "[]", 1, &index) &&
           strcmp(series->type, "Series") == 0 && is_one_of(index.type, numbers) &&
           (double)series->looks >= LIMIT_OF(VECTORISE, LOOKS_MIN) &&
           (double)series->type_looks >= LIMIT_OF(LIST_MEMBERSHIP, TYPE_MIN) * (double)series->looks &&
           (double)index.type_looks >= LIMIT_OF(LIST_MEMBERSHIP, TYPE_MIN) * (double)index.looks &&
           series->mean >= LIMIT_OF(VECTORISE, ITEMS_MIN);
}

/* Is the line the loop's own or in its body? By indents: a line outside that stands as far in or less ends it. */
static bool is_in_loop(const struct profile *profile, uint32_t file, uint32_t loop, uint32_t line)
{
    size_t length = 0;
    const char *text = profile_source_line(profile, file, loop, &length);
    size_t indent = text != NULL ? source_indent(text, length) : 0;
    for (uint32_t at = loop; text != NULL && at < line;) {
        text = profile_source_line(profile, file, ++at, &length);
        size_t further = text != NULL ? source_indent(text, length) : 0;
        if (further <= indent && further < length)
            return false;
    }
    return text != NULL ? line >= loop : line == loop;
}

/* The own place that asks a Series for an item in this stack, where that is on one of the lines that go over rows; 0:
 * it is elsewhere. */
static uint32_t place_in_rows(const struct facts *facts, uint32_t stack)
{
    const struct profile *profile = facts->profile;
    const struct frame *rows = &profile->frames[facts->reaches[REACH_ROWS].caller];
    uint32_t place = 0;
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t at = profile->stacks[stack].frame;
        const struct frame *frame = &profile->frames[at];
        if (reach_leads(facts, stack, REACH_ITEMS))
            continue;
        if (place == 0 && profile->function_own[frame->function])
            place = at;
        if (frame->function == rows->function &&
            is_in_loop(profile, profile->functions[frame->function].file, rows->line, frame->line))
            return place;
    }
    return 0;
}

/* row["price"] or row[2]; or row.price, which no look tells: the line has no index at all. A mask or a slice takes many
 * at once. */
static bool takes_one(const struct facts *facts, uint32_t place)
{
    static const char *const single[] = {"str", "int", "numpy.int64", NULL};
    const struct frame *frame = &facts->profile->frames[place];
    struct line_operand index;
    size_t length = 0;
    if (seen_at(facts, place, "[]", 1, &index))
        return is_one_of(index.type, single) &&
               (double)index.type_looks >= LIMIT_OF(LIST_MEMBERSHIP, TYPE_MIN) * (double)index.looks;
    const char *text =
        source_line(facts->profile, facts->profile->functions[frame->function].file, frame->line, &length);
    return text != NULL && memchr(text, '[', length) == NULL;
}

/* On the CPU, taking values out of the rows that are made. What no sample saw is taken to be like what was seen. */
static double asking_rows(const struct facts *facts)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    double *by_stack = mem_zalloc(profile->n_stacks, sizeof *by_stack), asking = 0, all = 0;
    for (size_t i = 0; by_stack != NULL && i < samples->count; i++) {
        if (sample_counts(profile, i) && samples->ticks[i] != 0 && state_on_cpu((enum state)samples->state[i]))
            by_stack[samples->stack[i]] += samples->wall_ns[i];
    }
    for (uint32_t stack = 1; by_stack != NULL && stack < profile->n_stacks; stack++) {
        if (!(by_stack[stack] > 0) || !reach_leads(facts, stack, REACH_ITEMS))
            continue;
        uint32_t place = place_in_rows(facts, stack);
        all += by_stack[stack];
        asking += place != 0 && takes_one(facts, place) ? by_stack[stack] : 0;
    }
    mem_free(by_stack);
    return all > 0 ? facts->reaches[REACH_ITEMS].on_ns * asking / all : 0;
}

/* Rows of a DataFrame, or values of a Series, that pandas makes one at a time. */
static bool goes_over(const struct facts *facts, enum reach_id set, struct finding *finding, struct words *words)
{
    const struct reach *reach = &facts->reaches[set];
    bool rows = set == REACH_ROWS;
    struct strata only_on = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    /* What is asked of rows that are made one at a time goes with them. */
    bool asked =
        rows && reach->caller != 0 && share_of(&only_on, reach->on_ns, 0, 0).low >= LIMIT_OF(VECTORISE, ROWS_ALONE_MIN);
    struct share share = share_of(&only_on, reach->on_ns + (asked ? asking_rows(facts) : 0), 0, 0);
    struct line_operand operand = {.type = ""};
    if (share.low < LIMIT_OF(VECTORISE, ROWS_MIN) || reach->caller == 0 ||
        (!rows && !takes_items(facts, reach->caller, &operand)))
        return false;
    char what[128] = "a DataFrame";
    if (!rows ||
        ((seen_at(facts, reach->caller, "for", 0, &operand) || seen_at(facts, reach->caller, "call", 0, &operand)) &&
         strcmp(operand.type, "DataFrame") == 0))
        operand_describe(&operand, what, sizeof what);
    finding_add_share(finding, rows ? "CPU time making rows and asking them" : "CPU time taking a value at a time",
                      share);
    if (operand.type_looks > 0)
        add_operand(finding, &operand);
    finding_place_frame(facts, reach->caller, finding);
    predict_vectorised(facts, share, finding);
    words_percent(words->share, sizeof words->share, share.share);
    snprintf(words->reason, sizeof words->reason, "the %s of %s one by one", rows ? "rows" : "values", what);
    return true;
}

bool rule_vectorise(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                    struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (facts->active < LIMIT_OF(VECTORISE, ACTIVE_MIN))
        return false;
    if (goes_over(facts, REACH_ROWS, finding, words) || goes_over(facts, REACH_ITEMS, finding, words))
        return true;
    const struct function_sum *own = busiest_own(facts);
    double looks = 0, scalars = 0, items = 0;
    if (own == NULL || !(facts->strata.on_ns > 0))
        return false;
    struct strata only_on = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    struct share share = share_of(&only_on, own->self_cpu_ns, 0, 0);
    count_scalars(facts->profile, own->function, &looks, &scalars, &items);
    if (share.low < LIMIT_OF(VECTORISE, FUNCTION_MIN) || scalars + items < LIMIT_OF(VECTORISE, LOOKS_MIN) ||
        scalars + items < LIMIT_OF(VECTORISE, SCALARS_MIN) * looks ||
        scalars < LIMIT_OF(VECTORISE, NUMBERS_MIN) * (scalars + items))
        return false;
    scalars += items;
    finding_add_share(finding, "CPU time in the function", share);
    finding_add(finding, "looks that saw single numbers of arrays", "share", scalars / looks);
    finding_add(finding, "looks at what it works on", "1", looks);
    finding->function = own->function;
    finding->file = facts->profile->functions[own->function].file;
    finding->line = finding->line_first = finding->line_last = own->hot_line;
    predict_vectorised(facts, share, finding);
    words_percent(words->share, sizeof words->share, share.share);
    describe_arrays(facts->profile, own->function, words->reason, sizeof words->reason);
    return true;
}
