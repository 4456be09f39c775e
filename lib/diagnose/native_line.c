#include "diagnose/native_line.h"

#include "base/buf.h"
#include "diagnose/facts.h"
#include "diagnose/native_code.h"
#include "diagnose/rules.h"

#include <string.h>

static const double told_min = 0.03, runtime_told = 0.1; /* of the line's CPU time, to be worth a word on the screen */

struct line_place {
    uint32_t file, line;
};

/* Is the innermost Python frame of the stack on that line? */
static bool is_on(const struct profile *profile, uint32_t stack, const struct line_place *place)
{
    for (; stack != 0 && stack < profile->n_stacks; stack = profile->stacks[stack].parent) {
        const struct frame *frame = &profile->frames[profile->stacks[stack].frame];
        if (profile->functions[frame->function].kind == FUNCTION_PYTHON)
            return frame->line == place->line && profile->functions[frame->function].file == place->file;
    }
    return false;
}

/* The file of native code that the sample was in; 0: in none, or in the C library. */
static uint32_t native_file(const struct profile *profile, uint32_t stack)
{
    const struct function *inner = &profile->functions[profile->frames[profile->stacks[stack].frame].function];
    char name[NATIVE_MODULE_BYTES];
    if (inner->kind != FUNCTION_NATIVE)
        return 0;
    native_module_name(profile->strings[inner->file], name, sizeof name);
    return native_module_is_library(name) ? 0 : inner->file;
}

struct file_time {
    uint32_t file, ticks;
    double cpu_ns;
};

enum { FILES_MAX = 32 };

static void add_time(struct file_time *files, size_t *n, uint32_t file, const struct profile_samples *samples, size_t i)
{
    size_t at = 0;
    while (at < *n && files[at].file != file)
        at++;
    if (at == FILES_MAX)
        return;
    if (at == *n)
        files[(*n)++] = (struct file_time){.file = file};
    files[at].ticks += samples->ticks[i];
    files[at].cpu_ns += samples->cpu_ns[i];
}

struct native_line native_line_of(const struct profile *profile, uint32_t file, uint32_t line)
{
    const struct profile_samples *samples = &profile->samples;
    const struct line_place place = {file, line};
    struct native_line sums = {0};
    struct file_time files[FILES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < samples->count; i++) {
        if (!(samples->cpu_ns[i] > 0) || !sample_counts(profile, i) || !is_on(profile, samples->stack[i], &place))
            continue;
        uint32_t native = native_file(profile, samples->stack[i]);
        sums.cpu_ns += samples->cpu_ns[i];
        sums.runtime_ns += samples->place[i] == PLACE_RUNTIME ? samples->cpu_ns[i] : 0;
        if (native != 0)
            add_time(files, &n, native, samples, i);
    }
    for (size_t i = 0; i < n; i++) {
        if (files[i].ticks < LIMIT_OF(ALREADY_NATIVE, TICKS_MIN) || files[i].cpu_ns <= sums.module_ns)
            continue;
        sums.module = files[i].file;
        sums.module_ns = files[i].cpu_ns;
    }
    return sums;
}

/* The function has a name of its own, not its file's. */
static bool is_named(const struct profile *profile, const struct function *function)
{
    const char *path = profile->strings[function->file], *slash = strrchr(path, '/');
    return strcmp(profile->strings[function->name], slash != NULL ? slash + 1 : path) != 0;
}

static uint32_t asker_on(const struct profile *profile, uint32_t stack)
{
    uint32_t asker = 0, of_library = 0;
    if (profile->functions[profile->frames[profile->stacks[stack].frame].function].kind != FUNCTION_KERNEL)
        return 0;
    for (stack = profile->stacks[stack].parent; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t id = profile->frames[profile->stacks[stack].frame].function;
        const struct function *function = &profile->functions[id];
        char name[NATIVE_MODULE_BYTES];
        if (function->kind != FUNCTION_NATIVE)
            break;
        native_module_name(profile->strings[function->file], name, sizeof name);
        if (!is_named(profile, function))
            continue;
        if (native_module_is_library(name))
            of_library = id;
        else
            asker = id;
    }
    return asker != 0 ? asker : of_library;
}

struct native_asker native_asker_of(const struct profile *profile, uint32_t file, uint32_t line)
{
    const struct profile_samples *samples = &profile->samples;
    const struct line_place place = {file, line};
    struct native_asker found = {0}, askers[FILES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->state[i] != STATE_KERNEL || !(samples->cpu_ns[i] > 0) || !sample_counts(profile, i) ||
            !is_on(profile, samples->stack[i], &place))
            continue;
        uint32_t function = asker_on(profile, samples->stack[i]);
        size_t at = 0;
        found.kernel_ns += samples->cpu_ns[i];
        while (at < n && askers[at].function != function)
            at++;
        if (function == 0 || at == FILES_MAX)
            continue;
        if (at == n)
            askers[n++] = (struct native_asker){.function = function};
        askers[at].cpu_ns += samples->cpu_ns[i];
        if (askers[at].cpu_ns > found.cpu_ns) {
            found.function = function;
            found.cpu_ns = askers[at].cpu_ns;
        }
    }
    return found;
}

void native_line_words(const struct profile *profile, uint32_t file, uint32_t line, struct buf *out)
{
    struct native_line sums = native_line_of(profile, file, line);
    char name[NATIVE_MODULE_BYTES];
    if (sums.module == 0 || sums.module_ns < told_min * sums.cpu_ns)
        return;
    native_module_name(profile->strings[sums.module], name, sizeof name);
    buf_add_text(out, "compiled: ");
    buf_add_visible(out, name, strlen(name));
    buf_printf(out, " %.0f %%", sums.module_ns / sums.cpu_ns * 100);
    if (sums.runtime_ns >= runtime_told * sums.cpu_ns)
        buf_printf(out, ", runtime %.0f %%", sums.runtime_ns / sums.cpu_ns * 100);
    buf_add_text(out, " of its CPU time");
}
