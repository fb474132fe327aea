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

/*
 * Whether an attempt to lease may be worthwhile, for a caller that polls. Each call checks the lane that was
 * served last and one other lane.
 */
bool lane_schedule_looks_busy(struct shmq *handle);

/* Lets a small batch grow for a moment, as long as that pays off. */
void lane_schedule_let_grow(struct shmq *handle);

#endif
