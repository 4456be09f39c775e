/*
 * What a command is: a row of commands.def, a file with its function, a page in docs/commands. The table of options
 * (options.def) fills one struct settings, from which every command takes what it knows.
 */
#ifndef KEISOKU_CLI_COMMAND_H
#define KEISOKU_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIST_MAX = 32 };

struct list {
    const char *items[LIST_MAX];
    size_t count;
};

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct settings {
    const char *output, *html, *json, *format, *lines, *callers, *callees, *csv_out;
    const char *markdown, *save, *prepare, *conclude, *interpreter, *from_file, *sizes, *function; /* NULL: not given */
    double rate_hz, budget, duration_s, delay_s, keep_s, max_bytes, from_s, to_s;                  /* 0: not given */
    struct list exports, save_when, scans, setup, checks, from_files, predict;
    int reader, color, clock, sort, per, measure; /* index into the choices of options.def */
    uint32_t top, repeat, rounds, warmups, seed, finding;
    int32_t process, thread;
    bool no_html, no_children, no_source, no_operands, redact_args, progress, quiet, verbose, plain_json, csv, tasks,
        threads, findings, gains, native, calls, argument_hashes, allocations, help;
    bool no_warmup, equal_output, ignore_failure, python;
};

struct command {
    unsigned bit;
    const char *name, *arguments, *summary;
    int usage_status, failure_status; /* exit status for bad input and for a failure */
    const char *examples;
    int (*run)(const struct command *command, const struct settings *settings, int count, char **arguments);
};

enum command_bit {
#define COMMAND(bit, name, arguments, summary, usage, failure, examples) COMMAND_NUMBER_##bit,
#include "commands.def"
#undef COMMAND
    COMMAND_COUNT,
#define COMMAND(bit, name, arguments, summary, usage, failure, examples) COMMAND_##bit = 1 << COMMAND_NUMBER_##bit,
#include "commands.def"
#undef COMMAND
    COMMAND_ALL = (1 << COMMAND_COUNT) - 1
};

extern const struct command commands[COMMAND_COUNT];

#define COMMAND(bit, name, arguments, summary, usage, failure, examples)                                               \
    int command_##name(const struct command *command, const struct settings *settings, int count, char **words);
#include "commands.def"
#undef COMMAND

#endif
