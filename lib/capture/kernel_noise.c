#include "capture/kernel_noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prefix {
    const char *text;
    size_t length;
    bool whole; /* schedule: not schedule_timeout and the like */
};
#define PREFIX(text)                                                                                                   \
    {                                                                                                                  \
        text, sizeof(text) - 1, false                                                                                  \
    }
static const struct prefix prefixes[] = {
    PREFIX("finish_task_switch"), PREFIX("irqentry_exit"),        PREFIX("exit_to_user_mode"),
    PREFIX("handle_softirqs"),    PREFIX("__do_softirq"),         PREFIX("__schedule"),
    {"schedule", 8, true},        PREFIX("asm_sysvec_"),          PREFIX("sysvec_"),
    PREFIX("irq_exit_rcu"),       PREFIX("asm_common_interrupt"), PREFIX("preempt_schedule"),
};

static bool is_noise(const char *name)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const struct prefix *prefix = &prefixes[i];
        if (name[0] == prefix->text[0] && strncmp(name, prefix->text, prefix->length) == 0 &&
            (!prefix->whole || strchr("\t\n ", name[prefix->length]) != NULL))
            return true;
    }
    return false;
}

/* "address kind name": the name, NULL for what is no function. */
static const char *name_of(const char *line)
{
    const char *end = strchr(line, ' ');
    if (end == NULL || end[1] == '\0' || end[2] != ' ' || (end[1] | 32) == 'a')
        return NULL;
    return end + 3;
}

/* The symbols stand in order of address: a range ends where the next symbol starts. There are more than a hundred
 * thousand of them: no more is made of one than is needed. */
void kernel_noise_load(struct kernel_noise *noise, const char *path)
{
    char line[512];
    bool open = false;
    noise->count = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *name = name_of(line);
        bool begins = name != NULL && noise->count < KERNEL_NOISE_RANGES && is_noise(name);
        uint64_t address = name != NULL && (open || begins) ? strtoull(line, NULL, 16) : 0;
        if (address == 0)
            continue;
        if (open && address > noise->ranges[noise->count - 1].start) {
            noise->ranges[noise->count - 1].end = address;
            open = false;
        }
        if (!open && begins) {
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
