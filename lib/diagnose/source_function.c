/*
 * What a function of Python does, as far as its source text tells: is it so small that calling it costs as much as what
 * it does, and does it call itself so that the same calls must come again? Beside measured time only; what is not
 * understood is neither.
 */
#include "diagnose/calls.h"
#include "diagnose/rules.h"
#include "diagnose/source_body.h"

#include <ctype.h>
#include <string.h>

enum { HEAD_LINES_MAX = 24, EMPTY_LINES_MAX = 2000, NAME_MAX_LENGTH = 128 };

static bool begins(const char *text, size_t length, const char *with)
{
    size_t size = strlen(with);
    return length >= size && memcmp(text, with, size) == 0;
}

static bool has(const char *text, size_t length, const char *part)
{
    return memmem(text, length, part, strlen(part)) != NULL;
}

/* `def f(x):`, and nothing behind the colon. */
static bool ends_head(struct text text)
{
    char last = 0;
    for (const char *at = text.at; at < text.end; at = text_past(at, text.end))
        last = isspace((unsigned char)*at) || *at == '#' ? last : *at;
    return last == ':';
}

/* `@functools.lru_cache(maxsize=None)`, `@cache`. */
static bool keeps_all(const char *words, size_t length)
{
    static const char *const plain[] = {"@cache", "@functools.cache"};
    while (length > 0 && isspace((unsigned char)words[length - 1]))
        length--;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strlen(plain[i]) == length && memcmp(words, plain[i], length) == 0)
            return true;
    }
    return begins(words, length, "@") && has(words, length, "lru_cache(") && has(words, length, "None");
}

/* `@functools.lru_cache(maxsize=None)`, `@memoize`, `def walk(node, cache):`. Of a decorator its name tells. */
static bool keeps_results(struct text head)
{
    struct text told = head;
    if (text_begins(head, "@")) {
        told.end = ++told.at;
        while (told.end < head.end && (text_is_word(*told.end) || *told.end == '.')) {
            if (*told.end++ == '.')
                told.at = told.end;
        }
    }
    return text_find(told, "cache") != NULL || text_find(told, "memo") != NULL;
}

bool source_body_begin(const struct profile *profile, uint32_t function, struct source_body *body)
{
    const struct function *of = &profile->functions[function];
    *body = (struct source_body){.profile = profile, .file = of->file, .line = of->first_line};
    for (unsigned i = 0; i < HEAD_LINES_MAX && body->line != 0; i++) {
        struct statement head;
        enum statement_kind kind = statement_read(profile, body->file, body->line, &head);
        body->line += head.lines;
        if (kind == STATEMENT_NONE)
            continue;
        if (kind != STATEMENT_READ)
            return false;
        size_t length = (size_t)(head.text.end - head.text.at);
        body->cached = body->cached || keeps_results(head.text);
        body->unlimited = body->unlimited || keeps_all(head.text.at, length);
        body->indent = head.indent;
        body->head = head.text;
        if (!text_begins(head.text, "@"))
            return (text_begins(head.text, "def ") || text_begins(head.text, "async def ")) && ends_head(head.text);
    }
    return false;
}

const char *source_body_next(struct source_body *body, size_t *length)
{
    enum statement_kind kind = STATEMENT_NONE;
    struct statement next = {.lines = 1};
    for (unsigned i = 0; i < EMPTY_LINES_MAX && kind == STATEMENT_NONE; i++) {
        body->at = body->line;
        kind = statement_read(body->profile, body->file, body->line, &next);
        body->line += next.lines;
    }
    bool inside = kind == STATEMENT_NONE || (kind != STATEMENT_END && next.indent > body->indent);
    body->unclear = body->unclear || (inside && (kind != STATEMENT_READ || body->read == SOURCE_BODY_MAX));
    if (!inside || body->unclear)
        return NULL;
    body->read++;
    *length = next.indent + (size_t)(next.text.end - next.text.at);
    return next.text.at - next.indent;
}

struct text source_class_made(const struct profile *profile, uint32_t function)
{
    static const char maker[] = ".__init__";
    const char *whole = profile->strings[profile->functions[function].name];
    size_t length = strlen(whole), size = sizeof maker - 1;
    if (length <= size || strcmp(whole + length - size, maker) != 0)
        return (struct text){whole, whole};
    struct text name = {whole + length - size, whole + length - size};
    while (name.at > whole && text_is_word(name.at[-1]))
        name.at--;
    return name;
}

/* `self.east = east`: one place to another. */
static bool is_kept(const struct profile *profile, const bool *keeps, struct text text)
{
    (void)profile;
    (void)keeps;
    text.at += source_indent(text.at, (size_t)(text.end - text.at));
    const char *sign = text_assignment(text);
    return sign != NULL && !text_augments(text, sign) && text_begins(text, "self.") &&
           text_is_place((struct text){text.at, sign}) && text_is_place((struct text){sign + 1, text.end}) &&
           source_is_plain(text.at, (size_t)(text.end - text.at));
}

/* Of a body of at most `max` lines: each of them is one that `holds` tells. */
static bool short_body_holds(struct source_body *body, unsigned max, const bool *keeps,
                             bool (*holds)(const struct profile *profile, const bool *keeps, struct text text))
{
    size_t length;
    unsigned lines = 0;
    for (const char *text; (text = source_body_next(body, &length)) != NULL; lines++) {
        if (lines >= max || !holds(body->profile, keeps, (struct text){text, text + length}))
            return false;
    }
    return lines > 0 && !body->unclear;
}

bool source_function_only_keeps(const struct profile *profile, uint32_t function)
{
    struct source_body body;
    return source_body_begin(profile, function, &body) &&
           short_body_holds(&body, (unsigned)LIMIT_OF(CALL_OVERHEAD, KEPT_MAX), NULL, is_kept);
}

static bool is_made(const struct profile *profile, const bool *keeps, struct text name)
{
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        if (keeps[i] && text_same(name, source_class_made(profile, i)))
            return true;
    }
    return false;
}

/* `return Vector(self.east + other.east, …)`: all that is called are classes whose objects only keep what they get. */
static bool only_makes(const struct profile *profile, const bool *keeps, struct text text)
{
    if (!source_only_calls(text.at, (size_t)(text.end - text.at)) || text_find(text, "await ") != NULL ||
        text_find(text, "yield") != NULL)
        return false;
    bool makes = false;
    for (const char *at = text.at; at < text.end; at = text_past(at, text.end)) {
        struct text name = {at, at};
        while (*at == '(' && name.at > text.at && text_is_word(name.at[-1]))
            name.at--;
        char before = at > text.at ? at[-1] : ' ';
        if (*at != '(')
            continue;
        /* `max (a, b)` is not written by many: of a word and a blank it is not known whether that is called */
        bool told = name.at < name.end ? is_made(profile, keeps, name) : strchr("([{,+-*/%=", before) != NULL;
        bool apart = before == ' ' && at - text.at >= 2 && strchr(",+-*/%=<>", at[-2]) != NULL;
        if (!told && !apart)
            return false;
        makes = makes || name.at < name.end;
    }
    return makes;
}

static bool is_small_step(const struct profile *profile, const bool *keeps, struct text text)
{
    return source_is_plain(text.at, (size_t)(text.end - text.at)) || only_makes(profile, keeps, text);
}

bool source_function_is_small(const struct profile *profile, uint32_t function, const bool *keeps)
{
    struct source_body body;
    return source_body_begin(profile, function, &body) && !body.cached &&
           short_body_holds(&body, (unsigned)LIMIT_OF(CALL_OVERHEAD, BODY_MAX), keeps, is_small_step);
}

unsigned source_function_steps(const struct profile *profile, uint32_t function)
{
    struct source_body body;
    size_t length;
    unsigned steps = 0;
    if (!source_body_begin(profile, function, &body))
        return 0;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        struct text_work work = text_work((struct text){text, text + length});
        steps += work.steps + (unsigned)LIMIT_OF(CALL_OVERHEAD, FIELD_STEPS) * work.fields;
    }
    return steps;
}

bool source_function_loops(const struct profile *profile, uint32_t function)
{
    struct source_body body;
    size_t length;
    unsigned lines = 0;
    if (!source_body_begin(profile, function, &body))
        return true;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL; lines++) {
        if (source_loops(text, length))
            return true;
    }
    return lines == 0 || body.unclear;
}

/* ---- recursion ------------------------------------------------------------------------------------------------------
 */

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

static const char *skip_name(const char *at, const char *end)
{
    while (at < end && text_is_word(*at))
        at++;
    return at;
}

/* `n`, `n - 1`, `text[1:]`: a name as it is, or made less or more by a number that stands there. */
static bool is_simple(const char *at, const char *end, bool *changes)
{
    at = skip_blanks(at, end);
    while (end > at && end[-1] == ' ')
        end--;
    const char *name = at;
    at = skip_name(at, end);
    if (at == name)
        return false;
    if (at == end)
        return true;
    *changes = true;
    if (*at == '[') { /* a part without its first or last */
        at++;
        bool colon = false;
        for (; at < end - 1; at++) {
            colon = colon || *at == ':';
            if (!isdigit((unsigned char)*at) && *at != ':' && *at != '-')
                return false;
        }
        return colon && *at == ']';
    }
    at = skip_blanks(at, end);
    if (at == end || (*at != '-' && *at != '+'))
        return false;
    at = skip_blanks(at + 1, end);
    const char *number = at;
    while (at < end && isdigit((unsigned char)*at))
        at++;
    return at == end && at > number;
}

/* The arguments of a call, from behind its parenthesis on; NULL: not all are simple, or none changes. */
static const char *read_arguments(const char *at, const char *end)
{
    bool changes = false;
    const char *from = at;
    int depth = 0;
    for (; at < end; at++) {
        if (*at == '(')
            return NULL;
        depth += (*at == '[') - (*at == ']');
        if (depth != 0 || (*at != ',' && *at != ')'))
            continue;
        if (!is_simple(from, at, &changes))
            return NULL;
        from = at + 1;
        if (*at == ')')
            return changes ? at + 1 : NULL;
    }
    return NULL;
}

struct own_calls {
    unsigned calls;
    bool combined; /* by arithmetic, min or max, or as a condition */
    uint32_t line;
};

static bool is_sign(const char *at, const char *end)
{
    at = skip_blanks(at, end);
    return at < end && (strchr("+-*/%<>=!", *at) != NULL || begins(at, (size_t)(end - at), "or ") ||
                        begins(at, (size_t)(end - at), "and "));
}

static bool sign_before(const char *text, const char *at)
{
    while (at > text && at[-1] == ' ')
        at--;
    return at > text && (strchr("+-*/%<>", at[-1]) != NULL || (at - text >= 2 && memcmp(at - 2, "or", 2) == 0) ||
                         (at - text >= 3 && memcmp(at - 3, "and", 3) == 0));
}

/* Every call of itself on the line. False: one is not understood. */
static bool read_own_calls(const char *text, size_t length, const char *name, uint32_t line, struct own_calls *found)
{
    const char *end = text + length;
    size_t size = strlen(name);
    bool chooses = has(text, length, "min(") || has(text, length, "max(");
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), name, size)) != NULL;) {
        const char *call = at + size;
        if ((at > text && text_is_word(at[-1])) || call >= end || *call != '(') {
            at = call;
            continue;
        }
        while (at > text && (text_is_word(at[-1]) || at[-1] == '.')) /* self.count( */
            at--;
        const char *after = read_arguments(call + 1, end);
        if (after == NULL)
            return false;
        found->calls++;
        found->combined = found->combined || chooses || is_sign(after, end) || sign_before(text, at);
        found->line = found->line == 0 ? line : found->line;
        at = after;
    }
    return true;
}

/* Does something that a kept result would leave out, or keeps its results already. */
static bool has_effects(const char *text, size_t length)
{
    static const char *const words[] = {"yield",  "print(",  "global ", "nonlocal ", ".append(", ".add(",    ".pop(",
                                        "random", ".write(", "await ",  ".update(",  ".remove(", ".extend(", " in "};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has(text, length, words[i]))
            return true;
    }
    size_t at = source_indent(text, length);
    while (at < length && text_is_word(text[at]))
        at++;
    bool part = at < length && (text[at] == '[' || text[at] == '.');
    const char *sign = part ? memmem(text, length, " = ", 3) : NULL;
    return sign != NULL || (part && has(text, length, "= ")) || has(text, length, "[(") || has(text, length, "+ [");
}

/* `steps = lru_cache(None)(steps)`, somewhere in its file. */
static bool is_cached_elsewhere(const struct profile *profile, uint32_t file, const char *name)
{
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        const char *at = source->text, *end = at + source->length;
        while (source->file == file && at < end) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            stop = stop != NULL ? stop : end;
            const char *cache = memmem(at, (size_t)(stop - at), "cache", 5);
            if (cache != NULL && memmem(cache, (size_t)(stop - cache), name, strlen(name)) != NULL)
                return true;
            at = stop + 1;
        }
    }
    return false;
}

uint32_t source_function_repeats(const struct profile *profile, uint32_t function)
{
    const char *whole = profile->strings[profile->functions[function].name], *dot = strrchr(whole, '.');
    const char *name = dot != NULL ? dot + 1 : whole;
    struct source_body body;
    struct own_calls found = {0};
    size_t length;
    if (*name == '\0' || strlen(name) >= NAME_MAX_LENGTH || !source_body_begin(profile, function, &body) || body.cached)
        return 0;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        if (has_effects(text, length) || !read_own_calls(text, length, name, body.at, &found))
            return 0;
    }
    bool told = !body.unclear && found.calls >= 2 && found.combined && !is_cached_elsewhere(profile, body.file, name);
    return told ? found.line : 0;
}

/* Of what stands before a parenthesis: nothing, a keyword, the function itself, or what only chooses or measures. */
static bool is_light_call(const char *text, const char *open, const char *name, bool *own)
{
    static const char *const light[] = {"",   "if", "elif", "while",  "return", "and", "or",  "not",
                                        "in", "is", "else", "assert", "min",    "max", "abs", "len"};
    const char *from = open;
    while (from > text && text_is_word(from[-1]))
        from--;
    size_t size = (size_t)(open - from);
    if (size == strlen(name) && memcmp(from, name, size) == 0) {
        *own = true;
        return true;
    }
    bool part = from > text && from[-1] == '.';
    for (size_t i = 0; !part && i < sizeof light / sizeof light[0]; i++) {
        if (strlen(light[i]) == size && memcmp(from, light[i], size) == 0)
            return true;
    }
    return false;
}

bool source_function_only_recurses(const struct profile *profile, uint32_t function, bool *kept)
{
    const char *whole = profile->strings[profile->functions[function].name], *dot = strrchr(whole, '.');
    const char *name = dot != NULL ? dot + 1 : whole;
    struct source_body body;
    size_t length;
    bool own = false;
    if (*name == '\0' || !source_body_begin(profile, function, &body))
        return false;
    *kept = body.cached;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        if (source_loops(text, length))
            return false;
        for (const char *at = text, *end = text + length; at < end; at = text_past(at, end)) {
            bool heavy = *at == '[' || *at == '{' || *at == '"' || *at == '\'' || *at == '.';
            if (heavy || (*at == '(' && !is_light_call(text, at, name, &own)))
                return false;
        }
    }
    return own && !body.unclear;
}
