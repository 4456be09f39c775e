/*
 * A view of a target's memory at one instant: of the pages that the last readings used, the part that they used, with a
 * little more on both sides, fetched in one vectored call; whole pages, singly, when they turn out to be needed. What
 * costs is each call and each page: hence whole pages there. The frames of a stack share pages. Timed path: no
 * allocation after view_new.
 */
#ifndef KEISOKU_CAPTURE_VIEW_H
#define KEISOKU_CAPTURE_VIEW_H

#include "capture/target/remote.h"

enum { VIEW_PAGE = 4096, VIEW_PAGES_MAX = 2048, VIEW_FIXED_MAX = 8, VIEW_AT_MAX = 512 };

struct view;

struct view *view_new(struct remote *remote);
void view_free(struct view *view);
/* Reads `part` behind all others in every call from now on, so that it is never older than what it vouches for. */
void view_watch(struct view *view, const struct remote_part *part);
/* True when the last call got as far as the watched part. */
bool view_watched(const struct view *view);

/* Starts a reading: `fixed` parts and all predicted pages in one call (more where there are very many). False when a
 * fixed part cannot be read. */
bool view_begin(struct view *view, const struct remote_part *fixed, size_t count);
/* The same in a call of the caller's, for several views at once: writes the parts that view_begin would read, the
 * watched one last, when there is room for all of them; else 0. */
size_t view_plan(struct view *view, const struct remote_part *fixed, size_t count, struct remote_part *parts,
                 size_t room);
/* The parts of the plan were read, all of them: the next view_begin reads nothing. */
void view_planned(struct view *view);
/* `size` bytes (at most VIEW_AT_MAX) at `address`, valid until the next call; NULL when not readable. A page that is
 * not there is read now, along with the pages below it down to `floor` (0: none). */
const uint8_t *view_at(struct view *view, uint64_t address, size_t size, uint64_t floor);
/* Forgets everything: nothing is predicted for the next reading. */
void view_clear(struct view *view);
/* Ends a reading: what was used is predicted for the next, what was not for a while is forgotten. */
void view_end(struct view *view);

#endif
