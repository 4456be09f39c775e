/* See segment.h. */
#include "segment.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct wire_segment *segment;
__thread int segment_at_work;

static const char *place;               /* the directory */
static uint32_t last_file;              /* of the row before: functions come by the file */
static uint32_t n_rows = 1, n_text = 1; /* ours; what stands in the segment is told only */
static uint32_t n_places = 1;
static uint16_t known[2 * WIRE_AGENT_ROWS]; /* rows by their function: code may be made again and again */
static uint16_t known_places[2 * WIRE_AGENT_PLACES];
static int only_parent;
static char busy; /* somebody adds a row, where no GIL is held */

static size_t write_number(char *to, unsigned number)
{
    char digits[16];
    size_t n = 0, length = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (n > 0)
        to[length++] = digits[--n];
    return length;
}

/* DIRECTORY/PID.N, without stdio: after a fork too. */
static int create(void)
{
    char path[512];
    size_t length = strlen(place);
    if (length > sizeof path - 40)
        return -1;
    memcpy(path, place, length);
    path[length++] = '/';
    length += write_number(path + length, (unsigned)getpid());
    path[length++] = '.';
    for (unsigned number = 0; number < WIRE_AGENT_SEGMENTS; number++) {
        size_t end = length + write_number(path + length, number);
        path[end] = '\0';
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            continue;
        if (posix_fallocate(fd, 0, sizeof(struct wire_segment)) == 0)
            return fd;
        close(fd);
        unlink(path); /* a full memory would end the program at the first write */
        return -1;
    }
    return -1;
}

static void begin(int hashes)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    segment->opened_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    segment->hashes = (uint32_t)hashes;
    segment->n_text = n_text;
    segment->n_rows = n_rows;
    segment->n_places = n_places;
    __atomic_store_n(&segment->magic, WIRE_AGENT_MAGIC, __ATOMIC_RELEASE);
}

void segment_lock(void)
{
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
}

void segment_unlock(void)
{
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

int segment_open(const char *directory, int hashes, int only)
{
    place = directory;
    only_parent = only;
    int fd = create();
    if (fd < 0)
        return -1;
    void *memory = mmap(NULL, sizeof *segment, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return -1;
    segment = memory;
    begin(hashes);
    return 0;
}

void segment_follow_fork(void)
{
    if (segment == NULL)
        return;
    int hashes = (int)segment->hashes, fd = only_parent || segment->over != 0 ? -1 : create();
    segment_unlock(); /* who had it is not in this process */
    void *memory =
        mmap(NULL, sizeof *segment, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (memory == MAP_FAILED)
        return; /* the parent's goes on being counted in */
    struct wire_segment *own = memory;
    own->over = fd < 0; /* nobody looks at it */
    memcpy(own->rows, segment->rows, n_rows * sizeof *own->rows);
    memcpy(own->text, segment->text, n_text);
    for (uint32_t i = 0; i < n_rows; i++)
        memset(&own->rows[i], 0, offsetof(struct wire_call_row, file));
    for (uint32_t i = 0; i < n_places; i++)
        memcpy(&own->places[i], &segment->places[i], offsetof(struct wire_alloc_place, blocks));
    if (mremap(memory, sizeof *segment, sizeof *segment, MREMAP_MAYMOVE | MREMAP_FIXED, segment) != MAP_FAILED)
        begin(hashes);
}

/* Where it begins; 0: there is no room. */
static uint32_t add_text(const char *text, size_t length)
{
    if (length > WIRE_AGENT_NAME)
        length = WIRE_AGENT_NAME;
    if (length + 1 > WIRE_AGENT_TEXT - n_text)
        return 0;
    uint32_t start = n_text;
    memcpy(segment->text + start, text, length);
    segment->text[start + length] = '\0';
    n_text += (uint32_t)length + 1;
    return start;
}

static uint64_t mix_text(uint64_t hash, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

/* Is the text there the same, as far as a name is kept? */
static int is_text(uint32_t start, const char *text, size_t length)
{
    length = length < WIRE_AGENT_NAME ? length : WIRE_AGENT_NAME;
    return start + length < n_text && memcmp(segment->text + start, text, length) == 0 &&
           segment->text[start + length] == '\0';
}

struct wire_call_row *segment_add(const char *file, size_t file_length, const char *name, size_t name_length,
                                  uint32_t first_line)
{
    uint64_t hash = mix_text(mix_text(first_line + 0xcbf29ce484222325u, file, file_length), name, name_length);
    size_t at = hash % (2 * WIRE_AGENT_ROWS);
    for (; known[at] != 0; at = (at + 1) % (2 * WIRE_AGENT_ROWS)) {
        struct wire_call_row *row = &segment->rows[known[at]];
        if (row->first_line == first_line && is_text(row->name, name, name_length) &&
            is_text(row->file, file, file_length))
            return row;
    }
    if (n_rows >= WIRE_AGENT_ROWS)
        return &segment->rows[0];
    if (last_file == 0 || !is_text(last_file, file, file_length))
        last_file = add_text(file, file_length);
    uint32_t named = add_text(name, name_length);
    if (last_file == 0 || named == 0)
        return &segment->rows[0];
    struct wire_call_row *row = &segment->rows[n_rows];
    known[at] = (uint16_t)n_rows++;
    row->file = last_file;
    row->name = named;
    row->first_line = first_line;
    segment->n_text = n_text;
    __atomic_store_n(&segment->n_rows, n_rows, __ATOMIC_RELEASE);
    return row;
}

uint32_t segment_place(uint32_t caller, uint32_t row, uint32_t line)
{
    uint64_t hash = (((uint64_t)caller << 32 | row) * 0x9e3779b97f4a7c15u) ^ (line * 0xff51afd7ed558ccdu);
    size_t at = (size_t)(hash ^ hash >> 29) % (2 * WIRE_AGENT_PLACES);
    for (; known_places[at] != 0; at = (at + 1) % (2 * WIRE_AGENT_PLACES)) {
        const struct wire_alloc_place *one = &segment->places[known_places[at]];
        if (one->caller == caller && one->row == row && one->line == line)
            return known_places[at];
    }
    if (n_places >= WIRE_AGENT_PLACES)
        return 0;
    segment->places[n_places] = (struct wire_alloc_place){.caller = caller, .row = row, .line = line};
    known_places[at] = (uint16_t)n_places++;
    __atomic_store_n(&segment->n_places, n_places, __ATOMIC_RELEASE);
    return known_places[at];
}

void segment_keep_most(void)
{
    for (uint32_t i = 0; i < n_places; i++) {
        segment->places[i].most_blocks = segment->places[i].live_blocks;
        segment->places[i].most_bytes = segment->places[i].live_bytes;
    }
}
