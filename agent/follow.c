/*
 * See follow.h. exec and spawn of the C library go through here. They are called between fork and exec too, so only
 * the stack is used; an environment of very many variables is handed on as it is, and then what runs in it is not
 * counted.
 */
#include "follow.h"

#include "wire/agent.h"

#include <dlfcn.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD="

enum { VARIABLES_MAX = 16384, PRELOAD_MAX = 4096 };

extern char **environ;

typedef int exec_function(const char *path, char *const arguments[], char *const environment[]);
typedef int spawn_function(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]);

static struct {
    char variable[512], agent[512];
    exec_function *execve, *execvpe;
    spawn_function *spawn, *spawnp;
    bool begun;
} follow;

static void find(void *place, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(place, &found, sizeof found);
}

/* Without ours, which stands first. */
static void restore_preload(void)
{
    const char *preload = getenv("LD_PRELOAD");
    size_t length = strlen(follow.agent);
    if (preload == NULL || strncmp(preload, follow.agent, length) != 0)
        return;
    if (preload[length] == '\0')
        unsetenv("LD_PRELOAD");
    else
        setenv("LD_PRELOAD", preload + length + 1, 1);
}

void follow_begin(const char *value, const char *directory)
{
    snprintf(follow.variable, sizeof follow.variable, WIRE_AGENT_VARIABLE "=%s", value);
    snprintf(follow.agent, sizeof follow.agent, "%s/" WIRE_AGENT_FILE, directory);
    find(&follow.execve, "execve");
    find(&follow.execvpe, "execvpe");
    find(&follow.spawn, "posix_spawn");
    find(&follow.spawnp, "posix_spawnp");
    unsetenv(WIRE_AGENT_VARIABLE);
    restore_preload();
    follow.begun = true;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* 0: it is handed on as it is. */
static size_t variables(char *const environment[])
{
    size_t n = 0;
    if (!follow.begun || environment == NULL || access(follow.agent, R_OK) != 0) /* the collector has ended */
        return 0;
    while (environment[n] != NULL && n <= VARIABLES_MAX)
        n++;
    return n <= VARIABLES_MAX ? n + 3 : 0;
}

/* Where its end is. */
static char *append(char *to, const char *text)
{
    while (*text != '\0')
        *to++ = *text++;
    *to = '\0';
    return to;
}

/* The agent before what is preloaded already; `made` has room for PRELOAD_MAX bytes. NULL: it is too long. */
static char *preload_with_agent(const char *before, char *made)
{
    if (strlen(PRELOAD) + strlen(follow.agent) + strlen(before) + 2 > PRELOAD_MAX)
        return NULL;
    char *end = append(append(made, PRELOAD), follow.agent);
    if (before[0] != '\0')
        append(append(end, ":"), before);
    return made;
}

static void add_agent(char *const environment[], char **with, char *made)
{
    size_t n = 0;
    char *before = NULL;
    for (; *environment != NULL; environment++) {
        if (starts(*environment, PRELOAD))
            before = *environment;
        else if (!starts(*environment, WIRE_AGENT_VARIABLE "="))
            with[n++] = *environment;
    }
    char *preload = preload_with_agent(before != NULL ? before + strlen(PRELOAD) : "", made);
    if (preload != NULL)
        with[n++] = follow.variable;
    if (preload != NULL || before != NULL)
        with[n++] = preload != NULL ? preload : before;
    with[n] = NULL;
}

/* Calls `function(…, environment)` with the agent in it. */
#define WITH_AGENT(environment, call)                                                                                  \
    do {                                                                                                               \
        size_t n_ = variables(environment);                                                                            \
        char preload_[n_ > 0 ? PRELOAD_MAX : 1], *with_[n_ > 0 ? n_ : 1];                                              \
        if (n_ > 0)                                                                                                    \
            add_agent(environment, with_, preload_);                                                                   \
        char *const *handed = n_ > 0 ? with_ : environment;                                                            \
        return call;                                                                                                   \
    } while (0)

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int execve(const char *path, char *const arguments[], char *const environment[])
{
    if (follow.execve == NULL)
        find(&follow.execve, "execve");
    WITH_AGENT(environment, follow.execve(path, arguments, handed));
}

EXPORTED int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

EXPORTED int execvpe(const char *file, char *const arguments[], char *const environment[])
{
    if (follow.execvpe == NULL)
        find(&follow.execvpe, "execvpe");
    WITH_AGENT(environment, follow.execvpe(file, arguments, handed));
}

EXPORTED int execvp(const char *file, char *const arguments[])
{
    return execvpe(file, arguments, environ);
}

EXPORTED int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    if (follow.spawn == NULL)
        find(&follow.spawn, "posix_spawn");
    WITH_AGENT(environment, follow.spawn(pid, path, actions, attributes, arguments, handed));
}

EXPORTED int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                          const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    if (follow.spawnp == NULL)
        find(&follow.spawnp, "posix_spawnp");
    WITH_AGENT(environment, follow.spawnp(pid, file, actions, attributes, arguments, handed));
}
