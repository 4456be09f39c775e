/*
 * The unwinder over hostile tables: the input is a file's .eh_frame, and in front of it how a walk begins: flags, where
 * in the code, which registers are known, the seed of the stack. A walk must end as native_stack.c ends it.
 */
#include "capture/target/unwind.h"
#include "fuzz.h"
#include "image.h"

#include <string.h>
#include <unistd.h>

enum { HEAD = 6, PIECE = 1024, STEPS_MAX = 4096, STACK = 0x7000000, CODE = 0x10000 };
enum { INTERRUPTED = 1, SOME_KNOWN = 2 };

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Words that lead back into the code and the stack. */
static uint64_t draw_word(uint32_t *seed)
{
    uint32_t kind = draw(seed) % 4;
    if (kind == 0)
        return draw(seed);
    return kind == 1 ? STACK + draw(seed) % PIECE : CODE + IMAGE_TEXT + draw(seed) % IMAGE_TEXT_BYTES;
}

static void walk(struct unwinder *unwinder, const struct proc_maps *maps, const uint8_t head[HEAD])
{
    uint8_t *stack = malloc(PIECE); /* its own, so that a byte beside it is seen */
    uint32_t seed = head[5];
    MUST(stack != NULL);
    for (size_t i = 0; i < PIECE; i += 8) {
        uint64_t word = draw_word(&seed);
        memcpy(stack + i, &word, sizeof word);
    }
    struct unwind_frame frame = {.ip = CODE + (head[1] | (uint64_t)head[2] << 8) % IMAGE_BYTES,
                                 .known = head[0] & SOME_KNOWN ? head[3] | (uint64_t)head[4] << 8 : UINT64_MAX,
                                 .interrupted = (head[0] & INTERRUPTED) != 0,
                                 .bytes = stack,
                                 .start = STACK,
                                 .size = PIECE};
    for (int i = 0; i < UNWIND_REGISTERS; i++)
        frame.registers[i] = draw_word(&seed);
    frame.registers[7] = STACK + head[0] / 4;
    for (int i = 0; i < STEPS_MAX; i++) {
        uint64_t before = frame.registers[7];
        const struct proc_map *map = &maps->maps[0];
        bool inside = frame.ip >= map->start && frame.ip < map->end;
        if (unwind_step(unwinder, getpid(), maps, inside ? map : NULL, &frame) != UNWIND_OK)
            break;
        MUST(frame.registers[7] >= before);
    }
    free(stack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[IMAGE_BYTES];
    struct unwinder *unwinder = NULL;
    struct err err;
    char path[64];
    if (size < HEAD)
        return 0;
    image_make(file, data + HEAD, size - HEAD);
    struct proc_map map = {
        .start = CODE, .end = CODE + IMAGE_BYTES, .readable = true, .executable = true, .path = path};
    struct proc_maps maps = {.maps = &map, .count = 1};
    image_publish(file, sizeof file, path, &map.inode);
    if (unwinder_new(&unwinder, &err) != 0) /* built without libdw */
        return 0;
    walk(unwinder, &maps, data);
    uint8_t other[HEAD];
    memcpy(other, data, HEAD);
    other[0] ^= INTERRUPTED; /* once more, by the rules that are kept */
    walk(unwinder, &maps, other);
    unwinder_free(unwinder);
    return 0;
}
