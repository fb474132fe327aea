/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LANE_H
#define SHMQ_LANE_H

#include "common/queue/handle.h"

#define LANE_LOCK_WAIT_NS INT64_C(100000000) /* for a lock that is about to go */

/* A producer's lane: which one it gets, how it takes it up, how it leaves it. */

/*
 * Takes a lane: its own source's if there is one, else one that fits, and goes on at the tail it finds there.
 * Context: waits while others with a source choose theirs, OBJECT_WAIT_NS at most, and then for a holder of the
 * same source that is about to die, LANE_WAIT_NS at most. Crash:   leaves the lane as if its owner had died.
 * Return:  0; -EUSERS all are taken now; -ESHUTDOWN they are, and the queue is shut down; -EBUSY when somebody
 *          alive puts the same source, or after OBJECT_WAIT_NS; -EINTR; -ENOSPC; -ENOMEM; -EBADMSG; other system
 * errors.
 */
int lane_attach(struct shmq *handle, const struct shmq_options *options);
/* Marks the lane finished; it stays owned. Return: 0; -ESTALE. */
int lane_finish(struct shmq *handle);
/*
 * Leaves a lane into which nothing was put as finished, or unfinished, as it was found; else, as it is.
 * Crash: leaves it unfinished or as it was found.
 */
void lane_restore(struct shmq *handle);
/*
 * Marks the lane of a dead owner finished, in its name; nothing else of the lane changes.
 * Context: @handle is an observer that may write; waits for a lock that is about to go, LANE_LOCK_WAIT_NS at most.
 * Crash:   leaves the lane either finished or unfinished; consumers see it at their next tick.
 * Return:  0; -EBUSY its owner lives; -EALREADY; -EINVAL no such lane; -ENOMEM; -EBADMSG; -ESTALE;
 *          other system errors.
 */
int lane_finish_dead(struct shmq *handle, uint32_t lane);

#endif
