/*
 * Bounded reads of another process's memory. Runs on the timed path: no allocation, one system call a call.
 * A part that spans an unmapped page counts as not read, and so does every part behind it.
 */
#include "capture/target/remote.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

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

/* A thread's number may be another's by now; while it is one of the process's, what was read is the process's. */
static bool is_thread_of(pid_t pid, pid_t tid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
    return access(path, F_OK) == 0;
}

/* By way of any thread that has the memory, where the process's first one has ended and has none any more. Rare, so it
 * may allocate. */
static ssize_t read_by_another(struct remote *remote, const struct iovec *locals, const struct iovec *remotes,
                               size_t count)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)remote->pid);
    DIR *directory = opendir(path);
    ssize_t got = -1;
    int number = ESRCH;
    for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL && number == ESRCH;) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid <= 0 || tid == remote->pid)
            continue;
        got = process_vm_readv(tid, locals, count, remotes, count, 0);
        number = got >= 0 ? 0 : errno;
        if (got >= 0 && !is_thread_of(remote->pid, tid))
            number = ESRCH;
        if (number != ESRCH)
            __atomic_store_n(&remote->via, tid, __ATOMIC_RELAXED);
    }
    if (directory != NULL)
        closedir(directory);
    errno = number;
    return number == 0 ? got : -1;
}

static ssize_t read_vectors(struct remote *remote, const struct iovec *locals, const struct iovec *remotes,
                            size_t count)
{
    pid_t via = __atomic_load_n(&remote->via, __ATOMIC_RELAXED);
    ssize_t got = process_vm_readv(via != 0 ? via : remote->pid, locals, count, remotes, count, 0);
    if (got < 0 && errno != ESRCH)
        return got;
    if (got >= 0 && (via == 0 || is_thread_of(remote->pid, via)))
        return got;
    return read_by_another(remote, locals, remotes, count);
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
    ssize_t got = read_vectors(remote, locals, remotes, count);
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

void remote_pages_ahead(struct remote *remote, const uint64_t *addresses, size_t count)
{
    struct remote_pages *pages = remote->pages;
    struct remote_part parts[PAGES];
    bool taken[PAGES] = {false};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t page = addresses[i] - addresses[i] % PAGE;
        size_t slot = page / PAGE % PAGES;
        if (page == 0 || taken[slot] || pages->addresses[slot] == page)
            continue;
        taken[slot] = true;
        pages->addresses[slot] = page;
        parts[n++] = (struct remote_part){.address = page, .local = pages->bytes[slot], .size = PAGE};
    }
    for (size_t done = 0; done < n; done++) { /* the first that is not there ends a call */
        done += remote_read_past_pages(remote, parts + done, n - done);
        if (done < n)
            pages->addresses[parts[done].address / PAGE % PAGES] = 0;
    }
}

static bool is_there(const struct remote_pages *pages, uint64_t address)
{
    return address != 0 && address % PAGE == 0 && pages->addresses[address / PAGE % PAGES] == address;
}

/* False where a page cannot be had, and for what is a page itself or more, unless it is there. */
static bool read_from_pages(struct remote *remote, const struct remote_part *part)
{
    size_t done = 0;
    bool whole = part->size == PAGE && is_there(remote->pages, part->address);
    if ((part->size >= PAGE && !whole) || part->address + part->size < part->address)
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
