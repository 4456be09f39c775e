/*
 * Names of native code: the functions of the executable mappings of ELF files, by their place in the file, so that what
 * was read of one process serves all that map the same file. The files are hostile input (elf.h); tables are bounded in
 * number and size. Not on any timed path; one thread.
 */
#ifndef KEISOKU_CAPTURE_SYMBOLS_H
#define KEISOKU_CAPTURE_SYMBOLS_H

#include "capture/target/elf.h"

struct symbols;

/* NULL when memory is short. */
struct symbols *symbols_new(void);
void symbols_free(struct symbols *symbols);
/* The function at `address` inside `map`, an executable mapping of the process; NULL when the file does not name it.
 * The text lives as long as `symbols`. */
const char *symbols_find(struct symbols *symbols, pid_t pid, const struct proc_maps *maps, const struct proc_map *map,
                         uint64_t address);

#endif
