/* See source_share.h. */
#include "diagnose/source_share.h"

#include "diagnose/rules.h"

#include <ctype.h>
#include <string.h>

enum { IMPORT_LINES_MAX = 400, ARGUMENT_NAMES_MAX = 32 };

struct call {
    const char *from;      /* of the statement's part that is the call: `board.place(…)` */
    struct text of;        /* `board`; empty: a plain function */
    struct text arguments; /* between the parentheses */
};

/* The callee's own name: behind the last dot. */
static const char *last_part(const struct profile *profile, uint32_t function)
{
    const char *whole = profile->strings[profile->functions[function].name], *dot = strrchr(whole, '.');
    return dot != NULL ? dot + 1 : whole;
}

static bool find_call(struct text text, const char *name, struct call *call)
{
    size_t size = strlen(name);
    const char *at = text.at;
    while ((at = text_find((struct text){at, text.end}, name)) != NULL) {
        bool begins = at == text.at || !text_is_word(at[-1]);
        if (size > 0 && begins && at + size < text.end && at[size] == '(')
            break;
        at++;
    }
    if (at == NULL)
        return false;
    const char *past = text_past_bracket(at + size, text.end);
    call->from = at;
    while (call->from > text.at && (text_is_word(call->from[-1]) || call->from[-1] == '.'))
        call->from--;
    call->of = (struct text){call->from, call->from < at ? at - 1 : call->from};
    call->arguments = (struct text){at + size + 1, past != NULL ? past - 1 : text.end};
    return past != NULL;
}

/* `place(item)`, and nothing done with what comes back: it is called for what it changes. */
static bool drops_result(struct text text, const struct call *call)
{
    const char *after = call->arguments.end + 1;
    while (after < text.end && isspace((unsigned char)*after))
        after++;
    return call->from == text.at && (after >= text.end || *after == '#');
}

static bool is_head(struct text text)
{
    return text_begins(text, "for ") || text_begins(text, "while ") || text_begins(text, "async ") ||
           text_begins(text, "return ") || text_begins(text, "with ") || text_begins(text, "yield from ");
}

/* A module: `import name`, at the left of its file, at its top. */
static bool is_module(const struct profile *profile, uint32_t file, struct text name)
{
    const char *line;
    size_t length;
    for (uint32_t at = 1; at <= IMPORT_LINES_MAX && (line = source_line(profile, file, at, &length)) != NULL; at++) {
        struct text left = {line, line + length}, found;
        bool imports = text_begins(left, "import ");
        while (imports && text_next_name(&left, &found)) {
            if (text_same(found, name))
                return true;
        }
    }
    return false;
}

/* Made in this round, or a word that stands for nothing that rounds could share. */
static bool is_harmless(const struct rounds *rounds, struct text name, const char *end)
{
    static const char *const words[] = {"True", "False", "None", "not", "and",   "or", "if",
                                        "else", "in",    "is",   "for", "range", "len"};
    for (size_t i = 0; i < rounds->n_items; i++) {
        if (text_same(name, rounds->items[i]))
            return true;
    }
    for (size_t i = 0; i < rounds->n_names; i++) {
        if (text_same(name, rounds->names[i].name))
            return !text_is_place(rounds->names[i].from); /* made in the round, and followed already */
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_same(name, (struct text){words[i], words[i] + strlen(words[i])}))
            return true;
    }
    return (name.end < end && *name.end == '(') || is_module(rounds->profile, rounds->file, name);
}

/* The name in the arguments is only read by the function that gets it: `callee`, or one called for an argument. */
static bool leaves_alone(const struct rounds *rounds, const struct call *call, uint32_t callee, bool method,
                         const char *name)
{
    struct argument argument;
    struct text whole = {call->from, call->arguments.end};
    if (!source_enclosing_call(whole, name, &argument))
        return false;
    if (argument.open == call->arguments.at - 1) {
        argument.index += method;
        return source_keeps_argument(rounds->profile, callee, &argument);
    }
    if (argument.call.at == argument.call.end)
        return true;
    uint32_t function = source_function_named(rounds->profile, rounds->file, argument.call);
    return function == 0 || source_keeps_argument(rounds->profile, function, &argument);
}

/* What the calls of all rounds are given must be left as it is. */
static bool shares_nothing(const struct rounds *rounds, const struct call *call, uint32_t callee)
{
    static const struct argument self = {.index = 0};
    struct text left = call->arguments, name;
    struct text of = {call->of.at, call->of.at};
    while (of.end < call->of.end && text_is_word(*of.end))
        of.end++;
    bool method = of.at < of.end && !is_module(rounds->profile, rounds->file, of);
    if (method && !is_harmless(rounds, of, call->of.end) && !source_keeps_argument(rounds->profile, callee, &self))
        return false;
    for (unsigned names = 0; text_next_name(&left, &name); names++) {
        if (names == ARGUMENT_NAMES_MAX)
            return false;
        if (!text_is_keyword(name, call->arguments.end) && !is_harmless(rounds, name, call->arguments.end) &&
            !leaves_alone(rounds, call, callee, method, name.at))
            return false;
    }
    return true;
}

/* `map(simulate, cases)`, `pool.map(…)`. */
static bool is_mapped(struct text text, const char *name)
{
    const char *map = text_find(text, "map(");
    struct text behind = {map != NULL ? map + 4 : text.end, text.end};
    size_t size = strlen(name);
    return text_begins(behind, name) && behind.at + size < behind.end && behind.at[size] == ',';
}

bool source_rounds_shareable(const struct profile *profile, uint32_t function, uint32_t line, uint32_t callee)
{
    struct rounds rounds = {.profile = profile, .file = profile->functions[function].file, .line = line};
    const char *name = last_part(profile, callee);
    struct call call;
    struct statement statement;
    if (statement_around(profile, rounds.file, &rounds.line, &statement) != STATEMENT_READ)
        return false;
    struct text text = statement.text;
    if (is_mapped(text, name))
        return true;
    if (!find_call(text, name, &call))
        return false;
    struct text behind = {call.arguments.end, text.end};
    if (text_find(behind, " for ") != NULL) {
        rounds_read_comprehension(&rounds, behind);
    } else if (is_head(text) || drops_result(text, &call) || !rounds_read(&rounds, function, statement.indent)) {
        return false;
    }
    rounds_follow(&rounds, call.arguments, rounds.line);
    if (call.of.at < call.of.end)
        rounds_follow(&rounds, call.of, rounds.line);
    return !rounds_chained(&rounds) && !rounds.summed && (rounds.varies || rounds.counted) &&
           shares_nothing(&rounds, &call, callee);
}
