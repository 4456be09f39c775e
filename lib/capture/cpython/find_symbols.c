/*
 * The interpreter's state where there is no _PyRuntime, 2.7 and 3.6: variables of the interpreter's file, each a symbol
 * of its own. Those that the file does not export are missing where its symbol table was stripped; the list of
 * interpreters is then found in the function that returns it. Off the timed path.
 */
#include "capture/cpython/internal.h"
#include "capture/target/elf.h"

enum { FUNCTION_BYTES = 24, LOAD_BYTES = 7 };

uint64_t loaded_address(const uint8_t *code, size_t size, uint64_t address)
{
    static const uint8_t load[] = {0x48, 0x8b, 0x05}; /* mov rax, [rip + distance] */
    for (size_t i = 0; i + LOAD_BYTES <= size; i++) {
        if (memcmp(code + i, load, sizeof(load)) == 0)
            return address + i + LOAD_BYTES + (uint64_t)(int64_t)(int32_t)load_u32(code + i + sizeof(load));
    }
    return 0;
}

static uint64_t find_head(struct python *python, struct elf *elf)
{
    struct elf_place place;
    uint8_t code[FUNCTION_BYTES];
    if (elf_symbol(elf, "interp_head", &place))
        return place.address;
    if (!elf_symbol(elf, "PyInterpreterState_Head", &place) ||
        !remote_read(&python->remote, place.address, code, sizeof(code)))
        return 0;
    return loaded_address(code, sizeof(code), place.address);
}

bool python_find_symbols(struct python *python, struct elf *elf)
{
    struct {
        uint32_t *field;
        const char *name;
        uint64_t address;
    } state[] = {
        {&python->layout.runtime_interpreters_head, "", 0},
        {&python->layout.runtime_tstate_current, "_PyThreadState_Current", 0},
        {&python->layout.runtime_gc_collecting, "collecting", 0},
        {&python->layout.runtime_gil, "gil_mutex", 0},             /* 3.6: its condition lies beside it */
        {&python->layout.runtime_gil_lock, "interpreter_lock", 0}, /* 2.7 */
    };
    enum { STATES = sizeof(state) / sizeof(state[0]) };
    struct elf_place place;
    if (!elf_symbol(elf, state[1].name, &place))
        return false;
    size_t i = 0;
    const struct layout *row = layout_without_runtime(i);
    while (row && !elf_symbol(elf, row->sign, &place))
        row = layout_without_runtime(++i);
    uint64_t head = row ? find_head(python, elf) : 0;
    if (!plausible(head))
        return false;
    python->layout = *row;
    state[0].address = python->runtime = head;
    for (i = 1; i < STATES; i++) {
        if (elf_symbol(elf, state[i].name, &place))
            state[i].address = place.address;
        if (state[i].address && state[i].address < python->runtime)
            python->runtime = state[i].address;
    }
    for (i = 0; i < STATES; i++) {
        if (state[i].address && state[i].address - python->runtime < LAYOUT_NONE)
            *state[i].field = (uint32_t)(state[i].address - python->runtime);
    }
    return true;
}
