/*
 * Unit tests of lib/capture/cpython: the frame walk, code copies and strings over memory of our own made up as a
 * target's, much of it hostile.
 */
#include "base/mem.h"
#include "capture/cpython/internal.h"
#include "capture/cpython/view.h"
#include "failing.h"
#include "wire/kernel_sample.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- a target made up ----------------------------------------------------------------------------------------------
 */

enum {
    ARENA_BYTES = 8 << 20,
    THREAD_AT = 0,
    INTERPRETER_AT = 8192,
    FRAMES_AT = 65536,
    CODE_AT = 32768,
    TYPE_AT = 49152
};

struct target {
    struct python python;
    struct python_thread thread;
    struct python_reader *reader;
    struct python_stack stack;
    uint8_t *arena;
    uint64_t static_codes[STATIC_CODES];
};

static uint64_t at(const struct target *target, uint32_t offset)
{
    return (uint64_t)(uintptr_t)target->arena + offset;
}

static void put(struct target *target, uint32_t offset, uint64_t value)
{
    memcpy(target->arena + offset, &value, sizeof(value));
}

static void put_u32(struct target *target, uint32_t offset, uint32_t value)
{
    memcpy(target->arena + offset, &value, sizeof(value));
}

/* A frame of code object 0 at instruction `ip`. Its caller, when `previous` is 0: the interpreter's own frame, the
 * root. */
static void put_frame(struct target *target, uint32_t index, uint32_t previous, uint32_t ip)
{
    const struct layout *row = &target->python.layout;
    uint32_t frame = FRAMES_AT + index * 160;
    put(target, frame + row->frame_previous, at(target, FRAMES_AT + previous * 160));
    put(target, FRAMES_AT + row->frame_previous, 0);
    target->arena[FRAMES_AT + row->frame_owner] = row->shim_owner;
    put(target, frame + row->frame_code, at(target, CODE_AT));
    put(target, frame + row->frame_ip, at(target, CODE_AT) + row->code_instructions + ip);
    target->arena[frame + row->frame_owner] = 0;
}

static struct target *target_new(int minor)
{
    struct target *target = calloc(1, sizeof(*target));
    assert_non_null(target);
    target->arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(target->arena != MAP_FAILED);
    target->python.layout = *layout_find(3, minor);
    target->python.remote.pid = getpid();
    target->python.static_codes = target->static_codes;
    target->stack.frames = calloc(PYTHON_DEPTH_MAX, sizeof(struct python_frame));
    target->thread =
        (struct python_thread){.address = at(target, THREAD_AT), .interpreter = at(target, INTERPRETER_AT)};
    const struct layout *row = &target->python.layout;
    put(target, THREAD_AT + row->thread_interpreter, at(target, INTERPRETER_AT));
    if (layout_has(row->thread_frame))
        put(target, THREAD_AT + row->thread_frame, at(target, FRAMES_AT + 160));
    if (layout_has(row->thread_chunk))
        put(target, THREAD_AT + row->thread_chunk, at(target, FRAMES_AT));
    put(target, CODE_AT + row->object_type, at(target, TYPE_AT));
    put(target, TYPE_AT + row->type_name, at(target, TYPE_AT + 512));
    memcpy(target->arena + TYPE_AT + 512, "code", 5);
    target->reader = python_reader_new(&target->python, &target->thread);
    assert_non_null(target->reader);
    return target;
}

static void target_free(struct target *target)
{
    python_reader_free(target->reader);
    munmap(target->arena, ARENA_BYTES);
    free(target->stack.frames);
    free(target);
}

static enum python_read_result read_it(struct target *target)
{
    return python_read_stack(target->reader, &target->stack);
}

static void a_stack_is_walked(void **state)
{
    (void)state;
    struct target *target = target_new(14);
    const struct layout *row = &target->python.layout;
    put_frame(target, 1, 2, 10);
    put_frame(target, 2, 3, 0);
    put_frame(target, 3, 4, 6);
    put_frame(target, 4, 0, 8);
    target->arena[FRAMES_AT + 3 * 160 + row->frame_owner] = 3;                   /* the interpreter's own */
    put(target, FRAMES_AT + 2 * 160 + row->frame_code, at(target, CODE_AT) | 1); /* tagged */
    put_u32(target, THREAD_AT + row->thread_status, 1 << 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_it(target), PYTHON_READ_OK);
        assert_int_equal(target->stack.depth, 3);
        assert_true(target->stack.frames[0].code == at(target, CODE_AT));
        assert_int_equal(target->stack.frames[0].offset, 10);
        assert_true(target->stack.frames[1].code == at(target, CODE_AT));
        assert_int_equal(target->stack.frames[2].offset, 8);
        assert_true(target->stack.holds_gil && target->stack.gil_known && !target->stack.gc_running);
    }
    uint64_t calls = target->python.remote.calls;
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    assert_int_equal(target->python.remote.calls, calls + 1);
    /* A frame popped a moment ago, its code gone, is passed over; one in the middle is no stack. */
    put(target, FRAMES_AT + 160 + row->frame_code, 0);
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    assert_int_equal(target->stack.depth, 2);
    put(target, FRAMES_AT + 4 * 160 + row->frame_code, 0);
    assert_int_equal(read_it(target), PYTHON_READ_INVALID);
    target_free(target);
}

static void hostile_chains_end(void **state)
{
    (void)state;
    struct target *target = target_new(13);
    const struct layout *row = &target->python.layout;
    put_frame(target, 1, 2, 0);
    put_frame(target, 2, 3, 0);
    put_frame(target, 3, 1, 0); /* a cycle */
    assert_int_equal(read_it(target), PYTHON_READ_INVALID);
    assert_int_equal(target->stack.depth, 0);
    put_frame(target, 3, 3, 0); /* its own caller */
    assert_int_equal(read_it(target), PYTHON_READ_INVALID);
    static const uint64_t bad[] = {8, UINT64_MAX, UINT64_C(1) << 47, UINT64_C(0xdeadbeefdeadbee8), 0x7fff00000008};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(target, FRAMES_AT + 3 * 160 + row->frame_previous, bad[i]);
        assert_true(read_it(target) != PYTHON_READ_OK);
    }
    put(target, FRAMES_AT + 3 * 160 + row->frame_previous, 0); /* cut off in the middle: a generator that yields */
    assert_int_equal(read_it(target), PYTHON_READ_INVALID);
    put_frame(target, 3, 0, 0);
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    put(target, FRAMES_AT + 3 * 160 + row->frame_ip, at(target, 0)); /* before its code */
    assert_int_equal(read_it(target), PYTHON_READ_INVALID);
    put_frame(target, 3, 0, 0);
    put(target, THREAD_AT + row->thread_interpreter, at(target, 0)); /* memory of something else by now */
    assert_int_equal(read_it(target), PYTHON_READ_INVALID);
    target_free(target);
}

static void deep_stacks_are_cut(void **state)
{
    (void)state;
    struct target *target = target_new(13);
    for (uint32_t i = 1; i < PYTHON_DEPTH_MAX + 10; i++)
        put_frame(target, i, i + 1, 2);
    put_frame(target, PYTHON_DEPTH_MAX + 10, 0, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_it(target), PYTHON_READ_OK);
        assert_int_equal(target->stack.depth, PYTHON_DEPTH_MAX);
        assert_true(target->stack.truncated);
    }
    put_frame(target, 5000, 0, 2);
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    assert_int_equal(target->stack.depth, 5000);
    assert_false(target->stack.truncated);
    uint64_t calls = target->python.remote.calls;
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    assert_true(target->python.remote.calls - calls <= 3);
    target_free(target);
}

static void a_vanished_page_is_no_trap(void **state)
{
    (void)state;
    struct target *target = target_new(13);
    for (uint32_t i = 1; i < 100; i++)
        put_frame(target, i, i + 1, 2);
    put_frame(target, 100, 0, 2);
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    mprotect(target->arena + FRAMES_AT + 8192, 4096, PROT_NONE); /* process_vm_readv fails there */
    assert_int_equal(read_it(target), PYTHON_READ_UNREADABLE);
    put_frame(target, 40, 0, 2); /* now it ends before the hole */
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    assert_int_equal(target->stack.depth, 40);
    mprotect(target->arena + FRAMES_AT + 8192, 4096, PROT_READ | PROT_WRITE);
    put_frame(target, 40, 41, 2);
    assert_int_equal(read_it(target), PYTHON_READ_OK);
    assert_int_equal(target->stack.depth, 100);
    target_free(target);
}

/* --- code objects --------------------------------------------------------------------------------------------------
 */

static void put_string(struct target *target, uint32_t offset, int kind, bool ascii, const void *data, uint64_t length)
{
    const struct layout *row = &target->python.layout;
    put(target, offset + row->str_length, length);
    put_u32(target, offset + row->str_state,
            (uint32_t)kind << row->str_kind_shift | 1u << (row->str_kind_shift + 3) |
                (uint32_t)ascii << (row->str_kind_shift + 4));
    memcpy(target->arena + offset + (ascii ? row->str_ascii_size : row->str_compact_size), data,
           length < 64 ? length * (size_t)kind : 0);
}

enum { FILE_AT = CODE_AT + 1024, NAME_AT = CODE_AT + 2048, QUALNAME_AT = CODE_AT + 3072, LINES_AT = CODE_AT + 4096 };

static void put_code(struct target *target)
{
    static const uint32_t wide[] = {'x', 0x1d518, 0xd800, 0x110000};
    static const uint16_t two[] = {0x6570, 0xe9, 'a'};
    const struct layout *row = &target->python.layout;
    put_string(target, FILE_AT, 2, false, two, 3);
    put_string(target, NAME_AT, 1, true, "leaf", 4);
    put_string(target, QUALNAME_AT, 4, false, wide, 4);
    put(target, LINES_AT + row->var_size, 2);
    target->arena[LINES_AT + row->bytes_data] = 0x80 | 11 << 3 | 1;
    put(target, CODE_AT + row->code_filename, at(target, FILE_AT));
    put(target, CODE_AT + row->code_name, at(target, NAME_AT));
    if (layout_has(row->code_qualname))
        put(target, CODE_AT + row->code_qualname, at(target, QUALNAME_AT));
    put(target, CODE_AT + row->code_linetable, at(target, LINES_AT));
    put_u32(target, CODE_AT + row->code_firstlineno, 41);
}

static void code_is_copied(void **state)
{
    (void)state;
    struct target *target = target_new(13);
    struct buf copy = {0};
    struct python_code code;
    put_code(target);
    assert_int_equal(python_code_copy(&target->python, at(target, CODE_AT), &copy), 0);
    assert_int_equal(python_code_resolve(&target->python, &copy, &code), 0);
    assert_string_equal(code.name, "leaf");
    assert_string_equal(code.file, "\xe6\x95\xb0\xc3\xa9"
                                   "a");
    assert_string_equal(code.qualname, "x\xf0\x9d\x94\x98\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_equal(python_code_line(&code, 0), 42);
    python_code_release(&code);
    /* Whatever is cut off, it is refused. */
    while (copy.size--) {
        assert_true(python_code_resolve(&target->python, &copy, &code) < 0);
        if (copy.size == 0)
            break;
    }
    buf_release(&copy);
    target_free(target);
}

static void hostile_code_is_bounded(void **state)
{
    (void)state;
    struct target *target = target_new(13);
    const struct layout *row = &target->python.layout;
    struct buf copy = {0};
    struct python_code code;
    put_code(target);
    put_string(target, NAME_AT, 4, false, "", UINT64_MAX / 4);
    assert_true(python_code_copy(&target->python, at(target, CODE_AT), &copy) < 0); /* no name to show */
    put_string(target, NAME_AT, 1, true, "leaf", 4);
    put(target, LINES_AT + row->var_size, UINT64_C(1) << 60);
    assert_int_equal(python_code_copy(&target->python, at(target, CODE_AT), &copy), 0);
    assert_true(copy.size < 4096);
    assert_int_equal(python_code_resolve(&target->python, &copy, &code), 0);
    assert_string_equal(code.name, "leaf");
    assert_int_equal(python_code_line(&code, 0), 0);
    python_code_release(&code);
    put(target, CODE_AT + row->code_name, 24);
    assert_true(python_code_copy(&target->python, at(target, CODE_AT), &copy) < 0);
    put(target, CODE_AT + row->object_type, at(target, TYPE_AT + 8)); /* no code object */
    assert_true(python_code_copy(&target->python, at(target, CODE_AT), &copy) < 0);
    assert_true(python_code_copy(&target->python, 0x7fff00000008, &copy) < 0);
    buf_release(&copy);
    target_free(target);
}

static void checksums_follow_what_is_fixed(void **state)
{
    (void)state;
    struct target *target = target_new(13);
    const struct layout *row = &target->python.layout;
    put_code(target);
    uint64_t codes[] = {at(target, CODE_AT), 0x7fff00000008, at(target, NAME_AT), at(target, CODE_AT)}, sums[4],
             after[4];
    assert_true(python_code_checksums(&target->python, codes, 4, sums));
    assert_true(sums[0] != 0 && sums[0] == sums[3]);
    assert_true(sums[1] == 0 && sums[2] == 0);
    target->arena[CODE_AT + row->code_instructions] ^= 1; /* specialised meanwhile */
    assert_true(python_code_checksums(&target->python, codes, 4, after));
    assert_true(after[0] == sums[0]);
    put_u32(target, CODE_AT + row->code_firstlineno, 43);
    assert_true(python_code_checksums(&target->python, codes, 4, after));
    assert_true(after[0] != sums[0]);
    put_u32(target, CODE_AT + row->code_firstlineno, 42);
    put_u32(target, CODE_AT + row->code_filename - row->code_version_before, 7); /* made anew, all pointers the same */
    assert_true(python_code_checksums(&target->python, codes, 4, sums));
    put_u32(target, CODE_AT + row->code_filename - row->code_version_before, 8);
    assert_true(python_code_checksums(&target->python, codes, 4, after));
    assert_true(after[0] != sums[0]);
    target_free(target);
}

static void checksums_follow_names_where_code_has_no_number(void **state)
{
    (void)state;
    struct target *target = target_new(10);
    const struct layout *row = &target->python.layout;
    put_code(target);
    uint64_t code = at(target, CODE_AT), sum, after;
    size_t text = NAME_AT + row->str_ascii_size;
    assert_true(python_code_checksums(&target->python, &code, 1, &sum) && sum != 0);
    target->arena[text + strlen((char *)target->arena + text) + 1] ^= 1; /* another object's */
    assert_true(python_code_checksums(&target->python, &code, 1, &after) && after == sum);
    target->arena[text] ^= 1;
    assert_true(python_code_checksums(&target->python, &code, 1, &after) && after != sum);
    target_free(target);
}

static void byte_strings_become_text(void **state)
{
    (void)state;
    static const char mixed[] = "gr\xc3\xb6\xff\xe6\x95.py";
    struct target *target = target_new(13);
    struct buf text = {0};
    target->python.layout = *layout_find(2, 7);
    const struct layout *row = &target->python.layout;
    put(target, NAME_AT + row->str_length, sizeof(mixed) - 1);
    memcpy(target->arena + NAME_AT + row->bytes_data, mixed, sizeof(mixed));
    assert_true(text_read(&target->python, at(target, NAME_AT), 64, &text));
    assert_string_equal(buf_text(&text), "gr\xc3\xb6\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.py");
    assert_true(text_read(&target->python, at(target, NAME_AT), 2, &text)); /* cut */
    assert_string_equal(buf_text(&text), "gr");
    put(target, NAME_AT + row->str_length, UINT64_MAX);
    assert_false(text_read(&target->python, at(target, NAME_AT), 64, &text));
    buf_release(&text);
    target_free(target);
}

static void functions_tell_what_they_load(void **state)
{
    (void)state;
    static const uint8_t plain[] = {0x48, 0x8b, 0x05, 0xc9, 0x08, 0x0e, 0x00, 0xc3};
    static const uint8_t marked[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8b, 0x05, 0xf0, 0xff, 0xff, 0xff, 0xc3};
    assert_true(loaded_address(plain, sizeof(plain), 0x116e00) == 0x1f76d0);
    assert_true(loaded_address(marked, sizeof(marked), 0x1000) == 0xffb);
    assert_true(loaded_address(plain, 6, 0x116e00) == 0);
    assert_true(loaded_address(plain + 1, sizeof(plain) - 1, 0x116e00) == 0);
}

static struct target *shared;
static int copy_and_resolve(void *context)
{
    struct buf copy = {0};
    struct python_code code;
    (void)context;
    int rc = python_code_copy(&shared->python, at(shared, CODE_AT), &copy);
    if (rc == 0)
        rc = python_code_resolve(&shared->python, &copy, &code);
    if (rc == 0)
        python_code_release(&code);
    buf_release(&copy);
    return rc;
}

static int make_reader(void *context)
{
    (void)context;
    struct python_reader *reader = python_reader_new(&shared->python, &shared->thread);
    python_reader_free(reader);
    return reader ? 0 : ERR_NOMEM;
}

static int open_none(void *context)
{
    struct python *python;
    bool maybe;
    (void)context;
    int rc = python_open(getpid(), &python, &maybe, NULL);
    return rc == ERR_NOT_PYTHON ? 0 : rc;
}

/* One reading that looks at [from, to): its bytes are right, and so many calls and bytes it took. */
static uint64_t bytes_to_look_at(struct view *view, struct remote *remote, const uint8_t *memory, size_t from,
                                 size_t to, uint64_t calls)
{
    struct remote before = *remote;
    uint64_t start = (uint64_t)(uintptr_t)memory;
    assert_true(view_begin(view, NULL, 0));
    for (size_t at = from; at + 8 <= to; at += 8) {
        const uint8_t *seen = view_at(view, start + at, 8, start);
        assert_non_null(seen);
        assert_memory_equal(seen, memory + at, 8);
    }
    view_end(view);
    assert_int_equal(remote->calls - before.calls, calls);
    return remote->bytes - before.bytes;
}

static void what_is_used_of_a_page_is_read(void **state)
{
    (void)state;
    struct remote remote = {.pid = getpid()};
    struct view *view = view_new(&remote);
    uint8_t *memory = mmap(NULL, 4 * VIEW_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_non_null(view);
    assert_true(memory != MAP_FAILED);
    for (size_t i = 0; i < 4 * VIEW_PAGE; i++)
        memory[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(bytes_to_look_at(view, &remote, memory, 1000, 1400, 1), VIEW_PAGE);
    for (int i = 0; i < 100; i++) /* what was not used is left out little by little */
        bytes_to_look_at(view, &remote, memory, 1000, 1400, 1);
    assert_in_range(bytes_to_look_at(view, &remote, memory, 1000, 1400, 1), 400, 1000);
    bytes_to_look_at(view, &remote, memory, 1000, 1600, 1); /* a little more was read */
    bytes_to_look_at(view, &remote, memory, 1000, 3000, 2); /* much more was not, at first */
    bytes_to_look_at(view, &remote, memory, 1000, 3000, 1);
    bytes_to_look_at(view, &remote, memory, 100, 2 * VIEW_PAGE + 100, 4); /* each page as it is met */
    bytes_to_look_at(view, &remote, memory, 100, 2 * VIEW_PAGE + 100, 1); /* across pages: one part, one call */
    view_free(view);
    munmap(memory, 4 * VIEW_PAGE);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Read frame by frame, as where its loops are wanted, it is the same. */
static void expect_as_by_frames(struct target *target, const struct wire_sample *sample,
                                const struct wire_frame *frames, enum python_read_result result)
{
    static struct python_frame kept[64];
    static struct python_loops loops;
    uint32_t depth = target->stack.depth;
    memcpy(kept, target->stack.frames, depth * sizeof *kept);
    target->stack.loops = &loops;
    assert_int_equal(python_stack_recorded(target->reader, sample, frames, &target->stack), result);
    target->stack.loops = NULL;
    assert_int_equal(target->stack.depth, depth);
    for (uint32_t i = 0; i < depth; i++) {
        const struct python_frame *frame = &target->stack.frames[i];
        assert_true(frame->code == kept[i].code && frame->address == kept[i].address &&
                    frame->offset == kept[i].offset && frame->mark == kept[i].mark);
    }
}

/* What the kernel sampler may hand up if its program were wrong, or the target's memory a trap. */
static void hostile_records_are_bounded(void **state)
{
    (void)state;
    static struct wire_frame frames[64];
    static struct wire_code code;
    static uint8_t table[WIRE_TABLE_BYTES];
    static const uint64_t words[] = {0, 1, 8, 4096, UINT64_MAX, UINT64_C(1) << 47, UINT32_MAX, INT32_MAX};
    uint64_t seed = 88172645463325252u, sum;
    size_t good = 0, copied = 0;
    static const int minors[] = {8, 10, 11, 12, 13, 14, 15};
    for (size_t m = 0; m < sizeof minors / sizeof *minors; m++) {
        struct target *target = target_new(minors[m]);
        struct buf copy = {0};
        for (int round = 0; round < 3000; round++) {
            struct wire_sample sample = {.result = (uint8_t)(next_random(&seed) % 4),
                                         .flags = (uint8_t)next_random(&seed),
                                         .entry_frame = at(target, FRAMES_AT),
                                         .depth = (uint32_t)(next_random(&seed) % 64)};
            for (uint32_t i = 0; i < sample.depth; i++) {
                uint64_t word = next_random(&seed);
                frames[i].address = word % 9 == 0 ? words[word / 9 % 8]
                                                  : at(target, FRAMES_AT) + 160 * (word % (round % 3 == 0 ? 64 : 4096));
                frames[i].code = word % 11 == 0 ? words[word / 11 % 8] : at(target, CODE_AT);
                frames[i].offset = word % 13 == 0 ? (int32_t)word : (int32_t)(word >> 56);
                frames[i].owner = round % 2 == 0 || word % 17 == 0 ? (uint8_t)(word >> 32 & 7) : 0;
                frames[i].mark = (uint32_t)(word >> 16);
                frames[i].entry = (uint8_t)(word >> 40 & 1);
            }
            enum python_read_result result = python_stack_recorded(target->reader, &sample, frames, &target->stack);
            assert_true(target->stack.depth <= sample.depth);
            assert_true(result == PYTHON_READ_OK || target->stack.depth == 0);
            good += result == PYTHON_READ_OK && target->stack.depth > 0;
            expect_as_by_frames(target, &sample, frames, result);
            for (size_t i = 0; i < sizeof code / 8; i++)
                ((uint64_t *)(void *)&code)[i] = round % 3 == 0 ? next_random(&seed) : words[next_random(&seed) % 8];
            code.address = at(target, CODE_AT);
            code.table_bytes %= sizeof table;
            if (round % 2 == 0) /* its type is right, the rest is not */
                memcpy(code.head, target->arena + CODE_AT, 16);
            copied += python_code_recorded(&target->python, &code, table, &sum, &copy) == 0;
        }
        buf_release(&copy);
        target_free(target);
    }
    assert_true(good > 0 && copied < 3000 * 7);
}

static void short_memory_is_survived(void **state)
{
    (void)state;
    shared = target_new(13);
    put_code(shared);
    assert_true(failing_each(copy_and_resolve, NULL, false) >= 5);
    assert_true(failing_each(make_reader, NULL, false) == 3);
    assert_true(failing_each(open_none, NULL, true) >= 3);
    target_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_is_walked),
        cmocka_unit_test(hostile_chains_end),
        cmocka_unit_test(deep_stacks_are_cut),
        cmocka_unit_test(a_vanished_page_is_no_trap),
        cmocka_unit_test(code_is_copied),
        cmocka_unit_test(hostile_code_is_bounded),
        cmocka_unit_test(checksums_follow_what_is_fixed),
        cmocka_unit_test(checksums_follow_names_where_code_has_no_number),
        cmocka_unit_test(byte_strings_become_text),
        cmocka_unit_test(functions_tell_what_they_load),
        cmocka_unit_test(what_is_used_of_a_page_is_read),
        cmocka_unit_test(hostile_records_are_bounded),
        cmocka_unit_test(short_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
