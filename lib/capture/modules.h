/*
 * What an instruction pointer of a process belongs to: the interpreter, another executable or shared object, the
 * kernel.
 */
#ifndef KEISOKU_CAPTURE_MODULES_H
#define KEISOKU_CAPTURE_MODULES_H

#include "capture/cpython/eval_loop.h"
#include "capture/target/symbols.h"
#include "capture/track.h"
#include "data/types.h"

enum module_kind {
    MODULE_UNKNOWN,
    MODULE_INTERPRETER, /* its loop or its runtime: `place` */
    MODULE_SUPPORT,     /* C library, loader, vdso: works for whoever called it */
    MODULE_NATIVE,      /* anything else that is mapped executable */
    MODULE_KERNEL
};

struct module {
    enum module_kind kind;
    enum code_place place; /* of INTERPRETER (UNKNOWN: where its loop lies is not known) and SUPPORT; of UNKNOWN,
                              LIBRARY where it surely is not the interpreter */
    const char *path;      /* of NATIVE; lives as long as the map */
    const char *function;  /* of NATIVE, where the file names it; lives as long as the symbols */
};

/* The loops of the interpreters that were met, by file: what was found of one process serves all. Starts zeroed. */
enum { EVAL_LOOPS = 32 };
struct eval_loops {
    struct eval_loop_entry {
        uint64_t inode;
        uint32_t device_major, device_minor;
        struct eval_loop loop;
        unsigned tries; /* EVAL_LOOP_TRIES: no more */
    } entries[EVAL_LOOPS];
    size_t n;
};

/* What instruction pointers are looked up in, of all processes. */
struct module_files {
    struct symbols *symbols;
    struct eval_loops loops;
};

struct module_map;
/* The module at `point`; the map of the process is read again when the address is not known, at most ten times a
 * second; the first times sooner, for a process loads its libraries at its start, and may not live for long. `*map`
 * starts NULL. */
struct module module_at(struct module_map **map, struct module_files *files, const struct tracked_process *process,
                        const struct ip_point *point);
/* The executable mapping there, and all of them; NULL: none is known. */
const struct proc_map *module_mapping(struct module_map **map, const struct tracked_process *process, uint64_t address,
                                      const struct proc_maps **maps);
void module_map_free(struct module_map *map);

#endif
