/* SPDX-License-Identifier: MIT */
#include "common/kernel/clock.h"
#include "common/queue/batch.h"
#include "common/queue/mover.h"

/*
 * Moving a message to another queue exactly once, whichever process dies when: puts a copy there with a cursor
 * that identifies the message, then acknowledges the original here. If the cursor that is found there names the
 * message, a previous mover died between the put and the acknowledgement, and only the acknowledgement remains to
 * be done.
 *
 * The lane is left finished, but not before the message is acknowledged here, and not while its cursor tells of
 * later messages of the batch (shmq_mover_put). Consumers of the destination count the lane as finished while it
 * has no owner (SHMQ_SOURCE_MOVES).
 */

/* Leaves the lane when the message is acknowledged. An error here no longer concerns the message. */
static void leave(struct shmq *to, uint64_t came_to, const struct shmq_message *message)
{
    if (came_to > message->position)
        shmq_withdraw(to);
    else
        (void)shmq_close(to);
}

/* Puts the copy, unless the cursor says that it was put already. @came_to: receives what the cursor said. */
static int put_once(const struct shmq_mover *mover, struct shmq *to, const struct shmq_message *message,
                    const char *headers, size_t headers_length, int64_t timeout_ns, uint64_t *came_to)
{
    const struct shmq_cursor cursor = mover_cursor(mover, message->lane, message->position);
    const struct shmq_outgoing copy = {.size = sizeof(copy),
                                       .data = message->data,
                                       .length = message->length,
                                       .headers = headers,
                                       .headers_length = headers_length,
                                       .cursor = &cursor};
    int error = mover_came_to(mover, to, came_to);
    if (error != 0 || *came_to >= message->position)
        return error;
    error = shmq_set_frame(to, message->frame, message->delimiter);
    if (error == 0)
        error = shmq_put_outgoing(to, &copy, 1, NULL, timeout_ns);
    return error;
}

/* What both calls begin with: the oldest message held, and the lane in which its copy is or will be. */
static int begin(struct shmq_mover *mover, struct shmq_message *message, struct shmq **to, int64_t timeout_ns)
{
    int error = mover == NULL ? -EINVAL : handle_check(mover->consumer, SHMQ_CONSUMER);
    if (error == 0)
        error = batch_oldest(mover->consumer, message);
    if (error != 0)
        return error;
    mover_let_go(mover, mover->consumer->consumer.batch.seat);
    error = mover_open_lane(mover, SHMQ_SOURCE_MOVES, to, timeout_ns);
    return error == -EUSERS ? (timeout_ns == 0 ? -EAGAIN : -ETIMEDOUT) : error;
}

int shmq_move(struct shmq_mover *mover, const char *headers, size_t headers_length, int64_t timeout_ns)
{
    struct shmq_message message;
    struct shmq *to;
    uint64_t came_to;
    const int64_t deadline = clock_deadline(timeout_ns);
    int error = begin(mover, &message, &to, timeout_ns);
    if (error != 0)
        return error;

    error =
        put_once(mover, to, &message, headers, headers_length, clock_time_left(timeout_ns, deadline), &came_to);
    if (error == 0 && handle_is_stale(to))
        error = -ESTALE;
    if (error == 0)
        error = shmq_acknowledge(mover->consumer, 1);
    if (error != 0) {
        shmq_withdraw(to); /* after a put, the lane stays unfinished, so its cursor stays too */
        return error == -EAGAIN && timeout_ns > 0 ? -ETIMEDOUT : error;
    }
    leave(to, came_to, &message);
    return 0;
}

int shmq_complete_move(struct shmq_mover *mover, bool *moved, int64_t timeout_ns)
{
    struct shmq_message message;
    struct shmq *to;
    uint64_t came_to;
    if (moved == NULL)
        return -EINVAL;
    *moved = false;
    int error = begin(mover, &message, &to, timeout_ns);
    if (error != 0)
        return error;

    error = mover_came_to(mover, to, &came_to);
    const bool there = error == 0 && came_to >= message.position;
    if (there)
        error = shmq_acknowledge(mover->consumer, 1);
    if (!there || error != 0) {
        shmq_withdraw(to);
        return error;
    }
    leave(to, came_to, &message);
    *moved = true;
    return 0;
}
