#include "capture/native_stack.h"

#include "base/mem.h"
#include "capture/target/unwind.h"

#include <string.h>

enum { PIECES_MAX = 2048, STEPS_MAX = 4096 };

_Static_assert((int)UNWIND_REGISTERS == (int)WIRE_REGISTERS, "both number registers as DWARF does");

struct native_piece *native_piece_new(const struct wire_native *native, atomic_uint *living)
{
    uint64_t size = (native->pages < WIRE_STACK_PAGES ? native->pages : WIRE_STACK_PAGES) * (uint64_t)WIRE_STACK_PAGE;
    if (atomic_load_explicit(living, memory_order_relaxed) >= PIECES_MAX)
        return NULL;
    struct native_piece *piece = mem_alloc(sizeof *piece + size);
    if (piece == NULL)
        return NULL;
    atomic_init(&piece->holders, 1);
    piece->living = living;
    atomic_fetch_add_explicit(living, 1, memory_order_relaxed);
    piece->time_ns = native->time_ns;
    piece->user = native->user;
    piece->known = NATIVE_ALL_KNOWN;
    piece->start = native->start;
    piece->size = size;
    memcpy(piece->bytes, native->bytes, size);
    return piece;
}

struct native_piece *native_piece_hold(struct native_piece *piece)
{
    if (piece != NULL)
        atomic_fetch_add_explicit(&piece->holders, 1, memory_order_relaxed);
    return piece;
}

void native_piece_drop(struct native_piece *piece)
{
    if (piece == NULL || atomic_fetch_sub_explicit(&piece->holders, 1, memory_order_acq_rel) != 1)
        return;
    atomic_fetch_sub_explicit(piece->living, 1, memory_order_relaxed);
    mem_free(piece);
}

/* Several places of one function that the file does not name are one frame. */
static void add_frame(struct native_stack *stack, const struct module *module)
{
    if (module->path == NULL || stack->n == NATIVE_FRAMES_MAX)
        return;
    size_t first = stack->n_loops > 0 ? stack->loops[stack->n_loops - 1] : 0; /* of its call of the loop */
    const struct native_frame *last = stack->n > first ? &stack->frames[stack->n - 1] : NULL;
    if (last != NULL && module->function == NULL && last->function == NULL && strcmp(last->path, module->path) == 0)
        return;
    stack->frames[stack->n++] = (struct native_frame){module->path, module->function};
}

bool native_stack_read(struct native_reader *reader, struct tracked_process *process, const struct native_piece *piece,
                       bool alone, struct native_stack *stack)
{
    struct unwind_frame frame = {.ip = piece->user.ip,
                                 .known = piece->known,
                                 .interrupted = true,
                                 .bytes = piece->bytes,
                                 .start = piece->start,
                                 .size = piece->size};
    memcpy(frame.registers, piece->user.registers, sizeof frame.registers);
    uint32_t loops = piece->loops.n > 0 ? piece->loops.n : 1;
    stack->n = stack->n_loops = 0;
    stack->ended = false;
    for (int i = 0; i < STEPS_MAX; i++) {
        struct ip_point point = {piece->time_ns, frame.ip - (frame.interrupted ? 0 : 1), false};
        struct module module = module_at(&process->modules, reader->files, process, &point);
        if (module.kind == MODULE_INTERPRETER && module.place == PLACE_LOOP)
            stack->loops[stack->n_loops++] = (uint32_t)stack->n;
        if (module.kind == MODULE_INTERPRETER && module.place == PLACE_UNKNOWN && !alone)
            return false; /* it may be the loop */
        stack->ended = stack->n_loops == loops;
        if (stack->ended)
            return true;
        add_frame(stack, &module);
        const struct proc_maps *maps;
        const struct proc_map *map = module_mapping(&process->modules, process, point.ip, &maps);
        enum unwind_result result = unwind_step(reader->unwinder, process->pid, maps, map, &frame);
        stack->ended = result == UNWIND_END && alone && stack->n_loops == 0;
        if (result == UNWIND_END && stack->n_loops > 0) { /* there are others than Python's frames say */
            stack->n_loops = 1;
            stack->n = stack->loops[0];
        }
        if (result != UNWIND_OK)
            return stack->n_loops > 0 || stack->ended;
    }
    return stack->n_loops > 0;
}
