/*
 * pprof's profile.proto, gzip-compressed: wall and CPU nanoseconds and samples of every stack, with labels for thread,
 * process and task. A location is a frame of the recording (function and line); all share one mapping, the interpreter.
 */
#include "data/task_sums.h"
#include "export/selection.h"

#include "base/map.h"
#include "base/mem.h"
#include "export/pprof.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

typedef Perftools__Profiles__Profile Profile;
typedef Perftools__Profiles__Sample Sample;
typedef Perftools__Profiles__Label Label;
typedef Perftools__Profiles__ValueType ValueType;
typedef Perftools__Profiles__Mapping Mapping;
typedef Perftools__Profiles__Location Location;
typedef Perftools__Profiles__Line Line;
typedef Perftools__Profiles__Function Function;

enum { LABELS = 5, VALUES = 3 };

/* Everything of the message lives in one arena; a failed allocation sets `failed` and is told at the end. */
struct pprof {
    const struct export_input *input;
    struct arena arena;
    struct map strings;
    char **table;
    size_t n_strings, string_capacity;
    bool *frame_used, *function_used;
    Profile message;
    bool failed;
};

static void *take(struct pprof *pprof, size_t size)
{
    void *block = arena_alloc(&pprof->arena, size);
    if (block == NULL)
        pprof->failed = true;
    else
        memset(block, 0, size);
    return block;
}

/* The index of a text in the string table. */
static int64_t string_id(struct pprof *pprof, const char *text, size_t length)
{
    struct buf visible = {0};
    uint32_t id = 0;
    bool found = true;
    buf_add_visible(&visible, text, length);
    const char *safe = buf_text(&visible);
    if (visible.failed)
        pprof->failed = true;
    else if (map_put(&pprof->strings, safe, strlen(safe), (uint32_t)pprof->n_strings, &id, &found) != 0)
        pprof->failed = true;
    else if (!found) {
        if (mem_grow(&pprof->table, &pprof->string_capacity, pprof->n_strings + 1, sizeof *pprof->table) != 0)
            pprof->failed = true;
        else if ((pprof->table[pprof->n_strings] = arena_strndup(&pprof->arena, safe, strlen(safe))) == NULL)
            pprof->failed = true;
        else
            pprof->n_strings++;
    }
    buf_release(&visible);
    return pprof->failed ? 0 : id;
}

static int64_t word_id(struct pprof *pprof, const char *text)
{
    return string_id(pprof, text, strlen(text));
}

static ValueType *value_type(struct pprof *pprof, const char *type, const char *unit)
{
    ValueType *value = take(pprof, sizeof *value);
    if (value == NULL)
        return NULL;
    perftools__profiles__value_type__init(value);
    value->type = word_id(pprof, type);
    value->unit = word_id(pprof, unit);
    return value;
}

/* ---- samples -------------------------------------------------------------------------------------------------------
 */

static Label *label(struct pprof *pprof, const char *key, const char *text, int64_t number)
{
    Label *made = take(pprof, sizeof *made);
    if (made == NULL)
        return NULL;
    perftools__profiles__label__init(made);
    made->key = word_id(pprof, key);
    if (text != NULL)
        made->str = word_id(pprof, text);
    else
        made->num = number;
    return made;
}

static void add_labels(struct pprof *pprof, Sample *sample, uint32_t thread, uint32_t task)
{
    const struct profile *profile = pprof->input->profile;
    const struct thread *row = &profile->threads[thread];
    int32_t pid = row->process < profile->n_processes ? profile->processes[row->process].pid : 0;
    struct buf name = {0}, process = {0};
    if (row->process < profile->n_processes)
        profile_process_name(profile, row->process, &process);
    selection_thread_name(profile, thread, false, &name);
    pprof->failed = pprof->failed || name.failed || process.failed;
    sample->label = take(pprof, LABELS * sizeof *sample->label);
    if (sample->label != NULL) {
        sample->label[0] = label(pprof, "thread", buf_text(&name), 0);
        sample->label[1] = label(pprof, "process", buf_text(&process), 0);
        sample->label[2] = label(pprof, "thread_id", NULL, row->tid);
        sample->label[3] = label(pprof, "pid", NULL, pid);
        sample->n_label = LABELS - 1;
        if (task != 0)
            sample->label[sample->n_label++] = label(pprof, "task", profile->strings[task_label(profile, task)], 0);
    }
    buf_release(&process);
    buf_release(&name);
}

/* Innermost frame first, as the format has it. */
static void add_locations(struct pprof *pprof, Sample *sample, uint32_t stack)
{
    const struct profile *profile = pprof->input->profile;
    size_t depth = 0;
    for (uint32_t at = stack; at != 0 && depth < profile->n_stacks; at = profile->stacks[at].parent)
        depth++;
    sample->location_id = take(pprof, (depth + 1) * sizeof *sample->location_id);
    if (sample->location_id == NULL)
        return;
    for (uint32_t at = stack; sample->n_location_id < depth; at = profile->stacks[at].parent) {
        uint32_t frame = profile->stacks[at].frame;
        sample->location_id[sample->n_location_id++] = frame;
        pprof->frame_used[frame] = true;
        pprof->function_used[profile->frames[frame].function] = true;
    }
}

static Sample *sample_of(struct pprof *pprof, const struct weighted_stack *stack)
{
    Sample *sample = take(pprof, sizeof *sample);
    int64_t *value = take(pprof, VALUES * sizeof *value);
    if (sample == NULL || value == NULL)
        return NULL;
    perftools__profiles__sample__init(sample);
    value[0] = llround(stack->wall_ns);
    value[1] = llround(stack->cpu_ns);
    value[2] = (int64_t)stack->ticks;
    sample->value = value;
    sample->n_value = VALUES;
    add_locations(pprof, sample, stack->stack);
    add_labels(pprof, sample, stack->thread, stack->task);
    return sample;
}

static void add_samples(struct pprof *pprof, const struct selection *selection)
{
    Profile *message = &pprof->message;
    message->sample = take(pprof, (selection->count + 1) * sizeof *message->sample);
    for (size_t i = 0; !pprof->failed && i < selection->count; i++)
        message->sample[message->n_sample++] = sample_of(pprof, &selection->stacks[i]);
}

/* ---- places --------------------------------------------------------------------------------------------------------
 */

static Location *location_of(struct pprof *pprof, uint32_t frame)
{
    const struct frame *place = &pprof->input->profile->frames[frame];
    Location *location = take(pprof, sizeof *location);
    Line *line = take(pprof, sizeof *line);
    Line **lines = take(pprof, sizeof *lines);
    if (location == NULL || line == NULL || lines == NULL)
        return NULL;
    perftools__profiles__location__init(location);
    perftools__profiles__line__init(line);
    line->function_id = place->function;
    line->line = place->line;
    lines[0] = line;
    location->id = frame;
    location->mapping_id = 1;
    location->line = lines;
    location->n_line = 1;
    return location;
}

static void add_locations_used(struct pprof *pprof)
{
    Profile *message = &pprof->message;
    message->location = take(pprof, (pprof->input->profile->n_frames + 1) * sizeof *message->location);
    for (uint32_t frame = 1; !pprof->failed && frame < pprof->input->profile->n_frames; frame++)
        if (pprof->frame_used[frame])
            message->location[message->n_location++] = location_of(pprof, frame);
}

static Function *function_of(struct pprof *pprof, uint32_t id)
{
    const struct profile *profile = pprof->input->profile;
    const struct function *row = &profile->functions[id];
    Function *function = take(pprof, sizeof *function);
    if (function == NULL)
        return NULL;
    perftools__profiles__function__init(function);
    function->id = id;
    function->name = string_id(pprof, profile->strings[row->name], profile->string_lengths[row->name]);
    function->system_name = function->name;
    function->filename = string_id(pprof, profile->strings[row->file], profile->string_lengths[row->file]);
    function->start_line = row->first_line;
    return function;
}

static void add_functions_used(struct pprof *pprof)
{
    Profile *message = &pprof->message;
    message->function = take(pprof, (pprof->input->profile->n_functions + 1) * sizeof *message->function);
    for (uint32_t id = 1; !pprof->failed && id < pprof->input->profile->n_functions; id++)
        if (pprof->function_used[id])
            message->function[message->n_function++] = function_of(pprof, id);
}

static void add_mapping(struct pprof *pprof)
{
    const struct profile *profile = pprof->input->profile;
    Mapping *mapping = take(pprof, sizeof *mapping);
    Mapping **mappings = take(pprof, sizeof *mappings);
    if (mapping == NULL || mappings == NULL)
        return;
    uint32_t executable = 0;
    for (size_t i = 1; i < profile->n_processes && executable == 0; i++)
        if (profile->processes[i].python != 0)
            executable = profile->processes[i].executable;
    perftools__profiles__mapping__init(mapping);
    mapping->id = 1;
    mapping->filename = executable != 0
                            ? string_id(pprof, profile->strings[executable], profile->string_lengths[executable])
                            : word_id(pprof, "python");
    mapping->has_functions = mapping->has_filenames = mapping->has_line_numbers = true;
    mappings[0] = mapping;
    pprof->message.mapping = mappings;
    pprof->message.n_mapping = 1;
}

/* ---- the whole message ---------------------------------------------------------------------------------------------
 */

static void add_head(struct pprof *pprof)
{
    const struct profile *profile = pprof->input->profile;
    Profile *message = &pprof->message;
    perftools__profiles__profile__init(message);
    word_id(pprof, ""); /* entry 0 */
    message->sample_type = take(pprof, VALUES * sizeof *message->sample_type);
    message->comment = take(pprof, sizeof *message->comment);
    if (pprof->failed)
        return;
    message->sample_type[0] = value_type(pprof, "wall", "nanoseconds");
    message->sample_type[1] = value_type(pprof, "cpu", "nanoseconds");
    message->sample_type[2] = value_type(pprof, "samples", "count");
    message->n_sample_type = VALUES;
    message->default_sample_type = word_id(pprof, pprof->input->options->cpu_clock ? "cpu" : "wall");
    message->period_type = value_type(pprof, "wall", "nanoseconds");
    message->period = profile->self.rate_asked_hz > 0 ? llround(1e9 / profile->self.rate_asked_hz) : 0;
    message->time_nanos = (int64_t)profile->start_unix_ns;
    message->duration_nanos = (int64_t)profile->duration_ns;
    message->comment[0] = word_id(pprof, "keisoku " KEISOKU_VERSION);
    message->n_comment = 1;
}

static int build(struct pprof *pprof)
{
    const struct profile *profile = pprof->input->profile;
    struct selection selection;
    int rc = selection_new(pprof->input, &selection);
    pprof->frame_used = take(pprof, profile->n_frames + 1);
    pprof->function_used = take(pprof, profile->n_functions + 1);
    if (rc == 0 && !pprof->failed) {
        add_head(pprof);
        if (!pprof->failed)
            add_samples(pprof, &selection);
        if (!pprof->failed)
            add_locations_used(pprof);
        if (!pprof->failed)
            add_functions_used(pprof);
        if (!pprof->failed)
            add_mapping(pprof);
        pprof->message.string_table = pprof->table;
        pprof->message.n_string_table = pprof->n_strings;
    }
    selection_release(&selection);
    return rc != 0 ? rc : pprof->failed ? ERR_NOMEM : 0;
}

static void *zlib_alloc(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return mem_zalloc(count, size);
}

static void zlib_free(void *unused, void *block)
{
    (void)unused;
    mem_free(block);
}

/* Compresses `data` into the sink, in pieces. */
static int write_gzip(const uint8_t *data, size_t size, const struct sink *sink)
{
    enum { GZIP = 15 + 16, MEMORY_LEVEL = 8, PIECE = 1 << 16 };
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    uint8_t *piece = mem_alloc(PIECE);
    int rc = 0, state = Z_OK;
    if (piece == NULL ||
        deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        mem_free(piece);
        return ERR_NOMEM;
    }
    while (rc == 0 && state != Z_STREAM_END) {
        size_t share = size < PIECE ? size : PIECE;
        stream.next_in = (Bytef *)data;
        stream.avail_in = (uInt)share;
        stream.next_out = piece;
        stream.avail_out = PIECE;
        state = deflate(&stream, share == size ? Z_FINISH : Z_NO_FLUSH);
        size -= share - stream.avail_in;
        data += share - stream.avail_in;
        rc = sink_write(sink, piece, PIECE - stream.avail_out);
    }
    deflateEnd(&stream);
    mem_free(piece);
    return rc;
}

int export_pprof(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct pprof pprof = {.input = input};
    uint8_t *packed = NULL;
    int rc = build(&pprof);
    if (rc == 0) {
        size_t size = perftools__profiles__profile__get_packed_size(&pprof.message);
        packed = mem_alloc(size + 1);
        if (packed == NULL)
            rc = ERR_NOMEM;
        else
            rc = write_gzip(packed, perftools__profiles__profile__pack(&pprof.message, packed), sink);
    }
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the pprof profile: out of memory");
    mem_free(packed);
    mem_free(pprof.table);
    map_release(&pprof.strings);
    arena_release(&pprof.arena);
    return rc;
}
