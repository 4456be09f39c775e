/* A sample's native frames and its Python frames become one stack. */
#include "capture/writer_private.h"

enum { BETWEEN_MAX = 1024 }; /* Python frames that have native ones further out */

/* The native frames of call `loop`: those between it and the one that it made, or the innermost instruction. */
static uint32_t add_native(struct writer *w, uint32_t stack, uint32_t loop)
{
    const struct native_stack *native = &w->native;
    size_t from = loop > 0 ? native->loops[loop - 1] : 0;
    size_t to = loop < native->n_loops ? native->loops[loop] : native->n;
    for (size_t i = to; i > from; i--) {
        const struct native_frame *frame = &native->frames[i - 1];
        stack = names_add_leaf(w->names, stack, FUNCTION_NATIVE, frame->path, frame->function);
    }
    return stack;
}

/* The outermost call of a loop that has native frames further in; 0: none but the innermost. */
static uint32_t outermost_call(const struct native_stack *native)
{
    uint32_t loop = native->n_loops > 0 ? native->n_loops - 1 : 0;
    while (loop > 0 && native->loops[loop] == native->loops[loop - 1])
        loop--;
    return loop;
}

/* The stack of the Python frames with the native ones between them, without the innermost native ones; 0: there are too
 * many, or they cannot be named. */
static uint32_t add_between(struct writer *w, const struct raw_sample *raw, uint32_t calls)
{
    const struct stack_store *store = &raw->thread->process->store;
    const struct python_loops *loops = &raw->native->loops;
    uint32_t nodes[BETWEEN_MAX], n = 0, id = raw->node;
    for (uint32_t call = 0; call < calls; call++) {
        for (uint32_t i = 0; i < loops->frames[call]; i++) {
            if (id == 0 || n == BETWEEN_MAX)
                return 0;
            nodes[n++] = id;
            id = stack_store_node(store, id)->parent;
        }
    }
    uint32_t stack = id != 0 ? names_stack(w->names, store, id).stack : 0;
    for (uint32_t call = calls; call > 0 && stack != 0; call--) {
        stack = add_native(w, stack, call);
        for (uint32_t i = 0; i < loops->frames[call - 1] && stack != 0; i++) {
            uint32_t frame = names_frame(w->names, store, nodes[--n]);
            stack = frame != 0 ? recording_add_stack(w->m->recording, stack, frame) : 0;
        }
    }
    return stack;
}

bool writer_join_native(struct writer *w, const struct raw_sample *raw, struct sample *sample)
{
    bool alone = raw->node == 0 && raw->thread->state_address == 0; /* no Python in that thread */
    if (w->natives.unwinder == NULL || (sample->stack == 0 && !alone))
        return false;
    bool whole =
        raw->native != NULL && native_stack_read(&w->natives, raw->thread->process, raw->native, alone, &w->native);
    if (raw->state == STATE_ON_CPU)
        *(whole ? &w->native_whole : &w->native_cut) += sample->ticks;
    if (!whole)
        return false;
    uint32_t calls = outermost_call(&w->native);
    uint32_t stack = calls > 0 ? add_between(w, raw, calls) : 0;
    sample->stack = add_native(w, stack != 0 ? stack : sample->stack, 0);
    return true;
}
