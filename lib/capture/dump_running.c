/*
 * A thread that runs, for a dump with native frames: one sample of the kernel sampler, which reads Python's frames, the
 * registers and a piece of the stack in one interrupt.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/dump_native.h"
#include "capture/kernel_sampler.h"

#include <string.h>

enum {
    PERIOD_NS = 1000 * 1000,
    WAIT_NS = 2 * 1000 * 1000,
    EACH_NS = 150 * 1000 * 1000, /* a thread that waits for the GIL has long gaps */
    ALL_NS = 1000 * 1000 * 1000
};

struct taking {
    struct python_reader *reader;
    struct native_piece *piece;
    struct python_stack stack; /* another than the dump's, which stands when there is no sample */
    const struct wire_thread *thread;
    uint64_t native_ns;
    bool taken;
};

static void take_native(void *context, const struct wire_native *native)
{
    struct taking *taking = context;
    uint64_t pages = native->pages < WIRE_STACK_PAGES ? native->pages : WIRE_STACK_PAGES;
    if (taking->taken || native->owner != taking->thread->owner)
        return;
    taking->native_ns = native->time_ns;
    taking->piece->user = native->user;
    taking->piece->known = NATIVE_ALL_KNOWN;
    taking->piece->start = native->start;
    taking->piece->size = pages * WIRE_STACK_PAGE;
    memcpy(taking->piece->bytes, native->bytes, taking->piece->size);
}

static void take_sample(void *context, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct taking *taking = context;
    if (taking->taken || sample->owner != taking->thread->owner || sample->time_ns != taking->native_ns ||
        (sample->flags & (WIRE_WAITS | WIRE_IN_DOUBT)) != 0)
        return;
    taking->taken = taking->reader == NULL ||
                    python_stack_recorded(taking->reader, sample, frames, &taking->stack) == PYTHON_READ_OK;
}

static void sample(struct kernel_sampler *sampler, struct taking *taking, uint64_t until_ns)
{
    struct kernel_taker taker = {.context = taking, .sample = take_sample, .native = take_native};
    do {
        kernel_sampler_period(sampler, PERIOD_NS);
        kernel_sampler_wait(sampler, WAIT_NS);
        kernel_sampler_drain(sampler, &taker);
    } while (!taking->taken && clock_monotonic_ns() < until_ns);
    kernel_sampler_period(sampler, KERNEL_NEVER_NS);
}

static bool start(struct dumper *d, struct dump_natives *natives)
{
    struct err err;
    if (natives->sampler == NULL && natives->why_no_sampler == NULL) {
        if (kernel_sampler_new(true, &natives->sampler, &err) != 0)
            natives->why_no_sampler = dump_keep(d, err.text);
        natives->sampled_until_ns = clock_monotonic_ns() + ALL_NS;
    }
    return natives->sampler != NULL;
}

bool dump_running_sample(struct dumper *d, pid_t tid, struct python_reader *reader)
{
    struct dump_natives *natives = d->natives;
    struct taking taking = {.reader = reader, .piece = &natives->piece, .thread = &natives->wire, .stack = d->stack};
    natives->wire = (struct wire_thread){.owner = (uint64_t)tid, .process = (uint32_t)d->dump->pid};
    if (!start(d, natives) || (reader != NULL && !python_reader_wire(reader, &natives->wire)) ||
        !kernel_sampler_watch(natives->sampler, tid, &natives->wire))
        return false;
    uint64_t until_ns = clock_monotonic_ns() + EACH_NS;
    taking.stack.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *taking.stack.frames);
    if (taking.stack.frames != NULL)
        sample(natives->sampler, &taking, until_ns < natives->sampled_until_ns ? until_ns : natives->sampled_until_ns);
    kernel_sampler_unwatch(natives->sampler, tid);
    if (taking.taken) {
        struct python_frame *frames = d->stack.frames;
        memcpy(frames, taking.stack.frames, taking.stack.depth * sizeof *frames);
        d->stack = taking.stack;
        d->stack.frames = frames;
    }
    mem_free(taking.stack.frames);
    return taking.taken;
}

/* The mark with the file's name, as the interrupt makes it. Where that name was not there in the interrupt, its mark is
 * without. */
static bool has_mark(struct dumper *d, uint64_t text, uint32_t bare, uint32_t mark)
{
    const struct wire_layout *row = &d->natives->wire.layout;
    struct remote *remote = python_remote(d->python);
    uint64_t image[WIRE_MARK_TEXT] = {0}, length;
    uint32_t state = row->text_ascii;
    if (bare == mark)
        return true;
    if (!remote_read(remote, text + row->text_length, &length, sizeof length) ||
        (row->text_state != WIRE_NONE && !remote_read(remote, text + row->text_state, &state, sizeof state)))
        return false;
    uint64_t start = text + row->text_start[(state & row->text_ascii) != 0 ? 0 : 1];
    return remote_read(remote, start, image, length < sizeof image ? length : sizeof image) &&
           wire_mark_text(bare, length, image) == mark;
}

/* Is the code object there that the frame had? */
static bool holds(struct dumper *d, uint64_t code, uint32_t mark)
{
    const struct wire_thread *thread = &d->natives->wire;
    const struct wire_layout *row = &thread->layout;
    uint8_t bytes[WIRE_BYTES] = {0};
    uint64_t text;
    if (mark == 0 || !remote_read(python_remote(d->python), code + row->code_low, bytes, row->code_bytes))
        return false;
    uint32_t bare = wire_mark(row, bytes, code, thread->process);
    if (row->mark_text == WIRE_NONE)
        return bare == mark;
    memcpy(&text, bytes + row->mark_text, sizeof text);
    return has_mark(d, text, bare, mark);
}

bool dump_running_holds(struct dumper *d)
{
    for (uint32_t i = 0; i < d->stack.depth; i++) {
        if (!holds(d, d->stack.frames[i].code, d->stack.frames[i].mark))
            return false;
    }
    return true;
}
