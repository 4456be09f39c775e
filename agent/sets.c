/* See sets.h. */
#include "sets.h"

#include <stddef.h>
#include <sys/mman.h>

enum { WAYS = 8, SETS = 1 << 15 };

struct entry {
    uint64_t arguments, result; /* 0: none; of a result that is not plain */
    uint64_t seen;              /* again; less by one each time another one wanted its place */
};

static struct entry (*sets)[WAYS];

int sets_open(void)
{
    void *memory = mmap(NULL, sizeof *sets * SETS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    sets = memory;
    return 0;
}

static void repeat(struct wire_call_row *row, struct entry *entry, uint64_t result)
{
    row->repeats++;
    if (entry->result != 0 && result != 0) {
        row->compared++;
        row->changed += entry->result != result;
    }
    entry->result = result;
    entry->seen++;
}

void sets_add(struct wire_call_row *row, uint64_t arguments, bool plain, uint64_t result)
{
    struct entry *set = sets[arguments >> 40 & (SETS - 1)], *least = set;
    arguments |= 1;
    result = plain ? result | 1 : 0;
    for (struct entry *entry = set; entry < set + WAYS; entry++) {
        if (entry->arguments == arguments) {
            repeat(row, entry, result);
            return;
        }
        if (entry->arguments == 0 || (least->arguments != 0 && entry->seen < least->seen))
            least = entry;
    }
    for (struct entry *entry = set; least->arguments != 0 && entry < set + WAYS; entry++)
        entry->seen -= entry->seen > 0;
    *least = (struct entry){arguments, result, 0};
}
