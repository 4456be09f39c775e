/*
 * Bounded reads of another process's memory (process_vm_readv). Nothing here writes to, stops or signals the target.
 * Addresses come from the target and are hostile: a read that cannot be done whole fails, nothing is asserted.
 */
#ifndef KEISOKU_CAPTURE_REMOTE_H
#define KEISOKU_CAPTURE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct remote_pages;

struct remote {
    pid_t pid;
    pid_t via;                  /* another thread of it, since its first one has ended; 0: that one */
    uint64_t calls, bytes;      /* counted for the trust line and for tests */
    struct remote_pages *pages; /* NULL: every read is one of the target */
};

struct remote_part {
    uint64_t address;
    void *local;
    size_t size;
};

enum { REMOTE_PARTS_MAX = 1024 }; /* as many as the kernel takes */

/* All of `size` bytes or false (errno is kept: ESRCH gone, EPERM refused, EFAULT bad address). */
bool remote_read(struct remote *remote, uint64_t address, void *local, size_t size);
/* One vectored call. Returns how many parts, from the first on, arrived whole. */
size_t remote_read_parts(struct remote *remote, const struct remote_part *parts, size_t count);
/* The same, and always a call: for what lies scattered and is looked at once. */
size_t remote_read_past_pages(struct remote *remote, const struct remote_part *parts, size_t count);
/* Whole pages, each read once: while they are in remote->pages, reads are answered from them. For following many
 * pointers at leisure, as names need it: one thread's, and as old as the first read of each page. NULL when memory is
 * short. */
struct remote_pages *remote_pages_new(void);
/* Those of these addresses, in as few calls as can be; one that cannot be had is left out. */
void remote_pages_ahead(struct remote *remote, const uint64_t *addresses, size_t count);
/* They are read anew from now on. */
void remote_pages_clear(struct remote_pages *pages);
void remote_pages_free(struct remote_pages *pages);
/* Little helpers; false as above. */
bool remote_read_u64(struct remote *remote, uint64_t address, uint64_t *value);

#endif
