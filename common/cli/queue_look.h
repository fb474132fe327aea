/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_QUEUE_LOOK_H
#define SHMQ_CLI_QUEUE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shmq.h"

/* What a status line shows of the queue. */
struct queue_look {
    uint64_t put; /* messages, since creation */
    uint64_t put_bytes;
    uint64_t left; /* messages */
    uint64_t left_bytes;
    int fill_percent;
    bool ended; /* no more messages come: there were producers, and all have finished */
};

enum { QUEUE_LOOK_TEXT_BYTES = 320 };

/*
 * Looks at the queue.
 *
 * Context: the handle's thread; a handle of any role. Changes nothing.
 * Return:  0; a negative errno.
 */
int queue_look(struct shmq *handle, struct queue_look *look);
/*
 * Looks at a producer's lane, which is all that it fills and waits for.
 *
 * Context: as above; a producer's handle.
 * Return:  0; a negative errno.
 */
int queue_look_lane(struct shmq *handle, struct queue_look *look);

/*
 * Writes what holds the queue up, or who may still put if it is empty; "" if nothing is known to hold it up.
 * Reads all lanes and seats, and /proc.
 *
 * @name     the queue's
 * @blocked  the handle's lane is full and its producer, the caller, waits for room
 *
 * Context: as above. Return: @text.
 */
char *queue_look_why(struct shmq *handle, const char *name, bool blocked, char text[static QUEUE_LOOK_TEXT_BYTES]);

#endif
