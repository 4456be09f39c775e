/* The first sentences of a comparison: what got slower or faster, by how much of what. */
#include "diagnose/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMED = 3, NUMBER_BYTES = 32 };

static void print_seconds(char *out, double seconds)
{
    seconds = fabs(seconds);
    if (seconds >= 99.95)
        snprintf(out, NUMBER_BYTES, "%.0f s", seconds);
    else if (seconds >= 9.995)
        snprintf(out, NUMBER_BYTES, "%.1f s", seconds);
    else if (seconds >= 0.9995)
        snprintf(out, NUMBER_BYTES, "%.2f s", seconds);
    else
        snprintf(out, NUMBER_BYTES, seconds >= 0.00995 || seconds <= 0 ? "%.0f ms" : "%.1f ms", seconds * 1e3);
}

static void whole_run(struct comparison *comparison)
{
    const struct change *whole = &comparison->whole;
    char a[NUMBER_BYTES], b[NUMBER_BYTES], by[NUMBER_BYTES], noise[NUMBER_BYTES], least[NUMBER_BYTES * 3] = "";
    print_seconds(a, whole->value[SIDE_A]);
    print_seconds(b, whole->value[SIDE_B]);
    print_seconds(by, whole->change);
    print_seconds(noise, (whole->high - whole->low) / 2);
    if (comparison->several)
        snprintf(least, sizeof least, whole->kind == CHANGE_NOISE ? ", the same to ±%s" : ", ±%s", noise);
    if (whole->kind == CHANGE_NOISE) {
        snprintf(comparison->headline, sizeof comparison->headline,
                 comparison->cpu ? "B uses as much CPU time as A: %s and %s%s" : "B takes as long as A: %s and %s%s", b,
                 a, least);
        return;
    }
    bool more = whole->change > 0;
    snprintf(comparison->headline, sizeof comparison->headline, "B %s: %s in place of %s, %s (%.0f %%) %s%s",
             comparison->cpu ? (more ? "uses more CPU time" : "uses less CPU time")
             : more          ? "is slower"
                             : "is faster",
             b, a, by, fabs(whole->change) / whole->value[SIDE_A] * 100, more ? "more" : "less", least);
}

static void add_function(const struct comparison *comparison, struct buf *out, uint32_t index)
{
    const struct change *change = &comparison->functions[index].self;
    struct compare_place place = compare_place(comparison, index);
    const char *name = place.profile->strings[place.name], *file = place.profile->strings[place.file];
    char by[NUMBER_BYTES], noise[NUMBER_BYTES];
    print_seconds(by, change->change);
    print_seconds(noise, fmax(change->high - change->change, change->change - change->low));
    buf_add_visible(out, name, strnlen(name, 60));
    buf_printf(out, " %s ±%s %s", by, noise, change->change > 0 ? "more" : "less");
    if (file[0] != '\0') {
        const char *shown = profile_short_file(file);
        buf_add_text(out, " (");
        buf_add_visible(out, shown, strnlen(shown, 80));
        buf_printf(out, ":%u)", place.line);
    }
    if (change->kind == CHANGE_NEW || change->kind == CHANGE_VANISHED)
        buf_printf(out, ", %s", change->kind == CHANGE_NEW ? "new" : "gone");
}

static void add_detail(struct comparison *comparison)
{
    struct buf out = {0};
    char least[NUMBER_BYTES];
    print_seconds(least, comparison->resolution);
    for (size_t i = 0; i < comparison->n_changed && i < NAMED; i++) {
        buf_add_text(&out, i == 0 ? "" : "; ");
        add_function(comparison, &out, comparison->order[i]);
    }
    if (comparison->n_changed > NAMED)
        buf_printf(&out, "; and %zu more", comparison->n_changed - NAMED);
    if (comparison->n_changed == 0)
        buf_printf(&out, "No function's own time differs by more than the noise (up to ±%s here)", least);
    snprintf(comparison->detail, sizeof comparison->detail, "%s", buf_text(&out));
    buf_release(&out);
}

void compare_verdict(struct comparison *comparison)
{
    for (int side = 0; side < SIDES; side++) {
        if (comparison->all[side].ticks > 0)
            continue;
        snprintf(comparison->headline, sizeof comparison->headline, "Nothing can be compared: %s has no samples%s",
                 side == SIDE_A ? "A" : "B", comparison->cpu ? " on the CPU" : "");
        snprintf(comparison->detail, sizeof comparison->detail, "keisoku report of it says why");
        return;
    }
    if (comparison->per == PER_RUN)
        whole_run(comparison);
    else
        snprintf(comparison->headline, sizeof comparison->headline, "%s",
                 comparison->n_changed == 0 ? "No difference found in how a second of CPU time is spent"
                                            : "A second of CPU time is spent differently in B");
    add_detail(comparison);
}
