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

enum {
    CHUNK_BYTES = 4096, /* read at once: the frames of a page of the data stack */
    WALK_BLOCK = 8,     /* frames of one call, which costs more than a frame does */
    SEEN_CODES = 64
};

/* Of the frames so far. It lies with the sample, where the verifier does not follow it: else it would go through the
 * walk for each combination of values. */
struct walk {
    __u64 frame, mark; /* mark: a frame remembered for twice as long each time (Brent's cycle detection) */
    __u32 power, since, depth;
    __u32 result;
    __u32 n_new, number; /* of the walk: each has its own */
};

/* A code object that a walk has looked at. */
struct seen_code {
    __u64 code;
    __u32 mark, walk;
};

struct scratch {
    struct wire_sample sample;
    struct wire_frame frames[WIRE_FRAMES_MAX];
    struct walk walk;
    uint8_t state[WIRE_BYTES];     /* of the thread */
    uint64_t chunk_from, chunk_to; /* addresses whose bytes are in the chunk */
    uint8_t chunk[CHUNK_BYTES + WIRE_BYTES];
    uint8_t code[WIRE_BYTES];
    struct seen_code seen[SEEN_CODES];
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

/* In user space, and aligned: in one comparison, since each branch is one more way for the verifier. */
static bool plausible(__u64 address)
{
    return ((address - 4096) | (address & 7) << 60) < (1ull << 56) - 4096;
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

/* Where the instructions of a thread's own copy begin, which free-threaded builds have; above all user space when it
 * cannot be told. */
ONCE __u64 copied_instructions(struct wire_thread *thread, __u64 code, __u32 copy)
{
    __u64 array, start;
    if (thread == NULL || copy > 65536 || !read_u64(code + thread->layout.code_tlbc, &array) || !plausible(array) ||
        !read_u64(array + 8 + (__u64)copy * 8, &start))
        return 1ull << 62;
    return start;
}

static __s32 offset_of(struct wire_thread *thread, const __u8 *bytes, __u64 code)
{
    const struct wire_layout *row = &thread->layout;
    __u64 ip = load(bytes, row->frame_ip), start = code + row->code_instructions;
    __u32 copy = row->frame_tlbc_index == WIRE_NONE ? 0 : (__u32)load(bytes, row->frame_tlbc_index);
    if (copy != 0 && row->code_tlbc != WIRE_NONE)
        start = copied_instructions(thread, code, copy);
    __s64 offset = row->ip_scale != 0 ? (__s64)(__s32)ip * row->ip_scale : (__s64)(ip - start);
    return (__u64)offset + 2 > INT32_MAX ? INT32_MIN : (__s32)offset;
}

/* Since 3.11 the callers' frames lie below a frame on one data stack: what is there of its page comes with it. */
ONCE int read_chunk(struct wire_thread *thread, struct scratch *out, __u64 low)
{
    if (thread == NULL || out == NULL)
        return 1;
    __u64 end = low + thread->layout.frame_bytes;
    __u64 from = thread->layout.frame_owner == WIRE_NONE ? low : (end - 1) & ~(__u64)(CHUNK_BYTES - 1);
    if (from > low) /* across two pages */
        from = low;
    __u64 length = end - from;
    if (length > CHUNK_BYTES || bpf_probe_read_user(out->chunk, length, (const void *)from) != 0)
        return 1;
    out->chunk_from = from;
    out->chunk_to = end;
    return 0;
}

/* Where a code object's mark is, after a look at it. */
static struct seen_code *seen_at(struct scratch *out, __u64 code)
{
    return &out->seen[(code >> 5 ^ code >> 11) & (SEEN_CODES - 1)];
}

/* Where a code object has no number of its own, one that was made in the place of another may have all its fields: its
 * file's name, length and beginning, goes into the mark. */
ONCE __u32 with_text(struct wire_thread *thread, __u64 text, __u32 mark)
{
    uint64_t image[WIRE_MARK_TEXT] = {0}, length = 0, state = 0;
    if (thread == NULL || !read_u64(text + thread->layout.text_length, &length))
        return mark;
    const struct wire_layout *row = &thread->layout;
    if (row->text_state != WIRE_NONE && !read_u64(text + row->text_state, &state))
        return mark;
    bool ascii = row->text_state == WIRE_NONE || ((__u32)state & row->text_ascii) != 0;
    __u64 start = text + row->text_start[ascii ? 0 : 1], size = length;
    if (size > sizeof image)
        size = sizeof image;
    if (bpf_probe_read_user(image, size, (const void *)start) != 0)
        return mark;
    return wire_mark_text(mark, length, image);
}

ONCE int look_at(struct wire_thread *thread, struct scratch *out, __u64 code)
{
    if (thread == NULL || out == NULL)
        return 1;
    const struct wire_layout *row = &thread->layout;
    struct walk *walk = &out->walk;
    struct seen_code *seen = seen_at(out, code);
    __u32 code_bytes = row->code_bytes, mark = 0;
    if (code_bytes <= WIRE_FIELDS_BYTES &&
        bpf_probe_read_user(out->code, code_bytes, (const void *)(code + row->code_low)) == 0)
        mark = wire_mark(row, out->code, code, thread->process);
    if (mark != 0 && row->mark_text != WIRE_NONE)
        mark = with_text(thread, load(out->code, row->mark_text), mark);
    seen->code = code;
    seen->mark = mark;
    seen->walk = walk->number;
    __u32 slot = (mark << 1) & (WIRE_KNOWN_SLOTS - 2);
    if (known[slot] != mark && known[slot + 1] != mark && walk->n_new < WIRE_NEW_CODES) {
        __u32 at = walk->n_new++ & (WIRE_NEW_CODES - 1);
        out->new_codes[at] = code;
        out->new_marks[at] = mark;
    }
    return 0;
}

/*
 * A block of frames; 1 ends the loop. What is rare is in functions of its own: the verifier follows each way through
 * here for each frame of the block.
 */
ONCE int take_frames(struct wire_thread *thread, struct scratch *out, __u32 index)
{
    if (thread == NULL || out == NULL)
        return 1;
    const struct wire_layout *row = &thread->layout;
    struct walk *walk = &out->walk;
    __u32 owner = row->frame_owner, owned = row->owner_mask;
    __u64 at = walk->frame, last = at;
    for (__u32 i = 0; i < WALK_BLOCK; i++) {
        __u64 low = at + row->frame_low;
        if (at == 0)
            return 1;
        if (!plausible(at) || at == walk->mark) {
            walk->result = WIRE_INVALID;
            return 1;
        }
        if ((low < out->chunk_from || low + row->frame_bytes > out->chunk_to) && read_chunk(thread, out, low) != 0) {
            walk->result = WIRE_UNREADABLE;
            return 1;
        }
        const __u8 *bytes = out->chunk + ((low - out->chunk_from) & (CHUNK_BYTES - 1));
        struct wire_frame *frame = &out->frames[(index * WALK_BLOCK + i) & (WIRE_FRAMES_MAX - 1)];
        __u64 code = load(bytes, row->frame_code) & ~(__u64)row->code_tag_mask;
        frame->address = at;
        frame->code = code;
        frame->owner = bytes[owner & (WIRE_FIELDS_BYTES - 1)] & owned;
        frame->entry = bytes[(owner - 1) & (WIRE_FIELDS_BYTES - 1)] & owned;
        frame->offset = INT32_MIN;
        frame->mark = 0;
        if (plausible(code)) {
            const struct seen_code *seen = seen_at(out, code);
            if (seen->code != code || seen->walk != walk->number)
                look_at(thread, out, code);
            frame->mark = seen->mark;
            frame->offset = offset_of(thread, bytes, code);
        }
        last = at;
        walk->frame = at = load(bytes, row->frame_previous);
        walk->depth++;
    }
    if (walk->since++ == walk->power) {
        walk->mark = last;
        walk->power *= 2;
        walk->since = 0;
    }
    return 0;
}

struct reading {
    struct wire_thread *thread;
    struct scratch *out;
};

static long step(__u32 index, struct reading *reading)
{
    return take_frames(reading->thread, reading->out, index) != 0;
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
static bool innermost(const struct wire_thread *thread, struct scratch *out, __u64 *frame)
{
    const struct wire_layout *row = &thread->layout;
    struct wire_sample *sample = &out->sample;
    *frame = 0;
    if (row->thread_cframe == WIRE_NONE) {
        *frame = load(out->state, row->thread_frame);
        return true;
    }
    __u64 cframe = load(out->state, row->thread_cframe);
    if (cframe == 0)
        return true;
    if (row->cframe_previous != WIRE_NONE && row->status_holds == 0) {
        struct cframes chain = {.row = row, .at = cframe};
        bpf_loop(WIRE_FRAMES_MAX, step_cframe, &chain, 0);
        sample->entry_frame = chain.outermost;
    }
    return read_u64(cframe + row->cframe_frame, frame);
}

static void say_collecting(const struct wire_thread *thread, struct wire_sample *sample)
{
    __u64 value = 0;
    if (thread->gc != 0 && read_u64(thread->gc, &value) && (__u32)value != 0)
        sample->flags |= WIRE_GC_RUNNING;
}

static bool say_state(const struct wire_thread *thread, struct scratch *out)
{
    const struct wire_layout *row = &thread->layout;
    struct wire_sample *sample = &out->sample;
    __u64 value = 0;
    __u32 size = row->thread_bytes;
    if (size > WIRE_FIELDS_BYTES ||
        bpf_probe_read_user(out->state, size, (const void *)(thread->state + row->thread_low)) != 0 ||
        load(out->state, row->thread_interpreter) != thread->interpreter)
        return false;
    say_collecting(thread, sample);
    if (row->status_holds != 0) {
        if (((__u32)load(out->state, row->thread_status) & row->status_holds) != 0)
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
    *walk = (struct walk){.power = 1, .number = walk->number + 1};
    if (!say_state(thread, out)) {
        sample->result = WIRE_GONE;
        return;
    }
    if (!innermost(thread, out, &walk->frame)) {
        sample->result = WIRE_UNREADABLE;
        return;
    }
    out->chunk_from = out->chunk_to = 0;
    bpf_loop(WIRE_FRAMES_MAX / WALK_BLOCK, step, &reading, 0);
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
