/* ELF files of a process through libelf; see elf.h. Not on any timed path. */
#include "capture/target/elf.h"

#include "base/map.h"
#include "base/mem.h"
#include "capture/target/elf_memory.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { PAGE = 4096, SYMBOLS_MAX = 8 << 20 };

struct elf {
    pid_t pid;
    const struct proc_maps *maps;
    const struct proc_map *map;
    uint64_t start, end;     /* addresses in the process that the file's mappings span */
    struct elf_memory image; /* what the loader has made of it */
    bool has_image, file_tried;
    int fd;
    Elf *handle;   /* of the file; NULL: not opened, or cannot be */
    uint64_t bias; /* of the file: address in the process - address in the file; wraps */
};

bool elf_same_file(const struct proc_map *a, const struct proc_map *b)
{
    return a->inode == b->inode && a->device_major == b->device_major && a->device_minor == b->device_minor &&
           strcmp(a->path, b->path) == 0;
}

size_t elf_table_index(struct map *files, const struct proc_map *map, size_t max, size_t *n, bool *fresh)
{
    char key[4096 + 96];
    uint32_t index;
    bool found;
    int length = snprintf(key, sizeof key, "%u:%u:%llu:%llx:%s", map->device_major, map->device_minor,
                          (unsigned long long)map->inode, (unsigned long long)map->offset, map->path);
    *fresh = false;
    if (length <= 0 || (size_t)length >= sizeof key)
        return SIZE_MAX;
    if (map_get(files, key, (size_t)length, &index))
        return index;
    if (*n == max || map_put(files, key, (size_t)length, (uint32_t)*n, &index, &found) != 0)
        return SIZE_MAX;
    *fresh = true;
    return (*n)++;
}

static bool same_inode(int fd, const struct proc_map *map)
{
    struct stat status;
    /* Overlay and btrfs show another device number in stat than in maps: the inode must do. */
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == map->inode;
}

static int open_checked(const char *path, const struct proc_map *map)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && !same_inode(fd, map)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_mapped(pid_t pid, const struct proc_map *map)
{
    char path[4096 + 64];
    snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid, (unsigned long long)map->start,
             (unsigned long long)map->end);
    int fd = open_checked(path, map);
    if (fd < 0) {
        proc_path(pid, "exe", path, sizeof(path));
        fd = open_checked(path, map);
    }
    if (fd < 0 && map->path[0] == '/') {
        proc_path(pid, "root", path, sizeof(path));
        size_t length = strlen(path);
        snprintf(path + length, sizeof(path) - length, "%s", map->path);
        fd = open_checked(path, map);
    }
    return fd;
}

/* The addresses from the first mapping of the file to the end of its last. */
static void find_extent(struct elf *elf)
{
    elf->start = UINT64_MAX;
    elf->end = 0;
    for (size_t i = 0; i < elf->maps->count; i++) {
        const struct proc_map *map = &elf->maps->maps[i];
        if (!elf_same_file(map, elf->map))
            continue;
        elf->start = map->start < elf->start ? map->start : elf->start;
        elf->end = map->end > elf->end ? map->end : elf->end;
    }
}

/* A mapping of file offset O at address A, inside a segment that puts offset P at V, moves all by A - O - (V - P). */
static void set_bias(struct elf *elf, const struct proc_map *map, const GElf_Phdr *header)
{
    elf->bias = map->start - map->offset - (header->p_vaddr - header->p_offset);
}

/* By the mapping itself, where it is code: a file may be mapped more than once (libffi maps its trampolines again). */
static bool find_own_bias(struct elf *elf, size_t segments, const struct proc_map *map)
{
    for (size_t i = 0; i < segments && map->executable; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf->handle, (int)i, &header) && header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0 &&
            map->offset >= (header.p_offset & ~(uint64_t)(PAGE - 1)) &&
            map->offset - header.p_offset + PAGE < header.p_filesz + PAGE) {
            set_bias(elf, map, &header);
            return true;
        }
    }
    return false;
}

static bool find_bias(struct elf *elf)
{
    size_t segments;
    if (elf_getphdrnum(elf->handle, &segments) != 0 || segments > 1024)
        return false;
    bool found = find_own_bias(elf, segments, elf->map);
    for (size_t i = 0; i < elf->maps->count && !found; i++) {
        const struct proc_map *map = &elf->maps->maps[i];
        if (!elf_same_file(map, elf->map))
            continue;
        for (size_t j = 0; j < segments && !found; j++) {
            GElf_Phdr header;
            if (!gelf_getphdr(elf->handle, (int)j, &header) || header.p_type != PT_LOAD)
                continue;
            uint64_t first = header.p_offset & ~(uint64_t)(PAGE - 1);
            if (map->offset < first || map->offset - first >= header.p_filesz + PAGE)
                continue;
            set_bias(elf, map, &header);
            found = true;
        }
    }
    return found;
}

static bool open_file(struct elf *elf)
{
    GElf_Ehdr header;
    elf->fd = open_mapped(elf->pid, elf->map);
    if (elf->fd < 0)
        return false;
    elf->handle = elf_begin(elf->fd, ELF_C_READ, NULL);
    if (!elf->handle || elf_kind(elf->handle) != ELF_K_ELF || gelf_getclass(elf->handle) != ELFCLASS64 ||
        !gelf_getehdr(elf->handle, &header) || (header.e_type != ET_EXEC && header.e_type != ET_DYN))
        return false;
    if (header.e_ident[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
        return false;
    return find_bias(elf);
}

/* Opens the file when it is first needed. */
static bool has_file(struct elf *elf)
{
    if (!elf->file_tried && !open_file(elf)) {
        elf_end(elf->handle);
        elf->handle = NULL;
    }
    elf->file_tried = true;
    return elf->handle != NULL;
}

struct elf *elf_open(pid_t pid, const struct proc_maps *maps, const struct proc_map *map)
{
    if (!map || map->inode == 0 || elf_version(EV_CURRENT) == EV_NONE)
        return NULL;
    struct elf *elf = mem_zalloc(1, sizeof(*elf));
    if (!elf)
        return NULL;
    *elf = (struct elf){.pid = pid, .maps = maps, .map = map, .fd = -1};
    find_extent(elf);
    elf->has_image = elf->start < elf->end && elf_memory_open(&elf->image, pid, elf->start);
    if (elf->has_image || has_file(elf))
        return elf;
    elf_close(elf);
    return NULL;
}

void elf_close(struct elf *elf)
{
    if (!elf)
        return;
    elf_end(elf->handle);
    if (elf->fd >= 0)
        close(elf->fd);
    mem_free(elf);
}

/* A claim of the file, accepted when it lies where the file is mapped or in the zero pages that follow. */
static bool place_at(const struct elf *elf, uint64_t address, uint64_t size, struct elf_place *place)
{
    enum { BEHIND_MAX = 64 << 20 };
    if (address < elf->start || address >= elf->end + BEHIND_MAX)
        return false;
    place->address = address;
    place->size = size <= BEHIND_MAX ? size : 0;
    return true;
}

static bool symbol_in(struct elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *name,
                      struct elf_place *place)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || header->sh_entsize == 0)
        return false;
    size_t count = data->d_size / sizeof(GElf_Sym);
    for (size_t i = 0; i < count && i < SYMBOLS_MAX; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        const char *text = elf_strptr(elf->handle, header->sh_link, symbol.st_name);
        if (text && strcmp(text, name) == 0 && place_at(elf, elf->bias + symbol.st_value, symbol.st_size, place))
            return true;
    }
    return false;
}

bool elf_symbol(struct elf *elf, const char *name, struct elf_place *place)
{
    uint64_t address, size;
    if (elf->has_image && elf_memory_symbol(&elf->image, name, &address, &size) && place_at(elf, address, size, place))
        return true;
    static const GElf_Word kinds[] = {SHT_DYNSYM, SHT_SYMTAB};
    for (size_t i = 0; has_file(elf) && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (Elf_Scn *section = NULL; (section = elf_nextscn(elf->handle, section));) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) && header.sh_type == kinds[i] &&
                symbol_in(elf, section, &header, name, place))
                return true;
        }
    }
    return false;
}

Elf *elf_handle(struct elf *elf, uint64_t *bias)
{
    bool opened = has_file(elf);
    *bias = elf->bias;
    return opened ? elf->handle : NULL;
}

struct taking {
    bool (*take)(void *context, const char *name, const struct elf_place *place);
    void *context;
};

/* One that does not say how long it is ends with its section: what lies behind is other code. */
static uint64_t function_size(struct elf *elf, const GElf_Sym *symbol)
{
    enum { UNSIZED_MAX = 4096 };
    GElf_Shdr header;
    if (symbol->st_size != 0 || symbol->st_shndx >= SHN_LORESERVE)
        return symbol->st_size;
    Elf_Scn *section = elf_getscn(elf->handle, symbol->st_shndx);
    if (section == NULL || !gelf_getshdr(section, &header) || symbol->st_value < header.sh_addr)
        return 0;
    uint64_t before = symbol->st_value - header.sh_addr;
    return before < header.sh_size && header.sh_size - before < UNSIZED_MAX ? header.sh_size - before : 0;
}

/* False when no more are wanted. */
static bool functions_in(struct elf *elf, Elf_Scn *section, const GElf_Shdr *header, const struct taking *taking)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize != 0 ? data->d_size / sizeof(GElf_Sym) : 0;
    for (size_t i = 0; i < count && i < SYMBOLS_MAX; i++) {
        GElf_Sym symbol;
        struct elf_place place;
        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        unsigned type = GELF_ST_TYPE(symbol.st_info);
        if ((type != STT_FUNC && type != STT_GNU_IFUNC) ||
            !place_at(elf, elf->bias + symbol.st_value, function_size(elf, &symbol), &place))
            continue;
        const char *name = elf_strptr(elf->handle, header->sh_link, symbol.st_name);
        if (name && !taking->take(taking->context, name, &place))
            return false;
    }
    return true;
}

void elf_functions(struct elf *elf, bool (*take)(void *context, const char *name, const struct elf_place *place),
                   void *context)
{
    static const GElf_Word kinds[] = {SHT_DYNSYM, SHT_SYMTAB};
    struct taking taking = {take, context};
    for (size_t i = 0; has_file(elf) && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (Elf_Scn *section = NULL; (section = elf_nextscn(elf->handle, section));) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) && header.sh_type == kinds[i] &&
                !functions_in(elf, section, &header, &taking))
                return;
        }
    }
}

bool elf_section(struct elf *elf, const char *name, struct elf_place *place)
{
    size_t names;
    if (!has_file(elf) || elf_getshdrstrndx(elf->handle, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf->handle, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC))
            continue;
        const char *text = elf_strptr(elf->handle, names, header.sh_name);
        if (text && strcmp(text, name) == 0 && place_at(elf, elf->bias + header.sh_addr, header.sh_size, place))
            return true;
    }
    return false;
}
