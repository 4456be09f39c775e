/* Pages of a target at one instant; see view.h. */
#include "capture/cpython/view.h"

#include "base/mem.h"

#include <string.h>

enum {
    PARTS_MAX = REMOTE_PARTS_MAX - 1 /* the last is watched */,
    SCORE_NEW = 3,
    SCORE_MAX = 12,
    AHEAD_PAGES = 16,
    SLACK = 256, /* bytes read on both sides of those used in the last readings: a few frames more */
    FORGET = 16, /* part of a page that has not been used is read less of, by that part each reading */
    RETRIES = 16
};

/* Bytes of a page; none where high is 0. */
struct range {
    uint16_t low, high;
};

struct page {
    uint64_t address;
    uint16_t slot;        /* where its bytes are */
    uint8_t score;        /* readings it survives without use */
    struct range used;    /* in this reading */
    struct range likely;  /* used in the last ones */
    struct range present; /* have been read */
};

struct view {
    struct remote *remote;
    size_t count, slots, hint;
    struct remote_part watch; /* size 0: none */
    bool watched;
    bool planned; /* what view_begin would read is there */
    uint8_t scratch[VIEW_AT_MAX];
    uint8_t *memory;                   /* VIEW_PAGES_MAX pages; touched only as far as used, as what follows */
    struct page pages[VIEW_PAGES_MAX]; /* by address */
};

struct view *view_new(struct remote *remote)
{
    struct view *view = mem_alloc(sizeof(*view));
    if (!view)
        return NULL;
    memset(view, 0, offsetof(struct view, pages));
    view->remote = remote;
    view->memory = mem_alloc((size_t)VIEW_PAGES_MAX * VIEW_PAGE);
    if (!view->memory) {
        mem_free(view);
        return NULL;
    }
    return view;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    mem_free(view->memory);
    mem_free(view);
}

static uint8_t *bytes_of(struct view *view, const struct page *page)
{
    return view->memory + (size_t)page->slot * VIEW_PAGE;
}

void view_watch(struct view *view, const struct remote_part *part)
{
    view->watch = *part;
}

bool view_watched(const struct view *view)
{
    return view->watched;
}

/* One call; `parts` has room for one more. */
static size_t read_parts(struct view *view, struct remote_part *parts, size_t count)
{
    size_t watch = view->watch.size > 0 ? 1 : 0;
    parts[count] = view->watch;
    size_t got = remote_read_parts(view->remote, parts, count + watch);
    view->watched = got > count;
    return got < count ? got : count;
}

static bool covers(struct range range, uint16_t low, uint16_t high)
{
    return range.high != 0 && range.low <= low && high <= range.high;
}

static struct range with(struct range range, uint16_t low, uint16_t high)
{
    if (range.high == 0)
        return (struct range){low, high};
    return (struct range){low < range.low ? low : range.low, high > range.high ? high : range.high};
}

/* What is read of the page when a reading begins. */
static struct range predicted(const struct page *page)
{
    uint16_t low = page->likely.low, high = page->likely.high;
    return (struct range){low > SLACK ? low - SLACK : 0, high < VIEW_PAGE - SLACK ? high + SLACK : VIEW_PAGE};
}

/* It grows at once and shrinks slowly. */
static struct range likely_next(const struct page *page)
{
    struct range next = with(page->likely, page->used.low, page->used.high);
    next.low = (uint16_t)(next.low + (page->used.low - next.low) / FORGET);
    next.high = (uint16_t)(next.high - (next.high - page->used.high) / FORGET);
    return next;
}

/* --- the predicted pages -------------------------------------------------------------------------------------------
 */

struct plan {
    struct remote_part parts[REMOTE_PARTS_MAX];
    uint16_t first[PARTS_MAX], pages[PARTS_MAX]; /* pages of each part; none for fixed ones */
    size_t count;
};

/* Adds runs of neighbouring pages from index `at` on; returns the index behind the last one taken. */
static size_t plan_pages(struct view *view, struct plan *plan, size_t at)
{
    while (at < view->count) {
        struct page *page = &view->pages[at];
        struct remote_part *last = plan->count ? &plan->parts[plan->count - 1] : NULL;
        struct range range = predicted(page);
        uint64_t address = page->address + range.low;
        bool joins = last && plan->pages[plan->count - 1] && last->address + last->size == address;
        if (!joins && plan->count == PARTS_MAX)
            break;
        page->slot = (uint16_t)at;
        page->used = page->present = (struct range){0};
        if (joins) {
            last->size += range.high;
            plan->pages[plan->count - 1]++;
        } else {
            plan->parts[plan->count] = (struct remote_part){
                .address = address, .local = bytes_of(view, page) + range.low, .size = range.high - range.low};
            plan->first[plan->count] = (uint16_t)at;
            plan->pages[plan->count++] = 1;
        }
        at++;
    }
    return at;
}

static void mark_present(struct view *view, const struct plan *plan, size_t part)
{
    for (size_t i = 0; i < plan->pages[part]; i++) {
        struct page *page = &view->pages[plan->first[part] + i];
        page->present = predicted(page);
    }
}

/* Carries a plan out. A part that fails is left absent (its pages are read singly when asked for) and the rest is
 * tried again. False when one of the first `fixed` parts fails. */
static bool carry_out(struct view *view, struct plan *plan, size_t fixed)
{
    size_t done = 0;
    for (int tries = 0; done < plan->count && tries < RETRIES; tries++) {
        size_t got = read_parts(view, plan->parts + done, plan->count - done);
        for (size_t i = 0; i < got; i++)
            mark_present(view, plan, done + i);
        done += got;
        if (done < fixed)
            return false;
        if (done < plan->count) {
            for (size_t i = 0; i < plan->pages[done]; i++)
                view->pages[plan->first[done] + i].score = 1;
            done++;
        }
    }
    return true;
}

static void plan_fixed(struct view *view, struct plan *plan, const struct remote_part *fixed, size_t count)
{
    plan->count = 0;
    for (size_t i = 0; i < count && i < VIEW_FIXED_MAX; i++) {
        plan->pages[plan->count] = 0;
        plan->parts[plan->count++] = fixed[i];
    }
    view->hint = 0;
    view->slots = view->count;
    view->planned = false;
}

size_t view_plan(struct view *view, const struct remote_part *fixed, size_t count, struct remote_part *parts,
                 size_t room)
{
    struct plan plan;
    plan_fixed(view, &plan, fixed, count);
    if (plan_pages(view, &plan, 0) < view->count || plan.count >= room)
        return 0;
    memcpy(parts, plan.parts, plan.count * sizeof *parts);
    if (view->watch.size > 0)
        parts[plan.count++] = view->watch;
    return plan.count;
}

void view_planned(struct view *view)
{
    for (size_t i = 0; i < view->count; i++)
        view->pages[i].present = predicted(&view->pages[i]);
    view->planned = true;
    view->watched = view->watch.size > 0;
}

bool view_begin(struct view *view, const struct remote_part *fixed, size_t count)
{
    struct plan plan;
    size_t at = 0;
    if (view->planned) {
        view->planned = false;
        return true;
    }
    plan_fixed(view, &plan, fixed, count);
    size_t first = plan.count;
    do {
        at = plan_pages(view, &plan, at);
        if (!carry_out(view, &plan, first)) {
            for (size_t i = 0; i < view->count; i++)
                view->pages[i].present = (struct range){0};
            return false;
        }
        plan.count = first = 0;
    } while (at < view->count);
    return true;
}

void view_clear(struct view *view)
{
    view->count = view->slots = view->hint = 0;
    view->planned = false;
}

void view_end(struct view *view)
{
    size_t kept = 0;
    for (size_t i = 0; i < view->count; i++) {
        struct page page = view->pages[i];
        if (page.used.high != 0) {
            page.score = page.score + 2 > SCORE_MAX ? SCORE_MAX : (uint8_t)(page.score + 2);
            page.likely = likely_next(&page);
        } else {
            page.score--;
        }
        if (page.score)
            view->pages[kept++] = page;
    }
    view->count = kept;
}

/* --- looking -------------------------------------------------------------------------------------------------------
 */

/* The index of the page or where it would stand. */
static size_t lower_bound(const struct view *view, uint64_t address)
{
    size_t low = 0, high = view->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (view->pages[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct page *find(struct view *view, uint64_t address)
{
    if (view->hint < view->count && view->pages[view->hint].address == address)
        return &view->pages[view->hint];
    size_t at = lower_bound(view, address);
    if (at == view->count || view->pages[at].address != address)
        return NULL;
    view->hint = at;
    return &view->pages[at];
}

/* A place for the page, in order of address; NULL when there is no room. */
static struct page *insert(struct view *view, uint64_t address)
{
    if (view->count == VIEW_PAGES_MAX || view->slots == VIEW_PAGES_MAX)
        return NULL;
    size_t at = lower_bound(view, address);
    memmove(&view->pages[at + 1], &view->pages[at], (view->count - at) * sizeof(view->pages[0]));
    view->count++;
    view->pages[at] = (struct page){
        .address = address, .slot = (uint16_t)view->slots++, .score = SCORE_NEW, .likely = {0, VIEW_PAGE}};
    return &view->pages[at];
}

/* Reads the whole page at `address` and absent ones below it, down to `floor`, in one call. */
static bool load(struct view *view, uint64_t address, uint64_t floor)
{
    struct remote_part parts[AHEAD_PAGES + 1];
    size_t count = 0;
    for (uint64_t at = address; count < AHEAD_PAGES; at -= VIEW_PAGE) {
        struct page *page = find(view, at);
        if (page && page->present.high != 0 && at != address)
            break;
        if (!page && !(page = insert(view, at)))
            break;
        parts[count++] = (struct remote_part){.address = at, .local = bytes_of(view, page), .size = VIEW_PAGE};
        if (floor == 0 || at <= floor)
            break;
    }
    if (count == 0)
        return false;
    size_t got = read_parts(view, parts, count);
    for (size_t i = 0; i < got; i++) {
        struct page *page = find(view, parts[i].address);
        if (page)
            page->present = (struct range){0, VIEW_PAGE};
    }
    return got > 0;
}

/* The page at `address`, of which bytes from `low` to `high` are there. */
static const uint8_t *page_bytes(struct view *view, uint64_t address, size_t low, size_t high, uint64_t floor)
{
    struct page *page = find(view, address);
    if (!page || !covers(page->present, (uint16_t)low, (uint16_t)high)) {
        if (!load(view, address, floor) || !(page = find(view, address)))
            return NULL;
    }
    page->used = with(page->used, (uint16_t)low, (uint16_t)high);
    return bytes_of(view, page);
}

const uint8_t *view_at(struct view *view, uint64_t address, size_t size, uint64_t floor)
{
    uint64_t page = address & ~(uint64_t)(VIEW_PAGE - 1);
    size_t inside = (size_t)(address - page), part = VIEW_PAGE - inside;
    if (size > VIEW_AT_MAX || address + size < address)
        return NULL;
    const uint8_t *bytes =
        page_bytes(view, page, inside, size < part ? inside + size : VIEW_PAGE, floor & ~(uint64_t)(VIEW_PAGE - 1));
    if (bytes && size <= part)
        return bytes + inside;
    if (!bytes) { /* no room for the page, or none there: just what was asked for */
        struct remote_part parts[2] = {{.address = address, .local = view->scratch, .size = size}};
        return read_parts(view, parts, 1) == 1 ? view->scratch : NULL;
    }
    memcpy(view->scratch, bytes + inside, part);
    const uint8_t *rest = page_bytes(view, page + VIEW_PAGE, 0, size - part, 0);
    if (!rest)
        return NULL;
    memcpy(view->scratch + part, rest, size - part);
    return view->scratch;
}
