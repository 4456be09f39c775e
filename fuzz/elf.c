/*
 * A target's file and its image in memory: headers, sections, symbols, hash tables. The first byte says whether the
 * rest is the file, or writes into a good one, four bytes each: where, what; and whether an image of it lies in memory,
 * of which symbols are read first.
 */
#include "capture/target/elf.h"
#include "capture/target/symbols.h"
#include "fuzz.h"
#include "image.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { IN_MEMORY = 1, WHOLE = 2, FILE_MAX = 4 * IMAGE_BYTES, NAMES_MAX = 4096, MAPPED = 2 * IMAGE_BYTES };

static void write_into(uint8_t *file, size_t size, const uint8_t *data, size_t data_size)
{
    for (; data_size >= 4; data += 4, data_size -= 4) {
        size_t at = (data[0] | (size_t)data[1] << 8) % (size - 1);
        file[at] = data[2];
        file[at + 1] = data[3];
    }
}

struct names {
    const struct proc_map *map;
    size_t count, bytes;
};

static bool take_name(void *context, const char *name, const struct elf_place *place)
{
    struct names *names = context;
    MUST(place->address >= names->map->start);
    names->bytes += strlen(name);
    return ++names->count < NAMES_MAX;
}

static void ask(const struct proc_maps *maps, const struct proc_map *map)
{
    static const char *const wanted[] = {"known", "work", "absent", ""};
    static const char *const sections[] = {".text", ".eh_frame", ".absent"};
    struct elf *elf = elf_open(getpid(), maps, map);
    struct elf_place place;
    struct names names = {.map = map};
    uint64_t bias;
    if (elf == NULL)
        return;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        MUST(!elf_symbol(elf, wanted[i], &place) || place.address >= map->start);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        MUST(!elf_section(elf, sections[i], &place) || place.address >= map->start);
    elf_functions(elf, take_name, &names);
    elf_handle(elf, &bias);
    elf_close(elf);
}

static void find_names(const struct proc_maps *maps, const struct proc_map *map)
{
    struct symbols *symbols = symbols_new();
    MUST(symbols != NULL);
    for (uint64_t at = 0; at < IMAGE_BYTES; at += 208) {
        const char *name = symbols_find(symbols, getpid(), maps, map, map->start + at);
        MUST(name == NULL || strlen(name) < FILE_MAX);
    }
    symbols_free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MAX], *memory;
    char path[64];
    if (memory == NULL)
        memory = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (size < 1 || memory == MAP_FAILED)
        return 0;
    size_t file_size = IMAGE_BYTES;
    if (data[0] & WHOLE) {
        file_size = size - 1 < sizeof file ? size - 1 : sizeof file;
        memcpy(file, data + 1, file_size);
    } else {
        image_make(file, NULL, 0);
        write_into(file, file_size, data + 1, size - 1);
    }
    memset(memory, 0, MAPPED);
    if (data[0] & IN_MEMORY)
        memcpy(memory, file, file_size < MAPPED ? file_size : MAPPED);
    uint64_t start = (uint64_t)(uintptr_t)memory;
    struct proc_map map = {.start = start, .end = start + MAPPED, .readable = true, .executable = true, .path = path};
    struct proc_maps maps = {.maps = &map, .count = 1};
    image_publish(file, file_size, path, &map.inode);
    ask(&maps, &map);
    find_names(&maps, &map);
    return 0;
}
