/*
 * What an instruction pointer of a process belongs to: the interpreter, another executable or shared object, the
 * kernel.
 */
#ifndef KEISOKU_CAPTURE_MODULES_H
#define KEISOKU_CAPTURE_MODULES_H

#include "capture/target/symbols.h"
#include "capture/track.h"

enum module_kind {
    MODULE_UNKNOWN,
    MODULE_INTERPRETER, /* the interpreter loop or its runtime */
    MODULE_SUPPORT,     /* C library, loader, vdso: works for whoever called it */
    MODULE_NATIVE,      /* anything else that is mapped executable */
    MODULE_KERNEL
};

struct module {
    enum module_kind kind;
    const char *path;     /* of NATIVE; lives as long as the map */
    const char *function; /* of NATIVE, where the file names it; lives as long as the symbols */
};

struct module_map;
/* The module at `point`; the map of the process is read again when the address is not known, at most ten times a
 * second. `*map` starts NULL. */
struct module module_at(struct module_map **map, struct symbols *symbols, const struct tracked_process *process,
                        const struct ip_point *point);
void module_map_free(struct module_map *map);

#endif
