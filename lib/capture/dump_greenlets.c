/*
 * Which greenlets a process has, and on which thread's C stack each was left: for dump. Looked for once, and only where
 * the module is loaded, because that takes a walk through all that the collector tracks.
 */
#include "capture/dump_private.h"

#include <string.h>

static bool has_module(const struct proc_maps *maps)
{
    for (size_t i = 0; i < maps->count; i++) {
        const char *slash = strrchr(maps->maps[i].path, '/');
        if (slash != NULL && (strncmp(slash, "/_greenlet.", 11) == 0 || strncmp(slash, "/greenlet.", 10) == 0))
            return true;
    }
    return false;
}

size_t dump_find_greenlets(struct dumper *d, struct python_reader *reader)
{
    struct greenlets *all = &d->greenlets;
    struct err err;
    if (all->sought || reader == NULL)
        return all->count;
    all->sought = true;
    if (proc_maps_read(d->dump->pid, &all->maps, &err) != 0 || !has_module(&all->maps))
        return 0;
    int count = python_greenlets(reader, &all->addresses, &all->capacity);
    all->count = count > 0 ? (size_t)count : 0;
    return all->count;
}

bool dump_is_on_stack(const struct dumper *d, uint64_t address, pid_t tid, uint64_t pthread)
{
    const struct proc_maps *maps = &d->greenlets.maps;
    for (size_t i = 0; i < maps->count; i++) {
        const struct proc_map *map = &maps->maps[i];
        if (address < map->start || address >= map->end)
            continue;
        return tid == d->dump->pid ? strcmp(map->path, "[stack]") == 0 : pthread >= map->start && pthread < map->end;
    }
    return false;
}

void dump_forget_greenlets(struct dumper *d)
{
    proc_maps_release(&d->greenlets.maps);
    mem_free(d->greenlets.addresses);
    d->greenlets = (struct greenlets){0};
}
