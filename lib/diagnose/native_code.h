/* Which native code had the CPU: by module ("numpy._core._multiarray_umath", "zlib", "libcrypto"), and of each the
 * function with most of it where the files name functions. Pure. */
#ifndef KEISOKU_DIAGNOSE_NATIVE_CODE_H
#define KEISOKU_DIAGNOSE_NATIVE_CODE_H

#include "data/aggregate.h"

enum { NATIVE_MODULE_BYTES = 160 };

struct native_module {
    char name[NATIVE_MODULE_BYTES];
    uint32_t file; /* string id of the path that most of it is in */
    double cpu_ns;
    uint32_t function; /* the one with most of it; 0: none is known by name */
    double function_cpu_ns, file_cpu_ns;
};

/* By CPU time, descending. 0 or ERR_NOMEM. */
int native_modules(const struct profile *profile, const struct aggregate *aggregate, struct native_module **modules,
                   size_t *n);
/* How Python names the extension module of that file; of other libraries the file's name without its version. */
void native_module_name(const char *path, char *name, size_t size);
/* The C library and the loader: they work for whoever called them. */
bool native_module_is_library(const char *name);

#endif
