/* A loop that looks at all of something to find or add up: what it finds could be kept. As far as its text tells. */
#include "diagnose/rules.h"
#include "diagnose/source_body.h"
#include "diagnose/source_rounds.h"

#include <string.h>

enum { WALK_LINES_MAX = 12 };

/* `for item in NAME:`: NAME. */
static bool read_name(struct text text, char name[static STORE_NAME_BYTES])
{
    const char *in = text_find(text, " in "), *colon = text_find(text, ":");
    if (in == NULL || colon == NULL || !text_begins(text, "for "))
        return false;
    size_t size = 0;
    for (const char *at = in + 4; at < colon && size < STORE_NAME_BYTES - 1; at++) {
        if (!text_is_word(*at) && *at != '.')
            return false;
        name[size++] = *at;
    }
    name[size] = '\0';
    return size > 0 && size < STORE_NAME_BYTES - 1;
}

/* What a line assigns to; at is NULL: nothing. */
static struct text target(struct text text)
{
    const char *sign = text.at != NULL ? text_assignment(text) : NULL;
    return sign != NULL ? (struct text){text.at, sign} : (struct text){NULL, NULL};
}

static bool is_set_here(const struct profile *profile, uint32_t function, const char *name)
{
    struct source_body body;
    size_t length;
    if (!source_body_begin(profile, function, &body))
        return true;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        struct text set = target((struct text){text, text + length});
        if (set.at != NULL && source_mentions(set.at, (size_t)(set.end - set.at), name))
            return true;
    }
    return body.unclear;
}

/* Nothing is called, and nothing but plain names of the function gets a value: no item is changed. */
static bool only_looks(struct text text)
{
    struct text set = target(text);
    return source_is_plain(text.at, (size_t)(text.end - text.at)) && text_find(set, ".") == NULL &&
           text_find(set, "[") == NULL && !text_begins(text, "del ");
}

bool source_walks_all(const struct profile *profile, uint32_t function, uint32_t line, uint32_t *last)
{
    char name[STORE_NAME_BYTES];
    uint32_t file = profile->functions[function].file;
    struct statement head, next;
    if (statement_read(profile, file, line, &head) != STATEMENT_READ || !read_name(head.text, name) ||
        is_set_here(profile, function, name))
        return false;
    *last = line;
    for (uint32_t at = line + head.lines; at <= line + WALK_LINES_MAX; at += next.lines) {
        enum statement_kind kind = statement_read(profile, file, at, &next);
        if (kind == STATEMENT_NONE)
            continue;
        if (kind == STATEMENT_END || next.indent <= head.indent)
            return *last > line;
        if (kind == STATEMENT_UNCLEAR || !only_looks(next.text))
            return false;
        *last = at + next.lines - 1;
    }
    return false;
}
