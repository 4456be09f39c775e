#include "capture/kernel_noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_noise(const char *name)
{
    static const char *const prefixes[] = {
        "finish_task_switch", "irqentry_exit",   "exit_to_user_mode", "handle_softirqs", "__do_softirq",
        "__schedule",         "schedule",        "asm_sysvec_",       "sysvec_",         "asm_common_interrupt",
        "irq_exit_rcu",       "preempt_schedule"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t length = strlen(prefixes[i]);
        bool exact = prefixes[i][0] == 's' && prefixes[i][1] == 'c'; /* schedule: not schedule_timeout and the like */
        if (strncmp(name, prefixes[i], length) == 0 && (!exact || name[length] == '\0'))
            return true;
    }
    return false;
}

/* "address kind name": false for what is none, or no address. By hand, for there are more than a hundred thousand. */
static bool parse_symbol(char *line, uint64_t *address, char **name)
{
    char *end;
    *address = strtoull(line, &end, 16);
    if (end == line || *address == 0 || end[0] != ' ' || end[1] == '\0' || end[2] != ' ' || (end[1] | 32) == 'a')
        return false;
    *name = end + 3;
    (*name)[strcspn(*name, "\t\n ")] = '\0';
    return true;
}

/* The symbols stand in order of address: a range ends where the next symbol starts. */
void kernel_noise_load(struct kernel_noise *noise, const char *path)
{
    char line[512], *name;
    uint64_t address;
    bool open = false;
    noise->count = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        if (!parse_symbol(line, &address, &name))
            continue;
        if (open && address > noise->ranges[noise->count - 1].start) {
            noise->ranges[noise->count - 1].end = address;
            open = false;
        }
        if (!open && noise->count < KERNEL_NOISE_RANGES && is_noise(name)) {
            noise->ranges[noise->count].start = noise->ranges[noise->count].end = address;
            noise->count++;
            open = true;
        }
    }
    fclose(file);
}

bool kernel_noise_at(const struct kernel_noise *noise, uint64_t address)
{
    for (int i = 0; i < noise->count; i++) {
        if (address >= noise->ranges[i].start && address < noise->ranges[i].end)
            return true;
    }
    return false;
}
