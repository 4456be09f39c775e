#include "capture/operands.h"

#include "base/mem.h"
#include "capture/names.h"
#include "capture/sampler_private.h"

#include <stdio.h>
#include <string.h>

enum { HOT_TICKS = 10, TYPES_MAX = 4096, SHAPES_MAX = 128 };

int operand_queue_init(struct operand_queue *queue)
{
    return pthread_mutex_init(&queue->lock, NULL) == 0 ? 0 : ERR_NOMEM;
}

/* ---- the sampler's part ---------------------------------------------------------------------------------------------
 */

static const struct operand_plan *plan_of(const struct tracked_thread *t)
{
    const struct stack_store *store = &t->process->store;
    if (t->depth == 0 || t->reader == NULL)
        return NULL;
    const struct stack_node *node = stack_store_node(store, t->nodes[t->depth - 1]);
    return __atomic_load_n(&stack_store_code(store, node->code)->plan, __ATOMIC_ACQUIRE);
}

/* The plan for what is innermost, when a look is due. */
static const struct operand_plan *due_plan(const struct sampler *s, const struct tracked_thread *t)
{
    return s->read_ns < __atomic_load_n(&s->m->operands.due_ns, __ATOMIC_RELAXED) ? NULL : plan_of(t);
}

static void count_try(struct sampler *s)
{
    struct operand_queue *queue = &s->m->operands;
    __atomic_fetch_add(&queue->tried, 1, __ATOMIC_RELAXED);
    uint64_t period_ns = queue->tried < OPERAND_FIRST_LOOKS ? OPERAND_FIRST_PERIOD_NS : OPERAND_PERIOD_NS;
    __atomic_store_n(&queue->due_ns, s->read_ns + period_ns, __ATOMIC_RELAXED);
}

static void keep(struct operand_queue *queue, const struct operand_look *look)
{
    if (pthread_mutex_trylock(&queue->lock) != 0)
        return;
    if (queue->count < OPERAND_LOOKS)
        queue->looks[queue->count++] = *look;
    pthread_mutex_unlock(&queue->lock);
}

void operands_look(struct sampler *s, struct tracked_thread *t, const struct proof *proof)
{
    struct proc_schedstat now;
    const struct operand_plan *plan = due_plan(s, t);
    if (plan == NULL)
        return;
    struct operand_look look = {.process = t->process, .node = t->nodes[t->depth - 1]};
    count_try(s);
    if (python_read_operands(t->process->python, plan, &s->stack.frames[0], &look.heads) &&
        proc_thread_schedstat(&t->files, &now) && now.switches == proof->after.switches)
        keep(&s->m->operands, &look);
}

void operands_want(struct sampler *s, struct tracked_thread *t, const struct wire_frame *innermost)
{
    struct wire_wanted wanted = {.mark = innermost->mark, .offset = innermost->offset};
    const struct python_frame *frame = &s->stack.frames[0];
    const struct operand_plan *plan = due_plan(s, t);
    if (plan != NULL && frame->address == innermost->address &&
        python_operand_slots(t->process->python, plan, frame->offset, &wanted))
        kernel_sampler_want(s->kernel, &wanted);
}

void operands_take(struct sampler *s, struct tracked_thread *t, const struct wire_operands *wire)
{
    const struct operand_plan *plan = due_plan(s, t);
    if (plan == NULL)
        return;
    struct operand_look look = {.process = t->process, .node = t->nodes[t->depth - 1]};
    count_try(s);
    if (python_operands_recorded(t->process->python, plan, s->stack.frames[0].offset, wire, &look.heads))
        keep(&s->m->operands, &look);
}

/* ---- the writer's part ----------------------------------------------------------------------------------------------
 */

struct named_type {
    uint32_t flags, text; /* id of the recording; 0: no type */
    bool known;
    char name[OPERAND_TYPE_BYTES];
};

struct type_key {
    const struct tracked_process *process;
    uint64_t address;
};

struct named_shape {
    char text[96];
    uint32_t id; /* of the recording */
};

struct operand_writer {
    struct measurement *m;
    struct names *names;
    struct map index; /* struct type_key → types */
    struct named_type *types;
    size_t n_types, capacity;
    uint32_t operations[OPERATION_COUNT];  /* ids of their texts */
    struct named_shape shapes[SHAPES_MAX]; /* a program may make ever new ones: the first are told */
    size_t n_shapes;
    struct operand_look looks[OPERAND_LOOKS];
};

int operand_writer_new(struct measurement *m, struct names *names, struct operand_writer **result)
{
    *result = NULL;
    if (m->options.no_operands)
        return 0;
    struct operand_writer *writer = mem_zalloc(1, sizeof *writer);
    if (writer == NULL)
        return ERR_NOMEM;
    writer->m = m;
    writer->names = names;
    *result = writer;
    return 0;
}

void operand_writer_free(struct operand_writer *writer)
{
    if (writer == NULL)
        return;
    map_release(&writer->index);
    mem_free(writer->types);
    mem_free(writer);
}

void operands_count(struct operand_writer *writer, struct tracked_process *process, uint32_t node)
{
    const struct stack_store *store = &process->store;
    struct code_entry *entry = stack_store_code(store, stack_store_node(store, node)->code);
    if (writer == NULL || entry->hot_ticks >= HOT_TICKS || ++entry->hot_ticks < HOT_TICKS || process->side == NULL)
        return;
    struct operand_plan *plan;
    if (python_operand_plan(process->side, entry->address, entry->checksum, &plan) == 0)
        __atomic_store_n(&entry->plan, plan, __ATOMIC_RELEASE);
}

void operands_restart(struct operand_writer *writer)
{
    if (writer == NULL)
        return;
    memset(writer->operations, 0, sizeof writer->operations);
    writer->n_shapes = 0;
    for (size_t i = 0; i < writer->n_types; i++)
        writer->types[i].text = 0;
}

static const struct named_type *type_of(struct operand_writer *writer, struct tracked_process *process,
                                        uint64_t address)
{
    struct type_key key = {process, address};
    uint32_t at = 0;
    bool found = false;
    if (address == 0 || writer->n_types >= TYPES_MAX ||
        mem_grow(&writer->types, &writer->capacity, writer->n_types + 1, sizeof *writer->types) != 0 ||
        map_put(&writer->index, &key, sizeof key, (uint32_t)writer->n_types, &at, &found) != 0)
        return NULL;
    struct named_type *type = &writer->types[at];
    if (!found) {
        writer->n_types++;
        *type = (struct named_type){0};
        type->known = python_type_name(process->side, address, type->name, &type->flags);
    }
    if (type->known && type->text == 0)
        type->text = recording_add_string(writer->m->recording, type->name, strlen(type->name));
    return type->text != 0 ? type : NULL;
}

static uint32_t shape_id(struct operand_writer *writer, const char *text)
{
    size_t i = 0;
    while (i < writer->n_shapes && strcmp(writer->shapes[i].text, text) != 0)
        i++;
    if (i == SHAPES_MAX)
        return 0;
    if (i == writer->n_shapes) {
        snprintf(writer->shapes[i].text, sizeof writer->shapes[i].text, "%s", text);
        writer->shapes[i].id = recording_add_string(writer->m->recording, text, strlen(text));
        writer->n_shapes++;
    }
    return writer->shapes[i].id;
}

/* Items of an array; -1: it is none. */
static int64_t take_shape(struct operand_writer *writer, const struct operand_look *look, int slot, const char *type,
                          struct operand *operand)
{
    int64_t shape[ARRAY_DIMENSIONS], items = 1;
    char text[sizeof writer->shapes[0].text];
    size_t used = 0, count = python_array_shape(look->process->side, look->heads.address[slot], look->heads.bytes[slot],
                                                type, shape);
    for (size_t i = 0; i < count; i++) {
        items *= shape[i];
        if (used < sizeof text)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i > 0 ? " x " : "", (long long)shape[i]);
    }
    if (count > 1 && used < sizeof text)
        operand->shape = shape_id(writer, text);
    return count > 0 ? items : -1;
}

static void write_look(struct operand_writer *writer, const struct operand_look *look)
{
    struct recording *recording = writer->m->recording;
    uint8_t operation = look->heads.operation;
    uint32_t frame = names_frame(writer->names, &look->process->store, look->node);
    if (frame == 0 || operation >= OPERATION_COUNT || look->process->side == NULL)
        return;
    if (writer->operations[operation] == 0) {
        const char *text = operation_text((enum operation)operation);
        writer->operations[operation] = recording_add_string(recording, text, strlen(text));
    }
    for (int i = 0; i < OPERANDS; i++) {
        const uint8_t *head = look->heads.bytes[i];
        const struct named_type *type =
            look->heads.read[i] ? type_of(writer, look->process, python_operand_type(look->process->side, head)) : NULL;
        if (type == NULL)
            continue;
        struct operand operand = {.frame = frame,
                                  .operation = writer->operations[operation],
                                  .type = type->text,
                                  .slot = (uint8_t)i,
                                  .looks = 1};
        int64_t length = python_operand_length(look->process->side, head, type->name, type->flags);
        if (length < 0)
            length = take_shape(writer, look, i, type->name, &operand);
        recording_add_operand(recording, &operand, length);
    }
}

void operands_write(struct operand_writer *writer)
{
    if (writer == NULL)
        return;
    struct operand_queue *queue = &writer->m->operands;
    pthread_mutex_lock(&queue->lock);
    size_t count = queue->count;
    memcpy(writer->looks, queue->looks, count * sizeof *queue->looks);
    queue->count = 0;
    pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; i < count; i++)
        write_look(writer, &writer->looks[i]);
}
