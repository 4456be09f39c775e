/* Unit tests of lib/capture/target/unwind.h: our own stack, walked in a copy; stacks, registers and tables of nonsense.
 */
#include "capture/target/unwind.h"

#include "capture/target/remote.h"
#include "capture/target/unwind_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "unit.h"

enum { PIECE = 16384, STEPS_MAX = 8192 };

struct seen {
    struct unwind_frame frame;
    uint64_t returns[3]; /* where each of the three goes back to */
    uint8_t bytes[PIECE];
};

static struct unwinder *unwinder;
static struct proc_maps maps;

static const struct proc_map *map_at(uint64_t address)
{
    for (size_t i = 0; i < maps.count; i++) {
        if (address >= maps.maps[i].start && address < maps.maps[i].end)
            return &maps.maps[i];
    }
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct err err;
    if (unwinder_new(&unwinder, &err) != 0)
        fprintf(stderr, "skipped: %s\n", err.text);
    return proc_maps_read(getpid(), &maps, &err);
}

static int tear_down(void **state)
{
    (void)state;
    unwinder_free(unwinder);
    proc_maps_release(&maps);
    return 0;
}

/* The registers that a call keeps, and the stack, as they are here. */
static __attribute__((noinline)) int innermost(struct seen *seen)
{
    ucontext_t context;
    getcontext(&context);
#if defined(__x86_64__)
    static const int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        seen->frame.registers[i] = (uint64_t)context.uc_mcontext.gregs[order[i]];
    seen->frame.ip = (uint64_t)context.uc_mcontext.gregs[REG_RIP];
    seen->frame.start = seen->frame.registers[7];
#elif defined(__aarch64__)
    memcpy(seen->frame.registers, context.uc_mcontext.regs, sizeof context.uc_mcontext.regs);
    seen->frame.registers[31] = context.uc_mcontext.sp;
    seen->frame.ip = context.uc_mcontext.pc;
    seen->frame.start = context.uc_mcontext.sp;
#endif
    const struct proc_map *stack = map_at(seen->frame.start);
    size_t there = stack != NULL ? stack->end - seen->frame.start : 0;
    seen->frame.size = there < PIECE ? there : PIECE;
    struct remote remote = {.pid = getpid()};
    remote_read(&remote, seen->frame.start, seen->bytes, seen->frame.size);
    seen->frame.bytes = seen->bytes;
    seen->frame.known = UINT64_MAX;
    seen->frame.interrupted = true;
    seen->returns[0] = (uintptr_t)__builtin_return_address(0);
    return 1;
}

static __attribute__((noinline)) int between(struct seen *seen)
{
    seen->returns[1] = (uintptr_t)__builtin_return_address(0);
    return innermost(seen) + 1;
}

static __attribute__((noinline)) int outermost(struct seen *seen)
{
    seen->returns[2] = (uintptr_t)__builtin_return_address(0);
    return between(seen) + 1;
}

static enum unwind_result step(struct unwind_frame *frame)
{
    return unwind_step(unwinder, getpid(), &maps, map_at(frame->ip), frame);
}

static void callers_are_found(void **state)
{
    (void)state;
    static struct seen seen;
    if (unwinder == NULL)
        skip();
    assert_int_equal(outermost(&seen), 3);
    struct unwind_frame frame = seen.frame;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(&frame), UNWIND_OK);
        assert_int_equal(frame.ip, seen.returns[i]);
    }
    struct unwind_frame cut = seen.frame; /* the return address of `between` is in what is missing */
    cut.size = 8;
    enum unwind_result result = UNWIND_OK;
    for (int i = 0; i < 3 && result == UNWIND_OK; i++)
        result = step(&cut);
    assert_int_equal(result, UNWIND_CUT);
}

static uint32_t draw(void)
{
    static uint32_t seed = 11;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Whatever stack and registers say, a walk ends. */
static void walk(const struct proc_map *code, struct seen *seen)
{
    struct unwind_frame frame = {.bytes = seen->bytes, .size = PIECE, .start = 0x7000000};
    frame.known = draw() % 2 == 0 ? UINT64_MAX : (uint64_t)draw() << 24 | draw();
    for (int i = 0; i < UNWIND_REGISTERS; i++)
        frame.registers[i] = draw() % 4 == 0 ? draw() : frame.start + draw() % PIECE;
    for (size_t i = 0; i + 8 <= PIECE; i += 8) {
        uint64_t word =
            draw() % 2 == 0 ? code->start + draw() % (code->end - code->start) : frame.start + draw() % PIECE;
        memcpy(seen->bytes + i, &word, sizeof word);
    }
    frame.ip = code->start + draw() % (code->end - code->start);
    frame.interrupted = draw() % 2 == 0;
    int steps = 0;
    while (steps++ < STEPS_MAX && unwind_step(unwinder, getpid(), &maps, map_at(frame.ip), &frame) == UNWIND_OK)
        ;
    assert_true(steps < STEPS_MAX);
}

static void nonsense_is_survived(void **state)
{
    (void)state;
    static struct seen seen;
    if (unwinder == NULL)
        skip();
    const struct proc_map *code = map_at((uintptr_t)innermost);
    const struct proc_map *library = map_at((uintptr_t)getcontext);
    for (int round = 0; round < 500; round++)
        walk(round % 2 == 0 && library != NULL ? library : code, &seen);
}

/* Our own executable with damaged tables. */
static void damaged_tables_are_survived(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    static struct seen seen;
    if (unwinder == NULL)
        skip();
    int own = open("/proc/self/exe", O_RDONLY);
    ssize_t size = read(own, bytes, sizeof(bytes));
    close(own);
    const struct proc_map *code = map_at((uintptr_t)innermost);
    struct elf *elf = elf_open(getpid(), &maps, code);
    struct elf_place place;
    assert_true(elf != NULL && elf_section(elf, ".eh_frame_hdr", &place));
    const struct proc_map *tables = map_at(place.address);
    off_t at = (off_t)(place.address - tables->start + tables->offset);
    elf_close(elf);
    for (int round = 0; round < 40; round++) {
        char path[] = "/tmp/keisoku-unwind-XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        unlink(path);
        assert_int_equal(write(fd, bytes, (size_t)size), size);
        for (int i = 0; i < 40; i++) {
            char byte = (char)draw();
            assert_int_equal(pwrite(fd, &byte, 1, at + draw() % 6000), 1);
        }
        size_t length = code->end - code->start;
        void *mapped = mmap(NULL, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)code->offset);
        assert_true(mapped != MAP_FAILED);
        struct err err;
        proc_maps_release(&maps);
        assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
        struct proc_map copy = *map_at((uintptr_t)mapped);
        for (int i = 0; i < 40; i++)
            walk(&copy, &seen);
        munmap(mapped, length);
        close(fd);
        proc_maps_release(&maps);
        assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
        code = map_at((uintptr_t)innermost);
    }
}

static bool bounded(const char *rules, size_t size)
{
    uint8_t *copy = malloc(size); /* its own, so that a sanitizer sees a byte behind it */
    assert_non_null(copy);
    memcpy(copy, rules, size);
    bool result = unwind_rules_bounded(copy, size);
    free(copy);
    return result;
}

/* libdw makes room for every register that a rule names, and for a copy of them at each state to be remembered. */
static void rules_that_would_take_all_memory_are_refused(void **state)
{
    (void)state;
    static char remembers[UNWIND_REMEMBERED_MOST + 1];
    if (unwinder == NULL)
        skip();
    assert_true(bounded("\x0c\x07\x08\x90\x01\x41\x0e\x10\x86\x02\x0a\x0b", 12)); /* as compilers write them */
    assert_true(bounded("\x0f\x03\x77\x80\x00\x10\x06\x02\x77\x08", 10));
    assert_true(bounded("\x10\x06\x7f\x77", 4));                  /* cut in a block: libdw stops there too */
    assert_false(bounded("\x05\xf0\xfc\x88\x61\x01", 6));         /* a register */
    assert_false(bounded("\x10\xf0\xfc\x88\x61\x02\x77\x08", 8)); /* behind others */
    assert_false(bounded("\x41\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12));
    assert_false(bounded("\x09\x06\x80\x08", 4));
    assert_false(bounded("\x01\x00\x00\x00\x00\x08\x07", 7)); /* a place of a length that is not told here */
    memset(remembers, 0x0a, sizeof remembers);
    assert_true(bounded(remembers, sizeof remembers - 1));
    assert_false(bounded(remembers, sizeof remembers));
}

/* What compilers write is not refused: the tables of all that is mapped here. */
static void usual_tables_are_taken(void **state)
{
    (void)state;
    size_t n = 0;
    if (unwinder == NULL)
        skip();
    for (size_t i = 0; i < maps.count; i++) {
        const struct proc_map *map = &maps.maps[i];
        struct elf *elf = map->executable && map->inode != 0 ? elf_open(getpid(), &maps, map) : NULL;
        uint64_t bias;
        struct Elf *handle = elf != NULL ? elf_handle(elf, &bias) : NULL;
        if (handle != NULL) {
            assert_true(unwind_tables_bounded(handle));
            n++;
        }
        elf_close(elf);
    }
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_are_found),           cmocka_unit_test(nonsense_is_survived),
        cmocka_unit_test(damaged_tables_are_survived), cmocka_unit_test(rules_that_would_take_all_memory_are_refused),
        cmocka_unit_test(usual_tables_are_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
