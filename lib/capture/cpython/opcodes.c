#include "capture/cpython/opcodes.h"

#include "base/err.h"
#include "base/mem.h"
#include "capture/cpython/opcodes.inc"

enum feature { NONE, ARGUMENT, LOW_BIT, THIRD_BIT, IS_THREE, BITS, TWO_COUNTS };
enum flow { FLOW_FORWARD = 1, FLOW_BACKWARD = 2, FLOW_ABSOLUTE = 4, FLOW_STOPS = 8, FLOW_PREFIX = 16, FLOW_KNOWN = 32 };

/* Where operands lie below the top of the stack, before the instruction. */
enum where {
    NOWHERE,
    TOP,
    UNDER,
    TOP_UNDER,
    UNDER_TOP,
    FUNCTION,
    FUNCTION_KW,
    METHOD,
    METHOD_KW,
    METHOD_LEFT /* the arguments are still there, though the depth has them taken */
};

struct effect {
    uint8_t feature;
    int8_t base, times;
};

struct opcode {
    uint8_t operation, where, caches, flow;
    struct effect on, jump;
};

/* clang-format off */
#define EFFECT(feature, base, times) {feature, base, times}
#define OPCODE(number, operation, where, caches, flow, on, jump) \
    [number] = {OPERATION_##operation, where, caches, FLOW_KNOWN | (flow), on, jump},
/* clang-format on */

struct instruction_set {
    int minor;
    uint8_t jump_unit;   /* bytes that a jump's argument counts in */
    uint32_t compare_in; /* arguments of a comparison that test membership, one bit each */
    struct opcode opcodes[256];
};

static const struct instruction_set sets[] = {
    {8, 1, COMPARE_IN_3_8, {OPCODES_3_8}},    {9, 1, COMPARE_IN_3_9, {OPCODES_3_9}},
    {10, 2, COMPARE_IN_3_10, {OPCODES_3_10}}, {11, 2, COMPARE_IN_3_11, {OPCODES_3_11}},
    {12, 2, COMPARE_IN_3_12, {OPCODES_3_12}}, {13, 2, COMPARE_IN_3_13, {OPCODES_3_13}},
    {14, 2, COMPARE_IN_3_14, {OPCODES_3_14}}, {15, 2, COMPARE_IN_3_15, {OPCODES_3_15}},
};

const char *operation_text(enum operation operation)
{
    static const char *const texts[] = {
#define X(name, text) text,
        OPERATION_LIST(X)
#undef X
    };
    return (unsigned)operation < OPERATION_COUNT ? texts[operation] : "";
}

static const struct instruction_set *set_of(int minor)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (sets[i].minor == minor)
            return &sets[i];
    }
    return NULL;
}

static int32_t effect_of(const struct effect *effect, uint32_t argument)
{
    uint32_t value = 0;
    switch ((enum feature)effect->feature) {
    case NONE:
        break;
    case ARGUMENT:
        value = argument;
        break;
    case LOW_BIT:
        value = argument & 1;
        break;
    case THIRD_BIT:
        value = argument >> 2 & 1;
        break;
    case IS_THREE:
        value = argument == 3;
        break;
    case BITS:
        value = (uint32_t)__builtin_popcount(argument & 15);
        break;
    case TWO_COUNTS:
        value = (argument & 255) + (argument >> 8);
        break;
    }
    return effect->base + effect->times * (int32_t)(value & 0xffff);
}

struct pass {
    const struct instruction_set *set;
    const uint8_t *code;
    size_t size;
    uint32_t locals, stack;
    int32_t *depths; /* before the instruction at each offset / 2; -1: not known */
    struct operand_row *rows;
    size_t n_rows, capacity;
    bool collect, changed, failed;
};

/* Slot of the value `below` the top (0: the top itself) at that depth; NO_SLOT where there is none. */
static uint16_t slot_at(const struct pass *pass, int32_t depth, uint32_t below)
{
    if (depth < 0 || below >= (uint32_t)depth)
        return NO_SLOT;
    uint32_t slot = pass->locals + (uint32_t)depth - 1 - below;
    return slot < pass->locals + pass->stack && slot < NO_SLOT ? (uint16_t)slot : NO_SLOT;
}

static void place(const struct pass *pass, enum where where, int32_t depth, uint32_t n, struct operand_row *row)
{
    /* Names of keyword arguments lie above the arguments. */
    uint32_t top = where == FUNCTION_KW || where == METHOD_KW ? 1 : 0;
    row->slot[0] = row->slot[1] = row->method = NO_SLOT;
    if (where == TOP || where == TOP_UNDER)
        row->slot[0] = slot_at(pass, depth, 0);
    else if (where == UNDER || where == UNDER_TOP)
        row->slot[0] = slot_at(pass, depth, 1);
    if (where == TOP_UNDER)
        row->slot[1] = slot_at(pass, depth, 1);
    else if (where == UNDER_TOP)
        row->slot[1] = slot_at(pass, depth, 0);
    if (where < FUNCTION || n >= NO_SLOT)
        return;
    if (where == METHOD_LEFT)
        depth += (int32_t)n;
    if (n > 0)
        row->slot[1] = slot_at(pass, depth, n - 1 + top);
    if (where >= METHOD) {
        row->slot[0] = slot_at(pass, depth, n + top);
        row->method = slot_at(pass, depth, n + 1 + top);
    }
}

static uint8_t operation_of(const struct pass *pass, const struct opcode *opcode, uint32_t argument)
{
    if (opcode->operation == OPERATION_BINARY)
        return argument <= OPERATION_SUBSCRIPT - OPERATION_ADD ? (uint8_t)(OPERATION_ADD + argument) : OPERATION_NONE;
    if (opcode->operation == OPERATION_COMPARE && argument < 32 && (pass->set->compare_in >> argument & 1) != 0)
        return OPERATION_IN;
    return opcode->operation;
}

static void add_row(struct pass *pass, const struct opcode *opcode, size_t at, uint32_t argument, int32_t depth)
{
    struct operand_row row = {.offset = (int32_t)at, .operation = operation_of(pass, opcode, argument)};
    bool in = row.operation == OPERATION_IN;
    place(pass, in ? TOP_UNDER : (enum where)opcode->where, depth, argument, &row);
    if (row.operation == OPERATION_NONE || (row.slot[0] == NO_SLOT && row.slot[1] == NO_SLOT))
        return;
    if (mem_grow(&pass->rows, &pass->capacity, pass->n_rows + 1, sizeof row) != 0)
        pass->failed = true;
    else
        pass->rows[pass->n_rows++] = row;
}

static void reach(struct pass *pass, uint64_t at, int32_t depth)
{
    if (at >= pass->size || at % 2 != 0 || depth < 0 || pass->depths[at / 2] >= 0)
        return;
    pass->depths[at / 2] = depth;
    pass->changed = true;
}

static void jump(struct pass *pass, const struct opcode *opcode, size_t next, uint32_t argument, int32_t depth)
{
    uint64_t step = (uint64_t)argument * pass->set->jump_unit;
    int32_t after = depth + effect_of(&opcode->jump, argument);
    if (opcode->flow & FLOW_ABSOLUTE)
        reach(pass, step, after);
    else if (opcode->flow & FLOW_FORWARD)
        reach(pass, next + step, after);
    else if ((opcode->flow & FLOW_BACKWARD) && step <= next)
        reach(pass, next - step, after);
}

/* Once through all instructions; where the depth is not known, what follows is not either. */
static void sweep(struct pass *pass)
{
    uint32_t prefix = 0;
    size_t start = 0; /* of the instruction with its prefixes */
    for (size_t at = 0; at + 1 < pass->size;) {
        const struct opcode *opcode = &pass->set->opcodes[pass->code[at]];
        uint32_t argument = prefix << 8 | pass->code[at + 1];
        int32_t depth = pass->depths[at / 2];
        size_t next = at + 2 + (size_t)opcode->caches * 2;
        if (opcode->flow & FLOW_PREFIX) {
            reach(pass, next, depth);
            prefix = argument;
            at = next;
            continue;
        }
        if ((opcode->flow & FLOW_KNOWN) && depth >= 0 && depth <= (int32_t)pass->stack) {
            if (pass->collect && opcode->operation != OPERATION_NONE && start != at)
                add_row(pass, opcode, start, argument, depth);
            if (pass->collect && opcode->operation != OPERATION_NONE)
                add_row(pass, opcode, at, argument, depth);
            jump(pass, opcode, next, argument, depth);
            if (!(opcode->flow & FLOW_STOPS))
                reach(pass, next, depth + effect_of(&opcode->on, argument));
        }
        prefix = 0;
        start = at = next;
    }
}

/* Finds the depths. 0, or a negative code; without depths, where there are none: *pass says so. */
static int follow(struct pass *pass)
{
    enum { SWEEPS_MAX = 16 };
    if (pass->set == NULL || pass->size < 2 || pass->size > INSTRUCTION_BYTES_MAX)
        return 0;
    pass->depths = mem_alloc((pass->size / 2 + 1) * sizeof *pass->depths);
    if (pass->depths == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i <= pass->size / 2; i++)
        pass->depths[i] = -1;
    pass->depths[0] = 0;
    pass->changed = true;
    for (int i = 0; i < SWEEPS_MAX && pass->changed; i++) {
        pass->changed = false;
        sweep(pass);
    }
    return 0;
}

int operand_rows(int minor, const uint8_t *code, size_t size, uint32_t locals, uint32_t stack,
                 struct operand_row **rows)
{
    struct pass pass = {.set = set_of(minor), .code = code, .size = size, .locals = locals, .stack = stack};
    *rows = NULL;
    int rc = follow(&pass);
    if (rc != 0 || pass.depths == NULL)
        return rc;
    pass.collect = true;
    sweep(&pass);
    mem_free(pass.depths);
    if (pass.failed) {
        mem_free(pass.rows);
        return ERR_NOMEM;
    }
    *rows = pass.rows;
    return (int)pass.n_rows;
}

static bool tell_depth(const struct pass *pass, const struct opcode *opcode, int32_t depth, uint32_t argument,
                       struct operand_depth *found)
{
    struct operand_row row;
    if (!(opcode->flow & FLOW_KNOWN) || depth < 0 || depth > (int32_t)pass->stack)
        return false;
    bool call = opcode->operation == OPERATION_CALL;
    place(pass, call ? (enum where)opcode->where : TOP, depth, argument, &row);
    if (call && opcode->where < METHOD) /* the callable may be a method of what is called on */
        row.method = slot_at(pass, depth, argument + (opcode->where == FUNCTION_KW ? 1 : 0));
    *found = (struct operand_depth){(uint32_t)depth, row.slot[0], row.method};
    return true;
}

bool operand_depth(int minor, const uint8_t *code, size_t size, uint32_t locals, uint32_t stack, int32_t offset,
                   struct operand_depth *found)
{
    struct pass pass = {.set = set_of(minor), .code = code, .size = size, .locals = locals, .stack = stack};
    uint32_t prefix = 0;
    bool known = false;
    if (offset < 0 || follow(&pass) != 0 || pass.depths == NULL)
        return false;
    for (size_t at = 0, next; at + 1 < size && at <= (size_t)offset; at = next) {
        const struct opcode *opcode = &pass.set->opcodes[code[at]];
        uint32_t argument = prefix << 8 | code[at + 1];
        next = at + 2 + (size_t)opcode->caches * 2;
        prefix = opcode->flow & FLOW_PREFIX ? argument : 0;
        if ((size_t)offset < next)
            known = tell_depth(&pass, opcode, pass.depths[at / 2], argument, found);
    }
    mem_free(pass.depths);
    return known;
}
