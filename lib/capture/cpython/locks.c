#include "capture/cpython/locks.h"

#include "base/mem.h"
#include "capture/cpython/internal.h"
#include "capture/cpython/operands.h"

enum {
    SLOTS_MAX = 256,     /* of an evaluation stack that is looked through */
    METHOD_SELF = 8,     /* behind the head of a bound method: its definition, then what it is bound to */
    METHOD_DEFINED = 24, /* behind that of a method of a type: type, name, qualified name, then its definition */
    LOCK_OWNER = 8,      /* behind the head of an RLock: the lock proper, then the owner */
    NAME_BYTES = 9
};

static uint64_t word_at(struct python *python, uint64_t address)
{
    uint64_t word;
    return plausible(address) && remote_read_u64(&python->remote, address, &word) ? word : 0;
}

static uint32_t head_of(const struct python *python)
{
    return python->layout.object_type + 8;
}

/* A Lock or an RLock? */
static bool is_lock(struct python *python, uint64_t object, bool *reentrant)
{
    char name[OPERAND_TYPE_BYTES];
    uint32_t flags;
    uint64_t type = word_at(python, object + python->layout.object_type);
    if (!plausible(type) || !python_type_name(python, type, name, &flags))
        return false;
    *reentrant = strcmp(name, "_thread.RLock") == 0;
    return *reentrant || strcmp(name, "_thread.lock") == 0;
}

/* By what a slot holds: the lock, or a method that is bound to it. */
static bool lock_of(struct python *python, uint64_t object, struct python_lock *lock)
{
    bool reentrant = false;
    if (object == 0)
        return false;
    if (!is_lock(python, object, &reentrant)) {
        object = word_at(python, object + head_of(python) + METHOD_SELF);
        if (!plausible(object) || !is_lock(python, object, &reentrant))
            return false;
    }
    *lock = (struct python_lock){.address = object};
    if (reentrant)
        lock->owner = word_at(python, object + head_of(python) + LOCK_OWNER);
    return true;
}

static bool depth_at(struct python *python, const struct python_frame *frame, struct instructions *code,
                     struct operand_depth *depth)
{
    if (!layout_has(python->layout.frame_locals) || python->info.major != 3 ||
        !python_instructions(python, frame->code, code))
        return false;
    uint8_t *bytes = mem_alloc(code->size);
    bool known =
        bytes != NULL && remote_read(&python->remote, code->address, bytes, code->size) &&
        operand_depth(python->layout.minor, bytes, code->size, code->locals, code->stack, frame->offset, depth);
    mem_free(bytes);
    return known;
}

static uint64_t slot_value(struct python *python, const struct python_frame *frame, uint16_t slot)
{
    uint64_t at = frame->address + python->layout.frame_locals + (uint64_t)slot * 8;
    return slot != NO_SLOT ? object_of_slot(&python->layout, word_at(python, at)) : 0;
}

static bool wanted_at(struct python *python, const struct python_frame *frame, const struct operand_depth *depth,
                      struct python_lock *lock)
{
    return lock_of(python, slot_value(python, frame, depth->self), lock) ||
           lock_of(python, slot_value(python, frame, depth->callable), lock);
}

bool python_lock_wanted(struct python *python, const struct python_frame *frame, struct python_lock *lock)
{
    struct instructions code = {0};
    struct operand_depth depth;
    return depth_at(python, frame, &code, &depth) && wanted_at(python, frame, &depth, lock);
}

/* Is the method that this definition is of called `__exit__`? */
static bool is_exit(struct python *python, uint64_t definition)
{
    char name[NAME_BYTES];
    uint64_t text = word_at(python, definition);
    return text >= 4096 && remote_read(&python->remote, text, name, sizeof name) &&
           memcmp(name, "__exit__", sizeof name) == 0;
}

/* The lowest of these values of an evaluation stack, from the bottom up, that is the lock's `__exit__`; `count`: none.
 */
static uint32_t find_exit(struct python *python, const uint64_t *values, uint32_t count, uint64_t lock)
{
    const uint32_t head = head_of(python);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t object = object_of_slot(&python->layout, values[i]);
        uint64_t below = i > 0 ? object_of_slot(&python->layout, values[i - 1]) : 0;
        if (object == 0)
            continue;
        if (object == lock && below != 0 && is_exit(python, word_at(python, below + head + METHOD_DEFINED)))
            return i;
        if (object != lock && word_at(python, object + head + METHOD_SELF) == lock &&
            is_exit(python, word_at(python, object + head)))
            return i;
    }
    return count;
}

bool python_lock_held(struct python *python, const struct python_frame *frame, enum lock_frame which, uint64_t lock)
{
    enum { HANDED_OVER = 14 }; /* before, the semaphore that a lock is lets only who gets it go on */
    struct instructions code = {0};
    struct operand_depth depth;
    struct python_lock wanted;
    uint64_t values[SLOTS_MAX];
    bool innermost = which != LOCK_CALLER, known = innermost && depth_at(python, frame, &code, &depth);
    if (known && wanted_at(python, frame, &depth, &wanted) && wanted.address == lock)
        return which == LOCK_GIL_WAITS && depth.callable == NO_SLOT && python->layout.minor < HANDED_OVER;
    if (!known && (!layout_has(python->layout.frame_locals) || !python_instructions(python, frame->code, &code)))
        return false;
    uint64_t stack = frame->address + python->layout.frame_locals + (uint64_t)code.locals * 8;
    uint32_t count = code.stack < SLOTS_MAX ? code.stack : SLOTS_MAX;
    if (!remote_read(&python->remote, stack, values, count * sizeof *values))
        return false;
    /* Above the depth lies what is left of an earlier block. */
    uint32_t at = find_exit(python, values, count, lock);
    return at < count && (known || depth_at(python, frame, &code, &depth)) && at < depth.depth;
}
