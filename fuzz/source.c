/*
 * The readers of the measured program's source text. The input is a file of Python, or not: every `def` in it is a
 * function that was seen, and all of them are asked of all that is asked of source text. It must end, within its bytes.
 */
#include "diagnose/calls.h"
#include "diagnose/rules.h"
#include "diagnose/source_body.h"
#include "diagnose/source_loop.h"
#include "diagnose/source_share.h"
#include "fuzz.h"

#include <string.h>

enum { FUNCTIONS_MAX = 8, LINES_MAX = 24, NAME_BYTES = 32 };

static struct function functions[FUNCTIONS_MAX + 1];
static char names[FUNCTIONS_MAX + 1][NAME_BYTES];
static const char *strings[FUNCTIONS_MAX + 2];

/* Functions by their heads. */
static size_t find_functions(const char *text, size_t size)
{
    size_t n = 1;
    uint32_t line = 1;
    const char *end = text + size;
    for (const char *at = text; at < end; at++) {
        line += *at == '\n';
        if (end - at < 5 || memcmp(at, "def ", 4) != 0 || n > FUNCTIONS_MAX)
            continue;
        const char *from = at + 4, *to = from;
        while (to < end && to - from < NAME_BYTES - 1 && text_is_word(*to))
            to++;
        memcpy(names[n], from, (size_t)(to - from));
        names[n][to - from] = '\0';
        functions[n] = (struct function){.name = (uint32_t)n + 1, .file = 1, .first_line = line};
        functions[n].kind = FUNCTION_PYTHON;
        strings[n + 1] = strcmp(names[n], "__init__") == 0 ? "Vector.__init__" : names[n];
        n++;
    }
    return n;
}

static void ask_function(const struct profile *profile, uint32_t function)
{
    static bool keeps[FUNCTIONS_MAX + 1];
    struct source_store store;
    for (uint32_t i = 1; i < profile->n_functions; i++)
        keeps[i] = source_function_only_keeps(profile, i);
    source_function_is_small(profile, function, keeps);
    source_function_steps(profile, function);
    source_function_loops(profile, function);
    uint32_t line = source_function_repeats(profile, function);
    MUST(line == 0 || line > profile->functions[function].first_line);
    if (source_function_stores(profile, function, &store))
        MUST(store.name[0] != '\0' && strlen(store.name) < sizeof store.name);
    for (unsigned i = 0; i < 3; i++)
        source_keeps_argument(profile, function, &(struct argument){.index = i});
}

static void ask_line(const struct profile *profile, uint32_t line)
{
    static bool (*const questions[])(const char *, size_t) = {
        source_tests_membership, source_only_calls,         source_loops,         source_only_measures,
        source_waits_for_any,    source_is_plain,           source_queries,       source_shifts,
        source_writes,           source_writes_at_once,     source_unlocks,       source_locks,
        source_adds_to_itself,   source_adds_before_itself, source_only_computes,
    };
    size_t length;
    const char *text = source_line(profile, 1, line, &length);
    for (size_t i = 0; text != NULL && i < sizeof questions / sizeof questions[0]; i++)
        questions[i](text, length);
    if (text != NULL)
        source_seeks(text, length);
    for (uint32_t function = 1; function < profile->n_functions; function++) {
        source_loop_rounds(profile, function, line);
        struct loop_round round;
        source_loop_round(profile, function, line, &round);
        bool known;
        source_line_goes_round(profile, function, line, &known);
        source_takes_all_it_grows(profile, function, line);
        uint32_t last = 0;
        MUST(!source_walks_all(profile, function, line, &last) || last > line);
        for (uint32_t callee = 1; callee < profile->n_functions; callee++)
            source_rounds_shareable(profile, function, line, callee);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size); /* its own, so that a byte beside it is seen */
    MUST(text != NULL);
    memcpy(text, data, size);
    struct profile_source source = {.file = 1, .first_line = 1, .text = text, .length = size};
    strings[0] = strings[1] = "";
    struct profile profile = {.functions = functions, .sources = &source, .n_sources = 1, .strings = strings};
    profile.n_functions = find_functions(text, size);
    profile.n_strings = profile.n_functions + 1;
    for (uint32_t i = 1; i < profile.n_functions; i++)
        ask_function(&profile, i);
    for (uint32_t line = 1; line <= LINES_MAX; line++)
        ask_line(&profile, line);
    free(text);
    return 0;
}
