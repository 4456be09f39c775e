/*
 * Firefox Profiler's processed profile (JSON), version 48, which newer viewers upgrade themselves. Each thread has its
 * own tables of stacks, frames, functions and strings, and its samples as columns: time in milliseconds since the
 * start, weight in milliseconds by the clock of the options, CPU time in microseconds. A thread that waits has its wait
 * as an innermost frame ("(io)") of the category Waiting. The first sample of a thread is empty, because the viewer
 * leaves the CPU time of a first one out.
 */
#include "export/selection.h"
#include "export/stream.h"

#include "base/map.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { PROCESSED_VERSION = 48, GECKO_VERSION = 29 };
enum category { CATEGORY_OTHER, CATEGORY_OWN, CATEGORY_LIBRARY, CATEGORY_NATIVE, CATEGORY_WAITING, CATEGORY_TASK };

/* The rows of a table of one thread: which ids of the profile they are, in order. */
struct rows {
    uint32_t *number; /* by id: index + 1; 0: not in it */
    uint32_t *ids;
    size_t count, capacity;
};

struct firefox {
    const struct export_input *input;
    struct stream stream;
    struct rows stacks, frames, functions, strings; /* behind the profile's ids but stacks': one for each state */
    struct map waits;                               /* (stack, state) → row of the stack table */
    uint32_t (*wait_rows)[2];                       /* in that order: stack, state */
    size_t n_waits, wait_capacity;
    uint32_t *order;
    size_t *start;
    const uint32_t *indexes; /* of the thread: its samples that count */
    size_t n_indexes;
    bool failed;
};

static uint32_t row_of(struct firefox *file, struct rows *rows, uint32_t id)
{
    if (rows->number[id] == 0) {
        if (mem_grow(&rows->ids, &rows->capacity, rows->count + 1, sizeof *rows->ids) != 0) {
            file->failed = true;
            return 0;
        }
        rows->ids[rows->count++] = id;
        rows->number[id] = (uint32_t)rows->count;
    }
    return rows->number[id] - 1;
}

static void empty_rows(struct rows *rows)
{
    while (rows->count > 0)
        rows->number[rows->ids[--rows->count]] = 0;
}

static void release_rows(struct rows *rows)
{
    mem_free(rows->number);
    mem_free(rows->ids);
}

/* Parents come before their stacks. */
static void add_stack(struct firefox *file, uint32_t stack)
{
    const struct profile *profile = file->input->profile;
    size_t first = file->stacks.count;
    for (uint32_t at = stack; at != 0 && file->stacks.number[at] == 0; at = profile->stacks[at].parent) {
        row_of(file, &file->stacks, at);
        row_of(file, &file->frames, profile->stacks[at].frame);
    }
    for (size_t i = first, j = file->stacks.count; i + 1 < j; i++) {
        uint32_t id = file->stacks.ids[--j];
        file->stacks.ids[j] = file->stacks.ids[i];
        file->stacks.ids[i] = id;
    }
    for (size_t i = first; i < file->stacks.count; i++)
        file->stacks.number[file->stacks.ids[i]] = (uint32_t)i + 1;
}

/* The state that a sample shows as its innermost frame; STATE_COUNT: none. */
static uint32_t shown_state(const struct profile_samples *samples, uint32_t index)
{
    uint8_t state = samples->state[index];
    return samples->stack[index] == 0 || !state_on_cpu((enum state)state) ? state : STATE_COUNT;
}

static void add_wait(struct firefox *file, uint32_t stack, uint32_t state)
{
    uint32_t key[] = {stack, state}, at;
    bool found;
    if (map_put(&file->waits, key, sizeof key, (uint32_t)file->n_waits, &at, &found) != 0 ||
        mem_grow(&file->wait_rows, &file->wait_capacity, file->n_waits + 1, sizeof *file->wait_rows) != 0) {
        file->failed = true;
    } else if (!found) {
        memcpy(file->wait_rows[file->n_waits++], key, sizeof key);
        row_of(file, &file->frames, (uint32_t)file->input->profile->n_frames + state);
    }
}

/* Everything that the thread's samples refer to. */
static void collect(struct firefox *file)
{
    const struct profile *profile = file->input->profile;
    empty_rows(&file->stacks);
    empty_rows(&file->frames);
    empty_rows(&file->functions);
    empty_rows(&file->strings);
    map_release(&file->waits);
    file->waits = (struct map){0};
    file->n_waits = 0;
    for (size_t i = 0; !file->failed && i < file->n_indexes; i++) {
        uint32_t state = shown_state(&profile->samples, file->indexes[i]);
        add_stack(file, profile->samples.stack[file->indexes[i]]);
        if (state != STATE_COUNT)
            add_wait(file, profile->samples.stack[file->indexes[i]], state);
    }
    for (size_t i = 0; !file->failed && i < file->frames.count; i++) {
        uint32_t frame = file->frames.ids[i];
        row_of(file, &file->functions,
               frame < profile->n_frames ? profile->frames[frame].function
                                         : (uint32_t)(profile->n_functions + frame - profile->n_frames));
    }
    for (size_t i = 0; !file->failed && i < file->functions.count; i++) {
        uint32_t id = file->functions.ids[i];
        if (id < profile->n_functions)
            row_of(file, &file->strings, profile->functions[id].file);
        row_of(file, &file->strings,
               id < profile->n_functions ? profile->functions[id].name
                                         : (uint32_t)(profile->n_strings + id - profile->n_functions));
    }
}

/* ---- tables --------------------------------------------------------------------------------------------------------
 */

/* A column: `value` writes the one of row i. */
static int add_column(struct firefox *file, const char *name, size_t count,
                      void (*value)(struct firefox *file, struct buf *out, size_t i))
{
    int rc = 0;
    buf_printf(&file->stream.out, "\"%s\":[", name);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (i > 0)
            buf_add_byte(&file->stream.out, ',');
        value(file, &file->stream.out, i);
        rc = stream_row(&file->stream);
    }
    buf_add_text(&file->stream.out, "],\n");
    return rc;
}

struct column {
    const char *name;
    void (*value)(struct firefox *file, struct buf *out, size_t i);
};

/* Columns end at one without a name; `more` stands before them. */
static int add_table(struct firefox *file, const char *name, const char *more, const struct column *columns,
                     size_t count)
{
    int rc = 0;
    buf_printf(&file->stream.out, "\"%s\":{%s", name, more);
    for (; rc == 0 && columns->name != NULL; columns++)
        rc = add_column(file, columns->name, count, columns->value);
    buf_printf(&file->stream.out, "\"length\":%zu},\n", count);
    return rc;
}

static void value_null(struct firefox *file, struct buf *out, size_t i)
{
    (void)file, (void)i;
    buf_add_text(out, "null");
}

static void value_zero(struct firefox *file, struct buf *out, size_t i)
{
    (void)file, (void)i;
    buf_add_byte(out, '0');
}

static void value_minus_one(struct firefox *file, struct buf *out, size_t i)
{
    (void)file, (void)i;
    buf_add_text(out, "-1");
}

static void value_false(struct firefox *file, struct buf *out, size_t i)
{
    (void)file, (void)i;
    buf_add_text(out, "false");
}

static enum category category_of(const struct profile *profile, uint32_t frame)
{
    if (frame >= profile->n_frames)
        return state_on_cpu((enum state)(frame - profile->n_frames)) ? CATEGORY_OTHER : CATEGORY_WAITING;
    uint32_t function = profile->frames[frame].function;
    if (profile->functions[function].kind == FUNCTION_TASK)
        return CATEGORY_TASK;
    if (profile->functions[function].kind != FUNCTION_PYTHON)
        return CATEGORY_NATIVE;
    return profile->function_own[function] ? CATEGORY_OWN : CATEGORY_LIBRARY;
}

static uint32_t frame_of_row(const struct firefox *file, size_t i)
{
    const struct profile *profile = file->input->profile;
    return i < file->stacks.count ? profile->stacks[file->stacks.ids[i]].frame
                                  : (uint32_t)profile->n_frames + file->wait_rows[i - file->stacks.count][1];
}

static void stack_frame(struct firefox *file, struct buf *out, size_t i)
{
    buf_printf(out, "%u", row_of(file, &file->frames, frame_of_row(file, i)));
}

static void stack_category(struct firefox *file, struct buf *out, size_t i)
{
    buf_printf(out, "%d", category_of(file->input->profile, frame_of_row(file, i)));
}

static void stack_prefix(struct firefox *file, struct buf *out, size_t i)
{
    uint32_t parent = i < file->stacks.count ? file->input->profile->stacks[file->stacks.ids[i]].parent
                                             : file->wait_rows[i - file->stacks.count][0];
    if (parent == 0)
        buf_add_text(out, "null");
    else
        buf_printf(out, "%u", row_of(file, &file->stacks, parent));
}

static void frame_category(struct firefox *file, struct buf *out, size_t i)
{
    buf_printf(out, "%d", category_of(file->input->profile, file->frames.ids[i]));
}

static void frame_function(struct firefox *file, struct buf *out, size_t i)
{
    const struct profile *profile = file->input->profile;
    uint32_t frame = file->frames.ids[i];
    uint32_t function = frame < profile->n_frames ? profile->frames[frame].function
                                                  : (uint32_t)(profile->n_functions + frame - profile->n_frames);
    buf_printf(out, "%u", row_of(file, &file->functions, function));
}

static void add_line(struct buf *out, uint32_t line)
{
    if (line == 0)
        buf_add_text(out, "null");
    else
        buf_printf(out, "%u", line);
}

static void frame_line(struct firefox *file, struct buf *out, size_t i)
{
    uint32_t frame = file->frames.ids[i];
    add_line(out, frame < file->input->profile->n_frames ? file->input->profile->frames[frame].line : 0);
}

static void function_name(struct firefox *file, struct buf *out, size_t i)
{
    const struct profile *profile = file->input->profile;
    uint32_t id = file->functions.ids[i];
    uint32_t string = id < profile->n_functions ? profile->functions[id].name
                                                : (uint32_t)(profile->n_strings + id - profile->n_functions);
    buf_printf(out, "%u", row_of(file, &file->strings, string));
}

static void function_file(struct firefox *file, struct buf *out, size_t i)
{
    const struct profile *profile = file->input->profile;
    uint32_t id = file->functions.ids[i];
    if (id >= profile->n_functions || profile->functions[id].file == 0)
        buf_add_text(out, "null");
    else
        buf_printf(out, "%u", row_of(file, &file->strings, profile->functions[id].file));
}

static void function_line(struct firefox *file, struct buf *out, size_t i)
{
    uint32_t id = file->functions.ids[i];
    add_line(out, id < file->input->profile->n_functions ? file->input->profile->functions[id].first_line : 0);
}

static void string_text(struct firefox *file, struct buf *out, size_t i)
{
    const struct profile *profile = file->input->profile;
    uint32_t id = file->strings.ids[i];
    if (id < profile->n_strings)
        buf_add_json(out, profile->strings[id], profile->string_lengths[id]);
    else
        buf_printf(out, "\"(%s)\"", state_name((enum state)(id - profile->n_strings)));
}

/* ---- samples: row 0 is the empty one -------------------------------------------------------------------------------
 */

static void sample_stack(struct firefox *file, struct buf *out, size_t i)
{
    const struct profile_samples *samples = &file->input->profile->samples;
    uint32_t index = i > 0 ? file->indexes[i - 1] : 0, wait;
    uint32_t key[] = {i > 0 ? samples->stack[index] : 0, i > 0 ? shown_state(samples, index) : STATE_COUNT};
    if (i == 0)
        buf_add_text(out, "null");
    else if (key[1] != STATE_COUNT && map_get(&file->waits, key, sizeof key, &wait))
        buf_printf(out, "%zu", file->stacks.count + wait);
    else
        buf_printf(out, "%u", row_of(file, &file->stacks, key[0]));
}

static void sample_time(struct firefox *file, struct buf *out, size_t i)
{
    const struct profile *profile = file->input->profile;
    uint64_t at = i > 0 ? profile->samples.time_ns[file->indexes[i - 1]]
                        : profile->threads[profile->samples.thread[file->indexes[0]]].start_ns;
    buf_printf(out, "%.3f", (double)at / 1e6);
}

static void sample_weight(struct firefox *file, struct buf *out, size_t i)
{
    buf_printf(out, "%.6f", i > 0 ? selection_weight(file->input, file->indexes[i - 1]) / 1e6 : 0);
}

static void sample_cpu(struct firefox *file, struct buf *out, size_t i)
{
    buf_printf(out, "%.3f", i > 0 ? file->input->profile->samples.cpu_ns[file->indexes[i - 1]] / 1e3 : 0);
}

static int add_tables(struct firefox *file)
{
    static const struct column samples[] = {{"stack", sample_stack},
                                            {"time", sample_time},
                                            {"weight", sample_weight},
                                            {"threadCPUDelta", sample_cpu},
                                            {NULL, NULL}};
    static const struct column stacks[] = {{"frame", stack_frame},
                                           {"category", stack_category},
                                           {"subcategory", value_zero},
                                           {"prefix", stack_prefix},
                                           {NULL, NULL}};
    static const struct column frames[] = {{"address", value_minus_one},
                                           {"inlineDepth", value_zero},
                                           {"category", frame_category},
                                           {"subcategory", value_zero},
                                           {"func", frame_function},
                                           {"nativeSymbol", value_null},
                                           {"innerWindowID", value_zero},
                                           {"implementation", value_null},
                                           {"line", frame_line},
                                           {"column", value_null},
                                           {NULL, NULL}};
    static const struct column functions[] = {{"isJS", value_false},        {"relevantForJS", value_false},
                                              {"name", function_name},      {"resource", value_minus_one},
                                              {"fileName", function_file},  {"lineNumber", function_line},
                                              {"columnNumber", value_null}, {NULL, NULL}};
    int rc = add_table(file, "samples", "\"weightType\":\"tracing-ms\",", samples, file->n_indexes + 1);
    if (rc == 0)
        rc = add_table(file, "stackTable", "", stacks, file->stacks.count + file->n_waits);
    if (rc == 0)
        rc = add_table(file, "frameTable", "", frames, file->frames.count);
    if (rc == 0)
        rc = add_table(file, "funcTable", "", functions, file->functions.count);
    return rc == 0 ? add_column(file, "stringArray", file->strings.count, string_text) : rc;
}

static void add_thread_head(struct firefox *file, uint32_t thread)
{
    const struct profile *profile = file->input->profile;
    const struct thread *row = &profile->threads[thread];
    const struct process *process = &profile->processes[row->process];
    const char *command = profile->strings[process->command]; /* its first argument */
    struct buf name = {0}, *out = &file->stream.out;
    uint64_t end = row->end_ns != 0 ? row->end_ns : profile->duration_ns;
    selection_thread_name(profile, thread, false, &name);
    buf_add_text(out, "{\"name\":");
    const char *text = buf_text(&name);
    buf_add_json(out, text, strlen(text));
    buf_add_text(out, ",\"processType\":\"default\",\"processName\":");
    buf_add_json(out, command, strlen(command));
    buf_printf(
        out,
        ",\"isMainThread\":%s,\"pid\":\"%d\",\"tid\":%d,\"processStartupTime\":%.3f,\"processShutdownTime\":null,"
        "\"registerTime\":%.3f,\"unregisterTime\":%.3f,\"pausedRanges\":[],\n",
        row->tid == process->pid ? "true" : "false", process->pid, row->tid, (double)process->start_ns / 1e6,
        (double)row->start_ns / 1e6, (double)end / 1e6);
    file->failed = file->failed || name.failed;
    buf_release(&name);
}

static int add_thread(struct firefox *file, uint32_t thread)
{
    collect(file);
    add_thread_head(file, thread);
    int rc = file->failed ? ERR_NOMEM : add_tables(file);
    buf_add_text(&file->stream.out,
                 "\"resourceTable\":{\"lib\":[],\"name\":[],\"host\":[],\"type\":[],\"length\":0},\n"
                 "\"nativeSymbols\":{\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[],\"length\":0},\n"
                 "\"markers\":{\"data\":[],\"name\":[],\"startTime\":[],\"endTime\":[],\"phase\":[],\"category\":[],"
                 "\"length\":0}}");
    return rc;
}

static void add_meta(struct firefox *file)
{
    const struct profile *profile = file->input->profile;
    double rate = profile->self.rate_asked_hz > 0 ? profile->self.rate_asked_hz : 1000;
    buf_printf(
        &file->stream.out,
        "{\"meta\":{\"interval\":%.6g,\"startTime\":%.3f,\"processType\":0,\"product\":\"keisoku " KEISOKU_VERSION
        "\",\"stackwalk\":1,\"debug\":false,\"version\":%d,\"preprocessedProfileVersion\":%d,\n"
        "\"symbolicated\":true,\"markerSchema\":[],\"logicalCPUs\":%u,\n"
        "\"sampleUnits\":{\"time\":\"ms\",\"eventDelay\":\"ms\",\"threadCPUDelta\":\"\\u00b5s\"},\n\"categories\":[\n",
        1000 / rate, (double)profile->start_unix_ns / 1e6, GECKO_VERSION, PROCESSED_VERSION, profile->cores);
    static const char *const categories[][2] = {{"Other", "grey"},   {"Own code", "orange"},     {"Library", "blue"},
                                                {"Native", "green"}, {"Waiting", "transparent"}, {"Task", "yellow"}};
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
        buf_printf(&file->stream.out, "%s{\"name\":\"%s\",\"color\":\"%s\",\"subcategories\":[\"Other\"]}",
                   i > 0 ? ",\n" : "", categories[i][0], categories[i][1]);
    buf_add_text(&file->stream.out, "]},\n\"libs\":[],\"pages\":[],\"counters\":[],\n\"threads\":[");
}

/* The samples of the thread that count, moved together. */
static void choose(struct firefox *file, uint32_t thread)
{
    uint32_t *indexes = file->order + file->start[thread];
    file->n_indexes = 0;
    for (size_t i = 0; i < file->start[thread + 1] - file->start[thread]; i++) {
        if (selection_holds(file->input, indexes[i]))
            indexes[file->n_indexes++] = indexes[i];
    }
    file->indexes = indexes;
}

static int new_rows(struct rows *rows, size_t ids)
{
    rows->number = mem_zalloc(ids, sizeof *rows->number);
    return rows->number != NULL ? 0 : ERR_NOMEM;
}

int export_firefox(const struct export_input *input, const struct sink *sink, struct err *err)
{
    const struct profile *profile = input->profile;
    struct firefox file = {.input = input, .stream = {.sink = sink}};
    int rc = selection_by_thread(profile, &file.order, &file.start);
    if (rc == 0 && (new_rows(&file.stacks, profile->n_stacks) != 0 ||
                    new_rows(&file.frames, profile->n_frames + STATE_COUNT) != 0 ||
                    new_rows(&file.functions, profile->n_functions + STATE_COUNT) != 0 ||
                    new_rows(&file.strings, profile->n_strings + STATE_COUNT) != 0))
        rc = ERR_NOMEM;
    add_meta(&file);
    bool any = false;
    for (uint32_t thread = 1; rc == 0 && thread < profile->n_threads; thread++) {
        choose(&file, thread);
        if (file.n_indexes == 0)
            continue;
        buf_add_text(&file.stream.out, any ? ",\n" : "\n");
        any = true;
        rc = add_thread(&file, thread);
    }
    buf_add_text(&file.stream.out, "\n]}\n");
    if (rc == 0)
        rc = file.failed ? ERR_NOMEM : stream_end(&file.stream);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the Firefox profile: out of memory");
    release_rows(&file.stacks);
    release_rows(&file.frames);
    release_rows(&file.functions);
    release_rows(&file.strings);
    map_release(&file.waits);
    mem_free(file.wait_rows);
    mem_free(file.order);
    mem_free(file.start);
    buf_release(&file.stream.out);
    return rc;
}
