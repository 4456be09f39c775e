/*
 * Exported symbols of an ELF image as it lies in a process's memory, by the dynamic section and its hash table: a few
 * small reads where the file would have to be opened and searched, if it can be had at all. Hostile input: every table
 * is read bounded, every chain ends.
 */
#ifndef KEISOKU_CAPTURE_ELF_MEMORY_H
#define KEISOKU_CAPTURE_ELF_MEMORY_H

#include "capture/target/remote.h"

struct elf_memory {
    struct remote remote;
    uint64_t base; /* address of the ELF header */
    uint64_t bias, symbols, strings, strings_size, hash;
};

/* False when no usable image begins at `base`. */
bool elf_memory_open(struct elf_memory *image, pid_t pid, uint64_t base);
/* The value (address in the process) and size of an exported, defined symbol. */
bool elf_memory_symbol(struct elf_memory *image, const char *name, uint64_t *address, uint64_t *size);

#endif
