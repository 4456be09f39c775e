#include "capture/operands.h"

#include "base/mem.h"
#include "capture/names.h"
#include "capture/sampler_private.h"

#include <stdio.h>
#include <string.h>

enum { HOT_TICKS = 10, TYPES_MAX = 4096, SHAPES_MAX = 128, PLACES = 256 };

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

static bool is_due(const struct sampler *s)
{
    return s->read_ns >= __atomic_load_n(&s->m->operands.due_ns, __ATOMIC_RELAXED);
}

/* The plan for what is innermost, when a look is due. */
static const struct operand_plan *due_plan(const struct sampler *s, const struct tracked_thread *t)
{
    return is_due(s) ? plan_of(t) : NULL;
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

/* Frames, from the innermost on, of a package whose objects have shapes; 0: none, or nothing outside called them. */
static uint32_t package_frames(const struct sampler *s, const struct tracked_thread *t)
{
    const struct stack_store *store = &t->process->store;
    if (t->reader == NULL || t->depth != s->stack.depth)
        return 0;
    for (uint32_t i = 0; i < t->depth && i < OPERAND_METHODS; i++) {
        const struct stack_node *node = stack_store_node(store, t->nodes[t->depth - 1 - i]);
        if (!__atomic_load_n(&stack_store_code(store, node->code)->of_frames, __ATOMIC_RELAXED))
            return i;
    }
    return 0;
}

/* What the outermost of those frames was called on: the package's own instructions say little. */
static bool read_self(struct sampler *s, const struct tracked_thread *t, uint32_t frames, struct operand_look *look)
{
    *look = (struct operand_look){
        .process = t->process,
        .node = t->nodes[t->depth - 1 - frames],
        .callee = stack_store_node(&t->process->store, t->nodes[t->depth - frames])->code,
    };
    return python_read_self(t->process->python, &s->stack.frames[frames - 1], &look->heads);
}

static bool read_innermost(struct sampler *s, const struct tracked_thread *t, struct operand_look *look)
{
    const struct operand_plan *plan = plan_of(t);
    *look = (struct operand_look){.process = t->process, .node = t->nodes[t->depth - 1]};
    if (plan == NULL)
        return false;
    count_try(s);
    return python_read_operands(t->process->python, plan, &s->stack.frames[0], &look->heads);
}

void operands_look(struct sampler *s, struct tracked_thread *t, const struct proof *proof)
{
    struct proc_schedstat now;
    struct operand_look look;
    uint32_t frames = is_due(s) && t->depth > 0 ? package_frames(s, t) : 0;
    if (!is_due(s) || t->depth == 0)
        return;
    if (frames > 0)
        count_try(s);
    if ((frames > 0 ? read_self(s, t, frames, &look) : read_innermost(s, t, &look)) &&
        proc_thread_schedstat(&t->files, &now) && now.switches == proof->after.switches)
        keep(&s->m->operands, &look);
}

/* Behind an interrupt the thread runs on: what was read counts if that call, or another one from there, was under way
 * before and after. (Only after is not enough: by then a loop of short calls has come round to it.) */
static bool look_at_call(struct sampler *s, struct tracked_thread *t)
{
    struct operand_look look;
    uint32_t frames = is_due(s) ? package_frames(s, t) : 0;
    if (frames == 0)
        return false;
    const struct python_frame *callee = &s->stack.frames[frames - 1], *caller = callee + 1;
    count_try(s);
    if (python_frames_stand(t->reader, callee, caller) && read_self(s, t, frames, &look) &&
        python_frames_stand(t->reader, callee, caller))
        keep(&s->m->operands, &look);
    return true;
}

void operands_want(struct sampler *s, struct tracked_thread *t, const struct wire_frame *innermost)
{
    struct wire_wanted wanted = {.mark = innermost->mark, .offset = innermost->offset};
    const struct python_frame *frame = &s->stack.frames[0];
    const struct operand_plan *plan = due_plan(s, t);
    if (!look_at_call(s, t) && plan != NULL && frame->address == innermost->address &&
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

/* What an instruction worked on at the latest look. */
struct looked_at {
    uint32_t node;
    uint64_t address, type;
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
    struct looked_at places[PLACES]; /* by a hash of the node */
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

/* Items of an array, rows of a frame; -1: it is neither. */
static int64_t take_shape(struct operand_writer *writer, struct python *python, uint64_t address, const uint8_t *head,
                          const char *type, struct operand *operand)
{
    int64_t shape[ARRAY_DIMENSIONS], items = 1;
    char text[sizeof writer->shapes[0].text];
    size_t used = 0, count = python_array_shape(python, address, head, type, shape);
    bool frame = count == 0;
    if (frame)
        count = python_data_frame_shape(python, address, head, type, shape);
    for (size_t i = 0; i < count; i++) {
        items = frame && i > 0 ? items : items * shape[i];
        if (used < sizeof text)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i > 0 ? " x " : "", (long long)shape[i]);
    }
    if (count > 1 && used < sizeof text)
        operand->shape = shape_id(writer, text);
    return count > 0 ? items : -1;
}

static void write_operand(struct operand_writer *writer, struct tracked_process *process, uint64_t address,
                          const uint8_t *head, struct operand *operand)
{
    struct python *python = process->side;
    uint8_t behind[OPERAND_HEAD_BYTES];
    const uint8_t *map_head = head;
    uint64_t map = address;
    const struct named_type *type = type_of(writer, process, python_operand_type(python, head));
    uint64_t array = type != NULL ? python_mapped_array(python, head, type->name) : 0;
    if (array != 0 && remote_read(python_remote(python), array, behind, sizeof behind)) {
        address = array;
        head = behind;
        type = type_of(writer, process, python_operand_type(python, head));
    }
    if (type == NULL)
        return;
    operand->type = type->text;
    int64_t length = python_operand_length(python, head, type->name, type->flags);
    if (length < 0)
        length = python_iterated_length(python, address, head, type->name);
    if (length < 0)
        length = take_shape(writer, python, address, head, type->name, operand);
    if (head == behind && !python_map_stands(python, map, map_head))
        return;
    recording_add_operand(writer->m->recording, operand, length);
}

/* What a call of that method is for its caller. */
static enum operation operation_of(const char *method)
{
    static const struct {
        const char *method;
        enum operation operation;
    } known[] = {
        {"__getitem__", OPERATION_SUBSCRIPT},   {"__setitem__", OPERATION_STORE},
        {"__contains__", OPERATION_IN},         {"__iter__", OPERATION_ITERATE},
        {"iterrows", OPERATION_ITERATE},        {"itertuples", OPERATION_ITERATE},
        {"items", OPERATION_ITERATE},           {"__add__", OPERATION_ADD},
        {"__sub__", OPERATION_SUBTRACT},        {"__mul__", OPERATION_MULTIPLY},
        {"__truediv__", OPERATION_TRUE_DIVIDE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i].method) == 0)
            return known[i].operation;
    }
    return method[0] == '_' || method[0] == '\0' ? OPERATION_NONE : OPERATION_CALL;
}

/* 3.15 puts the result in the first operand's place and moves the operands up by one, and drops them only then: what
 * was the first is now seen as the second, below something else. (6 % of looks at `[]` on an array.) */
static bool is_moved_up(struct operand_writer *writer, const struct operand_look *look)
{
    struct looked_at *place = &writer->places[hash_u64(look->node) % PLACES];
    struct python *python = look->process->side;
    uint64_t type = python_operand_type(python, look->heads.bytes[0]);
    if (look->callee != 0 || !look->heads.read[0] || !look->heads.read[1])
        return false;
    if (place->node == look->node && look->heads.address[1] == place->address && type != place->type &&
        python_operand_type(python, look->heads.bytes[1]) == place->type)
        return true;
    *place = (struct looked_at){look->node, look->heads.address[0], type};
    return false;
}

static void write_look(struct operand_writer *writer, const struct operand_look *look)
{
    struct recording *recording = writer->m->recording;
    const struct stack_store *store = &look->process->store;
    uint8_t operation = look->callee != 0 ? (uint8_t)operation_of(names_code(writer->names, store, look->callee))
                                          : look->heads.operation;
    uint32_t frame = names_frame(writer->names, store, look->node);
    if (frame == 0 || operation == OPERATION_NONE || operation >= OPERATION_COUNT || look->process->side == NULL ||
        is_moved_up(writer, look))
        return;
    if (writer->operations[operation] == 0) {
        const char *text = operation_text((enum operation)operation);
        writer->operations[operation] = recording_add_string(recording, text, strlen(text));
    }
    int operands = look->callee != 0 && (operation == OPERATION_CALL || operation == OPERATION_ITERATE) ? 1 : OPERANDS;
    for (int i = 0; i < operands; i++) {
        struct operand operand = {
            .frame = frame, .operation = writer->operations[operation], .slot = (uint8_t)i, .looks = 1};
        if (look->heads.read[i])
            write_operand(writer, look->process, look->heads.address[i], look->heads.bytes[i], &operand);
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
