/*
 * Native frames for a dump: of a thread that sleeps the kernel tells its stack pointer and where it is, the piece of
 * its stack is read within the proof of its Python frames, and both are unwound behind it. Nothing is stopped.
 */
#include "capture/dump_native.h"
#include "base/mem.h"
#include "capture/kernel_registers.h"
#include "capture/kernel_sampler.h"
#include "capture/target/unwind.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 4096, PAGES_MAX = 256 };

#if defined(__aarch64__)
enum { STACK_REGISTER = 31 };
#else
enum { STACK_REGISTER = 7 };
#endif

int dump_natives_new(struct dumper *d, struct err *err)
{
    struct unwinder *unwinder = NULL;
    int rc = unwinder_new(&unwinder, err);
    if (rc == ERR_NOT_SUPPORTED)
        return err_set(err, rc, "--native needs libdw of elfutils: this keisoku was built without it");
    if (rc != 0)
        return rc;
    struct dump_natives *natives = mem_zalloc(1, sizeof *natives + (size_t)PAGES_MAX * PAGE);
    struct symbols *symbols = natives != NULL ? symbols_new() : NULL;
    if (symbols == NULL) {
        mem_free(natives);
        unwinder_free(unwinder);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    natives->process.pid = d->dump->pid;
    natives->process.info = *python_info(d->python);
    natives->files.symbols = symbols;
    natives->reader = (struct native_reader){&natives->files, unwinder};
    kernel_registers_new(&natives->registers, NULL);
    d->natives = natives;
    d->stack.loops = &natives->loops;
    return 0;
}

void dump_natives_free(struct dumper *d)
{
    if (d->natives == NULL)
        return;
    module_map_free(d->natives->process.modules);
    symbols_free(d->natives->files.symbols);
    unwinder_free(d->natives->reader.unwinder);
    kernel_registers_free(d->natives->registers);
    kernel_sampler_free(d->natives->sampler);
    mem_free(d->natives);
    d->natives = NULL;
}

void dump_natives_begin(struct dumper *d, pid_t tid)
{
    int states = 0;
    if (d->natives == NULL)
        return;
    for (int i = 0; i < d->n_states; i++)
        states += d->states[i].tid == tid ? 1 : 0;
    d->natives->several = states > 1;
    d->natives->copied = d->natives->sampled = false;
    d->natives->loops.n = d->natives->loops.open = 0;
}

/* The stack's and where it is; all, where the kernel may be asked. */
static void find_registers(struct dump_natives *natives, pid_t tid, const struct proc_syscall *call)
{
    struct wire_registers *user = &natives->piece.user;
    natives->piece.known = NATIVE_ALL_KNOWN;
    if (natives->registers != NULL && kernel_registers_read(natives->registers, tid, user) && user->ip == call->ip &&
        user->registers[STACK_REGISTER] == call->stack)
        return;
    user->ip = call->ip;
    user->registers[STACK_REGISTER] = call->stack;
    natives->piece.known = UINT64_C(1) << STACK_REGISTER;
}

/* As many pages as there are: what lies behind the stack's end does no harm. */
void dump_natives_copy(struct dumper *d, pid_t tid, const struct proof *proof)
{
    struct remote_part parts[PAGES_MAX];
    struct dump_natives *natives = d->natives;
    if (natives == NULL)
        return;
    natives->copied = false;
    uint64_t stack = proof->call.stack, end = (stack / PAGE + PAGES_MAX) * PAGE;
    if (proof->runs || stack == 0 || end < stack)
        return;
    size_t n = 0;
    for (uint64_t at = stack, next; at < end; at = next) {
        next = (at / PAGE + 1) * PAGE;
        parts[n++] = (struct remote_part){at, natives->piece.bytes + (at - stack), next - at};
    }
    size_t read = remote_read_past_pages(python_remote(d->python), parts, n);
    natives->piece.start = stack;
    natives->piece.size = read > 0 ? parts[read - 1].address + parts[read - 1].size - stack : 0;
    find_registers(natives, tid, &proof->call);
    natives->copied = read > 0;
}

/* ---- merging -------------------------------------------------------------------------------------------------------
 */

struct merge {
    struct dumper *d;
    struct dump_frame *frames;
    size_t n, python; /* so many are there; so many of Python's have been put there */
};

static void put_native(struct merge *merge, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct native_frame *frame = &merge->d->natives->stack.frames[i];
        const char *slash = strrchr(frame->path, '/');
        const char *function = frame->function != NULL ? frame->function : slash != NULL ? slash + 1 : frame->path;
        merge->frames[merge->n++] =
            (struct dump_frame){dump_keep(merge->d, function), dump_keep(merge->d, frame->path), 0, true};
    }
}

static void put_python(struct merge *merge, const struct dump_thread *thread, size_t count)
{
    for (; count > 0 && merge->python < thread->n_frames; count--)
        merge->frames[merge->n++] = thread->frames[merge->python++];
}

/* The native frames of each call of the interpreter's loop, then the Python frames that run in it. */
static void merge_frames(struct merge *merge, const struct dump_thread *thread)
{
    const struct native_stack *native = &merge->d->natives->stack;
    const struct python_loops *loops = &merge->d->natives->loops;
    size_t from = 0;
    for (uint32_t call = 0; call < native->n_loops && call < loops->n; call++) {
        put_native(merge, from, native->loops[call]);
        put_python(merge, thread, loops->frames[call]);
        from = native->loops[call];
    }
    put_native(merge, from, native->n);
    if (!native->ended)
        merge->frames[merge->n++] = (struct dump_frame){"(...)", "", 0, true};
    put_python(merge, thread, thread->n_frames);
}

static bool is_kept(const struct merge *merge)
{
    for (size_t i = 0; i < merge->n; i++) {
        if (merge->frames[i].function == NULL || merge->frames[i].file == NULL)
            return false;
    }
    return true;
}

bool dump_natives_sample(struct dumper *d, pid_t tid, struct python_reader *reader)
{
    struct dump_natives *natives = d->natives;
    if (natives == NULL || natives->several || !dump_running_sample(d, tid, reader))
        return false;
    natives->copied = natives->sampled = true;
    return true;
}

static const char *why_none(struct dumper *d, const struct dump_thread *thread)
{
    const struct dump_natives *natives = d->natives;
    char why[512];
    if (natives->several)
        return "it has states in several interpreters";
    if (natives->sampled && !dump_running_holds(d))
        return "its code went away";
    if (natives->copied && thread->proved)
        return NULL;
    if (natives->sampler != NULL)
        return "it ran, and no sample of it came in time";
    if (natives->why_no_sampler == NULL)
        return "its stack pointer is not told, or its stack cannot be read";
    snprintf(why, sizeof why, "it runs, which needs the kernel sampler: %s", natives->why_no_sampler);
    const char *kept = dump_keep(d, why);
    return kept != NULL ? kept : "out of memory";
}

void dump_natives_merge(struct dumper *d, struct dump_thread *thread)
{
    struct dump_natives *natives = d->natives;
    thread->native_why = "";
    if (natives == NULL)
        return;
    const char *why = why_none(d, thread);
    if (natives->sampled && why != NULL)
        thread->proved = false;
    thread->native_why = why;
    if (why != NULL)
        return;
    natives->piece.loops = natives->loops;
    native_stack_read(&natives->reader, &natives->process, &natives->piece, d->stack.depth == 0, &natives->stack);
    size_t n = natives->stack.n + thread->n_frames + 1;
    struct merge merge = {.d = d, .frames = arena_alloc(&d->dump->arena, n * sizeof *merge.frames)};
    thread->native_why = "out of memory";
    if (merge.frames == NULL)
        return;
    merge_frames(&merge, thread);
    if (!is_kept(&merge))
        return;
    thread->frames = merge.frames;
    thread->n_frames = merge.n;
    thread->native = natives->stack.ended ? DUMP_NATIVE_WHOLE : DUMP_NATIVE_CUT;
    thread->native_why = "";
}
