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

enum { PAGE = 4096, PAGES = 64, SMALL = 1024 };

struct remote_pages {
    uint64_t addresses[PAGES]; /* by their number modulo PAGES; 0: none */
    uint8_t bytes[PAGES][PAGE];
};

struct remote_pages *remote_pages_new(void)
{
    struct remote_pages *pages = mem_alloc(sizeof(*pages));
    if (pages)
        memset(pages->addresses, 0, sizeof(pages->addresses));
    return pages;
}

void remote_pages_free(struct remote_pages *pages)
{
    mem_free(pages);
}

/* False where it is not to be had from one page. */
static bool read_from_page(struct remote *remote, uint64_t address, void *local, size_t size)
{
    struct remote_pages *pages = remote->pages;
    uint64_t page = address & ~(uint64_t)(PAGE - 1);
    size_t slot = page / PAGE % PAGES;
    if (size > SMALL || address - page + size > PAGE || page == 0)
        return false;
    struct remote_part part = {.address = page, .local = pages->bytes[slot], .size = PAGE};
    if (pages->addresses[slot] != page) {
        bool read = remote_read_parts(remote, &part, 1) == 1;
        pages->addresses[slot] = read ? page : 0;
    }
    if (pages->addresses[slot] == page)
        memcpy(local, pages->bytes[slot] + (address - page), size);
    return pages->addresses[slot] == page;
}

bool remote_read(struct remote *remote, uint64_t address, void *local, size_t size)
{
    if (remote->pages != NULL && size > 0 && read_from_page(remote, address, local, size))
        return true;
    struct remote_part part = {.address = address, .local = local, .size = size};
    return size == 0 || remote_read_parts(remote, &part, 1) == 1;
}

size_t remote_read_parts(struct remote *remote, const struct remote_part *parts, size_t count)
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

bool remote_read_u64(struct remote *remote, uint64_t address, uint64_t *value)
{
    return remote_read(remote, address, value, sizeof(*value));
}
