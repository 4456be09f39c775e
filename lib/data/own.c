/* Whose code a file is, by its path alone. */
#include "data/profile.h"

#include <string.h>

/* Is `text` "python3.X", the start of a path's part, and where does the part end? */
static const char *after_python_directory(const char *text)
{
    if (strncmp(text, "python", 6) != 0)
        return NULL;
    const char *at = text + 6;
    while ((*at >= '0' && *at <= '9') || *at == '.' || *at == 't' || *at == 'd')
        at++;
    return at > text + 6 && *at == '/' ? at : NULL;
}

static bool in_directory(const char *file, const char *name)
{
    return strstr(file, name) != NULL;
}

/* …/lib/python3.12/…, /usr/lib64/python3.9/…, …/lib/python312.zip/… : the standard library and what was installed. */
static bool in_library(const char *file)
{
    for (const char *at = file; (at = strstr(at, "/lib")) != NULL; at++) {
        const char *part = at + 4;
        while (*part >= '0' && *part <= '9')
            part++;
        if (*part != '/')
            continue;
        const char *after = after_python_directory(part + 1);
        if (after != NULL)
            return true;
        if (strncmp(part + 1, "python", 6) == 0 && in_directory(part + 1, ".zip/"))
            return true;
    }
    return false;
}

bool profile_file_is_own(const char *file)
{
    if (file[0] == '\0')
        return false;
    if (file[0] == '<')
        return strcmp(file, "<string>") == 0 || strcmp(file, "<stdin>") == 0 ||
               strncmp(file, "<ipython-input-", 15) == 0;
    return !in_directory(file, "/site-packages/") && !in_directory(file, "/dist-packages/") && !in_library(file);
}

const char *profile_short_file(const char *file)
{
    const char *last = strrchr(file, '/');
    if (last == NULL || last == file)
        return last != NULL ? last + 1 : file;
    const char *before = last - 1;
    while (before > file && *before != '/')
        before--;
    return *before == '/' ? before + 1 : before;
}
