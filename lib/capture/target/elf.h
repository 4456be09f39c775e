/*
 * Symbols and sections of an ELF file that a process has mapped. Both the file and what lies in memory are hostile
 * input: the file is read with libelf from a descriptor (never mapped, so that a file cut short under us cannot kill
 * us), every offset checked. Addresses given back are those in the process: static, position-independent and shared
 * objects alike.
 */
#ifndef KEISOKU_CAPTURE_ELF_H
#define KEISOKU_CAPTURE_ELF_H

#include "capture/target/proc.h"

struct elf;

struct elf_place {
    uint64_t address; /* in the process */
    uint64_t size;    /* as the file says; 0 unknown */
};

/* The file behind a mapping; the maps must last until it has been opened. The image in memory comes first: a few small
 * reads find an exported symbol in it. The file is opened when that has no answer: by the mapping itself where
 * permitted (works for deleted files), by the executable link, else by its path in the process's root when that still
 * is the same file. NULL when it is no 64-bit ELF of this machine's byte order. */
struct elf *elf_open(pid_t pid, const struct proc_maps *maps, const struct proc_map *map);
void elf_close(struct elf *elf);

/* Finds `name` among the exported symbols, then in the full symbol table. */
bool elf_symbol(struct elf *elf, const char *name, struct elf_place *place);
/* Hands out the functions that the file names, the dynamic table's first, until `take` says no. None of an image in
 * memory. */
void elf_functions(struct elf *elf, bool (*take)(void *context, const char *name, const struct elf_place *place),
                   void *context);
/* libelf's own view of the file, for other libraries, and what its addresses are moved by in the process; NULL of an
 * image in memory. It lives as long as `elf`. */
struct Elf;
struct Elf *elf_handle(struct elf *elf, uint64_t *bias);
bool elf_section(struct elf *elf, const char *name, struct elf_place *place);

/* Tables by file: the index of what the mapping shows of its file, the same for every process that maps it so; *n is
 * one more where it is `fresh`. SIZE_MAX: there is room for `max` only, or memory is short. */
struct map;
size_t elf_table_index(struct map *files, const struct proc_map *map, size_t max, size_t *n, bool *fresh);
/* The same file: device, inode and, for files without inode, path. */
bool elf_same_file(const struct proc_map *a, const struct proc_map *b);

#endif
