/* See calls.h. */
#include "capture/calls.h"

#include "base/mem.h"
#include "wire/calls.h"

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

/* What the recording has of a row. */
struct written {
    struct call_count count;
    uint64_t mark; /* of its function; 0: not looked at */
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
};

struct calls {
    struct agent_place place;
    struct segment *segments;
    size_t n_segments, capacity;
    uint64_t due_ns;
    bool any;
    struct wire_calls *copy; /* of the segment being looked at */
};

int calls_new(bool hashes, bool only, struct calls **result, struct err *err)
{
    struct calls *calls = mem_zalloc(1, sizeof *calls);
    if (calls == NULL)
        return err_set(err, ERR_NOMEM, "cannot count calls: out of memory; free some memory");
    calls->copy = mem_alloc(sizeof *calls->copy);
    calls->place.directory = -1;
    int rc = calls->copy != NULL ? agent_place_init(&calls->place, hashes, only, err)
                                 : err_set(err, ERR_NOMEM, "cannot count calls: out of memory; free some memory");
    if (rc != 0) {
        calls_free(calls);
        return rc;
    }
    *result = calls;
    return 0;
}

char **calls_environment(const struct calls *calls)
{
    return calls->place.environment;
}

/* ---- finding segments ----------------------------------------------------------------------------------------------
 */

static bool is_known(const struct calls *calls, const char *name)
{
    for (size_t i = 0; i < calls->n_segments; i++)
        if (strcmp(calls->segments[i].name, name) == 0)
            return true;
    return false;
}

/* The name is the agent's, and the file: nothing but a regular one is opened. Read and written by calls
 * that cannot fail by a page that is gone. */
static void take(struct calls *calls, const char *name)
{
    char *end;
    struct segment segment = {.pid = (pid_t)strtol(name, &end, 10)};
    struct stat about;
    if (end == name || *end != '.' || strlen(name) >= sizeof segment.name || is_known(calls, name) ||
        calls->n_segments >= SEGMENTS_MAX ||
        mem_grow(&calls->segments, &calls->capacity, calls->n_segments + 1, sizeof segment) != 0)
        return;
    segment.fd = openat(calls->place.directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (segment.fd < 0)
        return;
    if (fstat(segment.fd, &about) != 0 || !S_ISREG(about.st_mode) ||
        pread(segment.fd, &segment.opened_ns, sizeof segment.opened_ns, offsetof(struct wire_calls, opened_ns)) !=
            (ssize_t)sizeof segment.opened_ns ||
        segment.opened_ns == 0) { /* it is being made */
        close(segment.fd);
        return;
    }
    memcpy(segment.name, name, strlen(name) + 1);
    calls->segments[calls->n_segments++] = segment;
}

static void find_segments(struct calls *calls)
{
    DIR *list = fdopendir(fcntl(calls->place.directory, F_DUPFD_CLOEXEC, 0));
    struct dirent *entry;
    if (list == NULL)
        return;
    rewinddir(list);
    while ((entry = readdir(list)) != NULL)
        take(calls, entry->d_name);
    closedir(list);
}

/* ---- reading one ---------------------------------------------------------------------------------------------------
 */

static bool read_part(const struct segment *segment, void *to, size_t size, size_t at)
{
    return pread(segment->fd, to, size, (off_t)at) == (ssize_t)size;
}

/* Its rows and texts, as far as they are written. */
static bool read_segment(struct calls *calls, const struct segment *segment)
{
    struct wire_calls *copy = calls->copy;
    return read_part(segment, copy, offsetof(struct wire_calls, rows), 0) && copy->magic == WIRE_CALLS_MAGIC &&
           copy->n_rows > 0 && copy->n_rows <= WIRE_CALLS_ROWS && copy->n_text > 0 && copy->n_text <= WIRE_CALLS_TEXT &&
           read_part(segment, copy->rows, copy->n_rows * sizeof *copy->rows, offsetof(struct wire_calls, rows)) &&
           read_part(segment, copy->text, copy->n_text, offsetof(struct wire_calls, text));
}

/* The text there, ended; NULL: it is none, or longer than any. */
static const char *text_at(struct wire_calls *copy, uint32_t start)
{
    copy->text[copy->n_text - 1] = '\0';
    return start > 0 && start < copy->n_text && strnlen(copy->text + start, WIRE_CALLS_NAME + 1) <= WIRE_CALLS_NAME
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
    struct call_count count = {.calls = at_most(row->calls, INT64_MAX / WIRE_CALLS_ROWS)};
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

static void write_segment(struct calls *calls, const struct calls_view *view, struct segment *segment,
                          struct tracked_process *process)
{
    struct wire_calls *copy = calls->copy;
    if (!read_segment(calls, segment) ||
        mem_grow(&segment->written, &segment->capacity, copy->n_rows, sizeof *segment->written) != 0)
        return;
    for (; segment->n_written < copy->n_rows; segment->n_written++)
        segment->written[segment->n_written] = (struct written){0};
    for (uint32_t i = 1; i < copy->n_rows; i++) {
        const struct wire_call_row *row = &copy->rows[i];
        const char *file = text_at(copy, row->file), *name = text_at(copy, row->name);
        struct call_count now = counted(row), more = {.process = process->id};
        if (file == NULL || name == NULL || !same_function(&segment->written[i], file, name, row->first_line) ||
            !grow(&segment->written[i].count, &now, &more))
            continue;
        more.function = names_counted(view->names, process, file, name, row->first_line);
        recording_add_call_count(view->m->recording, &more);
    }
    uint64_t uncounted = at_most(copy->rows[0].calls, INT64_MAX / SEGMENTS_MAX);
    measure_lose(view->m, LOSS_CALL_UNCOUNTED, uncounted - at_most(segment->uncounted, uncounted));
    segment->uncounted = uncounted > segment->uncounted ? uncounted : segment->uncounted;
    calls->any = true;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------
 */

/* The process that opened it: of those of that number the last that had begun by then, or the first, if it was joined
 * late. NULL: it was not followed. */
static struct tracked_process *opener(const struct calls_view *view, const struct segment *segment)
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
static bool goes_on(const struct calls_view *view, const struct segment *segment)
{
    for (size_t i = 0; i < view->n_processes; i++)
        if (view->processes[i]->pid == segment->pid && !view->processes[i]->over)
            return true;
    return false;
}

/* A child that was over before it was followed: its calls are lost, and its memory given back. */
static bool is_lost(struct calls *calls, const struct calls_view *view, struct segment *segment)
{
    uint64_t lost = 0;
    if (kill(segment->pid, 0) == 0 || errno != ESRCH || ++segment->unseen < UNSEEN_MAX)
        return false;
    if (segment->n_written == 0 && read_segment(calls, segment))
        for (uint32_t i = 0; i < calls->copy->n_rows; i++)
            lost += at_most(calls->copy->rows[i].calls, INT64_MAX / WIRE_CALLS_ROWS / SEGMENTS_MAX);
    measure_lose(view->m, LOSS_CALL_UNCOUNTED, lost);
    return true;
}

static void end_segment(struct calls *calls, struct segment *segment)
{
    unlinkat(calls->place.directory, segment->name, 0);
    close(segment->fd);
    mem_free(segment->written);
    segment->written = NULL;
    segment->over = true;
}

static void drop_ended(struct calls *calls)
{
    size_t left = 0;
    for (size_t i = 0; i < calls->n_segments; i++)
        if (!calls->segments[i].over)
            calls->segments[left++] = calls->segments[i];
    calls->n_segments = left;
}

void calls_write(struct calls *calls, const struct calls_view *view, uint64_t now_ns, bool last)
{
    bool due = last || now_ns >= calls->due_ns;
    find_segments(calls);
    for (size_t i = 0; i < calls->n_segments; i++) {
        struct segment *segment = &calls->segments[i];
        struct tracked_process *process = opener(view, segment);
        if (process == NULL && due && is_lost(calls, view, segment))
            end_segment(calls, segment);
        if (process == NULL || (!due && !process->over))
            continue;
        write_segment(calls, view, segment, process);
        if (process->over && !goes_on(view, segment))
            end_segment(calls, segment);
    }
    drop_ended(calls);
    if (due)
        calls->due_ns = now_ns + LOOK_NS;
}

bool calls_is_agent(const struct calls *calls, const char *path)
{
    size_t length = calls != NULL ? strlen(calls->place.path) : 0;
    return length > 0 && strncmp(path, calls->place.path, length) == 0 &&
           strcmp(path + length, "/" WIRE_CALLS_AGENT) == 0;
}

bool calls_any(const struct calls *calls)
{
    return calls->any;
}

void calls_free(struct calls *calls)
{
    const uint32_t over = 1;
    if (calls == NULL)
        return;
    for (size_t i = 0; i < calls->n_segments; i++) {
        if (pwrite(calls->segments[i].fd, &over, sizeof over, offsetof(struct wire_calls, over)) < 0)
            errno = 0; /* it goes on being counted, and nobody looks */
        end_segment(calls, &calls->segments[i]);
    }
    mem_free(calls->segments);
    mem_free(calls->copy);
    if (calls->place.directory >= 0)
        agent_place_release(&calls->place);
    mem_free(calls);
}
