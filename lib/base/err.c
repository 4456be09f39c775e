#include "base/err.h"

#include <stdio.h>

int err_set(struct err *err, int code, const char *format, ...)
{
    if (err == NULL)
        return code;
    err->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

const char *err_sentence(int code)
{
    switch (code) {
#define ERR_CASE(name, number, sentence, hint)                                                                         \
    case ERR_##name:                                                                                                   \
        return sentence;
        ERR_LIST(ERR_CASE)
#undef ERR_CASE
    default:
        return "unknown error";
    }
}

const char *err_hint(int code)
{
    switch (code) {
#define ERR_CASE(name, number, sentence, hint)                                                                         \
    case ERR_##name:                                                                                                   \
        return hint;
        ERR_LIST(ERR_CASE)
#undef ERR_CASE
    default:
        return "";
    }
}
