/*
 * The kernel's process connector: births, execs and deaths of all processes of the machine, deaths with their exit
 * status, which nothing else tells of a process that another one waits for. Needs CAP_NET_ADMIN (from Linux 6.6 on
 * none) and the machine's own PID and network namespaces. Nothing depends on it.
 *
 * proc_events_drain from one thread, often; the socket holds some thousands of events.
 */
#ifndef KEISOKU_CAPTURE_PROC_EVENTS_H
#define KEISOKU_CAPTURE_PROC_EVENTS_H

#include "base/err.h"
#include "capture/task_log.h"

#include <stdbool.h>

struct proc_events;

/* ERR_PERMISSION, ERR_NOT_SUPPORTED: go on without. */
int proc_events_new(struct proc_events **result, struct err *err);
/* Readable as soon as there is an event. */
int proc_events_fd(const struct proc_events *events);
/* Hands every event to `take`. True: some were lost since the last call. */
bool proc_events_drain(struct proc_events *events, void (*take)(void *context, const struct task_record *record),
                       void *context);
/* One datagram as the kernel sends it; false: none of ours. For drain, tests and fuzzers. */
bool proc_events_decode(const void *data, size_t size, struct task_record *record);
void proc_events_free(struct proc_events *events);

#endif
