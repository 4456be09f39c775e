/*
 * Does a function leave what it is given as it is, as far as its text tells? Only reading it does: anything that is not
 * understood may change it. See source_share.h.
 */
#include "diagnose/source_share.h"

#include "diagnose/rules.h"
#include "diagnose/source_body.h"

#include <string.h>

enum { DEPTH_MAX = 6, HEAD_LINES_MAX = 24 };

/* Calls on the way, so that recursion ends. */
struct way {
    const struct profile *profile;
    struct {
        uint32_t function;
        unsigned index;
    } calls[DEPTH_MAX];
    unsigned depth;
};

static bool keeps_argument(struct way *way, uint32_t function, unsigned index);

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

/* The parameter's name in the head that begins at `def`; lines in a row are one text. */
static bool read_parameter(const struct profile *profile, uint32_t function, unsigned index, struct text *found)
{
    uint32_t file = profile->functions[function].file, line = profile->functions[function].first_line;
    int depth = 0;
    bool begun = false, expected = true;
    for (unsigned read = 0; read < HEAD_LINES_MAX; read++, line++) {
        size_t indent;
        struct text text = text_of_line(profile, file, line, &indent);
        const char *head = text.at != NULL && !begun ? text_find(text, "def ") : text.at;
        for (const char *at = head; at != NULL && at < text.end && *at != '#'; at++) {
            depth += (strchr("([{", *at) != NULL) - (strchr(")]}", *at) != NULL);
            begun = begun || depth > 0;
            if (begun && depth == 0)
                return false;
            if (depth == 1 && *at == ',') {
                expected = true;
                index--;
            } else if (depth == 1 && expected && text_is_word(*at)) {
                *found = (struct text){at, at};
                while (found->end < text.end && text_is_word(*found->end))
                    found->end++;
                if (index == 0)
                    return true;
                expected = false;
            }
        }
    }
    return false;
}

/* Past the bracket that closes the one at `at`; the text's end where none does. */
static const char *past_bracket(const char *at, const char *end)
{
    int depth = 0;
    for (; at < end; at++) {
        depth += (strchr("([{", *at) != NULL) - (strchr(")]}", *at) != NULL);
        if (depth == 0)
            return at + 1;
    }
    return end;
}

bool source_enclosing_call(struct text text, const char *at, struct text *name, unsigned *index)
{
    int depth = 0;
    for (*index = 0; at > text.at; at--) {
        char c = at[-1];
        if (depth == 0 && strchr("([{", c) != NULL) {
            const char *from = at - 1;
            while (from > text.at && text_is_word(from[-1]))
                from--;
            *name = (struct text){from, at - 1};
            return c == '(';
        }
        depth += (strchr(")]}", c) != NULL) - (strchr("([{", c) != NULL);
        *index += depth == 0 && c == ',';
    }
    return false;
}

/* It is an argument of a call: of what reads only, or of a function whose text says so. */
static bool passed_on(struct way *way, uint32_t file, struct text text, const char *at)
{
    static const char *const reading[] = {"len",  "range", "sum",  "min",  "max",   "sorted", "enumerate",  "zip",
                                          "list", "tuple", "set",  "dict", "int",   "float",  "str",        "abs",
                                          "bool", "round", "repr", "any",  "print", "all",    "isinstance", NULL};
    struct text name;
    unsigned index;
    if (!source_enclosing_call(text, at, &name, &index) || name.at == name.end || is_one_of(name, reading))
        return true; /* no call: a tuple, a list, an index */
    uint32_t function = source_function_named(way->profile, file, name);
    return function != 0 && keeps_argument(way, function, index + (name.at > text.at && name.at[-1] == '.'));
}

static bool reads_only(struct text method)
{
    static const char *const names[] = {"get",   "items", "keys", "values",     "split",    "strip", "lower",  "upper",
                                        "index", "count", "copy", "startswith", "endswith", "join",  "format", NULL};
    return is_one_of(method, names);
}

/* One place where a line of the function names it, from behind the name on. */
static bool mention_keeps(struct way *way, uint32_t file, struct text text, const char *at, const char *next)
{
    struct text attribute = {NULL, NULL};
    unsigned parts = 0;
    while (next < text.end && (*next == '.' || *next == '[')) {
        if (*next == '[') {
            next = past_bracket(next, text.end);
            parts++;
            continue;
        }
        attribute.at = ++next;
        while (next < text.end && text_is_word(*next))
            next++;
        attribute.end = next;
        parts++;
    }
    if (next < text.end && *next == '(') {
        uint32_t method = parts == 1 ? source_function_named(way->profile, file, attribute) : 0;
        return parts > 0 && ((method != 0 && keeps_argument(way, method, 0)) || reads_only(attribute));
    }
    const char *sign = text_assignment(text), *before = at;
    if (sign != NULL &&
        at < sign) /* it is set, or a part of it; a name that only stands for something else now is not */
        return parts == 0 && strchr("+-*/|&", sign[-1]) == NULL;
    while (before > text.at && before[-1] == ' ')
        before--;
    while (next < text.end && *next == ' ')
        next++;
    bool whole = before > text.at && strchr("(,=*", before[-1]) != NULL && next < text.end && strchr(",)", *next);
    return !whole || passed_on(way, file, text, at);
}

static bool line_keeps(struct way *way, uint32_t file, struct text text, struct text name)
{
    struct text left = text, found;
    while (text_next_name(&left, &found)) {
        if (text_same(found, name) && !mention_keeps(way, file, text, found.at, found.end))
            return false;
    }
    return !text_begins(text, "del ");
}

static bool keeps_argument(struct way *way, uint32_t function, unsigned index)
{
    struct source_body body;
    struct text name;
    size_t length;
    for (unsigned i = 0; i < way->depth; i++) {
        if (way->calls[i].function == function && way->calls[i].index == index)
            return true;
    }
    if (way->depth == DEPTH_MAX || !read_parameter(way->profile, function, index, &name) ||
        !source_body_begin(way->profile, function, &body))
        return false;
    way->calls[way->depth].function = function;
    way->calls[way->depth++].index = index;
    bool kept = true;
    for (const char *text; kept && (text = source_body_next(&body, &length)) != NULL;) {
        size_t indent = source_indent(text, length);
        kept = line_keeps(way, body.file, (struct text){text + indent, text + length}, name);
    }
    way->depth--;
    return kept && body.read < SOURCE_BODY_LINES_MAX;
}

bool source_keeps_argument(const struct profile *profile, uint32_t function, unsigned index)
{
    struct way way = {.profile = profile};
    return keeps_argument(&way, function, index);
}
