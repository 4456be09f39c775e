#include "options.h"

#include "keisoku.h"
#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN    COMMAND_RUN
#define ATTACH COMMAND_ATTACH
#define DUMP   COMMAND_DUMP
#define REPORT COMMAND_REPORT
#define EXPORT COMMAND_EXPORT
#define DIFF   COMMAND_DIFF
#define MERGE  COMMAND_MERGE
#define QUERY  COMMAND_QUERY
#define DOCTOR COMMAND_DOCTOR
#define CTL    COMMAND_CTL
#define STAT   COMMAND_STAT
#define BENCH  COMMAND_BENCH
#define SCALE  COMMAND_SCALE
#define ALL    COMMAND_ALL

const struct option_row option_rows[] = {
#define OPTION(commands, name, letter, kind, field, argument, summary)                                                 \
    {commands, name, letter, OPTION_##kind, offsetof(struct settings, field), argument, summary},
#include "options.def"
#undef OPTION
};
const size_t option_row_count = sizeof option_rows / sizeof option_rows[0];

/* ---- values --------------------------------------------------------------------------------------------------------
 */

struct unit {
    const char *name;
    double factor;
};
static const struct unit time_units[] = {{"", 1},     {"s", 1},  {"ms", 1e-3}, {"us", 1e-6},
                                         {"min", 60}, {"m", 60}, {"h", 3600}};
static const struct unit rate_units[] = {{"", 1}, {"Hz", 1}, {"hz", 1}, {"k", 1e3}, {"kHz", 1e3}, {"khz", 1e3}};
static const struct unit share_units[] = {{"", 1}, {"%", 0.01}};
static const struct unit cpu_units[] = {{"%", 0.01}};
static const struct unit size_units[] = {{"", 1},       {"K", 1024},      {"M", 1048576},     {"G", 1073741824},
                                         {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
static const struct unit no_units[] = {{"", 1}};

/* What numbers of a kind may be. */
struct range {
    const struct unit *units;
    size_t n_units;
    double low, high;
    bool whole;
    const char *usable;
};
#define UNITS(array) array, sizeof array / sizeof array[0]
static const struct range ranges[] = {
    [OPTION_RATE] = {UNITS(rate_units), 0.1, KEI_RATE_MAX, false,
                     "give samples a second from 0.1 to 1000000, as 1000 or 10k, or max"},
    [OPTION_TIME] = {UNITS(time_units), 0, 1e8, false, "give a time from 0 on, as 10s, 500ms, 2min or 1h"},
    [OPTION_DURATION] = {UNITS(time_units), 1e-6, 1e8, false, "give a time above 0, as 10s, 500ms, 2min or 1h"},
    [OPTION_SHARE] = {UNITS(share_units), 1e-6, 1, false, "give a share above 0 and up to 1, as 0.01 or 1%"},
    [OPTION_KEEP] = {UNITS(time_units), 1, 1e8, false, "give a time of a second or more, as 30s, 10m or 1h"},
    [OPTION_SIZE] = {UNITS(size_units), 262144, 1e15, true, "give a size of 256K or more, as 512K, 100M or 2G"},
    [OPTION_CPU] = {UNITS(cpu_units), 0.01, 1e5, false, "give a share of one core, as 90% or 250%"},
    [OPTION_COUNT] = {UNITS(no_units), 1, 1e6, true, "give a whole number from 1 on"},
    [OPTION_ID] = {UNITS(no_units), 1, 2147483647, true, "give a number of a process or thread, as ps shows it"},
};

bool option_number(enum option_kind kind, const char *text, double *value, const char **why)
{
    const struct range *range = &ranges[kind];
    *why = range->usable;
    if (kind == OPTION_RATE && strcmp(text, "max") == 0) {
        *value = KEI_RATE_MAX;
        return true;
    }
    /* strtod also takes blanks, inf, nan and hexadecimal: none is meant here. */
    if (strspn(text, "0123456789.") == 0 || strpbrk(text, "xX") != NULL)
        return false;
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; i < range->n_units; i++) {
        if (strcmp(end, range->units[i].name) != 0)
            continue;
        *value = number * range->units[i].factor;
        return isfinite(*value) && *value >= range->low && *value <= range->high &&
               (!range->whole || *value == floor(*value));
    }
    return false;
}

/* The index of `text` in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *text)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *at = choices;; at++, index++) {
        size_t size = strcspn(at, "|");
        if (size == length && strncmp(at, text, size) == 0)
            return index;
        at += size;
        if (*at == '\0')
            return -1;
    }
}

static bool bad_value(const struct command *command, const struct option_row *row, const char *value, const char *why)
{
    message("%s: --%s %s is not usable: %s", command->name, row->name, value, why);
    return false;
}

static bool set_choice(const struct command *command, const struct option_row *row, int *field, const char *value)
{
    int index = choice_index(row->argument, value);
    if (index < 0) {
        char why[128];
        snprintf(why, sizeof why, "give one of %s", row->argument);
        return bad_value(command, row, value, why);
    }
    *field = index;
    return true;
}

static bool set_number(const struct command *command, const struct option_row *row, void *field, const char *value)
{
    double number;
    const char *why;
    if (!option_number(row->kind, value, &number, &why))
        return bad_value(command, row, value, why);
    if (row->kind == OPTION_COUNT)
        *(uint32_t *)field = (uint32_t)number;
    else if (row->kind == OPTION_ID)
        *(int32_t *)field = (int32_t)number;
    else
        *(double *)field = number;
    return true;
}

static bool set_value(const struct command *command, const struct option_row *row, struct settings *settings,
                      const char *value)
{
    void *field = (char *)settings + row->field;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case OPTION_TEXT:
    case OPTION_MAYBE_TEXT:
        if (value[0] == '\0')
            return bad_value(command, row, "''", "it is empty");
        *(const char **)field = value;
        return true;
    case OPTION_LIST: {
        struct list *list = field;
        if (list->count == LIST_MAX)
            return bad_value(command, row, value, "it was given too often");
        list->items[list->count++] = value;
        return true;
    }
    case OPTION_CHOICE:
        return set_choice(command, row, field, value);
    default:
        return set_number(command, row, field, value);
    }
}

/* ---- words ---------------------------------------------------------------------------------------------------------
 */

static const struct option_row *row_by_name(const struct command *command, const char *name, size_t length)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].commands & command->bit && strlen(option_rows[i].name) == length &&
            strncmp(option_rows[i].name, name, length) == 0)
            return &option_rows[i];
    return NULL;
}

static const struct option_row *row_by_letter(const struct command *command, char letter)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].commands & command->bit && option_rows[i].letter == letter)
            return &option_rows[i];
    return NULL;
}

static bool unknown_option(const struct command *command, const char *word)
{
    const char *names[sizeof option_rows / sizeof option_rows[0]];
    size_t count = 0;
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].commands & command->bit)
            names[count++] = option_rows[i].name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *near = kei_nearest_word(name + strspn(name, "-"), names, count);
    if (near != NULL)
        message("%s: option %s is not known; did you mean --%s?", command->name, name, near);
    else
        message("%s: option %s is not known; keisoku %s --help lists them", command->name, name, command->name);
    return false;
}

/* A word as it stands, while options are read. */
struct cursor {
    const struct command *command;
    struct settings *settings;
    char **words;
    int at, count;
};

/* The value behind an option: what follows in the same word, else the next word. */
static bool take_value(struct cursor *cursor, const struct option_row *row, const char *attached)
{
    const char *value = attached;
    if (row->kind == OPTION_FLAG && attached != NULL)
        return bad_value(cursor->command, row, attached, "it takes no value");
    if (row->kind == OPTION_MAYBE_TEXT && attached == NULL)
        value = "-";
    if (value == NULL && row->kind != OPTION_FLAG) {
        if (cursor->at + 1 >= cursor->count) {
            message("%s: --%s needs a value: --%s %s", cursor->command->name, row->name, row->name, row->argument);
            return false;
        }
        value = cursor->words[++cursor->at];
    }
    return set_value(cursor->command, row, cursor->settings, value);
}

static bool take_long(struct cursor *cursor, const char *word)
{
    size_t length = strcspn(word + 2, "=");
    const struct option_row *row = row_by_name(cursor->command, word + 2, length);
    if (row == NULL)
        return unknown_option(cursor->command, word);
    return take_value(cursor, row, word[2 + length] == '=' ? word + 3 + length : NULL);
}

static bool take_letters(struct cursor *cursor, const char *word)
{
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const struct option_row *row = row_by_letter(cursor->command, *letter);
        if (row == NULL)
            return unknown_option(cursor->command, word);
        if (row->kind != OPTION_FLAG)
            return take_value(cursor, row, letter[1] != '\0' ? letter + 1 : NULL);
        if (!take_value(cursor, row, NULL))
            return false;
    }
    return true;
}

/* Commands whose words are a program and its arguments. */
static bool starts_program(const struct command *command)
{
    return (command->bit & (COMMAND_RUN | COMMAND_STAT | COMMAND_SCALE)) != 0;
}

/* A program's own beginning: -m, -c and - are words where one is started, and "-" is standard output or input
 * elsewhere.
 */
static bool is_word(const struct command *command, const char *word)
{
    if (word[0] != '-' || word[1] == '\0')
        return true;
    return starts_program(command) && (strcmp(word, "-m") == 0 || strcmp(word, "-c") == 0);
}

bool options_parse(const struct command *command, struct settings *settings, char **words, int *count)
{
    struct cursor cursor = {command, settings, words, 0, *count};
    int left = 0;
    bool only_words = false;
    for (; cursor.at < cursor.count; cursor.at++) {
        char *word = words[cursor.at];
        if (only_words || is_word(command, word)) {
            words[left++] = word;
            only_words = only_words || (starts_program(command) && settings->from_files.count == 0);
        } else if (strcmp(word, "--") == 0 && command->bit == COMMAND_DIFF) { /* between the two sides */
            words[left++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!(word[1] == '-' ? take_long(&cursor, word) : take_letters(&cursor, word))) {
            return false;
        }
    }
    words[left] = NULL;
    *count = left;
    return true;
}
