/*
 * What the kernel tells of processes and its clock: the first byte says whether the rest is a datagram of the process
 * connector, or a ring of records of perf, in front of which stand where in the ring they begin and what is said of
 * their end.
 */
#include "capture/perf_ring.h"
#include "capture/proc_events.h"
#include "fuzz.h"

#include <string.h>

enum { CONNECTOR = 1, FALSE_HEAD = 2, RING = 4096, HEAD = 10 };

static void take(void *context, const struct perf_record *record)
{
    size_t *n = context;
    MUST(record->kind <= PERF_EXIT && memchr(record->comm, '\0', sizeof record->comm) != NULL);
    MUST(record->kind == PERF_IP || record->ip == 0);
    ++*n;
}

static void drain(bool lies, const uint8_t *data, size_t size)
{
    struct perf_event_mmap_page page = {0};
    char *ring = calloc(1, RING); /* its own, so that a byte beside it is seen */
    uint64_t tail = data[0] | (uint64_t)data[1] << 8, said;
    size_t n = 0, length = size - HEAD < RING ? size - HEAD : RING;
    MUST(ring != NULL);
    memcpy(&said, data + 2, sizeof said);
    for (size_t i = 0; i < length; i++)
        ring[(tail + i) % RING] = (char)data[HEAD + i];
    page.data_tail = tail;
    page.data_head = lies ? said : tail + length;
    perf_ring_drain(&page, ring, RING, take, &n);
    MUST(n <= RING / sizeof(struct perf_event_header));
    MUST(page.data_tail <= page.data_head && page.data_head - page.data_tail < sizeof(struct perf_event_header));
    free(ring);
}

static void decode(const uint8_t *data, size_t size)
{
    struct task_record record;
    uint8_t *datagram = malloc(size + 1);
    MUST(datagram != NULL);
    memcpy(datagram, data, size);
    datagram = realloc(datagram, size > 0 ? size : 1);
    if (proc_events_decode(datagram, size, &record))
        MUST(record.wait_status >= -1 && record.wait_status <= 0xffff && record.kind <= TASK_EXIT);
    free(datagram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (data[0] & CONNECTOR)
        decode(data + 1, size - 1);
    else if (size > HEAD)
        drain((data[0] & FALSE_HEAD) != 0, data + 1, size - 1);
    return 0;
}
