/* See source_share.h. */
#include "diagnose/source_share.h"

#include "diagnose/rules.h"

#include <ctype.h>
#include <string.h>

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
    int depth = 0;
    const char *close = at + size;
    for (; close < text.end; close++) {
        depth += (strchr("([{", *close) != NULL) - (strchr(")]}", *close) != NULL);
        if (depth == 0)
            break;
    }
    call->from = at;
    while (call->from > text.at && (text_is_word(call->from[-1]) || call->from[-1] == '.'))
        call->from--;
    call->of = (struct text){call->from, call->from < at ? at - 1 : call->from};
    call->arguments = (struct text){at + size + 1, close};
    return close < text.end;
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

/* A module: `import name`, at the left of its file. */
static bool is_module(const struct profile *profile, uint32_t file, struct text name)
{
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        const char *at = source->text, *end = at + source->length;
        while (source->file == file && at < end) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            struct text line = {at, stop != NULL ? stop : end}, found;
            struct text left = line;
            bool imports = text_begins(line, "import ");
            while (imports && text_next_name(&left, &found)) {
                if (text_same(found, name))
                    return true;
            }
            at = stop != NULL ? stop + 1 : end;
        }
    }
    return false;
}

/* Made in this round, or a word that stands for nothing that rounds could share. */
static bool is_harmless(const struct rounds *rounds, struct text name, const char *end)
{
    static const char *const words[] = {"True", "False", "None", "not", "and",   "or", "if",
                                        "else", "in",    "is",   "for", "range", "len"};
    bool capital = false;
    for (size_t i = 0; i < rounds->n_items; i++) {
        if (text_same(name, rounds->items[i]))
            return true;
    }
    for (size_t i = 0; i < rounds->n_names; i++) {
        if (text_same(name, rounds->names[i].name))
            return true; /* followed already */
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_same(name, (struct text){words[i], words[i] + strlen(words[i])}))
            return true;
    }
    for (const char *at = name.at; at < name.end; at++) {
        if (islower((unsigned char)*at))
            return (name.end < end && *name.end == '(') || is_module(rounds->profile, rounds->file, name);
        capital = capital || isupper((unsigned char)*at);
    }
    return capital; /* LIKE_THIS: a constant */
}

/* What the calls of all rounds are given must be left as it is. */
static bool shares_nothing(const struct rounds *rounds, const struct call *call, uint32_t callee)
{
    const struct profile *profile = rounds->profile;
    struct text left = call->arguments, name;
    struct text of = {call->of.at, call->of.at};
    while (of.end < call->of.end && text_is_word(*of.end))
        of.end++;
    bool method = of.at < of.end && !is_module(profile, rounds->file, of);
    if (method && !is_harmless(rounds, of, call->of.end) && !source_keeps_argument(profile, callee, 0))
        return false;
    while (text_next_name(&left, &name)) {
        struct text inside;
        unsigned index = 0, commas = 0;
        int depth = 0;
        if (is_harmless(rounds, name, call->arguments.end))
            continue;
        for (const char *at = call->arguments.at; at < name.at; at++) {
            depth += (strchr("([{", *at) != NULL) - (strchr(")]}", *at) != NULL);
            commas += depth == 0 && *at == ',';
        }
        if (depth == 0 && !source_keeps_argument(profile, callee, commas + method))
            return false;
        /* Within a call of its own: that function's. */
        if (depth > 0 && source_enclosing_call(call->arguments, name.at, &inside, &index) && inside.at < inside.end) {
            uint32_t function = source_function_named(profile, rounds->file, inside);
            if (function != 0 && !source_keeps_argument(profile, function, index))
                return false;
        }
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
    size_t indent;
    struct text text = text_of_line(profile, rounds.file, line, &indent);
    if (text.at == NULL)
        return false;
    if (is_mapped(text, name))
        return true;
    if (!find_call(text, name, &call))
        return false;
    struct text behind = {call.arguments.end, text.end};
    if (text_find(behind, " for ") != NULL) {
        rounds_read_comprehension(&rounds, behind);
    } else if (is_head(text) || drops_result(text, &call) || !rounds_read(&rounds, function, indent)) {
        return false;
    }
    rounds_follow(&rounds, call.arguments, line, 0);
    if (call.of.at < call.of.end)
        rounds_follow(&rounds, call.of, line, 0);
    return !rounds_chained(&rounds) && !rounds.summed && (rounds.varies || rounds.counted) &&
           shares_nothing(&rounds, &call, callee);
}
