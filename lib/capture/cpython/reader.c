/*
 * What the readings of one thread need to know once: which bytes of its state and of a frame, where the GIL, the
 * collector's flag and the core word lie; the same for the kernel sampler.
 */
#include "base/mem.h"
#include "capture/cpython/internal.h"
#include "capture/cpython/view.h"
#include "capture/target/core_word.h"
#include "wire/kernel_sample.h"

enum {
    GIL_BYTES = 512, /* the structure with its mutexes and conditions is smaller in every version */
    GIL_HOLDER = 8,  /* where it names its last holder, from 3.12 on (before, the runtime does) */
    GIL_HOLDER_FREE_THREADED = 16,
    GIL_LOCK_BYTES = 32, /* of a semaphore, whose neighbours in the heap may be the program's locks */
    FRAME_BYTES_MAX = 256,
};

static void window_add(struct window *window, uint32_t offset, uint32_t size)
{
    if (!layout_has(offset))
        return;
    window->low = offset < window->low ? offset : window->low;
    window->high = offset + size > window->high ? offset + size : window->high;
}

static bool set_windows(struct python_reader *reader)
{
    const struct layout *row = &reader->python->layout;
    struct window *thread = &reader->thread_window, *frame = &reader->frame_window;
    thread->low = frame->low = UINT32_MAX;
    window_add(thread, row->thread_frame, 8);
    window_add(thread, row->thread_cframe, 8);
    window_add(thread, row->thread_status, 4);
    window_add(thread, row->thread_interpreter, 8);
    window_add(thread, row->thread_chunk, 8);
    window_add(thread, row->thread_raising, 8);
    window_add(thread, row->thread_handling, 8);
    window_add(thread, row->thread_handlers, 16);
    window_add(thread, row->thread_handled, 8);
    window_add(frame, row->frame_previous, 8);
    window_add(frame, row->frame_code, 8);
    window_add(frame, row->frame_ip, 8);
    window_add(frame, row->frame_owner, 1);
    window_add(frame, row->frame_tlbc_index, 4);
    return thread->high - thread->low <= THREAD_BYTES_MAX && frame->high - frame->low <= FRAME_BYTES_MAX;
}

static void set_addresses(struct python_reader *reader)
{
    struct python *python = reader->python;
    const struct layout *row = &python->layout;
    uint64_t interpreter = reader->thread.interpreter;
    if (layout_has(row->interpreter_gc_collecting))
        reader->gc_address = interpreter + row->interpreter_gc_collecting;
    else if (layout_has(row->runtime_gc_collecting))
        reader->gc_address = python->runtime + row->runtime_gc_collecting;
    if (layout_has(row->runtime_tstate_current))
        reader->holder_address = python->runtime + row->runtime_tstate_current;
    reader->gil_size = GIL_BYTES;
    if (layout_has(row->runtime_gil)) {
        reader->gil_address = python->runtime + row->runtime_gil;
        return;
    }
    uint64_t pointer = 0;
    if (layout_has(row->interpreter_gil)) {
        pointer = interpreter + row->interpreter_gil;
    } else if (layout_has(row->runtime_gil_lock)) {
        pointer = python->runtime + row->runtime_gil_lock;
        reader->gil_size = GIL_LOCK_BYTES;
    }
    if (!pointer || !remote_read_u64(&python->remote, pointer, &reader->gil_address) || !plausible(reader->gil_address))
        reader->gil_address = 0;
}

void python_reader_watch_core(struct python_reader *reader, bool watch)
{
    struct remote_part core = {reader->core_address, &reader->core, sizeof(reader->core)};
    view_watch(reader->view, watch && reader->core_address ? &core : &(struct remote_part){0});
}

static void find_core(struct python_reader *reader)
{
    struct python *python = reader->python;
    if (python->knows_cores)
        reader->core_address =
            core_word_address(&python->remote, python->core_offset, reader->thread.pthread, reader->thread.inner);
    python_reader_watch_core(reader, true);
}

struct python_reader *python_reader_new(struct python *python, const struct python_thread *thread)
{
    struct python_reader *reader = mem_zalloc(1, sizeof(*reader));
    if (!reader)
        return NULL;
    reader->python = python;
    reader->thread = *thread;
    reader->asyncio.thread_task = LAYOUT_NONE;
    reader->view = view_new(&python->remote);
    if (!reader->view || !set_windows(reader)) {
        python_reader_free(reader);
        return NULL;
    }
    set_addresses(reader);
    find_core(reader);
    return reader;
}

bool python_reader_owns(const struct python_reader *reader)
{
    const struct layout *row = &reader->python->layout;
    uint64_t native;
    return layout_has(row->thread_native_id) &&
           remote_read_u64(&reader->python->remote, reader->thread.address + row->thread_native_id, &native) &&
           native == (uint64_t)reader->thread.named;
}

uint64_t python_read_gil_holder(const struct python_reader *reader)
{
    bool free_threaded = reader->python->info.free_threaded;
    uint64_t at = reader->holder_address, holder;
    if (at == 0 && reader->gil_address != 0 && layout_has(reader->python->layout.interpreter_gil))
        at = reader->gil_address + (free_threaded ? GIL_HOLDER_FREE_THREADED : GIL_HOLDER);
    if (at == 0 || (free_threaded && !reader->gil_enabled) || !remote_read_u64(&reader->python->remote, at, &holder))
        return 0;
    return holder;
}

void python_reader_free(struct python_reader *reader)
{
    if (!reader)
        return;
    view_free(reader->view);
    mem_free(reader);
}

bool python_reader_knows_core(const struct python_reader *reader)
{
    return reader->core_address != 0;
}

int python_read_core(struct python_reader *reader)
{
    return remote_read(&reader->python->remote, reader->core_address, &reader->core, sizeof(reader->core))
               ? reader->core
               : -1;
}

/* Does the GIL begin as wire_gil says? So it does from 3.7 on, but where it is no lock (free-threaded builds). */
static bool tells_changes(const struct python_reader *reader)
{
    const struct python *python = reader->python;
    return !python->info.free_threaded && !python->info.unknown_version &&
           (layout_has(python->layout.runtime_gil) || layout_has(python->layout.interpreter_gil));
}

bool python_reader_wire(const struct python_reader *reader, struct wire_thread *thread)
{
    const struct layout *row = &reader->python->layout;
    uint32_t low = reader->frame_window.low;
    uint32_t owner = layout_has(row->frame_owner) ? row->frame_owner - low : WIRE_NONE;
    uint32_t tlbc = layout_has(row->frame_tlbc_index) ? row->frame_tlbc_index - low : WIRE_NONE;
    struct window state = {.low = UINT32_MAX};
    window_add(&state, row->thread_interpreter, 8);
    window_add(&state, row->thread_frame, 8);
    window_add(&state, row->thread_cframe, 8);
    window_add(&state, row->thread_status, 4);
    thread->state = reader->thread.address;
    thread->interpreter = reader->thread.interpreter;
    thread->gc = reader->gc_address;
    thread->gil = tells_changes(reader) ? reader->gil_address : 0;
    thread->holder = reader->holder_address;
    thread->layout = (struct wire_layout){
        .thread_low = state.low,
        .thread_bytes = state.high - state.low,
        .thread_interpreter = row->thread_interpreter - state.low,
        .thread_frame = row->thread_frame - state.low,
        .thread_cframe = layout_has(row->thread_cframe) ? row->thread_cframe - state.low : WIRE_NONE,
        .thread_status = row->thread_status - state.low,
        .cframe_frame = row->cframe_frame,
        .cframe_previous = row->cframe_previous,
        .frame_low = low,
        .frame_bytes = reader->frame_window.high - low,
        .frame_previous = row->frame_previous - low,
        .frame_code = row->frame_code - low,
        .frame_ip = row->frame_ip - low,
        .frame_owner = owner,
        .owner_mask = layout_has(row->frame_owner) ? UINT8_MAX : 0,
        .frame_tlbc_index = tlbc,
        .code_instructions = row->code_instructions,
        .code_tlbc = row->code_tlbc,
        .code_tag_mask = row->code_tag_mask,
        .end_owner = row->shim_owner,
        .ip_scale = row->ip_kind == IP_INDEX ? row->ip_scale : 0,
        .status_holds = row->active_bit && layout_has(row->thread_status) ? STATUS_ACTIVE : 0,
    };
    return thread->layout.frame_bytes <= WIRE_FIELDS_BYTES && thread->layout.thread_bytes <= WIRE_FIELDS_BYTES &&
           python_wire_code(row, &thread->layout);
}
