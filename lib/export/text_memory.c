/* The screen's rows of memory: which own lines asked for what was in use when a process had most (run --allocs). */
#include "base/mem.h"
#include "diagnose/held.h"
#include "export/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const double share_min = 0.005;

static void add_row(struct screen *screen, const struct held_line *line, const struct held_line *all)
{
    const struct profile *profile = screen->profile;
    const struct frame *frame = &profile->frames[line->frame];
    uint32_t file = profile->functions[frame->function].file;
    char size[24], share[24], place[512];
    cells_bytes(size, sizeof size, line->most_bytes);
    cells_percent(share, sizeof share, line->most_bytes / all->most_bytes);
    snprintf(place, sizeof place, "%s:%" PRIu32, diagnosis_file(profile, file), frame->line);
    buf_printf(&screen->out, " %-7s %8s ", size, share);
    text_add_source(screen, file, frame->line, place);
}

int text_memory(struct screen *screen, size_t rows)
{
    struct held_line *lines, all;
    size_t n;
    char most[24], asked[24];
    int rc = held_lines(screen->profile, 0, HELD_BYTES, &lines, &n, &all);
    if (rc != 0 || !(all.most_bytes > 0)) {
        mem_free(lines);
        return rc;
    }
    cells_bytes(most, sizeof most, all.most_bytes);
    cells_bytes(asked, sizeof asked, all.bytes);
    text_style(screen, "2");
    buf_printf(&screen->out, " in use of %7s  asked for by (Python's allocators; ", most);
    if (held_processes(screen->profile) > 1)
        buf_add_text(&screen->out, "each process at its most; ");
    buf_printf(&screen->out, "%s in all)\n", asked);
    text_style(screen, "0");
    for (size_t i = 0; i < n && i < rows && lines[i].most_bytes >= share_min * all.most_bytes; i++)
        add_row(screen, &lines[i], &all);
    mem_free(lines);
    return 0;
}
