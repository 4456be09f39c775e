/*
 * The commands of a finding, as a shell takes them: the one that shows whether a change helped, and the one that
 * measures what this recording has not. Where a gain is promised and the program is a script, the first is a bench of
 * the script beside its changed copy, held to the promise; else the same measurement again. The second is a NEXT row of
 * findings.def, whose slots are: {program}; {counted}, the program, unless its Python is one that the agent cannot get
 * into; {sizes} and {sized}, the program with {n} in place of what seems to be the size of its input.
 */
#include "diagnose/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_quoted(struct buf *out, const char *argument)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";
    if (*argument != '\0' && strspn(argument, plain) == strlen(argument)) {
        buf_add_text(out, argument);
        return;
    }
    buf_add_byte(out, '\'');
    for (; *argument != '\0'; argument++) {
        if (*argument == '\'')
            buf_add_text(out, "'\\''");
        else
            buf_add_byte(out, (uint8_t)*argument);
    }
    buf_add_byte(out, '\'');
}

static bool is_script(const char *word)
{
    size_t length = strlen(word);
    return length > 3 && strcmp(word + length - 3, ".py") == 0 && word[0] != '-';
}

/* The index of the script among the words; where there is none, the number of words. */
static size_t script_of(const char *const *words)
{
    size_t i = 0;
    bool module = false;
    while (words[i] != NULL && !(is_script(words[i]) && !module)) {
        module = module || strcmp(words[i], "-m") == 0 || strcmp(words[i], "-c") == 0;
        i++;
    }
    return i;
}

/* A script alone was started by an interpreter of the PATH, the first process's. */
static const char *interpreter(const struct profile *profile)
{
    uint32_t command = profile->n_processes > 1 ? profile->processes[1].command : 0;
    const char *word = command < profile->n_strings ? profile->strings[command] : "";
    const char *slash = strrchr(word, '/');
    word = slash != NULL ? slash + 1 : word;
    return word[0] == '\0' || is_script(word) ? "python3" : word;
}

/* One of the two commands, as one word; `fixed`: of the changed copy beside the script. */
static void add_command(struct buf *out, const struct profile *profile, size_t script, bool fixed)
{
    struct buf command = {0}, copy = {0};
    if (script == 0) {
        add_quoted(&command, interpreter(profile));
        buf_add_byte(&command, ' ');
    }
    for (size_t i = 0; profile->command[i] != NULL; i++) {
        const char *word = profile->command[i];
        if (i > 0)
            buf_add_byte(&command, ' ');
        copy.size = 0; /* not buf_clear: a failure stays */
        buf_printf(&copy, "%.*s_fixed.py", (int)(strlen(word) > 3 ? strlen(word) - 3 : 0), word);
        add_quoted(&command, fixed && i == script ? buf_text(&copy) : word);
    }
    add_quoted(out, buf_text(&command));
    out->failed = out->failed || command.failed || copy.failed;
    buf_release(&command);
    buf_release(&copy);
}

static void add_bench(struct buf *out, const struct profile *profile, size_t rank, bool memory)
{
    size_t script = script_of(profile->command);
    if (profile->command[script] == NULL)
        return;
    buf_add_text(out, memory ? "keisoku bench --measure peak " : "keisoku bench ");
    add_command(out, profile, script, false);
    buf_add_byte(out, ' ');
    add_command(out, profile, script, true);
    buf_add_text(out, " --from ");
    add_quoted(out, profile->path != NULL ? profile->path : "FILE.kei");
    if (rank > 1)
        buf_printf(out, " --finding %zu", rank);
    /* A change that makes something else of the input is no gain. At the end: an option takes the next word to its
     * line. */
    buf_add_text(out, " --equal-output");
}

static void add_run(struct buf *out, const struct profile *profile)
{
    buf_add_text(out, "keisoku run");
    for (size_t i = 0; profile->command[i] != NULL; i++) {
        buf_add_byte(out, ' ');
        if (i == 0 && profile->command[0][0] == '-' && profile->command[0][1] != '\0' &&
            strcmp(profile->command[0], "-m") != 0 && strcmp(profile->command[0], "-c") != 0)
            buf_add_text(out, "-- ");
        add_quoted(out, profile->command[i]);
    }
}

static bool usable(const struct buf *text, const struct finding *finding)
{
    return !text->failed && text->size > 0 && text->size < sizeof finding->check_command &&
           memchr(text->data, '\n', text->size) == NULL;
}

int finding_fill_check(const struct profile *profile, size_t rank, struct finding *finding)
{
    struct buf text = {0};
    bool run = profile->command != NULL && profile->command[0] != NULL;
    bool merged = profile->mode != NULL && strcmp(profile->mode, "merge") == 0; /* its processes are of other times */
    /* A part has findings of its own; a bench would ask the whole. */
    if (run && finding->predicted_high > 0 && profile->whole == NULL)
        add_bench(&text, profile, rank, finding_gains_memory(finding));
    if (run && !usable(&text, finding)) {
        text.size = 0;
        add_run(&text, profile);
    }
    if (!run && profile->n_processes > 1 && !merged) {
        buf_printf(&text, "keisoku attach %d --duration %.0f", profile->processes[1].pid,
                   fmax(1, (double)profile->duration_ns / 1e9));
    } else if (!usable(&text, finding)) {
        text.size = 0;
        buf_add_text(&text, "keisoku report ");
        add_quoted(&text, profile->path != NULL ? profile->path : "FILE");
    }
    snprintf(finding->check_command, sizeof finding->check_command, "%s", buf_text(&text));
    bool done = !text.failed;
    buf_release(&text);
    return done ? 0 : ERR_NOMEM;
}

/* ---- the next measurement ------------------------------------------------------------------------------------------
 */

static const struct next {
    const char *name, *tells, *command;
} nexts[] = {
#define FINDING(name, tag, prescription, order, rule, law, sentence, action)
#define NEXT(name, tells, command) {#name, tells, command},
#define LIMIT(name, key, value, unit, text)
#include "diagnose/findings.def"
#undef FINDING
#undef NEXT
#undef LIMIT
};

/* Words of the command from `from` up to `to`; NULL ends it before. */
static void add_words(struct buf *out, const struct profile *profile, size_t from, size_t to)
{
    for (size_t i = from; i < to && profile->command[i] != NULL; i++) {
        if (i > from)
            buf_add_byte(out, ' ');
        add_quoted(out, profile->command[i]);
    }
}

/* May a Python of this version be counted in, as far as one was seen? */
static bool takes_agent(const struct profile *profile)
{
    uint32_t python = profile->n_processes > 1 ? profile->processes[1].python : 0;
    const char *version = python != 0 && python < profile->n_strings ? profile->strings[python] : "3.8";
    return strncmp(version, "3.", 2) == 0 && strtoul(version + 2, NULL, 10) >= 8;
}

/* What says how large the input is: the last word behind the script, or else the first word, that is a number and
 * follows no option; the number of words: none is. False: numbers follow options alone, and which is the size is not
 * told. */
static bool find_size(const char *const *words, size_t *at)
{
    size_t n = 0, found = 0, script = script_of(words), from = words[script] != NULL ? script : 0;
    bool of_option = false;
    for (; words[n] != NULL; n++) {
        size_t length = strlen(words[n]);
        if (n <= from || length < 2 || length > 9 || strspn(words[n], "0123456789") != length || words[n][0] == '0')
            continue;
        if (words[n - 1][0] == '-')
            of_option = true;
        else
            found = n;
    }
    *at = found > 0 ? found : n;
    return found > 0 || !of_option;
}

/* Four sizes up to the one that was measured, "1000,2000,4000,8000": these where none was. */
static void add_sizes(struct buf *out, const struct profile *profile, size_t at)
{
    const char *word = profile->command[at];
    unsigned long size = word != NULL ? strtoul(word, NULL, 10) : 8000;
    size = size < 16 ? 16 : size;
    buf_printf(out, "%lu,%lu,%lu,%lu", size / 8, size / 4, size / 2, size);
}

static void add_sized(struct buf *out, const struct profile *profile, size_t size)
{
    add_words(out, profile, 0, size);
    buf_add_text(out, " {n}");
    if (profile->command[size] != NULL && profile->command[size + 1] != NULL) {
        buf_add_byte(out, ' ');
        add_words(out, profile, size + 1, SIZE_MAX);
    }
}

/* False: this program's command has no such thing. */
static bool add_slot(struct buf *out, const struct profile *profile, const char *slot, size_t length)
{
#define SLOT(text) (length == sizeof(text) - 1 && memcmp(slot, text, length) == 0)
    size_t size;
    bool told = find_size(profile->command, &size);
    if (SLOT("program") || (SLOT("counted") && takes_agent(profile)))
        add_words(out, profile, 0, SIZE_MAX);
    else if (SLOT("sizes") && told)
        add_sizes(out, profile, size);
    else if (SLOT("sized") && told)
        add_sized(out, profile, size);
    else
        return false;
    return profile->command[0][0] != '-';
#undef SLOT
}

static bool fill_next(struct buf *out, const struct profile *profile, const char *template)
{
    for (const char *at = template; *at != '\0';) {
        size_t length = *at == '{' ? strcspn(at, "}") : 0;
        if (length == 0)
            buf_add_byte(out, (uint8_t)*at++);
        else if (add_slot(out, profile, at + 1, length - 1))
            at += length + 1;
        else
            return false;
    }
    return true;
}

int finding_fill_next(const struct profile *profile, const char *name, struct finding *finding)
{
    struct buf text = {0};
    bool run = profile->command != NULL && profile->command[0] != NULL;
    for (size_t i = 0; run && i < sizeof nexts / sizeof nexts[0]; i++) {
        text.size = 0;
        if (strcmp(nexts[i].name, name) != 0 || !fill_next(&text, profile, nexts[i].command) || text.failed ||
            text.size >= sizeof finding->next_command || memchr(text.data, '\n', text.size) != NULL)
            continue;
        snprintf(finding->next_command, sizeof finding->next_command, "%s", buf_text(&text));
        finding->next_tells = nexts[i].tells;
    }
    bool done = !text.failed;
    buf_release(&text);
    return done ? 0 : ERR_NOMEM;
}
