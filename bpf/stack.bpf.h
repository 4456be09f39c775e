/*
 * The Python stack of a thread that stands still: which frames, which code objects (by their marks), and copies of the
 * code objects that the collector does not know yet. Whatever the target's memory holds, the walk ends after
 * WIRE_FRAMES_MAX frames or at a cycle.
 */
#ifndef KEISOKU_BPF_STACK_BPF_H
#define KEISOKU_BPF_STACK_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "wire/kernel_sample.h"

enum { CHUNK_BYTES = 4096 }; /* read at once: the frames of a page of the data stack */

/* Of the frames so far. It lies with the sample, where the verifier does not follow it: else it would go through the
 * walk for each combination of values. */
struct walk {
    __u64 frame, mark; /* mark: a frame remembered for twice as long each time (Brent's cycle detection) */
    __u32 power, since, depth;
    __u32 result;
    __u64 code; /* of the last frame */
    __u32 code_mark, n_new;
};

struct scratch {
    struct wire_sample sample;
    struct wire_frame frames[WIRE_FRAMES_MAX];
    struct walk walk;
    uint64_t chunk_from, chunk_to; /* addresses whose bytes are in the chunk */
    uint8_t chunk[CHUNK_BYTES + WIRE_BYTES];
    uint8_t code[WIRE_BYTES];
    __u64 new_codes[WIRE_NEW_CODES];
    __u32 new_marks[WIRE_NEW_CODES];
    struct wire_code copy;
    uint8_t table[WIRE_TABLE_BYTES];
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 22);
} samples SEC(".maps");

/* Marks of code objects that the collector has names for. A sample with another one wakes it at once: the code may be
 * gone soon. */
__u32 known[WIRE_KNOWN_SLOTS] = {0};

static bool plausible(__u64 address)
{
    return address >= 4096 && address < 1ull << 56 && (address & 7) == 0;
}

static bool read_u64(__u64 address, void *value)
{
    return bpf_probe_read_user(value, sizeof(__u64), (const void *)address) == 0;
}

/* The verifier looks at such a function once, and not again for each state in which it is called. */
#define ONCE __attribute__((noinline, weak))

static __u64 load(const __u8 *bytes, __u32 offset)
{
    return *(const __u64 *)(bytes + (offset & (WIRE_FIELDS_BYTES - 1)));
}

/* Where the frame's instructions begin; 0 when it cannot be told. Free-threaded builds give each thread a copy. */
static __u64 instructions_of(const struct wire_layout *row, const __u8 *bytes, __u64 code)
{
    __u64 array, start;
    __u32 index = row->frame_tlbc_index == WIRE_NONE ? 0 : (__u32)load(bytes, row->frame_tlbc_index);
    if (row->code_tlbc == WIRE_NONE || index == 0)
        return code + row->code_instructions;
    if (index > 65536 || !read_u64(code + row->code_tlbc, &array) || !plausible(array) ||
        !read_u64(array + 8 + (__u64)index * 8, &start))
        return 0;
    return start;
}

static __s32 offset_of(const struct wire_layout *row, const __u8 *bytes, __u64 code)
{
    __u64 ip = load(bytes, row->frame_ip);
    __s64 offset;
    if (row->ip_scale != 0) {
        offset = (__s64)(__s32)ip * row->ip_scale;
    } else {
        __u64 start = instructions_of(row, bytes, code);
        if (start == 0)
            return INT32_MIN;
        offset = (__s64)(ip - start);
    }
    return offset < -2 || offset > INT32_MAX ? INT32_MIN : (__s32)offset;
}

/*
 * The bytes of a frame, whose first stands at `low`. Since 3.11 the callers' frames lie below it on one data stack:
 * what is there of its page comes with it. NULL when it cannot be read.
 */
static __u8 *frame_bytes(const struct wire_layout *row, struct scratch *out, __u64 low, __u32 size)
{
    __u64 end = low + size;
    if (size > WIRE_FIELDS_BYTES)
        return NULL;
    if (low < out->chunk_from || end > out->chunk_to) {
        __u64 from = row->frame_owner == WIRE_NONE ? low : (end - 1) & ~(__u64)(CHUNK_BYTES - 1);
        if (from > low) /* across two pages */
            from = low;
        __u64 length = end - from;
        if (length > CHUNK_BYTES)
            return NULL;
        if (bpf_probe_read_user(out->chunk, length, (const void *)from) != 0)
            return NULL;
        out->chunk_from = from;
        out->chunk_to = end;
    }
    return out->chunk + ((low - out->chunk_from) & (CHUNK_BYTES - 1));
}

/* One frame; 1 ends the loop. */
ONCE int take_frame(struct wire_thread *thread, struct scratch *out, __u32 index)
{
    if (thread == NULL || out == NULL)
        return 1;
    const struct wire_layout *row = &thread->layout;
    struct walk *walk = &out->walk;
    if (walk->frame == 0)
        return 1;
    if (!plausible(walk->frame) || walk->frame == walk->mark) {
        walk->result = WIRE_INVALID;
        return 1;
    }
    if (walk->since++ == walk->power) {
        walk->mark = walk->frame;
        walk->power *= 2;
        walk->since = 0;
    }
    const __u8 *bytes = frame_bytes(row, out, walk->frame + row->frame_low, row->frame_bytes);
    if (bytes == NULL) {
        walk->result = WIRE_UNREADABLE;
        return 1;
    }
    struct wire_frame *frame = &out->frames[index & (WIRE_FRAMES_MAX - 1)];
    __u64 code = load(bytes, row->frame_code) & ~(__u64)row->code_tag_mask;
    __u32 owner = row->frame_owner;
    frame->address = walk->frame;
    frame->code = code;
    frame->owner = owner == WIRE_NONE ? 0 : bytes[owner & (WIRE_FIELDS_BYTES - 1)];
    frame->entry = owner == WIRE_NONE ? 0 : bytes[(owner - 1) & (WIRE_FIELDS_BYTES - 1)];
    frame->offset = INT32_MIN;
    frame->mark = 0;
    if (plausible(code)) {
        frame->offset = offset_of(row, bytes, code);
        __u32 code_bytes = row->code_bytes;
        if (code == walk->code)
            frame->mark = walk->code_mark; /* recursion */
        else if (code_bytes <= WIRE_FIELDS_BYTES &&
                 bpf_probe_read_user(out->code, code_bytes, (const void *)(code + row->code_low)) == 0)
            frame->mark = wire_mark(row, out->code, code, thread->process);
        walk->code = code;
        walk->code_mark = frame->mark;
        __u32 slot = (frame->mark << 1) & (WIRE_KNOWN_SLOTS - 2);
        if (known[slot] != frame->mark && known[slot + 1] != frame->mark && walk->n_new < WIRE_NEW_CODES) {
            __u32 at = walk->n_new++ & (WIRE_NEW_CODES - 1);
            out->new_codes[at] = code;
            out->new_marks[at] = frame->mark;
        }
    }
    walk->frame = load(bytes, row->frame_previous);
    walk->depth = index + 1;
    return 0;
}

struct reading {
    struct wire_thread *thread;
    struct scratch *out;
};

static long step(__u32 index, struct reading *reading)
{
    return take_frame(reading->thread, reading->out, index) != 0;
}

struct cframes {
    const struct wire_layout *row;
    __u64 at, outermost;
};

static long step_cframe(__u32 index, struct cframes *chain)
{
    __u64 frame = 0, previous = 0;
    (void)index;
    if (!plausible(chain->at) || !read_u64(chain->at + chain->row->cframe_frame, &frame) ||
        !read_u64(chain->at + chain->row->cframe_previous, &previous))
        return 1;
    chain->outermost = frame != 0 ? frame : chain->outermost;
    chain->at = previous;
    return previous == 0;
}

/* The innermost frame's address; 0: none. */
static bool innermost(const struct wire_thread *thread, struct wire_sample *sample, __u64 *frame)
{
    const struct wire_layout *row = &thread->layout;
    __u64 cframe = 0;
    *frame = 0;
    if (row->thread_cframe == WIRE_NONE)
        return read_u64(thread->state + row->thread_frame, frame);
    if (!read_u64(thread->state + row->thread_cframe, &cframe))
        return false;
    if (cframe == 0)
        return true;
    if (row->cframe_previous != WIRE_NONE && row->status_holds == 0) {
        struct cframes chain = {.row = row, .at = cframe};
        bpf_loop(WIRE_FRAMES_MAX, step_cframe, &chain, 0);
        sample->entry_frame = chain.outermost;
    }
    return read_u64(cframe + row->cframe_frame, frame);
}

static bool say_state(const struct wire_thread *thread, struct wire_sample *sample)
{
    __u64 interpreter = 0, value = 0;
    if (!read_u64(thread->state + thread->layout.thread_interpreter, &interpreter) ||
        interpreter != thread->interpreter)
        return false;
    if (thread->gc != 0 && read_u64(thread->gc, &value) && (__u32)value != 0)
        sample->flags |= WIRE_GC_RUNNING;
    value = 0;
    if (thread->layout.status_holds != 0) {
        if (read_u64(thread->state + thread->layout.thread_status, &value) &&
            ((__u32)value & thread->layout.status_holds) != 0)
            sample->flags |= WIRE_HOLDS_GIL;
    } else if (thread->holder != 0 && read_u64(thread->holder, &value) && value == thread->state) {
        sample->flags |= WIRE_HOLDS_GIL;
    }
    return true;
}

/* The first bytes of the object at `address`, fewer where its page ends. */
static __u32 read_image(void *image, __u64 address)
{
    __u32 size = WIRE_TEXT_BYTES;
    for (int i = 0; i < 4; i++, size /= 2) {
        if (bpf_probe_read_user(image, size, (const void *)address) == 0)
            return size;
    }
    return 0;
}

ONCE int copy_code(struct wire_thread *thread, struct scratch *out, __u32 index)
{
    if (thread == NULL || out == NULL || index >= out->walk.n_new)
        return 1;
    const struct wire_layout *row = &thread->layout;
    struct wire_code *copy = &out->copy;
    __u64 table = 0, bytes = 0;
    copy->kind = WIRE_CODE;
    copy->owner = thread->owner;
    copy->address = out->new_codes[index & (WIRE_NEW_CODES - 1)];
    copy->mark = out->new_marks[index & (WIRE_NEW_CODES - 1)];
    __u32 size = row->code_size;
    if (size > WIRE_FIELDS_BYTES || bpf_probe_read_user(copy->head, size, (const void *)copy->address) != 0)
        return 0;
    for (int i = 0; i < WIRE_TEXTS; i++) {
        copy->text_bytes[i] = 0;
        copy->text_addresses[i] = 0;
        if (row->code_texts[i] != WIRE_NONE && read_u64(copy->address + row->code_texts[i], &copy->text_addresses[i]))
            copy->text_bytes[i] = read_image(copy->texts[i], copy->text_addresses[i]);
    }
    copy->table_bytes = 0;
    if (read_u64(copy->address + row->code_table, &table) && read_u64(table + row->table_size, &bytes)) {
        bytes += row->table_head;
        if (bytes <= WIRE_TABLE_BYTES && bpf_probe_read_user(out->table, bytes, (const void *)table) == 0)
            copy->table_bytes = (__u32)bytes;
    }
    __u64 total = copy->table_bytes;
    if (total <= WIRE_TABLE_BYTES)
        bpf_ringbuf_output(&samples, copy, sizeof *copy + total, BPF_RB_NO_WAKEUP);
    return 0;
}

static long step_copy(__u32 index, struct reading *reading)
{
    return copy_code(reading->thread, reading->out, index) != 0;
}

/* Does the stack end where none does, or does it hold a link that may be an old one? The collector judges; here it is
 * only told to be quick. */
static bool in_doubt(const struct wire_layout *row, const struct scratch *out)
{
    const struct walk *walk = &out->walk;
    const struct wire_frame *frames = out->frames;
    if (walk->result != WIRE_OK)
        return true;
    if (row->frame_owner == WIRE_NONE || walk->depth == 0)
        return false;
    const struct wire_frame *last = &frames[(walk->depth - 1) & (WIRE_FRAMES_MAX - 1)];
    if (row->end_owner != 0 ? last->owner < row->end_owner : last->entry == 0 || last->owner == WIRE_OWNED_BY_GENERATOR)
        return true;
    return walk->depth > 1 && frames[0].offset < 0 && frames[0].owner != WIRE_OWNED_BY_GENERATOR &&
           frames[1].owner == WIRE_OWNED_BY_GENERATOR;
}

static void read_stack(struct wire_thread *thread, struct scratch *out)
{
    struct reading reading = {.thread = thread, .out = out};
    struct walk *walk = &out->walk;
    struct wire_sample *sample = &out->sample;
    *walk = (struct walk){.power = 1};
    if (!say_state(thread, sample)) {
        sample->result = WIRE_INVALID;
        return;
    }
    if (!innermost(thread, sample, &walk->frame)) {
        sample->result = WIRE_UNREADABLE;
        return;
    }
    out->chunk_from = out->chunk_to = 0;
    bpf_loop(WIRE_FRAMES_MAX, step, &reading, 0);
    if (walk->n_new > 0) {
        bpf_loop(WIRE_NEW_CODES, step_copy, &reading, 0);
        sample->flags |= WIRE_NEW_CODE;
    }
    if (in_doubt(&thread->layout, out))
        sample->flags |= WIRE_IN_DOUBT;
    sample->result = (__u8)walk->result;
    sample->depth = walk->depth;
    if (walk->depth == WIRE_FRAMES_MAX && walk->frame != 0)
        sample->flags |= WIRE_TRUNCATED;
}

#endif
