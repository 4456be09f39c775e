#include "capture/target/symbols.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TABLES_MAX = 1024, ENTRIES_MAX = 1 << 20, TEXT_MAX = 32 << 20, NAME_MAX_BYTES = 512, REACH_MAX = 1 << 20 };

struct entry {
    uint64_t offset, size; /* in the file; size 0: not told */
    uint32_t text;
};

struct table {
    struct entry *entries; /* by offset */
    size_t n, capacity;
};

struct symbols {
    struct map tables_by_file;
    struct table tables[TABLES_MAX];
    size_t n_tables, n_entries; /* of all tables */
    char **texts;               /* blocks; what was handed out stays where it is */
    size_t n_texts, texts_capacity, text_bytes;
    char *block;
    size_t block_left;
};

enum { BLOCK_BYTES = 64 << 10 };

struct symbols *symbols_new(void)
{
    return mem_zalloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *symbols)
{
    if (symbols == NULL)
        return;
    for (size_t i = 0; i < symbols->n_tables; i++)
        mem_free(symbols->tables[i].entries);
    for (size_t i = 0; i < symbols->n_texts; i++)
        mem_free(symbols->texts[i]);
    mem_free(symbols->texts);
    map_release(&symbols->tables_by_file);
    mem_free(symbols);
}

/* A copy of the name: index of its block and place in it as one number + 1; 0: no room. */
static uint32_t keep_text(struct symbols *symbols, const char *name)
{
    size_t size = strnlen(name, NAME_MAX_BYTES) + 1;
    if (size > symbols->block_left) {
        if (symbols->text_bytes + BLOCK_BYTES > TEXT_MAX ||
            mem_grow(&symbols->texts, &symbols->texts_capacity, symbols->n_texts + 1, sizeof *symbols->texts) != 0)
            return 0;
        char *block = mem_alloc(BLOCK_BYTES);
        if (block == NULL)
            return 0;
        symbols->texts[symbols->n_texts++] = symbols->block = block;
        symbols->block_left = BLOCK_BYTES;
        symbols->text_bytes += BLOCK_BYTES;
    }
    char *at = symbols->block + BLOCK_BYTES - symbols->block_left;
    memcpy(at, name, size - 1);
    at[size - 1] = '\0';
    symbols->block_left -= size;
    return (uint32_t)((symbols->n_texts - 1) * BLOCK_BYTES + (size_t)(at - symbols->block) + 1);
}

static const char *text_of(const struct symbols *symbols, uint32_t text)
{
    return text == 0 ? NULL : symbols->texts[(text - 1) / BLOCK_BYTES] + (text - 1) % BLOCK_BYTES;
}

struct reading {
    struct symbols *symbols;
    struct table *table;
    const struct proc_map *map;
};

static bool take(void *context, const char *name, const struct elf_place *place)
{
    struct reading *reading = context;
    struct symbols *symbols = reading->symbols;
    const struct proc_map *map = reading->map;
    struct table *table = reading->table;
    if (place->address < map->start || place->address >= map->end || name[0] == '\0')
        return true;
    if (symbols->n_entries >= ENTRIES_MAX ||
        mem_grow(&table->entries, &table->capacity, table->n + 1, sizeof *table->entries) != 0)
        return false;
    uint32_t text = keep_text(symbols, name);
    if (text == 0)
        return false;
    table->entries[table->n++] = (struct entry){place->address - map->start + map->offset, place->size, text};
    symbols->n_entries++;
    return true;
}

/* Of several names at one place the first in the file, which is the exported one. */
static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}

static struct table *table_of(struct symbols *symbols, pid_t pid, const struct proc_maps *maps,
                              const struct proc_map *map)
{
    bool fresh;
    size_t index = elf_table_index(&symbols->tables_by_file, map, TABLES_MAX, &symbols->n_tables, &fresh);
    if (index == SIZE_MAX)
        return NULL;
    struct table *table = &symbols->tables[index];
    if (!fresh)
        return table;
    struct elf *elf = elf_open(pid, maps, map);
    struct reading reading = {symbols, table, map};
    if (elf != NULL)
        elf_functions(elf, take, &reading);
    elf_close(elf);
    if (table->n > 0)
        qsort(table->entries, table->n, sizeof *table->entries, by_offset);
    return table;
}

const char *symbols_find(struct symbols *symbols, pid_t pid, const struct proc_maps *maps, const struct proc_map *map,
                         uint64_t address)
{
    if (address < map->start || address >= map->end || map->inode == 0)
        return NULL;
    const struct table *table = table_of(symbols, pid, maps, map);
    uint64_t offset = address - map->start + map->offset;
    size_t low = 0, high = table != NULL ? table->n : 0;
    while (low < high) { /* the first that begins behind the address */
        size_t middle = (low + high) / 2;
        if (table->entries[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct entry *entry = &table->entries[low - 1];
    while (entry > table->entries && entry[-1].offset == entry->offset)
        entry--;
    return offset - entry->offset < (entry->size > 0 ? entry->size : REACH_MAX) ? text_of(symbols, entry->text) : NULL;
}
