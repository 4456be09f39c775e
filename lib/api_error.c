#include "api_error.h"

#include <stdio.h>
#include <string.h>

int api_error(struct kei_error *error, const struct err *err, int rc)
{
    if (error == NULL || rc >= 0)
        return rc;
    error->code = rc;
    if (err->text[0] != '\0')
        memcpy(error->text, err->text, sizeof error->text);
    else
        snprintf(error->text, sizeof error->text, "%s; %s", err_sentence(rc), err_hint(rc));
    return rc;
}
