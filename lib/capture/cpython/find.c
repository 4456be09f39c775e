/*
 * Finds the interpreter of a process and its version: _PyRuntime by symbol or section in the executable, libpython or
 * whatever file embeds it; before 3.7 by the variables that it was made of; from 3.13 on by its cookie in memory where
 * the file tells nothing. Off the timed path.
 */
#include "base/mem.h"
#include "capture/cpython/greenlet.h"
#include "capture/cpython/internal.h"
#include "capture/cpython/offsets.h"
#include "capture/target/core_word.h"
#include "capture/target/elf.h"
#include "capture/target/proc.h"

#include <errno.h>
#include <stdio.h>

enum { FILES_MAX = 512, COOKIE_SCAN_MAX = 64 << 20 };

struct search {
    struct python *python;
    struct proc_maps maps;
    char exe[4096];
    bool named_python;            /* a file's name says Python */
    int named_major, named_minor; /* and says which; 0: does not */
    const struct proc_map *map;   /* of the file found */
    uint64_t runtime_size;
    uint64_t version_address; /* of Py_Version */
    bool traced;              /* built with Py_TRACE_REFS, as debug builds before 3.8 are */
};

enum { TRACED_HEAD_BYTES = 16 }; /* two links before what other objects begin with, up to 3.12 */

/* "3.N" in names such as libpython3.9.so.1.0, python3.10, lib/python3.11/lib-dynload. */
static bool version_in_name(const char *path, int *major, int *minor)
{
    for (const char *at = path; (at = strstr(at, "python")); at += 6) {
        if ((at[6] == '2' || at[6] == '3') && at[7] == '.' && at[8] >= '0' && at[8] <= '9') {
            *major = at[6] - '0';
            *minor = at[8] - '0';
            if (at[9] >= '0' && at[9] <= '9')
                *minor = *minor * 10 + at[9] - '0';
            return true;
        }
    }
    return false;
}

static void read_names(struct search *search)
{
    for (size_t i = 0; i < search->maps.count; i++) {
        const char *path = search->maps.maps[i].path, *slash = strrchr(path, '/');
        if (python_is_greenlet_module(path))
            search->python->info.greenlets = true;
        if (!slash || !strstr(path, "python"))
            continue;
        int major, minor;
        bool versioned = version_in_name(path, &major, &minor);
        if (strstr(slash, "python") || versioned)
            search->named_python = true;
        if (versioned && (!search->named_major || strstr(slash, "python"))) {
            search->named_major = major;
            search->named_minor = minor;
        }
    }
}

/* Functions that make modules have another name there, so that no other build's modules are loaded. 3.13 on has neither
 * the names nor the links. */
static bool is_traced(struct elf *elf)
{
    static const char *const names[][2] = {{"PyModule_Create2", "PyModule_Create2TraceRefs"},
                                           {"Py_InitModule4_64", "Py_InitModule4TraceRefs_64"}};
    struct elf_place place;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (elf_symbol(elf, names[i][0], &place))
            return false;
        if (elf_symbol(elf, names[i][1], &place))
            return true;
    }
    return false;
}

static bool try_file(struct search *search, const struct proc_map *map)
{
    struct elf *elf = elf_open(search->python->remote.pid, &search->maps, map);
    if (!elf)
        return false;
    struct elf_place place;
    bool found = elf_symbol(elf, "_PyRuntime", &place) || elf_section(elf, ".PyRuntime", &place);
    if (!found && python_find_symbols(search->python, elf)) {
        search->map = map;
    } else if (found) {
        search->map = map;
        search->python->runtime = place.address;
        search->runtime_size = place.size;
        search->version_address = elf_symbol(elf, "Py_Version", &place) ? place.address : 0;
    }
    if (search->map == map && elf_symbol(elf, "_Py_NoneStruct", &place))
        search->python->none = place.address;
    search->traced = search->map == map && is_traced(elf);
    elf_close(elf);
    return search->map == map;
}

/* Files in the order of likelihood: libpython by name, the executable, then every other file with code. */
static int rank(const struct search *search, const struct proc_map *map)
{
    const char *slash = strrchr(map->path, '/');
    if (slash && strncmp(slash, "/libpython", 10) == 0)
        return 0;
    if (strcmp(map->path, search->exe) == 0)
        return 1;
    return 2;
}

static bool find_by_file(struct search *search)
{
    const struct proc_map *tried[FILES_MAX];
    size_t count = 0;
    for (int wanted = 0; wanted < 3; wanted++) {
        for (size_t i = 0; i < search->maps.count; i++) {
            const struct proc_map *map = &search->maps.maps[i];
            if (!map->executable || map->inode == 0 || rank(search, map) != wanted || count == FILES_MAX)
                continue;
            bool again = false;
            for (size_t j = 0; j < count && !again; j++)
                again = elf_same_file(tried[j], map);
            if (again)
                continue;
            tried[count++] = map;
            if (try_file(search, map))
                return true;
        }
    }
    return false;
}

/* 3.13+ without a readable file: the table at the start of _PyRuntime says what it is. */
static bool find_by_cookie(struct search *search)
{
    static const size_t chunk = 65536;
    uint8_t *bytes = mem_alloc(chunk);
    bool found = false;
    size_t scanned = 0;
    for (size_t i = 0; bytes && !found && i < search->maps.count; i++) {
        const struct proc_map *map = &search->maps.maps[i];
        if (!map->readable || !map->writable || map->inode == 0)
            continue;
        for (uint64_t at = map->start; !found && at < map->end && scanned < COOKIE_SCAN_MAX; at += chunk) {
            size_t size = map->end - at < chunk ? (size_t)(map->end - at) : chunk;
            scanned += size;
            if (!remote_read(&search->python->remote, at, bytes, size))
                break;
            struct offset_head head;
            for (size_t j = 0; !found && j + OFFSETS_HEAD_BYTES <= size; j += 8) {
                found = offsets_parse_head(bytes + j, size - j, &head);
                if (found)
                    search->python->runtime = at + j;
            }
        }
        if (found)
            search->map = map;
    }
    mem_free(bytes);
    return found;
}

static void set_image(struct search *search)
{
    struct python *python = search->python;
    python->image_start = UINT64_MAX;
    python->info.text_start = UINT64_MAX;
    for (size_t i = 0; i < search->maps.count; i++) {
        const struct proc_map *map = &search->maps.maps[i];
        /* Zero-initialised data is an anonymous mapping that follows the file's last one. */
        bool file = elf_same_file(map, search->map);
        if (!file && !(map->inode == 0 && map->path[0] == 0 && map->start == python->image_end))
            continue;
        python->image_start = map->start < python->image_start ? map->start : python->image_start;
        python->image_end = map->end > python->image_end ? map->end : python->image_end;
        if (!file || !map->executable)
            continue;
        python->info.text_start = map->start < python->info.text_start ? map->start : python->info.text_start;
        python->info.text_end = map->end > python->info.text_end ? map->end : python->info.text_end;
    }
    python->info.text_inode = search->map->inode;
    python->info.text_device_major = search->map->device_major;
    python->info.text_device_minor = search->map->device_minor;
    if (python->info.text_end == 0)
        python->info.text_start = 0;
}

static void say_version(struct python_info *info, int level, int serial)
{
    const char *letters = level == 0xA ? "a" : level == 0xB ? "b" : level == 0xC ? "rc" : "";
    int used = info->micro < 0
                   ? snprintf(info->version, sizeof(info->version), "%d.%d", info->major, info->minor)
                   : snprintf(info->version, sizeof(info->version), "%d.%d.%d", info->major, info->minor, info->micro);
    if (*letters)
        used += snprintf(info->version + used, sizeof(info->version) - (size_t)used, "%s%d", letters, serial);
    if (info->free_threaded)
        snprintf(info->version + used, sizeof(info->version) - (size_t)used, "t");
}

/* The version by the target's own table. False when the runtime has none. */
static bool version_by_table(struct python *python, int *rc, struct err *err)
{
    uint8_t bytes[OFFSETS_BYTES_MAX];
    struct offset_head head;
    if (!remote_read(&python->remote, python->runtime, bytes, OFFSETS_HEAD_BYTES) ||
        !offsets_parse_head(bytes, OFFSETS_HEAD_BYTES, &head))
        return false;
    struct python_info *info = &python->info;
    info->major = head.major;
    info->minor = head.minor;
    info->micro = head.micro;
    info->free_threaded = head.free_threaded;
    info->own_offsets = true;
    info->unknown_version = !layout_find(head.major, head.minor) || head.level < 0xC;
    say_version(info, head.level == 0xF ? 0 : head.level, head.serial);
    size_t size = sizeof(bytes);
    while (size >= 512 && !remote_read(&python->remote, python->runtime, bytes, size))
        size -= 64;
    if (size < 512 || !offsets_parse(bytes, size, &head, &python->layout))
        *rc = err_set(err, ERR_VERSION, "process %d runs Python %s, whose table of offsets is not as expected; %s",
                      (int)python->remote.pid, info->version, err_hint(ERR_VERSION));
    else
        *rc = 0;
    return true;
}

/* Versions before 3.13: the constant Py_Version (3.11+), the size of _PyRuntime, names of files. */
static int version_by_signs(struct search *search, struct err *err)
{
    struct python *python = search->python;
    struct python_info *info = &python->info;
    const struct layout *row = NULL;
    uint64_t hex = 0;
    info->major = 3;
    info->micro = -1;
    if (python->layout.sign) {
        row = &python->layout;
        info->major = row->major;
        info->minor = row->minor;
    } else if (search->version_address && remote_read(&python->remote, search->version_address, &hex, 8) &&
               hex >> 32 == 0 && hex >> 24 == 3) {
        info->minor = (int)(hex >> 16 & 0xff);
        info->micro = (int)(hex >> 8 & 0xff);
        row = layout_find(3, info->minor);
    } else if ((row = layout_by_runtime_size(search->runtime_size))) {
        info->minor = row->minor;
    } else {
        info->major = search->named_major ? search->named_major : 3;
        info->minor = search->named_minor;
        row = layout_find(info->major, info->minor);
    }
    say_version(info, 0, 0);
    if (row && (row->own_offsets || (row->sign && !python->layout.sign)))
        row = NULL; /* a table or symbols belong here and are not there */
    if (!row)
        return err_set(err, ERR_VERSION, "process %d runs Python %s, whose layout is not known; %s",
                       (int)python->remote.pid, info->minor ? info->version : "of an unknown version",
                       err_hint(ERR_VERSION));
    if (row != &python->layout)
        python->layout = *row;
    if (!row->sign && info->micro < 0 && search->runtime_size != row->runtime_size) /* fields after the first moved */
        python->layout.runtime_tstate_current = python->layout.runtime_gil = python->layout.runtime_gc_collecting =
            LAYOUT_NONE;
    return 0;
}

/* "3.9.18 (" or "3.9.18+ (" at `text`: the number behind the prefix, -1 when it is none. */
static int micro_in(const char *text, size_t size)
{
    int micro = 0;
    size_t digits = 0;
    for (; digits < size && digits < 3 && text[digits] >= '0' && text[digits] <= '9'; digits++)
        micro = micro * 10 + text[digits] - '0';
    if (digits == 0 || digits == 3)
        return -1;
    const char *blank = memchr(text, ' ', size < 12 ? size : 12);
    return blank && blank + 1 < text + size && blank[1] == '(' ? micro : -1;
}

/* The micro version of an interpreter that has no Py_Version: what sys.version says, which Py_GetVersion keeps in a
 * static buffer. It is for show only. */
static void find_micro(struct search *search)
{
    struct python *python = search->python;
    char prefix[16];
    size_t length = (size_t)snprintf(prefix, sizeof(prefix), "%d.%d.", python->info.major, python->info.minor);
    static const size_t chunk = 1 << 20;
    char *bytes = mem_alloc(chunk);
    for (size_t i = 0; bytes && python->info.micro < 0 && i < search->maps.count; i++) {
        const struct proc_map *map = &search->maps.maps[i];
        if (map->start < python->image_start || map->end > python->image_end || !map->writable)
            continue;
        for (uint64_t at = map->start; python->info.micro < 0 && at < map->end; at += chunk) {
            size_t size = map->end - at < chunk ? (size_t)(map->end - at) : chunk;
            if (!remote_read(&python->remote, at, bytes, size))
                break;
            const char *end = bytes + size, *hit = bytes;
            for (; python->info.micro < 0 && (hit = memmem(hit, (size_t)(end - hit), prefix, length)); hit++)
                python->info.micro = micro_in(hit + length, (size_t)(end - hit) - length);
        }
    }
    mem_free(bytes);
    say_version(&python->info, 0, 0);
}

static int not_python(struct search *search, bool *maybe, struct err *err)
{
    /* A process between fork and exec, or one that the loader still fills, shows a handful of mappings only. */
    *maybe = search->named_python || search->maps.count < 12 || strstr(search->exe, "python") != NULL;
    return err_set(err, ERR_NOT_PYTHON, "no Python interpreter found in process %d (%s); %s",
                   (int)search->python->remote.pid, search->exe[0] ? search->exe : "executable not readable",
                   err_hint(ERR_NOT_PYTHON));
}

/* A process without memory has ended and waits to be collected, or is the kernel's own. */
static int no_memory(struct search *search, struct err *err)
{
    pid_t pid = search->python->remote.pid;
    struct proc_thread thread;
    struct proc_stat stat = {0};
    if (!proc_thread_open(&thread, pid, pid))
        return err_set(err, ERR_GONE, "process %d has ended; %s", (int)pid, err_hint(ERR_GONE));
    bool known = proc_thread_stat(&thread, &stat);
    proc_thread_close(&thread);
    if (!known || stat.state == 'Z' || stat.state == 'X')
        return err_set(err, ERR_GONE, "process %d has ended; %s", (int)pid, err_hint(ERR_GONE));
    return err_set(err, ERR_NOT_PYTHON, "process %d has no memory of its own and cannot be Python; %s", (int)pid,
                   err_hint(ERR_NOT_PYTHON));
}

static int find_version(struct search *search, struct err *err)
{
    int rc;
    if (!search->python->layout.sign && version_by_table(search->python, &rc, err))
        return rc;
    rc = version_by_signs(search, err);
    if (rc == 0 && search->python->info.micro < 0)
        find_micro(search);
    if (rc == 0 && search->traced)
        layout_lengthen(&search->python->layout, TRACED_HEAD_BYTES);
    return rc;
}

static int check_readable(struct python *python, struct err *err)
{
    uint64_t word;
    if (remote_read_u64(&python->remote, python->runtime, &word))
        return 0;
    int pid = (int)python->remote.pid, code = errno == ESRCH   ? ERR_GONE
                                              : errno == EPERM ? ERR_PERMISSION
                                                               : ERR_UNREADABLE;
    return err_set(err, code, "cannot read the memory of process %d: %s; %s", pid, strerror(errno), err_hint(code));
}

int python_find(struct python *python, bool *maybe, struct err *err)
{
    struct search search = {.python = python};
    *maybe = false;
    int rc = proc_maps_read(python->remote.pid, &search.maps, err);
    if (rc)
        return rc;
    if (proc_exe(python->remote.pid, search.exe, sizeof(search.exe)))
        snprintf(python->info.executable, sizeof(python->info.executable), "%s", search.exe);
    if (search.maps.count == 0) {
        rc = no_memory(&search, err);
        goto out;
    }
    read_names(&search);
    if (!find_by_file(&search) && !(search.named_python && find_by_cookie(&search))) {
        rc = not_python(&search, maybe, err);
        goto out;
    }
    set_image(&search);
    python->knows_cores = core_word_offset(&python->remote, &search.maps, &python->core_offset);
    if ((rc = check_readable(python, err)) || (rc = find_version(&search, err)))
        goto out;
    uint64_t head = 0;
    if (!remote_read_u64(&python->remote, python->runtime + python->layout.runtime_interpreters_head, &head) ||
        !plausible(head)) {
        *maybe = true;
        rc = err_set(err, ERR_NOT_PYTHON, "the Python interpreter of process %d has not started yet or has ended; %s",
                     (int)python->remote.pid, "try again in a moment");
    }
out:
    proc_maps_release(&search.maps);
    return rc;
}
