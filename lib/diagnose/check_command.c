/*
 * The command that shows whether a change helped, as a shell takes it. Where a gain is promised and the program is a
 * script, that is a bench of the script beside its changed copy, held to the promise; else the same measurement again.
 */
#include "diagnose/rules.h"

#include <math.h>
#include <stdio.h>
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
