/* See source_loop.h. One statement a line, as is usual; what is written otherwise is not understood. */
#include "diagnose/source_loop.h"

#include "diagnose/rules.h"

#include <ctype.h>
#include <string.h>

enum { NAMES_MAX = 48, BODY_LINES_MAX = 80, UP_LINES_MAX = 400, FOLLOW_MAX = 6 };

struct text {
    const char *at, *end;
};

struct name {
    struct text name;
    uint32_t line; /* where it gets its value */
    struct text from;
    bool mutated; /* something was added to it */
};

struct rounds {
    const struct profile *profile;
    uint32_t file, line; /* the one asked for */
    struct name names[NAMES_MAX];
    size_t n_names;
    struct text items[NAMES_MAX]; /* what the loop itself sets: `for item, other in` */
    size_t n_items;
    struct text over; /* `in` what */
    bool varies, chained;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct text line_text(const struct profile *profile, uint32_t file, uint32_t line, size_t *indent)
{
    size_t length = 0;
    const char *text = profile_source_line(profile, file, line, &length);
    *indent = text != NULL ? source_indent(text, length) : 0;
    if (text == NULL || *indent == length)
        return (struct text){NULL, NULL};
    return (struct text){text + *indent, text + length};
}

static bool begins(struct text text, const char *with)
{
    size_t size = strlen(with);
    return (size_t)(text.end - text.at) >= size && memcmp(text.at, with, size) == 0;
}

static const char *find(struct text text, const char *part)
{
    return text.at < text.end ? memmem(text.at, (size_t)(text.end - text.at), part, strlen(part)) : NULL;
}

static bool same(struct text a, struct text b)
{
    return a.end - a.at == b.end - b.at && memcmp(a.at, b.at, (size_t)(a.end - a.at)) == 0;
}

/* The next word, names of attributes left out. */
static bool next_name(struct text *left, struct text *name)
{
    for (; left->at < left->end && *left->at != '#'; left->at++) {
        char c = *left->at;
        if (c == '\'' || c == '"') {
            const char *close = memchr(left->at + 1, c, (size_t)(left->end - left->at - 1));
            left->at = close != NULL ? close : left->end - 1;
            continue;
        }
        if (!is_word(c))
            continue;
        const char *from = left->at;
        while (left->at < left->end && is_word(*left->at))
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
    if (rounds->n_names < NAMES_MAX && name.at < name.end)
        rounds->names[rounds->n_names++] = (struct name){name, line, from, mutated};
}

/* `=` of an assignment; NULL: there is none. */
static const char *assignment(struct text text)
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
        const char *at = find(text, methods[i]), *from = at;
        while (from != NULL && from > text.at && is_word(from[-1]))
            from--;
        if (at != NULL)
            add_name(rounds, (struct text){from, at}, line, text, true);
    }
}

/* Names that a line of the loop gives a value to. */
static void read_line(struct rounds *rounds, struct text text, uint32_t line)
{
    const char *sign = assignment(text), *as = find(text, " as "), *in = find(text, " in ");
    if (sign != NULL) {
        struct text target = {text.at, sign}, from = {sign + 1, text.end};
        bool part = find(target, "[") != NULL;
        for (struct text name; !part && next_name(&target, &name);) {
            bool whole = target.at == target.end || strchr(".(", *target.at) == NULL;
            bool more = sign > text.at && strchr("+-*/|&", sign[-1]) != NULL; /* a sum of rounds: not handed to one */
            if (whole && !more)
                add_name(rounds, name, line, from, false);
        }
    } else if (begins(text, "with ") && as != NULL) {
        struct text target = {as + 4, text.end}, name;
        if (next_name(&target, &name))
            add_name(rounds, name, line, (struct text){text.at + 5, as}, false);
    } else if (begins(text, "for ") && in != NULL) {
        struct text target = {text.at + 4, in}, from = {in + 4, text.end};
        for (struct text name; next_name(&target, &name);)
            add_name(rounds, name, line, from, false);
    }
    add_mutations(rounds, text, line);
}

static bool takes_an_item(struct text text)
{
    return find(text, ".pop(") != NULL || find(text, ".popleft(") != NULL || find(text, ".get(") != NULL ||
           find(text, ".get_nowait(") != NULL || find(text, "next(") != NULL;
}

/* Follows the names that a text uses back to the item of this round, or to what a round before left. */
static void follow(struct rounds *rounds, struct text text, uint32_t line, unsigned depth)
{
    struct text left = text;
    for (struct text name; depth < FOLLOW_MAX && next_name(&left, &name);) {
        for (size_t i = 0; i < rounds->n_items; i++)
            rounds->varies = rounds->varies || same(name, rounds->items[i]);
        const struct name *before = NULL, *after = NULL;
        for (size_t i = 0; i < rounds->n_names; i++) {
            const struct name *one = &rounds->names[i];
            if (!same(name, one->name) || (one->mutated && one->line == line && depth == 0))
                continue;
            if (one->mutated) {
                rounds->chained = true;
            } else if (one->line < line) {
                before = one;
            } else {
                after = one;
            }
        }
        if (before != NULL) {
            rounds->varies = rounds->varies || takes_an_item(before->from);
            follow(rounds, before->from, before->line, depth + 1);
        } else if (after != NULL) {
            rounds->chained = true;
        }
    }
}

/* What the line hands on: right of `=`, or behind `results.append(`. */
static struct text handed_on(struct text text)
{
    const char *sign = assignment(text);
    if (sign != NULL)
        return (struct text){sign + 1, text.end};
    const char *first = memchr(text.at, '(', (size_t)(text.end - text.at));
    if (first != NULL && memchr(first + 1, '(', (size_t)(text.end - first - 1)) != NULL)
        return (struct text){first + 1, text.end};
    return text;
}

static enum loop_rounds read_comprehension(struct rounds *rounds, struct text text)
{
    const char *loop = find(text, " for "), *in = loop != NULL ? find((struct text){loop, text.end}, " in ") : NULL;
    if (in == NULL)
        return ROUNDS_UNKNOWN;
    struct text target = {loop + 5, in}, made = handed_on((struct text){text.at, loop});
    for (struct text name; rounds->n_items < NAMES_MAX && next_name(&target, &name);)
        rounds->items[rounds->n_items++] = name;
    follow(rounds, made, rounds->line, 0);
    return rounds->varies ? ROUNDS_FREE : ROUNDS_UNKNOWN;
}

static void read_head(struct rounds *rounds, struct text head)
{
    const char *in = find(head, " in ");
    if (!begins(head, "for ") && !begins(head, "async for "))
        return;
    const char *from = memchr(head.at, ' ', (size_t)(head.end - head.at));
    struct text target = {begins(head, "async ") ? from + 5 : from + 1, in != NULL ? in : head.end};
    for (struct text name; rounds->n_items < NAMES_MAX && next_name(&target, &name);)
        rounds->items[rounds->n_items++] = name;
    rounds->over = (struct text){in != NULL ? in + 4 : head.end, head.end};
}

static bool is_mutated(const struct rounds *rounds, struct text over)
{
    for (struct text name; next_name(&over, &name);) {
        for (size_t i = 0; i < rounds->n_names; i++) {
            if (rounds->names[i].mutated && same(name, rounds->names[i].name))
                return true;
        }
    }
    return false;
}

static enum loop_rounds read_loop(struct rounds *rounds, uint32_t head_line, struct text head, size_t head_indent,
                                  struct text asked)
{
    size_t indent;
    read_head(rounds, head);
    for (uint32_t line = head_line + 1, read = 0; read < BODY_LINES_MAX; line++, read++) {
        struct text text = line_text(rounds->profile, rounds->file, line, &indent);
        size_t length = 0;
        if (text.at == NULL && profile_source_line(rounds->profile, rounds->file, line, &length) == NULL)
            break;
        if (text.at == NULL)
            continue;
        if (indent <= head_indent)
            break;
        read_line(rounds, text, line);
    }
    follow(rounds, handed_on(asked), rounds->line, 0);
    if (rounds->chained || is_mutated(rounds, rounds->over))
        return ROUNDS_CHAINED;
    return rounds->varies ? ROUNDS_FREE : ROUNDS_UNKNOWN;
}

enum loop_rounds source_loop_rounds(const struct profile *profile, uint32_t function, uint32_t line)
{
    struct rounds rounds = {.profile = profile, .file = profile->functions[function].file, .line = line};
    size_t indent, above;
    struct text asked = line_text(profile, rounds.file, line, &indent);
    if (asked.at == NULL)
        return ROUNDS_UNREAD;
    if (find(asked, "map(") != NULL)
        return ROUNDS_FREE;
    if (begins(asked, "for ") || begins(asked, "async for "))
        return ROUNDS_UNKNOWN; /* what it goes over makes it wait: one thing, piece after piece */
    if (find(asked, " for ") != NULL)
        return read_comprehension(&rounds, asked);
    uint32_t first = profile->functions[function].first_line;
    for (uint32_t at = line - 1, read = 0; at > first && at > 0 && read < UP_LINES_MAX; at--, read++) {
        struct text text = line_text(profile, rounds.file, at, &above);
        if (text.at == NULL || above >= indent)
            continue;
        if (begins(text, "for ") || begins(text, "while ") || begins(text, "async for "))
            return read_loop(&rounds, at, text, above, asked);
        indent = above;
    }
    return ROUNDS_UNKNOWN;
}
