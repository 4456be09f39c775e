/*
 * The agent: a shared object that the loader puts into a program before it runs (LD_PRELOAD), and into what that
 * executes. It takes itself out of the environment at once, waits in an audit hook, which the interpreter takes before
 * it is made, until Python runs, and then counts calls (functions.h) and samples allocations (allocs.h).
 *
 * In a program that is no Python it does nothing but be handed on (follow.c). It never writes to a file of the program,
 * to its streams or to a socket.
 */
#include "allocs.h"
#include "follow.h"
#include "frames.h"
#include "functions.h"
#include "monitor.h"
#include "python.h"
#include "segment.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int on_event(const char *event, struct object *arguments, void *data);

static struct {
    char directory[400];
    bool calls, hashes, allocs, only, begun;
} agent;

/*
 * The interpreter keeps the hook in memory that it asks for before it knows which allocator it will have, and gives
 * back by the one that it has at its end. With the allocators for debugging (-X dev, PYTHONMALLOC=debug) these do not
 * agree, and it would abort: so we see which memory that is, and keep it from them.
 */
static struct {
    struct allocator first, later; /* when the hook was added, and when the interpreter was there */
    void *memory;
} entry;

static void *first_malloc(void *context, size_t size)
{
    (void)context;
    entry.memory = entry.first.malloc(entry.first.context, size);
    return entry.memory;
}

static void later_free(void *context, void *memory)
{
    if (memory == NULL || memory != entry.memory)
        entry.later.free(context, memory);
    else
        entry.first.free(entry.first.context, memory);
}

static void add_hook(void)
{
    struct allocator seen;
    python.get_allocator(0, &entry.first);
    seen = entry.first;
    seen.malloc = first_malloc;
    python.set_allocator(0, &seen);
    python.add_audit_hook(on_event, NULL);
    python.set_allocator(0, &entry.first);
}

/* [hook] */
static void keep_entry(void)
{
    struct allocator kept;
    python.get_allocator(0, &entry.later);
    if (entry.later.malloc == entry.first.malloc)
        return;
    kept = entry.later;
    kept.free = later_free;
    python.set_allocator(0, &kept);
}

/* [hook] With the GIL held; an exception on its way is not disturbed. */
static void begin_counting(void)
{
    struct object *error[3] = {NULL, NULL, NULL}, *monitoring;
    python.fetch_error(&error[0], &error[1], &error[2]);
    bool begun = functions_begin(agent.directory, agent.calls, agent.hashes, agent.only);
    if (begun && agent.allocs)
        allocs_begin();
    if (begun && agent.calls) {
        monitoring = python.sys_object("monitoring");
        if (monitoring != NULL)
            monitor_begin(monitoring);
        else
            frames_begin();
    }
    python.clear_error();
    python.restore_error(error[0], error[1], error[2]);
}

/* [hook] The first event of an interpreter that is there: before it runs what it was started for. */
static int on_event(const char *event, struct object *arguments, void *data)
{
    (void)event, (void)arguments, (void)data;
    if (agent.begun || !python.is_initialized())
        return 0;
    agent.begun = true; /* what follows raises events too */
    keep_entry();
    int held = python.ensure();
    begin_counting();
    python.release(held);
    return 0;
}

/* [thread] In the child of a fork. */
static void follow_process(void)
{
    segment_follow_fork();
    allocs_follow_fork();
}

/* What the variable says; `value`: what it is to say from here on. False: this process is none of those to count in. */
static bool understand(const char *text, char *value, size_t size)
{
    const char *pid = strchr(text, ':'), *directory = pid != NULL ? strchr(pid + 1, ':') : NULL;
    if (directory == NULL || strlen(directory + 1) >= sizeof agent.directory)
        return false;
    agent.calls = memchr(text, WIRE_AGENT_CALLS, (size_t)(pid - text)) != NULL;
    agent.hashes = memchr(text, WIRE_AGENT_HASHES, (size_t)(pid - text)) != NULL;
    agent.allocs = memchr(text, WIRE_AGENT_ALLOCS, (size_t)(pid - text)) != NULL;
    memcpy(agent.directory, directory + 1, strlen(directory + 1) + 1);
    agent.only = memchr(text, WIRE_AGENT_FIRST, (size_t)(pid - text)) != NULL;
    long first = strtol(pid + 1, NULL, 10);
    snprintf(value, size, "%.*s:%ld:%s", (int)(pid - text), text, first != 0 ? first : (long)getpid(), directory + 1);
    return !agent.only || first == 0 || first == (long)getpid();
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv(WIRE_AGENT_VARIABLE);
    if (text == NULL)
        return;
    char value[512] = "";
    bool ours = understand(text, value, sizeof value);
    follow_begin(value, agent.directory);
    if (!ours || python_find() != 0)
        return;
    pthread_atfork(NULL, NULL, follow_process);
    add_hook();
}
