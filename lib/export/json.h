/* Parts of the JSON exporter: json.c has the report's head, verdict and states, json_tables.c its tables and sums. */
#ifndef KEISOKU_EXPORT_JSON_H
#define KEISOKU_EXPORT_JSON_H

#include "export/export.h"
#include "export/json_writer.h"

/* A string of the profile; nothing for 0. */
void json_string(struct json_writer *json, const char *key, const struct profile *profile, uint32_t id);
/* Python, native and kernel are told apart only where instruction pointers were to be had. */
bool json_told_apart(const struct aggregate *aggregate);

/* json_states.c */
void json_share(struct json_writer *json, const char *key, const struct share *share);
int json_states(struct json_writer *json, const struct profile *profile, const struct diagnosis *diagnosis);
void json_functions(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate,
                    uint32_t top);
void json_lines(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate,
                uint32_t top);
/* By own line; nothing where allocations were not sampled. */
int json_allocations(struct json_writer *json, const struct profile *profile, uint32_t top);
/* By module; nothing where native code was not told apart. */
int json_native(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate);
/* json_tasks.c: nothing where no task, no mark is known. */
int json_tasks(struct json_writer *json, const struct profile *profile);
void json_marks(struct json_writer *json, const struct profile *profile);
int json_sums(struct json_writer *json, const struct profile *profile, const struct diagnosis *diagnosis);

#endif
