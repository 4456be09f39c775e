/*
 * See allocs.h. The way of a block that is not met costs a subtraction, and a look at one byte when it is given back.
 * Everything else runs under a lock of its own: the raw domain is used without the GIL.
 */
#include "allocs.h"

#include "functions.h"
#include "segment.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MEAN_BYTES 65536.0
#define LN2        0.693147180559945309417

enum {
    DOMAINS = 3,
    LIVE_SLOTS = 1 << 18,
    LIVE_MOST = LIVE_SLOTS / 4 * 3,
    MARKS = 1 << 17,
    MARK_MOST = 255, /* one that was reached once stays: how many share it is not known any more */
    GROWN_PART = 32  /* `most` is taken again when that part more is live */
};

/* A block that was met. */
struct live {
    uintptr_t address; /* 0: none */
    uint32_t place;
    size_t size;
};

static struct allocator next[DOMAINS];
static struct live *live; /* slots, by address; one that is taken is followed by the next */
static size_t n_live;
static uint8_t marks[MARKS];            /* how many live blocks have that hash */
static uint64_t live_bytes, most_bytes; /* of all places */
static char busy;
static bool over; /* the interpreter ends: what it gives back now lived until then */

static __thread struct {
    int64_t left; /* bytes to the next one that is met */
    uint64_t random;
} own __attribute__((tls_model("initial-exec")));

/* ---- chance --------------------------------------------------------------------------------------------------------
 */

/* Natural logarithm of a normal number, without the library of mathematics: this is loaded into every program. */
static double logarithm(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    memcpy(&x, &bits, sizeof x); /* 1 to 2 */
    double t = (x - 1) / (x + 1), square = t * t, power = t, sum = 0;
    for (int i = 1; i < 26; i += 2, power *= square)
        sum += power / i;
    return exponent * LN2 + 2 * sum;
}

/* 1 - exp(-x), x not negative. */
static double chance(double x)
{
    if (x > 40)
        return 1;
    double part = x / 4096, gone = part - part * part / 2 + part * part * part / 6; /* of a 4096th; doubled 12 times */
    for (int i = 0; i < 12; i++)
        gone = gone * (2 - gone);
    return gone;
}

static int64_t draw(void)
{
    if (own.random == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        own.random = ((uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec ^ (uintptr_t)&own) | 1;
    }
    own.random ^= own.random << 13;
    own.random ^= own.random >> 7;
    own.random ^= own.random << 17;
    return (int64_t)(-MEAN_BYTES * logarithm(((double)(own.random >> 11) + 1) / 9007199254740992.0));
}

/* ---- live blocks ---------------------------------------------------------------------------------------------------
 */

static void lock(void)
{
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
}

static void unlock(void)
{
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

static uint64_t mix(uintptr_t address)
{
    return ((uint64_t)address >> 4) * 0x9e3779b97f4a7c15u;
}

static uint8_t *mark_of(uintptr_t address)
{
    return &marks[mix(address) >> 47];
}

static size_t slot_of(uintptr_t address)
{
    return (size_t)(mix(address) >> 29) & (LIVE_SLOTS - 1);
}

/* Where it stands, or the free slot that it may have. */
static size_t find(uintptr_t address)
{
    size_t at = slot_of(address);
    while (live[at].address != 0 && live[at].address != address)
        at = (at + 1) & (LIVE_SLOTS - 1);
    return at;
}

/* Those behind come nearer to where they belong. */
static void vacate(size_t hole)
{
    for (size_t at = (hole + 1) & (LIVE_SLOTS - 1); live[at].address != 0; at = (at + 1) & (LIVE_SLOTS - 1)) {
        size_t home = slot_of(live[at].address);
        if (((at - home) & (LIVE_SLOTS - 1)) >= ((at - hole) & (LIVE_SLOTS - 1))) {
            live[hole] = live[at];
            hole = at;
        }
    }
    live[hole].address = 0;
    n_live--;
}

/* What the block stands for: itself by the chance with which it is met. */
static uint64_t blocks_of(size_t size)
{
    return (uint64_t)(WIRE_AGENT_BLOCK_PART / chance((double)size / MEAN_BYTES) + 0.5);
}

static uint64_t bytes_of(size_t size)
{
    return (uint64_t)((double)size / chance((double)size / MEAN_BYTES) + 0.5);
}

/* It gets smaller: what lived until now may be the most there is. */
static void keep_most(void)
{
    if (live_bytes <= most_bytes + most_bytes / GROWN_PART)
        return;
    most_bytes = live_bytes;
    segment_keep_most();
}

static void drop(size_t at)
{
    struct wire_alloc_place *place = &segment->places[live[at].place];
    uint64_t bytes = bytes_of(live[at].size);
    uint8_t *mark = mark_of(live[at].address);
    keep_most();
    place->live_blocks -= blocks_of(live[at].size);
    place->live_bytes -= bytes;
    live_bytes -= bytes;
    *mark = (uint8_t)(*mark - (*mark < MARK_MOST));
    vacate(at);
}

static void put(uintptr_t address, size_t size, uint32_t place)
{
    size_t at = find(address);
    if (live[at].address != 0) { /* given back where we did not see it */
        drop(at);
        at = find(address);
    }
    if (n_live >= LIVE_MOST) {
        segment->unsampled += blocks_of(size) / WIRE_AGENT_BLOCK_PART;
        return;
    }
    uint8_t *mark = mark_of(address);
    live[at] = (struct live){address, place, size};
    n_live++;
    __atomic_store_n(mark, (uint8_t)(*mark + (*mark < MARK_MOST)), __ATOMIC_RELAXED);
    segment->places[place].live_blocks += blocks_of(size);
    segment->places[place].live_bytes += bytes_of(size);
    live_bytes += bytes_of(size);
}

/* ---- places --------------------------------------------------------------------------------------------------------
 */

struct step {
    uint32_t row, line;
};

/* Where the frame's instructions begin: in free-threaded builds from 3.14 on each thread but the first has a copy. */
static const char *instructions_of(struct object *code, const char *frame)
{
    uint32_t index = 0;
    if (layout.frame_tlbc_index != WIRE_AGENT_NONE)
        memcpy(&index, frame + layout.frame_tlbc_index, sizeof index);
    if (index == 0)
        return (const char *)code + layout.code_instructions;
    const char *array = (const char *)pointer_at((const char *)code + layout.code_tlbc);
    uint64_t size = 0;
    if (array != NULL)
        memcpy(&size, array, sizeof size);
    return index < size ? (const char *)pointer_at(array + (1 + (size_t)index) * sizeof array) : NULL;
}

static uint32_t line_at(struct object *code, const char *frame, uint32_t first_line)
{
    intptr_t offset;
    if (layout.ip_scale != 0) {
        int32_t index;
        memcpy(&index, frame + layout.frame_ip, sizeof index);
        offset = index < 0 ? 0 : (intptr_t)index * layout.ip_scale;
    } else {
        const char *start = instructions_of(code, frame);
        offset = start != NULL ? (const char *)pointer_at(frame + layout.frame_ip) - start : -1;
    }
    int line = offset >= 0 && offset <= INT32_MAX ? python.line_at(code, (int)offset) : -1;
    return line > 0 ? (uint32_t)line : first_line;
}

static bool step_at(const char *frame, struct step *step)
{
    uintptr_t word = (uintptr_t)pointer_at(frame + layout.frame_code);
    struct object *code = (struct object *)(word & ~layout.tag_mask);
    bool helper = layout.shim_owner != 0 && (uint8_t)frame[layout.frame_owner] >= layout.shim_owner;
    if (helper || code == NULL || pointer_at((char *)code + layout.object_type) != python.of.code)
        return false;
    const struct wire_call_row *row = row_read(code);
    step->row = row != NULL ? (uint32_t)(row - segment->rows) : 0;
    step->line = step->row != 0 ? line_at(code, frame, row->first_line) : 0;
    return step->row != 0;
}

static const char *innermost(const char *thread)
{
    const char *cframe;
    if (layout.thread_cframe == WIRE_AGENT_NONE)
        return (const char *)pointer_at(thread + layout.thread_frame);
    cframe = (const char *)pointer_at(thread + layout.thread_cframe);
    return cframe != NULL ? (const char *)pointer_at(cframe + layout.cframe_frame) : NULL;
}

/* Where this thread is. Without the GIL it is not known: what runs then is another thread (before 3.12), or none. One
 * of a subinterpreter's is not known either. */
static uint32_t place_here(void)
{
    const char *thread = python.thread_now();
    if (thread == NULL || thread != python.own_thread() || python.interpreter_now() != python.main_interpreter())
        return 0;
    struct step steps[WIRE_AGENT_DEPTH];
    size_t n = 0;
    uint32_t place = 0;
    for (const char *frame = innermost(thread); frame != NULL && n < WIRE_AGENT_DEPTH;
         frame = (const char *)pointer_at(frame + layout.frame_previous))
        n += step_at(frame, &steps[n]) && (n == 0 || memcmp(&steps[n], &steps[n - 1], sizeof *steps) != 0);
    lock();
    for (; n > 0; n--) {
        uint32_t called = segment_place(place, steps[n - 1].row, steps[n - 1].line);
        if (called == 0) {
            segment->unplaced++;
            place = 0;
            break;
        }
        place = called;
    }
    unlock();
    return place;
}

/* ---- hooks ---------------------------------------------------------------------------------------------------------
 */

static bool ends(void)
{
    return python.is_ending != NULL && python.is_ending() != 0;
}

/* [hook] One byte of the block was to be met. */
static void meet(uintptr_t address, size_t size)
{
    int number = errno;
    segment_at_work++;
    bool first = own.random == 0; /* the thread's first block: its distance is to be drawn yet */
    own.left = draw();
    if (!first || (own.left -= (int64_t)size) < 0) {
        if (first)
            own.left = draw();
        if (!over && segment->over == 0 && !ends()) {
            uint32_t place = place_here();
            lock();
            segment->places[place].blocks += blocks_of(size);
            segment->places[place].bytes += bytes_of(size);
            put(address, size, place);
            unlock();
        }
    }
    segment_at_work--;
    errno = number;
}

/* [hook] A block that may be one of those met goes. False: it is none. */
static bool leave(uintptr_t address, struct live *kept)
{
    lock();
    over = over || ends();
    size_t at = find(address);
    bool met = !over && live[at].address != 0;
    if (met) {
        *kept = live[at];
        drop(at);
    }
    unlock();
    return met;
}

static bool may_be_met(const void *block)
{
    return block != NULL && __atomic_load_n(mark_of((uintptr_t)block), __ATOMIC_RELAXED) != 0;
}

/* [hook] The allocator that was asked asks another one in turn for the same block. */
static void *taken(void *block, size_t size)
{
    segment_at_work--;
    size = size > 0 ? size : 1;
    if (block != NULL && size < INT64_MAX / 2 && (own.left -= (int64_t)size) < 0)
        meet((uintptr_t)block, size);
    return block;
}

/* [hook] */
static void *hook_malloc(void *context, size_t size)
{
    const struct allocator *asked = context;
    if (segment_at_work > 0)
        return asked->malloc(asked->context, size);
    segment_at_work++;
    return taken(asked->malloc(asked->context, size), size);
}

/* [hook] */
static void *hook_calloc(void *context, size_t number, size_t size)
{
    const struct allocator *asked = context;
    if (segment_at_work > 0)
        return asked->calloc(asked->context, number, size);
    segment_at_work++;
    return taken(asked->calloc(asked->context, number, size), number * size);
}

/* [hook] A block that becomes another one was given back, and one of the new size was asked for. */
static void *hook_realloc(void *context, void *block, size_t size)
{
    const struct allocator *asked = context;
    struct live kept;
    if (segment_at_work > 0)
        return asked->realloc(asked->context, block, size);
    bool met = may_be_met(block) && leave((uintptr_t)block, &kept);
    segment_at_work++;
    void *moved = asked->realloc(asked->context, block, size);
    if (moved == NULL && met) { /* it is still there */
        lock();
        put(kept.address, kept.size, kept.place);
        unlock();
    }
    return taken(moved, size);
}

/* [hook] */
static void hook_free(void *context, void *block)
{
    const struct allocator *asked = context;
    struct live kept;
    if (may_be_met(block))
        leave((uintptr_t)block, &kept);
    asked->free(asked->context, block);
}

/* ---- beginning -----------------------------------------------------------------------------------------------------
 */

static int clear_live(int fixed)
{
    void *memory = mmap(live, LIVE_SLOTS * sizeof *live, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    live = memory;
    memset(marks, 0, sizeof marks);
    n_live = 0;
    live_bytes = most_bytes = 0;
    return 0;
}

void allocs_begin(void)
{
    if (layout.known == 0 || python.of.code == NULL || python.thread_now == NULL || python.interpreter_now == NULL ||
        python.main_interpreter == NULL || clear_live(0) != 0)
        return;
    for (int domain = 0; domain < DOMAINS; domain++) {
        struct allocator ours = {&next[domain], hook_malloc, hook_calloc, hook_realloc, hook_free};
        python.get_allocator(domain, &next[domain]);
        python.set_allocator(domain, &ours);
    }
}

void allocs_follow_fork(void)
{
    busy = 0; /* who had it is not in this process */
    if (live != NULL && clear_live(MAP_FIXED) != 0)
        over = true;
}
