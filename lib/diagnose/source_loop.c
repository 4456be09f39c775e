/* See source_loop.h. One statement a line, or on some; what is written otherwise is not understood. */
#include "diagnose/source_loop.h"

#include "diagnose/rules.h"
#include "diagnose/source_share.h"

#include <ctype.h>
#include <string.h>

enum { BODY_LINES_MAX = 200, UP_LINES_MAX = 400 };

static void add_name(struct rounds *rounds, struct text name, uint32_t line, struct text from, bool mutated)
{
    if (name.at >= name.end)
        return;
    if (rounds->n_names == ROUNDS_NAMES_MAX)
        rounds->chained = true;
    else
        rounds->names[rounds->n_names++] =
            (struct round_name){.name = name, .line = line, .from = from, .mutated = mutated};
}

/* `total += …`: a sum of rounds, not handed to one. `number += 1` counts them. */
static void add_sum(struct rounds *rounds, struct text name, uint32_t line, struct text from)
{
    size_t before = rounds->n_names;
    add_name(rounds, name, line, from, false);
    if (rounds->n_names > before)
        rounds->names[before].sum = true;
}

static bool is_number(struct text text)
{
    bool digits = false;
    for (const char *at = text.at; at < text.end && *at != '#'; at++) {
        if (*at != ' ' && !isdigit((unsigned char)*at))
            return false;
        digits = digits || isdigit((unsigned char)*at);
    }
    return digits;
}

/* `queue.append(`: the name before a method that adds to it. */
static void add_mutations(struct rounds *rounds, struct text text, uint32_t line)
{
    static const char *const methods[] = {".append(", ".extend(", ".update(", ".add(", ".put(", ".appendleft("};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *at = text_find(text, methods[i]), *from = at;
        while (from != NULL && from > text.at && text_is_word(from[-1]))
            from--;
        if (at != NULL)
            add_name(rounds, (struct text){from, at}, line, text, true);
    }
}

/* Names that a line of the loop gives a value to. */
static void read_line(struct rounds *rounds, struct text text, uint32_t line)
{
    const char *sign = text_assignment(text), *as = text_find(text, " as "), *in = text_find(text, " in ");
    if (sign != NULL) {
        struct text target = {text.at, sign}, from = {sign + 1, text.end};
        bool part = text_find(target, "[") != NULL;
        for (struct text name; !part && text_next_name(&target, &name);) {
            bool whole = target.at == target.end || strchr(".(", *target.at) == NULL;
            bool more = text_augments(text, sign);
            if (whole && !more)
                add_name(rounds, name, line, from, false);
            else if (whole)
                add_sum(rounds, name, line, from);
        }
    } else if (text_begins(text, "with ") && as != NULL) {
        struct text target = {as + 4, text.end}, name;
        if (text_next_name(&target, &name))
            add_name(rounds, name, line, (struct text){text.at + 5, as}, false);
    } else if (text_begins(text, "for ") && in != NULL) {
        struct text target = {text.at + 4, in}, from = {in + 4, text.end};
        for (struct text name; text_next_name(&target, &name);)
            add_name(rounds, name, line, from, false);
    }
    add_mutations(rounds, text, line);
}

static bool takes_an_item(struct text text)
{
    return text_find(text, ".pop(") != NULL || text_find(text, ".popleft(") != NULL ||
           text_find(text, ".get(") != NULL || text_find(text, ".get_nowait(") != NULL ||
           text_find(text, "next(") != NULL;
}

/* Follows the names that a text uses back to the item of this round, or to what a round before left. */
static void follow(struct rounds *rounds, struct text text, uint32_t line, bool first)
{
    struct text left = text;
    for (struct text name; text_next_name(&left, &name);) {
        if (text_is_keyword(name, text.end))
            continue;
        for (size_t i = 0; i < rounds->n_items; i++)
            rounds->varies = rounds->varies || text_same(name, rounds->items[i]);
        struct round_name *before = NULL, *after = NULL;
        for (size_t i = 0; i < rounds->n_names; i++) {
            struct round_name *one = &rounds->names[i];
            if (!text_same(name, one->name) || (one->mutated && one->line == line && first))
                continue;
            if (one->sum) {
                *(is_number(one->from) ? &rounds->counted : &rounds->summed) = true;
            } else if (one->mutated) {
                rounds->chained = true;
            } else if (one->line < line) {
                before = one;
            } else {
                after = one;
            }
        }
        if (before != NULL && !before->followed) {
            before->followed = true;
            rounds->varies = rounds->varies || takes_an_item(before->from);
            follow(rounds, before->from, before->line, false);
        } else if (before == NULL && after != NULL) {
            rounds->chained = true;
        }
    }
    struct text strings = text;
    for (struct text string, field; text_next_formatted(&strings, &string);) {
        while (text_next_field(&string, &field))
            follow(rounds, field, line, first);
    }
}

void rounds_follow(struct rounds *rounds, struct text text, uint32_t line)
{
    follow(rounds, text, line, true);
}

/* What the line hands on: right of `=`, or behind `results.append(`. */
static struct text handed_on(struct text text)
{
    const char *sign = text_assignment(text);
    if (sign != NULL)
        return (struct text){sign + 1, text.end};
    const char *first = memchr(text.at, '(', (size_t)(text.end - text.at));
    if (first != NULL && memchr(first + 1, '(', (size_t)(text.end - first - 1)) != NULL)
        return (struct text){first + 1, text.end};
    return text;
}

const char *rounds_read_comprehension(struct rounds *rounds, struct text text)
{
    const char *loop = text_find(text, " for "),
               *in = loop != NULL ? text_find((struct text){loop, text.end}, " in ") : NULL;
    struct text target = {in != NULL ? loop + 5 : NULL, in};
    for (struct text name; in != NULL && rounds->n_items < ROUNDS_NAMES_MAX && text_next_name(&target, &name);)
        rounds->items[rounds->n_items++] = name;
    return in != NULL ? loop : NULL;
}

static enum loop_rounds read_comprehension(struct rounds *rounds, struct text text)
{
    const char *loop = rounds_read_comprehension(rounds, text);
    if (loop == NULL)
        return ROUNDS_UNKNOWN;
    struct text made = handed_on((struct text){text.at, loop});
    rounds_follow(rounds, made, rounds->line);
    return rounds->varies ? ROUNDS_FREE : ROUNDS_UNKNOWN;
}

static void read_head(struct rounds *rounds, struct text head)
{
    const char *in = text_find(head, " in ");
    if (!text_begins(head, "for ") && !text_begins(head, "async for "))
        return;
    const char *from = memchr(head.at, ' ', (size_t)(head.end - head.at));
    struct text target = {text_begins(head, "async ") ? from + 5 : from + 1, in != NULL ? in : head.end};
    for (struct text name; rounds->n_items < ROUNDS_NAMES_MAX && text_next_name(&target, &name);)
        rounds->items[rounds->n_items++] = name;
    rounds->over = (struct text){in != NULL ? in + 4 : head.end, head.end};
}

static bool is_mutated(const struct rounds *rounds, struct text over)
{
    for (struct text name; text_next_name(&over, &name);) {
        for (size_t i = 0; i < rounds->n_names; i++) {
            if (rounds->names[i].mutated && text_same(name, rounds->names[i].name))
                return true;
        }
    }
    return false;
}

static void add_work(struct rounds *rounds, struct text text)
{
    struct text_work work = text_work(text);
    rounds->work.steps += work.steps;
    rounds->work.calls += work.calls;
    rounds->work.fields += work.fields;
}

/* The loop's head and body. */
static void read_loop(struct rounds *rounds, uint32_t head_line, const struct statement *head)
{
    uint32_t line = head_line + head->lines;
    read_head(rounds, head->text);
    rounds->first = head_line;
    rounds->last = line - 1;
    if (text_begins(head->text, "while ")) /* what is behind `in` is asked for once */
        add_work(rounds, head->text);
    for (unsigned read = 0; read < BODY_LINES_MAX; read++) {
        struct statement next;
        enum statement_kind kind = statement_read(rounds->profile, rounds->file, line, &next);
        if (kind == STATEMENT_END || (kind != STATEMENT_NONE && next.indent <= head->indent))
            return;
        if (kind == STATEMENT_UNCLEAR)
            break;
        if (kind == STATEMENT_READ) {
            read_line(rounds, next.text, line);
            add_work(rounds, next.text);
            rounds->inner = rounds->inner || source_loops(next.text.at, (size_t)(next.text.end - next.text.at));
        }
        line += next.lines;
        rounds->last = line - 1;
    }
    rounds->chained = true; /* what it may do besides is not known */
}

bool rounds_read(struct rounds *rounds, uint32_t function, size_t indent)
{
    uint32_t first = rounds->profile->functions[function].first_line;
    for (uint32_t at = rounds->line - 1, read = 0; at > first && at > 0 && read < UP_LINES_MAX; at--, read++) {
        size_t length = 0;
        const char *line = source_line(rounds->profile, rounds->file, at, &length);
        size_t above = line != NULL ? source_indent(line, length) : 0;
        if (line == NULL || above == length || above >= indent)
            continue;
        struct text text = {line + above, line + length};
        struct statement head;
        if (text_begins(text, "for ") || text_begins(text, "while ") || text_begins(text, "async for ")) {
            if (statement_read(rounds->profile, rounds->file, at, &head) != STATEMENT_READ)
                return false;
            read_loop(rounds, at, &head);
            return true;
        }
        indent = above;
    }
    return false;
}

bool rounds_chained(const struct rounds *rounds)
{
    return rounds->chained || is_mutated(rounds, rounds->over);
}

enum loop_rounds source_loop_rounds(const struct profile *profile, uint32_t function, uint32_t line)
{
    struct rounds rounds = {.profile = profile, .file = profile->functions[function].file, .line = line};
    struct statement statement;
    enum statement_kind kind = statement_around(profile, rounds.file, &rounds.line, &statement);
    if (kind != STATEMENT_READ)
        return kind == STATEMENT_UNCLEAR ? ROUNDS_UNKNOWN : ROUNDS_UNREAD;
    struct text asked = statement.text;
    if (text_find(asked, "map(") != NULL)
        return ROUNDS_FREE;
    if (text_begins(asked, "for ") || text_begins(asked, "async for "))
        return ROUNDS_UNKNOWN; /* what it goes over makes it wait: one thing, piece after piece */
    if (text_find(asked, " for ") != NULL)
        return read_comprehension(&rounds, asked);
    if (!rounds_read(&rounds, function, statement.indent))
        return ROUNDS_UNKNOWN;
    rounds_follow(&rounds, handed_on(asked), rounds.line);
    if (rounds_chained(&rounds))
        return ROUNDS_CHAINED;
    return rounds.varies ? ROUNDS_FREE : ROUNDS_UNKNOWN;
}

bool source_line_goes_round(const struct profile *profile, uint32_t function, uint32_t line, bool *known)
{
    struct rounds rounds = {.profile = profile, .file = profile->functions[function].file, .line = line};
    struct statement statement;
    *known = statement_around(profile, rounds.file, &rounds.line, &statement) == STATEMENT_READ;
    if (!*known)
        return false;
    size_t length = (size_t)(statement.text.end - statement.text.at);
    return (source_loops(statement.text.at, length) && !text_begins(statement.text, "while ")) ||
           rounds_read(&rounds, function, statement.indent);
}

bool source_loop_round(const struct profile *profile, uint32_t function, uint32_t line, struct loop_round *found)
{
    struct rounds rounds = {.profile = profile, .file = profile->functions[function].file, .line = line};
    struct statement statement;
    *found = (struct loop_round){0};
    if (statement_around(profile, rounds.file, &rounds.line, &statement) != STATEMENT_READ)
        return false;
    const char *loop = text_find(statement.text, " for ");
    found->first = rounds.line;
    found->last = rounds.line + statement.lines - 1;
    found->mapped = text_find(statement.text, "map(") != NULL;
    if (found->mapped) {
        found->work.calls = 1;
        return true;
    }
    if (loop != NULL) {
        struct argument around;
        if (!source_enclosing_call(statement.text, loop, &around) || around.open == NULL)
            return false;
        const char *past = text_past_bracket(around.open, statement.text.end);
        found->work = text_work((struct text){around.open + 1, past != NULL ? past - 1 : statement.text.end});
        const char *in = text_find((struct text){loop, statement.text.end}, " in ");
        found->numbers = in != NULL && text_begins((struct text){in + 4, statement.text.end}, "range(");
        return true;
    }
    if (!rounds_read(&rounds, function, statement.indent) || rounds.inner)
        return false;
    rounds_follow(&rounds, statement.text, rounds.line);
    *found = (struct loop_round){.first = rounds.first, .last = rounds.last, .work = rounds.work};
    found->numbers = text_begins(rounds.over, "range(") || (!rounds.varies && rounds.counted);
    return true;
}
