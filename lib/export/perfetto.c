/*
 * Perfetto's trace format: a track for each thread with nested slices, one for each function on its stack (timeline.h).
 * Names are interned: the packet that uses one first brings it. One packet is one message of perfetto.proto, packed and
 * written at once, so the file may be as long as it likes.
 */
#include "export/perfetto.pb-c.h"
#include "export/stream.h"
#include "export/timeline.h"

#include <string.h>

typedef Perfetto__Protos__TracePacket Packet;

enum {
    SEQUENCE = 1,
    SEQUENCE_CLEARED = 1, /* nothing is interned yet */
    SEQUENCE_NEEDS = 2,   /* uses what was interned before */
    CLOCK_REALTIME_ID = 1,
    CLOCK_BOOTTIME_ID = 6, /* the default of timestamps */
    CATEGORY_OWN = 1,
    CATEGORY_LIBRARY = 2,
    CATEGORY_STATE = 3,
    CATEGORY_TASK = 4,
    CATEGORIES = 4,
    PACKET_FIELD = 1 << 3 | 2 /* field 1 of Trace, with its length before it */
};

struct perfetto {
    const struct export_input *input;
    struct stream stream;
    struct buf name, file;
    uint8_t *packed;
    size_t packed_capacity;
    bool *named; /* by function id, then by state: interned already */
    bool any;
    uint64_t track;
};

static int write_packet(struct perfetto *trace, Packet *packet)
{
    packet->has_trusted_packet_sequence_id = packet->has_sequence_flags = true;
    packet->trusted_packet_sequence_id = SEQUENCE;
    packet->sequence_flags = trace->any ? SEQUENCE_NEEDS : SEQUENCE_NEEDS | SEQUENCE_CLEARED;
    trace->any = true;
    size_t size = perfetto__protos__trace_packet__get_packed_size(packet);
    if (mem_grow(&trace->packed, &trace->packed_capacity, size, 1) != 0)
        return ERR_NOMEM;
    buf_add_byte(&trace->stream.out, PACKET_FIELD);
    buf_add_varint(&trace->stream.out, size);
    buf_add(&trace->stream.out, trace->packed, perfetto__protos__trace_packet__pack(packet, trace->packed));
    return stream_row(&trace->stream);
}

static char *text_of(struct perfetto *trace, struct buf *buf)
{
    char *text = (char *)buf_text(buf);
    trace->stream.out.failed = trace->stream.out.failed || buf->failed;
    return text;
}

/* The text of a string, safe to show, in a buffer that is used again. */
static char *visible(struct perfetto *trace, struct buf *out, uint32_t string)
{
    const struct profile *profile = trace->input->profile;
    buf_clear(out);
    buf_add_visible(out, profile->strings[string], profile->string_lengths[string]);
    return text_of(trace, out);
}

static int write_slice(struct perfetto *trace, Perfetto__Protos__TrackEvent *event, uint64_t at_ns,
                       Perfetto__Protos__InternedData *interned)
{
    Packet packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    event->has_track_uuid = true;
    event->track_uuid = trace->track;
    event->has_type = packet.has_timestamp = true;
    packet.timestamp = at_ns + 1; /* 0 is none */
    packet.track_event = event;
    packet.interned_data = interned;
    return write_packet(trace, &packet);
}

static int begin(void *context, const struct slice *slice, uint64_t at_ns)
{
    struct perfetto *trace = context;
    const struct profile *profile = trace->input->profile;
    const struct function *function = &profile->functions[slice->function];
    bool state = slice->function == 0;
    uint64_t id = state ? profile->n_functions + slice->state : slice->function;
    uint64_t category = state                                    ? CATEGORY_STATE
                        : function->kind == FUNCTION_TASK        ? CATEGORY_TASK
                        : profile->function_own[slice->function] ? CATEGORY_OWN
                                                                 : CATEGORY_LIBRARY;
    Perfetto__Protos__TrackEvent event = PERFETTO__PROTOS__TRACK_EVENT__INIT;
    Perfetto__Protos__InternedData interned = PERFETTO__PROTOS__INTERNED_DATA__INIT;
    Perfetto__Protos__EventName name = PERFETTO__PROTOS__EVENT_NAME__INIT, *names[] = {&name};
    Perfetto__Protos__SourceLocation place = PERFETTO__PROTOS__SOURCE_LOCATION__INIT, *places[] = {&place};
    event.type = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN;
    event.n_category_iids = 1;
    event.category_iids = &category;
    event.has_name_iid = true;
    event.name_iid = name.iid = place.iid = id;
    event.has_source_location_iid = !state;
    event.source_location_iid = id;
    if (trace->named[id])
        return write_slice(trace, &event, at_ns, NULL);
    name.has_iid = place.has_iid = true;
    trace->named[id] = true;
    interned.n_event_names = 1;
    interned.event_names = names;
    if (state) {
        buf_clear(&trace->name);
        buf_printf(&trace->name, "(%s)", state_name((enum state)slice->state));
        name.name = text_of(trace, &trace->name);
    } else {
        name.name = place.function_name = visible(trace, &trace->name, function->name);
        place.file_name = visible(trace, &trace->file, function->file);
        place.has_line_number = true;
        place.line_number = function->first_line;
        interned.n_source_locations = 1;
        interned.source_locations = places;
    }
    return write_slice(trace, &event, at_ns, &interned);
}

static int end(void *context, uint64_t at_ns)
{
    Perfetto__Protos__TrackEvent event = PERFETTO__PROTOS__TRACK_EVENT__INIT;
    event.type = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_END;
    return write_slice(context, &event, at_ns, NULL);
}

/* The clock, the categories. */
static int write_head(struct perfetto *trace)
{
    uint64_t start_unix_ns = trace->input->profile->start_unix_ns;
    Packet packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    Perfetto__Protos__ClockSnapshot snapshot = PERFETTO__PROTOS__CLOCK_SNAPSHOT__INIT;
    Perfetto__Protos__ClockSnapshot__Clock boot = PERFETTO__PROTOS__CLOCK_SNAPSHOT__CLOCK__INIT, real = boot;
    Perfetto__Protos__ClockSnapshot__Clock *clocks[] = {&boot, &real};
    Perfetto__Protos__InternedData interned = PERFETTO__PROTOS__INTERNED_DATA__INIT;
    Perfetto__Protos__EventCategory rows[CATEGORIES], *categories[CATEGORIES];
    char *names[] = {"own", "library", "state", "task"};
    for (size_t i = 0; i < CATEGORIES; i++) {
        perfetto__protos__event_category__init(&rows[i]);
        categories[i] = &rows[i];
        rows[i].has_iid = true;
        rows[i].iid = CATEGORY_OWN + i;
        rows[i].name = names[i];
    }
    interned.n_event_categories = CATEGORIES;
    interned.event_categories = categories;
    boot.has_clock_id = boot.has_timestamp = real.has_clock_id = real.has_timestamp = true;
    boot.clock_id = CLOCK_BOOTTIME_ID;
    boot.timestamp = 1;
    real.clock_id = CLOCK_REALTIME_ID;
    real.timestamp = start_unix_ns + 1;
    snapshot.n_clocks = 2;
    snapshot.clocks = clocks;
    packet.interned_data = &interned;
    int rc = write_packet(trace, &packet);
    Packet clock = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    clock.clock_snapshot = &snapshot;
    return rc == 0 && start_unix_ns != 0 ? write_packet(trace, &clock) : rc;
}

static int write_track(struct perfetto *trace, Perfetto__Protos__TrackDescriptor *track, uint64_t uuid)
{
    Packet packet = PERFETTO__PROTOS__TRACE_PACKET__INIT;
    track->has_uuid = true;
    track->uuid = uuid;
    packet.track_descriptor = track;
    return write_packet(trace, &packet);
}

/* Tracks of processes have the numbers 1 to n_processes, those of threads follow. */
static int write_process(struct perfetto *trace, uint32_t id)
{
    const struct process *row = &trace->input->profile->processes[id];
    Perfetto__Protos__TrackDescriptor track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
    Perfetto__Protos__ProcessDescriptor process = PERFETTO__PROTOS__PROCESS_DESCRIPTOR__INIT;
    const char *command = trace->input->profile->strings[row->command]; /* its first argument is a name */
    buf_clear(&trace->name);
    buf_add_visible(&trace->name, command, strlen(command));
    process.has_pid = true;
    process.pid = row->pid;
    process.process_name = text_of(trace, &trace->name);
    track.process = &process;
    return write_track(trace, &track, id);
}

static int write_thread(struct perfetto *trace, struct timeline *timeline, uint32_t id)
{
    const struct profile *profile = trace->input->profile;
    const struct thread *row = &profile->threads[id];
    Perfetto__Protos__TrackDescriptor track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
    Perfetto__Protos__ThreadDescriptor thread = PERFETTO__PROTOS__THREAD_DESCRIPTOR__INIT;
    buf_clear(&trace->name);
    selection_thread_name(profile, id, false, &trace->name);
    thread.has_pid = thread.has_tid = true;
    thread.pid = profile->processes[row->process].pid;
    thread.tid = row->tid;
    thread.thread_name = text_of(trace, &trace->name);
    track.thread = &thread;
    trace->track = profile->n_processes + id;
    int rc = write_track(trace, &track, trace->track);
    return rc == 0 ? timeline_walk(timeline, id) : rc;
}

int export_perfetto(const struct export_input *input, const struct sink *sink, struct err *err)
{
    const struct profile *profile = input->profile;
    struct perfetto trace = {.input = input, .stream = {.sink = sink}};
    struct timeline timeline = {.input = input, .begin = begin, .end = end, .context = &trace};
    int rc = timeline_init(&timeline);
    trace.named = mem_zalloc(profile->n_functions + STATE_COUNT, sizeof *trace.named);
    if (trace.named == NULL)
        rc = ERR_NOMEM;
    if (rc == 0)
        rc = write_head(&trace);
    for (uint32_t i = 1; rc == 0 && i < profile->n_processes; i++)
        rc = write_process(&trace, i);
    for (uint32_t i = 1; rc == 0 && i < profile->n_threads; i++) {
        if (timeline_has(&timeline, i))
            rc = write_thread(&trace, &timeline, i);
    }
    if (rc == 0)
        rc = stream_end(&trace.stream);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the trace: out of memory");
    timeline_release(&timeline);
    buf_release(&trace.stream.out);
    buf_release(&trace.name);
    buf_release(&trace.file);
    mem_free(trace.packed);
    mem_free(trace.named);
    return rc;
}
