#include "capture/modules.h"

#include "base/clock.h"
#include "base/mem.h"
#include "capture/cpython/made_code.h"

#include <string.h>

struct module_map {
    struct proc_maps maps;  /* executable ones, by address */
    struct proc_maps **old; /* earlier readings: paths handed out stay valid */
    size_t n_old, old_capacity;
    uint64_t read_ns;
    bool compiler_asked, compiler_on; /* the interpreter's own, that makes code at run time */
};

enum { READ_AGAIN_NS = 100 * 1000 * 1000, SOONER = 5 /* times half as late */, READINGS_MAX = 64, EVAL_LOOP_TRIES = 8 };

static void read_maps(struct module_map *map, pid_t pid)
{
    struct proc_maps fresh;
    map->read_ns = clock_monotonic_ns();
    if (proc_maps_read(pid, &fresh, NULL) != 0)
        return;
    if (fresh.count == 0) { /* it has ended: what was known still is */
        proc_maps_release(&fresh);
        return;
    }
    if (map->maps.text != NULL) {
        struct proc_maps *kept = mem_alloc(sizeof *kept);
        if (kept == NULL || mem_grow(&map->old, &map->old_capacity, map->n_old + 1, sizeof *map->old) != 0) {
            mem_free(kept);
            proc_maps_release(&fresh);
            return;
        }
        *kept = map->maps;
        map->old[map->n_old++] = kept;
    }
    map->maps = fresh;
}

static const struct proc_map *find(const struct module_map *map, uint64_t address)
{
    size_t low = 0, high = map->maps.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (map->maps.maps[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct proc_map *found = low < map->maps.count ? &map->maps.maps[low] : NULL;
    return found != NULL && found->start <= address && found->executable ? found : NULL;
}

/* Objects that do work for the interpreter and for extensions alike. */
static bool is_support(const char *path)
{
    static const char *const names[] = {"libc.so",  "libc-2", "libm.so", "libm-2", "libpthread",
                                        "ld-linux", "ld-2",   "ld-musl", "libdl",  "librt."};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (strcmp(path, "[vdso]") == 0 || strcmp(path, "[vsyscall]") == 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static struct eval_loop_entry *loop_entry(struct eval_loops *loops, const struct python_info *info)
{
    for (size_t i = 0; i < loops->n; i++) {
        struct eval_loop_entry *entry = &loops->entries[i];
        if (entry->inode == info->text_inode && entry->device_major == info->text_device_major &&
            entry->device_minor == info->text_device_minor)
            return entry;
    }
    if (loops->n == EVAL_LOOPS)
        return NULL;
    loops->entries[loops->n] =
        (struct eval_loop_entry){info->text_inode, info->text_device_major, info->text_device_minor, {.n = 0}, 0};
    return &loops->entries[loops->n++];
}

/* One process tells, unless it has ended; some more are asked then. */
static void find_loop(struct eval_loop_entry *entry, const struct tracked_process *process)
{
    struct proc_maps maps;
    entry->tries++;
    if (process->ended || proc_maps_read(process->pid, &maps, NULL) != 0)
        return;
    for (size_t i = 0; i < maps.count; i++) {
        const struct proc_map *map = &maps.maps[i];
        if (map->start != process->info.text_start || map->inode != entry->inode)
            continue;
        if (eval_loop_find(process->pid, &maps, map, map->start, &entry->loop))
            entry->tries = EVAL_LOOP_TRIES;
        break;
    }
    proc_maps_release(&maps);
}

static enum code_place interpreter_place(struct eval_loops *loops, const struct tracked_process *process, uint64_t ip)
{
    struct eval_loop_entry *entry = loop_entry(loops, &process->info);
    if (entry == NULL)
        return PLACE_UNKNOWN;
    if (entry->tries < EVAL_LOOP_TRIES)
        find_loop(entry, process);
    if (entry->loop.n == 0)
        return PLACE_UNKNOWN;
    return eval_loop_has(&entry->loop, ip - process->info.text_start) ? PLACE_LOOP : PLACE_RUNTIME;
}

const struct proc_map *module_mapping(struct module_map **map, const struct tracked_process *process, uint64_t address,
                                      const struct proc_maps **maps)
{
    *maps = NULL;
    if (*map == NULL && (*map = mem_zalloc(1, sizeof **map)) == NULL)
        return NULL;
    *maps = &(*map)->maps;
    const struct proc_map *found = find(*map, address);
    bool again = !process->ended && (*map)->n_old < READINGS_MAX;
    uint64_t wait_ns = READ_AGAIN_NS >> ((*map)->n_old < SOONER ? SOONER - (*map)->n_old : 0);
    if (found != NULL || !again || clock_monotonic_ns() - (*map)->read_ns <= wait_ns)
        return found;
    read_maps(*map, process->pid);
    return find(*map, address);
}

static bool is_made_by_interpreter(struct module_map *map, const struct tracked_process *process,
                                   const struct proc_map *found)
{
    if (found->inode != 0 || process->info.text_end == 0)
        return false;
    if (!map->compiler_asked) {
        map->compiler_asked = true;
        map->compiler_on = made_code_switched_on(process->pid, &process->info);
    }
    return map->compiler_on && made_code_has(&map->maps, found);
}

struct module module_at(struct module_map **map, struct module_files *files, const struct tracked_process *process,
                        const struct ip_point *point)
{
    if (point->kernel)
        return (struct module){.kind = MODULE_KERNEL};
    if (point->ip >= process->info.text_start && point->ip < process->info.text_end)
        return (struct module){.kind = MODULE_INTERPRETER,
                               .place = interpreter_place(&files->loops, process, point->ip)};
    const struct proc_maps *maps;
    const struct proc_map *found = module_mapping(map, process, point->ip, &maps);
    if (found == NULL)
        return (struct module){.kind = MODULE_UNKNOWN,
                               .place = process->info.text_end > 0 ? PLACE_LIBRARY : PLACE_UNKNOWN};
    if (is_made_by_interpreter(*map, process, found))
        return (struct module){.kind = MODULE_INTERPRETER, .place = PLACE_LOOP};
    bool support = is_support(found->path);
    return (struct module){
        .kind = support ? MODULE_SUPPORT : MODULE_NATIVE,
        .place = support ? PLACE_LIBRARY : PLACE_UNKNOWN,
        .path = found->path[0] != '\0' ? found->path : "[anonymous code]",
        .function = symbols_find(files->symbols, process->pid, maps, found, point->ip),
    };
}

void module_map_free(struct module_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->n_old; i++) {
        proc_maps_release(map->old[i]);
        mem_free(map->old[i]);
    }
    mem_free(map->old);
    proc_maps_release(&map->maps);
    mem_free(map);
}
