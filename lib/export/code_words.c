#include "export/code_words.h"

#include "diagnose/native_code.h"
#include "export/cells.h"

#include <string.h>

enum { MODULES_SHOWN = 4 };
static const double shown_min = 0.02; /* of the CPU time */

const char *code_kind_name(enum code_kind kind)
{
    static const char *const names[CODE_COUNT] = {"loop",   "runtime", "interpreter", "libc",
                                                  "native", "kernel",  "unknown"};
    return (unsigned)kind < CODE_COUNT ? names[kind] : "unknown";
}

bool code_is_known(const struct aggregate *aggregate)
{
    return aggregate->cpu_ns > 0 && aggregate->code_cpu_ns[CODE_UNKNOWN] < aggregate->cpu_ns;
}

struct words {
    struct buf *out;
    size_t from, width, fits;
    double cpu_ns;
};

/* False when there is no more room. */
static bool add(struct words *words, const char *name, size_t length, double ns)
{
    char share[24];
    if (ns < shown_min * words->cpu_ns)
        return true;
    buf_add_text(words->out, words->out->size > words->from ? ", " : "");
    buf_add_visible(words->out, name, length);
    cells_percent(share, sizeof share, ns / words->cpu_ns);
    buf_printf(words->out, " %s", share);
    if (words->out->size - words->from > words->width)
        return false;
    words->fits = words->out->size;
    return true;
}

static void add_function(struct words *words, const struct profile *profile, const struct native_module *module)
{
    char share[24];
    if (module->function == 0 || module->function_cpu_ns < shown_min * words->cpu_ns)
        return;
    uint32_t name = profile->functions[module->function].name;
    cells_percent(share, sizeof share, module->function_cpu_ns / words->cpu_ns);
    buf_add_text(words->out, " (");
    buf_add_visible(words->out, profile->strings[name], profile->string_lengths[name]);
    buf_printf(words->out, " %s)", share);
    if (words->out->size - words->from > words->width)
        words->out->size = words->fits; /* the module alone fits */
    words->fits = words->out->size;
}

static bool add_kind(struct words *words, const struct aggregate *aggregate, enum code_kind kind)
{
    const char *name = code_kind_name(kind);
    return add(words, name, strlen(name), aggregate->code_cpu_ns[kind]);
}

static bool add_modules(struct words *words, const struct profile *profile, const struct native_module *modules,
                        size_t n)
{
    for (size_t i = 0, shown = 0; i < n && shown < MODULES_SHOWN; i++) {
        if (native_module_is_library(modules[i].name))
            continue;
        if (!add(words, modules[i].name, strlen(modules[i].name), modules[i].cpu_ns))
            return false;
        add_function(words, profile, &modules[i]);
        shown++;
    }
    return true;
}

bool code_words(const struct profile *profile, const struct aggregate *aggregate, size_t width, struct buf *out)
{
    struct words words = {out, out->size, width, out->size, aggregate->cpu_ns};
    struct native_module *modules = NULL;
    size_t n = 0;
    double told = aggregate->code_cpu_ns[CODE_LOOP] + aggregate->code_cpu_ns[CODE_RUNTIME] +
                  aggregate->code_cpu_ns[CODE_LIBRARY] + aggregate->code_cpu_ns[CODE_NATIVE];
    if (!code_is_known(aggregate) || told <= 0) /* the states say as much */
        return true;
    if (native_modules(profile, aggregate, &modules, &n) != 0)
        return false;
    bool room = add_kind(&words, aggregate, CODE_LOOP) && add_kind(&words, aggregate, CODE_RUNTIME) &&
                add_kind(&words, aggregate, CODE_INTERPRETER) && add_modules(&words, profile, modules, n) &&
                add_kind(&words, aggregate, CODE_LIBRARY) && add_kind(&words, aggregate, CODE_KERNEL) &&
                add_kind(&words, aggregate, CODE_UNKNOWN);
    mem_free(modules);
    if (!room)
        out->size = words.fits;
    return true;
}

double code_share_kernel(const struct profile *profile)
{
    const struct profile_samples *samples = &profile->samples;
    uint64_t kernel = 0, all = 0;
    for (size_t i = 0; i < samples->count; i++) {
        uint8_t state = samples->state[i];
        bool told = state == STATE_PYTHON || state == STATE_NATIVE || state == STATE_NATIVE_GIL ||
                    state == STATE_KERNEL || samples->place[i] != PLACE_UNKNOWN;
        if (!told || profile->thread_idle[samples->thread[i]])
            continue;
        all += samples->ticks[i];
        kernel += samples->reader[i] == READER_KERNEL ? samples->ticks[i] : 0;
    }
    return all > 0 ? (double)kernel / (double)all : 0;
}

void code_evidence(const struct profile *profile, struct buf *out)
{
    double kernel = code_share_kernel(profile);
    char share[24];
    cells_percent(share, sizeof share, kernel);
    if (kernel <= 0 || kernel >= 1)
        buf_add_text(out, kernel > 0 ? "kernel sampler" : "perf clock");
    else
        buf_printf(out, "kernel sampler (%s) and perf clock", share);
}
