/* See python.h. */
#include "python.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct python python;

static void *find(const char *name, const char *before)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    return found != NULL || before == NULL ? found : dlsym(RTLD_DEFAULT, before);
}

/* A pointer to data becomes one to a function. */
static void keep(void *place, void *found)
{
    memcpy(place, &found, sizeof found);
}

int python_find(void)
{
    int missing = 0;
#define X(name, result, arguments, exported)                                                                           \
    keep(&python.name, find(exported, NULL));                                                                          \
    missing += python.name == NULL;
    PYTHON_FUNCTIONS(X)
#undef X
#define X(name, result, arguments, exported, before) keep(&python.name, find(exported, before));
    PYTHON_OTHERS(X)
#undef X
#define X(name, exported) python.of.name = find(exported, NULL);
    PYTHON_OBJECTS(X)
#undef X
    if (missing > 0 || python.new_extra == NULL || python.get_extra == NULL || python.set_extra == NULL)
        return -1;
    const char *version = python.version();
    if (version == NULL || version[0] != '3' || version[1] != '.')
        return -1;
    python.minor = atoi(version + 2);
    return 0;
}
