#include "capture/proc_events.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKET_BYTES = 1 << 20, ANSWER_MS = 50 };

struct proc_events {
    int fd;
};

static int tell(int fd, enum proc_cn_mcast_op operation)
{
    char request[sizeof(struct nlmsghdr) + sizeof(struct cn_msg) + sizeof operation];
    const struct nlmsghdr header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE};
    const struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof operation};
    memcpy(request, &header, sizeof header);
    memcpy(request + sizeof header, &message, sizeof message);
    memcpy(request + sizeof header + sizeof message, &operation, sizeof operation);
    return send(fd, request, sizeof request, 0) == (ssize_t)sizeof request ? 0 : -1;
}

bool proc_events_decode(const void *data, size_t size, struct task_record *record)
{
    struct nlmsghdr header;
    struct cn_msg message;
    struct proc_event event = {0};
    if (size < sizeof header + sizeof message + offsetof(struct proc_event, event_data))
        return false;
    memcpy(&header, data, sizeof header);
    memcpy(&message, (const char *)data + sizeof header, sizeof message);
    size -= sizeof header + sizeof message;
    memcpy(&event, (const char *)data + sizeof header + sizeof message, size < sizeof event ? size : sizeof event);
    if (header.nlmsg_type != NLMSG_DONE || message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC)
        return false;
    *record =
        (struct task_record){.time_ns = event.timestamp_ns + (uint64_t)clock_ahead_of_kernel_ns(), .wait_status = -1};
    switch ((unsigned)event.what) {
    case PROC_EVENT_FORK:
        record->kind = TASK_FORK;
        record->pid = event.event_data.fork.child_tgid;
        record->tid = event.event_data.fork.child_pid;
        record->parent = event.event_data.fork.parent_tgid;
        return true;
    case PROC_EVENT_EXEC:
        record->kind = TASK_EXEC;
        record->pid = event.event_data.exec.process_tgid;
        record->tid = event.event_data.exec.process_pid;
        return true;
    case PROC_EVENT_EXIT:
        record->kind = TASK_EXIT;
        record->pid = event.event_data.exit.process_tgid;
        record->tid = event.event_data.exit.process_pid;
        if (event.event_data.exit.exit_code <= 0xffff)
            record->wait_status = (int)event.event_data.exit.exit_code;
        return true;
    default:
        return false;
    }
}

/* Permission is told by the answer to the first message; an event in front of it is one too many to mind. */
static int await_answer(int fd)
{
    for (int tries = 0; tries < 8; tries++) {
        char data[1024];
        struct cn_msg message;
        struct proc_event event = {0};
        struct pollfd ready = {fd, POLLIN, 0};
        if (poll(&ready, 1, ANSWER_MS) <= 0)
            return ETIMEDOUT;
        ssize_t size = recv(fd, data, sizeof data, MSG_DONTWAIT);
        if (size < (ssize_t)(sizeof(struct nlmsghdr) + sizeof message + offsetof(struct proc_event, event_data)))
            return EPROTO;
        size_t at = sizeof(struct nlmsghdr) + sizeof message, rest = (size_t)size - at;
        memcpy(&event, data + at, rest < sizeof event ? rest : sizeof event);
        if ((unsigned)event.what == PROC_EVENT_NONE)
            return (int)event.event_data.ack.err;
    }
    return 0; /* events arrive */
}

int proc_events_new(struct proc_events **result, struct err *err)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    int bytes = SOCKET_BYTES, number = 0;
    int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        tell(fd, PROC_CN_MCAST_LISTEN) != 0)
        number = errno;
    else
        number = await_answer(fd);
    struct proc_events *events = number == 0 ? mem_alloc(sizeof *events) : NULL;
    if (events == NULL) {
        if (fd >= 0)
            close(fd);
        int code = number == EPERM || number == EACCES || number == ECONNREFUSED ? ERR_PERMISSION : ERR_NOT_SUPPORTED;
        return err_set(err, code, "the kernel's process connector is not available: %s", strerror(number));
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    events->fd = fd;
    *result = events;
    return 0;
}

int proc_events_fd(const struct proc_events *events)
{
    return events->fd;
}

bool proc_events_drain(struct proc_events *events, void (*take)(void *context, const struct task_record *record),
                       void *context)
{
    bool lost = false;
    char data[1024];
    struct task_record record;
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(events->fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == ENOBUFS) {
            lost = true;
            continue;
        }
        if (size <= 0)
            return lost;
        if (from.nl_pid == 0 && proc_events_decode(data, (size_t)size, &record)) /* 0: the kernel */
            take(context, &record);
    }
}

void proc_events_free(struct proc_events *events)
{
    if (events == NULL)
        return;
    tell(events->fd, PROC_CN_MCAST_IGNORE);
    close(events->fd);
    mem_free(events);
}
