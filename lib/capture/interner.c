#include "capture/interner.h"

#include "wire/kernel_sample.h"

enum {
    FRAMES_MORE = 32,                /* room for calls that were not there when the stack was first read */
    NEIGHBOURS = 64,                 /* a code object is listed once among so many in a stack */
    FRESH_NS = 30 * 1000 * 1000,     /* a code object seen in place is trusted that long: less than the writer waits */
    CAREFUL_NS = 1000 * 1000 * 1000, /* after one was replaced, all are looked at every time for that long */
    NEWS_NS = 100 * 1000 * 1000,     /* after one was met for the first time: what imports throws code away too */
};

int interner_init(struct interner *interner)
{
    *interner = (struct interner){0};
    interner->codes = mem_alloc(PYTHON_DEPTH_MAX * sizeof *interner->codes);
    interner->checksums = mem_alloc(PYTHON_DEPTH_MAX * sizeof *interner->checksums);
    interner->code_of = mem_alloc(PYTHON_DEPTH_MAX * sizeof *interner->code_of);
    if (interner->codes != NULL && interner->checksums != NULL && interner->code_of != NULL)
        return 0;
    interner_release(interner);
    return ERR_NOMEM;
}

void interner_release(struct interner *interner)
{
    mem_free(interner->codes);
    mem_free(interner->checksums);
    mem_free(interner->code_of);
    buf_release(&interner->learned);
    interner->codes = interner->checksums = NULL;
    interner->code_of = NULL;
}

static bool same_frame(const struct python_frame *a, const struct python_frame *b)
{
    return a->code == b->code && a->address == b->address && a->offset == b->offset && a->mark == b->mark;
}

/* How many outermost frames are the same as in the thread's last stack (which is kept outermost first). */
static uint32_t common_frames(const struct tracked_thread *t, const struct python_stack *stack)
{
    uint32_t limit = t->depth < stack->depth ? t->depth : stack->depth;
    uint32_t common = 0;
    if (t->depth > 0 && !stack_store_is_current(&t->process->store, t->nodes[0]))
        return 0;
    while (common < limit && same_frame(&t->frames[common], &stack->frames[stack->depth - 1 - common]))
        common++;
    return common;
}

/* For a while each code object of the process is looked at every time. */
static void be_careful(const struct interner *interner, struct tracked_process *process, uint64_t for_ns)
{
    uint64_t to_ns = interner->read_ns + for_ns;
    process->careful_to_ns = to_ns > process->careful_to_ns ? to_ns : process->careful_to_ns;
}

/* An address holds another code object than before. The writer drops what was queued with the old one since it was last
 * seen in place, and for a while every code object of the process is checked in every sample. */
static void code_was_replaced(struct interner *interner, struct tracked_process *process, uint32_t old)
{
    struct code_entry *entry = stack_store_code(interner->store, old);
    be_careful(interner, process, CAREFUL_NS);
    if (entry->stale_to_ns == 0)
        entry->stale_from_ns = entry->verified_ns;
    __atomic_store_n(&entry->stale_to_ns, interner->read_ns, __ATOMIC_RELEASE);
}

static bool reserve_frames(struct tracked_thread *t, uint32_t depth)
{
    if (depth <= t->frames_capacity)
        return true;
    size_t frames = t->frames_capacity, nodes = t->frames_capacity, need = (size_t)depth + FRAMES_MORE;
    if (mem_grow(&t->frames, &frames, need, sizeof *t->frames) != 0 ||
        mem_grow(&t->nodes, &nodes, need, sizeof *t->nodes) != 0)
        return false;
    t->frames_capacity = (uint32_t)nodes;
    return true;
}

static bool is_careful(const struct interner *interner, const struct tracked_process *process)
{
    return interner->read_ns < process->careful_to_ns;
}

/* Until when the code is trusted to be in place: the writer waits longer than that. 0: it is not. */
static uint64_t trusted_to_ns(const struct interner *interner, const struct tracked_process *process, uint32_t code)
{
    if (code == 0 || is_careful(interner, process))
        return 0;
    uint64_t to_ns = stack_store_code(interner->store, code)->verified_ns + FRESH_NS;
    return interner->read_ns < to_ns ? to_ns : 0;
}

static bool is_listed(const struct interner *interner, uint32_t n, uint64_t address)
{
    for (uint32_t i = n, steps = 0; i > 0 && steps < NEIGHBOURS; i--, steps++) {
        if (interner->codes[i - 1] == address)
            return true;
    }
    return false;
}

/* Collects the addresses of the stack whose code is to be looked at, each once among neighbours. As long as all of the
 * last stack is trusted, the frames in common with it are passed over. */
static uint32_t codes_to_check(struct interner *interner, struct tracked_thread *t, const struct python_stack *stack,
                               uint32_t common)
{
    uint32_t n = 0, from = 0;
    uint64_t to_ns = interner->read_ns + FRESH_NS;
    if (interner->read_ns < t->trusted_to_ns && !is_careful(interner, t->process)) {
        from = common;
        to_ns = t->trusted_to_ns;
    }
    interner->all_checked = from == 0;
    for (uint32_t k = from; k < stack->depth; k++) {
        uint64_t address = stack->frames[stack->depth - 1 - k].code;
        uint32_t code = k < common ? stack_store_node(interner->store, t->nodes[k])->code
                                   : stack_store_latest_code(interner->store, t->process, address);
        uint64_t code_to_ns = trusted_to_ns(interner, t->process, code);
        interner->code_of[k] = code;
        if (code_to_ns != 0) {
            interner->all_checked = false;
            to_ns = code_to_ns < to_ns ? code_to_ns : to_ns;
        } else if (!is_listed(interner, n, address)) {
            interner->codes[n++] = address;
        }
    }
    t->trusted_to_ns = to_ns;
    return n;
}

/* The side was turned: the code object that the other one has at the address, where it is another. */
static uint32_t replaced_before(const struct interner *interner, const struct tracked_process *process,
                                const struct code_entry *entry)
{
    uint32_t before = stack_store_code_before(interner->store, process, entry->address);
    return before != 0 && stack_store_code(interner->store, before)->checksum != entry->checksum ? before : 0;
}

/* Looks at the code objects; new ones are copied while their frames are alive. False when one is no code object. */
static bool check_codes(struct interner *interner, struct tracked_process *process, uint32_t n, bool *changed)
{
    if (!python_code_checksums(process->python, interner->codes, n, interner->checksums))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        bool fresh;
        uint32_t replaced;
        uint32_t id = interner->checksums[i] == 0 ? 0
                                                  : stack_store_add_code(interner->store, process, interner->codes[i],
                                                                         interner->checksums[i], &fresh, &replaced);
        if (id == 0)
            return false;
        struct code_entry *entry = stack_store_code(interner->store, id);
        if (!entry->copied && python_code_copy(process->python, interner->codes[i], &entry->copy) != 0) {
            buf_clear(&entry->copy);
            return false; /* tried again when it is met again: no node has it yet */
        }
        if (!entry->copied)
            stack_store_filled(interner->store)->bytes += entry->copy.size;
        entry->copied = true;
        if (fresh && replaced == 0)
            replaced = replaced_before(interner, process, entry);
        if (replaced != 0)
            code_was_replaced(interner, process, replaced);
        else if (fresh)
            be_careful(interner, process, NEWS_NS);
        *changed = *changed || fresh || replaced != 0;
        entry->verified_ns = interner->read_ns;
    }
    return true;
}

/* Finds nodes of the frames behind the `common` outermost ones; `make`: or makes them. */
static bool add_nodes(struct interner *interner, struct tracked_thread *t, const struct python_stack *stack,
                      uint32_t common, bool make)
{
    uint32_t node = common > 0 ? t->nodes[common - 1] : 0;
    t->depth = common;
    for (uint32_t k = common; k < stack->depth; k++) {
        const struct python_frame *frame = &stack->frames[stack->depth - 1 - k];
        if (interner->code_of[k] == 0)
            return false;
        node = make ? stack_store_add_node(interner->store, node, interner->code_of[k], frame->offset)
                    : stack_store_find_node(interner->store, node, interner->code_of[k], frame->offset);
        if (node == 0)
            return false;
        t->frames[k] = *frame;
        t->nodes[k] = node;
        t->depth = k + 1;
    }
    return true;
}

bool interner_intern(struct interner *interner, struct tracked_thread *t, const struct python_stack *stack,
                     uint64_t read_ns)
{
    interner->read_ns = read_ns;
    interner->looked = false;
    interner->store = &t->process->store;
    bool changed = false;
    uint32_t common = common_frames(t, stack);
    if (!reserve_frames(t, stack->depth))
        return false;
    uint32_t n = codes_to_check(interner, t, stack, common);
    interner->looked = n > 0;
    if (n > 0 && !check_codes(interner, t->process, n, &changed))
        return false;
    if (changed) { /* some address holds a code object that was not there when the list was made */
        for (uint32_t k = 0; k < stack->depth; k++)
            interner->code_of[k] =
                stack_store_latest_code(interner->store, t->process, stack->frames[stack->depth - 1 - k].code);
        common = 0;
    }
    return add_nodes(interner, t, stack, common, true);
}

/* The code object that was last seen there; NULL: none was. */
static struct code_entry *latest(const struct interner *interner, const struct tracked_process *process, uint32_t i)
{
    uint32_t id = stack_store_latest_code(interner->store, process, interner->codes[i]);
    return id != 0 ? stack_store_code(interner->store, id) : NULL;
}

/* Are all code objects that are to be looked at still in place? */
static bool are_in_place(const struct interner *interner, struct tracked_process *process, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (latest(interner, process, i) == NULL)
            return false;
    }
    if (!python_code_checksums(process->python, interner->codes, n, interner->checksums))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (latest(interner, process, i)->checksum != interner->checksums[i])
            return false;
        latest(interner, process, i)->verified_ns = interner->read_ns;
    }
    return true;
}

bool interner_find(struct interner *interner, struct tracked_thread *t, const struct python_stack *stack,
                   uint64_t read_ns)
{
    interner->read_ns = read_ns;
    interner->store = &t->process->store;
    uint32_t common = common_frames(t, stack);
    interner->same = common == t->depth && common == stack->depth;
    if (!reserve_frames(t, stack->depth))
        return false;
    uint32_t n = codes_to_check(interner, t, stack, common);
    if (n > 0 && !are_in_place(interner, t->process, n)) {
        t->depth = 0;
        return false;
    }
    return add_nodes(interner, t, stack, common, false) &&
           (t->depth == 0 || stack_store_is_learned(interner->store, t->nodes[t->depth - 1]));
}

/* ---- stacks of the kernel sampler ----------------------------------------------------------------------------------
 */

struct marked_key {
    uint64_t address, mark;
};

bool interner_learn(struct interner *interner, struct tracked_process *process, const struct wire_code *code,
                    const uint8_t *table, uint64_t now_ns)
{
    struct stack_store *store = interner->store = &process->store;
    struct marked_key key = {code->address, code->mark};
    uint64_t sum;
    uint32_t id, replaced;
    bool fresh;
    struct map *marked = &stack_store_filled(store)->marked;
    if (map_get(marked, &key, sizeof key, &id))
        return true;
    interner->learned.size = 0;
    if (python_code_recorded(process->python, code, table, &sum, &interner->learned) != 0)
        return false;
    id = stack_store_add_code(store, process, code->address, sum, &fresh, &replaced);
    if (id == 0)
        return false;
    struct code_entry *entry = stack_store_code(store, id);
    if (!entry->copied) {
        entry->copy = interner->learned;
        stack_store_filled(store)->bytes += entry->copy.size;
        interner->learned = (struct buf){0};
        entry->copied = true;
    }
    interner->read_ns = now_ns;
    if (fresh && replaced == 0)
        replaced = replaced_before(interner, process, entry);
    if (replaced != 0)
        code_was_replaced(interner, process, replaced);
    entry->verified_ns = now_ns;
    return map_put(marked, &key, sizeof key, id, &id, &fresh) == 0;
}

static uint32_t marked_code(struct stack_store *store, const struct python_frame *frame)
{
    struct marked_key key = {frame->code, frame->mark};
    uint32_t id;
    return map_get(&stack_store_filled(store)->marked, &key, sizeof key, &id) ? id : 0;
}

bool interner_intern_marked(struct interner *interner, struct tracked_thread *t, const struct python_stack *stack,
                            uint64_t read_ns)
{
    interner->read_ns = read_ns;
    interner->store = &t->process->store;
    interner->all_checked = true;
    t->trusted_to_ns = 0;
    uint32_t common = common_frames(t, stack);
    if (!reserve_frames(t, stack->depth))
        return false;
    for (uint32_t k = common; k < stack->depth; k++) {
        const struct python_frame *frame = &stack->frames[stack->depth - 1 - k], *inner = frame + 1;
        bool recursion = k > common && inner->code == frame->code && inner->mark == frame->mark;
        interner->code_of[k] = recursion ? interner->code_of[k - 1] : marked_code(interner->store, frame);
    }
    return add_nodes(interner, t, stack, common, true);
}
