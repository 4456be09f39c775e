/*
 * Does a function leave what it is given as it is, as far as its text tells? Only reading it does: anything that is not
 * understood may change it. See source_share.h.
 */
#include "diagnose/source_share.h"

#include "diagnose/rules.h"
#include "diagnose/source_body.h"

#include <string.h>

enum { DEPTH_MAX = 6, ASKED_MAX = 200, BRACKETS_MAX = 32, ALIASES_MAX = 8 };

/* Calls on the way, so that recursion ends; and how much was asked, so that many functions that call many do not last.
 */
struct way {
    const struct profile *profile;
    struct {
        uint32_t function;
        struct text name;
    } calls[DEPTH_MAX];
    unsigned depth, asked;
};

/* Names that stand for the argument in one function, the parameter first: `row = table[0]`, `for row in table`. */
struct aliases {
    struct text names[ALIASES_MAX];
    bool part[ALIASES_MAX]; /* of it: `row += 1` makes a new number, as a rule */
    size_t n;
};

static bool keeps_argument(struct way *way, uint32_t function, const struct argument *argument);

static bool is_one_of(struct text name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (text_same(name, (struct text){*names, *names + strlen(*names)}))
            return true;
    }
    return false;
}

uint32_t source_function_named(const struct profile *profile, uint32_t file, struct text name)
{
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        const struct function *one = &profile->functions[i];
        const char *whole = profile->strings[one->name], *dot = strrchr(whole, '.');
        const char *last = dot != NULL ? dot + 1 : whole;
        if (one->kind == FUNCTION_PYTHON && (file == 0 || one->file == file) &&
            text_same(name, (struct text){last, last + strlen(last)}))
            return i;
    }
    return 0;
}

/* The next of what commas part, between brackets. */
static struct text next_part(const char **at, const char *end)
{
    struct text part = {*at, end};
    int depth = 0;
    for (const char *next = *at; next < end; next = text_past(next, end)) {
        depth += text_bracket(*next);
        if (*next == ',' && depth == 0) {
            part.end = next;
            break;
        }
    }
    *at = part.end < end ? part.end + 1 : end;
    return part;
}

/* The name of the parameter that gets the argument. */
static bool read_parameter(struct text head, const struct argument *argument, struct text *found)
{
    const char *open = text_find(head, "("), *close = open != NULL ? text_past_bracket(open, head.end) : NULL;
    const char *at = open != NULL ? open + 1 : NULL;
    for (unsigned index = 0; close != NULL && at < close - 1; index++) {
        struct text part = next_part(&at, close - 1), left = part;
        bool stars = text_find(part, "*") != NULL, by_name = argument->keyword.at < argument->keyword.end;
        if (stars && !by_name)
            return false; /* which it is, its place does not tell */
        if (!stars && text_next_name(&left, found) &&
            (by_name ? text_same(*found, argument->keyword) : index == argument->index))
            return true;
    }
    return false;
}

/* `key=` before it. */
static struct text keyword_before(struct text text, const char *at)
{
    while (at > text.at && isspace((unsigned char)at[-1]))
        at--;
    if (at - text.at < 2 || at[-1] != '=' || strchr("=!<>", at[-2]) != NULL)
        return (struct text){NULL, NULL};
    struct text word = {at - 1, at - 1};
    while (word.at > text.at && text_is_word(word.at[-1]))
        word.at--;
    return word;
}

bool source_enclosing_call(struct text text, const char *at, struct argument *found)
{
    struct argument opened[BRACKETS_MAX];
    unsigned depth = 0;
    *found = (struct argument){0};
    for (const char *next = text.at; next < at; next = text_past(next, text.end)) {
        int bracket = text_bracket(*next);
        if (bracket > 0) {
            const char *from = next;
            while (*next == '(' && from > text.at && text_is_word(from[-1]))
                from--;
            if (depth == BRACKETS_MAX)
                return false;
            opened[depth++] = (struct argument){.call = {from, next}, .open = next};
        } else if (bracket < 0 && depth-- == 0) {
            return false;
        } else if (*next == ',' && depth > 0) {
            opened[depth - 1].index++;
        }
    }
    if (depth > 0)
        *found = opened[depth - 1];
    if (found->call.at < found->call.end)
        found->keyword = keyword_before(text, at);
    return true;
}

/* It is an argument of a call: of what reads only, or of a function whose text says so. */
static bool passed_on(struct way *way, uint32_t file, struct text text, const char *at)
{
    static const char *const reading[] = {"len",  "range", "sum",  "min",  "max",   "sorted", "enumerate",  "zip",
                                          "list", "tuple", "set",  "dict", "int",   "float",  "str",        "abs",
                                          "bool", "round", "repr", "any",  "print", "all",    "isinstance", NULL};
    struct argument argument;
    if (!source_enclosing_call(text, at, &argument))
        return false;
    struct text name = argument.call;
    if (name.at == name.end)
        return true; /* a tuple, a list, an index */
    if (is_one_of(name, reading))
        return argument.keyword.at == argument.keyword.end; /* `print(…, file=log)` */
    uint32_t function = source_function_named(way->profile, file, name);
    argument.index += name.at > text.at && name.at[-1] == '.';
    return function != 0 && keeps_argument(way, function, &argument);
}

static bool reads_only(struct text method)
{
    static const char *const names[] = {"get",   "items", "keys", "values",     "split",    "strip", "lower",  "upper",
                                        "index", "count", "copy", "startswith", "endswith", "join",  "format", NULL};
    return is_one_of(method, names);
}

/* Parts behind a name: `.rate[at]`. */
struct parts {
    const char *end;
    struct text attribute; /* the last one */
    unsigned n;
};

static bool read_parts(const char *at, const char *end, struct parts *parts)
{
    *parts = (struct parts){.end = at};
    while (at != NULL && at < end && (*at == '.' || *at == '[')) {
        parts->n++;
        if (*at == '[') {
            at = text_past_bracket(at, end);
            continue;
        }
        parts->attribute.at = ++at;
        while (at < end && text_is_word(*at))
            at++;
        parts->attribute.end = at;
    }
    parts->end = at;
    return at != NULL;
}

/* One place where a statement names it. */
static bool mention_keeps(struct way *way, uint32_t file, struct text text, struct text name, bool part)
{
    struct parts parts;
    if (way->asked++ == ASKED_MAX || !read_parts(name.end, text.end, &parts))
        return false;
    if (parts.end < text.end && *parts.end == '(') {
        static const struct argument self = {.index = 0};
        uint32_t method = parts.n == 1 ? source_function_named(way->profile, file, parts.attribute) : 0;
        return parts.n > 0 && ((method != 0 && keeps_argument(way, method, &self)) || reads_only(parts.attribute));
    }
    const char *sign = text_assignment(text), *before = name.at, *next = parts.end;
    if (sign != NULL && name.at < sign) /* it is set, or a part of it; what only has its name from now on is not */
        return parts.n == 0 && (part || !text_augments(text, sign));
    while (before > text.at && isspace((unsigned char)before[-1]))
        before--;
    while (next < text.end && isspace((unsigned char)*next))
        next++;
    bool whole = before > text.at && strchr("(,=*", before[-1]) != NULL && next < text.end && strchr(",)", *next);
    return !whole || passed_on(way, file, text, name.at);
}

static bool mentions(struct text text, struct text name)
{
    bool any = false;
    for (struct text found; !any && text_next_name(&text, &found);)
        any = text_same(found, name);
    return any;
}

/* Does a string that the statement makes call something for it? */
static bool calls_in_string(struct text text, struct text name)
{
    for (struct text string, field; text_next_formatted(&text, &string);) {
        while (text_next_field(&string, &field)) {
            if (text_find(field, "(") != NULL && mentions(field, name))
                return true;
        }
    }
    return false;
}

/* Is the value the name, or a part of what it stands for? */
static bool stands_for(struct text value, struct text name, bool *part)
{
    static const char *const choices[] = {" or ", " and ", " else "};
    struct text left = value, first;
    *part = text_find(value, "[") != NULL || text_find(value, ".") != NULL;
    if (text_is_place(value))
        return text_next_name(&left, &first) && text_same(first, name);
    *part = false;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (text_find(value, choices[i]) != NULL)
            return mentions(value, name);
    }
    return false;
}

/* Names that the statement makes stand for it. False: there are too many, or it is kept elsewhere. */
static bool add_aliases(struct aliases *aliases, struct text text, size_t of)
{
    const char *sign = text_assignment(text), *in = text_find(text, " in ");
    struct text target = {text.at, sign}, name = aliases->names[of];
    bool part = true;
    if (text_begins(text, "for ") && in != NULL) {
        struct text over = {in + 4, text.end};
        target = (struct text){text.at + 4, in};
        if (text_begins(over, "range(") || !mentions(over, name))
            return true;
    } else if (sign == NULL || text_augments(text, sign) ||
               !stands_for((struct text){sign + 1, text.end}, name, &part)) {
        return true;
    } else if (text_find(target, ".") != NULL || text_find(target, "[") != NULL) {
        return part; /* a number, as a rule */
    }
    while (text_next_name(&target, &name)) {
        size_t known = 0;
        while (known < aliases->n && !text_same(name, aliases->names[known]))
            known++;
        if (known == ALIASES_MAX)
            return false;
        if (known < aliases->n)
            continue;
        aliases->part[aliases->n] = part || aliases->part[of];
        aliases->names[aliases->n++] = name;
    }
    return true;
}

static bool statement_keeps(struct way *way, uint32_t file, struct text text, struct aliases *aliases)
{
    static const char *const unread[] = {"del ", "with ", "match ", "async with "};
    for (size_t i = 0; i < aliases->n; i++) {
        struct text left = text, name;
        bool any = false;
        if (calls_in_string(text, aliases->names[i]))
            return false;
        while (text_next_name(&left, &name)) {
            if (!text_same(name, aliases->names[i]))
                continue;
            any = true;
            if (!mention_keeps(way, file, text, name, aliases->part[i]))
                return false;
        }
        for (size_t k = 0; any && k < sizeof unread / sizeof unread[0]; k++) {
            if (text_begins(text, unread[k]))
                return false;
        }
        if (any && (text_find(text, ":=") != NULL || !add_aliases(aliases, text, i)))
            return false;
    }
    return true;
}

static bool keeps_argument(struct way *way, uint32_t function, const struct argument *argument)
{
    struct source_body body;
    struct aliases aliases = {.n = 1};
    size_t length;
    if (way->depth == DEPTH_MAX || way->asked >= ASKED_MAX || !source_body_begin(way->profile, function, &body) ||
        !read_parameter(body.head, argument, &aliases.names[0]))
        return false;
    for (unsigned i = 0; i < way->depth; i++) {
        if (way->calls[i].function == function && text_same(way->calls[i].name, aliases.names[0]))
            return true;
    }
    way->calls[way->depth].function = function;
    way->calls[way->depth++].name = aliases.names[0];
    bool kept = true;
    for (const char *text; kept && (text = source_body_next(&body, &length)) != NULL;) {
        size_t indent = source_indent(text, length);
        kept = statement_keeps(way, body.file, (struct text){text + indent, text + length}, &aliases);
    }
    way->depth--;
    return kept && !body.unclear;
}

bool source_keeps_argument(const struct profile *profile, uint32_t function, const struct argument *argument)
{
    struct way way = {.profile = profile};
    return keeps_argument(&way, function, argument);
}
