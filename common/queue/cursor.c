/* SPDX-License-Identifier: MIT */
/* The cursor of a source, stored with its lane's checkpoints; see source.h. */
#include "common/queue/put.h"

_Static_assert(CURSOR_WORDS == SHMQ_CURSOR_WORDS, "the lane keeps a whole cursor");

int shmq_set_cursor(struct shmq *handle, const struct shmq_cursor *cursor)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    if (cursor == NULL || !handle->producer.resumable)
        return -EINVAL;
    put_set_cursor(&handle->producer, cursor);
    return 0;
}

int shmq_resume_cursor(struct shmq *handle, struct shmq_cursor *cursor)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    const struct producer_side *p = &handle->producer;
    if (cursor == NULL || !p->resumable)
        return -EINVAL;
    ring_read_cursor(p->ring.ring.control, p->ring.turn ^ 1, cursor->words); /* the checkpoint of tail */
    return 0;
}
