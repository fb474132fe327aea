/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_LANE_SCHEDULE_H
#define SHMQ_LANE_SCHEDULE_H

#include "common/queue/handle.h"

/*
 * Which lanes a consumer serves, and in what order: the best priority first, and among equals the next after the
 * one that was served last. All of it is private to the consumer; nothing here waits longer than a few
 * microseconds.
 */

/* Looks again at who is there, if anybody came or went. Return: 0; -ENOMEM. */
int lane_schedule_look_at_membership(struct shmq *handle, int64_t now_ns);
/* Counts, now and then, among how many consumers the work is shared. */
void lane_schedule_count_sharers(struct shmq *handle, int64_t now_ns);

/* Leases a batch. Return: 0 with the batch leased; -EAGAIN when no lane has anything; -EBADMSG. */
int lane_schedule_lease(struct shmq *handle, int64_t now_ns);

/*
 * Whether an attempt at a batch may be worth it; for who asks again and again. It looks at the lane that was
 * served last, and at one other at a time.
 */
bool lane_schedule_looks_busy(struct shmq *handle);

/* Lets a small batch grow for a moment, while that pays. */
void lane_schedule_let_grow(struct shmq *handle);

#endif
