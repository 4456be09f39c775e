#include "diagnose/native_code.h"

#include "base/map.h"
#include "diagnose/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind the folder that modules are imported from: its own folders are packages. NULL: in none. */
static const char *behind_root(const char *path)
{
    static const char *const roots[] = {"/site-packages/", "/dist-packages/", "/lib-dynload/"};
    const char *best = NULL;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        for (const char *at = path; (at = strstr(at, roots[i])) != NULL; at++) {
            const char *behind = at + strlen(roots[i]);
            best = best == NULL || behind > best ? behind : best;
        }
    }
    return best;
}

void native_module_name(const char *path, char *name, size_t size)
{
    static const char *const ends[] = {".cpython-", ".abi3.", ".pypy", ".so"};
    const char *root = behind_root(path), *slash = strrchr(path, '/');
    const char *from = root != NULL ? root : slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    const char *last = strrchr(from, '/');
    last = last != NULL ? last : from;
    size_t length = strlen(from);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = strstr(last, ends[i]);
        if (end != NULL && end > last && (size_t)(end - from) < length)
            length = (size_t)(end - from);
    }
    if (length >= size)
        length = size - 1;
    memcpy(name, from, length);
    name[length] = '\0';
    for (char *at = name; root != NULL && *at != '\0'; at++)
        *at = *at == '/' ? '.' : *at;
}

bool native_module_is_library(const char *name)
{
    static const char *const starts[] = {"ld-", "libc-2", "libm-2", "[vdso]", "[vsyscall]"};
    static const char *const names[] = {"libc", "libm", "libpthread", "libdl", "librt"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Where a file names no functions, the function has the file's own name. */
static bool is_named(const struct profile *profile, const struct function *function)
{
    const char *path = profile->strings[function->file], *slash = strrchr(path, '/');
    return strcmp(profile->strings[function->name], slash != NULL ? slash + 1 : path) != 0;
}

static void add(struct native_module *module, const struct profile *profile, const struct function_sum *sum)
{
    const struct function *function = &profile->functions[sum->function];
    module->cpu_ns += sum->inner_cpu_ns;
    if (sum->inner_cpu_ns > module->function_cpu_ns && is_named(profile, function)) {
        module->function = sum->function;
        module->function_cpu_ns = sum->inner_cpu_ns;
    }
    if (sum->inner_cpu_ns > module->file_cpu_ns) {
        module->file = function->file;
        module->file_cpu_ns = sum->inner_cpu_ns;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct native_module *x = a, *y = b;
    if (x->cpu_ns != y->cpu_ns)
        return x->cpu_ns < y->cpu_ns ? 1 : -1;
    return strcmp(x->name, y->name);
}

int native_modules(const struct profile *profile, const struct aggregate *aggregate, struct native_module **modules,
                   size_t *n)
{
    struct map names = {0};
    size_t capacity = 0;
    int rc = 0;
    *modules = NULL;
    *n = 0;
    for (size_t i = 0; i < aggregate->n_functions && rc == 0; i++) {
        const struct function_sum *sum = &aggregate->functions[i];
        char name[NATIVE_MODULE_BYTES];
        uint32_t at;
        bool found;
        if (profile->functions[sum->function].kind != FUNCTION_NATIVE || sum->inner_cpu_ns <= 0)
            continue;
        native_module_name(profile->strings[profile->functions[sum->function].file], name, sizeof name);
        if (map_put(&names, name, strlen(name), (uint32_t)*n, &at, &found) != 0 ||
            mem_grow(modules, &capacity, *n + 1, sizeof **modules) != 0) {
            rc = ERR_NOMEM;
            break;
        }
        if (!found) {
            (*modules)[*n] = (struct native_module){0};
            memcpy((*modules)[(*n)++].name, name, sizeof name);
        }
        add(&(*modules)[at], profile, sum);
    }
    for (size_t i = 0; i < *n; i++) { /* a library that names few of its functions says nothing by them */
        if ((*modules)[i].function_cpu_ns < LIMIT_OF(ALREADY_NATIVE, FUNCTION_MIN) * (*modules)[i].cpu_ns)
            (*modules)[i].function = 0;
    }
    if (*n > 0)
        qsort(*modules, *n, sizeof **modules, by_time);
    map_release(&names);
    return rc;
}
