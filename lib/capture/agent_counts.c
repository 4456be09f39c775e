/* See agent_counts.h. */
#include "capture/agent_counts.h"

#include "base/mem.h"
#include "wire/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_NS = 1000 * 1000 * 1000, SEGMENTS_MAX = 4096, UNSEEN_MAX = 3 };

#define BYTES_MAX ((uint64_t)1 << 48) /* of a place */

/* What the recording has of a row. */
struct written {
    struct call_count count;
    uint64_t mark; /* of its function; 0: not looked at */
};

struct placed {
    struct allocation sum;
    uint64_t mark; /* of where it is; 0: not looked at */
};

struct segment {
    char name[32];
    int fd;
    pid_t pid;
    uint64_t opened_ns;
    bool over;               /* looked at for the last time */
    uint64_t uncounted;      /* told */
    unsigned unseen;         /* looks at which its process was gone, and not followed */
    struct written *written; /* of each row */
    size_t n_written, capacity;
    struct placed *allocated; /* of each place, likewise */
    size_t n_allocated, allocated_capacity;
    uint64_t unsampled;
};

struct agent_counts {
    struct agent_place place;
    struct segment *segments;
    size_t n_segments, capacity;
    uint64_t due_ns;
    bool any;
    struct wire_segment *copy;                                      /* of the segment being looked at */
    uint32_t functions[WIRE_AGENT_ROWS], stacks[WIRE_AGENT_PLACES]; /* of its rows and places, in the recording */
};

int agent_counts_new(const struct measure_options *options, struct agent_counts **result, struct err *err)
{
    const char flags[] = {options->calls ? WIRE_AGENT_CALLS : ' ', options->argument_hashes ? WIRE_AGENT_HASHES : ' ',
                          options->allocations ? WIRE_AGENT_ALLOCS : ' ', options->no_children ? WIRE_AGENT_FIRST : ' ',
                          '\0'};
    struct agent_counts *counts = mem_zalloc(1, sizeof *counts);
    if (counts == NULL)
        return err_set(err, ERR_NOMEM, "cannot count in the program: out of memory; free some memory");
    counts->copy = mem_alloc(sizeof *counts->copy);
    counts->place.directory = -1;
    int rc = counts->copy != NULL
                 ? agent_place_init(&counts->place, flags, err)
                 : err_set(err, ERR_NOMEM, "cannot count in the program: out of memory; free some memory");
    if (rc != 0) {
        agent_counts_free(counts);
        return rc;
    }
    *result = counts;
    return 0;
}

char **agent_counts_environment(const struct agent_counts *counts)
{
    return counts->place.environment;
}

/* ---- finding segments ----------------------------------------------------------------------------------------------
 */

static bool is_known(const struct agent_counts *counts, const char *name)
{
    for (size_t i = 0; i < counts->n_segments; i++)
        if (strcmp(counts->segments[i].name, name) == 0)
            return true;
    return false;
}

/* The name is the agent's, and the file: nothing but a regular one is opened. Read and written by calls
 * that cannot fail by a page that is gone. */
static void take(struct agent_counts *counts, const char *name)
{
    char *end;
    struct segment segment = {.pid = (pid_t)strtol(name, &end, 10)};
    struct stat about;
    if (end == name || *end != '.' || strlen(name) >= sizeof segment.name || is_known(counts, name) ||
        counts->n_segments >= SEGMENTS_MAX ||
        mem_grow(&counts->segments, &counts->capacity, counts->n_segments + 1, sizeof segment) != 0)
        return;
    segment.fd = openat(counts->place.directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (segment.fd < 0)
        return;
    if (fstat(segment.fd, &about) != 0 || !S_ISREG(about.st_mode) ||
        pread(segment.fd, &segment.opened_ns, sizeof segment.opened_ns, offsetof(struct wire_segment, opened_ns)) !=
            (ssize_t)sizeof segment.opened_ns ||
        segment.opened_ns == 0) { /* it is being made */
        close(segment.fd);
        return;
    }
    memcpy(segment.name, name, strlen(name) + 1);
    counts->segments[counts->n_segments++] = segment;
}

static void find_segments(struct agent_counts *counts)
{
    DIR *list = fdopendir(fcntl(counts->place.directory, F_DUPFD_CLOEXEC, 0));
    struct dirent *entry;
    if (list == NULL)
        return;
    rewinddir(list);
    while ((entry = readdir(list)) != NULL)
        take(counts, entry->d_name);
    closedir(list);
}

/* ---- reading one ---------------------------------------------------------------------------------------------------
 */

static bool read_part(const struct segment *segment, void *to, size_t size, size_t at)
{
    return pread(segment->fd, to, size, (off_t)at) == (ssize_t)size;
}

/* Its rows and texts, as far as they are written. */
static bool read_segment(struct agent_counts *counts, const struct segment *segment)
{
    struct wire_segment *copy = counts->copy;
    return read_part(segment, copy, offsetof(struct wire_segment, rows), 0) && copy->magic == WIRE_AGENT_MAGIC &&
           copy->n_rows > 0 && copy->n_rows <= WIRE_AGENT_ROWS && copy->n_text > 0 && copy->n_text <= WIRE_AGENT_TEXT &&
           copy->n_places > 0 && copy->n_places <= WIRE_AGENT_PLACES &&
           read_part(segment, copy->rows, copy->n_rows * sizeof *copy->rows, offsetof(struct wire_segment, rows)) &&
           read_part(segment, copy->places, copy->n_places * sizeof *copy->places,
                     offsetof(struct wire_segment, places)) &&
           read_part(segment, copy->text, copy->n_text, offsetof(struct wire_segment, text));
}

/* The text there, ended; NULL: it is none, or longer than any. */
static const char *text_at(struct wire_segment *copy, uint32_t start)
{
    copy->text[copy->n_text - 1] = '\0';
    return start > 0 && start < copy->n_text && strnlen(copy->text + start, WIRE_AGENT_NAME + 1) <= WIRE_AGENT_NAME
               ? copy->text + start
               : NULL;
}

/* Of a row's function: it is the same for ever, so that a program cannot make up new ones without end. */
static bool same_function(struct written *written, const char *file, const char *name, uint32_t first_line)
{
    uint64_t mark = first_line + 1;
    for (const char *at = file; *at != '\0'; at++)
        mark = mark * 31 + (unsigned char)*at;
    for (const char *at = name; *at != '\0'; at++)
        mark = mark * 31 + (unsigned char)*at;
    if (written->mark == 0)
        written->mark = mark | 1;
    return written->mark == (mark | 1);
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* What the row has counted. Each number is a part of one before it, whatever was counted while they were read; and none
 * ever gets smaller, unless the program writes there. */
static struct call_count counted(const struct wire_call_row *row)
{
    struct call_count count = {.calls = at_most(row->calls, INT64_MAX / WIRE_AGENT_ROWS)};
    count.told = at_most(row->told, count.calls);
    count.repeats = at_most(row->repeats, count.told);
    count.gave_none = at_most(row->gave_none, count.told);
    count.compared = at_most(row->compared, count.repeats);
    count.changed = at_most(row->changed, count.compared);
    return count;
}

/* Adds what is new; false: nothing is. */
static bool grow(struct call_count *written, const struct call_count *now, struct call_count *more)
{
    const size_t pairs[] = {offsetof(struct call_count, calls),    offsetof(struct call_count, told),
                            offsetof(struct call_count, repeats),  offsetof(struct call_count, gave_none),
                            offsetof(struct call_count, compared), offsetof(struct call_count, changed)};
    bool any = false;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint64_t before, after, step;
        memcpy(&before, (char *)written + pairs[i], sizeof before);
        memcpy(&after, (const char *)now + pairs[i], sizeof after);
        step = after - at_most(before, after);
        memcpy((char *)more + pairs[i], &step, sizeof step);
        after = before + step; /* what gets smaller was written by somebody else */
        memcpy((char *)written + pairs[i], &after, sizeof after);
        any = any || step > 0;
    }
    return any;
}

static uint32_t function_of_row(struct agent_counts *counts, const struct agent_counts_view *view,
                                struct segment *segment, struct tracked_process *process, uint32_t row)
{
    const struct wire_call_row *at = &counts->copy->rows[row];
    const char *file = text_at(counts->copy, at->file), *name = text_at(counts->copy, at->name);
    if (file == NULL || name == NULL || !same_function(&segment->written[row], file, name, at->first_line))
        return 0;
    return names_counted(view->names, process, file, name, at->first_line);
}

static uint32_t frame_of_place(struct agent_counts *counts, const struct agent_counts_view *view,
                               struct segment *segment, struct tracked_process *process, uint32_t at)
{
    const struct wire_alloc_place *place = &counts->copy->places[at];
    if (place->row == 0 || place->row >= counts->copy->n_rows)
        return 0;
    uint32_t *function = &counts->functions[place->row];
    if (*function == 0)
        *function = function_of_row(counts, view, segment, process, place->row);
    return *function != 0 ? recording_add_frame(view->m->recording, *function, place->line) : 0;
}

/* The stack of the place in the recording; 0: it is not known. Callers come before what they call. */
static uint32_t stack_of_place(struct agent_counts *counts, const struct agent_counts_view *view,
                               struct segment *segment, struct tracked_process *process, uint32_t at)
{
    uint32_t chain[WIRE_AGENT_DEPTH], stack = 0;
    size_t n = 0;
    for (uint32_t before = UINT32_MAX; at != 0 && at < before && counts->stacks[at] == 0 && n < WIRE_AGENT_DEPTH;
         at = counts->copy->places[at].caller) {
        chain[n++] = before = at;
    }
    stack = at < counts->copy->n_places ? counts->stacks[at] : 0;
    while (n > 0) {
        uint32_t frame = frame_of_place(counts, view, segment, process, chain[--n]);
        if (frame == 0)
            return 0;
        stack = counts->stacks[chain[n]] = recording_add_stack(view->m->recording, stack, frame);
    }
    return stack;
}

/* It is the same for ever, too. */
static bool same_place(struct placed *placed, const struct wire_alloc_place *place)
{
    uint64_t mark = (((uint64_t)place->caller * 31 + place->row) * 1000003 + place->line) | 1;
    if (placed->mark == 0)
        placed->mark = mark;
    return placed->mark == mark;
}

/* Is `most` what was live at some time before, or what is live now? */
static bool most_is_before(const struct wire_segment *copy)
{
    uint64_t live = 0, most = 0;
    for (uint32_t i = 0; i < copy->n_places; i++) {
        live += at_most(copy->places[i].live_bytes, BYTES_MAX);
        most += at_most(copy->places[i].most_bytes, BYTES_MAX);
    }
    return most > live;
}

static int64_t whole(uint64_t value, uint64_t part)
{
    return (int64_t)at_most((value + part / 2) / part, BYTES_MAX);
}

/* Each place's own numbers, what they differ by from what the recording has. */
static void write_allocations(struct agent_counts *counts, const struct agent_counts_view *view,
                              struct segment *segment, struct tracked_process *process)
{
    const struct wire_segment *copy = counts->copy;
    bool before = most_is_before(copy);
    if (mem_grow(&segment->allocated, &segment->allocated_capacity, copy->n_places, sizeof *segment->allocated) != 0)
        return;
    for (; segment->n_allocated < copy->n_places; segment->n_allocated++)
        segment->allocated[segment->n_allocated] = (struct placed){0};
    memset(counts->functions, 0, sizeof counts->functions);
    memset(counts->stacks, 0, sizeof counts->stacks);
    for (uint32_t i = 0; i < copy->n_places; i++) {
        const struct wire_alloc_place *place = &copy->places[i];
        struct allocation *written = &segment->allocated[i].sum;
        const struct allocation now = {
            .blocks = whole(place->blocks, WIRE_AGENT_BLOCK_PART),
            .bytes = whole(place->bytes, 1),
            .most_blocks = whole(before ? place->most_blocks : place->live_blocks, WIRE_AGENT_BLOCK_PART),
            .most_bytes = whole(before ? place->most_bytes : place->live_bytes, 1),
        };
        struct allocation more = {.process = process->id,
                                  .blocks = now.blocks - written->blocks,
                                  .bytes = now.bytes - written->bytes,
                                  .most_blocks = now.most_blocks - written->most_blocks,
                                  .most_bytes = now.most_bytes - written->most_bytes};
        bool same = more.blocks == 0 && more.bytes == 0 && more.most_blocks == 0 && more.most_bytes == 0;
        if (same || !same_place(&segment->allocated[i], place))
            continue;
        more.stack = stack_of_place(counts, view, segment, process, i);
        recording_add_allocation(view->m->recording, &more);
        *written = now;
    }
    uint64_t unsampled = at_most(copy->unsampled, BYTES_MAX) + copy->unplaced;
    measure_lose(view->m, LOSS_ALLOC_UNSAMPLED, unsampled - at_most(segment->unsampled, unsampled));
    segment->unsampled = unsampled > segment->unsampled ? unsampled : segment->unsampled;
}

static void write_segment(struct agent_counts *counts, const struct agent_counts_view *view, struct segment *segment,
                          struct tracked_process *process)
{
    struct wire_segment *copy = counts->copy;
    if (!read_segment(counts, segment) ||
        mem_grow(&segment->written, &segment->capacity, copy->n_rows, sizeof *segment->written) != 0)
        return;
    for (; segment->n_written < copy->n_rows; segment->n_written++)
        segment->written[segment->n_written] = (struct written){0};
    for (uint32_t i = 1; i < copy->n_rows; i++) {
        struct call_count now = counted(&copy->rows[i]), more = {.process = process->id};
        struct call_count before = segment->written[i].count;
        if (!grow(&segment->written[i].count, &now, &more))
            continue;
        more.function = function_of_row(counts, view, segment, process, i);
        if (more.function == 0)
            segment->written[i].count = before;
        else
            recording_add_call_count(view->m->recording, &more);
    }
    uint64_t uncounted = at_most(copy->rows[0].calls, INT64_MAX / SEGMENTS_MAX);
    measure_lose(view->m, LOSS_CALL_UNCOUNTED, uncounted - at_most(segment->uncounted, uncounted));
    segment->uncounted = uncounted > segment->uncounted ? uncounted : segment->uncounted;
    if (view->m->options.allocations)
        write_allocations(counts, view, segment, process);
    counts->any = true;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------
 */

/* The process that opened it: of those of that number the last that had begun by then, or the first, if it was joined
 * late. NULL: it was not followed. */
static struct tracked_process *opener(const struct agent_counts_view *view, const struct segment *segment)
{
    struct tracked_process *found = NULL;
    for (size_t i = 0; i < view->n_processes; i++) {
        struct tracked_process *one = view->processes[i];
        if (one->pid == segment->pid && one->id != 0 && (found == NULL || one->start_ns <= segment->opened_ns))
            found = one;
    }
    return found;
}

/* Does its process go on as another program, or is taken for one? */
static bool goes_on(const struct agent_counts_view *view, const struct segment *segment)
{
    for (size_t i = 0; i < view->n_processes; i++)
        if (view->processes[i]->pid == segment->pid && !view->processes[i]->over)
            return true;
    return false;
}

/* A child that was over before it was followed: its calls are lost, and its memory given back. */
static bool is_lost(struct agent_counts *counts, const struct agent_counts_view *view, struct segment *segment)
{
    uint64_t lost = 0, blocks = 0;
    if (kill(segment->pid, 0) == 0 || errno != ESRCH || ++segment->unseen < UNSEEN_MAX)
        return false;
    if (segment->n_written == 0 && read_segment(counts, segment)) {
        for (uint32_t i = 0; i < counts->copy->n_rows; i++)
            lost += at_most(counts->copy->rows[i].calls, INT64_MAX / WIRE_AGENT_ROWS / SEGMENTS_MAX);
        for (uint32_t i = 0; i < counts->copy->n_places; i++)
            blocks += (uint64_t)whole(counts->copy->places[i].blocks, WIRE_AGENT_BLOCK_PART);
    }
    measure_lose(view->m, LOSS_CALL_UNCOUNTED, lost);
    measure_lose(view->m, LOSS_ALLOC_UNSAMPLED, blocks);
    return true;
}

static void end_segment(struct agent_counts *counts, struct segment *segment)
{
    unlinkat(counts->place.directory, segment->name, 0);
    close(segment->fd);
    mem_free(segment->written);
    mem_free(segment->allocated);
    segment->written = NULL;
    segment->allocated = NULL;
    segment->over = true;
}

static void drop_ended(struct agent_counts *counts)
{
    size_t left = 0;
    for (size_t i = 0; i < counts->n_segments; i++)
        if (!counts->segments[i].over)
            counts->segments[left++] = counts->segments[i];
    counts->n_segments = left;
}

void agent_counts_write(struct agent_counts *counts, const struct agent_counts_view *view, uint64_t now_ns, bool last)
{
    bool due = last || now_ns >= counts->due_ns;
    find_segments(counts);
    for (size_t i = 0; i < counts->n_segments; i++) {
        struct segment *segment = &counts->segments[i];
        struct tracked_process *process = opener(view, segment);
        if (process == NULL && due && is_lost(counts, view, segment))
            end_segment(counts, segment);
        if (process == NULL || (!due && !process->over))
            continue;
        write_segment(counts, view, segment, process);
        if (process->over && !goes_on(view, segment))
            end_segment(counts, segment);
    }
    drop_ended(counts);
    if (due)
        counts->due_ns = now_ns + LOOK_NS;
}

bool agent_counts_is_agent(const struct agent_counts *counts, const char *path)
{
    size_t length = counts != NULL ? strlen(counts->place.path) : 0;
    return length > 0 && strncmp(path, counts->place.path, length) == 0 &&
           strcmp(path + length, "/" WIRE_AGENT_FILE) == 0;
}

bool agent_counts_any(const struct agent_counts *counts)
{
    return counts->any;
}

void agent_counts_free(struct agent_counts *counts)
{
    const uint32_t over = 1;
    if (counts == NULL)
        return;
    for (size_t i = 0; i < counts->n_segments; i++) {
        if (pwrite(counts->segments[i].fd, &over, sizeof over, offsetof(struct wire_segment, over)) < 0)
            errno = 0; /* it goes on being counted, and nobody looks */
        end_segment(counts, &counts->segments[i]);
    }
    mem_free(counts->segments);
    mem_free(counts->copy);
    if (counts->place.directory >= 0)
        agent_place_release(&counts->place);
    mem_free(counts);
}
