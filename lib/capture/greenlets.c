#include "capture/greenlets.h"

#include "base/mem.h"
#include "capture/cpython/greenlet.h"

#include <string.h>

struct greenlet_list *greenlet_list_new(void)
{
    struct greenlet_list *list = mem_zalloc(1, sizeof *list);
    if (list != NULL)
        pthread_mutex_init(&list->lock, NULL);
    return list;
}

void greenlet_list_free(struct greenlet_list *list)
{
    if (list == NULL)
        return;
    pthread_mutex_destroy(&list->lock);
    mem_free(list->entries);
    mem_free(list);
}

bool greenlets_loaded(const struct proc_maps *maps)
{
    for (size_t i = 0; i < maps->count; i++) {
        if (python_is_greenlet_module(maps->maps[i].path))
            return true;
    }
    return false;
}

bool greenlets_stack_of(const struct proc_maps *maps, bool first_thread, uint64_t pthread, struct stack_range *range)
{
    for (size_t i = 0; i < maps->count; i++) {
        const struct proc_map *map = &maps->maps[i];
        bool own = first_thread ? strcmp(map->path, "[stack]") == 0 : pthread >= map->start && pthread < map->end;
        *range = (struct stack_range){map->start, map->end};
        if (own)
            return true;
    }
    return false;
}
