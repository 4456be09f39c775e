#include "capture/kernel_start.h"

#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    WAIT_MS = 250,
    WAIT_ASKED_MS = 100,
    TRIES = 3,
    CORES_MAX = 8
}; /* shorter programs are left alone; the trial may fail where others have the cores */

struct kernel_start {
    struct kernel_sampler *_Atomic ready;
    struct kernel_sockets *_Atomic sockets;
    atomic_bool over; /* nothing comes any more but what is ready */
    bool children;
    int stop_fd, wait_ms;
    pthread_t thread;
};

/* It would interrupt all of many cores. */
static bool is_dear(const struct kernel_sampler *sampler)
{
    return !kernel_sampler_knows_cores(sampler) && sysconf(_SC_NPROCESSORS_ONLN) > CORES_MAX;
}

static void load_sockets(struct kernel_start *start)
{
    struct kernel_sockets *sockets;
    if (kernel_sockets_new(start->children, &sockets, NULL) == 0)
        atomic_store(&start->sockets, sockets);
}

static void *load(void *context)
{
    struct kernel_start *start = context;
    struct pollfd stop = {start->stop_fd, POLLIN, 0};
    struct kernel_sampler *sampler = NULL;
    struct err err;
    prctl(PR_SET_NAME, "kei-loader");
    for (int i = 0; i < TRIES && poll(&stop, 1, start->wait_ms << i) == 0; i++) {
        if (i == 0)
            load_sockets(start);
        int rc = kernel_sampler_new(false, &sampler, &err);
        if (rc == 0 && is_dear(sampler))
            kernel_sampler_free(sampler);
        else if (rc == 0)
            atomic_store(&start->ready, sampler);
        if (rc == 0 || rc == ERR_PERMISSION)
            break;
    }
    atomic_store(&start->over, true);
    return NULL;
}

struct kernel_start *kernel_start_new(bool rate_asked, bool children)
{
    struct kernel_start *start = mem_zalloc(1, sizeof *start);
    if (start == NULL)
        return NULL;
    start->wait_ms = rate_asked ? WAIT_ASKED_MS : WAIT_MS; /* until then a rate that was asked for costs more */
    start->children = children;
    start->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (start->stop_fd >= 0 && pthread_create(&start->thread, NULL, load, start) == 0)
        return start;
    if (start->stop_fd >= 0)
        close(start->stop_fd);
    mem_free(start);
    return NULL;
}

struct kernel_sampler *kernel_start_take(struct kernel_start *start)
{
    return start != NULL ? atomic_exchange(&start->ready, NULL) : NULL;
}

struct kernel_sockets *kernel_start_take_sockets(struct kernel_start *start)
{
    return start != NULL ? atomic_exchange(&start->sockets, NULL) : NULL;
}

bool kernel_start_awaited(const struct kernel_start *start)
{
    return start != NULL && (!atomic_load(&start->over) || atomic_load(&start->ready) != NULL);
}

void kernel_start_free(struct kernel_start *start)
{
    uint64_t one = 1;
    if (start == NULL)
        return;
    ssize_t written = write(start->stop_fd, &one, sizeof one);
    (void)written; /* cannot fail: nothing was written before */
    pthread_join(start->thread, NULL);
    kernel_sampler_free(atomic_load(&start->ready));
    kernel_sockets_free(atomic_load(&start->sockets));
    close(start->stop_fd);
    mem_free(start);
}
