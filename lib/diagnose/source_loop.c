/* See source_loop.h. One statement a line, as is usual; what is written otherwise is not understood. */
#include "diagnose/source_loop.h"

#include "diagnose/rules.h"
#include "diagnose/source_rounds.h"

#include <ctype.h>
#include <string.h>

enum { BODY_LINES_MAX = 80, UP_LINES_MAX = 400, FOLLOW_MAX = 6 };

bool text_is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

struct text text_of_line(const struct profile *profile, uint32_t file, uint32_t line, size_t *indent)
{
    size_t length = 0;
    const char *text = profile_source_line(profile, file, line, &length);
    *indent = text != NULL ? source_indent(text, length) : 0;
    if (text == NULL || *indent == length)
        return (struct text){NULL, NULL};
    return (struct text){text + *indent, text + length};
}

bool text_begins(struct text text, const char *with)
{
    size_t size = strlen(with);
    return (size_t)(text.end - text.at) >= size && memcmp(text.at, with, size) == 0;
}

const char *text_find(struct text text, const char *part)
{
    return text.at < text.end ? memmem(text.at, (size_t)(text.end - text.at), part, strlen(part)) : NULL;
}

bool text_same(struct text a, struct text b)
{
    return a.end - a.at == b.end - b.at && memcmp(a.at, b.at, (size_t)(a.end - a.at)) == 0;
}

/* The next word, names of attributes left out. */
bool text_next_name(struct text *left, struct text *name)
{
    for (; left->at < left->end && *left->at != '#'; left->at++) {
        char c = *left->at;
        if (c == '\'' || c == '"') {
            const char *close = memchr(left->at + 1, c, (size_t)(left->end - left->at - 1));
            left->at = close != NULL ? close : left->end - 1;
            continue;
        }
        if (!text_is_word(c))
            continue;
        const char *from = left->at;
        while (left->at < left->end && text_is_word(*left->at))
            left->at++;
        *name = (struct text){from, left->at};
        if (!isdigit((unsigned char)*from) && from[-1] != '.')
            return true;
        left->at--;
    }
    return false;
}

static void add_name(struct rounds *rounds, struct text name, uint32_t line, struct text from, bool mutated)
{
    if (rounds->n_names < ROUNDS_NAMES_MAX && name.at < name.end)
        rounds->names[rounds->n_names++] = (struct round_name){name, line, from, mutated, false};
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

/* `=` of an assignment; NULL: there is none. */
const char *text_assignment(struct text text)
{
    int depth = 0;
    for (const char *at = text.at; at < text.end && *at != '#'; at++) {
        depth += (strchr("([{", *at) != NULL) - (strchr(")]}", *at) != NULL);
        if (*at != '=' || depth != 0)
            continue;
        bool test = (at + 1 < text.end && at[1] == '=') || (at > text.at && strchr("=!<>", at[-1]) != NULL);
        return test ? NULL : at;
    }
    return NULL;
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
            bool more = sign > text.at && strchr("+-*/|&", sign[-1]) != NULL;
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
void rounds_follow(struct rounds *rounds, struct text text, uint32_t line, unsigned depth)
{
    struct text left = text;
    for (struct text name; depth < FOLLOW_MAX && text_next_name(&left, &name);) {
        for (size_t i = 0; i < rounds->n_items; i++)
            rounds->varies = rounds->varies || text_same(name, rounds->items[i]);
        const struct round_name *before = NULL, *after = NULL;
        for (size_t i = 0; i < rounds->n_names; i++) {
            const struct round_name *one = &rounds->names[i];
            if (!text_same(name, one->name) || (one->mutated && one->line == line && depth == 0))
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
        if (before != NULL) {
            rounds->varies = rounds->varies || takes_an_item(before->from);
            rounds_follow(rounds, before->from, before->line, depth + 1);
        } else if (after != NULL) {
            rounds->chained = true;
        }
    }
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
    rounds_follow(rounds, made, rounds->line, 0);
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

/* The loop's head and body. */
static void read_loop(struct rounds *rounds, uint32_t head_line, struct text head, size_t head_indent)
{
    size_t indent;
    read_head(rounds, head);
    for (uint32_t line = head_line + 1, read = 0; read < BODY_LINES_MAX; line++, read++) {
        struct text text = text_of_line(rounds->profile, rounds->file, line, &indent);
        size_t length = 0;
        if (text.at == NULL && profile_source_line(rounds->profile, rounds->file, line, &length) == NULL)
            break;
        if (text.at == NULL)
            continue;
        if (indent <= head_indent)
            break;
        read_line(rounds, text, line);
    }
}

bool rounds_read(struct rounds *rounds, uint32_t function, size_t indent)
{
    const struct profile *profile = rounds->profile;
    uint32_t first = profile->functions[function].first_line;
    size_t above;
    for (uint32_t at = rounds->line - 1, read = 0; at > first && at > 0 && read < UP_LINES_MAX; at--, read++) {
        struct text text = text_of_line(profile, rounds->file, at, &above);
        if (text.at == NULL || above >= indent)
            continue;
        if (text_begins(text, "for ") || text_begins(text, "while ") || text_begins(text, "async for ")) {
            read_loop(rounds, at, text, above);
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
    size_t indent;
    struct text asked = text_of_line(profile, rounds.file, line, &indent);
    if (asked.at == NULL)
        return ROUNDS_UNREAD;
    if (text_find(asked, "map(") != NULL)
        return ROUNDS_FREE;
    if (text_begins(asked, "for ") || text_begins(asked, "async for "))
        return ROUNDS_UNKNOWN; /* what it goes over makes it wait: one thing, piece after piece */
    if (text_find(asked, " for ") != NULL)
        return read_comprehension(&rounds, asked);
    if (!rounds_read(&rounds, function, indent))
        return ROUNDS_UNKNOWN;
    rounds_follow(&rounds, handed_on(asked), line, 0);
    if (rounds_chained(&rounds))
        return ROUNDS_CHAINED;
    return rounds.varies ? ROUNDS_FREE : ROUNDS_UNKNOWN;
}
