/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MOVER_H
#define SHMQ_MOVER_H

#include "common/queue/handle.h"

/*
 * A consumer's mover and its lanes in the destination.
 *
 * In the destination, a mover is a resumable source whose identity is the source queue and the seat that holds the
 * messages. Only the process that holds the seat's byte moves the seat's messages, also after the owner's death.
 * So an identity has only one mover at a time, and it finds the cursor of the previous one: {source queue, lane +
 * 1, position} of the last message that was put in the name of the seat.
 *
 * What a seat holds is always newer than what it held before: a seat works on one batch at a time, whoever acts
 * for it, and positions only grow. A batch is contiguous. So a cursor inside the batch says how far the previous
 * mover came, even if its copies have been consumed since; any other cursor says that it put nothing of this
 * batch.
 *
 * An unfinished lane is never given to another source, so the cursor stays as long as it is needed.
 */

#define KEPT_LANES 2

/* A lane that is kept from one call to the next. */
struct mover_lane {
    struct shmq *to; /* its owner in the destination; NULL: none is kept */
    uint32_t seat;
};

struct shmq_mover {
    struct seat_tie tie; /* of the consumer while it keeps lanes; must be the first member */
    struct shmq *consumer;
    struct shmq_options options;
    struct mover_lane
        kept[KEPT_LANES]; /* of the consumer's own seat, and of a dead consumer's whose work it finishes */
    char name[SHMQ_NAME_MAX + 1];
};

/*
 * Becomes the owner of the lane of the seat that holds what the consumer has leased, or else of its own seat.
 *
 * @flags       SHMQ_SOURCE_...
 * @timeout_ns  how long to wait for a free lane
 *
 * Context: may also wait for the previous owner's lock, if it just died.
 * Return:  like shmq_open.
 */
int mover_open_lane(const struct shmq_mover *mover, uint64_t flags, struct shmq **to, int64_t timeout_ns);

/* The same, but a lane that this mover keeps is used, and one that is opened is kept. */
int mover_keep_lane(struct shmq_mover *mover, struct shmq **to, int64_t timeout_ns);

/* Lets go of the seat's lane, if it is kept. It stays unfinished, unless nothing was ever put into it. */
void mover_let_go(struct shmq_mover *mover, uint32_t seat);

/* The cursor of a message. */
struct shmq_cursor mover_cursor(const struct shmq_mover *mover, uint32_t lane, uint64_t position);

/*
 * How far a previous mover, or this one, has come in the consumer's batch.
 *
 * @to        owner of the batch's lane
 * @position  receives that of the last message that was put; 0: none of the batch
 *
 * Return: 0; -EINVAL, -ECHILD.
 */
int mover_came_to(const struct shmq_mover *mover, struct shmq *to, uint64_t *position);

#endif
