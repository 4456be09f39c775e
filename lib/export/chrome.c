/*
 * Chrome's trace event format (JSON): for each thread nested begin and end events with the functions' names, times in
 * microseconds; names of processes and threads as metadata events. Perfetto's and Chrome's own viewers open it.
 */
#include "export/stream.h"
#include "export/timeline.h"

#include <string.h>

struct chrome {
    const struct export_input *input;
    struct stream stream;
    int32_t pid, tid; /* of the thread being written */
    bool any;         /* something stands before the next event */
};

static void open_event(struct chrome *file, char phase)
{
    buf_printf(&file->stream.out, "%s{\"ph\":\"%c\",\"pid\":%d,\"tid\":%d", file->any ? ",\n" : "", phase, file->pid,
               file->tid);
    file->any = true;
}

/* "12.345": microseconds to the nanosecond. */
static void add_time(struct chrome *file, uint64_t at_ns)
{
    buf_printf(&file->stream.out, ",\"ts\":%llu.%03u", (unsigned long long)(at_ns / 1000), (unsigned)(at_ns % 1000));
}

static int begin(void *context, const struct slice *slice, uint64_t at_ns)
{
    struct chrome *file = context;
    struct buf *out = &file->stream.out;
    const struct profile *profile = file->input->profile;
    const struct function *function = &profile->functions[slice->function];
    open_event(file, 'B');
    add_time(file, at_ns);
    if (slice->function != 0) {
        const char *place = profile_short_file(selection_file(profile, slice->function));
        const char *category = function->kind == FUNCTION_TASK          ? "task"
                               : profile->function_own[slice->function] ? "own"
                                                                        : "library";
        buf_printf(out, ",\"cat\":\"%s\",\"name\":", category);
        buf_add_json(out, profile->strings[function->name], profile->string_lengths[function->name]);
        buf_add_text(out, ",\"args\":{\"file\":");
        buf_add_json(out, place, strlen(place));
        buf_printf(out, ",\"line\":%u}}", function->first_line);
    } else {
        buf_printf(out, ",\"cat\":\"state\",\"name\":\"(%s)\"}", state_name((enum state)slice->state));
    }
    return stream_row(&file->stream);
}

static int end(void *context, uint64_t at_ns)
{
    struct chrome *file = context;
    open_event(file, 'E');
    add_time(file, at_ns);
    buf_add_byte(&file->stream.out, '}');
    return stream_row(&file->stream);
}

static void add_name(struct chrome *file, const char *kind, const char *name, size_t length)
{
    struct buf *out = &file->stream.out;
    open_event(file, 'M');
    buf_printf(out, ",\"name\":\"%s\",\"args\":{\"name\":", kind);
    buf_add_json(out, name, length);
    buf_add_text(out, "}}");
}

static int add_thread(struct chrome *file, struct timeline *timeline, uint32_t thread)
{
    const struct profile *profile = file->input->profile;
    const struct thread *row = &profile->threads[thread];
    const struct process *process = &profile->processes[row->process];
    const char *command = profile->strings[process->command];
    struct buf name = {0};
    file->pid = process->pid;
    file->tid = row->tid;
    if (row->tid == process->pid && command[0] != '\0') /* its first argument */
        add_name(file, "process_name", command, strlen(command));
    selection_thread_name(profile, thread, false, &name);
    const char *text = buf_text(&name);
    add_name(file, "thread_name", text, strlen(text));
    int rc = name.failed ? ERR_NOMEM : 0;
    buf_release(&name);
    return rc == 0 ? timeline_walk(timeline, thread) : rc;
}

int export_chrome(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct chrome file = {.input = input, .stream = {.sink = sink}};
    struct timeline timeline = {.input = input, .begin = begin, .end = end, .context = &file};
    int rc = timeline_init(&timeline);
    buf_printf(&file.stream.out,
               "{\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"exporter\":\"keisoku " KEISOKU_VERSION
               "\",\"start_unix_ns\":\"%llu\"},\n\"traceEvents\":[\n",
               (unsigned long long)input->profile->start_unix_ns);
    for (uint32_t thread = 1; rc == 0 && thread < input->profile->n_threads; thread++) {
        if (timeline_has(&timeline, thread))
            rc = add_thread(&file, &timeline, thread);
    }
    buf_add_text(&file.stream.out, "\n]}\n");
    if (rc == 0)
        rc = stream_end(&file.stream);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the trace events: out of memory");
    timeline_release(&timeline);
    buf_release(&file.stream.out);
    return rc;
}
