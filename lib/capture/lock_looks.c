#include "capture/lock_looks.h"

#include "capture/names.h"

#include <string.h>

int lock_queue_init(struct lock_queue *queue)
{
    return pthread_mutex_init(&queue->lock, NULL) == 0 ? 0 : ERR_NOMEM;
}

void lock_look_release(struct lock_look *look)
{
    python_code_release(&look->waits.code);
    python_code_release(&look->holds.code);
}

void lock_queue_add(struct lock_queue *queue, struct lock_look *look)
{
    pthread_mutex_lock(&queue->lock);
    bool room = queue->count < LOCK_LOOKS;
    if (room)
        queue->looks[queue->count++] = *look;
    pthread_mutex_unlock(&queue->lock);
    if (!room)
        lock_look_release(look);
}

static bool take(struct lock_queue *queue, struct lock_look *look)
{
    pthread_mutex_lock(&queue->lock);
    bool any = queue->count > 0;
    if (any)
        *look = queue->looks[--queue->count];
    pthread_mutex_unlock(&queue->lock);
    return any;
}

static uint32_t place_frame(struct names *names, struct tracked_process *process, const struct lock_place *place)
{
    return place->code.name != NULL ? names_code_frame(names, process, &place->code, place->offset) : 0;
}

void lock_looks_write(struct lock_queue *queue, struct names *names, struct recording *recording)
{
    struct lock_look look;
    while (take(queue, &look)) {
        struct lock_holder row = {.frame = place_frame(names, look.process, &look.waits),
                                  .held = place_frame(names, look.process, &look.holds),
                                  .looks = 1};
        if (look.thread[0] != '\0')
            row.thread = recording_add_string(recording, look.thread, strlen(look.thread));
        recording_add_lock_holder(recording, &row);
        lock_look_release(&look);
    }
}

void lock_queue_release(struct lock_queue *queue)
{
    while (queue->count > 0)
        lock_look_release(&queue->looks[--queue->count]);
    pthread_mutex_destroy(&queue->lock);
}
