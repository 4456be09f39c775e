/* Opening a process's interpreter and listing its thread states. Off the timed path. */
#include "base/map.h"
#include "base/mem.h"
#include "capture/cpython/internal.h"

#include <errno.h>

enum {
    PTHREAD_HEAD_BYTES = 32, /* addresses, and flags that look like small ids */
    PTHREAD_SCAN_BYTES = 2304,
    STATE_BYTES_MAX = 4096,
    VALIDATE_TRIES = 20
};

/* --- code objects --------------------------------------------------------------------------------------------------
 */

bool python_is_code(struct python *python, uint64_t type)
{
    uint64_t known = __atomic_load_n(&python->code_type, __ATOMIC_RELAXED);
    if (known)
        return type == known;
    uint64_t name;
    char text[5];
    if (!plausible(type) || !remote_read_u64(&python->remote, type + python->layout.type_name, &name) ||
        !remote_read(&python->remote, name, text, sizeof(text)) || memcmp(text, "code", sizeof(text)) != 0)
        return false;
    __atomic_store_n(&python->code_type, type, __ATOMIC_RELAXED);
    return true;
}

/* A helper's file name and function name are one and the same string, which no compiled source has inside the image. */
static bool look_at_static_code(struct python *python, uint64_t code, bool *shim)
{
    uint64_t file, name;
    if (!remote_read_u64(&python->remote, code + python->layout.code_filename, &file) ||
        !remote_read_u64(&python->remote, code + python->layout.code_name, &name))
        return false;
    *shim = file == name;
    return true;
}

bool python_is_shim_code(struct python *python, uint64_t code)
{
    if (code < python->image_start || code >= python->image_end)
        return false;
    size_t at = (size_t)hash_u64(code) & (STATIC_CODES - 1);
    uint64_t *slot = NULL;
    for (size_t i = 0; i < 16 && !slot; i++) {
        uint64_t *candidate = &python->static_codes[(at + i) & (STATIC_CODES - 1)];
        uint64_t value = __atomic_load_n(candidate, __ATOMIC_RELAXED);
        if ((value & ~UINT64_C(1)) == code)
            return value & 1;
        if (value == 0)
            slot = candidate;
    }
    bool shim = false;
    if (look_at_static_code(python, code, &shim) && slot)
        __atomic_store_n(slot, code | shim, __ATOMIC_RELAXED);
    return shim;
}

/* --- threads -------------------------------------------------------------------------------------------------------
 */

enum { PTHREADS_LOOKED_AT = 8 };

/* True when the words at one offset of all pthread structures can be their thread ids: different ones of this process.
 * A thread that has ended leaves 0, or a structure that cannot be read (size 0). */
static bool could_be_tids(uint8_t (*bytes)[PTHREAD_SCAN_BYTES], const size_t *sizes, size_t count, uint32_t at,
                          const struct inner_ids *ids)
{
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t tid = at + 4 <= sizes[i] ? load_u32(bytes[i] + at) : 0;
        if (tid == 0)
            continue;
        if (inner_ids_find(ids, (pid_t)tid) == 0)
            return false;
        for (size_t j = 0; j < i; j++) {
            if (at + 4 <= sizes[j] && load_u32(bytes[j] + at) == tid)
                return false;
        }
        matches++;
    }
    return matches > 0;
}

/* Finds where the C library keeps the kernel's thread id in the pthread structure: no header tells. */
static uint32_t find_tid_offset(struct python *python, const uint64_t *pthreads, size_t count)
{
    uint8_t bytes[PTHREADS_LOOKED_AT][PTHREAD_SCAN_BYTES];
    uint64_t addresses[PTHREADS_LOOKED_AT];
    size_t sizes[PTHREADS_LOOKED_AT], have = 0;
    /* From the end of the list, where the main thread's state is; a thread may have states in several interpreters. */
    for (size_t i = count; i-- > 0 && have < PTHREADS_LOOKED_AT;) {
        bool again = false;
        for (size_t j = 0; j < have && !again; j++)
            again = addresses[j] == pthreads[i];
        if (again || !plausible(pthreads[i]))
            continue;
        size_t size = PTHREAD_SCAN_BYTES;
        while (size && !remote_read(&python->remote, pthreads[i], bytes[have], size))
            size = size > 256 ? size - 256 : 0;
        addresses[have] = pthreads[i];
        sizes[have++] = size;
    }
    for (uint32_t at = PTHREAD_HEAD_BYTES; at + 4 <= PTHREAD_SCAN_BYTES; at += 4) {
        if (could_be_tids(bytes, sizes, have, at, &python->ids))
            return at;
    }
    return 0;
}

/* Does a state name the main thread? */
static bool names_main(const struct python *python, const struct python_thread *threads, int count)
{
    for (int i = 0; i < count; i++) {
        if (threads[i].named == python->main_tid)
            return true;
    }
    return false;
}

/* Fills the kernel ids of thread states that only know their pthread. */
static int resolve_tids(struct python *python, struct python_thread *threads, const uint64_t *pthreads, size_t count)
{
    if (python->tid_offset == 0)
        python->tid_offset = find_tid_offset(python, pthreads, count);
    if (python->tid_offset == 0)
        return ERR_UNREADABLE;
    for (size_t i = 0; i < count; i++) {
        uint32_t tid = 0;
        if (!remote_read(&python->remote, pthreads[i] + python->tid_offset, &tid, sizeof(tid)) ||
            inner_ids_find(&python->ids, (pid_t)tid) == 0)
            tid = 0; /* it has just ended, or not begun */
        threads[i].inner = (pid_t)tid;
    }
    return 0;
}

/* All of them by the ids that we see. */
static int fill_tids(struct python *python, struct python_thread *threads, const uint64_t *pthreads, size_t count)
{
    bool known = layout_has(python->layout.thread_native_id) && names_main(python, threads, (int)count);
    int rc = known && !python->ids.nested ? 0 : inner_ids_refresh(&python->ids, python->remote.pid);
    if (rc == 0 && !known)
        rc = resolve_tids(python, threads, pthreads, count);
    for (size_t i = 0; i < count && rc == 0; i++)
        threads[i].tid = python->ids.nested ? inner_ids_find(&python->ids, threads[i].inner) : threads[i].inner;
    return rc;
}

struct thread_list {
    struct python_thread **threads;
    uint64_t *pthreads;
    size_t *capacity, pthread_capacity;
    int count;
};

/* What is needed of a thread state, by one read. */
struct state_fields {
    uint64_t next, owner, pthread, native;
};

static bool read_state(struct python *python, uint64_t at, struct state_fields *fields)
{
    const struct layout *row = &python->layout;
    const uint32_t offsets[] = {row->thread_next, row->thread_interpreter, row->thread_pthread, row->thread_native_id};
    uint64_t *const values[] = {&fields->next, &fields->owner, &fields->pthread, &fields->native};
    uint8_t bytes[STATE_BYTES_MAX];
    uint32_t low = UINT32_MAX, high = 0;
    for (size_t i = 0; i < 4; i++) {
        *values[i] = 0;
        if (!layout_has(offsets[i]))
            continue;
        low = offsets[i] < low ? offsets[i] : low;
        high = offsets[i] + 8 > high ? offsets[i] + 8 : high;
    }
    if (high - low > sizeof(bytes) || !remote_read(&python->remote, at + low, bytes, high - low))
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (layout_has(offsets[i]))
            *values[i] = load_u64(bytes + offsets[i] - low);
    }
    return true;
}

static int list_interpreter(struct python *python, uint64_t interpreter, struct thread_list *list)
{
    uint64_t at, mark = 0;
    int until_mark = 1, steps = 0;
    if (!remote_read_u64(&python->remote, interpreter + python->layout.interpreter_threads_head, &at))
        return ERR_UNREADABLE;
    while (at) {
        struct state_fields state;
        if (!plausible(at) || list->count >= THREADS_MAX || at == mark)
            return ERR_UNREADABLE;
        if (++steps == until_mark) { /* a ring comes back to the mark, which moves on ever more seldom */
            mark = at;
            until_mark *= 2;
        }
        if (!read_state(python, at, &state) || state.owner != interpreter)
            return ERR_UNREADABLE;
        size_t need = (size_t)list->count + 1;
        if (mem_grow(list->threads, list->capacity, need, sizeof(**list->threads)) ||
            mem_grow(&list->pthreads, &list->pthread_capacity, need, sizeof(*list->pthreads)))
            return ERR_NOMEM;
        list->pthreads[list->count] = state.pthread;
        (*list->threads)[list->count++] =
            (struct python_thread){.address = at,
                                   .interpreter = interpreter,
                                   .pthread = state.pthread,
                                   .inner = state.native < INT32_MAX ? (pid_t)state.native : 0,
                                   .named = state.native < INT32_MAX ? (pid_t)state.native : 0};
        at = state.next;
    }
    return 0;
}

bool python_has_ended(struct python *python)
{
    uint64_t head;
    if (remote_read_u64(&python->remote, python->runtime + python->layout.runtime_interpreters_head, &head))
        return head == 0;
    return errno == ESRCH;
}

int python_threads(struct python *python, struct python_thread **threads, size_t *capacity)
{
    const struct layout *row = &python->layout;
    struct thread_list list = {.threads = threads, .capacity = capacity};
    uint64_t interpreter, main_interpreter = 0;
    int rc = 0, interpreters = 0;
    if (!remote_read_u64(&python->remote, python->runtime + row->runtime_interpreters_head, &interpreter))
        return errno == ESRCH ? ERR_GONE : errno == EPERM ? ERR_PERMISSION : ERR_UNREADABLE;
    while (interpreter && rc == 0) {
        if (!plausible(interpreter) || ++interpreters > INTERPRETERS_MAX)
            rc = ERR_UNREADABLE;
        else
            rc = list_interpreter(python, interpreter, &list);
        main_interpreter = interpreter;
        if (rc == 0 && !remote_read_u64(&python->remote, interpreter + row->interpreter_next, &interpreter))
            rc = ERR_UNREADABLE;
    }
    if (rc == 0)
        __atomic_store_n(&python->main_interpreter, main_interpreter, __ATOMIC_RELAXED);
    if (rc == 0 && list.count)
        rc = fill_tids(python, *threads, list.pthreads, (size_t)list.count);
    mem_free(list.pthreads);
    return rc ? rc : list.count;
}

uint64_t python_innermost(struct python *python, const struct python_thread *thread)
{
    const struct layout *row = &python->layout;
    uint64_t at = thread->address + row->thread_frame, frame;
    if (!layout_has(row->thread_frame)) {
        if (!remote_read_u64(&python->remote, thread->address + row->thread_cframe, &at) || !plausible(at))
            return 0;
        at += row->cframe_frame;
    }
    return remote_read_u64(&python->remote, at, &frame) && plausible(frame) ? frame : 0;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

/* True when every thread's stack reads well and its code objects are code objects. */
static bool stacks_valid(struct python *python)
{
    struct python_thread *threads = NULL;
    size_t capacity = 0, frames_seen = 0;
    struct python_stack stack = {.frames = mem_alloc(sizeof(struct python_frame) * PYTHON_DEPTH_MAX)};
    int count = python_threads(python, &threads, &capacity);
    bool valid = stack.frames && count > 0;
    for (int i = 0; i < count && valid; i++) {
        struct python_reader *reader = python_reader_new(python, &threads[i]);
        valid = reader && python_read_stack(reader, &stack) == PYTHON_READ_OK;
        for (uint32_t j = 0; j < stack.depth && valid; j++) {
            uint64_t sum;
            valid = python_code_checksums(python, &stack.frames[j].code, 1, &sum) && sum != 0;
            frames_seen++;
        }
        python_reader_free(reader);
    }
    mem_free(stack.frames);
    mem_free(threads);
    return valid && frames_seen > 0;
}

/* A version without a row of its own is accepted when what it shows makes sense; its threads run meanwhile, so one
 * good reading of several is asked for. */
static int check_unknown(struct python *python, struct err *err)
{
    for (int i = 0; i < VALIDATE_TRIES; i++) {
        if (stacks_valid(python))
            return 0;
    }
    return err_set(err, ERR_VERSION,
                   "process %d runs Python %s, which is not known and cannot be read by the layout of %d.%d; %s",
                   (int)python->remote.pid, python->info.version, layout_newest()->major, layout_newest()->minor,
                   err_hint(ERR_VERSION));
}

int python_open(pid_t pid, struct python **result, bool *maybe, struct err *err)
{
    bool ignored;
    *result = NULL;
    struct python *python = mem_zalloc(1, sizeof(*python));
    if (python)
        python->static_codes = mem_zalloc(STATIC_CODES, sizeof(*python->static_codes));
    if (!python || !python->static_codes) {
        python_close(python);
        return err_set(err, ERR_NOMEM, "cannot open process %d: out of memory", (int)pid);
    }
    python->remote.pid = pid;
    python->main_tid = inner_ids_begin(&python->ids, pid);
    int rc = python_find(python, maybe ? maybe : &ignored, err);
    if (rc == 0 && python->info.unknown_version)
        rc = check_unknown(python, err);
    if (rc) {
        python_close(python);
        return rc;
    }
    *result = python;
    return 0;
}

void python_close(struct python *python)
{
    if (!python)
        return;
    mem_free(python->static_codes);
    inner_ids_release(&python->ids);
    mem_free(python);
}

void python_leave_cores(struct python *python)
{
    python->knows_cores = false;
}

const struct python_info *python_info(const struct python *python)
{
    return &python->info;
}

struct remote *python_remote(struct python *python)
{
    return &python->remote;
}
