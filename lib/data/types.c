#include "data/types.h"

#include <string.h>

struct state_row {
    const char *name;
    char letter;
    const char *line;
};

static const struct state_row state_rows[STATE_COUNT] = {
#define X(name, text, letter, on_cpu, line) {text, letter, line},
#include "data/states.def"
#undef X
};

const char *state_name(enum state state)
{
    return (unsigned)state < STATE_COUNT ? state_rows[state].name : "unknown";
}

char state_letter(enum state state)
{
    return (unsigned)state < STATE_COUNT ? state_rows[state].letter : '?';
}

const bool state_is_on_cpu[STATE_COUNT] = {
#define X(name, text, letter, on_cpu, line) on_cpu,
#include "data/states.def"
#undef X
};

const char *state_line(enum state state)
{
    return (unsigned)state < STATE_COUNT ? state_rows[state].line : "";
}

enum state state_by_name(const char *name)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        if (strcmp(name, state_rows[i].name) == 0)
            return (enum state)i;
    }
    return STATE_COUNT;
}

const char *reader_kind_name(enum reader_kind kind)
{
    static const char *const names[READER_KIND_COUNT] = {"none", "asleep", "core", "kernel", "free", "stop"};
    return (unsigned)kind < READER_KIND_COUNT ? names[kind] : "none";
}

const char *counter_name(enum counter_kind kind)
{
    static const char *const names[COUNTER_KIND_COUNT] = {
#define X(name, text, unit, cumulative, subject) text,
        COUNTER_LIST(X)
#undef X
    };
    return (unsigned)kind < COUNTER_KIND_COUNT ? names[kind] : "";
}

const char *counter_unit(enum counter_kind kind)
{
    static const char *const units[COUNTER_KIND_COUNT] = {
#define X(name, text, unit, cumulative, subject) unit,
        COUNTER_LIST(X)
#undef X
    };
    return (unsigned)kind < COUNTER_KIND_COUNT ? units[kind] : "";
}

bool counter_cumulative(uint32_t kind)
{
    static const bool cumulative[COUNTER_KIND_COUNT] = {
#define X(name, text, unit, is_cumulative, subject) is_cumulative,
        COUNTER_LIST(X)
#undef X
    };
    return kind < COUNTER_KIND_COUNT && cumulative[kind];
}

bool counter_of_core(uint32_t kind)
{
    static const char *const subjects[COUNTER_KIND_COUNT] = {
#define X(name, text, unit, cumulative, subject) subject,
        COUNTER_LIST(X)
#undef X
    };
    return kind < COUNTER_KIND_COUNT && strcmp(subjects[kind], "core") == 0;
}

const char *loss_name(enum loss_kind kind)
{
    static const char *const names[LOSS_KIND_COUNT] = {
#define X(name, text, line) text,
        LOSS_LIST(X)
#undef X
    };
    return (unsigned)kind < LOSS_KIND_COUNT ? names[kind] : "";
}

const char *loss_line(enum loss_kind kind)
{
    static const char *const lines[LOSS_KIND_COUNT] = {
#define X(name, text, line) line,
        LOSS_LIST(X)
#undef X
    };
    return (unsigned)kind < LOSS_KIND_COUNT ? lines[kind] : "";
}
