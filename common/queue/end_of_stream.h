/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_END_OF_STREAM_H
#define SHMQ_END_OF_STREAM_H

#include "common/queue/handle.h"

/*
 * Tells a consumer that found no message whether any more can come.
 *
 * Return: -EAGAIN if they can; -ENODATA if all producers have finished and everything is acknowledged; -EOWNERDEAD
 *         likewise, but a producer died unfinished and its grace period is over; -ESHUTDOWN if the queue is
 *         drained after a shutdown; -EBADMSG; -ENOMEM.
 */
int end_of_stream_state(struct shmq *handle);

/*
 * Whether no more messages will be put, as far as memory tells: makes no system call, so it takes a dead producer
 * for a live one.
 */
bool end_of_stream_is_near(const struct shmq *handle);

/* Whether every committed message is acknowledged. Return: 1, 0, or -EBADMSG, -ENOMEM. */
int end_of_stream_is_drained(struct shmq *handle);

#endif
