#include "capture/perf_ring.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { RECORD_BYTES_MAX = 512 };

/* Copies `size` bytes at `position` out of the ring, which wraps. */
static void ring_copy(const char *data, size_t ring_size, uint64_t position, void *out, size_t size)
{
    size_t at = (size_t)(position & (ring_size - 1));
    size_t first = ring_size - at < size ? ring_size - at : size;
    memcpy(out, data + at, first);
    memcpy((char *)out + first, data, size - first);
}

struct raw_sample {
    uint64_t ip;
    uint32_t pid, tid;
    uint64_t time;
};
struct raw_task { /* PERF_RECORD_FORK, PERF_RECORD_EXIT */
    uint32_t pid, ppid, tid, ptid;
    uint64_t time;
};
struct raw_comm_id { /* what sample_id_all appends */
    uint32_t pid, tid;
    uint64_t time;
};

/* False when the record is none of ours. `body` holds `size` bytes behind the header. */
static bool decode(const struct perf_event_header *header, const char *body, size_t size, struct perf_record *record)
{
    memset(record, 0, sizeof *record);
    if (header->type == PERF_RECORD_SAMPLE && size >= sizeof(struct raw_sample)) {
        struct raw_sample raw;
        memcpy(&raw, body, sizeof raw);
        record->kind = PERF_IP;
        record->pid = (pid_t)raw.pid;
        record->tid = (pid_t)raw.tid;
        record->time_ns = raw.time + (uint64_t)clock_ahead_of_kernel_ns();
        record->ip = raw.ip;
        record->kernel = (header->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
        return true;
    }
    if ((header->type == PERF_RECORD_FORK || header->type == PERF_RECORD_EXIT) && size >= sizeof(struct raw_task)) {
        struct raw_task raw;
        memcpy(&raw, body, sizeof raw);
        record->kind = header->type == PERF_RECORD_FORK ? PERF_FORK : PERF_EXIT;
        record->pid = (pid_t)raw.pid;
        record->tid = (pid_t)raw.tid;
        record->parent = (pid_t)raw.ppid;
        record->time_ns = raw.time + (uint64_t)clock_ahead_of_kernel_ns();
        return true;
    }
    if (header->type == PERF_RECORD_COMM && (header->misc & PERF_RECORD_MISC_COMM_EXEC) != 0 &&
        size >= sizeof(struct raw_comm_id)) {
        struct raw_comm_id raw;
        memcpy(&raw, body + size - sizeof raw, sizeof raw);
        record->kind = PERF_EXEC;
        size_t most = size - sizeof raw; /* pid, tid, name, what is appended */
        if (most > 8)
            snprintf(record->comm, sizeof record->comm, "%.*s", (int)(most - 8), body + 8);
        record->pid = (pid_t)raw.pid;
        record->tid = (pid_t)raw.tid;
        record->time_ns = raw.time + (uint64_t)clock_ahead_of_kernel_ns();
        return true;
    }
    return false;
}

uint64_t perf_ring_drain(struct perf_event_mmap_page *page, const char *data, size_t ring_size,
                         void (*take)(void *context, const struct perf_record *record), void *context)
{
    uint64_t lost = 0;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = page->data_tail;
    if (head - tail > ring_size) /* more than it holds: no record begins where we think */
        tail = head;
    while (head - tail >= sizeof(struct perf_event_header)) {
        struct perf_event_header header;
        ring_copy(data, ring_size, tail, &header, sizeof header);
        if (header.size < sizeof header || header.size > head - tail) {
            tail = head;
            break;
        }
        char body[RECORD_BYTES_MAX];
        size_t size = header.size - sizeof header;
        struct perf_record record;
        if (size <= sizeof body) {
            ring_copy(data, ring_size, tail + sizeof header, body, size);
            if (header.type == PERF_RECORD_LOST && size >= 16) {
                uint64_t count;
                memcpy(&count, body + 8, sizeof count);
                lost += count;
            } else if (decode(&header, body, size, &record)) {
                take(context, &record);
            }
        }
        tail += header.size;
    }
    __atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
    return lost;
}
