#include "capture/cpython/made_code.h"

#include <string.h>

static const char NAME[] = "[anon:cpython:jit]"; /* Include/internal/pycore_mmap.h, _PyAnnotateMemoryMap */

/* Libraries whose code has no file either, by a part of their file's name. */
static const char *const other_makers[] = {"libLLVM", "llvmlite", "libtorch", "xla_extension",
                                           "libjax",  "luajit",   "libv8",    "libpcre"};

bool made_code_switched_on(pid_t pid, const struct python_info *info)
{
    char value[16];
    if (info->major != 3 || info->minor < 13)
        return false;
    return proc_environment(pid, "PYTHON_JIT", value, sizeof(value)) && value[0] != '\0' && strcmp(value, "0") != 0;
}

static bool makes_code(const char *path)
{
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < sizeof other_makers / sizeof *other_makers; i++) {
        if (strstr(slash != NULL ? slash : path, other_makers[i]) != NULL)
            return true;
    }
    return false;
}

bool made_code_has(const struct proc_maps *maps, const struct proc_map *map)
{
    if (map->path[0] != '\0')
        return strcmp(map->path, NAME) == 0;
    for (size_t i = 0; i < maps->count; i++) {
        if (maps->maps[i].executable && makes_code(maps->maps[i].path))
            return false;
    }
    return true;
}
