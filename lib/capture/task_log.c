#include "capture/task_log.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 1 << 20 };

void task_log_release(struct task_log *log)
{
    mem_free(log->records);
    *log = (struct task_log){0};
}

int task_log_add(struct task_log *log, const struct task_record *record)
{
    if (log->n >= RECORDS_MAX || mem_grow(&log->records, &log->capacity, log->n + 1, sizeof *log->records) != 0)
        return ERR_NOMEM;
    log->records[log->n++] = *record;
    return 0;
}

/* A task's own records at one instant in the order of their kinds. */
static int compare(const void *a, const void *b)
{
    const struct task_record *one = a, *two = b;
    if (one->time_ns != two->time_ns)
        return one->time_ns < two->time_ns ? -1 : 1;
    return (int)one->kind - (int)two->kind;
}

size_t task_log_ready(struct task_log *log, uint64_t until_ns)
{
    size_t n = 0;
    if (log->n > 1)
        qsort(log->records, log->n, sizeof *log->records, compare);
    while (n < log->n && log->records[n].time_ns < until_ns)
        n++;
    return n;
}

void task_log_drop(struct task_log *log, size_t n)
{
    log->n -= n;
    if (n > 0 && log->n > 0)
        memmove(log->records, log->records + n, log->n * sizeof *log->records);
}
