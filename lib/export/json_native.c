/* What code had the CPU, and which native code, for the JSON report. */
#include "diagnose/native_code.h"
#include "export/code_words.h"
#include "export/json.h"

#include <string.h>

enum { ROWS_MAX = 100 };

static void write_code(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate)
{
    double kernel = code_share_kernel(profile);
    if (!code_is_known(aggregate))
        return;
    json_open(json, "code", '{');
    json_open_flat(json, "evidence", '{');
    if (kernel > 0)
        json_number(json, "kernel sampler", kernel);
    if (kernel < 1)
        json_number(json, "perf clock", 1 - kernel);
    json_close(json, '}');
    json_open_flat(json, "cpu", '{');
    for (int i = 0; i < CODE_COUNT; i++) {
        if (aggregate->code_cpu_ns[i] > 0)
            json_number(json, code_kind_name((enum code_kind)i), aggregate->code_cpu_ns[i] / aggregate->cpu_ns);
    }
    json_close(json, '}');
    json_close(json, '}');
}

int json_native(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate)
{
    struct native_module *modules;
    size_t n;
    if (!json_told_apart(aggregate) || aggregate->cpu_ns <= 0)
        return 0;
    write_code(json, profile, aggregate);
    int rc = native_modules(profile, aggregate, &modules, &n);
    json_open(json, "native", '[');
    for (size_t i = 0; i < n && i < ROWS_MAX && rc == 0; i++) {
        const struct native_module *module = &modules[i];
        json_open_flat(json, NULL, '{');
        json_text(json, "module", module->name);
        json_string(json, "file", profile, module->file);
        json_number(json, "cpu_share", module->cpu_ns / aggregate->cpu_ns);
        json_number(json, "cpu_s", module->cpu_ns / 1e9);
        if (module->function != 0) {
            json_string(json, "function", profile, profile->functions[module->function].name);
            json_number(json, "function_cpu_share", module->function_cpu_ns / aggregate->cpu_ns);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
    mem_free(modules);
    return rc;
}
