/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common/kernel/clock.h"
#include "common/queue/batch.h"
#include "common/queue/handle.h"
#include "common/queue/sized.h"

/*
 * Moving a message to another queue exactly once, whichever process dies when: puts a copy there with a cursor
 * that identifies the message, then acknowledges the original here.
 *
 * In the destination, the mover is a resumable source whose identity is the source queue and the seat that holds
 * the message. Only the process that holds the seat's byte moves the seat's messages, also after the owner's
 * death. So an identity has only one mover at a time, and it finds the cursor of the previous one. If that cursor
 * names the oldest message of the seat, the previous mover died between the put and the acknowledgement, and only
 * the acknowledgement remains to be done.
 *
 * The lane stays unfinished until the message is acknowledged here. An unfinished lane is never given to another
 * source, so the cursor stays as long as it is needed. Consumers of the destination count the lane as finished
 * while it has no owner (SHMQ_SOURCE_MOVES).
 */

struct shmq_mover {
    struct shmq *consumer;
    struct shmq_options options;
    char name[SHMQ_NAME_MAX + 1];
};

int shmq_mover_open(struct shmq_mover **mover, struct shmq *consumer, const char *destination,
                    const struct shmq_options *options)
{
    if (mover == NULL)
        return -EINVAL;
    *mover = NULL;
    int error = handle_check(consumer, SHMQ_CONSUMER);
    if (error == 0)
        error = shmq_name_check(destination);
    if (error != 0)
        return error;
    struct shmq_mover *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return -ENOMEM;
    error = sized_take_options(&fresh->options, options);
    if (error != 0) {
        free(fresh);
        return error;
    }
    fresh->consumer = consumer;
    memcpy(fresh->name, destination, strlen(destination) + 1); /* shmq_name_check has checked its length */
    *mover = fresh;
    return 0;
}

void shmq_mover_close(struct shmq_mover *mover)
{
    free(mover);
}

/* The source identity of a seat's mover; never 0. */
static uint64_t source_of(uint64_t queue_id, uint32_t seat)
{
    uint64_t hash = queue_id + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)seat + 1);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    hash ^= hash >> 31;
    return hash != 0 ? hash : 1;
}

static struct shmq_cursor cursor_of(const struct shmq *consumer, const struct shmq_message *message)
{
    return (struct shmq_cursor){
        .words = {consumer->object.queue_id, (uint64_t)message->lane + 1, message->position}};
}

/* Becomes the owner of the seat's lane in the destination. May wait for the previous owner's lock, if it just
 * died. */
static int open_lane(const struct shmq_mover *mover, struct shmq **to, int64_t timeout_ns)
{
    const struct shmq *consumer = mover->consumer;
    struct shmq_options options = mover->options;
    options.source_id = source_of(consumer->object.queue_id, consumer->consumer.batch.seat);
    options.source_flags = SHMQ_SOURCE_MOVES;
    options.attach_wait_ns = timeout_ns;
    options.stop = consumer->stop;
    const int error = shmq_open(to, mover->name, SHMQ_PRODUCER, &options);
    /* Cannot occur: -ENAMETOOLONG (shmq_mover_open has checked the name). */
    return error == -EUSERS ? (timeout_ns == 0 ? -EAGAIN : -ETIMEDOUT) : error;
}

/* Puts the copy, unless the cursor says that it was put already. */
static int put_once(struct shmq *to, const struct shmq_message *message, const struct shmq_cursor *cursor,
                    const char *headers, size_t headers_length, int64_t timeout_ns)
{
    struct shmq_cursor last;
    const struct shmq_outgoing copy = {.size = sizeof(copy),
                                       .data = message->data,
                                       .length = message->length,
                                       .headers = headers,
                                       .headers_length = headers_length,
                                       .cursor = cursor};
    int error = shmq_resume_cursor(to, &last);
    if (error != 0 || memcmp(&last, cursor, sizeof(last)) == 0)
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
    return error != 0 ? error : open_lane(mover, to, timeout_ns);
}

int shmq_move(struct shmq_mover *mover, const char *headers, size_t headers_length, int64_t timeout_ns)
{
    struct shmq_message message;
    struct shmq *to;
    const int64_t deadline = clock_deadline(timeout_ns);
    int error = begin(mover, &message, &to, timeout_ns);
    if (error != 0)
        return error;

    const struct shmq_cursor cursor = cursor_of(mover->consumer, &message);
    error = put_once(to, &message, &cursor, headers, headers_length, clock_time_left(timeout_ns, deadline));
    if (error == 0 && handle_is_stale(to))
        error = -ESTALE;
    if (error == 0)
        error = shmq_acknowledge(mover->consumer, 1);
    if (error != 0) {
        shmq_withdraw(to); /* after a put, the lane stays unfinished, so its cursor stays too */
        return error == -EAGAIN && timeout_ns > 0 ? -ETIMEDOUT : error;
    }
    (void)shmq_close(to); /* an error here no longer concerns the message */
    return 0;
}

int shmq_complete_move(struct shmq_mover *mover, bool *moved, int64_t timeout_ns)
{
    struct shmq_message message;
    struct shmq_cursor last;
    struct shmq *to;
    if (moved == NULL)
        return -EINVAL;
    *moved = false;
    int error = begin(mover, &message, &to, timeout_ns);
    if (error != 0)
        return error;

    const struct shmq_cursor cursor = cursor_of(mover->consumer, &message);
    error = shmq_resume_cursor(to, &last);
    const bool there = error == 0 && memcmp(&last, &cursor, sizeof(last)) == 0;
    if (there)
        error = shmq_acknowledge(mover->consumer, 1);
    if (!there || error != 0) {
        shmq_withdraw(to);
        return error;
    }
    (void)shmq_close(to);
    *moved = true;
    return 0;
}
