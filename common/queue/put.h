/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PUT_H
#define SHMQ_PUT_H

#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/queue/handle.h"

/* Steps of a put, for those kinds of put that are in other files. */

/* A batch is published in portions, so that consumers can work on one portion while the next is written. */
#define PORTION_MESSAGES 64u
#define PORTION_BYTES 32768u

/* What is left for the next portion of a timeout that expires at @deadline_ns: at least 1 ns, so that it times
 * out, instead of not waiting. Others stay as they are. */
static inline int64_t put_time_left(int64_t timeout_ns, int64_t deadline_ns)
{
    const int64_t left_ns = clock_time_left(timeout_ns, deadline_ns);
    return timeout_ns > 0 && left_ns == 0 ? 1 : left_ns;
}

/* Whether a message of @length bytes may be put now. Return: 0; -EINVAL; -ECHILD; -EMSGSIZE; -ESTALE; -ESHUTDOWN.
 */
int put_check(const struct shmq *handle, uint64_t length);

/* Counts a message that is longer than the largest. Return: -EMSGSIZE. */
int put_refuse_too_long(const struct shmq *handle);

/*
 * Waits for room.
 * Return: 0; -EAGAIN, -ETIMEDOUT, -EINTR, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW.
 */
int put_make_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns);

/* Before a call that puts @count messages: fewer than the call before is a sign that they come more slowly. */
static inline void put_expect(struct producer_side *side, size_t count)
{
    if (count < side->last_count)
        marks_expect_slower(&side->ring);
    side->last_count = count;
}

/* Whether there is known to be room for one more message of a portion. */
bool put_continues(struct ring_producer *p, uint64_t need_cells);

/* Publishes what was appended, and wakes consumers. Return: 0; -ESHUTDOWN; -ESTALE. */
int put_publish(struct shmq *handle, uint32_t messages);

/* Publishes this cursor with all messages from now on; puts then avoid the paths that write no cursor. */
void put_set_cursor(struct producer_side *side, const struct shmq_cursor *cursor);

#endif
