/*
 * What one line of Python does, as far as its words tell: strings and comments are skipped, `for x in` is no test. Used
 * beside measured time only; a line that is not understood gives no advice.
 */
#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include <string.h>

struct scan {
    const char *at, *end;
    bool in, called, loops, whiles, unfinished; /* loops: a `for` */
    unsigned fors;                              /* `for` words whose `in` has not come */
    unsigned calls;
};

/* Past a string in quotes, prefixes read already. Triple quotes go on over lines: not understood. */
static void skip_string(struct scan *scan)
{
    char quote = *scan->at++;
    if (scan->end - scan->at >= 2 && scan->at[0] == quote && scan->at[1] == quote) {
        scan->unfinished = true;
        scan->at = scan->end;
        return;
    }
    while (scan->at < scan->end && *scan->at != quote)
        scan->at += *scan->at == '\\' && scan->end - scan->at > 1 ? 2 : 1;
    scan->unfinished = scan->unfinished || scan->at >= scan->end;
    scan->at += scan->at < scan->end;
}

static bool is_keyword(const char *word, size_t length)
{
    static const char *const words[] = {"in",     "not",    "and",  "or",    "if", "elif",  "while",
                                        "return", "assert", "else", "yield", "is", "lambda"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
            return true;
    }
    return false;
}

static void read_word(struct scan *scan)
{
    const char *word = scan->at;
    while (scan->at < scan->end && text_is_word(*scan->at))
        scan->at++;
    size_t length = (size_t)(scan->at - word);
    if (length == 3 && memcmp(word, "for", 3) == 0) {
        scan->fors++;
        scan->loops = true;
    } else if (length == 5 && memcmp(word, "while", 5) == 0) {
        scan->whiles = true;
    } else if (length == 2 && memcmp(word, "in", 2) == 0) {
        if (scan->fors > 0)
            scan->fors--;
        else
            scan->in = true;
    }
    const char *next = scan->at;
    while (next < scan->end && *next == ' ')
        next++;
    if (next < scan->end && *next == '(' && !is_keyword(word, length)) {
        scan->called = true;
        scan->calls++;
    }
}

static struct scan scan_line(const char *text, size_t length)
{
    struct scan scan = {.at = text, .end = text + length};
    while (scan.at < scan.end) {
        char c = *scan.at;
        if (c == '#') {
            scan.at = text_past(scan.at, scan.end);
        } else if (c == '\'' || c == '"') {
            skip_string(&scan);
        } else if (text_is_word(c)) {
            read_word(&scan);
        } else {
            scan.at++;
            if ((c == ')' || c == ']') && scan.at < scan.end && *scan.at == '(') {
                scan.called = true;
                scan.calls++;
            }
        }
    }
    return scan;
}

bool source_tests_membership(const char *text, size_t length)
{
    struct scan scan = scan_line(text, length);
    return scan.in && !scan.called && !scan.loops && !scan.unfinished;
}

bool source_only_calls(const char *text, size_t length)
{
    struct scan scan = scan_line(text, length);
    return scan.called && !scan.loops && !scan.whiles && !scan.unfinished;
}

static bool contains(const char *text, size_t length, const char *part)
{
    return memmem(text, length, part, strlen(part)) != NULL;
}

bool source_is_plain(const char *text, size_t length)
{
    struct scan scan = scan_line(text, length);
    return !scan.called && !scan.loops && !scan.whiles && !scan.unfinished && !contains(text, length, "yield") &&
           !contains(text, length, "await ") && !contains(text, length, "import ");
}

bool source_loops(const char *text, size_t length)
{
    struct scan scan = scan_line(text, length);
    return scan.loops || scan.whiles || scan.unfinished;
}

bool source_waits_for_any(const char *text, size_t length)
{
    return contains(text, length, "select(") || contains(text, length, ".poll(");
}

bool source_queries(const char *text, size_t length)
{
    return contains(text, length, ".execute(");
}

/* Beside another call, nothing tells which of them has the time. */
bool source_shifts(const char *text, size_t length)
{
    return scan_line(text, length).calls == 1 &&
           (contains(text, length, ".pop(0)") || contains(text, length, ".insert(0,"));
}

static unsigned count(const char *text, size_t length, const char *part)
{
    size_t size = strlen(part);
    unsigned n = 0;
    for (const char *at = text; (at = memmem(at, length - (size_t)(at - text), part, size)) != NULL; at += size)
        n++;
    return n;
}

/* Of its calls, those that measure or add one. */
static unsigned light_calls(const char *text, size_t length)
{
    return count(text, length, "len(") + count(text, length, ".append(") + count(text, length, ".add(");
}

bool source_only_measures(const char *text, size_t length)
{
    return light_calls(text, length) >= scan_line(text, length).calls;
}

bool source_only_computes(const char *text, size_t length)
{
    struct scan scan = scan_line(text, length);
    return !scan.unfinished && scan.calls <= count(text, length, " range(");
}

const char *source_seeks(const char *text, size_t length)
{
    static const char *const calls[] = {".index(", ".count(", ".remove("};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (count(text, length, calls[i]) == 1 && scan_line(text, length).calls == 1 + light_calls(text, length))
            return calls[i];
    }
    return NULL;
}

/* Up to the sign of an assignment, without the blanks around it; 0: the line is none. */
static size_t target_length(const char *text, size_t length)
{
    size_t end = 0;
    while (end < length && (text_is_word(text[end]) || (text[end] != '\0' && strchr(".[]'\"", text[end]) != NULL)))
        end++;
    size_t sign = end;
    while (sign < length && text[sign] == ' ')
        sign++;
    bool assigns = length - sign >= 2 && text[sign] == '=' && text[sign + 1] != '=';
    return assigns ? end : 0;
}

bool source_adds_to_itself(const char *text, size_t length)
{
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    size_t target = target_length(text, length);
    const char *end = text + length, *sign = target > 0 ? memchr(text + target, '=', length - target) : NULL;
    const char *right = sign != NULL ? sign + 1 : end;
    while (right < end && *right == ' ')
        right++;
    if (target == 0 || (size_t)(end - right) <= target || memcmp(text, right, target) != 0)
        return false;
    right += target;
    while (right < end && *right == ' ')
        right++;
    return right < end && *right == '+';
}

bool source_adds_before_itself(const char *text, size_t length)
{
    size_t from = source_indent(text, length), target = target_length(text + from, length - from);
    while (length > from && (text[length - 1] == ' ' || text[length - 1] == '\r'))
        length--;
    if (target == 0 || length < from + 2 * target + 2 || memcmp(text + from, text + length - target, target) != 0)
        return false;
    const char *before = text + length - target - 1;
    while (before > text && *before == ' ')
        before--;
    return *before == '+';
}

bool source_flushes(const char *text, size_t length)
{
    return contains(text, length, ".flush()") || contains(text, length, "flush=True");
}

/* Past every buffer, or by emptying it. */
bool source_writes_at_once(const char *text, size_t length)
{
    return source_flushes(text, length) || contains(text, length, "os.write(");
}

bool source_writes(const char *text, size_t length)
{
    return contains(text, length, "write(") || source_flushes(text, length);
}

size_t source_indent(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length && (text[at] == ' ' || text[at] == '\t'))
        at++;
    return at < length && text[at] != '#' && text[at] != '\r' ? at : length;
}

bool source_unlocks(const char *text, size_t length)
{
    return contains(text, length, ".release(");
}

bool source_locks(const char *text, size_t length)
{
    return contains(text, length, "with ") || contains(text, length, ".acquire(");
}

bool source_is_with(const char *text, size_t length)
{
    size_t indent = source_indent(text, length);
    return text_begins((struct text){text + indent, text + length}, "with ");
}

struct text source_with(const char *text, size_t length)
{
    size_t indent = source_indent(text, length);
    struct text name = {"", ""};
    if (!source_is_with(text, length))
        return name;
    for (const char *at = text + indent + 5; at < text + length && (text_is_word(*at) || *at == '.'); at++) {
        if (name.at == name.end || *at == '.')
            name.at = *at == '.' ? at + 1 : at;
        name.end = at + 1;
    }
    return name;
}
