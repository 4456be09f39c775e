#include "capture/target/unwind.h"

#include "base/map.h"
#include "base/mem.h"
#include "capture/target/unwind_check.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum { FILES_MAX = 512, RULES_MAX = 1 << 16, OPS_MAX = 1 << 16, EXPRESSION_MAX = 32, VALUES_MAX = 16 };

#if defined(__aarch64__)
enum { STACK_REGISTER = 31 };
#else
enum { STACK_REGISTER = 7 };
#endif

enum how {
    HOW_UNKNOWN, /* it is lost */
    HOW_SAME,    /* the caller's is this one */
    HOW_OFFSET,  /* at so many bytes from the frame's address */
    HOW_ADDRESS, /* at the address that the expression has */
    HOW_VALUE    /* what the expression has */
};

/* How one value of the caller is found. */
struct location {
    uint8_t how;
    uint8_t count; /* operations, from `at` on */
    int32_t at;    /* their index, or the offset */
};

struct rule {
    bool known, signal;
    uint8_t return_register;
    struct location frame_address;
    struct location registers[UNWIND_REGISTERS];
};

struct table {
    struct elf *elf;
    Elf *image; /* of the vdso */
    Dwarf_CFI *cfi;
    uint64_t delta; /* address in the file - offset in the file, of this mapping */
};

struct unwinder {
    struct map files; /* by file and place of the mapping in it */
    struct table tables[FILES_MAX];
    size_t n_tables;
    struct map places; /* (table, address in the file) → rule */
    struct rule *rules;
    size_t n_rules, rules_capacity;
    Dwarf_Op *ops;
    size_t n_ops, ops_capacity;
};

int unwinder_new(struct unwinder **result, struct err *err)
{
    *result = mem_zalloc(1, sizeof **result);
    return *result != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void forget_rules(struct unwinder *unwinder)
{
    map_release(&unwinder->places);
    unwinder->places = (struct map){0};
    unwinder->n_rules = unwinder->n_ops = 0;
}

void unwinder_free(struct unwinder *unwinder)
{
    if (unwinder == NULL)
        return;
    for (size_t i = 0; i < unwinder->n_tables; i++) {
        dwarf_cfi_end(unwinder->tables[i].cfi);
        elf_end(unwinder->tables[i].image);
        elf_close(unwinder->tables[i].elf);
    }
    forget_rules(unwinder);
    map_release(&unwinder->files);
    mem_free(unwinder->rules);
    mem_free(unwinder->ops);
    mem_free(unwinder);
}

/* ---- the tables of a file -------------------------------------------------------------------------------------------
 */

/* The kernel gives every process the same one: ours serves. */
static void open_vdso(struct table *table, const struct proc_map *map)
{
    char *image = (char *)getauxval(AT_SYSINFO_EHDR); /* NOLINT(performance-no-int-to-ptr): the kernel tells it so */
    if (image == NULL || elf_version(EV_CURRENT) == EV_NONE)
        return;
    table->image = elf_memory(image, map->end - map->start);
    table->cfi = table->image != NULL ? dwarf_getcfi_elf(table->image) : NULL;
}

static void open_table(struct table *table, pid_t pid, const struct proc_maps *maps, const struct proc_map *map)
{
    uint64_t bias;
    if (strcmp(map->path, "[vdso]") == 0) {
        open_vdso(table, map);
        return;
    }
    table->elf = elf_open(pid, maps, map);
    Elf *handle = table->elf != NULL ? elf_handle(table->elf, &bias) : NULL;
    if (handle == NULL || !unwind_tables_bounded(handle))
        return;
    table->delta = map->start - map->offset - bias;
    table->cfi = dwarf_getcfi_elf(handle);
}

/* Its index; SIZE_MAX: it can have none. */
static size_t table_of(struct unwinder *unwinder, pid_t pid, const struct proc_maps *maps, const struct proc_map *map)
{
    bool fresh;
    size_t index = elf_table_index(&unwinder->files, map, FILES_MAX, &unwinder->n_tables, &fresh);
    if (fresh)
        open_table(&unwinder->tables[index], pid, maps, map);
    return index;
}

/* ---- rules ----------------------------------------------------------------------------------------------------------
 */

static struct location keep_ops(struct unwinder *unwinder, enum how how, const Dwarf_Op *ops, size_t n)
{
    struct location location = {.how = HOW_UNKNOWN};
    if (n == 0 || n > EXPRESSION_MAX || unwinder->n_ops + n > OPS_MAX ||
        mem_grow(&unwinder->ops, &unwinder->ops_capacity, unwinder->n_ops + n, sizeof *unwinder->ops) != 0)
        return location;
    memcpy(unwinder->ops + unwinder->n_ops, ops, n * sizeof *ops);
    location = (struct location){(uint8_t)how, (uint8_t)n, (int32_t)unwinder->n_ops};
    unwinder->n_ops += n;
    return location;
}

static struct location find_register(struct unwinder *unwinder, Dwarf_Frame *frame, int number)
{
    Dwarf_Op memory[3], *ops = NULL;
    size_t n = 0;
    if (dwarf_frame_register(frame, number, memory, &ops, &n) != 0)
        return (struct location){.how = HOW_UNKNOWN};
    if (n == 0)
        return (struct location){.how = ops == NULL ? HOW_SAME : HOW_UNKNOWN};
    if (ops[0].atom == DW_OP_call_frame_cfa && n == 1)
        return (struct location){.how = HOW_OFFSET};
    int64_t offset = (int64_t)ops[n - 1].number;
    if (ops[0].atom == DW_OP_call_frame_cfa && n == 2 && ops[1].atom == DW_OP_plus_uconst && offset == (int32_t)offset)
        return (struct location){.how = HOW_OFFSET, .at = (int32_t)offset};
    bool value = ops[n - 1].atom == DW_OP_stack_value;
    return keep_ops(unwinder, value ? HOW_VALUE : HOW_ADDRESS, ops, value ? n - 1 : n);
}

static void make_rule(struct unwinder *unwinder, const struct table *table, uint64_t address, struct rule *rule)
{
    Dwarf_Frame *frame = NULL;
    Dwarf_Op *ops;
    size_t n;
    memset(rule, 0, sizeof *rule);
    if (table->cfi == NULL || dwarf_cfi_addrframe(table->cfi, address, &frame) != 0)
        return;
    int number = dwarf_frame_info(frame, NULL, NULL, &rule->signal);
    if (number >= 0 && number < UNWIND_REGISTERS && dwarf_frame_cfa(frame, &ops, &n) == 0) {
        rule->return_register = (uint8_t)number;
        rule->frame_address = keep_ops(unwinder, HOW_VALUE, ops, n);
        for (int i = 0; i < UNWIND_REGISTERS; i++)
            rule->registers[i] = find_register(unwinder, frame, i);
        rule->known = rule->frame_address.how == HOW_VALUE;
    }
    free(frame);
}

/* NULL: memory is short. */
static const struct rule *rule_at(struct unwinder *unwinder, size_t table, uint64_t address)
{
    uint64_t key[2] = {table, address};
    uint32_t index;
    bool found;
    if (map_get(&unwinder->places, key, sizeof key, &index))
        return &unwinder->rules[index];
    if (unwinder->n_rules == RULES_MAX || unwinder->n_ops > OPS_MAX - (UNWIND_REGISTERS + 1) * EXPRESSION_MAX)
        forget_rules(unwinder);
    if (mem_grow(&unwinder->rules, &unwinder->rules_capacity, unwinder->n_rules + 1, sizeof *unwinder->rules) != 0 ||
        map_put(&unwinder->places, key, sizeof key, (uint32_t)unwinder->n_rules, &index, &found) != 0)
        return NULL;
    struct rule *rule = &unwinder->rules[unwinder->n_rules++];
    make_rule(unwinder, &unwinder->tables[table], address, rule);
    return rule;
}

/* ---- a step ---------------------------------------------------------------------------------------------------------
 */

static bool read_stack(const struct unwind_frame *frame, uint64_t address, uint64_t *value)
{
    uint64_t at = address - frame->start; /* wraps where it lies before */
    if (frame->size < sizeof *value || at > frame->size - sizeof *value)
        return false;
    memcpy(value, frame->bytes + at, sizeof *value);
    return true;
}

static bool read_register(const struct unwind_frame *frame, uint64_t number, uint64_t *value)
{
    if (number >= UNWIND_REGISTERS || (frame->known >> number & 1) == 0)
        return false;
    *value = frame->registers[number];
    return true;
}

struct evaluation {
    const struct unwind_frame *frame;
    uint64_t frame_address;
    uint64_t values[VALUES_MAX];
    size_t n;
};

/* A value of its own onto the stack of values. */
static bool push_operand(struct evaluation *at, const Dwarf_Op *op)
{
    uint64_t value;
    if (at->n == VALUES_MAX)
        return false;
    if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
        value = (uint64_t)(op->atom - DW_OP_lit0);
    } else if (op->atom >= DW_OP_const1u && op->atom <= DW_OP_consts) {
        value = op->number;
    } else if (op->atom == DW_OP_call_frame_cfa) {
        value = at->frame_address;
    } else if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
        if (!read_register(at->frame, (uint64_t)(op->atom - DW_OP_breg0), &value))
            return false;
        value += op->number;
    } else if (op->atom == DW_OP_bregx) {
        if (!read_register(at->frame, op->number, &value))
            return false;
        value += op->number2;
    } else {
        return false;
    }
    at->values[at->n++] = value;
    return true;
}

/* The operations of two values that compilers use for the linkage table. */
static bool combine(struct evaluation *at, unsigned atom)
{
    if (at->n < 2)
        return false;
    uint64_t right = at->values[--at->n], *left = &at->values[at->n - 1];
    switch (atom) {
    case DW_OP_plus:
        *left += right;
        return true;
    case DW_OP_minus:
        *left -= right;
        return true;
    case DW_OP_and:
        *left &= right;
        return true;
    case DW_OP_shl:
        *left = right < 64 ? *left << right : 0;
        return true;
    case DW_OP_ge:
        *left = (int64_t)*left >= (int64_t)right;
        return true;
    default:
        return false;
    }
}

static bool evaluate(const struct unwinder *unwinder, const struct unwind_frame *frame, uint64_t frame_address,
                     const struct location *location, uint64_t *value)
{
    struct evaluation at = {.frame = frame, .frame_address = frame_address};
    for (unsigned i = 0; i < location->count; i++) {
        const Dwarf_Op *op = &unwinder->ops[(size_t)location->at + i];
        bool good;
        if (op->atom == DW_OP_plus_uconst && at.n > 0) {
            at.values[at.n - 1] += op->number;
            good = true;
        } else if (op->atom == DW_OP_deref && at.n > 0) {
            good = read_stack(frame, at.values[at.n - 1], &at.values[at.n - 1]);
        } else {
            good = push_operand(&at, op) || combine(&at, op->atom);
        }
        if (!good)
            return false;
    }
    *value = at.n > 0 ? at.values[at.n - 1] : 0;
    return at.n > 0;
}

static bool find_value(const struct unwinder *unwinder, const struct unwind_frame *frame, uint64_t frame_address,
                       const struct location *location, unsigned number, uint64_t *value)
{
    uint64_t address;
    switch ((enum how)location->how) {
    case HOW_SAME:
        return read_register(frame, number, value);
    case HOW_OFFSET:
        return read_stack(frame, frame_address + (uint64_t)(int64_t)location->at, value);
    case HOW_ADDRESS:
        return evaluate(unwinder, frame, frame_address, location, &address) && read_stack(frame, address, value);
    case HOW_VALUE:
        return evaluate(unwinder, frame, frame_address, location, value);
    default:
        return false;
    }
}

/* The caller's frame lies above this one, or nothing could end a walk in a circle. */
static enum unwind_result apply(const struct unwinder *unwinder, const struct rule *rule, struct unwind_frame *frame)
{
    struct unwind_frame caller = *frame;
    uint64_t frame_address;
    const struct location *back = &rule->registers[rule->return_register];
    if (!evaluate(unwinder, frame, 0, &rule->frame_address, &frame_address))
        return UNWIND_CUT;
    if (back->how == HOW_UNKNOWN)
        return UNWIND_END;
    if (frame_address < frame->registers[STACK_REGISTER] ||
        (frame_address == frame->registers[STACK_REGISTER] && !frame->interrupted))
        return UNWIND_CUT;
    caller.known = 0;
    for (unsigned i = 0; i < UNWIND_REGISTERS; i++) {
        if (find_value(unwinder, frame, frame_address, &rule->registers[i], i, &caller.registers[i]))
            caller.known |= UINT64_C(1) << i;
    }
    if (!find_value(unwinder, frame, frame_address, back, rule->return_register, &caller.ip))
        return UNWIND_CUT;
    caller.registers[STACK_REGISTER] = frame_address;
    caller.known |= UINT64_C(1) << STACK_REGISTER;
    caller.interrupted = rule->signal;
    *frame = caller;
    return frame->ip != 0 ? UNWIND_OK : UNWIND_END;
}

enum unwind_result unwind_step(struct unwinder *unwinder, pid_t pid, const struct proc_maps *maps,
                               const struct proc_map *map, struct unwind_frame *frame)
{
    size_t table = map != NULL ? table_of(unwinder, pid, maps, map) : SIZE_MAX;
    if (table == SIZE_MAX)
        return UNWIND_CUT;
    uint64_t offset = frame->ip - (frame->interrupted ? 0 : 1) - map->start + map->offset;
    if (strcmp(map->path, "[vdso]") == 0)
        offset -= map->offset;
    const struct rule *rule = rule_at(unwinder, table, offset + unwinder->tables[table].delta);
    return rule != NULL && rule->known ? apply(unwinder, rule, frame) : UNWIND_CUT;
}
