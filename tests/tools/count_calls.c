/*
 * Loaded into keisoku (LD_PRELOAD) by the tests that count: what its sampler threads ask of the kernel and of the
 * allocator, in each tenth of a second. KEISOKU_COUNTS names the file that it writes when the process ends, one line of
 * JSON for each tenth. It stands for strace, which not every machine may run, and it sees allocations too.
 *
 * A thread is counted from the moment it takes the name of a sampler. Memory that the kernel gives (mmap) counts as an
 * allocation. Reads of /proc are told apart by the names of the files, which are asked for once for each descriptor.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { TENTHS = 1200, DESCRIPTORS = 1 << 16, NS_A_TENTH = 100 * 1000 * 1000 };

enum counted { SLEEPS, REMOTE_READS, WORD_READS, SCHEDSTATS, SYSCALLS, STATS, OTHER_READS, ALLOCATIONS, COUNTED };
static const char *const names[COUNTED] = {"sleeps",  "remote_reads", "word_reads",  "schedstat",
                                           "syscall", "stat",         "other_reads", "allocations"};
static atomic_uint counts[TENTHS][COUNTED];
static atomic_uchar kinds[DESCRIPTORS]; /* of the file + 1; 0: not asked yet */
static atomic_uint_fast64_t first_ns;
static __thread __attribute__((tls_model("initial-exec"))) bool is_sampler;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count(enum counted what)
{
    if (!is_sampler)
        return;
    uint64_t tenth = (now_ns() - atomic_load(&first_ns)) / NS_A_TENTH;
    if (tenth < TENTHS)
        atomic_fetch_add(&counts[tenth][what], 1);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("KEISOKU_COUNTS");
    FILE *file = path != NULL && atomic_load(&first_ns) != 0 ? fopen(path, "we") : NULL;
    if (file == NULL)
        return;
    for (size_t i = 0; i < TENTHS; i++) {
        unsigned sum = 0;
        for (size_t j = 0; j < COUNTED; j++)
            sum += atomic_load(&counts[i][j]);
        if (sum == 0)
            continue;
        fprintf(file, "{\"tenth\": %zu", i);
        for (size_t j = 0; j < COUNTED; j++)
            fprintf(file, ", \"%s\": %u", names[j], atomic_load(&counts[i][j]));
        fprintf(file, "}\n");
    }
    fclose(file);
}

#pragma GCC visibility push(default) /* these take the places of the C library's */

/* ---- the calls -----------------------------------------------------------------------------------------------------
 */

int prctl(int option, ...)
{
    unsigned long arguments[4];
    va_list list;
    va_start(list, option);
    for (size_t i = 0; i < 4; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_NAME && strncmp((const char *)arguments[0], "kei-sampler", 11) == 0) {
        uint64_t none = 0;
        atomic_compare_exchange_strong(&first_ns, &none, now_ns());
        is_sampler = true;
    }
    return (int)syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    count(SLEEPS);
    long rc = syscall(SYS_clock_nanosleep, clock, flags, until, left);
    return rc == 0 ? 0 : errno;
}

/* A read of one word is of a state (who holds the GIL) or of the proof (the core that a thread is on); a stack is read
 * with more. */
ssize_t process_vm_readv(pid_t pid, const struct iovec *locals, unsigned long n_locals, const struct iovec *remotes,
                         unsigned long n_remotes, unsigned long flags)
{
    count(n_remotes == 1 && remotes[0].iov_len <= sizeof(uint64_t) ? WORD_READS : REMOTE_READS);
    return syscall(SYS_process_vm_readv, pid, locals, n_locals, remotes, n_remotes, flags);
}

static enum counted kind_of(int descriptor)
{
    static const struct {
        const char *ending;
        enum counted kind;
    } endings[] = {{"/schedstat", SCHEDSTATS}, {"/syscall", SYSCALLS}, {"/stat", STATS}};
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long length = syscall(SYS_readlink, link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i].ending);
        if ((size_t)length > size && length > 0 && strcmp(path + (size_t)length - size, endings[i].ending) == 0)
            return endings[i].kind;
    }
    return OTHER_READS;
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
    if (is_sampler && descriptor >= 0 && descriptor < DESCRIPTORS) {
        if (atomic_load(&kinds[descriptor]) == 0)
            atomic_store(&kinds[descriptor], (unsigned char)(kind_of(descriptor) + 1));
        count((enum counted)(atomic_load(&kinds[descriptor]) - 1));
    }
    return syscall(SYS_pread64, descriptor, bytes, size, offset);
}

int close(int descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS)
        atomic_store(&kinds[descriptor], 0);
    return (int)syscall(SYS_close, descriptor);
}

/* ---- the allocator -------------------------------------------------------------------------------------------------
 */

void *malloc(size_t size)
{
    count(ALLOCATIONS);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(ALLOCATIONS);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count(ALLOCATIONS);
    return __libc_realloc(old, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
    count(ALLOCATIONS);
    return (void *)syscall(SYS_mmap, address, size, protection, flags, descriptor, offset);
}
