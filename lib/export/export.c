/* The table of exporters; see export.def. */
#include "export/export.h"

#include <string.h>

static const struct exporter exporters[] = {
#define X(function, name, summary, extension, foreign, tasks) {{name, summary, extension, foreign}, tasks, function},
#include "export/export.def"
#undef X
};

const struct exporter *exporter_table(size_t *count)
{
    *count = sizeof exporters / sizeof exporters[0];
    return exporters;
}

const struct exporter *exporter_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof exporters / sizeof exporters[0]; i++) {
        if (strcmp(exporters[i].format.name, name) == 0)
            return &exporters[i];
    }
    return NULL;
}
