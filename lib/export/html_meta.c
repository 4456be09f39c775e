/*
 * The page's JSON blocks: what the recording says of itself and its processes, the diagnosis, the string table and the
 * source lines around every line that has time.
 *
 * May fail: short memory, told by the buffer's `failed`.
 */
#include "data/core_sums.h"
#include "diagnose/held.h"
#include "diagnose/operand_words.h"
#include "export/code_words.h"
#include "export/html_page.h"
#include "export/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMAND_MAX = 4000,
    NOTES_MAX = 50,
    THREADS_MAX = 5000,
    GAPS_MAX = 1000,
    OPERAND_LINES_MAX = 200,
    MEMORY_LINES = 50
};

static void add_key(struct buf *out, const char *key)
{
    buf_printf(out, ",\"%s\":", key);
}

static void add_number(struct buf *out, const char *key, double value)
{
    add_key(out, key);
    if (isfinite(value))
        buf_printf(out, "%.9g", value);
    else
        buf_add_text(out, "null");
}

static void add_count(struct buf *out, const char *key, uint64_t value)
{
    add_key(out, key);
    buf_printf(out, "%llu", (unsigned long long)value);
}

static void add_bool(struct buf *out, const char *key, bool value)
{
    add_key(out, key);
    buf_add_text(out, value ? "true" : "false");
}

/* A JSON string of at most `most` bytes, cut between characters and marked as cut. */
static void add_cut(struct buf *out, const char *text, size_t length, size_t most)
{
    if (length <= most) {
        buf_add_json(out, text, length);
        return;
    }
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    struct buf cut = {0};
    buf_add(&cut, text, most);
    buf_add_text(&cut, "…");
    if (cut.failed)
        out->failed = true;
    else
        buf_add_json(out, cut.data, cut.size);
    buf_release(&cut);
}

static void add_text(struct buf *out, const char *key, const char *text)
{
    add_key(out, key);
    text = text != NULL ? text : "";
    add_cut(out, text, strlen(text), COMMAND_MAX);
}

static void add_string(struct buf *out, const struct profile *profile, uint32_t id, size_t most)
{
    if (id < profile->n_strings && id != 0)
        add_cut(out, profile->strings[id], profile->string_lengths[id], most);
    else
        buf_add_text(out, "\"\"");
}

static void add_string_at(struct buf *out, const char *key, const struct profile *profile, uint32_t id)
{
    add_key(out, key);
    add_string(out, profile, id, PAGE_STRING_MAX);
}

static void add_recording(struct buf *out, const struct profile *profile)
{
    const char *path = profile->path != NULL ? profile->path : "", *slash = strrchr(path, '/');
    add_text(out, "file", slash != NULL ? slash + 1 : path);
    add_text(out, "directory", profile->directory);
    add_text(out, "mode", profile->mode);
    add_text(out, "evidence", profile->evidence);
    add_text(out, "version", profile->keisoku_version);
    add_count(out, "started_ms", profile->start_unix_ns / 1000000);
    add_count(out, "duration_ns", profile->duration_ns);
    add_count(out, "cores", profile->cores);
    add_count(out, "cores_allowed", profile->cores_allowed);
    add_number(out, "cores_quota", profile->cores_quota);
    add_bool(out, "complete", profile->complete);
    add_key(out, "command");
    buf_add_byte(out, '[');
    for (size_t i = 0; profile->command != NULL && profile->command[i] != NULL; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        add_cut(out, profile->command[i], strlen(profile->command[i]), PAGE_STRING_MAX);
    }
    buf_add_byte(out, ']');
    add_key(out, "notes");
    buf_add_byte(out, '[');
    struct buf left_out = {0};
    profile_left_out(profile, &left_out);
    if (left_out.size > 0)
        add_cut(out, left_out.data, left_out.size, PAGE_STRING_MAX);
    bool first = left_out.size == 0;
    out->failed = out->failed || left_out.failed;
    buf_release(&left_out);
    for (size_t i = 0; profile->notes != NULL && profile->notes[i] != NULL && i < NOTES_MAX; i++) {
        if (i > 0 || !first)
            buf_add_byte(out, ',');
        add_cut(out, profile->notes[i], strlen(profile->notes[i]), PAGE_STRING_MAX);
    }
    buf_add_byte(out, ']');
}

static void add_trust(struct buf *out, const struct profile *profile)
{
    const struct self_report *self = &profile->self;
    uint64_t by_reader[READER_KIND_COUNT] = {0}, ticks = 0;
    for (size_t i = 0; i < profile->samples.count; i++) {
        uint8_t reader = profile->samples.reader[i];
        by_reader[reader < READER_KIND_COUNT ? reader : READER_NONE] += profile->samples.ticks[i];
        ticks += profile->samples.ticks[i];
    }
    add_key(out, "trust");
    buf_printf(out, "{\"samples\":%llu", (unsigned long long)ticks);
    add_count(out, "own_cpu_ns", self->own_cpu_ns);
    add_count(out, "core_taken_ns", self->core_taken_ns);
    add_count(out, "own_rss_bytes", self->own_rss_bytes);
    add_count(out, "sweeps", self->sweeps);
    add_count(out, "sweeps_planned", self->sweeps_planned);
    add_count(out, "late", self->late);
    add_count(out, "reads", self->reads);
    add_count(out, "rereads", self->rereads);
    add_count(out, "stops", self->stops);
    add_count(out, "native_whole", self->native_whole);
    add_count(out, "native_cut", self->native_cut);
    add_number(out, "rate_asked_hz", self->rate_asked_hz);
    add_number(out, "rate_hz", self->rate_hz);
    add_key(out, "readers");
    for (size_t i = 0; i < READER_KIND_COUNT; i++)
        buf_printf(out, "%s\"%s\":%llu", i == 0 ? "{" : ",", reader_kind_name((enum reader_kind)i),
                   (unsigned long long)by_reader[i]);
    buf_add_byte(out, '}');
    add_key(out, "losses");
    for (size_t i = 0; i < LOSS_KIND_COUNT; i++)
        buf_printf(out, "%s{\"name\":\"%s\",\"line\":\"%s\",\"count\":%llu}", i == 0 ? "[" : ",",
                   loss_name((enum loss_kind)i), loss_line((enum loss_kind)i), (unsigned long long)profile->losses[i]);
    buf_add_text(out, "]}");
}

static void add_states(struct buf *out)
{
    add_key(out, "states");
    for (int i = 0; i < STATE_COUNT; i++) {
        enum state state = (enum state)i;
        buf_printf(out, "%s{\"name\":\"%s\",\"letter\":\"%c\",\"on_cpu\":%s,\"line\":\"%s\"}", i == 0 ? "[" : ",",
                   state_name(state), state_letter(state), state_on_cpu(state) ? "true" : "false", state_line(state));
    }
    buf_add_byte(out, ']');
}

static void add_processes(struct buf *out, const struct profile *profile)
{
    add_key(out, "processes");
    buf_add_text(out, "[null");
    struct buf name = {0};
    for (uint32_t i = 1; i < profile->n_processes; i++) {
        const struct process *process = &profile->processes[i];
        buf_printf(out, ",{\"pid\":%d", process->pid);
        buf_clear(&name);
        profile_process_name(profile, i, &name);
        add_text(out, "name", buf_text(&name));
        add_count(out, "parent", process->parent);
        add_key(out, "command");
        add_string(out, profile, process->command, COMMAND_MAX);
        add_string_at(out, "python", profile, process->python);
        add_count(out, "start_ns", process->start_ns);
        add_count(out, "end_ns", process->end_ns);
        add_key(out, "exit_status");
        buf_printf(out, "%d}", process->exit_status);
    }
    out->failed = out->failed || name.failed;
    buf_release(&name);
    buf_add_byte(out, ']');
}

/* A page can be made without a diagnosis. */
static void add_role(struct buf *out, const struct diagnosis *diagnosis, size_t thread)
{
    if (diagnosis == NULL || diagnosis->roles == NULL)
        return;
    add_text(out, "role", role_name((enum role)diagnosis->roles[thread].role));
    add_bool(out, "aside", diagnosis->roles[thread].aside);
}

static void add_threads(struct buf *out, const struct profile *profile, const struct diagnosis *diagnosis)
{
    add_key(out, "threads");
    buf_add_text(out, "[null");
    for (size_t i = 1; i < profile->n_threads && i < THREADS_MAX; i++) {
        const struct thread *thread = &profile->threads[i];
        buf_printf(out, ",{\"tid\":%d", thread->tid);
        add_count(out, "process", thread->process);
        add_string_at(out, "name", profile, thread->name);
        add_count(out, "start_ns", thread->start_ns);
        add_count(out, "end_ns", thread->end_ns);
        add_count(out, "run_ns", thread->run_ns);
        add_count(out, "delay_ns", thread->delay_ns);
        add_bool(out, "idle", profile->thread_idle[i]);
        add_role(out, diagnosis, i);
        buf_add_byte(out, '}');
    }
    buf_add_byte(out, ']');
}

static void add_shares(struct buf *out, const char *key, const struct share shares[STATE_COUNT])
{
    add_key(out, key);
    for (size_t i = 0; i < STATE_COUNT; i++) {
        bool good = isfinite(shares[i].share) && isfinite(shares[i].low) && isfinite(shares[i].high);
        struct share share = good ? shares[i] : (struct share){0};
        buf_printf(out, "%s[%.6g,%.6g,%.6g]", i == 0 ? "[" : ",", share.share, share.low, share.high);
    }
    buf_add_byte(out, ']');
}

static void add_evidence(struct buf *out, const struct finding *finding)
{
    add_key(out, "evidence");
    buf_add_byte(out, '[');
    for (size_t i = 0; i < finding->n_evidence && i < EVIDENCE_MAX; i++) {
        const struct evidence *evidence = &finding->evidence[i];
        buf_add_text(out, i == 0 ? "{\"measure\":" : ",{\"measure\":");
        buf_add_json(out, evidence->measure, strnlen(evidence->measure, sizeof evidence->measure));
        add_number(out, "value", evidence->value);
        if (evidence->interval) {
            add_number(out, "low", evidence->low);
            add_number(out, "high", evidence->high);
        }
        add_text(out, "unit", evidence->unit);
        buf_add_byte(out, '}');
    }
    buf_add_byte(out, ']');
}

static void add_finding(struct buf *out, const struct profile *profile, const struct finding *finding)
{
    buf_add_text(out, "{\"tag\":");
    buf_add_json(out, finding->tag, strlen(finding->tag));
    add_text(out, "prescription", prescription_name(finding->prescription));
    add_text(out, "sentence", finding->sentence);
    add_text(out, "action", finding->action);
    add_number(out, "confidence", finding->confidence);
    if (finding->function < profile->n_functions && finding->function != 0)
        add_string_at(out, "function", profile, profile->functions[finding->function].name);
    add_string_at(out, "file", profile, finding->file);
    add_count(out, "line", finding->line);
    if (finding->line_first < finding->line_last) {
        add_count(out, "line_first", finding->line_first);
        add_count(out, "line_last", finding->line_last);
    }
    add_number(out, "max_gain", finding->max_gain);
    add_text(out, "gain_law", finding->gain_law);
    add_number(out, "scaled_gain", finding->scaled_gain);
    add_number(out, "predicted_low", finding->predicted_low);
    add_number(out, "predicted_high", finding->predicted_high);
    add_text(out, "check_command", finding->check_command);
    if (finding->next_tells != NULL) {
        add_text(out, "next_tells", finding->next_tells);
        add_text(out, "next_command", finding->next_command);
    }
    add_evidence(out, finding);
    add_key(out, "not_measured");
    buf_add_byte(out, '[');
    for (size_t i = 0; i < finding->n_not_measured && i < NOT_MEASURED_MAX; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        buf_add_json(out, finding->not_measured[i], strlen(finding->not_measured[i]));
    }
    buf_add_text(out, "]}");
}

/* A sentence's worth: what code had the CPU, and what told it. */
static void add_code(struct buf *out, const struct profile *profile, const struct aggregate *aggregate)
{
    struct buf words = {0}, by = {0};
    if (aggregate == NULL)
        return;
    if (!code_words(profile, aggregate, PAGE_STRING_MAX, &words))
        out->failed = true;
    else if (words.size > 0) {
        code_evidence(profile, &by);
        add_text(out, "code", buf_text(&words));
        add_text(out, "code_by", buf_text(&by));
    }
    out->failed = out->failed || words.failed || by.failed;
    buf_release(&words);
    buf_release(&by);
}

static void add_diagnosis(struct buf *out, const struct profile *profile, const struct diagnosis *diagnosis)
{
    add_key(out, "diagnosis");
    if (diagnosis == NULL) {
        buf_add_text(out, "null");
        return;
    }
    buf_add_text(out, "{\"findings\":[");
    for (size_t i = 0; i < diagnosis->n_findings; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        add_finding(out, profile, &diagnosis->findings[i]);
    }
    buf_add_byte(out, ']');
    add_count(out, "lost", diagnosis->trust.dropped + diagnosis->trust.lost);
    add_number(out, "core_taken", diagnosis->trust.core_taken);
    add_number(out, "unfollowed", diagnosis->trust.unfollowed);
    add_shares(out, "wall", diagnosis->wall);
    add_shares(out, "cpu", diagnosis->cpu);
    add_code(out, profile, diagnosis->aggregate);
    add_number(out, "cores_used", diagnosis->cores_used);
    add_number(out, "cores_free", diagnosis->cores_free);
    buf_add_byte(out, '}');
}

/* What the program did on each core: number, CPU time, run delay, everybody's time there (0: not known), ns. */
static void add_core_use(struct buf *out, const struct profile *profile)
{
    struct core_sum *sums = NULL;
    size_t n = 0;
    if (core_sums_of(profile, &sums, &n) != 0)
        out->failed = true;
    if (n > 0)
        add_key(out, "core_use");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s[%u,%.0f,%.0f,%.0f]%s", i == 0 ? "[" : ",", sums[i].core, sums[i].used_ns, sums[i].delay_ns,
                   sums[i].busy_ns, i + 1 == n ? "]" : "");
    mem_free(sums);
}

/* Lines that asked for what was in use at the most; nothing where that was not sampled. */
static void add_memory(struct buf *out, const struct profile *profile)
{
    struct held_line *lines, all;
    size_t n;
    if (held_lines(profile, 0, HELD_BYTES, &lines, &n, &all) != 0)
        out->failed = true;
    if (out->failed || !(all.most_bytes > 0)) {
        mem_free(lines);
        return;
    }
    add_key(out, "memory");
    buf_printf(out, "{\"processes\":%zu,\"asked\":%.0f,\"most\":%.0f,\"lines\":[", held_processes(profile), all.bytes,
               all.most_bytes);
    for (size_t i = 0; i < n && i < MEMORY_LINES && lines[i].most_bytes > 0; i++) {
        const struct frame *frame = &profile->frames[lines[i].frame];
        const struct function *function = &profile->functions[frame->function];
        buf_add_text(out, i == 0 ? "[" : ",[");
        buf_add_json(out, profile->strings[function->file], profile->string_lengths[function->file]);
        buf_printf(out, ",%u,", frame->line);
        buf_add_json(out, profile->strings[function->name], profile->string_lengths[function->name]);
        buf_printf(out, ",%.0f,%.0f,%.0f]", lines[i].most_bytes, lines[i].most_blocks, lines[i].bytes);
    }
    buf_add_text(out, "]}");
    mem_free(lines);
}

static bool add_line_words(struct buf *out, const struct profile *profile, uint32_t frame_id, bool first,
                           struct buf *words)
{
    const struct frame *frame = &profile->frames[frame_id];
    uint32_t file = profile->functions[frame->function].file;
    buf_clear(words);
    operand_words(profile, file, frame->line, words);
    if (words->size == 0)
        return false;
    buf_add_text(out, first ? "{\"file\":" : ",{\"file\":");
    add_string(out, profile, file, PAGE_STRING_MAX);
    add_count(out, "line", frame->line);
    add_text(out, "text", buf_text(words));
    buf_add_byte(out, '}');
    return true;
}

/* What lines work on and wait for, in words: [{"file":"…","line":4,"text":"…"}], each line once or twice. Rows are in
 * the order of their frames: those of one line come one after the other, as a rule. */
static void add_operands(struct buf *out, const struct profile *profile)
{
    struct buf words = {0};
    size_t lines = 0;
    add_key(out, "operands");
    buf_add_byte(out, '[');
    for (size_t i = 0; i < profile->n_operands && lines < OPERAND_LINES_MAX; i++)
        if (i == 0 || profile->operands[i - 1].frame != profile->operands[i].frame)
            lines += add_line_words(out, profile, profile->operands[i].frame, lines == 0, &words);
    for (size_t i = 0; i < profile->n_lock_holders && lines < OPERAND_LINES_MAX; i++)
        if (i == 0 || profile->lock_holders[i - 1].frame != profile->lock_holders[i].frame)
            lines += add_line_words(out, profile, profile->lock_holders[i].frame, lines == 0, &words);
    buf_add_byte(out, ']');
    out->failed = out->failed || words.failed;
    buf_release(&words);
}

/* As the JSON report has them. */
static void add_tasks(struct buf *out, const struct profile *profile)
{
    struct json_writer json = {.buf = out, .filled = {true}};
    if (json_tasks(&json, profile) != 0)
        out->failed = true;
}

/* Where the clock stood still, and for how long: the longest where there are very many. */
static void add_gaps(struct buf *out, const struct profile *profile)
{
    uint64_t least_ns = 0;
    size_t left = profile->n_gaps;
    for (; left > GAPS_MAX; least_ns = least_ns > 0 ? 2 * least_ns : 1) {
        left = 0;
        for (size_t i = 0; i < profile->n_gaps; i++)
            left += profile->gaps[i].length_ns >= least_ns;
    }
    add_key(out, "gaps");
    buf_add_byte(out, '[');
    bool first = true;
    for (size_t i = 0; i < profile->n_gaps; i++) {
        if (profile->gaps[i].length_ns < least_ns)
            continue;
        buf_printf(out, "%s[%llu,%llu]", first ? "" : ",", (unsigned long long)profile->gaps[i].time_ns,
                   (unsigned long long)profile->gaps[i].length_ns);
        first = false;
    }
    buf_add_byte(out, ']');
}

/* What the command line asked for becomes the page's first view. */
static void add_view(struct buf *out, const struct export_input *input)
{
    add_key(out, "view");
    buf_printf(out, "{\"cpu\":%s}", input->options->cpu_clock ? "true" : "false");
}

void page_add_meta(struct buf *out, struct page *page, const struct export_input *input)
{
    const struct profile *profile = input->profile;
    buf_add_text(out, "{\"format\":1");
    add_recording(out, profile);
    add_trust(out, profile);
    add_states(out);
    add_processes(out, profile);
    add_threads(out, profile, input->diagnosis);
    add_diagnosis(out, profile, input->diagnosis);
    add_view(out, input);
    add_operands(out, profile);
    add_tasks(out, profile);
    add_gaps(out, profile);
    add_core_use(out, profile);
    add_memory(out, profile);
    add_count(out, "buckets", page->buckets);
    add_number(out, "folded_ns", page->folded_ns);
    add_key(out, "series");
    page_add_series(out, page, profile);
    add_count(out, "functions", page->n_functions);
    buf_add_byte(out, '}');
}

void page_add_strings(struct buf *out, const struct page *page, const struct profile *profile)
{
    buf_add_text(out, "[\"\"");
    for (size_t i = 1; i < page->n_strings; i++) {
        buf_add_byte(out, ',');
        add_string(out, profile, page->strings[i], PAGE_STRING_MAX);
    }
    buf_add_byte(out, ']');
}
