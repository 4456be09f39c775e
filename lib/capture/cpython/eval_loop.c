/* See eval_loop.h. */
#include "capture/cpython/eval_loop.h"

#include "base/mem.h"
#include "capture/target/remote.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOP_BYTES_MIN = 8 << 10, /* a loop of so few bytes is not all of it: its instructions are functions of their own */
    LOOP_BYTES_MAX = 1 << 20,
    RANGES_MAX = 1 << 20,
    JUMPS_MIN = 3 /* that lead into a range: a pattern of bytes that looks like a jump is no part of the function */
};

/* The ranges of the unwinder's table, one for each function or part of one, by their first address. */
struct ranges {
    uint64_t *starts;
    size_t n;
};

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Of the one encoding that linkers write: counted by 4 bytes, a sorted table of distances from the section. */
static bool read_ranges(struct remote *remote, struct elf *elf, struct ranges *ranges)
{
    static const uint8_t usual[4] = {1, 0x1b, 0x03, 0x3b};
    struct elf_place place;
    struct head {
        uint8_t encoding[4];
        int32_t frames;
        uint32_t count;
    } head;
    *ranges = (struct ranges){0};
    if (!elf_section(elf, ".eh_frame_hdr", &place) || !remote_read(remote, place.address, &head, sizeof head) ||
        memcmp(head.encoding, usual, sizeof usual) != 0 || head.count == 0 || head.count > RANGES_MAX ||
        place.size < sizeof head + (uint64_t)head.count * 8)
        return false;
    int32_t(*rows)[2] = mem_realloc(NULL, head.count, sizeof *rows);
    ranges->starts = mem_realloc(NULL, head.count, sizeof *ranges->starts);
    bool read = rows != NULL && ranges->starts != NULL &&
                remote_read(remote, place.address + sizeof head, rows, head.count * sizeof *rows);
    for (; read && ranges->n < head.count; ranges->n++)
        ranges->starts[ranges->n] = place.address + (uint64_t)(int64_t)rows[ranges->n][0];
    if (read)
        qsort(ranges->starts, ranges->n, sizeof *ranges->starts, by_value);
    mem_free(rows);
    return read;
}

/* Index of the range that holds the address; -1: none. The last one has no end that is known. */
static long range_of(const struct ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges->starts[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 || low == ranges->n ? -1 : (long)low - 1;
}

/* Where the jump at `code` leads, a relative one of four bytes (jmp, jcc); 0: there is none. x86-64 only. */
static uint64_t jump_at(const uint8_t *code, size_t left, uint64_t address)
{
    int32_t distance;
    size_t opcode = left >= 5 && code[0] == 0xe9 ? 1 : left >= 6 && code[0] == 0x0f && code[1] >> 4 == 8 ? 2 : 0;
    if (opcode == 0)
        return 0;
    memcpy(&distance, code + opcode, sizeof distance);
    return address + opcode + sizeof distance + (uint64_t)(int64_t)distance;
}

/* The range that most jumps of the function lead into, not to its beginning alone as calls of a function would. */
static long other_part(const struct ranges *ranges, const uint8_t *code, size_t size, uint64_t address)
{
    uint16_t *jumps = mem_zalloc(ranges->n, sizeof *jumps);
    long most = -1;
    for (size_t i = 0; jumps != NULL && i < size; i++) {
        uint64_t to = jump_at(code + i, size - i, address + i);
        long range = to != 0 && (to < address || to >= address + size) ? range_of(ranges, to) : -1;
        if (range < 0 || ranges->starts[range] == to || jumps[range] == UINT16_MAX)
            continue;
        jumps[range]++;
        if (most < 0 || jumps[range] > jumps[most])
            most = range;
    }
    most = most >= 0 && jumps[most] >= JUMPS_MIN ? most : -1;
    mem_free(jumps);
    return most;
}

static void add_part(struct eval_loop *loop, uint64_t start, uint64_t end, uint64_t text)
{
    if (start < text || end <= start || end - start > LOOP_BYTES_MAX)
        return;
    loop->start[loop->n] = start - text;
    loop->end[loop->n++] = end - text;
}

bool eval_loop_find(pid_t pid, const struct proc_maps *maps, const struct proc_map *map, uint64_t text,
                    struct eval_loop *loop)
{
    struct remote remote = {.pid = pid};
    struct elf *elf = elf_open(pid, maps, map);
    struct elf_place place;
    struct ranges ranges = {0};
    uint8_t *code = NULL;
    bool read = false;
    *loop = (struct eval_loop){0};
    if (elf == NULL)
        return false;
    if (!elf_symbol(elf, "_PyEval_EvalFrameDefault", &place) && !elf_symbol(elf, "PyEval_EvalFrameEx", &place))
        place.size = 0;
    if (place.size == 0 || place.size > LOOP_BYTES_MAX) {
        read = true; /* nothing more to be had of this file */
        goto out;
    }
    code = mem_alloc(place.size);
    read = code != NULL && remote_read(&remote, place.address, code, place.size);
    if (!read)
        goto out;
    add_part(loop, place.address, place.address + place.size, text);
    if (read_ranges(&remote, elf, &ranges)) {
        long part = other_part(&ranges, code, place.size, place.address);
        if (part >= 0)
            add_part(loop, ranges.starts[part], ranges.starts[part + 1], text);
    }
    uint64_t bytes = 0;
    for (unsigned i = 0; i < loop->n; i++)
        bytes += loop->end[i] - loop->start[i];
    if (bytes < LOOP_BYTES_MIN)
        loop->n = 0;
out:
    mem_free(code);
    mem_free(ranges.starts);
    elf_close(elf);
    return read;
}
