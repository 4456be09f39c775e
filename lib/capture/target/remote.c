/*
 * Bounded reads of another process's memory. Runs on the timed path: no allocation, one system call a call.
 * A part that spans an unmapped page counts as not read, and so does every part behind it.
 */
#include "capture/target/remote.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

_Static_assert(REMOTE_PARTS_MAX <= IOV_MAX, "one vectored call takes all parts");

enum { PAGE = 4096, PAGES = 512 };

struct remote_pages {
    uint64_t addresses[PAGES]; /* by their number modulo PAGES; 0: none */
    uint8_t bytes[PAGES][PAGE];
};

struct remote_pages *remote_pages_new(void)
{
    struct remote_pages *pages = mem_alloc(sizeof(*pages));
    if (pages)
        remote_pages_clear(pages);
    return pages;
}

void remote_pages_clear(struct remote_pages *pages)
{
    memset(pages->addresses, 0, sizeof(pages->addresses));
}

void remote_pages_free(struct remote_pages *pages)
{
    mem_free(pages);
}

size_t remote_read_past_pages(struct remote *remote, const struct remote_part *parts, size_t count)
{
    struct iovec locals[REMOTE_PARTS_MAX], remotes[REMOTE_PARTS_MAX];
    if (count > REMOTE_PARTS_MAX)
        count = REMOTE_PARTS_MAX;
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        locals[i] = (struct iovec){.iov_base = parts[i].local, .iov_len = parts[i].size};
        remotes[i] = (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].address, .iov_len = parts[i].size};
    }
    __atomic_fetch_add(&remote->calls, 1, __ATOMIC_RELAXED); /* several sampler threads may share it */
    ssize_t got = process_vm_readv(remote->pid, locals, count, remotes, count, 0);
    if (got < 0)
        return 0;
    __atomic_fetch_add(&remote->bytes, (uint64_t)got, __ATOMIC_RELAXED);
    size_t whole = 0, left = (size_t)got;
    while (whole < count && parts[whole].size <= left)
        left -= parts[whole++].size;
    if (whole < count)
        errno = EFAULT;
    return whole;
}

/* The page, read now if it is not there; NULL when it cannot be. */
static const uint8_t *page_at(struct remote *remote, uint64_t address)
{
    struct remote_pages *pages = remote->pages;
    size_t slot = address / PAGE % PAGES;
    struct remote_part part = {.address = address, .local = pages->bytes[slot], .size = PAGE};
    if (pages->addresses[slot] != address || address == 0)
        pages->addresses[slot] = remote_read_past_pages(remote, &part, 1) == 1 ? address : 0;
    return pages->addresses[slot] == 0 ? NULL : pages->bytes[slot];
}

/* False where a page cannot be had, and for what is a page itself or more. */
static bool read_from_pages(struct remote *remote, const struct remote_part *part)
{
    size_t done = 0;
    if (part->size >= PAGE || part->address + part->size < part->address)
        return false;
    while (done < part->size) {
        uint64_t at = part->address + done, inside = at % PAGE;
        const uint8_t *page = page_at(remote, at - inside);
        size_t size = part->size - done < PAGE - inside ? part->size - done : PAGE - inside;
        if (page == NULL)
            return false;
        memcpy((uint8_t *)part->local + done, page + inside, size);
        done += size;
    }
    return true;
}

size_t remote_read_parts(struct remote *remote, const struct remote_part *parts, size_t count)
{
    size_t whole = 0;
    if (remote->pages == NULL)
        return remote_read_past_pages(remote, parts, count);
    while (whole < count &&
           (read_from_pages(remote, &parts[whole]) || remote_read_past_pages(remote, &parts[whole], 1) == 1))
        whole++;
    return whole;
}

bool remote_read(struct remote *remote, uint64_t address, void *local, size_t size)
{
    struct remote_part part = {.address = address, .local = local, .size = size};
    return size == 0 || remote_read_parts(remote, &part, 1) == 1;
}

bool remote_read_u64(struct remote *remote, uint64_t address, uint64_t *value)
{
    return remote_read(remote, address, value, sizeof(*value));
}
