/* See calls.h. Text is looked at for functions that have enough of the time only. */
#include "diagnose/calls.h"

#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include <string.h>

struct sums {
    double *small_ns;  /* by function that calls: on the CPU in small functions called from it */
    double *callee_ns; /* by small function */
    bool *small;       /* by function */
    bool *keeps;       /* by function: a constructor that only keeps what it is given; part of what calls it */
};

static bool is_looked_at(const struct facts *facts, const struct function_sum *sum)
{
    return facts->profile->function_own[sum->function] &&
           sum->self_cpu_ns >= LIMIT_OF(CALL_OVERHEAD, LOOKED_AT_MIN) * facts->strata.on_ns;
}

static void find_small(const struct facts *facts, struct sums *sums)
{
    const struct profile *profile = facts->profile;
    const struct aggregate *aggregate = facts->aggregate;
    for (size_t i = 0; i < aggregate->n_functions; i++) {
        uint32_t function = aggregate->functions[i].function;
        struct text made = source_class_made(profile, function);
        if (made.at < made.end && is_looked_at(facts, &aggregate->functions[i]))
            sums->keeps[function] = source_function_only_keeps(profile, function);
    }
    for (size_t i = 0; i < aggregate->n_functions; i++) {
        uint32_t function = aggregate->functions[i].function;
        if (is_looked_at(facts, &aggregate->functions[i]))
            sums->small[function] = source_function_is_small(profile, function, sums->keeps);
    }
}

/* The own frame that called the small function the sample is in, through other small ones; 0: it is in none. */
static uint32_t caller_frame(const struct profile *profile, const struct sums *sums, uint32_t stack, uint32_t *callee)
{
    uint32_t frame = profile->stacks[stack].frame;
    *callee = profile->frames[frame].function;
    bool small = sums->small[*callee];
    if (!small && !sums->keeps[*callee])
        return 0;
    for (stack = profile->stacks[stack].parent; stack != 0; stack = profile->stacks[stack].parent) {
        frame = profile->stacks[stack].frame;
        uint32_t function = profile->frames[frame].function;
        if (!sums->small[function]) /* what makes objects that are wanted calls nothing needlessly */
            return small && profile->function_own[function] ? frame : 0;
        small = true;
    }
    return 0;
}

/* `of` NULL: of all. */
static uint32_t most_of(const double *ns, const bool *of, size_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        best = ns[i] > ns[best] && (of == NULL || of[i]) ? i : best;
    return best;
}

static bool computes(const struct profile *profile, size_t i)
{
    return sample_counts(profile, i) && profile->samples.stack[i] != 0 &&
           state_on_cpu((enum state)profile->samples.state[i]);
}

static bool calls_from(const struct profile *profile, const double *frame_ns, const struct line_sum *line)
{
    for (uint32_t i = 1; i < profile->n_frames; i++) {
        if (frame_ns[i] > 0 && profile->frames[i].function == line->function && profile->frames[i].line == line->line)
            return true;
    }
    return false;
}

/* Is it the name, or its last part, of a small function that `caller` calls? Or of a class, for its constructor? */
static bool names_small(const struct profile *profile, const struct sums *sums, struct text word)
{
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        const char *whole = profile->strings[profile->functions[i].name], *dot = strrchr(whole, '.');
        const char *last = dot != NULL ? dot + 1 : whole;
        if (sums->callee_ns[i] > 0 && (text_same(word, (struct text){last, last + strlen(last)}) ||
                                       text_same(word, source_class_made(profile, i))))
            return true;
    }
    return false;
}

/* The sign of the last of an expression's operators, the one that is left when all others are done; 0: it is none of
 * these. */
static char operator_of(struct text text)
{
    int depth = 0;
    char found = '\0', before = '\0';
    for (const char *at = text.at; at < text.end; at = text_past(at, text.end)) {
        bool sign = depth == 0 && (*at == '+' || *at == '-' || *at == '*' || *at == '/');
        bool between = before != '\0' && (text_is_word(before) || strchr(")]\"'", before) != NULL);
        if (sign && between && at + 1 < text.end && at[0] == '*' && at[1] == '*') {
            before = *++at; /* `x ** 2` */
            continue;
        }
        if (sign && between && (*at == '+' || *at == '-' || (found != '+' && found != '-')))
            found = *at;
        depth += text_bracket(*at);
        before = *at != ' ' ? *at : before;
    }
    return found;
}

/* `speed - wind`, where a class has a small function for that. */
static bool operates_small(const struct profile *profile, const struct sums *sums, struct text text)
{
    static const struct {
        char sign;
        const char *name;
    } operators[] = {{'+', "__add__"}, {'+', "__radd__"}, {'-', "__sub__"},     {'-', "__rsub__"},
                     {'*', "__mul__"}, {'*', "__rmul__"}, {'/', "__truediv__"}, {'/', "__floordiv__"}};
    char sign = operator_of(text);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        const char *name = operators[i].name;
        if (sign == operators[i].sign && names_small(profile, sums, (struct text){name, name + strlen(name)}))
            return true;
    }
    return false;
}

static struct text word_before(struct text text, const char *at)
{
    struct text word = {at, at};
    while (word.at > text.at && text_is_word(word.at[-1]))
        word.at--;
    return word;
}

/* `lamp.light(…)`: the name before the bracket that the expression ends with. Empty: it is no call. */
static struct text called(struct text text)
{
    const char *open = text.at;
    while (open < text.end) {
        while (open < text.end && (text_is_word(*open) || *open == '.'))
            open++;
        if (open == text.end || *open != '(') /* `total += light(…)` only has one in it */
            break;
        const char *past = text_past_bracket(open, text.end);
        if (past == NULL || past == text.end) /* NULL: it goes on in the next line */
            return word_before(text, open);
        open = past;
    }
    return (struct text){text.at, text.at};
}

/* Instructions that are there for the call alone: at the line that calls, finding the function and calling it; in the
 * function, its beginning and its return. A property is called by its name. */
static bool is_of_call(const struct profile *profile, const struct sums *sums, const struct expression *one,
                       bool inside)
{
    const struct frame *frame = &profile->frames[one->frame];
    size_t length = 0;
    const char *line = source_line(profile, profile->functions[frame->function].file, frame->line, &length);
    if (inside && one->column == one->end_column)
        return true; /* where it begins there is no expression */
    size_t end = one->end_line == frame->line ? one->end_column : length;
    if (line == NULL || end > length || one->column >= end)
        return false;
    struct text text = {line + one->column, line + end}, name = word_before(text, text.end);
    if (inside && (text_begins(text, "return ") || text_begins(text, "return(")))
        return true;
    if (!inside && operator_of(text) != '\0')
        return operates_small(profile, sums, text);
    bool whole = name.at == text.at ? end < length && line[end] == '(' : name.at[-1] == '.';
    if (name.at == name.end)
        name = called(text);
    else if (!whole)
        return false;
    return name.at < name.end && names_small(profile, sums, name);
}

/* By the expressions that samples met, of the small functions and of the lines that call them. */
static double calls_part(const struct profile *profile, const struct sums *sums, const double *frame_ns,
                         uint32_t caller)
{
    uint64_t all = 0, calls = 0;
    for (size_t i = 0; i < profile->n_expressions; i++) {
        const struct expression *one = &profile->expressions[i];
        const struct frame *frame = &profile->frames[one->frame];
        bool inside = sums->callee_ns[frame->function] > 0;
        const struct line_sum line = {.function = frame->function, .line = frame->line};
        if (!inside && (frame->function != caller || !calls_from(profile, frame_ns, &line)))
            continue;
        all += one->ticks;
        calls += is_of_call(profile, sums, one, inside) ? one->ticks : 0;
    }
    return (double)all >= LIMIT_OF(CALL_OVERHEAD, TICKS_MIN) ? (double)calls / (double)all : -1;
}

/* Of the calls from `caller`: which function has most, from where. */
static void sum_callees(const struct facts *facts, struct sums *sums, uint32_t caller, double *frame_ns,
                        struct small_calls *found)
{
    const struct profile *profile = facts->profile;
    for (size_t i = 0; i < profile->samples.count; i++) {
        uint32_t callee, frame;
        if (!computes(profile, i) || (frame = caller_frame(profile, sums, profile->samples.stack[i], &callee)) == 0 ||
            profile->frames[frame].function != caller)
            continue;
        sums->callee_ns[callee] += profile->samples.wall_ns[i];
        frame_ns[frame] += profile->samples.wall_ns[i];
    }
    found->frame = most_of(frame_ns, NULL, profile->n_frames);
    found->callee = most_of(sums->callee_ns, sums->small, profile->n_functions);
    found->callee_ns = sums->callee_ns[found->callee];
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        if (facts->aggregate->functions[i].function == caller)
            found->caller_ns = facts->aggregate->functions[i].self_cpu_ns;
    }
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        if (line->function == caller && calls_from(profile, frame_ns, line))
            found->hands_ns += line->cpu_ns;
    }
    found->calls = calls_part(profile, sums, frame_ns, caller);
}

static int find_small_calls(struct facts *facts, struct small_calls *found)
{
    const struct profile *profile = facts->profile;
    struct sums sums = {
        .small_ns = mem_zalloc(profile->n_functions + 1, sizeof *sums.small_ns),
        .callee_ns = mem_zalloc(profile->n_functions + 1, sizeof *sums.callee_ns),
        .small = mem_zalloc(profile->n_functions + 1, sizeof *sums.small),
        .keeps = mem_zalloc(profile->n_functions + 1, sizeof *sums.keeps),
    };
    double *frame_ns = mem_zalloc(profile->n_frames + 1, sizeof *frame_ns);
    bool enough = sums.small_ns != NULL && sums.callee_ns != NULL && sums.small != NULL && sums.keeps != NULL;
    int rc = enough && frame_ns != NULL ? 0 : ERR_NOMEM;
    if (rc == 0)
        find_small(facts, &sums);
    for (size_t i = 0; rc == 0 && i < profile->samples.count; i++) {
        uint32_t callee, frame;
        if (computes(profile, i) && (frame = caller_frame(profile, &sums, profile->samples.stack[i], &callee)) != 0)
            sums.small_ns[profile->frames[frame].function] += profile->samples.wall_ns[i];
    }
    uint32_t caller = rc == 0 ? most_of(sums.small_ns, NULL, profile->n_functions) : 0;
    if (caller != 0) {
        found->ns = sums.small_ns[caller];
        sum_callees(facts, &sums, caller, frame_ns, found);
    }
    mem_free(sums.small_ns);
    mem_free(sums.callee_ns);
    mem_free(sums.small);
    mem_free(sums.keeps);
    mem_free(frame_ns);
    return rc;
}

int calls_find(struct facts *facts)
{
    calls_again_find(facts, &facts->repeated);
    return find_small_calls(facts, &facts->small);
}
