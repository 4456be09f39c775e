/* See proc_text.h. */
#include "capture/target/proc_text.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static bool take_u64(const char **at, uint64_t *value)
{
    const char *p = *at;
    while (*p == ' ')
        p++;
    if (*p < '0' || *p > '9')
        return false;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *at = p;
    *value = v;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool take_hex(const char **at, uint64_t *value)
{
    const char *p = *at;
    while (*p == ' ')
        p++;
    if (p[0] == '0' && p[1] == 'x')
        p += 2;
    if (hex_digit(*p) < 0)
        return false;
    uint64_t v = 0;
    for (; hex_digit(*p) >= 0; p++)
        v = v << 4 | (uint64_t)hex_digit(*p);
    *at = p;
    *value = v;
    return true;
}

bool proc_text_schedstat(const char *text, struct proc_schedstat *result)
{
    const char *at = text;
    return take_u64(&at, &result->run_ns) && take_u64(&at, &result->delay_ns) && take_u64(&at, &result->switches);
}

/* The text behind "PID (comm) ": the name may hold any byte, so the last bracket ends it. */
static const char *behind_comm(const char *text)
{
    const char *bracket = strrchr(text, ')');
    return bracket && bracket[1] == ' ' ? bracket + 2 : NULL;
}

/* Moves to the start of field `number` (as proc(5) counts), `at` standing at field 3. */
static bool skip_to_field(const char **at, int number)
{
    for (int field = 3; field < number; field++) {
        const char *blank = strchr(*at, ' ');
        if (!blank)
            return false;
        *at = blank + 1;
    }
    return true;
}

bool proc_text_stat(const char *text, struct proc_stat *result)
{
    const char *at = behind_comm(text);
    if (!at || !*at)
        return false;
    result->state = *at;
    uint64_t processor;
    if (!skip_to_field(&at, 39) || !take_u64(&at, &processor))
        return false;
    result->processor = (int)processor;
    return true;
}

char proc_text_state(const char *text)
{
    const char *state = behind_comm(text);
    return state ? *state : 0;
}

bool proc_text_syscall(const char *text, struct proc_syscall *result)
{
    memset(result, 0, sizeof(*result));
    if (text[0] == 'r') {
        result->running = true;
        return true;
    }
    bool none = text[0] == '-'; /* -1 */
    const char *at = none ? text + 1 : text;
    uint64_t number;
    if (!take_u64(&at, &number))
        return false;
    result->number = none ? -1 : (int64_t)number;
    for (int i = 0; i < 6 && !none; i++) {
        if (!take_hex(&at, &result->args[i]))
            return false;
    }
    if (!take_hex(&at, &result->stack) || !take_hex(&at, &result->ip))
        result->stack = result->ip = 0;
    return true;
}

static bool parse_map(char *line, struct proc_map *map)
{
    const char *at = line;
    uint64_t major, minor;
    memset(map, 0, sizeof(*map));
    if (!take_hex(&at, &map->start) || *at++ != '-' || !take_hex(&at, &map->end) || *at++ != ' ')
        return false;
    if (strnlen(at, 5) < 5)
        return false;
    map->readable = at[0] == 'r';
    map->writable = at[1] == 'w';
    map->executable = at[2] == 'x';
    at += 5;
    if (!take_hex(&at, &map->offset) || !take_hex(&at, &major) || *at++ != ':' || !take_hex(&at, &minor) ||
        !take_u64(&at, &map->inode))
        return false;
    map->device_major = (uint32_t)major;
    map->device_minor = (uint32_t)minor;
    while (*at == ' ')
        at++;
    map->path = at;
    return map->start < map->end;
}

int proc_text_maps(char *text, struct proc_maps *result)
{
    size_t capacity = 0;
    for (char *line = text, *end; *line; line = end) {
        end = strchrnul(line, '\n');
        if (*end)
            *end++ = 0;
        if (mem_grow(&result->maps, &capacity, result->count + 1, sizeof(*result->maps)))
            return ERR_NOMEM;
        if (parse_map(line, &result->maps[result->count]))
            result->count++;
    }
    return 0;
}

uint64_t proc_text_start_ticks(const char *text, pid_t *parent)
{
    uint64_t value;
    const char *at = behind_comm(text);
    if (!at || !skip_to_field(&at, 4) || !take_u64(&at, &value))
        return 0;
    if (parent)
        *parent = (pid_t)value;
    at = behind_comm(text);
    return skip_to_field(&at, 22) && take_u64(&at, &value) ? value : 0;
}

bool proc_text_ended(const char *text, int *wait_status)
{
    uint64_t threads, code;
    const char *state = behind_comm(text), *at = state;
    *wait_status = -1;
    if (!at || (*state != 'Z' && *state != 'X'))
        return false;
    if (!skip_to_field(&at, 20) || !take_u64(&at, &threads) || threads > 1)
        return false; /* the first thread has ended, others go on */
    at = state;
    if (skip_to_field(&at, 52) && take_u64(&at, &code) && code <= 0xffff)
        *wait_status = (int)code;
    return true;
}

bool proc_text_tid(const char *name, pid_t *tid)
{
    uint64_t number;
    if (!take_u64(&name, &number) || *name)
        return false;
    *tid = (pid_t)number;
    return true;
}

/* "NSpid:" has a number for each namespace that the thread is in, from ours on; the last one is of its own. */
pid_t proc_text_inner_id(char *text, pid_t tid, bool *nested)
{
    char *line = strstr(text, "\nNSpid:"), *end = line ? strchr(line + 1, '\n') : NULL;
    if (end)
        *end = 0;
    const char *last = line ? strrchr(line, '\t') : NULL;
    int id;
    bool told = last && sscanf(last, "%d", &id) == 1 && id > 0;
    *nested = told && strchr(line, '\t') != last;
    return told ? id : tid;
}
