/*
 * See monitor.h. Of calls whose arguments are hashed, a thread has those that are open on a stack of its own: a return
 * tells the result and the frame, not the arguments, which may be others by then.
 */
#include "monitor.h"

#include "functions.h"
#include "segment.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

enum {
    OPEN_MAX = 2700,  /* calls of a thread that are open at a time; those above are counted only */
    FAST_CALL = 0x80, /* how a function of C gets its arguments */
    TOOLS = 6         /* numbers that sys.monitoring has to give */
};

/* How the interpreter's method table is laid out (PyMethodDef, all versions). */
struct method {
    const char *name;
    void *function;
    int flags;
    const char *documentation;
};

struct open_call {
    char *frame;
    struct wire_call_row *row;
    uint64_t arguments; /* 0: not all are plain */
};

struct open_calls {
    size_t n;
    struct open_call calls[OPEN_MAX];
};

static __thread struct open_calls *opened;
static pthread_key_t opened_key;
static struct object *monitoring; /* sys.monitoring, and our number there */
static int tool = -1;

static char *frame_now(void)
{
    char *thread = python.thread();
    if (layout.thread_frame != WIRE_AGENT_NONE)
        return (char *)pointer_at(thread + layout.thread_frame);
    return (char *)pointer_at((char *)pointer_at(thread + layout.thread_cframe) + layout.cframe_frame);
}

static void drop_opened(void *memory)
{
    munmap(memory, sizeof *opened);
    opened = NULL; /* what a thread still does at its end begins anew */
}

static void open_call(char *frame, struct wire_call_row *row, uint64_t arguments)
{
    if (opened == NULL) {
        int number = errno;
        void *memory = mmap(NULL, sizeof *opened, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        errno = number;
        if (memory == MAP_FAILED)
            return;
        opened = memory;
        pthread_setspecific(opened_key, memory);
    }
    if (opened->n < OPEN_MAX)
        opened->calls[opened->n++] = (struct open_call){frame, row, arguments};
}

/* The call that the frame is of; those within it are over, whatever became of them. NULL: it is not known. */
static struct open_call *close_call(const char *frame, const struct wire_call_row *row)
{
    for (size_t i = opened != NULL ? opened->n : 0; i-- > 0;) {
        if (opened->calls[i].frame == frame && opened->calls[i].row == row) {
            opened->n = i;
            return &opened->calls[i];
        }
    }
    return NULL;
}

static struct object *nothing(void)
{
    python.incref(python.of.none);
    return python.of.none;
}

/* The collector has gone: nothing of us stays in the way. */
static void leave(void)
{
    python.decref(python.call_method(monitoring, "set_events", "ii", tool, 0));
    python.decref(python.call_method(monitoring, "free_tool_id", "i", tool));
    tool = -1;
    python.clear_error();
}

/* [hook] code, offset */
static struct object *on_start(struct object *self, struct object *const *arguments, intptr_t n)
{
    (void)self, (void)n;
    uint64_t hash;
    if (segment->over != 0 && tool >= 0) {
        leave();
        return nothing();
    }
    struct wire_call_row *row = row_of(arguments[0]);
    count_call(row);
    if ((row->traits & TRAIT_HASHED) != 0) {
        char *frame = frame_now();
        open_call(frame, row, hash_arguments(frame, row, &hash) ? hash | 1 : 0);
    }
    return nothing();
}

/* [hook] code, offset, result */
static struct object *on_return(struct object *self, struct object *const *arguments, intptr_t n)
{
    (void)self, (void)n;
    struct wire_call_row *row = row_of(arguments[0]);
    if ((row->traits & TRAIT_HASHED) != 0) {
        struct open_call *call = close_call(frame_now(), row);
        if (call != NULL && call->arguments != 0)
            came_back(row, call->arguments, arguments[2]);
    }
    return nothing();
}

/* [hook] code, offset, exception */
static struct object *on_unwind(struct object *self, struct object *const *arguments, intptr_t n)
{
    (void)self, (void)n;
    close_call(frame_now(), row_of(arguments[0]));
    return nothing();
}

static struct method methods[] = {
    {"PY_START", on_start, FAST_CALL, NULL},
    {"PY_RETURN", on_return, FAST_CALL, NULL},
    {"PY_UNWIND", on_unwind, FAST_CALL, NULL},
};

/* A number that nobody has; -1: there is none. */
static int take_tool(void)
{
    static const int wanted[TOOLS] = {4, 3, 5, 1, 2, 0};
    for (int i = 0; i < TOOLS; i++) {
        struct object *answer = python.call_method(monitoring, "use_tool_id", "is", wanted[i], "keisoku");
        python.decref(answer);
        if (answer != NULL)
            return wanted[i];
        python.clear_error();
    }
    return -1;
}

void monitor_begin(struct object *system)
{
    struct object *events = python.get_attribute(system, "events");
    monitoring = system;
    hashing = hashing && pthread_key_create(&opened_key, drop_opened) == 0;
    if (events == NULL || (tool = take_tool()) < 0)
        return;
    python.incref(monitoring);
    long set = 0;
    for (int i = 0; i < (hashing ? 3 : 1); i++) {
        long event = number_of(events, methods[i].name);
        struct object *function = python.new_function(&methods[i], NULL, NULL);
        python.decref(python.call_method(monitoring, "register_callback", "ilO", tool, event, function));
        python.decref(function);
        set |= event;
    }
    python.decref(python.call_method(monitoring, "set_events", "il", tool, set));
    python.decref(events);
}
