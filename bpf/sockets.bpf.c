/*
 * Counts what watched processes send and receive on sockets of every kind, by what their calls gave back. Run in the
 * thread that calls, behind each such call on the machine: those of others cost one look into the table.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.bpf.h"
#include "wire/kernel_sockets.h"

char _license[] SEC("license") = "Dual MIT/GPL";

enum { FLAG_PEEK = 2 }; /* MSG_PEEK: the same bytes come again */

const volatile __u32 with_children; /* 0: only those that the collector puts in */

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, WIRE_SOCKET_PROCESSES);
    __type(key, __u32); /* the process's id, as the collector sees it */
    __type(value, struct wire_sockets);
} processes SEC(".maps");

static __u32 process_id(struct task_struct *task)
{
    return pid_namespace == 0 ? (__u32)BPF_CORE_READ(task, tgid) : own_id(BPF_CORE_READ(task, group_leader));
}

/* A child of a watched process counts from its first byte on, which may come before the collector knows of it. */
static struct wire_sockets *sums(void)
{
    static const struct wire_sockets none;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 id = process_id(task);
    struct wire_sockets *found = id != 0 ? bpf_map_lookup_elem(&processes, &id) : NULL;
    if (found != NULL || id == 0 || !with_children)
        return found;
    __u32 parent = process_id(BPF_CORE_READ(task, real_parent));
    if (parent == 0 || bpf_map_lookup_elem(&processes, &parent) == NULL)
        return NULL;
    bpf_map_update_elem(&processes, &id, &none, BPF_NOEXIST);
    return bpf_map_lookup_elem(&processes, &id);
}

SEC("tp_btf/sock_send_length")
int on_send(const __u64 *arguments)
{
    int bytes = (int)arguments[1]; /* or an error */
    struct wire_sockets *of = bytes > 0 ? sums() : NULL;
    if (of != NULL)
        __sync_fetch_and_add(&of->sent, (__u64)bytes);
    return 0;
}

SEC("tp_btf/sock_recv_length")
int on_receive(const __u64 *arguments)
{
    int bytes = (int)arguments[1];
    struct wire_sockets *of = bytes > 0 && (arguments[2] & FLAG_PEEK) == 0 ? sums() : NULL;
    if (of != NULL)
        __sync_fetch_and_add(&of->received, (__u64)bytes);
    return 0;
}
