/* Exported symbols from a process's memory; see elf_memory.h. */
#include "capture/target/elf_memory.h"

#include <elf.h>
#include <string.h>

enum { SEGMENTS_MAX = 64, DYNAMIC_MAX = 256, NAME_MAX_BYTES = 128, CHAIN_MAX = 65536 };

static bool read_dynamic(struct elf_memory *image, uint64_t address, uint64_t size)
{
    Elf64_Dyn entries[DYNAMIC_MAX];
    size_t count = size / sizeof(entries[0]);
    if (count > DYNAMIC_MAX)
        count = DYNAMIC_MAX;
    if (!remote_read(&image->remote, address, entries, count * sizeof(entries[0])))
        return false;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        uint64_t value = entries[i].d_un.d_ptr;
        switch (entries[i].d_tag) {
        case DT_SYMTAB:
            image->symbols = value;
            break;
        case DT_STRTAB:
            image->strings = value;
            break;
        case DT_STRSZ:
            image->strings_size = value;
            break;
        case DT_GNU_HASH:
            image->hash = value;
            break;
        default:
            break;
        }
    }
    /* The C library has made the addresses absolute where the section is writable; others leave them relative. */
    uint64_t *addresses[] = {&image->symbols, &image->strings, &image->hash};
    for (size_t i = 0; i < 3; i++) {
        if (*addresses[i] && *addresses[i] < image->base)
            *addresses[i] += image->bias;
    }
    return image->symbols && image->strings && image->hash;
}

bool elf_memory_open(struct elf_memory *image, pid_t pid, uint64_t base)
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[SEGMENTS_MAX];
    *image = (struct elf_memory){.remote = {.pid = pid}, .base = base};
    if (!remote_read(&image->remote, base, &header, sizeof(header)) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(segments[0]) ||
        header.e_phnum > SEGMENTS_MAX || header.e_phoff > 4096 ||
        !remote_read(&image->remote, base + header.e_phoff, segments, header.e_phnum * sizeof(segments[0])))
        return false;
    bool placed = false;
    for (size_t i = 0; i < header.e_phnum && !placed; i++) {
        placed = segments[i].p_type == PT_LOAD && segments[i].p_offset == 0;
        image->bias = base - segments[i].p_vaddr;
    }
    for (size_t i = 0; i < header.e_phnum && placed; i++) {
        if (segments[i].p_type == PT_DYNAMIC)
            return read_dynamic(image, image->bias + segments[i].p_vaddr, segments[i].p_memsz);
    }
    return false;
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        hash = hash * 33 + *at;
    return hash;
}

static bool is_named(struct elf_memory *image, const Elf64_Sym *symbol, const char *name)
{
    char text[NAME_MAX_BYTES];
    size_t length = strlen(name) + 1;
    return length <= sizeof(text) && symbol->st_name < image->strings_size &&
           remote_read(&image->remote, image->strings + symbol->st_name, text, length) &&
           memcmp(text, name, length) == 0;
}

bool elf_memory_symbol(struct elf_memory *image, const char *name, uint64_t *address, uint64_t *size)
{
    uint32_t head[4], index, hash = gnu_hash(name); /* buckets, first symbol, words of the filter, its shift */
    if (!remote_read(&image->remote, image->hash, head, sizeof(head)) || head[0] == 0 || head[2] > 1 << 24)
        return false;
    uint64_t buckets = image->hash + sizeof(head) + (uint64_t)head[2] * 8, chains = buckets + (uint64_t)head[0] * 4;
    if (!remote_read(&image->remote, buckets + (uint64_t)(hash % head[0]) * 4, &index, sizeof(index)) ||
        index < head[1])
        return false;
    for (int steps = 0; steps < CHAIN_MAX; steps++, index++) {
        uint32_t found;
        Elf64_Sym symbol;
        if (!remote_read(&image->remote, chains + (uint64_t)(index - head[1]) * 4, &found, sizeof(found)))
            return false;
        if ((found | 1) == (hash | 1) &&
            remote_read(&image->remote, image->symbols + (uint64_t)index * sizeof(symbol), &symbol, sizeof(symbol)) &&
            symbol.st_shndx != SHN_UNDEF && is_named(image, &symbol, name)) {
            *address = image->bias + symbol.st_value;
            *size = symbol.st_size;
            return true;
        }
        if (found & 1)
            return false;
    }
    return false;
}
