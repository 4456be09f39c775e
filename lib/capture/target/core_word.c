#include "capture/target/core_word.h"

#include "capture/target/elf.h"

#include <string.h>

enum {
    HEAD_BYTES = 1024, /* of a pthread structure: the kernel's id of the thread lies within */
    SELF_AT = 0,
    SELF_AGAIN = 16, /* it begins with the thread control block, which names its own address twice */
    CPU_ID_AT = 4,   /* struct rseq, linux/rseq.h */
    AREA_FAR = 1 << 20,
};

static bool read_symbol(struct remote *remote, struct elf *elf, const char *name, void *value, size_t size)
{
    struct elf_place place;
    return elf_symbol(elf, name, &place) && remote_read(remote, place.address, value, size);
}

bool core_word_offset(struct remote *remote, const struct proc_maps *maps, int64_t *offset)
{
#ifdef __x86_64__ /* elsewhere the pthread structure lies before the thread pointer, at a distance that no symbol      \
                     tells */
    for (size_t i = 0; i < maps->count; i++) {
        const char *slash = strrchr(maps->maps[i].path, '/');
        if (!maps->maps[i].executable || slash == NULL || strncmp(slash, "/ld-linux", 9) != 0)
            continue;
        struct elf *elf = elf_open(remote->pid, maps, &maps->maps[i]);
        if (elf == NULL)
            return false;
        uint32_t size = 0;
        bool found = read_symbol(remote, elf, "__rseq_size", &size, sizeof size) && size > 0 &&
                     read_symbol(remote, elf, "__rseq_offset", offset, sizeof *offset) && *offset > -AREA_FAR &&
                     *offset < AREA_FAR;
        elf_close(elf);
        return found;
    }
#else
    (void)remote, (void)maps, (void)offset;
#endif
    return false;
}

uint64_t core_word_address(struct remote *remote, int64_t offset, uint64_t pthread, pid_t tid)
{
    uint8_t head[HEAD_BYTES];
    uint64_t self, again;
    if (tid <= 0 || !remote_read(remote, pthread, head, sizeof head))
        return 0;
    memcpy(&self, head + SELF_AT, sizeof self);
    memcpy(&again, head + SELF_AGAIN, sizeof again);
    if (self != pthread || again != pthread)
        return 0;
    for (size_t at = 0; at < sizeof head; at += sizeof tid) {
        if (memcmp(head + at, &tid, sizeof tid) == 0)
            return pthread + (uint64_t)offset + CPU_ID_AT;
    }
    return 0;
}
