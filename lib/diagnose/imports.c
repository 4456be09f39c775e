/*
 * Imports of what is never used: time under the import machinery, called from own code, of modules whose package was
 * not seen to run anything outside of imports. See calls.h.
 */
#include "base/map.h"
#include "diagnose/facts.h"

#include <string.h>

struct packages {
    uint32_t *of;      /* by function: its package; 0: own code, the import machinery, or not known */
    bool *machinery;   /* by function */
    bool *used;        /* by package */
    double *frame_ns;  /* by own frame */
    uint32_t *biggest; /* by own frame: a file imported from there, by majority */
    double *lead_ns;   /* … and by how much */
};

static bool is_machinery(const char *file)
{
    return strstr(file, "importlib._bootstrap") != NULL || strstr(file, "importlib/_bootstrap") != NULL;
}

/* "numpy" of ".../site-packages/numpy/core/x.py", "argparse.py" of ".../lib/python3.12/argparse.py". */
static const char *package_name(const char *path, size_t *length)
{
    static const char *const roots[] = {"-packages/", "/lib-dynload/", "/lib/python", "/lib64/python"};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const char *at = strstr(path, roots[i]);
        if (at == NULL)
            continue;
        at += strlen(roots[i]);
        if (i >= 2 && (at = strchr(at, '/')) != NULL)
            at++;
        if (at == NULL || *at == '\0')
            return NULL;
        const char *end = strchr(at, '/');
        *length = end != NULL ? (size_t)(end - at) : strlen(at);
        return at;
    }
    return NULL;
}

static int name_packages(const struct profile *profile, struct packages *packages)
{
    struct map names = {0};
    int rc = 0;
    for (uint32_t i = 1; rc == 0 && i < profile->n_functions; i++) {
        const char *path = profile->strings[profile->functions[i].file];
        size_t length = 0;
        bool found;
        packages->machinery[i] = is_machinery(path);
        const char *name = profile->function_own[i] || packages->machinery[i] ? NULL : package_name(path, &length);
        if (name != NULL)
            rc = map_put(&names, name, length, (uint32_t)names.count + 1, &packages->of[i], &found);
    }
    map_release(&names);
    return rc;
}

/* Walks from the innermost frame out to the first own one: is an import on the way? */
static bool imports(const struct profile *profile, const struct packages *packages, uint32_t stack, uint32_t *own)
{
    bool importing = false;
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t function = profile->frames[profile->stacks[stack].frame].function;
        if (profile->function_own[function]) {
            *own = profile->stacks[stack].frame;
            return importing;
        }
        importing = importing || packages->machinery[function];
    }
    *own = 0;
    return importing;
}

/* What runs otherwise than by being imported is used. */
static void mark_used(const struct profile *profile, const struct packages *packages, uint32_t stack)
{
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t function = profile->frames[profile->stacks[stack].frame].function;
        packages->used[packages->of[function]] = packages->of[function] != 0;
    }
}

/* The outermost package that is imported on the stack: what the own line asked for. A used one further in counts too.
 */
static uint32_t asked_for(const struct profile *profile, const struct packages *packages, uint32_t stack)
{
    uint32_t asked = 0;
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t function = profile->frames[profile->stacks[stack].frame].function;
        if (profile->function_own[function])
            break;
        if (packages->of[function] == 0)
            continue;
        if (packages->used[packages->of[function]])
            return 0;
        asked = function;
    }
    return asked;
}

/* What `imports` says of a stack, once for all of its samples. */
struct looked {
    enum { NOT_LOOKED, RUNS, IMPORTS } kind;
    uint32_t own;
};

static void look_at_stacks(const struct profile *profile, struct packages *packages, struct looked *looked)
{
    for (size_t i = 0; i < profile->samples.count; i++) {
        uint32_t stack = profile->samples.stack[i];
        if (stack == 0 || looked[stack].kind != NOT_LOOKED || !sample_counts(profile, i))
            continue;
        looked[stack].kind = imports(profile, packages, stack, &looked[stack].own) ? IMPORTS : RUNS;
        if (looked[stack].kind == RUNS)
            mark_used(profile, packages, stack);
    }
}

static void add_import(const struct profile *profile, struct packages *packages, size_t i, uint32_t own,
                       struct unused_imports *found)
{
    double ns = profile->samples.wall_ns[i];
    uint32_t asked = asked_for(profile, packages, profile->samples.stack[i]);
    found->import_ns += ns;
    if (asked == 0)
        return;
    found->ns += ns;
    packages->frame_ns[own] += ns;
    uint32_t file = profile->functions[asked].file;
    packages->lead_ns[own] += packages->biggest[own] == file ? ns : -ns;
    if (packages->lead_ns[own] < 0) {
        packages->biggest[own] = file;
        packages->lead_ns[own] = ns;
    }
}

static void sum_imports(const struct profile *profile, struct packages *packages, struct looked *looked,
                        struct unused_imports *found)
{
    const struct profile_samples *samples = &profile->samples;
    look_at_stacks(profile, packages, looked);
    for (size_t i = 0; i < samples->count; i++) {
        const struct looked *here = &looked[samples->stack[i]];
        if (here->kind == IMPORTS && here->own != 0 && sample_counts(profile, i))
            add_import(profile, packages, i, here->own, found);
    }
    for (uint32_t i = 1; i < profile->n_frames; i++) {
        if (packages->frame_ns[i] <= found->frame_ns)
            continue;
        found->frame_ns = packages->frame_ns[i];
        found->frame = i;
        found->module = packages->biggest[i];
    }
}

int imports_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    struct packages packages = {
        .of = mem_zalloc(profile->n_functions + 1, sizeof *packages.of),
        .machinery = mem_zalloc(profile->n_functions + 1, sizeof *packages.machinery),
        .used = mem_zalloc(profile->n_functions + 1, sizeof *packages.used),
        .frame_ns = mem_zalloc(profile->n_frames + 1, sizeof *packages.frame_ns),
        .biggest = mem_zalloc(profile->n_frames + 1, sizeof *packages.biggest),
        .lead_ns = mem_zalloc(profile->n_frames + 1, sizeof *packages.lead_ns),
    };
    struct looked *looked = mem_zalloc(profile->n_stacks + 1, sizeof *looked);
    int rc = ERR_NOMEM;
    if (looked != NULL && packages.of != NULL && packages.machinery != NULL && packages.used != NULL &&
        packages.frame_ns != NULL && packages.biggest != NULL && packages.lead_ns != NULL)
        rc = name_packages(profile, &packages);
    if (rc == 0)
        sum_imports(profile, &packages, looked, &facts->imports);
    mem_free(looked);
    mem_free(packages.of);
    mem_free(packages.machinery);
    mem_free(packages.used);
    mem_free(packages.frame_ns);
    mem_free(packages.biggest);
    mem_free(packages.lead_ns);
    return rc;
}
