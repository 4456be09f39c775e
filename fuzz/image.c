#include "image.h"
#include "fuzz.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEGMENTS_AT = 0x40,
    EXPORTED_AT = 0x100,
    STRINGS_AT = 0x180,
    HASH_AT = 0x1c0,
    DYNAMIC_AT = 0x200,
    SYMBOLS_AT = 0x280,
    NAMES_AT = 0x300,
    SECTIONS_AT = 0x1000,
    SECTIONS = 8,
    TEXT_SECTION = 6
};

static const char strings[] = "\0known\0work";
static const char names[] = "\0.dynsym\0.dynstr\0.symtab\0.shstrtab\0.dynamic\0.text\0.eh_frame";

static uint32_t name_of(const char *name)
{
    return (uint32_t)((const char *)memmem(names, sizeof names, name, strlen(name) + 1) - names);
}

static Elf64_Shdr section(const char *name, uint32_t type, uint64_t at, uint64_t size, uint32_t link, uint64_t entry)
{
    return (Elf64_Shdr){.sh_name = name_of(name),
                        .sh_type = type,
                        .sh_flags = SHF_ALLOC,
                        .sh_addr = at,
                        .sh_offset = at,
                        .sh_size = size,
                        .sh_link = link,
                        .sh_addralign = 8,
                        .sh_entsize = entry};
}

static void put_headers(uint8_t *image)
{
    const Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                               .e_type = ET_DYN,
                               .e_machine = EM_X86_64,
                               .e_version = EV_CURRENT,
                               .e_phoff = SEGMENTS_AT,
                               .e_shoff = SECTIONS_AT,
                               .e_ehsize = sizeof(Elf64_Ehdr),
                               .e_phentsize = sizeof(Elf64_Phdr),
                               .e_phnum = 2,
                               .e_shentsize = sizeof(Elf64_Shdr),
                               .e_shnum = SECTIONS,
                               .e_shstrndx = 4};
    const Elf64_Phdr segments[] = {
        {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = IMAGE_BYTES, .p_memsz = IMAGE_BYTES, .p_align = 4096},
        {.p_type = PT_DYNAMIC,
         .p_flags = PF_R,
         .p_offset = DYNAMIC_AT,
         .p_vaddr = DYNAMIC_AT,
         .p_filesz = 64,
         .p_memsz = 64}};
    memcpy(image, &header, sizeof header);
    memcpy(image + SEGMENTS_AT, segments, sizeof segments);
}

/* The hash table of one bucket: `known` is its only chain. */
static void put_symbols(uint8_t *image)
{
    const Elf64_Sym known = {.st_name = 1,
                             .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                             .st_shndx = TEXT_SECTION,
                             .st_value = IMAGE_TEXT + 16};
    const Elf64_Sym work = {.st_name = 7,
                            .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
                            .st_shndx = TEXT_SECTION,
                            .st_value = IMAGE_TEXT + 64,
                            .st_size = 32};
    const Elf64_Dyn dynamic[] = {
        {DT_SYMTAB, {EXPORTED_AT}}, {DT_STRTAB, {STRINGS_AT}}, {DT_STRSZ, {sizeof strings}}, {DT_GNU_HASH, {HASH_AT}}};
    uint32_t hash[] = {1, 1, 1, 0, UINT32_MAX, UINT32_MAX, 1, 5381};
    for (const char *at = strings + 1; *at != '\0'; at++)
        hash[7] = hash[7] * 33 + (uint8_t)*at;
    hash[7] |= 1;
    memcpy(image + EXPORTED_AT + sizeof known, &known, sizeof known);
    memcpy(image + SYMBOLS_AT + sizeof known, &known, sizeof known);
    memcpy(image + SYMBOLS_AT + 2 * sizeof work, &work, sizeof work);
    memcpy(image + STRINGS_AT, strings, sizeof strings);
    memcpy(image + HASH_AT, hash, sizeof hash);
    memcpy(image + DYNAMIC_AT, dynamic, sizeof dynamic);
}

static void put_sections(uint8_t *image, size_t frames_size)
{
    const Elf64_Shdr sections[SECTIONS] = {
        {0},
        section(".dynsym", SHT_DYNSYM, EXPORTED_AT, 2 * sizeof(Elf64_Sym), 2, sizeof(Elf64_Sym)),
        section(".dynstr", SHT_STRTAB, STRINGS_AT, sizeof strings, 0, 0),
        section(".symtab", SHT_SYMTAB, SYMBOLS_AT, 3 * sizeof(Elf64_Sym), 2, sizeof(Elf64_Sym)),
        section(".shstrtab", SHT_STRTAB, NAMES_AT, sizeof names, 0, 0),
        section(".dynamic", SHT_DYNAMIC, DYNAMIC_AT, 64, 2, sizeof(Elf64_Dyn)),
        section(".text", SHT_PROGBITS, IMAGE_TEXT, IMAGE_TEXT_BYTES, 0, 0),
        section(".eh_frame", SHT_PROGBITS, IMAGE_FRAMES, frames_size, 0, 0),
    };
    memcpy(image + NAMES_AT, names, sizeof names);
    memcpy(image + SECTIONS_AT, sections, sizeof sections);
}

void image_make(uint8_t image[IMAGE_BYTES], const uint8_t *frames, size_t size)
{
    size = size < IMAGE_FRAMES_MAX ? size : IMAGE_FRAMES_MAX;
    memset(image, 0, IMAGE_BYTES);
    put_headers(image);
    put_symbols(image);
    put_sections(image, size);
    if (size > 0)
        memcpy(image + IMAGE_FRAMES, frames, size);
}

void image_publish(const uint8_t *bytes, size_t size, char path[64], uint64_t *inode)
{
    static int fd = -1;
    struct stat status;
    if (fd < 0)
        fd = memfd_create("image", MFD_CLOEXEC);
    MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size && fstat(fd, &status) == 0);
    snprintf(path, 64, "/proc/%d/fd/%d", (int)getpid(), fd);
    *inode = status.st_ino;
}
