/* See source_words.h. */
#include "diagnose/source_words.h"

#include "diagnose/rules.h"

#include <string.h>

enum {
    LINE_BYTES_MAX = 2000,
    STATEMENT_BYTES_MAX = 4000,
    STATEMENT_LINES_MAX = 1000 /* a docstring's */,
    AROUND_LINES_MAX = 24
};

static bool is_readable(const char *line, size_t length)
{
    return length <= LINE_BYTES_MAX && memchr(line, '\0', length) == NULL;
}

const char *source_line(const struct profile *profile, uint32_t file, uint32_t line, size_t *length)
{
    const char *text = profile_source_line(profile, file, line, length);
    return text != NULL && is_readable(text, *length) ? text : NULL;
}

/* ---- statements
 * ------------------------------------------------------------------------------------------------------
 */

/* Where a line ends. */
struct ending {
    char quote;          /* in a string of this quote; 0: in none */
    bool triple, joined; /* joined: behind a backslash */
    bool several;        /* `;` came */
    int depth;           /* of brackets */
};

static bool is_triple(const char *at, const char *end)
{
    return end - at >= 3 && at[1] == at[0] && at[2] == at[0];
}

/* Within a string: past its end, or one byte. */
static const char *read_string(struct ending *ending, const char *at, const char *end)
{
    if (*at == '\\')
        return end - at >= 2 ? at + 2 : end;
    if (*at != ending->quote || (ending->triple && !is_triple(at, end)))
        return at + 1;
    ending->quote = 0;
    return at + (ending->triple ? 3 : 1);
}

static void read_line(struct ending *ending, const char *at, const char *end)
{
    ending->joined = end > at && end[-1] == '\\';
    while (at < end) {
        if (ending->quote != 0) {
            at = read_string(ending, at, end);
            continue;
        }
        if (*at == '#') {
            ending->joined = false;
            break;
        }
        if (*at == '\'' || *at == '"') {
            ending->quote = *at;
            ending->triple = is_triple(at, end);
            at += ending->triple ? 3 : 1;
            continue;
        }
        ending->depth += text_bracket(*at);
        ending->several = ending->several || *at == ';';
        at++;
    }
    if (!ending->triple && !ending->joined)
        ending->quote = 0; /* never closed: no Python */
}

/* A string that is no part of anything: a docstring. */
static bool stands_for_itself(struct text text)
{
    const char *at = text.at;
    while (at < text.end && at - text.at < 2 && strchr("rRbBuU", *at) != NULL)
        at++;
    if (at == text.end || (*at != '\'' && *at != '"'))
        return false;
    at = text_past(at, text.end);
    while (at < text.end && isspace((unsigned char)*at))
        at++;
    return at == text.end || *at == '#';
}

enum statement_kind statement_read(const struct profile *profile, uint32_t file, uint32_t line,
                                   struct statement *statement)
{
    size_t length;
    struct ending ending = {0};
    const char *text = profile_source_line(profile, file, line, &length);
    *statement = (struct statement){.lines = 1};
    if (text == NULL)
        return STATEMENT_END;
    statement->indent = source_indent(text, length);
    if (!is_readable(text, length))
        return STATEMENT_UNCLEAR;
    if (statement->indent == length)
        return STATEMENT_NONE;
    statement->text = (struct text){text + statement->indent, text + length};
    read_line(&ending, text, text + length);
    while (ending.depth > 0 || ending.quote != 0 || ending.joined) {
        const char *end = statement->text.end;
        const char *next = source_line(profile, file, line + statement->lines, &length);
        if (next == NULL || next != end + 1 + (*end == '\r') || statement->lines == STATEMENT_LINES_MAX)
            return STATEMENT_UNCLEAR;
        read_line(&ending, next, next + length);
        statement->text.end = next + length;
        statement->lines++;
    }
    if (stands_for_itself(statement->text))
        return STATEMENT_NONE;
    bool clear = !ending.several && statement->text.end - statement->text.at <= STATEMENT_BYTES_MAX;
    return clear ? STATEMENT_READ : STATEMENT_UNCLEAR;
}

/* Lines that a statement goes on in are further in than its first, as is usual. */
enum statement_kind statement_around(const struct profile *profile, uint32_t file, uint32_t *line,
                                     struct statement *statement)
{
    enum statement_kind kind = statement_read(profile, file, *line, statement);
    for (uint32_t at = *line - 1, read = 0; kind != STATEMENT_END && at > 0 && read < AROUND_LINES_MAX; at--, read++) {
        struct statement above;
        enum statement_kind found = statement_read(profile, file, at, &above);
        if (found == STATEMENT_NONE || above.indent >= statement->indent)
            continue;
        if (at + above.lines <= *line)
            break;
        *statement = above;
        *line = at;
        kind = found;
    }
    return kind;
}

/* ---- words
 * -----------------------------------------------------------------------------------------------------------
 */

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

const char *text_past(const char *at, const char *end)
{
    if (*at == '#') {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        return stop != NULL ? stop : end;
    }
    if (*at != '\'' && *at != '"')
        return at + 1;
    struct ending string = {.quote = *at, .triple = is_triple(at, end)};
    for (at += string.triple ? 3 : 1; at < end && string.quote != 0;)
        at = read_string(&string, at, end);
    return at;
}

int text_bracket(char c)
{
    return (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
}

const char *text_past_bracket(const char *at, const char *end)
{
    int depth = 0;
    for (; at < end; at = text_past(at, end)) {
        depth += text_bracket(*at);
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

bool text_next_name(struct text *left, struct text *name)
{
    const char *begin = left->at;
    while (left->at < left->end) {
        const char *from = left->at;
        if (!text_is_word(*from)) {
            left->at = text_past(from, left->end);
            continue;
        }
        while (left->at < left->end && text_is_word(*left->at))
            left->at++;
        *name = (struct text){from, left->at};
        if (left->at < left->end && (*left->at == '\'' || *left->at == '"'))
            continue; /* what kind of string it is */
        if (!isdigit((unsigned char)*from) && (from == begin || from[-1] != '.'))
            return true;
    }
    return false;
}

/* `f"`, `rf'`: the word before the quote. */
static bool is_formatted(const char *begin, const char *quote)
{
    bool formatted = false;
    const char *at = quote;
    for (; at > begin && quote - at < 2 && strchr("fFrR", at[-1]) != NULL; at--)
        formatted = formatted || at[-1] == 'f' || at[-1] == 'F';
    return formatted && (at == begin || !text_is_word(at[-1]));
}

bool text_next_formatted(struct text *left, struct text *string)
{
    for (const char *begin = left->at; left->at < left->end;) {
        const char *at = left->at;
        left->at = text_past(at, left->end);
        if ((*at == '\'' || *at == '"') && is_formatted(begin, at)) {
            *string = (struct text){at, left->at};
            return true;
        }
    }
    return false;
}

bool text_next_field(struct text *string, struct text *field)
{
    const char *open = string->at, *end = string->end;
    while ((open = memchr(open, '{', (size_t)(end - open))) != NULL && end - open >= 2 && open[1] == '{')
        open += 2; /* a brace of the text's own */
    const char *past = open != NULL ? text_past_bracket(open, end) : NULL;
    if (open == NULL)
        return false;
    string->at = past != NULL ? past : end;
    *field = (struct text){open + 1, past != NULL ? past - 1 : end};
    return true;
}

bool text_is_keyword(struct text name, const char *end)
{
    const char *at = name.end;
    while (at < end && *at == ' ')
        at++;
    return at < end && *at == '=' && (at + 1 == end || at[1] != '=');
}

bool text_is_place(struct text text)
{
    const char *at = text.at, *end = text.end;
    while (at < end && isspace((unsigned char)*at))
        at++;
    while (end > at && isspace((unsigned char)end[-1]))
        end--;
    bool any = at < end && text_is_word(*at) && !isdigit((unsigned char)*at);
    while (at != NULL && at < end) {
        if (*at == '#')
            break;
        if (*at == '[')
            at = text_past_bracket(at, end);
        else if (text_is_word(*at) || *at == '.')
            at++;
        else if (!isspace((unsigned char)*at))
            return false;
        else
            at++;
    }
    return any && at != NULL;
}

const char *text_assignment(struct text text)
{
    int depth = 0;
    for (const char *at = text.at; at < text.end; at = text_past(at, text.end)) {
        depth += text_bracket(*at);
        if (*at != '=' || depth != 0 || at == text.at)
            continue;
        if (at + 1 < text.end && at[1] == '=')
            at++; /* a test */
        else if (strchr("!<>", at[-1]) == NULL || text_augments(text, at))
            return at;
    }
    return NULL;
}

bool text_augments(struct text text, const char *sign)
{
    if (sign == text.at)
        return false;
    bool shift = sign - text.at >= 2 && (sign[-1] == '<' || sign[-1] == '>') && sign[-2] == sign[-1];
    return shift || (sign[-1] != '\0' && strchr("+-*/|&%^@", sign[-1]) != NULL);
}

/* ---- what it takes
 * -------------------------------------------------------------------------------------------------------
 */

/* `**`, `==`, `+=`, `<=`: the second sign of one operator. `1.5`: no attribute. */
static bool is_step(const char *begin, const char *at)
{
    char before = at > begin ? at[-1] : ' ';
    if (strchr("+-*/%<>=&|^.[", *at) == NULL)
        return false;
    if (*at == '.')
        return !isdigit((unsigned char)before);
    return *at != before && (*at != '=' || strchr("+-*/%<>&|^!@", before) == NULL);
}

static bool is_call(const char *begin, const char *at)
{
    return *at == '(' && at > begin && (text_is_word(at[-1]) || at[-1] == ')' || at[-1] == ']');
}

struct text_work text_work(struct text text)
{
    struct text_work work = {0};
    for (const char *at = text.at; at < text.end; at = text_past(at, text.end)) {
        work.steps += is_step(text.at, at);
        work.calls += is_call(text.at, at);
    }
    for (struct text strings = text, string, field; text_next_formatted(&strings, &string);) {
        while (text_next_field(&string, &field))
            work.fields++;
    }
    return work;
}
