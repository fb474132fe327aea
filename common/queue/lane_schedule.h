/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LANE_SCHEDULE_H
#define SHMQ_LANE_SCHEDULE_H

#include "common/queue/handle.h"

/*
 * Which lanes a consumer serves, and in what order: the highest priority first, round-robin among lanes of equal
 * priority. All of it is private to the consumer. Nothing here waits longer than a few microseconds.
 */

/* Updates the lists of lanes and consumers if any process attached or left. Return: 0; -ENOMEM. */
int lane_schedule_update(struct shmq *handle, int64_t now_ns);
/* Counts the live consumers from time to time, to share the work fairly. */
void lane_schedule_count_sharers(struct shmq *handle, int64_t now_ns);

/* Leases a batch. Return: 0 with the batch leased; -EAGAIN if no lane has a message; -EBADMSG. */
int lane_schedule_lease(struct shmq *handle, int64_t now_ns);

/* Whether a lease would bring anything. Return: 0; -EAGAIN if no lane has a message; -EBADMSG. */
int lane_schedule_look(struct shmq *handle);
/*
 * Finds how much the next lease would bring. It reads at most prefetch records of each lane.
 *
 * @count  receives the number of messages
 * @full   receives whether waiting longer is useless or unfair: the lease would be as large as a lease can be, or
 *         that from another lane would
 *
 * Return: 0; -EAGAIN if no lane has a message; -EBADMSG.
 */
int lane_schedule_ready(struct shmq *handle, uint32_t *count, bool *full);

/*
 * Whether an attempt to lease may be worthwhile, for a caller that polls. Each call checks the lane that was
 * served last and one other lane.
 */
bool lane_schedule_looks_busy(struct shmq *handle);

/* Lets a small batch grow for a moment, as long as that pays off. */
void lane_schedule_let_grow(struct shmq *handle);

#endif
