/* Which greenlets a process has, for dump: looked for once, and only where the module is loaded. */
#include "capture/dump_private.h"

#include <string.h>

enum { OBJECTS_MAX = 4 << 20 };

static const struct proc_maps *maps_of(struct dumper *d)
{
    struct err err;
    if (!d->greenlets.mapped)
        d->greenlets.mapped = proc_maps_read(d->dump->pid, &d->greenlets.maps, &err) == 0;
    return &d->greenlets.maps;
}

bool dump_has_uvloop(struct dumper *d)
{
    const struct proc_maps *maps = maps_of(d);
    for (size_t i = 0; i < maps->count; i++) {
        if (strstr(maps->maps[i].path, "/uvloop/loop.") != NULL)
            return true;
    }
    return false;
}

size_t dump_find_greenlets(struct dumper *d, struct python_reader *reader)
{
    struct greenlets *all = &d->greenlets;
    if (all->sought || reader == NULL)
        return all->count;
    all->sought = true;
    if (!python_info(d->python)->greenlets || !greenlets_loaded(maps_of(d)))
        return 0;
    int count = python_greenlets(reader, OBJECTS_MAX, &all->addresses, &all->capacity);
    all->count = count > 0 ? (size_t)count : 0;
    return all->count;
}

bool dump_is_on_stack(const struct dumper *d, uint64_t address, pid_t tid, uint64_t pthread)
{
    struct stack_range range;
    return greenlets_stack_of(&d->greenlets.maps, tid == d->dump->pid, pthread, &range) && address >= range.low &&
           address < range.high;
}

void dump_forget_greenlets(struct dumper *d)
{
    proc_maps_release(&d->greenlets.maps);
    mem_free(d->greenlets.addresses);
    d->greenlets = (struct greenlets){0};
}
