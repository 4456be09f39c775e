/* What a function keeps beyond its call, as far as its source text tells. Beside measured memory only. See
 * source_body.h. */
#include "diagnose/rules.h"
#include "diagnose/source_body.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool source_mentions(const char *text, size_t length, const char *name)
{
    const char *end = text + length;
    size_t size = strlen(name);
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), name, size)) != NULL; at++) {
        bool begins = at == text || (!text_is_word(at[-1]) && at[-1] != '.');
        if (begins && (at + size == end || !text_is_word(at[size])))
            return true;
    }
    return false;
}

static bool begins(const char *at, const char *end, const char *with)
{
    size_t size = strlen(with);
    return (size_t)(end - at) >= size && memcmp(at, with, size) == 0;
}

/* Past `[…]`; NULL: it does not end on the line, or is a slice. */
static const char *past_index(const char *at, const char *end)
{
    int depth = 0;
    for (; at < end; at++) {
        depth += (*at == '[' || *at == '(' || *at == '{') - (*at == ']' || *at == ')' || *at == '}');
        if (*at == ':' && depth == 1)
            return NULL;
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

/* `NAME[…] = …`, `NAME.append(…)` at the line's beginning: NAME. */
static bool read_store(const char *text, size_t length, struct source_store *store)
{
    static const char *const calls[] = {"append(", "appendleft(", "add(", "setdefault("};
    const char *at = text + source_indent(text, length), *end = text + length, *name = at, *last = NULL;
    while (at < end && (text_is_word(*at) || *at == '.')) {
        last = *at == '.' ? at : last;
        at++;
    }
    bool puts = false;
    if (at < end && *at == '[') {
        const char *sign = past_index(at, end);
        while (sign != NULL && sign < end && *sign == ' ')
            sign++;
        puts = sign != NULL && begins(sign, end, "= ");
    } else if (last != NULL) {
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
            puts = puts || begins(last + 1, end, calls[i]);
        at = last;
    }
    if (!puts || at == name || (size_t)(at - name) >= sizeof store->name)
        return false;
    memcpy(store->name, name, (size_t)(at - name));
    store->name[at - name] = '\0';
    return true;
}

/* A name at the very left of its file: it is there as long as the module. */
static bool is_global(const struct profile *profile, uint32_t file, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        const char *at = source->text, *end = at + source->length;
        for (; source->file == file && (at = memmem(at, (size_t)(end - at), name, size)) != NULL; at++) {
            bool left = at == source->text || at[-1] == '\n';
            if (left && (begins(at + size, end, " = ") || begins(at + size, end, ": ")))
                return true;
        }
    }
    return false;
}

/* Is the name the function's own: a parameter, or set in it? */
static bool is_local(const struct profile *profile, uint32_t function, const char *name)
{
    struct source_body body;
    size_t length;
    if (!source_body_begin(profile, function, &body))
        return true;
    for (uint32_t line = profile->functions[function].first_line; line < body.line; line++) {
        const char *text = source_line(profile, body.file, line, &length);
        if (text == NULL || source_mentions(text, length, name))
            return true;
    }
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        size_t at = source_indent(text, length), size = strlen(name);
        if (length - at > size + 2 && memcmp(text + at, name, size) == 0 &&
            (memcmp(text + at + size, " =", 2) == 0 || memcmp(text + at + size, ", ", 2) == 0))
            return true;
    }
    return false;
}

static bool outlives(const struct profile *profile, uint32_t function, const char *name)
{
    if (strncmp(name, "self.", 5) == 0 || strncmp(name, "cls.", 4) == 0)
        return strchr(strchr(name, '.') + 1, '.') == NULL;
    return strchr(name, '.') == NULL && !is_local(profile, function, name) &&
           is_global(profile, profile->functions[function].file, name);
}

/* `in NAME`, `NAME.get(`, `NAME[…]` on another line than the one that puts something in; and something is returned. */
static bool is_cache(const struct profile *profile, uint32_t function, const struct source_store *store)
{
    struct source_body body;
    bool looks = false, returns = false, sums = false;
    size_t length;
    if (!source_body_begin(profile, function, &body))
        return false;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        bool named = source_mentions(text, length, store->name);
        const char *sign = memmem(text, length, " = ", 3);
        if (body.at == store->line)
            sums = sign == NULL || source_mentions(sign, length - (size_t)(sign - text), store->name);
        else
            looks = looks || named;
        returns = returns || memmem(text, length, "return ", 7) != NULL;
    }
    return looks && returns && !sums;
}

bool source_function_stores(const struct profile *profile, uint32_t function, struct source_store *found)
{
    struct source_body body;
    bool any = false;
    size_t length;
    if (!source_body_begin(profile, function, &body))
        return false;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        struct source_store store = {.line = body.at};
        if (!read_store(text, length, &store) || !outlives(profile, function, store.name))
            continue;
        store.cache = is_cache(profile, function, &store);
        if (!any || store.cache)
            *found = store;
        any = true;
        if (store.cache)
            break;
    }
    return any;
}

/* `sorted(`, `sum(` …: as long as what they are given. */
static bool takes_all(const char *text, size_t length)
{
    static const char *const names[] = {"sorted(", "sum(",       "min(",  "max(",  "any(",  "all(",   "list(", "tuple(",
                                        "set(",    "frozenset(", "dict(", "sort(", "copy(", "index(", "count("};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (const char *at = text; (at = memmem(at, (size_t)(text + length - at), names[i], strlen(names[i]))) != NULL;
             at++) {
            if (at == text || !text_is_word(at[-1]))
                return true;
        }
    }
    return false;
}

/* `board = sorted(board + [entry])` */
static bool makes_itself(const char *text, size_t length)
{
    char name[STORE_NAME_BYTES];
    const char *at = text + source_indent(text, length), *from = at, *end = text + length;
    while (at < end && (text_is_word(*at) || *at == '.'))
        at++;
    size_t size = (size_t)(at - from);
    if (size == 0 || size >= sizeof name || !begins(at, end, " = "))
        return false;
    memcpy(name, from, size);
    name[size] = '\0';
    return source_mentions(at, (size_t)(end - at), name);
}

bool source_takes_all_it_grows(const struct profile *profile, uint32_t function, uint32_t line)
{
    struct source_body body;
    size_t length = 0, other_length;
    const char *text = source_line(profile, profile->functions[function].file, line, &length);
    if (text == NULL || !takes_all(text, length))
        return false;
    if (makes_itself(text, length))
        return true;
    if (!source_body_begin(profile, function, &body))
        return false;
    for (const char *other; (other = source_body_next(&body, &other_length)) != NULL;) {
        struct source_store store;
        if (read_store(other, other_length, &store) && source_mentions(text, length, store.name))
            return true;
    }
    return false;
}

/* ---- what a process makes once --------------------------------------------------------------------------------------
 */

static bool says_global(const struct profile *profile, uint32_t function, const char *name)
{
    struct source_body body;
    size_t length;
    if (!source_body_begin(profile, function, &body))
        return false;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        size_t at = source_indent(text, length);
        if (begins(text + at, text + length, "global ") && source_mentions(text, length, name))
            return true;
    }
    return false;
}

/* `if not NAME:`, `if NAME is None:`: NAME. */
static bool asks_whether_there(struct text text, char name[static STORE_NAME_BYTES])
{
    if (!text_begins(text, "if "))
        return false;
    bool negated = begins(text.at + 3, text.end, "not ");
    const char *from = text.at + (negated ? 7 : 3), *at = from;
    while (at < text.end && text_is_word(*at))
        at++;
    size_t size = (size_t)(at - from);
    if (size == 0 || size >= STORE_NAME_BYTES || !begins(at, text.end, negated ? ":" : " is None:"))
        return false;
    memcpy(name, from, size);
    name[size] = '\0';
    return true;
}

static bool keeps_its_only_result(const struct profile *profile, uint32_t function)
{
    struct source_body body;
    return source_body_begin(profile, function, &body) && body.cached && text_find(body.head, "()") != NULL;
}

bool source_runs_once(const struct profile *profile, uint32_t function, uint32_t line)
{
    const struct function *of = &profile->functions[function];
    struct statement inner, head;
    char name[STORE_NAME_BYTES];
    if (line <= of->first_line || statement_around(profile, of->file, &line, &inner) != STATEMENT_READ)
        return false;
    if (keeps_its_only_result(profile, function))
        return true;
    size_t indent = inner.indent;
    for (uint32_t at = line - 1, read = 0; at > of->first_line && indent > 0 && read < SOURCE_BODY_MAX; at--, read++) {
        if (statement_read(profile, of->file, at, &head) != STATEMENT_READ || head.indent >= indent)
            continue;
        indent = head.indent; /* what the line stands under */
        if (asks_whether_there(head.text, name) && is_global(profile, of->file, name) &&
            (!is_local(profile, function, name) || says_global(profile, function, name)))
            return true;
    }
    return false;
}
